// SPDX-License-Identifier: GPL-2.0-only
/*
 * The text line. The parser and the list of fields below belong to this test: neither
 * fields.h nor text.c decides what is right.
 */
#define _GNU_SOURCE
#include "record/text.h"
#include "random.h"
#include "tap.h"

#include <limits.h>
#include <stdlib.h>
#include <time.h>

/* ---- a strict parser of logfmt ---- */

struct pair {
	char key[64];
	u8 value[512];
	size_t len;
	bool quoted;
};

struct line {
	struct pair pairs[128];
	unsigned int count, next;
	bool bad;
};

static int hex(u8 c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool bare_byte(u8 c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
	       c == '-' || c == '_' || c == '.' || c == '/' || c == ':' || c == '@' || c == '+' ||
	       c == ',';
}

/* Parses key=value pairs separated by one blank, with one newline, at the end. */
static const char *parse(struct line *line, const u8 *s, size_t len)
{
	const u8 *end = s + len;

	memset(line, 0, sizeof(*line));
	if (!len || end[-1] != '\n')
		return "no newline at the end";
	for (end--; s < end; s++) {
		struct pair *p = &line->pairs[line->count++];
		size_t k = 0;

		if (line->count == ARRAY_SIZE(line->pairs))
			return "too many fields";
		while (s < end && ((*s >= 'a' && *s <= 'z') || *s == '_' || *s == '.')) {
			if (k == sizeof(p->key) - 1)
				return "a key too long";
			p->key[k++] = *s++;
		}
		if (!k || s == end || *s++ != '=')
			return "not a key";
		p->quoted = s < end && *s == '"';
		s += p->quoted;
		for (;; s++) {
			u8 c = s < end ? *s : 0;

			if (p->len == sizeof(p->value))
				return "a value too long";
			if (!p->quoted && (s == end || c == ' '))
				break;
			if (p->quoted && c == '"') {
				s++;
				break;
			}
			if (s == end)
				return "an open quote";
			if (!p->quoted && !bare_byte(c))
				return "a bare byte that is not allowed";
			if (c < 0x20 || c > 0x7e)
				return "a byte that is not printable ASCII";
			if (c == '\\') {
				if (end - s < 2)
					return "half an escape";
				if (s[1] == 'x') {
					if (end - s < 4 || hex(s[2]) < 0 || hex(s[3]) < 0)
						return "a bad escape";
					c = hex(s[2]) << 4 | hex(s[3]);
					if (c >= 0x20 && c < 0x7f)
						return "an escape without need";
					s += 3;
				} else if (s[1] == '"' || s[1] == '\\') {
					c = *++s;
				} else {
					return "an unknown escape";
				}
			}
			p->value[p->len++] = c;
		}
		if (s < end && *s != ' ')
			return "no blank between fields";
		if (s == end - 1)
			return "a blank at the end";
	}
	return NULL;
}

/* ---- expected lines ---- */

static struct line parsed;

static void want_bytes(const char *key, const void *bytes, size_t len, bool quoted)
{
	struct pair *p = &parsed.pairs[parsed.next];

	if (parsed.bad)
		return;
	if (parsed.next++ >= parsed.count || strcmp(p->key, key)) {
		FAIL("field %u is \"%s\", expected \"%s\"", parsed.next, p->key, key);
		parsed.bad = true;
		return;
	}
	if (p->len != len || memcmp(p->value, bytes, len))
		FAIL("%s is \"%.*s\", expected \"%.*s\"", key, (int)p->len, (char *)p->value,
		     (int)len, (const char *)bytes);
	if (p->quoted != quoted)
		FAIL("%s is %squoted", key, p->quoted ? "" : "not ");
}

static void want(const char *key, const char *value)
{
	want_bytes(key, value, strlen(value), false);
}

static void want_u64(const char *key, u64 value)
{
	char text[32];

	snprintf(text, sizeof(text), "%" PRIu64, value);
	want(key, text);
}

static void want_s32(const char *key, s32 value)
{
	char text[32];

	snprintf(text, sizeof(text), "%" PRId32, value);
	want(key, text);
}

static void want_hex(const char *key, u64 value)
{
	char text[32];

	snprintf(text, sizeof(text), "%016" PRIx64, value);
	want(key, text);
}

struct name {
	u32 value;
	const char *name;
};

static void want_name(const char *key, u32 value, const struct name *names)
{
	for (; names->name; names++)
		if (names->value == value) {
			want(key, names->name);
			return;
		}
	want_u64(key, value);
}

static void want_names(const char *key, u32 bits, const struct name *names)
{
	char text[256] = "";

	for (; names->name; names++)
		if (bits & names->value) {
			strcat(text, *text ? "," : "");
			strcat(text, names->name);
		}
	want(key, text);
}

/* Numbers written out, because users of older headers rely on them. */
static const struct name kinds[] = {
	{ 0x02000000, "cgroup" }, { 0x08000000, "ipc" }, { 0x00020000, "mnt" },
	{ 0x40000000, "net" }, { 0x20000000, "pid" }, { 0x00000080, "time" },
	{ 0x10000000, "user" }, { 0x04000000, "uts" }, { 0, NULL }
};

static const struct name flags[] = {
	{ 1, "denied" }, { 2, "to-init" }, { 0x400, "targets-init" }, { 4, "upward" }, { 8, "userns-cross" },
	{ 16, "caps-gained" }, { 32, "raced" }, { 64, "ret-unknown" }, { 128, "kernel-compat" },
	{ 256, "root-moved" }, { 512, "selftest" },
	{ 0, NULL }
};

static const struct name classes[] = {
	{ 1, "plain" }, { 2, "entry" }, { 3, "exit" }, { 0, NULL }
};

static const struct name abis[] = { { 1, "x86_64" }, { 2, "i386" }, { 3, "x32" }, { 0, NULL } };

static const struct name fd_kinds[] = {
	{ 1, "none" }, { 2, "other" }, { 3, "nsfs" }, { 4, "pidfd" }, { 0, NULL }
};

static const struct name relations[] = {
	{ 1, "same" }, { 2, "ancestor" }, { 3, "descendant" }, { 4, "unrelated" }, { 0, NULL }
};

static void want_time(const char *key, u64 ns)
{
	time_t seconds = ns / 1000000000;
	char text[64];
	struct tm tm;

	gmtime_r(&seconds, &tm);
	strftime(text, 32, "%Y-%m-%dT%H:%M:%S", &tm);
	sprintf(text + strlen(text), ".%09uZ", (unsigned int)(ns % 1000000000));
	want(key, text);
}

static void want_comm(const u8 *comm)
{
	size_t len = 0;
	bool bare;

	while (len < 16 && comm[len])
		len++;
	bare = len > 0;
	for (size_t i = 0; i < len; i++)
		bare = bare && bare_byte(comm[i]) && comm[i] != ',';
	want_bytes("comm", comm, len, !bare);
}

static void want_links(const char *object, const u32 *links)
{
	static const char *const names[] = {
		"cgroup", "ipc", "mnt", "net", "pid", "pid_for_children", "time",
		"time_for_children", "user", "uts"
	};
	char key[64];

	for (unsigned int i = 0; i < 10; i++) {
		snprintf(key, sizeof(key), "%s.%s", object, names[i]);
		want_u64(key, links[i]);
	}
}

/* Expects the name that glibc has for this error. */
static void want_errno(s32 ret)
{
	const char *name = NULL;

	if (ret >= 0) {
		want("errno", "");
		return;
	}
	if (ret > -4096)
		name = strerrorname_np(-ret);
	/* Errors that setnsmon does not list stay numbers; the important ones have a case. */
	if (name && parsed.next < parsed.count && parsed.pairs[parsed.next].value[0] == 'E')
		want("errno", name);
	else
		want_u64("errno", -(s64)ret);
}

static void want_setns(const struct setnsmon_record *rec)
{
	const struct setnsmon_setns *s = &rec->setns;
	bool ret = s->has & 1, target = s->has & 2, ns = s->has & 4, owner = s->has & 8;
	bool pid = s->has & 16, links = s->has & 32, ids = s->has & 64, relation = s->has & 0x400;
	bool id = s->has & 0x800, userns = s->has & 0x1000, cgroup = s->has & 0x2000;
	bool sharing = s->has & 0x4000, magic = s->has & 0x8000, pid_ids = s->has & 0x10000;

	want("v", "1");
	want("event", "setns");
	want_time("time", rec->real_ns);
	want_u64("boot_ns", rec->boot_ns);
	ret ? want_u64("duration_ns", s->duration_ns) : want("duration_ns", "");
	want_u64("cpu", rec->cpu);
	want_u64("seq", rec->seq);
	want_name("class", s->call_class, classes);
	want_name("abi", s->abi, abis);
	want_u64("pid", s->pid);
	want_u64("tid", s->tid);
	want_u64("ppid", s->ppid);
	want_u64("ns_pid", s->ns_pid);
	want_u64("ns_tid", s->ns_tid);
	want_comm(s->comm);
	want_u64("start_ns", s->start_ns);
	want_u64("uid", s->uid);
	want_u64("euid", s->euid);
	want_u64("suid", s->suid);
	want_u64("fsuid", s->fsuid);
	want_u64("gid", s->gid);
	want_u64("egid", s->egid);
	want_u64("sgid", s->sgid);
	want_u64("fsgid", s->fsgid);
	want_hex("cap_permitted", s->cap_permitted);
	want_hex("cap_effective", s->cap_effective);
	ret ? want_hex("cap_effective_after", s->cap_effective_after) :
	      want("cap_effective_after", "");
	s->has & 128 ? want_u64("loginuid", s->loginuid) : want("loginuid", "");
	s->has & 256 ? want_u64("sessionid", s->sessionid) : want("sessionid", "");
	s->has & 512 ? want_u64("cgroup_id", s->cgroup_id) : want("cgroup_id", "");
	want_s32("fd", s->fd);
	want_name("fd_kind", s->fd_kind, fd_kinds);
	want_u64("nstype", s->nstype);
	want_names("nstype_names", s->nstype, kinds);
	magic ? want_u64("fs_magic", s->fs_magic) : want("fs_magic", "");
	sharing ? want_u64("threads", s->threads) : want("threads", "");
	sharing ? want_u64("fs_users", s->fs_users) : want("fs_users", "");
	if (target) {
		ns ? want_name("target.type", s->target_type, kinds) : want("target.type", "");
		ns ? want_u64("target.inum", s->target_inum) : want("target.inum", "");
		id ? want_u64("target.id", s->target_id) : want("target.id", "");
		if (owner) {
			want_u64("target.owner.inum", s->owner_inum);
			ids ? want_u64("target.owner.id", s->owner_id) : want("target.owner.id", "");
			want_u64("target.owner.level", s->owner_level);
			want_u64("target.owner.uid", s->owner_uid);
		} else {
			want("target.owner", "");
		}
		relation ? want_name("target.relation", s->relation, relations) :
			   want("target.relation", "");
		pid ? want_u64("target.pid", s->target_pid) : want("target.pid", "");
		pid && pid_ids ? want_u64("target.pid_id", s->target_pid_id) :
				 want("target.pid_id", "");
		if (userns) {
			want_u64("target.userns.inum", s->target_userns_inum);
			ids ? want_u64("target.userns.id", s->target_userns_id) :
			      want("target.userns.id", "");
			want_u64("target.userns.level", s->target_userns_level);
			want_u64("target.userns.uid", s->target_userns_uid);
		} else {
			want("target.userns", "");
		}
		links ? want_links("target.links", s->target_links) : want("target.links", "");
		cgroup ? want_u64("target.cgroup_id", s->target_cgroup_id) :
			 want("target.cgroup_id", "");
	} else {
		want("target", "");
	}
	want_u64("caller_userns.inum", s->caller_userns_inum);
	want_u64("caller_userns.level", s->caller_userns_level);
	want_u64("caller_userns.uid", s->caller_userns_uid);
	want_links("before", s->before);
	ret ? want_links("after", s->after) : want("after", "");
	ret ? want_names("joined", s->joined, kinds) : want("joined", "");
	ret ? want_s32("ret", s->ret) : want("ret", "");
	ret ? want_errno(s->ret) : want("errno", "");
	want_names("flags", s->flags, flags);
}

static void want_lost(const struct setnsmon_record *rec)
{
	want("v", "1");
	want("event", "lost");
	want_time("time", rec->real_ns);
	want_u64("boot_ns", rec->boot_ns);
	want_u64("cpu", rec->cpu);
	want_u64("seq", rec->seq);
	want_u64("count", rec->lost.count);
}

/* Formats, parses and compares. The buffer is as long as promised, and ASan guards its end. */
static size_t check_line(const struct setnsmon_record *rec)
{
	char *buf = malloc(SETNSMON_LINE_MAX);
	size_t len;
	const char *error;

	memset(buf, '!', SETNSMON_LINE_MAX);
	len = text_line(buf, rec);
	CHECK(len <= SETNSMON_LINE_MAX);
	error = parse(&parsed, (u8 *)buf, len);
	if (error) {
		FAIL("%s: %.*s", error, (int)len, buf);
	} else {
		if (rec->type == SETNSMON_RECORD_SETNS)
			want_setns(rec);
		else
			want_lost(rec);
		EQ(parsed.next, parsed.count);
	}
	free(buf);
	return len;
}

static void check_text(const struct setnsmon_record *rec, const char *line)
{
	char buf[SETNSMON_LINE_MAX];
	size_t len = text_line(buf, rec);

	if (len != strlen(line) || memcmp(buf, line, len))
		FAIL("got  %.*s", (int)len, buf), FAIL("want %s", line);
	check_line(rec);
}

/* ---- the cases ---- */

static struct setnsmon_record denied(void)
{
	struct setnsmon_record rec = {
		.type = SETNSMON_RECORD_SETNS, .size = sizeof(rec), .cpu = 1, .seq = 42,
		.boot_ns = 84123456789, .real_ns = 1795295053120394123,
		.setns = {
			.duration_ns = 2310, .start_ns = 84000000000, .cgroup_id = 4711,
			.has = SETNSMON_HAS_RET | SETNSMON_HAS_TARGET | SETNSMON_HAS_TARGET_NS |
			       SETNSMON_HAS_OWNER | SETNSMON_HAS_CGROUP |
			       SETNSMON_HAS_RELATION,
			.flags = SETNSMON_FLAG_DENIED,
			.ret = -1, .fd = 3, .nstype = 0x40000000, .target_type = 0x40000000,
			.target_inum = 4026531840, .owner_inum = 4026531837,
			.caller_userns_inum = 4026531837, .pid = 812, .tid = 813, .ppid = 800,
			.ns_pid = 12, .ns_tid = 13, .uid = 1000, .euid = 1001, .suid = 1002,
			.fsuid = 1003, .gid = 100, .egid = 101, .sgid = 102, .fsgid = 103,
			.before = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 },
			.after = { 11, 12, 13, 14, 15, 16, 17, 18, 19, 20 },
			.call_class = SETNSMON_CLASS_PLAIN,
			.abi = SETNSMON_ABI_X86_64, .fd_kind = SETNSMON_FD_NSFS,
			.relation = SETNSMON_RELATION_SAME, .comm = "nsenter",
		},
	};

	return rec;
}

