/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The ten namespaces of a task, by the names of /proc/self/ns. How they are read is
 * here, for it is done at each call; that what is read is true is proven by links.c.
 */
#ifndef SETNSMON_LINKS_H
#define SETNSMON_LINKS_H

#include <linux/cgroup.h>
#include <linux/cred.h>
#include <linux/ipc_namespace.h>
#include <linux/nsproxy.h>
#include <linux/pid.h>
#include <linux/pid_namespace.h>
#include <linux/sched.h>
#include <linux/setnsmon.h>
#include <linux/time_namespace.h>
#include <linux/user_namespace.h>
#include <linux/utsname.h>
#include <net/net_namespace.h>

/* Bytes from a struct mnt_namespace, which is opaque to modules, to its ns_common. */
extern size_t links_mnt_ns_offset;

/**
 * struct links_place - where a task has the one link that setns(2) moves for a kind
 * @in_proxy: bytes from its nsproxy to the pointer; 0 where there is no such link, or
 *	another one moves as well
 * @in_ns: bytes from what that points to, to its ns_common
 * @link: enum setnsmon_link
 */
struct links_place {
	u16 in_proxy;
	u16 in_ns;
	u32 link;
};

/* By the number of its CLONE_NEW* bit */
extern struct links_place links_places[32];

/**
 * links_prove() - learn what the headers do not tell, and prove all of it
 *
 * Where the namespaces of a task are found is known from this kernel's headers, for
 * mount namespaces from what is learnt here. That it is true is proven by the loading
 * task's own: each link must be what /proc/self/ns says. To be called before any other
 * function here. May sleep.
 *
 * Return: 0, or a negative error number, with the reason in the kernel log.
 */
int links_prove(void);

static inline struct ns_common *links_mnt_ns_common(const struct mnt_namespace *mnt_ns)
{
	return (struct ns_common *)((char *)mnt_ns + links_mnt_ns_offset);
}

/* One of the eight links that a task has by its nsproxy; NULL for the two others. */
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

/* The same, by its place. */
static inline const struct ns_common *links_at(const struct nsproxy *proxy,
					       const struct links_place *place)
{
	const char *ns = *(const char *const *)((const char *)proxy + place->in_proxy);

	return (const struct ns_common *)(ns + place->in_ns);
}

/* All eight. The compiler knows each link here, and what is left is its loads. */
static inline void links_read_proxy(u32 *links, const struct nsproxy *proxy)
{
#define READ_LINK(link) (links[link] = links_in_proxy(proxy, link)->inum)
	READ_LINK(SETNSMON_LINK_CGROUP);
	READ_LINK(SETNSMON_LINK_IPC);
	READ_LINK(SETNSMON_LINK_MNT);
	READ_LINK(SETNSMON_LINK_NET);
	READ_LINK(SETNSMON_LINK_PID_FOR_CHILDREN);
	READ_LINK(SETNSMON_LINK_TIME);
	READ_LINK(SETNSMON_LINK_TIME_FOR_CHILDREN);
	READ_LINK(SETNSMON_LINK_UTS);
#undef READ_LINK
}

/* The two others: by its struct pid, which an exiting task loses, and by its credentials. */
static inline void links_read_others(u32 *links, struct pid *pid,
				     const struct user_namespace *user_ns)
{
	const struct pid_namespace *pid_ns = ns_of_pid(pid);

	links[SETNSMON_LINK_PID] = pid_ns ? pid_ns->ns.inum : 0;
	links[SETNSMON_LINK_USER] = user_ns->ns.inum;
}

/*
 * A task that calls has all ten. @pid_ns and @user_ns are those that it is in, for who
 * calls this looks at them as well.
 */
static __always_inline void links_read_own(u32 *links, const struct pid_namespace *pid_ns,
					   const struct user_namespace *user_ns)
{
	links_read_proxy(links, current->nsproxy);
	links[SETNSMON_LINK_PID] = pid_ns->ns.inum;
	links[SETNSMON_LINK_USER] = user_ns->ns.inum;
}

#endif /* SETNSMON_LINKS_H */
