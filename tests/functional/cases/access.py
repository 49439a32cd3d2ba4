#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Who may open the device and read its counters; and that neither the device nor its
attributes nor the kernel log reveals a kernel address."""

import array
import collections
import contextlib
import ctypes
import errno
import fcntl
import itertools
import json
import os
import re
import socket
import stat
import struct
import subprocess
import traceback

from actors import act, run_threads
from guest import (ACTOR, ACTOR32, DEVICE, MODULE, READER, SYSFS, counter, counters,
                   kernel_log, kprobes_off, loaded, module, must, put, run, unload)
from records import IOC_FORMAT, open_binary, read_all
from tap import case, run_cases

GROUP, USER = 4242, 1000
CLONE_NEWUSER = 0x10000000
PR_SET_DUMPABLE = 4

libc = ctypes.CDLL(None, use_errno=True)

# ---- who may open it ----


def error_of(function, *args):
    """Returns the name of its error, None if it succeeds."""
    try:
        function(*args)
    except OSError as problem:
        return errno.errorcode[problem.errno]
    return None


def open_with(flags):
    fd = os.open(DEVICE, flags)
    os.close(fd)


def try_open(flags=os.O_RDONLY):
    return error_of(open_with, flags)


def in_child(function):
    """Runs the function in a child. Returns its result, which JSON must be able to hold."""
    read, write = os.pipe()
    child = os.fork()
    if not child:
        try:
            result = {"is": function()}
        except BaseException:
            result = {"raised": traceback.format_exc()}
        os.write(write, json.dumps(result).encode())
        os._exit(0)
    os.close(write)
    with open(read) as answer:
        result = json.loads(answer.read())
    os.waitpid(child, 0)
    if "raised" in result:
        raise RuntimeError(result["raised"])
    return result["is"]


def become(uid, gid, groups=()):
    os.setgroups(list(groups))
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)


def unshare_user(uid_map=None, gid_map=None):
    """Moves this process into a new user namespace with these maps."""
    if libc.unshare(CLONE_NEWUSER):
        raise OSError(ctypes.get_errno(), "unshare")
    libc.prctl(PR_SET_DUMPABLE, 1)
    if uid_map:
        put("/proc/self/uid_map", uid_map)
    if gid_map:
        put("/proc/self/setgroups", "deny")
        put("/proc/self/gid_map", gid_map)


def counter_files():
    """Returns the files in sysfs that are the module's own."""
    of_every_device = {"dev", "uevent"}
    paths = [f"{SYSFS}/{name}" for name in sorted(set(os.listdir(SYSFS)) - of_every_device)]
    return [path for path in paths if os.path.isfile(path)]


@contextlib.contextmanager
def given_to_group():
    """Sets owners and mode as the udev rule does."""
    with module():
        os.chown(DEVICE, 0, GROUP)
        os.chmod(DEVICE, 0o440)
        for path in counter_files():
            os.chown(path, 0, GROUP)
        act("fd", 99, "calls", 3, 0)
        yield


def as_user(uid, gid, groups=(), flags=os.O_RDONLY):
    def opens():
        become(uid, gid, groups)
        return try_open(flags)
    return in_child(opens)


@case("mode 0400: root may open it, and nobody else, whatever groups they are in")
def root_only(check):
    with module():
        check.eq(try_open(), None, "root")
        check.eq(as_user(0, GROUP), None, "root in another group")
        for uid, gid, groups in ((USER, USER, ()), (USER, 0, ()), (USER, 0, (0, 1, GROUP)),
                                 (1, 1, ()), (65534, 65534, ()), (0xfffffffe, 0, ())):
            check.eq(as_user(uid, gid, groups), "EACCES", f"user {uid}, group {gid}, {groups}")


