// SPDX-License-Identifier: GPL-2.0-only
/*
 * The ring alone: what a reader may and may not see, within a single thread.
 * ring_step_test.c stops between the memory accesses, ring_stress_test.c uses threads.
 */
#include "stream/ring.h"
#include "tap.h"

#include <stdlib.h>

#define WORDS	5
#define GUARD	0xdeadbeefcafef00dULL

static u64 word_of(u64 n, u32 i)
{
	return (n + 1) * 0x9e3779b97f4a7c15ULL + i * 0xbf58476d1ce4e5b9ULL;
}

/* A ring with a guard word behind its memory. */
static void make(struct ring *ring, u32 records)
{
	size_t bytes = ring_bytes(records, WORDS);
	u64 *slots = calloc(1, bytes + sizeof(u64));

	if (!slots)
		abort();
	slots[bytes / sizeof(u64)] = GUARD;
	ring_init(ring, slots, records, WORDS);
}

static void done(struct ring *ring)
{
	EQ(ring->slots[ring_bytes(ring->records, WORDS) / sizeof(u64)], GUARD);
	free(ring->slots);
}

static void fill(u64 *record, u64 n)
{
	u32 i;

	for (i = 0; i < WORDS; i++)
		record[i] = word_of(n, i);
}

/* Begins a record. Returns its number, and the place for its words. */
static u64 begin(struct ring *ring, u64 **record)
{
	*record = ring_begin(ring);
	return ring->head;
}

static void add(struct ring *ring, unsigned int count)
{
	u64 *record, n;

	while (count--) {
		n = begin(ring, &record);
		fill(record, n);
		ring_commit(ring, record);
	}
}

static void expect_read(const struct ring *ring, u64 *cursor, u64 n)
{
	u64 record[WORDS] = { 0 }, lost = 77;
	u32 i;

	EQ(*cursor, n);
	EQ(ring_read(ring, cursor, record, &lost), RING_READ);
	EQ(*cursor, n + 1);
	EQ(lost, 77);
	for (i = 0; i < WORDS; i++)
		EQ(record[i], word_of(n, i));
}

static void expect_empty(const struct ring *ring, u64 *cursor)
{
	u64 record[WORDS], lost = 77, value = 78, before = *cursor;

	EQ(ring_read(ring, cursor, record, &lost), RING_EMPTY);
	EQ(ring_peek(ring, cursor, 0, 1, &value, &lost), RING_EMPTY);
	EQ(*cursor, before);
	EQ(lost, 77);
	EQ(value, 78);
}

static void expect_lost(const struct ring *ring, u64 *cursor, u64 count)
{
	u64 record[WORDS], lost = 77, before = *cursor;

	EQ(ring_read(ring, cursor, record, &lost), RING_LOST);
	EQ(lost, count);
	EQ(*cursor, before + count);
}

static void new_ring_is_empty(void)
{
	struct ring ring;
	u64 cursor = 0;

	make(&ring, 8);
	EQ(ring_oldest(&ring), 0);
	EQ(ring_end(&ring), 0);
	CHECK(ring_settled(&ring));
	expect_empty(&ring, &cursor);
	done(&ring);
}

static void memory_is_a_state_word_and_the_record(void)
{
	EQ(ring_bytes(16, 45), 16 * 46 * 8);
	EQ(ring_bytes(1048576, 45), 1048576ULL * 46 * 8);
}

static void one_record_is_read_once(void)
{
	struct ring ring;
	u64 cursor = 0;

	make(&ring, 8);
	add(&ring, 1);
	EQ(ring_end(&ring), 1);
	EQ(ring_oldest(&ring), 0);
	expect_read(&ring, &cursor, 0);
	expect_empty(&ring, &cursor);
	done(&ring);
}

