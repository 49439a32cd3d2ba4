/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The rings of all CPUs as one stream: who writes where, and in what order readers
 * get it.
 */
#ifndef SETNSMON_RECORDER_H
#define SETNSMON_RECORDER_H

#include "stream/ring.h"
#include "stream/wakeup.h"

#include <linux/percpu.h>
#include <linux/setnsmon.h>
#include <linux/types.h>

struct cursor;

/* What the module parameter ring_records may be: a power of two between these. */
#define RECORDER_MIN_RECORDS 16
#define RECORDER_MAX_RECORDS (1U << 20)

/* Which of its CPU's two rings a record goes to. */
enum recorder_lane { RECORDER_PLAIN, RECORDER_CROSSING, RECORDER_LANES };

/*
 * Takes the memory: two rings of @records for each possible CPU. -ENOMEM, with
 * the reason in the log, if there is not enough. May sleep.
 */
int recorder_init(unsigned int records);
void recorder_exit(void);

/* Bytes taken by all rings, records in one, records made so far. Any context. */
size_t recorder_bytes(void);
unsigned int recorder_ring_records(void);
u64 recorder_recorded(void);

/**
 * struct recorder_writer - what one CPU writes to
 * @rings: by enum recorder_lane
 */
struct recorder_writer {
	struct ring rings[RECORDER_LANES];
};

DECLARE_PER_CPU(struct recorder_writer, recorder_writers);

/*
 * The writer, with preemption off from the first call to the last, in no interrupt.
 * recorder_here() is what this CPU writes to. recorder_begin() returns a record to be
 * filled in place, with @seq set and the rest undefined. The caller stamps its time, and
 * makes it a note: see conclude.h. recorder_commit() publishes it, and has readers that
 * sleep woken. Never waits.
 */
static __always_inline struct recorder_writer *recorder_here(void)
{
	return this_cpu_ptr(&recorder_writers);
}

static __always_inline struct setnsmon_record *recorder_begin(struct recorder_writer *writer,
							      enum recorder_lane lane)
{
	struct setnsmon_record *record;

	record = (struct setnsmon_record *)ring_begin(&writer->rings[lane]);
	/* Only this CPU moves the heads, so this is no race. */
	record->seq = writer->rings[RECORDER_PLAIN].head + writer->rings[RECORDER_CROSSING].head;
	return record;
}

static __always_inline void recorder_commit(struct recorder_writer *writer, enum recorder_lane lane)
{
	ring_commit(&writer->rings[lane]);
	waker_ask();
}

/*
 * A reader's place in the stream, not to be used by two at once but for
 * cursor_ready(). All may sleep, but for cursor_ready().
 */
struct cursor *cursor_new(void);
void cursor_free(struct cursor *cursor);

/* To the oldest record that is held; to the end. */
void cursor_rewind(struct cursor *cursor);
void cursor_skip_to_end(struct cursor *cursor);

/*
 * The next records, @most of them at most, and how many they are: 0 if there is none
 * now. The same ones again until cursor_next() has taken @count of them; they stay valid
 * until then, whatever is overwritten meanwhile. No more than @most are read ahead,
 * but for a record before which some were lost.
 */
unsigned int cursor_peek(struct cursor *cursor, unsigned int most,
			 const struct setnsmon_record **records);
void cursor_next(struct cursor *cursor, unsigned int count);

/* Records that this cursor was too late for, as far as it has been taken. */
u64 cursor_lost(const struct cursor *cursor);

/*
 * Will cursor_peek() find one? Takes no lock, any context; a hint, which may be true while
 * another one reads.
 */
bool cursor_ready(const struct cursor *cursor);

#endif /* SETNSMON_RECORDER_H */
