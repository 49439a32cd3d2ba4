// SPDX-License-Identifier: GPL-2.0-only
/*
 *	leaver crowd COUNT	COUNT processes of nobody stand in setns(2) most of the time.
 *				Says "ready" when each has returned once, ends with its input
 *	leaver leave KIND COUNT	enters a new namespace and returns to that of process 1, by setns(2),
 *				COUNT times. KIND is a name in /proc/PID/ns. Says its pid
 *	leaver chroot fd|pidfd DIRECTORY
 *				leaves a chroot in DIRECTORY by a join of its own mount namespace.
 *				Says its pid, and "out" or "in"
 */
#define _GNU_SOURCE
#include "newer.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define NOBODY 65534

static __attribute__((noreturn)) void die(const char *what)
{
	fprintf(stderr, "leaver: %s: %s\n", what, strerror(errno));
	_exit(99);
}

static int kind_of(const char *name)
{
	static const struct {
		const char *name;
		int kind;
	} kinds[] = { { "ipc", CLONE_NEWIPC },
		      { "mnt", CLONE_NEWNS },
		      { "net", CLONE_NEWNET },
		      { "uts", CLONE_NEWUTS } };

	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		if (!strcmp(kinds[i].name, name))
			return kinds[i].kind;
	errno = EINVAL;
	die(name);
}

/* ---- crowd ---- */

/* A task that leaves a mount namespace waits for an RCU grace period inside setns(2). */
static __attribute__((noreturn)) void stand_in_setns(atomic_int *returned)
{
	int old;
	bool first = true;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (setresgid(NOBODY, NOBODY, NOBODY) || setresuid(NOBODY, NOBODY, NOBODY))
		die("setresuid");
	if (unshare(CLONE_NEWUSER | CLONE_NEWNS))
		die("unshare");
	old = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
	if (old < 0)
		die("/proc/self/ns/mnt");
	for (;; first = false) {
		if (unshare(CLONE_NEWNS))
			die("unshare");
		if (syscall(SYS_setns, old, CLONE_NEWNS))
			die("setns");
		if (first)
			atomic_fetch_add(returned, 1);
	}
}

static void crowd(int count)
{
	atomic_int *returned = mmap(NULL, sizeof(*returned), PROT_READ | PROT_WRITE,
				    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	char byte;

	if (returned == MAP_FAILED)
		die("mmap");
	for (int i = 0; i < count; i++)
		switch (fork()) {
		case -1:
			die("fork");
		case 0:
			stand_in_setns(returned);
		}
	while (atomic_load(returned) < count)
		usleep(10000);
	dprintf(1, "ready\n");
	if (read(0, &byte, 1) < 0)
		die("read");
	signal(SIGTERM, SIG_IGN);
	kill(0, SIGKILL);
}

/* ---- leave ---- */

static void leave(const char *name, int count)
{
	int kind = kind_of(name), host;
	char path[64];

	snprintf(path, sizeof(path), "/proc/1/ns/%s", name);
	host = open(path, O_RDONLY);
	if (host < 0)
		die(path);
	dprintf(1, "%d\n", getpid());
	while (count--)
		if (unshare(kind) || syscall(SYS_setns, host, kind))
			die(name);
}

/* ---- chroot ---- */

static void leave_chroot(const char *way, const char *directory)
{
	bool by_pidfd = !strcmp(way, "pidfd");
	int own = by_pidfd ? syscall(SYS_pidfd_open, getpid(), 0) : open("/proc/self/ns/mnt", O_RDONLY);
	struct stat outside, now;

	if (own < 0 || stat("/", &outside) || chroot(directory) || chdir("/"))
		die(directory);
	dprintf(1, "%d\n", getpid());
	if (syscall(SYS_setns, own, CLONE_NEWNS) || stat("/", &now))
		die("setns");
	dprintf(1, "%s\n",
		now.st_dev == outside.st_dev && now.st_ino == outside.st_ino ? "out" : "in");
}

int main(int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[1], "crowd"))
		crowd(atoi(argv[2]));
	else if (argc == 4 && !strcmp(argv[1], "leave"))
		leave(argv[2], atoi(argv[3]));
	else if (argc == 4 && !strcmp(argv[1], "chroot"))
		leave_chroot(argv[2], argv[3]);
	else
		return 98;
	return 0;
}
