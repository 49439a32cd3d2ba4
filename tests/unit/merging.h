/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Rings, their writers, one reader and a clock that stands still, for the tests of the merge.
 */
#ifndef SETNSMON_TESTS_MERGING_H
#define SETNSMON_TESTS_MERGING_H

#include "stream/merge.h"
#include "tap.h"

#include <stdlib.h>

#define RECORDS 16 /* of each ring */
#define WORDS	4  /* the key, and two words that follow from it */
#define CPUS	4

struct cpu {
	struct cpu_rings own;
};

static struct cpu *cpus;
static u32 cpu_count;
static struct ring_set set;
static struct merge *merge;

static u64 now;

static inline u64 fake_clock(void)
{
	return now;
}

static inline u64 word_of(u32 cpu, u64 seq, u64 stamp)
{
	return (seq + 1) * 0x9e3779b97f4a7c15ULL ^ (stamp + cpu * 0xbf58476d1ce4e5b9ULL);
}

static inline u64 written_on(u32 cpu)
{
	return READ_ONCE(cpus[cpu].own.seq);
}

/* Writes an entry, stamped by @clock after it was begun, and returns its number. */
static inline u64 write_entry(u32 cpu, enum ring_class class, u64 (*clock)(void))
{
	struct ring *ring = &cpus[cpu].own.rings[class];
	u64 seq = written_on(cpu);
	u64 *words = ring_begin(ring);
	u64 stamp = clock();

	WRITE_ONCE(words[0], seq);
	WRITE_ONCE(words[1], stamp);
	WRITE_ONCE(words[2], word_of(cpu, seq, stamp));
	WRITE_ONCE(words[3], ~word_of(cpu, seq, stamp));
	ring_commit(ring, words);
	smp_store_release(&cpus[cpu].own.seq, seq + 1);
	return seq;
}

/* Writes an entry with this stamp. The clock stands still for the reader. */
static inline void write_at(u32 cpu, enum ring_class class, u64 stamp)
{
	u64 saved = now;

	now = stamp;
	write_entry(cpu, class, fake_clock);
	now = saved;
}

static inline void write_many(u32 cpu, enum ring_class class, u64 stamp, unsigned int count)
{
	while (count--)
		write_at(cpu, class, stamp++);
}

static inline void *zeroed(size_t bytes)
{
	void *memory = calloc(1, bytes);

	if (!memory)
		abort();
	return memory;
}

/* Adds the cursors that are missing, at most @most of them in a chunk. */
static inline void grow(u32 most)
{
	u32 missing, count;

	while ((missing = merge_missing(merge))) {
		count = missing < most ? missing : most;
		free(merge_grow(merge, zeroed(merge_chunk_bytes(count)), count,
				zeroed((merge->cpus + count) * sizeof(*merge->heap))));
	}
}

static inline void new_merge(u64 (*clock)(void))
{
	merge = zeroed(sizeof(*merge));
	merge_init(merge, &set, clock);
	grow(CHUNK_CURSORS);
	merge_rewind(merge);
}

static inline void free_merge(void)
{
	struct cursor_chunk *chunk, *next;

	for (chunk = merge->chunks; chunk; chunk = next) {
		next = chunk->next;
		free(chunk);
	}
	free(merge->heap);
	free(merge);
}

/* Gives a CPU its rings. */
static inline void add_cpu(u32 cpu)
{
	int class;

	cpus[cpu].own.cpu = cpu;
	for (class = 0; class < RING_CLASSES; class++)
		ring_init(&cpus[cpu].own.rings[class], zeroed(ring_bytes(RECORDS, WORDS)), RECORDS,
			  WORDS);
	set.cpus[set.count] = &cpus[cpu].own;
	smp_store_release(&set.count, set.count + 1);
}

/* Makes rings for every CPU whose number is a multiple of @every. */
static inline void make_some(u32 count, u32 every)
{
	u32 cpu;

	cpus = zeroed(count * sizeof(*cpus));
	cpu_count = count;
	set = (struct ring_set){ .cpus = zeroed(count * sizeof(*set.cpus)) };
	for (cpu = 0; cpu < count; cpu += every)
		add_cpu(cpu);
	now = 1000;
	new_merge(fake_clock);
}

static inline void make(u32 count)
{
	make_some(count, 1);
}

static inline void done(void)
{
	u32 cpu;
	int class;

	for (cpu = 0; cpu < cpu_count; cpu++)
		for (class = 0; class < RING_CLASSES; class++)
			free(cpus[cpu].own.rings[class].slots);
	free(cpus);
	free(set.cpus);
	free_merge();
}

struct taken {
	struct merge_origin origin;
	u64 seq, stamp;
	bool intact; /* all words belong to one entry of that CPU */
};

/* Copies the words of the first entry, as a reader does that makes a record of them. */
static inline void copy_first(struct taken *taken, const u64 *words)
{
	u32 cpu = taken->origin.cpu;

	taken->seq = READ_ONCE(words[0]);
	taken->stamp = READ_ONCE(words[1]);
	taken->intact = READ_ONCE(words[2]) == word_of(cpu, taken->seq, taken->stamp) &&
			READ_ONCE(words[3]) == ~word_of(cpu, taken->seq, taken->stamp);
}

/* Takes the first entry. Returns false if it was overwritten. */
static inline bool take(struct taken *taken)
{
	const u64 *words = merge_first(merge, &taken->origin);

	if (words)
		copy_first(taken, words);
	return merge_take(merge, &taken->origin) && words;
}

/* Expects the next entry that is still held. Discards those overwritten since the last look. */
static inline void expect_entry(u32 cpu, u64 seq, u64 stamp, u64 lost)
{
	struct taken taken = { .seq = 0 };

	CHECK(merge_has_entry(merge));
	do {
		if (!merge_look(merge)) {
			FAIL("no entry, expected %" PRIu64 " of CPU %u", seq, cpu);
			return;
		}
	} while (!take(&taken));
	EQ(taken.origin.cpu, cpu);
	EQ(taken.origin.lost, lost);
	EQ(taken.seq, seq);
	EQ(taken.stamp, stamp);
	CHECK(taken.intact);
}

static inline void expect_none(void)
{
	CHECK(!merge_look(merge));
	CHECK(!merge_within_watermark(merge));
}

/* Expects no entry, not even one that waits for the clock. */
static inline void expect_end(void)
{
	expect_none();
	CHECK(!merge_has_entry(merge));
}

static inline void seek(u64 stamp)
{
	CHECK(merge_seek(merge, stamp));
}

/* Commits the entry that somebody else has begun. */
static inline void commit_begun(struct ring *ring)
{
	ring_commit(ring, ring_slot(ring, ring->head) + 1);
}

static inline void begin_entry(u32 cpu, enum ring_class class, u64 stamp)
{
	u64 *words = ring_begin(&cpus[cpu].own.rings[class]);

	words[0] = written_on(cpu);
	words[1] = stamp;
	words[2] = word_of(cpu, written_on(cpu), stamp);
	words[3] = ~words[2];
}

static inline void commit_entry(u32 cpu, enum ring_class class)
{
	commit_begun(&cpus[cpu].own.rings[class]);
	smp_store_release(&cpus[cpu].own.seq, written_on(cpu) + 1);
}

#endif /* SETNSMON_TESTS_MERGING_H */
