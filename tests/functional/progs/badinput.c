// SPDX-License-Identifier: GPL-2.0-only
/*
 * Misuses /dev/setnsmon: every length, every bad buffer, every ioctl, and operations that
 * the device does not have. Built for 64 and for 32 bit. device_abi.c tries single values,
 * this program tries the whole range.
 *
 *	badinput
 *
 * Prints TAP. No other process may call setns(2) meanwhile.
 */
#define _GNU_SOURCE
#include "reading.h"

#include <limits.h>
#include <sys/file.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>

/* Addresses that no program owns: kernel memory, non-canonical ones, and the very end. */
static const unsigned long nowhere[] = {
#ifdef __x86_64__
	0xffffffff81000000, /* kernel code */
	0xffffffffc0000000, /* modules */
	0xffff888000000000, /* the direct map */
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

	/* Numbers up to 32 may be assigned one day. */
	for (unsigned int nr = 32; nr < 256; nr++)
		for (unsigned int dir = 0; dir < 4; dir++)
			for (unsigned int i = 0; i < COUNT(sizes); i++)
				FAILS(ioctl(fd, _IOC(dir, SETNSMON_IOC_MAGIC, nr, sizes[i]), room),
				      ENOTTY);
	close(fd);
}

static const unsigned int listed[] = { SETNSMON_IOC_INFO, SETNSMON_IOC_FORMAT,
				       SETNSMON_IOC_COUNTERS, SETNSMON_IOC_FILTER,
				       SETNSMON_IOC_SEEK };

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

/* At every distance from the end of writable memory, and at unmapped addresses. */
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

/* Marks each byte of the room that an ioctl writes. A byte may be what was there before, so one look is not enough. */
static void mark_written(int fd, unsigned int request, bool *written)
{
	static const unsigned char before[] = { 0xee, 0x11, 0x5a, 0xa5 };

	for (unsigned int i = 0; i < COUNT(before); i++) {
		memset(room, before[i], sizeof(room));
		EQ(ioctl(fd, request, room + 1), 0); /* nor need it be aligned */
		for (unsigned int n = 0; n < sizeof(room); n++)
			written[n] |= room[n] != (char)before[i];
	}
}

static void ioctls_write_what_they_say_and_no_more(void)
{
	static const unsigned int writers[] = { SETNSMON_IOC_INFO, SETNSMON_IOC_COUNTERS };
	int fd = fresh(0);

	for (unsigned int i = 0; i < COUNT(writers); i++) {
		unsigned int size = _IOC_SIZE(writers[i]);
		bool written[sizeof(room)] = { false };

		mark_written(fd, writers[i], written);
		for (unsigned int n = 0; n < sizeof(room); n++)
			if (written[n] != (n >= 1 && n <= size))
				FAIL("byte %u of %u was %s", n, size, written[n] ? "written" : "not written");
	}
	close(fd);
}

/* ---- lengths ---- */

/* Reads all records that the device holds, from the oldest on. Returns their length. */
static size_t all_of(int fd, char *bytes, size_t size)
{
	size_t len = 0;
	long got;

	EQ(lseek(fd, 0, SEEK_SET), 0);
	while ((got = take(fd, bytes + len, size - len)) > 0)
		len += got;
	if (errno != EAGAIN)
		abort(); /* not loaded afresh: too many records to try every length */
	return len;
}

static char whole[1 << 16], again[1 << 16];

/* Returns the length of as many whole units of @bytes as fit into @size. */
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

/* A read of @size bytes returns just the records that fit, the next one the rest. */
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

/* The first case: the device holds exactly three records. */
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

/* Memory that ends after this many writable bytes. */
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

/* A page beyond the end of its file, which cannot be written. */
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

/* The kernel may refuse such a count. If it does not, all records that exist are read. */
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
	FAILS(readv(bin, small, 2), EINVAL); /* a record is never split over two buffers */
	EQ(readv(bin, parts, 5), 2 * RECORD);
	IS_RECORD(&recs[0], mark - 3);
	IS_RECORD(&recs[1], mark - 2);
	/* The plain system call, because the compiler rejects this use of the function. */
	FAILS(syscall(SYS_readv, bin, nowhere[0], 2), EFAULT);
	FAILS(syscall(SYS_readv, bin, parts, -1), EINVAL);
	FAILS(syscall(SYS_readv, bin, parts, IOV_MAX + 1), EINVAL);
	EQ(readv(bin, parts, 0), 0);
	expect_record(bin, mark - 1);
	close(bin);
}

/* ---- operations that it does not have ---- */

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
	EQ(flock(fd, LOCK_EX | LOCK_NB), 0); /* works on any file */
	close(fd);
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

	/* Opened neither for reading nor for writing: a descriptor for ioctls only. */
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
		/* The kernel does not know these, and refuses them without asking the device. */
		for (unsigned int n = 0; n < COUNT(beyond); n++)
			FAILS(lseek(bin, offsets[i], beyond[n]), EINVAL);
	}
	expect_record(bin, mark - 1);
	expect_drained(bin);
	close(bin);
}

/* After a seek, a record that was looked at but not taken is no longer the next one. */
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
};

int main(void)
{
	return tap_run(cases, COUNT(cases));
}