static void a_denied_call(void)
{
	struct setnsmon_record rec = denied();

	check_text(&rec,
		   "v=1 event=setns time=2026-11-21T21:04:13.120394123Z boot_ns=84123456789 "
		   "duration_ns=2310 cpu=1 seq=42 class=plain abi=x86_64 pid=812 tid=813 ppid=800 "
		   "ns_pid=12 ns_tid=13 comm=nsenter start_ns=84000000000 uid=1000 euid=1001 suid=1002 "
		   "fsuid=1003 gid=100 egid=101 sgid=102 fsgid=103 cap_permitted=0000000000000000 "
		   "cap_effective=0000000000000000 cap_effective_after=0000000000000000 loginuid= "
		   "sessionid= cgroup_id=4711 fd=3 fd_kind=nsfs nstype=1073741824 nstype_names=net "
		   "fs_magic= threads= fs_users= target.type=net target.inum=4026531840 target.id= "
		   "target.owner.inum=4026531837 "
		   "target.owner.id= target.owner.level=0 target.owner.uid=0 target.relation=same "
		   "target.pid= target.pid_id= target.userns= target.links= target.cgroup_id= "
		   "caller_userns.inum=4026531837 caller_userns.level=0 "
		   "caller_userns.uid=0 before.cgroup=1 before.ipc=2 before.mnt=3 before.net=4 "
		   "before.pid=5 before.pid_for_children=6 before.time=7 before.time_for_children=8 "
		   "before.user=9 before.uts=10 after.cgroup=11 after.ipc=12 after.mnt=13 "
		   "after.net=14 after.pid=15 after.pid_for_children=16 after.time=17 "
		   "after.time_for_children=18 after.user=19 after.uts=20 joined= ret=-1 "
		   "errno=EPERM flags=denied\n");
}

