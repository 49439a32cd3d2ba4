// SPDX-License-Identifier: GPL-2.0-only
/*
 * The merge of all rings for one reader, with a fake clock: order, watermark, gaps, and
 * entries that are overwritten at the worst moment. The last cases have
 * threads.
 */
#include "stream/merge.h"
#include "tap.h"

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <time.h>

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

static u64 fake_clock(void)
{
	return now;
}

/* ---- writing ---- */

static u64 word_of(u32 cpu, u64 seq, u64 stamp)
{
	return (seq + 1) * 0x9e3779b97f4a7c15ULL ^ (stamp + cpu * 0xbf58476d1ce4e5b9ULL);
}

static u64 written_on(u32 cpu)
{
	return READ_ONCE(cpus[cpu].own.seq);
}

/* Writes an entry, stamped by @clock after it was begun, and returns its number. */
static u64 write_entry(u32 cpu, enum ring_class class, u64 (*clock)(void))
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
static void write_at(u32 cpu, enum ring_class class, u64 stamp)
{
	u64 saved = now;

	now = stamp;
	write_entry(cpu, class, fake_clock);
	now = saved;
}

static void write_many(u32 cpu, enum ring_class class, u64 stamp, unsigned int count)
{
	while (count--)
		write_at(cpu, class, stamp++);
}

/* ---- set-up ---- */

static void *zeroed(size_t bytes)
{
	void *memory = calloc(1, bytes);

	if (!memory)
		abort();
	return memory;
}

/* Adds the cursors that are missing, at most @most of them in a chunk. */
static void grow(u32 most)
{
	u32 missing, count;

	while ((missing = merge_missing(merge))) {
		count = missing < most ? missing : most;
		free(merge_grow(merge, zeroed(merge_chunk_bytes(count)), count,
				zeroed((merge->cpus + count) * sizeof(*merge->heap))));
	}
}

static void new_merge(u64 (*clock)(void))
{
	merge = zeroed(sizeof(*merge));
	merge_init(merge, &set, clock);
	grow(CHUNK_CURSORS);
	merge_rewind(merge);
}

static void free_merge(void)
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
static void add_cpu(u32 cpu)
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
static void make_some(u32 count, u32 every)
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

static void make(u32 count)
{
	make_some(count, 1);
}

static void done(void)
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

/* ---- reading ---- */

struct taken {
	struct merge_origin origin;
	u64 seq, stamp;
	bool intact; /* all words belong to one entry of that CPU */
};

/* Copies the words of the first entry, as a reader does that makes a record of them. */
static void copy_first(struct taken *taken, const u64 *words)
{
	u32 cpu = taken->origin.cpu;

	taken->seq = READ_ONCE(words[0]);
	taken->stamp = READ_ONCE(words[1]);
	taken->intact = READ_ONCE(words[2]) == word_of(cpu, taken->seq, taken->stamp) &&
			READ_ONCE(words[3]) == ~word_of(cpu, taken->seq, taken->stamp);
}

/* Takes the first entry. Returns false if it was overwritten. */
static bool take(struct taken *taken)
{
	const u64 *words = merge_first(merge, &taken->origin);

	if (words)
		copy_first(taken, words);
	return merge_take(merge, &taken->origin) && words;
}

/* The next entry that is still held. Those overwritten since the last look are discarded. */
static void expect_entry(u32 cpu, u64 seq, u64 stamp, u64 lost)
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

static void expect_none(void)
{
	CHECK(!merge_look(merge));
	CHECK(!merge_within_watermark(merge));
}

/* None, not even one that waits for the clock. */
static void expect_end(void)
{
	expect_none();
	CHECK(!merge_has_entry(merge));
}

/* ---- order ---- */

static void nothing_written(void)
{
	make(CPUS);
	expect_end();
	merge_rewind(merge);
	expect_end();
	merge_skip_to_end(merge);
	expect_end();
	done();
}

static void order_of_stamps(void)
{
	make(CPUS);
	write_at(2, RING_PLAIN, 30);
	write_at(0, RING_ENTRY, 20);
	write_at(0, RING_PLAIN, 40);
	write_at(3, RING_ENTRY, 10);
	write_at(3, RING_PLAIN, 50);
	write_at(2, RING_ENTRY, 60);
	expect_entry(3, 0, 10, 0);
	expect_entry(0, 0, 20, 0);
	expect_entry(2, 0, 30, 0);
	expect_entry(0, 1, 40, 0);
	expect_entry(3, 1, 50, 0);
	expect_entry(2, 1, 60, 0);
	expect_end();
	done();
}

static void equal_stamps(void)
{
	unsigned int i;

	make(1);
	for (i = 0; i < 20; i++)
		write_at(0, i % 3 == 1 ? RING_ENTRY : RING_PLAIN, 5);
	for (i = 0; i < 20; i++)
		expect_entry(0, i, 5, 0);
	expect_end();
	done();
}

