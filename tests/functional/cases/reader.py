#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""The reader on the real device: what it writes, when it ends and with which
status, what it says when it cannot, and that no record can play tricks on a
terminal."""

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
import time

from actors import act, holder
from guest import ACTOR, DEVICE, MODULE, READER, counter, module, must, run, unload
from namespaces import KINDS
from records import device_lines, flatten, parse_line, read_json
from tap import case, run_cases

ENVIRONMENT = {key: value for key, value in os.environ.items() if key != "NO_COLOR"}
ENVIRONMENT.update(LC_ALL="C.UTF-8", TERM="xterm-256color", TZ="UTC")


def reader(*options, **more):
    more.setdefault("env", ENVIRONMENT)
    return run(READER, *options, **more)


def follow(*options, **more):
    """A reader in the background that has opened the device."""
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


def on_terminal(*options, columns=160, env=None):
    """What the reader writes to a terminal of so many columns."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    process = subprocess.Popen([READER, *options], stdin=theirs, stdout=theirs, stderr=theirs,
                               env=env or ENVIRONMENT, close_fds=True)
    os.close(theirs)
    text = b""
    while True:
        ready, _, _ = select.select([ours], [], [], 20)
        try:
            part = os.read(ours, 65536) if ready else b""
        except OSError:
            part = b""
        if not part:
            break
        text += part
    os.close(ours)
    process.wait(20)
    return text.replace(b"\r\n", b"\n")


# ---- formats ----

def traffic():
    """One of each sort; returns how many."""
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
            obj = json.loads(line)
            check.eq(flatten(obj), parse_line(text), "object")
            check.eq(obj["v"], 1, "v")
            check(isinstance(obj["seq"], int) and isinstance(obj["joined"], list) and
                  isinstance(obj["cap_effective"], str), "types")


@case("a pipe gets JSON, a terminal gets the table")
def default_format(check):
    with module():
        traffic()
        piped = reader("--no-follow").stdout
        check.eq(piped, reader("--no-follow", "-o", "json").stdout, "piped")
        shown = on_terminal("--no-follow").decode()
        check("PID" in shown and "KIND" in shown, f"no table: {shown[:200]!r}")
        check('{"v"' not in shown, "JSON on a terminal")


@case("the table tells who, what and how it ended")
def table(check):
    with module():
        with holder("unshare", KINDS["net"]) as pid:
            to = os.stat(f"/proc/{pid}/ns/net").st_ino
            act("open", f"/proc/{pid}/ns/net", "comm", "joiner", "calls", 1, 0)
        act("open", "/proc/1/ns/uts", "comm", "refused", "setuid", *[65534] * 4, "calls", 1, 0)
        lines = reader("-o", "table", "--no-follow").stdout.splitlines()
        joined = [line for line in lines if "joiner" in line]
        refused = [line for line in lines if "refused" in line]
        if check.eq((len(joined), len(refused)), (1, 1), f"rows in {lines}"):
            record = read_json()[0]
            for word in (str(record["pid"]), "root", "net", "ok", str(to),
                         str(record["before"]["net"])):
                check(word in joined[0], f"no {word} in {joined[0]!r}")
            for word in ("uts", "EPERM", "denied", "nobody"):
                check(word in refused[0], f"no {word} in {refused[0]!r}")


@case("a line of the table fits its terminal; only the flags at its end may stick out")
def narrow(check):
    with module():
        traffic()
        for columns in (80, 100, 132, 200):
            text = on_terminal("--no-follow", "--color=never", columns=columns).decode()
            rows = [line for line in text.splitlines() if " lost" not in line]
            check(len(rows) > 5, f"few lines: {text!r}")
            rows = [re.sub(r" +[-a-z,]*$", "", row) for row in rows]
            check(max(map(len, rows)) <= columns, f"{columns} columns: {max(rows, key=len)!r}")


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
        check.eq([json.loads(line)["fd"] for line in out.splitlines()], [200, 200], "fds")


