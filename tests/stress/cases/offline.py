#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Calls from a processor that goes off line just then, while readers sleep: each wakes
them all, though nothing else happens (by offline.c). The oracle is the callers' own count.

SETNSMON_OFFLINES=N: a processor goes about N times."""

import os

from guest import MODULES, PATIENCE, STRESS_PROGS, must, put, unload
from programs import add_program
from tap import run_cases

OFFLINES = int(os.environ.get("SETNSMON_OFFLINES", 60))

must("insmod", f"{MODULES}/linger.ko")
try:
    add_program("offline", OFFLINES, directory=STRESS_PROGS, least=2,
                timeout=3 * PATIENCE + 3 * OFFLINES)
finally:
    put("/sys/module/linger/parameters/go", "1")    # whoever was left behind
    must("rmmod", "linger")

run_cases(unload)
