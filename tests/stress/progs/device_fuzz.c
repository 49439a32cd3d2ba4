// SPDX-License-Identifier: GPL-2.0-only
/*
 * Runs random sequences of every operation on /dev/setnsmon, in several threads and their
 * children, on several open files at once.
 *
 *	device_fuzz SEED SECONDS THREADS
 *
 * Each thread draws its sequence from the seed and its own number. With one thread the
 * whole run can be replayed. With more, the steps of each can, but not their timing.
 *
 * There are two kinds of open file, each at a descriptor that is reserved for it:
 *
 *   kept   Opened once a round and never sought. Every read by any thread or child, in
 *	    either format, is noted. At the end of the round the file is drained. On each
 *	    CPU every number must then have come once, or be in a gap, and the gaps must add
 *	    up to the losses that COUNTERS reports. The last of them has filters, which any
 *	    thread changes. On it numbers may be missing as well, as many as COUNTERS says
 *	    that were skipped.
 *   wild   Opened, closed, replaced, sought and filtered by any thread at any moment.
 *
 * On both, each read must return whole records in the order of time, and each call only
 * errors that are documented for its arguments. Each record must be of a call that was made
 * here. The program prints one line of figures. After a failure it prints the reason and the
 * last steps of that thread, and exits with 1.
 */
#define _GNU_SOURCE
#include <linux/setnsmon.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define RECORD	    sizeof(struct setnsmon_record)
#define MAX_THREADS 32
#define KEPT	    3
#define WILD	    3
#define FILES	    (KEPT + WILD)
#define FIRST_FD    200 /* far above all others */
#define MAX_CPUS    64
#define MAX_NOTES   (1U << 19)
#define ROOM	    (1 << 15)
#define TRACE	    24
#define ROUND_MS    1500

/* A note of records read from a kept file: @count records of @cpu, starting with number @seq. */
struct note {
	uint64_t seq;
	uint64_t count;
	uint32_t cpu;
	uint16_t file;
	uint16_t lost;
};

/* Data that children write, too. */
static struct {
	atomic_bool round_over;
	atomic_uint notes;
	atomic_uint calls;	/* setns(2) */
	atomic_uint steps;
	atomic_uint records;
	atomic_uint lost;
	atomic_uint failed;
	atomic_uint errors[256];	/* how often each was seen */
	struct note note[MAX_NOTES];
} *shared;

/**
 * struct fuzzer - one thread
 * @random: state of its sequence
 * @last: time of the last record that it read from each kept file
 * @trace: its last steps
 */
struct fuzzer {
	pthread_t id;
	unsigned int number;
	uint64_t random;
	uint64_t last[FILES];
	char *room;	/* ROOM bytes, then a hole */
	int set;	/* of epoll */
	char trace[TRACE][80];
	unsigned int steps;
	bool child;
	atomic_bool over;
};

static struct fuzzer fuzzers[MAX_THREADS];
static unsigned int threads, cpus;
static int namespaces[2]; /* joined in turns, because such calls have a ring of their own */

__attribute__((format(printf, 2, 3)))
static void step(struct fuzzer *f, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(f->trace[f->steps++ % TRACE], sizeof(f->trace[0]), fmt, args);
	va_end(args);
	shared->steps++;
}

__attribute__((format(printf, 2, 3), noreturn))
static void wrong(const struct fuzzer *f, const char *fmt, ...)
{
	char text[4096];
	unsigned int len, i;
	va_list args;

	va_start(args, fmt);
	len = vsnprintf(text, 1024, fmt, args);
	va_end(args);
	len += snprintf(text + len, sizeof(text) - len, "\n");
	for (i = f->steps > TRACE ? f->steps - TRACE : 0; f->room && i < f->steps; i++)
		len += snprintf(text + len, sizeof(text) - len, "  thread %u%s, step %u: %s\n",
				f->number, f->child ? " (child)" : "", i, f->trace[i % TRACE]);
	shared->failed++;
	if (write(1, text, len) < 0)
		_exit(2);
	_exit(1);
}

static uint64_t draw(struct fuzzer *f)
{
	f->random ^= f->random << 13;
	f->random ^= f->random >> 7;
	f->random ^= f->random << 17;
	return f->random * 0x2545f4914f6cdd1dULL >> 16;
}

