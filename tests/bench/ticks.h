/* SPDX-License-Identifier: GPL-2.0-only */
/* Shared by the programs of the benchmark. */
#ifndef BENCH_TICKS_H
#define BENCH_TICKS_H

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/*
 * Without a fence: guests that count instructions do not reorder them, and elsewhere only
 * long intervals are timed.
 */
static inline uint64_t ticks(void)
{
	uint32_t low, high;

	__asm__ volatile("rdtsc" : "=a"(low), "=d"(high) : : "memory");
	return (uint64_t)high << 32 | low;
}

__attribute__((format(printf, 1, 2), noreturn)) static inline void die(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fputs("bench: ", stderr);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
	exit(1);
}

static inline long number(const char *text)
{
	char *end;
	long value = strtol(text, &end, 10);

	if (!*text || *end || value < 0)
		die("%s is no number", text);
	return value;
}

#endif /* BENCH_TICKS_H */
