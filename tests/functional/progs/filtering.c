// SPDX-License-Identifier: GPL-2.0-only
/*
 * The filter of an open file, and seeking to a time. Built for 64 and for 32 bit.
 *
 *	filtering RING-RECORDS
 *
 * Two calls are told apart by their errors: event() fails with EBADF, wanted() with EINVAL.
 * Prints TAP. No other process may call setns(2) meanwhile.
 */
#define _GNU_SOURCE
#include "reading.h"

#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/time.h>

static unsigned int ring_records;
static int uts;

/* A namespace that is not of this kind. The number of the descriptor says nothing. */
static void wanted(void)
{
	syscall(SYS_setns, uts, CLONE_NEWNET);
}

static const struct setnsmon_filter none, only_wanted = { .error = EINVAL },
				    only_events = { .error = EBADF };

static int set_filter(int fd, const struct setnsmon_filter *filter)
{
	return ioctl(fd, SETNSMON_IOC_FILTER, filter);
}

static int seek(int fd, uint64_t boot_ns)
{
	return ioctl(fd, SETNSMON_IOC_SEEK, &boot_ns);
}

static struct setnsmon_counters counters_of(int fd)
{
	struct setnsmon_counters counters = { 0 };

	EQ(ioctl(fd, SETNSMON_IOC_COUNTERS, &counters), 0);
	return counters;
}

static uint64_t skipped(int fd)
{
	return counters_of(fd).skipped;
}

/* Opens the device at its end, in binary format, with a filter. */
static int filtered(int flags, const struct setnsmon_filter *filter)
{
	int fd = binary(flags);

	EQ(set_filter(fd, filter), 0);
	return fd;
}

static int error_of(const struct setnsmon_record *rec)
{
	return rec->type == SETNSMON_RECORD_SETNS ? -rec->setns.ret : -1;
}

/* Checks that the next record is of a call that failed with this error. */
static struct setnsmon_record expect_error(int fd, int error)
{
	struct setnsmon_record rec = { 0 };

	EQ(take(fd, &rec, RECORD), RECORD);
	EQ(error_of(&rec), error);
	return rec;
}

static bool is_ready(int fd, int ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, ms) == 1;
}

static int reported(int set, int ms)
{
	struct epoll_event got;

	return epoll_wait(set, &got, 1, ms);
}

/* ---- what a read gets ---- */

static void matching_records_only(void)
{
	int fd = filtered(O_NONBLOCK, &only_wanted), other = binary(O_NONBLOCK), i;

	for (i = 0; i < 5; i++) {
		events(7);
		wanted();
	}
	for (i = 0; i < 5; i++)
		expect_error(fd, EINVAL);
	expect_drained(fd);
	EQ(skipped(fd), 35);
	EQ(counters_of(fd).lost, 0);
	for (i = 0; i < 40; i++)
		expect_error(other, i % 8 == 7 ? EINVAL : EBADF);
	expect_drained(other);
	EQ(skipped(other), 0);
	close(fd);
	close(other);
}

/* One read takes all that match, however many lie between. */
static void one_read_for_all(void)
{
	struct setnsmon_record recs[10];
	int fd = filtered(O_NONBLOCK, &only_wanted), i;

	for (i = 0; i < 6; i++) {
		wanted();
		events(9);
	}
	EQ(take(fd, recs, sizeof(recs)), 6 * RECORD);
	for (i = 1; i < 6; i++)
		if (recs[i].cpu == recs[i - 1].cpu)
			EQ(recs[i].seq, recs[i - 1].seq + 10);
	expect_drained(fd);
	EQ(skipped(fd), 54);
	close(fd);
}

static void text_lines(void)
{
	char line[SETNSMON_LINE_MAX + 1] = "";
	int fd = fresh(O_NONBLOCK);
	ssize_t len;

	EQ(set_filter(fd, &only_wanted), 0);
	events(3);
	wanted();
	events(3);
	len = take(fd, line, SETNSMON_LINE_MAX);
	if (len <= 0 || !strstr(line, " errno=EINVAL ") || strchr(line, '\n') != line + len - 1)
		FAIL("%zd: %s", len, line);
	expect_drained(fd);
	EQ(skipped(fd), 6);
	close(fd);
}

