// SPDX-License-Identifier: GPL-2.0-only
/*
 * Writers and readers as threads. ThreadSanitizer judges one of the builds.
 */
#include "stream/merge.h"
#include "merging.h"

#include <pthread.h>
#include <sched.h>
#include <time.h>

static void *commit_later(void *arg)
{
	struct cpu *cpu = arg;

	nanosleep(&(const struct timespec){ .tv_nsec = 20000000 }, NULL);
	commit_entry(cpu - cpus, RING_PLAIN);
	return NULL;
}

/* Begins a write stamped 5 beside an entry stamped 6. Returns the thread that ends the write. */
static pthread_t begin_beside_an_entry(void)
{
	pthread_t committer;

	make(2);
	begin_entry(0, RING_PLAIN, 5);
	write_at(1, RING_PLAIN, 6);
	pthread_create(&committer, NULL, commit_later, &cpus[0]);
	return committer;
}

/* The entry that is under way is stamped before the one that is there already. */
static void write_under_way(void)
{
	pthread_t committer = begin_beside_an_entry();

	expect_entry(0, 0, 5, 0);
	expect_entry(1, 0, 6, 0);
	pthread_join(committer, NULL);
	expect_end();
	done();
}

/* Likewise a seek: the entry is stamped before the time, so it must not come. */
static void sought_during_a_write(void)
{
	pthread_t committer = begin_beside_an_entry();

	seek(6);
	pthread_join(committer, NULL);
	expect_entry(1, 0, 6, 0);
	expect_end();
	seek(5);
	expect_entry(0, 0, 5, 0);
	expect_entry(1, 0, 6, 0);
	done();
}

#define ENTRIES 100000 /* that each thread writes */

static bool stop;

static u64 real_clock(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

static void *writer(void *arg)
{
	u32 cpu = (struct cpu *)arg - cpus;
	unsigned int i;

	for (i = 0; i < ENTRIES; i++) {
		write_entry(cpu, i % 8 ? RING_PLAIN : i / 8 % RING_CLASSES, real_clock);
		if (i % 32 == 31)
			sched_yield();
	}
	return NULL;
}

struct tally {
	u64 next[CPUS];
	u64 read, lost, last_stamp;
	u64 torn, unordered, wrong_loss;
};

static void tally_entry(struct tally *tally, const struct taken *taken)
{
	u64 *next = &tally->next[taken->origin.cpu];

	tally->read++;
	tally->lost += taken->origin.lost;
	tally->torn += !taken->intact;
	tally->unordered += taken->stamp < tally->last_stamp;
	tally->wrong_loss += taken->seq != *next + taken->origin.lost;
	tally->last_stamp = taken->stamp;
	*next = taken->seq + 1;
}

static void *merging_reader(void *arg)
{
	struct taken taken;
	bool last;

	do {
		last = smp_load_acquire(&stop);
		while (merge_look(merge))
			if (take(&taken))
				tally_entry(arg, &taken);
		sched_yield();
	} while (!last);
	return NULL;
}

/* Seeks all the time to a moment that has just passed, and reads on from there. */
static void *seeking_reader(void *arg)
{
	struct tally *tally = arg;
	struct taken taken;
	unsigned int count;
	u64 stamp;
	u32 cpu;

	while (!smp_load_acquire(&stop)) {
		bool begun[CPUS] = { false };

		stamp = real_clock() - tally->read % 8 * 5000;
		while (!merge_seek(merge, stamp))
			sched_yield();
		tally->last_stamp = stamp;
		for (count = 0; count < 50 && merge_look(merge); count++) {
			if (!take(&taken))
				continue;
			cpu = taken.origin.cpu;
			if (!begun[cpu])
				tally->next[cpu] = taken.seq - taken.origin.lost;
			begun[cpu] = true;
			tally_entry(tally, &taken);
		}
	}
	return NULL;
}

/* Runs a reader beside four writers. */
static void read_beside_writers(void *(*read)(void *), struct tally *tally)
{
	pthread_t writers[CPUS], reader;
	u32 cpu;

	make(CPUS);
	free_merge();
	new_merge(real_clock);
	stop = false;
	pthread_create(&reader, NULL, read, tally);
	for (cpu = 0; cpu < CPUS; cpu++)
		pthread_create(&writers[cpu], NULL, writer, &cpus[cpu]);
	for (cpu = 0; cpu < CPUS; cpu++)
		pthread_join(writers[cpu], NULL);
	smp_store_release(&stop, true);
	pthread_join(reader, NULL);
	EQ(tally->torn, 0);
	EQ(tally->unordered, 0);
	EQ(tally->wrong_loss, 0);
}

static void threads_and_seeks(void)
{
	struct tally tally = { .read = 0 };

	read_beside_writers(seeking_reader, &tally);
	CHECK(tally.read > 0);
	done();
}

static void threads(void)
{
	struct tally tally = { .read = 0 };
	u32 cpu;

	read_beside_writers(merging_reader, &tally);
	printf("# %u writers: %" PRIu64 " read, %" PRIu64 " lost\n", CPUS, tally.read, tally.lost);
	EQ(tally.read + tally.lost, (u64)CPUS * ENTRIES);
	CHECK(tally.read > CPUS * RECORDS);
	for (cpu = 0; cpu < CPUS; cpu++)
		EQ(tally.next[cpu], ENTRIES);
	done();
}

static const struct tap_case cases[] = {
	{ "a look waits for a write that is under way", write_under_way },
	{ "a seek does so, too", sought_during_a_write },
	{ "four writers and one reader: in order, nothing torn, read + lost = written", threads },
	{ "the same with a reader that seeks: never an earlier entry, gaps are exact",
	  threads_and_seeks },
};

TAP_MAIN(cases)
