#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""pidfds: the process behind it, its namespaces, the kinds requested and the kinds
joined. The links of the process and of the caller are read from /proc while both wait.
The hard part is a process whose lock is taken by others all the time. Its links are
right or null, never wrong."""

import ctypes
import errno
import os

from actors import Actor, holder
from guest import MODULES, PROGS, cpus, module, must, put, run, unload
from namespaces import ALL_KINDS, KINDS, UserNs, kind_names, links_of
from oracle import target_of
from records import read_json
from tap import Skip, case, run_cases

# The link that a kind moves, and the link of the process that the caller then shares
MOVES = {kind: [(kind, kind)] for kind in KINDS}
MOVES["pid"] = [("pid_for_children", "pid")]
MOVES["time"] = [("time", "time"), ("time_for_children", "time")]
SINGLE = list(KINDS.values())
SEVERAL = [KINDS["net"] | KINDS["uts"], KINDS["mnt"] | KINDS["pid"], KINDS["time"] | KINDS["ipc"],
           KINDS["user"] | KINDS["cgroup"], KINDS["user"] | KINDS["mnt"] | KINDS["time"],
           KINDS["cgroup"] | KINDS["ipc"] | KINDS["pid"] | KINDS["uts"],
           *(ALL_KINDS & ~bit for bit in SINGLE), ALL_KINDS]
NOBODY = ("setgid", *[65534] * 4, "setuid", *[65534] * 4)


class Call:
    """One call, as known without its record."""


def watch(target, kinds, *words):
    """Makes one call with a pidfd of the target, by an actor that stops before and after it."""
    call = Call()
    actor = Actor("talk", "pidfd", target, *words, "call", kinds)
    try:
        call.tid, call.fd = actor.expect("ready")
        call.kinds, call.target = kinds, target
        call.links = links_of(target)
        call.facts = target_of(call.tid, call.fd)
        call.before = links_of(call.tid)
        call.caller = UserNs.of_path(f"/proc/{call.tid}/ns/user")
        actor.go()
        call.ret = actor.expect("done")[0]
        call.after = links_of(call.tid)
        actor.go()
        actor.end()
    finally:
        if actor.process.poll() is None:
            actor.kill()
    return call


def compare(check, calls):
    records = read_json()
    check.eq(len(records), len(calls), "records")
    for call, r in zip(calls, records):
        what = "+".join(kind_names(call.kinds)) or hex(call.kinds)
        check.eq(r["tid"], call.tid, f"{what}: tid")
        check.eq([r["fd_kind"], r["fd"], r["target"]["pid"]], ["pidfd", call.fd, call.target],
                 f"{what}: target")
        check.eq(r["target"]["links"], call.links, f"{what}: links of the process")
        check.eq(r["target"], call.facts.as_target(call.kinds, call.caller), f"{what}: target")
        check.eq([r["nstype"], r["nstype_names"]], [call.kinds, kind_names(call.kinds)],
                 f"{what}: requested")
        check.eq(r["ret"], call.ret, f"{what}: ret")
        check.eq(r["joined"], kind_names(call.kinds) if call.ret == 0 else [], f"{what}: joined")
        check.eq(r["before"], call.before, f"{what}: before")
        check.eq(r["after"], call.after, f"{what}: after")
        check("raced" not in r["flags"], f"{what}: {r['flags']}")
        check.eq("denied" in r["flags"], call.ret in (-errno.EPERM, -errno.EACCES),
                 f"{what}: denied")


def moved(call):
    """Returns the links that the caller must have after a success, by the rules and not from /proc."""
    after = dict(call.before)
    for kind in kind_names(call.kinds):
        for link, source in MOVES[kind]:
            after[link] = call.links[source]
    return after


def everywhere():
    return holder("unshare", ALL_KINDS, "map", "fork", "spawn")


def add_kinds_case(name, sets):
    @case(name)
    def joined(check):
        with module(), everywhere() as target:
            calls = [watch(target, kinds) for kinds in sets]
            for call in calls:
                check.eq(call.ret, 0, f"{call.kinds:#x}")
                check.eq(call.after, moved(call), f"{call.kinds:#x}: after, by the rule")
            compare(check, calls)


add_kinds_case("each of the eight kinds alone: the process, its ten links, requested, joined", SINGLE)
add_kinds_case(f"{len(SEVERAL)} combinations of kinds", SEVERAL)


@case("denied calls have all of it, too: each kind, and all of them, by nobody")
def denied(check):
    with module(), everywhere() as target:
        calls = [watch(target, kinds, *NOBODY) for kinds in (*SINGLE, ALL_KINDS)]
        calls.append(watch(1, KINDS["net"], *NOBODY))
        calls.append(watch(1, KINDS["net"] | KINDS["user"], "unshare", KINDS["user"], "map"))
        for call in calls:
            check.eq(call.ret, -errno.EPERM, f"{call.kinds:#x}")
            check.eq(call.after, call.before, f"{call.kinds:#x}: after")
        compare(check, calls)


@case("calls that are wrong have it, too: no kind, kinds that there are not, kinds and others")
def invalid(check):
    with module(), everywhere() as target:
        calls = [watch(target, kinds) for kinds in (0, 1, 0x100, KINDS["net"] | 0x100, 0x80000000)]
        for call in calls:
            check.eq(call.ret, -errno.EINVAL, f"{call.kinds:#x}")
        compare(check, calls)


@case("a process whose children will be elsewhere: pid and time differ from those for children")
def for_children(check):
    both = KINDS["pid"] | KINDS["time"]
    # A child forked earlier would take the new time namespace along. "spawn" first gives the
    # new pid namespace its first process, without which the link does not exist.
    with module(), holder("unshare", both, "spawn") as child:
        target = parent_of(child)
        calls = [watch(target, kinds) for kinds in (KINDS["pid"], KINDS["time"], both)]
        for call in calls:
            check(call.links["pid"] != call.links["pid_for_children"], "pid_for_children")
            check(call.links["time"] != call.links["time_for_children"], "time_for_children")
            check.eq(call.ret, 0, f"{call.kinds:#x}")
        compare(check, calls)


def parent_of(pid):
    with open(f"/proc/{pid}/status", errors="surrogateescape") as status:
        return int(next(line.split()[1] for line in status if line.startswith("PPid:")))


@case("a pidfd of a process that is the caller's parent, its child, in a pid namespace below")
def relatives(check):
    with module(), everywhere() as target:
        parent = parent_of(target)
        calls = [watch(os.getpid(), KINDS["uts"]), watch(parent, KINDS["uts"]),
                 watch(target, KINDS["uts"])]
        for call in calls:
            check.eq(call.ret, 0, f"{call.target}")
        compare(check, calls)


def contended():
    calls = int(os.environ.get("SETNSMON_RACES", 120000)) // 10
    return run(f"{PROGS}/races", "contended", calls, 20, 40, timeout=90)


with module(ring_records=16384):
    done = contended()
values = dict(word.split("=", 1) for word in (done.stdout.split() or []))
tally = f"{values.get('calls')} calls, {values.get('unread')} times null"


@case(f"a process whose lock others take all the time: right links or null: {tally}")
def lock(check):
    check.eq(done.returncode, 0, f"{done.stdout}{done.stderr}status")
    check.eq(values.get("raced"), "0", "raced")
    if len(cpus()) < 2 and values.get("unread") == "0":
        raise Skip("with one CPU nobody held the lock")
    check(0 < int(values["unread"]) < int(values["calls"]), "not contended: this proves nothing")


@case("a file that only looks like a pidfd is an ordinary file, before and after a real one")
def impostor(check):
    libc = ctypes.CDLL(None)
    must("insmod", f"{MODULES}/impostor.ko")
    try:
        put("/sys/module/impostor/parameters/open", "1")
        file, = [int(name) for name in os.listdir("/proc/self/fd")
                 if os.path.lexists(f"/proc/self/fd/{name}")
                 and os.readlink(f"/proc/self/fd/{name}") == "anon_inode:[pidfd]"]
        real = os.pidfd_open(os.getpid())
        with module():
            for fd in (file, real, file):
                libc.setns(fd, KINDS["uts"])
            check.eq([record["fd_kind"] for record in read_json()], ["other", "pidfd", "other"], "kinds of file")
        os.close(real)
        os.close(file)
    finally:
        must("rmmod", "impostor")


run_cases(unload)
