// SPDX-License-Identifier: GPL-2.0-only
/*
 * Waking a task costs more than everything else that a call does for its record, and the
 * caller would pay it again for each sleeping reader. So a call only requests a wake-up, and
 * the calls that follow on its CPU find the request already made. The timer interrupts the
 * caller as well, so it wakes just one task, the worker. The worker wakes the readers.
 *
 *      reader  queues itself
 *              awaited = true
 *      call    publishes the entry
 *              not awaited: done
 *              already requested: done
 *              requested = true; the interrupt of irq_work then starts the timer
 *      timer   requested = false
 *              due = true, wakes the worker
 *      worker  due = false
 *              wakes all readers
 *              all queues are empty: awaited = false
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
 *      W    call     publishes, full barrier, looks at "awaited" and at "requested"
 *      T    timer    requested = false, full barrier, wakes the worker
 *      E    worker   awaited = false, full barrier, looks for readers in the queues
 *      Q    reader   queues itself, full barrier, awaited = true unless it is,
 *      R             full barrier, looks for entries
 *
 * W with R: the call sees awaited = true, or the reader sees the entry.
 * W with T: the call sees requested = false and requests again, or a reader that looks
 * after the worker's wake-up sees the entry. Timer and worker are the usual pair: one side
 * sets a condition and wakes, the other sleeps until it is set and clears it before acting
 * (include/linux/sched.h, at set_current_state()).
 * E with Q: the worker sees the reader in its queue, or the reader sees awaited = false and
 * sets it again. A call that comes in between requests nothing, even if the reader was
 * already asleep. So a worker that finds a reader sets "awaited" again and then wakes all
 * queues once more, as if a wake-up had been requested.
 *
 * tests/model removes each barrier. T matters for readers in poll(2), which stay in the
 * queue. Readers in read(2) take the queue's lock.
 *
 * Only a task on its own CPU sets "requested", with preemption off, and only the timer
 * clears it. Both irq_work and hrtimers allow another request before the interrupt came or
 * while the timer runs.
 *
 * NO READER DELAYS ANOTHER
 *
 * Each open file has a queue of its own, and anybody who may read can make it long: ten
 * thousand duplicated descriptors in one epoll set are ten thousand entries. So the worker
 * goes round all queues and wakes a few entries of each, with the queue's lock held and
 * interrupts off just for those. It comes back for the rest in its next round. Short queues
 * are done after one round, whatever the long ones hold.
 *
 * A walk along a queue leaves two marks in it: "here" behind the last entry woken, and "end"
 * behind the last entry that was queued when the walk began. A mark is an entry whose function
 * does nothing. A reader that queues itself later looks for entries anyway, so a walk always
 * ends. If a wake-up is requested during a walk, the queue is walked again, because some of its
 * readers were woken before.
 *
 * Rounds begin a period apart at least, and further apart if a round takes longer than a
 * fraction of the period. This bounds the worker's share of a CPU, however many queues there
 * are. Its priority is high only while no queue is long and rounds are short.
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
 * and the hard timer interrupt wakes the worker. Both take raw spinlocks only. The lock of a
 * queue is a sleeping lock on PREEMPT_RT, so only tasks take it: the worker and the readers.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include "stream/wakeup.h"
#include "compat.h"

#include <linux/cpumask.h>
#include <linux/err.h>
#include <linux/kthread.h>
#include <linux/ktime.h>
#include <linux/list.h>
#include <linux/minmax.h>
#include <linux/mutex.h>
#include <linux/poll.h>
#include <linux/sched.h>

/* Entries of one queue that are woken in one go, with its lock held and interrupts off. */
#define PIECE 64

/* The worker rests after a long round, so that it takes at most one part in so many of a CPU. */
#define SHARE 8

/* The longest such rest: other tasks may have run meanwhile. In nanoseconds. */
#define LONGEST_REST_NS (32 * NSEC_PER_MSEC)

bool wakeup_awaited __read_mostly;

DEFINE_PER_CPU(struct wakeup, wakeups);

static LIST_HEAD(queues);
static DEFINE_MUTEX(queues_lock); /* protects queues, and requests */
static u64 requests;		  /* number of wake-ups requested so far */
static struct task_struct *worker;
static bool due;

static int ignore(struct wait_queue_entry *mark, unsigned int mode, int flags, void *key)
{
	return 0;
}

static void walk_init(struct wakeup_walk *walk)
{
	init_waitqueue_func_entry(&walk->here, ignore);
	init_waitqueue_func_entry(&walk->end, ignore);
	walk->begun = false;
}

static void walk_begin(struct wakeup_walk *walk, struct wait_queue_head *queue)
{
	list_add(&walk->here.entry, &queue->head);
	list_add_tail(&walk->end.entry, &queue->head);
	walk->begun = true;
}

