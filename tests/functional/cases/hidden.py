#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Whoever hides calls from the probes becomes visible: other probes on the same functions are
counted, and so are probes of the module's own that do not fire. The oracles are what the test
registers (modules/hider.c, tracefs) and the results that the callers get."""

import contextlib
import errno
import json
import select
import subprocess

from actors import act
from guest import MODULES, READER, counter, counters, kprobes_off, module, must, put, run, unload
from tap import Skip, case, run_cases

TRACE = "/sys/kernel/tracing/kprobe_events"
PROBES = 4      # a pair on each of two entry functions


@contextlib.contextmanager
def hider(**parameters):
    must("insmod", f"{MODULES}/hider.ko", *(f"{name}={value}" for name, value in parameters.items()))
    try:
        yield
    finally:
        must("rmmod", "hider")


def health():
    return counter("other_probes"), counter("unarmed")


def call(word="call"):
    """Makes one call that succeeds, and returns the actor's line about it."""
    return act("open", "/proc/self/ns/uts", word, 0)


def entered(word="call"):
    before = counter("entered")
    call(word)
    return counter("entered") - before


@case("nobody else: no other probe, and all of ours are armed")
def nobody(check):
    with module():
        check.eq(health(), (0, 0), "other probes, unarmed")
        check.eq(entered(), 1, "calls")
        check.eq(health(), (0, 0), "other probes, unarmed, after a call")


@case("a later kprobe that answers in the place of setns hides the call, and is counted")
def hidden(check):
    for function, word in (("__x64_sys_setns", "call"), ("__ia32_sys_setns", "int80")):
        with module():
            with hider(function=function):
                check.eq(health(), (1, 0), f"{function}: other probes, unarmed")
                check.eq(entered(word), 0, f"{function}: calls that were seen")
                check.eq(health(), (1, 0), f"{function}: other probes, unarmed, after the call")
            check.eq(health(), (0, 0), f"{function}: afterwards")
            check.eq(entered(word), 1, f"{function}: calls that were seen afterwards")


@case("an earlier kprobe, a harmless one and one of tracefs are counted, too")
def others(check):
    with hider(harmless=1), module():
        check.eq(health(), (1, 0), "the earlier one")
        check.eq(entered(), 1, "calls")
        put(TRACE, "p:setnsmon_test __x64_sys_setns\nr:setnsmon_test_r __ia32_sys_setns\n")
        try:
            put("/sys/kernel/tracing/events/kprobes/setnsmon_test/enable", "1")
            put("/sys/kernel/tracing/events/kprobes/setnsmon_test_r/enable", "1")
            check.eq(health(), (3, 0), "with those of tracefs")
            check.eq(entered(), 1, "calls")
        finally:
            put("/sys/kernel/tracing/events/kprobes/enable", "0")
            put(TRACE, "")
        check.eq(health(), (1, 0), "without those of tracefs")


@case("kprobes that are switched off: none of ours is armed")
def switched_off(check):
    with module():
        with kprobes_off():
            check.eq(health(), (0, PROBES), "off")
        check.eq(health(), (0, 0), "on again")
        check.eq(counters()["entered"], 0, "the proof's calls are in no counter")


@case("kprobes that the kernel has silenced for good: none of ours is armed")
def silenced(check):
    blind = "/sys/module/hider/parameters/blind"
    with module(), hider(function="__ia32_sys_setns", harmless=1):
        try:
            put(blind, "1")
        except OSError as error:
            check.eq(error.errno, errno.ENOENT, "error")
            raise Skip("this kernel never silences kprobes") from error
        try:
            check.eq(health(), (1, PROBES), "silenced")
            check.eq(entered(), 0, "calls that were seen")
        finally:
            put(blind, "0")
        check.eq(health(), (1, 0), "no longer")


@case("selftest fails beside another probe, even a harmless one, and says so")
def selftest(check):
    with module():
        for options in ({"function": "__ia32_sys_setns", "harmless": 1}, {}):
            with hider(**options):
                done = run(READER, "selftest")
            check.eq((done.returncode, done.stdout), (1, ""), f"{options}")
            check(done.stderr.startswith("setnsmon: 1 kprobe of other programs can hide calls"),
                  f"{options}: {done.stderr!r}")
        check.eq(run(READER, "selftest").returncode, 0, "alone")


@case("stats shows other probes and probes that do not fire")
def stats(check):
    def shown():
        values = json.loads(must(READER, "stats", "-o", "json").stdout)
        return values["other_probes"], values["unarmed"]

    with module():
        check.eq(shown(), (0, 0), "alone")
        with hider(harmless=1):
            check.eq(shown(), (1, 0), "another probe")
            with kprobes_off():
                check.eq(shown(), (1, PROBES), "kprobes off")


def line_of(stream, seconds=20):
    return stream.readline() if select.select([stream], [], [], seconds)[0] else "(nothing)"


@case("a reader that follows reports each of the two once, even one that comes later")
def follow(check):
    with module(), hider(harmless=1):
        process = subprocess.Popen([READER, "--new"], text=True, bufsize=1,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        first = line_of(process.stderr)
        check("1 kprobe of other programs can hide calls" in first, f"the first: {first!r}")
        with kprobes_off():
            second = line_of(process.stderr)
            check("calls are not recorded: kprobes are switched off" in second, f"the second: {second!r}")
        process.terminate()
        check.eq((process.communicate(timeout=20)[1], process.returncode), ("", 0), "the end")


run_cases(unload)
