// SPDX-License-Identifier: GPL-2.0-only
/*
 * One thread calls setns(2) in a loop, while another replaces the file behind the descriptor
 * by dup2(2), or moves the process behind it. After each call the caller reads its links
 * back from /proc/thread-self/ns. They alone show what was committed, and the records must
 * agree.
 *
 *	races SCENE CALLS MET SECONDS
 *
 * It ends after CALLS calls of which MET met the condition of the scene (the descriptor was
 * raced, or the process was locked), after SECONDS, or after many failures. Prints
 * "calls=N swung=N ...", and failures on stderr. No other process may call setns(2)
 * meanwhile.
 */
#define _GNU_SOURCE
#include "newer.h"
#include "pin.h"

#include <linux/setnsmon.h>

#include <errno.h>
#include <fcntl.h>
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
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SWUNG_FD  100
#define BATCH	  2000
#define MAX_MOVES 8000UL /* in a batch: less than a ring holds */
#define WATCHED	  2

typedef uint32_t u32;
typedef uint64_t u64;
typedef unsigned long long ull;

static const char *const link_names[SETNSMON_LINKS] = {
	"cgroup", "ipc", "mnt", "net", "pid", "pid_for_children", "time", "time_for_children",
	"user",	  "uts",
};

/* A kind of namespace: the link that it moves, and the link of the process that is joined. */
struct kind {
	u32 bit;
	enum setnsmon_link link;
	enum setnsmon_link source;
	const char *path;
};

static const struct kind net = { CLONE_NEWNET, SETNSMON_LINK_NET, SETNSMON_LINK_NET, "net" };
static const struct kind uts = { CLONE_NEWUTS, SETNSMON_LINK_UTS, SETNSMON_LINK_UTS, "uts" };
static const struct kind ipc = { CLONE_NEWIPC, SETNSMON_LINK_IPC, SETNSMON_LINK_IPC, "ipc" };
static const struct kind children = { CLONE_NEWPID, SETNSMON_LINK_PID_FOR_CHILDREN,
				      SETNSMON_LINK_PID, "pid" };
static const struct kind timens = { CLONE_NEWTIME, SETNSMON_LINK_TIME, SETNSMON_LINK_TIME, "time" };

/* The files that the descriptor is switched to. */
enum side {
	FIRST_0,  /* the first process's namespace of the first kind */
	FIRST_1,  /* and of the second kind */
	SECOND_0, /* the second process's */
	SECOND_1,
	FIRST_PROCESS,
	SECOND_PROCESS,
	MOVING_PROCESS,
	NOTHING, /* /dev/null */
	CLOSED,
	NO_SIDE
};

/*
 * @sides: files to switch to, in turns
 * @home: return by another file descriptor after each success, so that the next success
 *	shows what it committed
 * @still: the caller itself switches, between the calls: no record may be flagged as raced
 * @alone: the switching task is a process that shares the fd table, because only a
 *	single-threaded process may join some kinds
 * @contended: nobody switches, but the lock of the process is taken all the time
 */
struct scene {
	const char *name;
	const struct kind *kinds[WATCHED];
	enum side sides[4];
	unsigned int turns;
	u32 nstype;
	bool home;
	bool alone;
	bool still;
	bool contended;
};

/* clang-format off */
#define SIDES(...)							   \
	.turns = sizeof((enum side[]){ __VA_ARGS__ }) / sizeof(enum side), \
	.sides = { __VA_ARGS__ }
