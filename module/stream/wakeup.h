/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The queues in which readers sleep, and a cheap way for probe handlers to wake them: a call
 * requests a wake-up, and a quarter of a millisecond later all readers are woken for
 * everything recorded until then. The essay is in wakeup.c.
 */
#ifndef SETNSMON_WAKEUP_H
#define SETNSMON_WAKEUP_H

#include <linux/hrtimer.h>
#include <linux/irq_work.h>
#include <linux/list.h>
#include <linux/percpu.h>
#include <linux/preempt.h>
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

/**
 * struct wakeup_walk - a walk along a queue that wakes its entries piece by piece
 * @here: a mark in the queue, behind the last entry that was woken
 * @end: a mark in the queue, behind the last entry to be woken
 * @begun: whether the marks are in the queue
 */
struct wakeup_walk {
	struct wait_queue_entry here;
	struct wait_queue_entry end;
	bool begun;
};

/**
 * struct wakeup_queue - the queue of one open file
 * @head: readers sleep here
 * @link: entry in the list of all queues
 * @walk: the worker's
 * @request: number of the request that the worker's last walk was for
 */
struct wakeup_queue {
	struct wait_queue_head head;
	struct list_head link;
	struct wakeup_walk walk;
	u64 request;
};

/* False only if no reader sleeps in any queue. */
extern bool wakeup_awaited;

/*
 * Starts and stops the thread that wakes readers: before the first call and after the last
 * call and reader. wakeup_init() returns an error with the reason in the kernel log. Both
 * may sleep.
 */
int wakeup_init(void);
void wakeup_exit(void);

/*
 * Makes a queue ready for sleepers. wakeup_queue_remove() ends that, after the last sleeper has
 * left and before the memory is freed. Both may sleep.
 */
void wakeup_queue_add(struct wakeup_queue *queue);
void wakeup_queue_remove(struct wakeup_queue *queue);

/*
 * Announces a sleeper: after it has queued itself, and before it looks whether it has to sleep
 * at all. Any context.
 */
static inline void wakeup_await(void)
{
	smp_mb(); /* Q of wakeup.c */
	if (!READ_ONCE(wakeup_awaited))
		WRITE_ONCE(wakeup_awaited, true);
	smp_mb(); /* R of wakeup.c */
}

/*
 * Requests a wake-up of sleeping readers, after an entry was published. For probe handlers:
 * preemption is off, and the context is not an interrupt. Takes no lock and never waits.
 */
static __always_inline void wakeup_request(void)
{
	struct wakeup *wakeup;

	smp_mb(); /* W of wakeup.c */
	if (likely(!READ_ONCE(wakeup_awaited)))
		return;
	wakeup = this_cpu_ptr(&wakeups);
	if (!READ_ONCE(wakeup->requested)) {
		WRITE_ONCE(wakeup->requested, true);
		irq_work_queue(&wakeup->starter);
	}
}

/*
 * Wakes all sleepers of all queues a little later: they wait for something that no call will
 * announce. Any task may call it.
 */
static inline void wakeup_later(void)
{
	preempt_disable();
	wakeup_request();
	preempt_enable();
}

/* Wakes all sleepers of this queue immediately. May sleep. */
void wakeup_now(struct wakeup_queue *queue);

#endif /* SETNSMON_WAKEUP_H */
