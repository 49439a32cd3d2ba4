/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Records, and checks of the text that is made of them, for the tests of the reader.
 */
#ifndef SETNSMON_TESTS_READING_H
#define SETNSMON_TESTS_READING_H

#include "term/escape.h"
#include "term/utf8.h"
#include "random.h"
#include "tap.h"

#include <linux/sched.h>
#include <linux/setnsmon.h>
#include <locale.h>
#include <stdlib.h>
#include <time.h>

#define HAS_ALL ((1U << 17) - 1)

static inline struct setnsmon_record blank(void)
{
	struct setnsmon_record rec;

	memset(&rec, 0, sizeof(rec));
	rec.type = SETNSMON_RECORD_SETNS;
	rec.size = sizeof(rec);
	rec.setns.abi = SETNSMON_ABI_X86_64;
	rec.setns.fd_kind = SETNSMON_FD_NONE;
	return rec;
}

/* Returns a record in which every field has a different value. */
static inline struct setnsmon_record full(void)
{
	struct setnsmon_record rec = blank();
	struct setnsmon_setns *s = &rec.setns;
	unsigned int i;

	rec.cpu = 1;
	rec.seq = 42;
	rec.boot_ns = 84123456789;
	rec.real_ns = 1795295053120394123;
	*s = (struct setnsmon_setns){
		.duration_ns = 2310, .start_ns = 84000000000, .cgroup_id = 4711,
		.cap_permitted = 0x1ffffffffff, .cap_effective = 0x20, .cap_effective_after = 0x21,
		.target_id = 7001, .owner_id = 7002,
		.has = HAS_ALL, .flags = SETNSMON_FLAG_UPWARD | SETNSMON_FLAG_TO_INIT,
		.ret = 0, .fd = 3, .nstype = CLONE_NEWNET, .joined = CLONE_NEWNET,
		.target_type = CLONE_NEWNET, .target_inum = 4026532208, .target_pid = 900,
		.owner_inum = 4026531837, .owner_level = 2, .owner_uid = 1001,
		.caller_userns_inum = 4026532199, .caller_userns_level = 1,
		.caller_userns_uid = 1002,
		.pid = 812, .tid = 813, .ppid = 800, .ns_pid = 12, .ns_tid = 13,
		.uid = 1, .euid = 2, .suid = 3, .fsuid = 4,
		.gid = 5, .egid = 6, .sgid = 7, .fsgid = 8,
		.loginuid = 1000, .sessionid = 33,
		.fs_magic = 0xef53, .threads = 2, .fs_users = 3, .target_pid_id = 7003,
		.target_cgroup_id = 7004, .target_userns_id = 7005, .target_userns_inum = 4026532300,
		.target_userns_level = 3, .target_userns_uid = 1003,
		.abi = SETNSMON_ABI_I386, .fd_kind = SETNSMON_FD_NSFS,
		.relation = SETNSMON_RELATION_ANCESTOR,
		.call_class = SETNSMON_CLASS_ENTRY, .comm = "nsenter",
	};
	for (i = 0; i < SETNSMON_LINKS; i++) {
		s->before[i] = 100 + i;
		s->after[i] = 200 + i;
		s->target_links[i] = 300 + i;
	}
	return rec;
}

static inline struct setnsmon_record with_comm(const void *comm, size_t len)
{
	struct setnsmon_record rec = full();

	memset(rec.setns.comm, 0, SETNSMON_COMM_LEN);
	memcpy(rec.setns.comm, comm, len);
	return rec;
}

static inline struct setnsmon_record lost(u64 count)
{
	struct setnsmon_record rec;

	memset(&rec, 0, sizeof(rec));
	rec.type = SETNSMON_RECORD_LOST;
	rec.size = sizeof(rec);
	rec.cpu = 3;
	rec.seq = 9;
	rec.boot_ns = 5;
	rec.lost.count = count;
	return rec;
}

