/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Whether a record matches the filter of an open file. The rules are in the UAPI header, at
 * struct setnsmon_filter. The reader shares this file with the module, for modules that have
 * no filter. All functions are pure, any context.
 */
#ifndef SETNSMON_FILTER_H
#define SETNSMON_FILTER_H

#include "portable.h"
#include <linux/setnsmon.h>

/* Returns whether all bits and values of a filter are known and consistent. */
bool filter_is_valid(const struct setnsmon_filter *filter);

/* Returns whether a filter matches every record. */
bool filter_is_empty(const struct setnsmon_filter *filter);

/* Returns whether a record matches a valid filter. */
bool filter_matches(const struct setnsmon_filter *filter, const struct setnsmon_record *record);

/* Returns whether @value lies in the range that begins with @first, or there is no range. */
static inline bool filter_in_range(u32 value, u32 first, u32 count)
{
	return !count || value - first < count;
}

/* Returns whether @inum is one of these links. */
static inline bool filter_in_links(u32 inum, const u32 *links)
{
	unsigned int i;

	for (i = 0; i < SETNSMON_LINKS; i++)
		if (links[i] == inum)
			return true;
	return false;
}

/* Returns whether a filter looks for its namespace in this place. */
static inline bool filter_has_place(const struct setnsmon_filter *filter, u32 place)
{
	return !filter->ns_places || filter->ns_places & place;
}

#endif /* SETNSMON_FILTER_H */
