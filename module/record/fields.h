/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The fields of a record as one table: their names, order and location, and when they are
 * null. The text line (text.c) and the reader's JSON both walk this table, so they cannot
 * differ. Pure data.
 */
#ifndef SETNSMON_FIELDS_H
#define SETNSMON_FIELDS_H

#include "portable.h"
#include <linux/setnsmon.h>

/* How to show the bytes of a field. The first two have none. */
enum field_type {
	FIELD_OPEN,    /* an object begins; with its condition false, it is null
			* and everything up to its FIELD_CLOSE is skipped */
	FIELD_CLOSE,   /* the object ends */
	FIELD_VERSION, /* SETNSMON_ABI_VERSION */
	FIELD_TIME,    /* u64 nanoseconds since 1970, shown as RFC 3339 in UTC */
	FIELD_U64,     /* a number */
	FIELD_ID,      /* u64 that identifies: a number in text, a string of digits in JSON,
			* because programs may round numbers beyond 2^53 */
	FIELD_U32,     /* a number */
	FIELD_S32,     /* a number */
	FIELD_HEX64,   /* u64 as a string of 16 hexadecimal digits */
	FIELD_COMM,    /* SETNSMON_COMM_LEN bytes of a string from user space */
	FIELD_NAME,    /* u32, u16 or u8 (.size), the name of a value in .names */
	FIELD_NAMES,   /* u32, the names in .names of the bits that are set */
	FIELD_ERRNO,   /* s32 return value, the name of its error; null if it is not negative */
};

/* Room for the longest name or path, so that copying one needs no loop. */
#define FIELD_NAME_MAX 16
#define FIELD_PATH_MAX 32

/* A value or a bit, its name, and the length of that. A list ends with an empty name. */
struct field_name {
	u32 value;
	u8 len;
	char name[FIELD_NAME_MAX];
};

/**
 * struct field - one row
 * @path: full name; members of an object are prefixed with its name and a dot
 * @len: length of @path
 * @type: how to show it
 * @size: bytes of the value (FIELD_NAME: 1, 2 or 4)
 * @offset: offset in struct setnsmon_record
 * @needs: SETNSMON_HAS_* bits; the field is null unless all of them are set
 * @names: names for FIELD_NAME, FIELD_NAMES and FIELD_ERRNO
 */
struct field {
	char path[FIELD_PATH_MAX];
	u8 len;
	u8 type;
	u8 size;
	u16 offset;
	u32 needs;
	const struct field_name *names;
};

extern const struct field_name kind_names[];  /* CLONE_NEW* bits */
extern const struct field_name flag_names[];  /* SETNSMON_FLAG_* bits */
extern const struct field_name class_names[]; /* enum setnsmon_class */
extern const struct field_name errno_names[]; /* error numbers, positive */

/* Returns the last member of a path: "uid" for "owner.uid". */
const char *field_key(const struct field *f);

/* Returns the rows for a record of this type. Sets *count to 0 for an unknown type. */
const struct field *fields_of(unsigned int record_type, unsigned int *count);

/*
 * Returns the last row that @f stands for when it is null: the one that closes an object, or
 * itself.
 */
const struct field *field_last(const struct field *f);

/* These return a value by its type, which must fit the field. */
static inline const u8 *field_bytes(const struct field *f, const struct setnsmon_record *rec)
{
	return (const u8 *)rec + f->offset;
}

static inline u64 field_u64(const struct field *f, const struct setnsmon_record *rec)
{
	u64 value;

	memcpy(&value, field_bytes(f, rec), sizeof(value));
	return value;
}

/* For the types whose value is always 32 bits wide. */
static inline u32 field_word(const struct field *f, const struct setnsmon_record *rec)
{
	u32 value;

	memcpy(&value, field_bytes(f, rec), sizeof(value));
	return value;
}

static inline u32 field_u32(const struct field *f, const struct setnsmon_record *rec)
{
	const u8 *p = field_bytes(f, rec);
	u16 half;

	switch (f->size) {
	case sizeof(u8):
		return *p;
	case sizeof(u16):
		memcpy(&half, p, sizeof(half));
		return half;
	default:
		return field_word(f, rec);
	}
}

/* Returns the entry of a value, NULL if it has no name. */
static inline const struct field_name *field_name_of(const struct field_name *names, u32 value)
{
	for (; names->len; names++)
		if (names->value == value)
			return names;
	return NULL;
}

#endif /* SETNSMON_FIELDS_H */
