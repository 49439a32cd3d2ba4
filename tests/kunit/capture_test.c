// SPDX-License-Identifier: GPL-2.0-only
/*
 * From a call to a record: what capture.c notes of a whole call as the probes hand it
 * over, made by the thread that runs the test; and what conclude.c concludes, as tables.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt /* as in capture.c, which is not the first here */

#include "recorder_here.h"

#include "../../module/capture/setns.c"
#include "../../module/record/record.c"
#include "../../module/capture/links.c"
#include "family.h"

#define A 0xaaaaaaaaU /* a namespace's number; the others are other ones */
#define B 0xbbbbbbbbU
#define C 0xccccccccU

DEFINE_PER_CPU(const struct pt_regs *, probe_captured);

/* ---- words and names ---- */

static void bytes_before(struct kunit *test)
{
	static const u8 fill[] = { 0x01, 0x7f, 0x80, 0xff };
	unsigned int f, nul;

	for (f = 0; f < ARRAY_SIZE(fill); f++)
		for (nul = 0; nul <= 8; nul++) {
			u8 bytes[8], kept[8] = {};
			u64 word;

			memset(bytes, fill[f], sizeof(bytes));
			memset(kept, fill[f], nul);
			if (nul < 8)
				bytes[nul] = 0;
			memcpy(&word, bytes, sizeof(word));
			word &= bytes_before_nul(word);
			KUNIT_EXPECT_EQ(test, memcmp(&word, kept, sizeof(word)), 0);
		}
}

/* Sixteen bytes of current->comm, and what of them is the name. */
static const struct {
	const char comm[TASK_COMM_LEN];
	const char *name;
} names[] = {
	{ "\0hidden behind", "" },
	{ "sh\0left of more", "sh" },
	{ "seven77\0behind", "seven77" },
	{ "eight888\0behind", "eight888" },
	{ "nine99999\0behin", "nine99999" },
	{ "fifteen-bytes-x", "fifteen-bytes-x" },
	{ { 's', 'i', 'x', 't', 'e', 'e', 'n', '-', 'b', 'y', 't', 'e', 's', '-', 'x', 'y' },
	  "sixteen-bytes-x" },
	{ "\x80\xff\x01\x7f\x80\xff\x01\x7f\x80", "\x80\xff\x01\x7f\x80\xff\x01\x7f\x80" },
};

static void comm(struct kunit *test)
{
	struct setnsmon_setns call;
	u8 want[TASK_COMM_LEN];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(names); i++) {
		memset(want, 0, sizeof(want));
		memcpy(want, names[i].name, strlen(names[i].name));
		memcpy(call.comm, names[i].comm, sizeof(call.comm));
		end_comm(&call);
		if (memcmp(call.comm, want, sizeof(want)))
			KUNIT_FAIL(test, "%s is taken for %.16s", names[i].name, call.comm);
	}
}

/* The ids of a cred, each another one. */
static void ids(struct kunit *test)
{
	const struct cred cred = {
		.uid = KUIDT_INIT(1), .euid = KUIDT_INIT(2), .suid = KUIDT_INIT(3),
		.fsuid = KUIDT_INIT(4), .gid = KGIDT_INIT(5), .egid = KGIDT_INIT(6),
		.sgid = KGIDT_INIT(7), .fsgid = KGIDT_INIT(8),
	};
	struct setnsmon_setns call = {};

	read_ids(&call, &cred);
	KUNIT_EXPECT_EQ(test, call.uid, 1U);
	KUNIT_EXPECT_EQ(test, call.euid, 2U);
	KUNIT_EXPECT_EQ(test, call.suid, 3U);
	KUNIT_EXPECT_EQ(test, call.fsuid, 4U);
	KUNIT_EXPECT_EQ(test, call.gid, 5U);
	KUNIT_EXPECT_EQ(test, call.egid, 6U);
	KUNIT_EXPECT_EQ(test, call.sgid, 7U);
	KUNIT_EXPECT_EQ(test, call.fsgid, 8U);
}

