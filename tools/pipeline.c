// SPDX-License-Identifier: GPL-2.0-only
#define _GNU_SOURCE
#include "pipeline.h"
#include "base/clock.h"
#include "base/output.h"
#include "base/stop.h"
#include "record/filter.h"
#include "sink/sink.h"
#include "source/source.h"
#include <err.h>
#include <errno.h>
#include <poll.h>
#include <unistd.h>

/* Pause between two looks for troubles of the source, which must not cost anything. */
#define CHECK_MS 10000

/* Whether to go on, and if not, how to end. */
enum verdict {
	GO_ON,
	END,
	FAIL,
};

bool pipeline_end_now(struct pipeline *pipeline)
{
	return source_now(pipeline->source, &pipeline->end_ns);
}

static bool is_ending(const struct pipeline *pipeline)
{
	return pipeline->end_ns;
}

/*
 * Tells a person why nothing appears yet. Scripts and services are not told: their
 * standard error is not a terminal.
 */
static void hint_waiting(const struct pipeline *pipeline)
{
	struct pollfd fd = { .fd = pipeline->source->fd, .events = POLLIN };

	if (is_ending(pipeline) || !isatty(STDERR_FILENO) || poll(&fd, 1, 0) != 0)
		return;
	warnx("no setns(2) call to show yet; waiting for the next one (Ctrl-C ends)");
}

/* Reports each kind of trouble once. */
static void check_source(struct pipeline *pipeline)
{
	u64 now = clock_ms();

	if (now < pipeline->check_ms)
		return;
	pipeline->check_ms = now + CHECK_MS;
	pipeline->troubles |= source_troubles(pipeline->source, pipeline->troubles);
}

/*
 * Waits for records, unless the pipeline is ending already. A request to end only says
 * when, so that calls made before it are still shown. Ends immediately when nobody reads
 * the output any more.
 */
static enum verdict wait_for_records(struct pipeline *pipeline, int stop)
{
	struct source *source = pipeline->source;
	bool ending = is_ending(pipeline);
	struct pollfd fds[] = {
		{ .fd = source->fd, .events = POLLIN },
		{ .fd = ending ? -1 : stop, .events = POLLIN },
		{ .fd = STDOUT_FILENO },
	};

	if (poll(fds, ARRAY_SIZE(fds), ending ? 0 : CHECK_MS) < 0) {
		if (errno == EINTR)
			return GO_ON;
		warn("cannot wait for %s", source->path);
		return FAIL;
	}
	if (fds[1].revents && !pipeline_end_now(pipeline))
		return FAIL;
	return fds[2].revents & (POLLERR | POLLHUP) ? END : GO_ON;
}

static bool is_limit_reached(const struct pipeline *pipeline)
{
	return pipeline->limit && pipeline->calls == pipeline->limit;
}

static bool is_past_end(const struct pipeline *pipeline)
{
	return is_ending(pipeline) && pipeline->seen_ns > pipeline->end_ns;
}

static void count_record(struct pipeline *pipeline, const struct setnsmon_record *rec)
{
	if (rec->type == SETNSMON_RECORD_LOST)
		pipeline->lost += rec->lost.count;
	else if (rec->type == SETNSMON_RECORD_SETNS)
		pipeline->calls++;
}

static void deliver(struct pipeline *pipeline, const struct setnsmon_record *rec)
{
	unsigned int i;

	pipeline->seen_ns = rec->boot_ns;
	if (pipeline->filter && !filter_matches(pipeline->filter, rec))
		return;
	count_record(pipeline, rec);
	for (i = 0; i < pipeline->sink_count; i++)
		pipeline->sinks[i]->type->record(pipeline->sinks[i], rec);
}

static enum verdict deliver_batch(struct pipeline *pipeline)
{
	struct setnsmon_record rec;
	unsigned int i;

	for (i = 0; i < pipeline->source->count && !is_limit_reached(pipeline); i++) {
		source_record(pipeline->source, i, &rec);
		deliver(pipeline, &rec);
	}
	return is_limit_reached(pipeline) || is_past_end(pipeline) ? END : GO_ON;
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
		return is_ending(pipeline) ? END : GO_ON;
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
		check_source(pipeline);
		verdict = wait_for_records(pipeline, stop);
		if (verdict == GO_ON)
			verdict = step(pipeline);
	}
	return verdict != FAIL;
}
