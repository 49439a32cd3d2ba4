// SPDX-License-Identifier: GPL-2.0-only
/*
 * Calls of setns(2) that no everyday command makes, for the demo. Prints what the kernel answered.
 *
 *	act join PATH           setns on the namespace file
 *	act pidfd PID KIND...   setns on a pidfd: all the kinds in one call
 *	act nobody PATH         opens the file, becomes nobody, and tries to join
 *	act climb PATH          opens the file, goes into a new user namespace, and tries to come
 *back out
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x00000080
#endif
#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif

#define NOBODY 65534

static const struct {
	const char *name;
	int flag;
} kinds[] = {
	{ "mnt", CLONE_NEWNS },	       { "uts", CLONE_NEWUTS },	  { "ipc", CLONE_NEWIPC },
	{ "net", CLONE_NEWNET },       { "pid", CLONE_NEWPID },	  { "user", CLONE_NEWUSER },
	{ "cgroup", CLONE_NEWCGROUP }, { "time", CLONE_NEWTIME },
};

static void die(const char *what)
{
	fprintf(stderr, "act: %s: %s\n", what, strerror(errno));
	exit(2);
}

static int open_namespace(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		die(path);
	return fd;
}

static int flag_of(const char *name)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (!strcmp(kinds[i].name, name))
			return kinds[i].flag;
	fprintf(stderr, "act: there is no kind of namespace named %s\n", name);
	exit(2);
}

/* The plain system call: the C library must not come between */
static int join(int fd, int flags)
{
	if (!syscall(SYS_setns, fd, flags)) {
		puts("    the kernel let it in");
		return 0;
	}
	printf("    the kernel refused: %s\n", strerror(errno));
	return 1;
}

static int join_pidfd(const char *pid, char *const names[])
{
	int flags = 0;
	int fd = syscall(SYS_pidfd_open, atoi(pid), 0);

	if (fd < 0)
		die("pidfd_open");
	while (*names)
		flags |= flag_of(*names++);
	return join(fd, flags);
}

static int join_as_nobody(const char *path)
{
	int fd = open_namespace(path);

	if (setgid(NOBODY) || setuid(NOBODY))
		die("becoming nobody");
	return join(fd, 0);
}

static int climb_out(const char *path)
{
	int fd = open_namespace(path);

	if (unshare(CLONE_NEWUSER))
		die("a new user namespace");
	return join(fd, 0);
}

int main(int argc, char *argv[])
{
	if (argc == 3 && !strcmp(argv[1], "join"))
		return join(open_namespace(argv[2]), 0);
	if (argc >= 4 && !strcmp(argv[1], "pidfd"))
		return join_pidfd(argv[2], argv + 3);
	if (argc == 3 && !strcmp(argv[1], "nobody"))
		return join_as_nobody(argv[2]);
	if (argc == 3 && !strcmp(argv[1], "climb"))
		return climb_out(argv[2]);
	fputs("usage: act join PATH | pidfd PID KIND... | nobody PATH | climb PATH\n", stderr);
	return 2;
}
