#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""The filter of an open file: every member, exact sums during floods, and the reader that uses it; filtering.c has the
system calls. The actors' own log, not another reader, decides which records a filter must let through."""

import collections
import contextlib
import errno
import fcntl
import os
import re
import struct
import subprocess
import tempfile

from actors import act, holder, run_threads
from guest import ACTOR, DEVICE, READER, cpus, module, must, unload
from namespaces import KINDS, links_of
from programs import add_program
from records import parse_line, read_all
from tap import case, run_cases

IOC_COUNTERS, IOC_FILTER, IOC_SEEK = 0x8050df02, 0x4080df03, 0x4008df04
MEMBERS = ("cgroup_id events classes kinds results error flags_any flags_all flags_none uid_first uid_count "
           "loginuid_first loginuid_count pid ns_inum ns_places").split()
FILTER = struct.Struct("=Q15I60x")
PLAIN, ENTRY, EXIT = 1 << 1, 1 << 2, 1 << 3
OK, FAILED, UNKNOWN = 1, 2, 4
TARGET, BEFORE, AFTER = 1, 2, 4
FLAGS = {"denied": 1 << 0, "to-init": 1 << 1, "ret-unknown": 1 << 6, "kernel-compat": 1 << 7, "root-moved": 1 << 8}
CGROUP = "/sys/fs/cgroup/filter"
SOMEBODY = [1000] * 4


for each in ("filtering", "filtering32"):
    add_program(each, 256, least=15, ring_records=256)


def set_filter(fd, **members):
    assert set(members) <= set(MEMBERS)
    fcntl.ioctl(fd, IOC_FILTER, FILTER.pack(*[members.get(name, 0) for name in MEMBERS]))


def counters_of(fd):
    words = bytearray(80)
    fcntl.ioctl(fd, IOC_COUNTERS, words)
    names = "entered recorded missed ret_unknown readers lost other_probes unarmed boot_ns skipped"
    return dict(zip(names.split(), struct.unpack("10Q", words)))


@contextlib.contextmanager
def text_file(**members):
    """Opens the device in text format, with a filter."""
    fd = os.open(DEVICE, os.O_RDONLY | os.O_NONBLOCK)
    try:
        set_filter(fd, **members)
        yield fd
    finally:
        os.close(fd)


def lines_of(fd):
    return [parse_line(line) for line in read_all(fd).decode().splitlines()]


# ---- every member ----

def make_calls(pid):
    """Makes one call with each name. Returns the id of the process that made the call "own"."""
    net = f"/proc/{pid}/ns/net"
    act("comm", "bad", "fd", 99, "call", 0, "expect", -errno.EBADF)
    act("comm", "bad-user", "setuid", *SOMEBODY, "fd", 99, "call", 0, "expect", -errno.EBADF)
    act("comm", "denied", "open", net, "setuid", 1000, 1001, 1000, 1000, "call", 0, "expect", -errno.EPERM)
    act("comm", "wrong", "open", net, "call", KINDS["uts"], "expect", -errno.EINVAL)
    act("comm", "entry", "open", net, "call", 0, "expect", 0)
    act("comm", "exit", "unshare", KINDS["mnt"], "open", "/proc/1/ns/mnt", "call", 0, "expect", 0)
    act("comm", "pidfd", "pidfd", pid, "call", KINDS["net"], "expect", 0)
    act("comm", "compat", "fd", 99, "int80", 0)
    act("comm", "login", "loginuid", 1234, "fd", 99, "call", 0, "expect", -errno.EBADF)
    must("sh", "-c", f'echo $$ >{CGROUP}/cgroup.procs; exec {ACTOR} comm grouped fd 99 call 0')
    own = subprocess.Popen([ACTOR, "comm", "own", "open", "/proc/self/ns/uts", "call", "0", "expect", "0"])
    own.wait(30)
    return own.pid


