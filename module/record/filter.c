// SPDX-License-Identifier: GPL-2.0-only
#include "record/filter.h"
#include "kinds.h"
#include "record/fields.h"

#define EVENTS (1U << SETNSMON_RECORD_SETNS | 1U << SETNSMON_RECORD_LOST)
#define CLASSES                                                                                    \
	(1U << SETNSMON_CLASS_PLAIN | 1U << SETNSMON_CLASS_ENTRY | 1U << SETNSMON_CLASS_EXIT)
#define RESULTS (SETNSMON_RESULT_OK | SETNSMON_RESULT_FAILED | SETNSMON_RESULT_UNKNOWN)
#define PLACES	(SETNSMON_PLACE_TARGET | SETNSMON_PLACE_BEFORE | SETNSMON_PLACE_AFTER)

/* The largest error number, MAX_ERRNO of the kernel. */
#define LAST_ERROR 4095

static const struct setnsmon_filter no_filter;

static u32 known_flags(void)
{
	const struct field_name *flag;
	u32 flags = 0;

	for (flag = flag_names; flag->len; flag++)
		flags |= flag->value;
	return flags;
}

static bool is_range(u32 first, u32 count)
{
	return count ? count - 1 <= U32_MAX - first : !first;
}

bool filter_is_valid(const struct setnsmon_filter *filter)
{
	u32 flags = filter->flags_any | filter->flags_all | filter->flags_none;

	if (memcmp(filter->reserved, no_filter.reserved, sizeof(filter->reserved)))
		return false;
	if (filter->events & ~EVENTS || filter->classes & ~CLASSES ||
	    filter->kinds & ~NS_KIND_BITS || filter->results & ~RESULTS ||
	    filter->ns_places & ~PLACES || flags & ~known_flags())
		return false;
	if (filter->error > LAST_ERROR || (filter->ns_places && !filter->ns_inum))
		return false;
	return is_range(filter->uid_first, filter->uid_count) &&
	       is_range(filter->loginuid_first, filter->loginuid_count);
}

bool filter_is_empty(const struct setnsmon_filter *filter)
{
	return !memcmp(filter, &no_filter, sizeof(*filter));
}

/* Returns whether bit number @bit of a mask is set, or none is. */
static bool has_bit(u32 mask, u32 bit)
{
	return !mask || (bit < 32 && mask >> bit & 1);
}

static bool caller_matches(const struct setnsmon_filter *filter, const struct setnsmon_setns *call)
{
	if (filter->loginuid_count && !(call->has & SETNSMON_HAS_LOGINUID))
		return false;
	return filter_in_range(call->uid, filter->uid_first, filter->uid_count) &&
	       filter_in_range(call->loginuid, filter->loginuid_first, filter->loginuid_count) &&
	       (!filter->pid || call->pid == filter->pid) &&
	       (!filter->cgroup_id || call->cgroup_id == filter->cgroup_id);
}

static bool namespace_matches(const struct setnsmon_filter *filter,
			      const struct setnsmon_setns *call)
{
	u32 inum = filter->ns_inum;

	if (!inum)
		return true;
	if (filter_has_place(filter, SETNSMON_PLACE_TARGET) &&
	    (call->target_inum == inum || filter_in_links(inum, call->target_links)))
		return true;
	if (filter_has_place(filter, SETNSMON_PLACE_BEFORE) && filter_in_links(inum, call->before))
		return true;
	return filter_has_place(filter, SETNSMON_PLACE_AFTER) && filter_in_links(inum, call->after);
}

static bool call_matches(const struct setnsmon_filter *filter, const struct setnsmon_setns *call)
{
	u32 kinds = call->nstype | call->target_type | call->joined;

	return has_bit(filter->classes, call->call_class) &&
	       (!filter->kinds || filter->kinds & kinds) &&
	       filter_has_result(filter, call->has & SETNSMON_HAS_RET, call->ret) &&
	       filter_has_flags(filter, call->flags) && !(call->flags & filter->flags_none) &&
	       caller_matches(filter, call) && namespace_matches(filter, call);
}

bool filter_matches(const struct setnsmon_filter *filter, const struct setnsmon_record *record)
{
	if (record->type == SETNSMON_RECORD_LOST)
		return true;
	if (!has_bit(filter->events, record->type))
		return false;
	return record->type != SETNSMON_RECORD_SETNS || call_matches(filter, &record->setns);
}