static void records_come_in_order(void)
{
	struct ring ring;
	u64 cursor = 0, n;

	make(&ring, 8);
	for (n = 0; n < 50; n += 5) {
		add(&ring, 5);
		for (u64 i = n; i < n + 5; i++)
			expect_read(&ring, &cursor, i);
		expect_empty(&ring, &cursor);
	}
	done(&ring);
}

static void ring_filled_exactly_loses_nothing(void)
{
	struct ring ring;
	u64 cursor = 0, n;

	make(&ring, 8);
	add(&ring, 8);
	EQ(ring_oldest(&ring), 0);
	for (n = 0; n < 8; n++)
		expect_read(&ring, &cursor, n);
	expect_empty(&ring, &cursor);
	done(&ring);
}

/* At every distance, the loss is exact and all other records are held. */
static void overrun(u32 records, unsigned int by)
{
	struct ring ring;
	u64 cursor = 0, n;

	make(&ring, records);
	add(&ring, records + by);
	EQ(ring_oldest(&ring), by);
	expect_lost(&ring, &cursor, by);
	for (n = by; n < records + by; n++)
		expect_read(&ring, &cursor, n);
	expect_empty(&ring, &cursor);
	done(&ring);
}

static void overrun_by_one(void)
{
	overrun(8, 1);
}

static void overrun_by_up_to_a_lap(void)
{
	unsigned int by;

	for (by = 2; by <= 8; by++)
		overrun(8, by);
}

static void overrun_by_laps(void)
{
	overrun(8, 9);
	overrun(8, 3 * 8 + 5);
	overrun(8, 1000 * 8);
	overrun(16, 12345);
}

static void smallest_rings_work(void)
{
	overrun(1, 1);
	overrun(1, 7);
	overrun(2, 1);
	overrun(2, 3);
}

static void overrun_in_the_middle_counts_from_the_cursor(void)
{
	struct ring ring;
	u64 cursor = 0, n;

	make(&ring, 8);
	add(&ring, 8);
	for (n = 0; n < 3; n++)
		expect_read(&ring, &cursor, n);
	add(&ring, 10);			/* 18 written, 10..17 held */
	expect_lost(&ring, &cursor, 7);
	for (n = 10; n < 18; n++)
		expect_read(&ring, &cursor, n);
	expect_empty(&ring, &cursor);
	done(&ring);
}

static void peek_does_not_move(void)
{
	struct ring ring;
	u64 cursor = 0, value = 78, lost = 77, pair[2] = { 0 };
	u32 i;

	make(&ring, 8);
	add(&ring, 3);
	EQ(ring_peek(&ring, &cursor, 1, 2, pair, &lost), RING_READ);
	EQ(pair[0], word_of(0, 1));
	EQ(pair[1], word_of(0, 2));
	for (i = 0; i < WORDS; i++) {
		EQ(ring_peek(&ring, &cursor, i, 1, &value, &lost), RING_READ);
		EQ(value, word_of(0, i));
		EQ(cursor, 0);
	}
	EQ(lost, 77);
	expect_read(&ring, &cursor, 0);
	EQ(ring_peek(&ring, &cursor, 2, 1, &value, &lost), RING_READ);
	EQ(value, word_of(1, 2));
	EQ(cursor, 1);
	done(&ring);
}

static void peek_after_overrun_tells_the_loss(void)
{
	struct ring ring;
	u64 cursor = 0, value = 78, lost = 77;

	make(&ring, 8);
	add(&ring, 11);
	EQ(ring_peek(&ring, &cursor, 1, 1, &value, &lost), RING_LOST);
	EQ(lost, 3);
	EQ(cursor, 3);
	EQ(ring_peek(&ring, &cursor, 1, 1, &value, &lost), RING_READ);
	EQ(value, word_of(3, 1));
	expect_read(&ring, &cursor, 3);
	done(&ring);
}

static void cursor_at_the_oldest_loses_nothing(void)
{
	struct ring ring;
	u64 cursor, n;

	make(&ring, 8);
	add(&ring, 29);
	cursor = ring_oldest(&ring);
	EQ(cursor, 21);
	for (n = 21; n < 29; n++)
		expect_read(&ring, &cursor, n);
	expect_empty(&ring, &cursor);
	done(&ring);
}

