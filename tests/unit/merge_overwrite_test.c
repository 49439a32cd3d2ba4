// SPDX-License-Identifier: GPL-2.0-only
/*
 * Entries that are overwritten while a reader takes them, and writes that do not end.
 */
#include "stream/merge.h"
#include "merging.h"

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

/* The reader may take the entries from before the watermark. */
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

static const struct tap_case cases[] = {
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
};

TAP_MAIN(cases)
