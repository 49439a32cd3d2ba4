#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""The caller: ids, capabilities, login, cgroup. Each caller stops before and after its
call. Meanwhile the test looks it up in /proc and in the cgroup file system, from outside
of its namespaces."""

import ctypes
import errno
import os
import shutil
import struct
import threading
import traceback

from actors import Actor, holder
from guest import ACTOR
from namespaces import KINDS, status_of
from scenes import play, scene
from tap import Skip, run_cases

LIBC = ctypes.CDLL(None, use_errno=True)
PR_CAPBSET_DROP = 24
CAP_NET_ADMIN, CAP_SYS_ADMIN = 12, 21
SETRESUID = 117        # the system call, on x86_64
FULL = int(status_of(os.getpid())["CapBnd"], 16)
UNSET = 0xffffffff
CGROUPS = "/sys/fs/cgroup"
GROUP = CGROUPS + "/setnsmon-test"
SCRATCH = "/run/setnsmon-test"


def libc(name, *arguments):
    if getattr(LIBC, name)(*arguments) < 0:
        raise OSError(ctypes.get_errno(), f"{name}{arguments}")


def put(path, text):
    with open(path, "w") as file:
        file.write(str(text))


def number_in(path):
    with open(path) as file:
        value = int(file.read())
    return None if value == UNSET else value


def cgroup_id_of(tid):
    """Returns the inode number of the directory, as in JSON."""
    with open(f"/proc/{tid}/cgroup") as file:
        path, = [line[3:].rstrip("\n") for line in file if line.startswith("0::")]
    return str(os.stat(CGROUPS + path).st_ino)


def look(tid):
    """Returns the fields that the record of a waiting caller must have."""
    status = status_of(tid)
    seen = {"tid": tid, "pid": int(status["Tgid"]), "ppid": int(status["PPid"]),
            "cap_permitted": status["CapPrm"], "cap_effective": status["CapEff"],
            "loginuid": number_in(f"/proc/{tid}/loginuid"),
            "sessionid": number_in(f"/proc/{tid}/sessionid"),
            "cgroup_id": cgroup_id_of(tid)}
    for key, line in (("uid", "Uid"), ("gid", "Gid")):
        seen.update(zip((key, "e" + key, "s" + key, "fs" + key), map(int, status[line].split())))
    return seen


def after(seen, tid, ret):
    seen["cap_effective_after"] = status_of(tid)["CapEff"]
    seen["ret"] = ret
    gained = int(seen["cap_effective_after"], 16) & ~int(seen["cap_effective"], 16)
    seen["caps-gained"] = gained != 0
    return seen


# ---- callers ----

class Caller:
    """The caller that runs in a child: call() makes one call, and stops before and after it."""

    def __init__(self, say, hear):
        self.say, self.hear = say, hear

    def tell(self, *words):
        os.write(self.say, (" ".join(str(word) for word in words) + "\n").encode())

    def wait(self):
        if os.read(self.hear, 1) != b".":
            os._exit(97)

    def call(self, fd=None, nstype=0):
        if fd is None:
            fd = os.open("/proc/self/ns/uts", os.O_RDONLY)
        self.tell("ready", threading.get_native_id())
        self.wait()
        ret = LIBC.setns(fd, nstype)
        self.tell("done", -ctypes.get_errno() if ret else 0)
        self.wait()


def fork(function, *arguments, meet=lambda tid: None):
    """Runs main in a child with a Caller. Returns an observation of each of its calls.
    Before that, meet() may do something to the caller."""
    from_child, say = os.pipe()
    hear, to_child = os.pipe()
    pid = os.fork()
    if not pid:
        status = 1
        try:
            os.close(from_child)
            os.close(to_child)
            function(Caller(say, hear), *arguments)
            status = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status)
    os.close(say)
    os.close(hear)
    calls = []
    with os.fdopen(from_child) as lines:
        for line in lines:
            word, number = line.split()
            if word == "ready":
                tid = int(number)
                meet(tid)
                calls.append(look(tid))
            else:
                after(calls[-1], tid, int(number))
            os.write(to_child, b".")
    os.close(to_child)
    status = os.waitpid(pid, 0)[1]
    if status:
        raise RuntimeError(f"the caller ended with status {status:#x}")
    return calls


def talk(*words, program=ACTOR, through=()):
    """Runs an actor that makes one call, by way of another program if through names one. Returns observations."""
    command = [*through, program, "talk", *words, "call", 0]
    actor = Actor(*command[1:], program=command[0])
    try:
        tid, _ = actor.expect("ready")
        seen = look(tid)
        actor.go()
        after(seen, tid, actor.expect("done")[0])
        actor.go()
        if actor.end():
            raise RuntimeError("the actor failed")
    finally:
        if actor.process.poll() is None:
            actor.kill()
    return [seen]


UTS = ("open", "/proc/self/ns/uts")


# ---- scenes: each returns observations of its calls ----

def expect(seen, **values):
    """Checks that the scene is what it claims to be, because otherwise it proves nothing."""
    for key, value in values.items():
        if seen[key] != value:
            raise RuntimeError(f"the scene is wrong: {key} is {seen[key]}, meant to be {value}")
    return seen


def set_ids(uids, gids):
    libc("setresgid", *gids[:3])
    LIBC.setfsgid(gids[3])
    libc("setresuid", *uids[:3])
    LIBC.setfsuid(uids[3])


@scene("each of the eight ids by itself, and all of them apart")
def eight_ids():
    calls = []
    rows = [[1000 + place if place == i else 0 for i in range(8)] for place in range(8)]
    rows += [[0] * 8, [1001, 1002, 1003, 1002, 1005, 1006, 1007, 1006],
             [21, 0, 23, 24, 25, 26, 27, 28]]
    for ids in rows:
        calls += fork(lambda caller, ids=ids: (set_ids(ids[:4], ids[4:]), caller.call()))
        expect(calls[-1], uid=ids[0], euid=ids[1], suid=ids[2], fsuid=ids[3], gid=ids[4],
               egid=ids[5], sgid=ids[6], fsgid=ids[7])
    return calls


@scene("ids that change between the calls of one process")
def ids_change():
    def main(caller):
        caller.call()
        libc("setresuid", 5, 6, 7)
        caller.call()
        libc("setresuid", 6, 7, 5)
        caller.call()
    calls = fork(main)
    expect(calls[0], euid=0, ret=0)
    expect(calls[1], uid=5, euid=6, suid=7, fsuid=6, ret=-errno.EPERM)
    expect(calls[2], uid=6, euid=7, suid=5)
    return calls


@scene("the largest ids that there are")
def largest():
    top = UNSET - 1
    calls = fork(lambda caller: (set_ids([top] * 4, [top] * 4), caller.call()))
    expect(calls[0], uid=top, fsgid=top)
    return calls


@scene("threads of one process with other ids and other capabilities each")
def thread_ids():
    def main(caller):
        def second():
            # The plain system call, because the C library would change all threads.
            if LIBC.syscall(SETRESUID, 71, 72, 73):
                raise OSError(ctypes.get_errno(), "setresuid")
            caller.call()
        caller.call()
        thread = threading.Thread(target=second)
        thread.start()
        thread.join()
        caller.call()
    calls = fork(main)
    expect(calls[0], uid=0)
    expect(calls[1], uid=71, euid=72, suid=73, cap_effective=f"{0:016x}")
    expect(calls[2], uid=0)
    return calls


@scene("mapped ids in a user namespace are those of the host")
def mapped():
    def main(caller):
        libc("unshare", KINDS["user"])
        caller.call(-1)
        set_ids([5, 6, 7, 6], [15, 16, 17, 16])
        caller.call(-1)

    def write_maps(tid):
        with open(f"/proc/{tid}/uid_map") as file:
            if file.read():
                return
        for name in ("uid_map", "gid_map"):
            put(f"/proc/{tid}/{name}", "0 100000 65536")
    calls = fork(main, meet=write_maps)
    expect(calls[1], uid=100005, euid=100006, suid=100007, fsuid=100006, gid=100015, fsgid=100016)
    return calls


# -- capabilities --

class CapHeader(ctypes.Structure):
    _fields_ = [("version", ctypes.c_uint32), ("pid", ctypes.c_int)]


def set_caps(effective, permitted, inheritable=0):
    header = CapHeader(0x20080522, 0)
    data = struct.pack("6I", *[word >> shift & 0xffffffff for shift in (0, 32)
                               for word in (effective, permitted, inheritable)])
    libc("capset", ctypes.byref(header), data)


@scene("capabilities: all, some, permitted but not effective, one, the highest, none")
def some_caps():
    calls = []
    one, top = 1 << CAP_SYS_ADMIN, 1 << FULL.bit_length() - 1
    for effective, permitted in ((FULL, FULL), (FULL & ~0xff, FULL & ~0xf), (0, FULL),
                                 (one, one), (one, one | top), (top, top), (0, one), (0, 0)):
        calls += fork(lambda caller, *caps: (set_caps(*caps), caller.call()), effective, permitted)
        expect(calls[-1], cap_effective=f"{effective:016x}", cap_permitted=f"{permitted:016x}",
               ret=0 if effective & one else -errno.EPERM, **{"caps-gained": False})
    return calls


def join_user(caller, path, before=lambda: None):
    fd = os.open(path, os.O_RDONLY)
    before()
    caller.call(fd)


def user_holder(*words):
    return holder(*words, "unshare", KINDS["user"], "map")


@scene("joining a user namespace as its owner: all capabilities are gained")
def gained_by_owner():
    ids = [1000] * 4
    with user_holder("setgid", *ids, "setuid", *ids) as pid:
        calls = fork(join_user, f"/proc/{pid}/ns/user", lambda: set_ids(ids, ids))
    expect(calls[0], cap_effective=f"{0:016x}", cap_effective_after=f"{FULL:016x}", ret=0,
           **{"caps-gained": True})
    return calls


@scene("joining a user namespace with some capabilities: the others are gained")
def gained_some():
    some = 1 << CAP_SYS_ADMIN | 1 << CAP_NET_ADMIN
    with user_holder() as pid:
        calls = fork(join_user, f"/proc/{pid}/ns/user", lambda: set_caps(some, some))
    expect(calls[0], cap_effective=f"{some:016x}", ret=0, **{"caps-gained": True})
    return calls


@scene("joining a user namespace with permitted ones that were not effective")
def gained_from_permitted():
    """The owner of the namespace may join it, even without effective capabilities."""
    with user_holder() as pid:
        calls = fork(join_user, f"/proc/{pid}/ns/user", lambda: set_caps(0, FULL))
    expect(calls[0], cap_permitted=f"{FULL:016x}", ret=0, **{"caps-gained": True})
    return calls


@scene("joining a user namespace with all capabilities: none is gained")
def gained_none():
    with user_holder() as pid:
        calls = fork(join_user, f"/proc/{pid}/ns/user")
    expect(calls[0], ret=0, **{"caps-gained": False})
    return calls


@scene("a stranger may not join a user namespace: nothing is gained")
def gained_refused():
    with user_holder("setuid", *[1000] * 4) as pid:
        calls = fork(join_user, f"/proc/{pid}/ns/user", lambda: set_ids([1001] * 4, [0] * 4))
    expect(calls[0], ret=-errno.EPERM, **{"caps-gained": False})
    return calls


@scene("by a pidfd, into user and net at once: capabilities are gained")
def gained_by_pidfd():
    ids = [1000] * 4
    kinds = KINDS["user"] | KINDS["net"]
    with holder("setgid", *ids, "setuid", *ids, "unshare", kinds, "map") as pid:
        def main(caller):
            set_ids(ids, ids)
            caller.call(os.pidfd_open(pid), kinds)
        calls = fork(main)
    expect(calls[0], ret=0, **{"caps-gained": True})
    return calls


@scene("the bounding set shrinks")
def bounding():
    def main(caller):
        for cap in (CAP_SYS_ADMIN, CAP_NET_ADMIN):
            libc("prctl", PR_CAPBSET_DROP, cap, 0, 0, 0)
        caller.call()               # by itself it takes nothing away
        os.execv(ACTOR, [ACTOR, *UTS, "call", "0", "expect", "-1"])
    calls = fork(main)
    expect(calls[0], cap_effective=f"{FULL:016x}", ret=0)
    calls += talk(*UTS, through=["/usr/bin/setpriv", "--bounding-set", "-sys_admin,-net_admin"])
    expect(calls[1], ret=-errno.EPERM,
           cap_permitted=f"{FULL & ~(1 << CAP_SYS_ADMIN | 1 << CAP_NET_ADMIN):016x}")
    # And the user that main() became
    calls.insert(1, {"tid": calls[0]["tid"], "ret": -errno.EPERM, "caps-gained": False,
                     "cap_effective": calls[1]["cap_effective"]})
    return calls


@scene("setpriv: an ambient capability of an ordinary user")
def ambient():
    one = f"{1 << CAP_SYS_ADMIN:016x}"
    calls = talk(*UTS, through=[
        "/usr/bin/setpriv", "--reuid=1000", "--regid=1000", "--clear-groups",
        "--inh-caps=+sys_admin", "--ambient-caps=+sys_admin"])
    expect(calls[0], uid=1000, euid=1000, cap_effective=one, ret=0)
    return calls


@scene("setpriv: no new privileges")
def no_new_privs():
    calls = talk(*UTS, through=["/usr/bin/setpriv", "--no-new-privs"])
    expect(calls[0], euid=0, ret=0)
    return calls


# -- privileged programs --

def program(name, uid, gid, mode):
    """Makes a copy of the actor."""
    path = f"{SCRATCH}/{name}"
    shutil.copy(ACTOR, path)
    os.chown(path, uid, gid)
    os.chmod(path, mode)
    return path


AS_1000 = ("/usr/bin/setpriv", "--reuid=1000", "--regid=1000", "--clear-groups")


@scene("a setuid program of root, started by an ordinary user")
def setuid_root():
    path = program("setuid-root", 0, 0, 0o4755)
    calls = talk(*UTS, program=path, through=AS_1000)
    expect(calls[0], uid=1000, euid=0, suid=0, fsuid=0, egid=1000, cap_effective=f"{FULL:016x}",
           ret=0)
    # It may give up its privileges, permanently or temporarily.
    calls += talk(*UTS, "setuid", 1000, 1000, 0, 1000, program=path, through=AS_1000)
    expect(calls[1], uid=1000, euid=1000, suid=0, cap_effective=f"{0:016x}", ret=-errno.EPERM)
    calls += talk(*UTS, "setuid", 1000, 1000, 1000, 1000, program=path, through=AS_1000)
    expect(calls[2], suid=1000, cap_permitted=f"{0:016x}")
    return calls


@scene("setuid and setgid programs of another user; with no new privileges they get none")
def setuid_other():
    path = program("setuid-other", 1234, 4321, 0o6755)
    calls = talk(*UTS, program=path, through=AS_1000)
    expect(calls[0], uid=1000, euid=1234, suid=1234, fsuid=1234, gid=1000, egid=4321, sgid=4321,
           fsgid=4321, ret=-errno.EPERM)
    calls += talk(*UTS, program=path, through=[*AS_1000, "--no-new-privs"])
    expect(calls[1], uid=1000, euid=1000, egid=1000)
    return calls


@scene("a program with capabilities of its file")
def file_caps():
    path = program("file-caps", 0, 0, 0o755)
    caps = 1 << CAP_SYS_ADMIN
    try:
        os.setxattr(path, "security.capability",
                    struct.pack("<5I", 0x02000001, caps & 0xffffffff, 0, caps >> 32, 0))
    except OSError as error:
        raise Skip(f"the file system has no file capabilities: {error}")
    calls = talk(*UTS, program=path, through=AS_1000)
    expect(calls[0], euid=1000, cap_permitted=f"{caps:016x}", cap_effective=f"{caps:016x}", ret=0)
    return calls


# -- login --

@scene("loginuid and session: unset, set, set by another login, unset again")
def login():
    def main(caller, *uids):
        for uid in uids:
            if uid is not None:
                put("/proc/self/loginuid", uid)
            caller.call()
    calls = fork(main, None, 1234, 0, UNSET, 4000000000)
    sessions = [call["sessionid"] for call in calls]
    if sessions[0] is not None or sessions[3] is not None or \
            len({sessions[1], sessions[2], sessions[4], None}) != 4:
        raise RuntimeError(f"the scene is wrong: sessions {sessions}")
    for call, uid in zip(calls, (None, 1234, 0, None, 4000000000)):
        expect(call, loginuid=uid, uid=0)
    return calls


@scene("loginuid stays through setuid and a user namespace")
def login_stays():
    def main(caller):
        put("/proc/self/loginuid", 1234)
        set_ids([1000] * 4, [1000] * 4)
        caller.call()
        libc("unshare", KINDS["user"])
        caller.call()
    calls = fork(main)
    expect(calls[0], loginuid=1234, uid=1000)
    expect(calls[1], loginuid=1234)
    return calls


# -- cgroups --

class Cgroups:
    """Makes nested directories, outermost first, and removes them in the end."""

    def __init__(self, *names):
        self.paths = [f"{GROUP}-{name}" for name in names]

    def __enter__(self):
        for path in self.paths:
            os.mkdir(path)
        return self.paths

    def __exit__(self, *_):
        for path in reversed(self.paths):
            os.rmdir(path)


@scene("cgroups: the root, nested ones, after each move, and in a cgroup namespace")
def cgroups():
    with Cgroups("a", "a/b", "a/b/c", "d") as paths:
        def main(caller):
            caller.call()
            for path in paths:
                put(path + "/cgroup.procs", os.getpid())
                caller.call()
            libc("unshare", KINDS["cgroup"])
            caller.call()
            put(CGROUPS + "/cgroup.procs", os.getpid())
        calls = fork(main)
        inodes = [str(os.stat(path).st_ino) for path in [CGROUPS, *paths, paths[-1]]]
    for call, inode in zip(calls, inodes):
        expect(call, cgroup_id=inode)
    if len(calls) != 6 or len(set(inodes)) != 5:
        raise RuntimeError("the scene is wrong")
    return calls


@scene("threads of one process in different cgroups")
def thread_cgroups():
    with Cgroups("t", "t/1", "t/2") as paths:
        for path in paths[1:]:
            put(path + "/cgroup.type", "threaded")

        def main(caller):
            put(paths[0] + "/cgroup.procs", os.getpid())

            def second():
                put(paths[2] + "/cgroup.threads", threading.get_native_id())
                caller.call()
            put(paths[1] + "/cgroup.threads", threading.get_native_id())
            caller.call()
            thread = threading.Thread(target=second)
            thread.start()
            thread.join()
            put(CGROUPS + "/cgroup.procs", os.getpid())
        calls = fork(main)
        for call, path in zip(calls, paths[1:]):
            expect(call, cgroup_id=str(os.stat(path).st_ino))
    return calls


@scene("a new cgroup in the place of one that is gone")
def reused_cgroup():
    calls, inodes = [], set()
    for _ in range(3):
        with Cgroups("again") as paths:
            def main(caller):
                put(paths[0] + "/cgroup.procs", os.getpid())
                caller.call()
                put(CGROUPS + "/cgroup.procs", os.getpid())
            inodes.add(os.stat(paths[0]).st_ino)
            calls += fork(main)
    if len(inodes) != 3:
        raise RuntimeError("the scene is wrong")
    return calls


# ---- all scenes first, then all records ----

def main():
    shutil.rmtree(SCRATCH, ignore_errors=True)
    os.mkdir(SCRATCH, 0o755)
    played = play()
    shutil.rmtree(SCRATCH)
    records = played.by_tid()

    def compare(check, _, calls):
        counts = {}
        for number, call in enumerate(calls):
            mine = records.get(call["tid"], [])
            index = counts.get(call["tid"], 0)
            counts[call["tid"]] = index + 1
            if not check(index < len(mine), f"call {number} has no record"):
                continue
            for key, value in call.items():
                if key == "caps-gained":
                    check.eq(key in mine[index]["flags"], value, f"call {number}: {key}")
                else:
                    check.eq(mine[index][key], value, f"call {number}: {key}")
        for tid, count in counts.items():
            check.eq(len(records.get(tid, [])), count, f"records of {tid}")

    played.add_cases(compare, lambda name, calls: f"{name} ({len(calls)} calls)" if calls else name)
    run_cases()


main()
