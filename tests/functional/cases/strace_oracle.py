#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Everyday programs under strace. The calls of setns(2) that strace saw, as (tid, fd,
nstype, result), and those that setnsmon recorded must be the same multiset: none is
missing, and none is added."""

import collections
import errno
import functools
import operator
import re
import subprocess
import tempfile

from actors import holder, innermost
from guest import ACTOR, ACTOR32, counters, module, run, unload
from namespaces import ALL_KINDS, KINDS, kind_names
from records import read_json
from tap import case, run_cases

CLONE = {"CLONE_NEWCGROUP": KINDS["cgroup"], "CLONE_NEWIPC": KINDS["ipc"],
         "CLONE_NEWNS": KINDS["mnt"], "CLONE_NEWNET": KINDS["net"], "CLONE_NEWPID": KINDS["pid"],
         "CLONE_NEWTIME": KINDS["time"], "CLONE_NEWUSER": KINDS["user"],
         "CLONE_NEWUTS": KINDS["uts"]}


def number(text):
    """Parses CLONE_NEWNET|0x1, 0x5 /* CLONE_NEW??? */, or 0."""
    text = re.sub(r"/\*.*?\*/", "", text).strip()
    value = 0
    for word in text.split("|"):
        value |= CLONE[word] if word in CLONE else int(word, 0)
    return value & 0xffffffff


def strace_calls(text):
    """Returns (tid, fd, nstype, result) of each line. Joins the two halves of an interrupted call."""
    calls = []
    begun = {}
    for line in text.splitlines():
        match = re.match(r"(\d+) +(.*)$", line)
        if not match:
            raise ValueError(f"not a line of strace -f -o: {line!r}")
        tid, rest = int(match.group(1)), match.group(2)
        if rest.endswith("<unfinished ...>"):
            begun[tid] = rest[:-len("<unfinished ...>")].rstrip()
            continue
        resumed = re.match(r"<\.\.\. setns resumed>(.*)$", rest)
        if resumed:
            rest = begun.pop(tid) + resumed.group(1)
        if not rest.startswith("setns("):
            if "setns" in rest:
                raise ValueError(f"unknown line of strace: {line!r}")
            continue
        match = re.match(r"setns\((-?\d+)(?:<[^>]*>)?, (.+?)\) += (-?\d+)(?: (E\w+))?", rest)
        if not match:
            raise ValueError(f"unknown line of strace: {line!r}")
        result = -getattr(errno, match.group(4)) if match.group(4) else int(match.group(3))
        calls.append((tid, int(match.group(1)), number(match.group(2)), result))
    if begun:
        raise ValueError(f"calls without an end: {begun}")
    return calls


def compare(check, *command, least=1, env=None):
    """Runs a command under strace, with the module freshly loaded. Returns the calls."""
    with tempfile.NamedTemporaryFile("r") as log, module(ring_records=4096):
        done = run("strace", "-f", "-qq", "-e", "trace=setns", "-o", log.name, *command, env=env)
        calls = strace_calls(log.read())
        now = counters()
        records = read_json()
    check(len(calls) >= least, f"only {len(calls)} calls: {done.stderr} {done.stdout}")
    mine = [(r["tid"], r["fd"], r["nstype"], r["ret"]) for r in records]
    missing = collections.Counter(calls) - collections.Counter(mine)
    more = collections.Counter(mine) - collections.Counter(calls)
    check(not missing, f"missing in setnsmon: {dict(missing)}")
    check(not more, f"more than strace saw: {dict(more)}")
    for tid in {call[0] for call in calls}:
        check.eq([c for c in mine if c[0] == tid], [c for c in calls if c[0] == tid],
                 f"order of thread {tid}")
    check.eq(now["entered"], len(calls), "entered")
    check.eq(now["recorded"], len(calls), "recorded")
    return calls


def asked(calls):
    """Returns the kinds that were requested, by one call or by several."""
    return kind_names(functools.reduce(operator.or_, (call[2] for call in calls), 0))


def results(calls):
    return [call[3] for call in calls]


@case("the parser of this test reads what strace writes")
def parser(check):
    text = ("12 setns(3, CLONE_NEWNET) = 0\n"
            "13 setns(3, CLONE_NEWNS|CLONE_NEWPID|0x1) = -1 EINVAL (Invalid argument)\n"
            "12 setns(-1, 0x5 /* CLONE_NEW??? */ <unfinished ...>\n"
            "14 +++ exited with 0 +++\n"
            "12 <... setns resumed>) = -1 EBADF (Bad file descriptor)\n"
            "15 setns(7</proc/1/ns/net>, 0) = 0\n")
    check.eq(strace_calls(text), [(12, 3, 0x40000000, 0), (13, 3, 0x20020001, -22),
                                  (12, -1, 5, -9), (15, 7, 0, 0)], "calls")


OPTION = {"cgroup": "-C", "ipc": "-i", "mnt": "-m", "net": "-n", "pid": "-p", "time": "-T",
          "user": "-U", "uts": "-u"}


def add_nsenter(kind):
    @case(f"nsenter {OPTION[kind]}: {kind} alone")
    def nsenter(check):
        kinds = ALL_KINDS if kind == "user" else ALL_KINDS & ~KINDS["user"]
        with holder("unshare", kinds, *(["map"] if kind == "user" else []), "fork") as pid:
            calls = compare(check, "nsenter", "-t", pid, OPTION[kind], "true")
        check.eq(results(calls), [0], "results")


for each in KINDS:
    add_nsenter(each)


@case("nsenter --all, into another user namespace")
def nsenter_all(check):
    with holder("unshare", ALL_KINDS, "map", "fork") as pid:
        calls = compare(check, "nsenter", "-t", pid, "--all", "--preserve-credentials", "true")
    check.eq(asked(calls), list(KINDS), "kinds")
    check(0 in results(calls), f"none succeeded: {calls}")


@case("nsenter --all, into a process made by unshare(1)")
def nsenter_unshare(check):
    actor = subprocess.Popen(
        ["unshare", "-UrmuinpCT", "--fork", "sh", "-c", "echo there; read nothing"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        actor.stdout.readline()
        calls = compare(check, "nsenter", "-t", innermost(actor.pid), "--all",
                        "--preserve-credentials", "true")
        check.eq(asked(calls), list(KINDS), "kinds")
    finally:
        actor.communicate()


@case("nsenter --all of the process itself")
def nsenter_self(check):
    compare(check, "nsenter", "-t", "1", "--all", "true", least=1)


@case("ip netns: add, exec, list, del")
def ip_netns(check):
    script = ("ip netns add one; ip netns add two; ip netns exec one ip link set lo up;"
              "ip netns exec two true; ip -n one link show lo; ip -all netns exec true;"
              "ip netns identify; ip netns list-id; ip netns del one; ip netns del two")
    calls = compare(check, "sh", "-c", script, least=4)
    check(len({call[0] for call in calls}) >= 3, f"few processes: {calls}")


@case("pidfds with one, several and all kinds")
def pidfds(check):
    with holder("unshare", ALL_KINDS, "map", "fork") as pid:
        for kinds in (KINDS["net"], KINDS["net"] | KINDS["uts"] | KINDS["ipc"],
                      ALL_KINDS & ~KINDS["user"], ALL_KINDS):
            calls = compare(check, ACTOR, "pidfd", pid, "call", kinds)
            check.eq(results(calls), [0], f"results of {kinds:#x}")
        calls = compare(check, ACTOR, "pidfd", pid, "call", 0, "call", 1, "call", "0xffffffff")
        check.eq(results(calls), [-22] * 3, "results")


@case("bad file descriptors: closed, file, socket, directory, pipe, O_PATH, negative")
def bad_fds(check):
    calls = compare(check, ACTOR, "open", "/proc/self/ns/net", "close", "call", 0,
                    "open", "/etc/passwd", "call", 0, "socket", "call", KINDS["net"],
                    "open", "/etc", "call", 0, "pipe", "call", 0,
                    "opath", "/proc/self/ns/net", "call", 0, "fd", -1, "call", KINDS["uts"],
                    "fd", 123456, "call", 0, "open", "/proc/self/ns", "call", 0, least=9)
    check.eq(results(calls), [-9, -22, -22, -22, -22, -9, -9, -9, -22], "results")


@case("wrong and impossible types")
def wrong_types(check):
    calls = compare(check, ACTOR, "open", "/proc/self/ns/net", "call", KINDS["uts"],
                    "call", KINDS["net"] | KINDS["uts"], "call", 1, "call", 0x100, "call", -1,
                    "call", "0x80000000", least=6)
    check.eq(results(calls), [-22] * 6, "results")


@case("EPERM: unprivileged, on each kind of the host that it can hold open")
def unprivileged(check):
    calls = []
    for kind in ("cgroup", "ipc", "mnt", "net", "pid", "time", "uts"):
        calls += compare(check, ACTOR, "open", f"/proc/1/ns/{kind}", "setuid", *[65534] * 4,
                         "call", 0)
    check.eq(results(calls), [-1] * 7, "results")


@case("EPERM: unprivileged nsenter")
def unprivileged_nsenter(check):
    compare(check, "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "sh", "-c",
            "unshare -Ur sh -c 'nsenter --net=/proc/self/ns/net true; "
            "nsenter --user=/proc/self/ns/user true'", least=1)


@case("EPERM: upward from a user namespace")
def upward(check):
    calls = compare(check, ACTOR, "open", "/proc/1/ns/net", "unshare", KINDS["user"], "map",
                    "call", 0, "call", KINDS["net"], least=2)
    check.eq(results(calls), [-1, -1], "results")


@case("32-bit programs and int 0x80")
def compat(check):
    calls = compare(check, ACTOR32, "open", "/proc/self/ns/net", "call", 0, "call", KINDS["net"],
                    "call", KINDS["uts"], "fd", -1, "call", -1, least=4)
    check.eq(results(calls), [0, 0, -22, -9], "results")
    calls = compare(check, ACTOR, "open", "/proc/self/ns/net", "int80", 0, "call", 0,
                    "int80", KINDS["net"], "fd", 99, "int80", 5, least=4)
    check.eq(results(calls), [0, 0, 0, -9], "results")


@case("threads and children at once, thousands of calls")
def crowd(check):
    calls = compare(check, "sh", "-c",
                    f"for i in 1 2 3; do {ACTOR} open /proc/self/ns/uts hammer 4 100 0 & done; "
                    f"{ACTOR32} open /proc/self/ns/ipc hammer 2 100 0; wait", least=1400)
    check.eq(len({call[0] for call in calls}), 14, "threads")


@case("a call from a process that dies at once")
def dying(check):
    compare(check, "sh", "-c",
            f"for i in 1 2 3 4 5 6 7 8; do {ACTOR} fd $i call 0 & done; wait", least=8)


run_cases(unload)
