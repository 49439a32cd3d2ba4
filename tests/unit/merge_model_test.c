// SPDX-License-Identifier: GPL-2.0-only
/*
 * Random writes, reads and seeks, compared with a model of the rings.
 */
#include "stream/merge.h"
#include "merging.h"

#include <stdlib.h>

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

/* Returns the least stamp of the entries that are held and unread, or ~0. */
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

/* After a seek the next entry of each CPU is the first that is held and not earlier. */
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

static const struct tap_case cases[] = {
	{ "random writes, reads, rewinds, skips and seeks agree with a model",
	  random_interleavings },
};

TAP_MAIN(cases)
