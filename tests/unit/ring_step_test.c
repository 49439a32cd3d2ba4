// SPDX-License-Identifier: GPL-2.0-only
/*
 * The ring, stopped between any two of its memory accesses: every accessor of ring.c calls
 * step(), and at a chosen step the other side runs. That covers every place where a reader
 * can be overtaken, one by one, without relying on luck.
 */
#include "portable.h"

static void step(void);

/* The operations of portable.h, each with a stop before it. */
#undef READ_ONCE
#undef WRITE_ONCE
#undef smp_load_acquire
#undef smp_store_release
#define READ_ONCE(x)		(step(), __atomic_load_n(&(x), __ATOMIC_RELAXED))
#define WRITE_ONCE(x, v)	(step(), __atomic_store_n(&(x), (v), __ATOMIC_RELAXED))
#define smp_load_acquire(p)	(step(), __atomic_load_n((p), __ATOMIC_ACQUIRE))
#define smp_store_release(p, v)	(step(), __atomic_store_n((p), (v), __ATOMIC_RELEASE))

#include "../../module/stream/ring.c"

#include "tap.h"

#define WORDS	3
#define RECORDS	4
#define LAPS	3

static unsigned int steps_left;		/* the other side runs when this reaches 0 */
static void (*other_side)(void);

static void step(void)
{
	void (*run)(void) = other_side;

	if (!run || steps_left--)
		return;
	other_side = NULL;
	run();
}

/* Runs the other side before step @at. Returns true if that step exists. */
static void stop_at(unsigned int at, void (*run)(void))
{
	steps_left = at;
	other_side = run;
}

static bool stopped(void)
{
	bool was = !other_side;

	other_side = NULL;
	return was;
}

static struct ring ring;
static u64 slots[RECORDS * (WORDS + 1)];
static u64 written;

static u64 word_of(u64 n, u32 i)
{
	return (n + 1) * 1000003 + i;
}

/* Fills a record in place, as the module does, and returns it. Each store is a step. */
static u64 *begin_and_fill(void)
{
	u64 n = ring.head;
	u64 *record = ring_begin(&ring);
	u32 i;

	for (i = 0; i < WORDS; i++)
		WRITE_ONCE(record[i], word_of(n, i));
	return record;
}

static void add(unsigned int count)
{
	while (count--) {
		ring_commit(&ring, begin_and_fill());
		written++;
	}
}

static void reset(unsigned int count)
{
	other_side = NULL;
	memset(slots, 0, sizeof(slots));
	ring_init(&ring, slots, RECORDS, WORDS);
	written = 0;
	add(count);
}

static void check_words(u64 n, const u64 *record)
{
	u32 i;

	for (i = 0; i < WORDS; i++)
		EQ(record[i], word_of(n, i));
}

static unsigned int writer_adds;
static bool writer_begins;

static void writer_runs(void)
{
	add(writer_adds);
	if (writer_begins)
		ring_begin(&ring);
}

/* Reads undisturbed from @cursor to the end, and checks that everything was read or counted. */
static u64 drain(u64 *cursor)
{
	u64 record[WORDS], lost, sum = 0;

	for (;;) {
		u64 n = *cursor;

		switch (ring_read(&ring, cursor, record, &lost)) {
		case RING_EMPTY:
			return sum;
		case RING_READ:
			check_words(n, record);
			sum++;
			break;
		case RING_LOST:
			CHECK(lost > 0);
			EQ(*cursor, n + lost);
			sum += lost;
			break;
		}
		if (sum > 1000) {
			FAIL("no end");
			return sum;
		}
	}
}

/* The reader is at @cursor of @count records, and the writer interrupts it at step @at. */
static bool read_with_break(unsigned int count, u64 cursor, unsigned int at, bool peek)
{
	u64 record[WORDS] = { 0 }, lost = 0, start = cursor, had;
	enum ring_result result;
	bool hit;

	reset(count);
	stop_at(at, writer_runs);
	if (peek)
		result = ring_peek(&ring, &cursor, 1, 1, &record[1], &lost);
	else
		result = ring_read(&ring, &cursor, record, &lost);
	hit = stopped();
	switch (result) {
	case RING_READ:
		if (peek) {
			EQ(record[1], word_of(start, 1));
			EQ(cursor, start);
		} else {
			check_words(start, record);
			EQ(cursor, start + 1);
		}
		break;
	case RING_LOST:
		CHECK(lost > 0);
		EQ(cursor, start + lost);
		CHECK(cursor <= written);
		/* No more than the lost records: the oldest one that is held must still come. */
		if (written + writer_begins > RECORDS)
			CHECK(cursor <= written + writer_begins - RECORDS);
		else
			FAIL("a loss, and nothing was overwritten");
		break;
	case RING_EMPTY:
		CHECK(start >= count);
		EQ(cursor, start);
		break;
	}
	had = cursor - start;
	EQ(had + drain(&cursor), written - start);
	EQ(cursor, written);
	return hit;
}

