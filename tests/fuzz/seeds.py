#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Where the fuzz targets begin: seeds.py DIRECTORY, with a directory for each of them."""

import os
import struct
import sys

SIZE = 408
COMM_AT = 344

COMMS = [b"nsenter", b"a b=c \"d\" \\e", b"\x1b[31mred\x07", b"gr\xc3\xbcn", b"gr\xfcn", b"\x7f",
         b"\xe2\x80\xaeabc", b"\xf0\x9f\x98\x80\xf0\x9f\x98\x80", b"x" * 16, b"\n\r\t",
         b"\xc2\x9b31m"]

TEXTS = [b"", b"plain", b"\\", b"\xf4\x8f\xbf\xbf\xee\x80\x80", b"\xed\x9f\xbf\xed\xa0\x80",
         b"e\xcc\x81\xe6\xbc\xa2\xe5\xad\x97", b"\xd8\x9c\xe2\x81\xa6\xe2\x80\xa8"] + COMMS

NUMBERS = [b"1", b"0", b"007", b"18446744073709551615", b"18446744073709551616", b"+1", b"-1",
           b" 1", b"1x", b"0x10", b"table", b"json", b"logfmt", b""]

LOCKDOWNS = [b"[none] integrity confidentiality\n", b"none [integrity] confidentiality\n"]


def record(kind, fill, comm):
    head = struct.pack("=HHIQQQ", kind, SIZE, 1, 42, 84123456789, 1795295053120394123)
    body = head + bytes([fill]) * (COMM_AT - len(head)) + comm.ljust(16, b"\0")
    return body.ljust(SIZE, bytes([fill]))


def records():
    for comm in COMMS:
        yield record(1, 0xff, comm)
    yield record(1, 0, b"")
    yield record(2, 0, b"")
    yield record(3, 1, b"") + record(1, 0x7f, b"abc")


def batches():
    """What the module says of itself, and what reads return."""
    for size in (40, SIZE, SIZE + 8, 1000):
        info = struct.pack("=IIII", 1, size, 2, 16)
        yield b"\1" + info + b"\1\1" + b"\x20" + b"ab" * size
        yield b"\1" + info + b"\1\1" + b"\x41" + bytes(range(256)) * 8 + b"\0\1\2\3\x20"


def policies():
    for enforce in (b"Y\n", b"N\n"):
        for lockdown in LOCKDOWNS:
            for boot in (b"\6\0\0\0\1", b"\6\0\0\0\0"):
                for there in (1, 7):
                    yield bytes([there]) + b"".join(bytes([len(text)]) + text
                                                    for text in (enforce, lockdown, boot))


SEEDS = {
    "utf8": TEXTS,
    "escape": [flag + text for text in TEXTS for flag in (b"\0", b"\1")],
    "json": list(records()),
    "text": list(records()),
    "table": [bytes([options]) + comm.ljust(128, b"\x1b") + one
              for options, comm, one in zip(range(0, 32, 2), COMMS * 2, records())],
    "users": [struct.pack("=II", uid, uid + 256) + b"\x1bname" * 9 for uid in (0, 1, 2, 3, 1000)],
    "source": list(batches()),
    "options": NUMBERS,
    "diagnose": list(policies()),
}

for target, seeds in SEEDS.items():
    os.makedirs(f"{sys.argv[1]}/{target}", exist_ok=True)
    for number, seed in enumerate(seeds):
        with open(f"{sys.argv[1]}/{target}/{number:02}", "wb") as file:
            file.write(seed)
