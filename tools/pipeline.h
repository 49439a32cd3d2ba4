/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How records flow through the reader: source -> enrich -> filter -> sinks.
 *
 * Enrichment is lazy. A sink asks enrich/ for the name of a number when it shows
 * that number. A filter belongs in deliver(), before the record is counted.
 */
#ifndef SETNSMON_PIPELINE_H
#define SETNSMON_PIPELINE_H

#include "portable.h"

struct sink;
struct source;

/**
 * struct pipeline - a source, its sinks, and the progress between them
 * @source: where records come from
 * @sinks: where each record goes, in this order
 * @sink_count: entries of @sinks
 * @limit: number of calls after which to end; 0 for no limit
 * @drain: end when the source is drained, instead of waiting for more
 * @budget: with @drain, how many more calls may be delivered
 * @calls: calls delivered so far
 * @lost: lost records reported so far
 */
struct pipeline {
	struct source *source;
	struct sink *const *sinks;
	unsigned int sink_count;
	u64 limit;
	bool drain;
	u64 budget;
	u64 calls;
	u64 lost;
};

/*
 * Delivers only what the source holds now, and then ends. Without a budget, a busy
 * host would keep a reader running forever.
 */
void pipeline_limit_to_backlog(struct pipeline *pipeline);

/*
 * Runs until the source ends, the limit is reached, a signal asks to end, or the
 * reader of standard output has gone. Returns false on failure, after a message.
 */
bool pipeline_run(struct pipeline *pipeline);

#endif /* SETNSMON_PIPELINE_H */