/* What the kernel has for an id that was not set is no id, but 0 is one. */
static void audit(struct kunit *test)
{
	struct setnsmon_setns call = { .loginuid = 1000, .sessionid = 7 };

	conclude_audit(&call);
	KUNIT_EXPECT_EQ(test, call.loginuid, 1000U);
	KUNIT_EXPECT_EQ(test, call.sessionid, 7U);
	KUNIT_EXPECT_EQ(test, call.has, SETNSMON_HAS_LOGINUID | SETNSMON_HAS_SESSIONID);
	call = (struct setnsmon_setns){};
	conclude_audit(&call);
	KUNIT_EXPECT_EQ(test, call.has, SETNSMON_HAS_LOGINUID | SETNSMON_HAS_SESSIONID);
	call = (struct setnsmon_setns){ .loginuid = -1, .sessionid = -1 };
	conclude_audit(&call);
	KUNIT_EXPECT_EQ(test, call.loginuid, 0U);
	KUNIT_EXPECT_EQ(test, call.sessionid, 0U);
	KUNIT_EXPECT_EQ(test, call.has, 0U);
}

/* The owner of the target, and what the event says of it. */
static const struct {
	u32 has;
	u8 relation;
	u32 level;
	u32 flags;
} targets[] = {
	{ 0, SETNSMON_RELATION_NONE, 0, 0 },
	{ 0, SETNSMON_RELATION_NONE, 1, 0 },
	{ SETNSMON_HAS_TARGET_PID, SETNSMON_RELATION_NONE, 1, 0 },
	{ SETNSMON_HAS_TARGET_NS, SETNSMON_RELATION_NONE, 0, 0 },
	{ SETNSMON_HAS_TARGET_NS, SETNSMON_RELATION_NONE, 1,
	  SETNSMON_FLAG_USERNS_CROSS | SETNSMON_FLAG_UPWARD },
	{ SETNSMON_HAS_TARGET_NS | SETNSMON_HAS_OWNER, SETNSMON_RELATION_SAME, 1, 0 },
	{ SETNSMON_HAS_TARGET_NS | SETNSMON_HAS_OWNER, SETNSMON_RELATION_ANCESTOR, 1,
	  SETNSMON_FLAG_USERNS_CROSS | SETNSMON_FLAG_UPWARD },
	{ SETNSMON_HAS_TARGET_NS | SETNSMON_HAS_OWNER, SETNSMON_RELATION_DESCENDANT, 0,
	  SETNSMON_FLAG_USERNS_CROSS },
	{ SETNSMON_HAS_OWNER, SETNSMON_RELATION_UNRELATED, 1, SETNSMON_FLAG_USERNS_CROSS },
};

static void whose(struct kunit *test)
{
	unsigned int i, id;

	for (i = 0; i < ARRAY_SIZE(targets); i++) {
		struct setnsmon_setns call;

		memset(&call, 0xa5, sizeof(call));
		call.has = targets[i].has;
		call.flags = 0;
		call.relation = targets[i].relation;
		call.caller_userns_level = targets[i].level;
		conclude_target(&call);
		KUNIT_EXPECT_EQ(test, call.flags, targets[i].flags);
		KUNIT_EXPECT_EQ(test, call.target_id, 0ULL);
		KUNIT_EXPECT_EQ(test, call.owner_id, 0ULL);
		KUNIT_EXPECT_EQ(test, !call.target_type, !(call.has & SETNSMON_HAS_TARGET_NS));
		KUNIT_EXPECT_EQ(test, !call.target_inum, !(call.has & SETNSMON_HAS_TARGET_NS));
		KUNIT_EXPECT_EQ(test, !call.target_pid, !(call.has & SETNSMON_HAS_TARGET_PID));
		KUNIT_EXPECT_EQ(test, !call.owner_inum, !(call.has & SETNSMON_HAS_OWNER));
		KUNIT_EXPECT_EQ(test, !call.owner_level, !(call.has & SETNSMON_HAS_OWNER));
		KUNIT_EXPECT_EQ(test, !call.owner_uid, !(call.has & SETNSMON_HAS_OWNER));
		KUNIT_EXPECT_EQ(test, (int)call.relation,
				call.has & SETNSMON_HAS_OWNER ? targets[i].relation :
								SETNSMON_RELATION_NONE);
		for (id = 0; id < SETNSMON_LINKS; id++)
			KUNIT_EXPECT_EQ(test, call.target_links[id], 0U);
	}
}

