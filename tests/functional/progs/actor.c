// SPDX-License-Identifier: GPL-2.0-only
/*
 * Carries out the words on its command line one by one and reports what it sees: the hands
 * of the functional tests. It knows nothing about setnsmon.
 *
 *	actor VERB [ARGUMENT]... [VERB [ARGUMENT]...]...
 *
 * Verbs work on one current file descriptor:
 *
 *	open PATH | opath PATH | pidfd PID | socket | pipe | fd NUMBER | close
 *			(pidfd 0: of the actor itself)
 *
 *	talk		from now on wait before and after each call; see call()
 *	call NSTYPE	setns(fd, NSTYPE)
 *	int80 NSTYPE	the same by the 32-bit entry, from 64-bit code
 *	calls N NSTYPE	N back-to-back calls, without output
 *	hammer THREADS N NSTYPE	N calls in each of THREADS threads
 *	storm THREADS NSTYPE	calls until it is killed
 *
 *	fork | thread	continue in a child, or in a second thread
 *	spawn		start a child that lives as long as we do
 *	sharer		likewise, but it shares root and working directory
 *	unshare KINDS	CLONE_NEW* bits
 *	map		become root of the new user namespace
 *	setuid R E S F | setgid R E S F | loginuid UID | comm NAME | pin CPU
 *	hold		say "hold PID" and wait for a line
 *	expect RET	fail unless the last call returned this
 */
#define _GNU_SOURCE
#include "newer.h"
#include "pin.h"
#include "setns.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static char **words;
static int fd = -1;
static bool talk;
static long last;

static void die(const char *what)
{
	fprintf(stderr, "actor: %s: %s\n", what, strerror(errno));
	exit(99);
}

static char *word(void)
{
	if (!*words) {
		fprintf(stderr, "actor: a word is missing\n");
		exit(98);
	}
	return *words++;
}

static long number(void)
{
	return strtoll(word(), NULL, 0);
}

static void hear(void)
{
	char c;

	while (read(0, &c, 1) == 1)
		if (c == '\n')
			return;
	exit(97); /* the other end has gone */
}

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

/*
 * ready TID FD			the test may now look at us in /proc
 *	(a line comes)
 * done RET BOOT BOOT REAL REAL	with the clocks before and after the call
 *	(a line comes)
 */
static void call(long (*how)(int fd, unsigned int nstype), unsigned int nstype)
{
	uint64_t boot[2], real[2];

	if (!talk) {
		last = how(fd, nstype);
		return;
	}
	dprintf(1, "ready %ld %d\n", (long)syscall(SYS_gettid), fd);
	hear();
	boot[0] = clock_ns(CLOCK_BOOTTIME);
	real[0] = clock_ns(CLOCK_REALTIME);
	last = how(fd, nstype);
	boot[1] = clock_ns(CLOCK_BOOTTIME);
	real[1] = clock_ns(CLOCK_REALTIME);
	dprintf(1, "done %ld %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 "\n", last, boot[0],
		boot[1], real[0], real[1]);
	hear();
}

static long calls_each;
static int calls_nstype;

/*
 * A thread that calls in an endless loop sleeps now and then. Before the kernel frees the
 * memory of a probe, it waits until each task has slept or was interrupted in user space
 * (synchronize_rcu_tasks()). With threads that never sleep, insmod and rmmod take several
 * times as long, which is minutes in a slow guest.
 */
#define WITHOUT_END __LONG_MAX__

static void *hammer(void *arg)
{
	long i;

	(void)arg;
	for (i = 0; i < calls_each; i++) {
		call_native(fd, calls_nstype);
		if (calls_each == WITHOUT_END && i % 256 == 255)
			usleep(1);
	}
	return NULL;
}

static void hammers(long threads)
{
	pthread_t ids[64];
	long i;

	if (threads > 64)
		threads = 64;
	for (i = 0; i < threads; i++)
		if (pthread_create(&ids[i], NULL, hammer, NULL))
			die("pthread_create");
	for (i = 0; i < threads; i++)
		pthread_join(ids[i], NULL);
}

static void put(const char *path, const char *text)
{
	int file = open(path, O_WRONLY);

	if (file < 0 || write(file, text, strlen(text)) < 0)
		die(path);
	close(file);
}

static unsigned int outer_uid, outer_gid;

static void map(void)
{
	char text[64];

	prctl(PR_SET_DUMPABLE, 1); /* after setuid, root owns our files in /proc */
	put("/proc/self/setgroups", "deny");
	snprintf(text, sizeof(text), "0 %u 1", outer_uid);
	put("/proc/self/uid_map", text);
	snprintf(text, sizeof(text), "0 %u 1", outer_gid);
	put("/proc/self/gid_map", text);
}

