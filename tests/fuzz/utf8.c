// SPDX-License-Identifier: GPL-2.0-only
/* UTF-8 is decoded as iconv(3) does, and a text is repaired as iconv would convert all of it. */
#define _GNU_SOURCE
#include "unicode.h"
#include "term/utf8.h"

/*
 * Has iconv convert all of the text at once to UTF-32, with U+FFFD in the place of each byte at which
 * it stops and of DEL. Returns the number of characters.
 */
static size_t to_characters(u32 *characters, const u8 *s, size_t len)
{
	char *in = (char *)s, *out = (char *)characters;
	size_t in_left = len, out_left = (len + 1) * sizeof(*characters), i, count;

	iconv(to_utf32, NULL, NULL, NULL, NULL);
	while (iconv(to_utf32, &in, &in_left, &out, &out_left) == (size_t)-1) {
		REQUIRE(in_left, "iconv stops at the end");
		*(u32 *)out = 0xfffd;
		out += sizeof(*characters);
		out_left -= sizeof(*characters);
		in++;
		in_left--;
		iconv(to_utf32, NULL, NULL, NULL, NULL);
	}
	count = (u32 *)out - characters;
	for (i = 0; i < count; i++)
		if (characters[i] == 0x7f)
			characters[i] = 0xfffd;
	return count;
}

/* The text that these bytes must become, also by iconv. Returns its length. */
static size_t repaired(char *text, size_t size, const u8 *s, size_t len)
{
	static iconv_t to_utf8;
	u32 *characters = malloc((len + 1) * sizeof(*characters));
	char *in = (char *)characters, *out = text;
	size_t in_left = to_characters(characters, s, len) * sizeof(*characters), out_left = size;

	if (!to_utf8)
		to_utf8 = iconv_open("UTF-8", "UTF-32LE");
	REQUIRE(iconv(to_utf8, &in, &in_left, &out, &out_left) == 0 && !in_left, "not convertible");
	free(characters);
	return out - text;
}

static void check_repair(const u8 *s, size_t len)
{
	char *got = malloc(UTF8_REPAIRED(len) + 1), *want = malloc(UTF8_REPAIRED(len) + 1);
	size_t got_len = utf8_repair(got, s, len);

	REQUIRE(got_len == repaired(want, UTF8_REPAIRED(len) + 1, s, len), "%zu bytes of %zu",
		got_len, len);
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
