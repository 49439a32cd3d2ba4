#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Hostile command names. The caller gives itself each name, which /proc then has, and
makes a call. The device's text, JSON and logfmt must return the same bytes, one line a
call, and only printable characters of a name may reach a terminal."""

import ctypes
import fcntl
import json
import os
import pty
import random
import re
import struct
import subprocess
import termios
import threading
import unicodedata

from guest import DEVICE, READER, module, unload
from records import keep, parse_line, read_all
from tap import case, run_cases

LIBC = ctypes.CDLL(None, use_errno=True)
PR_SET_NAME = 15
MARK = 0x40            # neither this bit nor a lower one is a kind
ROWS = [
    b"", b" ", b"x", b"\n", b"\n\n\n", b"a\nb", b"\r", b"\r\nevent=setns", b"\t",
    b'"', b'""', b'a"b', b'"quoted"', b"\\", b"\\\\", b"\\n", b"\\x41", b'\\"', b"ends in \\",
    b"=", b"a=b", b"a b", b" lead", b"trail ", b"=x=", b"null", b"0", b"-1", b"[]", b"{}", b"'",
    b"exactly15bytes!", b"123456789012345", b"\x01" * 15, b'"' * 15, b"\\" * 15, b"\n" * 15,
    b" event=setns ", b"\nv=1 event=lost", b'" event="lost"', b"\nevent=lost c=", b'x" uid=0 y="',
    b'a","uid":0,"b":', b'"}\n{"v":1}', b"\\u0000", b"comm=x",
    b"\x1b[2J", b"\x1b[31mred\x1b[0m", b"\x1b]0;title\x07", b"\x1bc", b"\x1b[?1049h", b"\x07\x07",
    b"\x08\x08\x08x", b"\x7f", b"\x9b31m", b"\xc2\x9b31m", b"\xc2\x85next", b"\x0e\x0f",
    b"%s%n%d", b"$(id)", b"`id`", b"<b>", b"&amp;", b";--", b"#", b"../../x",
    "äöü".encode(), "日本".encode(), "€".encode(), "🐚".encode(), "e\u0301".encode(),
    "a\u202eb".encode(), "\u200b".encode(), "\u2028x".encode(), "\ufeffx".encode(),
    "\u2066x".encode(), "\ufffd".encode(),
    b"\xff", b"\xfe\xff", b"\x80", b"\xc3", b"x\xc3", b"\xc3(", b"\xe2\x82", b"\xf0\x9f\x90",
    b"\xc0\xaf", b"\xc1\x81", b"\xe0\x80\xaf", b"\xed\xa0\x80", b"\xed\xbf\xbf",
    b"\xf4\x90\x80\x80", b"\xf8\x88\x80\x80\x80", b"\xef\xbf\xbe", b"\xef\xbf\xbd\xff",
    b"12345678901234\xc3", b"1234567890123\xe2\x82",
]
# Every byte, pairs of a dangerous byte with others, and random names
ROWS += [bytes(range(low, min(low + 15, 256))) for low in range(1, 256, 15)]
ROWS += [bytes([dangerous, other]) for dangerous in b'\n"\\=\x1b \xff'
         for other in range(1, 256, 7)]
RANDOM = random.Random(3)
ROWS += [bytes(RANDOM.choices(range(1, 256), k=RANDOM.randint(1, 15))) for _ in range(100)]
ROWS += [bytes(RANDOM.choices(b'"\\\n= \x1b[mnx0\xc3\xa4', k=15)) for _ in range(100)]

names = []             # by call: the name in /proc
texts = []             # what one open of the device returned
outputs = {}           # what the reader wrote, by options


def set_name(name):
    buffer = ctypes.create_string_buffer(name)
    if LIBC.prctl(PR_SET_NAME, buffer, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl")
    with open(f"/proc/self/task/{threading.get_native_id()}/comm", "rb") as file:
        return file.read()[:-1]


def on_a_pty(*command, environment, size=(50, 160)):
    """Returns everything that a command writes to a terminal."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("4H", *size, 0, 0))
    attributes = termios.tcgetattr(slave)
    attributes[1] &= ~termios.OPOST         # otherwise each newline adds a return
    termios.tcsetattr(slave, termios.TCSANOW, attributes)
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=slave, stderr=slave,
                               env=environment)
    os.close(slave)
    parts = []
    while True:
        try:
            part = os.read(master, 65536)
        except OSError:                     # EIO: the other end is closed
            break
        if not part:
            break
        parts.append(part)
    os.close(master)
    if process.wait(60):
        raise RuntimeError(f"{command}: status {process.returncode}")
    return b"".join(parts)


