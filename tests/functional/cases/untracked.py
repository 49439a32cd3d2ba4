#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""No blind spot: more calls in flight than can be tracked, and probes that are switched
off. The oracle is the log of the callers (threads.c): every call of every thread, in its
order."""

import bisect
import errno
import os
import struct
import tempfile
import time

from actors import act, read_thread_log, run_threads, start_threads
from guest import (KPROBES, MODULE, counter, counters, kernel_log, kprobes_off, loaded, module,
                   put, run, unload)
from namespaces import KINDS, LINKS, links_of
from records import HAS_RET, device_lines, held, parse_line, read_json
from tap import Skip, add_case, case, run_cases

FTRACE = "/proc/sys/kernel/ftrace_enabled"
RET_UNKNOWN = 1 << 6
WITH_RET = ("ret", "joined", "cap_effective_after", "duration_ns")
NO_LINKS = bytes(40)
OWN = struct.pack("10I", *[links_of(os.getpid())[name] for name in LINKS])


def compare_one(call, record):
    """Returns the differences between a record and its call."""
    if (record.fd, record.nstype) != (call.fd, call.nstype):
        yield f"fd {record.fd}, nstype {record.nstype:#x}"
    if record.comm.rstrip(b"\0") != b"threads" or record.uid:
        yield f"comm {record.comm}, uid {record.uid}"
    if record.before != OWN and call.nstype != KINDS["mnt"]:
        yield f"before {record.before}"
    if record.has & HAS_RET:
        if record.flags & RET_UNKNOWN:
            yield f"ret {record.ret} and yet ret-unknown"
        if record.ret != call.ret or record.after != OWN:
            yield f"ret {record.ret}, after {record.after}"
        if not 0 < record.duration_ns <= call.boot1 - call.boot0:
            yield f"duration {record.duration_ns}"
    else:
        if not record.flags & RET_UNKNOWN:
            yield f"no return, flags {record.flags:#x}"
        if record.after != NO_LINKS or any(getattr(record, name) for name in WITH_RET):
            yield f"more than can be known: {record}"


def compare(check, threads, records, all_seen=True):
    """Checks that each thread's records are its calls, in its order. Returns the untracked ones.
    If not all calls were seen, the callers' clocks show which ones were."""
    mine = {tid: [] for tid in threads}
    for record in records:
        if check(record.type == 1 and record.tid in mine, f"a record of nobody's: {record}"):
            mine[record.tid].append(record)
    for tid, calls in threads.items():
        if not all_seen:
            stamps = [record.boot_ns for record in mine[tid]]
            calls = [call for call in calls
                     if bisect.bisect_left(stamps, call.boot0) <
                     bisect.bisect_right(stamps, call.boot1)]
        if check.eq(len(mine[tid]), len(calls), f"records of thread {tid}"):
            for call, record in zip(calls, mine[tid]):
                for what in compare_one(call, record):
                    check(False, f"{call}: {what}")
    return [record for record in records if not record.has & HAS_RET]


def add_threads(what, calls, roles, maxactive):
    """Runs at once, so that its name can include the result."""
    with module(ring_records=16384, maxactive=maxactive):
        threads = run_threads(calls, roles)
        records = held()
        now = counters()
    made = sum(len(thread) for thread in threads.values())

    def judge(check):
        check.eq(len(threads), len(roles), "threads")
        unknown = compare(check, threads, records)
        check.eq(now["entered"], made, "entered")
        check.eq(now["recorded"], made, "recorded")
        check.eq(now["missed"], 0, "missed")
        check.eq(now["ret_unknown"], len(unknown), "ret_unknown")
        if maxactive:
            check(unknown, "all could be followed: this proves nothing")
            check(len(unknown) < made, "none could be followed")
        else:
            check(not unknown, f"{len(unknown)} could not be followed")
    add_case(f"{what}: {made} calls, {now['ret_unknown']} of them ret-unknown", judge)


add_threads("one instance, nine threads", 800, "ffffuuuum", 1)
add_threads("one instance for each entry, 64 and 32 bit", 500, "fifiuiimmm", 1)
add_threads("one instance, held by calls that sleep", 400, "mmmmfu", 1)
add_threads("two instances", 400, "mmmmfu", 2)
add_threads("as many instances as there are by default", 400, "mmffiuuu", 0)


