/* SPDX-License-Identifier: GPL-2.0-only */
/* A strict UTF-8 decoder, one character at a time. */
#ifndef SETNSMON_UTF8_H
#define SETNSMON_UTF8_H

#include "portable.h"

/*
 * Decodes the first character of the @len bytes at @s into *@code and returns how
 * many bytes it takes, from 1 to 4. Returns 0 if the bytes are not UTF-8: truncated,
 * overlong, a surrogate, beyond U+10FFFF, or if @len is 0.
 */
unsigned int utf8_decode(const u8 *s, size_t len, u32 *code);

/*
 * Copies the @len bytes at @s to @text, with U+FFFD (three bytes) for each byte that
 * is not part of a character, and for DEL. Returns the bytes written, at most
 * UTF8_REPAIRED(len).
 */
#define UTF8_REPAIRED(len) (3 * (len))
size_t utf8_repair(char *text, const u8 *s, size_t len);

/* Returns true for control, bidirectional and line-separator characters. */
bool utf8_is_control(u32 code);

#endif /* SETNSMON_UTF8_H */