static unsigned int below(struct fuzzer *f, unsigned int n)
{
	return draw(f) % n;
}

static bool one_in(struct fuzzer *f, unsigned int n)
{
	return below(f, n) == 0;
}

static int fd_of(unsigned int file)
{
	return FIRST_FD + file;
}

static bool is_kept(unsigned int file)
{
	return file < KEPT;
}

static bool is_filtered(unsigned int file)
{
	return file >= KEPT - 1;
}

/*
 * The error must be one of those listed (0 ends the list). A wild file may be closed
 * at any time, and any call may be interrupted.
 */
static void expect_errors(struct fuzzer *f, unsigned int file, const char *what, int error, ...)
{
	va_list args;
	int one;

	shared->errors[error & 0xff]++;
	if (error == EINTR || (error == EBADF && !is_kept(file)))
		return;
	va_start(args, error);
	while ((one = va_arg(args, int)))
		if (one == error) {
			va_end(args);
			return;
		}
	va_end(args);
	wrong(f, "%s of file %u: errno %d (%s)", what, file, error, strerror(error));
}

/* ---- results of a read ---- */

static void note(struct fuzzer *f, unsigned int file, uint32_t cpu, uint64_t seq, uint64_t count,
		 bool lost)
{
	unsigned int n;

	if (cpu >= cpus || !count)
		wrong(f, "file %u: CPU %u, number %" PRIu64 ", count %" PRIu64, file, cpu, seq, count);
	if (lost)
		shared->lost += count;
	else
		shared->records++;
	if (!is_kept(file))
		return;
	n = shared->notes++;
	if (n >= MAX_NOTES)
		wrong(f, "no room to note what was read");
	if (n >= MAX_NOTES / 2)
		shared->round_over = true;
	shared->note[n] = (struct note){ seq, count, cpu, file, lost };
}

/* The records that one thread reads from a kept file are in the order of time. */
static void check_time(struct fuzzer *f, unsigned int file, uint64_t boot_ns, uint64_t *last)
{
	if (boot_ns < *last)
		wrong(f, "file %u: time goes back from %" PRIu64 " to %" PRIu64, file, *last, boot_ns);
	*last = boot_ns;
}

static void check_binary(struct fuzzer *f, unsigned int file, const char *bytes, size_t len,
			 uint64_t *last)
{
	struct setnsmon_record rec;

	if (len % RECORD)
		wrong(f, "file %u: %zu bytes are no whole records", file, len);
	for (; len; bytes += RECORD, len -= RECORD) {
		memcpy(&rec, bytes, RECORD);
		if (rec.size != RECORD ||
		    (rec.type != SETNSMON_RECORD_SETNS && rec.type != SETNSMON_RECORD_LOST))
			wrong(f, "file %u: type %u, size %u", file, rec.type, rec.size);
		check_time(f, file, rec.boot_ns, last);
		if (rec.type == SETNSMON_RECORD_LOST) {
			note(f, file, rec.cpu, rec.seq, rec.lost.count, true);
			continue;
		}
		if (memcmp(rec.setns.comm, "device_fuzz", 11) || rec.setns.uid)
			wrong(f, "file %u: a call of %.16s, uid %u", file, rec.setns.comm, rec.setns.uid);
		note(f, file, rec.cpu, rec.seq, 1, false);
	}
}

static uint64_t number_after(struct fuzzer *f, const char *line, size_t len, const char *key)
{
	const char *p = memmem(line, len, key, strlen(key));
	uint64_t value = 0;

	if (!p)
		wrong(f, "no '%s' in %.*s", key, (int)len, line);
	for (p += strlen(key); *p >= '0' && *p <= '9'; p++)
		value = value * 10 + *p - '0';
	return value;
}

