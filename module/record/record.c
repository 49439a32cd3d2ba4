// SPDX-License-Identifier: GPL-2.0-only
#include "record/record.h"
#include "compat.h"

#include <linux/audit.h>
#include <linux/bitops.h>
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/log2.h>
#include <linux/sched.h>

u32 conclude_initial[SETNSMON_LINKS];

/* Which link of the caller setns(2) moves for a kind: by the number of its CLONE_NEW* bit. */
static const u8 link_of_bit[32] = {
	[const_ilog2(CLONE_NEWTIME)] = SETNSMON_LINK_TIME,
	[const_ilog2(CLONE_NEWNS)] = SETNSMON_LINK_MNT,
	[const_ilog2(CLONE_NEWCGROUP)] = SETNSMON_LINK_CGROUP,
	[const_ilog2(CLONE_NEWUTS)] = SETNSMON_LINK_UTS,
	[const_ilog2(CLONE_NEWIPC)] = SETNSMON_LINK_IPC,
	[const_ilog2(CLONE_NEWUSER)] = SETNSMON_LINK_USER,
	[const_ilog2(CLONE_NEWPID)] = SETNSMON_LINK_PID_FOR_CHILDREN,
	[const_ilog2(CLONE_NEWNET)] = SETNSMON_LINK_NET,
};

#define ALL_KINDS                                                                                  \
	(CLONE_NEWTIME | CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC |             \
	 CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET)

/* All ones in the bytes of a word before its first that is zero; little endian. */
static u64 bytes_before_nul(u64 word)
{
	const u64 ones = ~0ULL / 0xff;
	u64 nuls = (word - ones) & ~word & (ones << 7); /* exact up to the first */

	return (nuls - 1) & ~nuls;
}

/*
 * What follows the first NUL may be left of a longer name (on Linux 5.10), or be
 * half of a name that another thread was writing just then: it is zeroed.
 */
static void end_comm(struct setnsmon_setns *call)
{
	u64 *words = (u64 *)call->comm;
	u64 mask = bytes_before_nul(words[0]);

	BUILD_BUG_ON(sizeof(call->comm) != 2 * sizeof(u64) || TASK_COMM_LEN != 2 * sizeof(u64) ||
		     offsetof(struct setnsmon_setns, comm) % sizeof(u64));
	words[0] &= mask;
	words[1] &= mask == ~0ULL ? bytes_before_nul(words[1]) & ~0ULL >> 8 : 0;
}

/* The kinds to which these links belong. */
static u32 kinds_of(u32 links)
{
	u32 kinds = 0;
	u32 left;

	for (left = ALL_KINDS; left; left &= left - 1)
		if (links & BIT(link_of_bit[__ffs(left)]))
			kinds |= left & -left;
	return kinds;
}

/* What fd named at entry had, in the place of this link of the caller. */
static bool target_matches(const struct setnsmon_setns *call, unsigned int link)
{
	/* A process lends the pid namespace that it is in. */
	unsigned int source = link == SETNSMON_LINK_PID_FOR_CHILDREN ? SETNSMON_LINK_PID : link;

	if (call->fd_kind == SETNSMON_FD_NSFS)
		return call->after[link] == call->target_inum;
	return !(call->has & SETNSMON_HAS_TARGET_LINKS) ||
	       call->after[link] == call->target_links[source];
}

/*
 * Could a successful call have led from what fd named at entry to what is there
 * now? setns(2) takes the file after we did; another thread may have put another
 * one in its place, or the process behind a pidfd may have moved.
 */
static bool explains_after(const struct setnsmon_setns *call, u32 kinds, u32 changed)
{
	u32 explained = kinds & CLONE_NEWTIME ? BIT(SETNSMON_LINK_TIME_FOR_CHILDREN) : 0;

	for (; kinds; kinds &= kinds - 1) {
		unsigned int link = link_of_bit[__ffs(kinds)];

		if (!target_matches(call, link))
			return false;
		explained |= BIT(link);
	}
	return !(changed & ~explained);
}

/* With an nstype the kernel has joined just that, whatever fd was. */
static void judge_success(struct setnsmon_setns *call, u32 changed)
{
	u32 kinds = call->fd_kind == SETNSMON_FD_PIDFD ? call->nstype : call->target_type;

	if (!kinds || (call->nstype && call->nstype != kinds) ||
	    !explains_after(call, kinds, changed)) {
		call->flags |= SETNSMON_FLAG_RACED;
		kinds = call->nstype ?: kinds_of(changed);
	}
	call->joined = kinds;
}

