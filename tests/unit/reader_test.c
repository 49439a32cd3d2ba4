// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tests the parts of the reader that need no device: JSON, the table, escapes,
 * UTF-8, the pipeline. A strict parser that is not the reader's own judges the JSON.
 * Expected values are written out here, not taken from the field table.
 */
#define _GNU_SOURCE
#include "base/diagnose.h"
#include "base/timezone.h"
#include "cmd/descriptions.h"
#include "enrich/users.h"
#include "pipeline.h"
#include "record/fields.h"
#include "record/text.h"
#include "sink/cells.h"
#include "sink/json.h"
#include "sink/table.h"
#include "source/source.h"
#include "term/escape.h"
#include "term/utf8.h"
#include "random.h"
#include "tap.h"

#include <fcntl.h>
#include <json-c/json.h>
#include <limits.h>
#include <linux/sched.h>
#include <locale.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
#include <wchar.h>

/* ---- records ---- */

#define HAS_ALL ((1U << 17) - 1)

static struct setnsmon_record blank(void)
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
static struct setnsmon_record full(void)
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

static struct setnsmon_record with_comm(const void *comm, size_t len)
{
	struct setnsmon_record rec = full();

	memset(rec.setns.comm, 0, SETNSMON_COMM_LEN);
	memcpy(rec.setns.comm, comm, len);
	return rec;
}

static struct setnsmon_record lost(u64 count)
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

static struct setnsmon_record ones(void)
{
	struct setnsmon_record rec;

	memset(&rec, 0xff, sizeof(rec));
	rec.type = SETNSMON_RECORD_SETNS;
	return rec;
}

static struct setnsmon_record random_record(void)
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

/* ---- JSON ---- */

static struct json *json;

/* Returns the parsed JSON of a record, or NULL after a failure if it is not one strict line. */
static struct json_object *parsed(const struct setnsmon_record *rec)
{
	struct json_tokener *tokener = json_tokener_new();
	struct json_object *object;
	const char *line = NULL;
	size_t len = json_line(json, rec, &line);

	if (!len || line[len - 1] != '\n' || memchr(line, '\n', len) != line + len - 1) {
		FAIL("not one line");
		json_tokener_free(tokener);
		return NULL;
	}
	json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
	object = json_tokener_parse_ex(tokener, line, len - 1);
	if (json_tokener_get_error(tokener) == json_tokener_continue)
		object = json_tokener_parse_ex(tokener, "", 1);
	if (json_tokener_get_error(tokener) != json_tokener_success || !object)
		FAIL("not JSON: %s: %.*s",
		     json_tokener_error_desc(json_tokener_get_error(tokener)), (int)len, line);
	json_tokener_free(tokener);
	return object;
}

static struct json_object *no_such_key;

/* Returns the value at a dotted path; NULL for null. */
static struct json_object *at(struct json_object *object, const char *path)
{
	char copy[128], *rest = copy, *key;

	snprintf(copy, sizeof(copy), "%s", path);
	while ((key = strsep(&rest, ".")))
		if (!json_object_object_get_ex(object, key, &object))
			return no_such_key;
	return object;
}

static const char *shown(struct json_object *object)
{
	return json_object_to_json_string_ext(object, JSON_C_TO_STRING_PLAIN);
}

static void is_json(const struct setnsmon_record *rec, const char *want)
{
	struct json_object *got = parsed(rec);
	struct json_object *wanted = json_tokener_parse(want);

	CHECK(wanted);
	if (got && strcmp(shown(got), shown(wanted)))
		FAIL("%s", shown(got));
	json_object_put(got);
	json_object_put(wanted);
}

#define TEN(n)										\
	"{\"cgroup\":" #n "00,\"ipc\":" #n "01,\"mnt\":" #n "02,\"net\":" #n "03,"	\
	"\"pid\":" #n "04,\"pid_for_children\":" #n "05,\"time\":" #n "06,"		\
	"\"time_for_children\":" #n "07,\"user\":" #n "08,\"uts\":" #n "09}"

#define HOST "\"host\":\"host\",\"boot_id\":\"boot\""

static void json_of_a_full_record(void)
{
	struct setnsmon_record rec = full();

	is_json(&rec,
		"{\"v\":1,\"event\":\"setns\",\"time\":\"2026-11-21T21:04:13.120394123Z\","
		"\"boot_ns\":84123456789," HOST ",\"duration_ns\":2310,\"cpu\":1,\"seq\":42,\"class\":\"entry\","
		"\"abi\":\"i386\",\"pid\":812,\"tid\":813,\"ppid\":800,\"ns_pid\":12,\"ns_tid\":13,"
		"\"comm\":\"nsenter\",\"start_ns\":\"84000000000\","
		"\"uid\":1,\"euid\":2,\"suid\":3,\"fsuid\":4,"
		"\"gid\":5,\"egid\":6,\"sgid\":7,\"fsgid\":8,"
		"\"cap_permitted\":\"000001ffffffffff\",\"cap_effective\":\"0000000000000020\","
		"\"cap_effective_after\":\"0000000000000021\",\"loginuid\":1000,\"sessionid\":33,"
		"\"cgroup_id\":\"4711\",\"fd\":3,\"fd_kind\":\"nsfs\",\"nstype\":1073741824,"
		"\"nstype_names\":[\"net\"],\"fs_magic\":61267,\"threads\":2,\"fs_users\":3,"
		"\"target\":{\"type\":\"net\",\"inum\":4026532208,\"id\":\"7001\","
		"\"owner\":{\"inum\":4026531837,\"id\":\"7002\",\"level\":2,\"uid\":1001},"
		"\"relation\":\"ancestor\",\"pid\":900,\"pid_id\":\"7003\","
		"\"userns\":{\"inum\":4026532300,\"id\":\"7005\",\"level\":3,\"uid\":1003},"
		"\"links\":" TEN(3) ",\"cgroup_id\":\"7004\"},"
		"\"caller_userns\":{\"inum\":4026532199,\"level\":1,\"uid\":1002},"
		"\"before\":" TEN(1) ",\"after\":" TEN(2) ",\"joined\":[\"net\"],\"ret\":0,"
		"\"errno\":null,\"flags\":[\"to-init\",\"upward\"]}");
}

static void json_of_a_lost_record(void)
{
	struct setnsmon_record rec = lost(37);

	is_json(&rec, "{\"v\":1,\"event\":\"lost\",\"time\":\"1970-01-01T00:00:00.000000000Z\","
		      "\"boot_ns\":5," HOST ",\"cpu\":3,\"seq\":9,\"count\":37}");
}

