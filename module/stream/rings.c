// SPDX-License-Identifier: GPL-2.0-only
/*
 * Each CPU has a ring for each class (enum ring_class). Calls that anybody can repeat as
 * fast as a CPU runs go into the plain ring, so they never overwrite the calls that matter
 * (capture/class.h). The sequence numbers of a CPU run over all of its rings.
 *
 * A CPU gets its rings before it first runs, and keeps them while it is offline. CPUs that
 * never run have none.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include "stream/rings.h"

#include <linux/bug.h>
#include <linux/cpu.h>
#include <linux/cpuhotplug.h>
#include <linux/cpumask.h>
#include <linux/slab.h>
#include <linux/timekeeping.h>
#include <linux/topology.h>
#include <linux/vmalloc.h>

DEFINE_PER_CPU(struct cpu_rings, cpu_rings);

static struct ring_set set;
static unsigned int ring_records;
static u32 ring_words;
static int hotplug_state;

static u32 words_of(size_t entry_bytes)
{
	return entry_bytes / sizeof(u64);
}

size_t rings_cpu_bytes(unsigned int records, size_t entry_bytes)
{
	return RING_CLASSES * ring_bytes(records, words_of(entry_bytes));
}

unsigned int rings_cpus(void)
{
	return smp_load_acquire(&set.count);
}

unsigned int rings_records(void)
{
	return ring_records;
}

u64 rings_committed(void)
{
	u64 sum = 0;
	int cpu;

	for_each_possible_cpu (cpu)
		sum += READ_ONCE(per_cpu(cpu_rings, cpu).seq);
	return sum;
}

/* Publishes the rings of a CPU that does not run yet, or before the first call anywhere. */
static void publish_rings(struct cpu_rings *rings)
{
	set.cpus[set.count] = rings;
	smp_store_release(&set.count, set.count + 1);
}

/* Called before a CPU comes online, one at a time. An error keeps the CPU offline. */
static int prepare_cpu(unsigned int cpu)
{
	struct cpu_rings *rings = per_cpu_ptr(&cpu_rings, cpu);
	size_t bytes = ring_bytes(ring_records, ring_words);
	enum ring_class class;
	void *slots;

	if (rings->rings[0].slots)
		return 0;
	slots = vzalloc_node(RING_CLASSES * bytes, cpu_to_node(cpu));
	if (!slots) {
		pr_err("no memory for the rings of CPU %u, %zu KiB: it cannot be used\n", cpu,
		       RING_CLASSES * bytes / 1024);
		return -ENOMEM;
	}
	for (class = 0; class < RING_CLASSES; class ++)
		ring_init(&rings->rings[class], slots + class * bytes, ring_records, ring_words);
	rings->seq = 0;
	rings->cpu = cpu;
	publish_rings(rings);
	return 0;
}

/*
 * Kernels without "cpu/hotplug: Fix dynstate assignment in __cpuhp_setup_state_cpuslocked()" do
 * not call this kind of callback for the CPUs that are online already. So we do.
 */
static int prepare_cpus(void)
{
	unsigned int cpu;
	int err = 0;

	cpus_read_lock();
	hotplug_state = cpuhp_setup_state_nocalls_cpuslocked(CPUHP_BP_PREPARE_DYN, "setnsmon:rings",
							     prepare_cpu, NULL);
	if (hotplug_state < 0) {
		pr_err("cannot follow CPUs that come online (error %d)\n", hotplug_state);
		err = hotplug_state;
	}
	for_each_online_cpu(cpu)
	{
		if (!err)
			err = prepare_cpu(cpu);
	}
	cpus_read_unlock();
	if (err && hotplug_state >= 0)
		cpuhp_remove_state_nocalls(hotplug_state);
	return err;
}

static void free_rings(void)
{
	struct ring *first;
	int cpu;

	for_each_possible_cpu (cpu) {
		first = per_cpu(cpu_rings, cpu).rings;
		vfree(first->slots);
		first->slots = NULL;
	}
	vfree(set.cpus);
	set = (struct ring_set){};
}

int rings_init(unsigned int records, size_t entry_bytes)
{
	int err;

	ring_records = records;
	ring_words = words_of(entry_bytes);
	set.cpus = vzalloc_node(array_size(nr_cpu_ids, sizeof(*set.cpus)), NUMA_NO_NODE);
	if (!set.cpus) {
		pr_err("no memory for a list of %u CPUs\n", nr_cpu_ids);
		return -ENOMEM;
	}
	err = prepare_cpus();
	if (err)
		free_rings();
	return err;
}

void rings_exit(void)
{
	cpuhp_remove_state_nocalls(hotplug_state);
	free_rings();
}

static u64 boot_clock(void)
{
	return ktime_to_ns(ktime_get_boottime());
}

void rings_merge_init(struct merge *merge)
{
	merge_init(merge, &set, boot_clock);
}

static int grow_once(struct merge *merge, u32 count)
{
	struct cursor_chunk *chunk = kzalloc(merge_chunk_bytes(count), GFP_KERNEL_ACCOUNT);
	struct cpu_cursor **heap;

	heap = kmalloc_array(merge->cpus + count, sizeof(*heap), GFP_KERNEL_ACCOUNT);
	if (!chunk || !heap) {
		kfree(chunk);
		kfree(heap);
		return -ENOMEM;
	}
	kfree(merge_grow(merge, chunk, count, heap));
	return 0;
}

int rings_merge_grow(struct merge *merge)
{
	u32 missing;
	int err = 0;

	while (!err && (missing = merge_missing(merge)))
		err = grow_once(merge, min_t(u32, missing, CHUNK_CURSORS));
	return err;
}

void rings_merge_exit(struct merge *merge)
{
	struct cursor_chunk *chunk, *next;

	for (chunk = merge->chunks; chunk; chunk = next) {
		next = chunk->next;
		kfree(chunk);
	}
	kfree(merge->heap);
}

size_t rings_merge_bytes(void)
{
	u32 cpus = rings_cpus();

	return DIV_ROUND_UP(cpus, CHUNK_CURSORS) * merge_chunk_bytes(0) +
	       cpus * (merge_chunk_bytes(1) - merge_chunk_bytes(0) + sizeof(struct cpu_cursor *));
}
