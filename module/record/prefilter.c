// SPDX-License-Identifier: GPL-2.0-only
/*
 * A reader that wants one record in a million skips the others here, for a fraction of what
 * their records would cost. The tests stand in the order of their cost. Where a record follows
 * from several members of the event, the test only rejects what is simple to reject.
 */
#include "record/prefilter.h"
#include "arch/arch.h"
#include "capture/links.h"
#include "record/filter.h"

#include <linux/audit.h>
#include <linux/bitops.h>
#include <linux/errno.h>

/* The flags of namespaces that were asked for and that the caller is not in. */
#define STEP_FLAGS (SETNSMON_FLAG_TARGETS_INIT | SETNSMON_FLAG_UPWARD | SETNSMON_FLAG_USERNS_CROSS)

/* Returns those that the record cannot have. Several namespaces can be behind a pidfd. */
static u32 impossible_steps(const struct event *event)
{
	const struct event_target *target = &event->target;
	u32 has = READ_ONCE(target->form.has);
	u32 type = READ_ONCE(target->type);

	if (!(has & SETNSMON_HAS_TARGET_NS))
		return has & SETNSMON_HAS_TARGET_LINKS ? 0 : STEP_FLAGS;
	if (type && links_are_in(event->before.links, type, READ_ONCE(target->inum)))
		return STEP_FLAGS;
	if (READ_ONCE(target->form.relation) == SETNSMON_RELATION_SAME)
		return SETNSMON_FLAG_UPWARD | SETNSMON_FLAG_USERNS_CROSS;
	return 0;
}

/* Returns flags that the record may have. It has no others. */
static u32 possible_flags(const struct event *event)
{
	s32 ret = READ_ONCE(event->ret);
	u32 impossible = 0;

	if (READ_ONCE(event->form.entry_abi) != ARCH_ABI_32)
		impossible |= SETNSMON_FLAG_KERNEL_COMPAT;
	if (READ_ONCE(event->fd) != -1)
		impossible |= SETNSMON_FLAG_SELFTEST;
	impossible |= impossible_steps(event);
	if (!READ_ONCE(event->form.tracked))
		return ~(impossible | SETNSMON_FLAG_DENIED | SETNSMON_FLAG_CAPS_GAINED |
			 SETNSMON_FLAG_RACED);
	impossible |= SETNSMON_FLAG_RET_UNKNOWN;
	if (ret != -EPERM && ret != -EACCES)
		impossible |= SETNSMON_FLAG_DENIED;
	if (ret)
		impossible |= SETNSMON_FLAG_RACED;
	if (!READ_ONCE(event->changed))
		impossible |= SETNSMON_FLAG_TO_INIT | SETNSMON_FLAG_CAPS_GAINED;
	if (!READ_ONCE(event->form.root_moved))
		impossible |= SETNSMON_FLAG_ROOT_MOVED;
	return ~impossible;
}

static bool flags_may_match(const struct setnsmon_filter *filter, const struct event *event)
{
	if (!(filter->flags_any | filter->flags_all))
		return true;
	return filter_has_flags(filter, possible_flags(event));
}

static bool caller_may_match(const struct setnsmon_filter *filter,
			     const struct event_caller *caller)
{
	u32 loginuid = READ_ONCE(caller->loginuid);

	if (filter->loginuid_count && loginuid == AUDIT_UID_UNSET)
		return false;
	return filter_in_range(READ_ONCE(caller->uid), filter->uid_first, filter->uid_count) &&
	       filter_in_range(loginuid, filter->loginuid_first, filter->loginuid_count) &&
	       (!filter->pid || READ_ONCE(caller->pid) == filter->pid) &&
	       (!filter->cgroup_id || READ_ONCE(caller->cgroup_id) == filter->cgroup_id);
}

/* Which kinds a call joined without asking for one follows from the links that it changed. */
static bool kinds_may_match(const struct setnsmon_filter *filter, const struct event *event)
{
	u32 kinds = READ_ONCE(event->nstype);

	if (!filter->kinds || (!kinds && READ_ONCE(event->changed)))
		return true;
	if (READ_ONCE(event->target.form.has) & SETNSMON_HAS_TARGET_NS)
		kinds |= READ_ONCE(event->target.type);
	return filter->kinds & kinds;
}

static bool namespace_may_match(const struct setnsmon_filter *filter, const struct event *event)
{
	u32 has = READ_ONCE(event->target.form.has);
	u32 inum = filter->ns_inum;

	if (!inum)
		return true;
	if (has & SETNSMON_HAS_TARGET_NS && READ_ONCE(event->target.inum) == inum)
		return true;
	if (has & SETNSMON_HAS_TARGET_LINKS && filter_in_links(inum, event->target.more.links))
		return true;
	return READ_ONCE(event->changed) || filter_in_links(inum, event->before.links);
}

bool prefilter_may_match(const struct setnsmon_filter *filter, const struct event *event)
{
	u32 class = READ_ONCE(event->form.call_class);

	if (filter->classes && !(filter->classes & BIT(class & 31)))
		return false;
	if (filter->events && !(filter->events & BIT(SETNSMON_RECORD_SETNS)))
		return false;
	return filter_has_result(filter, READ_ONCE(event->form.tracked), READ_ONCE(event->ret)) &&
	       flags_may_match(filter, event) && caller_may_match(filter, &event->caller) &&
	       kinds_may_match(filter, event) && namespace_may_match(filter, event);
}
