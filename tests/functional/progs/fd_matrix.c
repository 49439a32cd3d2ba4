// SPDX-License-Identifier: GPL-2.0-only
/*
 * Makes calls of setns(2) in every possible way, and logs what each caller sees of itself.
 * It knows nothing about setnsmon.
 *
 *	fd_matrix [PREPARATION]... -- [WAY FD NSTYPE]...
 *	fd_matrix hammer THREADS CALLS FD
 *	fd_matrix starve CGROUP CHILDREN FD
 *	fd_matrix headless		a process whose leader has ended, until a line comes
 *	fd_matrix vsyscall		which instruction the vdso gives to 32-bit code
 *
 * A fresh child makes each call of the list, so that no call changes the caller of the
 * next. Preparations, in the given order:
 *
 *	user FD		join this user namespace (a call of setns, logged as well)
 *	enter FD	join any other namespace, likewise
 *	unshare KINDS	CLONE_NEW* bits; with pid or time go on in a child
 *	uid UID		become this user for good
 *	nocap N		lose capability N
 *	recv SOCKET FD	receive a file descriptor over the socket as FD
 *	hold		say "hold" and wait for a line
 *
 *	idle-thread	the child has a second thread
 *	from-thread	the second thread makes the call
 *	leaderless	likewise, after the leader has ended
 *	shared-fs	a process shares root and working directory with the child
 *	shared-memory	a process shares memory with the child
 *
 * Ways for 64-bit code: libc, syscall, dirty (garbage in the upper halves of the arguments),
 * dirtier (and of the call number), int80, int80-dirty (both), far (int 0x80 from a 32-bit
 * code segment), x32, x32-dirty, x32-dirtier. For 32-bit code: libc, int80, vsyscall (as the
 * vdso does it).
 *
 * The output is one line for each call (preparations have the index -1):
 *
 *	call INDEX TGID TID PPID NSTGID NSTID FD RET CAPS CAPS LINK*10 LINK*10
 *
 * as read from /proc. NSTGID and NSTID are the results of getpid(2) and gettid(2). CAPS are
 * the effective capabilities, before and after, the directory that moved (root, cwd or none),
 * and the links are listed before and after,
 * too. A link that cannot be read is 0.
 */
#define _GNU_SOURCE
#include "newer.h"
#include "setns.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/capability.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define SETNS_X86_64 308
#define X32_BIT 0x40000000
#define RUBBISH 0xabcdef0100000000ULL

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

static __attribute__((noreturn)) void die(const char *what)
{
	fprintf(stderr, "calls: %s: %s\n", what, strerror(errno));
	_exit(99);
}

static void wait_for_line(void)
{
	char byte;

	dprintf(1, "hold\n");
	if (read(0, &byte, 1) != 1)
		_exit(97); /* the other end has gone */
}

static long number(const char *text)
{
	return strtoll(text, NULL, 0);
}

/* ---- ways ---- */

static long by_libc(int fd, int nstype)
{
	return syscall(SYS_setns, fd, nstype) ? -errno : 0;
}

#ifdef __x86_64__

static long raw_syscall(unsigned long nr, unsigned long fd, unsigned long nstype)
{
	long ret;

	__asm__ volatile("syscall"
			 : "=a"(ret)
			 : "a"(nr), "D"(fd), "S"(nstype)
			 : "memory", "rcx", "r11");
	return ret;
}

static long by_syscall(int fd, int nstype)
{
	return raw_syscall(SETNS_X86_64, fd, nstype);
}

static long by_dirty(int fd, int nstype)
{
	return raw_syscall(SETNS_X86_64, (unsigned int)fd | RUBBISH,
			   (unsigned int)nstype | RUBBISH);
}

static long by_dirtier(int fd, int nstype)
{
	return raw_syscall(SETNS_X86_64 | RUBBISH, (unsigned int)fd | RUBBISH,
			   (unsigned int)nstype | RUBBISH);
}