@case("mode 0440, as the udev rule makes it: root and the group may open it, and nobody else")
def root_and_group(check):
    with given_to_group():
        check.eq(try_open(), None, "root")
        check.eq(as_user(USER, GROUP), None, "by the user's group")
        check.eq(as_user(USER, USER, (7, GROUP, 9)), None, "by one of the others")
        check.eq(as_user(USER, USER, (GROUP - 1, GROUP + 1)), "EACCES", "of other groups")
        check.eq(as_user(USER, 0, (0,)), "EACCES", "of root's group")
        check.eq(as_user(65534, 65534), "EACCES", "nobody")


@case("nobody may open it for writing: neither root, nor the group, nor who has no capabilities")
def no_writing(check):
    with given_to_group():
        for flags in (os.O_WRONLY, os.O_RDWR, os.O_RDWR | os.O_NONBLOCK, os.O_WRONLY | os.O_TRUNC):
            check.eq(try_open(flags), "EPERM", f"root, {flags:#o}")
            check.eq(as_user(USER, GROUP, flags=flags), "EACCES", f"the group, {flags:#o}")
        check.eq(counter("readers"), 0, "readers")


def without_capabilities(*command):
    return run("setpriv", "--bounding-set=-all", "--inh-caps=-all", "--ambient-caps=-all",
               "--securebits=+noroot,+noroot_locked", *command)


@case("root without any capability is still its owner: may read, and not write")
def bare_root(check):
    with module():
        act("fd", 99, "calls", 3, 0)
        caps = without_capabilities("grep", "CapEff", "/proc/self/status").stdout.split()[-1]
        check.eq(int(caps, 16), 0, "capabilities: this proves nothing")
        done = without_capabilities("dd", f"if={DEVICE}", "iflag=nonblock", "bs=64k")
        check.eq(done.stdout.count("event=setns"), 3, f"lines: {done.stderr}")
        done = without_capabilities("sh", "-c", f"exec 3<>{DEVICE}")
        check("Permission denied" in done.stderr, done.stderr)
        os.chmod(DEVICE, 0)
        done = without_capabilities("cat", DEVICE)
        check("Permission denied" in done.stderr, f"mode 0: {done.stderr}")


@case("root of a user namespace that a user made: refused by the mode")
def users_namespace(check):
    def opens():
        become(USER, USER)
        unshare_user(f"0 {USER} 1", f"0 {USER} 1")
        return [os.geteuid(), try_open(), try_open(os.O_RDWR)]
    with module():
        check.eq(in_child(opens), [0, "EACCES", "EACCES"], "uid, open")


@case("root of a user namespace that root made, whom the mode lets in: EPERM")
def roots_namespace(check):
    def opens():
        unshare_user("0 0 1", "0 0 1")
        return [os.geteuid(), try_open(), try_open(os.O_RDONLY | os.O_NONBLOCK),
                try_open(os.O_RDWR)]

    def in_a_deeper_one():
        unshare_user("0 0 1", "0 0 1")
        unshare_user("0 0 1", "0 0 1")
        return try_open()

    def unmapped():
        unshare_user()
        return try_open()
    with module():
        check.eq(in_child(opens), [0, "EPERM", "EPERM", "EPERM"], "uid, open")
        check.eq(in_child(in_a_deeper_one), "EPERM", "two deep")
        check.eq(in_child(unmapped), "EPERM", "without a map")
        check.eq(counter("readers"), 0, "readers")
        check.eq(try_open(), None, "root of the host, afterwards")


@case("a member of the group, inside of a user namespace: EPERM")
def members_namespace(check):
    def opens():
        become(USER, GROUP)
        before = try_open()
        unshare_user(f"0 {USER} 1", f"0 {GROUP} 1")
        return [before, os.getegid(), try_open()]

    def other_group():
        become(USER, USER, (GROUP,))
        unshare_user(f"{USER} {USER} 1", f"{USER} {USER} 1")
        return try_open()
    with given_to_group():
        check.eq(in_child(opens), [None, 0, "EPERM"], "outside, group inside, inside")
        check.eq(in_child(other_group), "EPERM", "by a supplementary group")


