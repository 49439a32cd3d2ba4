# SPDX-License-Identifier: GPL-2.0-only
"""Traces in the kernel of a module that is or was loaded."""

import os

from guest import DEVICE, SYSFS, kernel_log


def kprobes():
    with open("/sys/kernel/debug/kprobes/list") as file:
        return [line.split() for line in file if "setns" in line]


def leftovers(symbols=True):
    """Returns everything that would be left behind. The search for symbols takes a while."""
    left = [path for path in (DEVICE, SYSFS, "/sys/module/setnsmon") if os.path.lexists(path)]
    left += [" ".join(words) for words in kprobes()]
    with open("/proc/misc") as misc:
        left += [line.strip() for line in misc if "setnsmon" in line]
    if symbols:
        with open("/proc/kallsyms") as names:
            left += [line.strip() for line in names if "[setnsmon]" in line]
    return left


def new_log(function):
    """Returns what the kernel logged while function ran, and the result of function."""
    before = len(kernel_log())
    result = function()
    return [line for line in kernel_log()[before:] if "setnsmon" in line], result
