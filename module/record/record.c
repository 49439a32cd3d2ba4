// SPDX-License-Identifier: GPL-2.0-only
#include "record/record.h"
#include "arch/arch.h"
#include "capture/links.h"
#include "compat.h"
#include "kinds.h"

#include <linux/audit.h>
#include <linux/bitops.h>
#include <linux/errno.h>
#include <linux/kernel.h>

/* Returns a mask of the bytes before the first NUL of a little-endian word. */
static u64 bytes_before_nul(u64 word)
{
	const u64 ones = ~0ULL / 0xff;
	u64 nuls = (word - ones) & ~word & (ones << 7); /* exact up to the first */

	return (nuls - 1) & ~nuls;
}

/*
 * Copies the name and zeroes the bytes after the first NUL. They may be left over from a
 * longer name (on Linux 5.10), or from a name that another thread was writing.
 */
static void fill_comm(struct setnsmon_setns *__restrict to, const u8 *from)
{
	u64 first, second, mask;

	BUILD_BUG_ON(TASK_COMM_LEN != sizeof(first) + sizeof(second) ||
		     SETNSMON_COMM_LEN != TASK_COMM_LEN);
	memcpy(&first, from, sizeof(first));
	memcpy(&second, from + sizeof(first), sizeof(second));
	mask = bytes_before_nul(first);
	first &= mask;
	second &= mask == ~0ULL ? bytes_before_nul(second) & ~0ULL >> 8 : 0;
	memcpy(to->comm, &first, sizeof(first));
	memcpy(to->comm + sizeof(first), &second, sizeof(second));
}

/*
 * The fill functions set absent members to zero. Another CPU may overwrite the event while
 * they read it. So they only copy members. Each member that decides anything is read once,
 * at the top, and passed on by value.
 */

/* Returns SETNSMON_HAS_* bits of what it filled in. */
static u32 fill_caller(struct setnsmon_setns *__restrict to,
		       const struct event_caller *__restrict from)
{
	u32 has = SETNSMON_HAS_CGROUP;
	u32 loginuid = READ_ONCE(from->loginuid);
	u32 sessionid = READ_ONCE(from->sessionid);

	to->start_ns = from->start_ns;
	to->cgroup_id = from->cgroup_id;
	to->tid = from->tid;
	to->pid = from->pid;
	to->ppid = from->ppid;
	to->ns_pid = from->ns_pid;
	to->ns_tid = from->ns_tid;
	to->uid = from->uid;
	to->gid = from->gid;
	to->suid = from->suid;
	to->sgid = from->sgid;
	to->euid = from->euid;
	to->egid = from->egid;
	to->fsuid = from->fsuid;
	to->fsgid = from->fsgid;
	to->loginuid = loginuid != AUDIT_UID_UNSET ? loginuid : 0;
	to->sessionid = sessionid != AUDIT_SID_UNSET ? sessionid : 0;
	if (loginuid != AUDIT_UID_UNSET)
		has |= SETNSMON_HAS_LOGINUID;
	if (sessionid != AUDIT_SID_UNSET)
		has |= SETNSMON_HAS_SESSIONID;
	fill_comm(to, from->comm);
	return has;
}

static void fill_before(struct setnsmon_setns *__restrict to,
			const struct event_before *__restrict from)
{
	to->cap_permitted = from->cap_permitted;
	to->cap_effective = from->cap_effective;
	to->caller_userns_inum = from->links[SETNSMON_LINK_USER];
	to->caller_userns_level = from->userns_level;
	to->caller_userns_uid = from->userns_uid;
}

/* Fills in a namespace of that type, or none. Returns SETNSMON_HAS_TARGET_ID if it has an id. */
static u32 fill_namespace(struct setnsmon_setns *__restrict to,
			  const struct event_target *__restrict from, u32 type)
{
	to->target_type = type;
	to->target_inum = type ? from->inum : 0;
	if (!(COMPAT_HAS_NS_IDS && type) && !(COMPAT_HAS_NET_COOKIES && type == CLONE_NEWNET)) {
		to->target_id = 0;
		return 0;
	}
	to->target_id = from->id;
	return SETNSMON_HAS_TARGET_ID;
}

