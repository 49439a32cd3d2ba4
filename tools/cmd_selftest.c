// SPDX-License-Identifier: GPL-2.0-only
/*
 * setnsmon selftest: makes one harmless call of its own and waits for its record.
 */
#define _GNU_SOURCE
#include "commands.h"
#include "source.h"
#include "options.h"
#include <err.h>
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
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
	"Make one setns(2) call that changes nothing, and see whether it is recorded as it was made."

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

static bool make_call(void)
{
	if (setns(NO_FD, 0) && errno == EBADF)
		return true;
	warn("setns(%d, 0) did not fail with EBADF: does seccomp keep it from the kernel?", NO_FD);
	return false;
}

/* Numbers as this process sees them: it may be in a pid namespace. */
static bool is_ours(const struct setnsmon_record *rec)
{
	const struct setnsmon_setns *call = &rec->setns;

	return rec->type == SETNSMON_RECORD_SETNS && call->fd == NO_FD &&
	       call->ns_pid == (u32)getpid() && call->ns_tid == (u32)gettid();
}

static bool find_ours(const struct source *source, struct setnsmon_record *rec)
{
	unsigned int i;

	for (i = 0; i < source->count; i++) {
		source_record(source, i, rec);
		if (is_ours(rec))
			return true;
	}
	return false;
}

static bool wait_for_ours(struct source *source, struct setnsmon_record *rec)
{
	u64 until = now_ms() + TIMEOUT_MS;
	struct pollfd fd = { .fd = source->fd, .events = POLLIN };

	while (now_ms() < until) {
		switch (source_read(source)) {
		case SOURCE_BATCH:
			if (find_ours(source, rec))
				return true;
			break;
		case SOURCE_DRAINED:
			poll(&fd, 1, TIMEOUT_MS / 10);
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
static const char *flaw(const struct setnsmon_record *rec)
{
	const struct setnsmon_setns *call = &rec->setns;

	if (call->flags & SETNSMON_FLAG_RET_UNKNOWN)
		return "without its result: too many calls are under way, load the module with a "
		       "larger maxactive=";
	if (call->ret != -EBADF || call->nstype != 0 || call->fd_kind != SETNSMON_FD_NONE)
		return "with another result or other arguments than it had";
	if (call->uid != getuid() && call->caller_userns_level == 0)
		return "with another user than it was made by";
	return NULL;
}

static bool run(struct source *source)
{
	struct setnsmon_counters counters;
	struct setnsmon_record rec;
	const char *wrong;

	if (!source_counters(source, &counters) || !source_skip_history(source))
		return false;
	if (!make_call())
		return false;
	if (!wait_for_ours(source, &rec)) {
		explain_missing(source, &counters);
		return false;
	}
	wrong = flaw(&rec);
	if (wrong) {
		warnx("the call was recorded, but %s", wrong);
		return false;
	}
	printf("ok: a call was made and recorded, number %llu on CPU %u\n",
	       (unsigned long long)rec.seq, rec.cpu);
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