static void check_text(struct fuzzer *f, unsigned int file, const char *bytes, size_t len,
		       uint64_t *last)
{
	static const char head[] = "v=1 event=";

	while (len) {
		const char *end = memchr(bytes, '\n', len);
		size_t line = end ? (size_t)(end - bytes) + 1 : 0;
		bool lost;

		if (line < sizeof(head) || line > SETNSMON_LINE_MAX ||
		    memcmp(bytes, head, sizeof(head) - 1))
			wrong(f, "file %u: no whole line: %.*s", file, (int)len, bytes);
		lost = bytes[sizeof(head) - 1] == 'l';
		check_time(f, file, number_after(f, bytes, line, " boot_ns="), last);
		note(f, file, number_after(f, bytes, line, " cpu="),
		     number_after(f, bytes, line, " seq="),
		     lost ? number_after(f, bytes, line, " count=") : 1, lost);
		bytes += line;
		len -= line;
	}
}

/* Any thread may switch the format at any time, but not in the middle of a read. */
static void check_read(struct fuzzer *f, unsigned int file, const char *bytes, size_t len)
{
	uint64_t anew = 0, *last = is_kept(file) ? &f->last[file] : &anew;

	if (bytes[0] == 'v')
		check_text(f, file, bytes, len, last);
	else
		check_binary(f, file, bytes, len, last);
}

/* ---- steps ---- */

static uint64_t now_boot_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_BOOTTIME, &ts);
	return ts.tv_sec * UINT64_C(1000000000) + ts.tv_nsec;
}

static void nudge(void)
{
	syscall(SYS_setns, -1, shared->calls++);
}

static size_t some_size(struct fuzzer *f)
{
	static const size_t sizes[] = { 0, 1, 407, 408, 409, 815, 816, 817, 900, 4095, 4096, ROOM };

	return one_in(f, 3) ? below(f, ROOM + 1) : sizes[below(f, sizeof(sizes) / sizeof(sizes[0]))];
}

static void do_read(struct fuzzer *f, unsigned int file, int fd)
{
	size_t size = some_size(f);
	bool position = one_in(f, 4);
	long got;

	step(f, "%s file %u, fd %d, %zu bytes", position ? "pread" : "read", file, fd, size);
	got = position ? pread(fd, f->room, size, below(f, 1 << 20)) : read(fd, f->room, size);
	if (got > (long)size)
		wrong(f, "read: %ld of %zu", got, size);
	if (got > 0)
		check_read(f, file, f->room, got);
	else if (!got && size)
		wrong(f, "read of %zu: 0", size);
	else if (got < 0)
		expect_errors(f, file, "read", errno, EAGAIN, size < SETNSMON_LINE_MAX ? EINVAL : EAGAIN,
			      0);
}

/* The buffer ends at unmapped memory, or is not mapped at all. */
static void do_bad_read(struct fuzzer *f, unsigned int file, int fd)
{
	size_t reach = below(f, 1500);
	char *at = f->room + ROOM - reach;
	long got;

	if (one_in(f, 4)) {
		reach = 0;
		at = one_in(f, 2) ? NULL : (char *)-4096UL;
	}
	step(f, "read file %u, fd %d, %zu bytes before a hole", file, fd, reach);
	got = syscall(SYS_read, fd, at, 4096);
	if (got > (long)reach)
		wrong(f, "read: %ld, with room for %zu", got, reach);
	if (got > 0)
		check_read(f, file, at, got);
	else if (!got)
		wrong(f, "read: 0");
	else
		expect_errors(f, file, "bad read", errno, EAGAIN, EFAULT, 0);
}

/* Each part is a read of its own, so that the format may change between two. */
static void do_readv(struct fuzzer *f, unsigned int file, int fd)
{
	struct iovec parts[5];
	unsigned int count = below(f, 5) + 1, i;
	size_t at = 0, part;
	long got;

	for (i = 0; i < count; i++) {
		parts[i].iov_base = f->room + at;
		parts[i].iov_len = one_in(f, 3) ? RECORD : below(f, ROOM / 5);
		at += parts[i].iov_len;
	}
	step(f, "readv file %u, fd %d, %u parts, the first of %zu", file, fd, count, parts[0].iov_len);
	got = readv(fd, parts, count);
	if (got < 0) {
		expect_errors(f, file, "readv", errno, EAGAIN, EINVAL, 0);
		return;
	}
	for (i = 0; got && i < count; i++, got -= part) {
		part = (size_t)got < parts[i].iov_len ? (size_t)got : parts[i].iov_len;
		if (part)
			check_read(f, file, parts[i].iov_base, part);
	}
}

