// SPDX-License-Identifier: GPL-2.0-only
/* setnsmon schema: the JSON lines as a JSON Schema, made from the table of fields. */
#include "cmd/commands.h"
#include "cmd/descriptions.h"
#include "cmd/verb.h"
#include "record/fields.h"
#include <stdio.h>
#include <stdlib.h>

#define DRAFT "https://json-schema.org/draft/2020-12/schema"

/* Spaces for each level of nesting. */
#define INDENT 2

static const struct verb verb = {
	.about = "Print a JSON Schema (draft 2020-12) of the lines that -o json writes.",
};

static void indent(unsigned int depth)
{
	printf("%*s", INDENT * depth, "");
}

/* Begins a member: a name and its description. The caller continues on the line. */
static void begin_member(const char *name, const char *description, unsigned int depth)
{
	indent(depth);
	printf("\"%s\": { \"description\": \"%s\", ", name, description ? description : "");
}

static void put_text_member(const char *name, const char *type, const char *pattern,
			    unsigned int depth)
{
	begin_member(name, description_of(name), depth);
	printf("\"type\": %s", type);
	if (pattern)
		printf(", \"pattern\": \"%s\"", pattern);
	fputs(" },\n", stdout);
}

static void put_type(const char *type, bool nullable)
{
	printf(nullable ? "\"type\": [\"%s\", \"null\"]" : "\"type\": \"%s\"", type);
}

static void put_integer(const char *range, bool nullable)
{
	put_type("integer", nullable);
	printf(", %s", range);
}

static void put_string(const char *pattern, bool nullable)
{
	put_type("string", nullable);
	printf(", \"pattern\": \"%s\"", pattern);
}

static void put_enum(const struct field_name *names, bool nullable)
{
	const struct field_name *name;

	fputs("\"enum\": [", stdout);
	for (name = names; name->len; name++)
		printf("%s\"%s\"", name == names ? "" : ", ", name->name);
	fputs(nullable ? ", null]" : "]", stdout);
}

static void put_list(const struct field_name *names, bool nullable)
{
	put_type("array", nullable);
	fputs(", \"items\": { ", stdout);
	put_enum(names, false);
	fputs(" }, \"uniqueItems\": true", stdout);
}

/* The kind of record is the same in all lines of one kind. */
static void put_name(const struct field *f, unsigned int record_type)
{
	if (!strcmp(f->path, "event"))
		printf("\"const\": \"%s\"", field_name_of(f->names, record_type)->name);
	else
		put_enum(f->names, f->needs);
}

static void put_members(const struct field *f, const struct field *end, unsigned int record_type,
			unsigned int depth);

static void put_value(const struct field *f, unsigned int record_type, unsigned int depth)
{
	switch ((enum field_type)f->type) {
	case FIELD_OPEN:
		put_type("object", f->needs);
		putchar(',');
		putchar('\n');
		put_members(f + 1, field_last(f), record_type, depth + 1);
		indent(depth);
		return;
	case FIELD_CLOSE:
		return;
	case FIELD_VERSION:
		printf("\"const\": %d", SETNSMON_ABI_VERSION);
		break;
	case FIELD_TIME:
		put_string("^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}[.][0-9]{9}Z$",
			   f->needs);
		break;
	case FIELD_U64:
		put_integer("\"minimum\": 0", f->needs);
		break;
	case FIELD_ID:
		put_string("^(0|[1-9][0-9]{0,19})$", f->needs);
		break;
	case FIELD_U32:
		put_integer("\"minimum\": 0, \"maximum\": 4294967295", f->needs);
		break;
	case FIELD_S32:
		put_integer("\"minimum\": -2147483648, \"maximum\": 2147483647", f->needs);
		break;
	case FIELD_HEX64:
		put_string("^[0-9a-f]{16}$", f->needs);
		break;
	case FIELD_COMM:
		printf("\"type\": \"string\", \"maxLength\": %d", SETNSMON_COMM_LEN);
		break;
	case FIELD_NAME:
		put_name(f, record_type);
		break;
	case FIELD_NAMES:
		put_list(f->names, f->needs);
		break;
	case FIELD_ERRNO:
		fputs("\"type\": [\"string\", \"integer\", \"null\"], "
		      "\"pattern\": \"^E[A-Z0-9]+$\", \"minimum\": 1",
		      stdout);
		break;
	}
	putchar(' ');
}

static void put_required(const struct field *f, const struct field *end, bool whole,
			 unsigned int depth)
{
	const struct field *at;

	indent(depth);
	fputs("\"required\": [", stdout);
	for (at = f; at < end; at = field_last(at) + 1)
		printf("%s\"%s\"", at == f ? "" : ", ", field_key(at));
	fputs(whole ? ", \"host\", \"boot_id\"],\n" : "],\n", stdout);
	indent(depth);
	fputs("\"additionalProperties\": false\n", stdout);
}

/* Writes the members that the reader adds to a record: see sink/json.h. */
static void put_added(const struct field *f, unsigned int depth)
{
	if (!strcmp(f->path, "boot_ns")) {
		put_text_member("host", "[\"string\", \"null\"]", NULL, depth);
		put_text_member("boot_id", "[\"string\", \"null\"]", "^[0-9a-f-]{36}$", depth);
	} else if (f->type == FIELD_COMM) {
		put_text_member("comm_bytes", "\"string\"", "^([0-9a-f]{2}){1,16}$", depth);
	}
}

/* Writes the rest of an object: its members from @f up to @end, which must all be present. */
static void put_members(const struct field *f, const struct field *end, unsigned int record_type,
			unsigned int depth)
{
	const struct field *at, *next;

	indent(depth);
	fputs("\"properties\": {\n", stdout);
	for (at = f; at < end; at = next) {
		next = field_last(at) + 1;
		begin_member(field_key(at), description_of(at->path), depth + 1);
		put_value(at, record_type, depth + 1);
		fputs(next < end ? "},\n" : "}\n", stdout);
		put_added(at, depth + 1);
	}
	indent(depth);
	fputs("},\n", stdout);
	put_required(f, end, depth == 3, depth);
}

static void put_record(const char *name, const char *description, unsigned int record_type)
{
	unsigned int count;
	const struct field *f = fields_of(record_type, &count);

	begin_member(name, description, 2);
	fputs("\"type\": \"object\",\n", stdout);
	put_members(f, f + count, record_type, 3);
	indent(2);
	putchar('}');
}

int cmd_schema(int argc, char **argv)
{
	verb_parse(&verb, argc, argv, NULL, NULL);
	printf("{\n  \"$schema\": \"" DRAFT "\",\n"
	       "  \"title\": \"A line of setnsmon -o json, version %d of the format\",\n"
	       "  \"oneOf\": [{ \"$ref\": \"#/$defs/setns\" }, { \"$ref\": \"#/$defs/lost\" }],\n"
	       "  \"$defs\": {\n",
	       SETNSMON_ABI_VERSION);
	put_record("setns", "A call of setns(2)", SETNSMON_RECORD_SETNS);
	fputs(",\n", stdout);
	put_record("lost", "A gap: records that were overwritten before they were read",
		   SETNSMON_RECORD_LOST);
	fputs("\n  }\n}\n", stdout);
	return EXIT_SUCCESS;
}
