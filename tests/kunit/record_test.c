// SPDX-License-Identifier: GPL-2.0-only
/* From an event to a record: what record.c derives, as tables, and what it does with garbage. */
#include "suite.h"
#include "../../module/record/record.c"

#include <linux/delay.h>
#include <linux/kcsan-checks.h>
#include <linux/kthread.h>
#include <linux/prandom.h>
#include <linux/slab.h>

#define A 0xaaaaaaaaU /* numbers of three namespaces */
#define B 0xbbbbbbbbU
#define C 0xccccccccU

#define NET	   0x40000000U
#define UTS	   0x04000000U
#define PID	   0x20000000U
#define TIME	   0x00000080U
#define LINK(name) BIT(SETNSMON_LINK_##name)

/* Bits that follow from the kernel, not from the event. */
#define KERNEL_HAS                                                                                 \
	((COMPAT_HAS_NS_IDS ? SETNSMON_HAS_NS_IDS : 0) |                                           \
	 (COMPAT_HAS_PID_IDS ? SETNSMON_HAS_PID_IDS : 0))

/* Members that an event leaves undefined hold this, as memory of a ring may hold anything. */
#define SOIL 0xa5

static struct event *new_event(struct kunit *test)
{
	struct event *event = kunit_kmalloc(test, sizeof(*event), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, event);
	memset(event, SOIL, sizeof(*event));
	event->caller.loginuid = AUDIT_UID_UNSET;
	event->caller.sessionid = AUDIT_SID_UNSET;
	event->number = 308;
	event->form.entry_abi = SETNSMON_ABI_X86_64;
	event->form.tracked = true;
	event->form.call_class = SETNSMON_CLASS_PLAIN;
	event->form.root_moved = false;
	event->ret = -EINVAL;
	event->changed = 0;
	event->target.form.fd_kind = SETNSMON_FD_NONE;
	event->target.form.relation = SETNSMON_RELATION_NONE;
	event->target.form.has = 0;
	return event;
}

static struct setnsmon_record *new_record(struct kunit *test)
{
	struct setnsmon_record *record = kunit_kmalloc(test, sizeof(*record), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, record);
	memset(record, SOIL, sizeof(*record));
	return record;
}

/* ---- names ---- */

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

/* Sixteen bytes of current->comm, and the name in them. */
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
	struct setnsmon_record *record = new_record(test);
	struct event *event = new_event(test);
	u8 want[TASK_COMM_LEN];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(names); i++) {
		memset(want, 0, sizeof(want));
		memcpy(want, names[i].name, strlen(names[i].name));
		memcpy(event->caller.comm, names[i].comm, sizeof(event->caller.comm));
		record_from_event(record, event, 0);
		if (memcmp(record->setns.comm, want, sizeof(want)))
			KUNIT_FAIL(test, "%s is taken for %.16s", names[i].name,
				   record->setns.comm);
	}
}

/* ---- copies ---- */

#define EXPECT_SAME(member, from) KUNIT_EXPECT_EQ(test, call->member, event->from.member)

