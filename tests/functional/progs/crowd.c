// SPDX-License-Identifier: GPL-2.0-only
/*
 * A crowd: many descriptors of one open file of the device, all in one epoll set. Prints what
 * was measured, a name and a number on each line, for cases/crowd.py.
 *
 *	crowd SIZE SECONDS PID
 *
 * PID is the thread that wakes readers. No other process may call setns(2) meanwhile.
 */
#define _GNU_SOURCE
#include "pin.h"
#include "reading.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#define PATIENCE_MS 60000
#define MOST_WAITS  (1 << 20)
#define BATCH	    4096

/* So long does a slow caller wait between two calls: readers then fall asleep in between. */
#define GAP_NS	    400000
#define SLOW_SECONDS 2

static int size, seconds;
static const char *worker;
static atomic_bool over;

static void number(const char *name, long long value)
{
	printf("%s %lld\n", name, value);
}

static int64_t boot_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	return now.tv_sec * 1000000000LL + now.tv_nsec;
}

/* Returns an epoll set with as many descriptors of this file as the crowd is to have. */
static int make_crowd(int fd)
{
	struct rlimit limit = { size + 100, size + 100 };
	int set = epoll_create1(0), i;

	EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
	for (i = 0; i < size; i++) {
		struct epoll_event event = { .events = EPOLLIN | EPOLLET, .data.u32 = i };

		if (epoll_ctl(set, EPOLL_CTL_ADD, i ? dup(fd) : fd, &event))
			FAIL("descriptor %d: errno %d", i, errno);
	}
	return set;
}

/* Makes one call. Returns how many of the crowd the set reports, each counted once. */
static int count_woken(int fd, int set)
{
	static struct epoll_event got[BATCH];
	char *seen = calloc(size, 1);
	int64_t limit = now_ms() + PATIENCE_MS;
	int woken = 0, count, i;

	/* Nothing may be left of earlier calls. */
	lseek(fd, 0, SEEK_END);
	while (epoll_wait(set, got, BATCH, 0) > 0)
		;
	event();
	while (woken < size && now_ms() < limit) {
		count = epoll_wait(set, got, BATCH, 1000);
		for (i = 0; i < count; i++) {
			woken += !seen[got[i].data.u32];
			seen[got[i].data.u32] = 1;
		}
	}
	free(seen);
	return woken;
}

/* Returns the shortest time that it takes to notify the whole crowd at once. */
static int64_t walk_time(int fd)
{
	int64_t best = INT64_MAX, begin;
	int i;

	for (i = 0; i < 5; i++) {
		begin = now_ns();
		EQ(lseek(fd, 0, SEEK_SET), 0);
		if (now_ns() - begin < best)
			best = now_ns() - begin;
	}
	return best;
}

/* A reader that does not belong to the crowd: how old is a record when read(2) returns? */
static int64_t *ages;
static long waits;

static void *read_on(void *arg)
{
	static struct setnsmon_record records[BATCH];
	int fd = *(int *)arg;
	int64_t age;

	while (!over && waits < MOST_WAITS) {
		if (take(fd, records, sizeof(records)) < (long)RECORD)
			break;
		age = boot_ns() - records[0].boot_ns;
		if (records[0].type == SETNSMON_RECORD_SETNS)
			ages[waits++] = age;
	}
	return NULL;
}

static int by_size(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

/* Returns the processor time that the worker has taken. */
static int64_t worker_ns(void)
{
	char path[64];
	long long ns = -1;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%s/schedstat", worker);
	file = fopen(path, "r");
	if (!file || fscanf(file, "%lld", &ns) != 1)
		FAIL("%s cannot be read", path);
	fclose(file);
	return ns;
}

/* Returns how many times the worker has gone to sleep. */
static int64_t worker_rests(void)
{
	static const char name[] = "voluntary_ctxt_switches:";
	char path[64], line[256];
	long long rests = -1;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%s/status", worker);
	file = fopen(path, "r");
	while (file && fgets(line, sizeof(line), file))
		if (!strncmp(line, name, sizeof(name) - 1))
			rests = atoll(line + sizeof(name) - 1);
	if (rests < 0)
		FAIL("%s does not show %s", path, name);
	fclose(file);
	return rests;
}

/* Starts a user without rights who makes calls, so many nanoseconds apart. */
static pid_t start_caller(int64_t gap)
{
	pid_t child = fork();
	int64_t next;

	if (child)
		return child;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	EQ(pin(0), 0);
	EQ(setresgid(65534, 65534, 65534), 0);
	EQ(setresuid(65534, 65534, 65534), 0);
	for (;;) {
		next = now_ns() + gap;
		syscall(SYS_setns, -1, 0);
		while (now_ns() < next)
			;
	}
}

static void end_caller(pid_t child)
{
	kill(child, SIGKILL);
	EQ(waitpid(child, NULL, 0), child);
}

/* Looks at the worker while calls come as fast as they can. */
static void during_flood(void)
{
	int64_t ran = worker_ns(), rests = worker_rests(), begin = now_ns();
	pid_t child = start_caller(0);
	int urgent = 0, looks = 0;

	while (now_ns() - begin < seconds * 1000000000LL) {
		usleep(50000);
		urgent += getpriority(PRIO_PROCESS, atoi(worker)) < 0;
		looks++;
	}
	number("looks", looks);
	number("urgent", urgent);
	number("worker_ns", worker_ns() - ran);
	number("rests", worker_rests() - rests);
	number("flood_ns", now_ns() - begin);
	end_caller(child);
}

/* Measures another reader, which sleeps between two calls. */
static void during_slow_calls(void)
{
	pid_t child = start_caller(GAP_NS);
	int fd = binary(0);
	pthread_t reader;

	ages = calloc(MOST_WAITS, sizeof(*ages));
	if (pthread_create(&reader, NULL, read_on, &fd))
		abort();
	sleep(SLOW_SECONDS);
	over = true;
	pthread_join(reader, NULL);
	end_caller(child);
	close(fd);
	qsort(ages, waits, sizeof(*ages), by_size);
	number("waits", waits);
	number("median_age_ns", waits ? ages[waits / 2] : -1);
	number("greatest_age_ns", waits ? ages[waits - 1] : -1);
}

/* Wakes one reader until the worker has its high priority again, or for a long time. */
static int nice_at_last(int fd)
{
	struct epoll_event event_of_one = { .events = EPOLLIN | EPOLLET }, got;
	int set = epoll_create1(0);
	int64_t limit = now_ms() + PATIENCE_MS / 4;
	int nice;

	EQ(epoll_ctl(set, EPOLL_CTL_ADD, fd, &event_of_one), 0);
	do {
		event();
		EQ(epoll_wait(set, &got, 1, PATIENCE_MS), 1);
		nice = getpriority(PRIO_PROCESS, atoi(worker));
	} while (nice >= 0 && now_ms() < limit);
	close(set);
	return nice;
}

static void crowd(void)
{
	int fd = binary(O_NONBLOCK);
	int set = make_crowd(fd);

	number("woken", count_woken(fd, set));
	number("walk_ns", walk_time(fd));
	during_flood();
	during_slow_calls();
	number("woken_again", count_woken(fd, set));
	close(set);
	number("nice", nice_at_last(fd));
}

static const struct tap_case cases[] = {
	{ "it ran to its end", crowd },
};

int main(int argc, char **argv)
{
	if (argc != 4)
		return 2;
	size = atoi(argv[1]);
	seconds = atoi(argv[2]);
	worker = argv[3];
	return tap_run(cases, COUNT(cases));
}
