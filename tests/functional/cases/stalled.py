#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""A write that does not end, because the kernel killed its task in a handler, for example
(modules/dead_writer.c). Readers can be stopped, and get every other record. The oracle is
the number of calls made on each CPU."""

import collections
import subprocess

from actors import act
from guest import DEVICE, MODULES, must, module, unload
from records import held
from tap import case, run_cases

PLAIN = 0


def address(symbol):
    with open("/proc/kallsyms") as symbols:
        for words in map(str.split, symbols):
            if words[2:] == [symbol, "[setnsmon]"]:
                return words[0]
    raise RuntimeError(f"no symbol {symbol}")


def begin_without_end(cpu):
    """Begins a write to the plain ring of this CPU."""
    must("insmod", f"{MODULES}/dead_writer.ko", f"rings=0x{address('cpu_rings')}", f"cpu={cpu}",
         f"class={PLAIN}")
    must("rmmod", "dead_writer")


def calls(cpu, count):
    act("pin", cpu, "open", "/proc/self/ns/uts", "calls", count, 0)


def numbers(records):
    found = collections.defaultdict(list)
    for record in records:
        found[record.cpu].append(record.seq)
    return dict(found)


@case("cat can be stopped, and shows what the other CPUs recorded")
def stopped(check):
    with module(ring_records=64):
        calls(0, 5)
        begin_without_end(1)
        calls(0, 5)
        cat = subprocess.Popen(["timeout", "10", "cat", DEVICE], stdout=subprocess.PIPE, text=True)
        try:
            lines = cat.communicate(timeout=60)[0].splitlines()
        except subprocess.TimeoutExpired:
            check(False, "cat does not end")
            raise
        check.eq(cat.returncode, 124, "status of timeout")
        check.eq(len(lines), 10, "lines")


@case("a reader that does not wait gets all other records, and later ones")
def without_waiting(check):
    with module(ring_records=64):
        calls(1, 3)
        begin_without_end(1)
        calls(0, 5)
        check.eq(numbers(held()), {0: [*range(5)], 1: [*range(3)]}, "records")
        calls(0, 5)
        check.eq(numbers(held()), {0: [*range(10)], 1: [*range(3)]}, "records, again")


@case("the next call on that CPU takes the place of the write that did not end")
def replaced(check):
    with module(ring_records=64):
        calls(1, 3)
        begin_without_end(1)
        calls(0, 5)
        calls(1, 4)
        check.eq(numbers(held()), {0: [*range(5)], 1: [*range(7)]}, "records")


run_cases(unload)
