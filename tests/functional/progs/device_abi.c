// SPDX-License-Identifier: GPL-2.0-only
/*
 * The system calls of /dev/setnsmon, checked against the promises of the header. Built for
 * 64 and for 32 bit, which the kernel must treat alike. Prints TAP.
 *
 *	device_abi CPUS RING-RECORDS
 *
 * No other process may call setns(2) meanwhile; see reading.h.
 */
#define _GNU_SOURCE
#include "reading.h"

#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/uio.h>
#include <termios.h>

static unsigned int cpus, ring_records;

/* ---- ioctl ---- */

static void info_tells_what_it_is(void)
{
	struct setnsmon_info info;
	int fd = fresh(0);

	memset(&info, 0xee, sizeof(info));
	EQ(ioctl(fd, SETNSMON_IOC_INFO, &info), 0);
	EQ(info.abi_version, 1);
	EQ(info.record_size, 408);
	EQ(info.cpus, cpus);
	EQ(info.ring_records, ring_records);
	close(fd);
}

static void unknown_ioctls_are_enotty(void)
{
	int fd = fresh(0);
	struct termios t;

	FAILS(ioctl(fd, _IO(SETNSMON_IOC_MAGIC, 5), 0), ENOTTY);
	FAILS(ioctl(fd, _IO(SETNSMON_IOC_MAGIC, 255), 0), ENOTTY);
	FAILS(ioctl(fd, _IOR(SETNSMON_IOC_MAGIC, 99, struct setnsmon_info), &t), ENOTTY);
	FAILS(ioctl(fd, _IOR('x', 0, struct setnsmon_info), &t), ENOTTY);
	FAILS(ioctl(fd, TCGETS, &t), ENOTTY);
	FAILS(ioctl(fd, 0, 0), ENOTTY);
	FAILS(ioctl(fd, ~0UL, 0), ENOTTY);
	close(fd);
}

static void known_ioctls_of_other_shape_are_einval(void)
{
	int fd = fresh(0);
	char buf[16384] = { 0 };

	FAILS(ioctl(fd, _IOR(SETNSMON_IOC_MAGIC, 0, char[8]), buf), EINVAL);
	FAILS(ioctl(fd, _IOR(SETNSMON_IOC_MAGIC, 0, char[4096]), buf), EINVAL);
	FAILS(ioctl(fd, _IOW(SETNSMON_IOC_MAGIC, 0, struct setnsmon_info), buf), EINVAL);
	FAILS(ioctl(fd, _IOWR(SETNSMON_IOC_MAGIC, 0, struct setnsmon_info), buf), EINVAL);
	FAILS(ioctl(fd, _IO(SETNSMON_IOC_MAGIC, 0), buf), EINVAL);
	FAILS(ioctl(fd, _IOW(SETNSMON_IOC_MAGIC, 1, __u64), buf), EINVAL);
	FAILS(ioctl(fd, _IOR(SETNSMON_IOC_MAGIC, 1, __u32), buf), EINVAL);
	FAILS(ioctl(fd, _IO(SETNSMON_IOC_MAGIC, 1), 0), EINVAL);
	FAILS(ioctl(fd, _IOR(SETNSMON_IOC_MAGIC, 2, char[8]), buf), EINVAL);
	FAILS(ioctl(fd, _IO(SETNSMON_IOC_MAGIC, 2), buf), EINVAL);
	close(fd);
}

static void bad_pointers_are_efault(void)
{
	int fd = fresh(0);
	char *page = page_before_hole();
	unsigned long bad[] = { 0, 1, 4095, (unsigned long)(page + 4096), (unsigned long)(page + 4094),
				~0UL - 3 };

	for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		FAILS(ioctl(fd, SETNSMON_IOC_INFO, bad[i]), EFAULT);
		FAILS(ioctl(fd, SETNSMON_IOC_FORMAT, bad[i]), EFAULT);
		FAILS(ioctl(fd, SETNSMON_IOC_COUNTERS, bad[i]), EFAULT);
	}
	mprotect(page, 4096, PROT_READ);
	FAILS(ioctl(fd, SETNSMON_IOC_INFO, page), EFAULT);
	FAILS(ioctl(fd, SETNSMON_IOC_COUNTERS, page), EFAULT);
	munmap(page, 8192);
	close(fd);
}

