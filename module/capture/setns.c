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
	SNAP_NONE = -1,	  /* the call can only fail with EBADF */
	SNAP_FULL,	  /* it can do anything except join a mount namespace */
	SNAP_TARGET,	  /* it can only fail, or join one known namespace and move one link */
	SNAP_PLACE,	  /* it can do anything: SNAP_FULL, and the caller's directories */
	SNAP_LIMITED = 8, /* added to another value: the quota limits the caller */
};

/**
 * struct inflight - data kept between entry and return
 * @entered: time of the entry
 * @regs: user registers, which stay in place until the call returns
 * @snap: which of the following members are valid
 * @held: the counter of the quota, with SNAP_LIMITED
 * @ns: SNAP_TARGET: the namespace behind the descriptor
 * @changes: SNAP_TARGET: a bit for the link that a success changes, or 0 if the caller is in
 *	@ns already
 * @old_inum: SNAP_TARGET: that link at entry, if @changes is not 0
 * @target: SNAP_FULL, SNAP_PLACE: the target at entry
 * @before: SNAP_FULL, SNAP_PLACE: the caller at entry
 * @after: SNAP_FULL, SNAP_PLACE: the caller at the return, if the call succeeded
 * @place: SNAP_PLACE: the caller's directories at entry
 */
struct inflight {
	ktime_t entered;
	const struct pt_regs *regs;
	enum snapshot snap;
	u32 changes;
	u32 old_inum;
	struct ns_common *ns;
	atomic_t *held;
	struct event_target target;
	struct event_before before;
	struct event_after after;
	struct caller_place place;
};

/* A call joins only kinds that its second argument names, or any kind if that is 0. */
static __always_inline void fill_snapshot(struct inflight *in, const struct file *file, u32 nstype)
{
	caller_fill_before(&in->before, get_caller());
	target_fill_file(&in->target, file, nstype, in->before.links);
	if (!nstype || nstype & CLONE_NEWNS) {
		caller_fill_place(&in->place);
		in->snap = SNAP_PLACE;
	} else {
		in->snap = SNAP_FULL;
	}
}

/* Keeps the caller and the target. */
static noinline notrace void snapshot_full(struct inflight *in, const struct file *file, u32 nstype)
{
	fill_snapshot(in, file, nstype);
}

/*
 * Keeps all of it for a shared fd table: until setns(2) looks, another task may close the
 * descriptor or replace the file behind it.
 */
static noinline notrace void snapshot_shared_fd(struct inflight *in, unsigned int number,
						u32 nstype)
{
	struct fd fd = fdget(number);

	fill_snapshot(in, compat_fd_file(fd), nstype);
	fdput(fd);
}

/*
 * Keeps a namespace whose join moves one link of the nsproxy. The file holds the namespace
 * until the call returns. Only that link can be lost, and only if the call leads elsewhere.
 */
static __always_inline void snapshot_ns(struct inflight *in, struct ns_common *ns,
					const struct link_slot *slot)
{
	const struct ns_common *own = links_at(current->nsproxy, slot);

	in->ns = ns;
	in->changes = 0;
	if (own != ns) {
		in->changes = BIT(slot->link);
		in->old_inum = own->inum;
	}
	in->snap = SNAP_TARGET;
}

/*
 * Decides what to keep. setns(2) takes the file with fget() or fdget(), which find the same
 * one. Negative descriptors are never valid.
 */
