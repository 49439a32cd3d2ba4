// SPDX-License-Identifier: GPL-2.0-only
/* setnsmon follow: shows the calls as they come. */
#define _GNU_SOURCE
#include "cmd/commands.h"
#include "source/source.h"
#include "base/options.h"
#include "base/output.h"
#include "base/stop.h"
#include <err.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { OPTION_COLOR = OPTION_LONG, OPTION_NEW, OPTION_NO_FOLLOW };

enum color { COLOR_AUTO, COLOR_ALWAYS, COLOR_NEVER };

static const char *const color_names[] = { "auto", "always", "never", NULL };

/**
 * struct follow - what was asked for, and how far it has come
 * @path: of the device
 * @sink: form of output, NULL to choose by where it goes
 * @color: when to colour
 * @new_only: leave out what was recorded before
 * @no_follow: do not wait for more
 * @limit: calls to show, 0 for no limit
 * @calls: calls shown
 * @lost: records lost
 * @held: with @no_follow, how many records may still be shown
 */
struct follow {
	const char *path;
	const struct sink *sink;
	enum color color;
	bool new_only;
	bool no_follow;
	u64 limit;
	u64 calls;
	u64 lost;
	u64 held;
};

/* Whether to go on, and if not, how to end. */
enum verdict {
	GO_ON,
	END,
	FAIL,
};

static const struct argp_option options[] = {
	{ "output", 'o', "FORMAT", 0,
	  "Write table, json or logfmt [table on a terminal, else json]", 0 },
	{ "new", OPTION_NEW, NULL, 0, "Skip what was recorded before", 0 },
	{ "no-follow", OPTION_NO_FOLLOW, NULL, 0, "End when all that was recorded is shown", 0 },
	{ "count", 'n', "COUNT", 0, "End after COUNT calls; lost records do not count", 0 },
	{ "color", OPTION_COLOR, "WHEN", 0,
	  "Colour the table: auto, always or never [auto: on a terminal, unless NO_COLOR is set]",
	  0 },
	{ 0 },
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct follow *follow = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &follow->path;
		return 0;
	case 'o':
		follow->sink = &sinks[option_choice(state, "FORMAT", sink_names, arg)];
		return 0;
	case 'n':
		follow->limit = option_count(state, "COUNT", arg);
		return 0;
	case OPTION_COLOR:
		follow->color = option_choice(state, "WHEN", color_names, arg);
		return 0;
	case OPTION_NEW:
		follow->new_only = true;
		return 0;
	case OPTION_NO_FOLLOW:
		follow->no_follow = true;
		return 0;
	case ARGP_KEY_ARG:
		argp_error(state, "'%s' is unexpected: a command comes first, before all options",
			   arg);
		return EINVAL;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_child children[] = { { &device_argp, 0, NULL, 0 }, { 0 } };

#define ABOUT "Show every setns(2) call on this host: who joined which namespace."
#define COMMANDS                                                                                   \
	"Commands: follow (this; the default), stats, selftest. 'setnsmon COMMAND --help' tells more."

static const struct argp argp = {
	.options = options,
	.parser = parse,
	.doc = ABOUT "\v" COMMANDS "\n\n" HELP_EXIT_STATUS,
	.children = children,
};

static bool wants_color(enum color when)
{
	const char *no_color = getenv("NO_COLOR");

	if (when != COLOR_AUTO)
		return when == COLOR_ALWAYS;
	return isatty(STDOUT_FILENO) && !(no_color && *no_color);
}

static const struct sink *default_sink(void)
{
	return isatty(STDOUT_FILENO) ? sink_table : sink_json;
}

/* Not more, or it would never end where calls come faster than it is. */
static void want_only_held(struct follow *follow, const struct source *source)
{
	follow->no_follow = true;
	follow->held = (u64)source->info.cpus * source->info.ring_records;
}

/*
 * Waits for records; ends when nobody reads the output. Does not wait if all that
 * is wanted is what is there. When asked to end, that is what is wanted from now on:
 * calls that were made before are still shown.
 */
static enum verdict wait_for_records(struct follow *follow, const struct source *source, int stop)
{
	struct pollfd fds[] = {
		{ .fd = source->fd, .events = POLLIN },
		{ .fd = follow->no_follow ? -1 : stop, .events = POLLIN },
		{ .fd = STDOUT_FILENO },
	};

	if (poll(fds, ARRAY_SIZE(fds), follow->no_follow ? 0 : -1) < 0) {
		if (errno == EINTR)
			return GO_ON;
		warn("cannot wait for %s", source->path);
		return FAIL;
	}
	if (fds[1].revents)
		want_only_held(follow, source);
	return fds[2].revents & (POLLERR | POLLHUP) ? END : GO_ON;
}

static void count_record(struct follow *follow, const struct setnsmon_record *rec)
{
	if (rec->type == SETNSMON_RECORD_SETNS)
		follow->calls++;
	else if (rec->type == SETNSMON_RECORD_LOST)
		follow->lost += rec->lost.count;
	if (follow->held)
		follow->held--;
}

static bool is_done(const struct follow *follow)
{
	return (follow->limit && follow->calls == follow->limit) ||
	       (follow->no_follow && !follow->held);
}

static enum verdict show_batch(struct follow *follow, const struct source *source)
{
	struct setnsmon_record rec;
	unsigned int i;

	for (i = 0; i < source->count && !is_done(follow); i++) {
		source_record(source, i, &rec);
		count_record(follow, &rec);
		follow->sink->record(&rec);
	}
	return is_done(follow) ? END : GO_ON;
}

static enum verdict flush(enum verdict verdict)
{
	switch (output_flush()) {
	case OUTPUT_CLOSED:
		return END;
	case OUTPUT_FAILED:
		return FAIL;
	default:
		return verdict;
	}
}

static enum verdict step(struct follow *follow, struct source *source, int stop)
{
	enum verdict verdict = wait_for_records(follow, source, stop);

	if (verdict != GO_ON)
		return verdict;
	switch (source_read(source)) {
	case SOURCE_BATCH:
		return flush(show_batch(follow, source));
	case SOURCE_DRAINED:
		return follow->no_follow ? END : GO_ON;
	case SOURCE_END:
		return END;
	default:
		return FAIL;
	}
}

/* A person who ends a table wants to know what it was. */
static void summarise(const struct follow *follow)
{
	if (follow->sink == sink_table && isatty(STDERR_FILENO))
		fprintf(stderr, "%llu %s, %llu lost\n", (unsigned long long)follow->calls,
			follow->calls == 1 ? "call" : "calls", (unsigned long long)follow->lost);
}

static int run(struct follow *follow, struct source *source)
{
	enum verdict verdict;
	int stop = stop_fd();

	if (stop < 0 || (follow->new_only && !source_skip_history(source)))
		return EXIT_FAILURE;
	if (follow->no_follow)
		want_only_held(follow, source);
	if (!follow->sink->begin(wants_color(follow->color)))
		return EXIT_FAILURE;
	verdict = flush(GO_ON);
	while (verdict == GO_ON)
		verdict = step(follow, source, stop);
	follow->sink->end();
	summarise(follow);
	return verdict == FAIL ? EXIT_FAILURE : EXIT_SUCCESS;
}

int cmd_follow(int argc, char **argv)
{
	struct follow follow = { .path = SETNSMON_DEVICE };
	struct source source;
	int status;

	argp_parse(&argp, argc, argv, 0, NULL, &follow);
	if (!follow.sink)
		follow.sink = default_sink();
	if (!source_open(&source, follow.path))
		return EXIT_FAILURE;
	status = run(&follow, &source);
	source_close(&source);
	return status;
}
