#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Calls on a CPU that goes offline at that moment, while readers sleep (offline.c). Each
call wakes all readers, although nothing else happens. The oracle is the callers' own count.

SETNSMON_OFFLINES=N: about N times a CPU goes offline."""

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