/* Numbers that identify are strings, so that no program rounds them. */
static void json_ids_are_exact(void)
{
	struct setnsmon_record rec = full();
	struct json_object *object;

	rec.setns.start_ns = rec.setns.cgroup_id = UINT64_MAX;
	rec.setns.target_id = rec.setns.owner_id = (1ULL << 53) + 1;
	object = parsed(&rec);
	CHECK(!strcmp(shown(at(object, "start_ns")), "\"18446744073709551615\""));
	CHECK(!strcmp(shown(at(object, "cgroup_id")), "\"18446744073709551615\""));
	CHECK(!strcmp(shown(at(object, "target.id")), "\"9007199254740993\""));
	CHECK(!strcmp(shown(at(object, "target.owner.id")), "\"9007199254740993\""));
	json_object_put(object);
}

/* The name of a host is a string that others choose. */
static void json_of_an_odd_host(void)
{
	struct setnsmon_record rec = lost(1);
	struct json *ours = json;
	struct json_object *object;

	json = json_new("a\"b\n\x1b\xff\xc3\xa9", NULL);
	object = parsed(&rec);
	CHECK(!strcmp(json_object_get_string(at(object, "host")), "a\"b\n\x1b\xef\xbf\xbd\xc3\xa9"));
	CHECK(!at(object, "boot_id"));
	json_object_put(object);
	json_free(json);
	json = ours;
}

static void json_of_an_unknown_type_is_empty(void)
{
	struct setnsmon_record rec = full();
	const char *line;

	rec.type = 3;
	EQ(json_line(json, &rec, &line), 0);
}

static const struct {
	u32 bit;
	const char *paths[6];
} parts[] = {
	{ SETNSMON_HAS_RET, { "duration_ns", "cap_effective_after", "after", "joined", "ret" } },
	{ SETNSMON_HAS_TARGET, { "target" } },
	{ SETNSMON_HAS_TARGET_NS, { "target.type", "target.inum" } },
	{ SETNSMON_HAS_TARGET_ID, { "target.id" } },
	{ SETNSMON_HAS_OWNER, { "target.owner" } },
	{ SETNSMON_HAS_RELATION, { "target.relation" } },
	{ SETNSMON_HAS_TARGET_PID, { "target.pid", "target.pid_id" } },
	{ SETNSMON_HAS_PID_IDS, { "target.pid_id" } },
	{ SETNSMON_HAS_TARGET_USERNS, { "target.userns" } },
	{ SETNSMON_HAS_TARGET_CGROUP, { "target.cgroup_id" } },
	{ SETNSMON_HAS_SHARING, { "threads", "fs_users" } },
	{ SETNSMON_HAS_FS_MAGIC, { "fs_magic" } },
	{ SETNSMON_HAS_TARGET_LINKS, { "target.links" } },
	{ SETNSMON_HAS_NS_IDS, { "target.owner.id", "target.userns.id" } },
	{ SETNSMON_HAS_LOGINUID, { "loginuid" } },
	{ SETNSMON_HAS_SESSIONID, { "sessionid" } },
	{ SETNSMON_HAS_CGROUP, { "cgroup_id" } },
};

static unsigned int count_nulls(struct json_object *object)
{
	unsigned int nulls = 0;

	json_object_object_foreach(object, key, value)
	{
		(void)key;
		if (!value)
			nulls++;
		else if (json_object_is_type(value, json_type_object))
			nulls += count_nulls(value);
	}
	return nulls;
}

/* Checks that each part nulls its own paths and no others. */
static void json_nulls_missing_parts(void)
{
	unsigned int i, n;

	for (i = 0; i < ARRAY_SIZE(parts); i++) {
		struct setnsmon_record rec = full();
		struct json_object *object;

		rec.setns.has &= ~parts[i].bit;
		object = parsed(&rec);
		for (n = 0; n < ARRAY_SIZE(parts[i].paths) && parts[i].paths[n]; n++)
			if (at(object, parts[i].paths[n]))
				FAIL("bit %#x: %s is not null", parts[i].bit, parts[i].paths[n]);
		/* errno is null even in a full record. */
		EQ(count_nulls(object), n + 1);
		json_object_put(object);
		json_of_a_full_record();
	}
}

static void json_of_an_empty_record_has_only_nulls(void)
{
	struct setnsmon_record rec = blank();
	struct json_object *object = parsed(&rec);

	CHECK(!at(object, "target"));
	CHECK(!at(object, "after"));
	CHECK(!at(object, "ret"));
	CHECK(!at(object, "errno"));
	CHECK(!at(object, "joined"));
	CHECK(!at(object, "duration_ns"));
	CHECK(!strcmp(shown(at(object, "flags")), "[]"));
	CHECK(!strcmp(shown(at(object, "nstype_names")), "[]"));
	CHECK(!strcmp(shown(at(object, "comm")), "\"\""));
	EQ(count_nulls(object), 13);
	json_object_put(object);
}

static void json_of_a_pidfd(void)
{
	struct setnsmon_record rec = full();
	struct json_object *object;

	rec.setns.fd_kind = SETNSMON_FD_PIDFD;
	rec.setns.nstype = CLONE_NEWNET | CLONE_NEWUTS | CLONE_NEWNS;
	rec.setns.has &= ~SETNSMON_HAS_TARGET_NS;
	object = parsed(&rec);
	CHECK(!strcmp(shown(at(object, "fd_kind")), "\"pidfd\""));
	CHECK(!strcmp(shown(at(object, "nstype_names")), "[\"mnt\",\"net\",\"uts\"]"));
	CHECK(!at(object, "target.type"));
	CHECK(!strcmp(shown(at(object, "target.links.user")), "308"));
	CHECK(!strcmp(shown(at(object, "target.pid")), "900"));
	json_object_put(object);
}

static void json_of_results(void)
{
	static const struct {
		int ret;
		const char *ret_shown, *errno_shown;
	} cases[] = {
		{ 0, "0", "null" },
		{ -1, "-1", "\"EPERM\"" },
		{ -9, "-9", "\"EBADF\"" },
		{ -22, "-22", "\"EINVAL\"" },
		{ -4095, "-4095", "4095" },
		{ INT_MIN, "-2147483648", "2147483648" },
		{ INT_MAX, "2147483647", "null" },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		struct setnsmon_record rec = full();
		struct json_object *object;

		rec.setns.ret = cases[i].ret;
		object = parsed(&rec);
		CHECK(!strcmp(shown(at(object, "ret")), cases[i].ret_shown));
		CHECK(!strcmp(shown(at(object, "errno")), cases[i].errno_shown));
		json_object_put(object);
	}
}

static void json_of_extreme_values(void)
{
	struct setnsmon_record rec = ones();
	struct json_object *object = parsed(&rec);

	CHECK(!strcmp(shown(at(object, "boot_ns")), "18446744073709551615"));
	CHECK(!strcmp(shown(at(object, "pid")), "4294967295"));
	CHECK(!strcmp(shown(at(object, "abi")), "255"));
	CHECK(!strcmp(shown(at(object, "target.type")), "4294967295"));
	CHECK(!strcmp(shown(at(object, "cap_permitted")), "\"ffffffffffffffff\""));
	EQ(json_object_array_length(at(object, "flags")), 11);
	EQ(json_object_array_length(at(object, "joined")), 8);
	CHECK(!strcmp(shown(at(object, "comm_bytes")), "\"ffffffffffffffffffffffffffffffff\""));
	json_object_put(object);
}

