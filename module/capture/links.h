/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The ten namespaces of a task, by the names in /proc/PID/ns. Handlers read them at each
 * call, so the functions are inlined. links.c verifies at load that they read the truth.
 */
#ifndef SETNSMON_LINKS_H
#define SETNSMON_LINKS_H

#include "kinds.h"

#include <linux/cgroup.h>
#include <linux/cred.h>
#include <linux/fs.h>
#include <linux/ipc_namespace.h>
#include <linux/nsproxy.h>
#include <linux/pid.h>
#include <linux/pid_namespace.h>
#include <linux/proc_ns.h>
#include <linux/sched.h>
#include <linux/setnsmon.h>
#include <linux/time_namespace.h>
#include <linux/user_namespace.h>
#include <linux/utsname.h>
#include <net/net_namespace.h>

/*
 * links_verify() - learns the layout that headers do not show, and verifies all of it
 *
 * This kernel's headers show where a task keeps its namespaces, except for struct
 * mnt_namespace, whose layout is learnt here, together with the operations of namespace files.
 * The loading task serves as the proof: each of its links must be the one in /proc/self/ns.
 * Call it before any other function here. Returns 0, or a negative error number with the
 * reason in the kernel log. May sleep.
 */
int links_verify(void);

/* The operations of all namespace files, by which the kernel recognises them. */
extern const struct file_operations *links_file_ops;

/* Inode numbers of the initial namespaces, indexed by enum setnsmon_link. */
extern u32 links_initial[SETNSMON_LINKS];

/*
 * Predicts the links of a caller after it joined a target: fills in @after and returns a bit
 * for each link that differs from @before. The target is the namespace @inum of the kind
 * @type if @type is not 0. Otherwise it is the process with these @links, or NULL. A bit in
 * @kinds for each kind that the caller asks for, or none for any. Any context.
 */
u32 links_after_join(u32 *after, const u32 *before, u32 kinds, u32 type, u32 inum,
		     const u32 *links);

/*
 * Returns whether a caller with these links is in the namespace @inum of the kind @type, so that
 * joining it moves nothing. A time namespace has two links, so for that it never says yes. Any
 * context; the links may be overwritten meanwhile.
 */
static __always_inline bool links_are_in(const u32 *links, u32 type, u32 inum)
{
	return links[ns_kinds[__ffs(type)].moved] == inum && type != CLONE_NEWTIME;
}

/* Returns whether @inum is the initial namespace of that link. Any context. */
static inline bool links_is_initial(unsigned int link, u32 inum)
{
	return inum == links_initial[link];
}

/**
 * struct link_slot - location of the one link that setns(2) moves for a kind
 * @in_proxy: offset of the pointer in struct nsproxy, 0 if the call does not move exactly this
 *	pointer
 * @in_ns: offset of the ns_common in the structure that it points to
 * @owner: distance from the ns_common to the pointer to the owner, 0 if it is not known
 * @link: enum setnsmon_link
 */
struct link_slot {
	u16 in_proxy;
	u16 in_ns;
	s16 owner;
	u16 link;
};

/* Indexed by the number of the CLONE_NEW* bit. */
extern const struct link_slot link_slots[32];

/* Offset of the ns_common in struct mnt_namespace, which is opaque to modules. */
extern size_t links_mnt_ns_offset;

static inline struct ns_common *links_mnt_ns_common(const struct mnt_namespace *mnt_ns)
{
	return (struct ns_common *)((char *)mnt_ns + links_mnt_ns_offset);
}

/* Returns one of the eight links in the nsproxy, NULL for the other two. */
static inline struct ns_common *links_in_proxy(const struct nsproxy *proxy, enum setnsmon_link link)
{
	switch (link) {
	case SETNSMON_LINK_CGROUP:
		return &proxy->cgroup_ns->ns;
	case SETNSMON_LINK_IPC:
		return &proxy->ipc_ns->ns;
	case SETNSMON_LINK_MNT:
		return links_mnt_ns_common(proxy->mnt_ns);
	case SETNSMON_LINK_NET:
		return &proxy->net_ns->ns;
	case SETNSMON_LINK_PID_FOR_CHILDREN:
		return &proxy->pid_ns_for_children->ns;
	case SETNSMON_LINK_TIME:
		return &proxy->time_ns->ns;
	case SETNSMON_LINK_TIME_FOR_CHILDREN:
		return &proxy->time_ns_for_children->ns;
	case SETNSMON_LINK_UTS:
		return &proxy->uts_ns->ns;
	default:
		return NULL;
	}
}

/* Returns the link in the nsproxy at a slot with an @in_proxy. */
static inline const struct ns_common *links_at(const struct nsproxy *proxy,
					       const struct link_slot *slot)
{
	const char *ns = *(const char *const *)((const char *)proxy + slot->in_proxy);

	return (const struct ns_common *)(ns + slot->in_ns);
}

/*
 * Returns the user namespace that owns a namespace of the kind @type, NULL for the initial
 * user namespace. owner() of each kind reads one pointer, but calling it costs more.
 */
static __always_inline const struct user_namespace *links_owner(struct ns_common *ns, u32 type)
{
	s16 at = link_slots[__ffs(type)].owner;

	if (likely(at))
		return *(const struct user_namespace *const *)((const char *)ns + at);
	return ns->ops->owner(ns);
}

/* Fills in the eight links of the nsproxy. Each switch folds to its loads. */
static inline void links_fill_proxy(u32 *links, const struct nsproxy *proxy)
{
#define FILL_LINK(link) (links[link] = links_in_proxy(proxy, link)->inum)
	FILL_LINK(SETNSMON_LINK_CGROUP);
	FILL_LINK(SETNSMON_LINK_IPC);
	FILL_LINK(SETNSMON_LINK_MNT);
	FILL_LINK(SETNSMON_LINK_NET);
	FILL_LINK(SETNSMON_LINK_PID_FOR_CHILDREN);
	FILL_LINK(SETNSMON_LINK_TIME);
	FILL_LINK(SETNSMON_LINK_TIME_FOR_CHILDREN);
	FILL_LINK(SETNSMON_LINK_UTS);
#undef FILL_LINK
}

/*
 * Fills in the other two links of a task, from its struct pid and its credentials. An
 * exiting task has no struct pid: then the link is 0.
 */
static inline void links_fill_others(u32 *links, struct pid *pid,
				     const struct user_namespace *user_ns)
{
	const struct pid_namespace *pid_ns = ns_of_pid(pid);

	links[SETNSMON_LINK_PID] = pid_ns ? pid_ns->ns.inum : 0;
	links[SETNSMON_LINK_USER] = user_ns->ns.inum;
}

/*
 * Fills in all ten links of the current task, which always has them. The caller passes its
 * own namespaces because it already loaded them.
 */
static __always_inline void links_fill_own(u32 *links, const struct pid_namespace *pid_ns,
					   const struct user_namespace *user_ns)
{
	links_fill_proxy(links, current->nsproxy);
	links[SETNSMON_LINK_PID] = pid_ns->ns.inum;
	links[SETNSMON_LINK_USER] = user_ns->ns.inum;
}

#endif /* SETNSMON_LINKS_H */