static void walk_end(struct wakeup_walk *walk)
{
	list_del(&walk->here.entry);
	list_del(&walk->end.entry);
	walk->begun = false;
}

/*
 * Begins a walk, or goes on with one, and wakes up to PIECE entries. Every reader gets every
 * record, so all must wake, even exclusive waiters (EPOLLEXCLUSIVE). The wake-up functions of
 * the kernel would wake one of those. Since 6.7 they also walk along the whole queue in one go
 * (kernel/sched/wait.c has no WQ_FLAG_BOOKMARK any more).
 */
static void walk_piece(struct wakeup_walk *walk, struct wait_queue_head *queue)
{
	void *key = poll_to_key(EPOLLIN | EPOLLRDNORM);
	struct wait_queue_entry *entry;
	unsigned int left = PIECE;
	unsigned long flags;

	spin_lock_irqsave(&queue->lock, flags);
	if (!walk->begun)
		walk_begin(walk, queue);
	for (;;) {
		entry = list_next_entry(&walk->here, entry);
		if (entry == &walk->end) {
			walk_end(walk);
			break;
		}
		if (!left--)
			break;
		/* The entry may leave the queue as it is woken. */
		list_move(&walk->here.entry, &entry->entry);
		entry->func(entry, TASK_INTERRUPTIBLE, 0, key);
	}
	spin_unlock_irqrestore(&queue->lock, flags);
}

void wakeup_now(struct wakeup_queue *queue)
{
	struct wakeup_walk walk;

	walk_init(&walk);
	do {
		walk_piece(&walk, &queue->head);
		cond_resched();
	} while (walk.begun);
}

void wakeup_queue_add(struct wakeup_queue *queue)
{
	init_waitqueue_head(&queue->head);
	walk_init(&queue->walk);
	mutex_lock(&queues_lock);
	queue->request = requests;
	list_add_tail(&queue->link, &queues);
	mutex_unlock(&queues_lock);
}

void wakeup_queue_remove(struct wakeup_queue *queue)
{
	mutex_lock(&queues_lock);
	list_del(&queue->link);
	mutex_unlock(&queues_lock);
}

/* Does this round's part of the work for a queue. Returns whether the next round has more. */
static bool wake_queue(struct wakeup_queue *queue)
{
	if (!queue->walk.begun) {
		if (queue->request == requests)
			return false;
		queue->request = requests;
		if (!wq_has_sleeper(&queue->head))
			return false;
	}
	walk_piece(&queue->walk, &queue->head);
	return queue->walk.begun || queue->request != requests;
}

static bool anybody_sleeps(void)
{
	struct wakeup_queue *queue;

	list_for_each_entry (queue, &queues, link) {
		if (waitqueue_active(&queue->head))
			return true;
		cond_resched();
	}
	return false;
}

/* Lets calls request no wake-up until a reader awaits one. */
static void expect_nobody(void)
{
	WRITE_ONCE(wakeup_awaited, false);
	smp_mb(); /* E */
	if (!anybody_sleeps())
		return;
	WRITE_ONCE(wakeup_awaited, true);
	WRITE_ONCE(due, true);
}

/* Goes round all queues. Returns whether one of them needs another round. */
static bool wake_queues(void)
{
	struct wakeup_queue *queue;
	bool unfinished = false;

	mutex_lock(&queues_lock);
	if (xchg(&due, false))
		requests++;
	list_for_each_entry (queue, &queues, link) {
		unfinished |= wake_queue(queue);
		cond_resched();
	}
	if (!unfinished && !anybody_sleeps())
		expect_nobody();
	mutex_unlock(&queues_lock);
	return unfinished;
}

static void set_urgent(bool urgent)
{
	int nice = urgent ? MIN_NICE : 0;

	if (task_nice(current) != nice)
		set_user_nice(current, nice);
}

static int work(void *unused)
{
	bool unfinished = false;
	ktime_t next = 0;
	ktime_t start;
	s64 ns;

	for (;;) {
		set_current_state(TASK_INTERRUPTIBLE);
		if (kthread_should_stop())
			break;
		if (!unfinished && !READ_ONCE(due)) {
			schedule();
			continue;
		}
		start = ktime_get();
		if (ktime_before(start, next)) {
			schedule_hrtimeout(&next, HRTIMER_MODE_ABS);
			continue;
		}
		__set_current_state(TASK_RUNNING);
		unfinished = wake_queues();
		ns = ktime_to_ns(ktime_sub(ktime_get(), start));
		set_urgent(!unfinished && ns < WAKEUP_DELAY_NS);
		ns = clamp_t(s64, ns * SHARE, WAKEUP_DELAY_NS, LONGEST_REST_NS);
		next = ktime_add_ns(start, ns);
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
	/* Whoever has set "due" wakes the worker, which clears it before it acts. */
	if (!READ_ONCE(due)) {
		WRITE_ONCE(due, true);
		wake_up_process(worker);
	}
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