/* Returns whether raw bytes could control a terminal, including C1 controls in UTF-8. */
static bool has_control(const char *s, size_t len)
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

static int unhex(char c)
{
	return c <= '9' ? c - '0' : c - 'a' + 10;
}

/* Recovers the name from its two keys, as a program would. Returns its length, or -1. */
static int recover(struct json_object *object, u8 *bytes)
{
	struct json_object *hex;
	const char *s;
	int len, i;

	if (!json_object_object_get_ex(object, "comm_bytes", &hex)) {
		len = json_object_get_string_len(at(object, "comm"));
		memcpy(bytes, json_object_get_string(at(object, "comm")), len);
		return len;
	}
	s = json_object_get_string(hex);
	len = json_object_get_string_len(hex);
	for (i = 0; i < len / 2; i++)
		bytes[i] = unhex(s[2 * i]) << 4 | unhex(s[2 * i + 1]);
	return strstr(json_object_get_string(at(object, "comm")), "\xef\xbf\xbd") ? len / 2 : -1;
}

static void comm_survives_json(const void *comm, size_t len)
{
	struct setnsmon_record rec = with_comm(comm, len);
	struct json_object *object = parsed(&rec);
	u8 bytes[64];
	const char *line;
	size_t size;

	size = json_line(json, &rec, &line);
	if (has_control(line, size - 1))
		FAIL("control character: %s", line);
	EQ(recover(object, bytes), len);
	CHECK(!memcmp(bytes, comm, len));
	json_object_put(object);
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

static void json_carries_every_comm(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(hostile); i++)
		comm_survives_json(hostile[i].bytes, hostile[i].len);
}

static void json_carries_every_byte(void)
{
	unsigned int a, b;
	u8 comm[2];

	for (a = 1; a < 256; a++) {
		for (b = 1; b < 256; b++) {
			comm[0] = a;
			comm[1] = b;
			comm_survives_json(comm, 2);
		}
	}
}

static void json_has_comm_bytes_only_if_needed(void)
{
	struct setnsmon_record good = with_comm("gr\xc3\xbcn", 5);
	struct setnsmon_record bad = with_comm("gr\xfcn", 4);
	struct json_object *object = parsed(&good);

	CHECK(at(object, "comm_bytes") == no_such_key);
	json_object_put(object);
	object = parsed(&bad);
	CHECK(!strcmp(shown(at(object, "comm")), "\"gr\xef\xbf\xbdn\""));
	CHECK(!strcmp(shown(at(object, "comm_bytes")), "\"6772fc6e\""));
	json_object_put(object);
}

/* Appends the keys in the form of the text line: with dots, without objects. */
static void flatten(struct json_object *object, const char *prefix, char *keys, size_t size)
{
	char path[128];

	json_object_object_foreach(object, key, value)
	{
		snprintf(path, sizeof(path), "%s%s%s", prefix, *prefix ? "." : "", key);
		if (!strcmp(path, "comm_bytes") || !strcmp(path, "host") || !strcmp(path, "boot_id"))
			continue;
		if (value && json_object_is_type(value, json_type_object)) {
			flatten(value, path, keys, size);
			continue;
		}
		strncat(keys, path, size - strlen(keys) - 1);
		strncat(keys, " ", size - strlen(keys) - 1);
	}
}

/* Extracts the keys of a text line. Equals signs within strings are in quotes. */
static void text_keys(const struct setnsmon_record *rec, char *keys)
{
	char line[SETNSMON_LINE_MAX + 1];
	bool quoted = false, in_key = true;
	char *p;

	line[text_line(line, rec)] = '\0';
	for (p = line; *p; p++) {
		if (quoted && *p == '\\') {
			p++;
		} else if (*p == '"') {
			quoted = !quoted;
		} else if (!quoted && (*p == ' ' || *p == '\n')) {
			in_key = true;
			*keys++ = ' ';
		} else if (!quoted && *p == '=') {
			in_key = false;
		} else if (in_key) {
			*keys++ = *p;
		}
	}
	*keys = '\0';
}

static void json_and_text_have_the_same_keys(void)
{
	char of_json[4096], of_text[4096];
	unsigned int i;

	for (i = 0; i < 2000; i++) {
		struct setnsmon_record rec = random_record();
		struct json_object *object = parsed(&rec);

		of_json[0] = '\0';
		flatten(object, "", of_json, sizeof(of_json));
		text_keys(&rec, of_text);
		if (strcmp(of_json, of_text))
			FAIL("%s / %s", of_json, of_text);
		json_object_put(object);
	}
}

static bool is_added(const char *path)
{
	return !strcmp(path, "host") || !strcmp(path, "boot_id") || !strcmp(path, "comm_bytes") ||
	       !strncmp(path, "links.", 6);
}

/* Returns whether a record has this field. */
static bool is_field(const char *path)
{
	static const unsigned int types[] = { SETNSMON_RECORD_SETNS, SETNSMON_RECORD_LOST };
	unsigned int t, i, count;

	for (t = 0; t < ARRAY_SIZE(types); t++) {
		const struct field *f = fields_of(types[t], &count);

		for (i = 0; i < count; i++)
			if (!strcmp(f[i].path, path))
				return true;
	}
	return false;
}

/* The schema describes each field, and the table of descriptions has no other. */
static void each_field_is_described(void)
{
	const struct description *at;
	unsigned int i, count;
	const struct field *f = fields_of(SETNSMON_RECORD_SETNS, &count);

	for (i = 0; i < count; i++)
		if (f[i].type != FIELD_CLOSE && !description_of(f[i].path))
			FAIL("%s has no description", f[i].path);
	CHECK(description_of("count"));
	for (at = descriptions; at->path; at++)
		if (!is_field(at->path) && !is_added(at->path))
			FAIL("%s is not a field", at->path);
}

static void json_of_random_records(void)
{
	unsigned int i;

	for (i = 0; i < 20000; i++) {
		struct setnsmon_record rec = random_record();
		const char *line;
		size_t len;

		json_object_put(parsed(&rec));
		len = json_line(json, &rec, &line);
		CHECK(!has_control(line, len - 1));
	}
}

/* ---- the table ---- */

static char table_text[1 << 16];

/* Returns what a table of this width shows of the records, without its titles. */
static const char *rows(const struct setnsmon_record *recs, unsigned int count, unsigned int width,
			bool color)
{
	FILE *out = fmemopen(table_text, sizeof(table_text), "w");
	struct table table;
	unsigned int i;
	long start;

	table_begin(&table, out, color);
	start = ftell(out);
	table.width = width;
	table.year = 126;
	table.day = 324;
	for (i = 0; i < count; i++)
		table_record(&table, &recs[i]);
	fclose(out);
	return table_text + start;
}

