#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""The reader on the real device: its output, when it ends and with which status,
its error messages, and that no record can control a terminal."""

import contextlib
import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import threading
import time

from actors import act, holder
from guest import ACTOR, DEVICE, MODULE, READER, counter, cpus, module, must, run, unload
from namespaces import KINDS
from oracle import boot_id
from records import IOC_FORMAT, device_lines, flatten, parse_json, parse_line, read_json
from tap import case, run_cases

ENVIRONMENT = {key: value for key, value in os.environ.items()
               if key not in ("NO_COLOR", "COLUMNS")}
ENVIRONMENT.update(LC_ALL="C.UTF-8", TERM="xterm-256color", TZ="UTC")


def reader(*options, **more):
    more.setdefault("env", ENVIRONMENT)
    return run(READER, *options, **more)


def follow(*options, **more):
    """Starts a reader in the background, and waits until it has opened the device."""
    more.setdefault("env", ENVIRONMENT)
    before = counter("readers")
    process = subprocess.Popen([READER, *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               **more)
    for _ in range(200):
        if counter("readers") > before or process.poll() is not None:
            break
        time.sleep(0.02)
    time.sleep(0.2)
    return process


def calls(count, fd=1000, *words):
    act("fd", fd, *words, "calls", count, 0)


def set_size(terminal, columns):
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))


def start_on_terminal(*options, columns=160, env=None, pipe=False):
    """Starts the reader on a terminal of this width; with pipe, only its stderr is one.
    Returns our end of the terminal, and the process."""
    ours, theirs = pty.openpty()
    set_size(theirs, columns)
    process = subprocess.Popen([READER, *options], stdin=theirs,
                               stdout=subprocess.PIPE if pipe else theirs, stderr=theirs,
                               env=env or ENVIRONMENT, close_fds=True)
    os.close(theirs)
    return ours, process


def read_terminal(ours, until=None, timeout=20):
    """Returns what is written to the terminal, up to its end or the text until."""
    text = b""
    while until is None or until not in text:
        ready, _, _ = select.select([ours], [], [], timeout)
        try:
            part = os.read(ours, 65536) if ready else b""
        except OSError:
            part = b""
        if not part:
            break
        text += part
    return text.replace(b"\r\n", b"\n")


def on_terminal(*options, columns=160, env=None):
    """Returns what the reader writes to a terminal of this width until it ends."""
    ours, process = start_on_terminal(*options, columns=columns, env=env)
    text = read_terminal(ours)
    os.close(ours)
    process.wait(20)
    return text


# ---- formats ----

def traffic():
    """Makes one call of each sort. Returns how many that is."""
    with holder("unshare", 0x44000000) as pid:
        act("open", f"/proc/{pid}/ns/net", "calls", 2, 0)
        act("pidfd", pid, "calls", 1, 0x44000000)
    act("open", "/proc/1/ns/uts", "setuid", *[65534] * 4, "calls", 1, 0)
    act("open", "/proc/1/ns/net", "unshare", 0x10000000, "map", "calls", 1, 0)
    act("fd", -1, "calls", 1, 1)
    act("comm", "a\nb\"\\ =\x1b[31m", "open", "/etc/passwd", "calls", 1, 0)
    return 7


@case("-o logfmt is the device's own text, byte for byte")
def logfmt(check):
    with module():
        count = traffic()
        done = reader("-o", "logfmt", "--no-follow")
        check.eq(done.returncode, 0, "status")
        check.eq(done.stdout.splitlines(), device_lines(), "lines")
        check.eq(len(done.stdout.splitlines()), count, "count")


@case("-o json is one object a line, with the names and values of the text")
def as_json(check):
    with module():
        count = traffic()
        done = reader("-o", "json", "--no-follow")
        lines = done.stdout.splitlines()
        check.eq(len(lines), count, "lines")
        for text, line in zip(device_lines(), lines):
            obj = parse_json(line)
            check.eq(flatten(obj), parse_line(text), "object")
            check.eq(obj["v"], 1, "v")
            check(isinstance(obj["seq"], int) and isinstance(obj["joined"], list) and
                  isinstance(obj["cap_effective"], str) and isinstance(obj["start_ns"], str) and
                  isinstance(obj["cgroup_id"], str), "types")
            check.eq((obj["host"], obj["boot_id"]), (os.uname().nodename, boot_id()), "host")


@case("a pipe gets JSON, a terminal gets the table")
def default_format(check):
    with module():
        traffic()
        piped = reader("--no-follow").stdout
        check.eq(piped, reader("--no-follow", "-o", "json").stdout, "piped")
        shown = on_terminal("--no-follow").decode()
        check("PID" in shown and "KIND" in shown, f"no table: {shown[:200]!r}")
        check('{"v"' not in shown, "JSON on a terminal")


@case("the table shows the caller, the namespace and the result")
def table(check):
    with module():
        with holder("unshare", KINDS["net"]) as pid:
            to = os.stat(f"/proc/{pid}/ns/net").st_ino
            act("open", f"/proc/{pid}/ns/net", "comm", "joiner", "calls", 1, 0)
        act("open", "/proc/1/ns/uts", "comm", "refused", "setuid", *[65534] * 4, "calls", 1, 0)
        wide = dict(ENVIRONMENT, COLUMNS="160")
        lines = reader("-o", "table", "--no-follow", env=wide).stdout.splitlines()
        joined = [line for line in lines if "joiner" in line]
        refused = [line for line in lines if "refused" in line]
        if check.eq((len(joined), len(refused)), (1, 1), f"rows in {lines}"):
            record = read_json()[0]
            for word in (str(record["pid"]), "root", "net", "ok", str(to),
                         str(record["before"]["net"])):
                check(word in joined[0], f"no {word} in {joined[0]!r}")
            for word in ("uts", "EPERM", "denied", "nobody"):
                check(word in refused[0], f"no {word} in {refused[0]!r}")


@case("no line of the table is wider than its terminal")
def narrow(check):
    with module():
        traffic()
        for columns in (20, 40, 60, 80, 100, 120, 132, 160, 200):
            rows = on_terminal("--no-follow", "--color=never", columns=columns).decode().splitlines()
            check(len(rows) > 5, f"few lines: {rows!r}")
            check(max(map(len, rows)) <= columns, f"{columns} columns: {max(rows, key=len)!r}")


@case("the narrower the terminal, the fewer numbers the table shows; names and results stay")
def columns_by_width(check):
    with module():
        with holder("unshare", KINDS["net"]) as pid:
            to = os.stat(f"/proc/{pid}/ns/net").st_ino
            act("open", f"/proc/{pid}/ns/net", "comm", "joiner", "calls", 1, 0)
        record = read_json()[0]
        shown = {columns: [line for line in on_terminal("--no-follow", "--color=never",
                                                        columns=columns).decode().splitlines()
                           if "joiner" in line][0]
                 for columns in (40, 60, 80, 100, 120)}
        for columns, row in shown.items():
            for word, least in (("root", 40), ("joiner", 40), ("net", 40), ("ok", 40), (str(to), 80),
                                (str(record["pid"]), 80), (str(record["before"]["net"]), 100),
                                ("init", 120)):
                check((word in row.split()) == (columns >= least),
                      f"{word} at {columns} columns: {row!r}")


@case("in a pipe the table is as wide as COLUMNS, else as the terminal of stderr, else 80")
def width_in_a_pipe(check):
    with module():
        traffic()
        for columns, most in (("40", 40), ("80", 80), ("100", 100), ("160", 160), ("", 80), ("x", 80)):
            rows = reader("-o", "table", "--no-follow",
                          env=dict(ENVIRONMENT, COLUMNS=columns)).stdout.splitlines()
            check(max(map(len, rows)) <= most, f"COLUMNS={columns}: {rows!r}")
            for title, least in ((" PID ", 80), ("FROM -> TO", 100), ("OWNER", 120)):
                check.eq(title in rows[0], most >= least, f"COLUMNS={columns}: {rows[0]!r}")
        ours, process = start_on_terminal("-o", "table", "--no-follow", columns=120, pipe=True)
        out, _ = process.communicate(timeout=20)
        os.close(ours)
        check(b"OWNER" in out.splitlines()[0], f"120 columns on stderr: {out!r}")


@case("a terminal that is resized gets other columns, under new titles")
def resized(check):
    with module():
        ours, process = start_on_terminal("--color=never", columns=80)
        first = read_terminal(ours, b"waiting")
        check(b" TO " in first and b"FROM" not in first, f"80 columns: {first!r}")
        for columns, title in ((120, b"OWNER"), (40, b"RESULT\n"), (80, b"TO   ")):
            set_size(ours, columns)
            calls(1, columns)
            text = read_terminal(ours, b"EBADF")
            rows = text.splitlines()
            check(any(b"RESULT" in row for row in rows) and title in text,
                  f"no titles for {columns} columns: {text!r}")
            check(max(map(len, rows)) <= columns, f"{columns} columns: {text!r}")
            calls(1, columns)
            text = read_terminal(ours, b"EBADF")
            check(b"RESULT" not in text, f"titles again, though nothing changed: {text!r}")
        process.terminate()
        read_terminal(ours)
        os.close(ours)
        check.eq(process.wait(20), 0, "status")


@case("the table shows its time zone, and an unknown TZ is reported")
def time_zone(check):
    with module():
        calls(1)
        for zone, title in (("UTC", "TIME UTC "), ("<+0530>-5:30", "TIME +0530 "),
                            ("XYZ8", "TIME XYZ ")):
            done = reader("-o", "table", "--no-follow", env=dict(ENVIRONMENT, TZ=zone))
            check.eq((done.returncode, done.stderr), (0, ""), f"TZ={zone}")
            check(done.stdout.startswith(title), f"TZ={zone}: {done.stdout!r}")
        done = reader("-o", "table", "--no-follow", env=dict(ENVIRONMENT, TZ="Nowhere/Town"))
        check.eq(done.returncode, 0, "status of an unknown zone")
        check("unknown time zone 'Nowhere/Town'" in done.stderr, f"stderr: {done.stderr!r}")
        check(done.stdout.startswith("TIME UTC "), f"not UTC: {done.stdout!r}")
        done = reader("-o", "json", "--no-follow", env=dict(ENVIRONMENT, TZ="Nowhere/Town"))
        check.eq(done.stderr, "", "JSON has no time zone")


@case("colour on a terminal, not with NO_COLOR, not in a pipe, and as --color says")
def colour(check):
    with module():
        traffic()
        no_color = dict(ENVIRONMENT, NO_COLOR="1")
        empty = dict(ENVIRONMENT, NO_COLOR="")
        follow_not = "--no-follow"
        table_format = ("-o", "table")
        check(b"\x1b[" in on_terminal(follow_not), "no colour on a terminal")
        check(b"\x1b[" in on_terminal(follow_not, env=empty), "no colour with an empty NO_COLOR")
        check(b"\x1b" not in on_terminal(follow_not, env=no_color), "colour with NO_COLOR")
        check(b"\x1b" not in on_terminal(follow_not, "--color=never"), "colour with never")
        check("\x1b" not in reader(follow_not, *table_format).stdout, "colour in a pipe")
        check("\x1b[" in reader(follow_not, *table_format, "--color=always").stdout, "not always")
        check("\x1b" not in reader(follow_not, "-o", "json", "--color=always").stdout,
              "colour in JSON")


HOSTILE = ["\x1b[2J\x1b[H", "a\nb\tc\rd", "\x1b]0;title\x07", "\" event=lost \"", "\\x41",
           "\x7f\x08\x08\x01", "=, =", "%s%n%d"]
HOSTILE_BYTES = [b"\xff\xfe\x80", b"\xc3", b"\xc2\x9b31m", b"\x9b31m", b"\xe2\x80\xaeabc",
                 b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"ok\xc3\xa9"]


@case("hostile command names: no control byte gets out, in any format")
def hostile(check):
    names = [name.encode() for name in HOSTILE] + HOSTILE_BYTES
    with module():
        for number, name in enumerate(names):
            subprocess.run([ACTOR, "comm", name, "fd", str(2000 + number), "calls", "1", "0"],
                           check=True)
        for options in (("-o", "table"), ("-o", "json"), ("-o", "logfmt")):
            out = subprocess.run([READER, *options, "--no-follow"], stdout=subprocess.PIPE,
                                 env=ENVIRONMENT, check=True).stdout
            text = out.decode()          # must be UTF-8
            bad = re.findall(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]",
                             text if options[1] != "json" else
                             re.sub("[\u200e\u200f\u202a-\u202e\u2066-\u2069]", "", text))
            check.eq(bad, [], f"control characters in {options[1]}")
            if options[1] != "table":
                check.eq(text.count("\n"), len(names), f"lines of {options[1]}")
        terminal = on_terminal("--no-follow", "--color=never")
        check.eq(re.findall(rb"[\x00-\x09\x0b-\x1f\x7f]", terminal), [], "bytes on a terminal")
        objects = read_json()
        for number, name in enumerate(names):
            obj = objects[number]
            check.eq(obj["fd"], 2000 + number, "fd")
            raw = bytes.fromhex(obj["comm_bytes"]) if "comm_bytes" in obj else obj["comm"].encode()
            check.eq(raw, name[:15], "comm comes back")
        lines = [parse_line(line) for line in device_lines()]
        check.eq([line["comm"].encode("latin-1") for line in lines], [n[:15] for n in names],
                 "comm in the text")


# ---- when it ends ----

@case("-n ends after so many calls")
def count(check):
    with module():
        calls(10)
        for number in (1, 3, 10):
            done = reader("-n", number, "-o", "logfmt")
            check.eq(done.returncode, 0, f"status of -n {number}")
            check.eq(done.stdout.splitlines(), device_lines()[:number], f"-n {number}")
        process = follow("-n", "12", "-o", "json")
        check.eq(process.poll(), None, "waits for more")
        calls(5)
        out, _ = process.communicate(timeout=20)
        check.eq(len(out.splitlines()), 12, "lines of -n 12")
        check.eq(process.returncode, 0, "status of -n 12")


@case("--new shows only what comes after it began")
def new(check):
    with module():
        calls(10, 100)
        process = follow("--new", "-n", "2", "-o", "json")
        calls(2, 200)
        out, _ = process.communicate(timeout=20)
        check.eq([parse_json(line)["fd"] for line in out.splitlines()], [200, 200], "fds")


@case("--no-follow ends when all is shown")
def no_follow(check):
    with module():
        done = reader("--no-follow")
        check.eq((done.returncode, done.stdout), (0, ""), "of nothing")
        calls(100)
        check.eq(len(reader("--no-follow").stdout.splitlines()), 100, "lines")


@case("--no-follow shows every record still held, of both rings of a CPU")
def whole_backlog(check):
    with module(ring_records=16):
        for cpu in cpus():
            for _ in range(16):
                act("pin", cpu, "unshare", KINDS["net"], "open", "/proc/1/ns/net", "call", 0)
            act("pin", cpu, "fd", 99, "calls", 64, 0)
        device = [parse_line(line) for line in device_lines()]
        held = [line for line in device if line["event"] == "setns"]
        check(len(held) > 24 * len(cpus()), f"{len(held)} records held: the case proves nothing")
        check.eq([parse_line(line) for line in
                  reader("-o", "logfmt", "--no-follow").stdout.splitlines()], device, "records")


def cross(kind):
    """Words for an actor that leaves a namespace of its own for the host's."""
    return ["unshare", KINDS[kind], "open", f"/proc/1/ns/{kind}", "call", 0, "expect", 0, "close"]


