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

/* Returns whether a result matches. @known: the return was followed, and @ret is valid. */
static inline bool filter_has_result(const struct setnsmon_filter *filter, bool known, s32 ret)
{
	u32 result = SETNSMON_RESULT_UNKNOWN;

	if (known)
		result = ret ? SETNSMON_RESULT_FAILED : SETNSMON_RESULT_OK;
	if (filter->results && !(filter->results & result))
		return false;
	return !filter->error || (known && ret == -(s32)filter->error);
}

/* Returns whether these flags include those that a filter demands. */
static inline bool filter_has_flags(const struct setnsmon_filter *filter, u32 flags)
{
	return (!filter->flags_any || flags & filter->flags_any) &&
	       (flags & filter->flags_all) == filter->flags_all;
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
