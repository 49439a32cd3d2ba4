// SPDX-License-Identifier: GPL-2.0-only
/*
 * Lines of text inside the kernel. Each line is written a second time, into memory without
 * room for more than text.h promises to write, so that KASAN sees a byte too many.
 */
#include "suite.h"
#include "../../module/record/fields.c"
#include "../../module/record/text.c"

#include <linux/random.h>

/* Writes the line of @record, and expects the same line in memory of the least size allowed. */
static size_t line_of(struct kunit *test, const struct setnsmon_record *record, char *line)
{
	size_t len = text_line(line, record);
	char *exact;

	KUNIT_ASSERT_LE(test, len, (size_t)SETNSMON_LINE_MAX);
	if (!len)
		return 0;
	exact = kmalloc(len + FIELD_PATH_MAX, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, exact);
	KUNIT_EXPECT_EQ(test, text_line(exact, record), len);
	KUNIT_EXPECT_EQ(test, memcmp(exact, line, len), 0);
	kfree(exact);
	return len;
}

static char *line_buffer(struct kunit *test)
{
	char *line = kunit_kmalloc(test, SETNSMON_LINE_MAX, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, line);
	return line;
}

static void expect_line(struct kunit *test, const struct setnsmon_record *record, const char *want)
{
	char *line = line_buffer(test);
	size_t len = line_of(test, record, line);

	KUNIT_EXPECT_EQ(test, len, strlen(want));
	if (len != strlen(want) || memcmp(line, want, len))
		KUNIT_FAIL(test, "got\n%.*swanted\n%s", (int)len, line, want);
}

/* A container's root that joins the host's network namespace. */
static const struct setnsmon_record escape = {
	.type = SETNSMON_RECORD_SETNS,
	.size = sizeof(escape),
	.cpu = 3,
	.seq = 70000000001ULL,
	.boot_ns = 4398046511104ULL,
	.real_ns = 1709164799999999999ULL,
	.setns = {
		.target_id = 9,
		.owner_id = 8,
		.cap_permitted = 0x1ffffffffffULL,
		.cap_effective = 0x1000ULL,
		.has = SETNSMON_HAS_RET | SETNSMON_HAS_TARGET | SETNSMON_HAS_TARGET_NS |
		       SETNSMON_HAS_OWNER | SETNSMON_HAS_NS_IDS | SETNSMON_HAS_LOGINUID |
		       SETNSMON_HAS_SESSIONID | SETNSMON_HAS_CGROUP | SETNSMON_HAS_RELATION |
		       SETNSMON_HAS_TARGET_ID,
		.flags = SETNSMON_FLAG_TO_INIT | SETNSMON_FLAG_UPWARD | SETNSMON_FLAG_USERNS_CROSS |
			 SETNSMON_FLAG_CAPS_GAINED,
		.fd = 2147483647,
		.nstype = 0x40000000,
		.target_type = 0x40000000,
		.target_inum = 4026531840U,
		.owner_inum = 4026531837U,
		.owner_level = 0,
		.owner_uid = 0,
		.caller_userns_inum = 4026532199U,
		.caller_userns_level = 1,
		.caller_userns_uid = 1000,
		.call_class = SETNSMON_CLASS_ENTRY, .abi = SETNSMON_ABI_X32,
		.fd_kind = SETNSMON_FD_NSFS,
		.relation = SETNSMON_RELATION_ANCESTOR,
		.before = { 31, 32, 33, 34, 35, 36, 37, 38, 39, 40 },
		.duration_ns = 1,
		.start_ns = 2,
		.cgroup_id = 18446744073709551615ULL,
		.cap_effective_after = 0xfedcba9876543210ULL,
		.ret = 0,
		.joined = 0x40000000,
		.after = { 31, 32, 33, 4294967295U, 35, 36, 37, 38, 39, 40 },
		.pid = 4242,
		.tid = 4243,
		.ppid = 1,
		.ns_pid = 7,
		.ns_tid = 8,
		.uid = 100000,
		.euid = 100001,
		.suid = 100002,
		.fsuid = 100003,
		.gid = 200000,
		.egid = 200001,
		.sgid = 200002,
		.fsgid = 200003,
		.loginuid = 0,
		.sessionid = 4294967294U,
		.comm = "runc:[2:INIT]",
	},
};

static void a_call(struct kunit *test)
{
	expect_line(test, &escape,
		    "v=1 event=setns time=2024-02-28T23:59:59.999999999Z boot_ns=4398046511104 "
		    "duration_ns=1 cpu=3 seq=70000000001 class=entry abi=x32 pid=4242 tid=4243 ppid=1 "
		    "ns_pid=7 ns_tid=8 comm=\"runc:[2:INIT]\" start_ns=2 uid=100000 euid=100001 suid=100002 "
		    "fsuid=100003 gid=200000 egid=200001 sgid=200002 fsgid=200003 "
		    "cap_permitted=000001ffffffffff cap_effective=0000000000001000 "
		    "cap_effective_after=fedcba9876543210 loginuid=0 sessionid=4294967294 "
		    "cgroup_id=18446744073709551615 fd=2147483647 fd_kind=nsfs nstype=1073741824 "
		    "nstype_names=net fs_magic= threads= fs_users= target.type=net target.inum=4026531840 target.id=9 "
		    "target.owner.inum=4026531837 target.owner.id=8 target.owner.level=0 "
		    "target.owner.uid=0 target.relation=ancestor target.pid= target.pid_id= "
		    "target.userns= target.links= target.cgroup_id= "
		    "caller_userns.inum=4026532199 caller_userns.level=1 caller_userns.uid=1000 "
		    "before.cgroup=31 before.ipc=32 before.mnt=33 before.net=34 before.pid=35 "
		    "before.pid_for_children=36 before.time=37 before.time_for_children=38 "
		    "before.user=39 before.uts=40 after.cgroup=31 after.ipc=32 after.mnt=33 "
		    "after.net=4294967295 after.pid=35 after.pid_for_children=36 after.time=37 "
		    "after.time_for_children=38 after.user=39 after.uts=40 joined=net ret=0 errno= "
		    "flags=to-init,upward,userns-cross,caps-gained\n");
}