static unsigned int lines_in(const char *s)
{
	unsigned int lines = 0;

	for (; *s; s++)
		lines += *s == '\n';
	return lines;
}

/* Checks a text without its newlines and, if @color, without its colour sequences. */
static bool only_printable(const char *s, bool color)
{
	char rest[sizeof(table_text)], *p = rest;
	size_t n;

	for (; *s; s++) {
		if (*s == '\n')
			continue;
		if (color && !strncmp(s, "\033[", 2)) {
			n = strspn(s + 2, "0123456789;");
			if (s[2 + n] != 'm')
				return false;
			s += 2 + n;
			continue;
		}
		*p++ = *s;
	}
	return !has_control(rest, p - rest);
}

static bool has(const char *s, const char *part)
{
	if (strstr(s, part))
		return true;
	FAIL("no '%s' in: %s", part, s);
	return false;
}

static void is_text(const char *got, const char *want)
{
	if (strcmp(got, want))
		FAIL("'%s' is not '%s'", got, want);
}

static void table_of_a_call(void)
{
	struct setnsmon_record rec = full();
	const char *s;

	rec.setns.owner_level = 0;
	rec.setns.uid = rec.setns.euid = 4000000001;
	s = rows(&rec, 1, 140, false);
	is_text(s, "21:04:13.120 812/813 4000000001   nsenter         net         "
		   "103 -> 4026532208        ok     init above          to-init,upward\n");
	is_text(rows(&rec, 1, 120, false),
		"21:04:13 812/813 4000000+ nsenter         net     103 -> 4026532208        ok     "
		"init above          to-init,upward\n");
	is_text(rows(&rec, 1, 100, false),
		"21:04:13 812/813 4000000+ nsenter         net     103 -> 4026532208        ok     "
		"to-init,upward\n");
	is_text(rows(&rec, 1, 80, false),
		"21:04:13 812/813 4000000+ nsenter       net     4026532208 ok     to-init,upward\n");
	is_text(rows(&rec, 1, 72, false),
		"21:04:13 4000000+ nsenter       net     4026532208 ok     to-init,upward\n");
	is_text(rows(&rec, 1, 60, false),
		"21:04:13 4000000+ nsenter       net     ok     to-init+1\n");
	is_text(rows(&rec, 1, 50, false), "21:04:13 40000+ nsenter   net    ok     to-init+1\n");
	is_text(rows(&rec, 1, 40, false), "21:04:13 40000+ nsenter   net    ok\n");
	is_text(rows(&rec, 1, 30, false), "40000+ nsenter   net    ok\n");
	is_text(rows(&rec, 1, 10, false), "40000+ +\n");
}

static void table_of_targets(void)
{
	struct setnsmon_record rec = full();

	rec.setns.before[SETNSMON_LINK_NET] = rec.setns.target_inum;
	CHECK(has(rows(&rec, 1, 140, false), " 4026532208 (same) "));
	rec.setns.owner_uid = 4000000001;
	CHECK(has(rows(&rec, 1, 140, false), " 4000000+@4026531837 above "));
	rec.setns.target_type = CLONE_NEWPID;
	CHECK(has(rows(&rec, 1, 140, false), " pid         105 -> 4026532208 "));

	rec.setns.fd_kind = SETNSMON_FD_PIDFD;
	rec.setns.has &= ~SETNSMON_HAS_TARGET_NS;
	rec.setns.nstype = CLONE_NEWNET;
	rec.setns.before[SETNSMON_LINK_NET] = 103;
	CHECK(has(rows(&rec, 1, 140, false), " net         103 -> 303 "));
	rec.setns.nstype = CLONE_NEWPID;
	CHECK(has(rows(&rec, 1, 140, false), " pid         105 -> 304 "));
	rec.setns.nstype = CLONE_NEWNET | CLONE_NEWUTS | CLONE_NEWNS;
	CHECK(has(rows(&rec, 1, 140, false), " mnt,net,uts pid 900 "));
	rec.setns.nstype |= CLONE_NEWIPC | CLONE_NEWUSER;
	CHECK(has(rows(&rec, 1, 140, false), " ipc,mnt+3   pid 900 "));
	CHECK(has(rows(&rec, 1, 80, false), " ipc+4   pid 900 "));
	rec.setns.has &= ~SETNSMON_HAS_TARGET_PID;
	CHECK(has(rows(&rec, 1, 140, false), " pid gone "));

	rec.setns.has = SETNSMON_HAS_RET;
	rec.setns.fd_kind = SETNSMON_FD_NONE;
	rec.setns.nstype = 0;
	CHECK(has(rows(&rec, 1, 140, false), " -           fd closed "));
	rec.setns.fd_kind = SETNSMON_FD_OTHER;
	CHECK(has(rows(&rec, 1, 140, false), " not a ns "));
}

static void table_of_results(void)
{
	struct setnsmon_record rec = full();

	rec.setns.ret = -1;
	rec.setns.flags = SETNSMON_FLAG_DENIED;
	CHECK(has(rows(&rec, 1, 120, false), " EPERM "));
	CHECK(has(rows(&rec, 1, 120, true), "\033[1;31mEPERM\033[0m"));
	rec.setns.ret = -4000;
	CHECK(has(rows(&rec, 1, 120, false), " -4000 "));
	rec.setns.has &= ~SETNSMON_HAS_RET;
	CHECK(has(rows(&rec, 1, 120, false), " ? "));
}

static void table_makes_exits_bold(void)
{
	struct setnsmon_record rec = full();

	rec.setns.call_class = SETNSMON_CLASS_EXIT;
	CHECK(has(rows(&rec, 1, 120, true), "\033[1mnsenter\033[0m"));
	CHECK(has(rows(&rec, 1, 120, true), "\033[32mok\033[0m"));
	CHECK(!strchr(rows(&rec, 1, 120, false), '\033'));
	rec.setns.call_class = SETNSMON_CLASS_ENTRY;
	CHECK(!strstr(rows(&rec, 1, 120, true), "\033[1m"));
}

static void table_of_losses(void)
{
	struct setnsmon_record recs[2] = { lost(37), lost(1) };
	const char *s;

	recs[0].real_ns = recs[1].real_ns = full().real_ns;
	s = rows(recs, 2, 120, false);
	CHECK(!strcmp(s, "--- 37 records lost on CPU 3 ---\n--- 1 record lost on CPU 3 ---\n"));
}

static void table_shows_a_new_date(void)
{
	struct setnsmon_record recs[2] = { full(), full() };
	const char *s;

	recs[1].real_ns += 86400ULL * 1000000000;
	s = rows(recs, 2, 120, false);
	EQ(lines_in(s), 3);
	CHECK(has(s, "\n--- 2026-11-22 UTC ---\n"));
}

static void set_zone(const char *tz)
{
	setenv("TZ", tz, 1);
	tzset();
}