static void a_pidfd_that_joins_three_kinds(void)
{
	struct setnsmon_record rec = denied();

	rec.setns.has = 0x1ffff & ~(SETNSMON_HAS_TARGET_NS | SETNSMON_HAS_TARGET_ID);
	rec.setns.fs_magic = 0xef53;
	rec.setns.threads = 2;
	rec.setns.fs_users = 3;
	rec.setns.target_pid_id = 18;
	rec.setns.target_cgroup_id = 19;
	rec.setns.target_userns_id = 20;
	rec.setns.target_userns_inum = 4026532199;
	rec.setns.target_userns_level = 1;
	rec.setns.target_userns_uid = 1000;
	rec.setns.flags = SETNSMON_FLAG_TO_INIT | SETNSMON_FLAG_UPWARD | SETNSMON_FLAG_USERNS_CROSS;
	rec.setns.ret = 0;
	rec.setns.nstype = rec.setns.joined = 0x20000000 | 0x04000000 | 0x00000080;
	rec.setns.fd_kind = SETNSMON_FD_PIDFD;
	rec.setns.call_class = SETNSMON_CLASS_EXIT;
	rec.setns.abi = SETNSMON_ABI_I386;
	rec.setns.relation = SETNSMON_RELATION_ANCESTOR;
	rec.setns.target_pid = 4321;
	rec.setns.loginuid = 1000;
	rec.setns.sessionid = 3;
	rec.setns.owner_id = 17;
	rec.setns.cap_permitted = 0x1ffffffffffULL;
	rec.setns.cap_effective_after = 1;
	for (u32 i = 0; i < 10; i++)
		rec.setns.target_links[i] = 21 + i;
	check_text(&rec,
		   "v=1 event=setns time=2026-11-21T21:04:13.120394123Z boot_ns=84123456789 "
		   "duration_ns=2310 cpu=1 seq=42 class=exit abi=i386 pid=812 tid=813 ppid=800 "
		   "ns_pid=12 ns_tid=13 comm=nsenter start_ns=84000000000 uid=1000 euid=1001 suid=1002 "
		   "fsuid=1003 gid=100 egid=101 sgid=102 fsgid=103 cap_permitted=000001ffffffffff "
		   "cap_effective=0000000000000000 cap_effective_after=0000000000000001 "
		   "loginuid=1000 sessionid=3 cgroup_id=4711 fd=3 fd_kind=pidfd nstype=603979904 "
		   "nstype_names=pid,time,uts fs_magic=61267 threads=2 fs_users=3 "
		   "target.type= target.inum= target.id= "
		   "target.owner.inum=4026531837 target.owner.id=17 target.owner.level=0 "
		   "target.owner.uid=0 target.relation=ancestor target.pid=4321 target.pid_id=18 "
		   "target.userns.inum=4026532199 target.userns.id=20 target.userns.level=1 "
		   "target.userns.uid=1000 target.links.cgroup=21 "
		   "target.links.ipc=22 target.links.mnt=23 target.links.net=24 target.links.pid=25 "
		   "target.links.pid_for_children=26 target.links.time=27 "
		   "target.links.time_for_children=28 target.links.user=29 target.links.uts=30 "
		   "target.cgroup_id=19 caller_userns.inum=4026531837 caller_userns.level=0 "
		   "caller_userns.uid=0 before.cgroup=1 before.ipc=2 before.mnt=3 before.net=4 "
		   "before.pid=5 before.pid_for_children=6 before.time=7 before.time_for_children=8 "
		   "before.user=9 before.uts=10 after.cgroup=11 after.ipc=12 after.mnt=13 "
		   "after.net=14 after.pid=15 after.pid_for_children=16 after.time=17 "
		   "after.time_for_children=18 after.user=19 after.uts=20 joined=pid,time,uts ret=0 "
		   "errno= flags=to-init,upward,userns-cross\n");
}

