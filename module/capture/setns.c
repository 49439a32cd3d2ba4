// SPDX-License-Identifier: GPL-2.0-only
#include "capture/setns.h"
#include "capture/caller.h"
#include "capture/class.h"
#include "capture/event.h"
#include "capture/links.h"
#include "capture/target.h"
#include "stream/rings.h"

#include <linux/file.h>
#include <linux/sched.h>
#include <linux/timekeeping.h>

/*
 * How much is kept at entry: everything that may no longer be readable at the return, where
 * the rest is read, right into the event. Only the caller can change its own links and
 * rights, so a call that fails loses nothing. As long as no other task shares the fd table,
 * only the caller can change the meaning of a descriptor. fdget() relies on that, too.
 */
enum snapshot {
	SNAP_FULL,   /* the call can do anything */
	SNAP_TARGET, /* it can only fail, or join one known namespace and move one link */
	SNAP_NONE,   /* it can only fail with EBADF */
};

/**
 * struct inflight - data kept between entry and return
 * @entered: time of the entry
 * @regs: user registers, which stay in place until the call returns
 * @snap: which of the following members are valid
 * @ns: SNAP_TARGET: the namespace behind the descriptor
 * @changes: SNAP_TARGET: a bit for the link that a success changes, or 0 if the caller is in
 *	@ns already
 * @old_inum: SNAP_TARGET: that link at entry, if @changes is not 0
 * @target: SNAP_FULL: the target at entry
 * @before: SNAP_FULL: the caller at entry
 * @after: SNAP_FULL: the caller at the return, if the call succeeded
 */
struct inflight {
	ktime_t entered;
	const struct pt_regs *regs;
	enum snapshot snap;
	u32 changes;
	u32 old_inum;
	struct ns_common *ns;
	struct event_target target;
	struct event_before before;
	struct event_after after;
};

static __always_inline void fill_snapshot(struct inflight *in, const struct file *file)
{
	caller_fill_before(&in->before, get_caller());
	target_fill_file(&in->target, file);
}

/* Keeps the caller and the target. */
static noinline enum snapshot snapshot_full(struct inflight *in, const struct file *file)
{
	fill_snapshot(in, file);
	return SNAP_FULL;
}

/*
 * Keeps all of it for a shared fd table: until setns(2) looks, another task may close the
 * descriptor or replace the file behind it.
 */
static noinline enum snapshot snapshot_shared_fd(struct inflight *in, unsigned int number)
{
	struct fd fd = fdget(number);

	fill_snapshot(in, compat_fd_file(fd));
	fdput(fd);
	return SNAP_FULL;
}

/*
 * Keeps a namespace whose join moves one link of the nsproxy. The file holds the namespace
 * until the call returns. Only that link can be lost, and only if the call leads elsewhere.
 */
static __always_inline enum snapshot snapshot_ns(struct inflight *in, struct ns_common *ns,
						 const struct link_slot *slot)
{
	const struct ns_common *own = links_at(current->nsproxy, slot);

	in->ns = ns;
	in->changes = 0;
	if (own != ns) {
		in->changes = BIT(slot->link);
		in->old_inum = own->inum;
	}
	return SNAP_TARGET;
}

/*
 * Decides what to keep. setns(2) takes the file with fget() or fdget(), which find the same
 * one. Negative descriptors are never valid.
 */
static __always_inline enum snapshot snapshot_entry(struct inflight *in, int fd)
{
	const struct files_struct *files;
	const struct link_slot *slot;
	const struct file *file;
	struct ns_common *ns;

	if (fd < 0)
		return SNAP_NONE;
	files = current->files;
	if (unlikely(atomic_read_acquire(&files->count) != 1))
		return snapshot_shared_fd(in, fd);
	file = target_own_file(files, fd);
	if (!file)
		return SNAP_NONE;
	ns = target_file_ns(file);
	if (likely(ns)) {
		slot = &link_slots[__ffs(compat_ns_type(ns))];
		if (likely(slot->in_proxy))
			return snapshot_ns(in, ns, slot);
	}
	return snapshot_full(in, file);
}

