#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Calls of every outcome from every CPU, while readers of all sorts read. Every call
is counted, and every reader gets every number of every CPU or its loss reported. The
oracles are the callers' own count and their command names, which define their calls
(callers.h). For a guest whose CPUs run at the same time.

SETNSMON_STORM_SECONDS=N makes calls for about N seconds in all."""

import os

from guest import unload
from stresslib import (CROWD, EIGHT, MORTALS, check_memory, cpu_off_and_on, glances,
                       killed_reader, meanwhile, memory, storm, tell, tell_total, total)
from tap import case, run_cases

SECONDS = max(2, int(os.environ.get("SETNSMON_STORM_SECONDS", 20)) // 6)

before = None


@case("warming up: a short storm of everything")
def warm_up(check):
    def during(callers):
        with meanwhile(killed_reader, cpu_off_and_on):
            callers.wait()
    storm(check, 2, CROWD + MORTALS, EIGHT, during)
    global before
    before = memory()


@case("a gust that the rings can hold: each of eight readers gets every call")
def gust(check):
    calls = min(1000, 100 * SECONDS)
    result = storm(check, 100 * SECONDS, CROWD, EIGHT, calls=calls, ring=16384)
    tell("a gust", *result)
    for mode, sums in result[2]:
        check.eq(sums.get("lost"), 0, f"{mode}: lost")


@case("nobody reads: every call is counted")
def nobody(check):
    tell("no reader", *storm(check, SECONDS, CROWD, ()))


@case("one reader: each call is read or told as lost")
def one(check):
    tell("one reader", *storm(check, SECONDS, CROWD, ("fast",), ring=16384))


@case("eight readers, fast and slow, and others that are killed while they read")
def eight(check):
    def during(callers):
        with meanwhile(killed_reader, glances):
            callers.wait()
    result = storm(check, SECONDS, CROWD + MORTALS, EIGHT, during)
    tell("eight readers", *result)
    slow = dict(result[2])["slow"]
    check(slow.get("lost"), "the slow reader lost nothing: this proves little")


@case("the smallest rings: readers that are overtaken in the midst of a record")
def smallest(check):
    tell("smallest rings", *storm(check, SECONDS, CROWD + MORTALS, ("fast", "tiny", "spin"),
                                  ring=16))


@case("CPUs go off line and on line with callers on them")
def hotplug(check):
    def during(callers):
        with meanwhile(cpu_off_and_on):
            callers.wait()
    done, now, all_sums = storm(check, SECONDS, CROWD + MORTALS, ("fast", "poll", "json"), during)
    tell("CPUs off and on", done, now, all_sums)
    check(total["CPUs off and on"], "none went")
    check(all_sums[0][1].get("moved"), "no caller was moved")


@case("memory is back to where it was")
def afterwards(check):
    tell_total()
    check_memory(check, before, memory())


run_cases(unload)
