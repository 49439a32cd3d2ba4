# SPDX-License-Identifier: GPL-2.0-only
"""Records in the formats of the device and of the reader: text, JSON and binary."""

import collections
import ctypes
import fcntl
import json
import os
import re
import struct

import setnsmon
from guest import DEVICE, READER, counter, must


# ---- reading ----

def read_all(fd, size=1 << 20):
    """Reads everything that a non-blocking file holds now."""
    parts = []
    while True:
        try:
            parts.append(os.read(fd, size))
        except BlockingIOError:
            return b"".join(parts)


def device_lines():
    """Returns all lines that the device holds, through a fresh open."""
    fd = os.open(DEVICE, os.O_RDONLY | os.O_NONBLOCK)
    try:
        return read_all(fd).decode().splitlines()
    finally:
        os.close(fd)


_kept = set()


def keep(line):
    """Keeps a line of JSON for the host, which judges it by the schema: functional/judge. Lines that
    differ only in their digits are kept once."""
    path = os.environ.get("SETNSMON_RECORDS")
    line = line.encode() if isinstance(line, str) else line
    shape = re.sub(rb"[0-9]", b"0", line)
    if not path or shape in _kept:
        return
    _kept.add(shape)
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
    os.write(fd, line.strip() + b"\n")
    os.close(fd)


def parse_json(line):
    keep(line)
    return json.loads(line)


def read_json(*options, count=None, timeout=60):
    """Returns count records that are held, as objects from the reader's JSON."""
    if count is None:
        count = counter("recorded")
    if not count:
        return []
    out = must(READER, "-o", "json", "-n", count, *options, timeout=timeout).stdout
    return [parse_json(line) for line in out.splitlines()]


def parse_line(line):
    """Parses a line of logfmt into a dict of strings. Strict: raises on anything unexpected."""
    fields = {}
    rest = line
    while rest:
        match = re.match(r'([a-z_]+(?:\.[a-z_]+)*)='
                         r'(?:"((?:[^"\\\x00-\x1f\x7f-\uffff]|\\["\\]|\\x[0-9a-f]{2})*)"'
                         r'|([-A-Za-z0-9_./:@+,]*))(?: (?=[a-z])|$)', rest)
        if not match or match.group(1) in fields:
            raise ValueError(f"not logfmt at {rest[:60]!r}")
        value = match.group(3)
        if value is None:
            value = re.sub(r'\\(?:x([0-9a-f]{2})|(.))',
                           lambda m: chr(int(m.group(1), 16)) if m.group(1) else m.group(2),
                           match.group(2))
        fields[match.group(1)] = value
        rest = rest[match.end():]
    return fields


BY_READER = ("host", "boot_id")


def flatten(obj, prefix=""):
    """Converts a JSON object to the form of the text line, without what the reader adds."""
    flat = {}
    for key, value in obj.items():
        path = prefix + key
        if path in BY_READER:
            continue
        if isinstance(value, dict):
            flat.update(flatten(value, path + "."))
        elif value is None:
            flat[path] = ""
        elif isinstance(value, list):
            flat[path] = ",".join(value)
        else:
            flat[path] = str(value)
    return flat


# ---- binary records ----

IOC_FORMAT = setnsmon.IOC_FORMAT
HAS_RET = setnsmon.HAS_RET
_LETTERS = {1: "b", 2: "h", 4: "i", 8: "q"}


def _format_of(name, kind):
    """Returns the format of a member for the module struct, which is fast; arrays are bytes."""
    size = ctypes.sizeof(kind)
    if name.startswith("pad"):
        return f"{size}x"
    if issubclass(kind, ctypes.Array):
        return f"{size}s"
    return _LETTERS[size] if kind(-1).value < 0 else _LETTERS[size].upper()


_MEMBERS = [*setnsmon.Record._fields_[:-1], *setnsmon.Setns._fields_]
_RECORD = struct.Struct("=" + "".join(_format_of(*member) for member in _MEMBERS))
Record = collections.namedtuple("Record", [name for name, _ in _MEMBERS if not name.startswith("pad")])


def open_binary(flags=os.O_NONBLOCK):
    fd = os.open(DEVICE, os.O_RDONLY | flags)
    fcntl.ioctl(fd, IOC_FORMAT, struct.pack("I", 1))
    return fd


def records_in(data):
    """Parses binary records, in the layout of struct setnsmon_record; sets of links as bytes."""
    return [Record(*words) for words in _RECORD.iter_unpack(data)]


def held():
    """Returns all binary records that the device holds, through a fresh open."""
    fd = open_binary()
    try:
        return records_in(read_all(fd))
    finally:
        os.close(fd)
