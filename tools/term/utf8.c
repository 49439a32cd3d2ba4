// SPDX-License-Identifier: GPL-2.0-only
#include "term/utf8.h"

#define IS_SURROGATE(code) ((code) >= 0xd800 && (code) <= 0xdfff)

/* Returns the length of the sequence that starts with @lead, or 0 if none can. */
static unsigned int sequence_length(u8 lead)
{
	if (lead < 0x80)
		return 1;
	if (lead < 0xc2)
		return 0;
	if (lead < 0xe0)
		return 2;
	if (lead < 0xf0)
		return 3;
	return lead < 0xf5 ? 4 : 0;
}

unsigned int utf8_decode(const u8 *s, size_t len, u32 *code)
{
	static const u32 smallest[] = { 0, 0, 0x80, 0x800, 0x10000 };
	unsigned int n, i;
	u32 value;

	n = len ? sequence_length(s[0]) : 0;
	if (!n || n > len)
		return 0;
	value = n == 1 ? s[0] : s[0] & (0xffU >> (n + 1));
	for (i = 1; i < n; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		value = value << 6 | (s[i] & 0x3f);
	}
	if (value < smallest[n] || value > 0x10ffff || IS_SURROGATE(value))
		return 0;
	*code = value;
	return n;
}

size_t utf8_repair(char *text, const u8 *s, size_t len)
{
	char *p = text;
	unsigned int n;
	u32 code;

	for (; len; s += n, len -= n) {
		n = utf8_decode(s, len, &code);
		if (n && code != 0x7f) {
			memcpy(p, s, n);
			p += n;
		} else {
			n = 1;
			memcpy(p, "\xef\xbf\xbd", 3);
			p += 3;
		}
	}
	return p - text;
}

bool utf8_is_control(u32 code)
{
	if (code < 0x20 || (code >= 0x7f && code <= 0x9f))
		return true;
	return code == 0x061c || code == 0x200e || code == 0x200f ||
	       (code >= 0x2028 && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069);
}
