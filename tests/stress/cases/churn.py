#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Calls while the probes come and go: kprobes are switched off and on, other tools
probe and trace the same functions, and the module is unloaded and loaded again with
calls in flight. Every call that is seen is counted, and every counted call has a record.

SETNSMON_STORM_SECONDS=N makes calls for about N seconds in all."""

import contextlib
import os
import random
import time

from guest import KPROBES, module, put, unload
from leftovers import leftovers
from stresslib import (MORTALS, ROLES, Callers, CheckingReader, check_memory, cpu_off_and_on,
                       meanwhile, memory, storm, tell, tell_total, total, until)
from tap import case, run_cases

SECONDS = max(3, int(os.environ.get("SETNSMON_STORM_SECONDS", 18)) // 3)
TRACING = "/sys/kernel/tracing"
ENTRIES = ("__x64_sys_setns", "__ia32_sys_setns")
THREE = ("fast", "poll", "json")
# Loading and probing is slow with many callers
FEW = ROLES + MORTALS
RINGS = (16, 256, 8192)

before = None


def kprobes_off_and_on():
    put(KPROBES, "0")
    time.sleep(random.uniform(0, 0.1))
    put(KPROBES, "1")
    time.sleep(random.uniform(0, 0.2))
    total["kprobes off and on"] += 1


def add(path, text):
    """Appends, because opening for writing with truncation would remove the settings of others."""
    fd = os.open(path, os.O_WRONLY | os.O_APPEND)
    try:
        os.write(fd, text.encode())
    finally:
        os.close(fd)


def other_probes():
    """The kernel's own kprobe events on the same functions"""
    for entry in ENTRIES:
        add(TRACING + "/kprobe_events", f"p:storm/enter_{entry} {entry}\n")
        add(TRACING + "/kprobe_events", f"r:storm/leave_{entry} {entry}\n")
    put(TRACING + "/events/storm/enable", "1")
    time.sleep(random.uniform(0, 0.1))
    put(TRACING + "/events/storm/enable", "0")
    for entry in ENTRIES:
        for side in ("enter", "leave"):
            add(TRACING + "/kprobe_events", f"-:storm/{side}_{entry}\n")
    total["probes of others"] += 4


def other_tracer():
    """The function tracer on the same functions"""
    put(TRACING + "/set_ftrace_filter", " ".join(ENTRIES))
    put(TRACING + "/current_tracer", "function")
    time.sleep(random.uniform(0, 0.1))
    put(TRACING + "/current_tracer", "nop")
    put(TRACING + "/set_ftrace_filter", "")
    total["tracers of others"] += 1


def disturbed_by(*doings):
    def during(callers):
        with meanwhile(*doings):
            callers.wait()
    return during


@case("warming up: a short storm of everything")
def warm_up(check):
    global before
    during = disturbed_by(kprobes_off_and_on, other_probes, other_tracer, cpu_off_and_on)
    storm(check, SECONDS, FEW, THREE, during, all_seen=False)
    before = memory()


@case("kprobes are switched off and on: what is seen is counted, and is read or told as lost")
def switched(check):
    done, now, all_sums = storm(check, SECONDS, FEW, THREE,
                                disturbed_by(kprobes_off_and_on), all_seen=False)
    tell("kprobes off and on", done, now, all_sums)
    check(now["entered"] < done, "all was seen: this proves nothing")


@case("others probe and trace the same functions: every call is counted all the same")
def others(check):
    tell("probes of others", *storm(check, SECONDS, FEW, THREE,
                                    disturbed_by(other_probes, other_tracer)))


def turn(check, number):
    """Loads the module, starts a reader, and unloads it while calls are in flight."""
    with module(ring_records=RINGS[number % len(RINGS)], maxactive=number % 3), \
            contextlib.closing(CheckingReader("fast")) as reader:
        until("the reader has seen calls", lambda: reader.next() > 100)
        # No last call: others overwrite it in a ring of 16 before the reader has seen it.
        reader.process.terminate()
        sums = reader.end(check)
        # All at one moment, while calls continue
        check(sums.get("entered", -1) >= sums.get("recorded", 0) + sums.get("missed", 0),
              f"entered, recorded, missed: {sums}")
        check.eq(sums.get("wrong"), 0, "records that are wrong")
    check.eq(leftovers(symbols=False), [], f"left behind in turn {number}")
    total["loads under load"] += 1


@case("the module is unloaded and loaded again with calls in flight")
def reloaded(check):
    with contextlib.closing(Callers(100 * SECONDS, FEW)) as callers:
        end = time.monotonic() + SECONDS
        number = 0
        while time.monotonic() < end or number < 5:
            turn(check, number)
            number += 1
        callers.stop()
        callers.end(check)


@case("memory is back to where it was")
def afterwards(check):
    tell_total()
    check_memory(check, before, memory())


run_cases(unload)