@case("a process that joined a user namespace by setns is in it: EPERM")
def joined_namespace(check):
    with module():
        with subprocess.Popen([ACTOR, "unshare", str(CLONE_NEWUSER), "map", "hold"],
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
            holder.stdout.readline()

            def opens():
                fd = os.open(f"/proc/{holder.pid}/ns/user", os.O_RDONLY)
                if libc.setns(fd, CLONE_NEWUSER):
                    raise OSError(ctypes.get_errno(), "setns")
                return try_open()
            check.eq(in_child(opens), "EPERM", "open")
            holder.stdin.close()


def number_of_records(fd):
    fcntl.ioctl(fd, IOC_FORMAT, struct.pack("I", 0))
    return read_all(fd).count(b"event=setns")


@case("a descriptor that was opened outside reads inside, but cannot be opened again there")
def inherited(check):
    with module():
        act("fd", 99, "calls", 3, 0)
        fd = os.open(DEVICE, os.O_RDONLY | os.O_NONBLOCK)

        def reads():
            unshare_user("0 0 1", "0 0 1")
            again = error_of(os.open, f"/proc/self/fd/{fd}", os.O_RDONLY)
            return [number_of_records(fd), again]
        check.eq(in_child(reads), [3, "EPERM"], "records, opened again")
        os.close(fd)


@case("a descriptor that was passed in through a socket reads inside")
def passed_in(check):
    with module():
        act("fd", 99, "calls", 3, 0)
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        fd = os.open(DEVICE, os.O_RDONLY | os.O_NONBLOCK)
        ours.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [fd]))])
        os.close(fd)

        def reads():
            become(USER, USER)
            unshare_user(f"0 {USER} 1", f"0 {USER} 1")
            _, (message,), _, _ = theirs.recvmsg(1, socket.CMSG_SPACE(4))
            return number_of_records(struct.unpack("i", message[2])[0])
        check.eq(in_child(reads), 3, "records")
        ours.close()
        theirs.close()


# ---- who may read the counters ----


def read_counters():
    """Returns what reading each of them ends with, once: None is success."""
    def read(path):
        with open(path) as file:
            file.read()
    return sorted({error_of(read, path) for path in counter_files()}, key=str)


def counters_as(uid, gid, groups=()):
    def reads():
        become(uid, gid, groups)
        return read_counters()
    return in_child(reads)


@case("the counters: root may read them, and nobody else")
def root_counts(check):
    with module():
        names = {os.path.basename(path) for path in counter_files()}
        check.eq(set(counters()) - names, set(), "counters without a file")
        for path in counter_files():
            status = os.stat(path)
            check.eq((stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid), (0o440, 0, 0),
                     f"mode, user and group of {path}")
        check.eq(read_counters(), [None], "root")
        for uid, gid, groups in ((USER, USER, ()), (USER, GROUP, (1, 4)), (65534, 65534, ())):
            check.eq(counters_as(uid, gid, groups), ["EACCES"], f"{uid}, {gid}, {groups}")


@case("the counters: given to the group, its members may read them, and nobody else")
def group_counts(check):
    with given_to_group():
        check.eq(read_counters(), [None], "root")
        check.eq(counters_as(USER, GROUP), [None], "by the user's group")
        check.eq(counters_as(USER, USER, (7, GROUP)), [None], "by another of its groups")
        check.eq(counters_as(USER, USER, (GROUP + 1,)), ["EACCES"], "another group")
        check.eq(counters_as(65534, 65534), ["EACCES"], "nobody")


@case("the counters: no user namespace may read them, whoever made it")
def namespace_counts(check):
    def of_user():
        become(USER, USER)
        unshare_user(f"0 {USER} 1", f"0 {USER} 1")
        return [os.geteuid(), read_counters()]

    def of_root():
        unshare_user("0 0 1", "0 0 1")
        return [os.geteuid(), read_counters()]

    def of_member():
        become(USER, GROUP)
        unshare_user(f"0 {USER} 1", f"0 {GROUP} 1")
        return [os.geteuid(), read_counters()]
    with given_to_group():
        check.eq(in_child(of_user), [0, ["EACCES"]], "made by a user")
        check.eq(in_child(of_root), [0, ["EPERM"]], "made by root")
        check.eq(in_child(of_member), [0, ["EPERM"]], "made by a member of the group")


