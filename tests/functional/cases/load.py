#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Loading, parameters, who may read, what is visible while the module is loaded, and
that nothing is left afterwards."""

import errno
import os
import re
import stat
import subprocess

from actors import act
from guest import (ACTOR, DEVICE, MODULE, SYSFS, counters, kprobes_off, load, loaded, module,
                   must, run, unload)
from leftovers import kprobes, leftovers, new_log
from tap import case, run_cases

SYMBOLS = ["__x64_sys_setns", "__ia32_sys_setns"]


@case("modinfo tells the version, the licence and both parameters")
def modinfo(check):
    fields = {}
    for line in must("modinfo", MODULE).stdout.splitlines():
        key, value = line.split(":", 1)
        fields.setdefault(key, []).append(value.strip())
    check.eq(fields["license"], ["GPL"], "license")
    check(re.fullmatch(r"\d+\.\d+\.\d+\S*", fields["version"][0]), fields["version"])
    check(fields["description"][0], "no description")
    parameters = dict(p.split(":", 1) for p in fields["parm"])
    check.eq(sorted(parameters), ["maxactive", "ring_records"], "parameters")
    for name, text in parameters.items():
        check(len(text) > 20 and "(uint)" in text, f"{name}: {text!r}")
    check("16" in parameters["ring_records"] and "1048576" in parameters["ring_records"],
          "ring_records does not tell its range")


@case("insmod prints two lines: version and probes; what memory it took for what")
def two_lines(check):
    lines, _ = new_log(load)
    try:
        lines = [l for l in lines if "taint" not in l]
        if check.eq(len(lines), 2, f"lines {lines}"):
            version = must("modinfo", "-F", "version", MODULE).stdout.strip()
            check(version in lines[0], f"no version {version}: {lines[0]}")
            for symbol in SYMBOLS:
                check(symbol in lines[0], f"no {symbol}: {lines[0]}")
            check(re.search(r"\d+ records .* on \d+ CPUs: \d+ KiB; \d+ calls in flight: \d+ KiB; "
                            r"an open file: up to \d+ KiB", lines[1]), f"no memory: {lines[1]}")
    finally:
        unload()


@case("the memory it names is what it takes")
def memory(check):
    lines, _ = new_log(lambda: load(ring_records=4096))
    try:
        kib = int(re.search(r"(\d+) KiB", lines[-1]).group(1))
        with open("/proc/vmallocinfo") as file:
            areas = [int(line.split()[1]) // 1024 for line in file if " [setnsmon] " in line]
        # The small areas are lists of pages. Each area consists of whole pages and a guard page.
        rings = [area for area in areas if area > 1024]
        check.eq(len(rings), os.cpu_count(), "CPUs with rings")
        check.within(kib, sum(rings), kib + 8 * len(rings), "KiB in /proc/vmallocinfo")
    finally:
        unload()


@case("the device is a character device, mode 0400, root's")
def device_mode(check):
    with module():
        info = os.stat(DEVICE)
        check(stat.S_ISCHR(info.st_mode), "no character device")
        check.eq(oct(stat.S_IMODE(info.st_mode)), "0o400", "mode")
        check.eq((info.st_uid, info.st_gid), (0, 0), "owner")


@case("others than root get EACCES")
def not_root(check):
    with module():
        done = run("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "cat", DEVICE)
        check(done.returncode != 0, "cat succeeded")
        check("Permission denied" in done.stderr, done.stderr)
        check.eq(done.stdout, "", "stdout")


@case("it cannot be opened for writing, not even by root")
def no_writing(check):
    with module():
        for flags in (os.O_WRONLY, os.O_RDWR, os.O_WRONLY | os.O_NONBLOCK):
            try:
                os.close(os.open(DEVICE, flags))
                check(False, f"opened with {flags:#o}")
            except PermissionError as error:
                check(error.errno in (errno.EPERM, errno.EACCES), error)
        check.eq(counters()["readers"], 0, "readers")


@case("both kprobe pairs are armed, and no other")
def pairs(check):
    with module():
        found = sorted((words[1], words[2].split("+")[0]) for words in kprobes())
        # The proof at load keeps a pair of its own, on a function of the module
        check.eq(found, sorted((kind, symbol) for symbol in SYMBOLS + ["first_target"]
                               for kind in "kr"), "kprobes")
        check(not any("[DISABLED]" in words or "[GONE]" in words for words in kprobes()),
              f"not armed: {kprobes()}")


@case("counters in sysfs are one number a file and agree at rest")
def sysfs(check):
    with module():
        zero = counters()
        check.eq(zero, dict.fromkeys(zero, 0), "counters of a fresh module")
        act("open", "/proc/self/ns/uts", "calls", 25, 0, "int80", 0, "fd", 99, "call", 0)
        now = counters()
        check.eq(now, {"entered": 27, "recorded": 27, "missed": 0, "ret_unknown": 0,
                       "readers": 0}, "counters after 27 calls")
        for name in now:
            path = f"{SYSFS}/{name}"
            with open(path) as file:
                check(re.fullmatch(r"\d+\n", file.read()), f"{name} is not one number")
            check.eq(stat.S_IMODE(os.stat(path).st_mode) & 0o222, 0, f"{name} can be written")
        first = os.open(DEVICE, os.O_RDONLY)
        second = os.open(DEVICE, os.O_RDONLY)
        check.eq(counters()["readers"], 2, "readers")
        os.close(first)
        os.close(second)
        check.eq(counters()["readers"], 0, "readers")


@case("parameters are to be read in sysfs, and not to be changed")
def parameters(check):
    with module(ring_records=64, maxactive=7):
        for name, value in (("ring_records", "64"), ("maxactive", "7")):
            path = f"/sys/module/setnsmon/parameters/{name}"
            with open(path) as file:
                check.eq(file.read().strip(), value, name)
            check.eq(stat.S_IMODE(os.stat(path).st_mode), 0o444, f"mode of {name}")


def refused(check, text, reason, what):
    lines, done = new_log(lambda: run("insmod", MODULE, *text.split()))
    check(done.returncode != 0, f"{text} was accepted")
    check("Invalid" in done.stderr or "out of range" in done.stderr, f"{text}: {done.stderr}")
    check(any(reason in line for line in lines), f"{text}: {what} is not in the log: {lines}")
    check.eq(loaded(), False, f"{text}: loaded")
    check.eq(leftovers(), [], f"{text}: left behind")
    unload()


@case("ring sizes that cannot be are refused, with the reason in the log")
def bad_ring_records(check):
    for value in (1, 2, 8, 15, 17, 1000, 1048575, 1048577, 2097152, 2147483648, 4294967295):
        refused(check, f"ring_records={value}", f"ring_records={value}: ", "the value")


@case("values that are no numbers are refused")
def no_numbers(check):
    for text in ("ring_records=-1", "ring_records=many", "ring_records=", "ring_records=4294967296",
                 "maxactive=-1", "maxactive=x"):
        refused(check, text, "invalid for parameter", "the reason")


@case("a maxactive that cannot be is refused, with the reason in the log")
def bad_maxactive(check):
    for value in (65537, 4294967295):
        refused(check, f"maxactive={value}", f"maxactive={value}: ", "the value")


@case("the least and larger sizes work")
def good_sizes(check):
    for size in (16, 32, 8192):
        with module(ring_records=size):
            act("open", "/proc/self/ns/uts", "calls", 3, 0)
            check.eq(counters()["recorded"], 3, f"recorded, ring_records={size}")


@case("a ring that the memory cannot hold is refused, and the machine lives on")
def too_large(check):
    before = must("free", "-m").stdout
    lines, done = new_log(lambda: run("insmod", MODULE, "ring_records=1048576"))
    if done.returncode == 0:
        unload()
        check(True, "there was room")
        return
    check("memory" in done.stderr.lower(), done.stderr)
    check(any("ring_records" in line for line in lines), f"no reason in the log: {lines}; {before}")
    check.eq(leftovers(), [], "left behind")


@case("loading it twice fails and harms nothing")
def twice(check):
    with module():
        act("open", "/proc/self/ns/uts", "calls", 2, 0)
        done = run("insmod", MODULE)
        check(done.returncode != 0, "loaded twice")
        check("File exists" in done.stderr, done.stderr)
        act("open", "/proc/self/ns/uts", "calls", 2, 0)
        check.eq(counters()["recorded"], 4, "recorded")


@case("it refuses to load where kprobes are switched off, and says why")
def without_kprobes(check):
    with kprobes_off():
        lines, done = new_log(lambda: run("insmod", MODULE))
    check(done.returncode != 0, "loaded")
    check(any("kprobes" in line for line in lines), f"no reason in the log: {lines}")
    check.eq(leftovers(), [], "left behind")
    unload()
    with module():
        act("open", "/proc/self/ns/uts", "calls", 2, 0)
        check.eq(counters()["recorded"], 2, "recorded afterwards")


@case("without /proc it refuses to load, and neither insmod nor the log speaks of symbols")
def without_proc(check):
    lines, done = new_log(lambda: run("unshare", "--mount", "sh", "-c",
                                      f"mount -t tmpfs none /proc && insmod {MODULE}"))
    check(done.returncode != 0 and not loaded(), "loaded")
    check("nknown symbol" not in done.stderr and "could not insert" in done.stderr, done.stderr)
    check(any("is /proc mounted? Load the module where it is" in line for line in lines), f"log: {lines}")
    check.eq(leftovers(), [], "left behind")
    unload()


# What a security module may refuse, a mode refuses here: the loading task cannot open its own namespaces.
@case("it loads even if the loading task may not look into /proc")
def loader_without_proc(check):
    code = ("import ctypes, sys; libc = ctypes.CDLL(None, use_errno=True);"
            "sys.exit(ctypes.get_errno() if libc.syscall(313, int(sys.argv[1]), b'', 0) else 0)")
    nobody = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups",
              "--inh-caps=+sys_module", "--ambient-caps=+sys_module")
    file = os.open(MODULE, os.O_RDONLY)
    mode = stat.S_IMODE(os.stat("/proc").st_mode)
    os.chmod("/proc", 0o500)
    try:
        refused = run(*nobody, "cat", "/proc/self/ns/mnt")
        done = subprocess.run([*nobody, "python3", "-c", code, str(file)], pass_fds=[file], check=False)
    finally:
        os.chmod("/proc", mode)
        os.close(file)
    check("Permission denied" in refused.stderr, f"the task may look into /proc: {refused}")
    check.eq((done.returncode, loaded()), (0, True), "error, and loaded")
    unload()


@case("rmmod leaves nothing behind")
def nothing_left(check):
    with module():
        check(len(leftovers()) > 5, f"no traces of a loaded module: {leftovers()}")
        act("open", "/proc/self/ns/uts", "calls", 100, 0)
    check.eq(leftovers(), [], "left behind")
    check.eq(os.waitstatus_to_exitcode(os.system(f"{ACTOR} fd 3 call 0")), 0, "setns afterwards")


@case("every call of several threads is counted, even when kretprobe instances run out")
def maxactive_one(check):
    # maxactive=1: of two calls in flight on two CPUs, one is untracked.
    with module(maxactive=1, ring_records=64):
        act("open", "/proc/self/ns/uts", "hammer", 8, 2000, 0)
        now = counters()
        check.eq(now["entered"], 16000, "entered")
        check.eq(now["recorded"] + now["missed"], 16000, "recorded + missed")


run_cases(unload)