@case("--no-follow ends when all is shown")
def no_follow(check):
    with module():
        done = reader("--no-follow")
        check.eq((done.returncode, done.stdout), (0, ""), "of nothing")
        calls(100)
        check.eq(len(reader("--no-follow").stdout.splitlines()), 100, "lines")


@case("it shows records at once, though its output is a pipe")
def at_once(check):
    with module():
        process = follow("-o", "json")
        for number in range(5):
            calls(1, 300 + number)
            ready, _, _ = select.select([process.stdout], [], [], 10)
            check(ready, f"record {number} does not come")
            if ready:
                check.eq(json.loads(process.stdout.readline())["fd"], 300 + number, "fd")
        process.terminate()
        process.communicate(timeout=20)


def add_signal(number, name):
    @case(f"{name} ends it, status 0, and every call that was made before is shown")
    def ended(check):
        for form in ("json", "logfmt", "table"):
            with module(ring_records=4096):
                for turn in range(2):
                    process = follow("-o", form, "--new")
                    # Stopped, it finds both the calls and the signal when it goes on.
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


@case("a second signal ends it at once, also when nobody takes its output")
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


@case("a pipe that is closed ends it without a word")
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

@case("a full disk is told, status 1")
def full_disk(check):
    with module():
        calls(3)
        for options in (("-o", "json", "--no-follow"), ("-o", "table", "--no-follow"), ("--help",),
                        ("--version",), ("stats",)):
            with open("/dev/full", "w") as full:
                done = subprocess.run([READER, *options], stdout=full, stderr=subprocess.PIPE,
                                      text=True, timeout=20)
            check.eq(done.returncode, 1, f"status of {options}")
            check("No space left" in done.stderr, f"{options}: {done.stderr!r}")


@case("without the module: what to do, status 1")
def not_loaded(check):
    unload()
    for command in ((), ("stats",)):
        done = reader(*command)
        check.eq(done.returncode, 1, "status")
        check("not loaded" in done.stderr and "insmod" in done.stderr, done.stderr)
        check.eq(len(done.stderr.splitlines()), 1, "lines")
        check.eq(done.stdout, "", "stdout")


@case("not root: what is wrong, status 1")
def not_root(check):
    with module():
        # Where an ordinary user can run it
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
                    ("--color=perhaps",), ("-o", "json", "stats"), ("stats", "-n", "1"),
                    ("-n", "99999999999999999999999")):
        done = reader(*options)
        check.eq(done.returncode, 2, f"status of {options}")
        check("setnsmon" in done.stderr, f"{options}: {done.stderr!r}")
        check.eq(done.stdout, "", f"stdout of {options}")


@case("--help and --version: status 0, on stdout; the version is the module's")
def help_and_version(check):
    for options in (("--help",), ("follow", "--help"), ("stats", "--help")):
        done = reader(*options)
        check.eq((done.returncode, done.stderr), (0, ""), f"{options}")
        check("setnsmon" in done.stdout, done.stdout)
    done = reader("--version")
    version = must("modinfo", "-F", "version", MODULE).stdout.strip()
    check.eq((done.returncode, done.stdout.split()), (0, ["setnsmon", version]), "version")


@case("stats shows the counters")
def stats(check):
    with module(ring_records=32):
        calls(7)
        obj = json.loads(reader("stats", "-o", "json").stdout)
        for name, value in (("entered", 7), ("recorded", 7), ("missed", 0), ("ret_unknown", 0)):
            check.eq(obj.get(name), value, name)
        text = reader("stats").stdout
        check("entered" in text and "7" in text, text)


@case("two readers at once, and the device's text: all the same")
def two_at_once(check):
    with module(ring_records=4096):
        first, second = follow("-o", "logfmt", "-n", "500"), follow("-o", "logfmt", "-n", "500")
        act("fd", 600, "hammer", 5, 100, 0)
        outs = [process.communicate(timeout=30)[0] for process in (first, second)]
        check.eq(outs[0].decode().splitlines(), device_lines(), "the first and the device")
        check(outs[0] == outs[1], "the two differ")


run_cases(unload)