def in_container(*options):
    """Reads a counter as root in a pid namespace of its own. Returns its status and errors."""
    return run("unshare", "--pid", "--fork", "setpriv", *options, "cat", f"{SYSFS}/entered")


@case("the counters: root in a container may read them only with CAP_SYS_ADMIN")
def container_counts(check):
    bounded = ("--bounding-set=-sys_admin", "--inh-caps=-all")
    member = ("--regid", str(GROUP), "--clear-groups")
    with given_to_group():
        done = in_container("--clear-groups")
        check.eq((done.returncode, done.stdout), (0, "3\n"), f"privileged: {done.stderr}")
        for what, options in (("root", bounded), ("root with the group", bounded + member),
                              ("a member", bounded + member + ("--reuid", str(USER)))):
            done = in_container(*options)
            check(done.returncode and "Operation not permitted" in done.stderr,
                  f"{what}: {done.stdout}{done.stderr}")
        done = run("setpriv", *bounded, "cat", f"{SYSFS}/entered")
        check.eq(done.stdout, "3\n", f"outside, without CAP_SYS_ADMIN: {done.stderr}")


# ---- output ----

KERNEL_HALF = 0xffff800000000000
HAS = {"ret": 1, "target": 2, "target_ns": 4, "owner": 8, "target_pid": 16, "target_links": 32,
       "ns_ids": 64, "loginuid": 128, "sessionid": 256, "cgroup": 512, "relation": 1024,
       "target_id": 2048, "userns": 4096, "target_cgroup": 8192, "sharing": 1 << 14,
       "fs_magic": 1 << 15, "pid_ids": 1 << 16}

# The record of <linux/setnsmon.h>: name, format, count, and the bits of "has" without which
# the member is zero
LAYOUT = [
    ("type", "H", 1, 0), ("size", "H", 1, 0), ("cpu", "I", 1, 0), ("seq", "Q", 1, 0),
    ("boot_ns", "Q", 1, 0), ("real_ns", "Q", 1, 0),
    ("target_id", "Q", 1, HAS["target_id"]),
    ("owner_id", "Q", 1, HAS["owner"] | HAS["ns_ids"]),
    ("cap_permitted", "Q", 1, 0), ("cap_effective", "Q", 1, 0),
    ("has", "I", 1, 0), ("flags", "I", 1, 0), ("fd", "i", 1, 0), ("nstype", "I", 1, 0),
    ("target_type", "I", 1, HAS["target_ns"]), ("target_pid", "I", 1, HAS["target_pid"]),
    ("target_inum", "I", 1, HAS["target_ns"]), ("owner_level", "I", 1, HAS["owner"]),
    ("owner_uid", "I", 1, HAS["owner"]), ("owner_inum", "I", 1, HAS["owner"]),
    ("caller_userns_level", "I", 1, 0), ("caller_userns_uid", "I", 1, 0),
    ("caller_userns_inum", "I", 1, 0), ("fd_kind", "B", 1, 0),
    ("relation", "B", 1, HAS["relation"]), ("abi", "B", 1, 0), ("call_class", "B", 1, 0),
    ("before", "I", 10, 0), ("target_links", "I", 10, HAS["target_links"]),
    ("duration_ns", "Q", 1, HAS["ret"]), ("start_ns", "Q", 1, 0),
    ("cgroup_id", "Q", 1, HAS["cgroup"]), ("cap_effective_after", "Q", 1, HAS["ret"]),
    ("ret", "i", 1, HAS["ret"]), ("joined", "I", 1, HAS["ret"]), ("after", "I", 10, HAS["ret"]),
    ("tid", "I", 1, 0), ("pid", "I", 1, 0), ("ppid", "I", 1, 0), ("ns_pid", "I", 1, 0),
    ("ns_tid", "I", 1, 0), ("uid", "I", 1, 0), ("gid", "I", 1, 0), ("suid", "I", 1, 0),
    ("sgid", "I", 1, 0), ("euid", "I", 1, 0), ("egid", "I", 1, 0), ("fsuid", "I", 1, 0),
    ("fsgid", "I", 1, 0), ("loginuid", "I", 1, HAS["loginuid"]),
    ("sessionid", "I", 1, HAS["sessionid"]), ("fs_magic", "I", 1, HAS["fs_magic"]), ("comm", "B", 16, 0),
    ("target_userns_id", "Q", 1, HAS["userns"] | HAS["ns_ids"]),
    ("target_cgroup_id", "Q", 1, HAS["target_cgroup"]),
    ("target_pid_id", "Q", 1, HAS["target_pid"] | HAS["pid_ids"]),
    ("target_userns_level", "I", 1, HAS["userns"]), ("target_userns_uid", "I", 1, HAS["userns"]),
    ("target_userns_inum", "I", 1, HAS["userns"]), ("threads", "I", 1, HAS["sharing"]),
    ("fs_users", "I", 1, HAS["sharing"]), ("pad2", "I", 1, None)]