def crossings_among_plain_calls(ring):
    """On each CPU makes crossings of two classes, more of each than a ring holds, with plain calls
    before each, and then one crossing with the name the-newest. Most plain calls are overwritten,
    so there is a gap before each crossing."""
    for cpu in cpus():
        rounds = [[*("fd", 99, "calls", 8, 0), *cross(kind)] for kind in (ring + 4) * ["uts", "mnt"]]
        act("pin", cpu, *sum(rounds, []))
    act("comm", "the-newest", *cross("uts"))


def calls_in(lines):
    """Returns what tells one call from another, for each call in these lines."""
    return [(line["cpu"], line["seq"], line["comm"]) for line in map(parse_line, lines)
            if line["event"] == "setns"]


def lost_in(lines):
    return sum(int(line.get("count", 0)) for line in map(parse_line, lines))


@case("--no-follow shows the newest record held, after a gap before each one")
def newest(check):
    with module(ring_records=16):
        crossings_among_plain_calls(16)
        device = device_lines()
        gaps = sum("event=lost" in line for line in device)
        check(gaps >= 14 * len(cpus()), f"only {gaps} gaps: the case proves nothing")
        shown = reader("-o", "logfmt", "--no-follow").stdout.splitlines()
        check.eq(calls_in(shown), calls_in(device), "calls")
        check.eq(lost_in(shown), lost_in(device), "lost")
        check.eq(calls_in(shown)[-1][2], "the-newest", "the last")


