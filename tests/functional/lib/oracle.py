# SPDX-License-Identifier: GPL-2.0-only
"""Expected records, from other sources of the kernel. While an actor stops before and after its
call, /proc is read and its file descriptor is queried with the NS_GET_* ioctls. The module is
not involved."""

import ctypes
import errno
import fcntl
import glob
import os
import re
import struct

from actors import Actor
from guest import must
from namespaces import (ALL_KINDS, LINKS, NS_GET_NSTYPE, UserNs, id_of, kind_names, links_of, status_of,
                        tgid_of)
from tap import Skip

FLAGS = ["denied", "to-init", "targets-init", "upward", "userns-cross", "caps-gained", "raced", "ret-unknown",
         "kernel-compat", "root-moved", "selftest"]
UNSET = 0xffffffff
INITIAL = links_of(1)


def number_in(path):
    with open(path) as file:
        value = int(file.read())
    return None if value == UNSET else value


def boot_id():
    with open("/proc/sys/kernel/random/boot_id") as file:
        return file.read().strip()


def cgroup_id_of(pid, tid):
    with open(f"/proc/{pid}/task/{tid}/cgroup") as file:
        for line in file:
            if line.startswith("0::"):
                return str(os.stat("/sys/fs/cgroup" + line[3:].rstrip("\n")).st_ino)
    return None


def start_ticks_of(pid):
    with open(f"/proc/{pid}/stat", errors="surrogateescape") as file:
        return int(file.read().rsplit(")", 1)[1].split()[19])


def fdinfo_of(pid, fd):
    try:
        with open(f"/proc/{pid}/fdinfo/{fd}") as file:
            return dict(line.split(":\t") for line in file.read().splitlines() if ":\t" in line)
    except FileNotFoundError:
        return None


# The links that a join of a kind moves, and the one that a process behind a pidfd lends.
MOVES = {"pid": ["pid_for_children"], "time": ["time", "time_for_children"]}
RELEASE = tuple(int(word) for word in re.findall(r"\d+", os.uname().release)[:2])
HAS_COOKIES, HAS_PIDFS = RELEASE >= (5, 12), RELEASE >= (6, 9)


class Step:
    """A namespace that a call may ask for: .kind .inum .owner (None: the initial user namespace
    has none) .judged (the user namespace whose place counts: the owner, or itself)"""

    def __init__(self, kind, fd):
        self.kind = kind
        self.inum = os.fstat(fd).st_ino
        self.owner = UserNs.that_owns(fd)
        self.judged = UserNs(fd) if kind == "user" else self.owner

    @classmethod
    def of_path(cls, kind, path):
        fd = os.open(path, os.O_RDONLY)
        try:
            return cls(kind, fd)
        finally:
            os.close(fd)

    def leads_elsewhere(self, before):
        return any(before[link] != self.inum for link in MOVES.get(self.kind, [self.kind]))

    def is_initial(self):
        return self.inum == INITIAL[self.kind]

    def height(self, caller):
        """Sorts the one that counts first: the highest owner, then what crosses most."""
        crossing = ["ancestor", "unrelated", "descendant", "same"]
        return (self.owner.level if self.owner else -1,
                crossing.index(self.judged.seen_from(caller)))


class Facts:
    """The object that a file descriptor names: .fd_kind .target (without owner and relation) .steps
    .magic (of the file system of another file)"""

    def __init__(self, fd_kind, target=None, steps=(), magic=None):
        self.fd_kind = fd_kind
        self.target = target
        self.steps = list(steps)
        self.magic = magic

    def asked(self, nstype):
        """Returns the steps that a call with this type asks for."""
        if self.fd_kind == "nsfs":
            step, = self.steps
            return [step] if kind_names(nstype) in ([], [step.kind]) and not unknown(nstype) else []
        kinds = [] if unknown(nstype) else kind_names(nstype)
        return [step for step in self.steps if step.kind in kinds]

    def as_target(self, nstype, caller):
        if self.target is None:
            return None
        judged = self.steps if self.fd_kind == "nsfs" else self.asked(nstype)
        first = min(judged, key=lambda step: step.height(caller), default=None)
        owner, relation = None, None
        if first:
            owner = first.owner.as_owner() if first.owner else None
            relation = first.judged.seen_from(caller)
        return dict(self.target, owner=owner, relation=relation)

    def flags(self, nstype, before, caller, ret):
        """Returns the flags of the namespaces that were asked for."""
        steps = [step for step in self.asked(nstype) if step.leads_elsewhere(before)]
        flags = {"targets-init"} if any(step.is_initial() for step in steps) else set()
        if not steps and self.fd_kind == "pidfd" and -ret in (errno.EPERM, errno.EACCES):
            # None of them leads elsewhere, and still the process was refused.
            steps = self.asked(nstype)
        relations = {step.judged.seen_from(caller) for step in steps}
        flags |= {"upward"} if "ancestor" in relations else set()
        flags |= {"userns-cross"} if relations - {"same"} else set()
        return flags