def bytes_of(rows):
    return sum(struct.calcsize("=" + kind) * count for _, kind, count, _ in rows)


SIZE = bytes_of(LAYOUT)
COMM_AT = bytes_of(itertools.takewhile(lambda row: row[0] != "comm", LAYOUT))

# The values of fields whose bytes can look like the upper half of an address: counters of a
# guest that has run for less than five hours, all existing capabilities, numbers of
# namespaces (include/linux/proc_ns.h, fs/proc/generic.c), error numbers, and the arguments
# of the callers below. No address is among these.
NAMESPACE = range(0xeffffff0, 0xf0100000)
MAY_BE = {
    "seq": range(1 << 32), "cgroup_id": range(1 << 32), "duration_ns": range(1 << 40),
    "boot_ns": range(1 << 44), "start_ns": range(1 << 44),
    "real_ns": range(1600000000 * 10**9, 2500000000 * 10**9),
    **dict.fromkeys(("target_id", "owner_id", "target_userns_id", "target_pid_id"),
                    range(1 << 40)),
    "target_cgroup_id": range(1 << 32), "threads": range(1 << 16), "fs_users": range(1 << 16),
    # MAGIC of tmpfs, ext4, proc, sysfs, sockets, pipes, and so on: none looks like an address.
    "fs_magic": range(1 << 32),
    **dict.fromkeys(("cap_permitted", "cap_effective", "cap_effective_after"), range(1 << 41)),
    **dict.fromkeys(("target_inum", "owner_inum", "caller_userns_inum", "before", "after",
                     "target_links", "target_userns_inum"), NAMESPACE),
    "ret": range(-4095, 0), "fd": (-1, -100), "nstype": (0xffffffff,)}


def windows(data):
    """Yields every eight bytes, aligned or not, that could be a kernel address."""
    for at in range(len(data) - 7):
        value, = struct.unpack_from("=Q", data, at)
        if value >= KERNEL_HALF:
            yield at, value