static const struct scene scenes[] = {
	{ .name = "still", .kinds = { &net, &uts }, SIDES(FIRST_0, FIRST_1),
	  .home = true, .still = true },
	{ .name = "kinds", .kinds = { &net, &uts }, SIDES(FIRST_0, SECOND_1), .home = true },
	{ .name = "kinds-away", .kinds = { &net, &uts },
	  SIDES(FIRST_0, SECOND_1, SECOND_0, FIRST_1) },
	{ .name = "kinds-alone", .kinds = { &children, &timens }, SIDES(FIRST_0, FIRST_1),
	  .home = true, .alone = true },
	{ .name = "same", .kinds = { &net, &uts }, SIDES(FIRST_0, SECOND_0), .home = true },
	{ .name = "same-away", .kinds = { &net, &uts }, SIDES(FIRST_0, SECOND_0) },
	{ .name = "nothing", .kinds = { &net, &uts }, SIDES(FIRST_0, NOTHING), .home = true },
	{ .name = "closed", .kinds = { &uts, &ipc }, SIDES(FIRST_0, CLOSED), .home = true },
	{ .name = "nstype", .kinds = { &net, &uts }, SIDES(FIRST_0, SECOND_1),
	  .nstype = CLONE_NEWNET },
	{ .name = "nstype-same", .kinds = { &uts, &ipc }, SIDES(FIRST_0, SECOND_0),
	  .nstype = CLONE_NEWUTS },
	{ .name = "processes", .kinds = { &net, &uts }, SIDES(FIRST_PROCESS, SECOND_PROCESS),
	  .nstype = CLONE_NEWNET | CLONE_NEWUTS },
	{ .name = "process-namespace", .kinds = { &net, &uts }, SIDES(FIRST_PROCESS, SECOND_0),
	  .nstype = CLONE_NEWNET },
	{ .name = "moving", .kinds = { &net, &uts }, SIDES(MOVING_PROCESS),
	  .nstype = CLONE_NEWNET | CLONE_NEWUTS },
	{ .name = "contended", .kinds = { &net, &uts }, SIDES(FIRST_PROCESS),
	  .nstype = CLONE_NEWNET | CLONE_NEWUTS, .contended = true },
};
/* clang-format on */

static const struct scene *scene;

/* One call, as seen by its caller. */
struct call {
	long ret;
	int fd;
	u32 nstype;
	const struct kind *kind; /* kind of fd if it is certain, else NULL */
	u32 inum;
	u32 now[WATCHED]; /* links read back after the call */
};

static struct call calls[2 * BATCH + 2];
static unsigned int called;

/* A process in namespaces of its own, and their numbers. */
struct holder {
	pid_t pid;
	u32 links[WATCHED];
	u32 sources[WATCHED];
};

static struct holder first, second, moving;
static int side_fds[NO_SIDE];
static int home_fds[WATCHED];
static u32 home[WATCHED];
static u32 still[SETNSMON_LINKS]; /* links that never move */
static int own_ns;		  /* directory of the caller's links */

/* Shared with other processes. */
struct shared {
	atomic_uint running;
	atomic_uint resting;
	atomic_ulong moves;
	atomic_ulong most_moves; /* the one that moves waits when it has made so many */
};

static struct shared *shared;

static struct {
	u64 calls, swung, failed, raced, unknown, unread, moves, moves_seen, entry[NO_SIDE], wrong;
} sum;

static void die(const char *what)
{
	fprintf(stderr, "races: %s: %s\n", what, strerror(errno));
	exit(99);
}

__attribute__((format(printf, 1, 2))) static void wrong(const char *fmt, ...)
{
	va_list args;

	if (sum.wrong++ >= 20)
		return;
	va_start(args, fmt);
	fprintf(stderr, "call %llu: ", (ull)sum.calls);
	vfprintf(stderr, fmt, args);
	fputc('\n', stderr);
	va_end(args);
}

static void stay_on(int cpu)
{
	if (pin(cpu))
		die("sched_setaffinity");
}

/* ---- namespaces ---- */

static u32 read_link(int dir, const char *name)
{
	char text[64];
	ssize_t len = readlinkat(dir, name, text, sizeof(text) - 1);
	char *number;

	if (len < 0)
		die(name);
	text[len] = '\0';
	number = strchr(text, '[');
	return number ? strtoul(number + 1, NULL, 10) : 0;
}

static int open_ns_dir(pid_t pid)
{
	char path[64];
	int dir;

	snprintf(path, sizeof(path), "/proc/%d/ns", pid);
	dir = open(path, O_RDONLY | O_DIRECTORY);
	if (dir < 0)
		die(path);
	return dir;
}