static void cursor_at_the_end_sees_only_what_follows(void)
{
	struct ring ring;
	u64 cursor;

	make(&ring, 8);
	add(&ring, 13);
	cursor = ring_end(&ring);
	EQ(cursor, 13);
	expect_empty(&ring, &cursor);
	add(&ring, 1);
	expect_read(&ring, &cursor, 13);
	expect_empty(&ring, &cursor);
	done(&ring);
}

static void readers_do_not_disturb_each_other(void)
{
	struct ring ring;
	u64 first = 0, second = 0, third, n;

	make(&ring, 8);
	add(&ring, 6);
	for (n = 0; n < 6; n++)
		expect_read(&ring, &first, n);
	third = ring_oldest(&ring);
	for (n = 0; n < 6; n++) {
		expect_read(&ring, &second, n);
		expect_read(&ring, &third, n);
	}
	done(&ring);
}

static void begun_record_is_hidden_and_unsettles(void)
{
	struct ring ring;
	u64 cursor = 0, *record;

	make(&ring, 8);
	add(&ring, 2);
	CHECK(ring_settled(&ring));
	EQ(begin(&ring, &record), 2);
	CHECK(!ring_settled(&ring));
	EQ(ring_end(&ring), 2);
	expect_read(&ring, &cursor, 0);
	expect_read(&ring, &cursor, 1);
	expect_empty(&ring, &cursor);
	fill(record, 2);
	ring_commit(&ring, record);
	CHECK(ring_settled(&ring));
	EQ(ring_end(&ring), 3);
	expect_read(&ring, &cursor, 2);
	done(&ring);
}

static void first_record_ever_unsettles_too(void)
{
	struct ring ring;
	u64 cursor = 0, *record;

	make(&ring, 8);
	EQ(begin(&ring, &record), 0);
	CHECK(!ring_settled(&ring));
	expect_empty(&ring, &cursor);
	done(&ring);
}

static void begun_record_takes_the_slot_of_the_oldest(void)
{
	struct ring ring;
	u64 cursor = 0, *record, n;

	make(&ring, 8);
	add(&ring, 8);
	EQ(begin(&ring, &record), 8);
	CHECK(!ring_settled(&ring));
	expect_lost(&ring, &cursor, 1);
	for (n = 1; n < 8; n++)
		expect_read(&ring, &cursor, n);
	expect_empty(&ring, &cursor);
	fill(record, 8);
	ring_commit(&ring, record);
	CHECK(ring_settled(&ring));
	expect_read(&ring, &cursor, 8);
	done(&ring);
}

static void begun_record_after_an_overrun(void)
{
	struct ring ring;
	u64 cursor = 0, n;

	make(&ring, 8);
	add(&ring, 20);			/* 12..19 held */
	ring_begin(&ring);		/* 12 is being overwritten */
	expect_lost(&ring, &cursor, 12);
	expect_lost(&ring, &cursor, 1);
	for (n = 13; n < 20; n++)
		expect_read(&ring, &cursor, n);
	expect_empty(&ring, &cursor);
	done(&ring);
}

static void numbers_pass_32_bits(void)
{
	struct ring ring;
	u64 start = 0xfffffffdULL, cursor, n;

	make(&ring, 8);
	ring.head = start;
	cursor = start;
	CHECK(ring_settled(&ring));
	add(&ring, 8);
	EQ(ring_end(&ring), start + 8);
	for (n = start; n < start + 8; n++)
		expect_read(&ring, &cursor, n);
	expect_empty(&ring, &cursor);
	cursor = start;
	add(&ring, 5);
	CHECK(ring_settled(&ring));
	expect_lost(&ring, &cursor, 5);
	for (n = start + 5; n < start + 13; n++)
		expect_read(&ring, &cursor, n);
	done(&ring);
}

