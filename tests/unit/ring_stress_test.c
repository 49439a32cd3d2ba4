// SPDX-License-Identifier: GPL-2.0-only
/*
 * The ring with threads: one writer at full speed, and readers of several kinds. Every word
 * of a record is derived from its number, so a torn or mixed record is detected. The rings
 * are small, so that overruns are common.
 *
 * SETNSMON_STRESS_MS sets the time of each run (default 1000). A run takes longer, up to 60
 * times, if not enough has happened by then on a busy machine. SETNSMON_STRESS_RECORDS sets
 * the least number of records that each run writes, however long that takes (default 0).
 *
 * ThreadSanitizer can find two faults here: an access of the ring that should be atomic and
 * is not; and a reader that has record n without everything that the writer did before it
 * committed n. handed[] serves the second: it has a plain byte for each record, and only the
 * ring's own acquire and release (pairs A and C) prevent a race on it. ThreadSanitizer does
 * not model fences (pairs B and D), and x86 reorders little. tests/model covers those.
 */
#include "stream/ring.h"
#include "tap.h"

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>

#define WORDS	45		/* words of a record */
#define TIME	0		/* word 0: time of writing; the other words are derived from it */

struct reader {
	pthread_t thread;
	const char *habit;
	unsigned int (*pause)(u64 *seed);	/* returns the rounds to idle before a read */
	bool peek;
	u64 read, lost, start, end;
	u64 torn, backwards, wrong_loss, not_handed;
};

#define QUESTIONS	200	/* least number of calls of ring_settled() */
#define HANDED		(1U << 26)	/* records that have a byte in handed[] */

static struct ring ring;
static bool stop;
static u64 total;
static unsigned char *handed;
static u64 all_written, all_read, all_lost;
static bool asking;
static u64 asked, too_early;

static u64 now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

static u64 word_of(u64 n, u64 time, u32 i)
{
	return (n * 0x9e3779b97f4a7c15ULL) ^ (time + i * 0xbf58476d1ce4e5b9ULL);
}

static bool is_torn(u64 n, const u64 *record)
{
	u32 i;

	for (i = 1; i < WORDS; i++)
		if (record[i] != word_of(n, record[TIME], i))
			return true;
	return false;
}

static u64 setting(const char *name, u64 otherwise)
{
	const char *value = getenv(name);

	return value ? strtoull(value, NULL, 10) : otherwise;
}

/* On a busy machine, too little may happen in the set time. */
static bool saw_enough(void)
{
	return ring.head > 20 * ring.records && (!asking || READ_ONCE(asked) >= QUESTIONS);
}

static bool time_is_up(u64 start)
{
	u64 limit = setting("SETNSMON_STRESS_MS", 1000) * 1000000, gone = now() - start;

	if (gone < limit || ring.head < setting("SETNSMON_STRESS_RECORDS", 0))
		return false;
	return saw_enough() || gone >= 60 * limit;
}

/* Writes a burst, then often sleeps, so that readers catch up now and then. */
static void *writer(void *arg)
{
	u64 start = now(), seed = 7, n = 0;

	(void)arg;
	while (!time_is_up(start)) {
		unsigned int burst, i;

		seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
		for (burst = seed >> 56; burst; burst--) {
			u64 *record = ring_begin(&ring), time = now();

			n = ring.head;
			WRITE_ONCE(record[TIME], time);
			for (i = 1; i < WORDS; i++)
				WRITE_ONCE(record[i], word_of(n, time, i));
			if (n < HANDED)
				handed[n] = 1;
			ring_commit(&ring, record);
		}
		if ((seed >> 40) % 4 == 0)
			sched_yield();
	}
	total = n + 1;
	smp_store_release(&stop, true);
	return NULL;
}

static unsigned int never(u64 *seed)
{
	(void)seed;
	return 0;
}

static unsigned int always(u64 *seed)
{
	(void)seed;
	return 20000;
}

static unsigned int sometimes(u64 *seed)
{
	*seed = *seed * 6364136223846793005ULL + 1442695040888963407ULL;
	return *seed >> 58 ? 0 : *seed >> 44 & 0xfff;
}

static enum ring_result peek_time(u64 *cursor, u64 *time, u64 *lost)
{
	return ring_peek(&ring, cursor, TIME, 1, time, lost);
}

static enum ring_result take(struct reader *r, u64 *cursor, u64 *record, u64 *lost)
{
	u64 word = 0, n = *cursor;

	if (r->peek) {
		enum ring_result result = peek_time(cursor, &word, lost);

		if (result != RING_READ)
			return result;
		r->backwards += *cursor != n;
		result = ring_read(&ring, cursor, record, lost);
		if (result == RING_READ)
			r->torn += record[TIME] != word;
		return result;
	}
	return ring_read(&ring, cursor, record, lost);
}

/*
 * Record @n is lost when the record that takes its slot is begun. Then head already is the
 * number of that record. (x86 makes stores visible in their order.)
 */
static bool is_gone(u64 n)
{
	return ring_end(&ring) >= n + ring.records;
}

