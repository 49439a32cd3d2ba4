#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""A member of the group makes one open file wake a crowd: 20,000 descriptors in one epoll set.
While a user without rights makes calls (crowd.c), nobody else may suffer."""

import contextlib
import os
import re

from guest import MODULES, PATIENCE, PROGS, kernel_log, module, must, put, run, unload
from tap import add_case, run_cases

SIZE, SECONDS = 20000, 10
PIECE = 64      # of module/stream/wakeup.c
WATCHDOG = "/proc/sys/kernel/watchdog_thresh"


def worker():
    """Returns the process id of the thread that wakes readers."""
    for pid in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(FileNotFoundError), open(f"/proc/{pid}/comm") as comm:
            if comm.read() == "setnsmon\n" and not os.path.exists(f"/proc/{pid}/exe"):
                return pid
    raise RuntimeError("no thread setnsmon")


@contextlib.contextmanager
def impatient_watchdog():
    """Reports a CPU that does not reschedule for four seconds instead of twenty."""
    with open(WATCHDOG) as file:
        before = file.read()
    put(WATCHDOG, str(2 * PATIENCE // 60))
    try:
        yield
    finally:
        put(WATCHDOG, before)


@contextlib.contextmanager
def longest_walk():
    """Counts the entries that are notified with interrupts off. A function returns the most."""
    def longest():
        with open("/sys/module/longest_walk/parameters/longest") as file:
            return int(file.read())

    must("insmod", f"{MODULES}/longest_walk.ko")
    try:
        yield longest
    finally:
        must("rmmod", "longest_walk")


def measure():
    """Returns the output of crowd.c, its numbers, and what the kernel has seen meanwhile."""
    before = len(kernel_log())
    with module(), longest_walk() as walk, impatient_watchdog():
        done = run(f"{PROGS}/crowd", SIZE, SECONDS, worker(), timeout=2 * PATIENCE)
        longest = walk()
    numbers = {name: int(value)
               for name, value in re.findall(r"^(\w+) (-?\d+)$", done.stdout, re.MULTILINE)}
    print(f"# {numbers}")
    print(f"# at most {longest} entries with interrupts off")
    return done, numbers, longest, kernel_log()[before:]


DONE, NUMBERS, LONGEST, LOG = measure()


def number(name):
    return NUMBERS.get(name, -1)


def ran(check):
    check(DONE.returncode == 0 and "\nok 1 " in DONE.stdout, DONE.stdout + DONE.stderr)
    check(number("looks") > SECONDS, f"looks: {number('looks')}")
    check(number("waits") > 100, f"waits: {number('waits')}")


def all_woken(check):
    check.eq(number("woken"), SIZE, "after one call")
    check.eq(number("woken_again"), SIZE, "after one call, when the flood is over")


def no_lockup(check):
    with open("/proc/sys/kernel/soft_watchdog") as file:
        check.eq(file.read(), "1\n", "the watchdog")
    check.eq([line for line in LOG if "lockup" in line or "stall" in line], [], "log")


def short_pieces(check):
    check(0 < LONGEST <= PIECE, f"{LONGEST} entries in one go")


def small_share(check):
    # An eighth, but the longest rest is 32 ms. On a busy host each round takes nearly as long.
    check(number("rests") > SECONDS, f"it rested {number('rests')} times")
    check(0 < number("worker_ns") * 20 < number("flood_ns") * 19,
          f"{number('worker_ns')} of {number('flood_ns')} ns")


def others_first(check):
    check(0 < number("median_age_ns") < number("walk_ns"),
          f"median {number('median_age_ns')} ns, the whole crowd takes {number('walk_ns')} ns")


def priority(check):
    check(number("urgent") * 4 < number("looks"), f"{number('urgent')} of {number('looks')} looks")
    check.eq(number("nice"), -20, "afterwards")


for name, function in (
        ("the program that measures ran to its end", ran),
        ("every descriptor of the crowd is woken for a call", all_woken),
        ("no CPU is kept from rescheduling for four seconds", no_lockup),
        (f"at most {PIECE} entries are notified with interrupts off", short_pieces),
        ("the thread that wakes rests after each round", small_share),
        ("another reader does not wait for the crowd", others_first),
        ("the thread that wakes has no high priority meanwhile", priority)):
    add_case(name, function)

run_cases(unload)
