// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reads records until the last one of a stress run (see callers.h) or until SIGTERM, and
 * verifies each against the contract alone. No number of a CPU is missing or comes twice,
 * unless it was reported as lost. All come in the order of time. Each is whole and matches the
 * call of its caller.
 *
 *	reader MODE PROGRESS
 *
 *	fast	large reads that wait		tiny	one record a read
 *	poll	poll(2), then a read		epoll	the same by epoll(7)
 *	spin	reads that do not wait		slow	one record a read, then a sleep,
 *							until the run is over
 *	lines	text or JSON on standard input
 *
 * PROGRESS is a file that others may read meanwhile: struct progress. At the end the program
 * prints its sums as name=number. The first failures go to standard error, and the exit
 * status is 1 if there were any.
 */
#define _GNU_SOURCE
#include "callers.h"
#include "newer.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/setnsmon.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#define MAX_CPUS    256
#define MAX_TIDS    (1 << 16)
#define NOBODY	    65534
#define SHOWN	    20
#define LARGE_READ  (1 << 20)
#define MIDDLE_READ (1 << 14)
#define NAP_US	    300

struct progress {
	uint64_t next; /* sum over all CPUs of the next number */
	uint64_t read;
	uint64_t lost;
	uint64_t over; /* set by others when the run is over */
};

struct cpu {
	bool seen;
	uint64_t first;
	uint64_t next;
};

/* The last number seen of a caller that numbers its calls. */
struct turn {
	uint32_t tid;
	uint64_t start_ns;
	uint32_t next;
};

static struct progress *progress;
static struct cpu cpus[MAX_CPUS];
static struct turn turns[MAX_TIDS];
static uint64_t last_ns;
static struct setnsmon_counters counters;
static uint64_t begin, reads, gaps, unknown, moved, skipped, wrong;
static uint64_t by_role[sizeof(CALLER_ROLES)];
static volatile sig_atomic_t ended;

static void die(const char *what)
{
	fprintf(stderr, "reader: %s: %s\n", what, strerror(errno));
	exit(99);
}

static bool __attribute__((format(printf, 2, 3))) check(bool truth, const char *format, ...)
{
	va_list args;

	if (truth || wrong++ >= SHOWN)
		return truth;
	va_start(args, format);
	fputs("reader: ", stderr);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
	return false;
}

/* ---- the stream ---- */

/* Accounts for numbers @seq to @seq + @count - 1 of @cpu, which came or were reported lost. */
static void account(unsigned int cpu, uint64_t seq, uint64_t count, bool lost)
{
	struct cpu *at;

	if (!check(cpu < MAX_CPUS, "cpu %u", cpu))
		return;
	at = &cpus[cpu];
	if (!at->seen) {
		at->seen = true;
		at->first = at->next = seq;
		begin += seq;
		progress->next += seq;
	}
	check(seq == at->next, "cpu %u: number %llu, after %llu (%s)", cpu, (unsigned long long)seq,
	      (unsigned long long)at->next - 1, lost ? "lost" : "read");
	progress->next += seq + count - at->next;
	at->next = seq + count;
	*(lost ? &progress->lost : &progress->read) += count;
	gaps += lost;
}

static void in_time(uint64_t boot_ns)
{
	check(boot_ns >= last_ns, "time goes back from %llu to %llu", (unsigned long long)last_ns,
	      (unsigned long long)boot_ns);
	last_ns = boot_ns;
}

/* ---- the callers ---- */

static unsigned int slot_of(uint32_t tid)
{
	unsigned int i = tid % MAX_TIDS;

	while (turns[i].tid && turns[i].tid != tid)
		i = (i + 1) % MAX_TIDS;
	return i;
}

/* The calls of a thread come in its order. Numbers in between were not read. */
static void in_turn(uint32_t tid, uint64_t start_ns, uint32_t n)
{
	struct turn *caller = &turns[slot_of(tid)];

	if (caller->tid != tid || caller->start_ns != start_ns)
		*caller = (struct turn){ tid, start_ns, 0 };
	check(n >= caller->next, "thread %u: call %u after call %u", tid, n, caller->next - 1);
	skipped += n - caller->next;
	caller->next = n + 1;
}

struct caller {
	char role;
	unsigned int cpu;
	uint32_t tid;
};

static bool caller_of(const char *comm, struct caller *caller)
{
	char digit[2] = "";

	if (sscanf(comm, CALLER_NAME "%c%1[0-9a-f]%x", &caller->role, digit, &caller->tid) != 3)
		return false;
	caller->cpu = strtoul(digit, NULL, 16);
	return strchr(CALLER_ROLES, caller->role);
}

/* Flags that depend on where the test runs. */
#define WHERE (SETNSMON_FLAG_TO_INIT | SETNSMON_FLAG_TARGETS_INIT)

