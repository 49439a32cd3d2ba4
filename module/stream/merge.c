// SPDX-License-Identifier: GPL-2.0-only
/*
 * MERGING IN THE ORDER OF TIME
 *
 * Each ring is in order by itself, because an entry is stamped with the time at which it
 * is written. For every ring that has entries for it, a reader keeps the key of the next
 * one in a heap, and takes the least. On one CPU the order of time is that of the sequence
 * numbers, which also order two entries with the same stamp.
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
 * LOSS
 *
 * A reader gets the entries of each CPU in the order of their sequence numbers, from all
 * classes. A missing number is an entry that was overwritten. Gaps are found by the numbers
 * alone; RING_LOST only moves the reader on. Only gaps between two entries are reported,
 * not entries overwritten before the first one that this reader finds.
 */
#include "stream/merge.h"

#define CURSOR_BYTES (sizeof(struct cpu_cursor) + RING_CLASSES * sizeof(struct merge_input *))

size_t merge_bytes(u32 cpus)
{
	return sizeof(struct merge) + cpus * CURSOR_BYTES;
}

void merge_init(struct merge *merge, u32 cpus, u64 (*clock)(void))
{
	merge->clock = clock;
	merge->cpus = cpus;
	merge->heap = (struct merge_input **)&merge->cursors[cpus];
}

void merge_add(struct merge *merge, u32 cpu, enum ring_class class, const struct ring *ring)
{
	struct cpu_cursor *cursor = &merge->cursors[cpu];
	struct merge_input *input = &cursor->inputs[class];

	cursor->cpu = cpu;
	input->cursor = cursor;
	input->ring = ring;
}

/* Finds the input's next entry and reads its key. Returns false if it has none. */
static bool input_peek_key(struct merge_input *input)
{
	enum ring_result result;

	do
		result = ring_peek(input->ring, &input->next, 0, STREAM_KEY_WORDS,
				   (u64 *)&input->key, NULL);
	while (result == RING_LOST);
	input->slot = ring_slot(input->ring, input->next);
	return result == RING_READ;
}

static void cursor_rewind(struct cpu_cursor *cursor)
{
	u64 first = ~0ULL;
	enum ring_class class;

	for (class = 0; class < RING_CLASSES; class ++) {
		struct merge_input *input = &cursor->inputs[class];

		WRITE_ONCE(input->next, ring_oldest(input->ring));
		if (input_peek_key(input) && input->key.seq < first)
			first = input->key.seq;
	}
	cursor->seq = first == ~0ULL ? 0 : first;
}

/* Reads both ends as of one instant: the first had not moved when the second was read. */
static void cursor_skip_to_end(struct cpu_cursor *cursor)
{
	struct merge_input *plain = &cursor->inputs[RING_PLAIN];
	struct merge_input *protected = &cursor->inputs[RING_PROTECTED];

	do {
		WRITE_ONCE(plain->next, ring_end(plain->ring));
		WRITE_ONCE(protected->next, ring_end(protected->ring));
	} while (ring_end(plain->ring) != plain->next);
	cursor->seq = plain->next + protected->next;
}

static bool cursor_exists(const struct cpu_cursor *cursor)
{
	return cursor->inputs[RING_PLAIN].ring;
}

static void reset(struct merge *merge, void (*move)(struct cpu_cursor *cursor))
{
	u32 cpu;

	merge->heap_len = 0;
	for (cpu = 0; cpu < merge->cpus; cpu++)
		if (cursor_exists(&merge->cursors[cpu]))
			move(&merge->cursors[cpu]);
}

void merge_rewind(struct merge *merge)
{
	reset(merge, cursor_rewind);
}

void merge_skip_to_end(struct merge *merge)
{
	reset(merge, cursor_skip_to_end);
}

static bool key_less(const struct stream_key *a, const struct stream_key *b)
{
	return a->stamp != b->stamp ? a->stamp < b->stamp : a->seq < b->seq;
}

static bool heap_less(const struct merge *merge, u32 a, u32 b)
{
	return key_less(&merge->heap[a]->key, &merge->heap[b]->key);
}

static void heap_swap(struct merge *merge, u32 a, u32 b)
{
	struct merge_input *input = merge->heap[a];

	merge->heap[a] = merge->heap[b];
	merge->heap[b] = input;
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
	if (!input_peek_key(merge->heap[0]))
		heap_swap(merge, 0, --merge->heap_len);
	if (merge->heap_len > 1)
		heap_sift_down(merge, 0);
}

/*
 * Waits for a write that is under way: it may be stamped before the watermark. A write that
 * begins later is not, so we wait for at most one entry, even if the CPU keeps writing.
 */
static void wait_until_settled(const struct ring *ring)
{
	u64 end = ring_end(ring);

	while (!ring_settled(ring) && ring_end(ring) <= end)
		cpu_relax();
}

static void fill_heap(struct merge *merge, struct cpu_cursor *cursor)
{
	enum ring_class class;

	for (class = 0; class < RING_CLASSES; class ++) {
		struct merge_input *input = &cursor->inputs[class];

		wait_until_settled(input->ring);
		if (input_peek_key(input))
			merge->heap[merge->heap_len++] = input;
	}
}

static void refill_heap(struct merge *merge)
{
	u32 i;

	merge->watermark = merge->clock();
	smp_mb(); /* D of ring.c, reader's end */
	merge->heap_len = 0;
	for (i = 0; i < merge->cpus; i++)
		if (cursor_exists(&merge->cursors[i]))
			fill_heap(merge, &merge->cursors[i]);
	for (i = merge->heap_len / 2; i-- > 0;)
		heap_sift_down(merge, i);
}

bool merge_look(struct merge *merge)
{
	if (merge_within_watermark(merge))
		return true;
	refill_heap(merge);
	return merge_within_watermark(merge);
}

static bool cursor_has_entry(const struct cpu_cursor *cursor)
{
	enum ring_class class;

	for (class = 0; class < RING_CLASSES; class ++)
		if (ring_end(cursor->inputs[class].ring) > READ_ONCE(cursor->inputs[class].next))
			return true;
	return false;
}

bool merge_has_entry(const struct merge *merge)
{
	u32 cpu;

	for (cpu = 0; cpu < merge->cpus; cpu++)
		if (cursor_exists(&merge->cursors[cpu]) && cursor_has_entry(&merge->cursors[cpu]))
			return true;
	return false;
}
