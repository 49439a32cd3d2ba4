/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Sleeping readers, each in a thread of its own: in read(2), in poll(2), or in epoll with
 * EPOLLEXCLUSIVE. The number of records that a reader got shows whether it was woken.
 */
#ifndef SETNSMON_TESTS_SLEEPERS_H
#define SETNSMON_TESTS_SLEEPERS_H

#include "reading.h"

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/resource.h>

/*
 * A thread that reads one record at a time.
 * @wait: returns once there may be a record to read
 * @seen: number of records that it read or that were reported to it as lost
 * @sleeps: number of voluntary context switches, valid once it has ended
 */
struct reader {
	pthread_t id;
	int fd;
	void (*wait)(int fd);
	atomic_long seen;
	long until;
	long sleeps;
};

static inline void *read_on(void *arg)
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

static inline void in_read(int fd)
{
	(void)fd;
}

static inline void in_poll(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	poll(&p, 1, -1);
}

static inline void in_epoll_exclusive(int fd)
{
	struct epoll_event got;
	int set = watch(fd, EPOLLEXCLUSIVE);

	epoll_wait(set, &got, 1, -1);
	close(set);
}

static inline void begin(struct reader *reader, void (*wait)(int fd), long until)
{
	*reader = (struct reader){ .fd = binary(wait == in_read ? 0 : O_NONBLOCK),
				   .wait = wait,
				   .until = until };
	if (pthread_create(&reader->id, NULL, read_on, reader))
		abort();
}

/* Makes calls until every sleeper has ended, so that the next case can run. */
static inline void end(struct reader *reader)
{
	while (reader->seen < reader->until) {
		event();
		usleep(1000);
	}
	pthread_join(reader->id, NULL);
	close(reader->fd);
}

/* Waits until it has seen so many records. Returns false if it slept through one for too long. */
static inline bool sees(struct reader *reader, long count, long patience_ms)
{
	long limit = now_ms() + patience_ms;

	while (reader->seen < count)
		if (now_ms() > limit)
			return false;
	return true;
}

#endif /* SETNSMON_TESTS_SLEEPERS_H */
