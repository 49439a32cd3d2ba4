// SPDX-License-Identifier: GPL-2.0-only
/*
 * Lets functions stay in the filters of ftrace: the next removals fail, as without memory. The
 * kernel warns if a kprobe is the reason for such a removal, and that warning is skipped.
 */
#include "leave_out.h"

#include <linux/errno.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/ptrace.h>
#include <linux/sched.h>

static int times;
module_param(times, int, 0600);
MODULE_PARM_DESC(times, "Removals that will fail");

static struct task_struct *failed; /* the thread that the kernel may warn of now */

static int set_filter(struct kprobe *kprobe, struct pt_regs *regs)
{
	failed = NULL;
	if (!regs_get_kernel_argument(regs, 2) || times <= 0)
		return 0;
	times--;
	failed = current;
	regs_set_return_value(regs, -ENOMEM);
	return leave_out(regs);
}

static int warn(struct kprobe *kprobe, struct pt_regs *regs)
{
	if (current != failed)
		return 0;
	return leave_out(regs);
}

/* A post handler keeps a probe from becoming a jump, which could not change the ip. */
static void after(struct kprobe *kprobe, struct pt_regs *regs, unsigned long flags)
{
}

static struct kprobe filter = {
	.symbol_name = "ftrace_set_filter_ip",
	.pre_handler = set_filter,
	.post_handler = after,
};

/* Which of them print the warning depends on the kernel. */
static struct kprobe warnings[] = {
	{ .symbol_name = "__warn_printk", .pre_handler = warn },
	{ .symbol_name = "__warn_printf", .pre_handler = warn },
	{ .symbol_name = "__warn", .pre_handler = warn },
};

static int __init stuck_init(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(warnings); i++)
		if (register_kprobe(&warnings[i]))
			warnings[i].pre_handler = NULL;
	return register_kprobe(&filter);
}

static void __exit stuck_exit(void)
{
	unsigned int i;

	unregister_kprobe(&filter);
	for (i = 0; i < ARRAY_SIZE(warnings); i++)
		if (warnings[i].pre_handler)
			unregister_kprobe(&warnings[i]);
}

module_init(stuck_init);
module_exit(stuck_exit);

MODULE_DESCRIPTION("Keeps functions in the filters of ftrace");
MODULE_LICENSE("GPL");
