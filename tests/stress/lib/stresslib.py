# SPDX-License-Identifier: GPL-2.0-only
"""Shared by the stress tests: the callers (callers.c), the readers that verify
(reader.c), and how their sums must fit together."""

import collections
import contextlib
import mmap
import os
import random
import signal
import struct
import subprocess
import tempfile
import threading
import time

from actors import act
from guest import DEVICE, PATIENCE, READER, STRESS_PROGS, counter, counters, module, put, settle
from tap import Skip

CPUS = os.cpu_count()
ROLES = "finopdwm"
PROGRESS = 32   # bytes of struct progress in reader.c

# Few enough that readers are overtaken, and that a slow reader reaches the end soon
RING = 2048

# Each of them on each CPU. Few callers that sleep, because each of their calls takes long
CROWD = "".join(role * CPUS for role in "finopdw") + "mm"
# Processes that end with calls in flight
MORTALS = "kx" * (CPUS // 2)
EIGHT = ("fast", "tiny", "poll", "epoll", "spin", "slow", "json", "cat")

total = collections.Counter()


def until(what, truth, patience=PATIENCE):
    end = time.monotonic() + patience
    while not truth():
        if time.monotonic() > end:
            raise RuntimeError(f"in vain: {what}")
        time.sleep(0.02)


class Callers:
    """Callers on every CPU, for some seconds or for a number of calls each."""

    def __init__(self, seconds, roles, calls=0):
        self.process = subprocess.Popen([STRESS_PROGS + "/callers", str(seconds), roles, str(calls)],
                                        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, text=True)

    def wait(self):
        self.process.wait()

    def stop(self):
        self.process.terminate()

    def close(self):
        self.process.kill()
        self.process.wait()

    def end(self, check):
        """Returns {role: (calls that returned, calls that were begun)}"""
        out, err = self.process.communicate()
        check(not self.process.returncode, f"callers: status {self.process.returncode}: {err}")
        made = {}
        for line in out.splitlines():
            _, role, done, begun = line.split()
            made[role] = int(done), int(begun)
        total["calls"] += sum(done for done, _ in made.values())
        return made


PIPES = {"cat": ["cat", DEVICE], "json": [READER, "-o", "json"],
         "logfmt": [READER, "-o", "logfmt"]}


class CheckingReader:
    """A reader that verifies all records up to the last call. `cat`, `json` and
    `logfmt` are the output of other programs."""

    def __init__(self, mode):
        self.mode = mode
        self.file = tempfile.NamedTemporaryFile()
        self.file.truncate(PROGRESS)
        self.feeder = None
        if mode in PIPES:
            self.feeder = subprocess.Popen(PIPES[mode], stdout=subprocess.PIPE,
                                           stderr=subprocess.DEVNULL)
        self.process = subprocess.Popen(
            [STRESS_PROGS + "/reader", "lines" if self.feeder else mode, self.file.name],
            stdin=self.feeder.stdout if self.feeder else subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        if self.feeder:
            self.feeder.stdout.close()
        self.progress = mmap.mmap(self.file.fileno(), PROGRESS)

    def close(self):
        for process in (self.process, self.feeder):
            if process:
                process.kill()
                process.wait()

    def next(self):
        """Returns its progress: the sum of the next numbers of all CPUs"""
        return struct.unpack_from("Q", self.progress)[0]

    def hurry(self):
        """Tells it that the run is over, so that it no longer sleeps."""
        struct.pack_into("Q", self.progress, 24, 1)

    def end(self, check):
        """Returns its sums, after it has read the last call."""
        try:
            out, err = self.process.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            out, err = self.process.communicate()
            check(False, f"{self.mode}: the last call never came")
        self.close()
        self.file.close()
        check(not self.process.returncode, f"{self.mode}: status {self.process.returncode}: {err}")
        sums = {name: int(value) for name, value in (word.split("=") for word in out.split())}
        total["records"] += sums.get("read", 0)
        return sums


def last_call():
    """Makes the last call, which ends each reader that reads it."""
    act("comm", "caller-end", "fd", -1, "call", 0)


def check_reader(check, reader, sums, recorded, made, all_seen):
    who = reader.mode
    if not check(sums, f"{who}: no sums"):
        return
    check.eq(sums["next"], recorded, f"{who}: the next numbers of all CPUs")
    check.eq(sums["counted"], sums["lost"], f"{who}: lost, as the device counts")
    check.eq(sums["begin"] + sums["read"] + sums["lost"], recorded, f"{who}: read + lost")
    if not all_seen:
        return
    check(sums["skipped"] <= sums["begin"] + sums["lost"],
          f"{who}: {sums['skipped']} calls are missing between others: {sums}")
    for role in ROLES:
        done, begun = made[role]
        check(sums[role] <= begun, f"{who}: {sums[role]} of {begun} calls of role {role}")
        if not sums["begin"] + sums["lost"]:
            check(sums[role] >= done, f"{who}: {sums[role]} of {done} calls of role {role}")


def storm(check, seconds, roles, modes, during=None, *, calls=0, all_seen=True, ring=RING):
    """Runs callers and readers, and checks everything that must hold afterwards. Returns the callers' and the module's
    count."""
    with module(ring_records=ring), contextlib.ExitStack() as stack:
        def begin(what):
            return stack.enter_context(contextlib.closing(what))
        readers = [begin(CheckingReader(mode)) for mode in modes]
        until("the readers are there", lambda: counter("readers") == len(modes))
        callers = begin(Callers(seconds, roles, calls))
        if during:
            during(callers)
        made = callers.end(check)
        done, begun = (sum(pair[i] for pair in made.values()) for i in (0, 1))
        now = counters()
        check.eq(now["entered"], now["recorded"] + now["missed"], "entered = recorded + missed")
        check.within(1 if all_seen else 0, now["entered"], begun, "entered")
        if all_seen:
            check.within(done, now["entered"], begun, "entered: the callers' own count")
        if not set(roles) & set("kx"):
            check.eq(done, begun, "calls that came back")
        for reader in readers:
            reader.hurry()
        # Every waiting reader is woken: no later call helps.
        for reader in readers:
            until(f"{reader.mode} has read all", lambda w=reader: w.process.poll() is not None
                  or w.next() == now["recorded"])
        last_call()
        recorded = counter("recorded")
        check.eq(recorded, now["recorded"] + 1, "recorded, with the last call")
        all_sums = []
        # The last reader starts when all is over, and reads what the rings still hold
        for reader in readers + [begin(CheckingReader("fast"))]:
            sums = reader.end(check)
            check_reader(check, reader, sums, recorded, made, all_seen)
            all_sums.append((reader.mode, sums))
        check.eq(counter("readers"), 0, "readers")
        for mode, sums in all_sums[:-1]:
            check.eq(sums.get("begin"), 0, f"{mode}: there from the start")
    return done, now, all_sums


def tell(what, done, now, all_sums):
    print(f"# {what}: {done} calls, {now['missed']} missed, {now['ret_unknown']} ret-unknown")
    for mode, sums in all_sums:
        print(f"# {what}: {mode}: " + " ".join(f"{name} {sums.get(name)}" for name in
                                               ("begin", "read", "lost", "gaps", "moved")))


def tell_total():
    print("# in all: " + ", ".join(f"{number} {what}" for what, number in total.items()))


# ---- disturbances during a run ----

@contextlib.contextmanager
def meanwhile(*doings):
    """Runs each function in a thread of its own, again and again until the end, where failures are raised."""
    over = threading.Event()
    problems = []

    def again(doing):
        try:
            while not over.is_set():
                doing()
        except Exception as problem:    # pylint: disable=broad-except
            problems.append(problem)

    threads = [threading.Thread(target=again, args=(doing,)) for doing in doings]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        over.set()
        for thread in threads:
            thread.join()
    if problems:
        raise problems[0]


def killed_reader():
    """Starts a reader and kills it while it reads."""
    command = random.choice([[STRESS_PROGS + "/reader", random.choice(["fast", "poll", "tiny"]),
                              "/dev/shm/killed"],
                             ["cat", DEVICE], [READER, "-o", "json"]])
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as process:
        time.sleep(random.uniform(0.05, 0.4))
        process.send_signal(signal.SIGKILL)
    total["killed readers"] += 1


def glances():
    """Opens and closes many readers. A single leaked reader would not be noticed, but many are."""
    for _ in range(20):
        fd = os.open(DEVICE, os.O_RDONLY | os.O_NONBLOCK)
        with contextlib.suppress(BlockingIOError):
            os.read(fd, 4096)
        os.close(fd)
    total["glances"] += 20
    time.sleep(0.05)


def cpu_off_and_on():
    """Returns all CPUs except the first, which cannot go offline."""
    path = f"/sys/devices/system/cpu/cpu{random.randrange(1, CPUS)}/online"
    put(path, "0")
    time.sleep(random.uniform(0, 0.3))
    put(path, "1")
    time.sleep(random.uniform(0, 0.3))
    total["CPUs off and on"] += 1


# ---- memory ----

def slabs():
    """Returns {cache: KiB in use}; empty on a kernel that does not report it"""
    if not os.path.exists("/proc/slabinfo"):
        return {}
    with open("/proc/slabinfo") as file:
        lines = [line.split() for line in file][2:]
    return {words[0]: int(words[1]) * int(words[3]) // 1024 for words in lines}


def memory():
    settle()
    time.sleep(2)       # namespaces are freed later
    free, *taken = settle()
    return free, taken, slabs()


def check_memory(check, before, after):
    """Checks that no more memory is in use than before, less what such tests leave in the page cache and in the
    kernel's own caches. The module's memory is in vmalloc (rings; 816 KiB for 2048 records), per CPU, or in kmalloc
    (readers; 8 KiB each)."""
    if os.path.exists("/sys/kernel/debug/kmemleak"):
        raise Skip("KASAN keeps what was freed for a while; here the harness asks kmemleak")
    grown = {"free": before[0] - after[0]}
    for name, old, new in zip(("SUnreclaim", "Percpu", "VmallocUsed"), before[1], after[1]):
        grown[name] = new - old
    for name, old in before[2].items():
        grown[name] = after[2].get(name, 0) - old
    print("# more KiB in use: " + ", ".join(f"{name} {more}" for name, more in grown.items()
                                            if more > 50))
    limits = {"free": 4000, "SUnreclaim": 2000, "Percpu": 300, "VmallocUsed": 600}
    for name, more in grown.items():
        limit = limits.get(name, 200 if name.startswith("kmalloc") else 1000)
        check(more < limit, f"{name}: {more} KiB more")