static void watermark(void)
{
	make(2);
	now = 10;
	write_at(0, RING_PLAIN, 9);
	write_at(1, RING_PLAIN, 10);
	write_at(1, RING_ENTRY, 11);
	expect_entry(0, 0, 9, 0);
	expect_none();
	CHECK(merge_has_entry(merge));
	now = 11;
	expect_entry(1, 0, 10, 0);
	expect_none();
	now = 12;
	expect_entry(1, 1, 11, 0);
	expect_end();
	done();
}

/* Entries that become visible after a look wait for the next one, even if the clock has moved. */
static void next_look(void)
{
	make(2);
	now = 10;
	write_at(0, RING_PLAIN, 5);
	write_at(0, RING_PLAIN, 8);
	CHECK(merge_look(merge));
	now = 20;
	write_at(1, RING_PLAIN, 10);
	write_at(0, RING_ENTRY, 11);
	expect_entry(0, 0, 5, 0);
	expect_entry(0, 1, 8, 0);
	CHECK(!merge_within_watermark(merge));
	expect_entry(1, 0, 10, 0);
	expect_entry(0, 2, 11, 0);
	expect_end();
	done();
}

static void many_cpus(void)
{
	const u32 count = 240;
	u32 i;

	make(count);
	for (i = 0; i < count; i++)
		write_at(i, i % 2 ? RING_PLAIN : RING_ENTRY, 10 + i * 7 % count);
	for (i = 0; i < count; i++)
		write_at(i, RING_PLAIN, 500 + count - i);
	for (i = 0; i < count; i++)
		expect_entry(i * 103 % count, 0, 10 + i, 0); /* 7 * 103 % 240 == 1 */
	for (i = count; i-- > 0;)
		expect_entry(i, 1, 500 + count - i, 0);
	expect_end();
	done();
}

static void missing_cpus(void)
{
	make_some(7, 3);
	write_at(6, RING_PLAIN, 1);
	write_at(3, RING_PLAIN, 2);
	write_at(0, RING_ENTRY, 3);
	expect_entry(6, 0, 1, 0);
	merge_rewind(merge);
	expect_entry(6, 0, 1, 0);
	expect_entry(3, 0, 2, 0);
	merge_skip_to_end(merge);
	expect_end();
	done();
}

/* ---- CPUs that come late ---- */

static void late_cpu(void)
{
	make_some(4, 2);
	write_at(0, RING_PLAIN, 10);
	write_at(2, RING_PLAIN, 11);
	expect_entry(0, 0, 10, 0);
	add_cpu(3);
	CHECK(merge_has_entry(merge));
	write_at(3, RING_ENTRY, 12);
	write_at(3, RING_PLAIN, 14);
	write_at(0, RING_PLAIN, 13);
	/* Still within the watermark of the last look */
	expect_entry(2, 0, 11, 0);
	CHECK(merge_has_entry(merge));
	CHECK(!merge_look(merge));
	EQ(merge_missing(merge), 1);
	grow(1);
	expect_entry(3, 0, 12, 0);
	expect_entry(0, 1, 13, 0);
	expect_entry(3, 1, 14, 0);
	expect_end();
	done();
}

static void late_cpu_ready(void)
{
	make_some(4, 4);
	expect_end();
	add_cpu(1);
	CHECK(!merge_has_entry(merge));
	write_at(1, RING_ENTRY, 5);
	CHECK(merge_has_entry(merge));
	grow(1);
	CHECK(merge_has_entry(merge));
	expect_entry(1, 0, 5, 0);
	expect_end();
	done();
}

/* The reader was there when the CPU came, so what was overwritten is lost to it. */
static void late_cpu_overtakes(void)
{
	make_some(2, 2);
	expect_end();
	add_cpu(1);
	write_many(1, RING_PLAIN, 10, RECORDS + 7);
	CHECK(!merge_look(merge));
	grow(1);
	expect_entry(1, 7, 17, 7);
	merge_skip_to_end(merge);
	expect_end();
	done();
}

/* A chunk for each CPU works like one for many. */
static void small_chunks(void)
{
	u32 i;

	make(30);
	free_merge();
	merge = zeroed(sizeof(*merge));
	merge_init(merge, &set, fake_clock);
	grow(1);
	for (i = 0; i < 30; i++)
		write_at(i, RING_PLAIN, 100 - i);
	for (i = 30; i-- > 0;)
		expect_entry(i, 0, 100 - i, 0);
	merge_rewind(merge);
	for (i = 30; i-- > 0;)
		expect_entry(i, 0, 100 - i, 0);
	expect_end();
	done();
}

