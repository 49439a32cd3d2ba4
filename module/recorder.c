// SPDX-License-Identifier: GPL-2.0-only
/*
 * MERGING IN THE ORDER OF TIME
 *
 * Each ring is in order by itself: a record is stamped with the time at which it
 * is written. A reader keeps, for every CPU that has records for it, the time of
 * the next one in a heap, and takes the least.
 *
 * That alone is not enough. A record stamped 5 on CPU 0 may become visible after
 * one stamped 6 on CPU 1 was read. So a reader first reads the clock; then looks
 * at every ring, and waits where a write is under way (a few hundred instructions
 * with preemption off on another CPU); then takes only what is stamped no later
 * than its own reading, the horizon. By pair D of ring.c whatever was stamped
 * before the horizon is in the rings by then, so nothing earlier can follow.
 * What is later waits for the next horizon. One look at every ring serves all
 * records up to the horizon: its cost is not per record.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include "recorder.h"
#include "ring.h"

#include <linux/irq_work.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/percpu.h>
#include <linux/poll.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/timekeeping.h>
#include <linux/topology.h>
#include <linux/vmalloc.h>

#define RECORD_WORDS (sizeof(struct setnsmon_record) / sizeof(u64))
#define STAMP_WORD   (offsetof(struct setnsmon_record, boot_ns) / sizeof(u64))

DECLARE_WAIT_QUEUE_HEAD(recorder_wait);

static DEFINE_PER_CPU(struct ring, rings);

/* Wakes the readers from a context in which waking is allowed. */
static DEFINE_PER_CPU(struct irq_work, wakers);

static void wake_readers(struct irq_work *work)
{
	wake_up_interruptible_poll(&recorder_wait, EPOLLIN | EPOLLRDNORM);
}

size_t recorder_bytes(void)
{
	return num_possible_cpus() * ring_bytes(recorder_ring_records(), RECORD_WORDS);
}

unsigned int recorder_ring_records(void)
{
	return per_cpu(rings, cpumask_first(cpu_possible_mask)).records;
}

u64 recorder_recorded(void)
{
	u64 sum = 0;
	int cpu;

	for_each_possible_cpu (cpu)
		sum += ring_end(per_cpu_ptr(&rings, cpu));
	return sum;
}

static void free_rings(void)
{
	int cpu;

	for_each_possible_cpu (cpu) {
		struct ring *ring = per_cpu_ptr(&rings, cpu);

		vfree(ring->slots);
		ring->slots = NULL;
	}
}

int recorder_init(unsigned int records)
{
	size_t bytes = ring_bytes(records, RECORD_WORDS);
	u64 *slots;
	int cpu;

	BUILD_BUG_ON(sizeof(struct setnsmon_record) % sizeof(u64));

	/* Rather than let the allocator empty the machine first. */
	if (bytes / PAGE_SIZE > totalram_pages() / 2 / num_possible_cpus())
		goto no_memory;
	for_each_possible_cpu (cpu) {
		slots = vzalloc_node(bytes, cpu_to_node(cpu));
		if (!slots)
			goto free_rings;
		ring_init(per_cpu_ptr(&rings, cpu), slots, records, RECORD_WORDS);
		init_irq_work(per_cpu_ptr(&wakers, cpu), wake_readers);
	}
	return 0;

free_rings:
	free_rings();
no_memory:
	pr_err("no memory for %u CPUs x %zu KiB: load with a smaller ring_records=\n",
	       num_possible_cpus(), bytes / 1024);
	return -ENOMEM;
}

void recorder_exit(void)
{
	int cpu;

	for_each_possible_cpu (cpu)
		irq_work_sync(per_cpu_ptr(&wakers, cpu));
	free_rings();
}

struct setnsmon_record *recorder_begin(void)
{
	struct ring *ring = this_cpu_ptr(&rings);
	struct setnsmon_record *record = (struct setnsmon_record *)ring_begin(ring);

	record->type = SETNSMON_RECORD_SETNS;
	record->size = sizeof(*record);
	record->cpu = smp_processor_id();
	record->seq = ring->head;
	return record;
}

void recorder_commit(void)
{
	ring_commit(this_cpu_ptr(&rings));
	/* Its barrier pairs with that of prepare_to_wait() and poll_wait(). */
	if (wq_has_sleeper(&recorder_wait))
		irq_work_queue(this_cpu_ptr(&wakers));
}

/**
 * struct lane - what a reader knows of one CPU
 * @next: number of the record to read
 * @stamp: its time, while the lane is in the heap
 * @lost: how many were overwritten just before it
 */
struct lane {
	u64 next;
	u64 stamp;
	u64 lost;
};

/* What cursor_peek() returns next. */
enum cursor_state {
	CURSOR_EMPTY,  /* to be found */
	CURSOR_GAP,    /* @gap, then @record */
	CURSOR_RECORD, /* @record */
};

/**
 * struct cursor - a reader's place
 * @state: see there
 * @record: a record that was read and not yet taken
 * @gap: what was lost before it
 * @horizon: records stamped up to here may be taken
 * @lost: records lost so far
 * @heap: CPUs that have records, the least stamp first
 * @heaped: how many there are
 * @lanes: by CPU
 */
struct cursor {
	enum cursor_state state;
	struct setnsmon_record record;
	struct setnsmon_record gap;
	u64 horizon;
	u64 lost;
	unsigned int heaped;
	u32 *heap;
	struct lane lanes[];
};

struct cursor *cursor_new(void)
{
	struct cursor *cursor = kvzalloc(struct_size(cursor, lanes, nr_cpu_ids), GFP_KERNEL);

