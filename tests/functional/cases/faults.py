#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Injected faults. If any step of loading fails, the load fails with that error and a reason
in the kernel log, nothing is left behind, and the next load works. Each allocation fails in
turn: those of loading, and those of the device's system calls, which must lose nothing. The
oracles are the kernel's own lists, and the injected errors."""

import collections
import contextlib
import ctypes
import errno
import mmap
import os
import select
import struct
import tempfile
import time

from actors import act
from guest import (DEVICE, MODULE, MODULES, altered, counter, counters, loaded, module, must, put,
                   run, unload)
from leftovers import leftovers
from records import held, open_binary, read_all, records_in
from tap import Skip, case, run_cases

IOC_INFO, IOC_COUNTERS = 0x8010df00, 0x8050df02
SMALL = "ring_records=16 maxactive=2"       # as few allocations as there can be
DEBUGFS = "/sys/kernel/debug"
EACH = os.environ.get("SETNSMON_FAULTS") == "each"
# There each failure to take a probe off leaves one more entry of this function in the filter of kprobes (disarm.c)
SPARE = "misc_deregister" if os.uname().release.startswith("5.10.") else None
libc = ctypes.CDLL(None, use_errno=True)


# ---- loading ----

class Image:
    """An open module file. load() is one system call, and returns the error or ""."""

    def __init__(self, path=MODULE, parameters=""):
        self.fd = os.open(path, os.O_RDONLY)
        self.parameters = ctypes.create_string_buffer(parameters.encode())

    def load(self):
        if libc.syscall(FINIT_MODULE, self.fd, self.parameters, 0) == 0:
            return ""
        return errno.errorcode[ctypes.get_errno()]


def lines_of(path):
    with open(path) as file:
        return file.read().splitlines()


def ftraced():
    functions = {line.split()[0] for line in lines_of("/sys/kernel/tracing/enabled_functions")}
    return sorted(functions - {SPARE})


def orphans():
    """Returns the areas of memory whose owner has no name any more, because it was a module."""
    return [line for line in lines_of("/proc/vmallocinfo") if line.split()[2].startswith("0x")]


class Log:
    """The module's lines in the kernel log from now on."""

    def __init__(self):
        self.fd = os.open("/dev/kmsg", os.O_RDONLY | os.O_NONBLOCK)
        os.lseek(self.fd, 0, os.SEEK_END)

    def new(self):
        lines = []
        while True:
            try:
                lines.append(os.read(self.fd, 8192).decode(errors="replace"))
            except BlockingIOError:
                return "".join(line for line in lines if "setnsmon: " in line)


class Quiet:
    """The state of the kernel without the module, to which a failed load must return."""

    def __init__(self):
        self.state = self.look()

    @staticmethod
    def look():
        return {"traces": leftovers(symbols=False), "functions under ftrace": ftraced(), "orphans": orphans()}

    def check(self, check, when):
        for what, now in self.look().items():
            check.eq(now, self.state[what], f"{when}: {what}")
        return check(not loaded(), f"{when}: it is loaded")


def works(check, when):
    with module():
        act("open", "/proc/self/ns/uts", "calls", 3, 0, "int80", 0)
        check.eq(counters(), {"entered": 4, "recorded": 4, "missed": 0, "ret_unknown": 0,
                              "readers": 0}, f"{when}: a load, and four calls")


def refused_load(check, image, errors, *words):
    """Checks that loading fails with one of these errors, says so, and leaves nothing."""
    quiet, log = Quiet(), Log()
    error, said = image.load(), log.new()
    check(error in errors, f"error: {error}, not {errors}")
    for word in words:
        check(word in said, f"the log does not say {word!r}: {said!r}")
    quiet.check(check, "after it failed")
    unload()


def fails(check, image, error, *words):
    """Checks the same, and that the next load works."""
    refused_load(check, image, [error], *words)
    works(check, "next")


def symbol(name, size):
    return name.encode().ljust(size, b"\0")