static void in_child(void)
{
	int status;
	pid_t child = fork();

	if (child < 0)
		die("fork");
	if (!child)
		return;
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 96);
}

/* @shared: CLONE_FS, or 0 */
static void spawn(unsigned long shared)
{
	pid_t child = syscall(SYS_clone, shared | SIGCHLD, NULL, NULL, NULL, NULL);

	if (child < 0)
		die("fork");
	if (child)
		return;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;)
		pause();
}

static void act(void);

static void *in_thread(void *arg)
{
	(void)arg;
	act();
	return NULL;
}

static void set_ids(bool user)
{
	long real = number(), effective = number(), saved = number(), fs = number();

	if (user ? setresuid(real, effective, saved) : setresgid(real, effective, saved))
		die("ids");
	if (user)
		setfsuid(fs);
	else
		setfsgid(fs);
}

static int open_pidfd(pid_t pid)
{
	return syscall(SYS_pidfd_open, pid ? pid : getpid(), 0);
}

static void current_fd(const char *verb)
{
	int ends[2];

	if (!strcmp(verb, "open"))
		fd = open(word(), O_RDONLY);
	else if (!strcmp(verb, "opath"))
		fd = open(word(), O_PATH);
	else if (!strcmp(verb, "pidfd"))
		fd = open_pidfd(number());
	else if (!strcmp(verb, "socket"))
		fd = socket(AF_UNIX, SOCK_STREAM, 0);
	else if (!pipe(ends))
		fd = ends[0];
	if (fd < 0)
		die(verb);
}

static void one(const char *verb)
{
	long n;

	if (!strcmp(verb, "open") || !strcmp(verb, "opath") || !strcmp(verb, "pidfd") ||
	    !strcmp(verb, "socket") || !strcmp(verb, "pipe")) {
		current_fd(verb);
	} else if (!strcmp(verb, "fd")) {
		fd = number();
	} else if (!strcmp(verb, "close")) {
		close(fd);
	} else if (!strcmp(verb, "talk")) {
		talk = true;
	} else if (!strcmp(verb, "call")) {
		call(call_native, number());
	} else if (!strcmp(verb, "int80")) {
		call(call_int80, number());
	} else if (!strcmp(verb, "calls")) {
		calls_each = number();
		calls_nstype = number();
		hammer(NULL);
	} else if (!strcmp(verb, "hammer")) {
		n = number();
		calls_each = number();
		calls_nstype = number();
		hammers(n);
	} else if (!strcmp(verb, "storm")) {
		n = number();
		calls_each = WITHOUT_END;
		calls_nstype = number();
		hammers(n);
	} else if (!strcmp(verb, "fork")) {
		in_child();
	} else if (!strcmp(verb, "spawn")) {
		spawn(0);
	} else if (!strcmp(verb, "sharer")) {
		spawn(CLONE_FS);
	} else if (!strcmp(verb, "thread")) {
		pthread_t id;

		if (pthread_create(&id, NULL, in_thread, NULL))
			die("pthread_create");
		pthread_join(id, NULL);
	} else if (!strcmp(verb, "unshare")) {
		outer_uid = geteuid();
		outer_gid = getegid();
		if (unshare(number()))
			die("unshare");
	} else if (!strcmp(verb, "map")) {
		map();
	} else if (!strcmp(verb, "setuid")) {
		set_ids(true);
	} else if (!strcmp(verb, "setgid")) {
		set_ids(false);
	} else if (!strcmp(verb, "loginuid")) {
		put("/proc/self/loginuid", word());
	} else if (!strcmp(verb, "comm")) {
		prctl(PR_SET_NAME, word());
	} else if (!strcmp(verb, "pin")) {
		if (pin(number()))
			die("sched_setaffinity");
	} else if (!strcmp(verb, "hold")) {
		dprintf(1, "hold %ld\n", (long)getpid());
		hear();
	} else if (!strcmp(verb, "expect")) {
		n = number();
		if (last != n) {
			fprintf(stderr, "actor: setns returned %ld, expected %ld\n", last, n);
			exit(95);
		}
	} else {
		fprintf(stderr, "actor: no such verb: %s\n", verb);
		exit(98);
	}
}

static void act(void)
{
	while (*words)
		one(word());
}

int main(int argc, char **argv)
{
	(void)argc;
	words = argv + 1;
	act();
	return 0;
}