static void filters_replace_each_other(void)
{
	int fd = filtered(O_NONBLOCK, &only_wanted);

	event();
	wanted();
	expect_error(fd, EINVAL);
	EQ(set_filter(fd, &only_events), 0);
	wanted();
	event();
	expect_error(fd, EBADF);
	EQ(set_filter(fd, &none), 0);
	wanted();
	event();
	expect_error(fd, EINVAL);
	expect_error(fd, EBADF);
	expect_drained(fd);
	EQ(skipped(fd), 2);
	close(fd);
}

static void a_filter_outlives_seeks_and_formats(void)
{
	int fd = filtered(O_NONBLOCK, &only_wanted);

	wanted();
	event();
	EQ(lseek(fd, 0, SEEK_END), 0);
	expect_drained(fd);
	EQ(skipped(fd), 0);
	event();
	wanted();
	EQ(set_format(fd, SETNSMON_FORMAT_TEXT), 0);
	EQ(set_format(fd, SETNSMON_FORMAT_BINARY), 0);
	expect_error(fd, EINVAL);
	expect_drained(fd);
	EQ(lseek(fd, 0, SEEK_SET), 0);
	expect_error(fd, EINVAL);
	close(fd);
}

/* Records that were made for a read and not delivered are delivered by the new filter. */
static void undelivered_records(void)
{
	char *page = page_before_hole();
	int fd = binary(O_NONBLOCK);

	event();
	wanted();
	FAILS(take(fd, page, 1), EINVAL); /* now one record is made */
	EQ(set_filter(fd, &only_wanted), 0);
	expect_error(fd, EINVAL);
	EQ(skipped(fd), 1);
	EQ(set_filter(fd, &none), 0);
	events(2);
	wanted();
	event();
	wanted();
	EQ(take(fd, page + 4096 - RECORD - 8, 5 * RECORD), RECORD);
	EQ(set_filter(fd, &only_wanted), 0);
	expect_error(fd, EINVAL);
	expect_error(fd, EINVAL);
	expect_drained(fd);
	EQ(skipped(fd), 3);
	munmap(page, 8192);
	close(fd);
}

/* ---- losses ---- */

static cpu_set_t all_cpus;

static void use_cpus(const cpu_set_t *set)
{
	if (sched_setaffinity(0, sizeof(*set), set))
		FAIL("affinity: errno %d", errno);
}

static void on_cpu_0(void)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(0, &set);
	use_cpus(&set);
}

/* Reads what there is of one CPU, and checks that the numbers that came or were lost grow. */
static void drain_counting(int fd, uint64_t *next, uint64_t *read, uint64_t *lost, uint64_t *between)
{
	struct setnsmon_record rec;

	while (take(fd, &rec, RECORD) == RECORD) {
		EQ(rec.cpu, 0);
		if (rec.seq < *next)
			FAIL("number %" PRIu64 " after %" PRIu64, (uint64_t)rec.seq, *next);
		*between += rec.seq - *next;
		*next = rec.seq + 1;
		if (rec.type == SETNSMON_RECORD_LOST) {
			*lost += rec.lost.count;
			*next = rec.seq + rec.lost.count;
		} else {
			EQ(error_of(&rec), EINVAL);
			++*read;
		}
	}
	EQ(errno, EAGAIN);
}

/* A gap is reported between skipped records, and covers none of them. */
static void losses_are_exact(void)
{
	uint64_t first, next, read = 0, lost = 0, between = 0, made = 0;
	int fd, i;

	on_cpu_0();
	fd = filtered(O_NONBLOCK, &none);
	wanted();
	first = expect_error(fd, EINVAL).seq + 1;
	next = first;
	EQ(set_filter(fd, &only_wanted), 0);
	for (i = 0; i < 20; i++) {
		unsigned int count = i % 4 == 3 ? 3 * ring_records : 5;

		events(count);
		wanted();
		made += count + 1;
		if (i % 3 != 1)
			drain_counting(fd, &next, &read, &lost, &between);
	}
	events(ring_records + 9);
	made += ring_records + 9;
	drain_counting(fd, &next, &read, &lost, &between);
	CHECK(read >= 10);
	CHECK(lost > 5 * ring_records);
	CHECK(between <= skipped(fd));
	EQ(read + lost + skipped(fd), made);
	EQ(counters_of(fd).lost, lost);
	/* What was skipped after the last record that came is in the counter only. */
	EQ(first + made - next, skipped(fd) - between);
	use_cpus(&all_cpus);
	close(fd);
}

