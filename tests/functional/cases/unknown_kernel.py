#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""An unknown kernel: loading fails and says why. What can only be found out later is never
guessed. Such kernels are hard to find, so the test changes the module instead. In a copy of
setnsmon.ko, a name that it looks up in the kernel is replaced by one of the same length that
does not exist. The oracle is the replacement."""

import contextlib
import os
import subprocess
import tempfile

from actors import act
from guest import READER, altered, kernel_log, loaded, must, run, unload
from records import read_json
from tap import case, run_cases

NSFS_MAGIC = 0x6e736673
PIDFS_MAGIC = 0x50494446


def number(value):
    return value.to_bytes(4, "little")


def refused(check, old, new, *words):
    """Checks that loading fails, and that the kernel log has these words."""
    before = len(kernel_log())
    with tempfile.TemporaryDirectory() as directory:
        done = run("insmod", altered(directory, (old, new)))
    log = "\n".join(line for line in kernel_log()[before:] if "setnsmon: " in line)
    check(done.returncode != 0 and not loaded(), "it was loaded")
    for word in words:
        check(word in log, f"the log does not say {word!r}: {log!r}")
    unload()


@contextlib.contextmanager
def stranger():
    """A process in a network namespace of its own, whose pid has as many digits as "self" has letters."""
    while True:
        process = subprocess.Popen(["unshare", "--net", "sleep", "60"])
        try:
            if process.pid >= 1000:
                while os.stat(f"/proc/{process.pid}/ns/net").st_ino == os.stat(
                        "/proc/self/ns/net").st_ino:
                    pass
                yield process.pid
                return
        finally:
            process.kill()
            process.wait()


# What the kernel lacks, what the module is to look for and what it looks for instead, and the words of the log
REFUSED = [
    ("an entry function that the kernel lacks, 64 bit: its name is reported",
     b"__x64_sys_setns\0", b"__x64_sys_setnz\0",
     "cannot probe __x64_sys_setnz", "this kernel has no such symbol"),
    ("an entry function that the kernel lacks, 32 bit: its name is reported",
     b"__ia32_sys_setns\0", b"__ia32_sys_setnz\0",
     "cannot probe __ia32_sys_setnz", "this kernel has no such symbol"),
    ("namespace files that are not those of nsfs: the first is reported",
     number(NSFS_MAGIC), number(NSFS_MAGIC + 1), "/proc/self/ns/mnt is not a namespace"),
    ("a link that is of another type than the kernel says",
     b"/proc/self/ns/uts\0", b"/proc/self/ns/net\0",
     "/proc/self/ns/net is ", "records would be wrong"),
    ("without /proc/self/ns/mnt: that is reported",
     b"/proc/self/ns/mnt\0", b"/proc/self/nz/mnt\0",
     "cannot open /proc/self/nz/mnt", "is /proc mounted? Load the module where it is"),
]
for name, *words in REFUSED:
    @case(name)
    def is_refused(check, words=tuple(words)):
        refused(check, *words)


@case("a link that is another namespace than the kernel says: both are reported")
def wrong_link(check):
    with stranger() as pid:
        path = f"/proc/{pid}/ns/net"
        refused(check, b"/proc/self/ns/net\0", path.encode() + b"\0",
                f"{path} is {os.stat(path).st_ino}, but the kernel's structures gave "
                f"{os.stat('/proc/self/ns/net').st_ino}", "records would be wrong")


@case("a kind of namespace that the kernel lacks is no reason to refuse")
def no_kind(check):
    with tempfile.TemporaryDirectory() as directory:
        must("insmod", altered(directory, (b"/proc/self/ns/time\0", b"/proc/self/ns/tome\0")))
    act("open", "/proc/self/ns/uts", "call", "0")
    check.eq([record["target"]["type"] for record in read_json()], ["uts"], "record")
    unload()


# The variables that hold the operations of pidfds; a kernel has one of them
NO_OPERATIONS = ((b"pidfd_fops\0", b"pidfx_fops\0"),
                 (b"pidfs_file_operations\0", b"pidfx_file_operations\0"))


@case("without the operations of pidfds: the load says so, and the first pidfd proves them")
def no_operations(check):
    before = len(kernel_log())
    with tempfile.TemporaryDirectory() as directory:
        must("insmod", altered(directory, *NO_OPERATIONS))
    log = "\n".join(kernel_log()[before:])
    check("does not show the operations of pidfds" in log, f"log: {log}")
    done = run(READER, "selftest")
    check.eq((done.returncode, done.stderr), (0, ""), "selftest")
    act("pidfd", "0", "call", str(0x04000000))
    record = read_json()[-1]
    check.eq((record["fd_kind"], record["target"]["pid"]), ("pidfd", record["pid"]), "record")
    unload()


@case("pidfds that it does not know: they are no target, and selftest says so")
def other_pidfds(check):
    with tempfile.TemporaryDirectory() as directory:
        must("insmod", altered(directory, (number(PIDFS_MAGIC), number(PIDFS_MAGIC + 1)),
                               (b"[pidfd]\0", b"[pidfx]\0"), *NO_OPERATIONS))
    act("pidfd", "0", "call", str(0x04000000))
    record, = read_json()
    check.eq((record["fd_kind"], record["target"]), ("other", None), "record")
    done = run(READER, "selftest")
    check.eq((done.returncode, done.stdout), (1, ""), "selftest")
    check("without the process of its pidfd" in done.stderr, done.stderr)
    unload()


run_cases(unload)
