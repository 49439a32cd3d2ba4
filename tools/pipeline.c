// SPDX-License-Identifier: GPL-2.0-only
#define _GNU_SOURCE
#include "pipeline.h"
#include "base/output.h"
#include "base/stop.h"
#include "sink/sink.h"
#include "source/source.h"
#include <err.h>
#include <errno.h>
#include <poll.h>
#include <unistd.h>

/* Whether to go on, and if not, how to end. */
enum verdict {
	GO_ON,
	END,
	FAIL,
};

void pipeline_limit_to_backlog(struct pipeline *pipeline)
{
	pipeline->drain = true;
	pipeline->budget = pipeline->source->backlog;
}

/*
 * Tells a person why nothing appears yet. Scripts and services are not told: their
 * standard error is not a terminal.
 */
static void hint_waiting(const struct pipeline *pipeline)
{
	struct pollfd fd = { .fd = pipeline->source->fd, .events = POLLIN };

	if (pipeline->drain || !isatty(STDERR_FILENO) || poll(&fd, 1, 0) != 0)
		return;
	warnx("no setns(2) call to show yet; waiting for the next one (Ctrl-C ends)");
}

/*
 * Waits for records; ends when nobody reads the output any more. Does not wait
 * while draining. A request to end starts draining, so that calls made before it
 * are still shown.
 */
static enum verdict wait_for_records(struct pipeline *pipeline, int stop)
{
	struct source *source = pipeline->source;
	struct pollfd fds[] = {
		{ .fd = source->fd, .events = POLLIN },
		{ .fd = pipeline->drain ? -1 : stop, .events = POLLIN },
		{ .fd = STDOUT_FILENO },
	};

	if (poll(fds, ARRAY_SIZE(fds), pipeline->drain ? 0 : -1) < 0) {
		if (errno == EINTR)
			return GO_ON;
		warn("cannot wait for %s", source->path);
		return FAIL;
	}
	if (fds[1].revents)
		pipeline_limit_to_backlog(pipeline);
	return fds[2].revents & (POLLERR | POLLHUP) ? END : GO_ON;
}

static bool is_done(const struct pipeline *pipeline)
{
	return (pipeline->limit && pipeline->calls == pipeline->limit) ||
	       (pipeline->drain && !pipeline->budget);
}

static void count_record(struct pipeline *pipeline, const struct setnsmon_record *rec)
{
	if (rec->type == SETNSMON_RECORD_LOST) {
		pipeline->lost += rec->lost.count;
		return;
	}
	if (rec->type == SETNSMON_RECORD_SETNS)
		pipeline->calls++;
	if (pipeline->budget)
		pipeline->budget--;
}

static void deliver(struct pipeline *pipeline, const struct setnsmon_record *rec)
{
	unsigned int i;

	count_record(pipeline, rec);
	for (i = 0; i < pipeline->sink_count; i++)
		pipeline->sinks[i]->type->record(pipeline->sinks[i], rec);
}

static enum verdict deliver_batch(struct pipeline *pipeline)
{
	struct setnsmon_record rec;
	unsigned int i;

	for (i = 0; i < pipeline->source->count && !is_done(pipeline); i++) {
		source_record(pipeline->source, i, &rec);
		deliver(pipeline, &rec);
	}
	return is_done(pipeline) ? END : GO_ON;
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

static enum verdict step(struct pipeline *pipeline)
{
	switch (source_read(pipeline->source)) {
	case SOURCE_BATCH:
		return flush(deliver_batch(pipeline));
	case SOURCE_DRAINED:
		return pipeline->drain ? END : GO_ON;
	case SOURCE_END:
		return END;
	default:
		return FAIL;
	}
}

bool pipeline_run(struct pipeline *pipeline)
{
	enum verdict verdict;
	int stop = stop_fd();

	if (stop < 0)
		return false;
	verdict = flush(GO_ON);
	hint_waiting(pipeline);
	while (verdict == GO_ON) {
		verdict = wait_for_records(pipeline, stop);
		if (verdict == GO_ON)
			verdict = step(pipeline);
	}
	return verdict != FAIL;
}
