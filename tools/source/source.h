/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where records come from, batch by batch. A source is opened by the functions
 * of its own header (device.h); everything else is the same for all of them.
 * Errors are reported on stderr.
 */
#ifndef SETNSMON_SOURCE_H
#define SETNSMON_SOURCE_H

#include "portable.h"
#include <linux/setnsmon.h>

enum source_read {
	SOURCE_BATCH,	/* there is a new batch */
	SOURCE_DRAINED, /* nothing for now, more may come */
	SOURCE_END,	/* nothing will come any more */
	SOURCE_FAILED,	/* after a message */
};

/* Why a source may lack calls that were made, as bits. */
enum source_trouble {
	SOURCE_OTHER_PROBES = 1, /* others can hide calls from the module */
	SOURCE_UNARMED = 2,	 /* the module's own probes do not fire */
};

struct source;

/**
 * struct source_ops - one kind of source
 * @read: fills the batch with as many records as are ready and fit. Does not wait
 * @skip_history: skips all records made so far; returns false after a message
 * @filter: skips records that do not match; returns false if it cannot
 * @now: reads the clock that stamps the records; returns false after a message
 * @troubles: returns enum source_trouble bits, and describes those that are not in @known
 * @close: releases everything
 */
struct source_ops {
	enum source_read (*read)(struct source *source);
	bool (*skip_history)(struct source *source);
	bool (*filter)(struct source *source, const struct setnsmon_filter *filter);
	bool (*now)(const struct source *source, u64 *boot_ns);
	unsigned int (*troubles)(const struct source *source, unsigned int known);
	void (*close)(struct source *source);
};

/**
 * struct source - an open source and its last batch of records
 * @ops: the kind of source
 * @path: as it was opened, for messages
 * @fd: readable when there may be records; non-blocking
 * @record_size: bytes of each record, which may be more or less than this program knows
 * @batch: the bytes of the last read
 * @size: room in @batch, a multiple of @record_size
 * @count: records in @batch
 */
struct source {
	const struct source_ops *ops;
	const char *path;
	int fd;
	u32 record_size;
	u8 *batch;
	size_t size;
	unsigned int count;
};

static inline enum source_read source_read(struct source *source)
{
	return source->ops->read(source);
}

static inline bool source_skip_history(struct source *source)
{
	return source->ops->skip_history(source);
}

static inline bool source_filter(struct source *source, const struct setnsmon_filter *filter)
{
	return source->ops->filter(source, filter);
}

static inline bool source_now(const struct source *source, u64 *boot_ns)
{
	return source->ops->now(source, boot_ns);
}

static inline unsigned int source_troubles(const struct source *source, unsigned int known)
{
	return source->ops->troubles(source, known);
}

static inline void source_close(struct source *source)
{
	source->ops->close(source);
}

/*
 * Copies record @i of the batch to @rec. Drops what the source adds to the record
 * that this program knows, and zeroes what it lacks.
 */
void source_record(const struct source *source, unsigned int i, struct setnsmon_record *rec);

#endif /* SETNSMON_SOURCE_H */
