#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""An unprivileged user floods every CPU with each kind of call that can be repeated at will
(flood.c). At some moment one process leaves its network namespace for the host's. Two live
readers, and one that starts when all is over, must show that call.

SETNSMON_FLOOD_ROUNDS rounds of SETNSMON_FLOOD_SECONDS each, the kinds in turn."""

import contextlib
import os
import random
import subprocess
import tempfile
import time
import traceback

from actors import act
from guest import DEVICE, PATIENCE, READER, STRESS_PROGS, counters, cpus, module, run, unload
from namespaces import links_of
from records import parse_json, parse_line
from tap import Check, add_case, run_cases

KINDS = ["ebadf", "varied", "own", "denied", "walk", "raced", "born"]
ROUNDS = int(os.environ.get("SETNSMON_FLOOD_ROUNDS", len(KINDS)))
SECONDS = float(os.environ.get("SETNSMON_FLOOD_SECONDS", 5 * PATIENCE / 60))
RING = 1024 if PATIENCE == 60 else 256      # what a slow kernel can flood as well
RINGS = RING * len(cpus())


class Flood:
    """Floods with one process of a kind on each CPU."""

    def __init__(self, kind):
        self.processes = [subprocess.Popen([STRESS_PROGS + "/flood", str(cpu), kind], text=True,
                                           stdout=subprocess.PIPE, stderr=subprocess.PIPE)
                          for cpu in sorted(cpus())]
        for process in self.processes:
            if process.stdout.readline() != "ready\n":
                raise RuntimeError(process.stderr.read())

    def end(self):
        """Returns the number of calls that they report."""
        for process in self.processes:
            process.terminate()
        calls = 0
        for process in self.processes:
            out, err = process.communicate(timeout=60)
            if process.returncode:
                raise RuntimeError(f"flood: status {process.returncode}: {err}")
            calls += int(out)
        return calls


@contextlib.contextmanager
def reading(name):
    """Starts the two live readers, and keeps their lines about calls by a command of that name in two files."""
    pipes = (f"exec {READER} -o json | exec grep --line-buffered '\"comm\":\"{name}\"'",
             f"exec cat {DEVICE} | exec grep --line-buffered ' comm={name} '")
    with contextlib.ExitStack() as stack:
        files = [stack.enter_context(tempfile.NamedTemporaryFile("w+")) for _ in pipes]
        readers = [subprocess.Popen(["sh", "-c", pipe], stdout=file, start_new_session=True)
                   for pipe, file in zip(pipes, files)]
        try:
            while counters()["readers"] < len(pipes):
                time.sleep(0.02)
            yield files
        finally:
            for reader in readers:
                os.killpg(reader.pid, 9)
                reader.wait()


def escape(name):
    """Makes the call that must be found: from a network namespace of its own to the host's."""
    act("comm", name, "unshare", 0x40000000, "open", "/proc/1/ns/net",
        "call", 0x40000000, "expect", 0)


def shown(files):
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and not all(os.path.getsize(file.name) for file in files):
        time.sleep(0.02)
    texts = []
    for file in files:      # opened again: the place in it is the reader's
        with open(file.name) as again:
            texts.append(again.read())
    return texts


def judge(check, who, record):
    """Checks that the record shows root joining the host's network namespace from another one."""
    check.eq(record["joined"], ["net"], f"{who}: joined")
    check.eq(record["after"]["net"], links_of(1)["net"], f"{who}: after.net")
    check(record["before"]["net"] != record["after"]["net"], f"{who}: before.net")
    check("to-init" in record["flags"], f"{who}: flags {record['flags']}")


def round_of(check, kind, name, figures):
    """Runs one flood with one escape."""
    before = counters()
    with reading(name) as files:
        flood = Flood(kind)
        moment = random.uniform(0, SECONDS)
        time.sleep(moment)
        escape(name)
        escaped = time.monotonic()
        texts = shown(files)
        delay = time.monotonic() - escaped
        time.sleep(max(0, SECONDS - moment - delay))
        calls = flood.end()
    now = counters()
    if check(texts[0].count("\n") == 1, f"{kind}: JSON shows {texts[0]!r}"):
        judge(check, f"{kind}: JSON", parse_json(texts[0]))
    if check(texts[1].count("\n") == 1, f"{kind}: text shows {texts[1]!r}"):
        line = parse_line(texts[1].strip())
        check.eq((line["joined"], line["after.net"]), ("net", str(links_of(1)["net"])), "text")
    check.eq(now["entered"] - before["entered"], calls + 1, f"{kind}: entered, of the calls made")
    check.eq(now["entered"], now["recorded"] + now["missed"], f"{kind}: entered = recorded + missed")
    if kind != "born":
        check(calls > 4 * RINGS, f"{kind}: only {calls} calls, which is no flood")
    figures.append((calls, delay))


def late(check, names):
    """Checks that a reader that starts only now still finds all of them."""
    done = run("dd", f"if={DEVICE}", "iflag=nonblock", "bs=1M", "status=none", timeout=300)
    found = [line for line in done.stdout.splitlines() if "comm=escape" in line]
    check.eq([parse_line(line)["comm"] for line in found], names, "escapes that are held")


def add_flood(kind, rounds):
    """Runs at once, so that its name can include the result."""
    names = [f"escape{number}" for number in range(rounds)]
    figures, check = [], Check()
    with module(ring_records=RING):
        try:
            for name in names:
                round_of(check, kind, name, figures)
            late(check, names)
        except Exception:
            check.notes.append(traceback.format_exc())
    calls = sum(made for made, _ in figures)
    slowest = max((delay for _, delay in figures), default=0)
    add_case(f"{kind}: {rounds} floods on {len(cpus())} CPUs, {calls} calls: "
                   f"each escape is shown, the slowest after {slowest:.1f} s",
                   lambda result, notes=check.notes: result.notes.extend(notes))


for number, kind in enumerate(KINDS):
    add_flood(kind, (ROUNDS - number + len(KINDS) - 1) // len(KINDS))

run_cases(unload)