/* Every member that is only copied has another value. */
static void copies(struct kunit *test)
{
	struct setnsmon_record *record = new_record(test);
	const struct setnsmon_setns *call = &record->setns;
	struct event *event = new_event(test);
	u8 *bytes = (u8 *)&event->caller;
	unsigned int i;

	event->key = (struct stream_key){ .seq = 71, .stamp = 72 };
	event->real_ns = 73;
	event->duration_ns = 74;
	event->fd = -75;
	event->nstype = 76;
	for (i = 0; i < offsetof(struct event_caller, comm); i++)
		bytes[i] = 1 + i;
	event->before.cap_permitted = 77;
	event->before.cap_effective = 78;
	event->before.userns_level = 79;
	event->before.userns_uid = 80;
	event->form.call_class = 81;
	for (i = 0; i < SETNSMON_LINKS; i++)
		event->before.links[i] = 1000 + i;
	record_from_event(record, event, 5);

	KUNIT_EXPECT_EQ(test, (int)record->type, SETNSMON_RECORD_SETNS);
	KUNIT_EXPECT_EQ(test, (size_t)record->size, sizeof(*record));
	KUNIT_EXPECT_EQ(test, record->cpu, 5U);
	KUNIT_EXPECT_EQ(test, record->seq, 71ULL);
	KUNIT_EXPECT_EQ(test, record->boot_ns, 72ULL);
	KUNIT_EXPECT_EQ(test, record->real_ns, 73ULL);
	KUNIT_EXPECT_EQ(test, call->duration_ns, 74ULL);
	KUNIT_EXPECT_EQ(test, call->fd, -75);
	KUNIT_EXPECT_EQ(test, call->nstype, 76U);
	KUNIT_EXPECT_EQ(test, call->cap_permitted, 77ULL);
	KUNIT_EXPECT_EQ(test, call->cap_effective, 78ULL);
	KUNIT_EXPECT_EQ(test, call->caller_userns_inum, 1000U + SETNSMON_LINK_USER);
	KUNIT_EXPECT_EQ(test, call->caller_userns_level, 79U);
	KUNIT_EXPECT_EQ(test, call->caller_userns_uid, 80U);
	EXPECT_SAME(start_ns, caller);
	EXPECT_SAME(cgroup_id, caller);
	EXPECT_SAME(tid, caller);
	EXPECT_SAME(pid, caller);
	EXPECT_SAME(ppid, caller);
	EXPECT_SAME(ns_pid, caller);
	EXPECT_SAME(ns_tid, caller);
	EXPECT_SAME(uid, caller);
	EXPECT_SAME(gid, caller);
	EXPECT_SAME(suid, caller);
	EXPECT_SAME(sgid, caller);
	EXPECT_SAME(euid, caller);
	EXPECT_SAME(egid, caller);
	EXPECT_SAME(fsuid, caller);
	EXPECT_SAME(fsgid, caller);
	EXPECT_SAME(loginuid, caller);
	EXPECT_SAME(sessionid, caller);
	KUNIT_EXPECT_EQ(test, (int)call->call_class, 81);
	KUNIT_EXPECT_EQ(test, call->pad2, 0U);
	for (i = 0; i < SETNSMON_LINKS; i++) {
		KUNIT_EXPECT_EQ(test, call->before[i], 1000 + i);
		KUNIT_EXPECT_EQ(test, call->after[i], 1000 + i);
	}
}

/* ---- members that may be absent ---- */

/* The kernel's number for "not set" is not an id, but 0 is one. */
static const struct {
	u32 stored;
	u32 shown;
	bool set;
} audit_ids[] = { { 1000, 1000, true }, { 0, 0, true }, { -1, 0, false } };

static void audit(struct kunit *test)
{
	const u32 both = SETNSMON_HAS_LOGINUID | SETNSMON_HAS_SESSIONID;
	struct setnsmon_record *record = new_record(test);
	const struct setnsmon_setns *call = &record->setns;
	struct event *event = new_event(test);
	unsigned int i, j;

	for (i = 0; i < ARRAY_SIZE(audit_ids); i++)
		for (j = 0; j < ARRAY_SIZE(audit_ids); j++) {
			event->caller.loginuid = audit_ids[i].stored;
			event->caller.sessionid = audit_ids[j].stored;
			record_from_event(record, event, 0);
			KUNIT_EXPECT_EQ(test, call->loginuid, audit_ids[i].shown);
			KUNIT_EXPECT_EQ(test, call->sessionid, audit_ids[j].shown);
			KUNIT_EXPECT_EQ(test, call->has & both,
					(audit_ids[i].set ? SETNSMON_HAS_LOGINUID : 0) |
						(audit_ids[j].set ? SETNSMON_HAS_SESSIONID : 0));
		}
}

