/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Replaces tests/lib/tap.h, so that a unit test of user space becomes one case of a suite:
 * tap_run_all().
 */
#ifndef SETNSMON_TESTS_TAP_H
#define SETNSMON_TESTS_TAP_H

#include "suite.h"

struct tap_case {
	const char *name;
	void (*run)(void);
};

static unsigned int tap_failures;
static const char *tap_name;
static struct kunit *tap_test;

#define FAIL(fmt, ...)							\
	do {								\
		tap_failures++;						\
		KUNIT_FAIL(tap_test, "%s: " fmt, tap_name, ##__VA_ARGS__); \
	} while (0)
#define CHECK(cond)						\
	do {							\
		if (!(cond))					\
			FAIL("not true: %s", #cond);		\
	} while (0)
#define EQ(got, want)								\
	do {									\
		u64 got_ = (u64)(got), want_ = (u64)(want);			\
		if (got_ != want_)						\
			FAIL("%s is %llu, expected %s, %llu", #got, got_, #want, want_); \
	} while (0)

#define TAP_MAIN(cases)							\
	static void tap_run_all(struct kunit *test)			\
	{								\
		unsigned int i;						\
									\
		tap_test = test;					\
		for (i = 0; i < ARRAY_SIZE(cases); i++) {		\
			tap_failures = 0;				\
			tap_name = cases[i].name;			\
			cases[i].run();					\
		}							\
	}

#endif /* SETNSMON_TESTS_TAP_H */
