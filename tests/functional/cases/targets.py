#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Every target: all kinds of file descriptors, and all ways for the caller to get one.
The oracles are stat(2) and the NS_GET_* ioctls on this process's own copy of it."""

import contextlib
import ctypes
import errno
import fcntl
import os
import resource
import signal
import socket
import subprocess
import tempfile

from actors import Actor, holder
from fd_matrix import (CALLS, CALLS32, HOST, NOBODY, OTHER, Fds, Seen, Target, Try, attempt,
                       run_scenes)
from guest import ACTOR, must
from namespaces import ALL_KINDS, KINDS, LINKS, NS_GET_PARENT, NS_GET_USERNS, UserNs, links_of
from oracle import FLAGS, ended_process, scenario, target_of
from scenes import scene
from tap import Skip

PIDFD_OPEN = 434
SIOCGSKNS = 0x894c
SO_PEERPIDFD = 77
AT_FDCWD, AT_EMPTY_PATH, OPEN_TREE_NAMESPACE = -100, 0x1000, 2
# Numbers that other system calls use for the caller, its process, and the roots of two file systems
PIDFD_SELF, PIDFD_SELF_PROCESS, FD_PIDFS_ROOT, FD_NSFS_ROOT = range(-10000, -10004, -1)

NOT_USER = ALL_KINDS & ~KINDS["user"]
PLACE = "/run/setnsmon-targets"


libc = ctypes.CDLL(None, use_errno=True)


def raw(number, *arguments):
    """Makes a file descriptor by a system call."""
    fd = libc.syscall(number, *arguments)
    if fd < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return fd


def elsewhere():
    """A process in seven kinds of its own, owned by the initial user namespace."""
    return holder("unshare", NOT_USER, "fork")


def everywhere():
    """A process in all eight kinds, which its own user namespace owns."""
    return holder("unshare", ALL_KINDS, "map", "fork")


def kind_of(link):
    return link.replace("_for_children", "")


# ---- namespaces ----

for each, where in (("owned by the initial user namespace", elsewhere),
                    ("owned by one below", everywhere)):
    @scene(f"the ten links of /proc, {each}")
    def links(where=where):
        with where() as pid, Fds() as fds:
            targets = [Target(link, fds.path(f"/proc/{pid}/ns/{link}")) for link in LINKS]
            # With elsewhere(), user is the caller's own
            return attempt(Try(target, nstype, own_user(where, target.name))
                           for target in targets for nstype in (0, KINDS[kind_of(target.name)]))


def own_user(where, link):
    return -errno.EINVAL if where is elsewhere and link == "user" else 0


@contextlib.contextmanager
def bind_mounts():
    """Makes a directory in which namespaces can be bound, mount namespaces included."""
    os.makedirs(PLACE, exist_ok=True)
    must("mount", "-t", "tmpfs", "setnsmon-test", PLACE)
    must("mount", "--make-private", PLACE)
    try:
        yield PLACE
    finally:
        must("umount", "-R", PLACE)
        os.rmdir(PLACE)


UNSHARE = {"cgroup": ["--cgroup"], "ipc": ["--ipc"], "mnt": ["--mount"], "net": ["--net"],
           "pid": ["--pid", "--fork"], "time": ["--time", "--fork"],
           "user": ["--user", "--map-root-user", "--mount"], "uts": ["--uts"]}


def unshare_to(kind, path):
    """unshare(1) leaves a bind mount, and no process in the namespace."""
    with open(path, "w"):
        pass
    option, *others = UNSHARE[kind]
    must("unshare", f"{option}={path}", *others, "true")
    return path


@scene("bind mounts that unshare(1) has left, of all eight kinds, with nobody in them")
def bound_by_unshare():
    with bind_mounts() as place, Fds() as fds:
        targets = [Target(kind, fds.path(unshare_to(kind, f"{place}/{kind}"))) for kind in KINDS]
        return (attempt(Try(target, nstype, 0) for target in targets
                        for nstype in (0, KINDS[target.name])) +
                attempt((Try(target, 0, 0) for target in targets), program=CALLS32))


