#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Notification of waiting readers, shared open files, and signals meanwhile (sharing.c,
64 and 32 bit)."""

from guest import unload
from programs import add_program
from tap import run_cases

RINGS = 4096     # more than sharing.c makes calls while it may lose none

for each in ("sharing", "sharing32"):
    add_program(each, RINGS, least=14, ring_records=RINGS)

run_cases(unload)
