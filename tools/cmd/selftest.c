// SPDX-License-Identifier: GPL-2.0-only
/*
 * setnsmon selftest: makes harmless calls of its own and waits for their records.
 */
#define _GNU_SOURCE
#include "cmd/commands.h"
#include "source/source.h"
#include "base/options.h"
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* A descriptor that no process can have, so that the call is refused with EBADF. */
#define NO_FD (-0x5e7)

/* A record is there when the call returns; this is for a machine that is stuck. */
#define TIMEOUT_MS     5000

#define KPROBES_SWITCH "/sys/kernel/debug/kprobes/enabled"

static error_t parse(int key, char *arg, struct argp_state *state)
{
	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = state->input;
		return 0;
	case ARGP_KEY_ARG:
		argp_error(state, "'%s' is unexpected", arg);
		return EINVAL;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_child children[] = { { &device_argp, 0, NULL, 0 }, { 0 } };

#define ABOUT                                                                                      \
	"Make setns(2) calls that change nothing, and see whether they are recorded as they were made."

static const struct argp argp = {
	.parser = parse,
	.doc = ABOUT "\v" HELP_EXIT_STATUS,
	.children = children,
};

static u64 now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000ULL + ts.tv_nsec / 1000000;
}

/* Not in the oldest C libraries that this is built with. */
static int open_pidfd(void)
{
	return syscall(SYS_pidfd_open, getpid(), 0);
}

static int open_namespace(void)
{
	return open("/proc/self/ns/uts", O_RDONLY | O_CLOEXEC);
}

static int open_nothing(void)
{
	return NO_FD;
}

static const char *check_nothing(const struct setnsmon_setns *call, int fd)
{
	(void)fd;
	if (call->fd_kind != SETNSMON_FD_NONE)
		return "as if it had named something";
	if (call->uid != getuid() && call->caller_userns_level == 0)
		return "with another user than it was made by";
	return NULL;
}

static const char *check_namespace(const struct setnsmon_setns *call, int fd)
{
	struct stat st;

	if (call->fd_kind != SETNSMON_FD_NSFS || fstat(fd, &st) || call->target_inum != st.st_ino)
		return "with another namespace than the call named";
	return NULL;
}

static const char *check_process(const struct setnsmon_setns *call, int fd)
{
	(void)fd;
	if (call->fd_kind != SETNSMON_FD_PIDFD || !(call->has & SETNSMON_HAS_TARGET_PID))
		return "without the process that its pidfd named: this version of setnsmon does "
		       "not know how this kernel keeps that; is there a newer one?";
	if (call->target_pid != call->pid)
		return "with another process than its pidfd named";
	return NULL;
}

/**
 * struct trial - a call that is refused, and so changes nothing
 * @open: what to call with
 * @nstype: the second argument
 * @refusal: how the kernel refuses it
 * @check: what is wrong with its record, apart from that; NULL if nothing is
 */
static const struct trial {
	int (*open)(void);
	int nstype;
	int refusal;
	const char *(*check)(const struct setnsmon_setns *call, int fd);
} trials[] = {
	{ open_nothing, 0, EBADF, check_nothing },
	{ open_namespace, CLONE_NEWNET, EINVAL, check_namespace },
	{ open_pidfd, 0, EINVAL, check_process },
};

static bool make_call(const struct trial *trial, int fd)
{
	if (setns(fd, trial->nstype) && errno == trial->refusal)
		return true;
	warn("setns(%d, %#x) did not fail with %s: does seccomp keep it from the kernel?", fd,
	     trial->nstype, trial->refusal == EBADF ? "EBADF" : "EINVAL");
	return false;
}

/* Numbers as this process sees them: it may be in a pid namespace. */
static bool is_ours(const struct setnsmon_record *rec, const struct trial *trial, int fd)
{
	const struct setnsmon_setns *call = &rec->setns;

	return rec->type == SETNSMON_RECORD_SETNS && call->fd == fd &&
	       call->nstype == (u32)trial->nstype && call->ns_pid == (u32)getpid() &&
	       call->ns_tid == (u32)gettid();
}

