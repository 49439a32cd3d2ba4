#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""How much memory the module takes, on a machine with little memory and many possible CPUs,
and who is charged for open files. The oracles are /proc/meminfo, /proc/vmallocinfo and a
memory cgroup, never what the module says."""

import contextlib
import os
import re
import resource

from actors import act
from guest import MODULE, cpus, load, loaded, meminfo, module, put, run, settle, unload
from leftovers import leftovers, new_log
from records import open_binary
from tap import Skip, case, run_cases

FILES = 1000
GROUP = "/sys/fs/cgroup/setnsmon-memory"


def total_kib():
    return meminfo("MemTotal")[0]


def possible_cpus():
    with open("/sys/devices/system/cpu/possible") as file:
        return int(file.read().split("-")[-1]) + 1


def taken_kib():
    """Returns the KiB that the kernel has taken for itself: slabs, per-CPU and vmalloc memory."""
    return sum(settle()[1:])


def areas():
    """Returns the KiB of each vmalloc area of rings, without the lists of their pages."""
    with open("/proc/vmallocinfo") as file:
        found = [int(line.split()[1]) // 1024 for line in file
                 if " [setnsmon] " in line and "prepare_cpu" in line]
    return [area for area in found if area > max(found) // 100]


def said(lines):
    """Returns the KiB for rings and for calls in flight that the module named at load."""
    return [int(kib) for kib in re.search(r": (\d+) KiB; \d+ calls in flight: (\d+) KiB",
                                          lines[-1]).groups()]


@case("by default it takes little more than one percent of memory, however many CPUs are possible")
def default(check):
    unload()
    before = taken_kib()
    lines, _ = new_log(load)
    try:
        taken = taken_kib() - before
        rings = areas()
        print(f"# {taken} KiB of {total_kib()} KiB, {possible_cpus()} possible CPUs; {lines[-1]}")
        # The text of the module, its per-CPU data, and a page for each possible CPU and probe
        check.within(1, taken, total_kib() // 100 + 4096 + 2 * 8 * possible_cpus(), "KiB taken")
        check.eq(len(rings), len(cpus()), "CPUs with rings")
        check.within(1, sum(rings), total_kib() // 100, "KiB of rings")
        check.within(sum(rings) - 8 * len(rings), said(lines)[0], sum(rings), "KiB of rings, as named")
        records = int(re.search(r"(\d+) records", lines[-1]).group(1))
        check(records >= 256, f"{records} records")
    finally:
        unload()


@case("memory for calls in flight is what it names")
def in_flight(check):
    def measure(maxactive):
        before = taken_kib()
        lines, _ = new_log(lambda: load(ring_records=16, maxactive=maxactive))
        try:
            return taken_kib() - before, said(lines)[1]
        finally:
            unload()
    least, least_named = measure(1)
    more, more_named = measure(4096)
    taken, named = more - least, more_named - least_named
    print(f"# 4096 calls: {taken} KiB, named {named} KiB")
    check.within(named - named // 4 - 512, taken, named + named // 4 + 512, "KiB taken")


def refused(check, parameter, value):
    lines, done = new_log(lambda: run("insmod", MODULE, f"{parameter}={value}"))
    check(done.returncode and not loaded(), f"{parameter}={value} was accepted")
    check(any(f"no memory for {parameter}={value}" in line for line in lines), f"no reason: {lines}")
    check.eq(leftovers(), [], "left behind")
    fitting = re.search(rf"{parameter}=(\d+) would fit", "\n".join(lines))
    check(fitting, f"what would fit? {lines}")
    return int(fitting.group(1)) if fitting else 0


@case("a parameter is honoured up to a sixteenth of memory, and what would fit is named")
def limits(check):
    for parameter, value in (("ring_records", 1 << 20), ("maxactive", 65536)):
        fitting = refused(check, parameter, value)
        if not fitting:
            continue
        unload()
        before = taken_kib()
        with module(**{parameter: fitting}):
            taken = taken_kib() - before
        check.within(total_kib() // 64, taken, total_kib() // 16 + 8192,
                     f"KiB taken by {parameter}={fitting}")


# ---- open files ----

@contextlib.contextmanager
def group():
    put("/sys/fs/cgroup/cgroup.subtree_control", "+memory")
    os.mkdir(GROUP)
    try:
        if not os.path.exists(f"{GROUP}/memory.current"):
            raise Skip("no memory cgroup")
        yield
    finally:
        os.rmdir(GROUP)


def usage():
    with open(f"{GROUP}/memory.current") as file:
        return int(file.read())


class Opener:
    """A process in the group. Each step ends before step() returns."""

    def __init__(self):
        self.here, there = os.pipe()
        wait, self.go = os.pipe()
        self.pid = os.fork()
        if not self.pid:
            try:
                os.close(self.here)
                os.close(self.go)   # so that the end of the parent is seen
                self.work(there, wait)
                os._exit(0)
            finally:
                os._exit(1)
        os.close(there)
        os.close(wait)
        self.ready()

    @staticmethod
    def work(there, wait):
        def pause():
            os.write(there, b".")
            os.read(wait, 1)
        put(f"{GROUP}/cgroup.procs", str(os.getpid()))
        resource.setrlimit(resource.RLIMIT_NOFILE, (FILES + 100, FILES + 100))
        # What these lists take is taken before
        files = list(range(FILES))
        buffer = bytearray(1 << 16)
        os.readv(open_binary(), [buffer])
        pause()
        for i in range(FILES):
            files[i] = open_binary()
        pause()
        for fd in files:
            os.readv(fd, [buffer])
        pause()
        for fd in files:
            os.close(fd)
        pause()

    def ready(self):
        if os.read(self.here, 1) != b".":
            raise RuntimeError("the process in the group failed")
        return usage()

    def step(self):
        os.write(self.go, b".")
        return self.ready()

    def end(self):
        os.close(self.go)
        os.close(self.here)
        os.waitpid(self.pid, 0)


@case("an open file takes most of its memory when it is read, and its reader is charged for it")
def charged(check):
    with module(ring_records=256), group():
        act("open", "/proc/self/ns/uts", "calls", 100, 0)
        opener = Opener()
        try:
            before = usage()
            opened, read, closed = (opener.step() - before for _ in range(3))
        finally:
            opener.end()
        print(f"# bytes a file: {opened // FILES} opened, {read // FILES} read, {closed // FILES} closed")
        check.within(256 * FILES, opened, 2048 * FILES, "bytes charged for open files")
        check.within(4096 * FILES, read, 24 * 1024 * FILES, "bytes charged for files that were read")
        check(closed < read // 4, f"bytes charged for closed files: {closed} of {read}")


run_cases(unload)
