#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Every outcome: what the kernel refuses, and why. Even the record of a refused call has its
target, the owner and their relation. Nothing is joined, and nothing has moved. The oracle of
the result is the caller, and each scene is checked to provoke the error of its name.

setns(2) creates no namespace, so it cannot reach a limit of user namespaces (ENOSPC, formerly
EUSERS). EUSERS is the error of a process with threads that joins a time namespace. ENOMEM
needs a control group without a byte of kernel memory left."""

import contextlib
import errno
import os
import time

from actors import Actor, holder
from fd_matrix import (CALLS, CALLS32, HOST, NOBODY, Fds, Seen, Target, Try, attempt,
                       run_scenes)
from namespaces import ALL_KINDS, KINDS, UserNs
from oracle import ended_process
from scenes import scene
from tap import Skip

EBADF, EINVAL, EPERM, ESRCH = -errno.EBADF, -errno.EINVAL, -errno.EPERM, -errno.ESRCH
EUSERS, ENOMEM = -errno.EUSERS, -errno.ENOMEM
NOT_USER = ALL_KINDS & ~KINDS["user"]
CAP_SYS_CHROOT, CAP_SYS_ADMIN = 18, 21


def everywhere(*words):
    return holder(*words, "unshare", ALL_KINDS, "map", "fork")


def elsewhere():
    return holder("unshare", NOT_USER, "fork")


def links(fds, pid, kinds=tuple(KINDS)):
    return [Target(kind, fds.path(f"/proc/{pid}/ns/{kind}")) for kind in kinds]


# ---- EINVAL because of the arguments ----

@scene("EINVAL: each kind of namespace, each type that it is not")
def wrong_kind():
    with everywhere() as pid, Fds() as fds:
        return attempt(Try(target, nstype, EINVAL) for target in links(fds, pid)
                       for kind, nstype in KINDS.items() if kind != target.name)


@scene("EINVAL: no type at all, each bit that is not a type, and several types for one namespace")
def no_type():
    with everywhere() as pid, Fds() as fds:
        bits = [1 << bit for bit in range(32) if not ALL_KINDS & 1 << bit]
        return attempt(Try(target, nstype, EINVAL) for target in links(fds, pid, ("net", "user"))
                       for nstype in (*bits, ALL_KINDS, KINDS["net"] | KINDS["user"],
                                      KINDS["net"] | 1, -1))


@scene("EINVAL: a pidfd and type 0, and each bit that is not a type")
def pidfd_types():
    with everywhere() as pid, Fds() as fds:
        target = Target("pidfd", fds.pidfd(pid))
        bits = [1 << bit for bit in range(32) if not ALL_KINDS & 1 << bit]
        return (attempt(Try(target, nstype, EINVAL)
                        for nstype in (0, *bits, *(KINDS["net"] | bit for bit in bits), -1)) +
                attempt((Try(target, nstype, EINVAL) for nstype in (0, 1, -1)), program=CALLS32))


# ---- EINVAL because of the caller ----

@scene("EINVAL: the own user namespace again, by fd and by pidfd, on the host and below")
def own_user_again():
    with everywhere() as pid, Fds() as fds:
        here = Target("own", fds.path("/proc/self/ns/user"))
        own = Target("own pidfd", fds.pidfd(os.getpid()))
        user, = links(fds, pid, ("user",))
        pidfd = Target("pidfd", fds.pidfd(pid))
        below = UserNs.of_path(f"/proc/{pid}/ns/user")
        return (attempt([Try(here, 0, EINVAL), Try(here, KINDS["user"], EINVAL),
                         Try(own, KINDS["user"], EINVAL), Try(own, ALL_KINDS, EINVAL)]) +
                attempt([Try(user, 0, EINVAL), Try(pidfd, KINDS["user"], EINVAL)],
                        "user", user.fd, caller=below, fds=[user.fd]))


@scene("EINVAL: a user namespace, from a process with threads; EUSERS: a time namespace")
def threads():
    with everywhere() as pid, Fds() as fds:
        user, time, *others = links(fds, pid, ("user", "time", "net", "mnt", "uts", "ipc", "pid",
                                               "cgroup"))
        pidfd = Target("pidfd", fds.pidfd(pid))
        tries = [Try(user, 0, EINVAL), Try(user, KINDS["user"], EINVAL),
                 Try(pidfd, KINDS["user"], EINVAL), Try(pidfd, ALL_KINDS, EINVAL),
                 Try(time, 0, EUSERS), Try(time, KINDS["time"], EUSERS),
                 Try(pidfd, KINDS["time"], EUSERS),
                 Try(pidfd, KINDS["net"] | KINDS["time"], EUSERS)]
        # All threads of a process share its root and directory, so it cannot join mnt either.
        tries += [Try(other, 0, EINVAL if other.name == "mnt" else 0) for other in others]
        return (attempt(tries, "idle-thread") + attempt(tries, "from-thread") +
                attempt(tries, "idle-thread", program=CALLS32))


@scene("EUSERS: a time namespace, from a process that shares its memory with another")
def shared_memory():
    with everywhere() as pid, Fds() as fds:
        time, user = links(fds, pid, ("time", "user"))
        pidfd = Target("pidfd", fds.pidfd(pid))
        return attempt([Try(time, 0, EUSERS), Try(pidfd, KINDS["time"], EUSERS),
                        Try(user, 0, 0)], "shared-memory")


@scene("EINVAL: user and mount namespaces, when root and directory are shared (CLONE_FS)")
def shared_fs():
    with everywhere() as pid, Fds() as fds:
        user, mnt, net = links(fds, pid, ("user", "mnt", "net"))
        pidfd = Target("pidfd", fds.pidfd(pid))
        return attempt([Try(user, 0, EINVAL), Try(mnt, 0, EINVAL),
                        Try(pidfd, KINDS["user"], EINVAL), Try(pidfd, KINDS["mnt"], EINVAL),
                        Try(pidfd, KINDS["user"] | KINDS["mnt"], EINVAL),
                        # With another kind the kernel works on a copy, which is not shared. But
                        # Linux 7.3 checks whether the caller's own are shared.
                        Try(pidfd, KINDS["mnt"] | KINDS["uts"], {0, EINVAL}), Try(net, 0, 0)],
                       "shared-fs")


@scene("EINVAL: a pid namespace that is not below the caller's")
def pid_upward():
    with holder("unshare", KINDS["pid"], "fork") as one, \
         holder("unshare", KINDS["pid"], "fork") as two, Fds() as fds:
        first, = links(fds, one, ("pid",))
        second, = links(fds, two, ("pid",))
        host, = links(fds, 1, ("pid",))
        return attempt([Try(first, 0, 0), Try(second, 0, EINVAL), Try(host, 0, EINVAL),
                        Try(Target("host", fds.pidfd(1)), KINDS["pid"], EINVAL)],
                       "enter", first.fd, fds=[first.fd])


# ---- EPERM ----

@scene("EPERM: an ordinary user, each kind, of the host and of another's user namespace")
def ordinary_user():
    with elsewhere() as one, everywhere() as two, Fds() as fds:
        targets = links(fds, one) + links(fds, two)
        own = targets[list(KINDS).index("user")]
        return attempt((Try(target, nstype, EINVAL if target is own else EPERM)
                        for target in targets for nstype in (0, KINDS[target.name])),
                       "uid", 1234)


@scene("EPERM: an ordinary user and pidfds, each kind, and all")
def ordinary_user_pidfd():
    with elsewhere() as one, everywhere() as two, Fds() as fds:
        return attempt((Try(Target("pidfd", fds.pidfd(pid)), nstype, EPERM)
                        for pid in (1, one, two) for nstype in (*KINDS.values(), ALL_KINDS)),
                       "uid", 1234)


@scene("an ordinary user and a user namespace of its own: that one kind it may join")
def own_user_namespace():
    with everywhere("setgid", *[1234] * 4, "setuid", *[1234] * 4) as pid, Fds() as fds:
        pidfd = Target("pidfd", fds.pidfd(pid))
        targets = links(fds, pid)
        return (attempt([Try(target, 0, 0 if target.name == "user" else EPERM)
                         for target in targets], "uid", 1234) +
                # A pidfd can join all eight at once, because the user namespace comes first.
                attempt([Try(pidfd, ALL_KINDS, 0), Try(pidfd, KINDS["user"], 0),
                         Try(pidfd, KINDS["net"], EPERM)], "uid", 1234) +
                # A namespace of another user
                attempt((Try(target, 0, EPERM) for target in targets), "uid", 1235))


@scene("EPERM: root without CAP_SYS_ADMIN, without CAP_SYS_CHROOT")
def without_capability():
    with elsewhere() as pid, Fds() as fds:
        targets = links(fds, pid, [kind for kind in KINDS if kind != "user"])
        return (attempt((Try(target, 0, EPERM) for target in targets), "nocap", CAP_SYS_ADMIN) +
                attempt((Try(target, 0, EPERM if target.name == "mnt" else 0)
                         for target in targets), "nocap", CAP_SYS_CHROOT))


@scene("EPERM: from a user namespace, each kind of the host, by fd and by pidfd")
def from_below():
    with everywhere() as pid, elsewhere() as other, Fds() as fds:
        user, = links(fds, pid, ("user",))
        below = UserNs.of_path(f"/proc/{pid}/ns/user")
        return attempt([Try(target, 0, EPERM) for target in links(fds, 1) + links(fds, other)] +
                       [Try(Target("pidfd", fds.pidfd(process)), kinds, EPERM)
                        for process in (1, other) for kinds in (KINDS["net"], ALL_KINDS)],
                       "user", user.fd, caller=below, fds=[user.fd])


@scene("which refusal comes first")
def order_of_refusals():
    """The kernel checks the type before the rights, and the process before the namespaces."""
    with elsewhere() as pid, Fds() as fds:
        net, = links(fds, pid, ("net",))
        user, = links(fds, 1, ("user",))
        pidfd = Target("pidfd", fds.pidfd(pid))
        return attempt([Try(net, KINDS["uts"], EINVAL), Try(net, 0, EPERM),
                        Try(user, 0, EINVAL), Try(pidfd, 0, EINVAL),
                        Try(pidfd, KINDS["user"], EPERM)], "uid", 1234)


# ---- EBADF, ESRCH ----

@scene("EBADF: whatever the type and whoever asks")
def bad_fd():
    closed = Target("closed", 900, NOBODY)
    tries = [Try(closed, nstype, EBADF) for nstype in (0, *KINDS.values(), ALL_KINDS, 1, -1)]
    return attempt(tries) + attempt(tries, "uid", 1234) + attempt(tries, program=CALLS32)


@scene("ESRCH: a pidfd of a process that is gone, whoever asks; but a bad type is EINVAL")
def gone():
    with Fds() as fds:
        actor = Actor("hold")
        actor.expect("hold")
        fd = fds.pidfd(actor.process.pid)
        pidfd = Target("gone", fd, ended_process(actor.process.pid, fd))
        actor.kill()
        tries = [Try(pidfd, nstype, ESRCH) for nstype in (*KINDS.values(), ALL_KINDS)]
        tries += [Try(pidfd, nstype, EINVAL) for nstype in (0, 1, -1)]
        return attempt(tries) + attempt(tries, "uid", 1234) + attempt(tries, program=CALLS32)


# ---- ENOMEM ----

GROUPS = "/run/setnsmon-test-memory"


@contextlib.contextmanager
def memory_group():
    """A control group of the memory controller, version 1, whose OOM killer is off: allocations
    of the kernel fail there. With version 2 it would kill, or complain in its log."""
    os.makedirs(GROUPS, exist_ok=True)
    if os.system(f"mount -t cgroup -o memory setnsmon-test {GROUPS} 2>/dev/null"):
        os.rmdir(GROUPS)
        raise Skip("no memory controller of version 1 can be mounted here")
    group = GROUPS + "/hungry"
    try:
        os.mkdir(group)
        put(group + "/memory.oom_control", 1)
        yield group
    finally:
        with contextlib.suppress(OSError):
            put(group + "/memory.limit_in_bytes", -1)
        wait_until_empty(group)
        os.rmdir(group)
        os.system(f"umount {GROUPS}")
        os.rmdir(GROUPS)


def put(path, value):
    with open(path, "w") as file:
        file.write(str(value))


def get(path):
    with open(path) as file:
        return int(file.read())


def wait_until_empty(group):
    while True:
        with open(group + "/cgroup.procs") as procs:
            if not procs.read():
                return


def take_all(group):
    """Limits the group to what it uses, until no CPU has a reserve left.

    Each CPU keeps charged pages in reserve (memcg_stock), which usage includes. A limit below
    usage asks every CPU to return its reserve, but the kernel does not wait for the others. A
    limit set meanwhile would leave the group their reserves.
    """
    usage = None
    for _ in range(100):
        with contextlib.suppress(OSError):
            put(group + "/memory.limit_in_bytes", 0)
        time.sleep(0.05)
        before, usage = usage, get(group + "/memory.usage_in_bytes")
        if before != usage:
            continue
        try:
            put(group + "/memory.limit_in_bytes", usage)
            return
        except OSError:
            pass
    raise RuntimeError("the limit cannot be set")


@scene("ENOMEM: a control group without kernel memory")
def out_of_memory():
    children = 150
    with everywhere() as pid, memory_group() as group, Fds() as fds:
        # On 5.10 only the new credentials of a join are charged to the group.
        user, = links(fds, pid, ("user",))
        target = user.known().as_target(0, HOST)
        actor = Actor("starve", group, children, user.fd, program=CALLS, pass_fds=[user.fd])
        try:
            actor.expect("hold")
            take_all(group)
            actor.go()
            starved = [actor.expect("starved") for _ in range(children)]
        finally:
            actor.end()
    seen = []
    for tid, ret in starved:
        seen.append(Seen({"tid": tid, "fd": -1, "ret": EBADF}))
        seen.append(Seen({"tid": tid, "fd": user.fd, "fd_kind": "nsfs", "target": target,
                          "nstype": 0, "ret": ret, "errno": "ENOMEM" if ret else None,
                          "joined": [] if ret else ["user"], "flags": ["userns-cross", "kernel-compat"]}))
    rets = {ret for _, ret in starved}
    if ENOMEM not in rets or rets - {0, ENOMEM}:
        raise RuntimeError(f"results: {rets}")
    return seen


run_scenes()
