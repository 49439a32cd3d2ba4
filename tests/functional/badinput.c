// SPDX-License-Identifier: GPL-2.0-only
/*
 * /dev/setnsmon and those who hold it wrong: every length, every bad buffer, every
 * ioctl, calls that it does not have, and files that many use at once. Built for 64
 * and for 32 bit. What device_abi.c tries once is tried here all along its range.
 *
 *	badinput RING-RECORDS
 *
 * Prints TAP. Nobody else may call setns(2) meanwhile.
 */
#define _GNU_SOURCE
#include "reading.h"

#include <limits.h>
#include <linux/fs.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/select.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>

#define RECORD	sizeof(struct setnsmon_record)
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static unsigned int ring_records;

/* Where no program has memory: the kernel's own, what is no address, and the very end. */
static const unsigned long nowhere[] = {
#ifdef __x86_64__
	0xffffffff81000000, /* its code */
	0xffffffffc0000000, /* its modules */
	0xffff888000000000, /* all memory */
	0xffff800000000000, 0x8000000000000000, 0x0000800000000000, 0x00007ffffffff000,
	0xfffffffffffff000,
#else
	0xfffff000, 0xffffff00,
#endif
	~0UL, 0, 8, 4080,
};

/* ---- ioctl ---- */

static char room[1 << 14];

static void every_unlisted_number_is_enotty(void)
{
	static const unsigned int sizes[] = { 0, 4, 16, sizeof(struct setnsmon_counters), 16383 };
	int fd = fresh(0);

	/* Up to 32 some may be listed one day. */
	for (unsigned int nr = 32; nr < 256; nr++)
		for (unsigned int dir = 0; dir < 4; dir++)
			for (unsigned int i = 0; i < COUNT(sizes); i++)
				FAILS(ioctl(fd, _IOC(dir, SETNSMON_IOC_MAGIC, nr, sizes[i]), room),
				      ENOTTY);
	close(fd);
}

static const unsigned int listed[] = { SETNSMON_IOC_INFO, SETNSMON_IOC_FORMAT,
				       SETNSMON_IOC_COUNTERS };

static void listed_numbers_of_every_other_magic_are_enotty(void)
{
	int fd = fresh(0);

	for (unsigned int magic = 0; magic < 256; magic++)
		for (unsigned int i = 0; i < COUNT(listed); i++)
			if (magic != SETNSMON_IOC_MAGIC)
				FAILS(ioctl(fd, _IOC(_IOC_DIR(listed[i]), magic, _IOC_NR(listed[i]),
						     _IOC_SIZE(listed[i])), room), ENOTTY);
	close(fd);
}

static void every_other_size_and_direction_is_einval(void)
{
	int fd = fresh(0);

	for (unsigned int i = 0; i < COUNT(listed); i++)
		for (unsigned int dir = 0; dir < 4; dir++)
			for (unsigned int size = 0; size < 1 << 14; size += size < 256 ? 1 : 509)
				if (_IOC(dir, SETNSMON_IOC_MAGIC, _IOC_NR(listed[i]), size) !=
				    listed[i])
					FAILS(ioctl(fd, _IOC(dir, SETNSMON_IOC_MAGIC,
							     _IOC_NR(listed[i]), size), room),
					      EINVAL);
	close(fd);
}

/* At every distance from the end of what may be written, and nowhere at all. */
static void ioctl_pointers_that_do_not_reach(void)
{
	int fd = fresh(O_NONBLOCK);
	char *page = page_before_hole();

	for (unsigned int i = 0; i < COUNT(listed); i++) {
		unsigned int size = _IOC_SIZE(listed[i]);

		for (unsigned int reach = 0; reach < size; reach++)
			FAILS(ioctl(fd, listed[i], page + 4096 - reach), EFAULT);
		memset(page + 4096 - size, 0, size);
		EQ(ioctl(fd, listed[i], page + 4096 - size), 0);
		for (unsigned int n = 0; n < COUNT(nowhere); n++)
			FAILS(ioctl(fd, listed[i], nowhere[n]), EFAULT);
	}
	munmap(page, 8192);
	close(fd);
}

static void ioctl_on_a_read_only_page(void)
{
	int fd = fresh(O_NONBLOCK);
	char *page = page_before_hole();

	*(uint32_t *)page = SETNSMON_FORMAT_BINARY;
	mprotect(page, 4096, PROT_READ);
	FAILS(ioctl(fd, SETNSMON_IOC_INFO, page), EFAULT);
	FAILS(ioctl(fd, SETNSMON_IOC_COUNTERS, page), EFAULT);
	EQ(ioctl(fd, SETNSMON_IOC_FORMAT, page), 0); /* it is only read */
	event();
	expect_record(fd, mark - 1);
	munmap(page, 8192);
	close(fd);
}

static void failed_format_changes_nothing(void)
{
	int text = fresh(O_NONBLOCK), bin = binary(O_NONBLOCK);

	for (unsigned int n = 0; n < COUNT(nowhere); n++) {
		FAILS(ioctl(text, SETNSMON_IOC_FORMAT, nowhere[n]), EFAULT);
		FAILS(ioctl(bin, SETNSMON_IOC_FORMAT, nowhere[n]), EFAULT);
	}
	event();
	expect_line(text, mark - 1);
	expect_record(bin, mark - 1);
	close(text);
	close(bin);
}