/* Filters that match nothing get the gaps all the same. */
static void gaps_always_come(void)
{
	static const struct setnsmon_filter filters[] = {
		{ .events = 1U << SETNSMON_RECORD_LOST },
		{ .classes = 1U << SETNSMON_CLASS_EXIT },
		{ .flags_any = SETNSMON_FLAG_UPWARD },
		{ .ns_inum = 1 },
	};
	struct setnsmon_record rec;

	on_cpu_0();
	for (unsigned int i = 0; i < COUNT(filters); i++) {
		int fd = filtered(O_NONBLOCK, &filters[i]);

		events(4);
		expect_drained(fd);
		events(ring_records + 11);
		EQ(take(fd, &rec, RECORD), RECORD);
		EQ(rec.type, SETNSMON_RECORD_LOST);
		CHECK(rec.lost.count >= 11 && rec.lost.count <= 12);
		expect_drained(fd);
		EQ(skipped(fd) + rec.lost.count, 4 + ring_records + 11);
		close(fd);
	}
	use_cpus(&all_cpus);
}

/* ---- waiting ---- */

static void readiness(void)
{
	int fd = filtered(O_NONBLOCK, &only_wanted), level = watch(fd, 0), edge = watch(fd, EPOLLET);

	events(20);
	CHECK(!is_ready(fd, 0));
	CHECK(!is_ready(fd, 20));
	EQ(reported(level, 0), 0);
	EQ(reported(edge, 20), 0);
	wanted();
	EQ(reported(edge, 1000), 1);
	EQ(reported(level, 1000), 1);
	CHECK(is_ready(fd, 0));
	CHECK(is_ready(fd, 0));
	events(3);
	expect_error(fd, EINVAL);
	CHECK(!is_ready(fd, 0));
	EQ(reported(level, 0), 0);
	events(30);
	usleep(2000);
	EQ(reported(edge, 0), 0);
	wanted();
	EQ(reported(edge, 1000), 1);
	expect_error(fd, EINVAL);
	expect_drained(fd);
	EQ(skipped(fd), 53);
	close(level);
	close(edge);
	close(fd);
}

/* A child makes @count calls that are skipped, a few at a time, and then one that matches. */
static void child_wants_at_last(int count)
{
	if (fork())
		return;
	while (count--) {
		event();
		if (count % 10 == 0)
			usleep(1000);
	}
	wanted();
	_exit(0);
}

static void blocking_read(void)
{
	int fd = filtered(0, &only_wanted);

	child_wants_at_last(200);
	expect_error(fd, EINVAL);
	EQ(skipped(fd), 200);
	while (wait(NULL) > 0)
		;
	close(fd);
}

static void poll_that_waits(void)
{
	int fd = filtered(O_NONBLOCK, &only_wanted);

	child_wants_at_last(200);
	CHECK(is_ready(fd, 10000));
	expect_error(fd, EINVAL);
	EQ(skipped(fd), 200);
	while (wait(NULL) > 0)
		;
	close(fd);
}

struct blocked {
	pthread_t id;
	int fd;
	long got;
	struct setnsmon_record rec;
	atomic_int tid;
};

static void *read_blocked(void *arg)
{
	struct blocked *blocked = arg;

	blocked->tid = syscall(SYS_gettid);
	blocked->got = take(blocked->fd, &blocked->rec, RECORD);
	return NULL;
}

/* Waits until a thread sleeps, as /proc shows it. */
static void await_sleep(int tid)
{
	char path[64], text[512] = "";
	const char *end;
	int fd;

	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", tid);
	do {
		fd = open(path, O_RDONLY);
		if (fd < 0 || read(fd, text, sizeof(text) - 1) <= 0)
			FAIL("%s: errno %d", path, errno);
		close(fd);
		end = strrchr(text, ')');
	} while (end && end[2] != 'S' && !usleep(1000));
}

static void begin_blocked(struct blocked *blocked, int fd)
{
	*blocked = (struct blocked){ .fd = fd };
	if (pthread_create(&blocked->id, NULL, read_blocked, blocked))
		abort();
	while (!blocked->tid)
		usleep(100);
	await_sleep(blocked->tid);
}