static __always_inline void snapshot_entry(struct inflight *in, const struct pt_regs *regs,
					   unsigned int abi)
{
	int fd = arch_argument(regs, abi, 0);
	const struct files_struct *files;
	const struct link_slot *slot;
	const struct file *file;
	struct ns_common *ns;

	if (fd < 0)
		goto none;
	files = current->files;
	if (unlikely(atomic_read_acquire(&files->count) != 1)) {
		snapshot_shared_fd(in, fd, arch_argument(regs, abi, 1));
		return;
	}
	file = target_own_file(files, fd);
	if (!file)
		goto none;
	ns = target_file_ns(file);
	if (likely(ns)) {
		slot = &link_slots[__ffs(compat_ns_type(ns))];
		if (likely(slot->in_proxy)) {
			snapshot_ns(in, ns, slot);
			return;
		}
	}
	snapshot_full(in, file, arch_argument(regs, abi, 1));
	return;
none:
	in->snap = SNAP_NONE;
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

/* One store sets all of it if all of it is constant. */
static __always_inline void fill_constants(struct event *event, enum ring_class class,
					   enum caller_move move, bool tracked, unsigned int abi)
{
	event->form =
		(struct event_form){ abi, tracked, class_in_record(class), move != CALLER_STAYED };
}

/* Copies the target of a full snapshot, without the members that it does not have. */
static __always_inline void copy_target(struct event_target *to, const struct event_target *from)
{
	const size_t first = COMPAT_HAS_NS_IDS ? 0 : offsetof(struct event_target, id);

	BUILD_BUG_ON(offsetof(struct event_target, owner_id) != 0);
	memcpy((u8 *)to + first, (const u8 *)from + first,
	       offsetof(struct event_target, more) - first);
	if (unlikely(from->form.has & EVENT_HAS_MORE))
		to->more = from->more;
}

/* Fills in the rest of an event whose target and before are filled in, and publishes it. */
static __always_inline void commit_returned(struct cpu_rings *here, enum ring_class class,
					    enum caller_move move, struct event *event,
					    struct caller caller, const struct inflight *in,
					    long value, unsigned int abi)
{
	fill_arguments(event, in->regs, abi);
	caller_fill(&event->caller, caller);
	fill_constants(event, class, move, true, abi);
	event->ret = value;
	event->duration_ns = ktime_to_ns(ktime_sub(stamp(event), in->entered));
	rings_commit(here, class, event);
}

/* Commits a call that changed nothing. @snap is a constant for the compiler. */
static __always_inline void commit_unchanged(const struct inflight *in, enum snapshot snap,
					     long value, unsigned int abi)
{
	struct cpu_rings *here = rings_here();
	struct event *event = rings_begin(here, RING_PLAIN);
	struct caller caller = get_caller();

	if (snap == SNAP_FULL)
		copy_target(&event->target, &in->target);
	else if (snap == SNAP_TARGET)
		target_fill_ns(&event->target, in->ns, caller.user_ns);
	else
		target_fill_none(&event->target);
	if (snap == SNAP_FULL)
		event->before = in->before;
	else
		caller_fill_before(&event->before, caller);
	event->changed = 0;
	commit_returned(here, RING_PLAIN, CALLER_STAYED, event, caller, in, value, abi);
}

/*
 * Commits a call that changed links, or the caller's directories. @ns is the target if the
 * snapshot does not hold it.
 */
static __always_inline void commit_change(const struct inflight *in, struct ns_common *ns,
					  u32 changed, enum caller_move move, unsigned int abi)
{
	bool left_chroot = move == CALLER_MOVED_ROOT && !(changed & BIT(SETNSMON_LINK_MNT));
	enum ring_class class =
		class_of_success(&in->before, in->after.links, changed, left_chroot);
	struct cpu_rings *here = rings_here();
	struct event *event = rings_begin(here, class);
	struct caller caller = get_caller();

	if (ns)
		target_fill_ns(&event->target, ns, caller.user_ns);
	else
		copy_target(&event->target, &in->target);
	event->before = in->before;
	event->changed = changed;
	memcpy(event->after.links, in->after.links, sizeof(event->after.links));
	event->after.cap_effective = caller_cap_bits(&caller.cred->cap_effective);
	commit_returned(here, class, move, event, caller, in, 0, abi);
}

/* Commits it with a full snapshot. */
static noinline void commit_changed(const struct inflight *in, u32 changed, enum caller_move move,
				    unsigned int abi)
{
	commit_change(in, NULL, changed, move, abi);
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
static notrace u32 diff_links(const u32 *a, const u32 *b)
{
	u32 changed = 0;
	unsigned int i;

	for (i = 0; i < SETNSMON_LINKS; i++)
		if (a[i] != b[i])
			changed |= BIT(i);
	return changed;
}

/* Commits a call that moved its one link: rebuilds what was true at entry. */
static noinline void commit_moved(struct inflight *in, unsigned int abi)
{
	caller_fill_before(&in->before, get_caller());
	memcpy(in->after.links, in->before.links, sizeof(in->after.links));
	in->before.links[__ffs(in->changes)] = in->old_inum;
	commit_change(in, in->ns, in->changes, CALLER_STAYED, abi);
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
	return likely(links_equal(in->before.links, links)) ? 0
							    : diff_links(in->before.links, links);
}

/* The clock is read last: our own work is no part of the call. */
static __always_inline void call_entered(struct inflight *in, const struct pt_regs *regs,
					 unsigned int abi)
{
	in->regs = regs;
	snapshot_entry(in, regs, abi);
	in->entered = ktime_get();
}

static __always_inline void call_limited(struct inflight *in, atomic_t *held)
{
	in->held = held;
	in->snap += SNAP_LIMITED;
}

static __always_inline void target_returned(struct inflight *in, long value, unsigned int abi)
{
	if (unlikely(!value && in->changes))
		commit_moved(in, abi);
	else
		commit_unchanged(in, SNAP_TARGET, value, abi);
}

static __always_inline void full_returned(struct inflight *in, long value, unsigned int abi)
{
	u32 changed = value ? 0 : compare_links(in);

	if (changed)
		commit_changed(in, changed, CALLER_STAYED, abi);
	else
		commit_unchanged(in, SNAP_FULL, value, abi);
}

static __always_inline void place_returned(struct inflight *in, long value, unsigned int abi)
{
	enum caller_move move = value ? CALLER_STAYED : caller_move(&in->place);
	u32 changed = value ? 0 : compare_links(in);

	if (changed || move != CALLER_STAYED)
		commit_changed(in, changed, move, abi);
	else
		commit_unchanged(in, SNAP_FULL, value, abi);
}

static __always_inline void none_returned(struct inflight *in, long value, unsigned int abi)
{
	commit_unchanged(in, SNAP_NONE, value, abi);
}

/* One function for each snapshot and ABI: a call then saves only the registers it needs. */
#define DEFINE_RETURN(name, abi)                                                                   \
	static noinline notrace int name##_##abi(struct kretprobe_instance *ri,                    \
						 struct pt_regs *regs)                             \
	{                                                                                          \
		name((struct inflight *)ri->data, regs_return_value(regs), ARCH_ABI_##abi);        \
		return 0;                                                                          \
	}                                                                                          \
	NOKPROBE_SYMBOL(name##_##abi)

/*
 * Chooses one of them. EBADF is tested first because it is the shortest call. A limited call
 * gives its instance back to the quota, and is chosen for again without the mark.
 */
#define DEFINE_RETURNS(abi)                                                                        \
	DEFINE_RETURN(none_returned, abi);                                                         \
	DEFINE_RETURN(target_returned, abi);                                                       \
	DEFINE_RETURN(full_returned, abi);                                                         \
	DEFINE_RETURN(place_returned, abi);                                                        \
	static int limited_returned_##abi(struct kretprobe_instance *ri, struct pt_regs *regs);    \
                                                                                                   \
	static __always_inline int call_returned_##abi(struct kretprobe_instance *ri,              \
						       struct pt_regs *regs)                       \
	{                                                                                          \
		enum snapshot snap = ((struct inflight *)ri->data)->snap;                          \
                                                                                                   \
		if (snap < SNAP_FULL)                                                              \
			return none_returned_##abi(ri, regs);                                      \
		if (snap == SNAP_TARGET)                                                           \
			return target_returned_##abi(ri, regs);                                    \
		if (snap == SNAP_FULL)                                                             \
			return full_returned_##abi(ri, regs);                                      \
		if (snap == SNAP_PLACE)                                                            \
			return place_returned_##abi(ri, regs);                                     \
		return limited_returned_##abi(ri, regs);                                           \
	}                                                                                          \
                                                                                                   \
	static noinline notrace int limited_returned_##abi(struct kretprobe_instance *ri,          \
							   struct pt_regs *regs)                   \
	{                                                                                          \
		struct inflight *in = (struct inflight *)ri->data;                                 \
                                                                                                   \
		probe_quota_give(in->held);                                                        \
		in->snap -= SNAP_LIMITED;                                                          \
		return call_returned_##abi(ri, regs);                                              \
	}                                                                                          \
	NOKPROBE_SYMBOL(limited_returned_##abi)

DEFINE_RETURNS(64);
DEFINE_RETURNS(32);

static void call_untracked(const struct pt_regs *regs, unsigned int abi)
{
	struct cpu_rings *here = rings_here();
	enum ring_class class;
	struct event *event;
	struct inflight in;
	int fd = arch_argument(regs, abi, 0);
	u32 nstype = arch_argument(regs, abi, 1);

	snapshot_shared_fd(&in, fd, nstype);
	class = class_of_untracked(&in.before, &in.target, fd, nstype);
	event = rings_begin(here, class);
	copy_target(&event->target, &in.target);
	event->before = in.before;
	fill_arguments(event, regs, abi);
	caller_fill(&event->caller, get_caller());
	fill_constants(event, class, CALLER_STAYED, false, abi);
	stamp(event);
	rings_commit(here, class, event);
}
NOKPROBE_SYMBOL(call_untracked);

DEFINE_PROBE_HANDLERS(setns_64, ARCH_ABI_64, struct inflight, call_entered, call_limited,
		      call_returned_64, call_untracked);
DEFINE_PROBE_HANDLERS(setns_32, ARCH_ABI_32, struct inflight, call_entered, call_limited,
		      call_returned_32, call_untracked);

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
