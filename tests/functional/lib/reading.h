/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * For programs that test the system calls of the device: calls of setns(2) that can be told
 * apart, and checks of the records that a reader gets.
 *
 * No other process may call setns(2) meanwhile. The calls made here name a file descriptor
 * that is not open, MARK + n, which identifies each record.
 */
#ifndef SETNSMON_TESTS_READING_H
#define SETNSMON_TESTS_READING_H

#include <linux/setnsmon.h>

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tap.h"

#define MARK	100000
#define RECORD	sizeof(struct setnsmon_record)
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static int mark;

static inline void event(void)
{
	syscall(SYS_setns, MARK + mark++, 0);
}

static inline void events(int count)
{
	while (count--)
		event();
}

/* The plain system call, because the C library's declaration rejects bad buffers. */
static inline long take(int fd, void *buf, size_t size)
{
	return syscall(SYS_read, fd, buf, size);
}

/* Opens the device at its end, so that only later records follow. */
static inline int fresh(int flags)
{
	int fd = open(SETNSMON_DEVICE, O_RDONLY | flags);

	if (fd < 0 || lseek(fd, 0, SEEK_END))
		FAIL("open: errno %d", errno);
	return fd;
}

static inline int set_format(int fd, uint32_t format)
{
	return ioctl(fd, SETNSMON_IOC_FORMAT, &format);
}

static inline int binary(int flags)
{
	int fd = fresh(flags);

	EQ(set_format(fd, SETNSMON_FORMAT_BINARY), 0);
	return fd;
}

/* Returns the number of open files of the device, as reported through @fd. */
static inline unsigned int readers(int fd)
{
	struct setnsmon_counters counters = { 0 };

	EQ(ioctl(fd, SETNSMON_IOC_COUNTERS, &counters), 0);
	return counters.readers;
}

#define FAILS(call, error)						\
	do {								\
		errno = 0;						\
		long ret_ = (call);					\
		if (ret_ != -1 || errno != (error))			\
			FAIL("%s: %ld, errno %d, expected -1, %s", #call, ret_, errno, #error); \
	} while (0)

/* Checks that this record is of the call with this mark, by this thread. */
#define IS_RECORD(rec, which)						\
	do {								\
		const struct setnsmon_record *rec_ = (rec);		\
		EQ(rec_->type, SETNSMON_RECORD_SETNS);			\
		EQ(rec_->size, sizeof(*rec_));				\
		EQ(rec_->setns.fd, MARK + (which));			\
		EQ(rec_->setns.ret, -EBADF);				\
		EQ(rec_->setns.tid, syscall(SYS_gettid));		\
	} while (0)

/* Checks that the next record is of the call with this mark. */
static inline void expect_record(int fd, int which)
{
	struct setnsmon_record rec;

	memset(&rec, 0xee, sizeof(rec));
	EQ(take(fd, &rec, sizeof(rec)), sizeof(rec));
	IS_RECORD(&rec, which);
}

static inline void expect_line(int fd, int which)
{
	char line[SETNSMON_LINE_MAX + 1], text[64];
	ssize_t len = take(fd, line, SETNSMON_LINE_MAX);

	if (len <= 0) {
		FAIL("no line: %zd, errno %d", len, errno);
		return;
	}
	line[len] = '\0';
	snprintf(text, sizeof(text), " fd=%d fd_kind=none ", MARK + which);
	if (!strstr(line, text))
		FAIL("no \"%s\" in %s", text, line);
	if (line[len - 1] != '\n')
		FAIL("no newline at the end");
}

static inline void expect_drained(int fd)
{
	char buf[SETNSMON_LINE_MAX];

	FAILS(take(fd, buf, sizeof(buf)), EAGAIN);
}

/* Maps a page, and after it one that cannot be accessed. */
static inline char *page_before_hole(void)
{
	char *p = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED || mprotect(p + 4096, 4096, PROT_NONE))
		abort();
	return p;
}

static inline void child_event_after_ms(int ms)
{
	if (fork())
		return;
	usleep(ms * 1000);
	event();
	_exit(0);
}

/* After child_event_after_ms(). */
static inline void reap(void)
{
	while (wait(NULL) > 0)
		;
	mark++; /* for the call of the child */
}

static inline int64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * INT64_C(1000000000) + ts.tv_nsec;
}

static inline long now_ms(void)
{
	return now_ns() / 1000000;
}

/* Makes an epoll set with this file, and EPOLLET or similar flags. */
static inline int watch(int fd, unsigned int how)
{
	struct epoll_event want = { .events = EPOLLIN | how };
	int set = epoll_create1(0);

	EQ(epoll_ctl(set, EPOLL_CTL_ADD, fd, &want), 0);
	return set;
}

#endif /* SETNSMON_TESTS_READING_H */
