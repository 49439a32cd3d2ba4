/* SPDX-License-Identifier: GPL-2.0-only */
/* A made-up family of user namespaces, and a table that says which is an ancestor of which. */
#ifndef SETNSMON_KUNIT_FAMILY_H
#define SETNSMON_KUNIT_FAMILY_H

#include "suite.h"

#include <linux/user_namespace.h>

/*
 *	HOST - TENANT - POD - NESTED
 *	     \        \ TWIN
 *	       OTHER
 */
enum { HOST, TENANT, POD, NESTED, TWIN, OTHER, FAMILY };

static const char *const family_names[FAMILY] = {
	"host", "tenant", "pod", "nested", "twin", "other",
};

/* Whether the column's user namespace is the row's or below it. */
static const bool lies_below[FAMILY][FAMILY] = {
	[HOST] = { 1, 1, 1, 1, 1, 1 },
	[TENANT] = { 0, 1, 1, 1, 1, 0 },
	[POD] = { 0, 0, 1, 1, 0, 0 },
	[NESTED] = { 0, 0, 0, 1, 0, 0 },
	[TWIN] = { 0, 0, 0, 0, 1, 0 },
	[OTHER] = { 0, 0, 0, 0, 0, 1 },
};

static inline struct user_namespace *family_new(struct kunit *test)
{
	static const int levels[FAMILY] = { 0, 1, 2, 3, 2, 1 };
	static const int parents[FAMILY] = { -1, HOST, TENANT, POD, TENANT, HOST };
	struct user_namespace *family;
	int i;

	family = kunit_kcalloc(test, FAMILY, sizeof(*family), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, family);
	for (i = 0; i < FAMILY; i++) {
		family[i].level = levels[i];
		family[i].parent = i ? &family[parents[i]] : NULL;
		family[i].ns.inum = 1000 + i;
	}
	return family;
}

#endif /* SETNSMON_KUNIT_FAMILY_H */
