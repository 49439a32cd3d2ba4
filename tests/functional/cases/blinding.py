#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Attempts to blind the recorder to an escape, or to roll an escape over. The oracle is the
program that escapes (leaver.c): each of its calls succeeded."""

import contextlib
import os
import shutil
import subprocess
import tempfile

from guest import PROGS, counter, module, must
from records import held
from tap import case, run_cases

LEAVER = PROGS + "/leaver"
TO_INIT, RET_UNKNOWN, ROOT_MOVED = 1 << 1, 1 << 6, 1 << 8
ENTRY, EXIT = 2, 3
NEWNS = 0x00020000
RING = 16


@contextlib.contextmanager
def crowd(count):
    """Processes of nobody that stand in setns(2)."""
    with subprocess.Popen([LEAVER, "crowd", str(count)], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE, start_new_session=True) as process:
        try:
            if process.stdout.readline() != b"ready\n":
                raise RuntimeError("the crowd did not come together")
            yield
        finally:
            process.stdin.close()


def leave(kind, count, **options):
    """Leaves a private namespace that many times. Returns the pid."""
    return int(must(LEAVER, "leave", kind, count, **options).stdout)


def of(pid):
    return [record for record in held() if record.type == 1 and record.pid == pid]


def check_followed(check, parameters, people):
    with module(**parameters), crowd(people):
        left = leave("net", 100)
        records = of(left)
        check.eq(len(records), 100, "records of the calls")
        check.eq([r.ret for r in records if r.has & 1], [0] * 100, "results")
        check.eq({r.flags & (TO_INIT | RET_UNKNOWN) for r in records}, {TO_INIT}, "flags")
        print(f"# {counter('ret_unknown')} calls of {people} processes were not followed")
        return counter("ret_unknown")


@case("root's calls are followed while 200 processes of nobody want 64 instances")
def few_instances(check):
    unfollowed = check_followed(check, {"maxactive": 64}, 200)
    check(unfollowed > 0, "the crowd never held all that it may hold")


@case("root's calls are followed while 1000 processes of nobody want the default number")
def default_instances(check):
    # On kernels that leave a mount namespace quickly, they never hold so many at once.
    check_followed(check, {}, 1000)


@case("an exit is held after more entries than a hundred rings take")
def entries(check):
    with module(ring_records=RING):
        exit_of = leave("mnt", 1)
        leave("uts", 110 * RING * os.cpu_count())
        check.eq([(r.ret, r.call_class) for r in of(exit_of)], [(0, EXIT)], "the exit")
        entries = [r for r in held() if r.type == 1 and r.call_class == ENTRY]
        check(len(entries) >= RING, f"{len(entries)} entries are held")


@case("an exit is held after any user ran a set-user-ID program a thousand times")
def helper(check):
    with module(ring_records=RING), tempfile.TemporaryDirectory() as directory:
        program = os.path.join(directory, "leaver")
        shutil.copy(LEAVER, program)
        os.chmod(program, 0o4755)
        os.chmod(directory, 0o755)
        exit_of = leave("mnt", 1)
        lent = int(must(program, "leave", "mnt", 100 * os.cpu_count(), user=65534).stdout)
        check.eq([(r.ret, r.call_class) for r in of(exit_of)], [(0, EXIT)], "the exit")
        check.eq({r.call_class for r in of(lent)}, {EXIT}, "the class of the helper's calls")


def check_chroot(check, way):
    with module(), tempfile.TemporaryDirectory() as directory:
        pid, where = must(LEAVER, "chroot", way, directory).stdout.split()
        check.eq(where, "out", "the root directory afterwards")
        record, = of(int(pid))
        check.eq((record.ret, record.joined), (0, NEWNS), "result and kinds")
        check.eq(record.before, record.after, "links")
        check(record.flags & ROOT_MOVED, f"flags {record.flags:#x}")
        check.eq(record.call_class, EXIT, "class")


@case("a chroot is left by a file of the own mount namespace")
def chroot_fd(check):
    check_chroot(check, "fd")


@case("a chroot is left by a pidfd of the own process")
def chroot_pidfd(check):
    check_chroot(check, "pidfd")


def calls_of_thread(count, shared):
    """Calls setns(2) for a file that is no namespace. Another thread shares the descriptors, or
    none does. Returns the pid."""
    code = ("import ctypes, os, threading\n"
            "libc, fd, end = ctypes.CDLL(None), os.open('/dev/null', 0), threading.Event()\n"
            "thread = threading.Thread(target=end.wait)\n"
            f"if {shared}: thread.start()\n"
            f"for _ in range({count}): libc.setns(fd, 0)\n"
            "end.set()\n"
            "print(os.getpid())")
    return int(must("python3", "-c", code).stdout)


@case("a call that is not followed is an exit if another thread could still replace its file")
def replaced(check):
    with module(maxactive=1), crowd(20):
        for shared, expected in ((True, EXIT), (False, 1)):
            unknown = [r for r in of(calls_of_thread(300, shared)) if r.flags & RET_UNKNOWN]
            check(unknown, "all could be followed: this proves nothing")
            check.eq({r.call_class for r in unknown}, {expected}, f"classes, shared: {shared}")


run_cases()