@case("a reader that was stopped and is then asked to end shows the newest record held")
def newest_after_stop(check):
    with module(ring_records=128):      # more than the reader takes with one read
        process = follow("-o", "logfmt", "--new")
        process.send_signal(signal.SIGSTOP)
        crossings_among_plain_calls(128)
        device = device_lines()
        process.send_signal(signal.SIGTERM)
        process.send_signal(signal.SIGCONT)
        out, err = process.communicate(timeout=30)
        shown = out.decode().splitlines()
        check.eq((process.returncode, err), (0, b""), "end")
        check.eq(calls_in(shown), calls_in(device), "calls")
        check.eq(len(calls_in(shown)) + lost_in(shown), counter("recorded"), "shown and lost")
        check.eq(calls_in(shown)[-1][2], "the-newest", "the last")


@contextlib.contextmanager
def storm():
    """Plain calls on every CPU without a pause, so that no reader ever finds the rings drained."""
    actors = [subprocess.Popen([ACTOR, "pin", str(cpu), "fd", "98", "storm", "4", "0"])
              for cpu in cpus()]
    start = counter("entered")
    while counter("entered") < start + 1000:
        time.sleep(0.02)
    try:
        yield
    finally:
        for actor in actors:
            actor.kill()
            actor.wait(10)


