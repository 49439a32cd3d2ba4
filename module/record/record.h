/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Turns private events into public records. The caller of setns(2) pays only for what must
 * be read at the call; every reader pays for what can be derived later. Pure: no state, no
 * locks, any context.
 */
#ifndef SETNSMON_RECORD_H
#define SETNSMON_RECORD_H

#include "capture/event.h"

/*
 * Makes the record of an event that was recorded on @cpu, in place of an earlier record or of
 * zeros. Sets all of @to. Few records have all members, so those that are zero already stay.
 *
 * The event may be overwritten while it is read, because readers read it in the ring. Then
 * the record is worthless, and the caller discards it.
 */
void record_from_event(struct setnsmon_record *__restrict to, const struct event *__restrict event,
		       u32 cpu);

/* Makes the record of a gap of @count events just before @next. Sets all of @to. */
void record_from_gap(struct setnsmon_record *to, const struct setnsmon_record *next, u64 count);

#endif /* SETNSMON_RECORD_H */
