// SPDX-License-Identifier: GPL-2.0-only
/*
 * TWO LANES
 *
 * Each CPU has two rings. One is for crossings (crossing.h says what that is), one
 * for all other calls, so that what anybody can repeat as fast as a CPU can go does
 * not overwrite what matters. The records of a CPU are numbered over both: the next
 * number is the sum of the two heads, which only that CPU moves.
 *
 * MERGING IN THE ORDER OF TIME
 *
 * Each ring is in order by itself: a record is stamped with the time at which it
 * is written. A reader keeps, for every ring that has records for it, the time and
 * the number of the next one in a heap, and takes the least. (On one CPU the order
 * of time is that of the numbers; two records of one instant are told apart by them.)
 *
 * That alone is not enough. A record stamped 5 on CPU 0 may become visible after
 * one stamped 6 on CPU 1 was read. So a reader first reads the clock; then looks
 * at every ring, and waits where a write is under way (a few hundred instructions
 * with preemption off on another CPU); then takes only what is stamped before its
 * own reading, the horizon. By pair D of ring.c whatever was stamped before the
 * horizon is in the rings by then, so nothing earlier can follow. What is later
 * waits for the next horizon; so does what is stamped with the horizon itself, since
 * of two such records of one CPU the second may be seen first. One look at every ring
 * serves all records up to the horizon: its cost is not per record.
 *
 * LOSS
 *
 * So a reader gets what there is of each CPU in the order of the numbers, from both
 * lanes, and a number that is left out is a record that was overwritten: gaps are
 * told by the numbers alone. What the rings say of a loss only moves the reader on.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include "record/record.h"
#include "stream/rings.h"
#include "stream/ring.h"

#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/percpu.h>
#include <linux/slab.h>
#include <linux/timekeeping.h>
#include <linux/topology.h>
#include <linux/vmalloc.h>

#define RECORD_WORDS (sizeof(struct setnsmon_record) / sizeof(u64))

DEFINE_PER_CPU(struct recorder_writer, recorder_writers);

size_t recorder_bytes(void)
{
	return num_possible_cpus() * RECORDER_LANES *
	       ring_bytes(recorder_ring_records(), RECORD_WORDS);
}

unsigned int recorder_ring_records(void)
{
	return per_cpu(recorder_writers, cpumask_first(cpu_possible_mask)).rings[0].records;
}

/* Records made on a CPU so far */
static u64 writer_end(const struct recorder_writer *writer)
{
	u64 sum = 0;
	int lane;

	for (lane = 0; lane < RECORDER_LANES; lane++)
		sum += ring_end(&writer->rings[lane]);
	return sum;
}

u64 recorder_recorded(void)
{
	u64 sum = 0;
	int cpu;

	for_each_possible_cpu (cpu)
		sum += writer_end(per_cpu_ptr(&recorder_writers, cpu));
	return sum;
}

static void writer_exit(struct recorder_writer *writer)
{
	int lane;

	for (lane = 0; lane < RECORDER_LANES; lane++) {
		vfree(writer->rings[lane].slots);
		writer->rings[lane].slots = NULL;
	}
}

static bool writer_init(struct recorder_writer *writer, unsigned int records, int node)
{
	u64 *slots;
	int lane;

	for (lane = 0; lane < RECORDER_LANES; lane++) {
		slots = vzalloc_node(ring_bytes(records, RECORD_WORDS), node);
		if (!slots)
			return false;
		ring_init(&writer->rings[lane], slots, records, RECORD_WORDS);
	}
	return true;
}

void recorder_exit(void)
{
	int cpu;

	for_each_possible_cpu (cpu)
		writer_exit(per_cpu_ptr(&recorder_writers, cpu));
}

