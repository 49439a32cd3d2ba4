/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One ring: fixed-size records, one writer that never waits and never fails,
 * any number of readers that never disturb it. The essay is in ring.c.
 */
#ifndef SETNSMON_RING_H
#define SETNSMON_RING_H

#include "portable.h"

/**
 * struct ring - the writer's end; readers only look
 * @head: records committed so far; so the number of the next one
 * @slots: memory of ring_bytes(), zeroed, owned by the caller
 * @slot: of the record that is being written; the writer's alone
 * @mask: of a record's number, what is the number of its slot: @records - 1
 * @stride: 64-bit words from one slot to the next
 * @records: how many slots, a power of two
 * @words: 64-bit words of one record
 */
struct ring {
	u64 head;
	u64 *slots;
	u64 *slot;
	u64 mask;
	u64 stride;
	u32 records;
	u32 words;
};

/* What ring_read() found. */
enum ring_result {
	RING_EMPTY, /* nothing that this reader has not had */
	RING_READ,  /* one record, and the cursor moved on by one */
	RING_LOST,  /* overtaken: the cursor moved on by *lost, nothing was read */
};

/* Bytes of slot memory that a ring needs. */
size_t ring_bytes(u32 records, u32 words);

/* @records must be a power of two and @slots zeroed. Not yet visible to readers. */
void ring_init(struct ring *ring, u64 *slots, u32 records, u32 words);

/* The states of a slot: record @n is being written, or is there. */
static inline u64 ring_state_writing(u64 n)
{
	return 2 * n + 1;
}

static inline u64 ring_state_holds(u64 n)
{
	return 2 * n + 2;
}

/* The slot of record @n: its state; the words follow. */
static inline u64 *ring_slot(const struct ring *ring, u64 n)
{
	return ring->slots + (n & ring->mask) * ring->stride;
}

/*
 * Writer only, and only one at a time: between ring_begin() and ring_commit()
 * it must not be preempted by another writer of this ring. Never waits.
 * ring_begin() returns the words of the new record, in place, to be filled:
 * they hold what an older record left there. Its number is @head. What is timed
 * after ring_begin() cannot be overlooked by a reader that calls
 * ring_settled() after a later reading of the same clock.
 */
static inline u64 *ring_begin(struct ring *ring)
{
	u64 *slot = ring_slot(ring, ring->head);

	ring->slot = slot;
	WRITE_ONCE(slot[0], ring_state_writing(ring->head));
	smp_mb(); /* B and D, writer's end */
	kcsan_nestable_atomic_begin();
	return &slot[1];
}

static inline void ring_commit(struct ring *ring)
{
	u64 n = ring->head;

	kcsan_nestable_atomic_end();
	smp_store_release(ring->slot, ring_state_holds(n)); /* A, writer's end */
	smp_store_release(&ring->head, n + 1);		    /* C, writer's end */
}

/* The oldest record that is held, for a reader that starts there; and the end. */
u64 ring_oldest(const struct ring *ring);

static inline u64 ring_end(const struct ring *ring)
{
	return smp_load_acquire(&ring->head); /* C, reader's end */
}

/*
 * False while a write is under way. A reader that saw true knows that
 * ring_end() includes every record that was begun before.
 */
bool ring_settled(const struct ring *ring);

/* Of a reader whose record is not there any more: moves it on, and tells how many are gone. */
enum ring_result ring_overtaken(const struct ring *ring, u64 *cursor, u64 *lost);

/*
 * Copies @count words, from word @first on, of record *@cursor, or steps on and tells how
 * many are gone, unless @lost is NULL. Never waits, any context.
 */
static inline enum ring_result ring_peek(const struct ring *ring, u64 *cursor, u32 first, u32 count,
					 u64 *words, u64 *lost)
{
	u64 n = *cursor;
	const u64 *slot = ring_slot(ring, n);

	if (n >= ring_end(ring))
		return RING_EMPTY;
	if (smp_load_acquire(&slot[0]) == ring_state_holds(n)) { /* A, reader's end */
		copy_racing_words(words, slot + 1 + first, count);
		smp_rmb(); /* B, reader's end */
		if (READ_ONCE(slot[0]) == ring_state_holds(n))
			return RING_READ;
	}
	return ring_overtaken(ring, cursor, lost);
}

/* After the record was read. */
static inline void ring_step(u64 *cursor)
{
	WRITE_ONCE(*cursor, *cursor + 1);
}

/* The whole record, and a step on. */
static inline enum ring_result ring_read(const struct ring *ring, u64 *cursor, u64 *record,
					 u64 *lost)
{
	enum ring_result result = ring_peek(ring, cursor, 0, ring->words, record, lost);

	if (result == RING_READ)
		ring_step(cursor);
	return result;
}

#endif /* SETNSMON_RING_H */