def refused_function():
    """Returns a function that the kernel refuses to probe, and whose name is short enough."""
    names = collections.Counter(line.split()[2] for line in lines_of("/proc/kallsyms"))
    for line in lines_of(f"{DEBUGFS}/kprobes/blacklist"):
        name = line.split("\t")[1]
        if len(name) <= len("__x64_sys_setns") and names[name] == 1:
            return name
    raise Skip("this kernel refuses no probe")


ENTRIES = ["__x64_sys_setns", "__ia32_sys_setns"]


def other_entry(check, entry, name, error, *words):
    size = len(entry) + 1
    with tempfile.TemporaryDirectory() as directory:
        path = altered(directory, (symbol(entry, size), symbol(name, size)))
        fails(check, Image(path), error, *words)


@case("an entry function that does not exist: ENOENT")
def missing(check):
    for entry in ENTRIES:
        name = entry[:-1] + "z"
        other_entry(check, entry, name, "ENOENT", f"cannot probe {name}", "no such symbol")


@case("an entry function that may not be probed: EINVAL; the first is disarmed when it is the second")
def refused(check):
    name = refused_function()
    for entry in ENTRIES:
        other_entry(check, entry, name, "EINVAL", f"cannot probe {name} (error -22)")


def addresses(check, *names):
    """Returns the addresses of these functions of the loaded module."""
    with module():
        found = {words[2]: words[0] for words in map(str.split, lines_of("/proc/kallsyms"))
                 if words[3:] == ["[setnsmon]"]}
    return [found[name] for name in names]


@case("where the proof's first function lies once stood a WARN(): the second serves; both: EINVAL")
def stale_bug(check):
    must("insmod", f"{MODULES}/stale_bug.ko")
    try:
        targets = addresses(check, "first_target", "second_target")
        # A probe sits at the function's first instruction, or behind its ENDBR (CONFIG_X86_KERNEL_IBT)
        first, both = (",".join(f"{int(target, 16) + offset:#x}" for target in some
                                for offset in (0, 4)) for some in (targets[:1], targets))
        parameter = "/sys/module/stale_bug/parameters/stood"
        put(parameter, first)
        works(check, "the second")
        check.eq(addresses(check, "first_target"), targets[:1], "where it is loaded")
        put(parameter, both)
        refused_load(check, Image(), ["EINVAL"], "kprobes cannot be used here (error -22)")
    finally:
        unload()
        must("rmmod", "stale_bug")
    works(check, "next")


@case("another device has the name: EEXIST, or EBUSY")
def name_taken(check):
    must("insmod", f"{MODULES}/squatter.ko")
    try:
        check(os.path.lexists(DEVICE), "nobody has taken the name")
        refused_load(check, Image(), ["EEXIST", "EBUSY"],
                     "cannot create /dev/setnsmon (error -17)")
    finally:
        unload()
        must("rmmod", "squatter")
    check.eq(leftovers(), [], "traces")
    works(check, "next")


@case("rings that no memory holds: ENOMEM")
def too_large(check):
    fails(check, Image(parameters="ring_records=1048576"), "ENOMEM", "no memory for",
          "would fit")


@case("parameters that cannot be: EINVAL")
def parameters(check):
    fails(check, Image(parameters="ring_records=17"), "EINVAL", "ring_records=17")
    fails(check, Image(parameters="maxactive=65537"), "EINVAL", "maxactive=65537")


# ---- allocations ----

# System call numbers of x86-64
OPENAT, READV, IOCTL, POLL, FINIT_MODULE, DELETE_MODULE, NONE = 257, 19, 16, 7, 313, 176, -1