/* Most filters are valid, and some calls made here match them. */
static void some_filter(struct fuzzer *f, struct setnsmon_filter *filter)
{
	static const uint32_t errors[] = { EBADF, EPERM, EINVAL };

	memset(filter, 0, sizeof(*filter));
	switch (below(f, 10)) {
	case 0:
		((unsigned char *)filter)[below(f, sizeof(*filter))] = draw(f);
		break;
	case 1:
		filter->classes = below(f, 8) << 1;
		break;
	case 2:
		filter->results = below(f, 8);
		break;
	case 3:
		filter->error = errors[below(f, 3)];
		break;
	case 4:
		filter->flags_any = draw(f) & 0x7ff;
		break;
	case 5:
		filter->flags_none = draw(f) & 0x7ff;
		break;
	case 6:
		filter->kinds = one_in(f, 2) ? CLONE_NEWUTS : CLONE_NEWNET;
		break;
	case 7:
		filter->uid_count = below(f, 3);
		filter->pid = one_in(f, 2) ? getpid() : 0;
		break;
	case 8:
		filter->ns_inum = 0xeffffffeU + below(f, 4);
		filter->ns_places = below(f, 8);
		break;
	}
}

static void do_filter(struct fuzzer *f, unsigned int file, int fd)
{
	struct setnsmon_filter filter;

	some_filter(f, &filter);
	step(f, "filter of file %u, fd %d: %#x %#x %#x %#x %u %#x", file, fd, filter.events,
	     filter.classes, filter.kinds, filter.results, filter.error, filter.flags_any);
	if (ioctl(fd, SETNSMON_IOC_FILTER, is_filtered(file) ? &filter : NULL) < 0)
		expect_errors(f, file, "filter", errno, is_filtered(file) ? EINVAL : EFAULT, 0);
}

/* Seeks to a time up to a millisecond ago, or to any other. Only reads move kept files. */
static void do_seek_time(struct fuzzer *f, unsigned int file, int fd)
{
	uint64_t when = now_boot_ns() - below(f, 1 << 20);

	if (one_in(f, 4))
		when = draw(f) << below(f, 32);
	step(f, "seek of file %u, fd %d, to %" PRIu64, file, fd, when);
	if (ioctl(fd, SETNSMON_IOC_SEEK, is_kept(file) ? NULL : &when) < 0)
		expect_errors(f, file, "seek to a time", errno, is_kept(file) ? EFAULT : EINVAL, 0);
}

static void do_ioctl(struct fuzzer *f, unsigned int file, int fd)
{
	static const unsigned int numbers[] = { SETNSMON_IOC_INFO, SETNSMON_IOC_FORMAT,
						SETNSMON_IOC_COUNTERS };
	unsigned int which = below(f, 7), cmd = which < 3 ? numbers[which] : 0;
	void *arg = f->room;

	if (which == 5) {
		do_filter(f, file, fd);
		return;
	}
	if (which == 6) {
		do_seek_time(f, file, fd);
		return;
	}
	if (which == 3)
		cmd = _IOC(below(f, 4), SETNSMON_IOC_MAGIC, below(f, 3), below(f, 1 << 14));
	else if (which == 4)
		cmd = _IOC(below(f, 4), SETNSMON_IOC_MAGIC, 32 + below(f, 224), below(f, 1 << 14));
	*(uint32_t *)f->room = one_in(f, 8) ? (uint32_t)draw(f) : below(f, 2);
	if (one_in(f, 8))
		arg = one_in(f, 2) ? f->room + ROOM - below(f, 48) : NULL;
	step(f, "ioctl file %u, fd %d, %#x, %p, %#x", file, fd, cmd, arg, *(uint32_t *)f->room);
	if (ioctl(fd, cmd, arg) < 0)
		expect_errors(f, file, "ioctl", errno, which < 4 ? EINVAL : ENOTTY,
			      arg == f->room ? EINVAL : EFAULT, 0);
	else if (which == 4)
		wrong(f, "ioctl %#x is known", cmd);
}