/* What a reader takes on 240 CPUs, and a page a chunk at most. */
static void cursor_memory(void)
{
	CHECK(sizeof(struct cpu_cursor) <= 48 + 4 * (RING_CLASSES + RING_CLASSES % 2));
	CHECK(merge_chunk_bytes(CHUNK_CURSORS) <= 4096);
	CHECK((240 + CHUNK_CURSORS - 1) / CHUNK_CURSORS <= 4);
}

/* ---- gaps ---- */

static void exact_gaps(void)
{
	make(2);
	write_at(1, RING_PLAIN, 1);
	write_many(0, RING_PLAIN, 10, RECORDS + 5);
	expect_entry(1, 0, 1, 0);
	expect_entry(0, 5, 15, 5); /* the reader was there before the first entry */
	expect_entry(0, 6, 16, 0);
	write_many(0, RING_PLAIN, 100, 3 * RECORDS);
	expect_entry(0, 53, 132, 46);
	expect_entry(0, 54, 133, 0);
	done();
}

/* Plain entries are lost between protected ones. */
static void gaps_between_classes(void)
{
	make(1);
	write_at(0, RING_ENTRY, 1);
	write_many(0, RING_PLAIN, 10, 20);
	write_at(0, RING_ENTRY, 40);
	write_many(0, RING_PLAIN, 50, 20);
	expect_entry(0, 0, 1, 0);
	expect_entry(0, 21, 40, 20);
	expect_entry(0, 26, 54, 4);
	expect_entry(0, 27, 55, 0);
	done();
}

/* Only the lower half of a position in a ring is kept. */
static void reader_far_behind(void)
{
	const u64 away = (1ULL << 32) + 3;
	struct ring *plain, *protected;

	make(2);
	plain = &cpus[0].own.rings[RING_PLAIN];
	protected = &cpus[0].own.rings[RING_ENTRY];
	write_many(0, RING_PLAIN, 10, 3);
	write_at(0, RING_ENTRY, 13);
	write_at(0, RING_ENTRY, 14);
	expect_entry(0, 0, 10, 0);
	expect_entry(0, 1, 11, 0);
	expect_entry(0, 2, 12, 0);
	expect_entry(0, 3, 13, 0);
	plain->head += away;
	cpus[0].own.seq += away;
	write_many(0, RING_PLAIN, 20, RECORDS);
	EQ(protected->head, 2);
	expect_entry(0, 4, 14, 0);
	expect_entry(0, 5 + away, 20, away);
	expect_entry(0, 6 + away, 21, 0);
	merge_skip_to_end(merge);
	expect_end();
	write_at(0, RING_PLAIN, 50);
	expect_entry(0, 5 + away + RECORDS, 50, 0);
	done();
}

static void start_without_a_gap(void)
{
	make(2);
	write_many(0, RING_PLAIN, 10, 2 * RECORDS);
	write_at(1, RING_ENTRY, 20);
	free_merge();
	new_merge(fake_clock);
	expect_entry(1, 0, 20, 0);
	expect_entry(0, 16, 26, 0);
	merge_rewind(merge);
	expect_entry(1, 0, 20, 0);
	expect_entry(0, 16, 26, 0);
	done();
}

static void rewound(void)
{
	make(2);
	write_many(0, RING_PLAIN, 10, 5);
	write_many(1, RING_ENTRY, 18, 2);
	expect_entry(0, 0, 10, 0);
	expect_entry(0, 1, 11, 0);
	merge_rewind(merge);
	expect_entry(0, 0, 10, 0);
	write_many(0, RING_PLAIN, 20, RECORDS - 3);
	merge_rewind(merge);
	expect_entry(0, 2, 12, 0);
	expect_entry(0, 3, 13, 0);
	expect_entry(0, 4, 14, 0);
	expect_entry(1, 0, 18, 0);
	expect_entry(1, 1, 19, 0);
	expect_entry(0, 5, 20, 0);
	done();
}

static void skipped_to_end(void)
{
	make(2);
	write_many(0, RING_PLAIN, 10, 2 * RECORDS);
	write_many(0, RING_ENTRY, 60, 3);
	write_many(1, RING_PLAIN, 10, 4);
	expect_entry(1, 0, 10, 0);
	merge_skip_to_end(merge);
	expect_end();
	write_at(0, RING_PLAIN, 100);
	write_at(1, RING_ENTRY, 101);
	write_at(0, RING_ENTRY, 102);
	expect_entry(0, 35, 100, 0);
	expect_entry(1, 4, 101, 0);
	expect_entry(0, 36, 102, 0);
	expect_end();
	done();
}

/* ---- seeking to a time ---- */

static void seek(u64 stamp)
{
	CHECK(merge_seek(merge, stamp));
}