int recorder_init(unsigned int records)
{
	size_t bytes = RECORDER_LANES * ring_bytes(records, RECORD_WORDS);
	int cpu;

	BUILD_BUG_ON(sizeof(struct setnsmon_record) % sizeof(u64));

	/* Rather than let the allocator empty the machine first. */
	if (bytes / PAGE_SIZE > totalram_pages() / 2 / num_possible_cpus())
		goto no_memory;
	for_each_possible_cpu (cpu)
		if (!writer_init(per_cpu_ptr(&recorder_writers, cpu), records, cpu_to_node(cpu)))
			goto free_rings;
	return 0;

free_rings:
	recorder_exit();
no_memory:
	pr_err("no memory for %u CPUs x %zu KiB: load with a smaller ring_records=\n",
	       num_possible_cpus(), bytes / 1024);
	return -ENOMEM;
}

/* What a reader is told of a record before it takes it: two words that are neighbours. */
struct mark {
	u64 seq;
	u64 stamp;
};

#define MARK_WORD  (offsetof(struct setnsmon_record, seq) / sizeof(u64))
#define MARK_WORDS (sizeof(struct mark) / sizeof(u64))

/**
 * struct lane - what a reader knows of one ring
 * @ring: the ring
 * @next: number of the record to read, as the ring counts
 * @cpu: whose it is
 * @mark: of that record, while the lane is in the heap
 */
struct lane {
	const struct ring *ring;
	u64 next;
	u32 cpu;
	struct mark mark;
};

/**
 * struct place - what a reader knows of one CPU
 * @seq: number of the record that comes next, unless it is lost
 * @lanes: by enum recorder_lane
 */
struct place {
	u64 seq;
	struct lane lanes[RECORDER_LANES];
};

/* How many records are read from the rings at once, at most: they fit into 8 KiB. */
#define CURSOR_BATCH 21

/**
 * struct cursor - a reader's place
 * @held: how many records were read and not yet taken; while some are being read,
 *	not less than 1
 * @first: the first of them
 * @batch: where they are, with room for what was lost before the last one
 * @horizon: records stamped before it may be taken
 * @lost: records lost, as far as that was taken
 * @heap: lanes that have records, the least mark first
 * @heaped: how many there are
 * @places: by CPU
 */
struct cursor {
	unsigned int held;
	struct setnsmon_record *first;
	struct setnsmon_record *batch;
	u64 horizon;
	u64 lost;
	unsigned int heaped;
	struct lane **heap;
	struct place places[];
};

struct cursor *cursor_new(void)
{
	struct cursor *cursor = kvzalloc(struct_size(cursor, places, nr_cpu_ids), GFP_KERNEL);
	int cpu, lane;

	if (!cursor)
		return NULL;
	cursor->heap = kvcalloc(nr_cpu_ids, RECORDER_LANES * sizeof(*cursor->heap), GFP_KERNEL);
	cursor->batch = kmalloc_array(CURSOR_BATCH + 1, sizeof(*cursor->batch), GFP_KERNEL);
	if (!cursor->heap || !cursor->batch) {
		cursor_free(cursor);
		return NULL;
	}
	for_each_possible_cpu (cpu)
		for (lane = 0; lane < RECORDER_LANES; lane++) {
			cursor->places[cpu].lanes[lane].cpu = cpu;
			cursor->places[cpu].lanes[lane].ring =
				&per_cpu_ptr(&recorder_writers, cpu)->rings[lane];
		}
	cursor_rewind(cursor);
	return cursor;
}

void cursor_free(struct cursor *cursor)
{
	kfree(cursor->batch);
	kvfree(cursor->heap);
	kvfree(cursor);
}

/* Learns the mark of the lane's next record; false if it has none. */
static __always_inline bool lane_look(struct lane *lane)
{
	enum ring_result result;

	BUILD_BUG_ON(offsetof(struct setnsmon_record, boot_ns) !=
		     offsetof(struct setnsmon_record, seq) + sizeof(u64));
	do
		result = ring_peek(lane->ring, &lane->next, MARK_WORD, MARK_WORDS,
				   (u64 *)&lane->mark, NULL);
	while (result == RING_LOST);
	return result == RING_READ;
}

