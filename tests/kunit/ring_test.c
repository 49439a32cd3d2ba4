// SPDX-License-Identifier: GPL-2.0-only
/*
 * The ring inside the kernel. The unit test of user space runs here with the kernel's barriers
 * and checkers. Then readers run in every context, and a writer overruns readers on all CPUs.
 */
#include "tap.h"
#include "../unit/ring_test.c"
#include "../../module/stream/ring.c"

#include <linux/cpu.h>
#include <linux/delay.h>
#include <linux/irq_work.h>
#include <linux/kthread.h>
#include <linux/ktime.h>
#include <linux/moduleparam.h>
#include <linux/sched.h>
#include <linux/smp.h>

static unsigned int stress_ms = 3000;
module_param(stress_ms, uint, 0444);
MODULE_PARM_DESC(stress_ms, "Milliseconds that a stress of the ring takes");

/* ---- contexts ---- */

struct attempt {
	struct irq_work work;
	const struct ring *ring;
	u64 cursor;
	u64 lost;
	u64 record[WORDS];
	enum ring_result result;
	bool settled;
	bool in_irq;
};

static void attempt_here(struct attempt *attempt)
{
	attempt->in_irq = in_hardirq();
	attempt->settled = ring_settled(attempt->ring);
	attempt->result =
		ring_read(attempt->ring, &attempt->cursor, attempt->record, &attempt->lost);
}

static void attempt_in_irq(struct irq_work *work)
{
	attempt_here(container_of(work, struct attempt, work));
}

/* Reads in an interrupt of this CPU. */
static void interrupt(struct attempt *attempt)
{
	irq_work_queue(&attempt->work);
	irq_work_sync(&attempt->work);
}

static void expect_attempt(struct kunit *test, const struct attempt *attempt,
			   enum ring_result result, u64 cursor, bool settled)
{
	KUNIT_EXPECT_EQ(test, (int)attempt->result, (int)result);
	KUNIT_EXPECT_EQ(test, attempt->cursor, cursor);
	KUNIT_EXPECT_EQ(test, attempt->settled, settled);
}

/* Interrupts the writer between begin and commit several times, on a full ring. */
static void reader_interrupts_the_writer(struct kunit *test)
{
	struct attempt attempt = {};
	struct ring ring;
	u64 *record;

	tap_test = test;
	tap_name = test->name;
	make(&ring, 4);
	add(&ring, 4);
	init_irq_work(&attempt.work, attempt_in_irq);
	attempt.ring = &ring;
	KUNIT_EXPECT_EQ(test, begin(&ring, &record), 4ULL);

	interrupt(&attempt);
	KUNIT_EXPECT_TRUE(test, attempt.in_irq);
	KUNIT_EXPECT_EQ(test, attempt.lost, 1ULL);
	expect_attempt(test, &attempt, RING_LOST, 1, false);
	fill(record, 4);
	interrupt(&attempt);
	expect_attempt(test, &attempt, RING_READ, 2, false);
	KUNIT_EXPECT_EQ(test, attempt.record[2], word_of(1, 2));
	attempt.cursor = 4;
	interrupt(&attempt);
	expect_attempt(test, &attempt, RING_EMPTY, 4, false);

	ring_commit(&ring, record);
	interrupt(&attempt);
	expect_attempt(test, &attempt, RING_READ, 5, true);
	KUNIT_EXPECT_EQ(test, attempt.record[4], word_of(4, 4));
	interrupt(&attempt);
	expect_attempt(test, &attempt, RING_EMPTY, 5, true);
	done(&ring);
}

/* Nothing may sleep or depend on the context. lockdep and DEBUG_ATOMIC_SLEEP watch. */
static void every_context_will_do(struct kunit *test)
{
	struct attempt attempt = {};
	struct ring ring;

	tap_test = test;
	tap_name = test->name;
	make(&ring, 4);
	attempt.ring = &ring;

	preempt_disable();
	add(&ring, 1);
	attempt_here(&attempt);
	preempt_enable();
	expect_attempt(test, &attempt, RING_READ, 1, true);

	local_bh_disable();
	add(&ring, 1);
	attempt_here(&attempt);
	local_bh_enable();
	expect_attempt(test, &attempt, RING_READ, 2, true);

	local_irq_disable();
	add(&ring, 1);
	attempt_here(&attempt);
	local_irq_enable();
	expect_attempt(test, &attempt, RING_READ, 3, true);
	done(&ring);
}

/* ---- all CPUs ---- */

#define TIME	0 /* the word with the time of the record; the others are word_of() */
#define RECORDS 64

enum context { PLAIN, SOFTIRQS_OFF, IRQS_OFF, IRQ, CONTEXTS };

struct stress {
	struct ring ring;
	bool over;
};

/* Findings of one reader. Records from number @after on must not be older than @watermark. */
struct reader {
	struct stress *stress;
	struct task_struct *task;
	struct irq_work work;
	enum context context;
	u64 cursor;
	u64 got;
	u64 lost;
	u64 torn;
	u64 early;
	u64 unordered;
	u64 time;
	u64 watermark;
	u64 after;
	bool drained;
};

static void check_record(struct reader *reader, u64 n, const u64 *record)
{
	u32 i;

	for (i = TIME + 1; i < WORDS; i++)
		if (record[i] != word_of(n, i)) {
			reader->torn++;
			return;
		}
	reader->unordered += record[TIME] < reader->time;
	reader->early += n >= reader->after && record[TIME] < reader->watermark;
	reader->time = record[TIME];
	reader->got++;
}

