/* SPDX-License-Identifier: GPL-2.0-only */
/* The ancestry of user namespaces. */
#ifndef SETNSMON_USERNS_H
#define SETNSMON_USERNS_H

#include <linux/user_namespace.h>

/*
 * Returns the ancestor of @ns, or @ns itself, at depth @level: NULL if @ns is above it. A
 * child holds a reference to its parent, so the way up exists. Any context.
 */
static inline const struct user_namespace *userns_at_level(const struct user_namespace *ns,
							   int level)
{
	while (ns && ns->level > level)
		ns = ns->parent;
	return ns && ns->level == level ? ns : NULL;
}

/* Returns whether @ns is @ancestor or below it. Any context. */
static inline bool userns_is_within(const struct user_namespace *ns,
				    const struct user_namespace *ancestor)
{
	return userns_at_level(ns, ancestor->level) == ancestor;
}

#endif /* SETNSMON_USERNS_H */
