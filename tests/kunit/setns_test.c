// SPDX-License-Identifier: GPL-2.0-only
/*
 * Whole calls, as the probes hand them to setns.c, made by the thread that runs the test:
 * from the handlers through the real rings to the record that a reader gets.
 */
#include "suite.h"
#include "../../module/capture/setns.c"

#include "budget.h"
#include "reader.h"

#include <linux/delay.h>
#include <linux/proc_ns.h>
#include <linux/slab.h>

#define A 0xaaaaaaaaU /* the number of another namespace */

#define UTS	   0x04000000U
#define LINK(name) BIT(SETNSMON_LINK_##name)

/* ---- the stream ---- */

static struct reader reader;

static u64 committed_in(enum ring_class class)
{
	u64 sum = 0;
	int cpu;

	for_each_possible_cpu (cpu)
		sum += ring_end(&per_cpu(cpu_rings, cpu).rings[class]);
	return sum;
}

/* A new entry still holds an older one. So every next slot of every ring gets other bytes. */
static void soil_rings(void)
{
	struct ring *ring;
	int cpu, class;

	for_each_possible_cpu (cpu)
		for (class = 0; class < RING_CLASSES; class++) {
			ring = &per_cpu(cpu_rings, cpu).rings[class];
			if (!ring->slots)
				continue;
			memset(ring_slot(ring, ring->head) + 1, 0xa5, ring->words * sizeof(u64));
		}
}

/* Numbers of entries that the rings of each class held before a call. */
static u64 committed_before[RING_CLASSES];

/* Expects one more entry in that class than before the call; RING_CLASSES means in none. */
static void expect_committed(struct kunit *test, enum ring_class class)
{
	enum ring_class each;

	for (each = 0; each < RING_CLASSES; each++)
		KUNIT_EXPECT_EQ(test, committed_in(each),
				committed_before[each] + (each == class));
}

static void begin_call(void)
{
	enum ring_class class;

	soil_rings();
	WARN_ON(reader_skip_to_end(&reader));
	for (class = 0; class < RING_CLASSES; class++)
		committed_before[class] = committed_in(class);
}

static void expect_nothing(struct kunit *test)
{
	const struct setnsmon_record *records;

	expect_committed(test, RING_CLASSES);
	KUNIT_EXPECT_EQ(test, reader_peek(&reader, 2, &records), 0);
}

/* Returns the record of the one call since begin_call(), which went into that class. */
static const struct setnsmon_record *expect_one(struct kunit *test, enum ring_class class, int cpu)
{
	const struct setnsmon_record *records;
	unsigned int tries;
	int count = 0;

	expect_committed(test, class);
	for (tries = 0; tries < 1000; tries++) {
		count = reader_peek(&reader, 2, &records);
		if (count)
			break;
		udelay(10); /* the clock has not moved since the call */
	}
	KUNIT_ASSERT_EQ(test, count, 1);
	KUNIT_EXPECT_EQ(test, (int)records->type, SETNSMON_RECORD_SETNS);
	KUNIT_EXPECT_EQ(test, (size_t)records->size, sizeof(*records));
	KUNIT_EXPECT_EQ(test, records->cpu, (u32)cpu);
	KUNIT_EXPECT_EQ(test, (int)records->setns.call_class, (int)class_in_record(class));
	KUNIT_EXPECT_EQ(test, reader_lost(&reader), 0ULL);
	reader_consume(&reader, 1);
	return records;
}

/* Returns the data of an instance. */
static struct inflight *new_inflight(struct kunit *test)
{
	size_t size = offsetof(struct kretprobe_instance, data) + sizeof(struct inflight);
	struct kretprobe_instance *ri = kunit_kmalloc(test, size, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, ri);
	memset(ri, 0xa5, size);
	return (struct inflight *)ri->data;
}

/* Lets the call of that data return, as the kretprobe of @abi does. */
static void return_from(struct inflight *in, long value, unsigned int abi)
{
	void *ri = (u8 *)in - offsetof(struct kretprobe_instance, data);
	struct pt_regs regs = { .ax = value };

	if (abi == ARCH_ABI_64)
		call_returned_64(ri, &regs);
	else
		call_returned_32(ri, &regs);
}

/* ---- parts ---- */