static void do_seek(struct fuzzer *f, unsigned int file, int fd)
{
	int whence = one_in(f, 4) ? (int)below(f, 7) : one_in(f, 2) ? SEEK_SET : SEEK_END;
	off_t offset = one_in(f, 4) ? (off_t)(draw(f) << below(f, 32)) : 0;

	/* Only reads move kept files. */
	if (is_kept(file) && (whence == SEEK_SET || whence == SEEK_END) && !offset)
		offset = 1;
	step(f, "lseek file %u, fd %d, %lld, %d", file, fd, (long long)offset, whence);
	if (lseek(fd, offset, whence) < 0)
		expect_errors(f, file, "lseek", errno,
			      whence == SEEK_SET || whence == SEEK_END || whence > SEEK_HOLE ?
			      EINVAL : ESPIPE, 0);
	else if (offset)
		wrong(f, "lseek %lld, %d", (long long)offset, whence);
}

/* With a single thread, a read must find what poll reported. */
static void do_poll(struct fuzzer *f, unsigned int file, int fd)
{
	struct pollfd p = { .fd = fd, .events = below(f, 2) ? POLLIN : (short)draw(f) };
	int ready = poll(&p, 1, below(f, 3));
	long got;

	step(f, "poll file %u, fd %d, %#x: %d, %#x", file, fd, p.events, ready, p.revents);
	if (ready < 0)
		expect_errors(f, file, "poll", errno, EINTR, 0);
	else if (p.revents & ~(POLLIN | POLLRDNORM | (is_kept(file) ? 0 : POLLNVAL)))
		wrong(f, "poll: %#x", p.revents);
	if (ready < 0 || threads > 1 || !(p.events & POLLIN) || p.revents & POLLNVAL)
		return;
	if (fcntl(fd, F_SETFL, O_NONBLOCK))
		return;
	got = read(fd, f->room, ROOM);
	if ((got > 0) != (ready > 0))
		wrong(f, "poll said %d, a read then %ld, errno %d", ready, got, errno);
	if (got > 0)
		check_read(f, file, f->room, got);
}

static void do_epoll(struct fuzzer *f, unsigned int file, int fd)
{
	static const unsigned int kinds[] = { 0, EPOLLET, EPOLLONESHOT, EPOLLEXCLUSIVE,
					      EPOLLEXCLUSIVE | EPOLLET };
	struct epoll_event event = { .events = EPOLLIN | kinds[below(f, 5)] }, got[4];
	int n, op = one_in(f, 3) ? EPOLL_CTL_DEL : one_in(f, 4) ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;

	step(f, "epoll_ctl %d file %u, fd %d, %#x", op, file, fd, event.events);
	if (f->child)
		return;		/* the parent shares the set */
	if (epoll_ctl(f->set, op, fd, &event))
		expect_errors(f, file, "epoll_ctl", errno, EEXIST, ENOENT, EINVAL, 0);
	n = epoll_wait(f->set, got, 4, below(f, 3));
	if (n < 0)
		expect_errors(f, file, "epoll_wait", errno, EINTR, 0);
	while (n-- > 0)
		if (got[n].events & ~EPOLLIN)
			wrong(f, "epoll_wait: %#x", got[n].events);
}

static void do_flags(struct fuzzer *f, unsigned int file, int fd)
{
	int flags = one_in(f, 4) ? 0 : O_NONBLOCK;

	/* A single thread must not wait for an event that nobody else can cause. */
	if (threads == 1)
		flags = O_NONBLOCK;
	step(f, "fcntl file %u, fd %d, %#x", file, fd, flags);
	if (fcntl(fd, F_SETFL, flags | (one_in(f, 8) ? O_APPEND : 0)))
		expect_errors(f, file, "fcntl", errno, EBADF, 0);
}

