/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The environment of ring.c, merge.c, kinds.c, fields.c and text.c, which build into the
 * module, into the reader and into the unit tests. In user space the kernel's memory
 * accessors become the compiler's atomics, which ThreadSanitizer understands.
 */
#ifndef SETNSMON_PORTABLE_H
#define SETNSMON_PORTABLE_H

#ifdef __KERNEL__

#include <linux/compiler.h>
#include <linux/kcsan-checks.h>
#include <linux/kernel.h>
#include <linux/sched.h>
#include <linux/stddef.h>
#include <linux/string.h>
#include <linux/types.h>
#include <asm/barrier.h>
#include <asm/processor.h>

/* Copies words that another CPU may be writing. The caller finds out whether it was. */
static __always_inline void copy_racing_words(u64 *to, const u64 *from, u32 count)
{
	data_race(memcpy(to, from, count * sizeof(*to)));
}

#else

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef uint64_t u64;
typedef int64_t s64;
typedef uint32_t u32;
typedef int32_t s32;
typedef uint16_t u16;
typedef uint8_t u8;

#define READ_ONCE(x)		__atomic_load_n(&(x), __ATOMIC_RELAXED)
#define WRITE_ONCE(x, v)	__atomic_store_n(&(x), (v), __ATOMIC_RELAXED)
#define smp_load_acquire(p)	__atomic_load_n((p), __ATOMIC_ACQUIRE)
#define smp_store_release(p, v) __atomic_store_n((p), (v), __ATOMIC_RELEASE)
#define smp_rmb()		__atomic_thread_fence(__ATOMIC_ACQUIRE)
#define smp_wmb()		__atomic_thread_fence(__ATOMIC_RELEASE)
#define smp_mb()		__atomic_thread_fence(__ATOMIC_SEQ_CST)

#ifndef __always_inline
#define __always_inline inline __attribute__((always_inline))
#endif
#define cpu_relax() __asm__ volatile("" ::: "memory")
#define cond_resched()                                                                             \
	do {                                                                                       \
	} while (0)

#define copy_racing_words(to, from, count)                                                         \
	do {                                                                                       \
		u32 word_;                                                                         \
                                                                                                   \
		for (word_ = 0; word_ < (count); word_++)                                          \
			(to)[word_] = READ_ONCE((from)[word_]);                                    \
	} while (0)

/* KCSAN is part of the kernel. */
static inline void kcsan_nestable_atomic_begin(void)
{
}

static inline void kcsan_nestable_atomic_end(void)
{
}

#define likely(x)		      __builtin_expect(!!(x), 1)
#define unlikely(x)		      __builtin_expect(!!(x), 0)

#define ARRAY_SIZE(a)		      (sizeof(a) / sizeof((a)[0]))
#define U32_MAX			      UINT32_MAX

/* As in the kernel, without the check of the types. */
#define container_of(p, type, member) ((type *)((char *)(p)-offsetof(type, member)))

#endif /* __KERNEL__ */

#endif /* SETNSMON_PORTABLE_H */
