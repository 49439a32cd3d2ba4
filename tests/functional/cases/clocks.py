#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Time: each record lies between the caller's own clock readings before and after its
call, even under load, in a time namespace and after the wall clock was set; and the
order of records."""

import datetime
import os
import re
import tempfile
import time

from actors import Actor, innermost, read_thread_log, run_threads, start_threads
from guest import counter, cpus, module, unload
from namespaces import KINDS
from records import HAS_RET, device_lines, held, open_binary, parse_line, read_json, records_in
from tap import Skip, case, run_cases

DAY = 86400
SECOND = 10**9


def ns_of(text):
    """Returns the nanoseconds since 1970 of an RFC 3339 time with all nine digits."""
    match = re.fullmatch(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\.(\d{9})Z", text)
    moment = datetime.datetime.fromisoformat(match.group(1) + "+00:00")
    epoch = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
    return (moment - epoch) // datetime.timedelta(seconds=1) * SECOND + int(match.group(2))


def boot_now():
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)


def real_now():
    return time.clock_gettime_ns(time.CLOCK_REALTIME)


# ---- order ----

def check_order(check, records):
    """Checks that the numbers of each CPU have no gap, and that time never goes back in the stream."""
    last, following = 0, {}
    for record in records:
        check(record.type == 1, f"type {record.type}")
        check(record.boot_ns >= last, f"{record.cpu}/{record.seq}: back by {last - record.boot_ns}")
        if record.cpu in following:
            check.eq(record.seq, following[record.cpu], f"number on CPU {record.cpu}")
        last, following[record.cpu] = record.boot_ns, record.seq + 1
    check(set(following) == set(cpus()), f"records of CPUs {sorted(following)} only")


def check_times(check, threads, records):
    """Checks each record against the readings of its caller. Returns how close they were."""
    mine = {tid: [] for tid in threads}
    for record in records:
        mine[record.tid].append(record)
    for tid, calls in threads.items():
        if not check.eq(len(mine[tid]), len(calls), f"records of {tid}"):
            continue
        for call, record in zip(calls, mine[tid]):
            started = record.duration_ns
            if not call.boot0 <= record.boot_ns - started <= record.boot_ns <= call.boot1:
                check(False, f"boot_ns {record.boot_ns}, took {started}: {call}")
            # The clocks are read one after the other, boot before real.
            if not call.real0 <= record.real_ns - started <= record.real_ns <= call.real1:
                check(False, f"real_ns {record.real_ns}, took {started}: {call}")
            if record.has & HAS_RET and not 0 < started <= call.boot1 - call.boot0:
                check(False, f"took {started}, of {call.boot1 - call.boot0}")


@case("under load on all CPUs, 6000 calls: within the caller's readings, in order")
def load(check):
    with module(ring_records=16384):
        threads = run_threads(1000, "ffuuff")
        records = held()
    check_times(check, threads, records)
    check_order(check, records)
    offsets = [record.real_ns - record.boot_ns for record in records]
    check(max(offsets) - min(offsets) < SECOND // 1000, "the two clocks drift apart")


def add_thread_case(name, roles, untracked=False, **parameters):
    @case(name)
    def threads_and_records(check):
        with module(ring_records=4096, **parameters):
            threads = run_threads(400, roles)
            records = held()
        if untracked:
            check(any(not record.has & HAS_RET for record in records), "all were followed")
        check_times(check, threads, records)
        check_order(check, records)


add_thread_case("calls that sleep, and 64 and 32 bit: the same", "mimfi")
add_thread_case("untracked calls have the time of their entry", "mmmfu", untracked=True, maxactive=1)


@case("a reader that reads along while all CPUs call: in order, and each once")
def read_along(check):
    roles, calls = "ffffuu", 2000
    with module(ring_records=16384), tempfile.NamedTemporaryFile() as log:
        fd = open_binary()
        process = start_threads(log.name, calls, roles)
        parts = []
        while True:
            ended = process.poll() is not None
            part = b""
            try:
                part = os.read(fd, 408 * 7)
                parts.append(part)
            except BlockingIOError:
                if ended:
                    break
        os.close(fd)
        recorded = counter("recorded")
    records = records_in(b"".join(parts))
    check.eq(len(records), len(roles) * calls, "records read")
    check.eq(recorded, len(records), "recorded")
    check(len(parts) > 100, f"only {len(parts)} reads")
    check_order(check, records)


# ---- time namespaces ----

@case("from a time namespace with offsets: boot_ns and start_ns are the host's")
def time_namespace(check):
    if not os.path.exists("/proc/self/timens_offsets"):
        raise Skip("this kernel has no time namespaces")
    for offset in (1000 * DAY, -(boot_now() // SECOND) + 1):
        with module():
            actor = Actor("open", "/proc/self/ns/uts", "unshare", KINDS["time"], "hold", "fork",
                          "talk", "call", 0)
            try:
                actor.expect("hold")
                with open(f"/proc/{actor.process.pid}/timens_offsets", "w") as file:
                    file.write(f"boottime {offset} 0\nmonotonic {offset} 0\n")
                forked = boot_now()
                actor.go()
                actor.expect("ready")
                tid = innermost(actor.process.pid)
                before = boot_now()
                actor.go()
                ret, boot0, boot1, real0, real1 = actor.expect("done")
                after = boot_now()
                actor.go()
                actor.end()
            finally:
                if actor.process.poll() is None:
                    actor.kill()
            record, = read_json()
        inside = offset * SECOND
        # The oracle is valid: the actor's clock differs from ours.
        check.within(before + inside, boot0, after + inside, "the actor's clock")
        check.eq([record["tid"], record["ret"], ret], [tid, 0, 0], "tid, ret")
        boot, took = record["boot_ns"], record["duration_ns"]
        check.within(boot0 - inside, boot - took, boot, f"{offset}: entered")
        check.within(boot - took, boot, boot1 - inside, f"{offset}: returned")
        check.within(real0, ns_of(record["time"]), real1, f"{offset}: time")
        check.within(1, took, boot1 - boot0, f"{offset}: took")
        check.within(forked, int(record["start_ns"]), before, f"{offset}: start_ns")


@case("a call that goes into a time namespace and back takes as long as it takes")
def into_time_namespace(check):
    offset = 5000 * DAY
    with module():
        target = Actor("unshare", KINDS["time"], "hold", "fork", "hold")
        try:
            target.expect("hold")
            with open(f"/proc/{target.process.pid}/timens_offsets", "w") as file:
                file.write(f"boottime {offset} 0\nmonotonic {offset} 0\n")
            target.go()
            target.expect("hold")
            inner = innermost(target.process.pid)
            actor = Actor("talk", "open", f"/proc/{inner}/ns/time", "call", 0,
                          "open", "/proc/1/ns/time", "call", 0)
            spans = []
            for _ in range(2):
                actor.expect("ready")
                before = boot_now()
                actor.go()
                spans.append((before, actor.expect("done"), boot_now()))
                actor.go()
            actor.end()
        finally:
            target.kill()
        records = read_json()
    there, back = spans
    check.within((offset - 10) * SECOND, there[1][2] - there[1][1], (offset + 10) * SECOND,
                 "the actor's clock went ahead")
    check(back[1][2] < back[1][1], "the actor's clock went back")
    for (before, done, after), record in zip(spans, records):
        check.eq([done[0], record["ret"], record["joined"]], [0, 0, ["time"]], "ret, joined")
        check(before < record["boot_ns"] - record["duration_ns"] < record["boot_ns"] < after,
              f"{record['boot_ns']}, took {record['duration_ns']}: not from {before} to {after}")


# ---- the wall clock is set ----

def one_call(number):
    """Returns the caller's readings: boot, boot, real, real."""
    actor = Actor("talk", "fd", -1, "call", number)
    actor.expect("ready")
    actor.go()
    readings = actor.expect("done")[1:]
    actor.go()
    actor.end()
    return readings