@case("--no-follow ends during a flood and shows what was held before, in any time namespace")
def no_follow_in_a_flood(check):
    with module(ring_records=16):
        act("comm", "the-newest", *cross("net"))
        with storm():
            for before in ((), ("unshare", "--time", "--boottime", "86400", "--fork"),
                           ("unshare", "--time", "--boottime", "-3", "--fork")):
                done = run(*before, READER, "-o", "logfmt", "--no-follow", timeout=30,
                           env=ENVIRONMENT)
                check.eq((done.returncode, done.stderr), (0, ""), f"end, {before}")
                check("comm=the-newest" in done.stdout, f"the crossing is not shown, {before}")
                check("fd=98" in done.stdout, f"no call of the flood, {before}")


@case("SIGTERM ends it during a flood, and every earlier crossing is shown")
def signal_in_a_flood(check):
    with module(ring_records=16):
        with storm():
            process = follow("-o", "logfmt", "--new")
            shown = []
            collector = threading.Thread(target=lambda: shown.extend(process.stdout))
            collector.start()
            act("comm", "the-newest", *cross("net"))
            process.terminate()
            check.eq(process.wait(30), 0, "status")
            collector.join()
            process.stdout.close()
            process.stderr.close()
        check(any(b"comm=the-newest" in line for line in shown), "the crossing is not shown")


