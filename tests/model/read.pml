/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One writer, and one reader that begins at 0 or at ring_oldest() and calls ring_read() whenever it likes. (Readers
 * write nothing, so more of them would show no more.) What it is given as record n is record n, whole; its cursor never
 * goes back; once the writer has ended it comes to the end, and read + lost = written.
 */
#ifndef RECORDS
#define RECORDS 2
#endif
#ifndef COUNT
#define COUNT 5
#endif
#define RINGS 1
#define WORDS 2
#define THREADS 2
#define LOCATIONS (1 + RECORDS * (1 + WORDS))
#if RECORDS == 1
#define STORES (1 + 2 * COUNT)
#else
#define STORES (2 + COUNT)
#endif

#include "memory.pml"
#include "ring.pml"

#define WRITER 0
#define READER 1

bool done;

active proctype writer()
{
	byte n;

	do
	:: n < COUNT ->
		ring_begin(WRITER, 0, n);
		ring_word(WRITER, 0, n, 0, n + 1);
		ring_word(WRITER, 0, n, 1, n + 1);
		ring_commit(WRITER, 0, n);
		n++
	:: else -> break
	od;
	done = true
}

active proctype reader()
{
	byte cursor, before, had, lost, end, state, i, w[WORDS];
	mtype result;
	bool last;

	if
	:: skip
	:: ring_end(READER, 0, end);	/* ring_oldest() */
		d_step {
			cursor = (end > RECORDS -> end - RECORDS : 0);
			had = cursor;
			end = 0
		}
	fi;
	do
	:: 	if
		:: !last
		:: done && !last ->
			join_thread(READER, WRITER);
			last = true
		:: last
		fi;
		before = cursor;
		copy_words(READER, 0, cursor, 0, WORDS, result, lost);
		d_step {
			if
			:: result == READ ->
#ifndef IGNORE_WORDS
				assert(w[0] == cursor + 1 && w[1] == cursor + 1);
#endif
				cursor++;
				had++
			:: result == LOST -> had = had + lost
			:: else
			fi;
			assert(cursor >= before);
			w[0] = 0;
			w[1] = 0;
			lost = 0;
			before = 0
		}
		if
		:: result == EMPTY && last -> break
		:: else
		fi
	od;
	assert(cursor == COUNT && had == COUNT)
}