static void fill_owner(struct setnsmon_setns *__restrict to,
		       const struct event_target *__restrict from, u32 has)
{
	if (has & SETNSMON_HAS_OWNER) {
		to->owner_id = COMPAT_HAS_NS_IDS ? from->owner_id : 0;
		to->owner_level = from->owner_level;
		to->owner_uid = from->owner_uid;
		to->owner_inum = from->owner_inum;
	} else {
		to->owner_id = 0;
		to->owner_inum = 0;
		to->owner_level = 0;
		to->owner_uid = 0;
	}
}

/* Sets the members that few records have, to zero where they are absent. */
static noinline void fill_more(struct setnsmon_setns *__restrict to,
			       const struct event_target_more *__restrict from, u32 has)
{
	const size_t first = offsetofend(struct setnsmon_setns, comm);

	memset(to->target_links, 0, sizeof(to->target_links));
	memset((u8 *)to + first, 0, sizeof(*to) - first);
	to->target_pid = has & SETNSMON_HAS_TARGET_PID ? from->pid : 0;
	to->fs_magic = has & SETNSMON_HAS_FS_MAGIC ? from->fs_magic : 0;
	if (has & SETNSMON_HAS_TARGET_LINKS)
		memcpy(to->target_links, from->links, sizeof(to->target_links));
	if (has & SETNSMON_HAS_TARGET_USERNS) {
		to->target_userns_id = COMPAT_HAS_NS_IDS ? from->userns_id : 0;
		to->target_userns_inum = from->userns_inum;
		to->target_userns_level = from->userns_level;
		to->target_userns_uid = from->userns_uid;
	}
	if (has & SETNSMON_HAS_TARGET_CGROUP)
		to->target_cgroup_id = from->cgroup_id;
	if (COMPAT_HAS_PID_IDS && has & SETNSMON_HAS_TARGET_PID)
		to->target_pid_id = from->pid_id;
	if (has & SETNSMON_HAS_SHARING) {
		to->threads = from->threads;
		to->fs_users = from->fs_users;
	}
}

/* Returns the flag of a call that tests the module. The form of such a call forbids success. */
static u32 selftest_flag(const struct setnsmon_setns *call)
{
	return unlikely(call->fd == -1 && call->nstype == SETNSMON_SELFTEST_NSTYPE)
		       ? SETNSMON_FLAG_SELFTEST
		       : 0;
}

/* Returns the kinds that these links of a caller belong to. */
static u32 kinds_of_links(u32 links)
{
	u32 kinds = 0;
	u32 left;

	for (left = NS_KIND_BITS; left; left &= left - 1)
		if (links & BIT(ns_kinds[__ffs(left)].moved))
			kinds |= left & -left;
	return kinds;
}

/*
 * The two functions below return whether joining the target, as it was at entry, explains
 * all @changed links. setns(2) takes the file after we did. Meanwhile another thread may have
 * replaced the file, or the process behind a pidfd may have moved.
 */

static bool namespace_explains(const struct setnsmon_setns *call, u32 type, u32 changed)
{
	const struct ns_kind *kind = &ns_kinds[__ffs(type)];

	return call->after[kind->moved] == call->target_inum && !(changed & ~kind->moves);
}

static bool process_explains(const struct setnsmon_setns *call, u32 changed, u32 has)
{
	u32 kinds;
	u32 moves = 0;

	for (kinds = call->nstype; kinds; kinds &= kinds - 1) {
		const struct ns_kind *kind = &ns_kinds[__ffs(kinds)];

		if (has & SETNSMON_HAS_TARGET_LINKS &&
		    call->after[kind->moved] != call->target_links[kind->lent])
			return false;
		moves |= kind->moves;
	}
	return !(changed & ~moves);
}

/*
 * Sets @joined of a call that succeeded, and returns SETNSMON_FLAG_RACED if the target does
 * not explain the result. If nstype is not 0, the kernel joined exactly these kinds.
 */
static u32 fill_joined(struct setnsmon_setns *call, u32 type, u32 changed, u32 has)
{
	u32 nstype = call->nstype;
	bool explained = false;

	call->joined = nstype ?: type;
	if (likely(type))
		explained = (!nstype || nstype == type) && namespace_explains(call, type, changed);
	else if (call->fd_kind == SETNSMON_FD_PIDFD)
		explained = nstype && process_explains(call, changed, has);
	if (likely(explained))
		return 0;
	call->joined = nstype ?: kinds_of_links(changed);
	return SETNSMON_FLAG_RACED;
}

