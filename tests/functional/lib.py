# SPDX-License-Identifier: GPL-2.0-only
"""What the functional tests share: cases in TAP, the module, the reader, and
oracles that know namespaces from /proc and from the NS_GET_* ioctls only."""

import collections
import contextlib
import errno
import fcntl
import json
import os
import re
import struct
import subprocess
import sys
import tempfile
import time
import traceback

PATIENCE = 60 * int(os.environ.get("SETNSMON_PATIENCE", 1))  # seconds; a guest may be slow
HERE = os.path.dirname(os.path.abspath(__file__))
WORK = os.path.dirname(HERE)
MODULE = os.environ.get("SETNSMON_KO", WORK + "/setnsmon.ko")
READER = os.environ.get("SETNSMON", WORK + "/setnsmon")
ACTOR = HERE + "/actor"
ACTOR32 = HERE + "/actor32"
DEVICE = "/dev/setnsmon"
SYSFS = "/sys/class/misc/setnsmon"

LINKS = ["cgroup", "ipc", "mnt", "net", "pid", "pid_for_children", "time",
         "time_for_children", "user", "uts"]
KINDS = {"cgroup": 0x02000000, "ipc": 0x08000000, "mnt": 0x00020000, "net": 0x40000000,
         "pid": 0x20000000, "time": 0x80, "user": 0x10000000, "uts": 0x04000000}
ALL_KINDS = sum(KINDS.values())


def kind_names(bits):
    return [name for name, bit in KINDS.items() if bits & bit]


# ---- TAP ----

class Skip(Exception):
    pass


class Check:
    """Collects what is wrong within one case."""

    def __init__(self):
        self.notes = []

    def __call__(self, truth, what):
        if not truth:
            self.notes.append(str(what))
        return bool(truth)

    def eq(self, got, want, what):
        return self(got == want, f"{what}: got {got!r}, expected {want!r}")

    def within(self, low, value, high, what):
        return self(isinstance(value, int) and low <= value <= high,
                    f"{what}: {value!r} is not from {low} to {high}")


_cases = []


def case(name):
    def register(function):
        _cases.append((name, function))
        return function
    return register


def run_cases(cleanup=None):
    """Runs what was registered with @case, in that order; exits."""
    failed = 0
    sys.stdout.reconfigure(line_buffering=True)
    print(f"1..{len(_cases)}")
    for number, (name, function) in enumerate(_cases, 1):
        check = Check()
        try:
            function(check)
        except Skip as reason:
            print(f"ok {number} - {name} # SKIP {reason}")
            continue
        except Exception:
            check.notes.append(traceback.format_exc())
        verdict = "not ok" if check.notes else "ok"
        failed += bool(check.notes)
        print(f"{verdict} {number} - {name}")
        for line in "\n".join(check.notes[:40]).splitlines():
            print("# " + line.encode("ascii", "backslashreplace").decode())
    if cleanup:
        cleanup()
    sys.exit(1 if failed else 0)


# ---- the module ----

def run(*command, timeout=PATIENCE, **options):
    """A finished command: .returncode .stdout .stderr (text)."""
    options.setdefault("stdin", subprocess.DEVNULL)
    return subprocess.run([str(c) for c in command], capture_output=True, text=True,
                          errors="surrogateescape", timeout=timeout, **options)


def must(*command, **options):
    done = run(*command, **options)
    if done.returncode:
        raise RuntimeError(f"{command}: status {done.returncode}: {done.stderr}{done.stdout}")
    return done


def loaded():
    with open("/proc/modules") as modules:
        return any(line.startswith("setnsmon ") for line in modules)


def load(**parameters):
    must("insmod", MODULE, *[f"{k}={v}" for k, v in parameters.items()])


def unload():
    if loaded():
        must("rmmod", "setnsmon")


def altered(directory, *pairs):
    """A copy of the module that looks for the second of each pair where it should look for the first."""
    with open(MODULE, "rb") as file:
        image = file.read()
    for old, new in pairs:
        assert len(old) == len(new) and old in image, f"{old} is not in the module"
        image = image.replace(old, new)
    path = os.path.join(directory, "setnsmon.ko")
    with open(path, "wb") as file:
        file.write(image)
    return path


@contextlib.contextmanager
def module(**parameters):
    unload()
    load(**parameters)
    try:
        yield
    finally:
        unload()


KPROBES = "/sys/kernel/debug/kprobes/enabled"


def put(path, text):
    with open(path, "w") as file:
        file.write(text)