class Faults:
    """Makes allocations of this thread fail; see modules/nth_fault.c. Its files stay open, so
    that no other system call comes in between."""

    def __enter__(self):
        done = run("insmod", f"{MODULES}/nth_fault.ko")
        if "Unknown symbol" in done.stderr:
            raise Skip("this kernel's allocations cannot be made to fail")
        if done.returncode:
            raise RuntimeError(done.stderr)
        parameters = "/sys/module/nth_fault/parameters"
        self.fail = os.open(f"{parameters}/fail", os.O_WRONLY)
        self.site = os.open(f"{parameters}/site", os.O_RDONLY)
        return self

    def __exit__(self, *_):
        os.close(self.fail)
        os.close(self.site)
        must("rmmod", "nth_fault")

    def sweep(self, syscall, action, prepare=lambda: None, step=lambda _: 1, times=1):
        """Runs action(prepare()) again and again, with the first, the second, ... allocation of
        that system call failing, until it has no more. With it fail the next ones, @times in all.
        Yields the number, the result and the stack of the allocation, innermost first; the last
        time None. step() returns the distance to the next number for such a stack."""
        number = 1
        while True:
            prepared = prepare()
            os.pwrite(self.fail, b"%d %d %d" % (syscall, number, times), 0)
            result = action(prepared)
            site = os.pread(self.site, 4096, 0).decode().strip()
            os.pwrite(self.fail, b"%d 0" % NONE, 0)
            yield number, result, site.split(" < ") if site else None
            if not site:
                return
            number += step(site.split(" < "))


def plain(symbol):
    """Returns a function's name without the suffixes of the compiler."""
    return symbol.split(".")[0]


def asked_by(site):
    """Returns the function that the module called when it failed, or None if the module was not involved."""
    for inner, outer in zip(site, site[1:]):
        if outer.endswith("[setnsmon]"):
            inner = plain(inner)
            return "__vmalloc_node" if inner == "vzalloc_node" else inner
    return None


def not_ours(site):
    """Without memory to list a module's functions for ftrace, the kernel loads the module anyway. So ftrace_pin must
    refuse."""
    return "ftrace_process_locs" in map(plain, site)


# The module's allocation that fails, and its message
REASONS = {
    "ftrace_set_filter_ip": "ftrace",
    "register_ftrace_function": "ftrace",
    "__alloc_percpu": "prob",
    "register_kprobe": "prob",
    "register_kretprobe": "prob",
    "prepare_kernel_cred": "cannot open /proc/self/ns/",
    "filp_open": "cannot open /proc/self/ns/",
    "__vmalloc_node": "no memory for",     # by vzalloc_node(), which may end in it
    "kthread_create_on_node": "cannot start the thread that wakes readers",
    "misc_register": "cannot create /dev/setnsmon",
}


class Stride:
    """In the short form, skips allocations if many in a row are of one kind."""

    def __init__(self):
        self.call, self.step = "", 1

    def __call__(self, site):
        call = asked_by(site)
        self.step = min(2 * self.step, 8) if call == self.call else 1
        self.call = call
        return self.step


@contextlib.contextmanager
def no_leak(check):
    """Checks that kmemleak finds no leak. It only reports memory that is at least five seconds old."""
    path = f"{DEBUGFS}/kmemleak"
    if not os.path.exists(path):
        yield
        return
    put(path, "scan")
    put(path, "clear")
    yield
    time.sleep(6)
    put(path, "scan")
    put(path, "scan")
    with open(path) as report:
        leaks = report.read()
    check(not leaks, f"leaked: {leaks}")


@case("loading, with each allocation failing in turn: an error and its reason, and nothing is left")
def each_of_loading(check):
    asked = collections.Counter()
    errors = collections.Counter()
    image = Image(parameters=SMALL)
    works(check, "before")
    with Faults() as faults, no_leak(check):
        quiet, log = Quiet(), Log()
        for number, error, site in faults.sweep(FINIT_MODULE, lambda _: image.load(),
                                                step=(lambda _: 1) if EACH else Stride()):
            said = log.new()
            if not error:
                check(loaded(), f"{number}: not loaded")
                unload()
            good = quiet.check(check, f"{number}: {site}")
            if site is None:
                check.eq(error, "", "the last one")
                break
            errors[error] += 1
            call = asked_by(site)
            asked[call] += 1
            if call and error:
                good &= check(REASONS.get(call, "?") in said, f"{number}: {call}: {said!r}")
            good &= check(error in ("", "ENOMEM") or (error == "EINVAL" and not_ours(site)),
                          f"{number}: {error}: {site}: {said!r}")
            if call and asked[call] == 1:
                works(check, f"after {number}")
            if not good and len(check.notes) > 20:
                break
    # The worker thread takes one allocation, whose number varies from load to load. So it may be passed over.
    for call in REASONS.keys() - {"kthread_create_on_node"} if EACH else ():
        check(asked[call], f"no allocation of {call}() has failed")
    works(check, "afterwards")
    print(f"# {sum(asked.values())} of {number - 1} allocations of loading failed in turn,"
          f" {asked.pop(None, 0)} of them the kernel's own; the others: {dict(asked)};"
          f" {errors.pop('', 0)} did not matter; errors: {dict(errors)}")