static bool find_ours(const struct source *source, const struct trial *trial, int fd,
		      struct setnsmon_record *rec)
{
	unsigned int i;

	for (i = 0; i < source->count; i++) {
		source_record(source, i, rec);
		if (is_ours(rec, trial, fd))
			return true;
	}
	return false;
}

static bool wait_for_ours(struct source *source, const struct trial *trial, int fd,
			  struct setnsmon_record *rec)
{
	u64 until = now_ms() + TIMEOUT_MS;
	struct pollfd event = { .fd = source->fd, .events = POLLIN };

	while (now_ms() < until) {
		switch (source_read(source)) {
		case SOURCE_BATCH:
			if (find_ours(source, trial, fd, rec))
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

static bool kprobes_are_off(void)
{
	FILE *file = fopen(KPROBES_SWITCH, "r");
	int state;

	if (!file)
		return false;
	state = getc(file);
	fclose(file);
	return state == '0';
}

static void explain_missing(const struct source *source, const struct setnsmon_counters *before)
{
	struct setnsmon_counters after;

	if (kprobes_are_off())
		warnx("the call was not recorded: kprobes are switched off. "
		      "Switch them on with: echo 1 > " KPROBES_SWITCH);
	else if (source_counters(source, &after) && after.missed > before->missed)
		warnx("the call was not recorded: the kernel did not hand it to the module "
		      "(missed: %llu)",
		      (unsigned long long)after.missed);
	else
		warnx("the call was not recorded within %d seconds: "
		      "unload the module and load it again, and see the kernel log",
		      TIMEOUT_MS / 1000);
}

/* What is wrong with the record of a call that we know all about; NULL if nothing. */
static const char *flaw(const struct setnsmon_record *rec, const struct trial *trial, int fd)
{
	const struct setnsmon_setns *call = &rec->setns;

	if (call->flags & SETNSMON_FLAG_RET_UNKNOWN)
		return "without its result: too many calls are under way, load the module with a "
		       "larger maxactive=";
	if (call->ret != -trial->refusal)
		return "with another result than it had";
	return trial->check(call, fd);
}

static bool try_call(struct source *source, const struct trial *trial, int fd)
{
	struct setnsmon_counters counters;
	struct setnsmon_record rec;
	const char *wrong;

	if (!source_counters(source, &counters) || !source_skip_history(source))
		return false;
	if (!make_call(trial, fd))
		return false;
	if (!wait_for_ours(source, trial, fd, &rec)) {
		explain_missing(source, &counters);
		return false;
	}
	wrong = flaw(&rec, trial, fd);
	if (wrong)
		warnx("the call was recorded, but %s", wrong);
	return !wrong;
}

static bool run_trial(struct source *source, const struct trial *trial)
{
	int fd = trial->open();
	bool passed;

	if (fd == -1) {
		warn("cannot prepare the call");
		return false;
	}
	passed = try_call(source, trial, fd);
	if (fd >= 0)
		close(fd);
	return passed;
}

static bool run(struct source *source)
{
	size_t i;

	for (i = 0; i < sizeof(trials) / sizeof(trials[0]); i++)
		if (!run_trial(source, &trials[i]))
			return false;
	printf("ok: %zu calls were made, and recorded as they were\n", i);
	return true;
}

int cmd_selftest(int argc, char **argv)
{
	const char *path = SETNSMON_DEVICE;
	struct source source;
	bool passed;

	argp_parse(&argp, argc, argv, 0, NULL, &path);
	if (!source_open(&source, path))
		return EXIT_FAILURE;
	passed = run(&source);
	source_close(&source);
	return passed ? EXIT_SUCCESS : EXIT_FAILURE;
}
