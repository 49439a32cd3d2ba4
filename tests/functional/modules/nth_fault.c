// SPDX-License-Identifier: GPL-2.0-only
/*
 * Makes the n-th allocation of one system call fail, and reports which one that was. The
 * kernel's own /proc/PID/fail-nth does not report it and cannot skip any, and production
 * kernels lack it. The functions in which it decides exist in all kernels up to 6.10, and a
 * kprobe can answer in their place.
 *
 * Allocations whose failure the kernel itself does not survive are skipped. kprobes cannot
 * report that one could not be removed, so the module would go and its probe stay
 * (kernel/kprobes.c: __unregister_kprobe_top()). These allocations are small and do not fail
 * in practice.
 */
#include "leave_out.h"

#include <linux/gfp.h>
#include <linux/kallsyms.h>
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
static char site[1024];

static int fail_set(const char *text, const struct kernel_param *param)
{
	long nr;
	unsigned int nth;

	if (sscanf(text, "%ld %u", &nr, &nth) != 2)
		return -EINVAL;
	site[0] = '\0';
	number = nr;
	countdown = nth;
	victim = current;
	return 0;
}

static const struct kernel_param_ops fail_ops = {
	.set = fail_set,
};
module_param_cb(fail, &fail_ops, NULL, 0200);
MODULE_PARM_DESC(fail, "NUMBER NTH: in that system call of the thread that writes this");

static int site_get(char *buf, const struct kernel_param *param)
{
	return scnprintf(buf, PAGE_SIZE, "%s\n", site);
}

static const struct kernel_param_ops site_ops = {
	.get = site_get,
};
module_param_cb(site, &site_ops, NULL, 0400);
MODULE_PARM_DESC(site, "Where the allocation was that failed, from the inside out; or nothing");

static struct function {
	const char *name;
	unsigned long start;
	unsigned long end;
} left_out[] = {
	{ "unregister_kprobe" },
	{ "unregister_kprobes" },
	{ "unregister_kretprobe" },
	{ "unregister_kretprobes" },
};

static bool is_left_out(const unsigned long *entries, unsigned int count)
{
	unsigned int i, f;

	for (i = 0; i < count; i++)
		for (f = 0; f < ARRAY_SIZE(left_out); f++)
			if (entries[i] >= left_out[f].start && entries[i] < left_out[f].end)
				return true;
	return false;
}

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
	if (is_left_out(entries, count) || --countdown)
		return 0;
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
static int warn(struct kprobe *kprobe, struct pt_regs *regs)
{
	return is_victim() && site[0] ? leave_out(regs) : 0;
}

static struct kprobe warning = {
	.symbol_name = "warn_alloc",
	.pre_handler = warn,
};

/* The only way for a module to find the address and the size of a function. */
static int __init find(struct function *function)
{
	struct kprobe kprobe = { .symbol_name = function->name };
	char symbol[KSYM_SYMBOL_LEN];
	unsigned long offset, size;
	int err = register_kprobe(&kprobe);

	if (err)
		return err;
	sprint_symbol(symbol, (unsigned long)kprobe.addr);
	unregister_kprobe(&kprobe);
	if (sscanf(strchrnul(symbol, '+'), "+0x%lx/0x%lx", &offset, &size) != 2)
		return -EINVAL;
	function->start = (unsigned long)kprobe.addr - offset;
	function->end = function->start + size;
	return 0;
}

static void take_down(unsigned int up)
{
	while (up-- > 0)
		unregister_kprobe(&allocations[up].kprobe);
	unregister_kprobe(&warning);
}

static int __init nth_fault_init(void)
{
	unsigned int i;
	int err = 0;

	for (i = 0; i < ARRAY_SIZE(left_out) && !err; i++)
		err = find(&left_out[i]);
	if (err)
		return err;
	err = register_kprobe(&warning);
	if (err)
		return err;
	for (i = 0; i < ARRAY_SIZE(allocations); i++) {
		err = register_kprobe(&allocations[i].kprobe);
		if (err) {
			take_down(i);
			return err;
		}
	}
	return 0;
}

static void __exit nth_fault_exit(void)
{
	take_down(ARRAY_SIZE(allocations));
}

module_init(nth_fault_init);
module_exit(nth_fault_exit);

MODULE_DESCRIPTION("Makes the n-th allocation of a system call fail");
MODULE_LICENSE("GPL");