/* Replaces or closes a wild file. */
static void do_replace(struct fuzzer *f, unsigned int file)
{
	int fd;

	if (is_kept(file))
		return;
	if (one_in(f, 3)) {
		step(f, "close file %u", file);
		if (close(fd_of(file)))
			expect_errors(f, file, "close", errno, EBADF, 0);
		return;
	}
	step(f, "open file %u", file);
	fd = open(SETNSMON_DEVICE, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		wrong(f, "open: errno %d", errno);
	if (dup3(fd, fd_of(file), O_CLOEXEC) < 0)
		expect_errors(f, file, "dup3", errno, EBUSY, 0);
	close(fd);
}

static void do_open_wrongly(struct fuzzer *f, unsigned int file)
{
	static const int ways[] = { O_RDWR, O_WRONLY, O_RDWR | O_NONBLOCK, O_RDONLY | O_DIRECT,
				    O_WRONLY | O_TRUNC };
	int way = ways[below(f, 5)];

	step(f, "open, %#o", way);
	if (open(SETNSMON_DEVICE, way) >= 0)
		wrong(f, "opened with %#o", way);
	expect_errors(f, file, "open", errno, way & O_DIRECT ? EINVAL : EPERM, 0);
}

static void join(const struct fuzzer *f, unsigned int which)
{
	shared->calls++;
	if (syscall(SYS_setns, namespaces[which], 0))
		wrong(f, "setns: errno %d", errno);
}

static void do_calls(struct fuzzer *f)
{
	unsigned int count = one_in(f, 10) ? below(f, 400) : below(f, 8), i;

	step(f, "setns, %u times", count);
	for (i = 0; i < count; i++) {
		if (one_in(f, 3)) {
			join(f, below(f, 2));
		} else {
			nudge();
		}
	}
}

static void do_other(struct fuzzer *f, unsigned int file, int fd)
{
	switch (below(f, 4)) {
	case 0:
		step(f, "write file %u, fd %d", file, fd);
		if (syscall(SYS_write, fd, f->room, below(f, 100)) >= 0 || errno != EBADF)
			wrong(f, "write: errno %d", errno);
		break;
	case 1:
		step(f, "mmap file %u, fd %d", file, fd);
		if (mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0) != MAP_FAILED)
			wrong(f, "mmap");
		expect_errors(f, file, "mmap", errno, ENODEV, 0);
		break;
	case 2:
		step(f, "ftruncate file %u, fd %d", file, fd);
		if (!ftruncate(fd, 0))
			wrong(f, "ftruncate");
		expect_errors(f, file, "ftruncate", errno, EINVAL, 0);
		break;
	default:
		step(f, "fsync file %u, fd %d", file, fd);
		if (!fsync(fd))
			wrong(f, "fsync");
		expect_errors(f, file, "fsync", errno, EINVAL, 0);
	}
}

static void some_step(struct fuzzer *f);

/* Runs some steps in a child, which shares the open files and their positions. */
static void do_fork(struct fuzzer *f)
{
	unsigned int i, count = below(f, 20) + 1;
	int status;
	pid_t child;

	if (f->child)
		return;
	step(f, "fork, %u steps", count);
	child = fork();
	if (child < 0)
		return;
	if (!child) {
		f->child = true;
		for (i = 0; i < count && !shared->round_over; i++)
			some_step(f);
		_exit(0);
	}
	while (waitpid(child, &status, 0) < 0)
		if (shared->round_over)
			kill(child, SIGUSR1); /* the child may be waiting for a record */
	if (status)
		wrong(f, "the child: status %#x", status);
	/* The child read after us, but it is unknown when. */
}

static void do_signal(struct fuzzer *f)
{
	unsigned int other = below(f, threads);

	if (f->child || fuzzers[other].over)
		return;
	step(f, "signal to thread %u", other);
	pthread_kill(fuzzers[other].id, SIGUSR1);
}

static void on_file(struct fuzzer *f, unsigned int kind, unsigned int file, int fd)
{
	if (kind < 40)
		do_read(f, file, fd);
	else if (kind < 48)
		do_bad_read(f, file, fd);
	else if (kind < 56)
		do_readv(f, file, fd);
	else if (kind < 66)
		do_ioctl(f, file, fd);
	else if (kind < 74)
		do_seek(f, file, fd);
	else if (kind < 80)
		do_poll(f, file, fd);
	else if (kind < 86)
		do_flags(f, file, fd);
	else
		do_other(f, file, fd);
}

/* Uses a duplicate now and then, so that its close is not the last one. */
static void by_dup(struct fuzzer *f, unsigned int kind, unsigned int file)
{
	int fd = dup(fd_of(file));

	step(f, "dup file %u: %d", file, fd);
	if (fd < 0) {
		expect_errors(f, file, "dup", errno, EBADF, 0);
		return;
	}
	on_file(f, kind, file, fd);
	close(fd);
}

