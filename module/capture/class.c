// SPDX-License-Identifier: GPL-2.0-only
#include "capture/class.h"
#include "capture/links.h"

#include <linux/capability.h>
#include <linux/proc_ns.h>

/* A user namespace, as it is known when it may be gone: by its depth and its number. */
struct territory {
	u32 level;
	u32 inum;
};

#define NOWHERE ((struct territory){ .level = U32_MAX })

/* Does @ns lie within it? A child pins its parent, so the way up is there. */
static bool lies_within(const struct user_namespace *ns, struct territory territory)
{
	while (ns && ns->level > territory.level)
		ns = ns->parent;
	return ns && ns->level == territory.level && ns->ns.inum == territory.inum;
}

/*
 * What the caller may walk about in as it likes. Who is in the initial user namespace
 * is master of those that he made there (security/commoncap.c, cap_capable()): what he
 * joined by this call lies within one of them, or he had other rights.
 */
static struct territory own_territory(const struct setnsmon_setns *call)
{
	const struct user_namespace *ns = current_user_ns();

	if (call->caller_userns_level)
		return (struct territory){ call->caller_userns_level,
					   call->before[SETNSMON_LINK_USER] };
	while (ns->level > 1)
		ns = ns->parent;
	if (ns->level && uid_eq(ns->owner, current_euid()))
		return (struct territory){ ns->level, ns->ns.inum };
	return NOWHERE;
}

/* The user namespace to which this link of the caller leads, or that owns what it leads to. */
static const struct user_namespace *user_ns_of(unsigned int link)
{
	struct ns_common *ns = links_in_proxy(current->nsproxy, link);

	return ns ? ns->ops->owner(ns) : current_user_ns();
}

bool crossing_possible(const struct setnsmon_setns *call)
{
	return call->caller_userns_level == 0 && call->cap_effective & BIT_ULL(CAP_SYS_ADMIN);
}

bool crossing_made(const struct setnsmon_setns *call, u32 changed)
{
	struct territory own;

	if (!changed)
		return false;
	if (crossing_possible(call))
		return true;
	own = own_territory(call);
	for (; changed; changed &= changed - 1)
		if (!lies_within(user_ns_of(__ffs(changed)), own))
			return true;
	return false;
}
