/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Shared by the fuzz targets. Each target is a libFuzzer program that passes bytes to
 * the reader and judges the result by other means than the reader's own. Conditions
 * that must hold are REQUIREd.
 */
#ifndef SETNSMON_TESTS_FUZZ_H
#define SETNSMON_TESTS_FUZZ_H

#include "portable.h"
#include <linux/setnsmon.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

#define REQUIRE(cond, ...)								\
	do {										\
		if (!(cond)) {								\
			fprintf(stderr, "%s:%d: required: %s: ", __FILE__, __LINE__, #cond); \
			fprintf(stderr, __VA_ARGS__);					\
			fputc('\n', stderr);						\
			abort();							\
		}									\
	} while (0)

/* The input that is left. */
struct input {
	const u8 *data;
	size_t size;
};

/* Takes @size bytes, with zeros after the end of the input. */
static inline void take_bytes(struct input *in, void *to, size_t size)
{
	size_t have = size < in->size ? size : in->size;

	memset(to, 0, size);
	if (have)
		memcpy(to, in->data, have);
	in->data += have;
	in->size -= have;
}

static inline u8 take_u8(struct input *in)
{
	u8 value;

	take_bytes(in, &value, sizeof(value));
	return value;
}

static inline u32 take_u32(struct input *in)
{
	u32 value;

	take_bytes(in, &value, sizeof(value));
	return value;
}

static inline struct setnsmon_record take_record(struct input *in)
{
	struct setnsmon_record rec;

	take_bytes(in, &rec, sizeof(rec));
	return rec;
}

/* Returns a copy of exactly this size, so that ASan sees an access past its end. */
static inline void *copy_of(const void *data, size_t size)
{
	void *copy = malloc(size ? size : 1);

	REQUIRE(copy, "memory");
	if (size)
		memcpy(copy, data, size);
	return copy;
}

static inline bool is_known(const struct setnsmon_record *rec)
{
	return rec->type == SETNSMON_RECORD_SETNS || rec->type == SETNSMON_RECORD_LOST;
}

/* Checks for printable ASCII with a newline at the end. */
static inline void require_one_line(const char *line, size_t len)
{
	size_t i;

	for (i = 0; i < len - 1; i++)
		REQUIRE(line[i] >= 0x20 && line[i] < 0x7f, "byte %#x", line[i]);
	REQUIRE(line[len - 1] == '\n', "no end");
}

#endif /* SETNSMON_TESTS_FUZZ_H */