static void bad_formats_are_einval_and_change_nothing(void)
{
	static const uint32_t bad[] = { 2, 3, 255, 0x10000, 0x80000000, 0xffffffff };
	int fd = fresh(O_NONBLOCK);

	for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		FAILS(ioctl(fd, SETNSMON_IOC_FORMAT, &bad[i]), EINVAL);
	event();
	expect_line(fd, mark - 1);
	close(fd);
}

static void format_is_switched_and_back(void)
{
	int fd = binary(O_NONBLOCK);
	uint32_t text = SETNSMON_FORMAT_TEXT;

	events(2);
	expect_record(fd, mark - 2);
	EQ(ioctl(fd, SETNSMON_IOC_FORMAT, &text), 0);
	expect_line(fd, mark - 1);
	expect_drained(fd);
	close(fd);
}

static void format_is_each_files_own(void)
{
	int first = binary(O_NONBLOCK), second = fresh(O_NONBLOCK);

	event();
	expect_record(first, mark - 1);
	expect_line(second, mark - 1);
	close(first);
	close(second);
}

static void counters_agree(void)
{
	struct setnsmon_counters before, after;
	int fd = fresh(0), other;

	memset(&before, 0xee, sizeof(before));
	EQ(ioctl(fd, SETNSMON_IOC_COUNTERS, &before), 0);
	EQ(before.entered, before.recorded + before.missed);
	EQ(before.readers, 1);
	EQ(before.lost, 0);
	other = fresh(0);
	events(7);
	EQ(ioctl(fd, SETNSMON_IOC_COUNTERS, &after), 0);
	EQ(after.entered, before.entered + 7);
	EQ(after.recorded, before.recorded + 7);
	EQ(after.missed, before.missed);
	EQ(after.ret_unknown, before.ret_unknown);
	EQ(after.readers, 2);
	close(other);
	close(fd);
}

/* The call in between is stamped between two readings of the counters. */
static void counters_have_the_time_of_the_records(void)
{
	struct setnsmon_counters before, after;
	struct setnsmon_record rec;
	int fd = binary(O_NONBLOCK);

	EQ(lseek(fd, 0, SEEK_END), 0);
	EQ(ioctl(fd, SETNSMON_IOC_COUNTERS, &before), 0);
	events(1);
	EQ(ioctl(fd, SETNSMON_IOC_COUNTERS, &after), 0);
	EQ(take(fd, &rec, sizeof(rec)), sizeof(rec));
	CHECK(before.boot_ns && before.boot_ns <= rec.boot_ns && rec.boot_ns <= after.boot_ns);
	close(fd);
}

static void losses_are_counted_for_each_file(void)
{
	int slow = binary(O_NONBLOCK), quick;
	struct setnsmon_counters counters;
	struct setnsmon_record rec;
	uint64_t lost = 0, had = 0, made = cpus * ring_records + 100;
	int first = mark;

	events(made);
	while (take(slow, &rec, sizeof(rec)) == sizeof(rec)) {
		if (rec.type == SETNSMON_RECORD_LOST) {
			lost += rec.lost.count;
			continue;
		}
		EQ(rec.type, SETNSMON_RECORD_SETNS);
		had++;
		first = rec.setns.fd;
	}
	EQ(had + lost, made);
	EQ(first, MARK + mark - 1);
	CHECK(lost >= 100);
	EQ(ioctl(slow, SETNSMON_IOC_COUNTERS, &counters), 0);
	EQ(counters.lost, lost);
	quick = binary(O_NONBLOCK);
	event();
	expect_record(quick, mark - 1);
	EQ(ioctl(quick, SETNSMON_IOC_COUNTERS, &counters), 0);
	EQ(counters.lost, 0);
	close(slow);
	close(quick);
}

