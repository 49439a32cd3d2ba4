// SPDX-License-Identifier: GPL-2.0-only
/*
 * MERGING IN THE ORDER OF TIME
 *
 * Each CPU numbers its entries over all of its rings, so the numbers put them in order: by
 * time too, because an entry is stamped while it is written. The next entry of a CPU is
 * usually the next one in the same ring, and its number proves it. Otherwise a reader looks
 * at all rings of the CPU and takes the least number. For every CPU that has entries for it,
 * a reader keeps the stamp of the next one in a heap, and takes the least.
 *
 * That alone is not enough. An entry stamped 5 on CPU 0 may become visible after an entry
 * stamped 6 on CPU 1 was read. So a reader first reads the clock. Then it looks at every
 * ring, and waits where a write is under way: a few hundred instructions with preemption
 * off on another CPU. Then it takes only entries stamped before its own reading of the
 * clock, the watermark. By pair D of ring.c all of these are in the rings by then, so
 * nothing earlier can follow. Later entries wait for the next watermark. So do entries
 * stamped with the watermark itself, because the second of two such entries on one CPU may
 * become visible first. One look at every ring serves all entries up to the watermark, so
 * its cost is not paid for each entry.
 *
 * A WRITE THAT DOES NOT END
 *
 * A writer may stand still between begin and commit: its CPU is a virtual one that the host
 * does not run, or the kernel killed the caller in the middle of a handler. A look waits for
 * MERGE_SPIN_NS, and then leaves the watermark where it was: whatever the writer publishes
 * is stamped later than that, because its ring was settled then. So order holds, and entries
 * up to the watermark can still be taken, after a rewind for example. If a write has not
 * ended after MERGE_GIVE_UP_NS, the watermark passes it. From then on a reader gets everything
 * except that one entry. If it is published after all, it comes late: in the order of its
 * CPU, but not in the order of time. The next write to the same ring takes over the slot and
 * the number, so nothing is missing. Once the ring was seen settled, its writes are waited for
 * again.
 *
 * A CPU THAT COMES LATE
 *
 * A CPU gets its rings before it runs, and a reader learns of them at its next look: after it
 * has read the clock, by the number of CPUs that have rings. A writer's first stamp follows
 * that number as it follows the state of a slot in pair D. So an entry stamped before the
 * watermark comes from a CPU that was counted. If cursors are missing, nothing can be taken
 * until the caller has added them. A cursor that was added later stands at entry 0, so the
 * entries that were overwritten meanwhile are a gap.
 *
 * LOSS
 *
 * A reader gets the entries of each CPU in the order of their sequence numbers, from all
 * classes. A missing number is an entry that was overwritten. Gaps are found by the numbers
 * alone; RING_LOST only moves the reader on. Only gaps between two entries are reported,
 * not entries overwritten before the first one that this reader finds.
 *
 * HALF A NUMBER
 *
 * A cursor is one cache line for four classes, because it keeps only the lower half of its
 * position in each ring. The head of the ring gives the upper half, as long as the reader is
 * less than 2^32 entries behind. The numbers of the CPU tell if it is not: then the reader
 * begins again at the oldest entry of each ring and passes over those that it has had.
 */
#include "stream/merge.h"

/* Comes after all numbers. */
#define NO_ENTRY (~0ULL)

void merge_init(struct merge *merge, const struct ring_set *set, u64 (*clock)(void))
{
	*merge = (struct merge){ .set = set, .clock = clock };
}

u32 merge_missing(const struct merge *merge)
{
	return smp_load_acquire(&merge->set->count) - merge->cpus;
}

size_t merge_chunk_bytes(u32 count)
{
	return sizeof(struct cursor_chunk) + count * sizeof(struct cpu_cursor);
}

struct cpu_cursor **merge_grow(struct merge *merge, struct cursor_chunk *chunk, u32 count,
			       struct cpu_cursor **heap)
{
	struct cursor_chunk **last = &merge->chunks;
	struct cpu_cursor **old = merge->heap;
	u32 i;

