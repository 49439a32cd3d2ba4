/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Two rings, each with its writer, and the merge of module/stream/merge.c. The reader reads the clock: that is its
 * watermark. It looks at each ring as soon as the ring is settled or the record that was under way is committed. Then it
 * takes records in the order of their stamps, as long as they are stamped before the watermark. It must get them in the
 * order of time, and every record except those counted as lost. (With two rings the heap is the lesser of two.) The
 * first writer writes COUNT records, and the second writer writes one.
 *
 * CLASSES: the two rings are those of one CPU instead, one for each class. Its writer writes a record into the first
 * and then one into the second, perhaps at the same time of the clock. The reader takes the lesser number of those that
 * it finds, and must get them in this order.
 */
#ifndef RECORDS
#define RECORDS 1
#endif
#ifndef COUNT
#define COUNT 2
#endif
#ifndef TICKS
#define TICKS 1
#endif
#ifdef CLASSES
#define CPUS 1
#else
#define CPUS 2
#endif
#define COUNT_OF(r) (r == 0 -> COUNT : 1)
#define RINGS 2
#define WORDS 1
#define THREADS 4
#define CLOCK (2 * (1 + RECORDS * (1 + WORDS)))
#define LOCATIONS (CLOCK + 1)
#define STORES (1 + 2 * COUNT)
#define READER 2
#define TICKER 3

#include "memory.pml"
#include "ring.pml"
#include "clock.pml"

byte done;

inline write(r, n)
{
	ring_begin(me, r, n);
	clock(me, stamp);
	ring_word(me, r, n, 0, stamp);
	ring_commit(me, r, n);
	stamp = 0
}

active [CPUS] proctype writer()
{
	byte n, stamp, me = _pid - 1;	/* 0 is the ticker */

#ifdef CLASSES
	write(0, n);
	write(1, n);
#else
	do
	:: n < COUNT_OF(me) -> write(me, n); n++
	:: else -> break
	od;
#endif
	done++
}

/* cursor_peek(): reads the stamp of the ring's next record, and sets @in if there is one. */
inline peek_key(r)
{
	do
	:: copy_words(READER, r, next[r], 0, 1, result, lost);
		d_step {
			in[r] = (result == READ);
			stamp[r] = w[0];
			w[0] = 0;
			had = had + lost;
			lost = 0
		}
		if
		:: result == LOST
		:: else -> break
		fi
	od;
	result = 0
}

/* fill_heap() */
inline fill(r)
{
	ring_end(READER, r, begun_end);
	do
	:: !settled ->
		ring_settled(READER, r, settled);
		ring_end(READER, r, end_now);
		settled = settled || end_now > begun_end
	:: else -> break
	od;
	settled = false;
	begun_end = 0;
	end_now = 0;
	peek_key(r)
}

/* refill_heap() */
inline refill()
{
	clock(READER, watermark);
#ifdef ONLY_RMB_D_READER
	smp_rmb(READER);
#elif !defined(NO_D_READER)
	smp_mb(READER);		/* D, reader's end */
#endif
	fill(0);
	fill(1)
}

#ifdef CLOSED_WATERMARK
#define within(r) (in[r] && stamp[r] <= watermark)
#else
#define within(r) (in[r] && stamp[r] < watermark)
#endif

/* The first in the heap, or on one CPU the one with the least number */
#ifdef CLASSES
#define first(r) (in[r] && (r == 0 || !in[0]))
#else
#define first(r) (in[r] && (!in[1 - r] || stamp[r] < stamp[1 - r] || (stamp[r] == stamp[1 - r] && r == 0)))
#endif

/* merge_first() and merge_take() */
inline take(r)
{
	copy_words(READER, r, next[r], 0, WORDS, result, lost);
	d_step {
		if
		:: result == READ ->
			assert(w[0] == stamp[r]);
			assert(w[0] >= latest);
#ifdef CLASSES
			assert(r == 1 || next[1] == 0);
#endif
			latest = w[0];
			next[r]++;
			had++
		:: else
		fi;
		had = had + lost;
		lost = 0;
		w[0] = 0;
		result = 0
	}
	peek_key(r)
}

active proctype reader()
{
	byte next[2], stamp[2], watermark, latest, had, lost, end, state, i, w[WORDS], begun_end, end_now;
	bool in[2], settled, last;
	mtype result;

	do
	:: first(0) && within(0) -> take(0)
	:: first(1) && within(1) -> take(1)
	:: else ->
		if
		:: last -> break
		:: !last
		:: done == CPUS && !last ->
			join_thread(READER, 0);
			join_thread(READER, 1);
			last = true
		fi;
		refill();
		if
		:: last -> watermark = 255	/* time goes on */
		:: else
		fi
	od;
	assert(next[0] == COUNT && next[1] == 1 && had == COUNT + 1)
}
