#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""/dev/setnsmon as programs use it: its system calls (device_abi.c, 64 and 32 bit), the
usual tools, several readers at once, and readers that are too slow."""

import fcntl
import itertools
import os
import signal
import struct
import subprocess
import tempfile
import time

from actors import Actor, act
from guest import ACTOR, DEVICE, READER, counter, cpus, module, run, unload
from programs import add_program
from records import device_lines, flatten, parse_json, parse_line, read_all, read_json
from tap import Skip, case, run_cases

IOC_FORMAT, IOC_COUNTERS = 0x4004df01, 0x8050df02
RECORD = 408


for each in ("device_abi", "device_abi32"):
    add_program(each, os.cpu_count(), 256, least=30, ring_records=256)
add_program("wakeups", 2000, least=5)


def calls(count, *, fd=1000, cpu=None):
    pin = ["pin", cpu] if cpu is not None else []
    act(*pin, "fd", fd, "calls", count, 0)


def fds_of(lines):
    return [int(parse_line(line)["fd"]) for line in lines]


@case("cat shows every record, and the lines are well formed")
def cat(check):
    with module():
        for fd in range(100, 110):
            calls(1, fd=fd)
        done = run("timeout", "2", "cat", DEVICE)
        check.eq(done.returncode, 124, "cat was to wait for more")
        check.eq(fds_of(done.stdout.splitlines()), list(range(100, 110)), "fds")


@case("dd iflag=nonblock bs=64k ends where there is no more")
def dd(check):
    with module(ring_records=4096):
        calls(1000)
        done = run("dd", f"if={DEVICE}", "iflag=nonblock", "bs=64k", "status=none")
        check("Resource temporarily unavailable" in done.stderr, done.stderr)
        lines = done.stdout.splitlines()
        check.eq(len(lines), 1000, "lines")
        check(done.stdout.endswith("\n"), "no newline at the end")
        check.eq(lines, device_lines(), "the same as another reader's")


@case("dd with a block smaller than a line: EINVAL, and nothing is lost")
def dd_small(check):
    with module():
        calls(3)
        done = run("dd", f"if={DEVICE}", "iflag=nonblock", "bs=100", "count=1", "status=none")
        check("Invalid argument" in done.stderr, done.stderr)
        check.eq(done.stdout, "", "stdout")
        check.eq(len(device_lines()), 3, "lines")


def wait_for(path, count):
    for _ in range(200):
        with open(path) as file:
            text = file.read()
        if text.count("\n") >= count:
            return text
        time.sleep(0.1)
    return text


@case("tail -n +1 -f and grep --line-buffered show records as they come")
def tail_and_grep(check):
    # tail(1) writes blocks of 4 KiB into a file, unless stdbuf makes it write lines.
    for command in (["stdbuf", "-oL", "tail", "-n", "+1", "-f", DEVICE],
                    ["grep", "--line-buffered", "event=setns", DEVICE]):
        with module(), tempfile.NamedTemporaryFile("w") as out:
            calls(2, fd=200)
            process = subprocess.Popen(command, stdout=out)
            try:
                check.eq(wait_for(out.name, 2).count("\n"), 2, f"{command}: history")
                for fd in range(201, 206):
                    calls(1, fd=fd)
                    check.eq(wait_for(out.name, fd - 198).count("\n"), fd - 198,
                             f"{command}: lines at once after call {fd - 200}")
                text = wait_for(out.name, 7)
            finally:
                process.kill()
                process.wait()
            check.eq(fds_of(text.splitlines()), [200, 200, 201, 202, 203, 204, 205], command)


@case("two readers at once and a late third: each sees every record")
def three_readers(check):
    with module(ring_records=4096), tempfile.TemporaryDirectory() as scratch:
        readers, files = [], []

        def start():
            files.append(open(f"{scratch}/{len(files)}", "w"))
            readers.append(subprocess.Popen(["cat", DEVICE], stdout=files[-1]))
        start()
        start()
        actors = [subprocess.Popen([ACTOR, "fd", str(300 + n), "hammer", "2", "250", "0"])
                  for n in range(2)]
        for actor in actors:
            actor.wait()
        start()
        calls(5, fd=399)
        texts = [wait_for(file.name, 1005) for file in files]
        for reader in readers:
            reader.kill()
            reader.wait()
        check.eq(texts[0].count("\n"), 1005, "lines of the first")
        check(texts[1] == texts[0], "the second saw something else")
        check(texts[2] == texts[0], "the third saw something else")
        found = fds_of(texts[0].splitlines())
        check.eq([found.count(fd) for fd in (300, 301, 399)], [500, 500, 5], "calls")
        check("event=lost" not in texts[0], "something was lost")


def follow_both_cpus(check):
    """Makes both CPUs write while a reader follows. Returns how often they alternated."""
    fd = os.open(DEVICE, os.O_RDONLY | os.O_NONBLOCK)
    os.lseek(fd, 0, os.SEEK_END)
    actors = [Actor("pin", cpu, "fd", 400, "hold", "calls", 3000, 0) for cpu in sorted(cpus())]
    for actor in actors:
        actor.expect("hold")
    for actor in actors:
        actor.go()
    text = b""
    while any(actor.process.poll() is None for actor in actors):
        text += read_all(fd)
    text += read_all(fd)
    os.close(fd)
    for actor in actors:
        actor.end()
    records = [parse_line(line) for line in text.decode().splitlines()]
    check.eq(len(records), 3000 * len(actors), "records")
    times = [int(record["boot_ns"]) for record in records]
    check(times == sorted(times), "not in order")
    check.eq({record["cpu"] for record in records}, {str(cpu) for cpu in cpus()}, "CPUs")
    return len(list(itertools.groupby(record["cpu"] for record in records)))


@case("records of both CPUs come in the order of time, to a reader that follows")
def order(check):
    with module(ring_records=8192):
        turns = 0
        for _ in range(6):
            turns += follow_both_cpus(check)
            if turns > 20:
                return
    raise Skip(f"the CPUs did not run at the same time ({turns} turns)")


@case("each line is the JSON of the reader: same names, same values, same order")
def line_is_json(check):
    with module():
        pid = os.getpid()
        act("open", "/proc/1/ns/net", "calls", 2, 0)
        act("open", "/proc/self/ns/net", "comm", "a b\"c\\d=e", "calls", 1, 0x40000000)
        act("pidfd", pid, "calls", 1, 0x44000000)
        act("open", "/proc/1/ns/net", "setuid", *[1000] * 4, "calls", 1, 0)
        act("fd", -1, "calls", 1, 0xffffffff)
        act("open", "/etc/passwd", "calls", 1, 1)
        act("open", "/proc/1/ns/uts", "unshare", 0x10000000, "map", "calls", 1, 0)
        lines = [parse_line(line) for line in device_lines()]
        objects = [flatten(obj) for obj in read_json()]
        check.eq(len(lines), 8, "lines")
        check.eq(len(objects), 8, "objects")
        for line, obj in zip(lines, objects):
            check.eq(list(line), list(obj), "names and their order")
            for key in line:
                check.eq(obj.get(key), line[key], key)


# ---- too slow ----

def parse_binary(data):
    """Returns (type, cpu, seq, boot_ns, count) of each record."""
    for at in range(0, len(data), RECORD):
        kind, size, cpu, seq, boot, _, count = struct.unpack_from("=HHIQQQQ", data, at)
        assert size == RECORD
        yield kind, cpu, seq, boot, count


def account(check, fd, records):
    """Checks that the numbers of each CPU have no gaps except those that are reported exactly."""
    following, read, lost = {}, {}, {}
    last = 0
    for kind, cpu, seq, boot, count in records:
        check.eq(seq, following.get(cpu, 0), f"number on CPU {cpu}, type {kind}")
        check(boot >= last, f"time goes back at {cpu}/{seq}")
        last = boot
        if kind == 1:
            following[cpu] = seq + 1
            read[cpu] = read.get(cpu, 0) + 1
        else:
            check(kind == 2 and count > 0, f"type {kind}, count {count}")
            following[cpu] = seq + count
            lost[cpu] = lost.get(cpu, 0) + count
    words = bytearray(80)
    fcntl.ioctl(fd, IOC_COUNTERS, words)
    entered, recorded, missed, _, _, counted, *_ = struct.unpack("10Q", words)
    check.eq(sum(lost.values()), counted, "lost, as COUNTERS has it")
    check.eq(sum(read.values()) + counted, recorded, "read + lost = recorded")
    check.eq(entered, recorded + missed, "entered = recorded + missed")
    return read, lost


def open_binary():
    fd = os.open(DEVICE, os.O_RDONLY | os.O_NONBLOCK)
    fcntl.ioctl(fd, IOC_FORMAT, struct.pack("I", 1))
    return fd


@case("a reader that was asleep: the loss is exact on each CPU")
def asleep(check):
    for size in (16, 64):
        with module(ring_records=size):
            fd = open_binary()
            made = {cpu: 3000 + 500 * cpu for cpu in sorted(cpus())}
            for cpu, count in made.items():
                calls(count, cpu=cpu)
            read, lost = account(check, fd, parse_binary(read_all(fd)))
            os.close(fd)
            for cpu, count in made.items():
                check.eq(read.get(cpu), size, f"read of CPU {cpu}, ring of {size}")
                check.eq(lost.get(cpu), count - size, f"lost on CPU {cpu}, ring of {size}")


@case("a slow reader of small rings while both CPUs write: all is read or counted")
def slow(check):
    with module(ring_records=16):
        fd = open_binary()
        actors = [subprocess.Popen([ACTOR, "pin", str(cpu), "fd", "500", "calls", "4000", "0"])
                  for cpu in sorted(cpus())]
        parts = []
        for pause in itertools.cycle((0, 0, 0.002, 0, 0.01)):
            ended = all(actor.poll() is not None for actor in actors)
            try:
                parts.append(os.read(fd, RECORD * 3))
            except BlockingIOError:
                if ended:
                    break
            time.sleep(pause)
        read, lost = account(check, fd, parse_binary(b"".join(parts)))
        os.close(fd)
        check(sum(lost.values()) > 0, "nothing was lost: the test proves nothing")
        check(sum(read.values()) >= 16, "little was read")
        check.eq(sum(read.values()) + sum(lost.values()), 4000 * len(actors), "total")


@case("a late reader has lost nothing: what it did not find is not told as lost")
def late(check):
    with module(ring_records=16):
        calls(500, cpu=0)
        fd = open_binary()
        records = list(parse_binary(read_all(fd)))
        os.close(fd)
        check.eq([record[0] for record in records], [1] * 16, "types")
        check.eq([record[2] for record in records], list(range(484, 500)), "numbers")


@case("the lost line stands where the gap is, and says how large")
def lost_line(check):
    with module(ring_records=16):
        fd = os.open(DEVICE, os.O_RDONLY | os.O_NONBLOCK)
        calls(4, cpu=0, fd=600)
        first = os.read(fd, 4096 + 1000)
        seen = first.decode().count("\n")
        calls(100, cpu=0, fd=601)
        lines = read_all(fd).decode().splitlines()
        os.close(fd)
        # One record had been read from the ring already, and is not lost.
        gaps = [parse_line(line) for line in lines if " event=lost " in line]
        check.eq(len(gaps), 1, "lost lines")
        records = [parse_line(line) for line in lines if " event=setns " in line]
        held = [int(r["seq"]) for r in records]
        count, number = int(gaps[0]["count"]), int(gaps[0]["seq"])
        check.eq(list(gaps[0]), ["v", "event", "time", "boot_ns", "cpu", "seq", "count"], "names")
        check.eq(seen + len(records) + count, 104, "read + lost")
        check.eq(number + count, next(n for n in held if n >= number), "the record after the gap")
        check(held[-16:] == list(range(88, 104)), f"held: {held}")
        index = lines.index(next(line for line in lines if " event=lost " in line))
        check.eq(int(parse_line(lines[index + 1])["seq"]), number + count, "the next line")


@case("the reader shows the losses that the device tells")
def reader_shows_loss(check):
    with module(ring_records=16):
        process = subprocess.Popen([READER, "-o", "json"], stdout=subprocess.PIPE)
        for _ in range(100):
            if counter("readers"):
                break
            time.sleep(0.05)
        # A pipe of 64 KiB is full soon, because nobody reads it for now.
        actors = [subprocess.Popen([ACTOR, "pin", str(cpu), "fd", "700", "calls", "4000", "0"])
                  for cpu in sorted(cpus())]
        for actor in actors:
            actor.wait()
        total = counter("recorded")
        read = lost = 0
        while read + lost < total:
            obj = parse_json(process.stdout.readline())
            if obj["event"] == "lost":
                lost += obj["count"]
            else:
                read += 1
        process.send_signal(signal.SIGINT)
        rest = process.communicate()[0]
        check.eq(rest, b"", "after the last")
        check.eq(read + lost, total, "read + lost")
        check(lost > 0, "nothing was lost: the test proves nothing")


run_cases(unload)
