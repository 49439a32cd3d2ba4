/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The wait queue of sleeping readers, and a cheap way for probe handlers to wake them: a
 * call requests a wake-up, and a quarter of a millisecond later all readers are woken for
 * everything recorded until then. The essay is in wakeup.c.
 */
#ifndef SETNSMON_WAKEUP_H
#define SETNSMON_WAKEUP_H

#include <linux/hrtimer.h>
#include <linux/irq_work.h>
#include <linux/percpu.h>
#include <linux/types.h>
#include <linux/wait.h>

/* Delay between a wake-up request and the wake-up, in nanoseconds. */
#define WAKEUP_DELAY_NS 250000

/**
 * struct wakeup - the state of one CPU
 * @requested: true from the request until @timer expires
 * @starter: starts @timer from a context that allows it
 * @timer: wakes the thread that wakes the readers
 */
struct wakeup {
	bool requested;
	struct irq_work starter;
	struct hrtimer timer;
};

DECLARE_PER_CPU(struct wakeup, wakeups);

/* Readers sleep here. */
extern struct wait_queue_head wakeup_queue;

/*
 * Starts and stops the thread that wakes readers: before the first call and after the last
 * call and reader. wakeup_init() returns an error with the reason in the kernel log. Both
 * may sleep.
 */
int wakeup_init(void);
void wakeup_exit(void);

/*
 * Requests a wake-up of sleeping readers, after an entry was published. For probe handlers:
 * preemption is off, and the context is not an interrupt. Takes no lock and never waits.
 */
static __always_inline void wakeup_request(void)
{
	struct wakeup *wakeup;

	/* W of wakeup.c: wq_has_sleeper() contains the full barrier. */
	if (likely(!wq_has_sleeper(&wakeup_queue)))
		return;
	wakeup = this_cpu_ptr(&wakeups);
	if (!READ_ONCE(wakeup->requested)) {
		WRITE_ONCE(wakeup->requested, true);
		irq_work_queue(&wakeup->starter);
	}
}

/* Wakes all sleeping readers immediately. Any context except a probe handler. */
void wakeup_now(void);

#endif /* SETNSMON_WAKEUP_H */