static void sought(void)
{
	make(2);
	write_many(0, RING_PLAIN, 10, 4);
	write_at(1, RING_EXIT, 12);
	write_at(0, RING_ENTRY, 20);
	write_at(1, RING_PLAIN, 21);
	expect_entry(0, 0, 10, 0);
	seek(12);
	expect_entry(0, 2, 12, 0);
	expect_entry(1, 0, 12, 0);
	expect_entry(0, 3, 13, 0);
	seek(14);
	expect_entry(0, 4, 20, 0);
	expect_entry(1, 1, 21, 0);
	seek(0);
	expect_entry(0, 0, 10, 0);
	seek(21);
	expect_entry(1, 1, 21, 0);
	expect_end();
	done();
}

/* Each entry that follows counts, even if it is overwritten before it is read. */
static void sought_to_the_end(void)
{
	make(2);
	write_many(0, RING_PLAIN, 10, 4);
	write_at(0, RING_ENTRY, 20);
	seek(21);
	expect_end();
	seek(now);
	expect_end();
	write_many(0, RING_PLAIN, now, RECORDS + 2);
	now += 100;
	expect_entry(0, 7, 1002, 2);
	done();
}

static void sought_equal_stamps(void)
{
	unsigned int i;

	make(1);
	for (i = 0; i < 12; i++)
		write_at(0, i % RING_CLASSES, i < 3 ? 4 : 5);
	seek(5);
	for (i = 3; i < 12; i++)
		expect_entry(0, i, 5, 0);
	expect_end();
	done();
}

/* Entries that were overwritten between two classes may be earlier or later, so they do not count. */
static void sought_in_a_gap(void)
{
	make(1);
	write_at(0, RING_EXIT, 10);
	write_many(0, RING_PLAIN, 20, 100);
	write_at(0, RING_EXIT, 200);
	seek(11);
	expect_entry(0, 100 - RECORDS + 1, 120 - RECORDS, 0);
	seek(10);
	expect_entry(0, 0, 10, 0);
	expect_entry(0, 100 - RECORDS + 1, 120 - RECORDS, 100 - RECORDS);
	done();
}

static void sought_with_a_late_cpu(void)
{
	make_some(2, 2);
	write_at(0, RING_PLAIN, 5);
	write_at(0, RING_PLAIN, 6);
	expect_entry(0, 0, 5, 0);
	add_cpu(1);
	write_at(1, RING_PLAIN, 7);
	CHECK(!merge_seek(merge, 5));
	grow(1);
	expect_entry(0, 1, 6, 0);
	seek(5);
	expect_entry(0, 0, 5, 0);
	expect_entry(0, 1, 6, 0);
	expect_entry(1, 0, 7, 0);
	expect_end();
	done();
}

/* ---- overwritten while it is taken ---- */

/* The words of the entry are there, and are overwritten before the reader has moved on. */
static void overwritten_while_read(void)
{
	struct merge_origin origin;

	make(1);
	write_many(0, RING_PLAIN, 10, 3);
	CHECK(merge_look(merge));
	CHECK(merge_first(merge, &origin) != NULL);
	EQ(origin.lost, 0);
	write_many(0, RING_PLAIN, 20, RECORDS);
	CHECK(!merge_take(merge, &origin));
	expect_entry(0, 3, 20, 3);
	expect_entry(0, 4, 21, 0);
	done();
}

/* Even an entry that is only begun takes the place of the oldest one. */
static void overwritten_by_a_begun_entry(void)
{
	struct merge_origin origin;

	make(1);
	write_many(0, RING_PLAIN, 10, RECORDS);
	CHECK(merge_look(merge));
	CHECK(merge_first(merge, &origin) != NULL);
	ring_begin(&cpus[0].own.rings[RING_PLAIN]);
	CHECK(!merge_take(merge, &origin));
	CHECK(merge_first(merge, &origin) != NULL);
	EQ(origin.lost, 1);
	CHECK(merge_take(merge, &origin));
	done();
}

static void overwritten_before_it_is_read(void)
{
	struct merge_origin origin;

	make(1);
	write_many(0, RING_PLAIN, 10, 3);
	CHECK(merge_look(merge));
	write_many(0, RING_PLAIN, 20, RECORDS);
	CHECK(merge_first(merge, &origin) == NULL);
	CHECK(!merge_take(merge, &origin));
	expect_entry(0, 3, 20, 3);
	done();
}

/* The next entry of the same ring is overwritten while the reader moves on to it. */
static void next_one_overwritten(void)
{
	struct merge_origin origin;
	struct ring *ring;

	make(2);
	ring = &cpus[0].own.rings[RING_PLAIN];
	write_many(0, RING_PLAIN, 10, RECORDS);
	write_at(1, RING_PLAIN, 11);
	CHECK(merge_look(merge));
	CHECK(merge_first(merge, &origin) != NULL);
	ring_slot(ring, 1)[0] = ring_state_writing(RECORDS + 1);
	CHECK(merge_take(merge, &origin));
	expect_entry(1, 0, 11, 0);
	expect_entry(0, 2, 12, 1);
	done();
}

