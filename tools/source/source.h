/* SPDX-License-Identifier: GPL-2.0-only */
/* /dev/setnsmon, in binary format. What goes wrong is told on stderr. */
#ifndef SETNSMON_SOURCE_H
#define SETNSMON_SOURCE_H

#include "portable.h"
#include <linux/setnsmon.h>

/**
 * struct source - the open device and its last batch of records
 * @path: as it was opened
 * @fd: it does not block
 * @info: what the module said of itself
 * @batch: what the last read returned
 * @size: bytes that @batch has room for
 * @count: records in it
 */
struct source {
	const char *path;
	int fd;
	struct setnsmon_info info;
	u8 *batch;
	size_t size;
	unsigned int count;
};

/* Opens it. On failure it says why, and what to do, and returns false. */
bool source_open(struct source *source, const char *path);
void source_close(struct source *source);

/* The records made up to now are not read. */
bool source_skip_history(struct source *source);

bool source_counters(const struct source *source, struct setnsmon_counters *counters);

enum source_read {
	SOURCE_BATCH,	/* there is a new batch */
	SOURCE_DRAINED, /* none is there now */
	SOURCE_END,	/* and none will come */
	SOURCE_FAILED,
};

/* Reads the next batch, as many records as are there and fit. Does not wait. */
enum source_read source_read(struct source *source);

/*
 * Record @i of the batch. What the module gives beyond the record that this
 * program knows is left out; what it does not give is zero.
 */
void source_record(const struct source *source, unsigned int i, struct setnsmon_record *rec);

#endif /* SETNSMON_SOURCE_H */