static void a_call_of_unknown_return_on_no_target(void)
{
	struct setnsmon_record rec = denied();

	rec.setns.has = 0;
	rec.setns.flags = SETNSMON_FLAG_RET_UNKNOWN | SETNSMON_FLAG_KERNEL_COMPAT;
	rec.setns.fd = -1;
	rec.setns.nstype = 1;
	rec.setns.fd_kind = SETNSMON_FD_NONE;
	check_text(&rec,
		   "v=1 event=setns time=2026-11-21T21:04:13.120394123Z boot_ns=84123456789 "
		   "duration_ns= cpu=1 seq=42 class=plain abi=x86_64 pid=812 tid=813 ppid=800 "
		   "ns_pid=12 ns_tid=13 comm=nsenter start_ns=84000000000 uid=1000 euid=1001 suid=1002 "
		   "fsuid=1003 gid=100 egid=101 sgid=102 fsgid=103 cap_permitted=0000000000000000 "
		   "cap_effective=0000000000000000 cap_effective_after= loginuid= sessionid= "
		   "cgroup_id= fd=-1 fd_kind=none nstype=1 nstype_names= fs_magic= "
		   "threads= fs_users= target= "
		   "caller_userns.inum=4026531837 caller_userns.level=0 caller_userns.uid=0 "
		   "before.cgroup=1 before.ipc=2 before.mnt=3 before.net=4 before.pid=5 "
		   "before.pid_for_children=6 before.time=7 before.time_for_children=8 "
		   "before.user=9 before.uts=10 after= joined= ret= errno= "
		   "flags=ret-unknown,kernel-compat\n");
}