def calls_of_each_class():
    """Makes one call of each class, named after it, with plain calls around that overwrite others."""
    with holder("unshare", KINDS["net"]) as pid:
        act("pin", 0, "comm", "an-exit", *cross("mnt"), "fd", 99, "calls", 40, 0)
        act("pin", 0, "comm", "an-entry", "open", f"/proc/{pid}/ns/net", "call", 0, "expect", 0)
        act("pin", 0, "fd", 99, "calls", 40, 0)
        act("pin", 0, "comm", "a-plain", "fd", 99, "calls", 1, 0)


NAMES = {"an-exit": "exit", "an-entry": "entry", "a-plain": "plain"}


@case("--class shows only calls of these classes, and every loss, in each format")
def classes(check):
    with module(ring_records=16):
        calls_of_each_class()
        for options, chosen in ((("--class=exit",), ["exit"]), (("--class", "entry"), ["entry"]),
                                (("--class=plain",), ["plain"]),
                                (("--class=exit,plain",), ["exit", "plain"]),
                                (("--class=exit", "--class=entry"), ["entry", "exit"]),
                                (("--class=plain,entry,exit",), ["entry", "exit", "plain"])):
            shown = reader("-o", "logfmt", "--no-follow", *options).stdout.splitlines()
            lines = [parse_line(line) for line in shown]
            found = {line["comm"] for line in lines if line.get("comm") in NAMES}
            check.eq(found, {name for name in NAMES if NAMES[name] in chosen}, f"names, {options}")
            check.eq([line for line in shown if "event=lost" in line],
                     [line for line in device_lines() if "event=lost" in line], f"lost, {options}")
            check.eq({line.get("class", "") for line in lines if line["event"] == "setns"},
                     set(chosen), f"classes, {options}")
            objects = reader("-o", "json", "--no-follow", *options).stdout.splitlines()
            check.eq([flatten(parse_json(line)) for line in objects], lines, f"JSON, {options}")
            rows = reader("-o", "table", "--no-follow", *options).stdout.splitlines()
            check.eq({name for name in NAMES if any(name in row for row in rows)}, found,
                     f"table, {options}")
            check.eq(len(rows), len(lines) + 1, f"rows, {options}")