	for (i = 0; i < count; i++) {
		const struct cpu_rings *rings = merge->set->cpus[merge->cpus + i];

		chunk->cursors[i].ring = &rings->rings[0];
		chunk->cursors[i].cpu = rings->cpu;
	}
	chunk->count = count;
	while (*last)
		last = &(*last)->next;
	smp_store_release(last, chunk); /* merge_has_entry() may be looking */
	merge->cpus += count;
	merge->heap = heap;
	merge->heap_len = 0; /* the next look finds everything again */
	return old;
}

static const struct ring *cursor_ring(const struct cpu_cursor *cursor, enum ring_class class)
{
	return cursor->ring - cursor->class + class;
}

static u64 committed(const struct cpu_cursor *cursor)
{
	const struct ring *first = cursor_ring(cursor, 0);

	return smp_load_acquire(&container_of(first, struct cpu_rings, rings[0])->seq);
}

static void cursor_move(struct cpu_cursor *cursor, enum ring_class class, u64 n)
{
	cursor->next[class] = n;
	if (class == cursor->class)
		cursor->n = n;
}

/* Makes the entry @n of @class the next one. */
static void cursor_choose(struct cpu_cursor *cursor, enum ring_class class, u64 n, u64 stamp)
{
	cursor->ring = cursor_ring(cursor, class);
	cursor->class = class;
	cursor->n = n;
	cursor->slot = ring_slot(cursor->ring, n);
	cursor->stamp = stamp;
}

/*
 * Finds the next entry of @class, its number in the ring and its key. Returns false if the
 * ring has no more. Entries numbered before @cursor->seq have been read.
 */
static bool cursor_peek(struct cpu_cursor *cursor, enum ring_class class, u64 *n,
			struct stream_key *key)
{
	const struct ring *ring = cursor_ring(cursor, class);
	u64 end = ring_end(ring);
	enum ring_result result;

	*n = end - ((u32)end - cursor->next[class]);
	for (;;) {
		result = ring_peek(ring, n, 0, STREAM_KEY_WORDS, (u64 *)key, NULL);
		if (result == RING_EMPTY || (result == RING_READ && key->seq >= cursor->seq))
			break;
		if (result == RING_READ)
			ring_step(n);
	}
	cursor_move(cursor, class, *n);
	return result == RING_READ;
}

/* Finds the next entry of all classes, which has the least number. Returns that number. */
static u64 cursor_find(struct cpu_cursor *cursor)
{
	struct stream_key key = { .seq = NO_ENTRY };
	u64 least = NO_ENTRY;
	enum ring_class class;
	u64 n;

	cursor_move(cursor, cursor->class, cursor->n);
	for (class = 0; class < RING_CLASSES; class ++) {
		if (!cursor_peek(cursor, class, &n, &key) || key.seq >= least)
			continue;
		least = key.seq;
		cursor_choose(cursor, class, n, key.stamp);
	}
	return least;
}

static void cursor_move_to_oldest(struct cpu_cursor *cursor)
{
	enum ring_class class;

	for (class = 0; class < RING_CLASSES; class ++)
		cursor_move(cursor, class, ring_oldest(cursor_ring(cursor, class)));
}

/*
 * Starts with the first entry from where the cursor was moved in each ring, or with number
 * @next if none exists. Looks again until no earlier entry is found: after we looked at an
 * empty ring, it may have got its first entry, and then another ring the entry that we found.
 */
static void cursor_start(struct cpu_cursor *cursor, u64 next)
{
	u64 first = NO_ENTRY;
	u64 found;

	WRITE_ONCE(cursor->seq, next);
	while ((found = cursor_find(cursor)) < first)
		first = found;
	if (first != NO_ENTRY)
		WRITE_ONCE(cursor->seq, first);
}

static void cursor_rewind(struct cpu_cursor *cursor)
{
	cursor_move_to_oldest(cursor);
	cursor_start(cursor, 0);
}

/* Moves to the end of each ring. Returns the sum of the ends. */
static u64 cursor_move_to_ends(struct cpu_cursor *cursor)
{
	enum ring_class class;
	u64 sum = 0;

	for (class = 0; class < RING_CLASSES; class ++) {
		u64 end = ring_end(cursor_ring(cursor, class));

		cursor_move(cursor, class, end);
		sum += end;
	}
	return sum;
}