static void a_loss(void)
{
	struct setnsmon_record rec = {
		.type = SETNSMON_RECORD_LOST, .size = sizeof(rec), .cpu = 7,
		.seq = 18446744073709551615ULL, .boot_ns = 5, .real_ns = 951782400000000001,
		.lost = { .count = 37 },
	};

	check_text(&rec, "v=1 event=lost time=2000-02-29T00:00:00.000000001Z boot_ns=5 cpu=7 "
			 "seq=18446744073709551615 count=37\n");
}

static void an_unknown_record_is_nothing(void)
{
	struct setnsmon_record rec = denied();
	static const u16 types[] = { 0, 3, 4, 255, 256, 65535 };
	char buf[SETNSMON_LINE_MAX] = "untouched";

	for (unsigned int i = 0; i < ARRAY_SIZE(types); i++) {
		rec.type = types[i];
		EQ(text_line(buf, &rec), 0);
		CHECK(!strcmp(buf, "untouched"));
	}
}

static void comm_line(const void *bytes, size_t len, const char *shown)
{
	struct setnsmon_record rec = denied();
	char buf[SETNSMON_LINE_MAX + 1], want_text[128];

	memset(rec.setns.comm, 0, sizeof(rec.setns.comm));
	memcpy(rec.setns.comm, bytes, len);
	check_line(&rec);
	buf[text_line(buf, &rec)] = '\0';
	snprintf(want_text, sizeof(want_text), " comm=%s start_ns=84000000000 ", shown);
	if (!strstr(buf, want_text))
		FAIL("no \"%s\" in %s", want_text, buf);
}

