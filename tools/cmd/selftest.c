// SPDX-License-Identifier: GPL-2.0-only
/* setnsmon selftest: makes harmless calls and checks their records. */
#define _GNU_SOURCE
#include "base/clock.h"
#include "cmd/commands.h"
#include "cmd/verb.h"
#include "source/device.h"
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The record is ready when the call returns, so only a stuck machine takes this long. */
#define TIMEOUT_MS    5000

#define OWN_NAMESPACE "/proc/self/ns/uts"

static const struct verb verb = {
	.about =
		"Make setns(2) calls that change nothing, and check that they are recorded correctly.",
};

/* The functions below store the descriptor to pass, and return false after a message. */

static bool open_nothing(int *fd)
{
	*fd = -1;
	return true;
}

static bool open_namespace(int *fd)
{
	*fd = open(OWN_NAMESPACE, O_RDONLY | O_CLOEXEC);
	if (*fd >= 0)
		return true;
	if (errno == ENOENT)
		warnx("%s does not exist: /proc is not mounted here, or belongs to another pid "
		      "namespace; mount it with 'mount -t proc proc /proc'",
		      OWN_NAMESPACE);
	else
		warn("cannot open %s: a security policy may forbid it", OWN_NAMESPACE);
	return false;
}

/* The oldest supported C library has no wrapper for this call. */
static bool open_pidfd(int *fd)
{
	*fd = syscall(SYS_pidfd_open, getpid(), 0);
	if (*fd >= 0)
		return true;
	warn("cannot open a pidfd: a seccomp filter may block pidfd_open(2)");
	return false;
}

static const char *check_nothing(const struct setnsmon_setns *call, int fd)
{
	(void)fd;
	if (call->fd_kind != SETNSMON_FD_NONE)
		return "with a target, although its descriptor is invalid";
	if (call->uid != getuid() && call->caller_userns_level == 0)
		return "with the wrong user";
	if (!(call->flags & SETNSMON_FLAG_SELFTEST))
		return "without the flag selftest";
	return NULL;
}

static const char *check_namespace(const struct setnsmon_setns *call, int fd)
{
	struct stat st;

	if (call->fd_kind != SETNSMON_FD_NSFS || fstat(fd, &st) || call->target_inum != st.st_ino)
		return "with the wrong namespace";
	return NULL;
}

static const char *check_process(const struct setnsmon_setns *call, int fd)
{
	(void)fd;
	if (call->fd_kind != SETNSMON_FD_PIDFD || !(call->has & SETNSMON_HAS_TARGET_PID))
		return "without the process of its pidfd: this version of setnsmon does not know "
		       "the layout of a pidfd in this kernel; look for a newer version";
	if (call->target_pid != call->pid)
		return "with the wrong process";
	return NULL;
}

/**
 * struct probe_case - a call that fails, and so changes nothing
 * @open: opens the descriptor to pass; returns false after a message
 * @nstype: second argument
 * @expected_errno: the error that the kernel must return
 * @check: returns what else is wrong with the record, or NULL
 */
static const struct probe_case {
	bool (*open)(int *fd);
	int nstype;
	int expected_errno;
	const char *(*check)(const struct setnsmon_setns *call, int fd);
} cases[] = {
	/* Only a call without a descriptor gets the flag selftest, which tells it from others. */
	{ open_nothing, SETNSMON_SELFTEST_NSTYPE, EBADF, check_nothing },
	{ open_namespace, CLONE_NEWNET, EINVAL, check_namespace },
	{ open_pidfd, 0, EINVAL, check_process },
};

static bool make_call(const struct probe_case *test, int fd)
{
	if (setns(fd, test->nstype) && errno == test->expected_errno)
		return true;
	warn("setns(%d, %#x) did not fail with %s: a seccomp filter may block it", fd, test->nstype,
	     test->expected_errno == EBADF ? "EBADF" : "EINVAL");
	return false;
}