@case("what cannot be known is null in JSON and nothing in the text line, and all else is there")
def shown(check):
    with module(maxactive=1):
        run_threads(160, "mmmmmm")
        objects = read_json()
        lines = [parse_line(line) for line in device_lines()]
    check.eq(len(objects), 120, "objects")
    unknown = [o for o in objects if "ret-unknown" in o["flags"]]
    check(unknown, "all could be followed: this proves nothing")
    for o in objects:
        after = [o[key] for key in ("ret", "after", "joined", "cap_effective_after", "duration_ns")]
        if o in unknown:
            check.eq(after + [o["errno"]], [None] * 6, f"{o['cpu']}/{o['seq']}")
        else:
            check(None not in after, f"null in {o}")
        for key in ("before", "comm", "pid", "tid", "abi", "fd_kind", "cgroup_id", "start_ns"):
            check(o[key] is not None, f"no {key} in {o}")
    for line in lines:
        after = [line.get(key) for key in ("ret", "after", "joined", "cap_effective_after",
                                           "duration_ns", "errno")]
        if "ret-unknown" in line["flags"].split(","):
            check.eq(after, [""] * 6, f"line {line['cpu']}/{line['seq']}")
            check("after.net" not in line, f"after.net in {line}")
    check.eq(sum("ret-unknown" in line["flags"] for line in lines), len(unknown), "lines")


def refused(check, why):
    """Checks that insmod fails, and that the kernel log has the reason."""
    before = len(kernel_log())
    done = run("insmod", MODULE)
    check(done.returncode != 0, "loaded all the same")
    log = [line for line in kernel_log()[before:] if "setnsmon: " in line]
    check(any("not loaded" in line and why in line for line in log), f"log: {log}")
    check(not loaded(), "the module is there")
    check(not os.path.exists("/dev/setnsmon"), "the device is there")


def event(number):
    act("fd", -1, "call", number)


@case("kprobes are switched off: loading is refused, and the kernel log tells why")
def off_at_load(check):
    unload()
    with kprobes_off():
        refused(check, KPROBES)
        refused(check, KPROBES)
    with module():
        event(7)
        check.eq([o["nstype"] for o in read_json()], [7], "once they are on again")


@case("kprobes are switched off later: no call is seen, nor counted, until they are on again")
def off_later(check):
    with module():
        event(1)
        with kprobes_off():
            event(2)
            event(3)
            check.eq(counter("entered"), 1, "entered while off")
        event(4)
        check.eq([o["nstype"] for o in read_json()], [1, 4], "calls seen")
        now = counters()
        check.eq([now["entered"], now["recorded"], now["missed"]], [2, 2, 0], "counters")


@case("kprobes are switched off and on while threads call: what was seen is true, and adds up")
def flapping(check):
    calls, roles = 1600, "mmmm"
    with module(ring_records=16384), tempfile.NamedTemporaryFile() as log:
        process = start_threads(log.name, calls, roles)
        while process.poll() is None:
            time.sleep(0.03)
            with kprobes_off():
                pass
        check.eq(process.returncode, 0, "status")
        threads, records, now = read_thread_log(log.name), held(), counters()
    made = sum(len(thread) for thread in threads.values())
    check(0 < len(records) < made, f"{len(records)} of {made} were seen: proves nothing")
    compare(check, threads, records, all_seen=False)
    check.eq(now["entered"], now["recorded"] + now["missed"], "entered = recorded + missed")
    check.eq(now["recorded"], len(records), "recorded")


@case("ftrace, which the probes sit on, cannot be switched off behind the module's back")
def ftrace(check):
    if not os.path.exists(FTRACE):
        raise Skip("this kernel has no switch for ftrace")
    with module():
        with open("/sys/kernel/debug/kprobes/list") as file:
            if not any("sys_setns" in line and "[FTRACE]" in line for line in file):
                raise Skip("here the probes do not sit on ftrace")
        event(1)
        try:
            put(FTRACE, "0")
            stayed = False
        except OSError:
            stayed = True
        try:
            event(2)
        finally:
            put(FTRACE, "1")
        event(3)
        check.eq([o["nstype"] for o in read_json()], [1, 2, 3], "calls seen")
    if not check(stayed, "it was switched off"):
        return      # to load now, with ftrace off, would break it until the next boot
    try:
        put(FTRACE, "0")
    except OSError as problem:
        if problem.errno != errno.EOPNOTSUPP:
            raise
        with open(FTRACE) as file:
            check.eq(file.read(), "1\n", "ftrace, which nobody can switch off on this kernel")
        return
    try:
        refused(check, "ftrace")
    finally:
        put(FTRACE, "1")
    with module():
        event(4)
        check.eq([o["nstype"] for o in read_json()], [4], "once it is on again")


run_cases(unload)