static void hostile_names_are_escaped(void)
{
	comm_line("a\nb", 3, "\"a\\x0ab\"");
	comm_line("a\"b", 3, "\"a\\\"b\"");
	comm_line("a\\b", 3, "\"a\\\\b\"");
	comm_line("a=b", 3, "\"a=b\"");
	comm_line("a b", 3, "\"a b\"");
	comm_line("a,b", 3, "\"a,b\"");
	comm_line("\033[31mred", 8, "\"\\x1b[31mred\"");
	comm_line("\xff\xfe", 2, "\"\\xff\\xfe\"");
	comm_line("\xc3\xa9", 2, "\"\\xc3\\xa9\"");
	comm_line("\x9b" "31m", 4, "\"\\x9b31m\"");
	comm_line("\x7f\r\t\b", 4, "\"\\x7f\\x0d\\x09\\x08\"");
	comm_line("\" event=lost \"", 14, "\"\\\" event=lost \\\"\"");
	comm_line(" event=lost ", 12, "\" event=lost \"");
	comm_line("\nv=1 event=lost", 15, "\"\\x0av=1 event=lost\"");
	comm_line("\\x41", 4, "\"\\\\x41\"");
}

static void lengths_of_a_name(void)
{
	comm_line("", 0, "\"\"");
	comm_line("x", 1, "x");
	comm_line("fifteen-bytes-x", 15, "fifteen-bytes-x");
	comm_line("sixteen-bytes-xy", 16, "sixteen-bytes-xy");
	comm_line("sixteen bytes-xy", 16, "\"sixteen bytes-xy\"");
	comm_line("a\0b", 3, "a");
	comm_line("kworker/0:1+ev@_", 16, "kworker/0:1+ev@_");
}

static void every_byte_everywhere_comes_back(void)
{
	struct setnsmon_record rec = denied();
	unsigned int at, byte;

	for (at = 0; at < 16; at++)
		for (byte = 0; byte < 256 && !tap_failures; byte++) {
			memcpy(rec.setns.comm, "abcdefghijklmnop", 16);
			rec.setns.comm[at] = byte;
			check_line(&rec);
		}
}