def taking_off(site):
    """Returns whether no probe can be taken off without this allocation. kmemleak can do without its own."""
    return asked_by(site) == "disable_kprobe" and "kmemleak_alloc" not in site


def near_taking_off(site):
    """The step of a sweep that is about these allocations. A longer filter takes more of them to copy."""
    return 12 if SPARE else 1 if EACH else 2 if taking_off(site) else 12


def others_fire(check, when):
    """Checks that the kernel counts its kprobes right. If it does not, those of others stop firing."""
    must("insmod", f"{MODULES}/hider.ko")
    try:
        libc.setns(-1, 0)
        check.eq(errno.errorcode[ctypes.get_errno()], "EPERM", f"{when}: the answer of the other's probe")
    finally:
        must("rmmod", "hider")


def delete_module():
    if libc.syscall(DELETE_MODULE, b"setnsmon", 0) == 0:
        return ""
    return errno.errorcode[ctypes.get_errno()]


@case("removing, with each allocation failing in turn: no probe is left, and others still fire")
def each_of_removing(check):
    asked = collections.Counter()
    for times in (1, 3):
        with Faults() as faults, no_leak(check):
            quiet, log = Quiet(), Log()
            image = Image(parameters=SMALL)
            for number, error, site in faults.sweep(
                    DELETE_MODULE, lambda _: delete_module(), lambda: check.eq(image.load(), "", "load"),
                    step=near_taking_off if EACH or times > 1 else Stride(), times=times):
                check.eq(error, "", f"{number}: {site}")
                said = log.new()
                quiet.check(check, f"{number} ({times}): {site}")
                if site is None:
                    break
                call = asked_by(site)
                asked[call] += 1
                if taking_off(site):
                    check("cannot take a probe off" in said, f"{number}: {site}: {said!r}")
        others_fire(check, f"{times} at a time")
        works(check, f"after those of {times} at a time")
    check(asked["disable_kprobe"] and (asked["ftrace_set_filter_ip"] or not EACH), f"not all have failed: {asked}")
    print(f"# allocations of rmmod that failed: {dict(asked)}")


@case("removing, while functions cannot leave the filter of kprobes: the module stays until they can")
def stuck(check):
    must("insmod", f"{MODULES}/stuck.ko")
    try:
        quiet, log = Quiet(), Log()
        for times in 1, 2, 5:
            must("insmod", MODULE)
            put("/sys/module/stuck/parameters/times", str(times))
            check.eq(delete_module(), "", f"{times} failures")
            check("cannot take a probe off" in log.new(), f"{times} failures: the log does not say so")
            check.eq(lines_of("/sys/module/stuck/parameters/times"), ["0"], f"{times} failures: still to come")
            quiet.check(check, f"{times} failures")
    finally:
        must("rmmod", "stuck")
    others_fire(check, "afterwards")
    works(check, "afterwards")


@case("a load that fails, with each allocation failing in turn: no probe is left, and others still fire")
def each_of_failing(check):
    asked = collections.Counter()
    entry = b"__ia32_sys_setns\0"
    with tempfile.TemporaryDirectory() as directory:
        image = Image(altered(directory, (entry, b"__ia32_sys_setnz\0")), SMALL)
        with Faults() as faults, no_leak(check):
            quiet = Quiet()
            for number, error, site in faults.sweep(FINIT_MODULE, lambda _: image.load(), step=near_taking_off):
                check(error in ("ENOENT", "ENOMEM", "EINVAL"), f"{number}: {error}: {site}")
                quiet.check(check, f"{number}: {site}")
                asked[asked_by(site or [])] += 1
    others_fire(check, "afterwards")
    works(check, "afterwards")
    check(asked["disable_kprobe"], f"no disable_kprobe() has failed: {asked}")


