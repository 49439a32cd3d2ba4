/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where readers sleep, and who wakes them: a call that finds one asleep asks for
 * it, and a quarter of a millisecond later all are woken, for all that was
 * recorded until then. The essay is in waker.c.
 */
#ifndef SETNSMON_WAKER_H
#define SETNSMON_WAKER_H

#include <linux/hrtimer.h>
#include <linux/irq_work.h>
#include <linux/percpu.h>
#include <linux/types.h>
#include <linux/wait.h>

/* So long after the call that asked for it readers are woken, in nanoseconds. */
#define WAKER_DELAY_NS 250000

/**
 * struct waker - what one CPU wakes readers by
 * @asked: from the call that asked until @timer expires
 * @starter: starts @timer, from a context in which that is allowed
 * @timer: has the readers woken
 */
struct waker {
	bool asked;
	struct irq_work starter;
	struct hrtimer timer;
};

DECLARE_PER_CPU(struct waker, wakers);

/* Where readers sleep. */
extern struct wait_queue_head waker_queue;

/*
 * Before the first call; after the last one, and after the last reader: may sleep.
 * An error, with the reason in the log.
 */
int waker_init(void);
void waker_exit(void);

/*
 * After a record was published: readers who sleep are to be woken. With
 * preemption off, in no interrupt. Never waits, takes no lock.
 */
static __always_inline void waker_ask(void)
{
	struct waker *waker;

	/* W of waker.c: a full barrier is in wq_has_sleeper(), whatever it finds. */
	if (likely(!wq_has_sleeper(&waker_queue)))
		return;
	waker = this_cpu_ptr(&wakers);
	if (!READ_ONCE(waker->asked)) {
		WRITE_ONCE(waker->asked, true);
		irq_work_queue(&waker->starter);
	}
}

/* Lets all who sleep look again, now. Any context but a probe's. */
void waker_wake(void);

#endif /* SETNSMON_WAKER_H */