/* Each id of the credentials has another number. */
static void ids(struct kunit *test)
{
	const struct cred cred = {
		.uid = KUIDT_INIT(1), .euid = KUIDT_INIT(2), .suid = KUIDT_INIT(3),
		.fsuid = KUIDT_INIT(4), .gid = KGIDT_INIT(5), .egid = KGIDT_INIT(6),
		.sgid = KGIDT_INIT(7), .fsgid = KGIDT_INIT(8),
	};
	struct event_caller caller = {};

	caller_fill_ids(&caller, &cred);
	KUNIT_EXPECT_EQ(test, caller.uid, 1U);
	KUNIT_EXPECT_EQ(test, caller.euid, 2U);
	KUNIT_EXPECT_EQ(test, caller.suid, 3U);
	KUNIT_EXPECT_EQ(test, caller.fsuid, 4U);
	KUNIT_EXPECT_EQ(test, caller.gid, 5U);
	KUNIT_EXPECT_EQ(test, caller.egid, 6U);
	KUNIT_EXPECT_EQ(test, caller.sgid, 7U);
	KUNIT_EXPECT_EQ(test, caller.fsgid, 8U);
}

static void capabilities(struct kunit *test)
{
	kernel_cap_t caps = {};

	KUNIT_EXPECT_EQ(test, caller_cap_bits(&caps), 0ULL);
	cap_raise(caps, CAP_CHOWN);
	cap_raise(caps, CAP_SYS_ADMIN);
	cap_raise(caps, CAP_CHECKPOINT_RESTORE);
	KUNIT_EXPECT_EQ(test, caller_cap_bits(&caps), 0x10000200001ULL);
}

static void changes(struct kunit *test)
{
	u64 pairs[2][SETNSMON_LINKS / 2];
	u32 *before = (u32 *)pairs[0], *after = (u32 *)pairs[1];
	unsigned int i;

	for (i = 0; i < SETNSMON_LINKS; i++)
		before[i] = after[i] = 1000 + i;
	KUNIT_EXPECT_EQ(test, diff_links(before, after), 0U);
	for (i = 0; i < SETNSMON_LINKS; i++) {
		after[i] ^= 0x80000000;
		KUNIT_EXPECT_EQ(test, diff_links(before, after), 1U << i);
		after[i] ^= 0x80000000;
	}
	for (i = 0; i < SETNSMON_LINKS; i++) {
		after[i] = 0;
		KUNIT_EXPECT_EQ(test, diff_links(before, after), (2U << i) - 1);
	}
}

/* ---- whole calls ---- */

/* Compares the caller with the kernel's own view of this thread. */
static void expect_caller(struct kunit *test, const struct setnsmon_setns *call)
{
	KUNIT_EXPECT_EQ(test, call->pid, (u32)task_tgid_nr(current));
	KUNIT_EXPECT_EQ(test, call->tid, (u32)task_pid_nr(current));
	KUNIT_EXPECT_EQ(test, call->ppid, 2U); /* kthreadd */
	KUNIT_EXPECT_EQ(test, call->ns_tid, (u32)task_pid_vnr(current));
	KUNIT_EXPECT_EQ(test, call->uid, 0U);
	KUNIT_EXPECT_EQ(test, call->fsgid, 0U);
	KUNIT_EXPECT_EQ(test, strncmp((const char *)call->comm, current->comm,
				      sizeof(call->comm)), 0);
	KUNIT_EXPECT_EQ(test, call->caller_userns_inum, (u32)PROC_USER_INIT_INO);
	KUNIT_EXPECT_EQ(test, call->before[SETNSMON_LINK_UTS], (u32)PROC_UTS_INIT_INO);
	KUNIT_EXPECT_EQ(test, call->before[SETNSMON_LINK_PID], (u32)PROC_PID_INIT_INO);
	KUNIT_EXPECT_EQ(test, call->pad2, 0U);
	KUNIT_EXPECT_EQ(test, call->target_links[0], 0U);
}

static void expect_no_target(struct kunit *test, const struct setnsmon_setns *call)
{
	KUNIT_EXPECT_EQ(test, (int)call->fd_kind, SETNSMON_FD_NONE);
	KUNIT_EXPECT_EQ(test, call->target_inum, 0U);
	KUNIT_EXPECT_EQ(test, call->owner_inum, 0U);
	KUNIT_EXPECT_EQ(test, (int)call->relation, SETNSMON_RELATION_NONE);
}

