// SPDX-License-Identifier: GPL-2.0-only
#define _GNU_SOURCE
#include "term/escape.h"
#include "term/utf8.h"
#include <wchar.h>
#include <wctype.h>

/*
 * Returns the columns that a character takes, or 0 if it must be escaped. Combining
 * characters are escaped too, because they change the character before them.
 */
static unsigned int columns_of(u32 code, bool utf8)
{
	int width;

	if (code >= 0x20 && code < 0x7f)
		return 1;
	if (!utf8 || code < 0x80 || utf8_is_control(code) || !iswprint(code))
		return 0;
	width = wcwidth(code);
	return width > 0 ? width : 0;
}

static void add_hex(struct escape_unit *unit, u8 byte)
{
	static const char digits[] = "0123456789abcdef";

	unit->text[unit->len++] = '\\';
	unit->text[unit->len++] = 'x';
	unit->text[unit->len++] = digits[byte >> 4];
	unit->text[unit->len++] = digits[byte & 0xf];
}

struct escape_unit escape_next(const u8 *s, size_t len, bool utf8)
{
	struct escape_unit unit = { .used = 1 };
	unsigned int n, i;
	u32 code = 0;

	n = utf8_decode(s, len, &code);
	if (n)
		unit.used = n;
	unit.width = n ? columns_of(code, utf8) : 0;
	if (code == '\\') {
		memcpy(unit.text, "\\\\", 2);
		unit.len = unit.width = 2;
	} else if (unit.width) {
		memcpy(unit.text, s, n);
		unit.len = n;
	} else {
		for (i = 0; i < unit.used; i++)
			add_hex(&unit, s[i]);
		unit.width = unit.len;
	}
	return unit;
}