/* Reads all ends as of one instant: none had moved when all were read again. */
static void cursor_skip_to_end(struct cpu_cursor *cursor)
{
	u64 seq;

	do
		seq = cursor_move_to_ends(cursor);
	while (cursor_move_to_ends(cursor) != seq);
	WRITE_ONCE(cursor->seq, seq);
}

static void reset(struct merge *merge, void (*move)(struct cpu_cursor *cursor))
{
	struct cursor_chunk *chunk;
	u32 i;

	merge->heap_len = 0;
	for (chunk = merge->chunks; chunk; chunk = chunk->next)
		for (i = 0; i < chunk->count; i++)
			move(&chunk->cursors[i]);
}

void merge_rewind(struct merge *merge)
{
	reset(merge, cursor_rewind);
}

void merge_skip_to_end(struct merge *merge)
{
	reset(merge, cursor_skip_to_end);
}

static bool heap_less(const struct merge *merge, u32 a, u32 b)
{
	return merge->heap[a]->stamp < merge->heap[b]->stamp;
}

static void heap_swap(struct merge *merge, u32 a, u32 b)
{
	struct cpu_cursor *cursor = merge->heap[a];

	merge->heap[a] = merge->heap[b];
	merge->heap[b] = cursor;
}

/* Restores the heap after the entry at @i grew. */
static void heap_sift_down(struct merge *merge, u32 i)
{
	for (;;) {
		u32 least = i;
		u32 child = 2 * i + 1;

		if (child < merge->heap_len && heap_less(merge, child, least))
			least = child;
		if (child + 1 < merge->heap_len && heap_less(merge, child + 1, least))
			least = child + 1;
		if (least == i)
			return;
		heap_swap(merge, i, least);
		i = least;
	}
}

void merge_sift_first(struct merge *merge)
{
	heap_sift_down(merge, 0);
}

void merge_advance_slowly(struct merge *merge)
{
	if (cursor_find(merge->heap[0]) == NO_ENTRY)
		heap_swap(merge, 0, --merge->heap_len);
	if (merge->heap_len > 1)
		heap_sift_down(merge, 0);
}

/*
 * Waits for a write that is under way: it may be stamped before the watermark. A write that
 * begins later is not, so we wait for at most one entry, even if the CPU keeps writing.
 * Returns false if it took too long.
 */
static bool wait_until_settled(const struct merge *merge, const struct ring *ring, u64 patience)
{
	u64 end = ring_end(ring);
	u64 since;

	if (ring_settled(ring))
		return true;
	since = merge->clock();
	do {
		if (ring_end(ring) > end)
			return true;
		if (merge->clock() - since >= patience)
			return false;
		cpu_relax();
	} while (!ring_settled(ring));
	return true;
}

/* Waits for one ring. Returns whether the watermark may pass it. */
static bool pass_ring(const struct merge *merge, struct cpu_cursor *cursor, enum ring_class class)
{
	const struct ring *ring = cursor_ring(cursor, class);
	u32 bit = 1U << class;

	if (wait_until_settled(merge, ring, cursor->given_up & bit ? 0 : MERGE_SPIN_NS)) {
		cursor->given_up &= ~bit;
		return true;
	}
	cond_resched();
	if (merge->stalled && merge->clock() - merge->stalled_since >= MERGE_GIVE_UP_NS)
		cursor->given_up |= bit;
	return cursor->given_up & bit;
}

/* Waits for all rings of a CPU. Returns whether the watermark may pass them. */
static bool pass_cpu(const struct merge *merge, struct cpu_cursor *cursor)
{
	enum ring_class class;
	bool passed = true;

	for (class = 0; class < RING_CLASSES; class ++)
		passed &= pass_ring(merge, cursor, class);
	return passed;
}

/* Remembers since when a write has not ended. The rings were looked at after @now. */
static void note_stall(struct merge *merge, u64 now, bool passed)
{
	if (!passed && !merge->stalled)
		merge->stalled_since = now;
	merge->stalled = !passed;
}

/* Adds a cursor to the heap if it has an entry. Returns whether the watermark may pass it. */
static bool fill_heap(struct merge *merge, struct cpu_cursor *cursor)
{
	bool passed = pass_cpu(merge, cursor);

	if ((s64)(committed(cursor) - cursor->seq) > (s64)U32_MAX)
		cursor_move_to_oldest(cursor);
	if (cursor_find(cursor) != NO_ENTRY)
		merge->heap[merge->heap_len++] = cursor;
	return passed;
}