/* Expected values of a call of each role; zero means any value. */
struct role {
	char letter;
	int ret;
	uint8_t abi, fd_kind;
	uint32_t flags; /* except WHERE */
	uint32_t target_type, joined;
};

static const struct role roles[] = {
	{ 'f', -EBADF, SETNSMON_ABI_X86_64, SETNSMON_FD_NONE, 0, 0, 0 },
	{ 'i', -EBADF, SETNSMON_ABI_I386, SETNSMON_FD_NONE, SETNSMON_FLAG_KERNEL_COMPAT, 0, 0 },
	{ 'n', 0, SETNSMON_ABI_X86_64, SETNSMON_FD_NSFS, 0, CLONE_NEWNET, CLONE_NEWNET },
	{ 'o', 0, SETNSMON_ABI_X86_64, SETNSMON_FD_NSFS, 0, CLONE_NEWUTS, CLONE_NEWUTS },
	{ 'p', 0, SETNSMON_ABI_X86_64, SETNSMON_FD_PIDFD, 0, 0, CLONE_NEWNET | CLONE_NEWUTS },
	{ 'd', -EPERM, SETNSMON_ABI_X86_64, SETNSMON_FD_NSFS, SETNSMON_FLAG_DENIED, CLONE_NEWNET,
	  0 },
	{ 'w', -EINVAL, SETNSMON_ABI_X86_64, SETNSMON_FD_NSFS, 0, CLONE_NEWUTS, 0 },
	{ 'm', 0, SETNSMON_ABI_X86_64, SETNSMON_FD_NSFS, 0, CLONE_NEWNS, CLONE_NEWNS },
};

static const uint32_t link_kind[SETNSMON_LINKS] = {
	[SETNSMON_LINK_MNT] = CLONE_NEWNS,
	[SETNSMON_LINK_NET] = CLONE_NEWNET,
	[SETNSMON_LINK_UTS] = CLONE_NEWUTS,
};

/* Returns the inode number that @link of the caller must have after the call. */
static uint32_t destination(const struct setnsmon_setns *call, unsigned int link)
{
	if (call->fd_kind == SETNSMON_FD_NSFS)
		return call->target_inum;
	return call->has & SETNSMON_HAS_TARGET_LINKS ? call->target_links[link] : call->after[link];
}

static void check_links(const struct setnsmon_setns *call, const struct role *role)
{
	unsigned int i;

	for (i = 0; i < SETNSMON_LINKS; i++) {
		bool joined = link_kind[i] & role->joined;
		uint32_t want = joined ? destination(call, i) : call->before[i];

		check(call->before[i] && call->after[i] == want,
		      "%s: link %u from %u to %u, not %u", call->comm, i, call->before[i],
		      call->after[i], want);
		if (joined && role->letter != 'o')
			check(call->before[i] != call->after[i], "%s: link %u stays %u", call->comm,
			      i, want);
	}
}

/* Returns the class of a call that returned: only root joins other namespaces here. */
static unsigned int class_of_links(const struct setnsmon_setns *call)
{
	static const enum setnsmon_link out[] = { SETNSMON_LINK_MNT, SETNSMON_LINK_PID_FOR_CHILDREN,
						  SETNSMON_LINK_USER };
	unsigned int i;

	if (!memcmp(call->before, call->after, sizeof(call->after)))
		return SETNSMON_CLASS_PLAIN;
	for (i = 0; i < sizeof(out) / sizeof(*out); i++)
		if (call->before[out[i]] != call->after[out[i]] &&
		    call->flags & SETNSMON_FLAG_TO_INIT)
			return SETNSMON_CLASS_EXIT;
	return SETNSMON_CLASS_ENTRY;
}

static void check_outcome(const struct setnsmon_setns *call, const struct role *role,
			  const struct setnsmon_record *record)
{
	/* A join of another mount namespace moves the root. */
	uint32_t flags = role->flags | (role->joined & CLONE_NEWNS ? SETNSMON_FLAG_ROOT_MOVED : 0);

	check(call->ret == role->ret, "%s: ret %d", call->comm, call->ret);
	check(call->joined == role->joined, "%s: joined %#x", call->comm, call->joined);
	check((call->flags & ~WHERE) == flags, "%s: flags %#x", call->comm, call->flags);
	check(call->call_class == class_of_links(call), "%s: class %u", call->comm,
	      call->call_class);
	check(call->duration_ns && call->duration_ns < record->boot_ns, "%s: took %llu ns",
	      call->comm, (unsigned long long)call->duration_ns);
	check_links(call, role);
}