def error_of(function, *arguments):
    """Returns the result and the name of the error."""
    try:
        return function(*arguments), ""
    except OSError as problem:
        return None, errno.errorcode[problem.errno]


@case("opening the device, with each allocation failing in turn: ENOMEM, and nobody reads")
def each_of_opening(check):
    tried = 0
    with Faults() as faults, module(ring_records=16):
        for number, (device, error), site in faults.sweep(
                OPENAT, lambda _: error_of(os.open, DEVICE, os.O_RDONLY | os.O_NONBLOCK)):
            if device is not None:
                check.eq(counter("readers"), 1, f"{number}: readers")
                os.close(device)
            check(error in ("", "ENOMEM"), f"{number}: {error}: {site}")
            check.eq(counter("readers"), 0, f"{number}: readers")
            tried += site is not None
        check.eq(error, "", "the last one")
    check(tried >= 3, f"only {tried} allocations")
    print(f"# {tried} allocations of open(2) failed")


def untouched(size):
    """Returns memory that is allocated at the first write, so that a write can fail."""
    return mmap.mmap(-1, size, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)


def places(data):
    return [(record.cpu, record.seq) for record in records_in(data)]


def read_into(pair):
    device, buffer = pair
    return *pair, *error_of(os.readv, device, [buffer])


@case("reading, with each allocation failing in turn: what was not delivered comes with the next")
def each_of_reading(check):
    tried = 0
    with Faults() as faults, module(ring_records=1024):
        act("open", "/proc/self/ns/uts", "calls", 400, 0)
        everything = [(record.cpu, record.seq) for record in held()]
        check.eq(len(everything), 400, "records")
        for number, (device, buffer, length, error), site in faults.sweep(
                READV, read_into, lambda: (open_binary(), untouched(1 << 20))):
            data = buffer[:length or 0]
            check(error in ("", "EFAULT", "EAGAIN", "ENOMEM"), f"{number}: {error}: {site}")
            check.eq(places(data + read_all(device)), everything, f"{number}: records")
            os.close(device)
            tried += site is not None
    check(tried >= 10, f"only {tried} allocations")
    print(f"# {tried} allocations of read(2) failed")


def ioctl_into(request):
    def action(pair):
        device, buffer = pair
        pointer = (ctypes.c_char * len(buffer)).from_buffer(buffer)
        done = libc.ioctl(device, ctypes.c_ulong(request), pointer)
        return *pair, done, errno.errorcode[ctypes.get_errno()] if done else ""
    return action


@case("ioctl and poll, with each allocation failing in turn: an error, or the same answer")
def each_of_asking(check):
    tried = 0
    with Faults() as faults, module(ring_records=16):
        act("open", "/proc/self/ns/uts", "calls", 3, 0)
        for request, answer in ((IOC_INFO, struct.pack("4I", 1, 408, os.cpu_count(), 16)),
                                (IOC_COUNTERS, struct.pack("8Q", 3, 3, 0, 0, 1, 0, 0, 0))):
            for number, (device, buffer, done, error), site in faults.sweep(
                    IOCTL, ioctl_into(request), lambda: (open_binary(), untouched(4096))):
                check((done == 0 and buffer[:len(answer)] == answer) or (site and error == "EFAULT"),
                      f"{request:#x}, {number}: {done} {error} {site}: {buffer[:len(answer)]!r}")
                os.close(device)
                tried += site is not None
        device = open_binary()
        poll = select.poll()
        poll.register(device, select.POLLIN)
        for number, (found, error), site in faults.sweep(POLL, lambda _: error_of(poll.poll, 0)):
            check((site and error == "ENOMEM") or found == [(device, select.POLLIN)],
                  f"{number}: {error} {found} {site}")
            tried += site is not None
        check.eq(len(held()), 3, "records")
        os.close(device)
    check(tried >= 2, f"only {tried} allocations")
    print(f"# {tried} allocations of ioctl(2) and poll(2) failed")


run_cases(unload)