/* Nothing within the watermark is left: what is found instead waits for the next look. */
static void overwritten_by_later_entries(void)
{
	struct taken taken;

	make(2);
	now = 20;
	write_many(0, RING_PLAIN, 10, 2);
	write_at(1, RING_PLAIN, 15);
	CHECK(merge_look(merge));
	now = 100;
	write_many(0, RING_PLAIN, 30, RECORDS);
	CHECK(!take(&taken));
	CHECK(merge_within_watermark(merge));
	expect_entry(1, 0, 15, 0);
	CHECK(!merge_within_watermark(merge));
	expect_entry(0, 2, 30, 2);
	done();
}

/* ---- a write that does not end ---- */

/* A clock that goes on while a look waits. */
static u64 ticking_clock(void)
{
	return now += MERGE_SPIN_NS / 100;
}

static void begin_entry(u32 cpu, enum ring_class class, u64 stamp)
{
	u64 *words = ring_begin(&cpus[cpu].own.rings[class]);

	words[0] = written_on(cpu);
	words[1] = stamp;
	words[2] = word_of(cpu, written_on(cpu), stamp);
	words[3] = ~words[2];
}

/* Commits the entry that somebody else has begun. */
static void commit_begun(struct ring *ring)
{
	ring_commit(ring, ring_slot(ring, ring->head) + 1);
}

static void commit_entry(u32 cpu, enum ring_class class)
{
	commit_begun(&cpus[cpu].own.rings[class]);
	smp_store_release(&cpus[cpu].own.seq, written_on(cpu) + 1);
}

static void make_ticking(u32 count)
{
	make(count);
	free_merge();
	new_merge(ticking_clock);
}

/* A look finds nothing, and has waited for the write, but not for long. */
static void expect_stall(void)
{
	u64 before = now;

	CHECK(!merge_look(merge));
	CHECK(merge->stalled);
	CHECK(now - before >= MERGE_SPIN_NS);
	CHECK(now - before < 2 * MERGE_SPIN_NS);
}

static void expect_given_up(void)
{
	u64 before = now;

	CHECK(!merge_look(merge));
	CHECK(!merge->stalled);
	CHECK(now - before < MERGE_SPIN_NS);
}

static void stalled_write(void)
{
	make_ticking(2);
	write_at(0, RING_PLAIN, 1);
	expect_entry(0, 0, 1, 0);
	begin_entry(0, RING_PLAIN, now);
	write_at(1, RING_PLAIN, now + 1);
	expect_stall();
	CHECK(merge_has_entry(merge));
	expect_stall();
	commit_entry(0, RING_PLAIN);
	expect_entry(0, 1, cpus[0].own.rings[RING_PLAIN].slots[2 + WORDS + 1], 0);
	CHECK(!merge->stalled);
	CHECK(merge_look(merge));
	done();
}

/* What the reader may have is what came before the watermark. */
static void rewound_while_stalled(void)
{
	make_ticking(2);
	write_at(0, RING_PLAIN, 1);
	write_at(1, RING_ENTRY, 2);
	expect_entry(0, 0, 1, 0);
	expect_entry(1, 0, 2, 0);
	begin_entry(0, RING_PLAIN, now);
	write_at(1, RING_PLAIN, now + 1);
	expect_stall();
	merge_rewind(merge);
	expect_entry(0, 0, 1, 0);
	expect_entry(1, 0, 2, 0);
	expect_stall();
	done();
}

static void dead_write(void)
{
	u64 stamps[3];

	make_ticking(2);
	begin_entry(0, RING_PLAIN, stamps[0] = now);
	write_at(1, RING_PLAIN, stamps[1] = now + 1);
	expect_stall();
	now += MERGE_GIVE_UP_NS;
	expect_entry(1, 0, stamps[1], 0);
	expect_given_up();
	write_at(1, RING_ENTRY, stamps[2] = now);
	expect_entry(1, 1, stamps[2], 0);
	/* Late, but not lost */
	commit_entry(0, RING_PLAIN);
	expect_entry(0, 0, stamps[0], 0);
	expect_end();
	/* The ring is waited for again */
	begin_entry(0, RING_PLAIN, now);
	expect_stall();
	done();
}

/* Other classes of the CPU go on, and take the number of the dead write. */
static void overtaken_dead_write(void)
{
	u64 stamps[3];

	make_ticking(2);
	begin_entry(0, RING_PLAIN, now);
	expect_stall();
	now += MERGE_GIVE_UP_NS;
	CHECK(!merge_look(merge));
	expect_given_up();
	write_at(0, RING_ENTRY, stamps[0] = now);
	write_at(0, RING_ENTRY, stamps[1] = now);
	expect_entry(0, 0, stamps[0], 0);
	expect_entry(0, 1, stamps[1], 0);
	write_at(0, RING_PLAIN, stamps[2] = now);
	expect_entry(0, 2, stamps[2], 0);
	expect_end();
	begin_entry(0, RING_PLAIN, now);
	expect_stall();
	done();
}

