#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""setnsmon selftest succeeds if calls are recorded, and only then. The oracle is what
the test does to the probes."""

from actors import act
from guest import KPROBES, READER, counters, kprobes_off, module, run
from records import read_json
from tap import case, run_cases

CALLS = 3


def selftest(*before, **options):
    return run(*before, READER, "selftest", **options)


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
        seen = [(record["errno"], record["comm"], record["fd_kind"], record["uid"])
                for record in read_json()]
        check.eq(seen, [("EBADF", "setnsmon", "none", 0), ("EINVAL", "setnsmon", "nsfs", 0),
                        ("EINVAL", "setnsmon", "pidfd", 0)], "records")


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
        check_ok(check, selftest(), "on again")
        check.eq(counters()["entered"], CALLS, "calls that were seen")


@case("without the module, or without the right to read: status 1 and the reason")
def without(check):
    check_refused(check, selftest(), "the module is not loaded", "not loaded")
    with module():
        nobody = ("setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups")
        check_refused(check, selftest(*nobody), "only root and the group setnsmon may read", "not root")
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