def unknown(nstype):
    """Returns the bits that are no kind of namespace."""
    return nstype & 0xffffffff & ~ALL_KINDS


def blank(**known):
    target = dict.fromkeys(("type", "inum", "id", "owner", "relation", "pid", "pid_id", "userns",
                            "links", "cgroup_id"))
    target.update(known)
    return target


def magic_of(path):
    """Returns the type of the file system, as fstatfs(2) reports it."""
    fd = os.open(path, os.O_PATH)
    words = ctypes.create_string_buffer(256)
    try:
        if ctypes.CDLL(None, use_errno=True).fstatfs(fd, words):
            raise OSError(ctypes.get_errno(), "fstatfs")
    finally:
        os.close(fd)
    return struct.unpack_from("q", words)[0]


def target_of(pid, fd):
    """Returns the Facts about a descriptor of a process."""
    info = fdinfo_of(pid, fd)
    if info is None or int(info["flags"], 8) & os.O_PATH:
        return Facts("none")
    path = f"/proc/{pid}/fd/{fd}"
    if "Pid" in info:
        return process_of(int(info["Pid"]), path)
    other = Facts("other", magic=magic_of(path))
    try:
        copy = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except OSError:
        return other
    try:
        kind, = kind_names(fcntl.ioctl(copy, NS_GET_NSTYPE))
        step = Step(kind, copy)
        userns = step.judged.as_owner() if kind == "user" else None
        number = net_id_of(copy) if kind == "net" else id_of(copy)
        return Facts("nsfs", blank(type=kind, inum=step.inum, id=number, userns=userns), [step])
    except OSError as error:
        if error.errno != errno.ENOTTY:
            raise
        return other
    finally:
        os.close(copy)


class Cookie:
    """Equals the id of any network namespace. Only a socket in it reports its cookie, and a call
    to get there would be recorded. nsids.py compares the ids themselves."""

    def __eq__(self, other):
        return isinstance(other, str) and other.isdigit() and int(other) > 0

    def __repr__(self):
        return "a cookie"


def net_id_of(fd):
    number = id_of(fd)
    return Cookie() if number is None and HAS_COOKIES else number


def process_of(process, path):
    if process < 0:
        return Facts("pidfd", blank())
    try:
        steps = [Step.of_path(kind, f"/proc/{process}/ns/{kind}") for kind in kind_names(ALL_KINDS)]
        userns = next(step for step in steps if step.kind == "user").judged
        return Facts("pidfd", blank(links=links_of(process), **attributes(process, path, userns)),
                     steps)
    except OSError:
        raise Skip("the target ended too early")


def attributes(pid, path, userns):
    """Returns what remains of a process until it is reaped. path: of a pidfd; userns: a UserNs,
    None once it is reaped."""
    known = {"pid": pid, "pid_id": pid_id_of(path)}
    if userns:
        known.update(userns=userns.as_owner(), cgroup_id=cgroup_id_of(pid, pid))
    return known


def pid_id_of(path):
    """Returns the id of the process that a pidfd names, None before Linux 6.9."""
    return str(os.stat(path).st_ino) if HAS_PIDFS else None


def ended_process(pid, fd, userns=None):
    """Returns the Facts about a pidfd whose process has no namespaces any more."""
    return Facts("pidfd", blank(**attributes(pid, f"/proc/self/fd/{fd}", userns)))