static void capabilities(struct kunit *test)
{
	kernel_cap_t caps = {};

	KUNIT_EXPECT_EQ(test, cap_bits(&caps), 0ULL);
	cap_raise(caps, CAP_CHOWN);
	cap_raise(caps, CAP_SYS_ADMIN);
	cap_raise(caps, CAP_CHECKPOINT_RESTORE);
	KUNIT_EXPECT_EQ(test, cap_bits(&caps), 0x10000200001ULL);
}

static const struct {
	struct pt_regs regs;
	unsigned int abi;
	s32 fd;
	u32 nstype;
	unsigned int abi_told;
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

static void arguments(struct kunit *test)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(calls); i++) {
		struct setnsmon_setns call = {};

		put_abi(&call, calls[i].abi);
		read_args(&call, &calls[i].regs, calls[i].abi);
		KUNIT_EXPECT_EQ(test, call.fd, calls[i].fd);
		KUNIT_EXPECT_EQ(test, call.nstype, calls[i].nstype);
		KUNIT_EXPECT_EQ(test, (unsigned int)call.abi, calls[i].abi_told);
		KUNIT_EXPECT_EQ(test, call.flags, calls[i].flags);
	}
}

/* ---- relations ---- */

static u8 relation_by_hand(int owner, int caller)
{
	if (owner == caller)
		return SETNSMON_RELATION_SAME;
	if (lies_below[owner][caller])
		return SETNSMON_RELATION_ANCESTOR;
	if (lies_below[caller][owner])
		return SETNSMON_RELATION_DESCENDANT;
	return SETNSMON_RELATION_UNRELATED;
}

static void relations(struct kunit *test)
{
	const struct user_namespace *family = family_new(test);
	int owner, caller;

	for (owner = 0; owner < FAMILY; owner++)
		for (caller = 0; caller < FAMILY; caller++) {
			u8 got = relation_of(&family[owner], &family[caller]);

			if (got != relation_by_hand(owner, caller))
				KUNIT_FAIL(test, "%s, seen from %s: %u, expected %u",
					   family_names[owner], family_names[caller], got,
					   relation_by_hand(owner, caller));
			KUNIT_EXPECT_EQ(test, descends(&family[caller], &family[owner]),
					lies_below[owner][caller]);
		}
}

/* ---- what a call changed ---- */

static void changes(struct kunit *test)
{
	struct setnsmon_setns call;
	unsigned int i;

	for (i = 0; i < SETNSMON_LINKS; i++)
		call.before[i] = call.after[i] = 1000 + i;
	KUNIT_EXPECT_EQ(test, changed_links(call.before, call.after), 0U);
	for (i = 0; i < SETNSMON_LINKS; i++) {
		call.after[i] ^= 0x80000000;
		KUNIT_EXPECT_EQ(test, changed_links(call.before, call.after), 1U << i);
		call.after[i] ^= 0x80000000;
	}
	for (i = 0; i < SETNSMON_LINKS; i++) {
		call.after[i] = 0;
		KUNIT_EXPECT_EQ(test, changed_links(call.before, call.after), (2U << i) - 1);
	}
}