static long by_int80(int fd, int nstype)
{
	return raw_int80(SETNS_I386, fd, nstype);
}

static long by_int80_dirty(int fd, int nstype)
{
	return raw_int80(SETNS_I386 | RUBBISH, (unsigned int)fd | RUBBISH,
			 (unsigned int)nstype | RUBBISH);
}

static long by_x32(int fd, int nstype)
{
	return raw_syscall(SETNS_X86_64 | X32_BIT, fd, nstype);
}

static long by_x32_dirty(int fd, int nstype)
{
	return raw_syscall(SETNS_X86_64 | X32_BIT, (unsigned int)fd | RUBBISH,
			   (unsigned int)nstype | RUBBISH);
}

static long by_x32_dirtier(int fd, int nstype)
{
	return raw_syscall(SETNS_X86_64 | X32_BIT | RUBBISH, (unsigned int)fd | RUBBISH,
			   (unsigned int)nstype | RUBBISH);
}

/*
 * This program and the low stack are below 4 GiB, because it is static and not position
 * independent. So 32-bit code can run in it and return. It uses jumps, because some
 * emulators treat the push of a far call as a kernel access.
 */
static unsigned long far_stack;

static long by_far(int fd, int nstype)
{
	static struct {
		unsigned int offset;
		unsigned short selector;
	} __attribute__((packed)) far = { .selector = 0x23 };
	char *stack = mmap(NULL, 65536, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT | MAP_POPULATE, -1, 0);
	long ret;

	if (stack == MAP_FAILED)
		die("far");
	__asm__ volatile("movl $1f, %[far]\n\t"
			 "movq %%rsp, %[kept]\n\t"
			 "movq %[stack], %%rsp\n\t"
			 "ljmp *%[far]\n"
			 "1:\n\t"
			 "int $0x80\n\t"
			 ".byte 0xea\n\t" /* ljmp, as encoded in 32-bit code */
			 ".long 2f\n\t"
			 ".word 0x33\n"
			 "2:\n\t"
			 "movq %[kept], %%rsp"
			 : "=a"(ret), [far] "+m"(far), [kept] "+m"(far_stack)
			 : "a"((long)SETNS_I386), "b"((long)fd), "c"((long)nstype),
			   [stack] "r"(stack + 65536 - 64)
			 : "memory", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15");
	munmap(stack, 65536);
	return (int)ret;
}

#else /* 32-bit */

static long by_int80(int fd, int nstype)
{
	long ret;

	__asm__ volatile("int $0x80"
			 : "=a"(ret)
			 : "a"(SETNS_I386), "b"(fd), "c"(nstype)
			 : "memory");
	return ret;
}

static long by_vsyscall(int fd, int nstype)
{
	unsigned long entry = getauxval(AT_SYSINFO);
	long ret;

	if (!entry)
		return -ENOSYS;
	__asm__ volatile("call *%[entry]"
			 : "=a"(ret)
			 : "a"(SETNS_I386), "b"(fd), "c"(nstype), [entry] "S"(entry)
			 : "memory");
	return ret;
}

#endif

typedef long way(int fd, int nstype);

static const struct {
	const char *name;
	way *call;
} ways[] = {
	{ "libc", by_libc },
	{ "int80", by_int80 },
#ifdef __x86_64__
	{ "syscall", by_syscall },
	{ "dirty", by_dirty },
	{ "dirtier", by_dirtier },
	{ "int80-dirty", by_int80_dirty },
	{ "far", by_far },
	{ "x32", by_x32 },
	{ "x32-dirty", by_x32_dirty },
	{ "x32-dirtier", by_x32_dirtier },
#else
	{ "vsyscall", by_vsyscall },
#endif
};

static way *find_way(const char *name)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(ways); i++)
		if (!strcmp(name, ways[i].name))
			return ways[i].call;
	fprintf(stderr, "calls: no such way: %s\n", name);
	_exit(98);
}