/* Did one of these links come to an initial namespace? */
static bool reached_initial(const struct setnsmon_setns *call, u32 changed)
{
	for (; changed; changed &= changed - 1)
		if (call->after[__ffs(changed)] == conclude_initial[__ffs(changed)])
			return true;
	return false;
}

static void conclude_success(struct setnsmon_setns *call, u32 changed)
{
	judge_success(call, changed);
	if (reached_initial(call, changed))
		call->flags |= SETNSMON_FLAG_TO_INIT;
}

/* The initial user namespace is everybody else's ancestor, though nothing owns it. */
static bool is_ownerless(const struct setnsmon_setns *call)
{
	return (call->has & (SETNSMON_HAS_TARGET_NS | SETNSMON_HAS_OWNER)) ==
	       SETNSMON_HAS_TARGET_NS;
}

/* What is not there is zero. */
static void clear_absent(struct setnsmon_setns *call)
{
	if (!COMPAT_HAS_NS_IDS || !(call->has & SETNSMON_HAS_TARGET_NS))
		call->target_id = 0;
	if (!COMPAT_HAS_NS_IDS || !(call->has & SETNSMON_HAS_OWNER))
		call->owner_id = 0;
	if (!(call->has & SETNSMON_HAS_TARGET_NS)) {
		call->target_type = 0;
		call->target_inum = 0;
	}
	if (!(call->has & SETNSMON_HAS_TARGET_PID))
		call->target_pid = 0;
	if (!(call->has & SETNSMON_HAS_OWNER)) {
		call->owner_inum = 0;
		call->owner_level = 0;
		call->owner_uid = 0;
		call->relation = SETNSMON_RELATION_NONE;
	}
	if (!(call->has & SETNSMON_HAS_TARGET_LINKS))
		memset(call->target_links, 0, sizeof(call->target_links));
}

static void conclude_target(struct setnsmon_setns *call)
{
	clear_absent(call);
	if (COMPAT_HAS_NS_IDS)
		call->has |= SETNSMON_HAS_NS_IDS;
	if (is_ownerless(call) && call->caller_userns_level)
		call->flags |= SETNSMON_FLAG_USERNS_CROSS | SETNSMON_FLAG_UPWARD;
	if (call->relation > SETNSMON_RELATION_SAME)
		call->flags |= SETNSMON_FLAG_USERNS_CROSS;
	if (call->relation == SETNSMON_RELATION_ANCESTOR)
		call->flags |= SETNSMON_FLAG_UPWARD;
}

static void conclude_audit(struct setnsmon_setns *call)
{
	if (call->loginuid == AUDIT_UID_UNSET)
		call->loginuid = 0;
	else
		call->has |= SETNSMON_HAS_LOGINUID;
	if (call->sessionid == AUDIT_SID_UNSET)
		call->sessionid = 0;
	else
		call->has |= SETNSMON_HAS_SESSIONID;
}

static void conclude_return(struct setnsmon_setns *call)
{
	u32 changed = call->joined;

	call->has |= SETNSMON_HAS_RET;
	call->joined = 0;
	if (!changed) {
		memcpy(call->after, call->before, sizeof(call->after));
		call->cap_effective_after = call->cap_effective;
	}
	if (call->cap_effective_after & ~call->cap_effective)
		call->flags |= SETNSMON_FLAG_CAPS_GAINED;
	if (call->ret == 0)
		conclude_success(call, changed);
	else if (call->ret == -EPERM || call->ret == -EACCES)
		call->flags |= SETNSMON_FLAG_DENIED;
}

static void conclude_no_return(struct setnsmon_setns *call)
{
	call->duration_ns = 0;
	call->cap_effective_after = 0;
	call->ret = 0;
	call->joined = 0;
	memset(call->after, 0, sizeof(call->after));
}

void conclude(struct setnsmon_record *record, u32 cpu)
{
	struct setnsmon_setns *call = &record->setns;

	record->type = SETNSMON_RECORD_SETNS;
	record->size = sizeof(*record);
	record->cpu = cpu;
	call->caller_userns_inum = call->before[SETNSMON_LINK_USER];
	call->pad = 0;
	call->pad2 = 0;
	call->has |= SETNSMON_HAS_CGROUP;
	conclude_target(call);
	conclude_audit(call);
	end_comm(call);
	if (call->flags & SETNSMON_FLAG_RET_UNKNOWN)
		conclude_no_return(call);
	else
		conclude_return(call);
}
