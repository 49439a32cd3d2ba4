/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * For ring_faults.sh, included before anything else: threads sleep now and then before an
 * access to the ring. So a thread can be overtaken anywhere, even on a busy machine where
 * threads seldom run at the same time.
 */
#ifndef SETNSMON_TESTS_RING_RESTS_H
#define SETNSMON_TESTS_RING_RESTS_H

#include "portable.h"

#include <time.h>

static inline void rest(void)
{
	static __thread u64 seed;

	seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
	if (!(seed >> 55))
		nanosleep(&(const struct timespec){ .tv_nsec = 1 }, NULL);
}

#undef READ_ONCE
#undef WRITE_ONCE
#undef smp_load_acquire
#undef smp_store_release
#define READ_ONCE(x)		(rest(), __atomic_load_n(&(x), __ATOMIC_RELAXED))
#define WRITE_ONCE(x, v)	(rest(), __atomic_store_n(&(x), (v), __ATOMIC_RELAXED))
#define smp_load_acquire(p)	(rest(), __atomic_load_n((p), __ATOMIC_ACQUIRE))
#define smp_store_release(p, v)	(rest(), __atomic_store_n((p), (v), __ATOMIC_RELEASE))

#endif /* SETNSMON_TESTS_RING_RESTS_H */