/* Prints the instruction that the vdso offers to 32-bit code: the one before int 0x80 (cd 80). */
static const char *vsyscall_instruction(void)
{
#ifdef __i386__
	const unsigned char *code = (const unsigned char *)getauxval(AT_SYSINFO);
	int i;

	for (i = 0; code && i < 32 && memcmp(code + i, "\xcd\x80", 2); i++) {
		if (!memcmp(code + i, "\x0f\x34", 2))
			return "sysenter";
		if (!memcmp(code + i, "\x0f\x05", 2))
			return "syscall";
	}
#endif
	return "int80";
}

/* ---- the caller's own view ---- */

#define LINKS 10

static const char *const links[LINKS] = {
	"ns/cgroup", "ns/ipc", "ns/mnt", "ns/net", "ns/pid", "ns/pid_for_children",
	"ns/time", "ns/time_for_children", "ns/user", "ns/uts",
};

struct place {
	uint64_t mount, inode;
};

struct view {
	long tgid;
	long tid;
	long ppid;
	uint64_t caps;
	unsigned long links[LINKS];
	struct place root, cwd;
};

/* Fills in a directory by its mount and its inode number. */
static void look_at(struct place *place, const char *path)
{
	struct statx found;

	if (statx(AT_FDCWD, path, AT_NO_AUTOMOUNT, STATX_INO | STATX_MNT_ID, &found))
		die(path);
	place->mount = found.stx_mnt_id;
	place->inode = found.stx_ino;
}

static bool same_place(const struct place *a, const struct place *b)
{
	return a->mount == b->mount && a->inode == b->inode;
}

/* Returns what the call moved: "root", "cwd" or "none". */
static const char *moved(const struct view *before, const struct view *after)
{
	if (!same_place(&before->root, &after->root))
		return "root";
	return same_place(&before->cwd, &after->cwd) ? "none" : "cwd";
}

static const char *field(const char *status, const char *name)
{
	const char *at = strstr(status, name);

	if (!at)
		die(name);
	return at + strlen(name);
}

/* @self stays open across the call, because another mount namespace may lack /proc. */
static void look(struct view *view, int self)
{
	char text[4096];
	int file = openat(self, "status", O_RDONLY);
	ssize_t got = file < 0 ? -1 : read(file, text, sizeof(text) - 1);
	int i;

	if (got < 0)
		die("status");
	close(file);
	text[got] = '\0';
	view->tgid = strtol(field(text, "\nTgid:"), NULL, 10);
	view->tid = strtol(field(text, "\nPid:"), NULL, 10);
	view->ppid = strtol(field(text, "\nPPid:"), NULL, 10);
	view->caps = strtoull(field(text, "\nCapEff:"), NULL, 16);
	for (i = 0; i < LINKS; i++) {
		got = readlinkat(self, links[i], text, sizeof(text) - 1);
		text[got < 0 ? 0 : got] = '\0';
		view->links[i] = got < 0 ? 0 : strtoul(strchr(text, '[') + 1, NULL, 10);
	}
	look_at(&view->root, "/");
	look_at(&view->cwd, ".");
}

static void print_links(char *to, size_t size, const struct view *view)
{
	int i;

	for (i = 0; i < LINKS; i++)
		snprintf(to + strlen(to), size - strlen(to), " %lu", view->links[i]);
}

static long make_call(int index, way *call, int fd, int nstype)
{
	int self = open("/proc/thread-self", O_RDONLY | O_DIRECTORY);
	struct view before, after;
	char line[1024];
	long ret;

	if (self < 0)
		die("/proc/thread-self");
	look(&before, self);
	ret = call(fd, nstype);
	look(&after, self);
	close(self);
	snprintf(line, sizeof(line), "call %d %ld %ld %ld %ld %ld %d %ld %" PRIu64 " %" PRIu64
		 " %s",
		 index, before.tgid, before.tid, before.ppid, (long)getpid(),
		 (long)syscall(SYS_gettid), fd, ret, before.caps, after.caps, moved(&before, &after));
	print_links(line, sizeof(line), &before);
	print_links(line, sizeof(line), &after);
	dprintf(1, "%s\n", line);
	return ret;
}