static void *reader(void *arg)
{
	struct reader *r = arg;
	u64 record[WORDS], lost, cursor = r->start, seed = 11, last_time = 0;

	for (;;) {
		bool last = smp_load_acquire(&stop);
		volatile unsigned int idle = r->pause(&seed);
		u64 n = cursor;

		while (idle)
			idle--;
		switch (take(r, &cursor, record, &lost)) {
		case RING_EMPTY:
			r->backwards += cursor != n;
			if (last) {
				r->end = cursor;
				return NULL;
			}
			sched_yield();	/* there are more threads than CPUs */
			break;
		case RING_READ:
			r->read++;
			r->backwards += cursor != n + 1 || record[TIME] < last_time;
			last_time = record[TIME];
			r->torn += is_torn(n, record);
			r->not_handed += n < HANDED && !handed[n];
			break;
		case RING_LOST:
			r->lost += lost;
			r->wrong_loss += lost == 0 || cursor != n + lost || !is_gone(cursor - 1);
			break;
		}
	}
}

static void make(u32 records)
{
	ring_init(&ring, calloc(1, ring_bytes(records, WORDS)), records, WORDS);
	handed = mmap(NULL, HANDED, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (!ring.slots || handed == MAP_FAILED)
		abort();
	stop = false;
}

static void done(void)
{
	all_written += total;
	munmap(handed, HANDED);
	free(ring.slots);
}

static void run(u32 records, struct reader *readers, unsigned int count)
{
	pthread_t thread;
	unsigned int i;

	make(records);
	for (i = 0; i < count; i++)
		pthread_create(&readers[i].thread, NULL, reader, &readers[i]);
	pthread_create(&thread, NULL, writer, NULL);
	pthread_join(thread, NULL);
	for (i = 0; i < count; i++)
		pthread_join(readers[i].thread, NULL);
	done();
	CHECK(total > records * 10ULL);
	for (i = 0; i < count; i++) {
		struct reader *r = &readers[i];

		printf("# %u records, %s reader: %" PRIu64 " written, %" PRIu64 " read, %" PRIu64
		       " lost\n", records, r->habit, total, r->read, r->lost);
		all_read += r->read;
		all_lost += r->lost;
		EQ(r->read + r->lost, total - r->start);
		EQ(r->end, total);
		EQ(r->torn, 0);
		EQ(r->backwards, 0);
		EQ(r->wrong_loss, 0);
		EQ(r->not_handed, 0);
		CHECK(r->read > 0);
	}
}

static void readers_of_a_small_ring(void)
{
	struct reader readers[] = {
		{ .habit = "eager", .pause = never },
		{ .habit = "slow", .pause = always },
		{ .habit = "fitful", .pause = sometimes },
		{ .habit = "peeking", .pause = never, .peek = true },
	};

	run(16, readers, ARRAY_SIZE(readers));
	CHECK(readers[1].lost > 0);
}

static void readers_of_the_smallest_ring(void)
{
	struct reader readers[] = {
		{ .habit = "eager", .pause = never },
		{ .habit = "peeking", .pause = sometimes, .peek = true },
	};

	run(1, readers, ARRAY_SIZE(readers));
	CHECK(readers[0].lost > 0);
}

static void readers_of_a_large_ring(void)
{
	struct reader readers[] = {
		{ .habit = "eager", .pause = never },
		{ .habit = "fitful", .pause = sometimes },
		{ .habit = "slow", .pause = always },
	};

	run(4096, readers, ARRAY_SIZE(readers));
}

/*
 * The promise that the merge over CPUs relies on (pair D): if ring_settled() returned true
 * at time t, no record after the end may be stamped before t.
 */
static void *asker(void *arg)
{
	u64 value = 0, lost;

	(void)arg;
	while (!smp_load_acquire(&stop)) {
		u64 t = now(), end, cursor;

		smp_mb();
		if (!ring_settled(&ring))
			continue;
		end = ring_end(&ring);
		cursor = end;
		while (peek_time(&cursor, &value, &lost) == RING_EMPTY)
			if (smp_load_acquire(&stop))
				return NULL;
		if (cursor != end)
			continue;		/* overwritten meanwhile */
		WRITE_ONCE(asked, asked + 1);
		too_early += value < t;
	}
	return NULL;
}

static void settled_promise_holds(void)
{
	pthread_t writing_thread, asking_thread;

	asking = true;
	make(64);
	pthread_create(&asking_thread, NULL, asker, NULL);
	pthread_create(&writing_thread, NULL, writer, NULL);
	pthread_join(writing_thread, NULL);
	pthread_join(asking_thread, NULL);
	done();
	printf("# 64 records: %" PRIu64 " written, asked %" PRIu64 " times\n", total, asked);
	CHECK(asked >= QUESTIONS);
	EQ(too_early, 0);
}

static const struct tap_case cases[] = {
	{ "four readers of a small ring: read + lost = written, nothing torn",
	  readers_of_a_small_ring },
	{ "two readers of a ring of one record", readers_of_the_smallest_ring },
	{ "three readers of a large ring", readers_of_a_large_ring },
	{ "nothing that comes after settled is timed before the question",
	  settled_promise_holds },
};

/* All cases, or the one whose number is given. */
int main(int argc, char **argv)
{
	unsigned int one = argc > 1 ? atoi(argv[1]) : 0;
	int status;

	if (one > ARRAY_SIZE(cases))
		return 2;
	status = one ? tap_run(&cases[one - 1], 1) : tap_run(cases, ARRAY_SIZE(cases));
	printf("# in all: %" PRIu64 " written, %" PRIu64 " read, %" PRIu64 " lost\n", all_written,
	       all_read, all_lost);
	return status;
}