/* Waits until the reads of this file have skipped so many records. */
static void await_skipped(int fd, uint64_t count)
{
	long limit = now_ms() + 20000;

	while (skipped(fd) < count && now_ms() < limit)
		usleep(1000);
	EQ(skipped(fd), count);
}

/* The filter of a read that waits is changed, through another descriptor of the file. */
static void changed_during_a_read(void)
{
	int fd = filtered(0, &only_wanted), same = dup(fd);
	struct blocked blocked;

	begin_blocked(&blocked, fd);
	events(3);
	await_skipped(same, 3);
	EQ(set_filter(same, &only_events), 0);
	wanted();
	await_skipped(same, 4);
	EQ(pthread_tryjoin_np(blocked.id, NULL), EBUSY);
	event();
	pthread_join(blocked.id, NULL);
	EQ(blocked.got, RECORD);
	EQ(error_of(&blocked.rec), EBADF);
	EQ(blocked.rec.setns.fd, MARK + mark - 1);
	EQ(skipped(same), 4);
	begin_blocked(&blocked, fd);
	EQ(set_filter(same, &none), 0);
	wanted();
	pthread_join(blocked.id, NULL);
	EQ(error_of(&blocked.rec), EINVAL);
	close(same);
	close(fd);
}

/* Calls of a flood, shared with the process that makes them. */
struct flood {
	atomic_ulong made, allowed;
};

/* Starts a process that makes calls without end. With @flood, never more than are allowed. */
static pid_t limited_flood(struct flood *flood)
{
	pid_t child = fork();

	if (child)
		return child;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;) {
		while (flood && flood->made >= flood->allowed)
			sched_yield();
		syscall(SYS_setns, MARK, 0);
		if (flood)
			flood->made++;
	}
}

static pid_t flood_of_events(void)
{
	return limited_flood(NULL);
}

static void end_flood(pid_t child)
{
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
}

/*
 * Records appear between the looks of a poll all the time, but never more than the ring holds: a
 * gap is reported at once.
 */