static void some_step(struct fuzzer *f)
{
	unsigned int kind = below(f, 120), file = below(f, FILES);

	if (kind < 90)
		(one_in(f, 8) ? by_dup(f, kind, file) : on_file(f, kind, file, fd_of(file)));
	else if (kind < 94)
		do_epoll(f, file, fd_of(file));
	else if (kind < 98)
		do_replace(f, file);
	else if (kind < 100)
		do_open_wrongly(f, file);
	else if (kind < 102)
		do_fork(f);
	else if (kind < 104)
		do_signal(f);
	else
		do_calls(f);
}

static pthread_barrier_t begin;

static void *fuzz(void *arg)
{
	struct fuzzer *f = arg;

	pthread_barrier_wait(&begin); /* from here on signals may arrive */
	while (!shared->round_over)
		some_step(f);
	f->over = true;
	return NULL;
}

/* ---- a round ---- */

static long now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000L + ts.tv_nsec / 1000000;
}

static void on_signal(int signal)
{
	(void)signal;
}

static void open_files(struct fuzzer *f)
{
	unsigned int file;

	for (file = 0; file < FILES; file++) {
		int fd = open(SETNSMON_DEVICE, O_RDONLY | O_NONBLOCK | O_CLOEXEC);

		if (fd < 0 || dup3(fd, fd_of(file), O_CLOEXEC) < 0)
			wrong(f, "open: errno %d", errno);
		close(fd);
	}
}

static int by_place(const void *a, const void *b)
{
	const struct note *x = a, *y = b;

	if (x->file != y->file)
		return x->file < y->file ? -1 : 1;
	if (x->cpu != y->cpu)
		return x->cpu < y->cpu ? -1 : 1;
	return x->seq < y->seq ? -1 : x->seq > y->seq;
}

/* Checks for each file and CPU that every number came exactly once, or was skipped. */
static void check_notes(struct fuzzer *f)
{
	uint64_t lost[KEPT] = { 0 }, end[KEPT] = { 0 }, came[KEPT] = { 0 }, before[KEPT] = { 0 };
	struct setnsmon_counters counters;
	const struct note *n = shared->note, *all = n + shared->notes;
	unsigned int file;

	qsort(shared->note, shared->notes, sizeof(*n), by_place);
	for (; n < all; n++) {
		bool same = n > shared->note && n[-1].file == n->file && n[-1].cpu == n->cpu;

		if (same && (is_filtered(n->file) ? n[-1].seq + n[-1].count > n->seq :
						    n[-1].seq + n[-1].count != n->seq))
			wrong(f, "file %u, CPU %u: %" PRIu64 " follows %" PRIu64 " + %" PRIu64, n->file,
			      n->cpu, n->seq, n[-1].seq, n[-1].count);
		if (n->lost)
			lost[n->file] += n->count;
		came[n->file] += n->count;
		if (!same)
			before[n->file] += n->seq;
		if (n + 1 == all || n[1].file != n->file || n[1].cpu != n->cpu)
			end[n->file] += n->seq + n->count;
	}
	for (file = 0; file < KEPT; file++) {
		if (ioctl(fd_of(file), SETNSMON_IOC_COUNTERS, &counters))
			wrong(f, "COUNTERS: errno %d", errno);
		if (counters.lost != lost[file])
			wrong(f, "file %u: %" PRIu64 " lost, COUNTERS says %" PRIu64, file, lost[file],
			      (uint64_t)counters.lost);
		/* All files were opened before the first call of the round, so they begin alike. */
		if (before[0] + came[file] + counters.skipped != counters.recorded)
			wrong(f, "file %u: %" PRIu64 " before, %" PRIu64 " came, %" PRIu64 " skipped, of %"
			      PRIu64, file, before[0], came[file], (uint64_t)counters.skipped,
			      (uint64_t)counters.recorded);
		if (counters.skipped && !is_filtered(file))
			wrong(f, "file %u: %" PRIu64 " skipped", file, (uint64_t)counters.skipped);
		if (!is_filtered(file) && end[file] != counters.recorded)
			wrong(f, "file %u: read up to %" PRIu64 " of %" PRIu64, file, end[file],
			      (uint64_t)counters.recorded);
		if (counters.entered != shared->calls || counters.missed)
			wrong(f, "%u calls, %" PRIu64 " entered, %" PRIu64 " missed", shared->calls,
			      (uint64_t)counters.entered, (uint64_t)counters.missed);
	}
}