/* The kind to which each link belongs: none to which a call does not move by itself. */
static const u32 kind_by_link[SETNSMON_LINKS] = {
	[SETNSMON_LINK_CGROUP] = 0x02000000,
	[SETNSMON_LINK_IPC] = 0x08000000,
	[SETNSMON_LINK_MNT] = 0x00020000,
	[SETNSMON_LINK_NET] = 0x40000000,
	[SETNSMON_LINK_PID] = 0,
	[SETNSMON_LINK_PID_FOR_CHILDREN] = 0x20000000,
	[SETNSMON_LINK_TIME] = 0x00000080,
	[SETNSMON_LINK_TIME_FOR_CHILDREN] = 0,
	[SETNSMON_LINK_USER] = 0x10000000,
	[SETNSMON_LINK_UTS] = 0x04000000,
};

static void kinds(struct kunit *test)
{
	u32 links, want;
	unsigned int i;

	for (links = 0; links < 1U << SETNSMON_LINKS; links++) {
		for (i = 0, want = 0; i < SETNSMON_LINKS; i++)
			want |= links & 1U << i ? kind_by_link[i] : 0;
		KUNIT_EXPECT_EQ(test, kinds_of(links), want);
	}
}

#define NET	 0x40000000U
#define UTS	 0x04000000U
#define PID	 0x20000000U
#define TIME	 0x00000080U
#define LINK(name) BIT(SETNSMON_LINK_##name)

/*
 * A call that succeeded, from A everywhere. @target: what an nsfs named; of a pidfd, all
 * its links, or 0 where they could not be read. @moved: links that are @to now.
 */
static const struct {
	const char *what;
	u8 fd_kind;
	u32 nstype;
	u32 type;
	u32 target;
	u32 moved;
	u32 to;
	u32 joined;
	bool raced;
} verdicts[] = {
	{ "into another", SETNSMON_FD_NSFS, 0, NET, B, LINK(NET), B, NET, false },
	{ "into another, of the kind asked for", SETNSMON_FD_NSFS, NET, NET, B, LINK(NET), B, NET,
	  false },
	{ "into its own", SETNSMON_FD_NSFS, 0, NET, A, 0, 0, NET, false },
	{ "children's pid", SETNSMON_FD_NSFS, 0, PID, B, LINK(PID_FOR_CHILDREN), B, PID, false },
	{ "time moves both", SETNSMON_FD_NSFS, 0, TIME, B,
	  LINK(TIME) | LINK(TIME_FOR_CHILDREN), B, TIME, false },
	{ "time's children alone", SETNSMON_FD_NSFS, 0, TIME, A, LINK(TIME_FOR_CHILDREN), A + 1,
	  TIME, false },
	{ "another of the kind was there", SETNSMON_FD_NSFS, 0, NET, B, LINK(NET), C, NET, true },
	{ "another kind was there", SETNSMON_FD_NSFS, 0, NET, B, LINK(UTS), C, UTS, true },
	{ "another kind was asked for and came", SETNSMON_FD_NSFS, UTS, NET, B, LINK(UTS), C, UTS,
	  true },
	{ "another kind was asked for, its own came", SETNSMON_FD_NSFS, UTS, NET, B, 0, 0, UTS,
	  true },
	{ "nothing moved", SETNSMON_FD_NSFS, 0, NET, B, 0, 0, 0, true },
	{ "one link too many moved", SETNSMON_FD_NSFS, 0, NET, B, LINK(NET) | LINK(UTS), B,
	  NET | UTS, true },
	{ "it was not open", SETNSMON_FD_NONE, 0, 0, 0, LINK(NET), B, NET, true },
	{ "it was not open, and a kind asked for", SETNSMON_FD_NONE, NET, 0, 0, 0, 0, NET, true },
	{ "it was no namespace", SETNSMON_FD_OTHER, 0, 0, 0, LINK(UTS), B, UTS, true },
	{ "a process's kinds", SETNSMON_FD_PIDFD, NET | UTS, 0, B, LINK(NET) | LINK(UTS), B,
	  NET | UTS, false },
	{ "a process in the same", SETNSMON_FD_PIDFD, NET | UTS, 0, A, 0, 0, NET | UTS, false },
	{ "a process that moved", SETNSMON_FD_PIDFD, NET | UTS, 0, B, LINK(NET) | LINK(UTS), C,
	  NET | UTS, true },
	{ "a process, one kind of two", SETNSMON_FD_PIDFD, NET | UTS, 0, B, LINK(NET), B, NET | UTS,
	  true },
	{ "a process whose links are not known", SETNSMON_FD_PIDFD, NET | UTS, 0, 0,
	  LINK(NET) | LINK(UTS), C, NET | UTS, false },
	{ "links not known, and one too many", SETNSMON_FD_PIDFD, NET, 0, 0,
	  LINK(NET) | LINK(UTS), C, NET, true },
	{ "a process without a kind", SETNSMON_FD_PIDFD, 0, 0, B, LINK(NET), B, NET, true },
};

