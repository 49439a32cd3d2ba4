/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * module/stream/wakeup.c: a CPU that makes calls, the timer that they ask for, which may run on another, the worker that it
 * wakes, on a third, and a reader that sleeps whenever it has read all. Nobody sleeps over a record: when nothing is
 * under way any more, and the reader sleeps, it has had all.
 *
 * The reader is one that sleeps in read(2), and takes itself from the queue when it is woken, or with -DPOLL one in
 * poll(2): it stays in the queue, and a flag tells it not to fall asleep. That is what wait_event() and
 * do_poll() do (kernel/sched/wait.c, fs/select.c).
 *
 * Barriers can be taken out: -DNO_W (of the call: in wq_has_sleeper()), -DNO_T (of the timer) and -DNO_R (of the
 * reader: in prepare_to_wait_event(), or device_poll()). With -DCLEARED_LATE the timer wakes the worker first, and
 * says then that it may be asked again.
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
#define ASKED 2
#define WOKEN 3			/* the reader's: it shall look again */

bool locked;			/* the queue's lock, and what it hands on */
view unlocked;
bool started;			/* the timer, likewise: it has a lock as well */
view starting;
bool due;			/* the worker's work: whoever makes it due hands on what it has done until then */
view making_due;
bool done, waking, working;	/* for the record: no more calls; the timer runs, the worker does */

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
	byte n, queued, asked;

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
			load(CALLER, ASKED, RELAXED, asked);
			if
			:: !asked ->
				d_step {
					store(CALLER, ASKED, RELAXED, 1)
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
		asked = 0
	:: else -> break
	od;
	done = true
}

/* Under the lock: notifies what is in the queue. */
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
		store(TIMER, ASKED, RELAXED, 0)
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
			/* Asleep until notified, or until no waker is left */
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
