// SPDX-License-Identifier: GPL-2.0-only
/*
 * Sleeping readers: each call wakes them, even one that comes just as they fall asleep, and
 * many back-to-back calls wake them seldom. Prints TAP.
 *
 *	wakeups ROUNDS
 *
 * No other process may call setns(2) meanwhile; see reading.h.
 */
#define _GNU_SOURCE
#include "pin.h"
#include "sleeping.h"

#define MOST_READERS 8
#define CALLS	     20000
#define PATIENCE_MS  20000

/* The delay of module/stream/wakeup.h: a wake-up comes no sooner after its request. */
#define DELAY_US 250

static int rounds;

/* At any moment close to the one at which the reader falls asleep. */
static void idle(void)
{
	int64_t until = now_ns() + rand() % 100000;

	while (now_ns() < until)
		;
}

/* One round: all readers have read everything and fall asleep, then any CPU makes one call. */
static void each_call_wakes(int count, void (*wait)(int fd), int times)
{
	struct reader readers[MOST_READERS];
	int cpus = sysconf(_SC_NPROCESSORS_ONLN), i, round;
	bool woke = true;

	for (i = 0; i < count; i++)
		begin(&readers[i], wait, times);
	for (round = 1; round <= times && woke; round++) {
		EQ(pin(rand() % cpus), 0);
		idle();
		event();
		for (i = 0; i < count; i++)
			woke &= sees(&readers[i], round, PATIENCE_MS);
	}
	if (!woke)
		FAIL("round %d of %d: a reader slept on", round - 1, times);
	for (i = 0; i < count; i++)
		end(&readers[i]);
}

static void who_reads_is_woken(void)
{
	each_call_wakes(1, in_read, rounds);
}

static void who_polls_is_woken(void)
{
	each_call_wakes(1, in_poll, rounds);
}

static void who_waits_exclusively_is_woken(void)
{
	each_call_wakes(2, in_epoll_exclusive, rounds / 4);
}

static void all_are_woken(void)
{
	each_call_wakes(MOST_READERS, in_read, rounds / 8);
}

static void calls_in_a_row_wake_seldom(void)
{
	struct reader reader;
	long us, most;
	int64_t from;

	EQ(pin(0), 0);
	begin(&reader, in_read, CALLS);
	usleep(200000);
	from = now_ns();
	events(CALLS);
	if (!sees(&reader, CALLS, PATIENCE_MS))
		FAIL("it has seen %ld", (long)reader.seen);
	us = (now_ns() - from) / 1000;
	end(&reader);
	most = us / DELAY_US + 2;
	printf("# %d calls in %ld us: the reader was woken %ld times\n", CALLS, us, reader.sleeps);
	if (reader.sleeps > most)
		FAIL("woken %ld times in %ld us, more than %ld", reader.sleeps, us, most);
	CHECK(reader.sleeps > 0);
}

static const struct tap_case cases[] = {
	{ "each call wakes readers that sleep in read", who_reads_is_woken },
	{ "each call wakes readers that sleep in poll", who_polls_is_woken },
	{ "each call wakes both who sleep in epoll, exclusively", who_waits_exclusively_is_woken },
	{ "each call wakes all of eight", all_are_woken },
	{ "calls in a row wake once in 250 us at most", calls_in_a_row_wake_seldom },
};

int main(int argc, char **argv)
{
	if (argc != 2)
		return 2;
	rounds = atoi(argv[1]);
	return tap_run(cases, COUNT(cases));
}
