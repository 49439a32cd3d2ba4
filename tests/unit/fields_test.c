// SPDX-License-Identifier: GPL-2.0-only
/*
 * The table of fields: it names every byte of a record exactly once, and its types and sizes
 * match the members.
 */
#define _GNU_SOURCE
#include "record/fields.h"
#include "tap.h"

#include <stdlib.h>

static const unsigned int types[] = { SETNSMON_RECORD_SETNS, SETNSMON_RECORD_LOST };

static void unknown_types_have_no_fields(void)
{
	unsigned int count = 7;

	CHECK(!fields_of(0, &count));
	EQ(count, 0);
	count = 7;
	CHECK(!fields_of(3, &count));
	EQ(count, 0);
}

static void names_are_unique(void)
{
	unsigned int t, i, j, count;

	for (t = 0; t < ARRAY_SIZE(types); t++) {
		const struct field *f = fields_of(types[t], &count);

		CHECK(count > 0);
		for (i = 0; i < count; i++)
			for (j = 0; j < i; j++)
				if (f[i].type != FIELD_CLOSE && f[j].type != FIELD_CLOSE &&
				    !strcmp(f[i].path, f[j].path))
					FAIL("%s twice", f[i].path);
	}
}

static void objects_are_balanced_and_prefix_their_members(void)
{
	unsigned int t, i, count;

	for (t = 0; t < ARRAY_SIZE(types); t++) {
		const struct field *f = fields_of(types[t], &count);
		const char *open[8];
		unsigned int depth = 0;

		for (i = 0; i < count; i++) {
			const char *in = depth ? open[depth - 1] : NULL;
			size_t len = in ? strlen(in) : 0;

			if (f[i].type == FIELD_CLOSE) {
				if (!in || strcmp(in, f[i].path))
					FAIL("%s is closed, %s is open", f[i].path, in ? in : "nothing");
				depth -= depth > 0;
				continue;
			}
			if (in && (strncmp(f[i].path, in, len) || f[i].path[len] != '.'))
				FAIL("%s is in %s", f[i].path, in);
			if (strchr(f[i].path + (in ? len + 1 : 0), '.'))
				FAIL("%s is not in its object", f[i].path);
			if (strcmp(field_key(&f[i]), f[i].path + (in ? len + 1 : 0)))
				FAIL("the key of %s is %s", f[i].path, field_key(&f[i]));
			if (f[i].type == FIELD_OPEN && depth < ARRAY_SIZE(open))
				open[depth++] = f[i].path;
		}
		EQ(depth, 0);
	}
}

static void sizes_fit_types(void)
{
	unsigned int t, i, count;

	for (t = 0; t < ARRAY_SIZE(types); t++) {
		const struct field *f = fields_of(types[t], &count);

		for (i = 0; i < count; i++) {
			unsigned int want = 0;

			switch ((enum field_type)f[i].type) {
			case FIELD_OPEN:
			case FIELD_CLOSE:
			case FIELD_VERSION:
				break;
			case FIELD_TIME:
			case FIELD_U64:
			case FIELD_ID:
			case FIELD_HEX64:
				want = 8;
				break;
			case FIELD_U32:
			case FIELD_S32:
			case FIELD_NAMES:
			case FIELD_ERRNO:
				want = 4;
				break;
			case FIELD_COMM:
				want = 16;
				break;
			case FIELD_NAME:
				want = f[i].size == 1 || f[i].size == 2 ? f[i].size : 4;
				break;
			}
			if (f[i].size != want)
				FAIL("%s has %u bytes, expected %u", f[i].path, f[i].size, want);
			if (want && f[i].offset % (want > 8 ? 8 : want))
				FAIL("%s is not aligned", f[i].path);
			if (f[i].offset + f[i].size > sizeof(struct setnsmon_record))
				FAIL("%s is not in the record", f[i].path);
			CHECK((f[i].type == FIELD_NAME || f[i].type == FIELD_NAMES ||
			       f[i].type == FIELD_ERRNO) == !!f[i].names);
		}
	}
}

/* Every member of a record must have a field. */
static void every_byte_is_shown(void)
{
	u8 shown[sizeof(struct setnsmon_record)] = { 0 };
	const struct field *f;
	unsigned int i, count;

	f = fields_of(SETNSMON_RECORD_SETNS, &count);
	for (i = 0; i < count; i++)
		memset(shown + f[i].offset, 1, f[i].size);
	/* except these, which describe the record itself or are padding */
	memset(shown + 2, 1, 2);		/* size */
	memset(shown + 32 + 32, 1, 4);		/* has */
	memset(shown + 32 + 372, 1, 4);		/* pad2 */
	for (i = 0; i < sizeof(shown); i++)
		if (!shown[i])
			FAIL("byte %u is in no field", i);
}

/* Reads a value of each size at each offset, and no byte next to it. */
static void values_are_read_where_they_are(void)
{
	struct setnsmon_record rec;
	u8 *bytes = (u8 *)&rec;
	const struct field *f;
	unsigned int i, b, count;

	for (b = 0; b < sizeof(rec); b++)
		bytes[b] = b * 7 + 3;
	f = fields_of(SETNSMON_RECORD_SETNS, &count);
	for (i = 0; i < count; i++) {
		u64 want = 0;

		for (b = f[i].size; b-- > 0 && f[i].size <= 8;)
			want = want << 8 | bytes[f[i].offset + b];
		if (f[i].size == 8)
			EQ(field_u64(&f[i], &rec), want);
		else if (f[i].size == 1 || f[i].size == 2 || f[i].size == 4)
			EQ(field_u32(&f[i], &rec), want);
		if (f[i].size)
			CHECK(field_bytes(&f[i], &rec) == bytes + f[i].offset);
	}
}

static void names_are_found(void)
{
	const struct field_name *net = field_name_of(kind_names, 0x40000000);

	CHECK(net && !strcmp(net->name, "net"));
	CHECK(!field_name_of(kind_names, 0));
	CHECK(!field_name_of(kind_names, 3));
}

/* The length of a name is what a line of text advances by. */
static void lengths_are_right(void)
{
	unsigned int t, i, count;

	for (t = 0; t < ARRAY_SIZE(types); t++) {
		const struct field *f = fields_of(types[t], &count);

		for (i = 0; i < count; i++) {
			const struct field_name *name = f[i].names;

			EQ(f[i].len, strlen(f[i].path));
			for (; name && name->len; name++)
				EQ(name->len, strlen(name->name));
		}
	}
}

/* Compares the names of errors with those of glibc. */
static void error_names_are_those_of_the_c_library(void)
{
	unsigned int err, named = 0;

	for (err = 0; err < 5000; err++) {
		const struct field_name *name = field_name_of(errno_names, err);
		const char *want = err ? strerrorname_np(err) : NULL;

		if (!name)
			continue;
		named++;
		if (!want || strcmp(name->name, want))
			FAIL("%u is %s, expected %s", err, name->name, want ? want : "no name");
	}
	CHECK(named > 30);
}

static const struct tap_case cases[] = {
	{ "a record of unknown type has no fields", unknown_types_have_no_fields },
	{ "names are unique", names_are_unique },
	{ "objects are balanced and prefix their members",
	  objects_are_balanced_and_prefix_their_members },
	{ "sizes fit types", sizes_fit_types },
	{ "every byte of a call is shown", every_byte_is_shown },
	{ "values are read where they are", values_are_read_where_they_are },
	{ "names are found", names_are_found },
	{ "lengths are those of the strings", lengths_are_right },
	{ "error names are those of the C library", error_names_are_those_of_the_c_library },
};

TAP_MAIN(cases)
