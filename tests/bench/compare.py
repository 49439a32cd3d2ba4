#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Judges figures of the benchmark by those that are kept in the tree: compare.py RAW EXPECTED [--update]

RAW is what the guest said. Prints TAP: a figure must not have grown by more than 3 percent, and one that is kept as 0
not at all. Then it judges itself: figures that have grown by 4 percent, and a handler that got slower, must be found.
"""
import sys

import report

ALLOWED = 1.03
FIGURES = ["empty.uts", "empty.ebadf", "empty.getppid",
           "ours.uts", "ours.ebadf", "ours.getppid",
           "ours-threads.uts", "ours-threads.ebadf", "ours-threads.getppid", "ours-moves.uts",
           "ours-reader.uts", "ours-reader.ebadf", "ours-reader.getppid",
           "ours-reader.in_a_row", "ours-readers8.in_a_row",
           "drain.drain_binary", "drain.drain_binary_single", "drain.drain_skipped_class",
           "drain.drain_skipped_user", "drain.drain_text", "drain.drain_logfmt",
           "drain.drain_json", "drain.drain_table"]


def read_raw(path):
    """{figure: number}: what is added, or, for what has nothing to be added to, the cost"""
    with open(path, encoding="utf-8", errors="replace") as file:
        found = report.add_differences(report.read_lines(file))
    for name, case in found.items():
        if "fail" in case:
            print(f"# {name}: {case['fail']}")
    figures = {f"{name}.{key}": value for name, case in found.items()
               for key, value in {**case["values"], **case["added"]}.items()}
    # Waking alone is a mean, and so small that its last digit, which is chance, is more than 3 percent
    for name, case in found.items():
        if "waking" in case["values"] and "ours.uts" in figures:
            figures[f"{name}.in_a_row"] = round(figures["ours.uts"] + case["values"]["waking"])
    return figures


def read_expected(path):
    with open(path, encoding="utf-8") as file:
        lines = [line.split() for line in file if line.strip() and line[0] != "#"]
    return {name: float(value) for name, value in lines}


def grown(value, kept):
    return value > kept * ALLOWED


class Tap:
    count = failed = 0

    def say(self, good, text, *notes):
        self.count += 1
        self.failed += not good
        print(f"{'ok' if good else 'not ok'} {self.count} - {text}")
        for note in notes:
            print(f"# {note}")


def judge(tap, figures, expected):
    for name in FIGURES:
        if name not in figures:
            tap.say(False, f"{name} was measured")
            continue
        value, kept = figures[name], expected.get(name)
        if kept is None:
            tap.say(False, f"{name} is kept in tests/bench/expected", f"it is {value}")
        elif grown(value, kept):
            tap.say(False, f"{name} has not grown", f"it was {kept:g}, and is {value:g} instructions",
                    "if that is meant: tests/bench/check --update")
        else:
            notes = [f"it can be lowered: tests/bench/check --update ({kept:g} is kept)"] if value < kept / 1.1 else []
            tap.say(True, f"{name}: {value:g} instructions, {kept:g} are kept", *notes)


def judge_itself(tap, figures):
    asleep = [name for name in FIGURES if figures.get(name) and not grown(figures[name], figures[name] / 1.04)]
    tap.say(not asleep, "each figure that had grown by 4 percent would be found", *asleep)
    tap.say(grown(1, 0), "a call that is not ours and became slower would be found")
    slow, fast = figures.get("planted.uts", 0), figures.get("empty.uts", 0)
    tap.say(fast and grown(slow, fast), "a planted slowdown of a handler is found", f"{fast} without, {slow} with it")


def update(path, figures):
    missing = [name for name in FIGURES if name not in figures]
    if missing:
        sys.exit(f"compare.py: not measured: {' '.join(missing)}")
    with open(path, "w", encoding="utf-8") as file:
        file.write("# Instructions: what is added to a call, and what an event costs its reader. Written by\n"
                   "# tests/bench/check --update, on bookworm's kernel.\n")
        file.writelines(f"{name} {figures[name]:g}\n" for name in FIGURES)


def main(raw, expected, *options):
    figures = read_raw(raw)
    if options:
        update(expected, figures)
        return 0
    tap = Tap()
    judge(tap, figures, read_expected(expected))
    judge_itself(tap, figures)
    print(f"1..{tap.count}")
    return 1 if tap.failed else 0


if __name__ == "__main__":
    if len(sys.argv) not in (3, 4) or sys.argv[3:] not in ([], ["--update"]):
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
