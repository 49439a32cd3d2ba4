#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Races (races.c): one thread calls setns(2), and another replaces the file behind the
descriptor, or moves the process behind it. The caller reads its links from
/proc/thread-self/ns before and after, which shows what each call committed. `after`,
`joined` and `raced` of its record must agree with that. Every call must have its record.

SETNSMON_RACES=N makes about N calls in all."""

import contextlib
import os

from guest import PROGS, cpus, module, run
from tap import Skip, add_case, run_cases

CALLS = int(os.environ.get("SETNSMON_RACES", 120000))
LIMIT = max(15, CALLS // 10000)     # seconds for each

# scene, description, counters that must not be 0
SCENES = [
    ("still", "nobody swings it: nothing is called raced", ""),
    ("kinds", "between net and uts", "raced"),
    ("kinds-away", "between two of net and two of uts, never home in between", "raced"),
    ("kinds-alone", "between pid and time, by another process", "raced"),
    ("same", "between two of net", "raced"),
    ("same-away", "between two of net, never home in between", "raced"),
    ("nothing", "between net and /dev/null", "raced failed"),
    ("closed", "between uts and closed", "raced failed"),
    ("nstype", "between net and uts, and net is asked for", "raced failed"),
    ("nstype-same", "between two of uts, and uts is asked for", "raced"),
    ("processes", "between pidfds of two processes", "raced"),
    ("process-namespace", "between a pidfd and a namespace", "raced"),
    ("moving", "a pidfd of a process that goes to and fro", "raced moves"),
]

TRACING = "/sys/kernel/tracing"
EVENT = TRACING + "/events/setnsmon_test/entry"

total = 0


def put(path, text):
    """Appends to the file, because truncating it would remove the settings of others."""
    fd = os.open(path, os.O_WRONLY)
    try:
        os.write(fd, text.encode())
    finally:
        os.close(fd)


@contextlib.contextmanager
def wide_window():
    """Widens the window between our probe and the system call's own look at the descriptor.
    It is short, and on a busy host two CPUs of a guest seldom run at the same time. Another
    probe that was registered first runs last, and its stack trace is slow."""
    try:
        put(TRACING + "/kprobe_events", "p:setnsmon_test/entry __x64_sys_setns\n")
        put(EVENT + "/trigger", "stacktrace\n")
        put(EVENT + "/enable", "1")
    except OSError as error:
        print(f"# no other probe: {error}")
    try:
        yield
    finally:
        if os.path.exists(EVENT):
            put(EVENT + "/enable", "0")
            put(EVENT + "/trigger", "!stacktrace\n")
            put(TRACING + "/kprobe_events", "-:setnsmon_test/entry\n")
            os.truncate(TRACING + "/trace", 0)


def numbers_of(line):
    values = dict(word.split("=", 1) for word in line.split())
    sides = [int(n) for n in values.pop("sides").split(",")]
    return {name: float(value) if name == "seconds" else int(value)
            for name, value in values.items()}, sides


def race(scene, what, happened):
    global total
    done = run(f"{PROGS}/races", scene, CALLS // len(SCENES), 20 if happened else 0, LIMIT,
               timeout=LIMIT + 60)
    line = done.stdout.splitlines()[-1] if done.stdout else ""
    seen, sides = numbers_of(line) if line else ({"calls": 0, "raced": 0}, [])
    total += seen["calls"]

    def judge(check):
        if len(cpus()) < 2 and happened and not seen["raced"]:
            raise Skip("with one CPU nobody raced")
        check(done.returncode == 0, f"status {done.returncode}: {line}\n{done.stderr}")
        check(seen["calls"] >= min(2000, CALLS // len(SCENES)), f"too few calls: {line}")
        for name in ("raced", "failed", "moves"):
            check((seen.get(name, 0) > 0) == (name in happened.split()), f"{name}: {line}")
        for side, count in enumerate(sides):
            check(count > 0, f"side {side} was never there at entry: {line}")
    print(f"# {scene}: {line}")
    tail = f"{seen['calls']} calls, {seen['raced']} raced"
    if seen.get("unknown"):
        tail += f", {seen['unknown']} of these into what they were in before"
    add_case(f"{what}: {tail}", judge)


with wide_window(), module(ring_records=16384):
    for row in SCENES:
        race(*row)


def enough(check):
    check(total >= min(CALLS, 20000), "too few")


add_case(f"{total} calls in all", enough)
run_cases()