static void success(struct kunit *test)
{
	unsigned int i, link;

	for (i = 0; i < ARRAY_SIZE(verdicts); i++) {
		struct setnsmon_setns call = {
			.fd_kind = verdicts[i].fd_kind,
			.nstype = verdicts[i].nstype,
			.target_type = verdicts[i].type,
			.target_inum = verdicts[i].target,
		};

		if (call.fd_kind == SETNSMON_FD_PIDFD && verdicts[i].target)
			call.has = SETNSMON_HAS_TARGET_LINKS;
		for (link = 0; link < SETNSMON_LINKS; link++) {
			call.target_links[link] = verdicts[i].target;
			call.before[link] = A;
			call.after[link] = verdicts[i].moved & BIT(link) ? verdicts[i].to : A;
		}
		judge_success(&call, changed_links(call.before, call.after));
		if (call.joined != verdicts[i].joined ||
		    call.flags != (verdicts[i].raced ? SETNSMON_FLAG_RACED : 0))
			KUNIT_FAIL(test, "%s: joined %#x, flags %#x", verdicts[i].what, call.joined,
				   call.flags);
	}
}

/* A process lends the pid namespace that it is in, not the one of its children. */
static void pid_of_a_process(struct kunit *test)
{
	struct setnsmon_setns call = {
		.fd_kind = SETNSMON_FD_PIDFD,
		.nstype = PID,
		.has = SETNSMON_HAS_TARGET_LINKS,
		.target_links[SETNSMON_LINK_PID] = B,
		.target_links[SETNSMON_LINK_PID_FOR_CHILDREN] = C,
		.after[SETNSMON_LINK_PID_FOR_CHILDREN] = B,
	};

	judge_success(&call, LINK(PID_FOR_CHILDREN));
	KUNIT_EXPECT_EQ(test, call.flags, 0U);
	call.after[SETNSMON_LINK_PID_FOR_CHILDREN] = C;
	judge_success(&call, LINK(PID_FOR_CHILDREN));
	KUNIT_EXPECT_EQ(test, call.flags, SETNSMON_FLAG_RACED);
}

static void to_init(struct kunit *test)
{
	struct setnsmon_setns call = {};
	u32 saved[SETNSMON_LINKS];
	unsigned int link;

	memcpy(saved, conclude_initial, sizeof(saved));
	for (link = 0; link < SETNSMON_LINKS; link++) {
		conclude_initial[link] = 1000 + link;
		call.after[link] = 1000 + link;
	}
	for (link = 0; link < SETNSMON_LINKS; link++) {
		KUNIT_EXPECT_TRUE(test, reached_initial(&call, BIT(link)));
		call.after[link] = 1000 + (link + 1) % SETNSMON_LINKS;
		KUNIT_EXPECT_FALSE(test, reached_initial(&call, BIT(link)));
	}
	call.after[SETNSMON_LINK_UTS] = conclude_initial[SETNSMON_LINK_UTS];
	KUNIT_EXPECT_FALSE(test, reached_initial(&call, 0));
	KUNIT_EXPECT_TRUE(test, reached_initial(&call, LINK(NET) | LINK(UTS)));
	KUNIT_EXPECT_FALSE(test, reached_initial(&call, LINK(NET) | LINK(IPC)));
	memcpy(conclude_initial, saved, sizeof(saved));
}

