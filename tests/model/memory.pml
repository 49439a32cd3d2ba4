/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A weak memory for Promela, whose own variables are sequentially consistent.
 *
 * Every store to a location is kept, numbered from 0 (what was there at first) in the order that all agree on. A view
 * is one such number for each location: nothing older than that may be read any more. A thread has three:
 *
 *      cur   what its next load may not miss
 *      acq   what it would know, had all its loads so far been acquires: a read barrier makes it cur
 *      rel   what its stores hand on: what it knew at its last write barrier
 *
 * and each store carries a view, which is handed to whoever reads it:
 *
 *      load       any store that is not older than cur; the view that it carries goes to acq
 *      acquire    the same, and it goes to cur
 *      store      carries rel
 *      release    carries cur
 *      smp_rmb    cur := acq
 *      smp_wmb    rel := cur
 *      smp_mb     both, and joins cur with one view that all smp_mb share, there and back: of two of them
 *                 one is the second, and it knows all that the first knew
 *
 * So two loads may be satisfied in any order, and two stores be seen in any order, by one thread so and by another
 * otherwise, for as long as it likes: unless one of the above forbids it. A store need not reach all threads at the
 * same time, which is weaker than what x86 and arm64 do. Loads and stores of one location stay in order, as
 * everywhere. (Each verdict that check demands of a pair was found on the kernel's own model, too: see lkmm.)
 *
 * NOT MODELLED
 *
 *      - A load that is satisfied after a later store of its thread. Readers of the ring store nothing that others
 *        read; of what a writer loads, only the clock is another's, and a release follows it.
 *      - What a compiler does to plain accesses. Here each word is stored once, as a whole; ring.c says why it does
 *        not matter.
 *      - Control and data dependencies, which order things as well: ring.c does not lean on any.
 *      - A write barrier that orders nothing but stores: this one lets no earlier load pass it, either.
 *
 * The including file defines THREADS, LOCATIONS and STORES (the most that one location gets, with the first).
 */
typedef view {
	byte at[LOCATIONS]
}

typedef location {
	byte last;		/* number of the newest store */
	byte value[STORES];
	view carries[STORES]
}

location memory[LOCATIONS];
view cur[THREADS], acq[THREADS], rel[THREADS], shared;
hidden byte j;			/* nothing outlives a d_step in it */

inline join(into, from)
{
	for (j : 0 .. LOCATIONS - 1) {
		into.at[j] = (into.at[j] >= from.at[j] -> into.at[j] : from.at[j])
	};
	j = 0
}

inline copy(into, from)
{
	for (j : 0 .. LOCATIONS - 1) {
		into.at[j] = from.at[j]
	};
	j = 0
}

#define RELAXED 0
#define ORDERED 1		/* acquire, release */

/* @x: where the value goes, a variable of the thread's own; on the way it holds the number of the store. */
inline load(t, where, order, x)
{
	atomic {
		x = cur[t].at[where];
		do
		:: x < memory[where].last -> x++
		:: break
		od;
		d_step {
			cur[t].at[where] = x;
			acq[t].at[where] = (acq[t].at[where] >= x -> acq[t].at[where] : x);
			join(acq[t], memory[where].carries[x]);
			if
			:: order == ORDERED -> join(cur[t], memory[where].carries[x])
			:: else
			fi;
			x = memory[where].value[x]
		}
	}
}

/* To be used inside of a d_step, so that the caller can note in the same step that it was done. */
inline store(t, where, order, x)
{
	memory[where].last++;
	assert(memory[where].last < STORES);
	memory[where].value[memory[where].last] = x;
	cur[t].at[where] = memory[where].last;
	acq[t].at[where] = memory[where].last;
	if
	:: order == ORDERED -> copy(memory[where].carries[memory[where].last], cur[t])
	:: else -> copy(memory[where].carries[memory[where].last], rel[t])
	fi
}

inline smp_rmb(t)
{
	d_step {
		copy(cur[t], acq[t])
	}
}

inline smp_wmb(t)
{
	d_step {
		copy(rel[t], cur[t])
	}
}

/* To be used inside of a d_step. */
inline full_barrier(t)
{
	copy(cur[t], acq[t]);
	join(cur[t], shared);
	copy(shared, cur[t]);
	copy(acq[t], cur[t]);
	copy(rel[t], cur[t])
}

inline smp_mb(t)
{
	d_step {
		full_barrier(t)
	}
}

/* As pthread_join() does: @t knows all that @other knew. */
inline join_thread(t, other)
{
	d_step {
		join(cur[t], cur[other]);
		join(acq[t], cur[other])
	}
}
