# SPDX-License-Identifier: GPL-2.0-only
"""Processes that call setns(2) for a test: actor.c, which carries out words, and
threads.c, which makes many calls at once."""

import collections
import contextlib
import struct
import subprocess
import tempfile

from guest import ACTOR, PROGS, must


# ---- actors ----

class Actor:
    """A talking actor; see actor.c."""

    def __init__(self, *words, program=ACTOR, **options):
        self.process = subprocess.Popen([program, *[str(w) for w in words]],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, **options)

    def hear(self):
        line = self.process.stdout.readline().decode().split()
        if not line:
            raise RuntimeError(f"the actor ended, status {self.process.wait()}")
        return line[0], [int(word) for word in line[1:]]

    def expect(self, what):
        word, numbers = self.hear()
        if word != what:
            raise RuntimeError(f"the actor says {word} {numbers}, expected {what}")
        return numbers

    def go(self):
        self.process.stdin.write(b"\n")
        self.process.stdin.flush()

    def end(self):
        self.process.stdin.close()
        self.process.stdout.close()
        return self.process.wait(30)

    def kill(self):
        self.process.kill()
        self.end()


def act(*words, program=ACTOR, timeout=60, **options):
    """Runs an actor that need not be watched."""
    return must(program, *words, timeout=timeout, **options)


@contextlib.contextmanager
def holder(*words, **options):
    """Runs an actor that stays where its words led it. Yields its pid, as /proc shows it."""
    actor = Actor(*words, "hold", **options)
    try:
        actor.expect("hold")
        yield innermost(actor.process.pid)
    finally:
        actor.kill()


def innermost(pid):
    """Returns the last descendant of a process, each of which has one child."""
    while True:
        with open(f"/proc/{pid}/task/{pid}/children") as children:
            words = children.read().split()
        if not words:
            return pid
        pid = int(words[0])


Call = collections.namedtuple("Call", "tid ret fd nstype boot0 boot1 real0 real1")


def start_threads(log, calls, roles):
    """Runs many threads at once; see threads.c."""
    return subprocess.Popen([PROGS + "/threads", log, str(calls), roles], stdin=subprocess.DEVNULL)


def read_thread_log(log):
    """Returns the log of each thread's calls: {tid: [Call, ...]}"""
    threads = {}
    with open(log, "rb") as file:
        for words in struct.iter_unpack("=Ii iI QQQQ", file.read()):
            threads.setdefault(words[0], []).append(Call(*words))
    return threads


def run_threads(calls, roles):
    with tempfile.NamedTemporaryFile() as log:
        process = start_threads(log.name, calls, roles)
        if process.wait(120):
            raise RuntimeError(f"threads: status {process.returncode}")
        return read_thread_log(log.name)