/* Stamps the event from one reading of the clock, which it returns. */
static __always_inline ktime_t stamp(struct event *event)
{
	ktime_t now = ktime_get();

	event->key.stamp = ktime_to_ns(ktime_mono_to_any(now, TK_OFFS_BOOT));
	event->real_ns = ktime_to_ns(ktime_mono_to_any(now, TK_OFFS_REAL));
	return now;
}

static __always_inline void fill_arguments(struct event *event, const struct pt_regs *regs,
					   unsigned int abi)
{
	event->fd = arch_argument(regs, abi, 0);
	event->nstype = arch_argument(regs, abi, 1);
	event->number = arch_call_number(regs);
}

/* One store sets all of it, because all of it is constant. */
static __always_inline void fill_constants(struct event *event, bool tracked, unsigned int abi)
{
	event->entry_abi = abi;
	event->tracked = tracked;
	event->pad = 0;
}

/* Copies the target of a full snapshot, without ids and links that it does not have. */
static __always_inline void copy_target(struct event_target *to, const struct event_target *from)
{
	const size_t first = COMPAT_HAS_NS_IDS ? 0 : offsetof(struct event_target, type);

	BUILD_BUG_ON(offsetof(struct event_target, id) != 0);
	memcpy((u8 *)to + first, (const u8 *)from + first,
	       offsetof(struct event_target, links) - first);
	if (unlikely(from->has & SETNSMON_HAS_TARGET_LINKS))
		memcpy(to->links, from->links, sizeof(to->links));
}

/* Fills in the rest of an event whose target and before are filled in, and publishes it. */
static __always_inline void commit_returned(struct cpu_rings *here, enum ring_class class,
					    struct event *event, struct caller caller,
					    const struct inflight *in, long value, unsigned int abi)
{
	fill_arguments(event, in->regs, abi);
	caller_fill(&event->caller, caller);
	fill_constants(event, true, abi);
	event->ret = value;
	event->duration_ns = ktime_to_ns(ktime_sub(stamp(event), in->entered));
	rings_commit(here, class);
}

/* Commits a call that changed nothing. @snap is a constant for the compiler. */
static __always_inline void commit_unchanged(const struct inflight *in, enum snapshot snap,
					     long value, unsigned int abi)
{
	struct cpu_rings *here = rings_here();
	struct event *event = rings_begin(here, RING_PLAIN);
	struct caller caller;

	if (snap == SNAP_FULL)
		copy_target(&event->target, &in->target);
	else if (snap == SNAP_TARGET)
		target_fill_ns(&event->target, in->ns);
	else
		target_fill_none(&event->target);
	caller = get_caller();
	if (snap == SNAP_FULL)
		event->before = in->before;
	else
		caller_fill_before(&event->before, caller);
	event->changed = 0;
	commit_returned(here, RING_PLAIN, event, caller, in, value, abi);
}

/* Commits a call with a full snapshot that changed links. */
static noinline void commit_changed(const struct inflight *in, u32 changed, unsigned int abi)
{
	enum ring_class class = class_of_success(&in->before, changed);
	struct cpu_rings *here = rings_here();
	struct event *event = rings_begin(here, class);
	struct caller caller = get_caller();

	copy_target(&event->target, &in->target);
	event->before = in->before;
	event->changed = changed;
	memcpy(event->after.links, in->after.links, sizeof(event->after.links));
	event->after.cap_effective = caller_cap_bits(&caller.cred->cap_effective);
	commit_returned(here, class, event, caller, in, 0, abi);
}
NOKPROBE_SYMBOL(commit_changed);

/* Compares two links at a time. */
static __always_inline bool links_equal(const u32 *a, const u32 *b)
{
	const u64 *x = (const u64 *)a;
	const u64 *y = (const u64 *)b;

	BUILD_BUG_ON(SETNSMON_LINKS != 10);
	return !((x[0] ^ y[0]) | (x[1] ^ y[1]) | (x[2] ^ y[2]) | (x[3] ^ y[3]) | (x[4] ^ y[4]));
}

