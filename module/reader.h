/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One reader: a position in the stream, and records that are made but not yet delivered.
 * All functions may sleep, except reader_ready(). Callers serialise all of them, except
 * reader_ready().
 */
#ifndef SETNSMON_READER_H
#define SETNSMON_READER_H

#include "stream/merge.h"

#include <linux/setnsmon.h>
#include <linux/types.h>

/* Records that are made at once, at most: with the gap below they fit into 8 KiB. */
#define READER_BATCH 21

/**
 * struct reader - one reader
 * @merge: its position
 * @batch: room for READER_BATCH records, and for a gap before the last of them
 * @first: the first record of @batch that is not yet delivered
 * @pending: number of records from @first on; at least 1 while some are being made
 * @lost: records that were lost before this position
 */
struct reader {
	struct merge *merge;
	struct setnsmon_record *batch;
	struct setnsmon_record *first;
	unsigned int pending;
	u64 lost;
};

/* Sets up a reader at the oldest record held. Returns 0 or -ENOMEM. */
int reader_init(struct reader *reader);
void reader_exit(struct reader *reader);

/* Moves to the oldest record held, or to the end. */
void reader_rewind(struct reader *reader);
void reader_skip_to_end(struct reader *reader);

/*
 * Sets *@records to the next records and returns their number: @most at most, 0 if there is
 * none now. They stay the same, even if the rings overwrite them, until reader_consume() takes
 * @count of them. No more than @most events are read ahead.
 */
unsigned int reader_peek(struct reader *reader, unsigned int most,
			 const struct setnsmon_record **records);
void reader_consume(struct reader *reader, unsigned int count);

/* Returns the number of lost records in the gaps delivered so far. */
u64 reader_lost(const struct reader *reader);

/*
 * Returns whether reader_peek() will find a record. Takes no lock, any context. While
 * another task reads, the answer may be true for a record that it takes.
 */
bool reader_ready(const struct reader *reader);

#endif /* SETNSMON_READER_H */
