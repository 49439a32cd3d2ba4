// SPDX-License-Identifier: GPL-2.0-only
/*
 * One reader of all rings: the order of entries, CPUs that come late, gaps, seeks.
 */
#include "stream/merge.h"
#include "merging.h"

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
};

TAP_MAIN(cases)