	if (!cursor)
		return NULL;
	cursor->heap = kvcalloc(nr_cpu_ids, sizeof(*cursor->heap), GFP_KERNEL);
	if (!cursor->heap) {
		kvfree(cursor);
		return NULL;
	}
	cursor_rewind(cursor);
	return cursor;
}

void cursor_free(struct cursor *cursor)
{
	kvfree(cursor->heap);
	kvfree(cursor);
}

static void cursor_reset(struct cursor *cursor, u64 (*place)(const struct ring *ring))
{
	int cpu;

	cursor->state = CURSOR_EMPTY;
	cursor->heaped = 0;
	for_each_possible_cpu (cpu) {
		WRITE_ONCE(cursor->lanes[cpu].next, place(per_cpu_ptr(&rings, cpu)));
		cursor->lanes[cpu].lost = 0;
	}
}

void cursor_rewind(struct cursor *cursor)
{
	cursor_reset(cursor, ring_oldest);
}

void cursor_skip_to_end(struct cursor *cursor)
{
	cursor_reset(cursor, ring_end);
}

u64 cursor_lost(const struct cursor *cursor)
{
	return cursor->lost;
}

static bool heap_less(const struct cursor *cursor, unsigned int a, unsigned int b)
{
	return cursor->lanes[cursor->heap[a]].stamp < cursor->lanes[cursor->heap[b]].stamp;
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

static void lane_lost(struct cursor *cursor, struct lane *lane, u64 lost)
{
	lane->lost += lost;
	cursor->lost += lost;
}

/* Learns the time of the lane's next record; false if it has none. */
static bool lane_look(struct cursor *cursor, unsigned int cpu)
{
	struct lane *lane = &cursor->lanes[cpu];
	u64 lost;

	for (;;) {
		switch (ring_peek(per_cpu_ptr(&rings, cpu), &lane->next, STAMP_WORD, &lane->stamp,
				  &lost)) {
		case RING_READ:
			return true;
		case RING_EMPTY:
			return false;
		case RING_LOST:
			lane_lost(cursor, lane, lost);
		}
	}
}

/* After the first lane of the heap moved on. */
static void heap_update_first(struct cursor *cursor)
{
	if (!lane_look(cursor, cursor->heap[0]))
		heap_swap(cursor, 0, --cursor->heaped);
	heap_sift_down(cursor, 0);
}

/* A new horizon; all rings looked at. */
static void cursor_survey(struct cursor *cursor)
{
	unsigned int i;
	int cpu;

	cursor->horizon = ktime_to_ns(ktime_get_boottime());
	smp_mb(); /* D of ring.c, reader's end */
	cursor->heaped = 0;
	for_each_possible_cpu (cpu) {
		while (!ring_settled(per_cpu_ptr(&rings, cpu)))
			cpu_relax();
		if (lane_look(cursor, cpu))
			cursor->heap[cursor->heaped++] = cpu;
	}
	for (i = cursor->heaped / 2; i-- > 0;)
		heap_sift_down(cursor, i);
}

static bool cursor_within_horizon(const struct cursor *cursor)
{
	return cursor->heaped && cursor->lanes[cursor->heap[0]].stamp <= cursor->horizon;
}

/* What stands before cursor->record, which was read from @lane, in the stream. */
static void cursor_tell_gap(struct cursor *cursor, struct lane *lane)
{
	cursor->gap = (struct setnsmon_record){
		.type = SETNSMON_RECORD_LOST,
		.size = sizeof(cursor->gap),
		.cpu = cursor->record.cpu,
		.seq = cursor->record.seq - lane->lost,
		.boot_ns = cursor->record.boot_ns,
		.real_ns = cursor->record.real_ns,
		.lost.count = lane->lost,
	};
	lane->lost = 0;
}

/* Reads the first lane's record, if it is still the one that the heap knows. */
static bool cursor_take(struct cursor *cursor)
{
	unsigned int cpu = cursor->heap[0];
	struct lane *lane = &cursor->lanes[cpu];
	u64 lost;

	switch (ring_read(per_cpu_ptr(&rings, cpu), &lane->next, (u64 *)&cursor->record, &lost)) {
	case RING_READ:
		cursor->state = lane->lost ? CURSOR_GAP : CURSOR_RECORD;
		if (lane->lost)
			cursor_tell_gap(cursor, lane);
		break;
	case RING_LOST:
		lane_lost(cursor, lane, lost);
		break;
	case RING_EMPTY:
		break;
	}
	heap_update_first(cursor);
	return cursor->state != CURSOR_EMPTY;
}

const struct setnsmon_record *cursor_peek(struct cursor *cursor)
{
	while (cursor->state == CURSOR_EMPTY) {
		if (!cursor_within_horizon(cursor))
			cursor_survey(cursor);
		if (!cursor_within_horizon(cursor))
			return NULL;
		cursor_take(cursor);
	}
	return cursor->state == CURSOR_GAP ? &cursor->gap : &cursor->record;
}

void cursor_next(struct cursor *cursor)
{
	cursor->state = cursor->state == CURSOR_GAP ? CURSOR_RECORD : CURSOR_EMPTY;
}

bool cursor_ready(const struct cursor *cursor)
{
	int cpu;

	if (READ_ONCE(cursor->state) != CURSOR_EMPTY)
		return true;
	for_each_possible_cpu (cpu)
		if (ring_end(per_cpu_ptr(&rings, cpu)) > READ_ONCE(cursor->lanes[cpu].next))
			return true;
	return false;
}