ALL = {"bad", "bad-user", "denied", "wrong", "entry", "exit", "pidfd", "compat", "login", "grouped", "own"}
SUCCEEDED = {"entry", "exit", "pidfd", "own"}
USERS = {"bad-user", "denied"}
NET = {"denied", "wrong", "entry", "pidfd"}


def expectations(own, inum, host, cgroup):
    """Yields filters, and the names of the calls that match."""
    yield {}, ALL
    yield {"events": 1 << 1}, ALL
    yield {"events": 1 << 2}, set()
    yield {"classes": ENTRY}, {"entry", "pidfd"}
    yield {"classes": EXIT}, {"exit"}
    yield {"classes": PLAIN}, ALL - {"entry", "pidfd", "exit"}
    yield {"classes": ENTRY | EXIT}, {"entry", "pidfd", "exit"}
    yield {"kinds": KINDS["net"]}, NET
    yield {"kinds": KINDS["uts"]}, {"wrong", "own"}
    yield {"kinds": KINDS["mnt"] | KINDS["uts"]}, {"wrong", "own", "exit"}
    yield {"kinds": KINDS["user"]}, set()
    yield {"results": OK}, SUCCEEDED
    yield {"results": FAILED}, ALL - SUCCEEDED
    yield {"results": UNKNOWN}, set()
    yield {"results": OK | UNKNOWN}, SUCCEEDED
    yield {"error": errno.EPERM}, {"denied"}
    yield {"error": errno.EINVAL}, {"wrong"}
    yield {"error": errno.EBADF}, ALL - SUCCEEDED - {"denied", "wrong"}
    yield {"error": errno.EBADF, "results": OK}, set()
    yield {"flags_any": FLAGS["denied"]}, {"denied"}
    yield {"flags_any": FLAGS["to-init"] | FLAGS["kernel-compat"]}, {"exit", "compat"}
    yield {"flags_all": FLAGS["to-init"] | FLAGS["root-moved"]}, {"exit"}
    yield {"flags_all": FLAGS["to-init"] | FLAGS["denied"]}, set()
    yield {"flags_none": FLAGS["to-init"] | FLAGS["denied"]}, ALL - {"exit", "denied"}
    yield {"flags_any": FLAGS["ret-unknown"]}, set()
    yield {"uid_count": 1}, ALL - USERS
    yield {"uid_first": 1, "uid_count": 0xffffffff}, USERS
    yield {"uid_first": 1000, "uid_count": 1}, USERS
    yield {"uid_first": 1001, "uid_count": 5}, set()
    yield {"loginuid_first": 1200, "loginuid_count": 100}, {"login"}
    yield {"loginuid_first": 1235, "loginuid_count": 100}, set()
    yield {"pid": own}, {"own"}
    yield {"cgroup_id": cgroup}, {"grouped"}
    yield {"ns_inum": inum}, NET
    yield {"ns_inum": inum, "ns_places": TARGET}, NET
    yield {"ns_inum": inum, "ns_places": BEFORE}, set()
    yield {"ns_inum": inum, "ns_places": AFTER}, {"entry", "pidfd"}
    yield {"ns_inum": inum, "ns_places": BEFORE | AFTER}, {"entry", "pidfd"}
    yield {"ns_inum": host["net"], "ns_places": AFTER}, ALL - {"entry", "pidfd"}
    yield {"ns_inum": host["net"], "ns_places": BEFORE}, ALL
    yield {"ns_inum": host["mnt"], "ns_places": TARGET}, {"exit", "pidfd"}
    yield {"ns_inum": host["mnt"], "ns_places": BEFORE}, ALL - {"exit"}
    yield {"classes": PLAIN, "kinds": KINDS["net"], "uid_count": 1}, {"wrong"}
    yield {"results": FAILED, "uid_first": 1000, "uid_count": 1, "error": errno.EBADF}, {"bad-user"}


@contextlib.contextmanager
def group():
    """Makes a control group. Yields its inode number."""
    os.mkdir(CGROUP)
    try:
        yield os.stat(CGROUP).st_ino
    finally:
        os.rmdir(CGROUP)