static void extremes(void)
{
	struct setnsmon_record rec;

	memset(&rec, 0xff, sizeof(rec));
	rec.type = SETNSMON_RECORD_SETNS;
	check_line(&rec);
	rec.setns.has = 0;
	check_line(&rec);
	memset(&rec, 0, sizeof(rec));
	rec.type = SETNSMON_RECORD_SETNS;
	check_line(&rec);
	rec.setns.has = ~0U;
	check_line(&rec);
	rec.setns.ret = INT_MIN;
	rec.setns.fd = INT_MIN;
	check_line(&rec);
	rec.setns.ret = INT_MAX;
	rec.setns.fd = INT_MAX;
	check_line(&rec);
	memset(&rec, 0xff, sizeof(rec));
	rec.type = SETNSMON_RECORD_LOST;
	check_line(&rec);
}

/* Every value at its longest text at the same time. */
static void longest_line_fits(void)
{
	struct setnsmon_record rec;
	size_t len;

	memset(&rec, 0xff, sizeof(rec));
	rec.type = SETNSMON_RECORD_SETNS;
	rec.setns.ret = INT_MIN;
	rec.setns.fd = INT_MIN;
	rec.setns.relation = SETNSMON_RELATION_DESCENDANT;
	rec.setns.target_type = 0xffffffff;
	len = check_line(&rec);
	printf("# longest line: %zu bytes\n", len);
	CHECK(len > 1500);
	CHECK(len <= SETNSMON_LINE_MAX / 4 * 3); /* text_line() writes a little more than the line */
}

/* A part is null if its bit is clear, whatever its bytes are, and only then. */
static void each_missing_part_is_null(void)
{
	struct setnsmon_record rec = denied();
	unsigned int has;

	rec.setns.target_pid = 99;
	rec.setns.loginuid = 98;
	rec.setns.sessionid = 97;
	rec.setns.target_id = 96;
	rec.setns.owner_id = 95;
	rec.setns.joined = 0x20000000;
	for (has = 0; has < 1024 && !tap_failures; has++) {
		rec.setns.has = has;
		check_line(&rec);
	}
}

static void known_errors_have_their_names(void)
{
	/* errors of setns(2), of its security hooks and of its allocations */
	static const struct name names[] = {
		{ 1, "EPERM" }, { 3, "ESRCH" }, { 4, "EINTR" }, { 9, "EBADF" }, { 12, "ENOMEM" },
		{ 13, "EACCES" }, { 16, "EBUSY" }, { 22, "EINVAL" }, { 28, "ENOSPC" },
		{ 87, "EUSERS" }, { 11, "EAGAIN" }, { 2, "ENOENT" }, { 95, "EOPNOTSUPP" },
		{ 38, "ENOSYS" }, { 0, NULL }
	};
	struct setnsmon_record rec = denied();
	char buf[SETNSMON_LINE_MAX + 1], text[64];

	for (const struct name *n = names; n->name; n++) {
		rec.setns.ret = -(s32)n->value;
		check_line(&rec);
		buf[text_line(buf, &rec)] = '\0';
		snprintf(text, sizeof(text), " ret=-%u errno=%s ", n->value, n->name);
		if (!strstr(buf, text))
			FAIL("no \"%s\" in %s", text, buf);
	}
}

static void errors_of_any_number(void)
{
	struct setnsmon_record rec = denied();
	s32 ret;

	for (ret = -4100; ret <= 5 && !tap_failures; ret++) {
		rec.setns.ret = ret;
		check_line(&rec);
	}
}

static void random_records_come_back(void)
{
	struct setnsmon_record rec;
	int i;

	for (i = 0; i < 20000 && !tap_failures; i++) {
		u8 *bytes = (u8 *)&rec;

		for (size_t b = 0; b < sizeof(rec); b++)
			bytes[b] = random_u64() >> 32;
		rec.type = i % 8 ? SETNSMON_RECORD_SETNS : SETNSMON_RECORD_LOST;
		rec.setns.call_class %= 5;
		rec.setns.abi %= 5;
		rec.setns.relation %= 6;
		rec.setns.fd_kind %= 6;
		if (i % 3)
			rec.setns.ret = -(s32)(random_u64() % 140);
		check_line(&rec);
	}
}

static void check_time(u64 ns)
{
	char got[TEXT_TIME_LEN + 1], want_text[64];
	time_t seconds = ns / 1000000000;
	struct tm tm;

	memset(got, '!', sizeof(got));
	text_time(got, ns);
	if (got[TEXT_TIME_LEN] != '!')
		FAIL("more than %u bytes", TEXT_TIME_LEN);
	got[TEXT_TIME_LEN] = '\0';
	gmtime_r(&seconds, &tm);
	strftime(want_text, 32, "%Y-%m-%dT%H:%M:%S", &tm);
	sprintf(want_text + strlen(want_text), ".%09uZ", (unsigned int)(ns % 1000000000));
	if (strcmp(got, want_text))
		FAIL("%" PRIu64 " is %s, expected %s", ns, got, want_text);
}