@case("--class: -n counts what is shown, and a flood of other classes does not keep it from ending")
def classes_in_a_flood(check):
    with module(ring_records=16):
        with storm():
            process = follow("-o", "json", "--new", "--class=exit", "-n", "2")
            for _ in range(2):
                act("comm", "an-exit", *cross("mnt"))
            out, _ = process.communicate(timeout=30)
            names = [obj["comm"] for obj in map(parse_json, out.splitlines()) if obj["event"] == "setns"]
            check.eq((names, process.returncode), (["an-exit"] * 2, 0), "two exits")
            done = reader("-o", "json", "--no-follow", "--class=entry", timeout=30)
            check.eq((done.returncode, '"setns"' in done.stdout), (0, False), "no entry")


@case("with nothing to show yet, it says so on a terminal, but not to a script")
def waiting(check):
    with module():
        for options, pipe in (((), False), ((), True), (("-o", "json", "-n", "1"), True)):
            ours, process = start_on_terminal("--new", *options, pipe=pipe)
            text = read_terminal(ours, b"(Ctrl-C ends)")
            check(b"waiting for the next one (Ctrl-C ends)" in text, f"{options}, pipe {pipe}: {text!r}")
            process.terminate()
            check.eq(process.wait(20), 0, f"status, {options}, pipe {pipe}")
            process.stdout and process.stdout.close()
            os.close(ours)
        calls(1)
        ours, process = start_on_terminal("-n", "1", columns=80)
        text = read_terminal(ours)
        os.close(ours)
        process.wait(20)
        check(b"waiting" not in text, f"a call was there: {text!r}")
        process = follow("--new", "-o", "json")
        process.terminate()
        check.eq(process.communicate(timeout=20), (b"", b""), "output of a script")


@case("as the first command, with head: titles or calls appear immediately")
def first_command(check):
    with module():
        process = subprocess.Popen(["bash", "-c", f"{READER} -o table | head -n 1"],
                                   stdout=subprocess.PIPE, env=ENVIRONMENT)
        ready, _, _ = select.select([process.stdout], [], [], 20)
        check(ready and b"COMMAND" in process.stdout.readline(), "no titles")
        calls(1)
        check.eq(process.wait(20), 0, "status")
        process.stdout.close()
        calls(2)
        done = run("bash", "-c", f"{READER} | head -n 3", timeout=30)
        check.eq(len(done.stdout.splitlines()), 3, "lines")


@case("records appear immediately, even in a pipe")
def at_once(check):
    with module():
        process = follow("-o", "json")
        for number in range(5):
            calls(1, 300 + number)
            ready, _, _ = select.select([process.stdout], [], [], 10)
            check(ready, f"record {number} does not come")
            if ready:
                check.eq(parse_json(process.stdout.readline())["fd"], 300 + number, "fd")
        process.terminate()
        process.communicate(timeout=20)