/* Returns the titles of a table of the default width. */
static const char *titles(void)
{
	FILE *out = fmemopen(table_text, sizeof(table_text), "w");
	struct table table;

	table_begin(&table, out, false);
	fclose(out);
	return table_text;
}

static void table_shows_its_time_zone(void)
{
	/* Summer time ends, in this rule, within the day of full(). */
	struct setnsmon_record recs[2] = { full(), full() };

	recs[0].real_ns -= 12 * 3600 * 1000000000ULL;
	is_text(titles(), "TIME UTC     PID USER     COMMAND       KIND    TO         RESULT FLAGS\n");
	set_zone("<+0530>-5:30");
	is_text(titles(), "TIME +0530   PID USER     COMMAND       KIND    TO         RESULT FLAGS\n");
	set_zone("AAA0BBB,J1/0,J325/20");
	CHECK(has(rows(recs, 2, 80, false), "\n--- 2026-11-21 AAA ---\n"));
	CHECK(has(rows(recs, 1, 80, false), "--- 2026-11-21 BBB ---\n"));
	set_zone("UTC0");
}

static void table_takes_its_width_from_columns(void)
{
	static const char *const wrong[] = { "", "0", "-100", "100x", "x", "99999999999999999999" };
	unsigned int i;

	setenv("COLUMNS", "100", 1);
	CHECK(has(titles(), " FROM -> TO "));
	CHECK(!strstr(titles(), "OWNER"));
	setenv("COLUMNS", "40", 1);
	is_text(titles(), "TIME UTC USER   COMMAND   KIND   RESULT\n");
	setenv("COLUMNS", "160", 1);
	CHECK(has(titles(), " OWNER "));
	/* Without COLUMNS the terminal behind stderr counts, if there is one. */
	for (i = 0; i < ARRAY_SIZE(wrong) && !isatty(STDERR_FILENO); i++) {
		setenv("COLUMNS", wrong[i], 1);
		CHECK(has(titles(), " TO         RESULT FLAGS\n"));
	}
	unsetenv("COLUMNS");
	CHECK(isatty(STDERR_FILENO) || has(titles(), " TO         RESULT FLAGS\n"));
	setenv("COLUMNS", "80", 1);
}

/* Returns the terminal columns of the widest line. */
static unsigned int widest(const char *s)
{
	unsigned int width = 0, most = 0, n;
	u32 code = 0;

	while ((n = utf8_decode((const u8 *)s, strlen(s), &code))) {
		width = code == '\n' ? 0 : width + wcwidth(code);
		most = width > most ? width : most;
		s += n;
	}
	CHECK(!*s);
	return most;
}

/* Returns a record whose cells are as wide as they get on a real system. */
static struct setnsmon_record wide(void)
{
	struct setnsmon_record rec = full();

	rec.setns.pid = 4194303;
	rec.setns.tid = 4194304;
	rec.setns.uid = 4000000001;
	rec.setns.euid = 4000000002;
	memcpy(rec.setns.comm, "containerd-shim", 15);
	rec.setns.before[SETNSMON_LINK_NET] = 4026531840;
	rec.setns.owner_uid = 4000000003;
	rec.setns.owner_inum = 4026532199;
	rec.setns.ret = -22;
	rec.setns.flags = (1U << 10) - 1;
	return rec;
}

static void table_does_not_wrap(void)
{
	struct setnsmon_record recs[4] = { wide(), lost(ULLONG_MAX), ones() };
	unsigned int width, i;

	recs[1].cpu = UINT_MAX;
	for (width = 1; width <= 250; width++) {
		for (i = 0; i < 20; i++) {
			recs[3] = random_record();
			if (widest(rows(recs, ARRAY_SIZE(recs), width, false)) > width)
				FAIL("at %u columns: %s", width, table_text);
		}
	}
}

/* Checks that numbers and the result are whole at every width that shows them. */
static void table_keeps_numbers_whole(void)
{
	struct setnsmon_record rec = wide();
	unsigned int width;
	const char *s;

	for (width = 30; width <= 250; width++) {
		s = rows(&rec, 1, width, false);
		CHECK(has(s, " EINVAL"));
		CHECK(width < 72 || has(s, " 4026532208 "));
		CHECK(width < 80 || has(s, " 4194303/4194304 "));
		CHECK(width < 100 || has(s, " 4026531840 -> 4026532208 "));
		CHECK(width < 120 || has(s, "@4026532199 above"));
	}
}

static void table_repeats_its_titles(void)
{
	struct setnsmon_record rec = full();
	FILE *out = fmemopen(table_text, sizeof(table_text), "w");
	struct table table;
	unsigned int i, titles = 0;
	const char *p;

	table_begin(&table, out, false);
	table.year = 126;
	table.day = 324;
	table.page = 10;
	for (i = 0; i < 27; i++)
		table_record(&table, &rec);
	fclose(out);
	for (p = table_text; (p = strstr(p, "COMMAND")); p++)
		titles++;
	EQ(titles, 3);
	EQ(lines_in(table_text), 30);
}

static void table_ignores_unknown_types(void)
{
	struct setnsmon_record rec = full();

	rec.type = 77;
	CHECK(!*rows(&rec, 1, 120, false));
}

static void table_is_safe(void)
{
	static const unsigned int widths[] = { 1, 80, 119, 120, 500 };
	unsigned int i, w, color;

	for (w = 0; w < ARRAY_SIZE(widths); w++) {
		for (color = 0; color < 2; color++) {
			for (i = 0; i < ARRAY_SIZE(hostile); i++) {
				struct setnsmon_record rec =
					with_comm(hostile[i].bytes, hostile[i].len);
				const char *s = rows(&rec, 1, widths[w], color);

				EQ(lines_in(s), 1);
				if (!only_printable(s, color))
					FAIL("control character: %s", s);
			}
		}
	}
}

static void table_of_random_records(void)
{
	unsigned int i;

	for (i = 0; i < 20000; i++) {
		struct setnsmon_record rec = i ? random_record() : ones();
		bool color = i & 1;
		const char *s = rows(&rec, 1, i & 2 ? 80 : 120, color);

		CHECK(lines_in(s) == 1 || lines_in(s) == 2);
		CHECK(only_printable(s, color));
	}
}

/* ---- cells, escapes, UTF-8, users, batches ---- */

static void is_cell(const char *string, size_t len, unsigned int limit, bool utf8, const char *want,
		    unsigned int width)
{
	struct cell cell = { .max_width = limit, .utf8 = utf8 };

	cell_add_string(&cell, string, len);
	if (cell.len != strlen(want) || memcmp(cell.text, want, cell.len))
		FAIL("'%.*s', expected '%s'", (int)cell.len, cell.text, want);
	EQ(cell.width, width);
}