def judge_bytes(check, record):
    """Checks that a record has the layout of the header and contains nothing else."""
    bytes_left, at = bytearray(record), 0
    values, missing = {}, []
    for name, kind, count, needs in LAYOUT:
        numbers = struct.unpack_from(f"={count}{kind}", record, at)
        values[name] = numbers
        missing.append((name, needs, any(numbers)))
        size = struct.calcsize("=" + kind)
        for number in numbers:
            if number in MAY_BE.get(name, ()):
                bytes_left[at:at + size] = bytes(size)
            at += size
    has = values["has"][0]
    what = f"record {values['cpu'][0]}/{values['seq'][0]}, fd {values['fd'][0]}"
    check.eq(values["type"] + values["size"], (1, SIZE), f"{what}: type, size")
    for name, needs, there in missing:
        if there and (needs is None or needs & ~has):
            check(False, f"{what}: {name} is {values[name]}, has is {has:#x}")
    comm = record[COMM_AT:COMM_AT + 16]
    check.eq(comm, comm.split(b"\0")[0].ljust(16, b"\0"), f"{what}: comm")
    for where, value in windows(bytes_left):
        check(False, f"{what}: {value:#018x} at byte {where}")
    return values


def judge_lost(check, record):
    """Checks head and count, and that everything else is zero."""
    check.eq(bytes(record[40:]), bytes(len(record) - 40), "the rest of a lost record")
    check(not list(windows(record)), f"a lost record: {bytes(record[:40]).hex()}")


ADDRESS = re.compile(r"(?<![0-9a-f])(?:0x)?ffff[0-9a-f]{12}(?![0-9a-f])", re.I)
DECIMAL = re.compile(r"(?<![\d.])\d{20}(?!\d)")


def judge_text(check, text, what):
    """Checks that no address appears, in hexadecimal or in decimal. A mask of capabilities
    cannot look like one, because its upper bits are clear."""
    for line in text.splitlines():
        for found in ADDRESS.findall(line):
            check(False, f"{what}: {found} in: {line[:300]}")
        for found in DECIMAL.findall(line):
            check(int(found) < KERNEL_HALF, f"{what}: {int(found):#x} in: {line[:300]}")


def call_in_every_way():
    """Makes calls for every kind of target, through every entry, with and without success."""
    kinds = [name for name in os.listdir("/proc/self/ns")]
    for program in (ACTOR, ACTOR32):
        for kind in kinds:
            act("open", f"/proc/1/ns/{kind}", "call", 0, "call", 1, "call", 0xffffffff,
                program=program)
        act("pidfd", 0, "call", 0, "call", 0x7e020080, "call", 0x40000000, program=program)
        act("pidfd", 1, "call", 0x44000000, "call", 0x10000000, program=program)
        act("socket", "call", 0, "pipe", "call", 0, "opath", "/proc/1/ns/net", "call", 0,
            program=program)
        act("fd", -1, "call", 0, "call", 0xffffffff, "fd", -100, "call", 0, program=program)
        act("open", "/proc/1/ns/net", "setuid", *[USER] * 4, "call", 0, program=program)
        act("open", "/proc/1/ns/user", "unshare", CLONE_NEWUSER, "map", "call", 0, program=program)
        act("open", "/proc/1/ns/uts", "unshare", 0x7e000000, "map", "call", 0, program=program)
        act("unshare", 0x04000000, "open", "/proc/1/ns/uts", "comm", "x" * 15, "call", 0,
            "comm", "y", "call", 0, program=program)
    act("open", "/proc/1/ns/uts", "int80", 0, "fd", -1, "int80", 0xffffffff)


def records_of(data):
    return [data[at:at + SIZE] for at in range(0, len(data), SIZE)]


def binary_records():
    fd = open_binary()
    try:
        return read_all(fd)
    finally:
        os.close(fd)


def judge_records(check, data):
    """Returns the number of records for each kind of descriptor, and of untracked calls."""
    seen = collections.Counter()
    check.eq(len(data) % SIZE, 0, "bytes beyond the last record")
    for record in records_of(data):
        if record[0] == 2:
            judge_lost(check, record)
            seen["lost"] += 1
            continue
        values = judge_bytes(check, record)
        seen[("none", "other", "nsfs", "pidfd")[values["fd_kind"][0] - 1]] += 1
        seen["unfollowed"] += not values["has"][0] & HAS["ret"]
        seen["succeeded"] += values["joined"][0] != 0
    return seen