def add_signal(number, name):
    @case(f"{name} ends it, status 0, after every earlier call is shown")
    def ended(check):
        for form in ("json", "logfmt", "table"):
            with module(ring_records=4096):
                for turn in range(2):
                    process = follow("-o", form, "--new")
                    # While it is stopped, both the calls and the signal become pending.
                    process.send_signal(signal.SIGSTOP)
                    calls(400, 400 + turn)
                    process.send_signal(number)
                    process.send_signal(signal.SIGCONT)
                    out, err = process.communicate(timeout=30)
                    check.eq(process.returncode, 0, f"status, {form}: {err!r}")
                    rows = [line for line in out.splitlines() if b"EBADF" in line]
                    if not check.eq(len(rows), 400, f"calls shown, {form}, turn {turn}"):
                        break
                    check(out.endswith(b"\n"), f"half a line, {form}")


add_signal(signal.SIGINT, "SIGINT")
add_signal(signal.SIGTERM, "SIGTERM")


@case("a second signal ends it immediately, even when nobody reads its output")
def second_signal(check):
    with module(ring_records=4096):
        calls(4000)
        process = follow("-o", "json")
        process.send_signal(signal.SIGINT)
        time.sleep(0.3)
        check.eq(process.poll(), None, "ended before all was written")
        process.send_signal(signal.SIGINT)
        check.eq(process.wait(10), -signal.SIGINT, "status")
        process.communicate()


@case("a closed pipe ends it without a message")
def closed_pipe(check):
    with module(ring_records=4096):
        calls(3000)
        done = run("bash", "-c", f"{READER} -o json | head -n 3 | wc -l; echo ${{PIPESTATUS[0]}}",
                   timeout=30)
        check.eq(done.stdout.split(), ["3", "0"], "lines and status")
        check.eq(done.stderr, "", "stderr")
        process = follow("-o", "json", "--new")
        process.stdout.close()
        check.eq(process.wait(10), 0, "status, when there is nothing to write")


# ---- when it cannot ----

@case("a full disk is reported, status 1")
def full_disk(check):
    with module():
        calls(3)
        for options in (("-o", "json", "--no-follow"), ("-o", "table", "--no-follow"), ("--help",),
                        ("--version",), ("stats",), ("schema",)):
            with open("/dev/full", "w") as full:
                done = subprocess.run([READER, *options], stdout=full, stderr=subprocess.PIPE,
                                      text=True, timeout=20)
            check.eq(done.returncode, 1, f"status of {options}")
            check("No space left" in done.stderr, f"{options}: {done.stderr!r}")


@case("without the module, it says what to do, status 1")
def not_loaded(check):
    unload()
    for command in ((), ("stats",)):
        done = reader(*command)
        check.eq(done.returncode, 1, "status")
        check("not loaded" in done.stderr and "insmod" in done.stderr, done.stderr)
        check.eq(len(done.stderr.splitlines()), 1, "lines")
        check.eq(done.stdout, "", "stdout")


@case("without the right to read, it says who has it, status 1")
def not_root(check):
    with module():
        # Copied to where an ordinary user can run it
        must("install", "-m", "755", READER, "/tmp/setnsmon-reader-test")
        done = run("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups",
                   "/tmp/setnsmon-reader-test", "--no-follow")
        os.unlink("/tmp/setnsmon-reader-test")
        check.eq(done.returncode, 1, "status")
        check("root" in done.stderr and DEVICE in done.stderr, done.stderr)
        check.eq(len(done.stderr.splitlines()), 1, "lines")


@case("a file that is not the device, status 1")
def other_file(check):
    for path in ("/dev/null", "/etc/passwd", "/dev/zero"):
        done = reader("-d", path, "--no-follow")
        check.eq(done.returncode, 1, f"status of {path}")
        check(path in done.stderr, done.stderr)
    done = reader("-d", "/nowhere", "--no-follow")
    check.eq(done.returncode, 1, "status of /nowhere")