/* Runs @main in a child in new namespaces of both kinds, and waits until it is there. */
static pid_t start(void (*main)(void))
{
	u32 kinds = scene->kinds[0]->bit | scene->kinds[1]->bit;
	int ends[2];
	pid_t pid;

	if (pipe(ends))
		die("pipe");
	pid = fork();
	if (pid < 0)
		die("fork");
	if (pid) {
		close(ends[1]);
		if (read(ends[0], &pid, sizeof(pid)) != sizeof(pid))
			die("a child");
		close(ends[0]);
		return pid;
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (unshare(kinds))
		die("unshare");
	if (kinds & (CLONE_NEWPID | CLONE_NEWTIME)) {
		/* A new one for children only, so the child has to hold it. */
		pid = fork();
		if (pid < 0)
			die("fork");
		if (pid) {
			if (write(ends[1], &pid, sizeof(pid)) != sizeof(pid))
				die("write");
			wait(NULL);
			_exit(0);
		}
		prctl(PR_SET_PDEATHSIG, SIGKILL);
	} else {
		pid = getpid();
		if (write(ends[1], &pid, sizeof(pid)) != sizeof(pid))
			die("write");
	}
	main();
	_exit(0);
}

static void hold(void)
{
	for (;;)
		pause();
}

/* Waits until the caller asks for it, then reports that it runs. */
static void rest(void)
{
	atomic_fetch_add(&shared->resting, 1);
	while (!atomic_load(&shared->running))
		sched_yield();
	atomic_fetch_sub(&shared->resting, 1);
}

static int last_cpu(void)
{
	return sysconf(_SC_NPROCESSORS_ONLN) - 1;
}

/* Moves back and forth between the namespaces of the two processes, both kinds at once. */
static void move(void)
{
	u32 kinds = scene->kinds[0]->bit | scene->kinds[1]->bit;

	stay_on(last_cpu());
	if (syscall(SYS_setns, side_fds[SECOND_PROCESS], kinds))
		die("setns of the one that moves");
	for (;;) {
		if (!atomic_load_explicit(&shared->running, memory_order_relaxed))
			rest();
		if (atomic_load(&shared->moves) >= atomic_load(&shared->most_moves)) {
			sched_yield();
			continue;
		}
		if (syscall(SYS_setns, side_fds[FIRST_PROCESS], kinds) ||
		    syscall(SYS_setns, side_fds[SECOND_PROCESS], kinds))
			die("setns of the one that moves");
		atomic_fetch_add(&shared->moves, 2);
	}
}

/* Takes its own alloc_lock again and again. */
static void rename_often(void)
{
	stay_on(last_cpu());
	for (;;) {
		if (!atomic_load_explicit(&shared->running, memory_order_relaxed))
			rest();
		prctl(PR_SET_NAME, "one");
		prctl(PR_SET_NAME, "the other");
	}
}

static int open_pidfd(pid_t pid)
{
	int fd = syscall(SYS_pidfd_open, pid, 0);

	if (fd < 0)
		die("pidfd_open");
	return fd;
}

static void look(struct holder *holder, enum side side)
{
	int dir = open_ns_dir(holder->pid);
	int i;

	for (i = 0; i < WATCHED; i++) {
		holder->sources[i] = read_link(dir, scene->kinds[i]->path);
		side_fds[side + i] = openat(dir, scene->kinds[i]->path, O_RDONLY);
		if (side_fds[side + i] < 0)
			die("a namespace");
	}
	close(dir);
}

static void set_up(void)
{
	int i;

	first.pid = start(scene->contended ? rename_often : hold);
	second.pid = start(hold);
	look(&first, FIRST_0);
	look(&second, SECOND_0);
	side_fds[FIRST_PROCESS] = open_pidfd(first.pid);
	side_fds[SECOND_PROCESS] = open_pidfd(second.pid);
	side_fds[NOTHING] = open("/dev/null", O_RDONLY);
	side_fds[CLOSED] = -1;
	if (scene->sides[0] == MOVING_PROCESS) {
		moving.pid = start(move);
		side_fds[MOVING_PROCESS] = open_pidfd(moving.pid);
		while (!atomic_load(&shared->resting))
			sched_yield();
	}

	own_ns = open("/proc/thread-self/ns", O_RDONLY | O_DIRECTORY);
	if (own_ns < 0)
		die("/proc/thread-self/ns");
	for (i = 0; i < SETNSMON_LINKS; i++)
		still[i] = read_link(own_ns, link_names[i]);
	for (i = 0; i < WATCHED; i++) {
		home[i] = still[scene->kinds[i]->link];
		home_fds[i] = openat(own_ns, scene->kinds[i]->path, O_RDONLY);
	}
	if (dup2(side_fds[scene->sides[0]], SWUNG_FD) < 0)
		die("dup2");
}

/* ---- the switching task ---- */

static void put(enum side side)
{
	if (side == CLOSED)
		close(SWUNG_FD);
	else
		dup2(side_fds[side], SWUNG_FD);
}

/* prlimit(2) takes the alloc_lock of the process. */
static void contend(void)
{
	struct rlimit limit;

	prlimit(first.pid, RLIMIT_NOFILE, NULL, &limit);
}

/*
 * Waits for a varying time, because two loops at the same pace may never meet at the
 * critical moment.
 */
static void dawdle(void)
{
	static u32 state = 1;
	unsigned int i;

	state = state * 1664525 + 1013904223;
	for (i = state >> 20; i > 0; i--)
		__asm__ volatile("");
}

static void *swing(void *arg)
{
	unsigned int i;

	(void)arg;
	stay_on(last_cpu());
	for (;;) {
		if (!atomic_load_explicit(&shared->running, memory_order_relaxed))
			rest();
		for (i = 0; i < scene->turns; i++) {
			if (scene->contended)
				contend();
			else
				put(scene->sides[i]);
			if (!scene->contended)
				dawdle();
		}
	}
	return NULL;
}

/* Returns the number of other tasks that run while the caller calls. */
static unsigned int company(void)
{
	return scene->still ? 0 : scene->contended ? 2 : 1;
}

static void start_swinging(void)
{
	pthread_t thread;
	pid_t pid;

	if (scene->still || scene->sides[0] == MOVING_PROCESS)
		return;
	if (!scene->alone) {
		if (pthread_create(&thread, NULL, swing, NULL))
			die("pthread_create");
		return;
	}
	pid = syscall(SYS_clone, CLONE_FILES | SIGCHLD, 0, 0, 0, 0);
	if (pid < 0)
		die("clone");
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		swing(NULL);
	}
}