def place_of(pid, tid, name):
    """Returns mount and inode number of a thread's root or cwd."""
    place = os.open(f"/proc/{pid}/task/{tid}/{name}", os.O_PATH)
    try:
        return fdinfo_of(os.getpid(), place)["mnt_id"], os.fstat(place).st_ino
    finally:
        os.close(place)


def places_of(pid, tid):
    return place_of(pid, tid, "root"), place_of(pid, tid, "cwd")


def what_moved(before, after):
    """Returns what differs between two places_of(): "root", "cwd" or "none"."""
    if before[0] != after[0]:
        return "root"
    return "cwd" if before[1] != after[1] else "none"


def class_of(level, caps, before, after, moved):
    """Returns the class of a call: plain unless it moved a caller with CAP_SYS_ADMIN on the
    host. The scenes have no other call that takes somebody's permission."""
    changed = [link for link in LINKS if before[link] != after[link]]
    left_chroot = moved == "root" and "mnt" not in changed
    if level or not caps & 1 << 21 or not (changed or left_chroot):
        return "plain"
    out = [link for link in changed
           if link in ("mnt", "pid_for_children", "user") and after[link] == INITIAL[link]]
    return "exit" if out or left_chroot else "entry"


def outcome(entered, flags, ret, after, caps, moved):
    """Returns the fields that follow from the return of a call. entered: those of its entry."""
    flags = set(flags)
    before, caps_before = entered["before"], int(entered["cap_effective"], 16)
    joined = []
    if ret == 0:
        joined = ([entered["target"]["type"]] if entered["fd_kind"] == "nsfs"
                  else entered["nstype_names"])
        if any(before[k] != INITIAL[k] and after[k] == INITIAL[k] for k in LINKS):
            flags.add("to-init")
    elif -ret in (errno.EPERM, errno.EACCES):
        flags.add("denied")
    if caps & ~caps_before:
        flags.add("caps-gained")
    if entered["abi"] == "i386":
        flags.add("kernel-compat")
    if moved != "none":
        flags.add("root-moved")
    return {
        "class": class_of(entered["caller_userns"]["level"], caps_before, before, after, moved),
        "after": after, "cap_effective_after": f"{caps:016x}", "joined": joined, "ret": ret,
        "errno": errno.errorcode[-ret] if ret < 0 else None,
        "flags": [flag for flag in FLAGS if flag in flags],
    }


def ids_of(status):
    ids = {}
    for key, line in (("uid", "Uid"), ("gid", "Gid")):
        names = [key, "e" + key, "s" + key, "fs" + key]
        ids.update(zip(names, (int(word) for word in status[line].split())))
    return ids


def sharing(expected, pid, tid):
    """Returns the counts on which a join of a user, mount or time namespace depends."""
    if expected["fd_kind"] == "none" or (expected["fd_kind"] == "nsfs" and
                                         expected["target"]["type"] not in ("user", "mnt", "time")):
        return {"threads": None, "fs_users": None}
    everybody = [int(task) for group in glob.glob("/proc/[0-9]*/task/[0-9]*")
                 for task in [group.rsplit("/", 1)[1]]]
    sharers = [task for task in everybody if task == tid or shares_fs(task, tid)]
    return {"threads": len(os.listdir(f"/proc/{pid}/task")), "fs_users": len(sharers)}


def shares_fs(one, other):
    """Compares the directories of two tasks by kcmp(2)."""
    done = ctypes.CDLL(None, use_errno=True).syscall(312, one, other, 3, 0, 0)
    if done < 0 and ctypes.get_errno() != errno.ESRCH:
        raise OSError(ctypes.get_errno(), "kcmp")
    return done == 0