static void ioctls_write_what_they_say_and_no_more(void)
{
	static const unsigned int writers[] = { SETNSMON_IOC_INFO, SETNSMON_IOC_COUNTERS };
	int fd = fresh(0);

	for (unsigned int i = 0; i < COUNT(writers); i++) {
		unsigned int size = _IOC_SIZE(writers[i]), changed = 0;

		memset(room, 0xee, sizeof(room));
		EQ(ioctl(fd, writers[i], room + 1), 0); /* nor need it be aligned */
		for (unsigned int n = 0; n < 256; n++)
			if (room[n] != (char)0xee && (n < 1 || n > size))
				FAIL("byte %u of %u was written", n, size);
			else
				changed += room[n] != (char)0xee;
		EQ(changed, size);
	}
	close(fd);
}

/* ---- lengths ---- */

/* What the device holds, from its oldest record on, in one piece; how long it is. */
static size_t all_of(int fd, char *bytes, size_t size)
{
	size_t len = 0;
	long got;

	EQ(lseek(fd, 0, SEEK_SET), 0);
	while ((got = take(fd, bytes + len, size - len)) > 0)
		len += got;
	if (errno != EAGAIN)
		abort(); /* not loaded afresh: it holds too much to try every length */
	return len;
}

static char whole[1 << 16], again[1 << 16];

/* How much of @bytes is whole units and at most @size. */
static size_t units_in(const char *bytes, size_t len, size_t size, bool text)
{
	size_t at = 0, next = 0;

	while (next <= size && next <= len) {
		at = next;
		if (at == len)
			break;
		next = text ? (size_t)((char *)memchr(bytes + at, '\n', len - at) - bytes) + 1 :
			      at + RECORD;
	}
	return at;
}

/* A read of @size bytes gives just what of the stream fits, the next one the rest. */
static void read_length(int fd, size_t len, size_t size, bool text)
{
	size_t want = units_in(whole, len, size, text);
	long got, rest = 0;

	EQ(lseek(fd, 0, SEEK_SET), 0);
	memset(again, 0xee, size + 64);
	errno = 0;
	got = take(fd, again, size);
	if (size && !want) {
		if (got != -1 || errno != EINVAL)
			FAIL("read of %zu: %ld, errno %d", size, got, errno);
		got = 0;
	} else if ((size_t)got != want) {
		FAIL("read of %zu: %ld, expected %zu, errno %d", size, got, want, errno);
	}
	for (size_t i = got; i < size + 64; i++)
		if (again[i] != (char)0xee) {
			FAIL("read of %zu wrote byte %zu, beyond %ld", size, i, got);
			break;
		}
	if ((size_t)got < len)
		rest = take(fd, again + got, sizeof(again) - got);
	if (got + rest != (long)len || memcmp(whole, again, len))
		FAIL("read of %zu and the rest: %ld + %ld of %zu", size, got, rest, len);
	expect_drained(fd);
}

/* The first case: three records are held, no more. */
static void every_length(bool text)
{
	int fd = text ? fresh(O_NONBLOCK) : binary(O_NONBLOCK);
	size_t len = all_of(fd, whole, sizeof(whole)), two;

	two = text ? units_in(whole, len, len - 1, true) : 2 * RECORD;
	CHECK(len > two && two > 600);
	for (size_t size = 0; size <= two + 1; size++)
		read_length(fd, len, size, text);
	for (size_t size = len - 1; size < len + 2; size++)
		read_length(fd, len, size, text);
	close(fd);
}

static void every_length_of_binary(void)
{
	events(3);
	every_length(false);
}

static void every_length_of_text(void)
{
	every_length(true);
}

/* So many bytes may be written, then the memory ends. */
static void read_before_hole(int fd, char *page, size_t len, size_t reach, bool text)
{
	size_t want = units_in(whole, len, reach, text);
	long got, rest;

	EQ(lseek(fd, 0, SEEK_SET), 0);
	errno = 0;
	got = take(fd, page + 4096 - reach, 4096);
	if (!want ? got != -1 || errno != EFAULT : got != (long)want)
		FAIL("read with %zu bytes of room: %ld, errno %d", reach, got, errno);
	if (got > 0 && memcmp(page + 4096 - reach, whole, got))
		FAIL("read with %zu bytes of room: something else", reach);
	if (got < 0)
		got = 0;
	rest = take(fd, again, sizeof(again));
	if (got + rest != (long)len || memcmp(whole + got, again, rest))
		FAIL("after a read with %zu bytes of room: %ld + %ld of %zu", reach, got, rest, len);
}

static void every_hole(bool text)
{
	int fd = text ? fresh(O_NONBLOCK) : binary(O_NONBLOCK);
	size_t len = all_of(fd, whole, sizeof(whole));
	char *page = page_before_hole();

	CHECK(len > 2 * RECORD);
	for (size_t reach = 0; reach < (text ? 2400 : 2 * RECORD + 2) && reach < len; reach++)
		read_before_hole(fd, page, len, reach, text);
	munmap(page, 8192);
	close(fd);
}

static void every_hole_in_binary(void)
{
	every_hole(false);
}

static void every_hole_in_text(void)
{
	every_hole(true);
}

/* A page that can be written only as far as its file goes: not at all. */
static char *page_beyond_the_file(void)
{
	char name[] = "/tmp/badinput.XXXXXX";
	int file = mkstemp(name);
	char *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);

	if (file < 0 || p == MAP_FAILED)
		abort();
	unlink(name);
	close(file);
	return p;
}