@case("binary records of calls of every kind hold what is documented, and no address")
def binary(check):
    with module(ring_records=4096):
        call_in_every_way()
        seen = judge_records(check, binary_records())
        for what in ("none", "other", "nsfs", "pidfd", "succeeded"):
            check(seen[what] > 3, f"few calls of that kind, {what}: {seen}")


@case("calls that could not be followed: the same, and their parts that are missing are zero")
def unfollowed(check):
    with module(ring_records=4096, maxactive=1):
        run_threads(160, "mmmmfu")
        seen = judge_records(check, binary_records())
        check(seen["unfollowed"], f"all could be followed: this proves nothing: {seen}")


@case("small rings that were overwritten many times: nothing of older records is left")
def reused(check):
    with module(ring_records=16, maxactive=1):
        fd = open_binary()
        data = b""
        for words in (("pidfd", 1, "calls", 60, 0x44000000), ("fd", -1, "calls", 60, 0),
                      ("open", "/proc/1/ns/net", "calls", 60, 0), ("fd", -1, "calls", 5, 0)):
            act(*words)
            data += read_all(fd)
        run_threads(80, "mmmmfu")
        data += read_all(fd)
        os.close(fd)
        seen = judge_records(check, data)
        check(seen["lost"] >= 3, f"few losses: {seen}")
        check(seen["none"] > 16 and seen["pidfd"] >= 15, f"few records: {seen}")


@case("text and JSON hold no address")
def text(check):
    with module(ring_records=4096):
        call_in_every_way()
        number = counter("recorded")
        fd = os.open(DEVICE, os.O_RDONLY | os.O_NONBLOCK)
        lines = read_all(fd).decode()
        os.close(fd)
        check.eq(lines.count("\n"), number, "lines")
        judge_text(check, lines, "text")
        for form in ("json", "logfmt", "table"):
            shown = must(READER, "--no-follow", "-o", form).stdout
            check(shown.count("\n") >= number, f"{form}: {shown.count(chr(10))} lines")
            judge_text(check, shown, form)
        judge_text(check, must(READER, "stats").stdout, "stats")


@contextlib.contextmanager
def addresses_shown():
    """Lets the kernel print addresses with %pK, so that none is hidden."""
    with open("/proc/sys/kernel/kptr_restrict") as file:
        before = file.read()
    put("/proc/sys/kernel/kptr_restrict", "0")
    try:
        yield
    finally:
        put("/proc/sys/kernel/kptr_restrict", before)


@case("its messages in the kernel log name no address, even when it refuses to load")
def log(check):
    with addresses_shown():
        before = len(kernel_log())
        with module():
            call_in_every_way()
            run("insmod", MODULE)
        for parameter in ("ring_records=17", "maxactive=65537", "ring_records=x"):
            run("insmod", MODULE, parameter)
        with kprobes_off():
            run("insmod", MODULE)
        lines = [line for line in kernel_log()[before:] if "setnsmon" in line]
        check(len(lines) >= 5, f"few lines: {lines}")
        for line in lines:
            # Nor a hashed address: 16 digits in a row are one, whatever they start with
            check(not re.search(r"(?<![0-9a-f])[0-9a-f]{16}(?![0-9a-f])", line), line)
    check(not loaded(), "loaded")


@case("its attributes in sysfs are small numbers")
def sysfs(check):
    with addresses_shown(), module():
        call_in_every_way()
        names = [f"{where}/{name}" for where in (SYSFS, "/sys/module/setnsmon/parameters")
                 for name in os.listdir(where) if os.path.isfile(f"{where}/{name}")]
        check(len(names) >= 7, f"few attributes: {names}")
        for name in names:
            try:
                with open(name) as file:
                    value = file.read()
            except PermissionError:
                continue        # uevent and its like may be write-only
            judge_text(check, value, name)
            if re.fullmatch(r"\d+\n", value):
                check(int(value) < 1 << 40, f"{name}: {value}")


run_cases(unload)
