# SPDX-License-Identifier: GPL-2.0-only
"""The guest that a test runs in: paths, commands, the module under test, the kernel's
probes, CPUs and memory."""

import contextlib
import os
import subprocess
import time

PATIENCE = 60 * int(os.environ.get("SETNSMON_PATIENCE", 1))  # seconds; a guest may be slow
WORK = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PROGS = WORK + "/functional/progs"
STRESS_PROGS = WORK + "/stress/progs"
MODULES = WORK + "/functional/modules"
MODULE = os.environ.get("SETNSMON_KO", WORK + "/setnsmon.ko")
READER = os.environ.get("SETNSMON", WORK + "/setnsmon")
ACTOR = PROGS + "/actor"
ACTOR32 = PROGS + "/actor32"
DEVICE = "/dev/setnsmon"
SYSFS = "/sys/class/misc/setnsmon"


# ---- the module ----

def run(*command, timeout=PATIENCE, **options):
    """Runs a command. Returns it with .returncode, .stdout and .stderr (text)."""
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
    """Makes a copy of the module that looks for the second of each pair instead of the first."""
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
    """Returns whether the CPUs run at the same time. Those of an emulated guest take turns,
    except under `vm run -p`."""
    with open("/proc/cpuinfo") as cpuinfo:
        emulated = "QEMU TCG" in cpuinfo.read()
    return not emulated or os.environ.get("SETNSMON_VM_PARALLEL") == "1"


def emulated_in_parallel():
    """Returns whether this QEMU may run code wrongly while it is being patched. Then any kprobe
    that is armed or disarmed while it is hit panics the guest, with or without setnsmon."""
    return os.environ.get("SETNSMON_VM_PARALLEL") == "1"


# ---- memory ----

PAGE_KIB = os.sysconf("SC_PAGESIZE") // 1024


def meminfo(*names):
    with open("/proc/meminfo") as file:
        values = dict(line.split(":") for line in file)
    return [int(values[name].split()[0]) for name in names]


def kept_by_cpus():
    """Returns the free pages, in KiB, that each CPU keeps for itself. MemAvailable does not
    include them. After the last ring was freed they may be tens of MiB, or none."""
    with open("/proc/zoneinfo") as file:
        lines = [line.split() for line in file]
    return sum(int(words[1]) for words in lines if words[:1] == ["count:"]) * PAGE_KIB


def settle():
    with open("/proc/sys/vm/drop_caches", "w") as file:
        file.write("3")
    time.sleep(0.3)
    available, *taken = meminfo("MemAvailable", "SUnreclaim", "Percpu", "VmallocUsed")
    return available + kept_by_cpus(), *taken