/* ---- a whole call ---- */

/* What the kernel itself says of this thread. */
static void expect_caller(struct kunit *test, const struct setnsmon_setns *call)
{
	KUNIT_EXPECT_EQ(test, call->pid, (u32)task_tgid_nr(current));
	KUNIT_EXPECT_EQ(test, call->tid, (u32)task_pid_nr(current));
	KUNIT_EXPECT_EQ(test, call->ppid, 2U); /* kthreadd */
	KUNIT_EXPECT_EQ(test, call->ns_tid, (u32)task_pid_vnr(current));
	KUNIT_EXPECT_EQ(test, call->uid, 0U);
	KUNIT_EXPECT_EQ(test, call->fsgid, 0U);
	KUNIT_EXPECT_EQ(test, strncmp(call->comm, current->comm, sizeof(call->comm)), 0);
	KUNIT_EXPECT_EQ(test, call->caller_userns_inum, (u32)PROC_USER_INIT_INO);
	KUNIT_EXPECT_EQ(test, call->before[SETNSMON_LINK_UTS], (u32)PROC_UTS_INIT_INO);
	KUNIT_EXPECT_EQ(test, call->before[SETNSMON_LINK_PID], (u32)PROC_PID_INIT_INO);
	KUNIT_EXPECT_EQ(test, (int)call->abi, SETNSMON_ABI_X86_64);
	KUNIT_EXPECT_EQ(test, (int)call->pad, 0);
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

/* One that nobody can have open, and one that another task could have opened just now. */
static const struct pt_regs bad_fds[] = {
	{ .di = -1L, .orig_ax = 308 },
	{ .di = 999999, .orig_ax = 308 },
};

static void a_call_of(struct kunit *test, const struct pt_regs *bad_fd, long value, u32 flags)
{
	struct call *kept = kunit_kmalloc(test, sizeof(*kept), GFP_KERNEL);
	const struct setnsmon_setns *call = &recorded.setns;

	KUNIT_ASSERT_NOT_NULL(test, kept);
	memset(kept, 0xa5, sizeof(*kept));
	begun = committed = 0;
	preempt_disable();
	call_entered(kept, bad_fd, SETNSMON_ABI_X86_64);
	preempt_enable();
	KUNIT_EXPECT_EQ(test, begun, 0U);
	preempt_disable();
	call_returned(kept, value, SETNSMON_ABI_X86_64);
	preempt_enable();
	KUNIT_EXPECT_EQ(test, begun, 1U);
	KUNIT_EXPECT_EQ(test, committed, 1U);
	KUNIT_EXPECT_EQ(test, (int)begun_lane, RECORDER_PLAIN);
	KUNIT_EXPECT_EQ(test, (int)committed_lane, RECORDER_PLAIN);
	conclude(&recorded, 5);
	KUNIT_EXPECT_EQ(test, recorded.cpu, 5U);
	KUNIT_EXPECT_EQ(test, (int)recorded.type, SETNSMON_RECORD_SETNS);
	KUNIT_EXPECT_EQ(test, (size_t)recorded.size, sizeof(recorded));
	expect_caller(test, call);
	expect_no_target(test, call);
	KUNIT_EXPECT_EQ(test, call->fd, (s32)bad_fd->di);
	KUNIT_EXPECT_EQ(test, call->ret, (s32)value);
	KUNIT_EXPECT_EQ(test, call->joined, 0U);
	KUNIT_EXPECT_EQ(test, call->flags, flags);
	KUNIT_EXPECT_TRUE(test, call->has & SETNSMON_HAS_RET);
	KUNIT_EXPECT_EQ(test, memcmp(call->before, call->after, sizeof(call->after)), 0);
	KUNIT_EXPECT_EQ(test, call->cap_effective_after, call->cap_effective);
	KUNIT_EXPECT_LE(test, call->duration_ns, recorded.boot_ns);
	KUNIT_EXPECT_LE(test, recorded.boot_ns, (u64)ktime_get_boottime_ns());
	KUNIT_EXPECT_LE(test, recorded.real_ns, (u64)ktime_get_real_ns());
}

static void a_call(struct kunit *test, long value, u32 flags)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(bad_fds); i++)
		a_call_of(test, &bad_fds[i], value, flags);
}

