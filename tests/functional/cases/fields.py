#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Compares every field of a record with other sources of the kernel.

An actor stops before and after each call. Meanwhile the test reads its links,
credentials, ids, cgroup and so on from /proc, and queries its file descriptor with
the NS_GET_* ioctls. From that it makes the whole JSON object without any help of
the module, and the two must be equal, key by key."""

import errno
import os

from actors import Actor, holder
from guest import ACTOR32, must
from namespaces import ALL_KINDS, KINDS
from oracle import check_record, fdinfo_of, pid_id_of, scenario, watch
from scenes import play, scene
from tap import add_case, run_cases

# ---- scenes: each runs an actor, and returns the expected records ----

# A process of its own in all eight kinds, and so its own user namespace
def everywhere():
    return holder("unshare", ALL_KINDS, "map", "fork")


# In all kinds but user: owned by the initial user namespace
def elsewhere():
    return holder("unshare", ALL_KINDS & ~KINDS["user"], "fork")


def add_kind_scenes(kind):
    @scene(f"root joins {kind} of another process, any type asked", joined=[kind], ret=0)
    def any_type():
        with elsewhere() if kind != "user" else everywhere() as pid:
            return scenario("open", f"/proc/{pid}/ns/{kind}", "call", 0)

    @scene(f"root joins {kind} below its user namespace, by its type", joined=[kind], ret=0)
    def by_type():
        with everywhere() as pid:
            return scenario("open", f"/proc/{pid}/ns/{kind}", "call", KINDS[kind],
                            nstypes=[KINDS[kind]])

    if kind != "user":
        @scene(f"root leaves {kind} for the initial one", joined=[kind], ret=0)
        def back():
            words = ["open", f"/proc/1/ns/{kind}", "unshare", KINDS[kind]]
            # unshare(2) gives new pid and time namespaces to children only.
            if kind == "time":
                return scenario(*words, "fork", "call", 0, tid=wait_child)
            if kind == "pid":
                words.append("spawn")
            return scenario(*words, "call", 0)


def wait_child(actor):
    """Returns the tid of an actor that has forked, as this /proc shows it."""
    path = f"/proc/{actor.process.pid}/task/{actor.process.pid}/children"
    while True:
        with open(path) as children:
            words = children.read().split()
        if words:
            return int(words[0])
        if actor.process.poll() is not None:
            raise RuntimeError("the actor ended")


for each in KINDS:
    add_kind_scenes(each)


@scene("a namespace that the caller is in already is joined again", joined=["uts"], flags=[])
def already_there():
    return scenario("open", "/proc/self/ns/uts", "call", 0)


@scene("a namespace by its bind mount", joined=["net"], fd_kind="nsfs")
def bind_mount():
    path = "/run/setnsmon-test-net"
    with open(path, "w"), elsewhere() as pid:
        must("mount", "--bind", f"/proc/{pid}/ns/net", path)
    try:
        return scenario("open", path, "call", 0)
    finally:
        must("umount", path)
        os.unlink(path)


@scene("one process, four calls in a row", ret=-errno.EINVAL)
def in_a_row():
    with elsewhere() as pid:
        return scenario("open", f"/proc/{pid}/ns/uts", "call", 0, "open", "/proc/1/ns/uts",
                        "call", 0, "call", KINDS["uts"], "call", KINDS["net"],
                        nstypes=[0, 0, KINDS["uts"], KINDS["net"]])


# -- refused --

@scene("a wrong type", ret=-errno.EINVAL, joined=[], fd_kind="nsfs")
def wrong_type():
    with elsewhere() as pid:
        return scenario("open", f"/proc/{pid}/ns/net", "call", KINDS["uts"],
                        nstypes=[KINDS["uts"]])


@scene("types that there are not", ret=-errno.EINVAL)
def no_such_type():
    return scenario("open", "/proc/self/ns/net", "call", 1, "call", "0xffffffff", "call", -1,
                    nstypes=[1, 0xffffffff, 0xffffffff])


@scene("a closed file descriptor", ret=-errno.EBADF, fd_kind="none", target=None)
def closed_fd():
    return scenario("open", "/proc/self/ns/net", "close", "call", 0)


@scene("file descriptors that cannot be", ret=-errno.EBADF, fd_kind="none", target=None)
def odd_fds():
    return scenario("fd", -1, "call", 0, "fd", 2147483647, "call", 0, "fd", -2147483648, "call", 0,
                    nstypes=[0, 0, 0])


@scene("a namespace opened with O_PATH", ret=-errno.EBADF, fd_kind="none", target=None)
def opened_with_o_path():
    return scenario("opath", "/proc/self/ns/net", "call", 0)


for what, words in (("regular file", ["open", "/etc/passwd"]), ("directory", ["open", "/etc"]),
                    ("socket", ["socket"]), ("pipe", ["pipe"]), ("device", ["open", "/dev/null"]),
                    ("directory of namespaces", ["open", "/proc/self/ns"])):
    @scene(f"a {what}", ret=-errno.EINVAL, fd_kind="other", target=None)
    def not_a_namespace(words=words):
        return scenario(*words, "call", 0)


for kind in ("net", "mnt", "uts", "cgroup"):
    @scene(f"an unprivileged process and {kind} of the host", ret=-errno.EPERM, flags=["denied"])
    def unprivileged(kind=kind):
        return scenario("open", f"/proc/1/ns/{kind}", "setgid", 65534, 65534, 65534, 65534,
                        "setuid", 65534, 65534, 65534, 65534, "call", 0)


# -- user namespaces --

@scene("upward: from a user namespace to net of the one above", ret=-errno.EPERM,
       flags=["denied", "targets-init", "upward", "userns-cross"])
def upward():
    return scenario("open", "/proc/1/ns/net", "unshare", KINDS["user"] | KINDS["net"], "map",
                    "call", 0)


@scene("upward: from two user namespaces down to net of the first", ret=-errno.EPERM,
       flags=["denied", "upward", "userns-cross"])
def two_upward():
    with holder("unshare", KINDS["user"] | KINDS["net"], "map") as pid:
        return scenario("open", f"/proc/{pid}/ns/user", "call", 0, "open", f"/proc/{pid}/ns/net",
                        "unshare", KINDS["user"] | KINDS["net"], "map", "call", 0, nstypes=(0, 0))


@scene("upward: to the user namespace of the host", ret=-errno.EPERM,
       flags=["denied", "targets-init", "upward", "userns-cross"])
def upward_to_initial_user():
    return scenario("open", "/proc/1/ns/user", "unshare", KINDS["user"], "map", "call", 0)


@scene("the user namespace of the host, from itself", ret=-errno.EINVAL, flags=[])
def initial_user_from_itself():
    return scenario("open", "/proc/1/ns/user", "call", 0)


@scene("a sibling's net is unrelated", ret=-errno.EPERM, flags=["denied", "userns-cross"])
def sibling():
    with holder("unshare", KINDS["user"] | KINDS["net"], "map") as pid:
        return scenario("open", f"/proc/{pid}/ns/net", "unshare", KINDS["user"], "map", "call", 0)


@scene("a user namespace three levels down", ret=0, joined=["user"])
def three_levels():
    user = ["unshare", KINDS["user"], "map"]
    with holder(*user, *user, *user) as pid:
        return scenario("open", f"/proc/{pid}/ns/user", "call", 0)


@scene("net of a user namespace two levels down, made by an ordinary user", ret=0)
def owned_by_a_user():
    with holder("setgid", 100, 100, 100, 100, "setuid", 1234, 1234, 1234, 1234,
                "unshare", KINDS["user"], "map",
                "unshare", KINDS["user"] | KINDS["net"], "map") as pid:
        return scenario("open", f"/proc/{pid}/ns/net", "call", KINDS["net"],
                        nstypes=[KINDS["net"]])


@scene("a user gains capabilities in a user namespace of its own", ret=0,
       flags=["userns-cross", "caps-gained"])
def caps_gained():
    ids = ["setgid", 1000, 1000, 1000, 1000, "setuid", 1000, 1000, 1000, 1000]
    with holder(*ids, "unshare", KINDS["user"], "map") as pid:
        return scenario("open", f"/proc/{pid}/ns/user", *ids, "call", 0)


ALICE = ["setgid", 1000, 1000, 1000, 1000, "setuid", 1000, 1000, 1000, 1000]
BOB = ["setgid", 1001, 1001, 1001, 1001, "setuid", 1001, 1001, 1001, 1001]


@scene("another user's user namespace: it is hers, and the step is a large one",
       ret=-errno.EPERM, flags=["denied", "userns-cross"])
def user_of_another():
    with holder(*ALICE, "unshare", KINDS["user"], "map") as pid:
        return scenario("open", f"/proc/{pid}/ns/user", *BOB, "call", 0)


@scene("a pidfd whose net is the host's: the owner is that of net, not of the process", ret=0,
       flags=["to-init", "targets-init"])
def net_of_the_host():
    with holder(*ALICE, "unshare", KINDS["user"], "map") as pid:
        return scenario("pidfd", pid, "unshare", KINDS["net"], "call", KINDS["net"],
                        nstypes=[KINDS["net"]])


def from_inside(*words, kinds):
    """Tries the net of the host by a pidfd, from the user namespace of the process behind it."""
    with holder(*ALICE, "unshare", KINDS["user"], "map") as pid:
        return scenario(*words, "open", f"/proc/{pid}/ns/user", "call", 0, "pidfd", pid,
                        "call", kinds, nstypes=(0, kinds))


@scene("the same pidfd, from inside, of a caller in another net", ret=-errno.EPERM,
       flags=["denied", "targets-init", "upward", "userns-cross"])
def upward_by_pidfd():
    return from_inside("unshare", KINDS["net"], kinds=KINDS["net"])


@scene("the same pidfd, from inside, of a caller in that net: refused all the same",
       ret=-errno.EPERM, flags=["denied", "upward", "userns-cross"])
def upward_by_pidfd_in_place():
    return from_inside(kinds=KINDS["net"])


@scene("several kinds by a pidfd: the flags of each of them", ret=-errno.EPERM,
       flags=["denied", "targets-init", "upward", "userns-cross"])
def upward_by_one_of_several():
    return from_inside("unshare", KINDS["net"] | KINDS["uts"],
                       kinds=KINDS["net"] | KINDS["uts"])


for each in ("cgroup", "ipc", "net", "uts"):
    @scene(f"{each} of the host, from below but in that namespace already: nowhere to go",
           ret=-errno.EPERM, flags=["denied"])
    def nowhere_to_go(kind=each):
        return scenario("open", f"/proc/1/ns/{kind}", "unshare", KINDS["user"], "map", "call", 0)


@scene("one's own user namespace, from inside", ret=-errno.EINVAL, flags=[])
def own_user_from_inside():
    return scenario("unshare", KINDS["user"], "map", "open", "/proc/self/ns/user", "call", 0)


for each in ("mnt", "net", "pid"):
    @scene(f"root of a container tries {each} of the host", ret=-errno.EPERM,
           flags=["denied", "targets-init", "upward", "userns-cross"])
    def tries_the_host(kind=each):
        return scenario("open", f"/proc/1/ns/{kind}", "unshare", ALL_KINDS, "map", "fork",
                        "call", 0, tid=wait_child)


# -- what a caller shares --

for each, error in (("user", errno.EINVAL), ("mnt", errno.EINVAL), ("time", errno.EUSERS)):
    @scene(f"a caller with two threads and {each} of another process", ret=-error)
    def with_threads(kind=each):
        with everywhere() as pid:
            return scenario("open", f"/proc/{pid}/ns/{kind}", "thread", "call", 0)


@scene("a caller that shares its root with another process", ret=-errno.EINVAL)
def with_shared_root():
    with everywhere() as pid:
        return scenario("sharer", "open", f"/proc/{pid}/ns/mnt", "call", 0)


# -- the caller --

@scene("real, effective, saved and file system ids are distinguished", uid=11, euid=0, suid=33,
       fsuid=44, gid=55, egid=66, sgid=77, fsgid=88)
def ids_apart():
    return scenario("open", "/proc/self/ns/uts", "setgid", 55, 66, 77, 88, "setuid", 11, 0, 33, 44,
                    "call", 0)


@scene("an effective id without privilege", uid=0, euid=1000, suid=2000, ret=-errno.EPERM)
def effective_id():
    return scenario("open", "/proc/1/ns/uts", "setuid", 0, 1000, 2000, 1000, "call", 0)


@scene("large ids", uid=4000000000, gid=4100000000)
def large_ids():
    return scenario("open", "/proc/1/ns/uts", "setgid", *[4100000000] * 4,
                    "setuid", *[4000000000] * 4, "call", 0)


@scene("a thread that is not the leader", ret=0)
def thread():
    actor_words = ["open", "/proc/self/ns/uts", "comm", "the-leader", "thread", "comm",
                   "not-the-leader", "call", 0]
    seen = scenario(*actor_words)
    expected = seen[0][0]
    if expected["pid"] == expected["tid"] or expected["comm"] != "not-the-leader":
        raise RuntimeError("the scene is wrong")
    return seen


@scene("a process in a pid namespace sees other numbers", ret=0, ns_pid=1, ns_tid=1)
def nested_pid():
    return scenario("open", "/proc/self/ns/uts", "unshare", KINDS["pid"], "fork", "call", 0,
                    tid=wait_child)


@scene("a thread in two pid namespaces", ret=0, ns_pid=1, ns_tid=2)
def nested_pid_thread():
    def last_thread(actor):
        pid = wait_child(actor)
        while True:
            with open(f"/proc/{pid}/task/{pid}/children") as children:
                words = children.read().split()
            tasks = os.listdir(f"/proc/{words[0]}/task") if words else []
            if len(tasks) == 2:
                return max(int(task) for task in tasks)
    return scenario("open", "/proc/self/ns/uts", "unshare", KINDS["pid"], "fork",
                    "unshare", KINDS["pid"], "fork", "thread", "call", 0, tid=last_thread)


@scene("a login user id and a session", loginuid=1234)
def login():
    seen = scenario("loginuid", 1234, "open", "/proc/self/ns/uts", "call", 0)
    if seen[0][0]["sessionid"] is None:
        raise RuntimeError("no session")
    return seen


@scene("a cgroup", ret=0)
def cgroup():
    path = "/sys/fs/cgroup/setnsmon-test"
    os.makedirs(path + "/below", exist_ok=True)

    def enter():
        with open(path + "/below/cgroup.procs", "w") as procs:
            procs.write("0")
    try:
        seen = scenario("open", "/proc/self/ns/uts", "call", 0, preexec_fn=enter)
    finally:
        os.rmdir(path + "/below")
        os.rmdir(path)
    return seen


# -- the 32-bit entry --

@scene("a 32-bit program", abi="i386", ret=0, flags=["kernel-compat"])
def program_of_32_bits():
    with elsewhere() as pid:
        return scenario("open", f"/proc/{pid}/ns/net", "call", 0, program=ACTOR32, abi="i386")


@scene("a 32-bit program and a file descriptor of -1", abi="i386", ret=-errno.EBADF, fd=-1)
def program_of_32_bits_bad_fd():
    return scenario("fd", -1, "call", "0x7fffffff", nstypes=[0x7fffffff], program=ACTOR32,
                    abi="i386")


@scene("int 0x80 from 64-bit code", abi="i386", ret=0)
def int80():
    with elsewhere() as pid:
        return scenario("open", f"/proc/{pid}/ns/ipc", "int80", KINDS["ipc"],
                        nstypes=[KINDS["ipc"]], abi="i386")


# -- pidfds --

@scene("a pidfd that joins one kind", fd_kind="pidfd", joined=["net"], ret=0)
def pidfd_one():
    with elsewhere() as pid:
        return scenario("pidfd", pid, "call", KINDS["net"], nstypes=[KINDS["net"]])


@scene("a pidfd that joins seven kinds", fd_kind="pidfd",
       joined=["cgroup", "ipc", "mnt", "net", "pid", "time", "uts"], ret=0)
def pidfd_seven():
    kinds = ALL_KINDS & ~KINDS["user"]
    with elsewhere() as pid:
        return scenario("pidfd", pid, "call", kinds, nstypes=[kinds])


@scene("a pidfd that joins all eight kinds", fd_kind="pidfd", joined=list(KINDS), ret=0)
def pidfd_eight():
    with everywhere() as pid:
        return scenario("pidfd", pid, "call", ALL_KINDS, nstypes=[ALL_KINDS])


@scene("a pidfd by the 32-bit entry", fd_kind="pidfd", abi="i386", joined=["ipc", "uts"])
def pidfd_32():
    kinds = KINDS["ipc"] | KINDS["uts"]
    with elsewhere() as pid:
        return scenario("pidfd", pid, "call", kinds, nstypes=[kinds], program=ACTOR32, abi="i386")


@scene("a pidfd and no kind", fd_kind="pidfd", ret=-errno.EINVAL, joined=[])
def pidfd_none():
    with elsewhere() as pid:
        return scenario("pidfd", pid, "call", 0)


@scene("a pidfd and a kind that there is not", fd_kind="pidfd", ret=-errno.EINVAL)
def pidfd_bad():
    with elsewhere() as pid:
        return scenario("pidfd", pid, "call", KINDS["net"] | 1, nstypes=[KINDS["net"] | 1])


@scene("a pidfd of the caller itself", fd_kind="pidfd", ret=0, joined=["uts"])
def pidfd_self():
    return scenario("pidfd", 0, "call", KINDS["uts"], nstypes=[KINDS["uts"]])


@scene("a pidfd of the host, unprivileged", fd_kind="pidfd", ret=-errno.EPERM,
       flags=["denied"])
def pidfd_unprivileged():
    return scenario("pidfd", 1, "setuid", 1000, 1000, 1000, 1000, "call", KINDS["net"],
                    nstypes=[KINDS["net"]])


@scene("a pidfd of the host, upward", fd_kind="pidfd", ret=-errno.EPERM,
       flags=["denied", "upward", "userns-cross"])
def pidfd_upward():
    return scenario("pidfd", 1, "unshare", KINDS["user"], "map", "call", KINDS["net"],
                    nstypes=[KINDS["net"]])


def pidfd_of(pid):
    """Returns the number of the one pidfd of a process."""
    numbers = [number for number in os.listdir(f"/proc/{pid}/fd")
               if "Pid" in fdinfo_of(pid, number)]
    return numbers[0]


@scene("a pidfd of a process that is gone", fd_kind="pidfd", ret=-errno.ESRCH)
def pidfd_gone():
    victim = Actor("hold")
    victim.expect("hold")
    actor = Actor("pidfd", victim.process.pid, "hold", "talk", "call", KINDS["net"])
    actor.tid = None
    actor.expect("hold")
    pid_id = pid_id_of(f"/proc/{actor.process.pid}/fd/{pidfd_of(actor.process.pid)}")
    victim.kill()               # and reaped
    actor.go()
    expected, clocks = watch(actor, KINDS["net"])
    # fdinfo shows -1 now, but the record still has the process that the pidfd was made for.
    expected["target"]["pid"] = victim.process.pid
    expected["target"]["pid_id"] = pid_id
    actor.end()
    return [(expected, clocks)]


# ---- all scenes first, then all records ----

def main():
    played = play()
    records = played.records

    def compare(check, claims, seen):
        for number, (expected, clocks) in enumerate(seen):
            mine = [r for r in records if r["tid"] == expected["tid"]]
            if not check.eq(len(mine), len(seen), "records of this thread"):
                return
            if number == len(seen) - 1:
                for key, value in claims.items():
                    check.eq(expected[key], value, f"the oracle's {key}")
            check_record(check, mine[number], expected, clocks)

    def numbers_have_no_gap(check):
        check.eq(len(records), played.observed(), "records")
        for cpu in {record["cpu"] for record in records}:
            numbers = [record["seq"] for record in records if record["cpu"] == cpu]
            check.eq(numbers, list(range(len(numbers))), f"numbers of CPU {cpu}")
        times = [record["boot_ns"] for record in records]
        check.eq(times, sorted(times), "order")

    played.add_cases(compare)
    add_case("no record is missing, none is extra, each CPU counts from 0, ordered by time",
             numbers_have_no_gap)
    run_cases()


main()