static uint64_t lost_of(int fd)
{
	struct setnsmon_counters counters = { 0 };

	EQ(ioctl(fd, SETNSMON_IOC_COUNTERS, &counters), 0);
	return counters.lost;
}

static void losses_are_counted_when_they_are_told(void)
{
	int bin = binary(O_NONBLOCK);
	struct setnsmon_record rec;
	uint64_t lost = 0;

	events(cpus * ring_records + 100);
	FAILS(take(bin, NULL, 4096), EFAULT);
	FAILS(take(bin, &rec, 1), EINVAL);
	EQ(lost_of(bin), 0);
	while (take(bin, &rec, sizeof(rec)) == sizeof(rec)) {
		lost += rec.type == SETNSMON_RECORD_LOST ? rec.lost.count : 0;
		EQ(lost_of(bin), lost);
	}
	CHECK(lost >= 100);

	/* Skipped records were never reported as lost. */
	events(cpus * ring_records + 100);
	FAILS(take(bin, NULL, 4096), EFAULT);
	EQ(lseek(bin, 0, SEEK_END), 0);
	EQ(lost_of(bin), lost);
	close(bin);
}

/* ---- read ---- */

static void drained_is_eagain(void)
{
	int fd = fresh(O_NONBLOCK);

	expect_drained(fd);
	event();
	expect_line(fd, mark - 1);
	expect_drained(fd);
	close(fd);
}

