#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Who owns the target, and where the owner stands, seen from the caller.

Several users make a tree of user namespaces, up to five deep, with siblings and cousins.
Each has a process in namespaces of its own of all eight kinds. Callers in each of them try
the namespaces and pidfds of all the others. Inode number, level, owner's uid and relation
must be those that NS_GET_USERNS, NS_GET_PARENT and NS_GET_OWNER_UID return to root on the
host, who can see all of them. The ioctls, and what the kernel allows, are also checked
against how the tree was made: a name begins with the name of its parent."""

import atexit
import errno
import subprocess

from actors import innermost
from fd_matrix import HOST, Fds, Target, Try, attempt, run_scenes
from guest import ACTOR, must
from namespaces import ALL_KINDS, KINDS, UserNs
from scenes import scene
from tap import case

# Name: uid of its maker in the parent and on the host; first id in the parent, and number of
# ids. No two share an id, and no two numbers are the same by chance.
TREE = {
    "a": (0, 0, 100000, 65536),
    "aa": (0, 100000, 5000, 4000),
    "aaa": (33, 105033, 500, 3000),
    "aaaa": (44, 105544, 100, 2000),
    "aaaaa": (0, 105600, 50, 1000),
    "ab": (11, 100011, 10000, 4000),
    "aab": (0, 105000, 3600, 400),
    "b": (1000, 1000, 200000, 65536),
    "ba": (0, 200000, 5000, 4000),
    "c": (65534, 65534, 300000, 65536),
}
fds = Fds()
actors = []


def inside(parent, *command):
    """Returns a command that runs as root in the user namespace of a node, or of the host if node is None."""
    if parent is None:
        return [str(word) for word in command]
    return ["nsenter", f"--user=/proc/{parent.pid}/ns/user", *[str(word) for word in command]]


class Node:
    """Makes a user namespace, and a process that has all eight kinds from it. The process
    first carries out before, the words of an actor."""

    def __init__(self, name, parent, maker, first, count, before=(), kinds=ALL_KINDS):
        self.name = name
        ids = [maker] * 4
        self.actor = subprocess.Popen(
            inside(parent, ACTOR, *before, "setgid", *ids, "setuid", *ids, "unshare", kinds,
                   "hold", "setgid", *[0] * 4, "setuid", *[0] * 4, "fork", "hold"),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        actors.append(self.actor)
        self.hear()
        for ids in ("uid", "gid"):
            must(*inside(parent, "sh", "-c",
                         f"echo 0 {first} {count} >/proc/{self.actor.pid}/{ids}_map"))
        self.actor.stdin.write(b"\n")
        self.actor.stdin.flush()
        self.hear()
        self.pid = innermost(self.actor.pid)
        self.links = {kind: fds.path(f"/proc/{self.pid}/ns/{kind}") for kind in KINDS}
        self.pidfd = fds.pidfd(self.pid)
        self.ns = UserNs.of_path(f"/proc/{self.pid}/ns/user")

    def hear(self):
        if not self.actor.stdout.readline().startswith(b"hold"):
            raise RuntimeError(f"{self.name} cannot be made")


@atexit.register
def cut():
    for actor in actors:
        actor.kill()


def grow():
    nodes = {}
    for name, (maker, _, first, count) in TREE.items():
        nodes[name] = Node(name, nodes.get(name[:-1]), maker, first, count)
    return nodes


# Before the module is loaded, because nsenter(1) makes calls as well.
tree = grow()
host = {kind: fds.path(f"/proc/1/ns/{kind}") for kind in KINDS}
host_pidfd = fds.pidfd(1)
# A process in a user namespace below a, whose other namespaces a owns
mixed = Node("a-", tree["a"], 0, 20000, 1000, before=["unshare", ALL_KINDS & ~KINDS["user"]],
             kinds=KINDS["user"])


@case("the ioctls know the tree as it was made")
def oracle(check):
    check.eq((HOST.level, HOST.uid, HOST.chain), (0, 0, [HOST.inum]), "the host")
    for name, node in tree.items():
        up = [tree[name[:length]].ns.inum for length in range(len(name), 0, -1)]
        check.eq(node.ns.level, len(name), f"level of {name}")
        check.eq(node.ns.uid, TREE[name][1], f"owner of {name}")
        check.eq(node.ns.chain, up + [HOST.inum], f"ancestors of {name}")
    check.eq(len({node.ns.inum for node in tree.values()}), len(TREE), "user namespaces")


def allowed(caller, owner):
    """Returns whether root of one (None: the host) has all rights in the other."""
    return caller is None or owner is not None and owner.startswith(caller)


def result(caller, owner, kind):
    if kind == "user" and caller == owner:
        return -errno.EINVAL
    return 0 if allowed(caller, owner) else -errno.EPERM


def tries_of(caller):
    """Yields a Try of every target, for a caller of that name."""
    for kind, fd in host.items():
        yield Try(Target(f"{kind} of the host", fd), 0, result(caller, None, kind))
    yield Try(Target("pidfd of the host", host_pidfd), KINDS["uts"], result(caller, None, "uts"))
    for name, node in tree.items():
        for kind, fd in node.links.items():
            yield Try(Target(f"{kind} of {name}", fd), 0, result(caller, name, kind))
        # The process was started further up, so root of its user namespace may not have access to it.
        yield Try(Target(f"pidfd of {name}", node.pidfd), KINDS["net"],
                  {result(caller, name, "net"), -errno.EPERM})


def calls_from(name, tries):
    if name is None:
        return attempt(tries)
    node = tree[name]
    user = node.links["user"]
    return attempt(tries, "user", user, caller=node.ns, fds=[user])


for each in (None, *TREE):
    where = f"level {len(each)}, {each}" if each else "the host"
    @scene(f"root of {where}: namespaces and pidfds of all {len(TREE) + 1}")
    def from_here(name=each):
        return calls_from(name, tries_of(name))


for each in (1000, 105033, 65534):
    made = [name for name, (_, uid, _, _) in TREE.items() if uid == each and len(name) == 1]
    @scene(f"an ordinary user, {each}, of the host: may join {made or 'none'}")
    def ordinary(uid=each, made=tuple(made)):
        # No name begins with an empty tuple.
        tries = [Try(Target(f"user of {name}", node.links["user"]), 0,
                     0 if name.startswith(made) else -errno.EPERM)
                 for name, node in tree.items()]
        tries += [Try(Target(f"net of {name}", node.links["net"]), 0, -errno.EPERM)
                  for name, node in tree.items()]
        return attempt(tries, "uid", uid)


for each in (None, "a", "aa", "b"):
    @scene(f"a process below a, in namespaces of a itself, from {each or 'the host'}")
    def of_two_owners(name=each):
        mine = [Try(Target(f"{kind} of the mixed", fd), 0,
                    result(name, "a-" if kind == "user" else "a", kind))
                for kind, fd in mixed.links.items()]
        # The owner for a pidfd is that of the namespace that is asked for.
        mine.append(Try(Target("pidfd of the mixed", mixed.pidfd), KINDS["net"],
                        {result(name, "a", "net"), -errno.EPERM}))
        return calls_from(name, mine)


@scene("a caller below, in a user namespace that its targets' owner is above, or beside")
def mixed_caller():
    user = mixed.links["user"]
    tries = [Try(Target(f"{kind} of {name}", tree[name].links[kind]), 0, -errno.EPERM)
             for name in ("a", "aa", "b") for kind in ("net", "user", "uts")]
    tries += [Try(Target(f"{kind} of the mixed", fd), 0,
                  -errno.EINVAL if kind == "user" else -errno.EPERM)
              for kind, fd in mixed.links.items()]
    return attempt(tries, "user", user, caller=mixed.ns, fds=[user])


run_scenes()
