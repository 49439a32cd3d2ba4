/* SPDX-License-Identifier: GPL-2.0-only */
/* Numbers that look random and are the same in every run. */
#ifndef SETNSMON_TESTS_RANDOM_H
#define SETNSMON_TESTS_RANDOM_H

#include <stdint.h>

static uint64_t random_state = 1;

/* Returns the next number of a 64-bit xorshift generator, which is never 0. */
static inline uint64_t random_u64(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state;
}

#endif /* SETNSMON_TESTS_RANDOM_H */