/* A call that returned @value and changed nothing. */
static void expect_unchanged(struct kunit *test, const struct setnsmon_record *record, long value,
			     u32 flags)
{
	const struct setnsmon_setns *call = &record->setns;

	KUNIT_EXPECT_EQ(test, call->ret, (s32)value);
	KUNIT_EXPECT_EQ(test, call->joined, 0U);
	KUNIT_EXPECT_EQ(test, call->flags, flags);
	KUNIT_EXPECT_TRUE(test, call->has & SETNSMON_HAS_RET);
	KUNIT_EXPECT_EQ(test, memcmp(call->before, call->after, sizeof(call->after)), 0);
	KUNIT_EXPECT_EQ(test, call->cap_effective_after, call->cap_effective);
	KUNIT_EXPECT_LE(test, call->duration_ns, record->boot_ns);
	KUNIT_EXPECT_LE(test, record->boot_ns, (u64)ktime_get_boottime_ns());
	KUNIT_EXPECT_LE(test, record->real_ns, (u64)ktime_get_real_ns());
}

/* One that is never valid, and one that another task could have opened just now. */
static const struct pt_regs bad_fds[] = {
	{ .di = -1L, .orig_ax = 308 },
	{ .di = 999999, .orig_ax = 308 },
};

static void call_of(struct kunit *test, const struct pt_regs *bad_fd, long value, u32 flags)
{
	struct inflight *in = new_inflight(test);
	const struct setnsmon_record *record;
	int cpu;

	begin_call();
	preempt_disable();
	call_entered(in, bad_fd, SETNSMON_ABI_X86_64);
	preempt_enable();
	expect_nothing(test);
	preempt_disable();
	return_from(in, value, SETNSMON_ABI_X86_64);
	cpu = smp_processor_id();
	preempt_enable();
	record = expect_one(test, RING_PLAIN, cpu);
	expect_caller(test, &record->setns);
	expect_no_target(test, &record->setns);
	expect_unchanged(test, record, value, flags);
	KUNIT_EXPECT_EQ(test, (int)record->setns.abi, SETNSMON_ABI_X86_64);
	KUNIT_EXPECT_EQ(test, record->setns.fd, (s32)bad_fd->di);
}

static void call(struct kunit *test, long value, u32 flags)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(bad_fds); i++)
		call_of(test, &bad_fds[i], value, flags);
}

static void failures(struct kunit *test)
{
	call(test, -EBADF, 0);
	call(test, -EINVAL, 0);
	call(test, -EPERM, SETNSMON_FLAG_DENIED);
	call(test, -EACCES, SETNSMON_FLAG_DENIED);
}

/* The descriptor was not open at entry, and yet the call joined what the caller was in. */
static void success_of_nothing(struct kunit *test)
{
	call(test, 0, SETNSMON_FLAG_RACED);
}

/*
 * A call with a snapshot of its target, which is this thread's UTS namespace, and of the one
 * link that it can change.
 */
static void join(struct kunit *test, long value, u32 changes)
{
	struct inflight *in = new_inflight(test);
	const struct setnsmon_setns *call;
	bool moved = changes && !value;
	unsigned int link;
	int cpu;

	begin_call();
	preempt_disable();
	in->entered = ktime_get();
	in->regs = &bad_fds[0];
	in->snap = SNAP_TARGET;
	in->ns = links_in_proxy(current->nsproxy, SETNSMON_LINK_UTS);
	in->changes = changes;
	in->old_inum = A;
	return_from(in, value, SETNSMON_ABI_X86_64);
	cpu = smp_processor_id();
	preempt_enable();
	call = &expect_one(test, moved ? RING_ENTRY : RING_PLAIN, cpu)->setns;
	KUNIT_EXPECT_EQ(test, (int)call->fd_kind, SETNSMON_FD_NSFS);
	KUNIT_EXPECT_EQ(test, call->target_type, UTS);
	KUNIT_EXPECT_EQ(test, call->target_inum, (u32)PROC_UTS_INIT_INO);
	KUNIT_EXPECT_EQ(test, call->target_pid, 0U);
	KUNIT_EXPECT_EQ(test, call->owner_inum, (u32)PROC_USER_INIT_INO);
	KUNIT_EXPECT_EQ(test, (int)call->relation, SETNSMON_RELATION_SAME);
	KUNIT_EXPECT_EQ(test, call->ret, (s32)value);
	KUNIT_EXPECT_EQ(test, call->flags,
			moved ? SETNSMON_FLAG_TO_INIT | SETNSMON_FLAG_TARGETS_INIT : 0);
	KUNIT_EXPECT_EQ(test, call->joined, value ? 0 : UTS);
	KUNIT_EXPECT_EQ(test, call->cap_effective_after, call->cap_effective);
	for (link = 0; link < SETNSMON_LINKS; link++) {
		KUNIT_EXPECT_EQ(test, call->after[link], links_initial[link]);
		KUNIT_EXPECT_EQ(test, call->before[link],
				moved && link == SETNSMON_LINK_UTS ? A : links_initial[link]);
	}
}

