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

/* Each CPU has a ring for each class: an entry goes into the ring of its class. */
enum ring_class {
	RING_PLAIN, /* calls that anybody can repeat at will */
	RING_ENTRY,
	RING_EXIT,
	RING_EXIT_LENT,
	RING_CLASSES,
};

/**
 * struct cpu_rings - the rings that one CPU writes
 * @seq: number of entries committed to all of them, and so the number of the next one
 * @cpu: the CPU
 * @rings: indexed by enum ring_class
 */
struct cpu_rings {
	u64 seq;
	u32 cpu;
	struct ring rings[RING_CLASSES];
};

/**
 * struct ring_set - all CPUs that have rings, in the order in which they got them
 * @count: number of @cpus, which only grows
 * @cpus: their rings
 */
struct ring_set {
	u32 count;
	const struct cpu_rings **cpus;
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
 * struct cpu_cursor - one reader's position on one CPU
 * @ring: ring that holds the next entry
 * @seq: number of the entry that comes next, unless it is lost
 * @stamp: stamp of the next entry, valid while the cursor is in the heap
 * @slot: slot of that entry, likewise
 * @n: number of the entry to read next in @ring, as the ring counts
 * @next: the same for each class, without its upper half; stale for @class
 * @class: class of @ring
 * @cpu: the CPU
 * @given_up: a bit for each class whose ring holds a write that is not waited for any more
 */
struct cpu_cursor {
	const struct ring *ring;
	u64 seq;
	u64 stamp;
	const u64 *slot;
	u64 n;
	u32 next[RING_CLASSES];
	u16 class;
	u16 cpu;
	u32 given_up;
};

/* Times for which a reader waits for a write that does not end, in nanoseconds. */
#define MERGE_SPIN_NS	 1000000    /* at each look */
#define MERGE_GIVE_UP_NS 1000000000 /* in all */

/**
 * struct cursor_chunk - cursors that were allocated together
 * @next: the following chunk, or NULL
 * @count: number of @cursors
 * @cursors: one for each CPU, in the order of struct ring_set
 */
struct cursor_chunk {
	struct cursor_chunk *next;
	u32 count;
	struct cpu_cursor cursors[];
};

/* Cursors in a chunk, at most: it fits into 4 KiB. */
#define CHUNK_CURSORS ((4096 - sizeof(struct cursor_chunk)) / sizeof(struct cpu_cursor))

/**
 * struct merge - one reader's position
 * @set: the CPUs that have rings
 * @watermark: entries stamped earlier are complete and may be taken
 * @clock: the clock that stamps entries
 * @stalled_since: time of the look since which a write has not ended, valid if @stalled
 * @stalled: whether the last look left @watermark where it was, because of such a write
 * @heap: cursors that have entries, the least stamp first
 * @heap_len: number of cursors in @heap
 * @cpus: number of cursors in all chunks
 * @chunks: the first chunk, or NULL
 */
struct merge {
	const struct ring_set *set;
	u64 watermark;
	u64 (*clock)(void);
	u64 stalled_since;
	bool stalled;
	struct cpu_cursor **heap;
	u32 heap_len;
	u32 cpus;
	struct cursor_chunk *chunks;
};

/**
 * struct merge_origin - origin of an entry
 * @cpu: CPU that wrote it
 * @lost: number of entries of that CPU that were lost just before it
 * @cursor: for merge_take()
 */
struct merge_origin {
	u32 cpu;
	u64 lost;
	struct cpu_cursor *cursor;
};

/* Sets up a merge of the rings of @set, without any cursor. */
void merge_init(struct merge *merge, const struct ring_set *set, u64 (*clock)(void));

/*
 * A merge needs a cursor for each CPU, and CPUs may get rings at any time. The caller allocates
 * them and, in the end, frees all chunks and the heap.
 *
 * merge_missing() returns how many are missing. merge_grow() adds @count cursors in @chunk,
 * zeroed memory of merge_chunk_bytes(), and a @heap for all of them: @cpus + @count pointers.
 * It returns the old heap, which the caller frees. A new cursor stands at the first entry of
 * its CPU.
 */
u32 merge_missing(const struct merge *merge);
size_t merge_chunk_bytes(u32 count);
struct cpu_cursor **merge_grow(struct merge *merge, struct cursor_chunk *chunk, u32 count,
			       struct cpu_cursor **heap);

/* Moves to the oldest entries held. */
void merge_rewind(struct merge *merge);

/* Moves to the end: only entries from now on follow. */
void merge_skip_to_end(struct merge *merge);

/*
 * Moves to the first entries stamped @stamp or later, which is not later than the clock. Those
 * before count as never held. Returns false, and moves nothing, if cursors are missing or a
 * write does not end: see merge_look(). After MERGE_GIVE_UP_NS it goes on without that write.
 */
bool merge_seek(struct merge *merge, u64 stamp);

/*
 * Looks for an entry that may be taken now, and reads the clock and all rings again if
 * necessary. Returns false if cursors are missing.
 *
 * May sleep. May spin for the time that one write takes on another CPU. If a write does not
 * end, spins for MERGE_SPIN_NS and sets @stalled. Then the caller lets some time pass before
 * the next look.
 */
bool merge_look(struct merge *merge);

/* Returns whether an entry may be taken without another look at all rings. */
static __always_inline bool merge_within_watermark(const struct merge *merge)
{
	return merge->heap_len && merge->heap[0]->stamp < merge->watermark;
}

/*
 * Returns whether any ring has an entry for this reader. Takes no lock and may run while
 * another task takes entries. Then it may still return true for an entry that is already
 * taken.
 */
bool merge_has_entry(const struct merge *merge);

/* Finds the next entry of the first cursor in all rings of its CPU, and restores the heap. */
void merge_advance_slowly(struct merge *merge);

/* Restores the heap after the stamp of the first cursor grew. */
void merge_sift_first(struct merge *merge);

/*
 * Moves the first cursor on to its next entry. If the next entry of the same ring has the
 * next number of the CPU, no other ring can hold an earlier one.
 */
static __always_inline void merge_advance(struct merge *merge, struct cpu_cursor *cursor)
{
	u64 n = cursor->n;
	const struct stream_key *key;
	const u64 *slot;
	u64 seq, stamp;

	if (n < ring_end(cursor->ring)) {
		slot = ring_slot(cursor->ring, n);
		key = (const struct stream_key *)&slot[1];
		cursor->slot = slot;
		if (ring_holds(slot, n)) {
			seq = READ_ONCE(key->seq);
			stamp = READ_ONCE(key->stamp);
			if (likely(ring_still_holds(slot, n) && seq == cursor->seq)) {
				cursor->stamp = stamp;
				if (merge->heap_len > 1)
					merge_sift_first(merge);
				return;
			}
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
 * the words, and so @origin, were intact until then. If not, the caller forgets everything it
 * read.
 */
static __always_inline const u64 *merge_first(const struct merge *merge,
					      struct merge_origin *origin)
{
	struct cpu_cursor *cursor = merge->heap[0];
	const u64 *words = cursor->slot + 1;

	origin->cursor = cursor;
	origin->cpu = cursor->cpu;
	origin->lost = 0;
	kcsan_nestable_atomic_begin();
	if (unlikely(!ring_holds(cursor->slot, cursor->n)))
		return NULL;
	origin->lost = READ_ONCE(((const struct stream_key *)words)->seq) - cursor->seq;
	return words;
}

static __always_inline bool merge_take(struct merge *merge, const struct merge_origin *origin)
{
	struct cpu_cursor *cursor = origin->cursor;

	kcsan_nestable_atomic_end();
	if (unlikely(!ring_still_holds(cursor->slot, cursor->n))) {
		merge_advance_slowly(merge);
		return false;
	}
	cursor->n++;
	WRITE_ONCE(cursor->seq, cursor->seq + origin->lost + 1);
	merge_advance(merge, cursor);
	return true;
}

#endif /* SETNSMON_MERGE_H */
