#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Bad input: invalid module parameters, and everything that badinput.c does to the
device, for 64 and 32 bit."""

import ctypes
import errno
import os

from actors import act
from guest import DEVICE, MODULE, SYSFS, counter, counters, loaded, module, put, unload
from leftovers import leftovers, new_log
from programs import add_program
from tap import case, run_cases

SYS_FINIT_MODULE = 313
RINGS = 4096     # more than badinput.c makes calls while it may lose none

libc = ctypes.CDLL(None, use_errno=True)


def finit(text):
    """Loads the module as insmod does, but without a program that checks parameters itself.
    Returns the error number."""
    with open(MODULE, "rb") as file:
        ctypes.set_errno(0)
        failed = libc.syscall(SYS_FINIT_MODULE, file.fileno(), ctypes.c_char_p(text), 0)
    return ctypes.get_errno() if failed else 0


def refused(check, tries):
    """Checks that each of tries, (parameters, words of the kernel log), is refused, and that nothing is left
    afterwards."""
    def attempt():
        for text, _ in tries:
            error = finit(text)
            check(error in (errno.EINVAL, errno.ERANGE),
                  f"{text[:60]}: {errno.errorcode.get(error, error)}")
            if not check(not loaded() and not os.path.exists(DEVICE), f"{text[:60]}: loaded"):
                unload()
    unload()
    lines, _ = new_log(attempt)
    for text, reason in tries:
        while lines and reason not in lines[0]:
            lines = lines[1:]
        if not check(lines, f"{text[:60]}: '{reason}' is not in the log, or not in its place"):
            break
        lines = lines[1:]
    check.eq(leftovers(), [], "left behind")


def accepted(check, text, **values):
    error = finit(text)
    if check.eq(error, 0, text):
        for name, value in values.items():
            with open(f"/sys/module/setnsmon/parameters/{name}") as file:
                check.eq(file.read(), f"{value}\n", f"{text}: {name}")
        act("fd", 99, "calls", 3, 0)
        check.eq(counter("recorded"), 3, f"{text}: recorded")
    unload()


# Not an unsigned int in the kernel's notation, for either parameter
NO_NUMBERS = [b"", b"-1", b"-0", b"-16", b"-2147483648", b"-0x10", b"+", b"-", b"0x", b"0x1g",
              b"08", b"16k", b"16.0", b"1e3", b"16,16", b"0b10000", b"sixteen", b"true", b"~0",
              b"\xff\xfe\x80", b"\xd9\xa1\xd9\xa6", b"\x1b[31m16", b"%s%n%p",
              b"NaN", b"16\"", b"9" * 300, b"0x" + b"f" * 300]
# A number that is too large
TOO_LARGE = [b"4294967296", b"0x100000000", b"040000000000", b"18446744073709551615",
             b"18446744073709551616", b"18446744073709551632", b"9223372036854775808",
             b"0x10000000000000010"]


def add_refusals(parameter):
    name = parameter.encode()
    reason = f"invalid for parameter `{parameter}'"

    @case(f"{parameter}: what is no number, negative or empty is refused, and the log says so")
    def no_numbers(check):
        refused(check, [(name + b"=" + value, reason) for value in NO_NUMBERS] + [(name, reason)])

    @case(f"{parameter}: what overflows is refused, and does not come round")
    def overflow(check):
        refused(check, [(name + b"=" + value, reason) for value in TOO_LARGE])


add_refusals("ring_records")
add_refusals("maxactive")


@case("numbers out of range, in every notation, are refused with what was meant in the log")
def out_of_range(check):
    refused(check, [(b"ring_records=" + text, f"ring_records={number}: must be a power of two "
                                              "from 16 to 1048576")
                    for text, number in ((b"0xf", 15), (b"0x11", 17), (b"017", 15),
                                         (b"0x100001", 1048577), (b"0xffffffff", 4294967295),
                                         (b"0x80000000", 2147483648), (b"+1", 1), (b"01", 1),
                                         (b"0x3ff", 1023))])
    refused(check, [(b"maxactive=" + text, f"maxactive={number}: must be from 0 to 65536")
                    for text, number in ((b"0x10001", 65537), (b"0200001", 65537),
                                         (b"0x7fffffff", 2147483647),
                                         (b"0xffffffff", 4294967295))])


@case("of one parameter given twice the last counts; one that is bad spoils all")
def several(check):
    refused(check, [(b"ring_records=16 ring_records=17", "ring_records=17: "),
                    (b"ring_records=64 maxactive=65537", "maxactive=65537: "),
                    (b"maxactive=4 ring_records=3", "ring_records=3: "),
                    (b"ring_records=x ring_records=16", "invalid for parameter")])
    accepted(check, b"ring_records=17 ring_records=32", ring_records=32)


@case("good values in every notation are taken")
def good(check):
    accepted(check, b"ring_records=0x40 maxactive=0x10", ring_records=64, maxactive=16)
    accepted(check, b"ring_records=020 maxactive=01", ring_records=16, maxactive=1)
    accepted(check, b" ring-records=+128  maxactive=0 ", ring_records=128, maxactive=0)
    accepted(check, b'ring_records="16"', ring_records=16)
    accepted(check, b"ring_records=00 maxactive=32768", ring_records=0, maxactive=32768)


@case("a parameter that it lacks is reported and does no harm")
def unknown(check):
    lines, _ = new_log(lambda: accepted(check, b"records=64 ring_records=64", ring_records=64))
    check(any("unknown parameter 'records' ignored" in line for line in lines), f"log: {lines}")


@case("what is in sysfs cannot be written, and stays as it is")
def sysfs(check):
    with module(ring_records=64, maxactive=7):
        act("fd", 99, "calls", 3, 0)
        before = counters()
        for name in before:
            for text in ("0", "", "x" * 5000):
                try:
                    put(f"{SYSFS}/{name}", text)
                    check(text == "", f"{name} was written")
                except OSError as problem:
                    check(problem.errno in (errno.EACCES, errno.EIO), f"{name}: {problem}")
        check.eq(counters(), before, "counters")
        for name, value in (("ring_records", "64\n"), ("maxactive", "7\n")):
            path = f"/sys/module/setnsmon/parameters/{name}"
            try:
                put(path, "16")
                check(False, f"{name} was written")
            except OSError as problem:
                check(problem.errno in (errno.EACCES, errno.EIO), f"{name}: {problem}")
            with open(path) as file:
                check.eq(file.read(), value, name)


for each in ("badinput", "badinput32"):
    add_program(each, least=20, ring_records=RINGS)

run_cases(unload)