/* ---- the caller ---- */

static struct call *call(int fd, u32 nstype, const struct kind *kind, u32 inum)
{
	struct call *call = &calls[called++];
	int i;

	call->fd = fd;
	call->nstype = nstype;
	call->kind = kind;
	call->inum = inum;
	call->ret = syscall(SYS_setns, fd, nstype) ? -errno : 0;
	for (i = 0; i < WATCHED; i++)
		call->now[i] = read_link(own_ns, link_names[scene->kinds[i]->link]);
	return call;
}

static void call_alone(unsigned int n)
{
	struct call *last;
	int i;

	if (scene->still) {
		put(scene->sides[n % 2]);
		last = call(SWUNG_FD, 0, scene->kinds[n % 2], first.sources[n % 2]);
	} else {
		last = call(SWUNG_FD, scene->nstype, NULL, 0);
	}
	for (i = 0; scene->home && i < WATCHED; i++)
		if (last->now[i] != home[i])
			call(home_fds[i], 0, scene->kinds[i], home[i]);
}

/* ---- the judge ---- */

/*
 * The effect of a call, from the links that its caller read before and after it. A call that
 * asked for no type and changed nothing joined a namespace that the caller was in already.
 * Its kind cannot be seen.
 */
struct commit {
	u32 kinds;
	u32 links[WATCHED]; /* links of those kinds */
	bool sure;
};

static struct commit committed(const struct call *call, const u32 *before)
{
	struct commit commit = { .sure = true };
	int i;

