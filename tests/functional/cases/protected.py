#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Which calls are still held after a thousand others on their CPU, that is, which are
protected: the promise of the header, tested with the smallest rings. flood.py shows that it
holds during a flood."""

from actors import act, holder
from guest import module
from namespaces import ALL_KINDS, KINDS
from records import held
from tap import case, run_cases

USER, NET, UTS = KINDS["user"], KINDS["net"], KINDS["uts"]
RING = 16
NAME = "marked"
SOMEBODY = [1000] * 4


def is_held_after_a_flood(*words):
    """Returns whether the one call of an actor, on CPU 0, is still held."""
    act("pin", 0, "comm", NAME, *words)
    found = [record for record in held() if record.comm.startswith(NAME.encode())]
    if len(found) != 1:
        raise RuntimeError(f"{words}: {len(found)} records")
    act("pin", 0, "fd", 99, "calls", 1000, 0)
    return found[0] in held()


def add(what, expected, *words, prepare=None, **options):
    @case(f"{what}: {'kept' if expected else 'overwritten'}")
    def run(check):
        with module(ring_records=RING):
            if prepare:
                with holder(*prepare, **options) as pid:
                    there = [str(word).replace("PID", str(pid)) for word in words]
                    check.eq(is_held_after_a_flood(*there), expected, "held")
            else:
                check.eq(is_held_after_a_flood(*words), expected, "held")


def done(nstype=0):
    return "call", nstype, "expect", 0


add("root joins another network", True,
    "unshare", NET, "open", "/proc/1/ns/net", *done())
add("root joins a network that a user namespace owns", True,
    "open", "/proc/PID/ns/net", *done(NET), prepare=["unshare", USER | NET, "map"])
add("root joins a user namespace", True,
    "open", "/proc/PID/ns/user", *done(), prepare=["setuid", *SOMEBODY, "unshare", USER])
add("root joins all that a process has", True,
    "pidfd", "PID", *done(UTS | NET), prepare=["unshare", ALL_KINDS & ~KINDS["pid"]])
add("root sets what its children will be in", True,
    "unshare", KINDS["pid"], "open", "/proc/1/ns/pid", *done())
add("root joins the network that it is in", False,
    "open", "/proc/self/ns/net", *done())
add("root names no descriptor", False, "fd", -1, "call", 0)
add("root names the wrong type", False, "open", "/proc/1/ns/net", "call", UTS, "expect", -22)
add("a user is denied the host's network", False,
    "unshare", NET, "open", "/proc/1/ns/net", "setuid", *SOMEBODY, "call", 0, "expect", -1)
add("a user is denied the network that it came from", False,
    "open", "/proc/self/ns/net", "setuid", *SOMEBODY, "unshare", USER | NET, "call", 0, "expect", -1)
add("a user goes from one network of its own to another", False,
    "setuid", *SOMEBODY, "unshare", USER | NET, "open", "/proc/self/ns/net", "unshare", NET, *done())
add("a user joins a user namespace that it has made", False,
    "open", "/proc/PID/ns/user", "setuid", *SOMEBODY, *done(),
    prepare=["setuid", *SOMEBODY, "unshare", USER])
add("a user joins all of a process in a user namespace that it has made", False,
    "pidfd", "PID", "setuid", *SOMEBODY, *done(USER | NET | UTS),
    prepare=["unshare", USER | NET | UTS], user=1000, group=1000)
add("the root of a container goes to and fro in its own user namespace", False,
    "unshare", USER | NET, "map", "open", "/proc/self/ns/net", "unshare", NET, *done())


@case("a late reader finds protected calls of long ago, and the number of lost calls between them")
def history(check):
    with module(ring_records=RING):
        for _ in range(3):
            act("pin", 0, "fd", 99, "calls", 500, 0)
            act("pin", 0, "comm", NAME, "unshare", NET, "open", "/proc/1/ns/net", *done())
        act("pin", 0, "fd", 99, "calls", 100, 0)
        records = [record for record in held() if record.cpu == 0]
    check.eq([record.seq for record in records if record.comm.startswith(NAME.encode())],
             [500, 1001, 1502], "numbers of the crossings")
    following = records[0].seq
    check.eq(following, 500, "the first")
    for record in records:
        check.eq(record.seq, following, f"number, type {record.type}")
        # The first member of the union: the count of a loss
        following += record.target_id if record.type == 2 else 1
    check.eq(following, 1603, "the end")
    check.eq([(record.seq, record.target_id) for record in records if record.type == 2],
             [(501, 500), (1002, 500), (1503, 84)], "losses")


run_cases()