/* ---- preparations ---- */

static struct {
	bool idle_thread;
	bool from_thread;
	bool leaderless;
	bool shared_fs;
	bool shared_memory;
} child;

static void wait_for(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, __WALL) < 0)
		if (errno != EINTR)
			die("waitpid");
	if (WIFSIGNALED(status))
		fprintf(stderr, "calls: a child died of signal %d\n", WTERMSIG(status));
	if (status)
		_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 96);
}

static void go_on_in_child(void)
{
	pid_t pid = fork();

	if (pid < 0)
		die("fork");
	if (!pid)
		return;
	wait_for(pid);
	_exit(0);
}

static void receive(int socket, int fd)
{
	char space[CMSG_SPACE(sizeof(int))], byte;
	struct iovec data = { .iov_base = &byte, .iov_len = 1 };
	struct msghdr message = { .msg_iov = &data,
				  .msg_iovlen = 1,
				  .msg_control = space,
				  .msg_controllen = sizeof(space) };
	struct cmsghdr *control;
	int got;

	if (recvmsg(socket, &message, 0) != 1)
		die("recvmsg");
	control = CMSG_FIRSTHDR(&message);
	if (!control || control->cmsg_type != SCM_RIGHTS)
		die("no file descriptor came");
	memcpy(&got, CMSG_DATA(control), sizeof(got));
	if (dup2(got, fd) < 0)
		die("dup2");
	if (got != fd)
		close(got);
}

static void lose_capability(int cap)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2];

	if (syscall(SYS_capget, &header, data))
		die("capget");
	data[cap / 32].effective &= ~(1U << cap % 32);
	data[cap / 32].permitted &= ~(1U << cap % 32);
	data[cap / 32].inheritable &= ~(1U << cap % 32);
	if (syscall(SYS_capset, &header, data))
		die("capset");
}

static char **prepare(char **words)
{
	long n;

	for (; *words && strcmp(*words, "--"); words++) {
		if (!strcmp(*words, "idle-thread")) {
			child.idle_thread = true;
		} else if (!strcmp(*words, "from-thread")) {
			child.from_thread = true;
		} else if (!strcmp(*words, "leaderless")) {
			child.leaderless = child.from_thread = true;
		} else if (!strcmp(*words, "shared-fs")) {
			child.shared_fs = true;
		} else if (!strcmp(*words, "shared-memory")) {
			child.shared_memory = true;
		} else if (!strcmp(*words, "hold")) {
			wait_for_line();
		} else if (!strcmp(*words, "user")) {
			if (make_call(-1, by_libc, number(*++words), 0) || setresuid(0, 0, 0))
				die("user");
		} else if (!strcmp(*words, "enter")) {
			if (make_call(-1, by_libc, number(*++words), 0))
				die("enter");
		} else if (!strcmp(*words, "unshare")) {
			n = number(*++words);
			if (unshare(n))
				die("unshare");
			if (n & (CLONE_NEWPID | CLONE_NEWTIME))
				go_on_in_child();
		} else if (!strcmp(*words, "uid")) {
			n = number(*++words);
			if (setresgid(n, n, n) || setresuid(n, n, n))
				die("uid");
		} else if (!strcmp(*words, "nocap")) {
			lose_capability(number(*++words));
		} else if (!strcmp(*words, "recv")) {
			n = number(*++words);
			receive(n, number(*++words));
		} else {
			fprintf(stderr, "calls: no such preparation: %s\n", *words);
			_exit(98);
		}
	}
	return *words ? words + 1 : words;
}

/* ---- one call ---- */

struct job {
	int index;
	way *call;
	int fd;
	int nstype;
};

