/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Makes untrusted strings safe for a terminal. Printable characters stay. A
 * backslash becomes \\, and every byte of anything else \xHH, so that no string
 * can move the cursor, change a colour or end a line.
 */
#ifndef SETNSMON_ESCAPE_H
#define SETNSMON_ESCAPE_H

#include "portable.h"

/* Length of the longest unit: \xHH for each of four bytes. */
#define ESCAPE_UNIT_MAX 16

/**
 * struct escape_unit - one character, escaped
 * @text: how to show it, without a NUL
 * @len: bytes of @text
 * @width: terminal columns that @text takes
 * @used: bytes of the string that it replaces
 */
struct escape_unit {
	char text[ESCAPE_UNIT_MAX];
	unsigned int len;
	unsigned int width;
	unsigned int used;
};

/*
 * Escapes the first character of the @len bytes at @s; @len must not be 0. Without
 * @utf8 only ASCII counts as printable. With it, the locale decides.
 */
struct escape_unit escape_next(const u8 *s, size_t len, bool utf8);

#endif /* SETNSMON_ESCAPE_H */
