// SPDX-License-Identifier: GPL-2.0-only
/*
 * Makes system calls and measures their cost, in ticks of the time stamp counter. In a guest
 * with -icount shift=0 a tick is an instruction.
 *
 *	calls cost N [PAUSE]	N single calls of each kind: "cost KIND MEDIAN MEAN"
 *	calls only KIND N [PAUSE]	the same for one kind
 *	calls rate MS	setns(2) for MS milliseconds: "rate CALLS-A-SECOND"
 *	calls stream N [BURST PAUSE]	N calls of setns(2) at full rate, or in bursts: "stream N TICKS PAID".
 *				PAID is the CPU time of this program in nanoseconds
 *
 * PAUSE is in microseconds. It lies between two calls and is not timed. Options before the
 * word: "-c CPU" binds the program to that CPU; "-t" adds a second thread, which sleeps; "-m"
 * joins two UTS namespaces in turns, so that each call changes a link.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "ticks.h"

#define WARM_UP 64

/* Returns the file of the other namespace with -m, else always the same one. */
static int other;

struct kind {
	const char *name;
	long number;
	long args[2];
	long ret;
};

static struct kind kinds[] = {
	{ "uts", SYS_setns, { -1, CLONE_NEWUTS }, 0 },
	{ "ebadf", SYS_setns, { -1, 0 }, -EBADF },
	{ "getppid", SYS_getppid, { 0, 0 }, 0 },
	{ 0 },
};

static void pause_us(long us)
{
	struct timespec ts = { us / 1000000, us % 1000000 * 1000 };

	if (us)
		nanosleep(&ts, NULL);
}

/* Plain system calls, so that no C library code lies between the two counter readings. */
static long raw_call(long number, const long *args)
{
	long ret;

	__asm__ volatile("syscall"
			 : "=a"(ret)
			 : "a"(number), "D"(args[0]), "S"(args[1])
			 : "rcx", "r11", "memory");
	return ret;
}

static uint64_t timed(struct kind *kind)
{
	uint64_t begin = ticks();
	long ret = raw_call(kind->number, kind->args);
	uint64_t end = ticks();
	int next = other;

	if (kind == kinds) {
		other = kind->args[0];
		kind->args[0] = next;
	}
	if (kind->number == SYS_setns && ret != kind->ret)
		die("%s: returned %ld", kind->name, ret);
	return end - begin;
}

static int by_size(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static void cost(struct kind *kind, long n, long pause)
{
	uint64_t *each = malloc(n * sizeof(*each)), sum = 0;
	long i;

	if (!each || mlock(each, n * sizeof(*each)))
		die("no memory");
	for (i = 0; i < WARM_UP; i++)
		timed(kind);
	for (i = 0; i < n; i++) {
		pause_us(pause);
		each[i] = timed(kind);
		sum += each[i];
	}
	qsort(each, n, sizeof(*each), by_size);
	printf("cost %s %lu %.1f\n", kind->name, (unsigned long)each[n / 2], (double)sum / n);
	fflush(stdout);
	free(each);
}

static void cost_of(const char *name, long n, long pause)
{
	struct kind *kind;

	for (kind = kinds; kind->name; kind++)
		if (!name || !strcmp(name, kind->name))
			cost(kind, n, pause);
}

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

static void stream(long n, long burst, long pause)
{
	uint64_t paid = clock_ns(CLOCK_THREAD_CPUTIME_ID), begin = ticks();
	long i;

	for (i = 0; i < n; i++) {
		if (raw_call(kinds[0].number, kinds[0].args))
			die("setns failed");
		if (burst && i % burst == burst - 1)
			pause_us(pause);
	}
	printf("stream %ld %lu ", n, (unsigned long)(ticks() - begin));
	printf("%lu\n", (unsigned long)(clock_ns(CLOCK_THREAD_CPUTIME_ID) - paid));
}

static void rate(long ms)
{
	uint64_t begin = clock_ns(CLOCK_MONOTONIC), end = begin + ms * 1000000ULL, now = begin;
	long calls = 0, i;

	while (now < end) {
		for (i = 0; i < 100; i++)
			raw_call(kinds[0].number, kinds[0].args);
		calls += 100;
		now = clock_ns(CLOCK_MONOTONIC);
	}
	printf("rate %.0f\n", calls * 1e9 / (now - begin));
}

static void stay_on(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		die("cannot stay on processor %d: %s", cpu, strerror(errno));
}

static int own_uts(void)
{
	int fd = open("/proc/self/ns/uts", O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		die("cannot open /proc/self/ns/uts");
	return fd;
}

static void *sleep_on(void *unused)
{
	pause();
	return unused;
}

static void begin_thread(void)
{
	pthread_t id;

	if (pthread_create(&id, NULL, sleep_on, NULL))
		die("no thread");
}

int main(int argc, char **argv)
{
	kinds[0].args[0] = other = own_uts();
	while (argc > 1 && argv[1][0] == '-') {
		if (argc > 2 && !strcmp(argv[1], "-c")) {
			stay_on(atoi(argv[2]));
			argc--;
			argv++;
		} else if (!strcmp(argv[1], "-t")) {
			begin_thread();
		} else if (!strcmp(argv[1], "-m")) {
			if (unshare(CLONE_NEWUTS))
				die("cannot leave the UTS namespace");
			other = own_uts();
		} else {
			die("see the head of calls.c");
		}
		argc--;
		argv++;
	}
	if (argc >= 3 && !strcmp(argv[1], "cost"))
		cost_of(NULL, number(argv[2]), argc > 3 ? number(argv[3]) : 0);
	else if (argc >= 4 && !strcmp(argv[1], "only"))
		cost_of(argv[2], number(argv[3]), argc > 4 ? number(argv[4]) : 0);
	else if (argc == 3 && !strcmp(argv[1], "rate"))
		rate(number(argv[2]));
	else if (argc >= 3 && !strcmp(argv[1], "stream"))
		stream(number(argv[2]), argc > 4 ? number(argv[3]) : 0, argc > 4 ? number(argv[4]) : 0);
	else
		die("see the head of calls.c");
	return 0;
}