@scene("bind mounts of the links of a living process, of all eight kinds")
def bound_by_mount():
    with bind_mounts() as place, everywhere() as pid, Fds() as fds:
        targets = []
        for kind in KINDS:
            with open(f"{place}/{kind}", "w"):
                pass
            must("mount", "--bind", f"/proc/{pid}/ns/{kind}", f"{place}/{kind}")
            targets.append(Target(kind, fds.path(f"{place}/{kind}")))
            if os.fstat(targets[-1].fd).st_ino != links_of(pid)[kind]:
                raise RuntimeError("not the namespace of that process")
        return attempt(Try(target, 0, 0) for target in targets)


def program(path, kind, *command, status=0, also=()):
    """Runs another program that joins the namespace at path in its own process."""
    fd = os.open(path, os.O_RDONLY)
    try:
        facts = target_of(os.getpid(), fd)
    finally:
        os.close(fd)
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    if process.wait(30) != status:
        raise RuntimeError(f"{command}: status {process.returncode}")
    flags = facts.flags(0, links_of(os.getpid()), HOST, 0)
    return Seen({"pid": process.pid, "tid": process.pid, "comm": command[0],
                 "fd_kind": facts.fd_kind, "target": facts.as_target(0, HOST), "joined": [kind], "ret": 0,
                 "flags": [flag for flag in FLAGS if flag in {*flags, *also}]})


@scene("nsenter and ip netns exec, by the file of a bind mount")
def by_programs():
    with bind_mounts() as place:
        seen = [program(unshare_to(kind, f"{place}/{kind}"), kind, "nsenter",
                        f"{UNSHARE[kind][0]}={place}/{kind}", "true",
                        # Its init is dead: it can be joined, but no process can be created there.
                        status=1 if kind == "pid" else 0,
                        also=["root-moved"] if kind == "mnt" else [])
                for kind in ("cgroup", "ipc", "mnt", "net", "pid", "uts", "time")]
    # It returns from the new one by another call.
    seen.append(program("/proc/self/ns/net", "net", "ip", "netns", "add", "setnsmon-test",
                        also=["to-init", "targets-init"]))
    try:
        seen.append(program("/run/netns/setnsmon-test", "net", "ip", "netns", "exec",
                            "setnsmon-test", "true"))
    finally:
        must("ip", "netns", "del", "setnsmon-test")
    return seen


@scene("namespaces that only a file descriptor keeps, of all eight kinds")
def kept_by_fd():
    with Fds() as fds:
        with everywhere() as pid:
            targets = [Target(kind, fds.path(f"/proc/{pid}/ns/{kind}")) for kind in KINDS]
            was = links_of(pid)
        gone(pid)
        for target in targets:
            if os.fstat(target.fd).st_ino != was[target.name]:
                raise RuntimeError("not the namespace that it was")
        return attempt(Try(target, nstype, 0) for target in targets
                       for nstype in (0, KINDS[target.name]))


def gone(pid):
    """Waits until the process of the holder has ended."""
    while os.path.exists(f"/proc/{pid}"):
        pass


