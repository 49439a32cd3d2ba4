/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One ring: fixed-size slots, one writer that never waits and never fails, and any number
 * of readers that never disturb it. The essay is in ring.c.
 */
#ifndef SETNSMON_RING_H
#define SETNSMON_RING_H

#include "portable.h"

/**
 * struct ring - the writer's end; readers only look
 * @head: number of entries committed so far, and so the number of the next one
 * @slots: memory of ring_bytes(), zeroed, owned by the caller
 * @mask: @records - 1, turns an entry's number into the number of its slot
 * @stride: 64-bit words from one slot to the next
 * @records: number of slots, a power of two
 * @words: 64-bit words of one entry
 */
struct ring {
	u64 head;
	u64 *slots;
	u64 mask;
	u64 stride;
	u32 records;
	u32 words;
};

/* The result of ring_read() and ring_peek(). */
enum ring_result {
	RING_EMPTY, /* nothing new for this reader */
	RING_READ,  /* one entry was copied; ring_read() moved the cursor on by one */
	RING_LOST,  /* overtaken: the cursor moved on by *lost, nothing was copied */
};

/* Returns the bytes of slot memory that a ring needs. */
size_t ring_bytes(u32 records, u32 words);

/* Sets up a ring that no reader sees yet. @records is a power of two, @slots is zeroed. */
void ring_init(struct ring *ring, u64 *slots, u32 records, u32 words);

/* The states of a slot: entry @n is being written, or is complete. */
static inline u64 ring_state_writing(u64 n)
{
	return 2 * n + 1;
}

static inline u64 ring_state_holds(u64 n)
{
	return 2 * n + 2;
}

/* Returns the slot of entry @n: one word of state, followed by the words of the entry. */
static inline u64 *ring_slot(const struct ring *ring, u64 n)
{
	return ring->slots + (n & ring->mask) * ring->stride;
}

/*
 * ring_begin() returns the words of a new entry, to be filled in place. They still hold an
 * older entry. The number of the new entry is @head. ring_commit() gets these words and
 * publishes the entry. Neither ever waits. Only one writer may be between the two, and no other
 * writer of this ring may preempt it.
 *
 * A reader that reads the clock and then calls ring_settled() cannot overlook an entry that
 * was stamped after ring_begin() and before that reading.
 */
static inline u64 *ring_begin(struct ring *ring)
{
	u64 *slot = ring_slot(ring, ring->head);

	WRITE_ONCE(slot[0], ring_state_writing(ring->head));
	smp_mb(); /* B and D, writer's end */
	kcsan_nestable_atomic_begin();
	return &slot[1];
}

static inline void ring_commit(struct ring *ring, u64 *words)
{
	u64 n = ring->head;

	kcsan_nestable_atomic_end();
	smp_store_release(&words[-1], ring_state_holds(n)); /* A, writer's end */
	smp_store_release(&ring->head, n + 1);		    /* C, writer's end */
}

/* Returns the number of the oldest entry held, where a new reader starts. */
u64 ring_oldest(const struct ring *ring);

/* Returns the number after the newest entry. */
static inline u64 ring_end(const struct ring *ring)
{
	return smp_load_acquire(&ring->head); /* C, reader's end */
}

/*
 * Returns false while a write is under way. After true, ring_end() includes every entry
 * that was begun before the call.
 */
bool ring_settled(const struct ring *ring);

/*
 * Moves a reader on whose next entry was overwritten. Sets *@lost, unless NULL, to the
 * number of entries it missed.
 */
enum ring_result ring_overtaken(const struct ring *ring, u64 *cursor, u64 *lost);

/*
 * Reading entry @n in its slot: ring_holds() returns whether it is there, and
 * ring_still_holds(), after its words were read, whether they are those of the entry. In
 * between the writer may overwrite the words at any time. Neither waits, any context.
 */
static inline bool ring_holds(const u64 *slot, u64 n)
{
	return smp_load_acquire(&slot[0]) == ring_state_holds(n); /* A, reader's end */
}

static inline bool ring_still_holds(const u64 *slot, u64 n)
{
	smp_rmb(); /* B, reader's end */
	return READ_ONCE(slot[0]) == ring_state_holds(n);
}

/* Copies @count words of entry @n, starting with word @first. Returns false if it is gone. */
static inline bool ring_copy(const u64 *slot, u64 n, u32 first, u32 count, u64 *to)
{
	if (!ring_holds(slot, n))
		return false;
	copy_racing_words(to, slot + 1 + first, count);
	return ring_still_holds(slot, n);
}

/*
 * Copies @count words of entry *@cursor, starting with word @first. If that entry was
 * overwritten, moves the cursor on and sets *@lost, unless NULL, to the number of entries
 * missed. Never waits, any context.
 */
static inline enum ring_result ring_peek(const struct ring *ring, u64 *cursor, u32 first, u32 count,
					 u64 *to, u64 *lost)
{
	u64 n = *cursor;

	if (n >= ring_end(ring))
		return RING_EMPTY;
	if (ring_copy(ring_slot(ring, n), n, first, count, to))
		return RING_READ;
	return ring_overtaken(ring, cursor, lost);
}

/* Moves the cursor past an entry that ring_peek() copied. */
static inline void ring_step(u64 *cursor)
{
	WRITE_ONCE(*cursor, *cursor + 1);
}

/* Copies the whole entry and moves the cursor on; otherwise like ring_peek(). */
static inline enum ring_result ring_read(const struct ring *ring, u64 *cursor, u64 *entry,
					 u64 *lost)
{
	enum ring_result result = ring_peek(ring, cursor, 0, ring->words, entry, lost);

	if (result == RING_READ)
		ring_step(cursor);
	return result;
}

#endif /* SETNSMON_RING_H */
