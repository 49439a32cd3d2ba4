// SPDX-License-Identifier: GPL-2.0-only
/*
 * Each record becomes one line of strict JSON in printable ASCII, judged by json-c. Its
 * values are those of the record, and the command name can be recovered exactly.
 */
#define _GNU_SOURCE
#include "sink/json.h"
#include "shown.h"
#include <json-c/json.h>

static struct json *json;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	json = json_new("host", "boot");
	return 0;
}

static struct json_object *parsed(const char *line, size_t len)
{
	struct json_tokener *tokener = json_tokener_new();
	struct json_object *object;

	json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
	object = json_tokener_parse_ex(tokener, line, len);
	REQUIRE(json_tokener_get_error(tokener) == json_tokener_success && object, "%.*s", (int)len,
		line);
	REQUIRE(json_tokener_get_parse_end(tokener) == len, "more than an object: %.*s", (int)len,
		line);
	json_tokener_free(tokener);
	return object;
}

static struct json_object *at(struct json_object *object, const char *path)
{
	char copy[64], *rest = copy, *key;

	snprintf(copy, sizeof(copy), "%s", path);
	while ((key = strsep(&rest, ".")))
		REQUIRE(json_object_object_get_ex(object, key, &object), "%s is missing", path);
	return object;
}

static void check_values(struct json_object *object, const struct setnsmon_record *rec)
{
	const struct shown *list;
	unsigned int i, count = shown_list(rec, &list);
	char want[SHOWN_MAX];

	for (i = 0; i < count; i++) {
		struct json_object *value = at(object, list[i].path);

		if (shown_value(&list[i], rec, want))
			REQUIRE(value && !strcmp(json_object_get_string(value), want),
				"%s is %s, not %s", list[i].path, json_object_get_string(value), want);
		else
			REQUIRE(!value, "%s is %s, not null", list[i].path,
				json_object_get_string(value));
	}
}

/* Recovers the name from its two keys, as a program would. */
static size_t recovered(struct json_object *object, u8 *bytes, size_t room)
{
	struct json_object *hex;
	unsigned int byte;
	size_t len, i;

	if (!json_object_object_get_ex(object, "comm_bytes", &hex)) {
		len = json_object_get_string_len(at(object, "comm"));
		REQUIRE(len <= room, "a command name of %zu bytes", len);
		memcpy(bytes, json_object_get_string(at(object, "comm")), len);
		return len;
	}
	len = json_object_get_string_len(hex) / 2;
	REQUIRE(len <= room, "a command name of %zu bytes", len);
	for (i = 0; i < len; i++) {
		REQUIRE(sscanf(json_object_get_string(hex) + 2 * i, "%2x", &byte) == 1, "%s",
			json_object_get_string(hex));
		bytes[i] = byte;
	}
	return len;
}

static void check_comm(struct json_object *object, const struct setnsmon_record *rec)
{
	u8 bytes[SETNSMON_COMM_LEN];
	size_t len = strnlen((const char *)rec->setns.comm, SETNSMON_COMM_LEN);

	REQUIRE(recovered(object, bytes, sizeof(bytes)) == len &&
		!memcmp(bytes, rec->setns.comm, len), "the command name is another");
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct input in = { data, size };
	struct setnsmon_record *rec;
	struct json_object *object;
	const char *line = NULL;
	size_t len;

	do {
		struct setnsmon_record one = take_record(&in);

		rec = copy_of(&one, sizeof(one));
		len = json_line(json, rec, &line);
		REQUIRE(!len == !is_known(rec), "type %u", rec->type);
		if (len) {
			require_one_line(line, len);
			object = parsed(line, len - 1);
			check_values(object, rec);
			if (rec->type == SETNSMON_RECORD_SETNS)
				check_comm(object, rec);
			json_object_put(object);
		}
		free(rec);
	} while (in.size);
	return 0;
}