static void polls_beside_calls(void)
{
	struct flood *flood = mmap(NULL, sizeof(*flood), PROT_READ | PROT_WRITE,
				   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int fd = filtered(O_NONBLOCK, &only_wanted), ready = 0;
	long limit = now_ms() + 2000;
	pid_t child = limited_flood(flood);

	while (now_ms() < limit) {
		flood->allowed = flood->made + ring_records / 4;
		ready += is_ready(fd, 0);
	}
	EQ(ready, 0);
	end_flood(child);
	CHECK(flood->made > 1000);
	expect_drained(fd);
	CHECK(skipped(fd) >= flood->made);
	EQ(counters_of(fd).lost, 0);
	munmap(flood, sizeof(*flood));
	close(fd);
}

static void on_alarm(int number)
{
	(void)number;
}

/*
 * During a flood of calls that are skipped, a read that waits is ended by a signal, and one
 * that does not want to wait ends by itself. Gaps may come.
 */
static void reads_in_a_flood(void)
{
	struct sigaction action = { .sa_handler = on_alarm };
	const struct timeval pause = { .tv_usec = 200000 };
	const struct itimerval again = { pause, pause }, never = { 0 };
	int fd = filtered(0, &only_wanted), polled = filtered(O_NONBLOCK, &only_wanted);
	struct setnsmon_record rec;
	pid_t flood;
	long got;
	int i;

	sigaction(SIGALRM, &action, NULL);
	flood = flood_of_events();
	setitimer(ITIMER_REAL, &again, NULL);
	while ((got = take(fd, &rec, RECORD)) == RECORD)
		EQ(rec.type, SETNSMON_RECORD_LOST);
	EQ(got, -1);
	EQ(errno, EINTR);
	setitimer(ITIMER_REAL, &never, NULL);
	for (i = 0; i < 300; i++) {
		got = take(polled, &rec, RECORD);
		if (got == RECORD)
			EQ(rec.type, SETNSMON_RECORD_LOST);
		else
			EQ(errno, EAGAIN);
		is_ready(polled, 0);
	}
	end_flood(flood);
	CHECK(skipped(fd) > 0);
	close(fd);
	close(polled);
}

static atomic_bool over;

static void *change_filters(void *arg)
{
	int fd = *(int *)arg;

	while (!over) {
		set_filter(fd, &only_wanted);
		set_filter(fd, &none);
		set_filter(fd, &only_events);
		seek(fd, 0);
	}
	return NULL;
}

static void *poll_on(void *arg)
{
	int fd = *(int *)arg, set = watch(fd, 0);

	while (!over) {
		is_ready(fd, 1);
		reported(set, 1);
	}
	close(set);
	return NULL;
}

/* Everything at once on one file: records come whole, and nothing hangs. */
static void changed_all_the_time(void)
{
	int fd = filtered(O_NONBLOCK, &only_wanted), i;
	struct setnsmon_record recs[8];
	pthread_t threads[3];
	pid_t flood;
	long got;

	over = false;
	flood = flood_of_events();
	pthread_create(&threads[0], NULL, change_filters, &fd);
	pthread_create(&threads[1], NULL, poll_on, &fd);
	pthread_create(&threads[2], NULL, poll_on, &fd);
	for (i = 0; i < 200; i++) {
		wanted();
		got = take(fd, recs, sizeof(recs));
		if (got < 0)
			EQ(errno, EAGAIN);
		for (; got > 0; got -= RECORD) {
			const struct setnsmon_record *rec = &recs[got / RECORD - 1];

			EQ(rec->size, RECORD);
			if (rec->type != SETNSMON_RECORD_LOST)
				CHECK(error_of(rec) == EBADF || error_of(rec) == EINVAL);
		}
	}
	over = true;
	for (i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
	end_flood(flood);
	close(fd);
}

/* ---- what is refused ---- */

static void refused_filters(void)
{
	int fd = filtered(O_NONBLOCK, &only_wanted);
	unsigned int i, accepted = 0;

	for (i = 0; i < 8 * sizeof(none); i++) {
		struct setnsmon_filter filter = none;

		((unsigned char *)&filter)[i / 8] |= 1 << i % 8;
		if (set_filter(fd, &filter)) {
			EQ(errno, EINVAL);
			continue;
		}
		accepted++;
		EQ(set_filter(fd, &only_wanted), 0);
	}
	/* At least ids, classes, kinds, results, errors and flags; at most all but the reserved ones. */
	CHECK(accepted > 150 && accepted < 8 * offsetof(struct setnsmon_filter, reserved));
	for (i = 0; i < COUNT(none.reserved); i++) {
		struct setnsmon_filter filter = none;

		filter.reserved[i] = 1;
		FAILS(set_filter(fd, &filter), EINVAL);
	}
	FAILS(set_filter(fd, NULL), EFAULT);
	FAILS(set_filter(fd, (void *)-1L), EFAULT);
	FAILS(ioctl(fd, _IOC(_IOC_WRITE, SETNSMON_IOC_MAGIC, 3, 64), &none), EINVAL);
	FAILS(ioctl(fd, _IOC(_IOC_WRITE, SETNSMON_IOC_MAGIC, 3, 256), &none), EINVAL);
	/* The old one is still in force. */
	event();
	wanted();
	expect_error(fd, EINVAL);
	expect_drained(fd);
	EQ(skipped(fd), 1);
	close(fd);
}

/* ---- seeking to a time ---- */

static void sought(void)
{
	int fd = binary(O_NONBLOCK), other = binary(O_NONBLOCK), i;
	struct setnsmon_record recs[8];

	events(8);
	EQ(take(fd, recs, sizeof(recs)), sizeof(recs));
	for (i = 7; i >= 0; i--) {
		EQ(seek(fd, recs[i].boot_ns), 0);
		expect_record(fd, recs[i].setns.fd - MARK);
		EQ(seek(fd, recs[i].boot_ns - 1), 0);
		expect_record(fd, recs[i].setns.fd - MARK);
		EQ(seek(fd, recs[i].boot_ns + 1), 0);
		if (i < 7)
			expect_record(fd, recs[i + 1].setns.fd - MARK);
		else
			expect_drained(fd);
	}
	EQ(seek(fd, counters_of(fd).boot_ns), 0);
	expect_drained(fd);
	event();
	expect_record(fd, mark - 1);
	FAILS(seek(fd, counters_of(fd).boot_ns + 60000000000ULL), EINVAL);
	FAILS(seek(fd, ~0ULL), EINVAL);
	FAILS(ioctl(fd, SETNSMON_IOC_SEEK, NULL), EFAULT);
	expect_drained(fd);
	EQ(counters_of(fd).lost, 0);
	for (i = 0; i < 9; i++)
		expect_record(other, mark - 9 + i);
	close(fd);
	close(other);
}

/* What lies before the time counts neither as lost nor as skipped. */
static void sought_with_a_filter(void)
{
	int fd = filtered(O_NONBLOCK, &only_wanted);
	struct setnsmon_record rec;
	uint64_t then;

	on_cpu_0();
	events(3);
	then = counters_of(fd).boot_ns;
	events(2);
	wanted();
	events(2);
	EQ(seek(fd, then), 0);
	rec = expect_error(fd, EINVAL);
	expect_drained(fd);
	EQ(skipped(fd), 4);
	EQ(seek(fd, rec.boot_ns), 0);
	EQ(expect_error(fd, EINVAL).seq, rec.seq);
	EQ(skipped(fd), 4);
	/* All of them are overwritten: the oldest that is held comes, and nothing is lost. */
	events(3 * ring_records);
	EQ(seek(fd, then), 0);
	EQ(set_filter(fd, &none), 0);
	CHECK(expect_error(fd, EBADF).seq > rec.seq);
	EQ(counters_of(fd).lost, 0);
	use_cpus(&all_cpus);
	close(fd);
}

static void a_seek_makes_ready(void)
{
	int fd = binary(0), same = dup(fd), level = watch(fd, 0);
	uint64_t then = counters_of(fd).boot_ns;
	struct blocked blocked;

	event();
	expect_record(fd, mark - 1);
	EQ(reported(level, 0), 0);
	begin_blocked(&blocked, fd);
	EQ(seek(same, then), 0);
	pthread_join(blocked.id, NULL);
	EQ(blocked.got, RECORD);
	EQ(blocked.rec.setns.fd, MARK + mark - 1);
	EQ(seek(same, then), 0);
	EQ(reported(level, 1000), 1);
	close(level);
	close(same);
	close(fd);
}

static const struct tap_case cases[] = {
	{ "a read gets records that match, and another file gets all", matching_records_only },
	{ "one read takes all that match", one_read_for_all },
	{ "lines of text are filtered, too", text_lines },
	{ "filters replace each other, and one of zeros removes them", filters_replace_each_other },
	{ "a filter outlives seeks and a change of the format", a_filter_outlives_seeks_and_formats },
	{ "a new filter concerns records that were made and not delivered", undelivered_records },
	{ "read + skipped + lost is what was made, and a gap covers lost records only",
	  losses_are_exact },
	{ "gaps come whatever the filter", gaps_always_come },
	{ "poll and epoll report a file as ready when a record matches, not before", readiness },
	{ "a read that waits sleeps on until a record matches", blocking_read },
	{ "and so does poll", poll_that_waits },
	{ "a poll beside calls that are skipped does not report the file", polls_beside_calls },
	{ "a filter can be changed while a read waits, by dup", changed_during_a_read },
	{ "a flood that is skipped holds no read: a signal ends it, and O_NONBLOCK does",
	  reads_in_a_flood },
	{ "filters and the position change all the time during reads and polls",
	  changed_all_the_time },
	{ "unknown bits, values, sizes and pointers are refused, and the old filter stays",
	  refused_filters },
	{ "a seek to a time leads to the first record with it or after it", sought },
	{ "what lies before that time counts neither as lost nor as skipped",
	  sought_with_a_filter },
	{ "a seek wakes a read and an epoll set that wait", a_seek_makes_ready },
};

int main(int argc, char **argv)
{
	if (argc != 2 || (uts = open("/proc/self/ns/uts", O_RDONLY | O_CLOEXEC)) < 0) {
		fprintf(stderr, "usage: filtering RING-RECORDS\n");
		return 2;
	}
	ring_records = atoi(argv[1]);
	sched_getaffinity(0, sizeof(all_cpus), &all_cpus);
	return tap_run(cases, COUNT(cases));
}
