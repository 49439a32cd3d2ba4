/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Strings of others, made fit for a terminal. Printable characters stay; a
 * backslash becomes \\ and every byte of anything else \xHH, so nothing in them
 * can move the cursor, change a colour or end a line.
 */
#ifndef SETNSMON_ESCAPE_H
#define SETNSMON_ESCAPE_H

#include "portable.h"

/* Bytes of the longest unit: \xHH for each of four bytes. */
#define ESCAPE_UNIT_MAX 16

/**
 * struct escape_unit - one character, as it is shown
 * @text: without a NUL
 * @len: bytes of @text
 * @width: columns of the terminal that it takes
 * @used: bytes of the string that it stands for
 */
struct escape_unit {
	char text[ESCAPE_UNIT_MAX];
	unsigned int len;
	unsigned int width;
	unsigned int used;
};

/*
 * The first unit of the @len bytes at @s; @len is not 0. Without @utf8 only
 * ASCII is printable; with it, what the locale says.
 */
struct escape_unit escape_next(const u8 *s, size_t len, bool utf8);

#endif /* SETNSMON_ESCAPE_H */