static void check_call(const struct setnsmon_record *record)
{
	const struct setnsmon_setns *call = &record->setns;
	const struct role *role = roles;
	uint32_t uid;
	struct caller caller;

	if (!memcmp(call->comm, CALLER_END, sizeof(CALLER_END))) {
		ended = true;
		return;
	}
	if (!check(!call->comm[SETNSMON_COMM_LEN - 1] &&
			   caller_of((const char *)call->comm, &caller),
		   "a call of nobody's: %.16s", call->comm))
		return;
	while (role->letter != caller.role)
		role++;
	by_role[strchr(CALLER_ROLES, caller.role) - CALLER_ROLES]++;
	moved += record->cpu % 16 != caller.cpu;

	uid = caller.role == 'd' ? NOBODY : 0;
	check(call->tid == caller.tid && call->ns_tid == caller.tid, "%s: tid %u, ns_tid %u",
	      call->comm, call->tid, call->ns_tid);
	check(call->uid == uid && call->euid == uid && !call->gid, "%s: uid %u, euid %u, gid %u",
	      call->comm, call->uid, call->euid, call->gid);
	check(call->pid && call->pid <= call->tid && call->start_ns < record->boot_ns,
	      "%s: pid %u, started at %llu", call->comm, call->pid,
	      (unsigned long long)call->start_ns);
	check(call->abi == role->abi && call->fd_kind == role->fd_kind &&
		      call->target_type == role->target_type && !call->pad2,
	      "%s: abi %u, fd_kind %u, target_type %#x", call->comm, call->abi, call->fd_kind,
	      call->target_type);
	if (caller.role == 'f' || caller.role == 'i') {
		if (check(call->nstype == caller_nstype(call->tid, call->fd),
			  "%s: nstype %#x does not fit fd %d", call->comm, call->nstype, call->fd))
			in_turn(call->tid, call->start_ns, caller_n(call->fd));
	} else {
		check(call->fd >= 0 && call->fd < 64, "%s: fd %d", call->comm, call->fd);
	}
	if (call->has & SETNSMON_HAS_RET) {
		check_outcome(call, role, record);
	} else {
		check(call->flags & SETNSMON_FLAG_RET_UNKNOWN, "%s: no return, flags %#x",
		      call->comm, call->flags);
		unknown++;
	}
}

static void check_record(const struct setnsmon_record *record)
{
	if (!check(record->size == sizeof(*record), "size %u", record->size))
		exit(1);
	in_time(record->boot_ns);
	switch (record->type) {
	case SETNSMON_RECORD_SETNS:
		account(record->cpu, record->seq, 1, false);
		check_call(record);
		break;
	case SETNSMON_RECORD_LOST:
		check(record->lost.count, "cpu %u: none lost", record->cpu);
		account(record->cpu, record->seq, record->lost.count, true);
		break;
	default:
		check(false, "type %u", record->type);
	}
}

/* ---- binary ---- */

struct mode {
	const char *name;
	size_t size;
	bool waits;
	void (*before)(int fd);
};

static void before_poll(int fd)
{
	struct pollfd wait = { fd, POLLIN, 0 };

	if (poll(&wait, 1, -1) != 1 || !(wait.revents & POLLIN))
		die("poll");
}

static void before_epoll(int fd)
{
	static int set = -1;
	struct epoll_event event = { .events = EPOLLIN };

	if (set < 0) {
		set = epoll_create1(0);
		if (epoll_ctl(set, EPOLL_CTL_ADD, fd, &event))
			die("epoll_ctl");
	}
	if (epoll_wait(set, &event, 1, -1) != 1)
		die("epoll_wait");
}

static void before_slow(int fd)
{
	(void)fd;
	if (!__atomic_load_n(&progress->over, __ATOMIC_RELAXED))
		usleep(NAP_US);
}

static const struct mode modes[] = {
	{ "fast", LARGE_READ, true, NULL },
	{ "tiny", sizeof(struct setnsmon_record), true, NULL },
	{ "poll", MIDDLE_READ, false, before_poll },
	{ "epoll", MIDDLE_READ, false, before_epoll },
	{ "spin", MIDDLE_READ, false, NULL },
	{ "slow", sizeof(struct setnsmon_record), true, before_slow },
};

static void read_binary(const struct mode *mode)
{
	static char buffer[LARGE_READ];
	uint32_t format = SETNSMON_FORMAT_BINARY;
	ssize_t got, i;
	int fd;

	fd = open(SETNSMON_DEVICE, O_RDONLY | (mode->waits ? 0 : O_NONBLOCK));
	if (fd < 0 || ioctl(fd, SETNSMON_IOC_FORMAT, &format))
		die(SETNSMON_DEVICE);
	while (!ended) {
		if (mode->before)
			mode->before(fd);
		got = read(fd, buffer, mode->size);
		reads++;
		if (got < 0 && (errno == EINTR || (errno == EAGAIN && !mode->waits)))
			continue;
		if (got <= 0 || got % sizeof(struct setnsmon_record))
			die("read");
		for (i = 0; i < got; i += sizeof(struct setnsmon_record))
			check_record((const struct setnsmon_record *)(buffer + i));
	}
	if (ioctl(fd, SETNSMON_IOC_COUNTERS, &counters))
		die("counters");
}