	for (i = 0; i < WATCHED; i++) {
		commit.links[i] = call->now[i];
		if (call->now[i] != before[i])
			commit.kinds |= scene->kinds[i]->bit;
	}
	if (call->kind)
		commit.kinds = call->kind->bit;
	else if (call->nstype)
		commit.kinds = call->nstype;
	else
		commit.sure = commit.kinds != 0;
	return commit;
}

/* Returns whether the target that the record has from the entry explains the commit. */
static bool is_target(const struct commit *commit, const struct setnsmon_setns *r)
{
	int i;

	if (r->fd_kind == SETNSMON_FD_PIDFD) {
		for (i = 0; i < WATCHED; i++)
			if (commit->kinds & scene->kinds[i]->bit &&
			    r->target_links[scene->kinds[i]->source] != commit->links[i])
				return false;
		return true;
	}
	if (r->fd_kind != SETNSMON_FD_NSFS || r->target_type != commit->kinds)
		return false;
	for (i = 0; i < WATCHED; i++)
		if (commit->kinds == scene->kinds[i]->bit && r->target_inum != commit->links[i])
			return false;
	return true;
}

/* Returns whether the call joined a namespace that the caller was in already. */
static bool was_there(const struct call *call, const struct setnsmon_setns *r)
{
	int i;

	for (i = 0; i < WATCHED; i++)
		if (r->fd_kind == SETNSMON_FD_NSFS && r->target_type == scene->kinds[i]->bit &&
		    r->target_inum == call->now[i])
			return true;
	return false;
}

static bool is_of(const struct holder *holder, const struct setnsmon_setns *r)
{
	int i;

	for (i = 0; i < WATCHED; i++)
		if (r->target_links[scene->kinds[i]->source] != holder->sources[i])
			return false;
	return true;
}

/* Checks that the target is one of the sides, and complete. */
static void judge_target(const struct setnsmon_setns *r)
{
	enum side side = NO_SIDE;
	unsigned int i;

	switch (r->fd_kind) {
	case SETNSMON_FD_NONE:
		side = CLOSED;
		break;
	case SETNSMON_FD_OTHER:
		side = NOTHING;
		break;
	case SETNSMON_FD_PIDFD:
		if (r->target_pid == (u32)first.pid)
			side = FIRST_PROCESS;
		else if (r->target_pid == (u32)second.pid)
			side = SECOND_PROCESS;
		else if (r->target_pid == (u32)moving.pid)
			side = MOVING_PROCESS;
		if (!(r->has & SETNSMON_HAS_TARGET_LINKS))
			sum.unread++;
		else if (!(is_of(&first, r) && side != SECOND_PROCESS) &&
			 !(is_of(&second, r) && side != FIRST_PROCESS))
			wrong("the links of process %u are net %u, uts %u", r->target_pid,
			      r->target_links[SETNSMON_LINK_NET],
			      r->target_links[SETNSMON_LINK_UTS]);
		break;
	case SETNSMON_FD_NSFS:
		for (i = 0; i < WATCHED; i++) {
			if (r->target_type != scene->kinds[i]->bit)
				continue;
			if (r->target_inum == first.sources[i])
				side = FIRST_0 + i;
			else if (r->target_inum == second.sources[i])
				side = SECOND_0 + i;
		}
		break;
	}
	for (i = 0; i < scene->turns && scene->sides[i] != side; i++)
		;
	if (i == scene->turns)
		wrong("the target is not one of the sides: fd_kind %u, type %#x, inum %u, pid %u",
		      r->fd_kind, r->target_type, r->target_inum, r->target_pid);
	else
		sum.entry[side]++;
}

static void judge_links(const char *what, const u32 *links, const u32 *watched)
{
	u32 expected[SETNSMON_LINKS];
	int i;

	memcpy(expected, still, sizeof(expected));
	for (i = 0; i < WATCHED; i++) {
		expected[scene->kinds[i]->link] = watched[i];
		if (scene->kinds[i] == &timens)
			expected[SETNSMON_LINK_TIME_FOR_CHILDREN] = watched[i];
	}
	for (i = 0; i < SETNSMON_LINKS; i++)
		if (links[i] != expected[i])
			wrong("%s %s is %u, read back %u", what, link_names[i], links[i],
			      expected[i]);
}