@contextlib.contextmanager
def kprobes_off():
    put(KPROBES, "0")
    try:
        yield
    finally:
        put(KPROBES, "1")


def counter(name):
    with open(f"{SYSFS}/{name}") as attribute:
        return int(attribute.read())


def counters():
    return {name: counter(name)
            for name in ("entered", "recorded", "missed", "ret_unknown", "readers")}


def kernel_log():
    return must("dmesg").stdout.splitlines()


def cpus():
    return os.sched_getaffinity(0)


def in_parallel():
    """Do the processors run at the same time? Those of an emulated guest take turns,
    unless the harness says that they do not; see `vm run -p`."""
    with open("/proc/cpuinfo") as cpuinfo:
        emulated = "QEMU TCG" in cpuinfo.read()
    return not emulated or os.environ.get("SETNSMON_VM_PARALLEL") == "1"


def emulated_in_parallel():
    """A QEMU that may run code wrongly while it is being patched: any kprobe that is
    armed or disarmed while it is hit panics the guest, with or without setnsmon."""
    return os.environ.get("SETNSMON_VM_PARALLEL") == "1"


# ---- memory ----

PAGE_KIB = os.sysconf("SC_PAGESIZE") // 1024


def meminfo(*names):
    with open("/proc/meminfo") as file:
        values = dict(line.split(":") for line in file)
    return [int(values[name].split()[0]) for name in names]


def kept_by_cpus():
    """Free pages, in KiB, that each CPU keeps for itself: MemAvailable leaves them out, and
    with the last ring that was freed they may be tens of MiB, or none."""
    with open("/proc/zoneinfo") as file:
        lines = [line.split() for line in file]
    return sum(int(words[1]) for words in lines if words[:1] == ["count:"]) * PAGE_KIB


def settle():
    with open("/proc/sys/vm/drop_caches", "w") as file:
        file.write("3")
    time.sleep(0.3)
    available, *taken = meminfo("MemAvailable", "SUnreclaim", "Percpu", "VmallocUsed")
    return available + kept_by_cpus(), *taken


# ---- reading ----

def read_all(fd, size=1 << 20):
    """Everything that a non-blocking file holds now."""
    parts = []
    while True:
        try:
            parts.append(os.read(fd, size))
        except BlockingIOError:
            return b"".join(parts)


def device_lines():
    """All lines that the device holds, by a fresh open."""
    fd = os.open(DEVICE, os.O_RDONLY | os.O_NONBLOCK)
    try:
        return read_all(fd).decode().splitlines()
    finally:
        os.close(fd)


def read_json(*options, count=None, timeout=60):
    """What the reader says of what is held: count records, as objects."""
    if count is None:
        count = counter("recorded")
    if not count:
        return []
    out = must(READER, "-o", "json", "-n", count, *options, timeout=timeout).stdout
    return [json.loads(line) for line in out.splitlines()]


def parse_line(line):
    """A line of logfmt as a dict of strings; strict: raises on anything odd."""
    fields = {}
    rest = line
    while rest:
        match = re.match(r'([a-z_]+(?:\.[a-z_]+)*)='
                         r'(?:"((?:[^"\\\x00-\x1f\x7f-\uffff]|\\["\\]|\\x[0-9a-f]{2})*)"'
                         r'|([-A-Za-z0-9_./:@+,]*))(?: (?=[a-z])|$)', rest)
        if not match or match.group(1) in fields:
            raise ValueError(f"not logfmt at {rest[:60]!r}")
        value = match.group(3)
        if value is None:
            value = re.sub(r'\\(?:x([0-9a-f]{2})|(.))',
                           lambda m: chr(int(m.group(1), 16)) if m.group(1) else m.group(2),
                           match.group(2))
        fields[match.group(1)] = value
        rest = rest[match.end():]
    return fields


def flatten(obj, prefix=""):
    """A JSON object as the text line has it."""
    flat = {}
    for key, value in obj.items():
        path = prefix + key
        if isinstance(value, dict):
            flat.update(flatten(value, path + "."))
        elif value is None:
            flat[path] = ""
        elif isinstance(value, list):
            flat[path] = ",".join(value)
        else:
            flat[path] = str(value)
    return flat


# ---- binary records ----

IOC_FORMAT = 0x4004df01
HAS_RET = 1
_ENTRY = ("target_id owner_id cap_permitted cap_effective has flags fd nstype target_type "
          "target_inum target_pid owner_inum owner_level owner_uid caller_userns_inum "
          "caller_userns_level caller_userns_uid abi fd_kind relation before target_links").split()
