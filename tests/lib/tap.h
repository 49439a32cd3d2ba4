/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Just enough TAP for the unit tests: a case is a function, what it finds
 * wrong is collected while it runs and shown after its "not ok" line.
 */
#ifndef SETNSMON_TESTS_TAP_H
#define SETNSMON_TESTS_TAP_H

#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

struct tap_case {
	const char *name;
	void (*run)(void);
};

static unsigned int tap_failures;
static char tap_notes[8192];
static size_t tap_notes_len;

__attribute__((format(printf, 3, 4), unused))
static void tap_fail(const char *file, int line, const char *fmt, ...)
{
	char text[1024];
	va_list args;
	size_t room = sizeof(tap_notes) - tap_notes_len;
	int n;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	for (char *p = text; *p; p++)
		if (*p == '\n' || *p == '\r')
			*p = ' ';
	tap_failures++;
	n = snprintf(tap_notes + tap_notes_len, room, "# %s:%d: %s\n", file, line, text);
	if (n > 0 && (size_t)n < room)
		tap_notes_len += n;
	else
		tap_notes[tap_notes_len] = '\0';
}

#define FAIL(...)	tap_fail(__FILE__, __LINE__, __VA_ARGS__)
#define CHECK(cond)						\
	do {							\
		if (!(cond))					\
			FAIL("not true: %s", #cond);		\
	} while (0)
#define EQ(got, want)									\
	do {										\
		uint64_t got_ = (uint64_t)(got), want_ = (uint64_t)(want);		\
		if (got_ != want_)							\
			FAIL("%s is %" PRIu64 ", expected %s, %" PRIu64,		\
			     #got, got_, #want, want_);					\
	} while (0)

static inline int tap_run(const struct tap_case *cases, unsigned int count)
{
	unsigned int i, failed = 0;

	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("1..%u\n", count);
	for (i = 0; i < count; i++) {
		tap_failures = 0;
		tap_notes_len = 0;
		tap_notes[0] = '\0';
		cases[i].run();
		printf("%sok %u - %s\n%s", tap_failures ? "not " : "", i + 1, cases[i].name,
		       tap_notes);
		failed += tap_failures > 0;
	}
	return failed > 0;
}

#define TAP_MAIN(cases)							\
	int main(void)							\
	{								\
		return tap_run(cases, sizeof(cases) / sizeof((cases)[0]));	\
	}

#endif /* SETNSMON_TESTS_TAP_H */