static void bad_buffers_lose_nothing(void)
{
	int text = fresh(O_NONBLOCK), bin = binary(O_NONBLOCK);
	char *page = page_before_hole(), *beyond = page_beyond_the_file();

	mprotect(page, 4096, PROT_READ);
	event();
	for (unsigned int n = 0; n < COUNT(nowhere); n++) {
		FAILS(take(text, (void *)nowhere[n], 4096), EFAULT);
		FAILS(take(bin, (void *)nowhere[n], 4096), EFAULT);
		FAILS(take(bin, (void *)nowhere[n], RECORD), EFAULT);
	}
	FAILS(take(text, page, 4096), EFAULT);
	FAILS(take(bin, page, 4096), EFAULT);
	FAILS(take(text, beyond, 4096), EFAULT);
	FAILS(take(bin, beyond, 4096), EFAULT);
	expect_line(text, mark - 1);
	expect_record(bin, mark - 1);
	expect_drained(text);
	expect_drained(bin);
	munmap(page, 8192);
	munmap(beyond, 4096);
	close(text);
	close(bin);
}

/* The kernel may say no to such a count; if it does not, it means "all there is". */
static void enormous_counts(void)
{
	static const size_t counts[] = { INT_MAX, INT_MAX - 4095, UINT_MAX, SIZE_MAX, SIZE_MAX / 2,
					 SIZE_MAX / 2 + 1, SIZE_MAX - 4095 };
	int bin = binary(O_NONBLOCK);
	struct setnsmon_record recs[4];

	for (unsigned int i = 0; i < COUNT(counts); i++) {
		long got;

		events(2);
		errno = 0;
		got = take(bin, recs, counts[i]);
		if (got < 0) {
			if (errno != EFAULT && errno != EINVAL)
				FAIL("read of %zu: errno %d", counts[i], errno);
			got = take(bin, recs, sizeof(recs));
		}
		EQ(got, 2 * RECORD);
		IS_RECORD(&recs[0], mark - 2);
		IS_RECORD(&recs[1], mark - 1);
	}
	close(bin);
}

static void parts_of_a_readv_are_filled_in_turn(void)
{
	int bin = binary(O_NONBLOCK);
	struct setnsmon_record recs[3];
	struct iovec parts[] = { { &recs[0], RECORD }, { NULL, 0 }, { &recs[1], RECORD },
				 { NULL, RECORD }, { &recs[2], RECORD } };
	struct iovec small[] = { { &recs[0], 100 }, { (char *)&recs[0] + 100, RECORD - 100 } };

	events(3);
	FAILS(readv(bin, small, 2), EINVAL); /* a record is not put into two buffers */
	EQ(readv(bin, parts, 5), 2 * RECORD);
	IS_RECORD(&recs[0], mark - 3);
	IS_RECORD(&recs[1], mark - 2);
	/* By the system call: the compiler knows better than to do this. */
	FAILS(syscall(SYS_readv, bin, nowhere[0], 2), EFAULT);
	FAILS(syscall(SYS_readv, bin, parts, -1), EINVAL);
	FAILS(syscall(SYS_readv, bin, parts, IOV_MAX + 1), EINVAL);
	EQ(readv(bin, parts, 0), 0);
	expect_record(bin, mark - 1);
	close(bin);
}

/* ---- what it is not made for ---- */

static void position_of_a_pread_does_not_matter(void)
{
	static const off_t positions[] = { 0, 1, 12345, INT_MAX };
	int bin = binary(O_NONBLOCK);
	struct setnsmon_record rec;
	struct iovec part = { &rec, sizeof(rec) };

	for (unsigned int i = 0; i < COUNT(positions); i++) {
		events(2);
		EQ(pread(bin, &rec, sizeof(rec), positions[i]), RECORD);
		IS_RECORD(&rec, mark - 2);
		EQ(preadv(bin, &part, 1, positions[i]), RECORD);
		IS_RECORD(&rec, mark - 1);
	}
	event();
	FAILS(pread(bin, &rec, sizeof(rec), -1), EINVAL);
	FAILS(preadv(bin, &part, 1, -1), EINVAL);
	FAILS(preadv2(bin, &part, 1, 0, RWF_NOWAIT), EOPNOTSUPP);
	FAILS(preadv2(bin, &part, 1, 0, 0x40000000), EOPNOTSUPP);
	expect_record(bin, mark - 1);
	close(bin);
}

static void nothing_is_spliced_out_of_it(void)
{
	int bin = binary(O_NONBLOCK), ends[2], null = open("/dev/null", O_WRONLY);

	if (pipe2(ends, O_NONBLOCK))
		abort();
	event();
	FAILS(splice(bin, NULL, ends[1], NULL, 4096, SPLICE_F_NONBLOCK), EINVAL);
	FAILS(splice(ends[0], NULL, bin, NULL, 4096, SPLICE_F_NONBLOCK), EBADF);
	FAILS(tee(bin, ends[1], 4096, SPLICE_F_NONBLOCK), EINVAL);
	FAILS(sendfile(ends[1], bin, NULL, 4096), EINVAL);
	FAILS(sendfile(null, bin, NULL, 4096), EINVAL);
	FAILS(copy_file_range(bin, NULL, null, NULL, 4096, 0), EINVAL);
	expect_record(bin, mark - 1);
	close(ends[0]);
	close(ends[1]);
	close(null);
	close(bin);
}