/* ---- text ---- */

/* The value of a name in logfmt or JSON; both write "NAME" or NAME, then the value. */
static const char *value_of(const char *line, const char *name)
{
	char key[32];
	const char *found;

	snprintf(key, sizeof(key), *line == '{' ? "\"%s\":" : " %s=", name);
	found = strstr(line, key);
	return found ? found + strlen(key) : NULL;
}

static long long number_of(const char *line, const char *name)
{
	const char *value = value_of(line, name);

	if (!check(value, "no %s in %s", name, line))
		exit(1);
	return strtoll(value, NULL, 0);
}

static bool says(const char *line, const char *name, const char *word)
{
	const char *value = value_of(line, name);

	if (!value)
		return false;
	value += *value == '"';
	return !strncmp(value, word, strlen(word)) && strchr(" \"", value[strlen(word)]);
}

static void check_line_call(const char *line)
{
	const char *comm = value_of(line, "comm");
	struct caller caller;

	if (says(line, "comm", CALLER_END)) {
		ended = true;
		return;
	}
	if (!check(comm && caller_of(comm + (*comm == '"'), &caller), "nobody's: %s", line))
		return;
	by_role[strchr(CALLER_ROLES, caller.role) - CALLER_ROLES]++;
	check(number_of(line, "tid") == caller.tid, "another tid: %s", line);
	if (caller.role == 'f' || caller.role == 'i') {
		int32_t fd = number_of(line, "fd");

		check((uint32_t)number_of(line, "nstype") == caller_nstype(caller.tid, fd),
		      "another nstype: %s", line);
		check(says(line, "errno", "EBADF"), "another errno: %s", line);
	}
}

static void read_lines(void)
{
	char *line = NULL;
	size_t size = 0;
	ssize_t length;

	while (!ended && (length = getline(&line, &size, stdin)) > 0) {
		bool lost = says(line, "event", "lost");

		check(lost || says(line, "event", "setns"), "what is this: %s", line);
		reads++;
		in_time(number_of(line, "boot_ns"));
		account(number_of(line, "cpu"), number_of(line, "seq"),
			lost ? number_of(line, "count") : 1, lost);
		if (!lost)
			check_line_call(line);
	}
	counters.lost = progress->lost;
	check(ended, "the lines end before the last call");
	free(line);
}

/* ---- */

static void on_term(int signal)
{
	(void)signal;
	ended = true;
}

static void map_progress(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT, 0600);

	if (fd < 0 || ftruncate(fd, sizeof(*progress)))
		die(path);
	progress = mmap(NULL, sizeof(*progress), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (progress == MAP_FAILED)
		die(path);
	close(fd);
}

static void report(void)
{
	const char *role;

	printf("next=%llu read=%llu lost=%llu", (unsigned long long)progress->next,
	       (unsigned long long)progress->read, (unsigned long long)progress->lost);
	printf(" begin=%llu reads=%llu gaps=%llu unknown=%llu", (unsigned long long)begin,
	       (unsigned long long)reads, (unsigned long long)gaps, (unsigned long long)unknown);
	printf(" counted=%llu entered=%llu recorded=%llu missed=%llu",
	       (unsigned long long)counters.lost, (unsigned long long)counters.entered,
	       (unsigned long long)counters.recorded, (unsigned long long)counters.missed);
	printf(" moved=%llu skipped=%llu wrong=%llu", (unsigned long long)moved,
	       (unsigned long long)skipped, (unsigned long long)wrong);
	for (role = CALLER_ROLES; *role; role++)
		printf(" %c=%llu", *role, (unsigned long long)by_role[role - CALLER_ROLES]);
	printf("\n");
}

int main(int argc, char **argv)
{
	size_t i;

	if (argc != 3) {
		fprintf(stderr, "usage: reader MODE PROGRESS\n");
		return 98;
	}
	map_progress(argv[2]);
	/* Interrupts a read that waits: SA_RESTART is not set. */
	sigaction(SIGTERM, &(struct sigaction){ .sa_handler = on_term }, NULL);
	for (i = 0; i < sizeof(modes) / sizeof(*modes); i++) {
		if (!strcmp(argv[1], modes[i].name)) {
			read_binary(&modes[i]);
			break;
		}
	}
	if (i == sizeof(modes) / sizeof(*modes)) {
		if (strcmp(argv[1], "lines")) {
			fprintf(stderr, "reader: no mode %s\n", argv[1]);
			return 98;
		}
		read_lines();
	}
	report();
	return wrong != 0;
}
