/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One reader's position in all rings, and the order in which it gets their entries: by
 * time over all CPUs, without gaps that go unnoticed. The essay is in merge.c.
 *
 * The merge knows the first two words of an entry, its key, and nothing else about it.
 * It also builds in user space.
 */
#ifndef SETNSMON_MERGE_H
#define SETNSMON_MERGE_H

#include "stream/ring.h"

/* The rings of one CPU: an entry goes into the ring of its class. */
enum ring_class {
	RING_PLAIN,	/* calls that anybody can repeat at will */
	RING_PROTECTED, /* the others, which plain ones must not overwrite */
	RING_CLASSES,
};

/**
 * struct stream_key - the first two words of each entry
 * @seq: number of the entry on its CPU, counted from 0 over all classes
 * @stamp: time of the entry, nanoseconds on the clock of the merge
 */
struct stream_key {
	u64 seq;
	u64 stamp;
};

#define STREAM_KEY_WORDS (sizeof(struct stream_key) / sizeof(u64))

/**
 * struct merge_input - one reader's view of one ring
 * @ring: the ring
 * @next: number of the next entry to read, as the ring counts
 * @slot: slot of that entry, valid while the input is in the heap
 * @key: key of that entry, likewise
 * @cursor: position on the CPU that writes the ring
 */
struct merge_input {
	const struct ring *ring;
	u64 next;
	const u64 *slot;
	struct stream_key key;
	struct cpu_cursor *cursor;
};

/**
 * struct cpu_cursor - one reader's position on one CPU
 * @seq: number of the entry that comes next, unless it is lost
 * @cpu: the CPU
 * @inputs: indexed by enum ring_class
 */
struct cpu_cursor {
	u64 seq;
	u32 cpu;
	struct merge_input inputs[RING_CLASSES];
};

/**
 * struct merge - one reader's position
 * @watermark: entries stamped earlier are complete and may be taken
 * @clock: the clock that stamps entries
 * @heap: inputs that have entries, the least key first
 * @heap_len: number of inputs in @heap
 * @cpus: number of @cursors
 * @cursors: indexed by CPU; a CPU that cannot exist has no rings
 */
struct merge {
	u64 watermark;
	u64 (*clock)(void);
	struct merge_input **heap;
	u32 heap_len;
	u32 cpus;
	struct cpu_cursor cursors[];
};

/**
 * struct merge_origin - origin of an entry
 * @cpu: CPU that wrote it
 * @lost: number of entries of that CPU that were lost just before it
 */
struct merge_origin {
	u32 cpu;
	u64 lost;
};

/* Returns the bytes that a struct merge for @cpus CPUs needs. */
size_t merge_bytes(u32 cpus);

/* Sets up a merge in zeroed memory of merge_bytes(), without any input. */
void merge_init(struct merge *merge, u32 cpus, u64 (*clock)(void));

/* Adds a ring of @cpu, which must be below the number of CPUs. */
void merge_add(struct merge *merge, u32 cpu, enum ring_class class, const struct ring *ring);

/* Moves to the oldest entries held. */
void merge_rewind(struct merge *merge);

/* Moves to the end: only entries from now on follow. */
void merge_skip_to_end(struct merge *merge);

/*
 * Looks for an entry that may be taken now, and reads the clock and all rings again if
 * necessary. May spin for the time that one write takes on another CPU.
 */
bool merge_look(struct merge *merge);

/* Returns whether an entry may be taken without another look at all rings. */
static __always_inline bool merge_within_watermark(const struct merge *merge)
{
	return merge->heap_len && merge->heap[0]->key.stamp < merge->watermark;
}

/*
 * Returns whether any ring has an entry for this reader. Takes no lock and may run while
 * another task takes entries. Then it may still return true for an entry that is already
 * taken.
 */
bool merge_has_entry(const struct merge *merge);

/*
 * Finds the next entry of the first input after that advanced, if the fast path below did
 * not, and restores the heap.
 */
void merge_advance_slowly(struct merge *merge);

/* Restores the heap after the key of the first input grew. */
void merge_sift_first(struct merge *merge);

/* Moves on to the next entry of the first input. */
static __always_inline void merge_advance(struct merge *merge, struct merge_input *input)
{
	u64 n = input->next;

	if (n < ring_end(input->ring)) {
		input->slot = ring_slot(input->ring, n);
		if (ring_copy(input->slot, n, 0, STREAM_KEY_WORDS, (u64 *)&input->key)) {
			if (merge->heap_len > 1)
				merge_sift_first(merge);
			return;
		}
	}
	merge_advance_slowly(merge);
}

/*
 * Taking the first entry. The caller has checked merge_within_watermark() and serialises
 * calls.
 *
 * merge_first() fills in @origin and returns the words of the entry where they are in the
 * ring, NULL if they were overwritten already. They may be overwritten while the caller
 * reads them, so it must use no word of them as a pointer, an index or a bound that it
 * has not read once and checked. merge_take() moves on to the next entry and returns whether
 * the words were intact until then. If not, the caller forgets everything it read.
 */
static __always_inline const u64 *merge_first(const struct merge *merge,
					      struct merge_origin *origin)
{
	const struct merge_input *input = merge->heap[0];
	const struct cpu_cursor *cursor = input->cursor;

	origin->cpu = cursor->cpu;
	origin->lost = input->key.seq - cursor->seq;
	kcsan_nestable_atomic_begin();
	return ring_holds(input->slot, input->next) ? input->slot + 1 : NULL;
}

static __always_inline bool merge_take(struct merge *merge)
{
	struct merge_input *input = merge->heap[0];

	kcsan_nestable_atomic_end();
	if (unlikely(!ring_still_holds(input->slot, input->next))) {
		merge_advance_slowly(merge);
		return false;
	}
	ring_step(&input->next);
	input->cursor->seq = input->key.seq + 1;
	merge_advance(merge, input);
	return true;
}

#endif /* SETNSMON_MERGE_H */