static void failures(struct kunit *test)
{
	a_call(test, -EBADF, 0);
	a_call(test, -EINVAL, 0);
	a_call(test, -EPERM, SETNSMON_FLAG_DENIED);
	a_call(test, -EACCES, SETNSMON_FLAG_DENIED);
}

/* No fd at entry, and yet it succeeded, in what it was in: all there is to see is a race. */
static void success_of_nothing(struct kunit *test)
{
	a_call(test, 0, SETNSMON_FLAG_RACED);
}

/*
 * A call of which the link that it may move was kept alone, and that its target is this
 * thread's UTS namespace.
 */
static void a_join(struct kunit *test, long value, u32 moves)
{
	struct call *kept = kunit_kmalloc(test, sizeof(*kept), GFP_KERNEL);
	const struct setnsmon_setns *call = &recorded.setns;
	bool moved = moves && !value;
	unsigned int link;

	KUNIT_ASSERT_NOT_NULL(test, kept);
	memset(kept, 0xa5, sizeof(*kept));
	begun = committed = 0;
	preempt_disable();
	kept->entered = ktime_get();
	kept->args = &bad_fds[0];
	kept->what = KEPT_TARGET;
	kept->target = links_in_proxy(current->nsproxy, SETNSMON_LINK_UTS);
	kept->moves = moves;
	kept->left = A;
	call_returned(kept, value, SETNSMON_ABI_X86_64);
	preempt_enable();
	KUNIT_EXPECT_EQ(test, begun, 1U);
	KUNIT_EXPECT_EQ(test, committed, 1U);
	KUNIT_EXPECT_EQ(test, (int)committed_lane, moved ? RECORDER_CROSSING : RECORDER_PLAIN);
	conclude(&recorded, 0);
	KUNIT_EXPECT_EQ(test, (int)call->fd_kind, SETNSMON_FD_NSFS);
	KUNIT_EXPECT_EQ(test, call->target_type, UTS);
	KUNIT_EXPECT_EQ(test, call->target_inum, (u32)PROC_UTS_INIT_INO);
	KUNIT_EXPECT_EQ(test, call->target_pid, 0U);
	KUNIT_EXPECT_EQ(test, call->owner_inum, (u32)PROC_USER_INIT_INO);
	KUNIT_EXPECT_EQ(test, (int)call->relation, SETNSMON_RELATION_SAME);
	KUNIT_EXPECT_EQ(test, call->ret, (s32)value);
	KUNIT_EXPECT_EQ(test, call->joined, value ? 0 : UTS);
	KUNIT_EXPECT_EQ(test, call->flags, moved ? SETNSMON_FLAG_TO_INIT : 0);
	KUNIT_EXPECT_EQ(test, call->cap_effective_after, call->cap_effective);
	for (link = 0; link < SETNSMON_LINKS; link++) {
		KUNIT_EXPECT_EQ(test, call->after[link], conclude_initial[link]);
		KUNIT_EXPECT_EQ(test, call->before[link],
				moved && link == SETNSMON_LINK_UTS ? A : conclude_initial[link]);
	}
}