/* A target that the caller is not in, and the flags that follow from it. */
static const struct {
	u32 has;
	u8 relation;
	u32 flags;
} targets[] = {
	{ 0, SETNSMON_RELATION_NONE, 0 },
	{ SETNSMON_HAS_TARGET_PID, SETNSMON_RELATION_NONE, 0 },
	{ SETNSMON_HAS_TARGET_NS, SETNSMON_RELATION_NONE, 0 },
	{ SETNSMON_HAS_TARGET_NS | SETNSMON_HAS_RELATION, SETNSMON_RELATION_ANCESTOR,
	  SETNSMON_FLAG_USERNS_CROSS | SETNSMON_FLAG_UPWARD },
	{ SETNSMON_HAS_TARGET_NS | SETNSMON_HAS_OWNER | SETNSMON_HAS_RELATION,
	  SETNSMON_RELATION_SAME, 0 },
	{ SETNSMON_HAS_TARGET_NS | SETNSMON_HAS_OWNER | SETNSMON_HAS_RELATION,
	  SETNSMON_RELATION_ANCESTOR, SETNSMON_FLAG_USERNS_CROSS | SETNSMON_FLAG_UPWARD },
	{ SETNSMON_HAS_TARGET_NS | SETNSMON_HAS_OWNER | SETNSMON_HAS_RELATION,
	  SETNSMON_RELATION_DESCENDANT, SETNSMON_FLAG_USERNS_CROSS },
	{ SETNSMON_HAS_TARGET_NS | SETNSMON_HAS_OWNER | SETNSMON_HAS_RELATION,
	  SETNSMON_RELATION_UNRELATED, SETNSMON_FLAG_USERNS_CROSS },
	{ SETNSMON_HAS_OWNER | SETNSMON_HAS_RELATION | SETNSMON_HAS_TARGET_PID,
	  SETNSMON_RELATION_ANCESTOR, 0 },
	{ SETNSMON_HAS_TARGET_PID | SETNSMON_HAS_TARGET_USERNS | SETNSMON_HAS_TARGET_CGROUP |
		  SETNSMON_HAS_SHARING, SETNSMON_RELATION_NONE, 0 },
	{ SETNSMON_HAS_FS_MAGIC | SETNSMON_HAS_SHARING, SETNSMON_RELATION_NONE, 0 },
	{ 0, SETNSMON_RELATION_NONE, 0 },
};

/* Expects a member to be set if the record has it, and zero otherwise. */
#define EXPECT_IF(bits, member) KUNIT_EXPECT_EQ(test, !call->member, (has & (bits)) != (bits))

static void target(struct kunit *test)
{
	const u32 has_id = COMPAT_HAS_NS_IDS || COMPAT_HAS_NET_COOKIES ? SETNSMON_HAS_TARGET_ID : 0;
	struct setnsmon_record *record = new_record(test);
	const struct setnsmon_setns *call = &record->setns;
	struct event *event = new_event(test);
	unsigned int i, link;

	event->nstype = 0;
	event->target.type = NET;
	event->target.inum = 7;
	for (i = 0; i < ARRAY_SIZE(targets); i++) {
		u32 has = targets[i].has | KERNEL_HAS;

		event->target.form.has = targets[i].has;
		event->target.form.relation = targets[i].relation;
		has |= targets[i].has & SETNSMON_HAS_TARGET_NS ? has_id : 0;
		/* The record of the target before stays in place. */
		record_from_event(record, event, 0);
		KUNIT_EXPECT_EQ(test, call->has, has | SETNSMON_HAS_RET | SETNSMON_HAS_CGROUP);
		KUNIT_EXPECT_EQ(test, call->flags, targets[i].flags);
		KUNIT_EXPECT_EQ(test, (int)call->relation, targets[i].relation);
		EXPECT_IF(SETNSMON_HAS_TARGET_ID, target_id);
		EXPECT_IF(SETNSMON_HAS_OWNER | SETNSMON_HAS_NS_IDS, owner_id);
		EXPECT_IF(SETNSMON_HAS_TARGET_NS, target_type);
		EXPECT_IF(SETNSMON_HAS_TARGET_NS, target_inum);
		EXPECT_IF(SETNSMON_HAS_TARGET_PID, target_pid);
		EXPECT_IF(SETNSMON_HAS_OWNER, owner_inum);
		EXPECT_IF(SETNSMON_HAS_OWNER, owner_level);
		EXPECT_IF(SETNSMON_HAS_OWNER, owner_uid);
		EXPECT_IF(SETNSMON_HAS_TARGET_USERNS | SETNSMON_HAS_NS_IDS, target_userns_id);
		EXPECT_IF(SETNSMON_HAS_TARGET_USERNS, target_userns_inum);
		EXPECT_IF(SETNSMON_HAS_TARGET_USERNS, target_userns_level);
		EXPECT_IF(SETNSMON_HAS_TARGET_USERNS, target_userns_uid);
		EXPECT_IF(SETNSMON_HAS_TARGET_PID | SETNSMON_HAS_PID_IDS, target_pid_id);
		EXPECT_IF(SETNSMON_HAS_TARGET_CGROUP, target_cgroup_id);
		EXPECT_IF(SETNSMON_HAS_SHARING, threads);
		EXPECT_IF(SETNSMON_HAS_SHARING, fs_users);
		EXPECT_IF(SETNSMON_HAS_FS_MAGIC, fs_magic);
		for (link = 0; link < SETNSMON_LINKS; link++)
			EXPECT_IF(SETNSMON_HAS_TARGET_LINKS, target_links[link]);
	}
}