static void joins(struct kunit *test)
{
	join(test, -EINVAL, 0);
	join(test, -EINVAL, LINK(UTS));
	join(test, 0, 0);
	join(test, 0, LINK(UTS));
}

/* This call cannot join a mount namespace. */
static const struct pt_regs uts_of_bad_fd = { .di = 999999, .si = UTS, .orig_ax = 308 };

/* A join of one's own namespace changes nothing. A join of another one can change its link. */
static void snapshots(struct kunit *test)
{
	const struct link_slot *slot = &link_slots[ilog2(UTS)];
	struct ns_common other = { .inum = A };
	struct inflight *in = new_inflight(test);
	struct ns_common *own = links_in_proxy(current->nsproxy, SETNSMON_LINK_UTS);

	snapshot_ns(in, own, slot);
	KUNIT_EXPECT_EQ(test, (int)in->snap, SNAP_TARGET);
	KUNIT_EXPECT_PTR_EQ(test, in->ns, own);
	KUNIT_EXPECT_EQ(test, in->changes, 0U);
	snapshot_ns(in, &other, slot);
	KUNIT_EXPECT_EQ(test, (int)in->snap, SNAP_TARGET);
	KUNIT_EXPECT_PTR_EQ(test, in->ns, &other);
	KUNIT_EXPECT_EQ(test, in->changes, LINK(UTS));
	KUNIT_EXPECT_EQ(test, in->old_inum, (u32)PROC_UTS_INIT_INO);
	snapshot_entry(in, &bad_fds[0], SETNSMON_ABI_X86_64);
	KUNIT_EXPECT_EQ(test, (int)in->snap, SNAP_NONE);
	/* All kernel threads share one fd table. */
	snapshot_entry(in, &bad_fds[1], SETNSMON_ABI_X86_64);
	KUNIT_EXPECT_EQ(test, (int)in->snap, SNAP_PLACE);
	snapshot_entry(in, &uts_of_bad_fd, SETNSMON_ABI_X86_64);
	KUNIT_EXPECT_EQ(test, (int)in->snap, SNAP_FULL);
}

/* A call with a full snapshot whose caller was in another UTS namespace at entry. */
static void full_snapshot(struct kunit *test)
{
	struct inflight *in = new_inflight(test);
	const struct setnsmon_setns *call;
	int cpu;

	begin_call();
	preempt_disable();
	call_entered(in, &bad_fds[1], SETNSMON_ABI_X86_64);
	in->before.links[SETNSMON_LINK_UTS] = A;
	return_from(in, 0, SETNSMON_ABI_X86_64);
	cpu = smp_processor_id();
	preempt_enable();
	call = &expect_one(test, RING_ENTRY, cpu)->setns;
	expect_no_target(test, call);
	KUNIT_EXPECT_EQ(test, call->joined, UTS);
	KUNIT_EXPECT_EQ(test, call->flags, SETNSMON_FLAG_RACED | SETNSMON_FLAG_TO_INIT);
	KUNIT_EXPECT_EQ(test, call->before[SETNSMON_LINK_UTS], A);
	KUNIT_EXPECT_EQ(test, call->after[SETNSMON_LINK_UTS], (u32)PROC_UTS_INIT_INO);
	KUNIT_EXPECT_EQ(test, call->after[SETNSMON_LINK_NET], call->before[SETNSMON_LINK_NET]);
}