def environment(locale):
    return {"PATH": os.environ["PATH"], "LC_ALL": locale, "TERM": "xterm-256color", "TZ": "UTC",
            "COLUMNS": "160"}


def record_all():
    with module(ring_records=4096):
        os.sched_setaffinity(0, {0})
        for number, row in enumerate(ROWS):
            names.append(set_name(row))
            LIBC.setns(-1, number << 8 | MARK)
        set_name(b"python3")
        fd = os.open(DEVICE, os.O_RDONLY | os.O_NONBLOCK)
        texts.append(read_all(fd))
        os.close(fd)
        for form in ("json", "logfmt", "table"):
            for locale in ("C", "C.UTF-8"):
                for color in ("never", "always"):
                    command = [READER, "--no-follow", "-o", form, f"--color={color}"]
                    if form != "table" and (color, locale) != ("never", "C.UTF-8"):
                        continue
                    outputs[form, locale, color, "pipe"] = subprocess.run(
                        command, env=environment(locale), stdin=subprocess.DEVNULL,
                        capture_output=True, check=True, timeout=60).stdout
        for form in ("json", "logfmt", "table"):
            for locale in ("C", "C.UTF-8"):
                outputs[form, locale, "auto", "terminal"] = on_a_pty(
                    READER, "--no-follow", "-o", form, environment=environment(locale))


def lines_of(data):
    """Splits data into lines, at newlines only."""
    lines = data.split(b"\n")
    return lines[:-1] if lines[-1] == b"" else lines + [b"(no newline at the end)"]


@case(f"each of {len(ROWS)} names is in /proc as the caller set it; together they have all bytes")
def as_meant(check):
    check.eq(names, [row[:15] for row in ROWS], "names")
    check.eq(set(b"".join(names)), set(range(1, 256)), "bytes")


@case("the parser of this test rejects what is not logfmt")
def strict(check):
    check.eq(parse_line('a=1 b="x \\"\\\\\\x0a" c= d=e:f'),
             {"a": "1", "b": 'x "\\\n', "c": "", "d": "e:f"}, "a good line")
    for bad in ("a", "a=1 ", " a=1", "a=1  b=2", "a=1 a=2", 'a="x', 'a="x"y', 'a="x"b=1', "a=x=y",
                'a=x"', "a=\\", 'a="\\n"', 'a="\\x4"', 'a="\\x4G"', 'a="\n"', 'a="\x1b"', 'a="ä"',
                "a=ä", "a=1\n", "=1", "A=1", 'a="\x7f"', "a='1'"):
        try:
            parse_line(bad)
            check(False, f"takes {bad!r}")
        except ValueError:
            pass


@case("the device writes one line a call, all logfmt, and each name can be recovered")
def device_text(check):
    data, = texts
    check.eq(set(data) - set(range(0x20, 0x7f)), {0x0a}, "bytes that are not printable ASCII")
    lines = lines_of(data)
    if not check.eq(len(lines), len(names), "lines"):
        return
    shape = None
    for number, (line, name) in enumerate(zip(lines, names)):
        fields = parse_line(line.decode("ascii"))
        check.eq(fields["comm"].encode("latin-1"), name, f"comm of line {number}")
        check.eq(int(fields["nstype"]), number << 8 | MARK, f"nstype of line {number}")
        shape = shape or list(fields)
        check.eq(list(fields), shape, f"names of fields in line {number}")
        check.eq([fields["event"], fields["uid"], fields["fd"], fields["ret"], fields["flags"]],
                 ["setns", "0", "-1", "-9", ""], f"line {number}")


@case("setnsmon -o logfmt writes the device's text, byte for byte")
def logfmt(check):
    for where in (("C.UTF-8", "never", "pipe"), ("C", "auto", "terminal"),
                  ("C.UTF-8", "auto", "terminal")):
        check(outputs[("logfmt",) + where] == texts[0], f"{where} differs")


def no_twice(pairs):
    keys = [key for key, _ in pairs]
    if len(keys) != len(set(keys)):
        raise ValueError(f"a key comes twice: {keys}")
    return dict(pairs)


def not_json(text):
    raise ValueError(text)