static void judge_success(const struct call *call, const struct setnsmon_setns *r,
			  const u32 *before)
{
	struct commit commit = committed(call, before);
	bool raced = r->flags & SETNSMON_FLAG_RACED;
	bool expected;

	if (!commit.sure) {
		expected = !was_there(call, r);
		if (r->joined != (expected ? 0 : r->target_type))
			wrong("joined %#x, nothing changed", r->joined);
		sum.unknown += expected;
	} else {
		expected = !is_target(&commit, r);
		if (r->fd_kind == SETNSMON_FD_PIDFD && !(r->has & SETNSMON_HAS_TARGET_LINKS))
			expected = false; /* the record has no links to compare with */
		if (r->joined != commit.kinds)
			wrong("joined %#x, committed %#x", r->joined, commit.kinds);
	}
	if (raced != expected)
		wrong("raced is %d; at entry kind %u, type %#x, inum %u, pid %u; committed %#x: %u %u%s",
		      raced, r->fd_kind, r->target_type, r->target_inum, r->target_pid,
		      commit.kinds, call->now[0], call->now[1], commit.sure ? "" : ", not sure");
	sum.raced += raced;
}

static void judge(const struct call *call, const struct setnsmon_setns *r, const u32 *before)
{
	if (r->fd != call->fd || r->nstype != call->nstype)
		wrong("fd %d, nstype %#x: expected %d, %#x", r->fd, r->nstype, call->fd,
		      call->nstype);
	if (!(r->has & SETNSMON_HAS_RET) || r->ret != call->ret)
		wrong("ret %d, expected %ld", r->ret, call->ret);
	judge_links("before", r->before, before);
	judge_links("after", r->after, call->now);
	if (call->kind && (r->fd_kind != SETNSMON_FD_NSFS || r->target_type != call->kind->bit ||
			   r->target_inum != call->inum))
		wrong("the target is %#x:%u, expected %s:%u", r->target_type, r->target_inum,
		      call->kind->path, call->inum);
	if (call->fd == SWUNG_FD) {
		sum.swung++;
		judge_target(r);
	}
	if (call->ret == 0) {
		judge_success(call, r, before);
		return;
	}
	sum.failed++;
	if (memcmp(call->now, before, sizeof(call->now)))
		wrong("it failed, but a link has changed");
	if (r->flags & SETNSMON_FLAG_RACED || r->joined)
		wrong("it failed: flags %#x, joined %#x", r->flags, r->joined);
	if (call->kind)
		wrong("it failed: %ld", call->ret);
}

/* Checks the calls of the moving process, whose descriptors are never switched. */
static void judge_move(const struct setnsmon_setns *r)
{
	sum.moves_seen++;
	if (r->ret || r->flags & SETNSMON_FLAG_RACED || r->joined != scene->nstype ||
	    (r->has & SETNSMON_HAS_TARGET_LINKS && !is_of(&first, r) && !is_of(&second, r)))
		wrong("the one that moves: ret %d, flags %#x, joined %#x", r->ret, r->flags,
		      r->joined);
}

/* ---- the device ---- */

static int device;

static void open_device(void)
{
	u32 format = SETNSMON_FORMAT_BINARY;
	struct setnsmon_info info;

	device = open(SETNSMON_DEVICE, O_RDONLY | O_NONBLOCK);
	if (device < 0 || ioctl(device, SETNSMON_IOC_FORMAT, &format) ||
	    ioctl(device, SETNSMON_IOC_INFO, &info) || lseek(device, 0, SEEK_END))
		die(SETNSMON_DEVICE);
	if (info.record_size != sizeof(struct setnsmon_record))
		die("another size of records");
}

static struct setnsmon_counters counters(void)
{
	struct setnsmon_counters counters;

	if (ioctl(device, SETNSMON_IOC_COUNTERS, &counters))
		die("counters");
	return counters;
}

