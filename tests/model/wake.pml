/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * module/stream/wakeup.c: a CPU that makes calls, the timer that they request, the worker that the timer wakes, each on
 * a CPU of its own, and a reader that sleeps whenever it has read everything. The reader must never sleep while a record
 * is ready: when nothing is under way any more and the reader sleeps, it has read every record.
 *
 * The reader sleeps in read(2) and leaves the queue when it is woken. With -DPOLL it sleeps in poll(2): it stays in the
 * queue, and a flag keeps it from falling asleep. That is what wait_event() and do_poll() do (kernel/sched/wait.c,
 * fs/select.c).
 *
 * Barriers can be removed: -DNO_W (the call's, in wq_has_sleeper()), -DNO_T (the timer's) and -DNO_R (the reader's, in
 * prepare_to_wait_event() or device_poll()). With -DCLEARED_LATE the timer wakes the worker before it clears
 * "requested".
 */
#ifndef COUNT
#define COUNT 3
#endif
#define THREADS 4
#define LOCATIONS 4
#define STORES (3 + 4 * COUNT)

#include "memory.pml"

#define CALLER 0
#define TIMER 1
#define READER 2
#define WORKER 3

#define HEAD 0			/* records published */
#define QUEUED 1		/* is the reader in the queue? */
#define REQUESTED 2
#define WOKEN 3			/* the reader must look again */

bool locked;			/* the lock of the queue, and the view that it passes on */
view unlocked;
bool started;			/* the timer, which has a lock as well */
view starting;
bool due;			/* the work of the worker, and the view of the one that made it due */
view making_due;
bool done, waking, working;	/* for assertions: no more calls; the timer runs; the worker runs */

inline lock(t)
{
	atomic {
		!locked;
		d_step {
			locked = true;
			join(cur[t], unlocked);
			join(acq[t], unlocked)
		}
	}
}

inline unlock(t)
{
	d_step {
		copy(unlocked, cur[t]);
		locked = false
	}
}

active proctype caller()
{
	byte n, queued, requested;

	do
	:: n < COUNT ->
		d_step {
			n++;
			store(CALLER, HEAD, ORDERED, n)
		}
#ifndef NO_W
		smp_mb(CALLER);		/* W */
#endif
		load(CALLER, QUEUED, RELAXED, queued);
		if
		:: queued ->
			load(CALLER, REQUESTED, RELAXED, requested);
			if
			:: !requested ->
				d_step {
					store(CALLER, REQUESTED, RELAXED, 1)
				}
				d_step {
					copy(starting, cur[CALLER]);
					started = true
				}
			:: else
			fi
		:: else
		fi;
		queued = 0;
		requested = 0
	:: else -> break
	od;
	done = true
}

/* Notifies the reader, if it is in the queue, under the lock. */
inline wake()
{
	lock(WORKER);
	load(WORKER, QUEUED, RELAXED, queued);
	if
	:: queued ->
		d_step {
			store(WORKER, WOKEN, ORDERED, 1)
		}
#ifndef POLL
		d_step {
			store(WORKER, QUEUED, RELAXED, 0)
		}
#endif
	:: else
	fi;
	queued = 0;
	unlock(WORKER)
}

inline make_due()
{
	d_step {
		join(making_due, cur[TIMER]);
		due = true
	}
}

inline clear()
{
	d_step {
		store(TIMER, REQUESTED, RELAXED, 0)
	}
#ifndef NO_T
	smp_mb(TIMER)			/* T */
#endif
}

active proctype timer()
{
	do
	:: atomic {
			started;
			d_step {
				started = false;
				waking = true;
				join(cur[TIMER], starting);
				join(acq[TIMER], starting)
			}
		}
#ifdef CLEARED_LATE
		make_due();
		clear();
#else
		clear();
		make_due();
#endif
		waking = false
	:: done && !started -> break
	od
}

active proctype worker()
{
	byte queued;

	do
	:: atomic {
			due;
			d_step {
				due = false;
				working = true;
				join(cur[WORKER], making_due);
				join(acq[WORKER], making_due)
			}
		}
		wake();
		working = false
	:: done && !started && !waking && !due -> break
	od
}

active proctype reader()
{
	byte cursor, end, woken;
	bool over;

#ifdef POLL
	lock(READER);
	d_step {
		store(READER, QUEUED, RELAXED, 1)
	}
	unlock(READER);
#endif
	do
	:: over -> break
	:: else ->
#ifndef POLL
		lock(READER);
		d_step {
			store(READER, WOKEN, RELAXED, 0)
		}
		d_step {
			store(READER, QUEUED, RELAXED, 1)
		}
		unlock(READER);
#endif
#ifndef NO_R
		smp_mb(READER);		/* R */
#endif
		load(READER, HEAD, ORDERED, end);
		if
		:: end > cursor ->
			cursor = end
#ifndef POLL
			;
			lock(READER);
			d_step {
				store(READER, QUEUED, RELAXED, 0)
			}
			unlock(READER)
#endif
		:: else ->
			/* Asleep until notified, or until nothing is left that could notify it */
			do
			:: load(READER, WOKEN, ORDERED, woken);
				if
				:: woken -> break
				:: !woken && done && !started && !waking && !due && !working &&
					memory[WOKEN].last == cur[READER].at[WOKEN] ->
					assert(cursor == COUNT);
					over = true;
					break
				:: else
				fi
			od;
			woken = 0
#ifdef POLL
			;
			d_step {
				store(READER, WOKEN, RELAXED, 0)
			}
			smp_mb(READER)	/* poll_schedule_timeout() */
#endif
		fi;
		end = 0
	od
}
