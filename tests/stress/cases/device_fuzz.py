#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Random sequences of system calls on the device; see device_fuzz.c.

SETNSMON_FUZZ_SECONDS is the time for all of them together. SETNSMON_FUZZ_SEED is the
seed, a new one each time if it is not set. A failure prints the command that repeats it."""

import os
import re

from guest import STRESS_PROGS, counters, loaded, module, run, unload
from tap import add_case, run_cases

SECONDS = int(os.environ.get("SETNSMON_FUZZ_SECONDS", "20"))
SEED = int(os.environ.get("SETNSMON_FUZZ_SEED") or int.from_bytes(os.urandom(4), "little"))

# Name, number of threads, records in a ring: small rings are overrun all the time
RUNS = [("one thread, to be replayed", "device_fuzz", 1, 64), ("four threads", "device_fuzz", 4, 1024),
        ("four threads, 32 bit", "device_fuzz32", 4, 256),
        ("sixteen threads, small rings", "device_fuzz", 16, 16)]


def add_run(what, program, threads, ring_records):
    command = [program, SEED, max(1, SECONDS // len(RUNS)), threads]
    with module(ring_records=ring_records):
        done = run(f"{STRESS_PROGS}/{program}", *command[1:], timeout=SECONDS + 120)
        counts = counters()
    figures = done.stdout.splitlines()[-1] if done.stdout else "no figures"

    def judge(check):
        check.eq(done.returncode, 0, f"status of {command}, ring_records={ring_records}")
        if done.returncode:
            check(False, done.stdout + done.stderr)
        numbers = [int(n) for n in re.findall(r"\d+", figures)][:4]
        check(len(numbers) == 4 and all(numbers), f"it did little: {figures}")
        check.eq(counts["readers"], 0, "readers")
        check(not loaded(), "the module is still there")
    shown = figures.split(";")[0] if done.returncode == 0 else "failed"
    add_case(f"{what}, seed {SEED}: {shown}", judge)
    if done.returncode == 0:
        print(f"# {what}: {figures}")


for each in RUNS:
    add_run(*each)

run_cases(unload)