/* What is lost between two numbers is told; what the first to be found comes after is not. */
static void place_at_oldest(struct place *place)
{
	u64 first = U64_MAX;
	int lane;

	for (lane = 0; lane < RECORDER_LANES; lane++) {
		WRITE_ONCE(place->lanes[lane].next, ring_oldest(place->lanes[lane].ring));
		if (lane_look(&place->lanes[lane]))
			first = min(first, place->lanes[lane].mark.seq);
	}
	place->seq = first == U64_MAX ? 0 : first;
}

/* Both ends as they were at one instant: the one that was read first had not moved by then. */
static void place_at_end(struct place *place)
{
	struct lane *plain = &place->lanes[RECORDER_PLAIN];
	struct lane *crossing = &place->lanes[RECORDER_CROSSING];

	do {
		WRITE_ONCE(plain->next, ring_end(plain->ring));
		WRITE_ONCE(crossing->next, ring_end(crossing->ring));
	} while (ring_end(plain->ring) != plain->next);
	place->seq = plain->next + crossing->next;
}

static void cursor_reset(struct cursor *cursor, void (*put)(struct place *place))
{
	int cpu;

	WRITE_ONCE(cursor->held, 0);
	cursor->heaped = 0;
	for_each_possible_cpu (cpu)
		put(&cursor->places[cpu]);
}

void cursor_rewind(struct cursor *cursor)
{
	cursor_reset(cursor, place_at_oldest);
}

void cursor_skip_to_end(struct cursor *cursor)
{
	cursor_reset(cursor, place_at_end);
}

u64 cursor_lost(const struct cursor *cursor)
{
	return cursor->lost;
}

static bool heap_less(const struct cursor *cursor, unsigned int a, unsigned int b)
{
	const struct mark *first = &cursor->heap[a]->mark;
	const struct mark *second = &cursor->heap[b]->mark;

	return first->stamp != second->stamp ? first->stamp < second->stamp
					     : first->seq < second->seq;
}

static void heap_swap(struct cursor *cursor, unsigned int a, unsigned int b)
{
	swap(cursor->heap[a], cursor->heap[b]);
}

/* The entry at @i may be too large for its place: down with it. */
static void heap_sift_down(struct cursor *cursor, unsigned int i)
{
	for (;;) {
		unsigned int least = i;
		unsigned int child = 2 * i + 1;

		if (child < cursor->heaped && heap_less(cursor, child, least))
			least = child;
		if (child + 1 < cursor->heaped && heap_less(cursor, child + 1, least))
			least = child + 1;
		if (least == i)
			return;
		heap_swap(cursor, i, least);
		i = least;
	}
}

/* After the first lane of the heap moved on. */
static void heap_update_first(struct cursor *cursor)
{
	if (!lane_look(cursor->heap[0]))
		heap_swap(cursor, 0, --cursor->heaped);
	if (cursor->heaped > 1)
		heap_sift_down(cursor, 0);
}

static void cursor_survey_lane(struct cursor *cursor, struct lane *lane)
{
	u64 end = ring_end(lane->ring);

	/*
	 * What is written now may be timed before the horizon; what is begun after it is
	 * not. So one record is waited for, and not a CPU that writes one after the other.
	 */
	while (!ring_settled(lane->ring) && ring_end(lane->ring) <= end)
		cpu_relax();
	if (lane_look(lane))
		cursor->heap[cursor->heaped++] = lane;
}

/* A new horizon; all rings looked at. */
static void cursor_survey(struct cursor *cursor)
{
	unsigned int i;
	int cpu, lane;

	cursor->horizon = ktime_to_ns(ktime_get_boottime());
	smp_mb(); /* D of ring.c, reader's end */
	cursor->heaped = 0;
	for_each_possible_cpu (cpu)
		for (lane = 0; lane < RECORDER_LANES; lane++)
			cursor_survey_lane(cursor, &cursor->places[cpu].lanes[lane]);
	for (i = cursor->heaped / 2; i-- > 0;)
		heap_sift_down(cursor, i);
}

