# SPDX-License-Identifier: GPL-2.0-only
"""Many calls at once, for calls.py, targets.py, outcomes.py and owners.py.

fd_matrix.c makes the calls and logs what each caller sees of itself. Before the calls, this
module queries the file descriptors, with /proc and the NS_GET_* ioctls. Both together make
the expected record. All scenes of a test run with one load of the module; then all records
are read and compared."""

import os

from guest import PROGS, must
from namespaces import LINKS, UserNs, kind_names
from oracle import Facts, check_record, differences, outcome, target_of
from scenes import play
from tap import Skip, add_case, run_cases

CALLS = PROGS + "/fd_matrix"
CALLS32 = PROGS + "/fd_matrix32"
HOST = UserNs.of_path("/proc/self/ns/user")
NOBODY = Facts("none")
OTHER = Facts("other")

ABI = {"libc": "x86_64", "syscall": "x86_64", "dirty": "x86_64", "dirtier": "x86_64",
       "int80": "i386", "int80-dirty": "i386", "far": "i386", "vsyscall": "i386", "x32": "x32",
       "x32-dirty": "x32", "x32-dirtier": "x32"}


class Target:
    """A file descriptor of this process, and its Facts."""

    def __init__(self, name, fd, facts=None):
        self.name = name
        self.fd = fd
        self.facts = facts

    def known(self):
        return self.facts or target_of(os.getpid(), self.fd)


class Fds:
    """Keeps file descriptors and closes them at the end."""

    def __init__(self):
        self.open = []

    def add(self, fd):
        self.open.append(fd)
        return fd

    def path(self, path, flags=os.O_RDONLY):
        return self.add(os.open(path, flags))

    def pidfd(self, pid):
        return self.add(os.pidfd_open(pid))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for fd in self.open:
            os.close(fd)


class Try:
    """A call to be made: the way, a Target, the type, and the expected outcome. That is a set
    of results, or None if only the caller's result counts."""

    def __init__(self, target, nstype=0, rets=None, way="libc", fd=None):
        self.target = target
        self.nstype = nstype
        self.rets = {rets} if isinstance(rets, int) else rets
        self.way = way
        self.fd = target.fd if fd is None else fd


class Seen:
    """A call that was made: .expected, a part of the record, and .wrong, deviations from the
    intention of the test."""

    def __init__(self, expected, wrong=()):
        self.expected = expected
        self.wrong = list(wrong)


def in_32_bits(number):
    """Converts a number as the kernel converts an int argument."""
    number &= 0xffffffff
    return number - (1 << 32) if number >> 31 else number


MOVED = ("none", "cwd", "root")
LINE = ["index", "tgid", "tid", "ppid", "ns_pid", "ns_tid", "fd", "ret", "caps", "caps_after", "moved"]


def parse(line):
    """Parses a line of fd_matrix.c into a dict."""
    word, *numbers = line.split()
    if word != "call" or len(numbers) != len(LINE) + 20:
        raise ValueError(f"not a call: {line!r}")
    numbers = [number if number in MOVED else int(number) for number in numbers]
    said = dict(zip(LINE, numbers))
    said["before"] = dict(zip(LINKS, numbers[len(LINE):]))
    said["after"] = dict(zip(LINKS, numbers[len(LINE) + 10:]))
    return said


def expectation(said, nstype, facts, caller, abi, comm):
    """Returns the expected record of a call, from the caller's log and the facts about fd."""
    expected = {
        "v": 1, "event": "setns", "abi": abi, "pid": said["tgid"], "tid": said["tid"],
        "ppid": said["ppid"], "ns_pid": said["ns_pid"], "ns_tid": said["ns_tid"], "comm": comm,
        "cap_effective": f"{said['caps']:016x}",
        "fd": said["fd"], "fd_kind": facts.fd_kind, "nstype": nstype & 0xffffffff,
        "nstype_names": kind_names(nstype), "target": facts.as_target(nstype, caller),
        "caller_userns": caller.as_caller(), "before": said["before"],
    }
    flags = facts.flags(nstype, said["before"], caller, said["ret"])
    expected.update(outcome(expected, flags, said["ret"], said["after"], said["caps_after"],
                            said["moved"]))
    return expected