/* A namespace that the caller is in is no step, whoever owns it. */
static void nowhere(struct kunit *test)
{
	struct setnsmon_record *record = new_record(test);
	struct event *event = new_event(test);

	event->nstype = 0;
	event->ret = -EPERM;
	event->target.form.has = SETNSMON_HAS_TARGET_NS | SETNSMON_HAS_RELATION;
	event->target.form.relation = SETNSMON_RELATION_ANCESTOR;
	event->target.type = NET;
	event->target.inum = links_initial[SETNSMON_LINK_NET];
	event->before.links[SETNSMON_LINK_NET] = event->target.inum;
	record_from_event(record, event, 0);
	KUNIT_EXPECT_EQ(test, record->setns.flags, SETNSMON_FLAG_DENIED);
	event->before.links[SETNSMON_LINK_NET]++;
	record_from_event(record, event, 0);
	KUNIT_EXPECT_EQ(test, record->setns.flags,
			SETNSMON_FLAG_DENIED | SETNSMON_FLAG_TARGETS_INIT | SETNSMON_FLAG_UPWARD |
				SETNSMON_FLAG_USERNS_CROSS);
	/* A call with another type asks for nothing. */
	event->nstype = UTS;
	record_from_event(record, event, 0);
	KUNIT_EXPECT_EQ(test, record->setns.flags, SETNSMON_FLAG_DENIED);
}

/* A process is judged by the kinds that lead elsewhere; if none does, only when it is refused. */
static void crossed(struct kunit *test)
{
	const u32 both = SETNSMON_FLAG_UPWARD | SETNSMON_FLAG_USERNS_CROSS;
	struct setnsmon_record *record = new_record(test);
	struct event *event = new_event(test);

	event->nstype = NET | UTS;
	event->target.form.fd_kind = SETNSMON_FD_PIDFD;
	event->target.form.has = SETNSMON_HAS_TARGET_LINKS | SETNSMON_HAS_RELATION;
	event->target.form.relation = SETNSMON_RELATION_ANCESTOR;
	event->target.more.crossed = 0;
	record_from_event(record, event, 0);
	KUNIT_EXPECT_EQ(test, record->setns.flags, 0U);
	event->ret = -EPERM;
	record_from_event(record, event, 0);
	KUNIT_EXPECT_EQ(test, record->setns.flags, SETNSMON_FLAG_DENIED | both);
	event->before.links[SETNSMON_LINK_UTS]++;
	event->target.more.crossed = BIT(SETNSMON_RELATION_DESCENDANT);
	record_from_event(record, event, 0);
	KUNIT_EXPECT_EQ(test, record->setns.flags,
			SETNSMON_FLAG_DENIED | SETNSMON_FLAG_USERNS_CROSS);
	event->target.more.crossed |= BIT(SETNSMON_RELATION_ANCESTOR);
	record_from_event(record, event, 0);
	KUNIT_EXPECT_EQ(test, record->setns.flags, SETNSMON_FLAG_DENIED | both);
}

static void untracked(struct kunit *test)
{
	struct setnsmon_record *record = new_record(test);
	const struct setnsmon_setns *call = &record->setns;
	struct event *event = new_event(test);
	unsigned int link;

	event->form.tracked = false;
	memset(&event->changed, SOIL, sizeof(event->changed));
	event->ret = 0;
	record_from_event(record, event, 0);
	KUNIT_EXPECT_EQ(test, call->has, KERNEL_HAS | SETNSMON_HAS_CGROUP);
	KUNIT_EXPECT_EQ(test, call->flags, SETNSMON_FLAG_RET_UNKNOWN);
	KUNIT_EXPECT_EQ(test, call->ret, 0);
	KUNIT_EXPECT_EQ(test, call->joined, 0U);
	KUNIT_EXPECT_EQ(test, call->duration_ns, 0ULL);
	KUNIT_EXPECT_EQ(test, call->cap_effective_after, 0ULL);
	for (link = 0; link < SETNSMON_LINKS; link++) {
		KUNIT_EXPECT_EQ(test, call->before[link], event->before.links[link]);
		KUNIT_EXPECT_EQ(test, call->after[link], 0U);
	}
}

