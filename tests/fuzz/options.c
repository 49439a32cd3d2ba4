// SPDX-License-Identifier: GPL-2.0-only
/*
 * A count is a decimal number from 1 to 2^64 - 1 and nothing else, and a choice is one of
 * its names. These functions replace argp_error() and exit() for options.c.
 */
#include "base/options.h"
#include "fuzz.h"
#include <setjmp.h>
#include <stdarg.h>

static jmp_buf refused;
static char message[1 << 13];

void fuzz_argp_error(const struct argp_state *state, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
void fuzz_exit(int status) __attribute__((noreturn));

void fuzz_argp_error(const struct argp_state *state, const char *format, ...)
{
	va_list args;

	(void)state;
	va_start(args, format);
	vsnprintf(message, sizeof(message), format, args);
	va_end(args);
}

void fuzz_exit(int status)
{
	REQUIRE(status, "exit status 0");
	longjmp(refused, 1);
}

/* Returns the number, or 0 if @text is not a valid one. */
static u64 number_in(const char *text)
{
	unsigned __int128 value = 0;

	if (!*text)
		return 0;
	for (; *text; text++) {
		if (*text < '0' || *text > '9')
			return 0;
		value = value * 10 + (*text - '0');
		if (value > UINT64_MAX)
			return 0;
	}
	return value;
}

static void check_count(const char *text)
{
	u64 want = number_in(text);

	if (setjmp(refused)) {
		REQUIRE(!want, "'%s' was refused", text);
		REQUIRE(strstr(message, "COUNT"), "said: %s", message);
		return;
	}
	u64 got = option_count(NULL, "COUNT", text);

	REQUIRE(want && got == want, "'%s' is %llu", text, (unsigned long long)got);
}

static const char *const names[] = { "table", "json", "logfmt", NULL };

static void check_choice(const char *text)
{
	unsigned int want = 0;

	while (names[want] && strcmp(names[want], text))
		want++;
	if (setjmp(refused)) {
		REQUIRE(!names[want], "'%s' was refused", text);
		REQUIRE(strstr(message, "(expected: table, json, logfmt)"), "said: %s", message);
		return;
	}
	REQUIRE(option_choice(NULL, "FORMAT", names, text) == want && names[want], "'%s' was taken",
		text);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	char *text = malloc(size + 1);

	if (size > 4096)
		size = 4096;
	memcpy(text, data, size);
	text[size] = '\0';
	check_count(text);
	check_choice(text);
	free(text);
	return 0;
}