@scene("a pid namespace whose init has died, while others keep its user namespace")
def dead_init():
    with Fds() as fds, holder("unshare", KINDS["user"], "map") as outer:
        user = fds.path(f"/proc/{outer}/ns/user")
        inside = subprocess.Popen(["nsenter", f"--user=/proc/{outer}/ns/user",
                                   "--preserve-credentials", ACTOR, "unshare",
                                   str(KINDS["pid"]), "fork", "hold"],
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        inside.stdout.readline()
        with open(f"/proc/{inside.pid}/task/{inside.pid}/children") as children:
            init = int(children.read())
        target = Target("pid", fds.path(f"/proc/{init}/ns/pid"))
        os.kill(init, signal.SIGKILL)
        inside.communicate()
        joined = Seen({"tid": inside.pid, "comm": "nsenter", "ret": 0, "joined": ["user"]})
        return ([joined] + attempt([Try(target, 0, 0), Try(target, KINDS["pid"], 0)]) +
                attempt([Try(target, 0, 0)], "user", user, fds=[user],
                        caller=UserNs.of_path(f"/proc/{outer}/ns/user")))


@scene("file descriptors that came from an ioctl: of user and pid namespaces, and of sockets")
def by_ioctl():
    user = ["unshare", KINDS["user"], "map"]
    with holder(*user, *user, "unshare", KINDS["pid"] | KINDS["net"], "fork",
                "unshare", KINDS["pid"], "fork") as pid, Fds() as fds:
        links = {kind: fds.path(f"/proc/{pid}/ns/{kind}") for kind in ("user", "pid", "net")}
        with socket.socket(socket.AF_UNIX) as own:
            targets = [
                Target("parent of user", fds.add(fcntl.ioctl(links["user"], NS_GET_PARENT))),
                Target("parent of pid", fds.add(fcntl.ioctl(links["pid"], NS_GET_PARENT))),
                Target("owner of pid", fds.add(fcntl.ioctl(links["pid"], NS_GET_USERNS))),
                Target("owner of net", fds.add(fcntl.ioctl(links["net"], NS_GET_USERNS))),
                Target("net of a socket", fds.add(fcntl.ioctl(own, SIOCGSKNS))),
                Target("again", fds.path(f"/proc/self/fd/{links['net']}")),
            ]
            return attempt(Try(target, 0, 0) for target in targets)


@scene("namespaces that came from an ioctl on a pidfd, all ten links")
def by_pidfd_ioctl():
    with everywhere() as pid, Fds() as fds:
        pidfd = fds.pidfd(pid)
        targets = []
        # PIDFD_GET_CGROUP_NAMESPACE is 1, and the others follow in the order of their names.
        for number, link in enumerate(LINKS, 1):
            try:
                targets.append(Target(link, fds.add(fcntl.ioctl(pidfd, 0xff00 | number))))
            except OSError as problem:
                if problem.errno in (errno.ENOTTY, errno.EINVAL):
                    raise Skip("this kernel has no ioctls for the namespaces of a pidfd")
                raise
            if os.fstat(targets[-1].fd).st_ino != links_of(pid)[link]:
                raise RuntimeError(f"not {link} of that process")
        return attempt(Try(target, nstype, 0) for target in targets
                       for nstype in (0, KINDS[kind_of(target.name)]))


@scene("namespaces that came from a file handle, all eight kinds")
def by_file_handle():
    with everywhere() as pid, Fds() as fds:
        targets = []
        for kind in KINDS:
            fd = fds.path(f"/proc/{pid}/ns/{kind}")
            # struct file_handle: number of bytes, a type, and room for the bytes
            handle = (ctypes.c_uint32 * 34)(128)
            try:
                raw(303, fd, b"", handle, (ctypes.c_int * 1)(), AT_EMPTY_PATH)
            except OSError as problem:
                if problem.errno == errno.EOPNOTSUPP:
                    raise Skip("this kernel has no file handles of namespaces")
                raise
            targets.append(Target(kind, fds.add(raw(304, FD_NSFS_ROOT, handle, os.O_RDONLY))))
            if os.fstat(targets[-1].fd).st_ino != os.fstat(fd).st_ino:
                raise RuntimeError(f"another {kind}")
        return attempt(Try(target, 0, 0) for target in targets)


@scene("a mount namespace that open_tree(2) has made, with nobody in it")
def by_open_tree():
    with Fds() as fds:
        try:
            fd = fds.add(raw(428, AT_FDCWD, b"/etc", OPEN_TREE_NAMESPACE | os.O_CLOEXEC))
        except OSError as problem:
            if problem.errno == errno.EINVAL:
                raise Skip("open_tree(2) of this kernel makes no namespaces")
            raise
        # That namespace has no program to run, but the caller has been started already.
        return attempt([Try(Target("mnt", fd), nstype) for nstype in (0, KINDS["mnt"])])


# ---- processes ----

PIDFD_TYPES = (*KINDS.values(), KINDS["net"] | KINDS["uts"] | KINDS["mnt"], NOT_USER)


@scene("pidfd of a living process, owned by the initial user namespace: each kind, and several")
def pidfd_elsewhere():
    with elsewhere() as pid, Fds() as fds:
        target = Target("pidfd", fds.pidfd(pid))
        return attempt(Try(target, kinds, own_pidfd_user(kinds)) for kinds in PIDFD_TYPES)


def own_pidfd_user(kinds):
    return -errno.EINVAL if kinds & KINDS["user"] else 0


@scene("pidfd of a process in another user namespace: each kind, several, and all")
def pidfd_everywhere():
    with everywhere() as pid, Fds() as fds:
        target = Target("pidfd", fds.pidfd(pid))
        return attempt(Try(target, kinds, 0) for kinds in (*PIDFD_TYPES, ALL_KINDS))


@scene("pidfd of oneself, by its process, and by a thread that is not the leader")
def pidfd_of_oneself():
    kinds = KINDS["uts"] | KINDS["net"]
    return (scenario("pidfd", 0, "call", kinds, nstypes=[kinds]) +
            scenario("pidfd", 0, "thread", "call", kinds, nstypes=[kinds]))


@scene("pidfd of the parent, and of process 1")
def pidfd_of_parent():
    with Fds() as fds:
        return attempt(Try(Target("pidfd", fds.pidfd(pid)), kinds, 0)
                       for pid in (os.getpid(), 1) for kinds in (KINDS["uts"], NOT_USER))


@scene("pidfd of a zombie")
def pidfd_of_zombie():
    with Fds() as fds, a_zombie() as pid:
        fd = fds.pidfd(pid)
        target = Target("zombie", fd, ended_process(pid, fd, HOST))
        return attempt(Try(target, kinds, -errno.ESRCH) for kinds in (*KINDS.values(), NOT_USER)
                       ) + attempt([Try(target, 0, -errno.EINVAL)])


@contextlib.contextmanager
def a_zombie(*words):
    """Returns the pid of a zombie that waits for us. words: of an actor."""
    child = Actor(*words, "hold")
    child.expect("hold")
    pid = child.process.pid
    child.go()
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    yield pid
    child.end()


@scene("pidfd of a zombie in another user namespace")
def pidfd_of_foreign_zombie():
    with Fds() as fds, a_zombie("unshare", KINDS["user"], "map") as pid:
        # /proc still shows this one link of a zombie
        fd = fds.pidfd(pid)
        target = Target("zombie", fd,
                        ended_process(pid, fd, UserNs.of_path(f"/proc/{pid}/ns/user")))
        return attempt([Try(target, KINDS["user"], -errno.ESRCH),
                        Try(target, KINDS["net"], -errno.ESRCH)])


@scene("pidfd of a process that is gone: its number stays, nothing else")
def pidfd_of_reaped():
    with Fds() as fds:
        with a_zombie("unshare", KINDS["user"], "map") as pid:
            fd = fds.pidfd(pid)
        target = Target("gone", fd, ended_process(pid, fd))
        return attempt(Try(target, kinds, -errno.ESRCH) for kinds in (*KINDS.values(), ALL_KINDS)
                       ) + attempt([Try(target, 0, -errno.EINVAL)])


@scene("pidfd of a process whose leader is gone, while a thread lives")
def pidfd_without_leader():
    with Fds() as fds:
        actor = Actor("headless", program=CALLS)
        actor.expect("hold")
        pid = actor.process.pid
        fd = fds.pidfd(pid)
        target = Target("headless", fd,
                        ended_process(pid, fd, UserNs.of_path(f"/proc/{pid}/ns/user")))
        seen = attempt(Try(target, kinds, -errno.ESRCH) for kinds in (KINDS["net"], NOT_USER))
        actor.go()
        actor.end()
    return seen


@scene("pidfd of a thread")
def pidfd_of_thread():
    actor = Actor("thread", "hold")
    actor.expect("hold")
    tid = max(int(tid) for tid in os.listdir(f"/proc/{actor.process.pid}/task"))
    try:
        with Fds() as fds:
            target = Target("thread", fds.add(raw(PIDFD_OPEN, tid, os.O_EXCL)))
            return attempt([Try(target, KINDS["net"], 0), Try(target, 0, -errno.EINVAL)])
    except OSError as problem:
        if problem.errno == errno.EINVAL:
            raise Skip("this kernel has no pidfds of threads")
        raise
    finally:
        actor.go()
        actor.end()


@scene("pidfd of the peer of a socket")
def pidfd_of_peer():
    here, there = socket.socketpair()
    with here, there, Fds() as fds:
        try:
            word = here.getsockopt(socket.SOL_SOCKET, SO_PEERPIDFD, 4)
        except OSError as problem:
            if problem.errno == errno.ENOPROTOOPT:
                raise Skip("this kernel has no pidfds of peers")
            raise
        target = Target("peer", fds.add(int.from_bytes(word, "little")))
        return attempt([Try(target, KINDS["uts"], 0), Try(target, 0, -errno.EINVAL)])


@scene("pidfd of a process in a pid namespace, by callers outside and inside of one")
def pidfd_and_pid_namespaces():
    with holder("unshare", KINDS["pid"], "fork") as below, Fds() as fds:
        target = Target("below", fds.pidfd(below))
        host = Target("host", fds.pidfd(1))
        ns = fds.path(f"/proc/{below}/ns/pid")
        return (attempt([Try(target, KINDS["pid"], 0), Try(host, KINDS["uts"], 0)]) +
                # A process cannot move up to a pid namespace further out.
                attempt([Try(target, KINDS["pid"], 0), Try(host, KINDS["pid"], -errno.EINVAL),
                         Try(host, KINDS["uts"], 0)], "enter", ns, fds=[ns]) +
                attempt([Try(target, KINDS["pid"], -errno.EINVAL), Try(target, KINDS["uts"], 0)],
                        "unshare", KINDS["pid"]))


# ---- file descriptors that came from elsewhere ----

@scene("fds that came over a unix socket: a namespace, a pidfd, a file")
def over_a_socket():
    seen = []
    with everywhere() as pid, Fds() as fds:
        for target, nstype, ret in (
                (Target("net", fds.path(f"/proc/{pid}/ns/net")), 0, 0),
                (Target("user", fds.path(f"/proc/{pid}/ns/user")), KINDS["user"], 0),
                (Target("pidfd", fds.pidfd(pid)), KINDS["net"] | KINDS["uts"], 0),
                (Target("file", fds.path("/etc/passwd"), OTHER), 0, -errno.EINVAL)):
            here, there = socket.socketpair()
            with here, there:
                socket.send_fds(here, [b"x"], [target.fd])
                seen += attempt([Try(target, nstype, ret, fd=77)], "recv", there.fileno(), 77,
                                fds=[there.fileno()])
    return seen


# ---- descriptors that are not namespaces ----

def named_pidfd():
    with tempfile.TemporaryDirectory(dir="/run") as directory:
        return os.open(directory + "/[pidfd]", os.O_RDWR | os.O_CREAT)


def named_like_a_namespace():
    with tempfile.TemporaryDirectory(dir="/run") as directory:
        return os.open(directory + "/net:[4026531840]", os.O_RDWR | os.O_CREAT)


def perf_event():
    attr = bytearray(128)
    attr[0] = 1                 # PERF_TYPE_SOFTWARE, PERF_COUNT_SW_CPU_CLOCK
    attr[4] = 128
    buffer = (ctypes.c_char * 128).from_buffer(attr)
    return raw(298, buffer, 0, -1, -1, 0)


def bpf_map():
    attr = (ctypes.c_uint32 * 18)(2, 4, 4, 1)   # BPF_MAP_TYPE_ARRAY
    return raw(321, 0, attr, ctypes.sizeof(attr))


def io_uring():
    return raw(425, 1, (ctypes.c_char * 120)())


def second_end(pair):
    os.close(pair[0])
    return pair[1]


OTHERS = {
    "regular file": lambda: os.open("/etc/passwd", os.O_RDONLY),
    "file for writing only": lambda: os.open("/dev/null", os.O_WRONLY),
    "deleted file named [pidfd]": named_pidfd,
    "deleted file named net:[...]": named_like_a_namespace,
    "directory": lambda: os.open("/etc", os.O_RDONLY),
    "/proc/self/ns": lambda: os.open("/proc/self/ns", os.O_RDONLY),
    "/proc/self, once a kind of pidfd": lambda: os.open("/proc/self", os.O_RDONLY),
    "file of /proc": lambda: os.open("/proc/self/status", os.O_RDONLY),
    "file of /sys": lambda: os.open("/sys/kernel/notes", os.O_RDONLY),
    "cgroup": lambda: os.open("/sys/fs/cgroup", os.O_RDONLY),
    "memfd": lambda: os.memfd_create("x"),
    "memfd named [pidfd]": lambda: os.memfd_create("[pidfd]"),
    "pipe, to read": lambda: os.pipe()[0],
    "pipe, to write": lambda: second_end(os.pipe()),
    "unix socket": lambda: socket.socket(socket.AF_UNIX).detach(),
    "TCP socket": lambda: socket.socket(socket.AF_INET).detach(),
    "netlink socket": lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW).detach(),
    "epoll": lambda: raw(291, 0),
    "eventfd": lambda: raw(290, 0, 0),
    "timerfd": lambda: raw(283, 1, 0),
    "signalfd": lambda: raw(289, -1, (ctypes.c_char * 8)(), 8, 0),
    "inotify": lambda: raw(294, 0),
    "fanotify": lambda: raw(300, 0, 0),
    "perf event": perf_event,
    "bpf map": bpf_map,
    "io_uring": io_uring,
    "userfaultfd": lambda: raw(323, 1),
    "file system context": lambda: raw(430, b"tmpfs", 0),
    "terminal": lambda: os.open("/dev/ptmx", os.O_RDWR | os.O_NOCTTY),
    "message queue": lambda: raw(240, b"setnsmon", os.O_RDWR | os.O_CREAT, 0o600, None),
    "secret memory": lambda: raw(447, 0),
    "the device itself": lambda: os.open("/dev/setnsmon", os.O_RDONLY),
}