static void *idle(void *arg)
{
	for (;;)
		pause();
	return arg;
}

static void wait_for_leader(void)
{
	static const char path[] = "/proc/self/status"; /* the leader's */
	char text[4096];
	ssize_t got;
	int file;

	do {
		file = open(path, O_RDONLY);
		got = file < 0 ? -1 : read(file, text, sizeof(text) - 1);
		if (got < 0)
			die(path);
		close(file);
		text[got] = '\0';
	} while (!strchr("ZX", field(text, "\nState:\t")[0]));
}

static void *job_of_thread(void *arg)
{
	struct job *job = arg;

	if (child.leaderless)
		wait_for_leader();
	make_call(job->index, job->call, job->fd, job->nstype);
	exit(0);
}

static pid_t fs_companion(void)
{
	pid_t pid = syscall(SYS_clone, CLONE_FS | SIGCHLD, 0, 0, 0, 0);

	if (pid < 0)
		die("clone");
	if (!pid)
		for (;;)
			syscall(SYS_pause);
	return pid;
}

/* The companion needs a stack of its own if it shares memory. */
static int companion_main(void *arg)
{
	for (;;)
		syscall(SYS_pause);
	return arg != NULL;
}

static pid_t memory_companion(void)
{
	static char stack[65536] __attribute__((aligned(16)));
	pid_t pid = clone(companion_main, stack + sizeof(stack), CLONE_VM | SIGCHLD, NULL);

	if (pid < 0)
		die("clone");
	return pid;
}

static void do_job(struct job *job)
{
	pid_t other = 0;
	pthread_t id;

	if (child.from_thread) {
		if (pthread_create(&id, NULL, job_of_thread, job))
			die("pthread_create");
		if (child.leaderless)
			syscall(SYS_exit, 0);
		for (;;)
			pause();
	}
	if (child.idle_thread && pthread_create(&id, NULL, idle, NULL))
		die("pthread_create");
	if (child.shared_fs)
		other = fs_companion();
	if (child.shared_memory)
		other = memory_companion();
	make_call(job->index, job->call, job->fd, job->nstype);
	if (other)
		kill(other, SIGKILL);
	_exit(0);
}

static void do_list(char **words)
{
	struct job job;
	pid_t pid;

	for (job.index = 0; words[0] && words[1] && words[2]; job.index++, words += 3) {
		pid = fork();
		if (pid < 0)
			die("fork");
		if (pid) {
			wait_for(pid);
			continue;
		}
		job.call = find_way(words[0]);
		job.fd = number(words[1]);
		job.nstype = number(words[2]);
		do_job(&job);
	}
	if (*words) {
		fprintf(stderr, "calls: a word is missing\n");
		_exit(98);
	}
}

/* ---- many threads at once ---- */

struct hammer {
	pthread_t id;
	long tid;
	long number;
	long *results;
};

static long hammer_calls;
static int hammer_fd;
static pthread_barrier_t start;

/* In turns: joined again, refused for its type, no such file. The record identifies @i. */
static long hammer_call(struct hammer *thread, long i)
{
	switch (i % 3) {
	case 0:
		return by_libc(hammer_fd, 0);
	case 1:
		return by_int80(hammer_fd, i);
	default:
		return by_libc(-i, thread->number);
	}
}

static void *hammering(void *arg)
{
	struct hammer *thread = arg;
	long i;

	thread->tid = syscall(SYS_gettid);
	pthread_barrier_wait(&start);
	for (i = 0; i < hammer_calls; i++)
		thread->results[i] = hammer_call(thread, i);
	return NULL;
}

/* thread TID NUMBER RESULT... */
static void print_results(const struct hammer *thread)
{
	long i;

	printf("thread %ld %ld", thread->tid, thread->number);
	for (i = 0; i < hammer_calls; i++)
		printf(" %ld", thread->results[i]);
	putchar('\n');
}