static void expect_untracked(struct kunit *test, const struct setnsmon_setns *call)
{
	expect_caller(test, call);
	expect_no_target(test, call);
	KUNIT_EXPECT_EQ(test, call->flags & SETNSMON_FLAG_RET_UNKNOWN, SETNSMON_FLAG_RET_UNKNOWN);
	KUNIT_EXPECT_FALSE(test, call->has & SETNSMON_HAS_RET);
	KUNIT_EXPECT_EQ(test, call->ret, 0);
	KUNIT_EXPECT_EQ(test, call->duration_ns, 0ULL);
	KUNIT_EXPECT_EQ(test, call->after[0], 0U);
}

/* The caller is a host administrator, but without a descriptor the call cannot succeed. */
static void untracked(struct kunit *test)
{
	const struct setnsmon_setns *call;
	int cpu;

	begin_call();
	preempt_disable();
	call_untracked(&bad_fds[0], SETNSMON_ABI_X86_64);
	cpu = smp_processor_id();
	preempt_enable();
	call = &expect_one(test, RING_PLAIN, cpu)->setns;
	expect_untracked(test, call);
	KUNIT_EXPECT_EQ(test, call->fd, -1);
	KUNIT_EXPECT_EQ(test, call->flags, SETNSMON_FLAG_RET_UNKNOWN);
	KUNIT_EXPECT_EQ(test, (int)call->abi, SETNSMON_ABI_X86_64);
}

/* ---- the registers of each ABI ---- */

static const struct {
	struct pt_regs regs;
	unsigned int entry;
	s32 fd;
	u32 nstype;
	unsigned int abi;
	u32 flags;
} calls[] = {
	{ { .di = 3, .si = 0x40000000, .bx = 8, .cx = 9, .orig_ax = 308 },
	  SETNSMON_ABI_X86_64, 3, 0x40000000, SETNSMON_ABI_X86_64, 0 },
	{ { .di = 0x5555555500000004, .si = 0xffffffff00000080, .orig_ax = 308 },
	  SETNSMON_ABI_X86_64, 4, 0x80, SETNSMON_ABI_X86_64, 0 },
	{ { .di = -1L, .si = -1L, .orig_ax = 308 },
	  SETNSMON_ABI_X86_64, -1, 0xffffffff, SETNSMON_ABI_X86_64, 0 },
	{ { .di = 5, .si = 1, .orig_ax = 0x40000000 + 308 },
	  SETNSMON_ABI_X86_64, 5, 1, SETNSMON_ABI_X32, 0 },
	{ { .di = 8, .si = 9, .bx = 6, .cx = 0x20000000, .orig_ax = 346 },
	  SETNSMON_ABI_I386, 6, 0x20000000, SETNSMON_ABI_I386, SETNSMON_FLAG_KERNEL_COMPAT },
	{ { .bx = 0xfffffffe, .cx = 0, .orig_ax = 0x40000000 + 346 },
	  SETNSMON_ABI_I386, -2, 0, SETNSMON_ABI_I386, SETNSMON_FLAG_KERNEL_COMPAT },
};

/* A call that fails, with a snapshot that has no target, so that the registers decide all. */
static void arguments(struct kunit *test)
{
	unsigned int i;
	int cpu;

	for (i = 0; i < ARRAY_SIZE(calls); i++) {
		struct inflight *in = new_inflight(test);
		const struct setnsmon_setns *call;

		begin_call();
		preempt_disable();
		in->entered = ktime_get();
		in->regs = &calls[i].regs;
		in->snap = SNAP_NONE;
		return_from(in, -EBADF, calls[i].entry);
		cpu = smp_processor_id();
		preempt_enable();
		call = &expect_one(test, RING_PLAIN, cpu)->setns;
		KUNIT_EXPECT_EQ(test, call->fd, calls[i].fd);
		KUNIT_EXPECT_EQ(test, call->nstype, calls[i].nstype);
		KUNIT_EXPECT_EQ(test, (unsigned int)call->abi, calls[i].abi);
		KUNIT_EXPECT_EQ(test, call->flags, calls[i].flags);
	}
}

/* ---- the handlers ---- */

