#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Loads and unloads the module again and again under load. Nothing may break, and
nothing may be left. guest.sh checks the kernel log."""

import os
import subprocess
import time

from guest import (ACTOR, ACTOR32, DEVICE, READER, counters, emulated_in_parallel, load, loaded,
                   module, must, run, settle, unload)
from leftovers import leftovers
from records import device_lines
from tap import Skip, case, run_cases

RING = 8192     # 2 CPUs x 2 rings x 8192 records: 11.5 MiB, which would add up if they stayed


def storm():
    """Calls endlessly from many threads, through both entries."""
    return [subprocess.Popen([ACTOR, "open", "/proc/self/ns/uts", "storm", "3", "0"]),
            subprocess.Popen([ACTOR, "open", "/proc/1/ns/net", "setuid", *["65534"] * 4,
                              "storm", "2", "0"]),
            subprocess.Popen([ACTOR32, "fd", "77", "storm", "2", "0x40000000"])]


def calm(processes):
    for process in processes:
        process.kill()
    for process in processes:
        process.wait()


@case("twenty times: insmod, traffic, a reader in between, rmmod")
def twenty_times(check):
    settled = []
    for turn in range(20):
        load(ring_records=RING)
        actors = [subprocess.Popen([ACTOR, "open", "/proc/self/ns/uts", "hammer", "4", "100", "0"]),
                  subprocess.Popen([ACTOR32, "open", "/proc/self/ns/net", "hammer", "2", "100",
                                    "0"])]
        reader = subprocess.Popen([READER, "-o", "json"], stdout=subprocess.PIPE)
        for actor in actors:
            check.eq(actor.wait(), 0, "actor")
        lines = 0
        while lines < 600:
            check.eq(b'"event":"setns"' in reader.stdout.readline(), True, "a record")
            lines += 1
        reader.terminate()
        check.eq(reader.communicate()[0], b"", "more than was called")
        check.eq(reader.returncode, 0, "status of the reader")
        now = counters()
        check.eq((now["entered"], now["recorded"], now["missed"], now["readers"]),
                 (600, 600, 0, 0), f"counters of turn {turn}")
        unload()
        check.eq(leftovers(symbols=False), [], f"left behind in turn {turn}")
        if turn in (4, 19):
            settled.append(settle())
    (free_5, *taken_5), (free_20, *taken_20) = settled
    # Fifteen leaked sets of rings would be 172,000 KiB.
    check(free_5 - free_20 < 4000, f"free: {free_5} KiB after 5 turns, {free_20} after 20")
    for name, before, after in zip(("SUnreclaim", "Percpu", "VmallocUsed"), taken_5, taken_20):
        check(after - before < 2000, f"{name}: {before} after 5 turns, {after} after 20")


@case("rmmod while a reader has the device open is refused, and nothing is lost to it")
def busy(check):
    with module():
        must(ACTOR, "fd", "50", "calls", "5", "0")
        fd = os.open(DEVICE, os.O_RDONLY | os.O_NONBLOCK)
        done = run("rmmod", "setnsmon")
        check(done.returncode != 0, "removed")
        check("in use" in done.stderr, done.stderr)
        check.eq(loaded(), True, "loaded")
        must(ACTOR, "fd", "51", "calls", "5", "0")
        check.eq(os.read(fd, 1 << 16).count(b"\n"), 10, "lines")
        os.close(fd)
        check.eq(run("rmmod", "setnsmon").returncode, 0, "rmmod after it was closed")
    check.eq(leftovers(symbols=False), [], "left behind")


@case("rmmod with calls in flight, twenty times")
def in_flight(check):
    if emulated_in_parallel():
        raise Skip("this QEMU cannot patch code that runs, unless the processors take turns")
    processes = storm()
    try:
        for turn in range(20):
            load(ring_records=256, maxactive=turn % 4)
            time.sleep(0.15)
            check(counters()["recorded"] > 0, f"turn {turn}: no calls in flight")
            unload()
            check.eq(leftovers(symbols=False), [], f"left behind in turn {turn}")
    finally:
        calm(processes)


@case("readers that come and go under a storm of calls, then rmmod")
def readers_come_and_go(check):
    with module(ring_records=64):
        processes = storm()
        try:
            for _ in range(10):
                readers = [subprocess.Popen([READER, "-o", form], stdout=subprocess.DEVNULL)
                           for form in ("json", "logfmt", "table")]
                readers.append(subprocess.Popen(["cat", DEVICE], stdout=subprocess.DEVNULL))
                time.sleep(0.2)
                for reader in readers:
                    check.eq(reader.poll(), None, "a reader has ended")
                    reader.kill()
                for reader in readers:
                    reader.wait()
        finally:
            calm(processes)
        now = counters()
        check.eq(now["readers"], 0, "readers")
        check.eq(now["entered"], now["recorded"] + now["missed"], "entered = recorded + missed")
        check(len(device_lines()) > 16, "few lines")
    check.eq(leftovers(symbols=False), [], "left behind")


@case("every call of a storm is accounted for, whatever the number of return places")
def storm_is_counted(check):
    for maxactive in (0, 1, 2):
        with module(maxactive=maxactive):
            processes = storm()
            time.sleep(1)
            calm(processes)
            now = counters()
            check(now["entered"] > 100, f"few calls: {now}")
            check.eq(now["entered"], now["recorded"] + now["missed"],
                     f"entered = recorded + missed, maxactive={maxactive}: {now}")


@case("setns still works as it should after all that")
def afterwards(check):
    check.eq(run(ACTOR, "open", "/proc/self/ns/uts", "call", "0", "expect", "0",
                 "fd", "99", "call", "0", "expect", "-9").returncode, 0, "actor")


run_cases(unload)