static void dead_writes_everywhere(void)
{
	u32 cpu;

	make_ticking(CPUS);
	for (cpu = 0; cpu < CPUS - 1; cpu++) {
		begin_entry(cpu, RING_PLAIN, now);
		begin_entry(cpu, RING_ENTRY, now);
	}
	CHECK(!merge_look(merge));
	CHECK(merge->stalled);
	write_at(CPUS - 1, RING_PLAIN, 1);
	now += MERGE_GIVE_UP_NS;
	expect_entry(CPUS - 1, 0, 1, 0);
	expect_given_up();
	done();
}

/* ---- random interleavings ---- */

/* Everything that was ever written on a CPU, by number. */
struct history {
	u64 stamp;
	u64 in_ring; /* number in its ring */
	enum ring_class class;
};

#define ROUNDS	6000
#define HISTORY 65536

static struct history *histories[CPUS];
static u64 next_seq[CPUS]; /* of the reader */
static u64 seed;

static u32 dice(u32 sides)
{
	seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
	return (seed >> 33) % sides;
}

static bool is_gone(u32 cpu, u64 seq)
{
	const struct history *entry = &histories[cpu][seq];

	return cpus[cpu].own.rings[entry->class].head >= entry->in_ring + RECORDS + 1;
}

/* Returns the least stamp of the entries that are held and unread, ~0 if there is none. */
static u64 least_stamp(void)
{
	u64 least = ~0ULL, seq;
	u32 cpu;

	for (cpu = 0; cpu < CPUS; cpu++)
		for (seq = next_seq[cpu]; seq < written_on(cpu); seq++)
			if (!is_gone(cpu, seq) && histories[cpu][seq].stamp < least)
				least = histories[cpu][seq].stamp;
	return least;
}

static void write_random(void)
{
	u32 cpu = dice(CPUS);
	enum ring_class class = dice(4) ? RING_PLAIN : dice(RING_CLASSES);
	u64 seq = written_on(cpu);

	if (seq == HISTORY)
		abort();
	histories[cpu][seq] = (struct history){
		.stamp = now,
		.in_ring = cpus[cpu].own.rings[class].head,
		.class = class,
	};
	write_entry(cpu, class, fake_clock);
	now += dice(3) / 2;
}

static void write_burst(void)
{
	u32 count = dice(8) ? dice(6) : dice(100);

	while (count--)
		write_random();
}

static void check_taken(const struct taken *taken, u64 least)
{
	u32 cpu = taken->origin.cpu;
	u64 seq;

	CHECK(taken->intact);
	CHECK(taken->stamp < merge->watermark);
	EQ(taken->stamp, least);
	EQ(taken->stamp, histories[cpu][taken->seq].stamp);
	EQ(taken->origin.lost, taken->seq - next_seq[cpu]);
	for (seq = next_seq[cpu]; seq < taken->seq; seq++)
		CHECK(is_gone(cpu, seq));
	next_seq[cpu] = taken->seq + 1;
}

/* Takes the first entry. With @writes, sometimes writes between merge_first() and merge_take(). */
static void take_checked(bool writes)
{
	struct taken taken = { .seq = 0 };
	const u64 *words = merge_first(merge, &taken.origin);
	u64 seq = next_seq[taken.origin.cpu] + taken.origin.lost;
	u64 least = least_stamp();

	EQ(words == NULL, is_gone(taken.origin.cpu, seq));
	if (words)
		copy_first(&taken, words);
	if (writes && !dice(10))
		write_burst();
	if (merge_take(merge, &taken.origin))
		check_taken(&taken, least);
	else
		CHECK(is_gone(taken.origin.cpu, seq));
}

static void read_random(void)
{
	u32 count = dice(40);

	while (count--) {
		if (!merge_look(merge)) {
			CHECK(least_stamp() >= now);
			return;
		}
		take_checked(true);
	}
}

/* After a rewind the next entry of each CPU is the first that is held. */
static void rewind_random(void)
{
	u32 cpu;

	merge_rewind(merge);
	for (cpu = 0; cpu < CPUS; cpu++) {
		next_seq[cpu] = 0;
		while (next_seq[cpu] < written_on(cpu) && is_gone(cpu, next_seq[cpu]))
			next_seq[cpu]++;
	}
}

static void skip_random(void)
{
	u32 cpu;

	merge_skip_to_end(merge);
	for (cpu = 0; cpu < CPUS; cpu++)
		next_seq[cpu] = written_on(cpu);
}

/* After a seek it is the first that is held and not earlier. */
static void seek_random(void)
{
	u64 stamp = dice(4) ? now - dice(now < 400 ? now : 400) : dice(now + 1);
	u32 cpu;

	CHECK(merge_seek(merge, stamp));
	for (cpu = 0; cpu < CPUS; cpu++) {
		next_seq[cpu] = 0;
		while (next_seq[cpu] < written_on(cpu) &&
		       (is_gone(cpu, next_seq[cpu]) || histories[cpu][next_seq[cpu]].stamp < stamp))
			next_seq[cpu]++;
	}
}