static void nothing_is_written_to_it(void)
{
	int fd = fresh(O_NONBLOCK);
	struct iovec part = { room, 8 };

	FAILS(write(fd, room, 8), EBADF);
	FAILS(write(fd, room, 0), EBADF);
	FAILS(pwrite(fd, room, 8, 0), EBADF);
	FAILS(writev(fd, &part, 1), EBADF);
	FAILS(pwritev(fd, &part, 1, 0), EBADF);
	FAILS(fallocate(fd, 0, 0, 4096), EBADF);
	FAILS(ftruncate(fd, 0), EINVAL);
	FAILS(fsync(fd), EINVAL);
	FAILS(fdatasync(fd), EINVAL);
	FAILS(sync_file_range(fd, 0, 4096, SYNC_FILE_RANGE_WRITE), ESPIPE);
	close(fd);
}

static void it_is_no_memory(void)
{
	static const int kinds[] = { MAP_SHARED, MAP_PRIVATE, MAP_SHARED_VALIDATE };
	static const int rights[] = { PROT_NONE, PROT_READ, PROT_READ | PROT_EXEC };
	int fd = fresh(O_NONBLOCK);

	for (unsigned int i = 0; i < COUNT(kinds); i++)
		for (unsigned int n = 0; n < COUNT(rights); n++)
			FAILS((long)mmap(NULL, 4096, rights[n], kinds[i], fd, 0), ENODEV);
	FAILS((long)mmap(NULL, 4096, PROT_WRITE, MAP_SHARED, fd, 0), EACCES);
	FAILS((long)mmap(NULL, 4096, PROT_WRITE, MAP_PRIVATE, fd, 0), ENODEV);
	close(fd);
}

static void it_is_neither_directory_nor_socket(void)
{
	int fd = fresh(O_NONBLOCK), n;

	FAILS(fchdir(fd), ENOTDIR);
	FAILS(openat(fd, "x", O_RDONLY), ENOTDIR);
	FAILS(syscall(SYS_getdents64, fd, room, sizeof(room)), ENOTDIR);
	FAILS(listen(fd, 1), ENOTSOCK);
	FAILS(recv(fd, room, 8, MSG_DONTWAIT), ENOTSOCK);
	FAILS(readahead(fd, 0, 4096), EINVAL);
	FAILS(ioctl(fd, FIONREAD, &n), ENOTTY);
	FAILS(fcntl(fd, F_SETLEASE, F_RDLCK), EINVAL);
	FAILS(fcntl(fd, F_GETPIPE_SZ), EBADF);
	EQ(flock(fd, LOCK_EX | LOCK_NB), 0); /* that, any file can */
	close(fd);
}

static unsigned int readers(int fd)
{
	struct setnsmon_counters counters = { 0 };

	EQ(ioctl(fd, SETNSMON_IOC_COUNTERS, &counters), 0);
	return counters.readers;
}

static void odd_opens_leave_no_reader_behind(void)
{
	int fd = fresh(O_NONBLOCK), odd;

	FAILS(open(SETNSMON_DEVICE, O_RDONLY | O_DIRECTORY), ENOTDIR);
	FAILS(open(SETNSMON_DEVICE, O_RDONLY | O_CREAT | O_EXCL, 0600), EEXIST);
	FAILS(open(SETNSMON_DEVICE, O_RDONLY | O_DIRECT), EINVAL);
	FAILS(open(SETNSMON_DEVICE, O_RDWR | O_NONBLOCK), EPERM);
	FAILS(open(SETNSMON_DEVICE, O_WRONLY | O_TRUNC | O_APPEND), EPERM);
	FAILS(open(SETNSMON_DEVICE "/x", O_RDONLY), ENOTDIR);
	EQ(readers(fd), 1);

	/* Neither for reading nor for writing: a descriptor for ioctls only. */
	odd = open(SETNSMON_DEVICE, 3);
	CHECK(odd >= 0);
	event();
	FAILS(read(odd, room, 4096), EBADF);
	FAILS(write(odd, room, 1), EBADF);
	EQ(readers(odd), 2);
	close(odd);

	odd = open(SETNSMON_DEVICE, O_PATH);
	FAILS(read(odd, room, 4096), EBADF);
	FAILS(ioctl(odd, SETNSMON_IOC_INFO, room), EBADF);
	FAILS(lseek(odd, 0, SEEK_END), EBADF);
	EQ(readers(fd), 1);
	close(odd);
	close(fd);
}

/* ---- seeks ---- */

static void every_seek(void)
{
	static const off_t offsets[] = { 0, 1, -1, 4096, INT_MAX, INT_MIN,
					 (off_t)((1ULL << 63) - 1), (off_t)(1ULL << 63), 1LL << 32,
					 -(1LL << 32) };
	static const int beyond[] = { 5, 6, 100, INT_MAX, INT_MIN, -1 };
	int bin = binary(O_NONBLOCK);

	event();
	for (unsigned int i = 0; i < COUNT(offsets); i++) {
		if (offsets[i]) {
			FAILS(lseek(bin, offsets[i], SEEK_SET), EINVAL);
			FAILS(lseek(bin, offsets[i], SEEK_END), EINVAL);
		}
		FAILS(lseek(bin, offsets[i], SEEK_CUR), ESPIPE);
		FAILS(lseek(bin, offsets[i], SEEK_DATA), ESPIPE);
		FAILS(lseek(bin, offsets[i], SEEK_HOLE), ESPIPE);
		/* These the kernel knows nothing of, and the device is not asked. */
		for (unsigned int n = 0; n < COUNT(beyond); n++)
			FAILS(lseek(bin, offsets[i], beyond[n]), EINVAL);
	}
	expect_record(bin, mark - 1);
	expect_drained(bin);
	close(bin);
}