@case("setnsmon -o json: each line parses, and each name can be recovered")
def json_output(check):
    data = outputs["json", "C.UTF-8", "never", "pipe"]
    check.eq(set(data) - set(range(0x20, 0x7f)), {0x0a}, "bytes that are not printable ASCII")
    for locale in ("C", "C.UTF-8"):
        check(outputs["json", locale, "auto", "terminal"] == data, f"on a terminal, {locale}")
    lines = lines_of(data)
    if not check.eq(len(lines), len(names), "lines"):
        return
    shape = None
    for number, (line, name) in enumerate(zip(lines, names)):
        keep(line)
        obj = json.loads(line, object_pairs_hook=no_twice, parse_constant=not_json)
        bytes_ = obj.pop("comm_bytes", None)
        text = None if is_wrong(name) else name.decode()
        if text is None:
            check.eq(bytes.fromhex(bytes_ or ""), name, f"comm_bytes of line {number}")
            check.eq(obj["comm"], repaired(name), f"comm of line {number}")
        else:
            check.eq(bytes_, None, f"comm_bytes of line {number}")
            check.eq(obj["comm"], text, f"comm of line {number}")
        check.eq(obj["nstype"], number << 8 | MARK, f"nstype of line {number}")
        shape = shape or list(obj)
        check.eq(list(obj), shape, f"keys of line {number}")
        check.eq([obj["event"], obj["uid"], obj["fd"], obj["ret"], obj["flags"]],
                 ["setns", 0, -1, -9, []], f"line {number}")


def is_wrong(name):
    """Returns whether a name is not UTF-8, or has DEL, the one control that JSON does not escape."""
    try:
        return "\x7f" in name.decode()
    except UnicodeDecodeError:
        return True


def first_char(name):
    """Returns the first character and its length; or None and 1."""
    for length in (1, 2, 3, 4):
        try:
            return name[:length].decode(), length
        except UnicodeDecodeError:
            pass
    return None, 1


def repaired(name):
    """Replaces each wrong byte with U+FFFD, as in setnsmon(4)."""
    out = ""
    while name:
        char, length = first_char(name)
        out += "\ufffd" if char in (None, "\x7f") else char
        name = name[length:]
    return out


# The only sequences that the table itself may write: colours, and their end
SGR = re.compile(r"\x1b\[[0-9;]*m")


def foul(text):
    """Returns the characters that control a terminal or the direction of text."""
    return sorted({f"U+{ord(c):04X}" for c in text
                   if c != "\n" and unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp")})


@case("no control character gets into the table, with and without colours, terminal and UTF-8")
def table(check):
    plain = {}
    for (form, locale, color, where), data in outputs.items():
        if form != "table":
            continue
        which = f"{locale}, colour {color}, {where}"
        if not check(not data.count(b"\r"), f"{which}: holds a return"):
            continue
        try:
            text = data.decode("ascii" if locale == "C" else "utf-8")
        except UnicodeDecodeError as error:
            check(False, f"{which}: {error}")
            continue
        check.eq("\x1b" in text, color == "always" or where == "terminal", f"{which}: coloured")
        text = SGR.sub("", text)
        check.eq(foul(text), [], which)
        lines = [line for line in text.split("\n") if " EBADF " in line]
        check.eq(len(lines), len(names), f"{which}: calls")
        plain[locale, color, where] = lines
    for locale in ("C", "C.UTF-8"):
        first = plain[locale, "never", "pipe"]
        check(plain[locale, "always", "pipe"] == first, f"{locale}: colours change the text")


@case("the table shows each name escaped, unless it is cut")
def table_names(check):
    for locale in ("C", "C.UTF-8"):
        lines = [line for line in outputs["table", locale, "never", "pipe"].decode().split("\n")
                 if " EBADF " in line]
        for number, (line, name) in enumerate(zip(lines, names)):
            shown = escaped(name, locale)
            cut = any(shown[:n] + "+ " in line for n in range(len(shown)))
            check(shown in line or cut, f"{locale}, line {number}: {shown!r} is not in {line!r}")


def escaped(name, locale):
    """Escapes as in setnsmon(8): \\\\ for a backslash, \\xHH for unprintable bytes."""
    out = ""
    while name:
        char, length = first_char(name)
        printable = char and (0x20 <= ord(char) < 0x7f or
                              (locale != "C" and ord(char) > 0x9f and
                               unicodedata.category(char) not in
                               ("Cc", "Cf", "Cs", "Cn", "Co", "Zl", "Zp", "Mn", "Me")))
        if char == "\\":
            out += "\\\\"
        elif printable:
            out += char
        else:
            out += "".join(f"\\x{byte:02x}" for byte in name[:length])
        name = name[length:]
    return out


record_all()
run_cases(unload)
