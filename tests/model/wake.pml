/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * module/stream/wakeup.c: a CPU that makes calls, the timer that they request, the worker that the timer wakes, each on
 * a CPU of its own, and a reader that sleeps whenever it has read everything. The reader must never sleep while a record
 * is ready: when nothing is under way any more and the reader sleeps, it has read every record.
 *
 * The reader sleeps in read(2) and leaves the queue when it is woken. With -DPOLL it sleeps in poll(2): it leaves the
 * queue when it finds a record, and a flag keeps it from falling asleep. With -DEPOLL it does the same and never leaves
 * the queue. That is what wait_event(), do_poll() and epoll do (kernel/sched/wait.c, fs/select.c, fs/eventpoll.c).
 *
 * Barriers can be removed: -DNO_W (the call's), -DNO_T (the timer's), -DNO_E (the worker's), -DNO_Q and -DNO_R (the
 * reader's). With -DCLEARED_LATE the timer wakes the worker before it clears "requested". With -DCLEARED_ONLY the worker
 * looks for no reader after it has cleared "awaited". With -DNOT_AGAIN it only sets "awaited" again if it finds one.
 *
 * With -DEARLIER an earlier request has come so far that the worker is due, and its reader has left the queue already.
 */
#ifdef EPOLL
#define POLL
#endif
#ifndef COUNT
#define COUNT 3
#endif
#define THREADS 4
#define LOCATIONS 5
#define STORES (6 + 4 * COUNT)

#include "memory.pml"

#define CALLER 0
#define TIMER 1
#define READER 2
#define WORKER 3

#define HEAD 0			/* records published */
#define QUEUED 1		/* is the reader in the queue? */
#define REQUESTED 2
#define WOKEN 3			/* the reader must look again */
#define AWAITED 4

/* What "awaited" holds. All memory is 0 at first. */
#ifdef EARLIER
#define YES 0
#define NO 1
#define EARLIER_REQUEST true
#else
#define YES 1
#define NO 0
#define EARLIER_REQUEST false
#endif

view unlocked;			/* what the lock of the queue passes on */
bool started;			/* the timer, which has a lock as well */
view starting;
bool due = EARLIER_REQUEST;	/* the work of the worker, and the view of the one that made it due */
view making_due;
bool done, waking, working;	/* for assertions: no more calls; the timer runs; the worker runs */

/*
 * What is between these two is one step. That is as good as a lock: what is stored there is read elsewhere either in such
 * a step, or once as if it came before the step or after it.
 */
inline lock(t)
{
	join(cur[t], unlocked);
	join(acq[t], unlocked)
}

inline unlock(t)
{
	copy(unlocked, cur[t])
}

active proctype caller()
{
	byte n, awaited, requested;

	do
	:: n < COUNT ->
		d_step {
			n++;
			store(CALLER, HEAD, ORDERED, n)
		}
#ifndef NO_W
		smp_mb(CALLER);		/* W */
#endif
		load(CALLER, AWAITED, RELAXED, awaited);
		if
		:: awaited == YES ->
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
		awaited = 0;
		requested = 0
	:: else -> break
	od;
	done = true
}

/* Notifies the reader, if it is in the queue, under the lock. */
inline wake()
{
	d_step {
		lock(WORKER);
		assert(cur[WORKER].at[QUEUED] == memory[QUEUED].last);
		queued = memory[QUEUED].value[memory[QUEUED].last];
		if
		:: queued ->
			store(WORKER, WOKEN, ORDERED, 1);
#ifndef POLL
			store(WORKER, QUEUED, RELAXED, 0)
#endif
		:: else
		fi;
		queued = 0;
		unlock(WORKER)
	}
}

/* Under the lock, which all hold that store there. Nothing is stored that is there already, which saves states. */
inline change(t, where, now)
{
	assert(cur[t].at[where] == memory[where].last);
	if
	:: memory[where].value[memory[where].last] != now -> store(t, where, RELAXED, now)
	:: else
	fi
}

inline make_due(t)
{
	d_step {
		join(making_due, cur[t]);
		due = true
	}
}

/*
 * Clears "awaited" if the queue is empty. If a reader has come meanwhile, sets it again and wakes once more. That can go
 * on for ever, so the search stops clearing after that.
 */
inline expect_nobody()
{
	load(WORKER, QUEUED, RELAXED, queued);
	if
	:: !queued && again < 1 ->
		d_step {
			store(WORKER, AWAITED, RELAXED, NO)
		}
#ifndef NO_E
		smp_mb(WORKER);		/* E */
#endif
#ifndef CLEARED_ONLY
		load(WORKER, QUEUED, RELAXED, queued);
		if
		:: queued ->
			d_step {
				store(WORKER, AWAITED, RELAXED, YES);
				again++
			}
#ifndef NOT_AGAIN
			make_due(WORKER)
#endif
		:: else
		fi
#endif
	:: else
	fi;
	queued = 0
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
		make_due(TIMER);
		clear();
#else
		clear();
		make_due(TIMER);
#endif
		waking = false
	:: done && !started -> break
	od
}

active proctype worker()
{
	byte queued, again;

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
		expect_nobody();
		working = false
	:: done && !started && !waking && !due -> break
	od
}

inline set_queued(now)
{
	d_step {
		lock(READER);
		change(READER, QUEUED, now);
		unlock(READER)
	}
}

/* In read(2) prepare_to_wait_event() has the barrier Q already. */
inline await()
{
#if defined(POLL) && !defined(NO_Q)
	smp_mb(READER);			/* Q */
#endif
	load(READER, AWAITED, RELAXED, awaited);
	if
	:: awaited == NO ->
		d_step {
			store(READER, AWAITED, RELAXED, YES)
		}
	:: else
	fi;
	awaited = 0;
#ifndef NO_R
	smp_mb(READER)			/* R */
#endif
}

active proctype reader()
{
	byte cursor, end, woken, awaited;
	bool over, queued;

	do
	:: over -> break
	:: else ->
#ifdef POLL
		if
		:: !queued ->
			set_queued(1);
			queued = true
		:: else
		fi;
#else
		d_step {
			lock(READER);
			change(READER, WOKEN, 0);
			change(READER, QUEUED, 1);
			full_barrier(READER);	/* set_current_state() */
			unlock(READER)
		}
#endif
		await();
		load(READER, HEAD, ORDERED, end);
		if
		:: end > cursor ->
			cursor = end;
#ifndef EPOLL
			set_queued(0);
			queued = false
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
