// SPDX-License-Identifier: GPL-2.0-only
/*
 * Calls setns(2) from many threads at once, and logs for each call what its caller knows:
 * struct entry, one thread after the other.
 *
 *	threads LOG CALLS ROLES
 *
 * Each letter of ROLES is a thread that makes CALLS calls, or an eighth of that if its calls
 * sleep:
 *
 *	f	fails: file descriptor -1, and the number of the call as the type
 *	i	the same by the 32-bit entry
 *	u	joins a uts namespace
 *	m	leaves a mount namespace that no other task is in: the kernel tears it
 *		down within the call, and sleeps meanwhile
 */
#define _GNU_SOURCE
#include "setns.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define MAX_THREADS 64

struct entry {
	uint32_t tid;
	int32_t ret;
	int32_t fd;
	uint32_t nstype;
	uint64_t boot[2]; /* clock before and after the call */
	uint64_t real[2];
};

static unsigned int calls;
static const char *roles;
static int uts, mnt;
static struct entry *entries;
static pthread_barrier_t barrier;

static void die(const char *what)
{
	fprintf(stderr, "threads: %s: %s\n", what, strerror(errno));
	exit(99);
}

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

static void one(char role, unsigned int n, struct entry *entry)
{
	entry->fd = role == 'u' ? uts : role == 'm' ? mnt : -1;
	entry->nstype = role == 'u' ? 0 : role == 'm' ? CLONE_NEWNS : n;
	if (role == 'm' && unshare(CLONE_NEWNS))
		die("unshare");
	entry->boot[0] = clock_ns(CLOCK_BOOTTIME);
	entry->real[0] = clock_ns(CLOCK_REALTIME);
	entry->ret = (role == 'i' ? call_int80 : call_native)(entry->fd, entry->nstype);
	entry->boot[1] = clock_ns(CLOCK_BOOTTIME);
	entry->real[1] = clock_ns(CLOCK_REALTIME);
}

static unsigned int calls_of(char role)
{
	return role == 'm' ? (calls + 7) / 8 : calls;
}

static void *storm(void *arg)
{
	unsigned int thread = (uintptr_t)arg;
	struct entry *mine = entries + (size_t)thread * calls;
	unsigned int n;

	pthread_barrier_wait(&barrier);
	for (n = 0; n < calls_of(roles[thread]); n++) {
		mine[n].tid = syscall(SYS_gettid);
		one(roles[thread], n, &mine[n]);
	}
	return NULL;
}

static void pin(pthread_attr_t *attr, unsigned int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (pthread_attr_setaffinity_np(attr, sizeof(set), &set))
		die("affinity");
}

int main(int argc, char **argv)
{
	pthread_t ids[MAX_THREADS];
	pthread_attr_t attr;
	unsigned int threads, i;
	size_t size;
	FILE *log;

	if (argc != 4 || strlen(argv[3]) > MAX_THREADS ||
	    strspn(argv[3], "fium") != strlen(argv[3])) {
		fprintf(stderr, "usage: threads LOG CALLS ROLES\n");
		return 98;
	}
	calls = strtoul(argv[2], NULL, 0);
	roles = argv[3];
	threads = strlen(roles);
	size = (size_t)threads * calls;
	entries = calloc(size, sizeof(*entries));
	uts = open("/proc/self/ns/uts", O_RDONLY);
	mnt = open("/proc/self/ns/mnt", O_RDONLY);
	if (!entries || uts < 0 || mnt < 0)
		die("begin");
	memset(entries, 1, size * sizeof(*entries)); /* so that no page fault comes later */
	pthread_barrier_init(&barrier, NULL, threads);
	pthread_attr_init(&attr);
	for (i = 0; i < threads; i++) {
		pin(&attr, i % sysconf(_SC_NPROCESSORS_ONLN));
		if (pthread_create(&ids[i], &attr, storm, (void *)(uintptr_t)i))
			die("pthread_create");
	}
	for (i = 0; i < threads; i++)
		pthread_join(ids[i], NULL);
	log = fopen(argv[1], "w");
	if (!log)
		die(argv[1]);
	for (i = 0; i < threads; i++)
		fwrite(entries + (size_t)i * calls, sizeof(*entries), calls_of(roles[i]), log);
	if (ferror(log) || fclose(log))
		die(argv[1]);
	return 0;
}
