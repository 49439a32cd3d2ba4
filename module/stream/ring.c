// SPDX-License-Identifier: GPL-2.0-only
/*
 * A ring that overwrites its oldest record.
 *
 * SHAPE
 *
 * @records slots, a power of two. Record number n lives in slot n % @records.
 * A slot is one word of state and then the words of the record. @head counts
 * the records that were committed.
 *
 *      slot:   | state | word 0 | word 1 | ...
 *
 * STATES OF A SLOT
 *
 *      0         never used
 *      2n + 1    record n is being written; the words are of no use
 *      2n + 2    record n is there
 *
 * The state only grows, so a reader that looks for record n and finds
 *
 *      exactly 2n + 2 before and after it copied    has record n;
 *      more than that, before or after              was overtaken: n is gone;
 *      less                                         cannot be, once head > n.
 *
 * A counter of 64 bits does not come round, so a state is never seen again and
 * the comparison is exact.
 *
 * WHO MAY WRITE WHAT
 *
 * One writer at a time writes everything: state, words, head. Readers write
 * nothing here; a cursor belongs to its reader. The writer therefore never
 * waits, and a reader that is stopped in the middle of a copy costs nobody. (What
 * both do most often is in ring.h, to be a part of who calls it.)
 *
 * ORDER
 *
 * The writer fills the words in place with plain stores; a reader copies them while
 * they may be written, and the state tells it afterwards whether that happened: then
 * it throws away what it copied. So it does not matter how the compiler makes the
 * stores, or the loads, as long as all of them lie between two looks at the state.
 * (KCSAN is told so: it takes all that the writer does between them for marked
 * accesses, and lets the reader copy as it likes.) Each pair below names what must be seen in
 * order; the letters stand at the code.
 *
 *      pair  writer                          reader
 *      ----  ------------------------------  -------------------------------
 *       A    words, then state = 2n + 2      state == 2n + 2, then words:
 *            (release)                       the words are those of n
 *                                            (acquire)
 *       B    state = 2n + 1, then words      words, then state again: if a
 *            (write barrier)                 word was of a later record, the
 *                                            state is too (read barrier)
 *       C    state = 2n + 2, then head       head > n, then state: never less
 *            (release)                       than 2n + 2 (acquire)
 *       D    state = 2n + 1, then the clock  the clock, then state: a write
 *            (full barrier)                  timed earlier than that reading
 *                                            is seen as begun, or committed
 *                                            (full barrier, the caller's: see
 *                                            ring_settled())
 *
 * D is what lets a reader merge many rings in the order of time: see
 * recorder.c. D includes B.
 *
 * C orders the words before head as well, so it would do without A: who finds
 * head > n has all of record n. A is there so that a state means what it says by
 * itself. tests/model takes out each end of each pair, and shows which are needed.
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
	ring->slot = NULL;
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

	/* More than "writing": committed, but head did not say so yet when we looked. */
	return READ_ONCE(*ring_slot(ring, end)) < ring_state_writing(end);
}

enum ring_result ring_overtaken(const struct ring *ring, u64 *cursor, u64 *lost)
{
	u64 n = *cursor;
	u64 end = ring_end(ring);

	/*
	 * Record n is gone even where head says that it was the oldest: its slot is
	 * being written again.
	 */
	end = end - n > ring->records ? end - ring->records : n + 1;
	WRITE_ONCE(*cursor, end);
	if (lost)
		*lost = end - n;
	return RING_LOST;
}
