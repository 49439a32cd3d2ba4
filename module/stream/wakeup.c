// SPDX-License-Identifier: GPL-2.0-only
/*
 * Waking a task costs more than all else that a call does for its record, and is
 * paid by the caller, for each reader that sleeps. So a call only asks for it, and
 * those that follow on its CPU find that it was asked for. The timer interrupts the
 * caller as well, so it wakes no more than one: the worker, which wakes the readers.
 *
 *      call    publish the record
 *              is anybody asleep?   no: done
 *              asked already?       yes: done
 *              asked = true, then the interrupt of irq_work starts the timer
 *      timer   asked = false
 *              due = true, wake the worker
 *      worker  due = false
 *              wake all
 *
 * By way of irq_work, as the handler of a kretprobe must take no lock that an
 * interrupted or a probed function may hold: up to 5.10 it runs with one held
 * itself (kretprobe_hash_lock() in kernel/kprobes.c), and starting a timer takes
 * others (kernel/time/hrtimer.c). irq_work takes none.
 *
 * NOBODY SLEEPS OVER A RECORD
 *
 * The timer runs on the CPU that asked, unless that went off line meanwhile, and the
 * worker anywhere. So four take part, each on a CPU of its own:
 *
 *      W    call     publishes, full barrier, looks for sleepers and at "asked"
 *      T    timer    asked = false, full barrier, wakes the worker
 *           worker   wakes
 *      R    reader   queues itself, full barrier, looks for records
 *
 * W with R: the call sees the reader in the queue, or the reader sees the record.
 * W with T: the call sees asked = false and asks again, or whoever looks after the
 * worker has woken sees the record. Timer and worker are the usual pair of one who
 * sets a condition and wakes, and one who sleeps until it is set, and clears it before
 * it acts (include/linux/sched.h, at set_current_state()). tests/model takes each of
 * the three away; T is for readers in poll(2), who stay in the queue: those in read(2)
 * pass its lock.
 *
 * Only a call on its own CPU sets "asked", with preemption off, and only the timer
 * clears it. Asking again before the interrupt came, or while the timer runs, is
 * what both irq_work and hrtimers are made for.
 *
 * A CPU GOES OFF LINE
 *
 * What a call leaves to its CPU is done there, or by another one. Before a CPU's
 * interrupts go off for good, so late that no call is made there any more, it has
 * taken the one that starts the timer. And hrtimers_cpu_dying() gives a timer that
 * is still pending to another CPU. The worker is bound to none.
 *
 * On PREEMPT_RT others' irq_work is left to a thread of the CPU, and that would be
 * wrong here. User tasks are moved away first, but for those that migrate_disable()
 * binds to the CPU: who waits for a spinlock, say. The CPU parks its threads
 * (smpboot_park_threads()) and only then waits for these (sched_cpu_wait_empty()).
 * For what such a call asks nobody would be there until the CPU comes back: readers
 * would sleep on, and rmmod wait in irq_work_sync(). So here it is the interrupt that
 * does the work, and the timer's own that wakes the worker: starting a timer takes raw
 * spinlocks only, and so does waking one task. The lock of those who sleep, which is none
 * there, is the worker's to take.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include "compat.h"
#include "stream/wakeup.h"

#include <linux/cpumask.h>
#include <linux/err.h>
#include <linux/kthread.h>
#include <linux/ktime.h>
#include <linux/poll.h>
#include <linux/sched.h>

DECLARE_WAIT_QUEUE_HEAD(waker_queue);

DEFINE_PER_CPU(struct waker, wakers);

/*
 * Each reader has every record for itself, so all are woken, also those who wait
 * exclusively (EPOLLEXCLUSIVE), of whom wake_up_interruptible_poll() wakes one.
 */
void waker_wake(void)
{
	__wake_up(&waker_queue, TASK_INTERRUPTIBLE, 0, poll_to_key(EPOLLIN | EPOLLRDNORM));
}

static struct task_struct *worker;
static bool due;

static int work(void *unused)
{
	for (;;) {
		set_current_state(TASK_INTERRUPTIBLE);
		if (kthread_should_stop())
			break;
		if (!xchg(&due, false)) {
			schedule();
			continue;
		}
		__set_current_state(TASK_RUNNING);
		waker_wake();
	}
	__set_current_state(TASK_RUNNING);
	return 0;
}

static void start(struct irq_work *starter)
{
	struct waker *waker = container_of(starter, struct waker, starter);

	hrtimer_start(&waker->timer, ns_to_ktime(WAKER_DELAY_NS), HRTIMER_MODE_REL_PINNED_HARD);
}

static enum hrtimer_restart expire(struct hrtimer *timer)
{
	struct waker *waker = container_of(timer, struct waker, timer);

	WRITE_ONCE(waker->asked, false);
	smp_mb(); /* T */
	WRITE_ONCE(due, true);
	wake_up_process(worker);
	return HRTIMER_NORESTART;
}

int waker_init(void)
{
	struct waker *waker;
	int cpu;

	/* Of no CPU in particular, as the one of the caller is busy with the caller. */
	worker = kthread_run(work, NULL, "setnsmon");
	if (IS_ERR(worker)) {
		pr_err("no thread to wake readers (error %ld)\n", PTR_ERR(worker));
		return PTR_ERR(worker);
	}
	set_user_nice(worker, MIN_NICE);
	for_each_possible_cpu (cpu) {
		waker = per_cpu_ptr(&wakers, cpu);
		compat_init_hard_irq_work(&waker->starter, start);
		compat_hrtimer_setup(&waker->timer, expire, CLOCK_MONOTONIC,
				     HRTIMER_MODE_REL_PINNED_HARD);
	}
	return 0;
}

void waker_exit(void)
{
	int cpu;

	/* In this order, as the one starts the other. */
	for_each_possible_cpu (cpu) {
		irq_work_sync(&per_cpu_ptr(&wakers, cpu)->starter);
		hrtimer_cancel(&per_cpu_ptr(&wakers, cpu)->timer);
	}
	kthread_stop(worker);
}
