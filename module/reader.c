// SPDX-License-Identifier: GPL-2.0-only
#include "reader.h"
#include "record/record.h"
#include "stream/rings.h"

#include <linux/errno.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

int reader_init(struct reader *reader)
{
	*reader = (struct reader){
		.merge = rings_merge_new(),
		.batch = kmalloc_array(READER_BATCH + 1, sizeof(*reader->batch), GFP_KERNEL),
	};
	if (reader->merge && reader->batch)
		return 0;
	reader_exit(reader);
	return -ENOMEM;
}

void reader_exit(struct reader *reader)
{
	kfree(reader->batch);
	rings_merge_free(reader->merge);
}

/* Sums up the gaps among the records that are not yet delivered. */
static u64 pending_lost(const struct reader *reader)
{
	u64 lost = 0;
	unsigned int i;

	for (i = 0; i < reader->pending; i++)
		if (reader->first[i].type == SETNSMON_RECORD_LOST)
			lost += reader->first[i].lost.count;
	return lost;
}

u64 reader_lost(const struct reader *reader)
{
	return reader->lost - pending_lost(reader);
}

/* Records that are dropped undelivered do not count as lost. */
static void drop_pending(struct reader *reader)
{
	reader->lost -= pending_lost(reader);
	WRITE_ONCE(reader->pending, 0);
}

void reader_rewind(struct reader *reader)
{
	drop_pending(reader);
	merge_rewind(reader->merge);
}

void reader_skip_to_end(struct reader *reader)
{
	drop_pending(reader);
	merge_skip_to_end(reader->merge);
}

/*
 * Makes the record of the next event at @to, after one of the gap before it, if any. Returns
 * the end of what was made: @to if the event was overwritten meanwhile.
 */
static __always_inline struct setnsmon_record *make_records(struct reader *reader,
							    struct setnsmon_record *to)
{
	struct setnsmon_record *record = to;
	struct merge_origin origin;
	const u64 *words = merge_first(reader->merge, &origin);

	if (unlikely(origin.lost))
		record++;
	if (likely(words))
		record_from_event(record, (const struct event *)words, origin.cpu);
	if (unlikely(!merge_take(reader->merge, &origin)))
		return to;
	if (unlikely(origin.lost)) {
		record_from_gap(to, record, origin.lost);
		reader->lost += origin.lost;
	}
	return record + 1;
}

/*
 * Looks for an event, for up to MERGE_GIVE_UP_NS if a write does not end: so long even a reader
 * that does not want to wait, because it would take it for the end of the records.
 */
static bool look(struct merge *merge)
{
	while (!merge_look(merge)) {
		if (!merge->stalled || signal_pending(current))
			return false;
		schedule_timeout_interruptible(1);
	}
	return true;
}

/* Makes a new batch of up to @most records, and one more if there is a gap before the last. */
static void fill_batch(struct reader *reader, unsigned int most)
{
	struct setnsmon_record *to = reader->batch;
	const struct setnsmon_record *limit = to + most;

	while (to == reader->batch && look(reader->merge)) {
		WRITE_ONCE(reader->pending, 1);
		smp_wmb(); /* before the merge moves on: reader_ready() */
		do
			to = make_records(reader, to);
		while (to < limit && merge_within_watermark(reader->merge));
	}
	reader->first = reader->batch;
	WRITE_ONCE(reader->pending, to - reader->batch);
}

unsigned int reader_peek(struct reader *reader, unsigned int most,
			 const struct setnsmon_record **records)
{
	if (!reader->pending)
		fill_batch(reader, min_t(unsigned int, most, READER_BATCH));
	*records = reader->first;
	return min(reader->pending, most);
}

void reader_consume(struct reader *reader, unsigned int count)
{
	reader->first += count;
	WRITE_ONCE(reader->pending, reader->pending - count);
}

bool reader_ready(const struct reader *reader)
{
	if (merge_has_entry(reader->merge))
		return true;
	smp_rmb(); /* if the merge has moved on, fill_batch() has set pending */
	return READ_ONCE(reader->pending);
}