STEPS = ["2026-01-02T03:04:05", "1980-02-29T23:59:59", "2000-12-31T23:59:59", "2028-02-29T00:00:00",
         "2100-02-28T23:59:59", "2200-03-01T00:00:00", "1970-06-01T12:00:00"]


@case("the wall clock is set, ahead and back: time follows, boot_ns does not jump")
def wall_clock(check):
    began, boot = real_now(), boot_now()
    calls, meant = [], []
    with module():
        try:
            calls.append(one_call(1))
            meant.append(None)
            for step in STEPS:
                seconds = ns_of(step + ".000000000Z")
                time.clock_settime_ns(time.CLOCK_REALTIME, seconds)
                calls.append(one_call(1))
                meant.append(seconds)
        finally:
            time.clock_settime_ns(time.CLOCK_REALTIME, began + boot_now() - boot)
        calls.append(one_call(1))
        meant.append(None)
        records = read_json()
        lines = [parse_line(line) for line in device_lines()]
    if not check.eq(len(records), len(calls), "records"):
        return
    for readings, record, line, seconds in zip(calls, records, lines, meant):
        boot0, boot1, real0, real1 = readings
        if seconds is not None:
            check.within(seconds, real0, seconds + 60 * SECOND, "the oracle's clock")
        check.within(real0, ns_of(record["time"]), real1, "time")
        check.within(boot0, record["boot_ns"], boot1, "boot_ns")
        check.within(1, record["duration_ns"], boot1 - boot0, "took")
        check.eq(line["time"], record["time"], "time in the text")
    stamps = [record["boot_ns"] for record in records]
    check.eq(stamps, sorted(stamps), "order")
    check(stamps[-1] - stamps[0] <= boot_now() - boot, "boot_ns ran ahead")