/* Reads only some records, so that an interrupt is short. */
static void read_some(struct reader *reader)
{
	u64 record[WORDS], lost, n;
	unsigned int i;

	for (i = 0; i < 32; i++) {
		n = reader->cursor;
		switch (ring_read(&reader->stress->ring, &reader->cursor, record, &lost)) {
		case RING_READ:
			check_record(reader, n, record);
			break;
		case RING_LOST:
			reader->lost += lost;
			break;
		case RING_EMPTY:
			reader->drained = true;
			return;
		}
	}
	reader->drained = false;
}

static void read_in_irq(struct irq_work *work)
{
	read_some(container_of(work, struct reader, work));
}

/*
 * Pair D of ring.c. It waits for the writer, so it must not be called in an interrupt, which
 * may have interrupted the writer.
 */
static void look_at_the_clock(struct reader *reader)
{
	u64 now = ktime_get_ns();

	smp_mb(); /* D, reader's end */
	while (!ring_settled(&reader->stress->ring))
		cpu_relax();
	reader->after = ring_end(&reader->stress->ring);
	reader->watermark = now;
}

static void read_in_context(struct reader *reader)
{
	switch (reader->context) {
	case PLAIN:
		look_at_the_clock(reader);
		read_some(reader);
		break;
	case SOFTIRQS_OFF:
		local_bh_disable();
		read_some(reader);
		local_bh_enable();
		break;
	case IRQS_OFF:
		local_irq_disable();
		read_some(reader);
		local_irq_enable();
		break;
	case IRQ:
		irq_work_queue(&reader->work);
		irq_work_sync(&reader->work);
		break;
	case CONTEXTS:
		break;
	}
}

static int reader_thread(void *data)
{
	struct reader *reader = data;
	bool over;

	do {
		over = smp_load_acquire(&reader->stress->over);
		read_in_context(reader);
		if (reader->drained && !over)
			usleep_range(20, 200);
		cond_resched();
	} while (!over || !reader->drained);
	while (!kthread_should_stop())
		schedule_timeout_interruptible(1);
	return 0;
}

static void write_one(struct ring *ring)
{
	u64 *record;
	u32 i;

	preempt_disable();
	record = ring_begin(ring);
	record[TIME] = ktime_get_ns();
	for (i = TIME + 1; i < WORDS; i++)
		record[i] = word_of(ring->head, i);
	ring_commit(ring, record);
	preempt_enable();
}

/* Writes bursts of up to three laps, with pauses in which readers catch up. */
static void write_until(struct ring *ring, u64 end)
{
	u32 dice = 1;
	unsigned int i;

	while (ktime_get_ns() < end) {
		dice = dice * 1664525 + 1013904223;
		for (i = 0; i < (dice >> 16) % (3 * RECORDS); i++)
			write_one(ring);
		if ((dice >> 8) % 4 == 0)
			usleep_range(50, 500);
		cond_resched();
	}
}

static void start(struct kunit *test, struct reader *reader, struct stress *stress, int cpu,
		  enum context context)
{
	reader->stress = stress;
	reader->context = context;
	init_irq_work(&reader->work, read_in_irq);
	reader->task = kthread_create(reader_thread, reader, "setnsmon/%d/%d", cpu, context);
	KUNIT_ASSERT_FALSE(test, IS_ERR(reader->task));
	kthread_bind(reader->task, cpu);
	wake_up_process(reader->task);
}

static void readers_on_all_cpus(struct kunit *test)
{
	struct stress *stress = kunit_kzalloc(test, sizeof(*stress), GFP_KERNEL);
	struct reader *readers;
	u64 got = 0, lost = 0;
	unsigned int count = 0, i;
	int cpu, context;

	tap_test = test;
	tap_name = test->name;
	readers = kunit_kcalloc(test, num_possible_cpus() * CONTEXTS, sizeof(*readers), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, stress);
	KUNIT_ASSERT_NOT_NULL(test, readers);
	make(&stress->ring, RECORDS);
	set_cpus_allowed_ptr(current, cpumask_of(cpumask_first(cpu_online_mask)));

	for_each_online_cpu(cpu)
		for (context = 0; context < CONTEXTS; context++)
			start(test, &readers[count++], stress, cpu, context);
	write_until(&stress->ring, ktime_get_ns() + stress_ms * (u64)NSEC_PER_MSEC);
	smp_store_release(&stress->over, true);

	for (i = 0; i < count; i++) {
		const struct reader *reader = &readers[i];

		kthread_stop(reader->task);
		KUNIT_EXPECT_EQ(test, reader->got + reader->lost, ring_end(&stress->ring));
		KUNIT_EXPECT_EQ(test, reader->torn, 0ULL);
		KUNIT_EXPECT_EQ(test, reader->unordered, 0ULL);
		KUNIT_EXPECT_EQ(test, reader->early, 0ULL);
		KUNIT_EXPECT_GT(test, reader->got, 0ULL);
		got += reader->got;
		lost += reader->lost;
	}
	KUNIT_EXPECT_GT(test, lost, 0ULL);
	kunit_info(test, "%llu records written; %u readers on %u CPUs got %llu and lost %llu\n",
		   ring_end(&stress->ring), count, num_online_cpus(), got, lost);
	done(&stress->ring);
}

static struct kunit_case ring_cases[] = {
	CASE("all cases of the unit test of user space", tap_run_all),
	CASE("a reader that interrupts the writer never waits and sees nothing half written",
	     reader_interrupts_the_writer),
	CASE("writer and reader work with preemption, softirqs or interrupts off",
	     every_context_will_do),
	CASE("readers in four contexts on all CPUs, overrun: read + lost = written, nothing torn",
	     readers_on_all_cpus),
	{}
};

static struct kunit_suite ring_suite = {
	.name = "setnsmon_ring",
	.test_cases = ring_cases,
};
kunit_test_suite(ring_suite);