static void flag_may_be_set_later(void)
{
	int fd = fresh(0);

	EQ(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
	expect_drained(fd);
	close(fd);
}

static void small_buffer_is_einval_and_loses_nothing(void)
{
	int text = fresh(O_NONBLOCK), bin = binary(O_NONBLOCK);
	char buf[SETNSMON_LINE_MAX];

	events(2);
	FAILS(take(text, buf, 1), EINVAL);
	FAILS(take(text, buf, 200), EINVAL);
	FAILS(take(bin, buf, 1), EINVAL);
	FAILS(take(bin, buf, 407), EINVAL);
	expect_record(bin, mark - 2);
	FAILS(take(bin, buf, 407), EINVAL);
	expect_record(bin, mark - 1);
	CHECK(take(text, buf, sizeof(buf)) > 400);
	close(text);
	close(bin);
}

static void buffer_of_a_line_gets_just_that_line(void)
{
	int text = fresh(O_NONBLOCK), again = fresh(O_NONBLOCK);
	char buf[SETNSMON_LINE_MAX + 1] = "", one[SETNSMON_LINE_MAX + 1] = "";
	char *end;
	size_t len;

	events(2);
	CHECK(take(text, buf, SETNSMON_LINE_MAX) > 0);
	end = strchr(buf, '\n');
	if (!end) {
		FAIL("no line");
		return;
	}
	len = end + 1 - buf;
	FAILS(take(again, one, len - 1), EINVAL);
	EQ(take(again, one, len), len);
	CHECK(!memcmp(buf, one, len));
	EQ(take(again, one, SETNSMON_LINE_MAX) > 0, 1);
	close(text);
	close(again);
}

static void empty_read_is_nothing(void)
{
	int fd = binary(0);
	char buf[1];

	EQ(take(fd, buf, 0), 0);	/* returns at once, although a read would block */
	event();
	EQ(take(fd, buf, 0), 0);
	expect_record(fd, mark - 1);
	close(fd);
}

static void bad_buffer_is_efault_and_loses_nothing(void)
{
	int text = fresh(O_NONBLOCK), bin = binary(O_NONBLOCK);
	char *page = page_before_hole();

	event();
	FAILS(take(text, NULL, SETNSMON_LINE_MAX), EFAULT);
	FAILS(take(text, page + 4096, SETNSMON_LINE_MAX), EFAULT);
	FAILS(take(text, page + 4095, SETNSMON_LINE_MAX), EFAULT);
	FAILS(take(bin, NULL, 408), EFAULT);
	FAILS(take(bin, page + 4096 - 407, 4000), EFAULT);
	FAILS(take(bin, (void *)1, 816), EFAULT);
	expect_line(text, mark - 1);
	expect_record(bin, mark - 1);
	expect_drained(text);
	expect_drained(bin);
	munmap(page, 8192);
	close(text);
	close(bin);
}

/* Two records, and the second does not fit into mapped memory: one now, the other later. */
static void hole_in_the_buffer_splits_no_record(void)
{
	int bin = binary(O_NONBLOCK);
	char *page = page_before_hole();
	struct setnsmon_record rec;

	events(2);
	EQ(take(bin, page + 4096 - 500, 4000), 408);
	memcpy(&rec, page + 4096 - 500, sizeof(rec));
	EQ(rec.setns.fd, MARK + mark - 2);
	expect_record(bin, mark - 1);
	expect_drained(bin);
	munmap(page, 8192);
	close(bin);
}

static void only_whole_records_are_read(void)
{
	int bin = binary(O_NONBLOCK), text = fresh(O_NONBLOCK);
	struct setnsmon_record recs[8];
	char *buf = malloc(9000);
	int lines = 0, first = mark;
	ssize_t len;

	events(8);
	EQ(take(bin, recs, 1000), 816);
	EQ(take(bin, recs + 2, 1224), 1224);
	EQ(take(bin, recs + 5, 1000000), 1224);
	for (int i = 0; i < 8; i++)
		EQ(recs[i].setns.fd, MARK + first + i);
	while ((len = take(text, buf, 3000)) > 0) {
		EQ(buf[len - 1], '\n');
		CHECK(!memcmp(buf, "v=1 event=setns ", 16));
		for (ssize_t i = 0; i < len; i++)
			lines += buf[i] == '\n';
	}
	EQ(lines, 8);
	free(buf);
	close(bin);
	close(text);
}

static void readv_works(void)
{
	int bin = binary(O_NONBLOCK);
	struct setnsmon_record recs[2];
	struct iovec parts[2] = { { &recs[0], sizeof(recs[0]) }, { &recs[1], sizeof(recs[1]) } };

	events(2);
	EQ(readv(bin, parts, 2), 816);
	EQ(recs[0].setns.fd, MARK + mark - 2);
	EQ(recs[1].setns.fd, MARK + mark - 1);
	close(bin);
}

static void record_is_complete(void)
{
	int bin = binary(O_NONBLOCK);
	struct setnsmon_record rec;

	event();
	EQ(take(bin, &rec, sizeof(rec)), 408);
	EQ(rec.setns.pid, getpid());
	EQ(rec.setns.ppid, getppid());
	EQ(rec.setns.ret, -EBADF);
	EQ(rec.setns.nstype, 0);
	EQ(rec.setns.fd_kind, SETNSMON_FD_NONE);
	EQ(rec.setns.abi, sizeof(long) == 8 ? SETNSMON_ABI_X86_64 : SETNSMON_ABI_I386);
	EQ(rec.setns.flags, sizeof(long) == 8 ? 0 : SETNSMON_FLAG_KERNEL_COMPAT);
	EQ(rec.setns.has & SETNSMON_HAS_RET, SETNSMON_HAS_RET);
	EQ(rec.setns.has & SETNSMON_HAS_TARGET, 0);
	EQ(rec.setns.target_inum, 0);
	EQ(rec.setns.owner_inum, 0);
	CHECK(!memcmp(rec.setns.before, rec.setns.after, sizeof(rec.setns.after)));
	EQ(rec.setns.call_class, SETNSMON_CLASS_PLAIN);
	EQ(rec.setns.pad2, 0);
	CHECK(!strncmp((char *)rec.setns.comm, "device_abi", 10));
	close(bin);
}

static void numbers_follow(void)
{
	int bin = binary(O_NONBLOCK);
	struct setnsmon_record rec;
	uint64_t next[64] = { 0 }, last = 0;
	bool known[64] = { false };

	events(50);
	while (take(bin, &rec, sizeof(rec)) == sizeof(rec)) {
		CHECK(rec.cpu < cpus);
		if (known[rec.cpu % 64])
			EQ(rec.seq, next[rec.cpu % 64]);
		known[rec.cpu % 64] = true;
		next[rec.cpu % 64] = rec.seq + 1;
		CHECK(rec.boot_ns >= last);
		last = rec.boot_ns;
	}
	close(bin);
}

/* ---- lseek ---- */

static void seek_end_skips(void)
{
	int bin = binary(O_NONBLOCK);

	events(3);
	EQ(lseek(bin, 0, SEEK_END), 0);
	expect_drained(bin);
	event();
	expect_record(bin, mark - 1);
	expect_drained(bin);
	close(bin);
}

static void seek_set_goes_back_to_the_oldest(void)
{
	int bin = binary(O_NONBLOCK);
	struct setnsmon_record rec, oldest;
	int held = 0, again = 0;

	events(3);
	EQ(lseek(bin, 0, SEEK_SET), 0);
	EQ(take(bin, &oldest, sizeof(oldest)), sizeof(oldest));
	for (held = 1; take(bin, &rec, sizeof(rec)) == sizeof(rec); held++)
		EQ(rec.type, SETNSMON_RECORD_SETNS);
	EQ(rec.setns.fd, MARK + mark - 1);
	CHECK(held >= 3);
	EQ(lseek(bin, 0, SEEK_SET), 0);
	EQ(take(bin, &rec, sizeof(rec)), sizeof(rec));
	EQ(rec.seq, oldest.seq);
	EQ(rec.boot_ns, oldest.boot_ns);
	for (again = 1; take(bin, &rec, sizeof(rec)) == sizeof(rec); again++)
		;
	EQ(again, held);
	close(bin);
}

static void other_seeks_are_refused_and_move_nothing(void)
{
	int bin = binary(O_NONBLOCK);

	event();
	FAILS(lseek(bin, 0, SEEK_CUR), ESPIPE);
	FAILS(lseek(bin, 1, SEEK_CUR), ESPIPE);
	FAILS(lseek(bin, 0, SEEK_DATA), ESPIPE);
	FAILS(lseek(bin, 0, SEEK_HOLE), ESPIPE);
	FAILS(lseek(bin, 1, SEEK_SET), EINVAL);
	FAILS(lseek(bin, -1, SEEK_SET), EINVAL);
	FAILS(lseek(bin, 1, SEEK_END), EINVAL);
	FAILS(lseek(bin, -1, SEEK_END), EINVAL);
	FAILS(lseek(bin, 0x7fffffff, SEEK_SET), EINVAL);
	expect_record(bin, mark - 1);
	close(bin);
}

/* ---- poll, waiting, signals ---- */

static void poll_tells_whether_there_is_one(void)
{
	struct pollfd p = { .fd = binary(0), .events = POLLIN | POLLRDNORM | POLLOUT | POLLPRI };

	EQ(poll(&p, 1, 0), 0);
	event();
	EQ(poll(&p, 1, 1000), 1);
	EQ(p.revents, POLLIN | POLLRDNORM);
	EQ(poll(&p, 1, 0), 1);		/* still readable */
	expect_record(p.fd, mark - 1);
	EQ(poll(&p, 1, 0), 0);
	close(p.fd);
}

static void poll_is_woken(void)
{
	struct pollfd p = { .fd = binary(0), .events = POLLIN };
	long start = now_ms();

	child_event_after_ms(300);
	EQ(poll(&p, 1, 20000), 1);
	CHECK(now_ms() - start >= 250);
	CHECK(now_ms() - start < 10000);
	EQ(p.revents, POLLIN);
	reap();
	close(p.fd);
}

static void poll_times_out(void)
{
	struct pollfd p = { .fd = binary(0), .events = POLLIN };
	long start = now_ms();

	EQ(poll(&p, 1, 300), 0);
	CHECK(now_ms() - start >= 290);
	close(p.fd);
}

static void epoll_is_woken_by_edges(void)
{
	struct epoll_event got;
	int bin = binary(O_NONBLOCK), set = watch(bin, EPOLLET), i;

	EQ(epoll_wait(set, &got, 1, 0), 0);
	for (i = 0; i < 3; i++) {
		event();
		EQ(epoll_wait(set, &got, 1, 5000), 1);
		EQ(epoll_wait(set, &got, 1, 0), 0);
	}
	close(set);
	close(bin);
}

static void read_waits_and_is_woken(void)
{
	int bin = binary(0);
	struct setnsmon_record rec;
	long start = now_ms();

	child_event_after_ms(300);
	EQ(take(bin, &rec, sizeof(rec)), sizeof(rec));
	CHECK(now_ms() - start >= 250);
	CHECK(now_ms() - start < 10000);
	EQ(rec.setns.fd, MARK + mark);
	reap();
	close(bin);
}

static volatile sig_atomic_t alarms;

static void on_alarm(int signal)
{
	(void)signal;
	alarms++;
	if (alarms == 2)
		event();
}

static void alarm_with(int flags)
{
	struct sigaction action = { .sa_handler = on_alarm, .sa_flags = flags };

	alarms = 0;
	sigaction(SIGALRM, &action, NULL);
}

static void signal_interrupts_a_read(void)
{
	int bin = binary(0);
	struct setnsmon_record rec;

	alarm_with(0);
	alarm(1);
	FAILS(take(bin, &rec, sizeof(rec)), EINTR);
	EQ(alarms, 1);
	close(bin);
}

static void signal_with_restart_goes_on_waiting(void)
{
	int bin = binary(0);
	struct setnsmon_record rec;

	alarm_with(SA_RESTART);
	alarm(1);
	ualarm(600000, 600000);
	EQ(take(bin, &rec, sizeof(rec)), sizeof(rec));
	ualarm(0, 0);
	EQ(rec.setns.fd, MARK + mark - 1);
	CHECK(alarms >= 2);
	close(bin);
}

static void killed_reader_lets_go(void)
{
	int bin, fd = fresh(0);
	struct setnsmon_counters counters;
	struct setnsmon_record rec;
	pid_t child = fork();

	if (!child) {
		bin = binary(0);
		take(bin, &rec, sizeof(rec));
		_exit(0);
	}
	usleep(300000);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	EQ(ioctl(fd, SETNSMON_IOC_COUNTERS, &counters), 0);
	EQ(counters.readers, 1);
	close(fd);
}

/* ---- sharing, and operations that are refused ---- */

static void dup_and_fork_share_the_place(void)
{
	int bin = binary(O_NONBLOCK), copy = dup(bin), status;

	events(3);
	expect_record(bin, mark - 3);
	expect_record(copy, mark - 2);
	if (!fork()) {
		struct setnsmon_record rec;

		_exit(take(bin, &rec, sizeof(rec)) != sizeof(rec) ||
		      rec.setns.fd != MARK + mark - 1);
	}
	wait(&status);
	EQ(status, 0);
	expect_drained(bin);
	close(bin);
	close(copy);
}

static void opens_do_not_share(void)
{
	int fds[20];

	for (int i = 0; i < 20; i++)
		fds[i] = binary(O_NONBLOCK);
	event();
	for (int i = 0; i < 20; i++)
		expect_record(fds[i], mark - 1);
	for (int i = 0; i < 20; i++) {
		expect_drained(fds[i]);
		close(fds[i]);
	}
}

static void new_open_starts_at_the_oldest(void)
{
	int first = binary(O_NONBLOCK), second, drained = 0;
	struct setnsmon_record a, b;
	uint32_t format = SETNSMON_FORMAT_BINARY;

	events(3);
	EQ(lseek(first, 0, SEEK_SET), 0);
	second = open(SETNSMON_DEVICE, O_RDONLY | O_NONBLOCK);
	EQ(ioctl(second, SETNSMON_IOC_FORMAT, &format), 0);
	while (take(first, &a, sizeof(a)) == sizeof(a)) {
		EQ(take(second, &b, sizeof(b)), sizeof(b));
		CHECK(!memcmp(&a, &b, sizeof(a)));
		drained++;
	}
	CHECK(drained >= 3);
	expect_drained(second);
	close(first);
	close(second);
}

static void nothing_else_can_be_done(void)
{
	int fd = fresh(O_NONBLOCK);

	FAILS(open(SETNSMON_DEVICE, O_RDWR), EPERM);
	FAILS(open(SETNSMON_DEVICE, O_WRONLY), EPERM);
	FAILS(write(fd, "x", 1), EBADF);
	CHECK(mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0) == MAP_FAILED);
	FAILS(ftruncate(fd, 0), EINVAL);
	close(fd);
}