static bool cursor_within_horizon(const struct cursor *cursor)
{
	return cursor->heaped && cursor->heap[0]->mark.stamp < cursor->horizon;
}

/* In the place of @record, which moves on: the @count records before it are gone. */
static void tell_gap(struct setnsmon_record *record, u64 count)
{
	struct setnsmon_record *gap = record;

	record[1] = record[0];
	record++;
	/* The rest of the union as well, which an initializer need not do */
	memset(gap, 0, sizeof(*gap));
	gap->type = SETNSMON_RECORD_LOST;
	gap->size = sizeof(*gap);
	gap->cpu = record->cpu;
	gap->seq = record->seq - count;
	gap->boot_ns = record->boot_ns;
	gap->real_ns = record->real_ns;
	gap->lost.count = count;
}

/*
 * Reads the first lane's record, unless it was overwritten since the heap knows it.
 * Returns where the next one may go.
 */
static struct setnsmon_record *cursor_read(struct cursor *cursor, struct setnsmon_record *record)
{
	struct lane *lane = cursor->heap[0];
	struct place *place = &cursor->places[lane->cpu];
	u64 expected = place->seq;
	u64 seq;

	/* (ring_read(), of a size that the compiler knows) */
	if (ring_peek(lane->ring, &lane->next, 0, RECORD_WORDS, (u64 *)record, NULL) == RING_READ) {
		ring_step(&lane->next);
		conclude(record, lane->cpu);
		seq = record->seq;
		place->seq = seq + 1;
		if (unlikely(seq > expected))
			tell_gap(record++, seq - expected);
		record++;
	}
	heap_update_first(cursor);
	return record;
}

/* The batch, anew: up to @most records, and one more if there is a gap before the last. */
static void cursor_fill(struct cursor *cursor, unsigned int most)
{
	struct setnsmon_record *record = cursor->batch;
	const struct setnsmon_record *limit = record + most;

	cursor->first = record;
	do {
		if (!cursor_within_horizon(cursor))
			cursor_survey(cursor);
		if (!cursor_within_horizon(cursor))
			break;
		WRITE_ONCE(cursor->held, 1);
		smp_wmb(); /* before lanes move on: cursor_ready() */
		while (record < limit && cursor_within_horizon(cursor))
			record = cursor_read(cursor, record);
	} while (record == cursor->batch);
	WRITE_ONCE(cursor->held, record - cursor->batch);
}

unsigned int cursor_peek(struct cursor *cursor, unsigned int most,
			 const struct setnsmon_record **records)
{
	if (!cursor->held)
		cursor_fill(cursor, min_t(unsigned int, most, CURSOR_BATCH));
	*records = cursor->first;
	return min(cursor->held, most);
}

void cursor_next(struct cursor *cursor, unsigned int count)
{
	unsigned int i;

	for (i = 0; i < count; i++)
		if (unlikely(cursor->first[i].type == SETNSMON_RECORD_LOST))
			cursor->lost += cursor->first[i].lost.count;
	cursor->first += count;
	WRITE_ONCE(cursor->held, cursor->held - count);
}

static bool place_ready(const struct place *place)
{
	int lane;

	for (lane = 0; lane < RECORDER_LANES; lane++)
		if (ring_end(place->lanes[lane].ring) > READ_ONCE(place->lanes[lane].next))
			return true;
	return false;
}

bool cursor_ready(const struct cursor *cursor)
{
	int cpu;

	for_each_possible_cpu (cpu)
		if (place_ready(&cursor->places[cpu]))
			return true;
	smp_rmb(); /* who sees that a lane has moved on sees what cursor_fill() holds */
	return READ_ONCE(cursor->held);
}