static void a_loss(struct kunit *test)
{
	const struct setnsmon_record lost = {
		.type = SETNSMON_RECORD_LOST,
		.cpu = 4294967295U,
		.seq = 12,
		.boot_ns = 18446744073709551615ULL,
		.real_ns = 0,
		.lost.count = 4096,
	};

	expect_line(test, &lost,
		    "v=1 event=lost time=1970-01-01T00:00:00.000000000Z "
		    "boot_ns=18446744073709551615 cpu=4294967295 seq=12 count=4096\n");
}

static void no_line(struct kunit *test)
{
	struct setnsmon_record unknown = escape;

	unknown.type = 3;
	expect_line(test, &unknown, "");
}

/* A name, and its form in the line. */
static const struct {
	const char *comm;
	const char *shown;
} names[] = {
	{ "sh", "sh" },
	{ "", "\"\"" },
	{ "x\n", "\"x\\x0a\"" },
	{ "\nv=1 event=lost", "\"\\x0av=1 event=lost\"" },
	{ "\" pid=1 x=\"", "\"\\\" pid=1 x=\\\"\"" },
	{ "\\\"", "\"\\\\\\\"\"" },
	{ "\033]0;title\007", "\"\\x1b]0;title\\x07\"" },
	{ "\x9b""2J", "\"\\x9b2J\"" },
	{ "\xe2\x80\xae", "\"\\xe2\\x80\\xae\"" },
	{ "\x7f", "\"\\x7f\"" },
	{ "%s%n%p", "\"%s%n%p\"" },
	{ "0123456789abcdef", "0123456789abcdef" },
	{ "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
	  "\"\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\xff\"" },
};

static void hostile_names(struct kunit *test)
{
	struct setnsmon_record record = escape;
	char *line = line_buffer(test);
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(names); i++) {
		const size_t shown = strlen(names[i].shown);
		const char *at;

		memset(record.setns.comm, 0, sizeof(record.setns.comm));
		memcpy(record.setns.comm, names[i].comm, strlen(names[i].comm));
		at = strnstr(line, " comm=", line_of(test, &record, line));
		KUNIT_ASSERT_NOT_NULL(test, at);
		at += strlen(" comm=");
		if (memcmp(at, names[i].shown, shown) || memcmp(at + shown, " start_ns=", 10))
			KUNIT_FAIL(test, "%s is shown as %.*s", names[i].shown, 80, at);
	}
}

/* Returns whether this is one line, printable, with its only newline at the end. */
static bool is_clean(const char *line, size_t len)
{
	size_t i;

	for (i = 0; i + 1 < len; i++)
		if (line[i] < 0x20 || line[i] > 0x7e)
			return false;
	return line[len - 1] == '\n';
}

/* All fields are present, each as long as it can be. */
static void the_longest(struct kunit *test)
{
	struct setnsmon_record record;
	char *line = line_buffer(test);
	size_t len;

	memset(&record, 0xff, sizeof(record));
	record.type = SETNSMON_RECORD_SETNS;
	record.setns.ret = S32_MIN;
	record.setns.fd = S32_MIN;
	record.setns.relation = SETNSMON_RELATION_DESCENDANT;
	record.setns.abi = SETNSMON_ABI_X86_64;
	record.setns.fd_kind = SETNSMON_FD_PIDFD;
	len = line_of(test, &record, line);
	KUNIT_EXPECT_TRUE(test, is_clean(line, len));
	KUNIT_EXPECT_GT(test, len, (size_t)1500);
	kunit_info(test, "%zu of %d bytes\n", len, SETNSMON_LINE_MAX);
}

static void any_bytes(struct kunit *test)
{
	struct setnsmon_record record;
	char *line = line_buffer(test);
	struct rnd_state state;
	unsigned int i;
	size_t len;

	prandom_seed_state(&state, 42);
	for (i = 0; i < 2000; i++) {
		prandom_bytes_state(&state, &record, sizeof(record));
		record.type = i % 8 ? SETNSMON_RECORD_SETNS : SETNSMON_RECORD_LOST;
		len = line_of(test, &record, line);
		KUNIT_ASSERT_GT(test, len, (size_t)0);
		KUNIT_ASSERT_TRUE(test, is_clean(line, len));
	}
}

static struct kunit_case text_cases[] = {
	CASE("a call that succeeded is this line", a_call),
	CASE("a gap is this line", a_loss),
	CASE("a record of an unknown type has no line", no_line),
	CASE("no name can end its field, or the line, or reach a terminal", hostile_names),
	CASE("the longest line fits", the_longest),
	CASE("any bytes make one clean line that fits, and nothing is written beyond it",
	     any_bytes),
	{}
};

static struct kunit_suite text_suite = {
	.name = "setnsmon_text",
	.test_cases = text_cases,
};
kunit_test_suite(text_suite);