static const struct tap_case cases[] = {
	{ "INFO tells version, size, CPUs and ring", info_tells_what_it_is },
	{ "an unknown ioctl is ENOTTY", unknown_ioctls_are_enotty },
	{ "a known ioctl of another size or direction is EINVAL",
	  known_ioctls_of_other_shape_are_einval },
	{ "a bad pointer to an ioctl is EFAULT", bad_pointers_are_efault },
	{ "a bad format is EINVAL and changes nothing",
	  bad_formats_are_einval_and_change_nothing },
	{ "the format can be switched, and back", format_is_switched_and_back },
	{ "the format is each open file's own", format_is_each_files_own },
	{ "COUNTERS agree", counters_agree },
	{ "COUNTERS have the time of the records", counters_have_the_time_of_the_records },
	{ "a loss is counted for the file that had it, exactly", losses_are_counted_for_each_file },
	{ "a loss is counted when it is reported, and not before",
	  losses_are_counted_when_they_are_told },
	{ "a drained file is EAGAIN", drained_is_eagain },
	{ "O_NONBLOCK may be set later", flag_may_be_set_later },
	{ "a small buffer is EINVAL and loses nothing",
	  small_buffer_is_einval_and_loses_nothing },
	{ "a buffer of just a line gets that line", buffer_of_a_line_gets_just_that_line },
	{ "a read of nothing is nothing", empty_read_is_nothing },
	{ "a bad buffer is EFAULT and loses nothing", bad_buffer_is_efault_and_loses_nothing },
	{ "a hole in the buffer splits no record", hole_in_the_buffer_splits_no_record },
	{ "only whole records are read, as many as fit", only_whole_records_are_read },
	{ "readv", readv_works },
	{ "a binary record is complete", record_is_complete },
	{ "numbers follow on each CPU, times do not go back", numbers_follow },
	{ "SEEK_END skips what is there", seek_end_skips },
	{ "SEEK_SET goes back to the oldest", seek_set_goes_back_to_the_oldest },
	{ "other seeks are refused and move nothing", other_seeks_are_refused_and_move_nothing },
	{ "poll tells whether there is a record", poll_tells_whether_there_is_one },
	{ "poll is woken by a record", poll_is_woken },
	{ "poll times out", poll_times_out },
	{ "epoll is woken by edges", epoll_is_woken_by_edges },
	{ "read waits and is woken by a record", read_waits_and_is_woken },
	{ "a signal interrupts a waiting read", signal_interrupts_a_read },
	{ "a signal with SA_RESTART lets it wait on", signal_with_restart_goes_on_waiting },
	{ "a reader that was killed lets go", killed_reader_lets_go },
	{ "dup and fork share the place", dup_and_fork_share_the_place },
	{ "opens do not share", opens_do_not_share },
	{ "a new open starts at the oldest", new_open_starts_at_the_oldest },
	{ "nothing else can be done with it", nothing_else_can_be_done },
};

int main(int argc, char **argv)
{
	if (argc != 3)
		return 2;
	cpus = atoi(argv[1]);
	ring_records = atoi(argv[2]);
	return tap_run(cases, COUNT(cases));
}