static inline struct setnsmon_record ones(void)
{
	struct setnsmon_record rec;

	memset(&rec, 0xff, sizeof(rec));
	rec.type = SETNSMON_RECORD_SETNS;
	return rec;
}

static inline struct setnsmon_record random_record(void)
{
	struct setnsmon_record rec;
	u8 *bytes = (u8 *)&rec;
	size_t i;

	for (i = 0; i < sizeof(rec); i++)
		bytes[i] = random_u64() >> 32;
	rec.type = random_u64() % 8 ? SETNSMON_RECORD_SETNS : SETNSMON_RECORD_LOST;
	rec.setns.abi %= 5;
	rec.setns.fd_kind %= 6;
	rec.setns.relation %= 6;
	return rec;
}

/* Returns whether raw bytes could control a terminal, including C1 controls in UTF-8. */
static inline bool has_control(const char *s, size_t len)
{
	unsigned int n;
	u32 code;

	for (; len; s += n, len -= n) {
		n = utf8_decode((const u8 *)s, len, &code);
		if (!n)
			return true;
		if (code < 0x20 || (code >= 0x7f && code < 0xa0) || code == 0x202e || code == 0x2028)
			return true;
	}
	return false;
}

#define HOSTILE(s) { s, sizeof(s) - 1 }

static const struct {
	const char *bytes;
	size_t len;
} hostile[] = {
	HOSTILE(""),
	HOSTILE("fifteen-bytes-x"),
	HOSTILE("sixteen-bytes-xx"),
	HOSTILE("a\nb"),
	HOSTILE("\r\t\b\f\v\a"),
	HOSTILE("\"},{\"v\":1"),
	HOSTILE("\\"),
	HOSTILE("\\x1b\\u001b"),
	HOSTILE("\033[2J\033[1;31m"),
	HOSTILE("\033]0;title\007"),
	HOSTILE("\177\177"),
	HOSTILE("\xc2\x9b" "31m"),
	HOSTILE("\xc2\x80\xc2\x9f\xc2\xa0"),
	HOSTILE("\x9b" "31m"),
	HOSTILE("gr\xc3\xbcn"),
	HOSTILE("\xe6\xbc\xa2\xe5\xad\x97"),
	HOSTILE("\xf0\x9f\x90\xa7"),
	HOSTILE("\xe2\x80\xae" "evil"),
	HOSTILE("\xe2\x80\xa8line"),
	HOSTILE("e\xcc\x81"),
	HOSTILE("cut\xf0\x9f\x90"),
	HOSTILE("\xff\xfe"),
	HOSTILE("\xc0\xaf\xe0\x80\xaf"),
	HOSTILE("\xed\xa0\x80"),
	HOSTILE("\xf4\x90\x80\x80"),
	HOSTILE("\xef\xbf\xbd"),
	HOSTILE("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"),
};

static inline unsigned int lines_in(const char *s)
{
	unsigned int lines = 0;

	for (; *s; s++)
		lines += *s == '\n';
	return lines;
}

static inline bool has(const char *s, const char *part)
{
	if (strstr(s, part))
		return true;
	FAIL("no '%s' in: %s", part, s);
	return false;
}

static inline void is_text(const char *got, const char *want)
{
	if (strcmp(got, want))
		FAIL("'%s' is not '%s'", got, want);
}

static inline void set_zone(const char *tz)
{
	setenv("TZ", tz, 1);
	tzset();
}

/* The name of a case is that of its function. */
#define CASE(name) { #name, name }

/* Runs the cases where expected texts are those of UTC, 80 columns and UTF-8. */
static inline int run_cases(const struct tap_case *cases, unsigned int count)
{
	set_zone("UTC0");
	setenv("COLUMNS", "80", 1);
	if (!setlocale(LC_CTYPE, "C.UTF-8")) {
		printf("1..0 # SKIP the locale C.UTF-8 is not installed\n");
		return 0;
	}
	return tap_run(cases, count);
}

#endif /* SETNSMON_TESTS_READING_H */