static void cells_are_cut_between_characters(void)
{
	is_cell("abc", 3, 3, false, "abc", 3);
	is_cell("abcd", 4, 3, false, "ab+", 3);
	is_cell("a\nb", 3, 8, false, "a\\x0ab", 6);
	is_cell("a\nb", 3, 5, false, "a+", 2);
	is_cell("gr\xc3\xbcn", 5, 4, true, "gr\xc3\xbcn", 4);
	is_cell("gr\xc3\xbcn", 5, 20, false, "gr\\xc3\\xbcn", 11);
	is_cell("\xe6\xbc\xa2\xe5\xad\x97", 6, 4, true, "\xe6\xbc\xa2\xe5\xad\x97", 4);
	is_cell("\xe6\xbc\xa2\xe5\xad\x97", 6, 3, true, "\xe6\xbc\xa2+", 3);
	is_cell("e\xcc\x81", 3, 20, true, "e\\xcc\\x81", 9);
	is_cell("\xe2\x80\xae", 3, 20, true, "\\xe2\\x80\\xae", 12);
	is_cell("a\\b", 3, 20, true, "a\\\\b", 4);
	is_cell("", 0, 3, true, "", 0);
}

static void cells_do_not_overflow(void)
{
	struct cell cell = { .max_width = UINT_MAX };
	unsigned int i;

	for (i = 0; i < 2 * CELL_MAX; i++) {
		cell_add_string(&cell, "\n", 1);
		cell_add(&cell, "%u", i);
		CHECK(cell.len < CELL_MAX);
	}
}

static bool needs_repair(const u8 *s, size_t len)
{
	char text[UTF8_REPAIRED(8)];

	return utf8_repair(text, s, len) != len || memcmp(text, s, len);
}

static void utf8_is_strict(void)
{
	static const struct {
		const char *bytes;
		unsigned int len, used;
		u32 code;
	} cases[] = {
		{ "", 0, 0, 0 },
		{ "\x7f", 1, 1, 0x7f },
		{ "\x80", 1, 0, 0 },
		{ "\xc1\xbf", 2, 0, 0 },
		{ "\xc2\x80", 2, 2, 0x80 },
		{ "\xdf\xbf", 2, 2, 0x7ff },
		{ "\xe0\x9f\xbf", 3, 0, 0 },
		{ "\xe0\xa0\x80", 3, 3, 0x800 },
		{ "\xed\x9f\xbf", 3, 3, 0xd7ff },
		{ "\xed\xa0\x80", 3, 0, 0 },
		{ "\xed\xbf\xbf", 3, 0, 0 },
		{ "\xee\x80\x80", 3, 3, 0xe000 },
		{ "\xef\xbf\xbf", 3, 3, 0xffff },
		{ "\xf0\x8f\xbf\xbf", 4, 0, 0 },
		{ "\xf0\x90\x80\x80", 4, 4, 0x10000 },
		{ "\xf4\x8f\xbf\xbf", 4, 4, 0x10ffff },
		{ "\xf4\x90\x80\x80", 4, 0, 0 },
		{ "\xf8\x88\x80\x80", 4, 0, 0 },
		{ "\xe2\x82\xac", 2, 0, 0 },
		{ "\xe2\x28\xa1", 3, 0, 0 },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		u32 code = 0;

		EQ(utf8_decode((const u8 *)cases[i].bytes, cases[i].len, &code), cases[i].used);
		EQ(code, cases[i].code);
		EQ(!needs_repair((const u8 *)cases[i].bytes, cases[i].len),
		   (!cases[i].len || cases[i].used) && code != 0x7f);
	}
}

static void users_have_names_or_numbers(void)
{
	unsigned int i;

	for (i = 0; i < 2; i++) {
		CHECK(!strcmp(user_name(0), "root"));
		CHECK(!strcmp(user_name(4000000000), "4000000000"));
		CHECK(!strcmp(user_name(4000000256), "4000000256"));
		CHECK(!strcmp(user_name(UINT_MAX), "4294967295"));
	}
}

/* A newer module may have larger records, an older one smaller records. */
static void batches_of_other_sizes(void)
{
	static const int differences[] = { -64, 0, 64 };
	u8 batch[3 * (sizeof(struct setnsmon_record) + 64)];
	unsigned int i, n;

	for (i = 0; i < ARRAY_SIZE(differences); i++) {
		size_t step = sizeof(struct setnsmon_record) + differences[i];
		struct source source = { .record_size = step, .batch = batch, .count = 3 };
		struct setnsmon_record rec;

		for (n = 0; n < 3; n++)
			memset(batch + n * step, 'a' + n, step);
		for (n = 0; n < 3; n++) {
			source_record(&source, n, &rec);
			EQ(*(u8 *)&rec, 'a' + n);
			EQ(rec.setns.comm[0], differences[i] < 0 ? 0 : 'a' + n);
		}
	}
}

/* ---- the pipeline ---- */

/*
 * A source with records in memory instead of a device. Their stamps grow by 10. @now is the
 * time that the source reports. After its last batch it has ended or, with @live, is drained.
 * @checks counts the looks for troubles.
 */
struct memory {
	struct source source;
	struct setnsmon_record recs[8];
	unsigned int batches;
	u64 stamp;
	u64 now;
	bool live;
	unsigned int checks;
};

static enum source_read read_memory(struct source *source)
{
	struct memory *memory = (struct memory *)source;
	unsigned int i;

	if (!memory->batches)
		return memory->live ? SOURCE_DRAINED : SOURCE_END;
	memory->batches--;
	source->count = ARRAY_SIZE(memory->recs);
	for (i = 0; i < source->count; i++)
		memory->recs[i].boot_ns = memory->stamp += 10;
	return SOURCE_BATCH;
}

static bool memory_now(const struct source *source, u64 *boot_ns)
{
	*boot_ns = ((const struct memory *)source)->now;
	return *boot_ns;
}

static unsigned int memory_troubles(const struct source *source, unsigned int known)
{
	((struct memory *)source)->checks++;
	EQ(known, 0);
	return SOURCE_UNARMED;
}

static const struct source_ops memory_ops = { .read = read_memory,
					      .now = memory_now,
					      .troubles = memory_troubles };

/* Prepares @batches batches, each of seven calls and a loss of 37 records. */
static void fill_memory(struct memory *memory, unsigned int batches)
{
	unsigned int i;

	*memory = (struct memory){ .source = { .ops = &memory_ops, .path = "memory" } };
	memory->source.fd = open("/dev/zero", O_RDONLY | O_CLOEXEC);
	memory->source.record_size = sizeof(memory->recs[0]);
	memory->source.batch = (u8 *)memory->recs;
	memory->batches = batches;
	for (i = 0; i < ARRAY_SIZE(memory->recs); i++)
		memory->recs[i] = i == 3 ? lost(37) : full();
}

struct output {
	struct sink *sink;
	FILE *out;
	char *text;
	size_t len;
};

static void open_output(struct output *output, const struct sink_type *type)
{
	struct sink_options options = { 0 };

	output->out = options.out = open_memstream(&output->text, &output->len);
	output->sink = type->open(&options);
}

