// SPDX-License-Identifier: GPL-2.0-only
/*
 * Begins an entry in a ring of setnsmon and never commits it, like a handler whose task the
 * kernel kills. Nobody may write to that ring meanwhile.
 */
#include "stream/merge.h"

#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/percpu.h>

static ulong rings; /* the per-CPU variable cpu_rings, from /proc/kallsyms */
module_param(rings, ulong, 0400);
MODULE_PARM_DESC(rings, "Address of cpu_rings");

static int cpu;
module_param(cpu, int, 0400);
MODULE_PARM_DESC(cpu, "The CPU whose ring is written");

static int class;
module_param(class, int, 0400);
MODULE_PARM_DESC(class, "The class of that ring");

static int __init dead_writer_init(void)
{
	struct cpu_rings *here = per_cpu_ptr((struct cpu_rings __percpu *)rings, cpu);
	u64 *words = ring_begin(&here->rings[class]);

	words[0] = here->seq;
	kcsan_nestable_atomic_end();
	return 0;
}

static void __exit dead_writer_exit(void)
{
}

module_init(dead_writer_init);
module_exit(dead_writer_exit);

MODULE_DESCRIPTION("Begins an entry that is never committed");
MODULE_LICENSE("GPL");
