#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""The parts of the package for programmers, on a live device: the Python module and the example in C.

The oracle is the reader's JSON, which other tests compare with /proc."""

import ctypes
import os
import subprocess

import setnsmon
from actors import act
from guest import DEVICE, PROGS, counter, module, unload
from namespaces import KINDS, LINKS
from records import read_json
from tap import case, run_cases

EXAMPLE = PROGS + "/example"


def calls():
    """Makes calls of several kinds."""
    act("open", "/proc/1/ns/net", "call", KINDS["net"], "fd", -1, "call", 7)
    act("open", "/dev/null", "call", 0)
    act("pidfd", 1, "call", KINDS["uts"])


def as_json(record):
    """Returns some values of a binary record, named as in JSON."""
    call = record.setns
    return {"cpu": record.cpu, "seq": record.seq, "boot_ns": record.boot_ns, "pid": call.pid,
            "tid": call.tid, "start_ns": str(call.start_ns), "fd": call.fd, "ret": call.ret,
            "comm": bytes(call.comm).rstrip(b"\0").decode(), "nstype": call.nstype,
            "uid": call.uid, "before": dict(zip(LINKS, call.before)),
            "after": dict(zip(LINKS, call.after))}


def compare(check, records):
    expected = read_json()
    if not check.eq(len(records), len(expected), "records"):
        return
    for record, seen in zip(records, expected):
        check.eq(record.type, setnsmon.RECORD_SETNS, "type")
        said = as_json(record)
        check.eq(said, {key: seen[key] for key in said}, f"call {record.seq}")


@case("Python: all records that the device holds")
def python_held(check):
    with module():
        calls()
        compare(check, list(setnsmon.records(follow=False)))
        check.eq(counter("readers"), 0, "readers")


@case("Python: a record that is waited for")
def python_waits(check):
    with module():
        calls()
        records = setnsmon.records()
        seen = [next(records) for _ in range(4)]
        pid = os.fork()
        if not pid:
            calls()
            os._exit(0)
        seen += [next(records) for _ in range(4)]
        os.waitpid(pid, 0)
        compare(check, seen)
        records.close()
        check.eq(counter("readers"), 0, "readers")


@case("Python: info and counters")
def python_asks(check):
    with module(ring_records=32), open(DEVICE, "rb") as device:
        calls()
        info = setnsmon.info(device)
        check.eq((info.abi_version, info.record_size, info.ring_records),
                 (setnsmon.ABI_VERSION, ctypes.sizeof(setnsmon.Record), 32), "info")
        counters = setnsmon.counters(device)
        check.eq((counters.entered, counters.recorded, counters.readers), (4, 4, 1), "counters")


@case("Python: records of another size, as another version of the module has them")
def python_sizes(check):
    with module():
        calls()
        records = list(setnsmon.records(follow=False))
    size = ctypes.sizeof(setnsmon.Record)
    longer = b"".join(bytes(record) + b"\xff" * 8 for record in records)
    check.eq([bytes(record) for record in setnsmon.records_in(longer, size + 8)],
             [bytes(record) for record in records], "longer")
    shorter = b"".join(bytes(record)[:-8] for record in records)
    check.eq([bytes(record) for record in setnsmon.records_in(shorter, size - 8)],
             [bytes(record)[:-8] + bytes(8) for record in records], "shorter")


@case("the example in C shows each call, and waits for more")
def example(check):
    with module():
        calls()
        process = subprocess.Popen([EXAMPLE], stdout=subprocess.PIPE, text=True)
        lines = [process.stdout.readline() for _ in range(4)]
        calls()
        lines += [process.stdout.readline() for _ in range(4)]
        process.kill()
        process.communicate()
        for line, seen in zip(lines, read_json()):
            inum = (seen["target"] or {"inum": None})["inum"] or 0
            check.eq(line, f"pid {seen['pid']} uid {seen['uid']} fd {seen['fd']} target {inum} "
                           f"ret {seen['ret']}\n", "line")


@case("the example in C says why it cannot read")
def example_fails(check):
    done = subprocess.run([EXAMPLE], capture_output=True, text=True, timeout=20)
    check.eq((done.returncode, done.stdout), (1, ""), "status and output")
    check(DEVICE in done.stderr, done.stderr)


run_cases(unload)