/* Returns a bit for each link that differs. */
static u32 diff_links(const u32 *a, const u32 *b)
{
	u32 changed = 0;
	unsigned int i;

	if (links_equal(a, b))
		return 0;
	for (i = 0; i < SETNSMON_LINKS; i++)
		if (a[i] != b[i])
			changed |= BIT(i);
	return changed;
}

/* The call succeeded and moved its one link: rebuild the full snapshot as of entry. */
static noinline void commit_moved(struct inflight *in, unsigned int abi)
{
	target_fill_ns(&in->target, in->ns);
	caller_fill_before(&in->before, get_caller());
	memcpy(in->after.links, in->before.links, sizeof(in->after.links));
	in->before.links[__ffs(in->changes)] = in->old_inum;
	commit_changed(in, in->changes, abi);
}
NOKPROBE_SYMBOL(commit_moved);

/*
 * Returns a bit for each link that a successful call with a full snapshot changed, and keeps
 * the new links. Nobody else can change them, and their change is the last step of setns(2),
 * which cannot fail (commit_nsset() in kernel/nsproxy.c).
 */
static __always_inline u32 compare_links(struct inflight *in)
{
	u32 *links = in->after.links;

	links_fill_proxy(links, current->nsproxy);
	/* The task's own pid namespace never changes, only the one for its children. */
	links[SETNSMON_LINK_PID] = in->before.links[SETNSMON_LINK_PID];
	links[SETNSMON_LINK_USER] = current_user_ns()->ns.inum;
	return diff_links(in->before.links, links);
}

/* The clock is read last: our own work is no part of the call. */
static __always_inline void call_entered(struct inflight *in, const struct pt_regs *regs,
					 unsigned int abi)
{
	in->regs = regs;
	in->snap = snapshot_entry(in, arch_argument(regs, abi, 0));
	in->entered = ktime_get();
}

static __always_inline void call_returned(struct inflight *in, long value, unsigned int abi)
{
	u32 changed = 0;

	switch (in->snap) {
	case SNAP_TARGET:
		if (unlikely(!value && in->changes))
			commit_moved(in, abi);
		else
			commit_unchanged(in, SNAP_TARGET, value, abi);
		break;
	case SNAP_NONE:
		commit_unchanged(in, SNAP_NONE, value, abi);
		break;
	case SNAP_FULL:
		if (!value)
			changed = compare_links(in);
		if (changed)
			commit_changed(in, changed, abi);
		else
			commit_unchanged(in, SNAP_FULL, value, abi);
		break;
	}
}

static void call_untracked(const struct pt_regs *regs, unsigned int abi)
{
	struct cpu_rings *here = rings_here();
	enum ring_class class;
	struct event *event;
	struct inflight in;

	snapshot_shared_fd(&in, arch_argument(regs, abi, 0));
	class = class_of_untracked(&in.before);
	event = rings_begin(here, class);
	copy_target(&event->target, &in.target);
	event->before = in.before;
	fill_arguments(event, regs, abi);
	caller_fill(&event->caller, get_caller());
	fill_constants(event, false, abi);
	stamp(event);
	rings_commit(here, class);
}
NOKPROBE_SYMBOL(call_untracked);

DEFINE_PROBE_HANDLERS(setns_64, ARCH_ABI_64, struct inflight, call_entered, call_returned,
		      call_untracked);
DEFINE_PROBE_HANDLERS(setns_32, ARCH_ABI_32, struct inflight, call_entered, call_returned,
		      call_untracked);

struct probe_pair setns_pairs[SETNS_PAIRS] = {
	{
		.symbol = ARCH_ENTRY_64(setns),
		.ops = PROBE_OPS(setns_64, struct inflight),
		.wanted = true,
	},
	{
		.symbol = ARCH_ENTRY_32(setns),
		.ops = PROBE_OPS(setns_32, struct inflight),
		.wanted = ARCH_HAS_ENTRY_32,
	},
};