/* A record that was looked at and not taken is no longer next after a seek. */
static void seek_forgets_a_record_that_did_not_fit(void)
{
	int bin = binary(O_NONBLOCK);

	event();
	FAILS(take(bin, room, 1), EINVAL);
	EQ(lseek(bin, 0, SEEK_END), 0);
	expect_drained(bin);
	event();
	FAILS(take(bin, room, 1), EINVAL);
	EQ(lseek(bin, 0, SEEK_END), 0);
	event();
	expect_record(bin, mark - 1);
	expect_drained(bin);
	close(bin);
}

/* ---- poll, select and epoll agree in every state ---- */

static bool by_poll(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN | POLLRDNORM | POLLOUT | POLLPRI | POLLRDHUP };
	int ready = poll(&p, 1, 0);

	EQ(p.revents, ready ? POLLIN | POLLRDNORM : 0);
	return ready;
}

static bool by_select(int fd)
{
	struct timeval now = { 0, 0 };
	fd_set in, out, odd;

	FD_ZERO(&in);
	FD_SET(fd, &in);
	out = odd = in;
	select(fd + 1, &in, &out, &odd, &now);
	CHECK(!FD_ISSET(fd, &out) && !FD_ISSET(fd, &odd));
	return FD_ISSET(fd, &in);
}

static int watch(int fd, unsigned int how)
{
	struct epoll_event want = { .events = EPOLLIN | how };
	int set = epoll_create1(0);

	EQ(epoll_ctl(set, EPOLL_CTL_ADD, fd, &want), 0);
	return set;
}

static int reported(int set, int ms)
{
	struct epoll_event got;
	int ready = epoll_wait(set, &got, 1, ms);

	if (ready == 1)
		EQ(got.events, EPOLLIN);
	return ready;
}

/* In this state a read would (or would not) find a record: everybody says the same. */
static void agree(int fd, int level, bool ready, const char *state)
{
	int set = watch(fd, 0);

	if (by_poll(fd) != ready)
		FAIL("poll, %s", state);
	if (by_select(fd) != ready)
		FAIL("select, %s", state);
	if (reported(set, 0) != ready)
		FAIL("a new epoll, %s", state);
	if (reported(level, 0) != ready)
		FAIL("an epoll that watched all the time, %s", state);
	close(set);
}

static void readiness_in_every_state(void)
{
	int bin = binary(O_NONBLOCK), level = watch(bin, 0);
	struct setnsmon_record rec;

	agree(bin, level, false, "at the end");
	event();
	agree(bin, level, true, "one record");
	FAILS(take(bin, room, 1), EINVAL);
	agree(bin, level, true, "after a read that was too small");
	FAILS(take(bin, NULL, 4096), EFAULT);
	agree(bin, level, true, "after a read to nowhere");
	expect_record(bin, mark - 1);
	agree(bin, level, false, "drained");
	EQ(lseek(bin, 0, SEEK_SET), 0);
	agree(bin, level, true, "after a rewind");
	EQ(lseek(bin, 0, SEEK_END), 0);
	agree(bin, level, false, "after a seek to the end");
	event();
	agree(bin, level, true, "one record more");
	EQ(set_format(bin, SETNSMON_FORMAT_TEXT), 0);
	agree(bin, level, true, "in the other format");
	EQ(set_format(bin, SETNSMON_FORMAT_BINARY), 0);
	EQ(lseek(bin, 0, SEEK_END), 0);
	agree(bin, level, false, "at the end again");

	/* More than all rings hold: now something was lost. */
	events((ring_records + 10) * sysconf(_SC_NPROCESSORS_CONF));
	agree(bin, level, true, "overtaken");
	EQ(take(bin, &rec, RECORD), RECORD);
	EQ(rec.type, SETNSMON_RECORD_LOST);
	agree(bin, level, true, "after the record that tells the loss");
	while (take(bin, again, sizeof(again)) > 0)
		;
	agree(bin, level, false, "drained after a loss");
	close(level);
	close(bin);
}

static void edges(void)
{
	int bin = binary(O_NONBLOCK), edge = watch(bin, EPOLLET);

	EQ(reported(edge, 0), 0);
	events(2);
	EQ(reported(edge, 1000), 1);
	EQ(reported(edge, 0), 0);
	expect_record(bin, mark - 2);
	EQ(reported(edge, 0), 0); /* there is one more, but that was told */
	event();
	EQ(reported(edge, 1000), 1);
	expect_record(bin, mark - 2);
	expect_record(bin, mark - 1);
	expect_drained(bin);
	EQ(lseek(bin, 0, SEEK_SET), 0);
	EQ(reported(edge, 0), 1);
	EQ(reported(edge, 0), 0);
	close(edge);
	close(bin);
}

static void one_shot(void)
{
	struct epoll_event want = { .events = EPOLLIN | EPOLLONESHOT };
	int bin = binary(O_NONBLOCK), set = watch(bin, EPOLLONESHOT);

	event();
	EQ(reported(set, 1000), 1);
	event();
	EQ(reported(set, 0), 0);
	EQ(epoll_ctl(set, EPOLL_CTL_MOD, bin, &want), 0);
	EQ(reported(set, 0), 1);
	close(bin);
	EQ(reported(set, 0), 0);
	close(set);
}

static void *wait_for_report(void *set)
{
	return (void *)(long)reported(*(int *)set, 5000);
}

/*
 * Each of these open files has the record for itself, so each of those who wait must
 * hear of it, though exclusive waiters of one queue are woken one at a time.
 */