/* Returns whether one of the changed links is now an initial namespace. */
static bool reached_initial(const u32 *links, u32 changed)
{
	for (; changed; changed &= changed - 1)
		if (links_is_initial(__ffs(changed), links[__ffs(changed)]))
			return true;
	return false;
}

/* Copies links to two places. All loads come first, because the stores may alias them. */
static void copy_links_twice(u32 *first, u32 *second, const u32 *from)
{
	const u64 *pairs = (const u64 *)from;
	u64 a = pairs[0], b = pairs[1], c = pairs[2], d = pairs[3], e = pairs[4];
	u64 *to;

	BUILD_BUG_ON(SETNSMON_LINKS != 10);
	to = (u64 *)first;
	to[0] = a, to[1] = b, to[2] = c, to[3] = d, to[4] = e;
	to = (u64 *)second;
	to[0] = a, to[1] = b, to[2] = c, to[3] = d, to[4] = e;
}

/* Fills in what a call changed, and returns the flags that follow from it. */
static u32 fill_change(struct setnsmon_setns *__restrict to, const struct event *__restrict event,
		       u32 changed)
{
	u32 flags = 0;

	memcpy(to->before, event->before.links, sizeof(to->before));
	memcpy(to->after, event->after.links, sizeof(to->after));
	to->cap_effective_after = event->after.cap_effective;
	if (to->cap_effective_after & ~to->cap_effective)
		flags |= SETNSMON_FLAG_CAPS_GAINED;
	if (reached_initial(to->after, changed))
		flags |= SETNSMON_FLAG_TO_INIT;
	return flags;
}

/* Fills in a call that changed nothing. */
static void fill_no_change(struct setnsmon_setns *__restrict to,
			   const struct event *__restrict event)
{
	copy_links_twice(to->before, to->after, event->before.links);
	to->cap_effective_after = to->cap_effective;
}

/* Fills in the result, and returns the flags that follow from it. */
static u32 fill_return(struct setnsmon_setns *__restrict to, const struct event *__restrict event,
		       u32 type, u32 has)
{
	s32 ret = READ_ONCE(event->ret);
	u32 changed = READ_ONCE(event->changed) & (BIT(SETNSMON_LINKS) - 1);
	u32 flags = 0;

	if (unlikely(changed))
		flags |= fill_change(to, event, changed);
	else
		fill_no_change(to, event);
	to->duration_ns = event->duration_ns;
	to->ret = ret;
	to->joined = 0;
	if (!ret)
		flags |= fill_joined(to, type, changed, has);
	else if (ret == -EPERM || ret == -EACCES)
		flags |= SETNSMON_FLAG_DENIED;
	return flags;
}

/*
 * Returns the flags of the namespaces that were asked for and that the caller is not in, whatever
 * the result. A process that was refused although the caller is in all of them is judged by them
 * all the same. Not inlined, because of its array.
 */
static noinline u32 flags_of_step(const struct setnsmon_setns *call, const struct event *event,
				  u32 has, u32 flags)
{
	const u32 *links = has & SETNSMON_HAS_TARGET_LINKS ? call->target_links : NULL;
	u32 after[SETNSMON_LINKS];
	u32 changed = links_after_join(after, call->before, call->nstype, call->target_type,
				       call->target_inum, links);
	u32 relations = 0;

	if (reached_initial(after, changed))
		flags |= SETNSMON_FLAG_TARGETS_INIT;
	if (has & SETNSMON_HAS_RELATION) {
		if (links && changed)
			relations = READ_ONCE(event->target.more.crossed);
		else if (changed || (links && flags & SETNSMON_FLAG_DENIED))
			relations = BIT(call->relation & 7);
	}
	if (relations & BIT(SETNSMON_RELATION_ANCESTOR))
		flags |= SETNSMON_FLAG_USERNS_CROSS | SETNSMON_FLAG_UPWARD;
	if (relations & (BIT(SETNSMON_RELATION_DESCENDANT) | BIT(SETNSMON_RELATION_UNRELATED)))
		flags |= SETNSMON_FLAG_USERNS_CROSS;
	return flags;
}

