#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Makes the results of the benchmark readable: report.py DIR [README CHART]

DIR/cases holds what the guests said; DIR gets results.json, table.md and chart.svg. With README the table is put
between the two markers there, and the chart is copied to CHART.
"""
import json
import os
import sys

# case, name, what it records of a call
ROWS = [
    ("empty", "empty kprobe and kretprobe", "nothing"),
    ("ours", "**setnsmon**", "the namespace joined, its owner, all links before and after, credentials, result"),
    ("ours-threads", "setnsmon, a caller with threads", "the same"),
    ("ours-moves", "setnsmon, a call that leads into another namespace", "the same"),
    ("ours-reader", "setnsmon, a call that finds a reader asleep", "the same"),
    ("ours-readers8", "setnsmon, a call that finds eight asleep", "the same"),
    ("ftrace", "ftrace: system call events", "both arguments, result"),
    ("trace-cmd", "trace-cmd: system call events", "both arguments, result"),
    ("ftrace-kprobes", "ftrace: kprobe events", "both arguments, result"),
    ("perf", "perf record: system call events", "both arguments, result"),
    ("sysdig", "sysdig, kernel module", "both arguments, result, process"),
    ("bpftrace-fexit", "bpftrace: fexit", "what the script prints: process, name, arguments, result"),
    ("bpftrace-kprobes", "bpftrace: kprobe and kretprobe", "what the script prints: process, name, result"),
    ("bpftrace-tracepoints", "bpftrace: tracepoints", "what the script prints: process, name, arguments, result"),
    ("auditd", "auditd: a rule", "arguments, result, process, credentials, login user"),
    ("strace", "strace -f -e trace=setns", "arguments, result; of one tree of processes"),
    ("lttng", "LTTng", "both arguments, result"),
    ("systemtap", "SystemTap", "what the script prints"),
]
BEGIN = "<!-- bench: begin, written by make bench-readme -->"
END = "<!-- bench: end -->"


def number(text):
    return float(text) if "." in text else int(text)


def read_lines(lines):
    """{case: {"values": {name: number}, "skip" or "fail": reason}}"""
    found = {}
    for line in lines:
        words = line.rstrip("\n").split(" ", 2)
        if len(words) != 3 or words[0] not in ("value", "skip", "fail"):
            continue
        case = found.setdefault(words[1], {"values": {}})
        if words[0] == "value":
            name, value = words[2].split()
            case["values"][name] = number(value)
        else:
            case[words[0]] = words[2].strip()
    return found


def add_differences(found):
    """What a case adds to the bare calls of its own guest"""
    for case in found.values():
        values = case["values"]
        added = case["added"] = {}
        for name, value in values.items():
            kind = name.rsplit("_", 1)[-1]
            bare = values.get("bare_" + kind)
            if bare is not None and not name.startswith("bare_"):
                added[name] = value - bare
            elif name.endswith("_mean") and not name.startswith("bare_"):
                bare = values.get("bare_" + "_".join(name.split("_")[-2:]))
                if bare is not None:
                    added[name] = round(value - bare, 1)
    return found


def read_cases(directory):
    found = {}
    for name in sorted(os.listdir(directory)):
        if not name.endswith(".log"):
            with open(os.path.join(directory, name), encoding="utf-8", errors="replace") as file:
                found.update(read_lines(file))
    return add_differences(found)


def grouped(value):
    return f"{value:,.0f}"


def cell(values, name):
    return grouped(values[name]) if name in values else ""


def lost(case):
    values = case["values"]
    if "stream_lost" not in values:
        return ""
    return f"{grouped(values['stream_lost'])} of {grouped(values['stream_calls'])}"


def main_table(found):
    bare = found.get("bare", {"values": {}})["values"]
    lines = ["| added instructions | setns, own UTS | setns, EBADF | getppid | bytes a call | lost at full rate "
             "| records |",
             "| --- | ---: | ---: | ---: | ---: | ---: | --- |"]
    if bare:
        lines.append("| *the bare call (total)* | *{}* | *{}* | *{}* | | | |".format(
            *(cell(bare, "bare_" + kind) for kind in ("uts", "ebadf", "getppid"))))
    for key, name, records in ROWS:
        case = found.get(key)
        if not case:
            continue
        reason = case.get("skip") or case.get("fail")
        if reason and not case["added"]:
            reason = reason.replace("|", "\\|")
            lines.append(f"| {name} | | | | | | {'skipped' if 'skip' in case else 'failed'}: {reason} |")
            continue
        added = case["added"]
        lines.append(f"| {name} | {cell(added, 'uts')} | {cell(added, 'ebadf')} "
                     f"| {cell(added, 'getppid')} | {cell(case['values'], 'bytes')} | {lost(case)} | {records} |")
    return lines


def bullets(found):
    """What does not fit into the table, a line each"""
    def values(case):
        return found.get(case, {}).get("values", {})

    def added(case):
        return found.get(case, {}).get("added", {})
    lines = []
    if "kprobe_uts" in added("empty"):
        lines.append(f"- an empty kprobe alone adds {grouped(added('empty')['kprobe_uts'])}, "
                     f"an empty kretprobe alone {grouped(added('empty')['kretprobe_uts'])}")
    if "stream_large_lost" in values("ours"):
        lines.append(f"- with rings as large as ftrace's (`ring_records=4096`) setnsmon's reader loses "
                     f"{grouped(values('ours')['stream_large_lost'])} of {grouped(values('ours')['stream_calls'])}")
    if "waking" in values("ours-reader"):
        lines.append("- calls in a row, and a reader that sleeps whenever it has read all: waking it costs the callers "
                     f"{grouped(values('ours-reader')['waking'])} a call"
                     + (f", waking eight {grouped(values('ours-readers8')['waking'])}"
                        if "waking" in values("ours-readers8") else ""))
    drain = values("drain")
    if drain:
        names = (("binary", "binary records in batches"), ("binary_single", "one a read"), ("text", "text, as `cat`"),
                 ("logfmt", "`setnsmon -o logfmt`"), ("json", "`-o json`"), ("table", "`-o table`"))
        lines.append("- reading, instructions an event, kernel and program: " + ", ".join(
            f"{text} {grouped(drain['drain_' + name])}" for name, text in names if "drain_" + name in drain))
    readers, waking = values("readers"), added("readers")
    counts = sorted(int(name.split("_")[0]) for name in readers if name.endswith("_event"))
    if counts:
        lines.append("- a call that finds N readers asleep adds " + ", ".join(
            f"{grouped(waking[f'{n}_uts'])} ({n})" for n in counts) + "; in a stream at full rate a call and all "
            "that the readers do with it " + ", ".join(f"{grouped(readers[f'{n}_event'])} ({n})" for n in counts))
    cpus = [(n, values(f"cpus{n}")) for n in (1, 4, 16, 64)]
    cpus = [(n, v) for n, v in cpus if "drain_binary" in v]
    if cpus:
        lines.append("- N possible CPUs: a binary event costs its reader " + ", ".join(
            f"{grouped(v['drain_binary'])} ({n})" for n, v in cpus) + ", which at an instruction a nanosecond are " +
            ", ".join(f"{1000 / v['drain_binary']:.2f}" for _, v in cpus) + " million events a second; memory in KiB "
            "as printed at load, and as in "
            "`/proc/vmallocinfo`: " + ", ".join(
                f"{grouped(v['memory_kib'])} and {grouped(v['memory_vmalloc_kib'])} ({n})" for n, v in cpus))
    for count in (2, 4):
        wall = values(f"wall{count}")
        if "rate_bare_1" in wall:
            def median(name):
                return sorted(v for n, v in wall.items() if n.startswith(f"rate_{name}_"))[2]
            lines.append(f"- by the clock, {count} emulated CPUs calling at the same time, without counting "
                         "instructions: calls a second, as a part of the bare ones: " + ", ".join(
                             f"{text} {median(name) / median('bare'):.2f}" for name, text in
                             (("empty", "empty pair"), ("ours", "setnsmon"),
                              ("ftrace", "ftrace's system call events"))))
    long = values("long")
    if "long_calls" in long:
        lines.append(f"- {grouped(long['long_calls'])} calls in bursts of a hundred, with a reader: "
                     f"{grouped(long['long_read'])} read, {grouped(long['long_lost'])} lost")
    return lines


def table(found):
    return "\n".join(main_table(found) + [""] + bullets(found)) + "\n"


# --- the chart --------------------------------------------------------------------------------------------------------

WIDTH, LEFT, RIGHT, ROW = 860, 270, 90, 26
STYLE = """
  text { font: 13px system-ui, sans-serif; fill: #1f2328 }
  .title { font-weight: 600; font-size: 15px }
  .small { font-size: 11px; fill: #59636e }
  .page { fill: #ffffff }
  .bar { fill: #8c959f }
  .ours { fill: #0969da }
  .cut { stroke: #ffffff; stroke-width: 3 }
  .axis { stroke: #59636e; stroke-width: 1 }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 }
    .small { fill: #9198a1 }
    .page { fill: #0d1117 }
    .bar { fill: #6e7681 }
    .ours { fill: #4493f8 }
    .cut { stroke: #0d1117 }
    .axis { stroke: #9198a1 }
  }
"""


def bars(found):
    rows = []
    for key, name, _ in ROWS:
        added = found.get(key, {}).get("added", {})
        if "uts" in added and not key.startswith("ours-"):
            rows.append((added["uts"], name.replace("*", ""), key == "ours"))
    return sorted(rows)


def chart(found):
    """A bar that would be much longer than the others is cut, and says so"""
    rows = bars(found)
    limit = max([value for value, _, _ in rows if value < 8000], default=1) * 1.1
    height = 62 + ROW * len(rows) + 24
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" '
           f'height="{height}" role="img" aria-label="Instructions added to a call of setns(2)">',
           f"<style>{STYLE}</style>",
           f'<rect class="page" width="{WIDTH}" height="{height}"/>',
           '<text class="title" x="16" y="26">Instructions added to a call of setns(2)</text>',
           '<text class="small" x="16" y="44">less is better; medians in a guest that counts instructions</text>']
    for i, (value, name, ours) in enumerate(rows):
        y = 58 + ROW * i
        length = max(1, round((WIDTH - LEFT - RIGHT) * min(value, limit) / limit))
        out.append(f'<text x="{LEFT - 8}" y="{y + 15}" text-anchor="end">{name}</text>')
        out.append(f'<rect class="{"ours" if ours else "bar"}" x="{LEFT}" y="{y + 3}" width="{length}" height="16" '
                   'rx="2"/>')
        if value > limit:
            for x in (LEFT + length - 40, LEFT + length - 34):
                out.append(f'<line class="cut" x1="{x}" y1="{y + 21}" x2="{x + 8}" y2="{y + 1}"/>')
        out.append(f'<text x="{LEFT + length + 6}" y="{y + 15}">{grouped(value)}</text>')
    bottom = 58 + ROW * len(rows)
    out.append(f'<line class="axis" x1="{LEFT}" y1="56" x2="{LEFT}" y2="{bottom}"/>')
    out.append(f'<text class="small" x="16" y="{bottom + 16}">Cut bars are longer than they are drawn.</text>')
    out.append("</svg>")
    return "\n".join(out) + "\n"


def write(path, text):
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def put_into(readme, text):
    with open(readme, encoding="utf-8") as file:
        whole = file.read()
    if BEGIN not in whole or END not in whole.split(BEGIN, 1)[1]:
        sys.exit(f"report.py: {readme} has no lines '{BEGIN}' and '{END}'")
    before, rest = whole.split(BEGIN, 1)
    write(readme, before + BEGIN + "\n\n" + text + "\n" + END + rest.split(END, 1)[1])


def main(directory, readme=None, chart_file=None):
    found = read_cases(os.path.join(directory, "cases"))
    if not found:
        sys.exit("report.py: there are no results; run make bench")
    write(os.path.join(directory, "results.json"), json.dumps(found, indent=1, sort_keys=True) + "\n")
    write(os.path.join(directory, "table.md"), table(found))
    write(os.path.join(directory, "chart.svg"), chart(found))
    if readme:
        put_into(readme, table(found))
        write(chart_file, chart(found))


if __name__ == "__main__":
    if len(sys.argv) not in (2, 4):
        sys.exit(__doc__)
    main(*sys.argv[1:])
