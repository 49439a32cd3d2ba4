// SPDX-License-Identifier: GPL-2.0-only
/*
 * Each record becomes one line of strict logfmt in printable ASCII, no longer than
 * SETNSMON_LINE_MAX. Its values are those of the record, and the command name can be
 * recovered exactly.
 */
#define _GNU_SOURCE
#include "shown.h"
#include "record/text.h"
#include <ctype.h>

#define MAX_PAIRS 128

/* Parses a quoted value: removes the quotes and the escapes. */
struct pair {
	const char *key;
	size_t key_len;
	char value[128];
	size_t value_len;
};

static struct pair pairs[MAX_PAIRS];
static unsigned int pair_count;

static const char *read_quoted(const char *p, const char *end, struct pair *pair)
{
	unsigned int byte;

	for (p++; p < end && *p != '"'; p++) {
		REQUIRE(pair->value_len < sizeof(pair->value), "a long value");
		byte = (u8)*p;
		if (*p == '\\' && p[1] == 'x') {
			REQUIRE(end - p > 4 && isxdigit(p[2]) && isxdigit(p[3]) &&
				sscanf(p + 2, "%2x", &byte) == 1, "a bad escape");
			p += 3;
		} else if (*p == '\\') {
			byte = *++p;
			REQUIRE(byte == '"' || byte == '\\', "a bad escape");
		}
		pair->value[pair->value_len++] = byte;
	}
	REQUIRE(p < end, "a quote without an end");
	return p + 1;
}

static const char *read_bare(const char *p, const char *end, struct pair *pair)
{
	for (; p < end && *p != ' '; p++) {
		REQUIRE(isalnum(*p) || strchr("-_./:@+,", *p), "'%c' without quotes", *p);
		REQUIRE(pair->value_len < sizeof(pair->value), "a long value");
		pair->value[pair->value_len++] = *p;
	}
	return p;
}

/* Parses KEY=VALUE KEY=VALUE ..., separated by single spaces. */
static void read_line(const char *line, const char *end)
{
	const char *p = line;

	pair_count = 0;
	while (p < end) {
		struct pair *pair = &pairs[pair_count++];

		REQUIRE(pair_count <= MAX_PAIRS, "many keys");
		*pair = (struct pair){ .key = p };
		while (p < end && (islower(*p) || *p == '_' || *p == '.'))
			p++;
		pair->key_len = p - pair->key;
		REQUIRE(pair->key_len && p < end && *p == '=', "no key at %.*s", (int)(end - p), p);
		p++;
		p = *p == '"' ? read_quoted(p, end, pair) : read_bare(p, end, pair);
		REQUIRE(p == end || (*p == ' ' && p + 1 < end), "no space at %.*s", (int)(end - p), p);
		p++;
	}
}

/* Returns the only pair with this key. */
static const struct pair *pair_of(const char *key)
{
	const struct pair *found = NULL;
	unsigned int i;

	for (i = 0; i < pair_count; i++) {
		if (pairs[i].key_len != strlen(key) || memcmp(pairs[i].key, key, strlen(key)))
			continue;
		REQUIRE(!found, "%s occurs twice", key);
		found = &pairs[i];
	}
	REQUIRE(found, "%s is missing", key);
	return found;
}

static void check_value(const char *key, const void *want, size_t len)
{
	const struct pair *pair = pair_of(key);

	REQUIRE(pair->value_len == len && !memcmp(pair->value, want, len), "%s is %.*s", key,
		(int)pair->value_len, pair->value);
}

static void check_line(const struct setnsmon_record *rec, const char *line, size_t len)
{
	const struct shown *list;
	unsigned int i, count = shown_list(rec, &list);
	char want[SHOWN_MAX];

	read_line(line, line + len);
	for (i = 0; i < count; i++)
		if (shown_value(&list[i], rec, want))
			check_value(list[i].path, want, strlen(want));
		else
			check_value(list[i].path, "", 0);
	check_value("event", rec->type == SETNSMON_RECORD_LOST ? "lost" : "setns",
		    rec->type == SETNSMON_RECORD_LOST ? 4 : 5);
	if (rec->type == SETNSMON_RECORD_SETNS)
		check_value("comm", rec->setns.comm,
			    strnlen((const char *)rec->setns.comm, SETNSMON_COMM_LEN));
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct input in = { data, size };

	do {
		struct setnsmon_record one = take_record(&in), *rec = copy_of(&one, sizeof(one));
		char *line = malloc(SETNSMON_LINE_MAX);
		size_t len = text_line(line, rec);

		REQUIRE(!len == !is_known(rec), "type %u", rec->type);
		if (len) {
			require_one_line(line, len);
			check_line(rec, line, len - 1);
		}
		free(line);
		free(rec);
	} while (in.size);
	return 0;
}