/* An instance with its data, and the registers that each handler gets. */
struct probed_call {
	struct kretprobe_instance *ri;
	struct pt_regs user; /* of the caller, in user space */
	struct pt_regs entry; /* at the entry function, whose argument is @user */
	struct pt_regs ret;
};

static struct probed_call *new_probed_call(struct kunit *test, const struct probe_pair *pair)
{
	struct probed_call *call = kunit_kzalloc(test, sizeof(*call), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, call);
	call->ri = kunit_kzalloc(test, sizeof(*call->ri) + pair->ops.data_size, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, call->ri);
	call->user = (struct pt_regs){ .di = -7L, .bx = -7L, .orig_ax = 308 };
	call->entry.di = (unsigned long)&call->user;
	call->ret.ax = -EBADF;
	return call;
}

static u64 entered(const struct probe_pair *pair)
{
	u64 sum = 0;
	int cpu;

	for_each_possible_cpu (cpu)
		sum += per_cpu_ptr(pair->ops.counts, cpu)->entered;
	return sum;
}

static u64 ret_unknown(const struct probe_pair *pair)
{
	u64 sum = 0;
	int cpu;

	for_each_possible_cpu (cpu)
		sum += per_cpu_ptr(pair->ops.counts, cpu)->ret_unknown;
	return sum;
}

/* The entry handler runs, then the fallback, and at the return the return handler. */
static void tracked_pair(struct kunit *test, struct probe_pair *pair, unsigned int abi)
{
	struct probed_call *probed = new_probed_call(test, pair);
	const struct setnsmon_record *record;
	int cpu;

	begin_call();
	preempt_disable();
	pair->ops.entry(probed->ri, &probed->entry);
	pair->ops.fallback(&pair->kprobe, &probed->entry);
	preempt_enable();
	expect_nothing(test);
	preempt_disable();
	pair->ops.ret(probed->ri, &probed->ret);
	cpu = smp_processor_id();
	preempt_enable();
	record = expect_one(test, RING_PLAIN, cpu);
	KUNIT_EXPECT_EQ(test, record->setns.fd, -7);
	KUNIT_EXPECT_EQ(test, (unsigned int)record->setns.abi, abi);
	expect_caller(test, &record->setns);
	expect_no_target(test, &record->setns);
	expect_unchanged(test, record, -EBADF,
			 abi == SETNSMON_ABI_I386 ? SETNSMON_FLAG_KERNEL_COMPAT : 0);
	KUNIT_EXPECT_EQ(test, entered(pair), 1ULL);
	KUNIT_EXPECT_EQ(test, ret_unknown(pair), 0ULL);
}

/* Without an instance the entry handler does not run. */
static void untracked_pair(struct kunit *test, struct probe_pair *pair, unsigned int abi)
{
	struct probed_call *probed = new_probed_call(test, pair);
	const struct setnsmon_setns *call;
	int cpu;

	begin_call();
	preempt_disable();
	pair->ops.fallback(&pair->kprobe, &probed->entry);
	cpu = smp_processor_id();
	preempt_enable();
	call = &expect_one(test, RING_PLAIN, cpu)->setns;
	expect_untracked(test, call);
	KUNIT_EXPECT_EQ(test, call->fd, -7);
	KUNIT_EXPECT_EQ(test, (unsigned int)call->abi, abi);
	KUNIT_EXPECT_EQ(test, entered(pair), 2ULL);
	KUNIT_EXPECT_EQ(test, ret_unknown(pair), 1ULL);
}

static void handlers(struct kunit *test)
{
	static const unsigned int abis[SETNS_PAIRS] = { SETNSMON_ABI_X86_64, SETNSMON_ABI_I386 };
	unsigned int i;

	for (i = 0; i < SETNS_PAIRS; i++) {
		struct probe_pair *pair = &setns_pairs[i];

		tracked_pair(test, pair, abis[i]);
		untracked_pair(test, pair, abis[i]);
	}
}

static unsigned int held(const struct probe_pair *pair)
{
	unsigned int sum = 0;
	int cpu;

	for_each_possible_cpu (cpu)
		sum += atomic_read(&per_cpu_ptr(pair->ops.counts, cpu)->held);
	return sum;
}

/* Enters a call without CAP_SYS_ADMIN, and returns what the handler returned. */
static int enter_unprivileged(struct kunit *test, struct probe_pair *pair,
			      struct probed_call *probed)
{
	const struct cred *before;
	struct cred *cred = prepare_creds();
	int refused;