/* Adds these flags for any target. Most calls ask for nothing remarkable, which is soon seen. */
static __always_inline u32 add_target_flags(u32 flags, const struct setnsmon_setns *call,
					    const struct event *event, u32 type, u32 has)
{
	if (unlikely(has & SETNSMON_HAS_TARGET_LINKS))
		return flags_of_step(call, event, has, flags);
	if (!type || likely(links_are_in(call->before, type, call->target_inum)))
		return flags;
	return flags_of_step(call, event, has, flags);
}

static void fill_no_return(struct setnsmon_setns *__restrict to,
			   const struct event *__restrict event)
{
	memcpy(to->before, event->before.links, sizeof(to->before));
	memset(to->after, 0, sizeof(to->after));
	to->duration_ns = 0;
	to->cap_effective_after = 0;
	to->ret = 0;
	to->joined = 0;
}

/* Fills in the target and the result. @has already holds the bits of the caller. */
static void fill_call(struct setnsmon_setns *__restrict to, const struct event *__restrict event,
		      u32 has)
{
	u8 entry_abi = READ_ONCE(event->form.entry_abi);
	u32 flags = entry_abi == ARCH_ABI_32 ? SETNSMON_FLAG_KERNEL_COMPAT : 0;
	u32 type;

	has |= READ_ONCE(event->target.form.has);
	if (COMPAT_HAS_NS_IDS)
		has |= SETNSMON_HAS_NS_IDS;
	if (COMPAT_HAS_PID_IDS)
		has |= SETNSMON_HAS_PID_IDS;
	to->fd = event->fd;
	to->nstype = event->nstype;
	to->abi = arch_call_abi(READ_ONCE(event->number), entry_abi);
	to->call_class = event->form.call_class;
	/* Both at once */
	BUILD_BUG_ON(offsetof(struct setnsmon_setns, relation) !=
		     offsetof(struct setnsmon_setns, fd_kind) + 1);
	memcpy((u8 *)to + offsetof(struct setnsmon_setns, fd_kind),
	       (const u8 *)event + offsetof(struct event, target.form.fd_kind), 2);
	type = has & SETNSMON_HAS_TARGET_NS ? READ_ONCE(event->target.type) : 0;
	has |= fill_namespace(to, &event->target, type);
	fill_owner(to, &event->target, has);
	if (unlikely((has | to->has) & EVENT_HAS_MORE))
		fill_more(to, &event->target.more, has);
	flags |= selftest_flag(to);
	if (likely(READ_ONCE(event->form.tracked))) {
		flags |= fill_return(to, event, type, has);
		flags = add_target_flags(flags, to, event, type, has);
		if (unlikely(READ_ONCE(event->form.root_moved)))
			flags |= SETNSMON_FLAG_ROOT_MOVED;
		has |= SETNSMON_HAS_RET;
	} else {
		fill_no_return(to, event);
		flags |= SETNSMON_FLAG_RET_UNKNOWN;
		flags = add_target_flags(flags, to, event, type, has);
		/* A plain call cannot succeed, or anybody could repeat it. */
		if (flags & SETNSMON_FLAG_TARGETS_INIT && to->call_class != SETNSMON_CLASS_PLAIN)
			flags |= SETNSMON_FLAG_TO_INIT;
	}
	to->has = has;
	to->flags = flags;
}

void record_from_event(struct setnsmon_record *__restrict to, const struct event *__restrict event,
		       u32 cpu)
{
	u32 has;

	to->type = SETNSMON_RECORD_SETNS;
	to->size = sizeof(*to);
	to->cpu = cpu;
	to->seq = event->key.seq;
	to->boot_ns = event->key.stamp;
	to->real_ns = event->real_ns;
	has = fill_caller(&to->setns, &event->caller);
	fill_before(&to->setns, &event->before);
	fill_call(&to->setns, event, has);
}

void record_from_gap(struct setnsmon_record *to, const struct setnsmon_record *next, u64 count)
{
	/* Clears the rest of the union as well, which an initializer need not do. */
	memset(to, 0, sizeof(*to));
	to->type = SETNSMON_RECORD_LOST;
	to->size = sizeof(*to);
	to->cpu = next->cpu;
	to->seq = next->seq - count;
	to->boot_ns = next->boot_ns;
	to->real_ns = next->real_ns;
	to->lost.count = count;
}
