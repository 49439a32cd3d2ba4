// SPDX-License-Identifier: GPL-2.0-only
#include "reader.h"
#include "record/filter.h"
#include "record/prefilter.h"
#include "record/record.h"
#include "stream/rings.h"
#include "stream/wakeup.h"

#include <linux/errno.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/timekeeping.h>

int reader_init(struct reader *reader)
{
	int err;

	*reader = (struct reader){};
	rings_merge_init(&reader->merge);
	err = reader_rewind(reader);
	if (err)
		rings_merge_exit(&reader->merge);
	return err;
}

void reader_exit(struct reader *reader)
{
	kfree(reader->batch);
	rings_merge_exit(&reader->merge);
}

unsigned int reader_batch(void)
{
	return rings_cpus() > READER_FEW_CPUS ? READER_SMALL_BATCH : READER_BATCH;
}

size_t reader_bytes(unsigned int most)
{
	return rings_merge_bytes() + (most + 1) * sizeof(struct setnsmon_record);
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

static int move(struct reader *reader, void (*move_merge)(struct merge *merge))
{
	int err = rings_merge_grow(&reader->merge);

	if (err)
		return err;
	drop_pending(reader);
	move_merge(&reader->merge);
	return 0;
}

int reader_rewind(struct reader *reader)
{
	return move(reader, merge_rewind);
}

int reader_skip_to_end(struct reader *reader)
{
	return move(reader, merge_skip_to_end);
}

int reader_seek(struct reader *reader, u64 boot_ns)
{
	struct merge *merge = &reader->merge;
	int err;

	if (boot_ns > ktime_get_boottime_ns())
		return -EINVAL;
	for (;;) {
		err = rings_merge_grow(merge);
		if (err)
			return err;
		if (merge_seek(merge, boot_ns))
			break;
		if (signal_pending(current))
			return -ERESTARTSYS;
		if (merge->stalled)
			schedule_timeout_interruptible(1);
	}
	drop_pending(reader);
	return 0;
}

void reader_set_filter(struct reader *reader, const struct setnsmon_filter *filter)
{
	unsigned int kept = 0;
	unsigned int i;

	reader->filter = *filter;
	WRITE_ONCE(reader->filtered, !filter_is_empty(filter));
	for (i = 0; i < reader->pending; i++)
		if (filter_matches(filter, &reader->first[i]))
			reader->first[kept++] = reader->first[i];
	reader->skipped += reader->pending - kept;
	WRITE_ONCE(reader->pending, kept);
}

/* Promises a record, before the merge moves on: see reader_ready(). */
static __always_inline void promise_record(struct reader *reader)
{
	WRITE_ONCE(reader->pending, 1);
	smp_wmb();
}

/*
 * Makes the record of the next event at @to, after one of the gap before it, if any. Returns
 * the end of what was made: @to if the event was overwritten meanwhile. An event that does not
 * match the filter leaves at most the gap. @filtered is a constant for the compiler. Without a
 * filter, the caller has promised a record.
 */
static __always_inline struct setnsmon_record *
make_records(struct reader *reader, struct setnsmon_record *to, bool filtered)
{
	struct setnsmon_record *record = to;
	struct merge_origin origin;
	const struct event *event = (const struct event *)merge_first(&reader->merge, &origin);

	if (filtered && event && !origin.lost && !prefilter_may_match(&reader->filter, event)) {
		reader->skipped += merge_take(&reader->merge, &origin);
		return to;
	}
	if (filtered)
		promise_record(reader);
	if (unlikely(origin.lost))
		record++;
	if (likely(event))
		record_from_event(record, event, origin.cpu);
	if (unlikely(!merge_take(&reader->merge, &origin)))
		return to;
	if (unlikely(origin.lost)) {
		record_from_gap(to, record, origin.lost);
		reader->lost += origin.lost;
	}
	if (filtered && !filter_matches(&reader->filter, record)) {
		reader->skipped++;
		return record;
	}
	return record + 1;
}

/*
 * Makes room for @most records. A reader that takes one at a time gets a small batch. If the
 * memory for a larger one is short, a small one will do.
 */
static int make_room(struct reader *reader, unsigned int most)
{
	struct setnsmon_record *batch;

	if (reader->room >= most)
		return 0;
	batch = kcalloc(most + 1, sizeof(*batch), GFP_KERNEL_ACCOUNT); /* record_from_event() */
	if (!batch)
		return reader->room ? 0 : -ENOMEM;
	kfree(reader->batch);
	reader->batch = batch;
	reader->room = most;
	return 0;
}

/*
 * Looks for an event. If a write does not end and @patient, looks for up to MERGE_GIVE_UP_NS:
 * so long even for a reader that does not want to wait, because it would take it for the end
 * of the records. Returns 1 if there is one, 0 or -ENOMEM.
 */
static __always_inline int look(struct reader *reader, bool patient)
{
	struct merge *merge = &reader->merge;
	int err;

	while (!merge_look(merge)) {
		if (merge_missing(merge)) {
			err = rings_merge_grow(merge);
			if (err)
				return err;
			continue;
		}
		if (!merge->stalled || !patient || signal_pending(current))
			return 0;
		schedule_timeout_interruptible(1);
	}
	return 1;
}

/* Makes a new batch of up to @most records, and one more if there is a gap before the last. */
static int fill_batch(struct reader *reader, unsigned int most)
{
	struct setnsmon_record *to = reader->batch;
	const struct setnsmon_record *limit = to + most;
	int found = 0;

	while (to == reader->batch && (found = look(reader, true)) > 0) {
		promise_record(reader);
		do
			to = make_records(reader, to, false);
		while (to < limit && merge_within_watermark(&reader->merge));
	}
	reader->first = reader->batch;
	WRITE_ONCE(reader->pending, to - reader->batch);
	return found < 0 ? found : 0;
}

/* The same for a reader with a filter. Returns -EAGAIN after so many events without a record. */
static noinline int fill_matching(struct reader *reader, unsigned int most, bool patient)
{
	struct setnsmon_record *to = reader->batch;
	const struct setnsmon_record *limit = to + most;
	unsigned int left = READER_SKIPS;
	int found = 0;

	while (to == reader->batch && left && (found = look(reader, patient)) > 0) {
		do
			to = make_records(reader, to, true);
		while (to < limit && --left && merge_within_watermark(&reader->merge));
	}
	reader->first = reader->batch;
	WRITE_ONCE(reader->pending, to - reader->batch);
	if (reader->pending)
		return 0;
	return found > 0 ? -EAGAIN : found;
}

static __always_inline int fill(struct reader *reader, unsigned int most)
{
	if (unlikely(reader->filtered))
		return fill_matching(reader, most, true);
	return fill_batch(reader, most);
}

int reader_peek(struct reader *reader, unsigned int most, const struct setnsmon_record **records)
{
	int err;

	if (!reader->pending) {
		err = make_room(reader, most > 1 ? reader_batch() : 1);
		if (!err)
			err = fill(reader, min(most, reader->room));
		if (err)
			return err;
	}
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
	if (merge_has_entry(&reader->merge))
		return true;
	smp_rmb(); /* if the merge has moved on, fill_batch() has set pending */
	return READ_ONCE(reader->pending);
}

/*
 * The caller is woken for each entry that is published after it announced itself. The others are
 * stamped no later than @now, so a look whose watermark passes @now was at all of them. A write
 * that does not end keeps the watermark where it is. Nobody wakes the caller when it is given up,
 * so it has to look again.
 */
bool reader_finds(struct reader *reader)
{
	struct merge *merge = &reader->merge;
	u64 now = merge->clock();

	if (reader->pending)
		return true;
	if (make_room(reader, 1) || fill_matching(reader, 1, false))
		return true;
	if (!reader->pending && merge->watermark <= now)
		wakeup_later();
	return reader->pending;
}

bool reader_is_past(const struct reader *reader, u64 boot_ns)
{
	const struct merge *merge = &reader->merge;

	return merge_within_watermark(merge) && merge->heap[0]->stamp >= boot_ns;
}