@case("each member, and several: a filter lets through what the actors' doings say, and skips the rest")
def members(check):
    with module(ring_records=1024), holder("unshare", KINDS["net"]) as pid, group() as cgroup:
        own = make_calls(pid)
        table = list(expectations(own, links_of(pid)["net"], links_of(os.getpid()), cgroup))
        for filter_members, expected in table:
            with text_file(**filter_members) as fd:
                names = [line["comm"] for line in lines_of(fd)]
                counts = counters_of(fd)
            check.eq(sorted(names), sorted(expected), filter_members)
            check.eq(counts["skipped"], len(ALL) - len(expected), f"skipped, {filter_members}")
            check.eq(counts["lost"], 0, f"lost, {filter_members}")
        check.eq(counts["recorded"], len(ALL), "recorded")


@case("calls whose return is unknown, by result and by flag")
def unknown(check):
    with module(ring_records=16384, maxactive=1):
        run_threads(400, "mmmmfu")
        for chosen in ({"results": UNKNOWN}, {"flags_any": FLAGS["ret-unknown"]}):
            with text_file(**chosen) as fd:
                lines, counts = lines_of(fd), counters_of(fd)
            check.eq(len(lines), counts["ret_unknown"], f"records, {chosen}")
            check(all("ret-unknown" in line["flags"] and line["ret"] == "" for line in lines), "their fields")
            check.eq(len(lines) + counts["skipped"], counts["recorded"], f"read + skipped, {chosen}")


# ---- sums ----

def account(check, lines, counts, what):
    """Checks the numbers of each CPU: gaps and records in order. Returns how many came, and which did not."""
    following, came, missing = {}, collections.Counter(), collections.defaultdict(set)
    for line in lines:
        cpu, seq = int(line["cpu"]), int(line["seq"])
        check(seq >= following.get(cpu, 0), f"{what}: number {seq} of CPU {cpu} comes again")
        missing[cpu] |= set(range(following.get(cpu, 0), seq))
        following[cpu] = seq + int(line.get("count", 1))
        came[line["event"]] += int(line.get("count", 1))
    check.eq(came["lost"], counts["lost"], f"{what}: lost, as COUNTERS has it")
    check.eq(came["setns"] + came["lost"] + counts["skipped"], counts["recorded"],
             f"{what}: read + lost + skipped = recorded")
    check(sum(map(len, missing.values())) <= counts["skipped"], f"{what}: more are missing than skipped")
    return came, missing


def flooded(check, readers, rounds):
    """Reads by turns from several files while each CPU makes plain calls and some entries."""
    lines = [[] for _ in readers]
    net = f"/proc/{os.getpid()}/ns/net"
    words = ["fd", 99, "calls", 300, 0, "comm", "entry", "unshare", KINDS["net"],
             "open", net, "call", 0, "expect", 0, "close", "comm", "plain"]
    actors = [subprocess.Popen([ACTOR, *map(str, ["pin", cpu, "comm", "plain", *words * rounds])]) for cpu in cpus()]
    running = True
    while running:
        running = any(actor.poll() is None for actor in actors)
        for fd, mine in zip(readers, lines):
            mine += lines_of(fd)
    check.eq([actor.returncode for actor in actors], [0] * len(actors), "the actors")
    return lines


@case("during a flood with small rings, sums are exact for a filtered reader and for another beside it")
def sums(check):
    rounds = 12
    with module(ring_records=16), text_file(classes=ENTRY) as fd, text_file() as other:
        mine, theirs = flooded(check, (fd, other), rounds)
        made = rounds * len(cpus())
        counts, their_counts = counters_of(fd), counters_of(other)
    came, missing = account(check, mine, counts, "filtered")
    account(check, theirs, their_counts, "the other")
    check.eq(their_counts["skipped"], 0, "skipped by the other")
    check.eq({line["comm"] for line in mine if line["event"] == "setns"}, {"entry"}, "names")
    check.eq(came["setns"], made, "entries: their rings were never full")
    # The other reader got or lost every record that this one skipped
    plain = {(int(line["cpu"]), int(line["seq"])) for line in theirs if line.get("comm") == "plain"}
    entries = {(int(line["cpu"]), int(line["seq"])) for line in theirs if line.get("comm") == "entry"}
    skipped = {(cpu, seq) for cpu in missing for seq in missing[cpu]}
    check(not skipped & entries, "an entry was skipped")
    check(skipped & plain, "nothing was skipped: the test proves nothing")
    check(counts["lost"] > 0, "nothing was lost: the test proves nothing")


