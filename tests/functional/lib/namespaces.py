# SPDX-License-Identifier: GPL-2.0-only
"""Namespaces and processes as /proc and the NS_GET_* ioctls show them: the oracles."""

import errno
import fcntl
import os
import re
import struct

LINKS = ["cgroup", "ipc", "mnt", "net", "pid", "pid_for_children", "time",
         "time_for_children", "user", "uts"]
KINDS = {"cgroup": 0x02000000, "ipc": 0x08000000, "mnt": 0x00020000, "net": 0x40000000,
         "pid": 0x20000000, "time": 0x80, "user": 0x10000000, "uts": 0x04000000}
ALL_KINDS = sum(KINDS.values())


def kind_names(bits):
    return [name for name, bit in KINDS.items() if bits & bit]


NS_GET_USERNS, NS_GET_PARENT, NS_GET_NSTYPE, NS_GET_OWNER_UID = 0xb701, 0xb702, 0xb703, 0xb704
NS_GET_ID = 0x8008b70d


def links_of(pid, tid=None):
    """Returns the ten links, read with readlink."""
    links = {}
    for name in LINKS:
        text = os.readlink(f"/proc/{pid}/task/{tid or pid}/ns/{name}")
        links[name] = int(re.fullmatch(r"[a-z]+:\[(\d+)\]", text).group(1))
    return links


def id_of(fd):
    """Returns the 64-bit id of a namespace, as a string of digits as in JSON. None if the kernel
    has none (before Linux 6.18)."""
    words = bytearray(8)
    try:
        fcntl.ioctl(fd, NS_GET_ID, words)
    except OSError as problem:
        if problem.errno != errno.ENOTTY:
            raise
        return None
    return str(struct.unpack("Q", words)[0])


class UserNs:
    """A user namespace as nsfs reports it: .inum .id .uid .chain (itself first, then upwards)"""

    def __init__(self, fd):
        self.inum = os.fstat(fd).st_ino
        self.id = id_of(fd)
        word = bytearray(4)
        fcntl.ioctl(fd, NS_GET_OWNER_UID, word)
        self.uid, = struct.unpack("I", word)
        self.chain = [self.inum]
        fd = os.dup(fd)
        while True:
            try:
                parent = fcntl.ioctl(fd, NS_GET_PARENT)
            except PermissionError:
                break
            finally:
                os.close(fd)
            fd = parent
            self.chain.append(os.fstat(fd).st_ino)
        self.level = len(self.chain) - 1

    @classmethod
    def of_path(cls, path):
        fd = os.open(path, os.O_RDONLY)
        try:
            return cls(fd)
        finally:
            os.close(fd)

    @classmethod
    def that_owns(cls, fd):
        try:
            owner = fcntl.ioctl(fd, NS_GET_USERNS)
        except PermissionError:
            return None         # only the initial user namespace, for root in it
        try:
            return cls(owner)
        finally:
            os.close(owner)

    def as_owner(self):
        return {"inum": self.inum, "id": self.id, "level": self.level, "uid": self.uid}

    def as_caller(self):
        return {"inum": self.inum, "level": self.level, "uid": self.uid}

    def seen_from(self, caller):
        if self.inum == caller.inum:
            return "same"
        if self.inum in caller.chain:
            return "ancestor"
        if caller.inum in self.chain:
            return "descendant"
        return "unrelated"


def status_of(pid, tid=None):
    with open(f"/proc/{pid}/task/{tid or pid}/status", errors="surrogateescape") as status:
        return dict(line.rstrip("\n").split(":\t", 1) for line in status if ":\t" in line)


def tgid_of(tid):
    return int(status_of(tid)["Tgid"])
