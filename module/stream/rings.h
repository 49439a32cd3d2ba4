/* SPDX-License-Identifier: GPL-2.0-only */
/* The rings of all CPUs: their memory, and the writer's end. merge.h is the reader's end. */
#ifndef SETNSMON_RINGS_H
#define SETNSMON_RINGS_H

#include "stream/merge.h"
#include "stream/wakeup.h"

#include <linux/percpu.h>
#include <linux/types.h>

DECLARE_PER_CPU(struct cpu_rings, cpu_rings);

/*
 * Allocates a ring of @records entries for each class on each CPU that is online, and on each
 * other one before it comes online. An entry has @entry_bytes, a multiple of 8, and begins with
 * a struct stream_key. Returns an error with the reason in the kernel log. May sleep.
 */
int rings_init(unsigned int records, size_t entry_bytes);

/* Frees all rings, after the last writer and the last reader. May sleep. */
void rings_exit(void);

/* Returns the bytes that the rings of one CPU take. Any context. */
size_t rings_cpu_bytes(unsigned int records, size_t entry_bytes);

/* Returns the number of CPUs that have rings. Any context. */
unsigned int rings_cpus(void);

/* Returns the number of entries that one ring holds. Any context. */
unsigned int rings_records(void);

/* Returns the number of entries committed since the module was loaded. Any context. */
u64 rings_committed(void);

/*
 * A merge over all rings. rings_merge_grow() allocates the cursors that are missing, charged to
 * the task that calls it, and returns 0 or -ENOMEM. rings_merge_bytes() returns the bytes that
 * all cursors take. All may sleep.
 */
void rings_merge_init(struct merge *merge);
void rings_merge_exit(struct merge *merge);
int rings_merge_grow(struct merge *merge);
size_t rings_merge_bytes(void);

/*
 * Writing one entry. The caller keeps preemption off from the first call to the last, and
 * is not an interrupt. Nothing here waits.
 *
 * rings_here() returns the rings of this CPU. rings_begin() returns a new entry to be filled
 * in place: its sequence number is set, the rest is undefined. The caller sets the stamp.
 * rings_commit() publishes the entry and requests a wake-up of sleeping readers.
 */
static __always_inline struct cpu_rings *rings_here(void)
{
	return this_cpu_ptr(&cpu_rings);
}

static __always_inline void *rings_begin(struct cpu_rings *here, enum ring_class class)
{
	struct stream_key *key = (struct stream_key *)ring_begin(&here->rings[class]);

	key->seq = here->seq; /* only this CPU moves it */
	return key;
}

static __always_inline void rings_commit(struct cpu_rings *here, enum ring_class class, void *entry)
{
	ring_commit(&here->rings[class], entry);
	smp_wmb(); /* a reader that sees the number used finds the entry */
	this_cpu_inc(cpu_rings.seq);
	wakeup_request();
}

#endif /* SETNSMON_RINGS_H */
