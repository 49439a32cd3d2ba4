// SPDX-License-Identifier: GPL-2.0-only
/*
 * Makes the n-th allocation of one system call fail, and on request some after it, and reports
 * which one was the first. The kernel's own /proc/PID/fail-nth does not report it and cannot skip
 * any, and production kernels lack it. The functions in which it decides exist in all kernels up
 * to 6.10, and a kprobe can answer in their place.
 *
 * The kernel warns if it cannot take a kprobe off ftrace. That is what some tests cause on
 * purpose, so these warnings are skipped.
 */
#include "leave_out.h"

#include <linux/gfp.h>
#include <linux/kallsyms.h>
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/ptrace.h>
#include <linux/sched.h>
#include <linux/sched/task_stack.h>
#include <linux/stacktrace.h>
#include <linux/string.h>

#define DEPTH 48

static struct task_struct *victim; /* the thread whose allocations are counted */
static long number;		   /* allocations so far in this system call */
static unsigned int countdown;
static unsigned int times; /* allocations that fail, from the n-th on */
static char site[1024];

static int fail_set(const char *text, const struct kernel_param *param)
{
	long nr;
	unsigned int nth, many = 1;

	if (sscanf(text, "%ld %u %u", &nr, &nth, &many) < 2)
		return -EINVAL;
	site[0] = '\0';
	number = nr;
	countdown = nth;
	times = many;
	victim = current;
	return 0;
}

static const struct kernel_param_ops fail_ops = {
	.set = fail_set,
};
module_param_cb(fail, &fail_ops, NULL, 0200);
MODULE_PARM_DESC(fail, "NUMBER NTH [TIMES]: in that system call of the thread that writes this");

static int site_get(char *buf, const struct kernel_param *param)
{
	return scnprintf(buf, PAGE_SIZE, "%s\n", site);
}

static const struct kernel_param_ops site_ops = {
	.get = site_get,
};
module_param_cb(site, &site_ops, NULL, 0400);
MODULE_PARM_DESC(site, "Where the allocation was that failed, from the inside out; or nothing");

static void note_site(const unsigned long *entries, unsigned int count)
{
	static char symbol[KSYM_SYMBOL_LEN];
	size_t used = 0;
	unsigned int i;

	for (i = 0; i < count; i++) {
		sprint_symbol_no_offset(symbol, entries[i]);
		used += scnprintf(site + used, sizeof(site) - used, "%s%s", i ? " < " : "", symbol);
	}
}

static bool is_victim(void)
{
	return current == victim && in_task() && task_pt_regs(current)->orig_ax == number;
}

/* A function that decides or allocates, and its return value for a failure. */
struct allocation {
	struct kprobe kprobe;
	unsigned long nothing;
	int gfp_argument;
};

static int allocate(struct kprobe *kprobe, struct pt_regs *regs)
{
	const struct allocation *allocation = container_of(kprobe, struct allocation, kprobe);
	unsigned long entries[DEPTH];
	unsigned int count;

	if (!is_victim() || !countdown)
		return 0;
	if (allocation->gfp_argument >= 0 &&
	    regs_get_kernel_argument(regs, allocation->gfp_argument) & __GFP_NOFAIL)
		return 0;
	count = stack_trace_save(entries, DEPTH, 1);
	if (countdown > 1) {
		countdown--;
		return 0;
	}
	if (!--times)
		countdown = 0;
	if (!site[0])
		note_site(entries, count);
	regs_set_return_value(regs, allocation->nothing);
	return leave_out(regs);
}

static struct allocation allocations[] = {
	{ { .symbol_name = "should_failslab", .pre_handler = allocate }, -ENOMEM, 1 },
	{ { .symbol_name = "should_fail_alloc_page", .pre_handler = allocate }, true, 0 },
	{ { .symbol_name = "__alloc_percpu", .pre_handler = allocate }, 0, -1 },
};

/* vmalloc() prints the stack of a caller whose allocation failed. */
static int warn_no_memory(struct kprobe *kprobe, struct pt_regs *regs)
{
	return is_victim() && site[0] ? leave_out(regs) : 0;
}

static bool skipping; /* the text of a WARN() was skipped, and its stack follows */

static int warn_printk(struct kprobe *kprobe, struct pt_regs *regs)
{
	const char *format = (const char *)regs_get_kernel_argument(regs, 0);

	if (!is_victim() || !site[0] || !strstr(format, "kprobe-ftrace"))
		return 0;
	skipping = true;
	return leave_out(regs);
}

static int warn(struct kprobe *kprobe, struct pt_regs *regs)
{
	if (!is_victim() || !skipping)
		return 0;
	skipping = false;
	return leave_out(regs);
}

static struct kprobe warnings[] = {
	{ .symbol_name = "warn_alloc", .pre_handler = warn_no_memory },
	{ .symbol_name = "__warn_printk", .pre_handler = warn_printk },
	{ .symbol_name = "__warn", .pre_handler = warn },
};

static struct kprobe *all[ARRAY_SIZE(warnings) + ARRAY_SIZE(allocations)];

static int __init nth_fault_init(void)
{
	unsigned int i, n = 0;

	for (i = 0; i < ARRAY_SIZE(warnings); i++)
		all[n++] = &warnings[i];
	for (i = 0; i < ARRAY_SIZE(allocations); i++)
		all[n++] = &allocations[i].kprobe;
	return register_kprobes(all, n);
}

static void __exit nth_fault_exit(void)
{
	unregister_kprobes(all, ARRAY_SIZE(all));
}

module_init(nth_fault_init);
module_exit(nth_fault_exit);

MODULE_DESCRIPTION("Makes the n-th allocation of a system call fail");
MODULE_LICENSE("GPL");
