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
#include <linux/setnsmon.h>

struct sink;
struct source;

/**
 * struct pipeline - a source, its sinks, and the progress between them
 * @source: where records come from
 * @sinks: where each record goes, in this order
 * @sink_count: entries of @sinks
 * @filter: which records to show; NULL for all that come
 * @limit: number of calls after which to end; 0 for no limit
 * @end_ns: moment after which to end, on the clock of the records; 0 to wait for more
 * @seen_ns: stamp of the last record that was delivered
 * @check_ms: when to look for troubles of the source again
 * @troubles: enum source_trouble bits that were reported
 * @calls: calls delivered so far
 * @lost: lost records reported so far
 */
struct pipeline {
	struct source *source;
	struct sink *const *sinks;
	unsigned int sink_count;
	const struct setnsmon_filter *filter;
	u64 limit;
	u64 end_ns;
	u64 seen_ns;
	u64 check_ms;
	unsigned int troubles;
	u64 calls;
	u64 lost;
};

/*
 * Makes the pipeline end once it has delivered every record made up to now that the source
 * still holds. It ends when the source is drained, or with the first batch that contains a
 * later record. All of that batch is delivered, so that each gap in it is reported. The
 * stamp decides, because records can be counted only when they come: a busy host makes
 * them faster than a reader takes them. Returns false on failure, after a message.
 */
bool pipeline_end_now(struct pipeline *pipeline);

/*
 * Runs until the source ends, the limit is reached, a signal asks to end, or the
 * reader of standard output has gone. Returns false on failure, after a message.
 */
bool pipeline_run(struct pipeline *pipeline);

#endif /* SETNSMON_PIPELINE_H */
