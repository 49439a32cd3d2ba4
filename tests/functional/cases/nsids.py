#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""The 64-bit ids of namespaces, which are never reused. The oracle is ioctl(NS_GET_ID) on
this process's own copy of the descriptor. If it returns an id, the record has the same one,
in all three formats. If the kernel lacks the ioctl (before Linux 6.18), only a network
namespace has an id, its cookie, as a socket in it reports it. The record has no other id,
even if an older ioctl (NS_GET_MNTNS_ID) returns one."""

import contextlib
import fcntl
import os
import struct

from actors import act, holder
from guest import ACTOR, ACTOR32, module, must, unload
from namespaces import ALL_KINDS, KINDS, NS_GET_USERNS, id_of, links_of
from records import device_lines, held, parse_line, read_json
from tap import Skip, case, run_cases

NS_GET_MNTNS_ID = 0x8008b705
HAS_NS_IDS = 1 << 6
NOBODY = ("setgid", *[65534] * 4, "setuid", *[65534] * 4)


def elsewhere():
    return holder("unshare", ALL_KINDS & ~KINDS["user"], "fork")


def everywhere():
    return holder("unshare", ALL_KINDS, "map", "fork")


def id_at(path):
    fd = os.open(path, os.O_RDONLY)
    try:
        return id_of(fd)
    finally:
        os.close(fd)


def cookie_at(path):
    """Returns the cookie of a network namespace, as a socket in it reports it."""
    done = must("nsenter", f"--net={path}", "python3", "-c", COOKIE)
    return done.stdout.strip() or None


COOKIE = """
import socket, struct
with socket.socket() as probe:
    try:
        print(struct.unpack("Q", probe.getsockopt(socket.SOL_SOCKET, 71, 8))[0])
    except OSError:
        pass    # SO_NETNS_COOKIE is new in Linux 5.14
"""


def ids_at(path):
    """Returns the ids of a namespace and of its owner, as the kernel reports them to root."""
    with contextlib.ExitStack() as close:
        fd = os.open(path, os.O_RDONLY)
        close.callback(os.close, fd)
        target = id_of(fd)
        if not target and path.endswith("/net"):
            target = cookie_at(path)
        try:
            owner = fcntl.ioctl(fd, NS_GET_USERNS)
        except PermissionError:
            return target, None      # the initial user namespace has no owner
        close.callback(os.close, owner)
        return target, id_of(owner)


def kernel_has_ids():
    return id_at("/proc/self/ns/net") is not None


def compare(check, expected):
    """Compares all records in all formats. expected: (name, target's id, owner's id) of each."""
    objects, lines, binary = read_json(), [parse_line(line) for line in device_lines()], held()
    if not check.eq([len(objects), len(lines), len(binary)], [len(expected)] * 3, "records"):
        return
    for (name, target, owner), seen, line, record in zip(expected, objects, lines, binary):
        said = seen["target"] or {"id": None, "owner": None}
        check.eq([said["id"], (said["owner"] or {"id": None})["id"]], [target, owner],
                 f"{name}: ids in JSON")
        # A missing target or owner has no members in the line, only itself.
        check.eq([line.get("target.id", ""), line.get("target.owner.id", "")],
                 [target or "", owner or ""],
                 f"{name}: ids in the line")
        check.eq([record.target_id, record.owner_id], [int(target or 0), int(owner or 0)],
                 f"{name}: ids in binary")
        check.eq(bool(record.has & HAS_NS_IDS), kernel_has_ids(), f"{name}: the bit of has")


def one_by_one(paths, program=ACTOR, first=()):
    """Makes each call by an actor of its own."""
    for path in paths:
        act("open", path, *first, "call", 0, program=program)


for owners, where in (("the initial user namespace", elsewhere), ("one below", everywhere)):
    @case(f"each kind of namespace, owned by {owners}: 64-bit and 32-bit callers, and refused ones")
    def kinds(check, where=where):
        with where() as pid:
            paths = [f"/proc/{pid}/ns/{kind}" for kind in KINDS]
            ids = [(path, *ids_at(path)) for path in paths]
            with module():
                for options in ({}, {"program": ACTOR32}, {"first": NOBODY}):
                    one_by_one(paths, **options)
                compare(check, 3 * ids)
        if kernel_has_ids():
            ids = [target for _, target, _ in ids]
            check(None not in ids, f"ids: {ids}")
            # With the initial owner, user is the caller's own, which counts as well.
            check.eq(len(set(ids)), len(KINDS), "different ids")


@case("the namespaces that the kernel began with")
def initial(check):
    paths = [f"/proc/1/ns/{kind}" for kind in KINDS]
    ids = [(path, *ids_at(path)) for path in paths]
    with module():
        one_by_one(paths)
        compare(check, ids)


@case("the id of a mount namespace is also what NS_GET_MNTNS_ID says")
def mount_namespace(check):
    words = bytearray(8)
    with everywhere() as pid, open(f"/proc/{pid}/ns/mnt") as file:
        try:
            fcntl.ioctl(file, NS_GET_MNTNS_ID, words)
        except OSError:
            raise Skip("this kernel has no NS_GET_MNTNS_ID")
        with module():
            act("open", f"/proc/{pid}/ns/mnt", "call", 0)
            record, = read_json()
    wanted = str(struct.unpack("Q", words)[0]) if kernel_has_ids() else None
    check.eq(record["target"]["id"], wanted, "id")


@case("a pidfd: no id of its own, that of the owner of the namespaces asked for")
def pidfd(check):
    with module(), everywhere() as pid:
        act("pidfd", pid, "call", KINDS["net"])
        act("pidfd", pid, *NOBODY, "call", ALL_KINDS)
        act("pidfd", 1, "call", KINDS["uts"])
        below, host = id_at(f"/proc/{pid}/ns/user"), id_at("/proc/1/ns/user")
        # The owner of a user namespace is the one above.
        compare(check, [("of one below", None, below), ("refused", None, host),
                        ("of process 1", None, host)])


@case("descriptors that name no namespace have no id")
def nothing(check):
    with module():
        act("open", "/dev/null", "call", 0, "fd", -1, "call", 0)
        compare(check, [("/dev/null", None, None), ("-1", None, None)])


@case("an inode number that comes back belongs to another id")
def number_again(check):
    if not kernel_has_ids():
        raise Skip("this kernel has no ids of namespaces")
    seen = {}
    with module():
        for _ in range(50):
            with holder("unshare", KINDS["uts"]) as pid:
                act("open", f"/proc/{pid}/ns/uts", "call", 0)
                inum = links_of(pid)["uts"]
                seen.setdefault(inum, []).append(id_at(f"/proc/{pid}/ns/uts"))
            if any(len(ids) > 2 for ids in seen.values()):
                break
        records = read_json()
    told = {}
    for record in records:
        told.setdefault(record["target"]["inum"], []).append(record["target"]["id"])
    check.eq(told, seen, "ids, by inode number")
    check(max(len(ids) for ids in seen.values()) > 1, f"no number came back: {seen}")
    check.eq(len({record["target"]["id"] for record in records}), len(records), "different ids")


run_cases(unload)
