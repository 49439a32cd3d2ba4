#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""CPUs that come online and go offline while the module is loaded. Rings are made when a CPU
first comes online. The oracles are /proc/vmallocinfo and the calls made on each CPU."""

import contextlib
import errno
import os
import select

from actors import act
from guest import MODULES, module, must, put, unload
from leftovers import new_log
from records import held, open_binary, read_all, records_in
from tap import case, run_cases

LATE = 1    # the CPU that comes and goes


def online(cpu, state):
    put(f"/sys/devices/system/cpu/cpu{cpu}/online", str(int(state)))


@contextlib.contextmanager
def offline(cpu):
    online(cpu, False)
    try:
        yield
    finally:
        online(cpu, True)


def areas():
    """Returns the bytes of the area of rings of each CPU that has some."""
    with open("/proc/vmallocinfo") as file:
        return [int(line.split()[1]) for line in file
                if " [setnsmon] " in line and "prepare_cpu" in line]


def cpus_with_rings():
    return len(areas())


@contextlib.contextmanager
def no_memory(size):
    """Makes the kernel refuse vmalloc areas of this size."""
    name = "vzalloc_node_noprof"
    with open("/proc/kallsyms") as symbols:
        if not any(line.split()[2] == name for line in symbols):
            name = "vzalloc_node"
    must("insmod", f"{MODULES}/no_vmalloc.ko", f"size={size}", f"symbol={name}")
    try:
        yield
    finally:
        must("rmmod", "no_vmalloc")


def calls(cpu, count):
    act("pin", cpu, "open", "/proc/self/ns/uts", "calls", count, 0)


def places(records):
    return [(record.cpu, record.seq) for record in records]


@case("an offline CPU has no rings; it gets them when it comes online, and keeps them")
def rings(check):
    with offline(LATE), module(ring_records=256):
        check.eq(cpus_with_rings(), 1, "CPUs with rings")
        online(LATE, True)
        check.eq(cpus_with_rings(), 2, "CPUs with rings, after one came")
        online(LATE, False)
        check.eq(cpus_with_rings(), 2, "CPUs with rings, after it went")
    check.eq(cpus_with_rings(), 0, "CPUs with rings, after rmmod")


def refused(cpu):
    try:
        online(cpu, True)
    except OSError as error:
        return error.errno
    return 0


@case("without memory for its rings a CPU stays offline, and the log says why")
def without_memory(check):
    with offline(LATE), module(ring_records=256):
        size = areas()[0] - os.sysconf("SC_PAGESIZE")   # without the guard page
        with no_memory(size):
            lines, error = new_log(lambda: refused(LATE))
        check.eq(error, errno.ENOMEM, "error")
        check(any(f"no memory for the rings of CPU {LATE}" in line for line in lines), f"log: {lines}")
        check.eq(cpus_with_rings(), 1, "CPUs with rings")
        calls(0, 1)
        online(LATE, True)
        calls(LATE, 2)
        check.eq(places(held()), [(0, 0), (LATE, 0), (LATE, 1)], "records, once there was memory")


@case("readers that were there before a CPU came get its calls in order, and are woken by them")
def followed(check):
    with offline(LATE), module(ring_records=256):
        calls(0, 5)
        unread, reader = open_binary(), open_binary()
        check.eq(places(records_in(read_all(reader))), [(0, seq) for seq in range(5)], "records before")
        online(LATE, True)
        poll = select.poll()
        poll.register(reader, select.POLLIN)
        check.eq(poll.poll(0), [], "ready before a call")
        calls(LATE, 1)
        check.eq(poll.poll(10000), [(reader, select.POLLIN)], "ready after a call on the new CPU")
        for _ in range(5):
            calls(0, 2)
            calls(LATE, 2)
        expected = [(LATE, 0)]
        for turn in range(5):
            expected += [(0, 5 + 2 * turn), (0, 6 + 2 * turn)]
            expected += [(LATE, 1 + 2 * turn), (LATE, 2 + 2 * turn)]
        check.eq(places(records_in(read_all(reader))), expected, "records after it came")
        everything = [(0, seq) for seq in range(5)] + expected
        check.eq(places(records_in(read_all(unread))), everything, "records of a file that was not read")
        check.eq(places(held()), everything, "records of a new file")
        os.close(reader)
        os.close(unread)


@case("a reader that went to the end gets all calls of a CPU that came later")
def from_the_end(check):
    with offline(LATE), module(ring_records=256):
        calls(0, 5)
        reader = open_binary()
        os.lseek(reader, 0, os.SEEK_END)
        online(LATE, True)
        calls(LATE, 3)
        calls(0, 1)
        check.eq(places(records_in(read_all(reader))), [(LATE, 0), (LATE, 1), (LATE, 2), (0, 5)], "records")
        os.lseek(reader, 0, os.SEEK_END)
        check.eq(read_all(reader), b"", "records after a skip")
        os.close(reader)


@case("records stay while their CPU is offline, and its numbers go on afterwards")
def kept(check):
    with module(ring_records=256):
        calls(LATE, 3)
        with offline(LATE):
            calls(0, 1)
            check.eq(places(held()), [(LATE, 0), (LATE, 1), (LATE, 2), (0, 0)], "records while it is offline")
        calls(LATE, 1)
        check.eq(places(held())[-1], (LATE, 3), "record after it came back")


@case("what a new CPU overwrote before a reader looked is a gap")
def overtaken(check):
    with offline(LATE), module(ring_records=16):
        reader = open_binary()
        check.eq(read_all(reader), b"", "records before")
        online(LATE, True)
        calls(LATE, 50)
        records = records_in(read_all(reader))
        check.eq(places(records), [(LATE, 0)] + [(LATE, seq) for seq in range(34, 50)], "records")
        os.close(reader)


run_cases(unload)
