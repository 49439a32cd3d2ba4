// SPDX-License-Identifier: GPL-2.0-only
/*
 * Calls setns(2) as fast as one CPU allows, as a user without rights on the host, until
 * SIGTERM. Then prints the number of calls.
 *
 *	flood CPU KIND
 *
 *	ebadf		no descriptor
 *	varied		the same, with different arguments in each call
 *	own		joins the uts namespace that it is in already
 *	denied		is refused the host's network, from a user namespace of its own
 *	walk		goes back and forth between two networks of its own
 *	raced		the same, while another thread replaces the file behind the descriptor
 *	born		a new child each time joins a user namespace that this user created
 */
#define _GNU_SOURCE
#include "pin.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define NOBODY 65534

static volatile sig_atomic_t stop;
static uint64_t calls;
static int fds[3]; /* two namespaces, and a descriptor that may be either */

static void die(const char *what)
{
	fprintf(stderr, "flood: %s: %s\n", what, strerror(errno));
	exit(99);
}

static void must(long ret, const char *what)
{
	if (ret < 0)
		die(what);
}

static void on_term(int signal)
{
	(void)signal;
	stop = 1;
}

static int open_own(const char *link)
{
	int fd = open(link, O_RDONLY | O_CLOEXEC);

	must(fd, link);
	return fd;
}

static void call(int fd, int nstype, int want)
{
	int ret = setns(fd, nstype) ? -errno : 0;

	calls++;
	if (ret != want) {
		fprintf(stderr, "flood: setns(%d, %#x) is %d, expected %d\n", fd, nstype, ret, want);
		exit(98);
	}
}

static void ebadf(void)
{
	call(-1, 0, -EBADF);
}

static void varied(void)
{
	call(-1 - (int)(calls % 1000003), calls * 0x9e3779b9, -EBADF);
}

static void prepare_own(void)
{
	must(unshare(CLONE_NEWUSER | CLONE_NEWUTS), "unshare");
	fds[0] = open_own("/proc/self/ns/uts");
}

static void own(void)
{
	call(fds[0], 0, 0);
}

static void prepare_denied(void)
{
	fds[0] = open_own("/proc/self/ns/net");
	must(unshare(CLONE_NEWUSER), "unshare");
}

static void denied(void)
{
	call(fds[0], CLONE_NEWNET, -EPERM);
}

static void prepare_walk(void)
{
	must(unshare(CLONE_NEWUSER | CLONE_NEWNET), "unshare");
	fds[0] = open_own("/proc/self/ns/net");
	must(unshare(CLONE_NEWNET), "unshare");
	fds[1] = open_own("/proc/self/ns/net");
}

static void walk(void)
{
	call(fds[calls % 2], 0, 0);
}

static void *swap_forever(void *arg)
{
	unsigned int turn;

	(void)arg;
	for (turn = 0; !stop; turn++)
		must(dup2(fds[turn % 2], fds[2]), "dup2");
	return NULL;
}

static void prepare_raced(void)
{
	pthread_t thread;

	prepare_walk();
	fds[2] = dup(fds[0]);
	must(fds[2], "dup");
	must(-pthread_create(&thread, NULL, swap_forever, NULL), "pthread_create");
}

static void raced(void)
{
	call(fds[2], 0, 0);
}

/* Returns a user namespace of this user that only the descriptor keeps alive. */
static void prepare_born(void)
{
	char path[64];
	int ready[2], go[2];
	char byte;
	pid_t pid;

	must(pipe(ready), "pipe");
	must(pipe(go), "pipe");
	pid = fork();
	must(pid, "fork");
	if (!pid) {
		must(unshare(CLONE_NEWUSER), "unshare");
		must(write(ready[1], "", 1), "write");
		close(go[1]);
		_exit(read(go[0], &byte, 1));
	}
	must(read(ready[0], &byte, 1), "read");
	snprintf(path, sizeof(path), "/proc/%d/ns/user", pid);
	fds[0] = open_own(path);
	close(go[1]);
	waitpid(pid, NULL, 0);
}

static void born(void)
{
	int status;
	pid_t pid = fork();

	must(pid, "fork");
	if (!pid) {
		call(fds[0], CLONE_NEWUSER, 0);
		_exit(0);
	}
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			die("waitpid");
	if (status)
		exit(97);
	calls++;
}

static const struct kind {
	const char *name;
	void (*prepare)(void);
	void (*call)(void);
} kinds[] = {
	{ "ebadf", NULL, ebadf },
	{ "varied", NULL, varied },
	{ "own", prepare_own, own },
	{ "denied", prepare_denied, denied },
	{ "walk", prepare_walk, walk },
	{ "raced", prepare_raced, raced },
	{ "born", prepare_born, born },
};

static const struct kind *kind_of(const char *name)
{
	unsigned int i;

	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (!strcmp(kinds[i].name, name))
			return &kinds[i];
	fprintf(stderr, "flood: no kind '%s'\n", name);
	exit(2);
}

int main(int argc, char **argv)
{
	const struct sigaction action = { .sa_handler = on_term };
	const struct kind *kind;

	if (argc != 3) {
		fprintf(stderr, "usage: flood CPU KIND\n");
		return 2;
	}
	kind = kind_of(argv[2]);
	must(pin(atoi(argv[1])), "sched_setaffinity");
	must(setresgid(NOBODY, NOBODY, NOBODY), "setresgid");
	must(setresuid(NOBODY, NOBODY, NOBODY), "setresuid");
	/* After giving up root, a process may not even inspect itself through /proc */
	must(prctl(PR_SET_DUMPABLE, 1), "prctl");
	must(sigaction(SIGTERM, &action, NULL), "sigaction");
	if (kind->prepare)
		kind->prepare();
	puts("ready");
	fflush(stdout);
	while (!stop)
		kind->call();
	printf("%llu\n", (unsigned long long)calls);
	return 0;
}