static void close_output(struct output *output)
{
	output->sink->type->close(output->sink);
	fclose(output->out);
}

/* Runs a pipeline, with @end one that is to end now. Returns the lines written. */
static unsigned int run_pipeline(struct pipeline *pipeline, struct memory *memory, bool end)
{
	struct output output;
	unsigned int lines;

	open_output(&output, &sink_logfmt);
	pipeline->source = &memory->source;
	pipeline->sinks = &output.sink;
	pipeline->sink_count = 1;
	if (end)
		CHECK(pipeline_end_now(pipeline));
	CHECK(pipeline_run(pipeline));
	close_output(&output);
	close(memory->source.fd);
	lines = lines_in(output.text);
	free(output.text);
	return lines;
}

static void a_pipeline_feeds_two_sinks(void)
{
	struct output outputs[3];
	struct sink *sinks[3];
	struct memory memory;
	struct pipeline pipeline = { .source = &memory.source, .sinks = sinks, .sink_count = 3 };
	unsigned int i;

	fill_memory(&memory, 2);
	for (i = 0; i < ARRAY_SIZE(outputs); i++) {
		open_output(&outputs[i], i ? &sink_json : &sink_table);
		sinks[i] = outputs[i].sink;
	}
	CHECK(pipeline_run(&pipeline));
	EQ(pipeline.calls, 14);
	EQ(pipeline.lost, 74);
	for (i = 0; i < ARRAY_SIZE(outputs); i++)
		close_output(&outputs[i]);
	close(memory.source.fd);
	EQ(lines_in(outputs[1].text), 16);
	CHECK(!strcmp(outputs[1].text, outputs[2].text));
	CHECK(has(outputs[0].text, "--- 37 records lost on CPU 3 ---"));
	CHECK(has(outputs[0].text, " nsenter "));
	for (i = 0; i < ARRAY_SIZE(outputs); i++)
		free(outputs[i].text);
}

static void a_pipeline_ends_at_its_limit(void)
{
	struct pipeline pipeline = { .limit = 10 };
	struct memory memory;

	fill_memory(&memory, 100);
	EQ(run_pipeline(&pipeline, &memory, false), 11);
	EQ(pipeline.calls, 10);
}

/* The batches end at 80, 160, and so on. Nothing but the stamps tells which is the last. */
static void a_pipeline_ends_with_the_first_later_record(void)
{
	static const struct {
		u64 now;
		unsigned int batches;
	} cases[] = { { 1, 1 }, { 79, 1 }, { 80, 2 }, { 81, 2 }, { 160, 3 }, { 800, 11 } };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		struct pipeline pipeline = { 0 };
		struct memory memory;

		fill_memory(&memory, 100);
		memory.now = cases[i].now;
		EQ(run_pipeline(&pipeline, &memory, true), 8 * cases[i].batches);
		EQ(pipeline.calls, 7 * cases[i].batches);
		EQ(pipeline.lost, 37 * cases[i].batches);
	}
}

static void a_pipeline_that_is_to_end_ends_when_drained(void)
{
	struct pipeline pipeline = { 0 };
	struct memory memory;

	fill_memory(&memory, 5);
	memory.live = true;
	memory.now = 100000;
	EQ(run_pipeline(&pipeline, &memory, true), 40);
	EQ(memory.checks, 1);
	EQ(pipeline.troubles, SOURCE_UNARMED);
}

/* Each batch has four calls of class plain, three of class exit, and a loss. */
static void a_pipeline_shows_the_selected_classes(void)
{
	static const struct {
		u32 classes;
		unsigned int calls;
	} cases[] = {
		{ 0, 7 },
		{ 1U << SETNSMON_CLASS_PLAIN, 4 },
		{ 1U << SETNSMON_CLASS_ENTRY, 0 },
		{ 1U << SETNSMON_CLASS_EXIT, 3 },
		{ 1U << SETNSMON_CLASS_EXIT | 1U << SETNSMON_CLASS_PLAIN, 7 },
	};
	unsigned int i, n;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct setnsmon_filter filter = { .classes = cases[i].classes };
		struct pipeline pipeline = { .filter = &filter };
		struct memory memory;

		fill_memory(&memory, 2);
		for (n = 0; n < ARRAY_SIZE(memory.recs); n++)
			if (n != 3)
				memory.recs[n].setns.call_class =
					n < 5 ? SETNSMON_CLASS_PLAIN : SETNSMON_CLASS_EXIT;
		EQ(run_pipeline(&pipeline, &memory, false), 2 * cases[i].calls + 2);
		EQ(pipeline.calls, 2 * cases[i].calls);
		EQ(pipeline.lost, 74);
	}
}

/* Calls that are not shown count neither as calls nor for the limit, but end a pipeline. */
static void a_pipeline_counts_selected_calls(void)
{
	const struct setnsmon_filter exits = { .classes = 1U << SETNSMON_CLASS_EXIT };
	struct pipeline pipeline = { .filter = &exits, .limit = 2 };
	struct pipeline ending = { .filter = &exits };
	struct memory memory;

	fill_memory(&memory, 10);
	memory.recs[6].setns.call_class = SETNSMON_CLASS_EXIT;
	memory.recs[7].setns.call_class = 255;
	EQ(run_pipeline(&pipeline, &memory, false), 4);
	EQ(pipeline.calls, 2);
	fill_memory(&memory, 10);
	memory.now = 81;
	EQ(run_pipeline(&ending, &memory, true), 2);
	EQ(ending.calls, 0);
}

static void a_pipeline_reports_a_clock_that_fails(void)
{
	struct memory memory;
	struct pipeline pipeline = { .source = &memory.source };

	fill_memory(&memory, 1);
	CHECK(!pipeline_end_now(&pipeline));
	close(memory.source.fd);
}

/* ---- the time zone ---- */

/* Returns what timezone_prepare() writes to stderr with this TZ. */
static const char *zone_message(const char *tz)
{
	static char message[256];
	int fds[2], saved = dup(STDERR_FILENO);
	ssize_t len;

	CHECK(!pipe(fds));
	dup2(fds[1], STDERR_FILENO);
	setenv("TZ", tz, 1);
	timezone_prepare();
	dup2(saved, STDERR_FILENO);
	close(saved);
	close(fds[1]);
	len = read(fds[0], message, sizeof(message) - 1);
	message[len > 0 ? len : 0] = '\0';
	close(fds[0]);
	return message;
}

static void unknown_time_zones_are_reported(void)
{
	static const char *const good[] = { "", "UTC", ":UTC", "UTC0", "CET-1CEST", "<+0530>-5:30",
					    "EST5EDT,M3.2.0,M11.1.0", "/dev/null" };
	static const char *const bad[] = { "Nowhere/Town", "Europe/Berlim", "XY1", "<+03", "CET",
					   "/nowhere", ":Nowhere" };
	unsigned int i;

	setenv("TZDIR", "/nowhere", 1);
	for (i = 0; i < ARRAY_SIZE(good); i++) {
		is_text(zone_message(good[i]), "");
		CHECK(!strcmp(getenv("TZ"), good[i]));
	}
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		CHECK(has(zone_message(bad[i]), "unknown time zone '"));
		CHECK(!strcmp(getenv("TZ"), "UTC0"));
	}
	unsetenv("TZDIR");
	set_zone("UTC0");
}

