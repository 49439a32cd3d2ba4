// SPDX-License-Identifier: GPL-2.0-only
/*
 * The JSON of records, judged by a strict parser that is not the reader's own. Expected values are
 * written out here, not taken from the table of fields.
 */
#define _GNU_SOURCE
#include "cmd/descriptions.h"
#include "record/fields.h"
#include "record/text.h"
#include "sink/json.h"
#include "term/escape.h"
#include "reading.h"

#include <errno.h>
#include <json-c/json.h>
#include <limits.h>
#include <linux/sched.h>
#include <linux/setnsmon.h>
#include <stdlib.h>

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

static const struct tap_case cases[] = {
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
};

int main(void)
{
	int failed;

	no_such_key = json_object_new_string("no such key");
	json = json_new("host", "boot");
	failed = run_cases(cases, ARRAY_SIZE(cases));
	json_free(json);
	json_object_put(no_such_key);
	return failed;
}