	KUNIT_ASSERT_NOT_NULL(test, cred);
	cap_lower(cred->cap_effective, CAP_SYS_ADMIN);
	before = override_creds(cred);
	preempt_disable();
	refused = pair->ops.entry(probed->ri, &probed->entry);
	pair->ops.fallback(&pair->kprobe, &probed->entry);
	preempt_enable();
	revert_creds(before);
	put_cred(cred);
	return refused;
}

static void leave(struct probe_pair *pair, struct probed_call *probed)
{
	preempt_disable();
	pair->ops.ret(probed->ri, &probed->ret);
	preempt_enable();
}

/* Two instances exist: unprivileged callers may hold one of them. */
static void quota(struct kunit *test)
{
	struct probe_pair *pair = &setns_pairs[0];
	struct probed_call *first = new_probed_call(test, pair);
	struct probed_call *second = new_probed_call(test, pair);
	u64 unknown = ret_unknown(pair);

	*pair->ops.quota = probe_quota_of(2);
	KUNIT_EXPECT_EQ(test, enter_unprivileged(test, pair, first), 0);
	KUNIT_EXPECT_EQ(test, held(pair), 1U);
	KUNIT_EXPECT_EQ(test, enter_unprivileged(test, pair, second), 1);
	KUNIT_EXPECT_EQ(test, held(pair), 1U);
	KUNIT_EXPECT_EQ(test, ret_unknown(pair), unknown + 1);
	preempt_disable();
	KUNIT_EXPECT_EQ(test, pair->ops.entry(second->ri, &second->entry), 0);
	pair->ops.fallback(&pair->kprobe, &second->entry);
	preempt_enable();
	KUNIT_EXPECT_EQ(test, held(pair), 1U);
	leave(pair, second);
	KUNIT_EXPECT_EQ(test, held(pair), 1U);
	leave(pair, first);
	KUNIT_EXPECT_EQ(test, held(pair), 0U);
	KUNIT_EXPECT_EQ(test, ret_unknown(pair), unknown + 1);
}

/* However the callers are spread over the CPUs, they hold no more than the limit. */
static void quota_sizes(struct kunit *test)
{
	unsigned int maxactive;

	for (maxactive = 1; maxactive < 10000; maxactive++) {
		struct probe_quota limits = probe_quota_of(maxactive);
		unsigned int most = limits.share * num_possible_cpus() + limits.rest;

		KUNIT_EXPECT_EQ(test, most, maxactive - maxactive / 2);
		KUNIT_EXPECT_GE(test, limits.rest, 1U);
	}
}

static struct kunit_case setns_cases[] = {
	CASE("the ids of credentials, in their order", ids),
	CASE("capability n is bit n", capabilities),
	CASE("each link that changed is reported, and no other", changes),
	CASE("the arguments of each ABI are where its entry leaves them", arguments),
	CASE("calls that fail: every field, in memory that held something else", failures),
	CASE("a success without a descriptor at entry was raced", success_of_nothing),
	CASE("the snapshot of a namespace knows the one link that can change", snapshots),
	CASE("a call with a snapshot of its target only", joins),
	CASE("a call with a full snapshot whose links differ at the return", full_snapshot),
	CASE("an untracked call: every field", untracked),
	CASE("the handlers of both entries, with an instance and without one", handlers),
	CASE("unprivileged callers hold half of the instances and no more", quota),
	CASE("the quota of any number of instances", quota_sizes),
	{}
};

/* The links of kernel threads are the initial ones, and their /proc is that of init. */
static int set_up(struct kunit_suite *suite)
{
	int err = links_verify();

	if (!err)
		err = rings_init(BUDGET_MIN_RECORDS, sizeof(struct event));
	if (err)
		return err;
	err = reader_init(&reader);
	if (err)
		rings_exit();
	return err;
}

static void tear_down(struct kunit_suite *suite)
{
	reader_exit(&reader);
	rings_exit();
}

static struct kunit_suite setns_suite = {
	.name = "setnsmon_setns",
	.suite_init = set_up,
	.suite_exit = tear_down,
	.test_cases = setns_cases,
};
kunit_test_suite(setns_suite);
