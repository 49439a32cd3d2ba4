// SPDX-License-Identifier: GPL-2.0-only
/*
 * Readers that sleep: each call wakes them, also one that comes just as they fall
 * asleep; and many in a row wake them seldom. Prints TAP.
 *
 *	wakes ROUNDS
 *
 * Nobody else may call setns(2) meanwhile: see reading.h.
 */
#define _GNU_SOURCE
#include "pin.h"
#include "reading.h"

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/resource.h>

#define MOST_READERS 8
#define CALLS	     20000
#define PATIENCE_MS  20000

/* What README.md and module/waker.h say: no sooner after the call that asked for it. */
#define DELAY_US 250

static int rounds;

/*
 * A thread that reads one record at a time.
 * @wait: returns once there may be something to read
 * @seen: records it was given, and those that it was told are lost
 * @sleeps: how often it gave up its processor, once it has ended
 */
struct reader {
	pthread_t id;
	int fd;
	void (*wait)(int fd);
	atomic_long seen;
	long until;
	long sleeps;
};

static void *read_on(void *arg)
{
	struct reader *reader = arg;
	struct setnsmon_record rec;
	struct rusage usage;
	long begin;

	getrusage(RUSAGE_THREAD, &usage);
	begin = usage.ru_nvcsw;
	while (reader->seen < reader->until) {
		reader->wait(reader->fd);
		if (take(reader->fd, &rec, sizeof(rec)) != sizeof(rec)) {
			if (errno == EAGAIN)
				continue;
			break;
		}
		reader->seen += rec.type == SETNSMON_RECORD_LOST ? (long)rec.lost.count : 1;
	}
	getrusage(RUSAGE_THREAD, &usage);
	reader->sleeps = usage.ru_nvcsw - begin;
	return NULL;
}

static void in_read(int fd)
{
	(void)fd;
}

static void in_poll(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	poll(&p, 1, -1);
}

static void in_epoll_exclusive(int fd)
{
	struct epoll_event got;
	int set = watch(fd, EPOLLEXCLUSIVE);

	epoll_wait(set, &got, 1, -1);
	close(set);
}

static void begin(struct reader *reader, void (*wait)(int fd), long until)
{
	*reader = (struct reader){ .fd = binary(wait == in_read ? 0 : O_NONBLOCK),
				   .wait = wait,
				   .until = until };
	if (pthread_create(&reader->id, NULL, read_on, reader))
		abort();
}

/* Whoever sleeps on gets calls until it has ended, so that the next case can be tried. */
static void end(struct reader *reader)
{
	while (reader->seen < reader->until) {
		event();
		usleep(1000);
	}
	pthread_join(reader->id, NULL);
	close(reader->fd);
}

/* Until it has seen so many; false if it slept over one. */
static bool sees(struct reader *reader, long count)
{
	long limit = now_ms() + PATIENCE_MS;

	while (reader->seen < count)
		if (now_ms() > limit)
			return false;
	return true;
}

/* At any moment around that at which the reader falls asleep. */
static void idle(void)
{
	int64_t until = now_ns() + rand() % 100000;

	while (now_ns() < until)
		;
}

/* A round: all readers have read all and fall asleep, then there is one call, from any processor. */
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
			woke &= sees(&readers[i], round);
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
	if (!sees(&reader, CALLS))
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
	{ "each call wakes who sleeps in read", who_reads_is_woken },
	{ "each call wakes who sleeps in poll", who_polls_is_woken },
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
