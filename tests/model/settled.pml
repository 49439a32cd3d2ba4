/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One writer that stamps its records, and one reader that reads the clock once, at any moment, and then waits until the
 * ring is settled. No record that follows may be stamped before that reading, the watermark.
 */
#ifndef RECORDS
#define RECORDS 2
#endif
#ifndef COUNT
#define COUNT 4
#endif
#ifndef TICKS
#define TICKS 3
#endif
#define RINGS 1
#define WORDS 1
#define THREADS 3
#define CLOCK (1 + RECORDS * (1 + WORDS))
#define LOCATIONS (CLOCK + 1)
#if RECORDS == 1
#define STORES (1 + 2 * COUNT)
#else
#define STORES (2 + COUNT)
#endif
#define WRITER 0
#define READER 1
#define TICKER 2

#include "memory.pml"
#include "ring.pml"
#include "clock.pml"

/* For the record: what the writer stamped, and what the reader was promised. */
byte stamped, stamps[COUNT];
bool promised;
byte promised_end, promised_time;

active proctype writer()
{
	byte n, stamp;

	do
	:: n < COUNT ->
		ring_begin(WRITER, 0, n);
		clock(WRITER, stamp);
		d_step {
			stamps[n] = stamp;
			stamped++;
			assert(!promised || n < promised_end || stamp >= promised_time)
		}
		ring_word(WRITER, 0, n, 0, stamp);
		ring_commit(WRITER, 0, n);
		stamp = 0;
		n++
	:: else -> break
	od
}

active proctype reader()
{
	byte watermark, end, state, i;
	bool settled;

	clock(READER, watermark);
#ifdef ONLY_RMB_D_READER
	smp_rmb(READER);
#elif !defined(NO_D_READER)
	smp_mb(READER);		/* D, reader's end */
#endif
	do
	:: !settled -> ring_settled(READER, 0, settled)
	:: else -> break
	od;
	ring_end(READER, 0, end);
	d_step {
		promised = true;
		promised_end = end;
		promised_time = watermark;
		for (i : 0 .. COUNT - 1) {
			assert(i >= stamped || i < end || stamps[i] >= watermark)
		};
		i = 0
	}
}