/* Compares the ids that this process sees, because it may be in a pid namespace. */
static bool is_ours(const struct setnsmon_record *rec, const struct probe_case *test, int fd)
{
	const struct setnsmon_setns *call = &rec->setns;

	return rec->type == SETNSMON_RECORD_SETNS && call->fd == fd &&
	       call->nstype == (u32)test->nstype && call->ns_pid == (u32)getpid() &&
	       call->ns_tid == (u32)gettid();
}

static bool find_ours(const struct source *source, const struct probe_case *test, int fd,
		      struct setnsmon_record *rec)
{
	unsigned int i;

	for (i = 0; i < source->count; i++) {
		source_record(source, i, rec);
		if (is_ours(rec, test, fd))
			return true;
	}
	return false;
}

static bool wait_for_ours(struct source *source, const struct probe_case *test, int fd,
			  struct setnsmon_record *rec)
{
	u64 until = clock_ms() + TIMEOUT_MS;
	struct pollfd event = { .fd = source->fd, .events = POLLIN };

	while (clock_ms() < until) {
		switch (source_read(source)) {
		case SOURCE_BATCH:
			if (find_ours(source, test, fd, rec))
				return true;
			break;
		case SOURCE_DRAINED:
			poll(&event, 1, TIMEOUT_MS / 10);
			break;
		default:
			return false;
		}
	}
	return false;
}

static void explain_missing(struct source *source, const struct setnsmon_counters *before)
{
	struct setnsmon_counters after;

	if (source_troubles(source, 0) || !device_counters(source, &after))
		return;
	if (after.missed > before->missed)
		warnx("the call was not recorded: the kernel did not pass it to the module "
		      "(%llu missed so far); stop other tracers of setns(2) and try again",
		      (unsigned long long)after.missed);
	else if (after.entered == before->entered)
		warnx("the call was not recorded, and is in no counter: a seccomp filter answers "
		      "it, or something keeps it from the module's probes");
	else
		warnx("the call was not recorded within %d seconds: "
		      "reload the module and look at the kernel log",
		      TIMEOUT_MS / 1000);
}

/* Returns what is wrong with the record of a call that we made, or NULL. */
static const char *diagnose(const struct setnsmon_record *rec, const struct probe_case *test,
			    int fd)
{
	const struct setnsmon_setns *call = &rec->setns;

	if (call->flags & SETNSMON_FLAG_RET_UNKNOWN)
		return "without its result: too many calls are in progress; load the module with a "
		       "larger maxactive=";
	if (call->ret != -test->expected_errno)
		return "with the wrong result";
	return test->check(call, fd);
}

static bool try_call(struct source *source, const struct probe_case *test, int fd)
{
	struct setnsmon_counters counters;
	struct setnsmon_record rec;
	const char *wrong;

	if (!device_counters(source, &counters) || !source_skip_history(source))
		return false;
	if (!make_call(test, fd))
		return false;
	if (!wait_for_ours(source, test, fd, &rec)) {
		explain_missing(source, &counters);
		return false;
	}
	wrong = diagnose(&rec, test, fd);
	if (wrong)
		warnx("the call was recorded, but %s", wrong);
	return !wrong;
}

static bool run_case(struct source *source, const struct probe_case *test)
{
	bool passed;
	int fd;

	if (!test->open(&fd))
		return false;
	passed = try_call(source, test, fd);
	if (fd >= 0)
		close(fd);
	return passed;
}

static bool run(struct source *source)
{
	size_t i;

	if (source_troubles(source, 0))
		return false;
	for (i = 0; i < ARRAY_SIZE(cases); i++)
		if (!run_case(source, &cases[i]))
			return false;
	printf("ok: %zu calls were made and recorded correctly\n", i);
	return true;
}

int cmd_selftest(int argc, char **argv)
{
	const char *device = SETNSMON_DEVICE;
	struct source source;
	bool passed;

	verb_parse(&verb, argc, argv, NULL, &device);
	if (!device_open(&source, device))
		return EXIT_FAILURE;
	passed = run(&source);
	source_close(&source);
	return passed ? EXIT_SUCCESS : EXIT_FAILURE;
}
