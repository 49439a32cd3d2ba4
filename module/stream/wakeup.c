// SPDX-License-Identifier: GPL-2.0-only
/*
 * Waking a task costs more than everything else that a call does for its record, and the
 * caller would pay it again for each sleeping reader. So a call only requests a wake-up, and
 * the calls that follow on its CPU find the request already made. The timer interrupts the
 * caller as well, so it wakes just one task, the worker. The worker wakes the readers.
 *
 *      call    publishes the entry
 *              no sleeper: done
 *              already requested: done
 *              requested = true; the interrupt of irq_work then starts the timer
 *      timer   requested = false
 *              due = true, wakes the worker
 *      worker  due = false
 *              wakes all readers
 *
 * The detour through irq_work is necessary. A kretprobe handler must not take a lock that
 * an interrupted or probed function may hold. Up to 5.10 the handler itself runs with one
 * held (kretprobe_hash_lock() in kernel/kprobes.c), and starting a timer takes others
 * (kernel/time/hrtimer.c). irq_work takes none.
 *
 * NO READER SLEEPS WHILE AN ENTRY IS READY
 *
 * The timer runs on the CPU of the request, unless that CPU went offline meanwhile. The
 * worker runs anywhere. So four parties take part, each on its own CPU:
 *
 *      W    call     publishes, full barrier, looks for sleepers and at "requested"
 *      T    timer    requested = false, full barrier, wakes the worker
 *           worker   wakes
 *      R    reader   queues itself, full barrier, looks for entries
 *
 * W with R: the call sees the reader in the queue, or the reader sees the entry.
 * W with T: the call sees requested = false and requests again, or a reader that looks
 * after the worker's wake-up sees the entry. Timer and worker are the usual pair: one side
 * sets a condition and wakes, the other sleeps until it is set and clears it before acting
 * (include/linux/sched.h, at set_current_state()). tests/model removes each of the three
 * barriers. T matters for readers in poll(2), which stay in the queue. Readers in read(2)
 * take the queue's lock.
 *
 * Only a call on its own CPU sets "requested", with preemption off, and only the timer
 * clears it. Both irq_work and hrtimers allow another request before the interrupt came or
 * while the timer runs.
 *
 * A CPU GOES OFFLINE
 *
 * Pending work is done on its own CPU or on another. A dying CPU still handles the pending
 * irq_work: its interrupts are disabled only after the last call on it. hrtimers_cpu_dying()
 * moves a pending timer to another CPU. The worker is bound to none.
 *
 * On PREEMPT_RT ordinary irq_work runs in a per-CPU kthread, which is too late here. User
 * tasks migrate away from a dying CPU first, except those that migrate_disable() binds to
 * it, for example while they wait for a spinlock. The CPU parks its threads
 * (smpboot_park_threads()) and only then waits for such tasks (sched_cpu_wait_empty()).
 * A request from one of them would stay pending until the CPU comes back: readers would
 * sleep on, and rmmod would wait in irq_work_sync(). So the hard interrupt starts the timer,
 * and the hard timer interrupt wakes the worker. Both take raw spinlocks only. The wait
 * queue lock is a sleeping lock on PREEMPT_RT, so only the worker takes it.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include "stream/wakeup.h"
#include "compat.h"

#include <linux/cpumask.h>
#include <linux/err.h>
#include <linux/kthread.h>
#include <linux/ktime.h>
#include <linux/poll.h>
#include <linux/sched.h>

DECLARE_WAIT_QUEUE_HEAD(wakeup_queue);

DEFINE_PER_CPU(struct wakeup, wakeups);

/*
 * Every reader gets every record, so all must wake, even exclusive waiters (EPOLLEXCLUSIVE).
 * wake_up_interruptible_poll() would wake only one of those.
 */
void wakeup_now(void)
{
	__wake_up(&wakeup_queue, TASK_INTERRUPTIBLE, 0, poll_to_key(EPOLLIN | EPOLLRDNORM));
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
		wakeup_now();
	}
	__set_current_state(TASK_RUNNING);
	return 0;
}

static void start_timer(struct irq_work *starter)
{
	struct wakeup *wakeup = container_of(starter, struct wakeup, starter);

	hrtimer_start(&wakeup->timer, ns_to_ktime(WAKEUP_DELAY_NS), HRTIMER_MODE_REL_PINNED_HARD);
}

static enum hrtimer_restart expire(struct hrtimer *timer)
{
	struct wakeup *wakeup = container_of(timer, struct wakeup, timer);

	WRITE_ONCE(wakeup->requested, false);
	smp_mb(); /* T */
	WRITE_ONCE(due, true);
	wake_up_process(worker);
	return HRTIMER_NORESTART;
}

int wakeup_init(void)
{
	struct wakeup *wakeup;
	int cpu;

	/* Not bound to a CPU: the CPU of the request is usually still running the caller. */
	worker = kthread_run(work, NULL, "setnsmon");
	if (IS_ERR(worker)) {
		pr_err("cannot start the thread that wakes readers (error %ld)\n", PTR_ERR(worker));
		return PTR_ERR(worker);
	}
	set_user_nice(worker, MIN_NICE);
	for_each_possible_cpu (cpu) {
		wakeup = per_cpu_ptr(&wakeups, cpu);
		compat_init_hard_irq_work(&wakeup->starter, start_timer);
		compat_hrtimer_setup(&wakeup->timer, expire, CLOCK_MONOTONIC,
				     HRTIMER_MODE_REL_PINNED_HARD);
	}
	return 0;
}

void wakeup_exit(void)
{
	int cpu;

	/* In this order: the irq_work starts the timer. */
	for_each_possible_cpu (cpu) {
		irq_work_sync(&per_cpu_ptr(&wakeups, cpu)->starter);
		hrtimer_cancel(&per_cpu_ptr(&wakeups, cpu)->timer);
	}
	kthread_stop(worker);
}