/* An untracked call has the flag of its success, but only if it can succeed. */
static void prediction(struct kunit *test)
{
	struct setnsmon_record *record = new_record(test);
	struct event *event = new_event(test);

	event->form.tracked = false;
	event->form.call_class = SETNSMON_CLASS_ENTRY;
	event->nstype = 0;
	event->target.form.has = SETNSMON_HAS_TARGET | SETNSMON_HAS_TARGET_NS;
	event->target.type = CLONE_NEWNET;
	event->target.inum = links_initial[SETNSMON_LINK_NET];
	event->before.links[SETNSMON_LINK_NET] = event->target.inum + 1;
	event->before.userns_level = 0;
	record_from_event(record, event, 0);
	KUNIT_EXPECT_EQ(test, record->setns.flags,
			SETNSMON_FLAG_RET_UNKNOWN | SETNSMON_FLAG_TO_INIT |
				SETNSMON_FLAG_TARGETS_INIT);
	event->form.call_class = SETNSMON_CLASS_PLAIN;
	record_from_event(record, event, 0);
	KUNIT_EXPECT_EQ(test, record->setns.flags,
			SETNSMON_FLAG_RET_UNKNOWN | SETNSMON_FLAG_TARGETS_INIT);
	event->form.call_class = SETNSMON_CLASS_ENTRY;
	event->before.links[SETNSMON_LINK_NET] = event->target.inum;
	record_from_event(record, event, 0);
	KUNIT_EXPECT_EQ(test, record->setns.flags, SETNSMON_FLAG_RET_UNKNOWN);
}

/* Only both arguments together make a call that tests the module. */
static void selftests(struct kunit *test)
{
	struct setnsmon_record *record = new_record(test);
	struct event *event = new_event(test);

	event->fd = -1;
	event->nstype = SETNSMON_SELFTEST_NSTYPE;
	record_from_event(record, event, 0);
	KUNIT_EXPECT_EQ(test, record->setns.flags, SETNSMON_FLAG_SELFTEST);
	event->fd = -2;
	record_from_event(record, event, 0);
	KUNIT_EXPECT_EQ(test, record->setns.flags, 0U);
	event->fd = -1;
	event->nstype++;
	record_from_event(record, event, 0);
	KUNIT_EXPECT_EQ(test, record->setns.flags, 0U);
}

static void root_moved(struct kunit *test)
{
	struct setnsmon_record *record = new_record(test);
	struct event *event = new_event(test);

	event->form.root_moved = true;
	record_from_event(record, event, 0);
	KUNIT_EXPECT_EQ(test, record->setns.flags, SETNSMON_FLAG_ROOT_MOVED);
}

/* ---- results ---- */

static const struct {
	s32 ret;
	u32 flags;
} failures[] = {
	{ -EBADF, 0 },
	{ -EINVAL, 0 },
	{ -EPERM, SETNSMON_FLAG_DENIED },
	{ -EACCES, SETNSMON_FLAG_DENIED },
	{ S32_MIN, 0 },
	{ 1, 0 },
};

static void failed(struct kunit *test)
{
	struct setnsmon_record *record = new_record(test);
	const struct setnsmon_setns *call = &record->setns;
	struct event *event = new_event(test);
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(failures); i++) {
		event->ret = failures[i].ret;
		record_from_event(record, event, 0);
		KUNIT_EXPECT_EQ(test, call->ret, failures[i].ret);
		KUNIT_EXPECT_EQ(test, call->flags, failures[i].flags);
		KUNIT_EXPECT_EQ(test, call->joined, 0U);
		KUNIT_EXPECT_EQ(test, call->cap_effective_after, call->cap_effective);
	}
}

/* The kind that moves each link, by hand: two links are never moved by themselves. */
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
		KUNIT_EXPECT_EQ(test, kinds_of_links(links), want);
	}
}

/*
 * A successful call whose caller was in A everywhere. @target: the namespace behind an nsfs
 * file; for a pidfd all links of the process, or 0 if they could not be read. @moved: links
 * that are @to afterwards.
 */
