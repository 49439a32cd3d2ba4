// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tasks that wait for /dev/setnsmon or share it: readiness in every state, one open file in
 * threads, children and other processes, and signals meanwhile. Built for 64 and for 32 bit.
 *
 *	sharing RING-RECORDS
 *
 * Prints TAP. No other process may call setns(2) meanwhile.
 */
#define _GNU_SOURCE
#include "reading.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/time.h>

static unsigned int ring_records;
static char room[1 << 14];

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

static int reported(int set, int ms)
{
	struct epoll_event got;
	int ready = epoll_wait(set, &got, 1, ms);

	if (ready == 1)
		EQ(got.events, EPOLLIN);
	return ready;
}

/*
 * Checks that poll, select and epoll agree on whether a read would find a record. An epoll set
 * that has looked before is notified together with the sleeping readers, a little later.
 */
static void agree(int fd, int level, bool ready, const char *state)
{
	int set = watch(fd, 0);

	if (by_poll(fd) != ready)
		FAIL("poll, %s", state);
	if (by_select(fd) != ready)
		FAIL("select, %s", state);
	if (reported(set, 0) != ready)
		FAIL("a new epoll, %s", state);
	if (reported(level, ready ? 1000 : 0) != ready)
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

	/* More than all rings hold, so that some are lost. */
	events((ring_records + 10) * sysconf(_SC_NPROCESSORS_CONF));
	agree(bin, level, true, "overtaken");
	EQ(take(bin, &rec, RECORD), RECORD);
	EQ(rec.type, SETNSMON_RECORD_LOST);
	agree(bin, level, true, "after the record that tells the loss");
	while (take(bin, room, sizeof(room)) > 0)
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
	usleep(10000); /* until all sleepers were woken for both */
	EQ(reported(edge, 1000), 1);
	EQ(reported(edge, 0), 0);
	expect_record(bin, mark - 2);
	EQ(reported(edge, 0), 0); /* one more record exists, but was reported already */
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
 * Each of these open files gets every record. So each waiter must be notified, although
 * exclusive waiters of one queue are woken one at a time.
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

#define SHARED_CALLS 2000 /* by each of two callers; one ring holds all of them */
#define SHARED_READERS 6

static atomic_uint had[2 * SHARED_CALLS + 16];
static atomic_uint total, wrong;
static atomic_bool enough;
static int shared_base;

/* Each call came once, and in the order of time within this thread. */
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
		/* The threads that still wait get records; how many they take is up to them. */
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

/* A thread that reads again and again, without ever getting a record, until it is stopped. */
struct vain {
	pthread_t id;
	int fd;
	void *buf;
	int error;
	atomic_bool stop;
	atomic_long reads;
};

static void *read_in_vain(void *arg)
{
	struct vain *vain = arg;

	while (!vain->stop) {
		if (take(vain->fd, vain->buf, 4096) != -1 || errno != vain->error)
			break;
		vain->reads++;
	}
	return NULL;
}

/* Counts how often poll reports ready and not ready meanwhile. */
static void poll_beside(struct vain *vain, long answers[2])
{
	long until = now_ms() + 500;

	if (pthread_create(&vain->id, NULL, read_in_vain, vain))
		abort();
	while (now_ms() < until || vain->reads < 100)
		answers[by_poll(vain->fd)]++;
	vain->stop = true;
	pthread_join(vain->id, NULL);
}

static void nothing_is_nothing_while_another_looks(void)
{
	struct vain vain = { .fd = binary(O_NONBLOCK), .buf = room, .error = EAGAIN };
	long answers[2] = { 0 };

	poll_beside(&vain, answers);
	EQ(answers[true], 0);
	CHECK(answers[false] > 0);
	close(vain.fd);
}

static void what_another_cannot_take_is_there(void)
{
	struct vain vain = { .fd = binary(O_NONBLOCK), .buf = NULL, .error = EFAULT };
	long answers[2] = { 0 };
	int first = mark;

	events(3);
	poll_beside(&vain, answers);
	EQ(answers[false], 0);
	CHECK(answers[true] > 0);
	for (; first < mark; first++)
		expect_record(vain.fd, first);
	close(vain.fd);
}

/* Children and their parent share one stream, and read one record each time. */
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
	EQ(readers(fd), 2); /* no process has it open, but a message carries it */
	received = receive_fd(ends[1]);
	expect_record(received, mark - 2); /* and it keeps its format */
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

/* Returns whether the sleeper woke within 5 seconds. */
static bool awake(struct sleeper *s)
{
	for (int i = 0; i < 500 && !s->over; i++)
		usleep(10000);
	return s->over;
}

/* Wakes a missed sleeper by another call, so that the next case can run. */
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
	CHECK(!s.over); /* still waiting */
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
	CHECK(awake(&s)); /* now a record can be read */
	join(&s);
	EQ(s.got, RECORD);
	close(bin);
}

/* One sleeper takes the record and gives it back, and another must get it. */
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
	event(); /* for the child, in case it was too late for the first */
	wait(&status);
	EQ(status, 0);
	close(bin);
}

/* ---- signals ---- */

static void nothing(int signal)
{
	(void)signal;
}

/* Signals arrive all the time while records are read, and no record is lost. */
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
				usleep(20000); /* long enough even for a slow kernel */
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
	{ "poll, select and epoll agree in every state", readiness_in_every_state },
	{ "an edge for each time that something comes", edges },
	{ "EPOLLONESHOT", one_shot },
	{ "EPOLLEXCLUSIVE: each open file's waiter is woken", exclusive_waiters_of_several_files },
	{ "EPOLLEXCLUSIVE: one of the waiters of one file is woken", exclusive_waiters_of_one_file },
	{ "many threads read one file: each record goes to one of them",
	  many_threads_read_one_file },
	{ "poll finds nothing where there is nothing, while another looks, too",
	  nothing_is_nothing_while_another_looks },
	{ "poll finds what is there while another reads it, to nowhere",
	  what_another_cannot_take_is_there },
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
