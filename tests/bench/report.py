#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Makes the results of the benchmark readable: report.py DIR [DOCUMENT CHART]

DIR/cases holds the output of the guests. DIR gets results.json, table.md and chart.svg. With DOCUMENT, the tables
replace what stands between its two markers, and the chart is copied to CHART.
"""
import json
import os
import sys

# case, name, what it records of a call
ROWS = [
    ("empty", "baseline: empty kprobe and kretprobe", "nothing"),
    ("ours", "**setnsmon**", "the namespace joined, its owner, all links before and after, credentials, result"),
    ("ours-threads", "setnsmon, caller with threads", "the same"),
    ("ours-moves", "setnsmon, call that leads into another namespace", "the same"),
    ("ours-reader", "setnsmon, call that finds one reader asleep", "the same"),
    ("ours-readers8", "setnsmon, call that finds eight readers asleep", "the same"),
    ("ftrace", "ftrace, system call events", "both arguments, result"),
    ("trace-cmd", "trace-cmd, system call events", "both arguments, result"),
    ("ftrace-kprobes", "ftrace, kprobe events", "both arguments, result"),
    ("perf", "perf record, system call events", "both arguments, result"),
    ("sysdig", "sysdig, kernel module", "both arguments, result, process"),
    ("bpftrace-fexit", "bpftrace, fexit", "what the script prints: process, name, arguments, result"),
    ("bpftrace-kprobes", "bpftrace, kprobe and kretprobe", "what the script prints: process, name, result"),
    ("bpftrace-tracepoints", "bpftrace, tracepoints", "what the script prints: process, name, arguments, result"),
    ("auditd", "auditd, one rule", "arguments, result, process, credentials, login user"),
    ("strace", "strace -f -e trace=setns", "arguments, result; one tree of processes only"),
    ("lttng", "LTTng", "both arguments, result"),
    ("systemtap", "SystemTap", "what the script prints"),
]
BEGIN = "<!-- bench: begin, written by make bench-docs -->"
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
    """Computes what a case adds to the bare calls of its own guest"""
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


def rows_of(head, rows):
    """Returns a table in Markdown. The first column holds names, the others numbers."""
    return ["| " + " | ".join(head) + " |", "| --- |" + " ---: |" * (len(head) - 1)] + \
        ["| " + " | ".join(row) + " |" for row in rows] + [""]


def is_measured(case):
    return bool(case and case["added"])


def main_table(found):
    bare = found.get("bare", {"values": {}})["values"]
    rows = []
    if bare:
        rows.append(["*the bare call, in all*"] +
                    [f"*{cell(bare, 'bare_' + kind)}*" for kind in ("uts", "ebadf", "getppid")] + ["", ""])
    for key, name, _ in ROWS:
        case = found.get(key)
        if is_measured(case):
            rows.append([name] + [cell(case["added"], kind) for kind in ("uts", "ebadf", "getppid")] +
                        [cell(case["values"], "bytes"), lost(case)])
    return rows_of(["instructions added to a call", "setns, own UTS", "setns, EBADF", "getppid", "bytes a call",
                    "lost at full rate"], rows)


def recorded(found):
    """Returns what each tool records of a call, and why a tool was not measured"""
    lines = ["### What they record of a call", ""]
    for key, name, records in ROWS:
        case = found.get(key)
        if is_measured(case) and records not in ("nothing", "the same"):
            lines.append(f"- {name}: {records}")
        elif case and not is_measured(case):
            reason = case.get("skip") or case.get("fail") or "no figures"
            lines.append(f"- {name}: not measured; {'skipped' if 'skip' in case else 'failed'}: {reason}")
    return lines + [""]


def values_of(found, case):
    return found.get(case, {}).get("values", {})


def single_figures(found):
    """Returns the figures that belong to no table, one a line"""
    empty = found.get("empty", {}).get("added", {})
    ours, long = values_of(found, "ours"), values_of(found, "long")
    one, eight = values_of(found, "ours-reader"), values_of(found, "ours-readers8")
    lines = []
    if "kprobe_uts" in empty:
        lines.append(f"- An empty kprobe alone adds {grouped(empty['kprobe_uts'])} instructions, "
                     f"an empty kretprobe alone {grouped(empty['kretprobe_uts'])}.")
    if "stream_large_lost" in ours:
        lines.append("- With rings as large as those of ftrace (`ring_records=4096`), setnsmon's reader loses "
                     f"{grouped(ours['stream_large_lost'])} of {grouped(ours['stream_calls'])} calls at full rate.")
    if "waking" in one:
        lines.append("- Back-to-back calls share a wake-up: waking one reader costs the callers "
                     f"{grouped(one['waking'])} instructions a call" +
                     (f", waking eight costs {grouped(eight['waking'])}." if "waking" in eight else "."))
    if "long_calls" in long:
        lines.append(f"- {grouped(long['long_calls'])} calls in bursts of a hundred, with one reader: "
                     f"{grouped(long['long_read'])} read, {grouped(long['long_lost'])} lost.")
    return ["### Other figures", ""] + lines + [""] if lines else []


def reading(found):
    drain = values_of(found, "drain")
    names = (("binary", "binary records in batches"), ("binary_single", "binary records, one for each read"),
             ("skipped_class", "records skipped by class"), ("skipped_user", "records skipped by user"),
             ("skipped_flags", "records skipped by flags"),
             ("text", "text, as `cat` reads it"), ("logfmt", "`setnsmon -o logfmt`"), ("json", "`setnsmon -o json`"),
             ("table", "`setnsmon -o table`"))
    rows = [[text, grouped(drain["drain_" + name])] for name, text in names if "drain_" + name in drain]
    return ["### Reading", ""] + rows_of(["instructions an event, kernel and program", ""], rows) if rows else []


def sleepers(found):
    readers, added = values_of(found, "readers"), found.get("readers", {}).get("added", {})
    rows = [[str(n), grouped(added[f"{n}_uts"]), grouped(readers[f"{n}_event"])]
            for n in sorted(int(name.split("_")[0]) for name in readers if name.endswith("_event"))]
    if not rows:
        return []
    return ["### Many readers", "", "Added to a call that finds all of them asleep; and, with back-to-back calls, the "
            "cost of a call and of everything that all readers do with it.", ""] + \
        rows_of(["readers", "one call, all asleep", "back-to-back, in all"], rows)


def possible_cpus(found):
    rows = []
    for n in (1, 4, 16, 64):
        values = values_of(found, f"cpus{n}")
        if "drain_binary" in values:
            rows.append([str(n), grouped(values["drain_binary"]), f"{1000 / values['drain_binary']:.2f} million",
                         grouped(values["memory_kib"]), grouped(values["memory_vmalloc_kib"])])
    if not rows:
        return []
    return ["### Possible CPUs", "", "One CPU is online, and only such a CPU has rings. The "
            "rate is that of a machine that executes one instruction a nanosecond.", ""] + \
        rows_of(["possible CPUs", "instructions a binary event", "events a second", "KiB, as printed at load",
                 "KiB, in `/proc/vmallocinfo`"], rows)


def by_the_clock(found):
    rows = []
    for count in (2, 4):
        wall = values_of(found, f"wall{count}")
        if "rate_bare_1" in wall:
            def median(name):
                return sorted(v for n, v in wall.items() if n.startswith(f"rate_{name}_"))[2]
            rows.append([str(count)] + [f"{median(name) / median('bare'):.2f}" for name in ("empty", "ours", "ftrace")])
    if not rows:
        return []
    return ["### By the clock", "", "Calls a second on emulated CPUs that call at the same time, as a part of the rate "
            "without any probe. Instructions are not counted here.", ""] + \
        rows_of(["emulated CPUs", "baseline", "setnsmon", "ftrace, system call events"], rows)


def tables(found):
    return "\n".join(main_table(found) + recorded(found) + single_figures(found) + reading(found) + sleepers(found) +
                     possible_cpus(found) + by_the_clock(found)).rstrip("\n") + "\n"


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
    """Draws the bars. One that would be much longer than the others is cut, and marked as cut."""
    rows = bars(found)
    limit = max([value for value, _, _ in rows if value < 8000], default=1) * 1.1
    height = 62 + ROW * len(rows) + 24
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" '
           f'height="{height}" role="img" aria-label="Instructions added to a call of setns(2)">',
           f"<style>{STYLE}</style>",
           f'<rect class="page" width="{WIDTH}" height="{height}"/>',
           '<text class="title" x="16" y="26">Instructions added to a call of setns(2)</text>',
           '<text class="small" x="16" y="44">fewer is better; medians in a guest that counts instructions</text>']
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
    out.append(f'<text class="small" x="16" y="{bottom + 16}">Bars with a double cut are longer than drawn.</text>')
    out.append("</svg>")
    return "\n".join(out) + "\n"


def write(path, text):
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def put_into(document, text):
    with open(document, encoding="utf-8") as file:
        whole = file.read()
    if BEGIN not in whole or END not in whole.split(BEGIN, 1)[1]:
        sys.exit(f"report.py: {document} lacks the lines '{BEGIN}' and '{END}'")
    before, rest = whole.split(BEGIN, 1)
    write(document, before + BEGIN + "\n\n" + text + "\n" + END + rest.split(END, 1)[1])


def main(directory, document=None, chart_file=None):
    found = read_cases(os.path.join(directory, "cases"))
    if not found:
        sys.exit("report.py: no results; run make bench first")
    write(os.path.join(directory, "results.json"), json.dumps(found, indent=1, sort_keys=True) + "\n")
    write(os.path.join(directory, "table.md"), tables(found))
    write(os.path.join(directory, "chart.svg"), chart(found))
    if document:
        put_into(document, tables(found))
        write(chart_file, chart(found))


if __name__ == "__main__":
    if len(sys.argv) not in (2, 4):
        sys.exit(__doc__)
    main(*sys.argv[1:])
