// SPDX-License-Identifier: GPL-2.0-only
/* UTF-8 is decoded as by iconv(3), and repaired text is valid for iconv(3). */
#define _GNU_SOURCE
#include "unicode.h"
#include "term/utf8.h"

/* Repairs the text with the decoder of iconv(3), one character at a time. */
static size_t repaired(char *text, const u8 *s, size_t len)
{
	char *p = text;
	unsigned int n;
	u32 code;

	for (; len; s += n, len -= n) {
		n = unicode_decode(s, len, &code);
		if (n && code != 0x7f) {
			p = mempcpy(p, s, n);
		} else {
			n = 1;
			p = stpcpy(p, "\357\277\275");
		}
	}
	return p - text;
}

static void check_repair(const u8 *s, size_t len)
{
	char *got = malloc(UTF8_REPAIRED(len) + 1), *want = malloc(UTF8_REPAIRED(len) + 1);
	size_t got_len = utf8_repair(got, s, len);

	REQUIRE(got_len == repaired(want, s, len), "%zu bytes of %zu", got_len, len);
	REQUIRE(!memcmp(got, want, got_len), "repaired to something else");
	free(got);
	free(want);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	u8 *copy = copy_of(data, size);
	size_t at;

	for (at = 0; at <= size; at++) {
		u32 code = 0xabcdef, want = 0xabcdef;
		unsigned int n = utf8_decode(copy + at, size - at, &code);
		unsigned int wanted = unicode_decode(copy + at, size - at, &want);

		REQUIRE(n == wanted, "at %zu: %u bytes, iconv says %u", at, n, wanted);
		if (!n)
			continue;
		REQUIRE(code == want, "U+%04X, iconv says U+%04X", code, want);
		REQUIRE(utf8_is_control(code) == unicode_is_control(code), "U+%04X", code);
	}
	check_repair(copy, size);
	free(copy);
	return 0;
}
