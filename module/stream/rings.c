// SPDX-License-Identifier: GPL-2.0-only
/*
 * Each CPU has a ring for each class (enum ring_class). Calls that anybody can repeat as
 * fast as a CPU runs go into the plain ring, so they never overwrite the calls that matter
 * (capture/class.h). The sequence numbers of a CPU run over all of its rings.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include "stream/rings.h"

#include <linux/bug.h>
#include <linux/cpumask.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/timekeeping.h>
#include <linux/topology.h>
#include <linux/vmalloc.h>

DEFINE_PER_CPU(struct cpu_rings, cpu_rings);

static const struct ring *first_ring(void)
{
	return &per_cpu(cpu_rings, cpumask_first(cpu_possible_mask)).rings[0];
}

size_t rings_bytes(void)
{
	const struct ring *ring = first_ring();

	return num_possible_cpus() * RING_CLASSES * ring_bytes(ring->records, ring->words);
}

unsigned int rings_records(void)
{
	return first_ring()->records;
}

u64 rings_committed(void)
{
	u64 sum = 0;
	int cpu;

	for_each_possible_cpu (cpu)
		sum += READ_ONCE(per_cpu(cpu_rings, cpu).seq);
	return sum;
}

static void free_cpu_rings(struct cpu_rings *set)
{
	enum ring_class class;

	for (class = 0; class < RING_CLASSES; class ++) {
		vfree(set->rings[class].slots);
		set->rings[class].slots = NULL;
	}
}

static bool alloc_cpu_rings(struct cpu_rings *set, unsigned int records, u32 words, int node)
{
	u64 *slots;
	enum ring_class class;

	for (class = 0; class < RING_CLASSES; class ++) {
		slots = vzalloc_node(ring_bytes(records, words), node);
		if (!slots)
			return false;
		ring_init(&set->rings[class], slots, records, words);
	}
	return true;
}

void rings_exit(void)
{
	int cpu;

	for_each_possible_cpu (cpu)
		free_cpu_rings(per_cpu_ptr(&cpu_rings, cpu));
}

int rings_init(unsigned int records, size_t entry_bytes)
{
	u32 words = entry_bytes / sizeof(u64);
	size_t bytes = RING_CLASSES * ring_bytes(records, words);
	int cpu;

	/* Fail early: the allocator would first empty the whole machine. */
	if (bytes / PAGE_SIZE > totalram_pages() / 2 / num_possible_cpus())
		goto no_memory;
	for_each_possible_cpu (cpu)
		if (!alloc_cpu_rings(per_cpu_ptr(&cpu_rings, cpu), records, words,
				     cpu_to_node(cpu)))
			goto free_rings;
	return 0;

free_rings:
	rings_exit();
no_memory:
	pr_err("no memory for %u CPUs x %zu KiB: load with a smaller ring_records=\n",
	       num_possible_cpus(), bytes / 1024);
	return -ENOMEM;
}

static u64 boot_clock(void)
{
	return ktime_to_ns(ktime_get_boottime());
}

struct merge *rings_merge_new(void)
{
	struct merge *merge = kvzalloc(merge_bytes(nr_cpu_ids), GFP_KERNEL);
	int cpu;

	if (!merge)
		return NULL;
	merge_init(merge, nr_cpu_ids, boot_clock);
	for_each_possible_cpu (cpu)
		merge_add(merge, cpu, per_cpu_ptr(&cpu_rings, cpu));
	merge_rewind(merge);
	return merge;
}

void rings_merge_free(struct merge *merge)
{
	kvfree(merge);
}