static void random_interleavings(void)
{
	unsigned int round;
	u32 cpu;

	make(CPUS);
	for (cpu = 0; cpu < CPUS; cpu++) {
		histories[cpu] = zeroed(HISTORY * sizeof(struct history));
		next_seq[cpu] = 0;
	}
	seed = 42;
	for (round = 0; round < ROUNDS && !tap_failures; round++) {
		write_burst();
		read_random();
		now += !dice(4);
		if (!dice(200))
			rewind_random();
		else if (!dice(200))
			skip_random();
		else if (!dice(50))
			seek_random();
	}
	now++;
	while (merge_look(merge) && !tap_failures)
		take_checked(false);
	for (cpu = 0; cpu < CPUS; cpu++) {
		EQ(next_seq[cpu], written_on(cpu));
		free(histories[cpu]);
	}
	expect_end();
	done();
}

/* ---- threads ---- */

static void *commit_later(void *arg)
{
	struct cpu *cpu = arg;

	nanosleep(&(const struct timespec){ .tv_nsec = 20000000 }, NULL);
	commit_begun(&cpu->own.rings[RING_PLAIN]);
	smp_store_release(&cpu->own.seq, 1);
	return NULL;
}

/* The entry that is under way is stamped before the one that is there already. */
static void write_under_way(void)
{
	pthread_t committer;
	u64 *words;

	make(2);
	words = ring_begin(&cpus[0].own.rings[RING_PLAIN]);
	words[0] = 0;
	words[1] = 5;
	words[2] = word_of(0, 0, 5);
	words[3] = ~words[2];
	write_at(1, RING_PLAIN, 6);
	pthread_create(&committer, NULL, commit_later, &cpus[0]);
	expect_entry(0, 0, 5, 0);
	expect_entry(1, 0, 6, 0);
	pthread_join(committer, NULL);
	expect_end();
	done();
}

/* Likewise a seek: the entry is stamped before the time, so it must not come. */
static void sought_during_a_write(void)
{
	pthread_t committer;
	u64 *words;

	make(2);
	words = ring_begin(&cpus[0].own.rings[RING_PLAIN]);
	words[0] = 0;
	words[1] = 5;
	words[2] = word_of(0, 0, 5);
	words[3] = ~words[2];
	write_at(1, RING_PLAIN, 6);
	pthread_create(&committer, NULL, commit_later, &cpus[0]);
	seek(6);
	pthread_join(committer, NULL);
	expect_entry(1, 0, 6, 0);
	expect_end();
	seek(5);
	expect_entry(0, 0, 5, 0);
	expect_entry(1, 0, 6, 0);
	done();
}

#define ENTRIES 100000 /* that each thread writes */

static bool stop;