@case("a late reader with a filter gets the gaps around rare records, and no others")
def late(check):
    with module(ring_records=16):
        for _ in range(3):
            act("pin", 0, "fd", 99, "calls", 100, 0)
            act("pin", 0, "comm", "exit", "unshare", KINDS["mnt"], "open", "/proc/1/ns/mnt", "call", 0)
        act("pin", 0, "fd", 99, "calls", 5, 0)
        with text_file(classes=EXIT) as fd:
            lines = lines_of(fd)
            counts = counters_of(fd)
    check.eq([(line["event"], int(line["seq"]), int(line.get("count", 1))) for line in lines],
             [("setns", 100, 1), ("lost", 101, 100), ("setns", 201, 1), ("lost", 202, 89), ("setns", 302, 1)],
             "records and gaps")
    check.eq((counts["skipped"], counts["lost"]), (16, 189), "skipped and lost")


# ---- seeking ----

@case("a seek to the time of any record held leads there, over all CPUs")
def seek(check):
    with module(ring_records=64):
        for number in range(40):
            act("pin", number % len(cpus()), "fd", 500 + number, "calls", 1, 0)
        with text_file() as fd:
            times = [int(line["boot_ns"]) for line in lines_of(fd)]
            for number in (0, 1, 17, 38, 39):
                fcntl.ioctl(fd, IOC_SEEK, struct.pack("Q", times[number]))
                check.eq([int(line["fd"]) for line in lines_of(fd)], list(range(500 + number, 540)), f"from {number}")
            check.eq(counters_of(fd)["lost"], 0, "lost")


# ---- the reader ----

def show(*options, inject=None):
    """Runs the reader under strace. Returns its lines, and the ioctls that it made."""
    with tempfile.NamedTemporaryFile("r") as log:
        faults = ["-e", f"inject=ioctl:error={inject[0]}:when={inject[1]}"] if inject else []
        done = must("strace", "-e", "trace=ioctl", *faults, "-o", log.name,
                    READER, "-o", "json", "--no-follow", *options)
        return done.stdout.splitlines(), re.findall(r"^ioctl\(.*", log.read(), re.MULTILINE)


@case("--class is filtered by the kernel; by the reader if the module has no filter, or not this one")
def reader(check):
    with module(ring_records=16):
        for _ in range(3):
            act("pin", 0, "fd", 99, "calls", 40, 0)
            act("pin", 0, "comm", "exit", "unshare", KINDS["mnt"], "open", "/proc/1/ns/mnt", "call", 0)
        lines, ioctls = show("--class=exit")
        mine = [i for i, text in enumerate(ioctls) if re.search(r"0xdf, 0x3\b|0x4080df03", text)]
        check.eq(len(mine), 1, f"ioctls: {ioctls}")
        check(mine and ioctls[mine[0]].endswith("= 0"), f"it succeeded: {ioctls}")
        check.eq([('"exit"' in line, '"lost"' in line) for line in lines],
                 [(True, False), (False, True)] * 2 + [(True, False)], lines)
        for error in ("ENOTTY", "EINVAL"):
            fallen_back, ioctls = show("--class=exit", inject=(error, mine[0] + 1))
            check(f"-1 {error}" in ioctls[mine[0]], f"{error} was injected: {ioctls}")
            check.eq(fallen_back, lines, f"without the kernel's filter, {error}")


run_cases(unload)