static void joins(struct kunit *test)
{
	a_join(test, -EINVAL, 0);
	a_join(test, -EINVAL, LINK(UTS));
	a_join(test, 0, 0);
	a_join(test, 0, LINK(UTS));
}

/* By its place each link is what it is by its name; and the two that have none have none. */
static void places(struct kunit *test)
{
	u32 links = 0;
	unsigned int bit;

	for (bit = 0; bit < ARRAY_SIZE(links_places); bit++) {
		const struct links_place *place = &links_places[bit];

		if (!place->in_proxy)
			continue;
		KUNIT_EXPECT_EQ(test, kind_by_link[place->link], 1U << bit);
		KUNIT_EXPECT_PTR_EQ(test, links_at(current->nsproxy, place),
				    (const struct ns_common *)links_in_proxy(current->nsproxy,
									     place->link));
		links |= BIT(place->link);
	}
	KUNIT_EXPECT_EQ(test, links,
			LINK(CGROUP) | LINK(IPC) | LINK(MNT) | LINK(NET) | LINK(PID_FOR_CHILDREN) |
				LINK(UTS));
}

/* Made by one who could cross: it goes where it is not overwritten by what anybody does. */
static void no_end(struct kunit *test)
{
	const struct setnsmon_setns *call = &recorded.setns;

	begun = committed = 0;
	preempt_disable();
	call_unfollowed(&bad_fds[0], SETNSMON_ABI_X86_64);
	preempt_enable();
	KUNIT_EXPECT_EQ(test, begun, 1U);
	KUNIT_EXPECT_EQ(test, committed, 1U);
	KUNIT_EXPECT_EQ(test, (int)begun_lane, RECORDER_CROSSING);
	KUNIT_EXPECT_EQ(test, (int)committed_lane, RECORDER_CROSSING);
	conclude(&recorded, 0);
	expect_caller(test, call);
	expect_no_target(test, call);
	KUNIT_EXPECT_EQ(test, call->fd, -1);
	KUNIT_EXPECT_EQ(test, call->flags, SETNSMON_FLAG_RET_UNKNOWN);
	KUNIT_EXPECT_FALSE(test, call->has & SETNSMON_HAS_RET);
	KUNIT_EXPECT_EQ(test, call->ret, 0);
	KUNIT_EXPECT_EQ(test, call->duration_ns, 0ULL);
	KUNIT_EXPECT_EQ(test, call->after[0], 0U);
}

static struct kunit_case capture_cases[] = {
	CASE("the bytes of a word before its first NUL, whatever they are", bytes_before),
	CASE("a name ends at its first NUL, and what is behind it is gone", comm),
	CASE("the ids of a cred, in their order", ids),
	CASE("audit's ids, set and not set", audit),
	CASE("the owner of the target; absent values are zero", whose),
	CASE("capability n is bit n", capabilities),
	CASE("the arguments of each ABI are where its entry leaves them", arguments),
	CASE("who is above, below and beside whom, in a family of user namespaces", relations),
	CASE("each link that changed is reported, and no other", changes),
	CASE("each link belongs to the kind that moves it, in all 1024 combinations", kinds),
	CASE("what was joined, and was it what the descriptor named", success),
	CASE("a process lends its own pid namespace, not its children's", pid_of_a_process),
	CASE("a link that came to an initial namespace is reported if it has changed", to_init),
	CASE("calls that fail: every field, in memory that held something else", failures),
	CASE("a success without a descriptor at entry was raced", success_of_nothing),
	CASE("a link is where its place says, of each kind that moves one", places),
	CASE("a call of which only the link that it may move was kept", joins),
	CASE("a call without an end: every field", no_end),
	{}
};

/* The links of kthreads are those of the kernel's beginning, and the way to /proc is init's. */
static int prove(struct kunit_suite *suite)
{
	return capture_init();
}

static struct kunit_suite capture_suite = {
	.name = "setnsmon_capture",
	.suite_init = prove,
	.test_cases = capture_cases,
};
kunit_test_suite(capture_suite);
