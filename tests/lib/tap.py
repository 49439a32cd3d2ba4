# SPDX-License-Identifier: GPL-2.0-only
"""Test cases in Python, and their results as TAP."""

import sys
import traceback


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


def add_case(name, function):
    """Registers a case: function(check) reports what is wrong to a Check."""
    _cases.append((name, function))


def case(name):
    """Registers the decorated function as a case."""
    def register(function):
        add_case(name, function)
        return function
    return register


def cases():
    """Returns the registered cases, as pairs of name and function."""
    return list(_cases)


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
