// SPDX-License-Identifier: GPL-2.0-only
/*
 * A ring that overwrites its oldest entry.
 *
 * SHAPE
 *
 * @records slots, a power of two. Entry number n lives in slot n % @records.
 * A slot is one word of state followed by the words of the entry. @head counts
 * the entries that were committed.
 *
 *      slot:   | state | word 0 | word 1 | ...
 *
 * STATES OF A SLOT
 *
 *      0         never used
 *      2n + 1    entry n is being written; the words are of no use
 *      2n + 2    entry n is complete
 *
 * The state only grows. A reader that looks for entry n and finds
 *
 *      exactly 2n + 2 before and after it copied    has entry n;
 *      more than that, before or after              was overtaken: n is gone;
 *      less                                         is impossible once head > n.
 *
 * A 64-bit counter never wraps, so no state occurs twice and the comparison is
 * exact.
 *
 * THE WRITER AND THE READERS
 *
 * One writer at a time writes everything: state, words, head. Readers write
 * nothing here; a cursor belongs to its reader. The writer therefore never
 * waits, and a reader that stops in the middle of a copy delays nobody. The
 * frequent operations of both sides are inline functions in ring.h.
 *
 * ORDER
 *
 * The writer fills the words in place with plain stores. A reader may copy them
 * while they change. The state then tells it so, and it discards the copy. The
 * compiler may therefore split or merge these loads and stores as it likes, as
 * long as all of them stay between the two looks at the state. KCSAN is told to
 * treat the writer's stores as marked accesses, and to ignore the reader's copy.
 * Each pair below names the order that must be visible. The letters mark the
 * code.
 *
 *      pair  writer                          reader
 *      ----  ------------------------------  -------------------------------
 *       A    words, then state = 2n + 2      state == 2n + 2, then words:
 *            (release)                       the words are those of n
 *                                            (acquire)
 *       B    state = 2n + 1, then words      words, then state again: if a
 *            (write barrier)                 word was of a later entry, the
 *                                            state is too (read barrier)
 *       C    state = 2n + 2, then head       head > n, then state: never less
 *            (release)                       than 2n + 2 (acquire)
 *       D    state = 2n + 1, then the clock  the clock, then state: a write
 *            (full barrier)                  stamped before that reading is
 *                                            seen as begun, or committed
 *                                            (full barrier, by the caller of
 *                                            ring_settled())
 *
 * D lets a reader merge many rings in the order of time: see merge.c. D
 * includes B.
 *
 * C alone would suffice: it orders the words before head as well, so a reader
 * that sees head > n sees all of entry n. A makes the state meaningful by
 * itself. tests/model removes each end of each pair and shows which are needed.
 */
#include "stream/ring.h"

size_t ring_bytes(u32 records, u32 words)
{
	return (size_t)records * (words + 1) * sizeof(u64);
}

void ring_init(struct ring *ring, u64 *slots, u32 records, u32 words)
{
	ring->slots = slots;
	ring->mask = records - 1;
	ring->stride = words + 1;
	ring->records = records;
	ring->words = words;
	ring->head = 0;
}

u64 ring_oldest(const struct ring *ring)
{
	u64 end = ring_end(ring);

	return end > ring->records ? end - ring->records : 0;
}

bool ring_settled(const struct ring *ring)
{
	u64 end = ring_end(ring); /* D: after the caller's barrier */

	/* A state beyond "writing" is committed: head moved after we read it. */
	return READ_ONCE(*ring_slot(ring, end)) < ring_state_writing(end);
}

enum ring_result ring_overtaken(const struct ring *ring, u64 *cursor, u64 *lost)
{
	u64 n = *cursor;
	u64 end = ring_end(ring);

	/* Even if head says that entry n is the oldest, its slot is being written again. */
	end = end - n > ring->records ? end - ring->records : n + 1;
	WRITE_ONCE(*cursor, end);
	if (lost)
		*lost = end - n;
	return RING_LOST;
}
