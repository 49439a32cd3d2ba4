#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Makes the records in docs/samples: one of each kind, and one for each flag, as text and as JSON.

Each scene says which flags its record must have. The host compares the result with
docs/samples (functional/judge), and tests/functional/samples puts it there."""

import os

from actors import act, holder, run_threads
from guest import PROGS, READER, module, must, run, unload
from namespaces import KINDS
from oracle import FLAGS
from records import device_lines, flatten, parse_json, parse_line
from tap import Skip, case, run_cases

NET, USER, MNT, UTS = (KINDS[kind] for kind in ("net", "user", "mnt", "uts"))
ALICE = ("setgid", *[1000] * 4, "setuid", *[1000] * 4)
HEADER = """# Sample records

Made on a live device by `tests/functional/samples`. [records.txt](records.txt) has a line of text for each row, and
[records.json](records.json) the same record as JSON: `jq . records.json` shows the objects well.
[setnsmon(4)](../../tools/man/setnsmon.4) explains the fields and flags.

| line | event | class | flags | what was done |
| ---: | --- | --- | --- | --- |
"""

samples = []    # (what was done, JSON, text)


def sample(what, flags, comm=None, flag=None):
    """Takes the last record that has this command name, or else this flag, from the device."""
    lines = must(READER, "-o", "json", "--no-follow").stdout.splitlines()
    for line, text in reversed(list(zip(lines, device_lines()))):
        record = parse_json(line)
        if record["event"] == "setns" and (record["comm"] == comm or flag in record["flags"]):
            break
    else:
        raise Skip("it did not happen this time")
    samples.append((what, line, text))
    return record, set(flags)


def expect(check, record, flags):
    check.eq(set(record["flags"]), flags, "flags")


@case("calls whose course is known")
def plain(check):
    with module(ring_records=4096):
        with holder("unshare", NET) as pid:
            act("comm", "nsenter", "open", f"/proc/{pid}/ns/net", "call", NET)
        expect(check, *sample("Root joins the network namespace of a container: nsenter -t PID -n", (), "nsenter"))
        with holder("unshare", USER | NET | UTS, "map") as pid:
            act("comm", "enter", "pidfd", pid, "call", NET | UTS)
        expect(check, *sample("Root joins two namespaces of a rootless container, by a pidfd", ("userns-cross",),
                              "enter"))
        act("comm", "leave", "unshare", MNT, "open", "/proc/1/ns/mnt", "call", MNT)
        expect(check, *sample("A task comes back into the host's mount namespace",
                              ("to-init", "targets-init", "root-moved"), "leave"))
        act("comm", "escape", "open", "/proc/1/ns/net", *ALICE, "unshare", USER | NET, "call", NET)
        expect(check, *sample("Root of a rootless container tries to join the host's network",
                              ("denied", "targets-init", "upward", "userns-cross"), "escape"))
        act("comm", "again", "open", "/proc/self/ns/net", *ALICE, "unshare", USER, "call", NET)
        expect(check, *sample("The same try from the host's network: it leads nowhere", ("denied",), "again"))
        with holder(*ALICE, "unshare", USER) as pid:
            act("comm", "own", "open", f"/proc/{pid}/ns/user", *ALICE, "call", USER)
        expect(check, *sample("A user joins a user namespace that she made", ("userns-cross", "caps-gained"), "own"))
        act("comm", "old", "open", "/proc/self/ns/uts", "int80", UTS)
        expect(check, *sample("A call by the 32-bit entry", ("kernel-compat",), "old"))
        act("comm", "file", "open", "/dev/null", "call", 0)
        expect(check, *sample("A descriptor that names neither a namespace nor a process", (), "file"))
        must(READER, "selftest")
        expect(check, *sample("The call of setnsmon selftest, on a descriptor that is not open", ("selftest",),
                              flag="selftest"))


@case("a call whose return cannot be followed")
def unknown(check):
    with module(maxactive=1):
        run_threads(160, "mmmmmm")
        record, _ = sample("Many calls at once, with the module loaded with maxactive=1", (), flag="ret-unknown")
    check.eq(record["ret"], None, "ret")


@case("a call during which the descriptor was replaced")
def raced(check):
    with module(ring_records=16384):
        run(f"{PROGS}/races", "kinds", 20000, 5, 10, timeout=90)
        record, _ = sample("Another thread replaces the file behind the descriptor during the call", (),
                           flag="raced")
    check("raced" in record["flags"], "raced")


@case("a gap")
def lost(check):
    with module(ring_records=16):
        act("pin", 0, "comm", "nsenter", "unshare", NET, "open", "/proc/1/ns/net", "call", NET)
        act("pin", 0, "fd", 99, "calls", 100, 0)
        for line, text in zip(must(READER, "-o", "json", "--no-follow").stdout.splitlines(), device_lines()):
            record = parse_json(line)
            if record["event"] == "lost":
                break
    check.eq((record["event"], record["count"]), ("lost", 84), "gap")
    samples.append(("100 calls that anybody can make, after one that is held for longer", line, text))


@case("text and JSON have the same values, and each flag has a sample")
def complete(check):
    shown = set()
    rows = []
    for number, (what, line, text) in enumerate(samples, 1):
        record = parse_json(line)
        check.eq(flatten(record), parse_line(text), what)
        flags = record.get("flags", [])
        shown.update(flags)
        rows.append(f"| {number} | {record['event']} | {record.get('class', '')} | {' '.join(flags)} | {what} |\n")
    check(len(samples) > 8, "few")
    check.eq(sorted(set(FLAGS) - shown - {"raced"}), [], "flags without a sample")
    out = os.environ.get("OUT")
    if not out:
        raise Skip("there is no place for the result")
    os.makedirs(f"{out}/samples", exist_ok=True)
    for name, content in (("README.md", HEADER + "".join(rows)),
                          ("records.json", "".join(line + "\n" for _, line, _ in samples)),
                          ("records.txt", "".join(text + "\n" for _, _, text in samples))):
        with open(f"{out}/samples/{name}", "w") as file:
            file.write(content)


run_cases(unload)