/*
 * A random mix of all operations, compared with a model of one line: a ring of N holds the
 * last N records, and one less during a write.
 */
static void any_mixture_agrees_with_a_plain_model(void)
{
	u64 seed = 42;
	u32 records;

	for (records = 1; records <= 64; records *= 4) {
		struct ring ring;
		u64 cursors[4] = { 0 }, written = 0, sums[4] = { 0 }, *record = NULL;
		bool writing = false;
		int step;

		make(&ring, records);
		for (step = 0; step < 20000 && !tap_failures; step++) {
			u64 oldest, *cursor;
			unsigned int dice, who, i;

			seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
			dice = seed >> 40;
			who = dice % 4;
			cursor = &cursors[who];
			if (!writing && (dice >> 4) % 3 == 0) {
				EQ(begin(&ring, &record), written);
				writing = true;
				CHECK(!ring_settled(&ring));
				continue;
			}
			if (writing && (dice >> 4) % 3 == 1) {
				fill(record, written++);
				ring_commit(&ring, record);
				writing = false;
				for (i = 0; (dice >> 8) % 32 == 0 && i < (dice >> 16) % (3 * records);
				     i++, written++)
					add(&ring, 1);
				CHECK(ring_settled(&ring));
				continue;
			}
			EQ(ring_end(&ring), written);
			EQ(ring_oldest(&ring), written > records ? written - records : 0);
			oldest = written + writing > records ? written + writing - records : 0;
			if (*cursor >= written) {
				expect_empty(&ring, cursor);
			} else if (*cursor >= oldest) {
				expect_read(&ring, cursor, *cursor);
				sums[who]++;
			} else {
				u64 lost = 0;

				/* The loss may be reported in two parts, but must add up. */
				while (*cursor < oldest && !tap_failures) {
					EQ(ring_read(&ring, cursor, record, &lost), RING_LOST);
					CHECK(lost > 0);
					sums[who] += lost;
				}
				EQ(*cursor, oldest);
			}
			EQ(sums[who], *cursor);
		}
		done(&ring);
	}
}

static const struct tap_case cases[] = {
	{ "a new ring is empty and settled", new_ring_is_empty },
	{ "a slot is one state word and the record", memory_is_a_state_word_and_the_record },
	{ "one record is read once", one_record_is_read_once },
	{ "records come in order, over many laps", records_come_in_order },
	{ "a ring filled exactly loses nothing", ring_filled_exactly_loses_nothing },
	{ "an overrun by one loses one", overrun_by_one },
	{ "an overrun by up to a lap loses as many", overrun_by_up_to_a_lap },
	{ "an overrun by more than a lap loses as many", overrun_by_laps },
	{ "rings of one and two records work", smallest_rings_work },
	{ "an overrun counts from where the reader stood",
	  overrun_in_the_middle_counts_from_the_cursor },
	{ "a peek gives each word and does not move", peek_does_not_move },
	{ "a peek after an overrun tells the loss", peek_after_overrun_tells_the_loss },
	{ "a cursor at the oldest loses nothing", cursor_at_the_oldest_loses_nothing },
	{ "a cursor at the end sees only what follows", cursor_at_the_end_sees_only_what_follows },
	{ "readers do not disturb each other", readers_do_not_disturb_each_other },
	{ "a record that was only begun is hidden and unsettles",
	  begun_record_is_hidden_and_unsettles },
	{ "the first record ever unsettles too", first_record_ever_unsettles_too },
	{ "a record that was begun takes the oldest away",
	  begun_record_takes_the_slot_of_the_oldest },
	{ "a record that was begun after an overrun takes one more",
	  begun_record_after_an_overrun },
	{ "numbers pass 32 bits", numbers_pass_32_bits },
	{ "any mixture agrees with a plain model", any_mixture_agrees_with_a_plain_model },
};

TAP_MAIN(cases)