static void every_break(bool peek)
{
	unsigned int count, at, stops = 0;
	u64 start;

	for (count = 0; count <= LAPS * RECORDS; count++)
		for (start = 0; start <= count; start++)
			for (writer_adds = 0; writer_adds <= 2 * RECORDS + 1; writer_adds++)
				for (writer_begins = false;; writer_begins = true) {
					for (at = 0; read_with_break(count, start, at, peek); at++)
						stops++;
					if (writer_begins || tap_failures)
						break;
				}
	CHECK(stops > 1000);
}

static void reader_stopped_anywhere_in_a_read(void)
{
	every_break(false);
}

static void reader_stopped_anywhere_in_a_peek(void)
{
	every_break(true);
}

static u64 reader_cursor;
static u64 reader_had;

static void reader_runs(void)
{
	reader_had += drain(&reader_cursor);
}

/* The writer is stopped at every step of one record, where a reader looks. */
static void writer_stopped_anywhere(void)
{
	unsigned int count, at;
	u64 start;
	bool hit;

	for (count = 0; count <= LAPS * RECORDS; count++)
		for (start = 0; start <= count; start++)
			for (at = 0, hit = true; hit; at++) {
				reset(count);
				reader_cursor = start;
				reader_had = 0;
				stop_at(at, reader_runs);
				add(1);
				hit = stopped();
				reader_runs();
				EQ(reader_cursor, count + 1);
				EQ(reader_had, count + 1 - start);
				if (tap_failures)
					return;
			}
}

static bool saw_settled;
static u64 saw_end;

static void ask_settled(void)
{
	saw_settled = ring_settled(&ring);
	saw_end = ring_end(&ring);
}

/* The writer is stopped between begin and commit, where ring_settled() is called. */
static void never_settled_before_the_record_shows(void)
{
	unsigned int count, at;
	u64 *record;
	bool hit;

	for (count = 0; count <= LAPS * RECORDS; count++)
		for (at = 0, hit = true; hit; at++) {
			reset(count);
			record = begin_and_fill();
			stop_at(at, ask_settled);
			ring_commit(&ring, record);
			hit = stopped();
			if (hit && saw_settled)
				EQ(saw_end, count + 1);
			CHECK(ring_settled(&ring));
		}
}

/* add() begins the same record again, which changes nothing, and commits it. */
static void commit_one(void)
{
	add(1);
}

static void commit_a_lap(void)
{
	add(RECORDS);
}

static void commit_one_and_begin(void)
{
	add(1);
	ring_begin(&ring);
}

/* ring_settled() is stopped after a record was begun, and the record is committed. */
static void settled_is_right_when_interrupted(void)
{
	void (*const writers[])(void) = { commit_one, commit_a_lap, commit_one_and_begin };
	unsigned int count, at, w;
	bool hit;

	for (w = 0; w < ARRAY_SIZE(writers); w++)
		for (count = 0; count <= LAPS * RECORDS; count++)
			for (at = 0, hit = true; hit; at++) {
				bool settled;

				reset(count);
				ring_begin(&ring);
				stop_at(at, writers[w]);
				settled = ring_settled(&ring);
				hit = stopped();
				if (settled)
					CHECK(ring_end(&ring) > count);
			}
}

static const struct tap_case cases[] = {
	{ "a reader stopped at any step of a read gets a whole record or an exact loss",
	  reader_stopped_anywhere_in_a_read },
	{ "a reader stopped at any step of a peek gets the right word or an exact loss",
	  reader_stopped_anywhere_in_a_peek },
	{ "a reader that looks at any step of a write sees nothing torn, and nothing twice",
	  writer_stopped_anywhere },
	{ "a ring is never settled before the record that was begun can be seen",
	  never_settled_before_the_record_shows },
	{ "settled still means what it says when the reader was interrupted",
	  settled_is_right_when_interrupted },
};

TAP_MAIN(cases)