@case("the wall clock jumps to and fro while threads call: boot_ns does not, no duration is off")
def jumping(check):
    began, boot = real_now(), boot_now()
    turn = 0
    with module(ring_records=16384), tempfile.NamedTemporaryFile() as log:
        process = start_threads(log.name, 3000, "fufu")
        try:
            # At a higher priority than the threads, which would leave it no time
            os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
            while process.poll() is None:
                turn += 1
                time.clock_settime_ns(time.CLOCK_REALTIME, began + (turn % 3 - 1) * DAY * SECOND)
                time.sleep(0.002)
        finally:
            os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
            time.clock_settime_ns(time.CLOCK_REALTIME, began + boot_now() - boot)
        threads, records = read_thread_log(log.name), held()
    check(turn > 5, f"it was set only {turn} times")
    check_order(check, records)
    mine = {tid: iter([r for r in records if r.tid == tid]) for tid in threads}
    for tid, calls in threads.items():
        for call in calls:
            record = next(mine[tid])
            if not call.boot0 <= record.boot_ns - record.duration_ns < record.boot_ns <= call.boot1:
                check(False, f"boot_ns {record.boot_ns}, took {record.duration_ns}: {call}")
            # If the clock was not set in between, the wall-clock time fits as well.
            if abs((call.real1 - call.real0) - (call.boot1 - call.boot0)) < SECOND // 10**4 and \
                    not call.real0 <= record.real_ns <= call.real1:
                check(False, f"real_ns {record.real_ns}: {call}")
    check(len({record.real_ns // (DAY * SECOND) for record in records}) > 1, "all on one day")


@case("after the machine slept: boot_ns has counted it, no duration has")
def asleep(check):
    if not os.environ.get("SETNSMON_SUSPEND"):
        raise Skip("not every guest wakes up again: SETNSMON_SUSPEND=1 tries")
    if not os.path.exists("/sys/power/pm_test"):
        raise Skip("this kernel cannot test its suspend")
    with module():
        calls = [one_call(1)]
        lag = time.clock_gettime_ns(time.CLOCK_MONOTONIC) - boot_now()
        with open("/sys/power/pm_test", "w") as test:
            test.write("core")
        with open("/sys/power/state", "w") as state:
            state.write("mem")
        lag -= time.clock_gettime_ns(time.CLOCK_MONOTONIC) - boot_now()
        calls.append(one_call(1))
        records = read_json()
    check.within(2 * SECOND, lag, 60 * SECOND, "CLOCK_BOOTTIME ahead of CLOCK_MONOTONIC by")
    for (boot0, boot1, real0, real1), record in zip(calls, records):
        check.within(boot0, record["boot_ns"], boot1, "boot_ns")
        check.within(real0, ns_of(record["time"]), real1, "time")
        check.within(1, record["duration_ns"], boot1 - boot0, "took")


run_cases(unload)
