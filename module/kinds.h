/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The eight kinds of namespaces, as one table. The module, the text line and the reader
 * are all built from it.
 */
#ifndef SETNSMON_KINDS_H
#define SETNSMON_KINDS_H

#include "portable.h"
#include <linux/sched.h>
#include <linux/setnsmon.h>

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x00000080
#endif
#ifndef CLONE_NEWCGROUP
#define CLONE_NEWCGROUP 0x02000000
#endif

/* clang-format off */
/**
 * NS_KINDS() - expands @KIND for each kind, in the order of their names
 *
 * KIND(bit, name, moved, lent, slot):
 *
 * @bit: the CLONE_NEW* bit
 * @name: the name in /proc/PID/ns
 * @moved: the link of the caller that setns(2) moves, without SETNSMON_LINK_. Joining a time
 *	namespace moves TIME_FOR_CHILDREN as well
 * @lent: the link of a process behind a pidfd that the caller then shares. A process lends
 *	its own pid and time namespaces, never those of its children
 * @slot: the location of the moved link below a struct nsproxy. links.c defines the macros:
 *	IN_PROXY(member, structure), and NOT_ONE_SLOT where a join changes another number of
 *	pointers than one. A join of a mount namespace also changes the root
 */
#define NS_KINDS(KIND)									\
	KIND(CLONE_NEWCGROUP, "cgroup", CGROUP, CGROUP,					\
	     IN_PROXY(cgroup_ns, struct cgroup_namespace))				\
	KIND(CLONE_NEWIPC, "ipc", IPC, IPC, IN_PROXY(ipc_ns, struct ipc_namespace))	\
	KIND(CLONE_NEWNS, "mnt", MNT, MNT, NOT_ONE_SLOT)					\
	KIND(CLONE_NEWNET, "net", NET, NET, IN_PROXY(net_ns, struct net))		\
	KIND(CLONE_NEWPID, "pid", PID_FOR_CHILDREN, PID,				\
	     IN_PROXY(pid_ns_for_children, struct pid_namespace))			\
	KIND(CLONE_NEWTIME, "time", TIME, TIME, NOT_ONE_SLOT)				\
	KIND(CLONE_NEWUSER, "user", USER, USER, NOT_ONE_SLOT)				\
	KIND(CLONE_NEWUTS, "uts", UTS, UTS, IN_PROXY(uts_ns, struct uts_namespace))
/* clang-format on */

#define NS_KIND_BIT(bit, name, moved, lent, slot) | (bit)
/* The CLONE_NEW* bits of all kinds. */
#define NS_KIND_BITS (0 NS_KINDS(NS_KIND_BIT))

/**
 * struct ns_kind - one row of NS_KINDS() for lookup at run time
 * @name: the name, NULL for a bit that is no kind
 * @moves: a bit for each link (enum setnsmon_link) that setns(2) moves
 * @moved: the first of them
 * @lent: enum setnsmon_link
 */
struct ns_kind {
	const char *name;
	u16 moves;
	u8 moved;
	u8 lent;
};

/* Indexed by bit number: ns_kinds[ilog2(CLONE_NEWNET)]. */
extern const struct ns_kind ns_kinds[32];

#endif /* SETNSMON_KINDS_H */