/*
 * Finds the first entry of a ring that is stamped @stamp or later, by bisection. An entry that
 * is overwritten meanwhile was older than all that the ring holds then. Sets *@after to the
 * number that follows the entry before the one found, if that is still held.
 */
static u64 find_stamp(const struct ring *ring, u64 stamp, u64 *after)
{
	u64 from = ring_oldest(ring);
	u64 to = ring_end(ring);
	struct stream_key key = { .stamp = 0 };
	u64 n;

	while (from < to) {
		n = from + (to - from) / 2;
		if (ring_peek(ring, &n, 0, STREAM_KEY_WORDS, (u64 *)&key, NULL) != RING_READ) {
			from = n;
		} else if (key.stamp < stamp) {
			from = n + 1;
			*after = key.seq + 1;
		} else {
			to = n;
		}
	}
	return from;
}

/*
 * Moves to the first entry of each ring that is stamped @stamp or later. If there is none, the
 * next entry of the CPU is the one after all that were found to be earlier.
 */
static void cursor_seek(struct cpu_cursor *cursor, u64 stamp)
{
	enum ring_class class;
	u64 next = 0;
	u64 after;

	for (class = 0; class < RING_CLASSES; class ++) {
		after = 0;
		cursor_move(cursor, class, find_stamp(cursor_ring(cursor, class), stamp, &after));
		if (after > next)
			next = after;
	}
	cursor_start(cursor, next);
}

/* Waits until every write that was begun before @now has ended. Returns false if not all have. */
static bool all_settled(struct merge *merge, u64 now)
{
	struct cursor_chunk *chunk;
	bool passed = true;
	u32 i;

	for (chunk = merge->chunks; chunk; chunk = chunk->next)
		for (i = 0; i < chunk->count; i++)
			passed &= pass_cpu(merge, &chunk->cursors[i]);
	note_stall(merge, now, passed);
	return passed;
}

bool merge_seek(struct merge *merge, u64 stamp)
{
	u64 now = merge->clock();
	struct cursor_chunk *chunk;
	u32 i;

	smp_mb(); /* D of ring.c, reader's end; orders the count of CPUs like a state, too */
	if (merge_missing(merge) || !all_settled(merge, now))
		return false;
	merge->heap_len = 0;
	for (chunk = merge->chunks; chunk; chunk = chunk->next)
		for (i = 0; i < chunk->count; i++)
			cursor_seek(&chunk->cursors[i], stamp);
	return true;
}

static void refill_heap(struct merge *merge)
{
	u64 now = merge->clock();
	struct cursor_chunk *chunk;
	bool passed = true;
	u32 i;

	smp_mb(); /* D of ring.c, reader's end; orders the count of CPUs like a state, too */
	merge->heap_len = 0;
	if (merge_missing(merge))
		return;
	for (chunk = merge->chunks; chunk; chunk = chunk->next)
		for (i = 0; i < chunk->count; i++)
			passed &= fill_heap(merge, &chunk->cursors[i]);
	for (i = merge->heap_len / 2; i-- > 0;)
		heap_sift_down(merge, i);
	if (passed)
		merge->watermark = now;
	note_stall(merge, now, passed);
}

bool merge_look(struct merge *merge)
{
	if (merge_within_watermark(merge))
		return true;
	refill_heap(merge);
	return merge_within_watermark(merge);
}

/*
 * Numbers are given without gaps, so there is an entry if one beyond ours was given. A CPU
 * without a cursor has had no entry taken.
 */
bool merge_has_entry(const struct merge *merge)
{
	const struct ring_set *set = merge->set;
	const struct cursor_chunk *chunk = smp_load_acquire(&merge->chunks);
	u32 known = 0;
	u32 i;

	for (; chunk; chunk = smp_load_acquire(&chunk->next)) {
		for (i = 0; i < chunk->count; i++)
			if (committed(&chunk->cursors[i]) > READ_ONCE(chunk->cursors[i].seq))
				return true;
		known += chunk->count;
	}
	for (i = known; i < smp_load_acquire(&set->count); i++)
		if (smp_load_acquire(&set->cpus[i]->seq))
			return true;
	return false;
}
