# SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note OR MIT
"""Records of setns(2) calls from /dev/setnsmon.

    import setnsmon
    for record in setnsmon.records():
        if record.type == setnsmon.RECORD_SETNS:
            print(record.setns.pid, bytes(record.setns.comm).rstrip(b"\0"))

Constants, enumerations and structures are those of <linux/setnsmon.h>, without the prefix: this
file is made from that header, which is their manual.
"""

import ctypes
import fcntl
import os


def _ioc(direction, magic, number, argument):
    return direction << 30 | ctypes.sizeof(argument) << 16 | magic << 8 | number


def _IOW(magic, number, argument):
    return _ioc(1, magic, number, argument)


def _IOR(magic, number, argument):
    return _ioc(2, magic, number, argument)


def _IOWR(magic, number, argument):
    return _ioc(3, magic, number, argument)


def _IO(magic, number):
    return magic << 8 | number


