/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One reader: a position in the stream, a filter, and records that are made but not yet
 * delivered. All functions may sleep, except reader_ready(). Callers serialise all of them,
 * except reader_ready() and reader_has_filter().
 */
#ifndef SETNSMON_READER_H
#define SETNSMON_READER_H

#include "stream/merge.h"

#include <linux/setnsmon.h>
#include <linux/types.h>

/* Records that are made at once, at most: with the gap below they fit into 8 KiB. */
#define READER_BATCH 21

/* The same on more CPUs than so many, whose cursors take more: they fit into 4 KiB. */
#define READER_SMALL_BATCH 10
#define READER_FEW_CPUS	   (3 * CHUNK_CURSORS)

/* Events that a filter may skip before other tasks that wait for the reader get a turn. */
#define READER_SKIPS 1024

/**
 * struct reader - one reader
 * @merge: its position
 * @batch: room for @room records, and for a gap before the last of them
 * @first: the first record of @batch that is not yet delivered
 * @room: 0 until the first record is wanted
 * @pending: number of records from @first on; at least 1 while some are being made
 * @lost: records that were lost before this position
 * @skipped: records that filters have skipped
 * @filtered: whether @filter is one
 * @filter: records that do not match it are skipped
 */
struct reader {
	struct merge merge;
	struct setnsmon_record *batch;
	struct setnsmon_record *first;
	unsigned int room;
	unsigned int pending;
	u64 lost;
	u64 skipped;
	bool filtered;
	struct setnsmon_filter filter;
};

/*
 * Sets up a reader at the oldest record held. Returns 0 or -ENOMEM. Records get their memory
 * when they are first read. All of it is charged to the task that calls the function.
 */
int reader_init(struct reader *reader);
void reader_exit(struct reader *reader);

/* Moves to the oldest record held, or to the end. Returns 0 or -ENOMEM. */
int reader_rewind(struct reader *reader);
int reader_skip_to_end(struct reader *reader);

/*
 * Moves to the first record with this time or a later one. Returns 0, -ENOMEM, -EINVAL for a
 * future time, or -ERESTARTSYS if a signal came while a write did not end.
 */
int reader_seek(struct reader *reader, u64 boot_ns);

/* Takes a valid filter for all records that are not delivered yet. One of zeros removes it. */
void reader_set_filter(struct reader *reader, const struct setnsmon_filter *filter);

/*
 * Sets *@records to the next records and returns their number: @most at most, 0 if there is
 * none now; or -ENOMEM, which loses nothing. They stay the same, even if the rings overwrite
 * them, until reader_consume() takes @count of them. No more than @most events are read ahead.
 *
 * With a filter, returns -EAGAIN if it has skipped READER_SKIPS events and there are more. The
 * caller then lets others have a turn, and calls again.
 */
int reader_peek(struct reader *reader, unsigned int most, const struct setnsmon_record **records);
void reader_consume(struct reader *reader, unsigned int count);

/* Returns the number of records that are made at once for a reader that takes many. */
unsigned int reader_batch(void);

/* Returns the bytes that a reader allocates if @most records are made at once. */
size_t reader_bytes(unsigned int most);

/* Returns the number of lost records in the gaps delivered so far. */
u64 reader_lost(const struct reader *reader);

/*
 * Returns whether reader_peek() will find a record. Takes no lock, any context. While
 * another task reads, the answer may be true for a record that it takes.
 */
bool reader_ready(const struct reader *reader);

/* Returns whether there is a filter. Takes no lock, any context. */
static inline bool reader_has_filter(const struct reader *reader)
{
	return READ_ONCE(reader->filtered);
}

/*
 * Like reader_ready(), for a reader with a filter: skips events that do not match, READER_SKIPS
 * or a few more. The caller has announced itself by wakeup_await(). Returns true as well if there
 * are more events than that, or if memory is short: a read finds out.
 */
bool reader_finds(struct reader *reader);

/* Returns whether every record from before this time was delivered, skipped or lost. */
bool reader_is_past(const struct reader *reader, u64 boot_ns);

#endif /* SETNSMON_READER_H */