/* Compares all records since the last time with all calls. */
static void drain(u32 *before)
{
	static struct setnsmon_record records[256];
	u32 tid = syscall(SYS_gettid);
	unsigned int next = 0;
	ssize_t len, i;

	while ((len = read(device, records, sizeof(records))) > 0) {
		for (i = 0; i < len / (ssize_t)sizeof(*records); i++) {
			const struct setnsmon_setns *r = &records[i].setns;

			if (records[i].type != SETNSMON_RECORD_SETNS) {
				wrong("%llu records lost", (ull)records[i].lost.count);
			} else if (r->tid == tid && next < called) {
				sum.calls++;
				judge(&calls[next], r, before);
				memcpy(before, calls[next++].now, sizeof(calls->now));
			} else if (moving.pid && r->tid == (u32)moving.pid) {
				judge_move(r);
			} else {
				wrong("a record of nobody's call: tid %u, fd %d", r->tid, r->fd);
			}
		}
	}
	if (len < 0 && errno != EAGAIN)
		die("read");
	if (next != called)
		wrong("%u of %u calls were recorded", next, called);
	called = 0;
}

static double seconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

static u64 met(void)
{
	return scene->contended ? sum.unread : sum.raced;
}

static void run(u64 wanted, u64 least, double limit)
{
	double end = seconds() + limit;
	u32 before[WATCHED];
	unsigned int i;

	memcpy(before, home, sizeof(before));
	while ((sum.calls < wanted || met() < least) && sum.wrong < 100 && seconds() < end) {
		atomic_store(&shared->most_moves, sum.moves + MAX_MOVES);
		atomic_store(&shared->running, 1);
		while (atomic_load(&shared->resting))
			sched_yield();
		for (i = 0; i < BATCH && atomic_load(&shared->moves) - sum.moves < MAX_MOVES; i++)
			call_alone(i);
		atomic_store(&shared->running, 0);
		while (atomic_load(&shared->resting) != company())
			sched_yield();
		drain(before);
		sum.moves = atomic_load(&shared->moves);
	}
}

static void judge_counters(const struct setnsmon_counters *then)
{
	struct setnsmon_counters now = counters();
	u64 made = sum.calls + sum.moves;

	if (sum.moves != sum.moves_seen)
		wrong("%llu of %llu moves were recorded", (ull)sum.moves_seen, (ull)sum.moves);
	if (now.entered - then->entered != made || now.recorded - then->recorded != made ||
	    now.missed != then->missed || now.ret_unknown != then->ret_unknown || now.lost)
		wrong("%llu calls; entered %llu, recorded %llu, missed %llu, ret_unknown %llu, lost %llu",
		      (ull)made, (ull)(now.entered - then->entered),
		      (ull)(now.recorded - then->recorded), (ull)(now.missed - then->missed),
		      (ull)(now.ret_unknown - then->ret_unknown), (ull)now.lost);
}

int main(int argc, char **argv)
{
	struct setnsmon_counters then;
	double began = seconds();
	unsigned int i;

	for (i = 0; i < sizeof(scenes) / sizeof(scenes[0]) && argc == 5; i++)
		if (!strcmp(argv[1], scenes[i].name))
			scene = &scenes[i];
	if (!scene) {
		fprintf(stderr, "usage: races SCENE CALLS MET SECONDS\n");
		return 98;
	}
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		      0);
	if (shared == MAP_FAILED)
		die("mmap");
	stay_on(0);
	set_up();
	start_swinging();
	open_device();
	then = counters();
	run(strtoull(argv[2], NULL, 0), strtoull(argv[3], NULL, 0), strtod(argv[4], NULL));
	judge_counters(&then);
	printf("seconds=%.1f calls=%llu swung=%llu failed=%llu raced=%llu unknown=%llu unread=%llu "
	       "moves=%llu wrong=%llu sides=",
	       seconds() - began, (ull)sum.calls, (ull)sum.swung, (ull)sum.failed, (ull)sum.raced,
	       (ull)sum.unknown, (ull)sum.unread, (ull)sum.moves, (ull)sum.wrong);
	for (i = 0; i < scene->turns; i++)
		printf("%s%llu", i ? "," : "", (ull)sum.entry[scene->sides[i]]);
	putchar('\n');
	return sum.wrong > 0;
}
