// SPDX-License-Identifier: GPL-2.0-only
#include "capture/class.h"
#include "capture/links.h"
#include "capture/userns.h"

#include <linux/capability.h>
#include <linux/proc_ns.h>

/* A user namespace that may be gone, known by its depth and its inode number. */
struct userns_ref {
	u32 level;
	u32 inum;
};

static const struct userns_ref nowhere = { .level = INT_MAX };

static bool is_within(const struct user_namespace *ns, struct userns_ref ref)
{
	ns = userns_at_level(ns, ref.level);
	return ns && ns->ns.inum == ref.inum;
}

/*
 * Returns the subtree in which the caller is privileged. A user in the initial user namespace
 * owns the user namespaces they created there (cap_capable() in security/commoncap.c). If
 * the call joined anything below such a user namespace, ownership allowed it; otherwise
 * other rights did.
 */
static struct userns_ref own_subtree(const struct event_before *before)
{
	const struct user_namespace *ns = current_user_ns();

	if (before->userns_level)
		return (struct userns_ref){ before->userns_level,
					    before->links[SETNSMON_LINK_USER] };
	ns = userns_at_level(ns, 1);
	if (ns && uid_eq(ns->owner, current_euid()))
		return (struct userns_ref){ 1, ns->ns.inum };
	return nowhere;
}

/* Returns the user namespace of this link of the caller: the link itself, or its owner. */
static const struct user_namespace *link_userns(unsigned int link)
{
	struct ns_common *ns = links_in_proxy(current->nsproxy, link);

	return ns ? ns->ops->owner(ns) : current_user_ns();
}

static bool is_host_admin(const struct event_before *before)
{
	return before->userns_level == 0 && before->cap_effective & BIT_ULL(CAP_SYS_ADMIN);
}

enum ring_class class_of_untracked(const struct event_before *before)
{
	return is_host_admin(before) ? RING_PROTECTED : RING_PLAIN;
}

enum ring_class class_of_success(const struct event_before *before, u32 changed)
{
	struct userns_ref own;

	if (!changed)
		return RING_PLAIN;
	if (is_host_admin(before))
		return RING_PROTECTED;
	own = own_subtree(before);
	for (; changed; changed &= changed - 1)
		if (!is_within(link_userns(__ffs(changed)), own))
			return RING_PROTECTED;
	return RING_PLAIN;
}