def what_is_wrong(each, said, expected, caller):
    """Checks the rules of setns(2) itself, and that the scene is what it claims to be."""
    ret = said["ret"]
    name = f"{each.target.name}, type {each.nstype:#x}"
    if each.rets is not None and ret not in each.rets:
        yield f"{name}: the scene got {ret}, meant {sorted(each.rets)}"
    if ret and said["before"] != said["after"]:
        yield f"{name}: a failed call moved its caller, says the caller"
    if said["before"]["user"] != caller.inum:
        yield f"{name}: the caller is in {said['before']['user']}, not in {caller.inum}"
    if expected["fd"] != in_32_bits(each.fd):
        yield f"{name}: fd is {expected['fd']}"


def attempt(tries, *preparations, caller=HOST, program=CALLS, fds=()):
    """Makes all calls, each in a child. Returns observations. preparations: words for fd_matrix.c;
    fds: the descriptors that these need; caller: the user namespace in which they end."""
    tries = list(tries)
    told = [each.target.known() for each in tries]
    words = [program, *preparations, "--"]
    for each in tries:
        words += [each.way, each.fd, each.nstype]
    inherited = {fd for fd in {each.fd for each in tries} | set(fds) if is_open(fd)}
    done = must(*words, pass_fds=sorted(inherited))
    return understand(done.stdout, tries, told, caller, program)


def understand(text, tries, told, caller, program):
    lines = [parse(line) for line in text.splitlines()]
    made = [said["index"] for said in lines if said["index"] >= 0]
    if made != list(range(len(tries))):
        raise RuntimeError(f"{len(made)} of {len(tries)} calls were made: {text}")
    seen = []
    for said in lines:
        if said["index"] < 0:
            seen.append(Seen(prelude(said)))
            continue
        each, known = tries[said["index"]], told[said["index"]]
        abi = "i386" if program == CALLS32 else ABI[each.way]
        expected = expectation(said, each.nstype, known, caller, abi, os.path.basename(program))
        seen.append(Seen(expected, what_is_wrong(each, said, expected, caller)))
    return seen


def prelude(said):
    """Returns the expected fields of a call that a preparation made."""
    return {"pid": said["tgid"], "tid": said["tid"], "fd": said["fd"], "ret": said["ret"],
            "before": said["before"], "after": said["after"]}


def is_open(fd):
    try:
        os.fstat(fd)
    except (OSError, OverflowError):
        return False
    return True


# ---- scenes: each makes calls, and returns observations ----

def compare_one(check, record, seen, where):
    if isinstance(seen, tuple):         # of fields.scenario()
        check_record(check, record, *seen)
        return
    wanted = dict(seen.expected)
    got = {key: record.get(key, "missing") for key in wanted}
    for links in ("before", "after"):
        # A caller cannot read the link of a pid namespace that has no process yet.
        for link in [k for k, inum in wanted.get(links, {}).items() if not inum]:
            wanted[links] = dict(wanted[links], **{link: got[links][link]})
    for difference in differences(got, wanted):
        check(False, f"{where}: {difference}")
    for wrong in seen.wrong:
        check(False, wrong)


def tid_of(seen):
    return (seen[0] if isinstance(seen, tuple) else seen.expected)["tid"]


def run_scenes(ring_records=4096):
    """Runs all scenes, compares them as cases of TAP, and exits."""
    played = play(ring_records)
    by_tid = played.by_tid()

    def compare(check, _, seen):
        check(seen, "nothing was tried")
        for each in seen:
            mine = by_tid.get(tid_of(each), [])
            if check(mine, f"no record of thread {tid_of(each)}"):
                compare_one(check, mine.pop(0), each, f"thread {tid_of(each)}")

    def nothing_else(check):
        rest = [record for mine in by_tid.values() for record in mine]
        if any(problem for _, _, _, problem in played.results if not isinstance(problem, Skip)):
            return
        check(not rest, f"records of calls that nobody has made: {rest[:3]}")
        check.eq(len(played.records), played.observed(), "records")
        check.eq(played.totals["entered"], len(played.records), "entered")
        check.eq(played.totals["recorded"], len(played.records), "recorded")
        check.eq(played.totals["missed"], 0, "missed")

    played.add_cases(compare)
    add_case("no call is without a record, and no record without a call", nothing_else)
    run_cases()
