# SPDX-License-Identifier: GPL-2.0-only
"""Expected records, from other sources of the kernel. While an actor stops before and after its
call, /proc is read and its file descriptor is queried with the NS_GET_* ioctls. The module is
not involved."""

import errno
import fcntl
import os

from actors import Actor
from guest import must
from namespaces import (LINKS, NS_GET_NSTYPE, UserNs, id_of, kind_names, links_of, status_of,
                        tgid_of)
from tap import Skip

FLAGS = ["denied", "to-init", "upward", "userns-cross", "caps-gained", "raced", "ret-unknown",
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


def target_of(pid, fd, caller):
    """Returns fd_kind, target and the flags that follow from them."""
    info = fdinfo_of(pid, fd)
    if info is None or int(info["flags"], 8) & os.O_PATH:
        return "none", None, set()
    target = {"type": None, "inum": None, "id": None, "owner": None, "relation": None,
              "pid": None, "links": None}
    if "Pid" in info:
        return ("pidfd",) + process_of(int(info["Pid"]), caller, target)
    try:
        copy = os.open(f"/proc/{pid}/fd/{fd}", os.O_RDONLY | os.O_NONBLOCK)
    except OSError:
        return "other", None, set()
    try:
        kind = fcntl.ioctl(copy, NS_GET_NSTYPE)
        target["type"], = kind_names(kind)
        target["inum"] = os.fstat(copy).st_ino
        target["id"] = id_of(copy)
        owner = UserNs.that_owns(copy)
    except OSError as error:
        if error.errno != errno.ENOTTY:
            raise
        return "other", None, set()
    finally:
        os.close(copy)
    return "nsfs", target, relate(target, owner, caller)


def process_of(process, caller, target):
    if process < 0:
        return target, set()
    target["pid"] = process
    try:
        target["links"] = links_of(process)
        owner = UserNs.of_path(f"/proc/{process}/ns/user")
    except OSError:
        raise Skip("the target ended too early")
    return target, relate(target, owner, caller)


def relate(target, owner, caller):
    if owner is None:
        return {"upward", "userns-cross"} if caller.level else set()
    target["owner"] = owner.as_owner()
    target["relation"] = owner.seen_from(caller)
    flags = set()
    if target["relation"] == "ancestor":
        flags.add("upward")
    if target["relation"] != "same":
        flags.add("userns-cross")
    return flags


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


def watch(actor, nstype, abi="x86_64"):
    """One call of a talking actor: the expected record, and its clocks."""
    tid, fd = actor.expect("ready")
    # An actor in another pid namespace knows itself by another number.
    tid = actor.tid or tid
    pid = tgid_of(tid)
    status = status_of(pid, tid)
    caller = UserNs.of_path(f"/proc/{pid}/task/{tid}/ns/user")
    fd_kind, target, flags = target_of(pid, fd, caller)
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
        "fd": fd, "fd_kind": fd_kind, "nstype": nstype & 0xffffffff,
        "nstype_names": kind_names(nstype), "target": target,
        "caller_userns": caller.as_caller(), "before": links_of(pid, tid),
    }
    expected.update(ids_of(status))
    clocks = {"start_ticks": start_ticks_of(pid)}
    places = places_of(pid, tid)

    actor.go()
    ret, *readings = actor.expect("done")
    clocks["boot"], clocks["real"] = readings[:2], readings[2:]

    after = links_of(pid, tid)
    caps = status_of(pid, tid)["CapEff"]
    moved = what_moved(places, places_of(pid, tid))
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