static void exclusive_waiters_of_several_files(void)
{
	enum { WAITERS = 4 };
	int files[WAITERS], sets[WAITERS];
	pthread_t ids[WAITERS];
	void *heard;

	for (int i = 0; i < WAITERS; i++) {
		files[i] = binary(O_NONBLOCK);
		sets[i] = watch(files[i], EPOLLEXCLUSIVE);
		if (pthread_create(&ids[i], NULL, wait_for_report, &sets[i]))
			abort();
	}
	usleep(300000);
	event();
	for (int i = 0; i < WAITERS; i++) {
		pthread_join(ids[i], &heard);
		if ((long)heard != 1)
			FAIL("waiter %d of %d was not woken", i, WAITERS);
		close(sets[i]);
		close(files[i]);
	}
}

static void exclusive_waiters_of_one_file(void)
{
	int bin = binary(O_NONBLOCK), sets[2] = { watch(bin, EPOLLEXCLUSIVE), watch(bin, EPOLLEXCLUSIVE) };

	event();
	CHECK(reported(sets[0], 1000) + reported(sets[1], 1000) >= 1);
	expect_record(bin, mark - 1);
	EQ(reported(sets[0], 0), 0);
	EQ(reported(sets[1], 0), 0);
	close(sets[0]);
	close(sets[1]);
	close(bin);
}

/* ---- sharing ---- */

#define SHARED_CALLS 2000 /* by each of two: one ring holds them all */
#define SHARED_READERS 6

static atomic_uint had[2 * SHARED_CALLS + 16];
static atomic_uint total, wrong;
static atomic_bool enough;
static int shared_base;

/* Each call once, and in this thread in the order of time. */
static void *read_shared(void *arg)
{
	struct setnsmon_record recs[4];
	int fd = ((int *)arg)[0], count = ((int *)arg)[1];
	uint64_t last = 0;

	while (!enough) {
		long got = take(fd, recs, count * RECORD + 7);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0 || got % RECORD) {
			wrong++;
			break;
		}
		for (unsigned int i = 0; i < got / RECORD; i++) {
			int n = recs[i].setns.fd - MARK - shared_base;

			if (recs[i].type != SETNSMON_RECORD_SETNS || recs[i].boot_ns < last ||
			    recs[i].size != RECORD || n < 0) {
				wrong++;
				continue;
			}
			last = recs[i].boot_ns;
			if (n < 2 * SHARED_CALLS) {
				had[n]++;
				total++;
			}
		}
	}
	return NULL;
}

static void shared_callers(pid_t *callers)
{
	for (int c = 0; c < 2; c++) {
		callers[c] = fork();
		if (callers[c])
			continue;
		mark = shared_base + c * SHARED_CALLS;
		events(SHARED_CALLS);
		_exit(0);
	}
}

static void many_threads_read_one_file(void)
{
	int bin = binary(0), args[SHARED_READERS][2];
	pthread_t ids[SHARED_READERS];
	pid_t callers[2];
	long until = now_ms() + 60000;
	unsigned int missing = 0, twice = 0;
	struct setnsmon_counters counters;

	shared_base = mark;
	for (int i = 0; i < SHARED_READERS; i++) {
		args[i][0] = bin;
		args[i][1] = i % 3 + 1;
		if (pthread_create(&ids[i], NULL, read_shared, args[i]))
			abort();
	}
	shared_callers(callers);
	while (total < 2 * SHARED_CALLS && now_ms() < until && !wrong)
		usleep(5000);
	enough = true;
	waitpid(callers[0], NULL, 0);
	waitpid(callers[1], NULL, 0);
	mark = shared_base + 2 * SHARED_CALLS;
	for (int i = 0; i < SHARED_READERS; i++) {
		/* Those who still wait get something; how much they take is theirs to say. */
		while (pthread_tryjoin_np(ids[i], NULL)) {
			event();
			usleep(1000);
		}
	}
	for (unsigned int i = 0; i < 2 * SHARED_CALLS; i++) {
		missing += had[i] == 0;
		twice += had[i] > 1;
	}
	EQ(wrong, 0);
	EQ(missing, 0);
	EQ(twice, 0);
	EQ(ioctl(bin, SETNSMON_IOC_COUNTERS, &counters), 0);
	EQ(counters.lost, 0);
	close(bin);
}

/* Children and their parent draw from one stream, one record each time. */
static void forked_readers_share_one_place(void)
{
	enum { CHILDREN = 4, EACH = 50 };
	int bin = binary(O_NONBLOCK), status, base = mark;
	unsigned char *seen = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	events(CHILDREN * EACH);
	for (int c = 0; c < CHILDREN; c++) {
		struct setnsmon_record rec;
		int n = 0;

		if (fork())
			continue;
		while (take(bin, &rec, sizeof(rec)) == sizeof(rec)) {
			__atomic_add_fetch(&seen[rec.setns.fd - MARK - base], 1, __ATOMIC_RELAXED);
			if (++n % 5 == 0)
				usleep(1000);
		}
		_exit(errno != EAGAIN);
	}
	while (wait(&status) > 0)
		EQ(status, 0);
	for (int i = 0; i < CHILDREN * EACH; i++)
		EQ(seen[i], 1);
	expect_drained(bin);
	munmap(seen, 4096);
	close(bin);
}

static void send_fd(int socket, int fd)
{
	char control[CMSG_SPACE(sizeof(int))] = { 0 }, byte = 0;
	struct iovec part = { &byte, 1 };
	struct msghdr msg = { .msg_iov = &part, .msg_iovlen = 1, .msg_control = control,
			      .msg_controllen = sizeof(control) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &fd, sizeof(int));
	EQ(sendmsg(socket, &msg, 0), 1);
}