static void known_times(void)
{
	static const struct {
		u64 ns;
		const char *text;
	} known[] = {
		{ 0, "1970-01-01T00:00:00.000000000Z" },
		{ 68169600000000000, "1972-02-29T00:00:00.000000000Z" },
		{ 951782399999999999, "2000-02-28T23:59:59.999999999Z" },
		{ 951868800000000000, "2000-03-01T00:00:00.000000000Z" },
		{ 4107542399000000000, "2100-02-28T23:59:59.000000000Z" },
		{ 4107542400000000000, "2100-03-01T00:00:00.000000000Z" },
		{ 18446744073709551615ULL, "2554-07-21T23:34:33.709551615Z" },
	};
	char got[TEXT_TIME_LEN + 1] = "";

	for (unsigned int i = 0; i < ARRAY_SIZE(known); i++) {
		text_time(got, known[i].ns);
		if (strcmp(got, known[i].text))
			FAIL("%" PRIu64 " is %s, expected %s", known[i].ns, got, known[i].text);
	}
}

static void every_day_there_is(void)
{
	u64 day, days = UINT64_MAX / 86400000000000ULL;

	for (day = 0; day <= days && !tap_failures; day++) {
		check_time(day * 86400000000000ULL);
		if (day)
			check_time(day * 86400000000000ULL - 1);
	}
}

static void random_times(void)
{
	int i;

	for (i = 0; i < 200000 && !tap_failures; i++)
		check_time(random_u64());
}

static void hex_numbers(void)
{
	char got[17] = "", want_text[17];
	u64 value;
	int i;

	for (i = 0; i < 1000 && !tap_failures; i++) {
		value = i == 0 ? 0 : i == 1 ? UINT64_MAX : random_u64() >> (i % 64);
		text_hex64(got, value);
		snprintf(want_text, sizeof(want_text), "%016" PRIx64, value);
		if (strcmp(got, want_text))
			FAIL("%s, expected %s", got, want_text);
	}
}

/* The parser itself, because a test that cannot fail proves nothing. */
static void parser_is_strict(void)
{
	static const char *const bad[] = {
		"", "a=1", "a=1 \n", "a=1  b=2\n", " a=1\n", "a\n", "=1\n", "a=b=c\n", "a=\"x\n",
		"a=\"x\"y\n", "a=\"\\n\"\n", "a=\"\\x4\"\n", "a=\"\\x41\"\n", "a=\"\\xAB\"\n",
		"a=\033\n", "a=\"\033\"\n", "a=1\nb=2\n", "a=x y\n", "a=\"\\\n", "A=1\n", "a=\xc3\n",
	};
	const char *good = "a=1 b= c.d=\"\\\\ \\x0a\"\n";

	for (unsigned int i = 0; i < ARRAY_SIZE(bad); i++)
		if (!parse(&parsed, (const u8 *)bad[i], strlen(bad[i])))
			FAIL("accepted %s", bad[i]);
	CHECK(!parse(&parsed, (const u8 *)good, strlen(good)));
	EQ(parsed.count, 3);
}

static const struct tap_case cases[] = {
	{ "the parser of this test refuses what is not logfmt", parser_is_strict },
	{ "a denied call", a_denied_call },
	{ "a pidfd that joins three kinds", a_pidfd_that_joins_three_kinds },
	{ "a call of unknown return on no target", a_call_of_unknown_return_on_no_target },
	{ "a loss", a_loss },
	{ "a record of unknown type is an empty string", an_unknown_record_is_nothing },
	{ "hostile command names are escaped", hostile_names_are_escaped },
	{ "command names of no, 15 and 16 bytes", lengths_of_a_name },
	{ "every byte at every place of a command name comes back",
	  every_byte_everywhere_comes_back },
	{ "extreme values come back", extremes },
	{ "the longest line fits", longest_line_fits },
	{ "each missing part is null, and only that", each_missing_part_is_null },
	{ "errors that setns can return have their names", known_errors_have_their_names },
	{ "errors of any number are right or a number", errors_of_any_number },
	{ "random records come back", random_records_come_back },
	{ "known times", known_times },
	{ "the first and the last instant of every day until 2554", every_day_there_is },
	{ "random times", random_times },
	{ "hexadecimal numbers", hex_numbers },
};

TAP_MAIN(cases)
