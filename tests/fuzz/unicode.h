/* SPDX-License-Identifier: GPL-2.0-only */
/* UTF-8 by the C library, as an oracle. Needs the locale C.UTF-8. */
#ifndef SETNSMON_TESTS_FUZZ_UNICODE_H
#define SETNSMON_TESTS_FUZZ_UNICODE_H

#include "fuzz.h"
#include <iconv.h>
#include <locale.h>
#include <wchar.h>
#include <wctype.h>

static iconv_t to_utf32;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	setenv("TZ", "UTC0", 1);
	REQUIRE(setlocale(LC_CTYPE, "C.UTF-8"), "the locale C.UTF-8 is not installed");
	to_utf32 = iconv_open("UTF-32LE", "UTF-8");
	REQUIRE(to_utf32 != (iconv_t)-1, "iconv knows no UTF-32LE");
	return 0;
}

/* Decodes the first character. Returns how many bytes it takes, or 0 if it is invalid. */
static inline unsigned int unicode_decode(const u8 *s, size_t len, u32 *code)
{
	unsigned int n;

	for (n = 1; n <= len && n <= 4; n++) {
		char *in = (char *)s, *out = (char *)code;
		size_t in_left = n, out_left = sizeof(*code);

		iconv(to_utf32, NULL, NULL, NULL, NULL);
		if (iconv(to_utf32, &in, &in_left, &out, &out_left) != (size_t)-1 && !in_left &&
		    !out_left)
			return n;
	}
	return 0;
}

/*
 * Returns true for control characters and separators by the C library's table, and for
 * characters with the Unicode property Bidi_Control.
 */
static inline bool unicode_is_control(u32 code)
{
	static const u32 bidi[] = { 0x61c, 0x200e, 0x200f, 0x202a, 0x202b, 0x202c, 0x202d,
				    0x202e, 0x2066, 0x2067, 0x2068, 0x2069 };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(bidi); i++)
		if (code == bidi[i])
			return true;
	return iswcntrl(code);
}

/* Checks that text is safe for a terminal, and returns the columns that it takes. */
static inline unsigned int shown_width(const char *text, size_t len, bool utf8)
{
	const u8 *s = (const u8 *)text;
	unsigned int n, width = 0;
	u32 code = 0;

	for (; len; s += n, len -= n) {
		n = unicode_decode(s, len, &code);
		REQUIRE(n, "byte %#x is not UTF-8", *s);
		REQUIRE(!unicode_is_control(code), "U+%04X", code);
		REQUIRE(utf8 || code < 0x80, "U+%04X", code);
		REQUIRE(code < 0x80 ? wcwidth(code) == 1 : wcwidth(code) > 0, "U+%04X", code);
		width += wcwidth(code);
	}
	return width;
}

#endif /* SETNSMON_TESTS_FUZZ_UNICODE_H */