static void do_hammer(char **words)
{
	int threads = number(words[0]), i;
	struct hammer *all = calloc(threads, sizeof(*all));

	hammer_calls = number(words[1]);
	hammer_fd = number(words[2]);
	pthread_barrier_init(&start, NULL, threads);
	for (i = 0; i < threads; i++) {
		all[i].number = i;
		all[i].results = calloc(hammer_calls, sizeof(*all[i].results));
		if (pthread_create(&all[i].id, NULL, hammering, &all[i]))
			die("pthread_create");
	}
	for (i = 0; i < threads; i++)
		pthread_join(all[i].id, NULL);
	printf("process %ld\n", (long)getpid());
	for (i = 0; i < threads; i++)
		print_results(&all[i]);
}

/* ---- out of memory ---- */

/*
 * Children wait in a control group of the memory controller (version 1, with its OOM killer
 * off). When a line arrives, the group has no free page left. Then they call one after the
 * other. Each success keeps a struct nsproxy that is charged to the group, until the next
 * one no longer fits.
 */
struct starving {
	volatile int done;
	volatile long tid;
	volatile long ret;
};

static void enter_group(const char *group)
{
	char path[4096];
	int file;

	snprintf(path, sizeof(path), "%s/cgroup.procs", group);
	file = open(path, O_WRONLY);
	if (file < 0 || write(file, "0", 1) != 1)
		die(path);
	close(file);
}

static void starve(struct starving *me, int bell, int fd)
{
	char byte;

	me->tid = syscall(SYS_gettid);
	me->ret = by_int80(-1, 0); /* faults in all pages that this way needs */
	mlockall(MCL_CURRENT);
	me->done = 1;
	if (read(bell, &byte, 1) != 1)
		_exit(97);
	me->ret = by_int80(fd, 0);
	me->done = 2;
	for (;;)
		pause();
}

static void await(const volatile int *word, int value)
{
	while (*word != value)
		usleep(1000);
}

static void do_starve(char **words)
{
	int children = number(words[1]), fd = number(words[2]), i, bell[2];
	struct starving *all = mmap(NULL, children * sizeof(*all), PROT_READ | PROT_WRITE,
				    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t *pids = calloc(children, sizeof(*pids));
	char byte = 0;

	if (all == MAP_FAILED || pipe(bell))
		die("starve");
	memset(all, 0, children * sizeof(*all));
	for (i = 0; i < children; i++) {
		pids[i] = fork();
		if (pids[i] < 0)
			die("fork");
		if (!pids[i]) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			enter_group(words[0]);
			starve(&all[i], bell[0], fd);
		}
		await(&all[i].done, 1);
	}
	wait_for_line();
	for (i = 0; i < children; i++) {
		if (write(bell[1], &byte, 1) != 1)
			die("bell");
		usleep(1000);
	}
	for (i = 0; i < children; i++) {
		await(&all[i].done, 2);
		dprintf(1, "starved %ld %ld\n", all[i].tid, all[i].ret);
	}
	for (i = 0; i < children; i++) {
		kill(pids[i], SIGKILL);
		waitpid(pids[i], NULL, 0);
	}
}

/* ---- a process without a leader ---- */

static void *outlive(void *arg)
{
	wait_for_leader();
	wait_for_line();
	exit(0);
	return arg;
}

static void do_headless(void)
{
	pthread_t id;

	if (pthread_create(&id, NULL, outlive, NULL))
		die("pthread_create");
	syscall(SYS_exit, 0);
}

int main(int argc, char **argv)
{
	if (argc == 5 && !strcmp(argv[1], "hammer"))
		do_hammer(argv + 2);
	else if (argc == 5 && !strcmp(argv[1], "starve"))
		do_starve(argv + 2);
	else if (argc == 2 && !strcmp(argv[1], "headless"))
		do_headless();
	else if (argc == 2 && !strcmp(argv[1], "vsyscall"))
		puts(vsyscall_instruction());
	else
		do_list(prepare(argv + 1));
	return 0;
}