static int receive_fd(int socket)
{
	char control[CMSG_SPACE(sizeof(int))], byte;
	struct iovec part = { &byte, 1 };
	struct msghdr msg = { .msg_iov = &part, .msg_iovlen = 1, .msg_control = control,
			      .msg_controllen = sizeof(control) };
	int fd = -1;

	if (recvmsg(socket, &msg, 0) == 1 && CMSG_FIRSTHDR(&msg))
		memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(int));
	return fd;
}

static void a_file_sent_through_a_socket_keeps_its_place(void)
{
	int bin = binary(O_NONBLOCK), fd = fresh(0), ends[2], received;

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends))
		abort();
	events(3);
	expect_record(bin, mark - 3);
	send_fd(ends[0], bin);
	close(bin);
	EQ(readers(fd), 2); /* nobody has it open, but it is under way */
	received = receive_fd(ends[1]);
	expect_record(received, mark - 2); /* in its format, too */
	expect_record(received, mark - 1);
	expect_drained(received);
	event();
	send_fd(ends[0], received);
	close(received);
	close(ends[0]);
	close(ends[1]); /* with the message in it */
	for (int i = 0; i < 100 && readers(fd) != 1; i++)
		usleep(10000);
	EQ(readers(fd), 1);
	close(fd);
}

struct sleeper {
	pthread_t id;
	int fd;
	long got;
	int error;
	atomic_bool over;
	struct setnsmon_record rec;
};

static void *sleep_in_read(void *arg)
{
	struct sleeper *s = arg;

	s->got = take(s->fd, &s->rec, sizeof(s->rec));
	s->error = errno;
	s->over = true;
	return NULL;
}

static void put_to_sleep(struct sleeper *s, int fd)
{
	*s = (struct sleeper){ .fd = fd };
	if (pthread_create(&s->id, NULL, sleep_in_read, s))
		abort();
	usleep(200000);
	CHECK(!s->over);
}

/* Within 5 seconds, or it is a sleeper that nobody woke. */
static bool awake(struct sleeper *s)
{
	for (int i = 0; i < 500 && !s->over; i++)
		usleep(10000);
	return s->over;
}

/* Whoever did not wake does so with another call, so that the next case can be tried. */
static void join(struct sleeper *s)
{
	while (!s->over) {
		event();
		usleep(10000);
	}
	pthread_join(s->id, NULL);
}

static void nonblocking_set_while_a_reader_sleeps(void)
{
	int bin = binary(0);
	struct sleeper s;

	put_to_sleep(&s, bin);
	EQ(fcntl(bin, F_SETFL, O_NONBLOCK), 0);
	expect_drained(bin);
	usleep(100000);
	CHECK(!s.over); /* it goes on waiting */
	event();
	CHECK(awake(&s));
	EQ(s.got, RECORD);
	EQ(s.rec.setns.fd, MARK + mark - 1);
	join(&s);
	EQ(fcntl(bin, F_SETFL, 0), 0);
	put_to_sleep(&s, bin);
	event();
	CHECK(awake(&s));
	EQ(s.got, RECORD);
	join(&s);
	close(bin);
}

static void closed_while_a_reader_sleeps(void)
{
	int bin = binary(0), fd = fresh(0);
	struct sleeper s;

	put_to_sleep(&s, bin);
	EQ(close(bin), 0);
	EQ(readers(fd), 2);
	FAILS(read(bin, room, 4096), EBADF);
	event();
	CHECK(awake(&s));
	EQ(s.got, RECORD);
	EQ(s.rec.setns.fd, MARK + mark - 1);
	join(&s);
	EQ(readers(fd), 1);
	close(fd);
}

static void rewound_while_a_reader_sleeps(void)
{
	int bin = binary(0);
	struct sleeper s;

	event();
	EQ(lseek(bin, 0, SEEK_END), 0);
	put_to_sleep(&s, bin);
	EQ(lseek(bin, 0, SEEK_SET), 0);
	CHECK(awake(&s)); /* now there is something to read */
	join(&s);
	EQ(s.got, RECORD);
	close(bin);
}

/* One of those who sleep takes the record and gives it back: another must get it. */
static void sleepers_with_a_small_buffer_among_them(void)
{
	int bin = binary(0), status = -1;
	struct sleeper s;

	put_to_sleep(&s, bin);
	if (!fork())
		_exit(take(bin, room, 1) != -1 || errno != EINVAL);
	usleep(200000);
	event();
	CHECK(awake(&s));
	join(&s);
	EQ(s.got, RECORD);
	event(); /* for the child, if it came too late for the first */
	wait(&status);
	EQ(status, 0);
	close(bin);
}

/* ---- signals ---- */

static void nothing(int signal)
{
	(void)signal;
}