/* ---- the signing policy of the kernel ---- */

static size_t secure_boot_len = 5;

/* Returns the policy read from files with this content; NULL for a missing file. */
static enum signing demanded(const char *enforce, const char *lockdown, const char *secure_boot)
{
	static const char efi[] = "firmware/efi/efivars/"
				  "SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c";
	const struct {
		const char *path, *text;
		size_t len;
	} files[] = {
		{ "module/module/parameters/sig_enforce", enforce, 2 },
		{ "kernel/security/lockdown", lockdown, lockdown ? strlen(lockdown) : 0 },
		{ efi, secure_boot, secure_boot_len },
	};
	char root[] = "/tmp/setnsmon-signing.XXXXXX", command[512];
	enum signing result;
	unsigned int i;
	FILE *file;

	if (!mkdtemp(root)) {
		FAIL("no directory %s", root);
		return SIGNING_OPTIONAL;
	}
	for (i = 0; i < ARRAY_SIZE(files); i++) {
		if (!files[i].text)
			continue;
		snprintf(command, sizeof(command),
			 "file=%s/sys/%s; mkdir -p ${file%%/*} && cat >$file", root, files[i].path);
		file = popen(command, "w");
		if (!file || fwrite(files[i].text, files[i].len, 1, file) != 1 || pclose(file))
			FAIL("cannot write %s", files[i].path);
	}
	result = signing_policy(root);
	snprintf(command, sizeof(command), "rm -r %s", root);
	CHECK(!system(command));
	return result;
}

#define EFI_ON "\6\0\0\0\1"
#define EFI_OFF "\6\0\0\0\0"

static void unsigned_modules_are_accepted(void)
{
	EQ(demanded("N\n", "[none] integrity confidentiality\n", NULL), SIGNING_OPTIONAL);
	EQ(demanded("N\n", "[none] integrity confidentiality\n", EFI_OFF), SIGNING_OPTIONAL);
	EQ(demanded("N\n", NULL, EFI_OFF), SIGNING_OPTIONAL);
	EQ(demanded("N\n", NULL, NULL), SIGNING_OPTIONAL);
	/* a kernel without module signatures, or without /sys */
	EQ(demanded(NULL, NULL, NULL), SIGNING_OPTIONAL);
	/* booted with Secure Boot, but not locked down */
	EQ(demanded("N\n", "[none] integrity confidentiality\n", EFI_ON), SIGNING_OPTIONAL);
}

static void signed_modules_are_required(void)
{
	EQ(demanded("N\n", "none [integrity] confidentiality\n", EFI_ON), SIGNING_SECURE_BOOT);
	EQ(demanded("Y\n", "none integrity [confidentiality]\n", EFI_ON), SIGNING_SECURE_BOOT);
	EQ(demanded("N\n", NULL, EFI_ON), SIGNING_SECURE_BOOT);
	EQ(demanded("Y\n", "[none] integrity confidentiality\n", EFI_OFF), SIGNING_ENFORCED);
	EQ(demanded("Y\n", NULL, NULL), SIGNING_ENFORCED);
	EQ(demanded("N\n", "none [integrity] confidentiality\n", NULL), SIGNING_LOCKDOWN);
	EQ(demanded("N\n", "none integrity [confidentiality]\n", EFI_OFF), SIGNING_LOCKDOWN);
}

/* An EFI variable of another length is not the one we know. */
static void secure_boot_of_another_length_is_ignored(void)
{
	secure_boot_len = 6;
	EQ(demanded("N\n", NULL, "\6\0\0\0\1\0"), SIGNING_OPTIONAL);
	EQ(demanded("Y\n", NULL, "\6\0\0\0\1\0"), SIGNING_ENFORCED);
	secure_boot_len = 4;
	EQ(demanded("N\n", NULL, "\1\1\1\1"), SIGNING_OPTIONAL);
	secure_boot_len = 5;
}

static const struct tap_case cases[] = {
#define CASE(name) { #name, name }
	CASE(json_of_a_full_record),
	CASE(json_of_a_lost_record),
	CASE(json_of_an_unknown_type_is_empty),
	CASE(json_ids_are_exact),
	CASE(json_of_an_odd_host),
	CASE(json_nulls_missing_parts),
	CASE(json_of_an_empty_record_has_only_nulls),
	CASE(json_of_a_pidfd),
	CASE(json_of_results),
	CASE(json_of_extreme_values),
	CASE(json_carries_every_comm),
	CASE(json_carries_every_byte),
	CASE(json_has_comm_bytes_only_if_needed),
	CASE(json_and_text_have_the_same_keys),
	CASE(json_of_random_records),
	CASE(each_field_is_described),
	CASE(table_of_a_call),
	CASE(table_of_targets),
	CASE(table_of_results),
	CASE(table_makes_exits_bold),
	CASE(table_of_losses),
	CASE(table_shows_a_new_date),
	CASE(table_shows_its_time_zone),
	CASE(table_takes_its_width_from_columns),
	CASE(table_does_not_wrap),
	CASE(table_keeps_numbers_whole),
	CASE(table_repeats_its_titles),
	CASE(table_ignores_unknown_types),
	CASE(table_is_safe),
	CASE(table_of_random_records),
	CASE(cells_are_cut_between_characters),
	CASE(cells_do_not_overflow),
	CASE(utf8_is_strict),
	CASE(users_have_names_or_numbers),
	CASE(batches_of_other_sizes),
	CASE(a_pipeline_feeds_two_sinks),
	CASE(a_pipeline_ends_at_its_limit),
	CASE(a_pipeline_ends_with_the_first_later_record),
	CASE(a_pipeline_that_is_to_end_ends_when_drained),
	CASE(a_pipeline_shows_the_selected_classes),
	CASE(a_pipeline_counts_selected_calls),
	CASE(a_pipeline_reports_a_clock_that_fails),
	CASE(unknown_time_zones_are_reported),
	CASE(unsigned_modules_are_accepted),
	CASE(signed_modules_are_required),
	CASE(secure_boot_of_another_length_is_ignored),
};

int main(void)
{
	int failed;

	setenv("TZ", "UTC0", 1);
	setenv("COLUMNS", "80", 1);
	if (!setlocale(LC_CTYPE, "C.UTF-8")) {
		printf("1..0 # SKIP the locale C.UTF-8 is not installed\n");
		return 0;
	}
	no_such_key = json_object_new_string("no such key");
	json = json_new("host", "boot");
	failed = tap_run(cases, ARRAY_SIZE(cases));
	json_free(json);
	json_object_put(no_such_key);
	return failed;
}
