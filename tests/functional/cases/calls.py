#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Every way to call setns(2): each entry of the kernel, with clean and with dirty
registers; many threads at once; callers deep in nested pid namespaces.
The oracle is the caller itself: its own log, getpid(2), gettid(2), and /proc."""

import errno
import os
import subprocess

from actors import holder
from fd_matrix import CALLS, CALLS32, NOBODY, OTHER, Fds, Target, Try, attempt, run_scenes
from guest import counters, module, must
from namespaces import KINDS
from oracle import scenario
from records import read_json
from scenes import scene
from tap import Skip, case

# Kinds that a caller may join through each entry, of a process of its own
SOME = ("net", "uts", "ipc", "cgroup")
CLOSED = Target("closed", 900, NOBODY)


def tries_by(way, fds, pid):
    """Returns the calls to make in each way: successes, failures, odd arguments."""
    nsfs = {kind: Target(kind, fds.path(f"/proc/{pid}/ns/{kind}")) for kind in SOME}
    pidfd = Target("pidfd", fds.pidfd(pid))
    null = Target("null", fds.path("/dev/null"), OTHER)
    for kind in SOME:
        yield Try(nsfs[kind], 0, 0, way)
        yield Try(nsfs[kind], KINDS[kind], 0, way)
    for nstype in (KINDS["pid"], 1, -1, 0x80000000, 0x7fffffff):
        yield Try(nsfs["net"], nstype, -errno.EINVAL, way)
    yield Try(pidfd, KINDS["net"] | KINDS["uts"], 0, way)
    yield Try(pidfd, KINDS["ipc"], 0, way)
    for nstype in (0, -1, KINDS["net"] | 1):
        yield Try(pidfd, nstype, -errno.EINVAL, way)
    yield Try(null, 0, -errno.EINVAL, way)
    for number in (900, -1, 0x7fffffff, -0x80000000):
        yield Try(CLOSED, 0, -errno.EBADF, way, fd=number)
    yield Try(CLOSED, -1, -errno.EBADF, way)


def all_by(way, *preparations, program=CALLS):
    with holder("unshare", sum(KINDS[kind] for kind in SOME)) as pid, Fds() as fds:
        return attempt(tries_by(way, fds, pid), *preparations, program=program)


for each, what in (("libc", "by the C library"), ("syscall", "by SYSCALL"),
                   ("dirty", "by SYSCALL, with rubbish in the upper halves of the arguments"),
                   ("int80", "by int 0x80"),
                   ("int80-dirty", "by int 0x80, with rubbish in the upper halves"),
                   ("far", "by int 0x80 from a 32-bit code segment")):
    @scene(f"64-bit program: {what}")
    def of_64_bits(way=each):
        return all_by(way)


for each, what in (("libc", "by the C library"), ("int80", "by int 0x80")):
    @scene(f"32-bit program: {what}")
    def of_32_bits(way=each):
        return all_by(way, program=CALLS32)


@scene("32-bit program: by SYSENTER or SYSCALL, as the vdso has it")
def by_vdso():
    instruction = must(CALLS32, "vsyscall").stdout.strip()
    print(f"# on this processor the vdso has {instruction}")
    if instruction == "int80":
        raise Skip("on this processor the vdso has neither")
    return all_by("vsyscall", program=CALLS32)


def all_by_unless(way, reason):
    probe = attempt([Try(CLOSED, 0, -errno.EBADF, way)])
    if probe[0].expected["ret"] == -errno.ENOSYS:
        # Then this was not a call of setns(2), and the last case fails if it has a record.
        raise Skip(reason)
    return probe + all_by(way)


@scene("64-bit program: by SYSCALL, with rubbish in the upper half of the number, too")
def of_64_bits_dirtier():
    return all_by_unless("dirtier", "this kernel looks at all 64 bits of the number")


for each, what in (("x32", ""), ("x32-dirty", ", rubbish in the upper halves of the arguments"),
                   ("x32-dirtier", ", and of the number, too")):
    @scene(f"x32: by SYSCALL with bit 30 of the number set{what}")
    def of_x32(way=each):
        reason = "this kernel has x32 only with the boot parameter syscall.x32=y"
        if way == "x32-dirtier":
            reason += ", or looks at all 64 bits of the number"
        return all_by_unless(way, reason)


# -- threads --

for each, what in (("from-thread", "a thread that is not the leader"),
                   ("leaderless", "a thread whose leader is gone")):
    @scene(what)
    def threads(how=each):
        return all_by("libc", how) + all_by("int80", how, program=CALLS32)


@scene("a child of a thread that is not the leader has the process as its parent")
def child_of_thread():
    def grandchild(actor):
        while True:
            for tid in os.listdir(f"/proc/{actor.process.pid}/task"):
                with open(f"/proc/{actor.process.pid}/task/{tid}/children") as children:
                    for pid in children.read().split():
                        return int(pid)
    return scenario("open", "/proc/self/ns/uts", "thread", "fork", "call", 0, tid=grandchild)


THREADS = ((CALLS, "x86_64", 8, 2000), (CALLS32, "i386", 4, 500))


def calls_of(number, calls, native, own):
    """Yields the calls that a thread of fd_matrix.c makes: (abi, fd or None, nstype, kind of target, ret)."""
    for i in range(calls):
        yield ((native, None, 0, own, 0), ("i386", None, i, own, -errno.EINVAL),
               (native, -i, number, None, -errno.EBADF))[i % 3]


@case("8 threads of 2000 calls, and 4 of 500 of a 32-bit program, all at once")
def crowd(check):
    own = os.stat("/proc/self/ns/uts").st_ino
    with Fds() as fds, module(ring_records=32768):
        fd = fds.path("/proc/self/ns/uts")
        running = [subprocess.Popen([program, "hammer", str(threads), str(calls), str(fd)],
                                    pass_fds=[fd], stdout=subprocess.PIPE, text=True)
                   for program, _, threads, calls in THREADS]
        said = [process.communicate()[0] for process in running]
        totals = counters()
        records = read_json()
    made = {}
    for text, process, (_, native, threads, calls) in zip(said, running, THREADS):
        lines = [[int(word) for word in line.split()[1:]] for line in text.splitlines()]
        check.eq(lines[0], [process.pid], "process")
        check.eq(len(lines), 1 + threads, "threads")
        for tid, number, *results in lines[1:]:
            meant = list(calls_of(number, calls, native, own))
            check.eq(results, [call[-1] for call in meant], f"results that thread {tid} saw")
            made[tid] = (process.pid, [(abi, fd if number is None else number, *rest)
                                       for abi, number, *rest in meant])
    total = sum(threads * calls for _, _, threads, calls in THREADS)
    for name in ("entered", "recorded"):
        check.eq(totals[name], total, name)
    check.eq(len(records), total, "records")
    recorded = {}
    for r in records:
        recorded.setdefault(r["tid"], []).append(r)
    check.eq(sorted(recorded), sorted(made), "threads in the records")
    for tid, (pid, calls) in made.items():
        mine = recorded.get(tid, [])
        check.eq({r["pid"] for r in mine}, {pid}, f"process of thread {tid}")
        got = [(r["abi"], r["fd"], r["nstype"], r["target"] and r["target"]["inum"], r["ret"])
               for r in mine]
        first = next((i for i, (a, b) in enumerate(zip(got, calls)) if a != b), None)
        check(first is None and len(got) == len(calls),
              f"thread {tid}: {len(got)} of {len(calls)} calls, the first that differs: {first}")
        check(all(not set(r["flags"]) - {"kernel-compat"} for r in mine), f"flags of {tid}")
    check.eq(sum(process.returncode for process in running), 0, "status")


# -- nested pid namespaces --

def nested(depth):
    return [word for _ in range(depth) for word in ("unshare", str(KINDS["pid"]))]


for each in (1, 2, 3):
    @scene(f"a caller {each} pid namespaces down, and a thread there that is not the leader")
    def deep(depth=each):
        return (all_by("libc", *nested(depth)) +
                all_by("libc", *nested(depth), "from-thread") +
                all_by("int80", *nested(depth), "from-thread", program=CALLS32))


@scene("three pid namespaces down, seen from outside")
def deep_from_outside():
    def last(actor):
        pid, depth = actor.process.pid, 0
        while depth < 3:
            with open(f"/proc/{pid}/task/{pid}/children") as children:
                words = children.read().split()
            if words:
                pid, depth = int(words[0]), depth + 1
        while True:
            tasks = [int(tid) for tid in os.listdir(f"/proc/{pid}/task")]
            if len(tasks) == 2:
                return max(tasks)
    down = ["unshare", KINDS["pid"], "fork"]
    seen = scenario("open", "/proc/self/ns/uts", *down, *down, *down, "thread", "call", 0,
                    tid=last)
    expected = seen[0][0]
    if (expected["ns_pid"], expected["ns_tid"]) != (1, 2) or expected["pid"] == expected["tid"]:
        raise RuntimeError("the scene is wrong")
    return seen


@scene("a child that is born into a pid namespace that its parent has joined")
def born_into():
    with holder("unshare", KINDS["pid"], "fork") as pid, Fds() as fds:
        ns = fds.path(f"/proc/{pid}/ns/pid")
        uts = Target("uts", fds.path("/proc/self/ns/uts"))
        return attempt([Try(uts, 0, 0)] * 3, "enter", ns, fds=[ns])


run_scenes()
