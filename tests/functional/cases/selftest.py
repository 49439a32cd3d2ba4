#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""setnsmon selftest succeeds if calls are recorded, and only then. The oracle is what
the test does to the probes."""

import ctypes
import errno
import os
import struct

from actors import act
from guest import KPROBES, READER, counters, kprobes_off, module, run
from records import read_json
from tap import case, run_cases

CALLS = 3


def selftest(*before, **options):
    return run(*before, READER, "selftest", **options)


SYS_SETNS = 308
PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS, MODE_FILTER = 22, 38, 2


def answer_by_seccomp():
    """Makes seccomp(2) fail setns(2) with EBADF for this process: the kernel's function does not run."""
    program = b"".join(struct.pack("HBBI", *words) for words in (
        (0x20, 0, 0, 0),                        # load the number of the call
        (0x15, 0, 1, SYS_SETNS),                # setns: go on, else skip one
        (0x06, 0, 0, 0x50000 | errno.EBADF),    # fail with EBADF
        (0x06, 0, 0, 0x7fff0000)))              # allow
    code = ctypes.create_string_buffer(program)
    filters = ctypes.create_string_buffer(
        struct.pack("HxxxxxxQ", len(program) // 8, ctypes.addressof(code)))
    libc = ctypes.CDLL(None)
    if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or libc.prctl(PR_SET_SECCOMP, MODE_FILTER, filters):
        os._exit(96)


def check_ok(check, done, what):
    check.eq((done.returncode, done.stderr), (0, ""), what)
    check(done.stdout.startswith("ok: "), f"{what}: {done.stdout!r}")


def check_refused(check, done, words, what):
    check.eq((done.returncode, done.stdout), (1, ""), what)
    check(words in done.stderr, f"{what}: {done.stderr!r}")


@case("it says ok after three calls: without a descriptor, with a namespace, with a pidfd")
def says_ok(check):
    with module():
        check_ok(check, selftest(), "selftest")
        check.eq(counters()["entered"], CALLS, "calls")
        seen = [(record["errno"], record["comm"], record["fd_kind"], record["uid"], record["flags"])
                for record in read_json()]
        check.eq(seen, [("EBADF", "setnsmon", "none", 0, ["selftest"]),
                        ("EINVAL", "setnsmon", "nsfs", 0, []),
                        ("EINVAL", "setnsmon", "pidfd", 0, [])], "records")
        shown = run(READER, "--no-follow", "-o", "table").stdout.splitlines()
        check.eq(sum("setnsmon" in line for line in shown), CALLS, f"rows of the table: {shown}")
        check.eq(sum("selftest" in line for line in shown), 1, f"rows with the flag: {shown}")


@case("it finds its own call among many others, and in a full ring")
def among_others(check):
    with module(ring_records=16):
        act("fd", "77", "calls", "500", "0")
        check_ok(check, selftest(), "selftest")


@case("it says ok in a pid namespace and in a time namespace")
def in_namespaces(check):
    with module():
        check_ok(check, selftest("unshare", "--pid", "--fork"), "pid namespace")
        check_ok(check, selftest("unshare", "--time", "--boottime", "86400", "--fork"),
                 "time namespace")


@case("with kprobes switched off it says so, status 1; switched on again, ok")
def switched_off(check):
    with module():
        with kprobes_off():
            check_refused(check, selftest(), "kprobes are switched off", "off")
            check(KPROBES in selftest().stderr, "it does not say how to switch them on")
            check_refused(check, in_mounts("umount -l /sys/kernel/debug"),
                          "mount -t debugfs debugfs /sys/kernel/debug", "off, without debugfs")
        check_ok(check, selftest(), "on again")
        check.eq(counters()["entered"], CALLS, "calls that were seen")


@case("without the module, or without the right to read: status 1 and the reason")
def without(check):
    check_refused(check, selftest(), "the module is not loaded", "not loaded")
    with module():
        nobody = ("setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups")
        check_refused(check, selftest(*nobody), "only root and the group setnsmon may read", "not root")
        check.eq(counters()["entered"], 0, "calls")


def in_mounts(*commands):
    """Runs the selftest in a mount namespace that was changed by shell commands."""
    return selftest("unshare", "--mount", "sh", "-c", "; ".join([*commands, 'exec "$@"']), "sh")


@case("without a usable /proc or /sys: status 1, what is missing and how to mount it")
def without_mounts(check):
    with module():
        check_refused(check, in_mounts("umount -l /proc"), "mount -t proc proc /proc", "no /proc")
        check_refused(check, in_mounts("mount -t tmpfs none /proc"), "mount -t proc proc /proc",
                      "something else on /proc")
        # A new instance for a pid namespace in which we are not
        check_refused(check, in_mounts("unshare --pid --fork mount -t proc proc /proc"),
                      "mount -t proc proc /proc", "the /proc of others")
        check_refused(check, in_mounts("umount -l /sys", "mount -t tmpfs none /dev"),
                      "mount -t sysfs sysfs /sys", "no /sys, no device")
        check_refused(check, in_mounts("mount -t tmpfs none /dev"), "the module is loaded, but",
                      "no device")


@case("a call that seccomp answers, so that no counter moves: status 1, and it says so")
def in_no_counter(check):
    with module():
        check_refused(check, selftest(preexec_fn=answer_by_seccomp), "in no counter", "answered")
        check.eq(counters()["entered"], 0, "calls")


@case("a wrong command line: status 2")
def wrong_command_line(check):
    for options in (("more",), ("-n", "1"), ("--new",)):
        done = run(READER, "selftest", *options)
        check.eq((done.returncode, done.stdout), (2, ""), f"{options}")


@case("a full disk: status 1")
def full_disk(check):
    with module():
        done = run("sh", "-c", f"exec {READER} selftest >/dev/full")
        check.eq(done.returncode, 1, "status")
        check("cannot write" in done.stderr, done.stderr)


run_cases()