static u64 real_clock(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

static void *writer(void *arg)
{
	u32 cpu = (struct cpu *)arg - cpus;
	unsigned int i;

	for (i = 0; i < ENTRIES; i++) {
		write_entry(cpu, i % 8 ? RING_PLAIN : i / 8 % RING_CLASSES, real_clock);
		if (i % 32 == 31)
			sched_yield();
	}
	return NULL;
}

struct tally {
	u64 next[CPUS];
	u64 read, lost, last_stamp;
	u64 torn, unordered, wrong_loss;
};

static void tally_entry(struct tally *tally, const struct taken *taken)
{
	u64 *next = &tally->next[taken->origin.cpu];

	tally->read++;
	tally->lost += taken->origin.lost;
	tally->torn += !taken->intact;
	tally->unordered += taken->stamp < tally->last_stamp;
	tally->wrong_loss += taken->seq != *next + taken->origin.lost;
	tally->last_stamp = taken->stamp;
	*next = taken->seq + 1;
}

static void *merging_reader(void *arg)
{
	struct taken taken;
	bool last;

	do {
		last = smp_load_acquire(&stop);
		while (merge_look(merge))
			if (take(&taken))
				tally_entry(arg, &taken);
		sched_yield();
	} while (!last);
	return NULL;
}

/* Seeks all the time to a moment that has just passed, and reads on from there. */
static void *seeking_reader(void *arg)
{
	struct tally *tally = arg;
	struct taken taken;
	unsigned int count;
	u64 stamp;
	u32 cpu;

	while (!smp_load_acquire(&stop)) {
		bool begun[CPUS] = { false };

		stamp = real_clock() - tally->read % 8 * 5000;
		while (!merge_seek(merge, stamp))
			sched_yield();
		tally->last_stamp = stamp;
		for (count = 0; count < 50 && merge_look(merge); count++) {
			if (!take(&taken))
				continue;
			cpu = taken.origin.cpu;
			if (!begun[cpu])
				tally->next[cpu] = taken.seq - taken.origin.lost;
			begun[cpu] = true;
			tally_entry(tally, &taken);
		}
	}
	return NULL;
}

/* Runs a reader beside four writers. */
static void read_beside_writers(void *(*read)(void *), struct tally *tally)
{
	pthread_t writers[CPUS], reader;
	u32 cpu;

	make(CPUS);
	free_merge();
	new_merge(real_clock);
	stop = false;
	pthread_create(&reader, NULL, read, tally);
	for (cpu = 0; cpu < CPUS; cpu++)
		pthread_create(&writers[cpu], NULL, writer, &cpus[cpu]);
	for (cpu = 0; cpu < CPUS; cpu++)
		pthread_join(writers[cpu], NULL);
	smp_store_release(&stop, true);
	pthread_join(reader, NULL);
	EQ(tally->torn, 0);
	EQ(tally->unordered, 0);
	EQ(tally->wrong_loss, 0);
}

static void threads_and_seeks(void)
{
	struct tally tally = { .read = 0 };

	read_beside_writers(seeking_reader, &tally);
	CHECK(tally.read > 0);
	done();
}

static void threads(void)
{
	struct tally tally = { .read = 0 };
	u32 cpu;

	read_beside_writers(merging_reader, &tally);
	printf("# %u writers: %" PRIu64 " read, %" PRIu64 " lost\n", CPUS, tally.read, tally.lost);
	EQ(tally.read + tally.lost, (u64)CPUS * ENTRIES);
	CHECK(tally.read > CPUS * RECORDS);
	for (cpu = 0; cpu < CPUS; cpu++)
		EQ(tally.next[cpu], ENTRIES);
	done();
}

static const struct tap_case cases[] = {
	{ "without entries there is nothing to take", nothing_written },
	{ "entries come in the order of their stamps, over all CPUs and classes",
	  order_of_stamps },
	{ "entries of one CPU with equal stamps come in the order of their numbers",
	  equal_stamps },
	{ "an entry stamped at or after the watermark waits", watermark },
	{ "entries written after a look wait for the next look", next_look },
	{ "240 CPUs", many_cpus },
	{ "CPUs that do not exist have no rings and no entries", missing_cpus },
	{ "a CPU that gets its rings later takes part after the next look", late_cpu },
	{ "its first entry makes the reader ready", late_cpu_ready },
	{ "what it overwrote before that look is lost to the reader", late_cpu_overtakes },
	{ "cursors may come in chunks of any size", small_chunks },
	{ "cursors of 240 CPUs take four pages", cursor_memory },
	{ "each gap has its exact size", exact_gaps },
	{ "plain entries lost between protected ones are counted", gaps_between_classes },
	{ "a reader may be more than 2^32 entries behind", reader_far_behind },
	{ "nothing is reported lost before the first entry found", start_without_a_gap },
	{ "rewind moves to the oldest entries that are held now", rewound },
	{ "after a skip to the end only new entries come, without a gap", skipped_to_end },
	{ "a seek moves to the first entry of a time or later, over all CPUs and classes", sought },
	{ "a seek beyond all entries moves to the end, and later losses count", sought_to_the_end },
	{ "a seek finds all entries with equal stamps", sought_equal_stamps },
	{ "what a seek passes over counts neither as read nor as lost", sought_in_a_gap },
	{ "a seek asks for missing cursors, and moves nothing without them",
	  sought_with_a_late_cpu },
	{ "an entry overwritten while it is read is discarded and counted as lost",
	  overwritten_while_read },
	{ "a begun entry overwrites the oldest one", overwritten_by_a_begun_entry },
	{ "an entry overwritten before it is read is not offered",
	  overwritten_before_it_is_read },
	{ "the next entry may be overwritten while the reader moves on to it",
	  next_one_overwritten },
	{ "an entry that replaces a lost one waits for its own watermark",
	  overwritten_by_later_entries },
	{ "a write that stands still holds up later entries of all CPUs", stalled_write },
	{ "entries before the watermark can be taken meanwhile", rewound_while_stalled },
	{ "after a time a reader goes on without that write, and gets it when it is published",
	  dead_write },
	{ "other classes of a CPU go on after a dead write, and then its own",
	  overtaken_dead_write },
	{ "many dead writes are given up together", dead_writes_everywhere },
	{ "random writes, reads, rewinds, skips and seeks agree with a model",
	  random_interleavings },
	{ "a look waits for a write that is under way", write_under_way },
	{ "a seek does so, too", sought_during_a_write },
	{ "four writers and one reader: in order, nothing torn, read + lost = written", threads },
	{ "the same with a reader that seeks: never an earlier entry, gaps are exact",
	  threads_and_seeks },
};

TAP_MAIN(cases)
