// SPDX-License-Identifier: GPL-2.0-only
/* Escaped text is safe for a terminal, has the stated width, and can be unescaped exactly. */
#define _GNU_SOURCE
#include "term/escape.h"
#include "unicode.h"

/* Recovers the bytes that this unit replaces. */
static unsigned int unescaped(const struct escape_unit *unit, u8 *bytes)
{
	unsigned int i = 0, n = 0, byte;

	while (i < unit->len) {
		if (unit->text[i] != '\\') {
			bytes[n++] = unit->text[i++];
		} else if (unit->text[i + 1] == '\\') {
			bytes[n++] = '\\';
			i += 2;
		} else {
			REQUIRE(i + 4 <= unit->len && sscanf(&unit->text[i], "\\x%2x", &byte) == 1,
				"%.*s", (int)unit->len, unit->text);
			bytes[n++] = byte;
			i += 4;
		}
	}
	return n;
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct input in = { data, size };
	bool utf8 = take_u8(&in) & 1;
	u8 *copy = copy_of(in.data, in.size), bytes[ESCAPE_UNIT_MAX];
	struct escape_unit unit;
	size_t at;

	for (at = 0; at < in.size; at += unit.used) {
		unit = escape_next(copy + at, in.size - at, utf8);
		REQUIRE(unit.used && unit.used <= in.size - at, "used %u", unit.used);
		REQUIRE(unit.len && unit.len <= ESCAPE_UNIT_MAX, "len %u", unit.len);
		REQUIRE(shown_width(unit.text, unit.len, utf8) == unit.width, "width %u", unit.width);
		REQUIRE(unescaped(&unit, bytes) == unit.used && !memcmp(bytes, copy + at, unit.used),
			"'%.*s' is something else", (int)unit.len, unit.text);
	}
	free(copy);
	return 0;
}
