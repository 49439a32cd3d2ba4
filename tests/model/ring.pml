/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * module/stream/ring.c, access by access, on the memory of memory.pml. The letters are those of its essay. Each end of each
 * pair can be taken out: -DNO_A_WRITER, -DNO_A_READER, and so on. What is taken out is the ordering alone; the access
 * stays.
 *
 * RINGS, RECORDS and WORDS are the sizes, RECORDS a power of two; COUNT is how many records each writer writes.
 * Small ones are enough to go round twice, and to be overtaken at every place.
 *
 * Two things are asserted here, unless -DIGNORE_STATE or -DIGNORE_LOSS:
 *
 *      a state is never less than 2n + 2 once head > n (STATE)
 *      what is counted as lost is gone: the slot was begun again for a later record (LOSS)
 *
 * and what was copied is for the including file to judge.
 *
 * A is covered by C, both ends: whoever has seen head > n has all that was stored before, the words among it, and
 * nobody looks at a slot before that. C is not covered by A, as the state is what A is about. D's end at the writer is
 * the same instruction as B's: -DNO_D_WRITER leaves a write barrier, -DNO_B_WRITER nothing.
 */
#define WRITERS (RINGS)
#define PER_RING (1 + RECORDS * (1 + WORDS))
#define HEAD(r) ((r) * PER_RING)
#define STATE(r, n) ((r) * PER_RING + 1 + ((n) % RECORDS) * (1 + WORDS))
#define WORD(r, n, i) (STATE(r, n) + 1 + (i))

#define state_writing(n) (2 * (n) + 1)
#define state_holds(n) (2 * (n) + 2)

#ifdef NO_A_WRITER
#define A_WRITER RELAXED
#else
#define A_WRITER ORDERED
#endif
#ifdef NO_A_READER
#define A_READER RELAXED
#else
#define A_READER ORDERED
#endif
#ifdef NO_C_WRITER
#define C_WRITER RELAXED
#else
#define C_WRITER ORDERED
#endif
#ifdef NO_C_READER
#define C_READER RELAXED
#else
#define C_READER ORDERED
#endif

/* One instruction is the writer's end of both B and D: either can be taken out of it. */
inline smp_mb_begin(t)
{
#if !defined(NO_B_WRITER) && !defined(NO_D_WRITER)
	smp_mb(t)
#elif !defined(NO_B_WRITER)
	smp_wmb(t)
#else
	skip
#endif
}

/* What the writers have done in truth, whoever sees it. */
byte begun[RINGS];

inline ring_begin(t, r, n)
{
	d_step {
		store(t, STATE(r, n), RELAXED, state_writing(n));
		begun[r] = n + 1
	}
	smp_mb_begin(t)			/* B and D, writer's end */
}

inline ring_word(t, r, n, i, x)
{
	d_step {
		store(t, WORD(r, n, i), RELAXED, x)
	}
}

inline ring_commit(t, r, n)
{
	d_step {
		store(t, STATE(r, n), A_WRITER, state_holds(n))
	}
	d_step {
		store(t, HEAD(r), C_WRITER, n + 1)
	}
}

inline ring_end(t, r, x)
{
	load(t, HEAD(r), C_READER, x)
}

/* @settled is set to what ring_settled() returns. */
inline ring_settled(t, r, settled)
{
	ring_end(t, r, end);
	load(t, STATE(r, end), RELAXED, state);
	d_step {
		settled = (state < state_writing(end));
		end = 0;
		state = 0
	}
}

mtype = { EMPTY, READ, LOST };

/*
 * ring_peek() of ring.h. The caller has byte end, state, i and w[WORDS]; @n is its cursor, @result a variable.
 * What was copied stays in w; the rest is cleared, so as not to tell states apart for nothing.
 */
inline copy_words(t, r, n, first, count, result, lost)
{
	ring_end(t, r, end);
	if
	:: n >= end ->
		result = EMPTY
	:: else ->
		load(t, STATE(r, n), A_READER, state);
#ifndef IGNORE_STATE
		assert(state >= state_holds(n));
#endif
		result = LOST;
		if
		:: state == state_holds(n) ->
			i = 0;
			do
			:: i < count -> load(t, WORD(r, n, first + i), RELAXED, w[i]); i++
			:: else -> break
			od;
#ifndef NO_B_READER
			smp_rmb(t);	/* B, reader's end */
#endif
			load(t, STATE(r, n), RELAXED, state);
			if
			:: state == state_holds(n) -> result = READ
			:: else
			fi
		:: else
		fi;
		if
		:: result == LOST ->
			ring_end(t, r, end);
			d_step {
				end = (end - n > RECORDS -> end - RECORDS : n + 1);
				lost = end - n;
				assert(lost > 0);
#ifndef IGNORE_LOSS
				assert(begun[r] >= end + RECORDS);
#endif
				n = end
			}
		:: else
		fi
	fi;
	d_step {
		end = 0;
		state = 0;
		i = 0
	}
}