@case("a wrong command line: status 2, and nothing is read")
def wrong_options(check):
    for options in (("--nonsense",), ("-o", "xml"), ("-o",), ("-n", "0"), ("-n", "-1"),
                    ("-n", "many"), ("-n", "1x"), ("-n", ""), ("nonsense",), ("follow", "more"),
                    ("--color=perhaps",), ("--class",), ("--class=",), ("--class=exit,",), ("--class=lent",),
                    ("-o", "json", "stats"), ("stats", "-n", "1"), ("schema", "-d", DEVICE),
                    ("-n", "99999999999999999999999")):
        done = reader(*options)
        check.eq(done.returncode, 2, f"status of {options}")
        check("setnsmon" in done.stderr, f"{options}: {done.stderr!r}")
        check.eq(done.stdout, "", f"stdout of {options}")


@case("a message about a wrong command line says what was expected")
def usage_messages(check):
    for options, message in (
            (("nonsense",), "unknown command 'nonsense' (expected: follow, stats, selftest, schema, help)"),
            (("help", "nonsense"), "unknown command 'nonsense' (expected: "),
            (("help", "stats", "more"), "unexpected argument 'more'"),
            (("follow", "more"), "unexpected argument 'more'"),
            (("-n", "1", "stats"), "unexpected argument 'stats' (the command must come before options)"),
            (("-n", "0"), "invalid COUNT '0': must be a positive integer"),
            (("-o", "xml"), "invalid FORMAT 'xml' (expected: table, json, logfmt)"),
            (("stats", "-o", "xml"), "invalid FORMAT 'xml' (expected: text, json)"),
            (("--class=entry,lent",), "invalid CLASS 'lent' (expected: plain, entry, exit)"),
            (("--color=red",), "invalid WHEN 'red' (expected: auto, always, never)")):
        done = reader(*options)
        check.eq((done.returncode, done.stdout), (2, ""), f"{options}")
        check(message in done.stderr, f"{options}: {done.stderr!r}")


@case("-h, -?, --help and help show the same, status 0, on stdout")
def show_help(check):
    for command in ("follow", "stats", "selftest", "schema"):
        shown = [reader(*options) for options in ((command, "--help"), (command, "-h"),
                                                  (command, "-?"), ("help", command))]
        for done in shown:
            check.eq((done.returncode, done.stderr), (0, ""), f"help of {command}")
            check.eq(done.stdout, shown[0].stdout, f"help of {command}")
            check(done.stdout.startswith(f"Usage: setnsmon {command} "), done.stdout)
    shown = [reader(*options) for options in (("--help",), ("-h",), ("help",), ("help", "--help"),
                                              ("help", "help"))]
    for done in shown:
        check.eq((done.returncode, done.stderr), (0, ""), "help")
        check.eq(done.stdout, shown[0].stdout, "help")
        check("selftest" in done.stdout, done.stdout)


@case("--version: status 0, on stdout; the version is the module's")
def version(check):
    done = reader("--version")
    wanted = must("modinfo", "-F", "version", MODULE).stdout.strip()
    check.eq((done.returncode, done.stdout.split()), (0, ["setnsmon", wanted]), "version")


@case("stats shows the counters")
def stats(check):
    with module(ring_records=32):
        calls(7)
        obj = json.loads(reader("stats", "-o", "json").stdout)
        for name, value in (("entered", 7), ("recorded", 7), ("missed", 0), ("ret_unknown", 0)):
            check.eq(obj.get(name), value, name)
        text = reader("stats").stdout
        check("entered" in text and "7" in text, text)
        fd = os.open(DEVICE, os.O_RDONLY | os.O_NONBLOCK)
        fcntl.ioctl(fd, IOC_FORMAT, struct.pack("I", 1))
        record = os.read(fd, obj["record_size"])
        check.eq(struct.unpack_from("HH", record)[1], obj["record_size"], "bytes of a record")
        os.close(fd)


@case("two readers and the device's text have the same records")
def two_at_once(check):
    with module(ring_records=4096):
        first, second = follow("-o", "logfmt", "-n", "500"), follow("-o", "logfmt", "-n", "500")
        act("fd", 600, "hammer", 5, 100, 0)
        outs = [process.communicate(timeout=30)[0] for process in (first, second)]
        check.eq(outs[0].decode().splitlines(), device_lines(), "the first and the device")
        check(outs[0] == outs[1], "the two differ")


run_cases(unload)