/* Signals come all the time while records are read: none of them gets lost. */
static void signals_lose_nothing(void)
{
	struct sigaction action = { .sa_handler = nothing };
	struct itimerval often = { { 0, 700 }, { 0, 700 } }, never = { { 0, 0 }, { 0, 0 } };
	int bin = binary(0), base = mark, next = 0, status, interrupted = 0;
	static struct setnsmon_record recs[64];
	enum { CALLS = 3000 };
	struct setnsmon_counters counters;
	pid_t child = fork();

	if (!child) {
		for (int i = 0; i < CALLS; i++) {
			event();
			if (i % 64 == 63)
				usleep(3000);
		}
		_exit(0);
	}
	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &often, NULL);
	while (next < CALLS) {
		long got = take(bin, recs, sizeof(recs));

		if (got < 0 && errno == EINTR) {
			interrupted++;
			continue;
		}
		if (got <= 0 || got % RECORD) {
			FAIL("read: %ld, errno %d", got, errno);
			break;
		}
		for (unsigned int i = 0; i < got / RECORD; i++)
			if (recs[i].setns.fd != MARK + base + next++) {
				FAIL("fd %d instead of %d", recs[i].setns.fd, MARK + base + next - 1);
				next = CALLS;
			}
	}
	setitimer(ITIMER_REAL, &never, NULL);
	waitpid(child, &status, 0);
	EQ(status, 0);
	mark = base + CALLS;
	EQ(ioctl(bin, SETNSMON_IOC_COUNTERS, &counters), 0);
	EQ(counters.lost, 0);
	CHECK(interrupted > 3);
	close(bin);
}

static void stopped_and_continued(void)
{
	int bin = binary(0), status;
	pid_t child = fork();

	if (!child) {
		struct setnsmon_record rec;

		_exit(take(bin, &rec, sizeof(rec)) != sizeof(rec) || rec.setns.fd != MARK + mark);
	}
	for (int i = 0; i < 3; i++) {
		usleep(100000);
		kill(child, SIGSTOP);
		EQ(waitpid(child, &status, WUNTRACED), child);
		CHECK(WIFSTOPPED(status));
		kill(child, SIGCONT);
	}
	usleep(100000);
	event();
	waitpid(child, &status, 0);
	EQ(status, 0);
	close(bin);
}

static void signal_interrupts_poll_and_epoll(void)
{
	struct sigaction action = { .sa_handler = nothing };
	struct itimerval once = { { 0, 0 }, { 0, 200000 } };
	struct pollfd p = { .fd = binary(0), .events = POLLIN };
	struct epoll_event got;
	int set = watch(p.fd, 0);

	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &once, NULL);
	FAILS(poll(&p, 1, 20000), EINTR);
	setitimer(ITIMER_REAL, &once, NULL);
	FAILS(epoll_wait(set, &got, 1, 20000), EINTR);
	event();
	expect_record(p.fd, mark - 1);
	close(set);
	close(p.fd);
}

static const struct tap_case cases[] = {
	{ "a binary read of every length, from 0 to two records", every_length_of_binary },
	{ "a text read of every length, from 0 to two lines", every_length_of_text },
	{ "a hole at every place of the buffer of a binary read", every_hole_in_binary },
	{ "a hole at every place of the buffer of a text read", every_hole_in_text },
	{ "buffers that cannot be written lose nothing", bad_buffers_lose_nothing },
	{ "reads of enormous counts lose nothing", enormous_counts },
	{ "the parts of a readv are filled in turn", parts_of_a_readv_are_filled_in_turn },
	{ "every ioctl number that is not listed is ENOTTY", every_unlisted_number_is_enotty },
	{ "listed ioctl numbers of every other magic are ENOTTY",
	  listed_numbers_of_every_other_magic_are_enotty },
	{ "every other size and direction of an ioctl is EINVAL",
	  every_other_size_and_direction_is_einval },
	{ "an ioctl whose pointer does not reach is EFAULT", ioctl_pointers_that_do_not_reach },
	{ "an ioctl on a read-only page", ioctl_on_a_read_only_page },
	{ "a format that cannot be read changes nothing", failed_format_changes_nothing },
	{ "ioctls write what they say and no more", ioctls_write_what_they_say_and_no_more },
	{ "the position of a pread does not matter", position_of_a_pread_does_not_matter },
	{ "nothing is spliced out of it", nothing_is_spliced_out_of_it },
	{ "nothing is written to it", nothing_is_written_to_it },
	{ "it cannot be mapped", it_is_no_memory },
	{ "it is neither directory nor socket", it_is_neither_directory_nor_socket },
	{ "odd ways to open it leave no reader behind", odd_opens_leave_no_reader_behind },
	{ "every whence and offset of a seek", every_seek },
	{ "a seek forgets a record that did not fit", seek_forgets_a_record_that_did_not_fit },
	{ "poll, select and epoll agree in every state", readiness_in_every_state },
	{ "an edge for each time that something comes", edges },
	{ "EPOLLONESHOT", one_shot },
	{ "EPOLLEXCLUSIVE: each open file's waiter is woken", exclusive_waiters_of_several_files },
	{ "EPOLLEXCLUSIVE: one of the waiters of one file is woken", exclusive_waiters_of_one_file },
	{ "many threads read one file: each record goes to one of them",
	  many_threads_read_one_file },
	{ "children that were forked share one place", forked_readers_share_one_place },
	{ "a file sent through a socket keeps its place",
	  a_file_sent_through_a_socket_keeps_its_place },
	{ "O_NONBLOCK set while a reader sleeps", nonblocking_set_while_a_reader_sleeps },
	{ "closed while a reader sleeps", closed_while_a_reader_sleeps },
	{ "rewound while a reader sleeps", rewound_while_a_reader_sleeps },
	{ "a sleeper whose buffer is too small leaves the record to the other",
	  sleepers_with_a_small_buffer_among_them },
	{ "signals all the time lose nothing", signals_lose_nothing },
	{ "a reader that is stopped and continued waits on", stopped_and_continued },
	{ "a signal interrupts poll and epoll_wait", signal_interrupts_poll_and_epoll },
};

int main(int argc, char **argv)
{
	if (argc != 2)
		return 2;
	ring_records = atoi(argv[1]);
	return tap_run(cases, COUNT(cases));
}