/* Threads that wait are interrupted, and get something to read. */
static void end_round(void)
{
	unsigned int i;

	shared->round_over = true;
	for (i = 0; i < threads; i++)
		while (!fuzzers[i].over) {
			pthread_kill(fuzzers[i].id, SIGUSR1);
			nudge();
			usleep(2000);
		}
	for (i = 0; i < threads; i++)
		pthread_join(fuzzers[i].id, NULL);
}

static void drain(struct fuzzer *f, unsigned int file)
{
	long got;

	if (fcntl(fd_of(file), F_SETFL, O_NONBLOCK))
		wrong(f, "fcntl: errno %d", errno);
	f->last[file] = 0;
	while ((got = read(fd_of(file), f->room, ROOM)) > 0)
		check_read(f, file, f->room, got);
	if (got == 0 || errno != EAGAIN)
		wrong(f, "drained: %ld, errno %d", got, errno);
}

static void run_round(struct fuzzer *f)
{
	unsigned int i;

	shared->notes = 0;
	shared->round_over = false;
	open_files(f);
	for (i = 0; i < threads; i++) {
		fuzzers[i].over = false;
		memset(fuzzers[i].last, 0, sizeof(fuzzers[i].last));
		if (pthread_create(&fuzzers[i].id, NULL, fuzz, &fuzzers[i]))
			wrong(f, "pthread_create");
	}
	pthread_barrier_wait(&begin);
	for (i = 0; i < ROUND_MS / 10 && !shared->round_over; i++)
		usleep(10000);
	end_round();
	for (i = 0; i < KEPT; i++)
		drain(f, i);
	check_notes(f);
	for (i = 0; i < FILES; i++)
		close(fd_of(i));
}

static void prepare(struct fuzzer *f, unsigned int number, uint64_t seed)
{
	f->number = number;
	f->random = (seed + 1) * 0x9e3779b97f4a7c15ULL + number * 0xbf58476d1ce4e5b9ULL;
	f->random += !f->random;
	f->room = mmap(NULL, ROOM + 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	f->set = epoll_create1(EPOLL_CLOEXEC);
	if (f->room == MAP_FAILED || mprotect(f->room + ROOM, 4096, PROT_NONE) || f->set < 0) {
		perror("device_fuzz");
		exit(2);
	}
}

static void make_namespaces(void)
{
	namespaces[0] = open("/proc/self/ns/uts", O_RDONLY | O_CLOEXEC);
	if (unshare(CLONE_NEWUTS)) {
		perror("device_fuzz: unshare");
		exit(2);
	}
	namespaces[1] = open("/proc/self/ns/uts", O_RDONLY | O_CLOEXEC);
}

int main(int argc, char **argv)
{
	struct sigaction action = { .sa_handler = on_signal };
	static struct fuzzer referee;
	unsigned int i, rounds = 0;
	uint64_t seed;
	long until;

	if (argc != 4) {
		fprintf(stderr, "usage: device_fuzz SEED SECONDS THREADS\n");
		return 2;
	}
	seed = strtoull(argv[1], NULL, 0);
	until = now_ms() + atol(argv[2]) * 1000;
	threads = atoi(argv[3]);
	if (!threads || threads > MAX_THREADS)
		return 2;
	cpus = sysconf(_SC_NPROCESSORS_CONF);
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED)
		return 2;
	sigaction(SIGUSR1, &action, NULL);
	pthread_barrier_init(&begin, NULL, threads + 1);
	make_namespaces();
	prepare(&referee, MAX_THREADS, seed);
	for (i = 0; i < threads; i++)
		prepare(&fuzzers[i], i, seed);
	do {
		run_round(&referee);
		rounds++;
	} while (now_ms() < until);
	printf("%u rounds, %u steps, %u calls, %u records read, %u lost; of errors:", rounds,
	       shared->steps, shared->calls, shared->records, shared->lost);
	for (i = 0; i < 256; i++)
		if (shared->errors[i])
			printf(" %u (%s),", shared->errors[i], strerror(i));
	printf("\n");
	return shared->failed != 0;
}
