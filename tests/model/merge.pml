/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Two rings, each with its writer, and the merge of module/stream/rings.c: a horizon, a look at each ring once it is
 * settled or the record that was under way is there, then the least stamp of those before the horizon. What comes out
 * is in the order of time, and is all there is but what was counted as lost. (With two rings the heap is the lesser of
 * two.) The first writer writes COUNT records, the second one.
 *
 * LANES: the two rings are those of one CPU instead. Its writer writes a record into the first and then one into the
 * second, perhaps at the same time of the clock; they come out in this order.
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
#ifdef LANES
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

#ifdef LANES
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

/* lane_look(): the stamp of the ring's next record; @in becomes whether it has one. */
inline lane_look(r)
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

inline look_when_settled(r)
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
	lane_look(r)
}

inline survey()
{
	clock(READER, horizon);
#ifdef ONLY_RMB_D_READER
	smp_rmb(READER);
#elif !defined(NO_D_READER)
	smp_mb(READER);		/* D, reader's end */
#endif
	look_when_settled(0);
	look_when_settled(1)
}

#ifdef CLOSED_HORIZON
#define within(r) (in[r] && stamp[r] <= horizon)
#else
#define within(r) (in[r] && stamp[r] < horizon)
#endif

/* cursor_take() */
inline take(r)
{
	copy_words(READER, r, next[r], 0, WORDS, result, lost);
	d_step {
		if
		:: result == READ ->
			assert(w[0] == stamp[r]);
			assert(w[0] >= latest);
#ifdef LANES
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
	lane_look(r)
}

active proctype reader()
{
	byte next[2], stamp[2], horizon, latest, had, lost, end, state, i, w[WORDS], begun_end, end_now;
	bool in[2], settled, last;
	mtype result;

	do
	:: within(0) && (!in[1] || stamp[0] <= stamp[1]) -> take(0)
	:: within(1) && (!in[0] || stamp[1] < stamp[0]) -> take(1)
	:: else ->
		if
		:: last -> break
		:: !last
		:: done == CPUS && !last ->
			join_thread(READER, 0);
			join_thread(READER, 1);
			last = true
		fi;
		survey();
		if
		:: last -> horizon = 255	/* time goes on */
		:: else
		fi
	od;
	assert(next[0] == COUNT && next[1] == 1 && had == COUNT + 1)
}