static const struct {
	const char *name;
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
	{ "into another, of the requested kind", SETNSMON_FD_NSFS, NET, NET, B, LINK(NET), B, NET,
	  false },
	{ "into its own", SETNSMON_FD_NSFS, 0, NET, A, 0, 0, NET, false },
	{ "children's pid", SETNSMON_FD_NSFS, 0, PID, B, LINK(PID_FOR_CHILDREN), B, PID, false },
	{ "time moves both", SETNSMON_FD_NSFS, 0, TIME, B,
	  LINK(TIME) | LINK(TIME_FOR_CHILDREN), B, TIME, false },
	{ "time's children alone", SETNSMON_FD_NSFS, 0, TIME, A, LINK(TIME_FOR_CHILDREN), A + 1,
	  TIME, false },
	{ "another one of the kind was joined", SETNSMON_FD_NSFS, 0, NET, B, LINK(NET), C, NET,
	  true },
	{ "another kind was joined", SETNSMON_FD_NSFS, 0, NET, B, LINK(UTS), C, UTS, true },
	{ "another kind was requested and joined", SETNSMON_FD_NSFS, UTS, NET, B, LINK(UTS), C,
	  UTS, true },
	{ "another kind was requested, its own was joined", SETNSMON_FD_NSFS, UTS, NET, B, 0, 0,
	  UTS, true },
	{ "nothing moved", SETNSMON_FD_NSFS, 0, NET, B, 0, 0, 0, true },
	{ "one link too many moved", SETNSMON_FD_NSFS, 0, NET, B, LINK(NET) | LINK(UTS), B,
	  NET | UTS, true },
	{ "it was not open", SETNSMON_FD_NONE, 0, 0, 0, LINK(NET), B, NET, true },
	{ "it was not open, and a kind was requested", SETNSMON_FD_NONE, NET, 0, 0, 0, 0, NET,
	  true },
	{ "it was not a namespace", SETNSMON_FD_OTHER, 0, 0, 0, LINK(UTS), B, UTS, true },
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

#define SUCCESS_FLAGS (SETNSMON_FLAG_RACED | SETNSMON_FLAG_DENIED | SETNSMON_FLAG_RET_UNKNOWN)

/* Sets the links of the caller and of the target process as in a row of @verdicts. */
static void set_links(struct event *event, unsigned int row)
{
	unsigned int link;

	event->changed = 0;
	for (link = 0; link < SETNSMON_LINKS; link++) {
		bool moved = verdicts[row].moved & BIT(link);

		event->target.more.links[link] = verdicts[row].target;
		event->before.links[link] = A;
		event->after.links[link] = moved ? verdicts[row].to : A;
		if (event->after.links[link] != A)
			event->changed |= BIT(link);
	}
}

static void success(struct kunit *test)
{
	struct setnsmon_record *record = new_record(test);
	const struct setnsmon_setns *call = &record->setns;
	struct event *event = new_event(test);
	unsigned int i;

	event->ret = 0;
	for (i = 0; i < ARRAY_SIZE(verdicts); i++) {
		event->nstype = verdicts[i].nstype;
		event->target.form.fd_kind = verdicts[i].fd_kind;
		event->target.type = verdicts[i].type;
		event->target.inum = verdicts[i].target;
		event->target.form.has = verdicts[i].type ? SETNSMON_HAS_TARGET_NS : 0;
		if (verdicts[i].fd_kind == SETNSMON_FD_PIDFD && verdicts[i].target)
			event->target.form.has = SETNSMON_HAS_TARGET_LINKS;
		set_links(event, i);
		record_from_event(record, event, 0);
		if (call->joined != verdicts[i].joined ||
		    (call->flags & SUCCESS_FLAGS) !=
			    (verdicts[i].raced ? SETNSMON_FLAG_RACED : 0))
			KUNIT_FAIL(test, "%s: joined %#x, flags %#x", verdicts[i].name,
				   call->joined, call->flags);
		KUNIT_EXPECT_EQ(test, memcmp(call->before, event->before.links,
					     sizeof(call->before)), 0);
		KUNIT_EXPECT_EQ(test, memcmp(call->after, event->after.links,
					     sizeof(call->after)), 0);
	}
}

/* A process lends its own pid namespace, not that of its children. */
static void pid_of_a_process(struct kunit *test)
{
	struct setnsmon_record *record = new_record(test);
	struct event *event = new_event(test);

	event->ret = 0;
	event->nstype = PID;
	event->changed = LINK(PID_FOR_CHILDREN);
	event->target.form.fd_kind = SETNSMON_FD_PIDFD;
	event->target.form.has = SETNSMON_HAS_TARGET_LINKS;
	event->target.more.links[SETNSMON_LINK_PID] = B;
	event->target.more.links[SETNSMON_LINK_PID_FOR_CHILDREN] = C;
	event->after.links[SETNSMON_LINK_PID_FOR_CHILDREN] = B;
	record_from_event(record, event, 0);
	KUNIT_EXPECT_EQ(test, record->setns.flags & SUCCESS_FLAGS, 0U);
	event->after.links[SETNSMON_LINK_PID_FOR_CHILDREN] = C;
	record_from_event(record, event, 0);
	KUNIT_EXPECT_EQ(test, record->setns.flags & SUCCESS_FLAGS, SETNSMON_FLAG_RACED);
}

/* Rights that were there before are not gained, even if others are lost. */
static void rights(struct kunit *test)
{
	struct setnsmon_record *record = new_record(test);
	struct event *event = new_event(test);

	event->ret = 0;
	event->changed = LINK(USER);
	event->before.cap_effective = 6;
	event->after.cap_effective = 4;
	record_from_event(record, event, 0);
	KUNIT_EXPECT_EQ(test, record->setns.cap_effective_after, 4ULL);
	KUNIT_EXPECT_FALSE(test, record->setns.flags & SETNSMON_FLAG_CAPS_GAINED);
	event->after.cap_effective = 12;
	record_from_event(record, event, 0);
	KUNIT_EXPECT_TRUE(test, record->setns.flags & SETNSMON_FLAG_CAPS_GAINED);
}

static void to_init(struct kunit *test)
{
	u32 saved[SETNSMON_LINKS], after[SETNSMON_LINKS];
	unsigned int link;

	memcpy(saved, links_initial, sizeof(saved));
	for (link = 0; link < SETNSMON_LINKS; link++)
		links_initial[link] = after[link] = 1000 + link;
	for (link = 0; link < SETNSMON_LINKS; link++) {
		KUNIT_EXPECT_TRUE(test, reached_initial(after, BIT(link)));
		after[link] = 1000 + (link + 1) % SETNSMON_LINKS;
		KUNIT_EXPECT_FALSE(test, reached_initial(after, BIT(link)));
	}
	after[SETNSMON_LINK_UTS] = links_initial[SETNSMON_LINK_UTS];
	KUNIT_EXPECT_FALSE(test, reached_initial(after, 0));
	KUNIT_EXPECT_TRUE(test, reached_initial(after, LINK(NET) | LINK(UTS)));
	KUNIT_EXPECT_FALSE(test, reached_initial(after, LINK(NET) | LINK(IPC)));
	memcpy(links_initial, saved, sizeof(saved));
}

static void gap(struct kunit *test)
{
	struct setnsmon_record *next = new_record(test), *record = new_record(test);
	struct setnsmon_record want = {};

	next->cpu = 3;
	next->seq = 70;
	next->boot_ns = 71;
	next->real_ns = 72;
	want.type = SETNSMON_RECORD_LOST;
	want.size = sizeof(want);
	want.cpu = 3;
	want.seq = 60;
	want.boot_ns = 71;
	want.real_ns = 72;
	want.lost.count = 10;
	record_from_gap(record, next, 10);
	KUNIT_EXPECT_EQ(test, memcmp(record, &want, sizeof(want)), 0);
}

/* ---- garbage ---- */

#define EVENTS 20000

/*
 * Random bytes alone would hardly ever be a success, a kind or a process with links. So each
 * of the members that decide anything gets a likely value half of the time.
 */
static void fill_garbage(struct event *event, struct rnd_state *state)
{
	u32 dice;

	prandom_bytes_state(state, event, sizeof(*event));
	dice = prandom_u32_state(state);
	if (dice & 1)
		event->ret = 0;
	if (dice & 2)
		event->changed = 0;
	if (dice & 4)
		event->nstype = 0;
	if (dice & 8)
		event->target.type = 1U << (dice >> 27);
	if (dice & 16)
		event->target.form.fd_kind = SETNSMON_FD_PIDFD;
	if (dice & 32)
		event->target.form.has &= ~SETNSMON_HAS_TARGET_NS;
	if (dice & 64)
		event->form.tracked = true;
	if (dice & 128)
		event->caller.comm[dice >> 28] = 0;
}

/* Statements that hold for the record of any event. */
static void expect_sound(struct kunit *test, const struct setnsmon_record *record)
{
	const struct setnsmon_setns *call = &record->setns;
	const u32 has = call->has;
	unsigned int i, name = strnlen((const char *)call->comm, sizeof(call->comm));

	KUNIT_EXPECT_EQ(test, (int)record->type, SETNSMON_RECORD_SETNS);
	KUNIT_EXPECT_EQ(test, (size_t)record->size, sizeof(*record));
	KUNIT_EXPECT_EQ(test, call->pad2, 0U);
	KUNIT_EXPECT_LT(test, name, (unsigned int)sizeof(call->comm));
	for (i = name; i < sizeof(call->comm); i++)
		KUNIT_EXPECT_EQ(test, (int)call->comm[i], 0);
	if (!(has & SETNSMON_HAS_TARGET_NS))
		KUNIT_EXPECT_EQ(test, call->target_type | call->target_inum, 0U);
	if (!(has & SETNSMON_HAS_OWNER))
		KUNIT_EXPECT_EQ(test, call->owner_inum | call->owner_level | call->owner_uid, 0U);
	if (!(has & SETNSMON_HAS_TARGET_PID))
		KUNIT_EXPECT_EQ(test, call->target_pid, 0U);
	if (!(has & SETNSMON_HAS_RET))
		KUNIT_EXPECT_EQ(test, call->ret | call->joined | call->after[0], 0U);
}

/* Both objects end where their memory ends, so KASAN sees a byte too many. */
static void garbage(struct kunit *test)
{
	struct setnsmon_record *record = new_record(test);
	struct event *event = new_event(test);
	struct rnd_state state;
	unsigned int i;

	prandom_seed_state(&state, 4242);
	for (i = 0; i < EVENTS; i++) {
		fill_garbage(event, &state);
		record_from_event(record, event, i);
		expect_sound(test, record);
	}
}

/* Overwrites an event all the time, as a ring does under a reader that was overtaken. */
static int overwrite(void *data)
{
	struct event *event = data;
	struct event *next = kmalloc(sizeof(*next), GFP_KERNEL);
	struct rnd_state state;
	unsigned int i;

	prandom_seed_state(&state, 4243);
	while (next && !kthread_should_stop()) {
		fill_garbage(next, &state);
		for (i = 0; i < EVENT_WORDS; i++)
			WRITE_ONCE(((u64 *)event)[i], ((u64 *)next)[i]);
		cond_resched();
	}
	kfree(next);
	while (!kthread_should_stop())
		schedule_timeout_interruptible(1);
	return 0;
}

static void overwritten(struct kunit *test)
{
	struct setnsmon_record *record = new_record(test);
	struct event *event = new_event(test);
	struct task_struct *task = kthread_run(overwrite, event, "setnsmon/overwrite");
	unsigned int i;

	KUNIT_ASSERT_FALSE(test, IS_ERR(task));
	for (i = 0; i < EVENTS; i++) {
		kcsan_nestable_atomic_begin(); /* like merge_first() */
		record_from_event(record, event, i);
		kcsan_nestable_atomic_end();
		KUNIT_EXPECT_EQ(test, (int)record->type, SETNSMON_RECORD_SETNS);
		KUNIT_EXPECT_EQ(test, (size_t)record->size, sizeof(*record));
		if (i % 64 == 0)
			cond_resched();
	}
	kthread_stop(task);
}

static struct kunit_case record_cases[] = {
	CASE("the bytes of a word before its first NUL, whatever they are", bytes_before),
	CASE("a name ends at its first NUL, and the bytes after it are zero", comm),
	CASE("members that need no decision are copied, each to its own place", copies),
	CASE("audit's ids, set and not set", audit),
	CASE("flags that follow from the target, and absent members are zero", target),
	CASE("a namespace that the caller is in already is no step", nowhere),
	CASE("a process is judged by the kinds that lead elsewhere", crossed),
	CASE("an untracked call has no result, whatever the event holds", untracked),
	CASE("an untracked call that can succeed has the flag of its success", prediction),
	CASE("a call that tests the module is known by both arguments", selftests),
	CASE("a moved root or working directory is a flag", root_moved),
	CASE("a call that failed joined nothing; EPERM and EACCES are denied", failed),
	CASE("each link belongs to the kind that moves it, in all 1024 combinations", kinds),
	CASE("the kinds that were joined, and whether the descriptor explains them", success),
	CASE("a process lends its own pid namespace, not its children's", pid_of_a_process),
	CASE("rights are gained only if they were absent before", rights),
	CASE("a link that became an initial namespace is reported if it changed", to_init),
	CASE("the record of a gap holds its size, and zeros", gap),
	CASE("20000 events of garbage: sound records, nothing read or written outside", garbage),
	CASE("an event that is overwritten all the time: nothing read or written outside",
	     overwritten),
	{}
};

static struct kunit_suite record_suite = {
	.name = "setnsmon_record",
	.test_cases = record_cases,
};
kunit_test_suite(record_suite);
