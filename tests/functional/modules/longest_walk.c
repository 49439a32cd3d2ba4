// SPDX-License-Identifier: GPL-2.0-only
/*
 * Counts how many entries of epoll sets are notified with interrupts off in between. The first
 * one requests an interrupt on its own CPU. It comes as soon as interrupts are on again, and
 * ends the count.
 *
 * On PREEMPT_RT interrupts stay on, so each count is 1.
 */
#include <linux/irq_work.h>
#include <linux/kprobes.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/percpu.h>

static unsigned int longest;
module_param(longest, uint, 0644);
MODULE_PARM_DESC(longest, "The most entries that were notified with interrupts off");

struct section {
	struct irq_work end;
	unsigned int entries;
};

static DEFINE_PER_CPU(struct section, sections);

/* Two CPUs may write at the same time. The greater number then comes again. */
static void end(struct irq_work *work)
{
	struct section *section = container_of(work, struct section, end);

	if (section->entries > READ_ONCE(longest))
		WRITE_ONCE(longest, section->entries);
	section->entries = 0;
}

static int notified(struct kprobe *kprobe, struct pt_regs *regs)
{
	struct section *section = this_cpu_ptr(&sections);

	if (!section->entries++)
		irq_work_queue(&section->end);
	return 0;
}

static struct kprobe kprobe = {
	.symbol_name = "ep_poll_callback",
	.pre_handler = notified,
};

static int __init longest_walk_init(void)
{
	int cpu;

	for_each_possible_cpu (cpu) {
#ifdef IRQ_WORK_INIT_HARD
		per_cpu(sections, cpu).end = IRQ_WORK_INIT_HARD(end);
#else
		init_irq_work(&per_cpu(sections, cpu).end, end);
#endif
	}
	return register_kprobe(&kprobe);
}

static void __exit longest_walk_exit(void)
{
	int cpu;

	unregister_kprobe(&kprobe);
	for_each_possible_cpu (cpu)
		irq_work_sync(&per_cpu(sections, cpu).end);
}

module_init(longest_walk_init);
module_exit(longest_walk_exit);

MODULE_DESCRIPTION("Counts entries that are notified with interrupts off");
MODULE_LICENSE("GPL");