def watch(actor, nstype, abi="x86_64"):
    """One call of a talking actor: the expected record, and its clocks."""
    tid, fd = actor.expect("ready")
    # An actor in another pid namespace knows itself by another number.
    tid = actor.tid or tid
    pid = tgid_of(tid)
    status = status_of(pid, tid)
    caller = UserNs.of_path(f"/proc/{pid}/task/{tid}/ns/user")
    facts = target_of(pid, fd)
    with open(f"/proc/{pid}/task/{tid}/comm") as comm:
        name = comm.read()[:-1]
    expected = {
        "v": 1, "event": "setns", "abi": abi,
        "pid": pid, "tid": tid, "ppid": int(status["PPid"]),
        "ns_pid": int(status["NStgid"].split()[-1]), "ns_tid": int(status["NSpid"].split()[-1]),
        "comm": name,
        "cap_permitted": status["CapPrm"], "cap_effective": status["CapEff"],
        "loginuid": number_in(f"/proc/{pid}/task/{tid}/loginuid"),
        "sessionid": number_in(f"/proc/{pid}/task/{tid}/sessionid"),
        "cgroup_id": cgroup_id_of(pid, tid),
        "fd": fd, "fd_kind": facts.fd_kind, "nstype": nstype & 0xffffffff,
        "nstype_names": kind_names(nstype), "target": facts.as_target(nstype, caller),
        "fs_magic": facts.magic,
        "caller_userns": caller.as_caller(), "before": links_of(pid, tid),
    }
    expected.update(ids_of(status))
    expected.update(sharing(expected, pid, tid))
    clocks = {"start_ticks": start_ticks_of(pid)}
    places = places_of(pid, tid)

    actor.go()
    ret, *readings = actor.expect("done")
    clocks["boot"], clocks["real"] = readings[:2], readings[2:]

    after = links_of(pid, tid)
    caps = status_of(pid, tid)["CapEff"]
    moved = what_moved(places, places_of(pid, tid))
    flags = facts.flags(nstype, expected["before"], caller, ret)
    expected.update(outcome(expected, flags, ret, after, int(caps, 16), moved))
    actor.go()
    return expected, clocks


def scenario(*words, nstypes=(0,), abi="x86_64", program=None, tid=None, **options):
    actor = Actor("talk", *words, **({"program": program} if program else {}), **options)
    actor.tid = None
    try:
        if tid:
            actor.tid = tid(actor)
        seen = [watch(actor, nstype, abi) for nstype in nstypes]
        status = actor.end()
        if status:
            raise RuntimeError(f"the actor ended with status {status}")
        return seen
    finally:
        if actor.process.poll() is None:
            actor.kill()


def differences(got, expected, path=""):
    for key in sorted(set(got) | set(expected)):
        where = path + key
        if key not in got:
            yield f"{where} is missing"
        elif key not in expected:
            yield f"{where} is not expected: {got[key]!r}"
        elif isinstance(got[key], dict) and isinstance(expected[key], dict):
            yield from differences(got[key], expected[key], where + ".")
        elif got[key] != expected[key]:
            yield f"{where} is {got[key]!r}, expected {expected[key]!r}"


def check_record(check, record, expected, clocks):
    record = dict(record)
    boot, real_text = record.pop("boot_ns"), record.pop("time")
    duration, start = record.pop("duration_ns"), record.pop("start_ns")
    cpu, seq = record.pop("cpu"), record.pop("seq")
    check.eq((record.pop("host"), record.pop("boot_id")), (os.uname().nodename, boot_id()), "host")
    for difference in differences(record, expected):
        check(False, difference)
    if expected["after"]["time"] == INITIAL["time"] == expected["before"]["time"]:
        check(clocks["boot"][0] <= boot - duration, f"entered {boot - duration} too early")
        check(boot <= clocks["boot"][1], f"returned {boot} too late")
    check(clocks["real"][0] <= real_ns(real_text) - duration, f"{real_text} is too early")
    check(real_ns(real_text) <= clocks["real"][1], f"{real_text} is too late")
    check(duration > 0, f"took {duration}")
    check.eq(int(start) // 10**7, clocks["start_ticks"], "start_ns in clock ticks")
    check.within(0, cpu, os.cpu_count() - 1, "cpu")
    check(seq >= 0, f"seq {seq}")


def real_ns(text):
    """Returns the nanoseconds of an RFC 3339 time; date(1) is the oracle."""
    seconds, nanos = text.rstrip("Z").split(".")
    return int(must("date", "-u", "-d", seconds + "Z", "+%s").stdout) * 10**9 + int(nanos)