_RETURN = ("duration_ns start_ns cgroup_id cap_effective_after ret joined after tid pid ppid "
           "ns_pid ns_tid uid gid suid sgid euid egid fsuid fsgid loginuid sessionid comm").split()
_RECORD = struct.Struct("=HHIQQQ 4Q 2IiI9I BBBx 40s40s 4Q iI 40s 15I4x 16s")
Record = collections.namedtuple(
    "Record", ["type", "size", "cpu", "seq", "boot_ns", "real_ns", *_ENTRY, *_RETURN])


def open_binary(flags=os.O_NONBLOCK):
    fd = os.open(DEVICE, os.O_RDONLY | flags)
    fcntl.ioctl(fd, IOC_FORMAT, struct.pack("I", 1))
    return fd


def records_in(data):
    """Binary records, as struct setnsmon_record has them; sets of links as bytes."""
    return [Record(*words) for words in _RECORD.iter_unpack(data)]


def held():
    """All binary records that the device holds, by a fresh open."""
    fd = open_binary()
    try:
        return records_in(read_all(fd))
    finally:
        os.close(fd)


# ---- actors ----

class Actor:
    """A talking actor; see actor.c."""

    def __init__(self, *words, program=ACTOR, **options):
        self.process = subprocess.Popen([program, *[str(w) for w in words]],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, **options)

    def hear(self):
        line = self.process.stdout.readline().decode().split()
        if not line:
            raise RuntimeError(f"the actor ended, status {self.process.wait()}")
        return line[0], [int(word) for word in line[1:]]

    def expect(self, what):
        word, numbers = self.hear()
        if word != what:
            raise RuntimeError(f"the actor says {word} {numbers}, expected {what}")
        return numbers

    def go(self):
        self.process.stdin.write(b"\n")
        self.process.stdin.flush()

    def end(self):
        self.process.stdin.close()
        self.process.stdout.close()
        return self.process.wait(30)

    def kill(self):
        self.process.kill()
        self.end()


def act(*words, program=ACTOR, timeout=60, **options):
    """An actor that need not be watched."""
    return must(program, *words, timeout=timeout, **options)


@contextlib.contextmanager
def holder(*words, **options):
    """An actor that stays where its words led it: yields its pid, as /proc has it."""
    actor = Actor(*words, "hold", **options)
    try:
        actor.expect("hold")
        yield innermost(actor.process.pid)
    finally:
        actor.kill()


def innermost(pid):
    """The last of a line of only children."""
    while True:
        with open(f"/proc/{pid}/task/{pid}/children") as children:
            words = children.read().split()
        if not words:
            return pid
        pid = int(words[0])


Call = collections.namedtuple("Call", "tid ret fd nstype boot0 boot1 real0 real1")


def start_storm(log, calls, roles):
    """Many threads at once; see storm.c."""
    return subprocess.Popen([HERE + "/storm", log, str(calls), roles], stdin=subprocess.DEVNULL)


def storm_log(log):
    """What each thread knows of its calls: {tid: [Call, ...]}"""
    threads = {}
    with open(log, "rb") as file:
        for words in struct.iter_unpack("=Ii iI QQQQ", file.read()):
            threads.setdefault(words[0], []).append(Call(*words))
    return threads


def storm(calls, roles):
    with tempfile.NamedTemporaryFile() as log:
        process = start_storm(log.name, calls, roles)
        if process.wait(120):
            raise RuntimeError(f"storm: status {process.returncode}")
        return storm_log(log.name)


# ---- oracles ----

NS_GET_USERNS, NS_GET_PARENT, NS_GET_NSTYPE, NS_GET_OWNER_UID = 0xb701, 0xb702, 0xb703, 0xb704
NS_GET_ID = 0x8008b70d


def links_of(pid, tid=None):
    """The ten links, by readlink."""
    links = {}
    for name in LINKS:
        text = os.readlink(f"/proc/{pid}/task/{tid or pid}/ns/{name}")
        links[name] = int(re.fullmatch(r"[a-z]+:\[(\d+)\]", text).group(1))
    return links


def id_of(fd):
    """The 64-bit id of a namespace; None where the kernel has none (before Linux 6.18)."""
    words = bytearray(8)
    try:
        fcntl.ioctl(fd, NS_GET_ID, words)
    except OSError as problem:
        if problem.errno != errno.ENOTTY:
            raise
        return None
    return struct.unpack("Q", words)[0]


class UserNs:
    """A user namespace as nsfs tells of it: .inum .id .uid .chain (itself first, then upwards)"""

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