@scene("fds that are open, and no namespace: thirty sorts of file")
def others():
    with Fds() as fds:
        targets = []
        for name, make in OTHERS.items():
            try:
                targets.append(Target(name, fds.add(make()), OTHER))
            except OSError as problem:
                print(f"# left out: {name}: {problem}")
        if len(targets) < 25:
            raise RuntimeError("too many are missing")
        return (attempt(Try(target, nstype, -errno.EINVAL) for target in targets
                        for nstype in (0, KINDS["net"])) +
                attempt((Try(target, 0, -errno.EINVAL) for target in targets), program=CALLS32))


O_PATHS = ("/proc/self/ns/net", "/proc/1/ns/user", "/etc", "/etc/passwd", "/proc/self/ns",
           "/dev/null")


@scene("fds that are not open, and O_PATH, which counts as that")
def nobody():
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    numbers = (-1, -2, AT_FDCWD, PIDFD_SELF, PIDFD_SELF_PROCESS, FD_PIDFS_ROOT, FD_NSFS_ROOT, 900,
               most, 65536, 1 << 20, (1 << 31) - 1, -(1 << 31), -(1 << 31) + 1)
    with Fds() as fds:
        paths = [Target(f"O_PATH of {path}", fds.path(path, os.O_PATH), NOBODY)
                 for path in O_PATHS]
        paths.append(Target("O_PATH of a symbolic link", fds.path(
            "/proc/self/ns/net", os.O_PATH | os.O_NOFOLLOW), NOBODY))
        closed = [Try(Target("closed", number, NOBODY), nstype, -errno.EBADF)
                  for number in numbers for nstype in (0, KINDS["net"], -1)]
        return (attempt([Try(path, nstype, -errno.EBADF) for path in paths
                         for nstype in (0, KINDS["net"])] + closed) +
                attempt(closed, program=CALLS32))


run_scenes()
