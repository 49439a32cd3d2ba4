// SPDX-License-Identifier: GPL-2.0-only
/*
 * Readers of /dev/setnsmon, timed from the first read to the last.
 *
 *	drain binary N SIZE	binary records, by reads of SIZE bytes, until N calls are read or reported lost
 *	drain text N SIZE	lines, written to stdout as cat(1) does
 *	drain skipped class|user|flags N TOTAL	the last N of TOTAL calls, by a filter that none of them matches
 *	drain crowd READERS N COMMAND...	from before the fork of COMMAND, which makes N calls, until each of READERS
 *				readers has read them
 *	drain spawn COMMAND...	from before the fork until COMMAND has ended
 *
 * Each prints "drain READ LOST TICKS" to stderr. With "-n" before the word it starts at the
 * end of the stream, and prints "ready" when it is about to read.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/setnsmon.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ticks.h"

static int from_now;
static unsigned long calls, lost;

static int device(uint32_t format)
{
	int fd = open(SETNSMON_DEVICE, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || ioctl(fd, SETNSMON_IOC_FORMAT, &format))
		die(SETNSMON_DEVICE ": %s", strerror(errno));
	if (from_now) {
		lseek(fd, 0, SEEK_END);
		fputs("ready\n", stderr);
	}
	return fd;
}

/* The numbers of each CPU must have no gap that is not reported; else the measurement is void. */
static void take_records(const char *buf, ssize_t size)
{
	static uint64_t next[4096];
	static unsigned char seen[4096];

	while (size > 0) {
		const struct setnsmon_record *rec = (const void *)buf;
		uint64_t count = rec->type == SETNSMON_RECORD_LOST ? rec->lost.count : 1;

		if (rec->cpu >= 4096 || (seen[rec->cpu] && rec->seq != next[rec->cpu]))
			die("record %llu of CPU %u is out of order", (unsigned long long)rec->seq, rec->cpu);
		seen[rec->cpu] = 1;
		next[rec->cpu] = rec->seq + count;
		if (rec->type == SETNSMON_RECORD_LOST)
			lost += count;
		else
			calls++;
		buf += rec->size;
		size -= rec->size;
	}
}

/* All text here is about our own calls, so a newline always ends a line. Most lines cannot be lost events. */
static void take_lines(const char *buf, ssize_t size)
{
	const char *end = buf + size, *line_end;

	while (buf < end && (line_end = memchr(buf, '\n', end - buf))) {
		const char *count;

		if (memmem(buf, line_end - buf, "event=lost", 10)) {
			count = memmem(buf, line_end - buf, " count=", 7);
			lost += count ? strtoul(count + 7, NULL, 10) : 0;
		} else {
			calls++;
		}
		buf = line_end + 1;
	}
}

static ssize_t take(int fd, char *buf, size_t size)
{
	ssize_t got = read(fd, buf, size);

	if (got <= 0)
		die("read: %s", strerror(errno));
	return got;
}

static void binary(unsigned long n, size_t size)
{
	char *buf = malloc(size);
	int fd = device(SETNSMON_FORMAT_BINARY);

	while (calls + lost < n)
		take_records(buf, take(fd, buf, size));
}

/* Finding the ends of lines has a cost; see README.md */
static void text(unsigned long n, size_t size)
{
	char *buf = malloc(size);
	int fd = device(SETNSMON_FORMAT_TEXT);

	while (calls + lost < n) {
		ssize_t got = take(fd, buf, size);

		if (write(STDOUT_FILENO, buf, got) != got)
			die("write: %s", strerror(errno));
		take_lines(buf, got);
	}
}

/* Filters that no call of the benchmark matches. */
static struct setnsmon_filter filter_by(const char *what)
{
	struct setnsmon_filter filter = { 0 };

	if (!strcmp(what, "class"))
		filter.classes = 1U << SETNSMON_CLASS_EXIT;
	else if (!strcmp(what, "user"))
		filter.uid_first = filter.uid_count = 12345;
	else if (!strcmp(what, "flags"))
		filter.flags_any = SETNSMON_FLAG_UPWARD;
	else
		die("no filter by %s", what);
	return filter;
}

/* Returns when it began to skip. */
static uint64_t skipped(const char *what, unsigned long n, unsigned long total)
{
	const struct setnsmon_filter filter = filter_by(what);
	struct setnsmon_counters counters;
	struct setnsmon_record rec;
	int fd = device(SETNSMON_FORMAT_BINARY);
	unsigned long before = total - n;
	uint64_t begin;

	while (before--)
		take(fd, (char *)&rec, sizeof(rec));
	fcntl(fd, F_SETFL, O_NONBLOCK);
	begin = ticks();
	if (ioctl(fd, SETNSMON_IOC_FILTER, &filter))
		die("filter: %s", strerror(errno));
	if (read(fd, &rec, sizeof(rec)) >= 0 || errno != EAGAIN)
		die("a record matches");
	if (ioctl(fd, SETNSMON_IOC_COUNTERS, &counters) || counters.skipped != n)
		die("%llu were skipped", (unsigned long long)counters.skipped);
	calls = n;
	return begin;
}

static void spawn(char **argv)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		execvp(argv[0], argv);
		die("%s: %s", argv[0], strerror(errno));
	}
	if (waitpid(pid, &status, 0) != pid || status)
		die("%s failed (status %#x)", argv[0], status);
}

static void reader(unsigned long n, int ready)
{
	if (write(ready, "r", 1) != 1)
		die("no pipe");
	binary(n, 65536);
	if (lost)
		die("%lu records were lost", lost);
	_exit(0);
}

/* A reader reports that it is about to open the device, and sleeps in read before the first call. */
static uint64_t crowd(unsigned long count, unsigned long n, char **argv)
{
	uint64_t begin;
	unsigned long i;
	int ready[2], status;
	char byte;

	if (pipe(ready))
		die("no pipe");
	from_now = 1;
	for (i = 0; i < count; i++)
		if (!fork())
			reader(n, ready[1]);
	for (i = 0; i < count; i++)
		if (read(ready[0], &byte, 1) != 1)
			die("a reader did not start");
	sleep(1);
	begin = ticks();
	if (!fork()) {
		execvp(argv[0], argv);
		die("%s: %s", argv[0], strerror(errno));
	}
	while (wait(&status) > 0)
		if (status)
			die("a reader, or %s, failed", argv[0]);
	return begin;
}

int main(int argc, char **argv)
{
	uint64_t begin;

	if (argc > 1 && !strcmp(argv[1], "-n")) {
		from_now = 1;
		argc--;
		argv++;
	}
	begin = ticks();
	if (argc == 4 && !strcmp(argv[1], "binary"))
		binary(number(argv[2]), number(argv[3]));
	else if (argc == 4 && !strcmp(argv[1], "text"))
		text(number(argv[2]), number(argv[3]));
	else if (argc == 5 && !strcmp(argv[1], "skipped"))
		begin = skipped(argv[2], number(argv[3]), number(argv[4]));
	else if (argc > 4 && !strcmp(argv[1], "crowd"))
		begin = crowd(number(argv[2]), number(argv[3]), argv + 4);
	else if (argc > 2 && !strcmp(argv[1], "spawn"))
		spawn(argv + 2);
	else
		die("see the head of drain.c");
	fprintf(stderr, "drain %lu %lu %lu\n", calls, lost, (unsigned long)(ticks() - begin));
	return 0;
}
