// SPDX-License-Identifier: GPL-2.0-only
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include "probe/ftrace_pin.h"
#include "compat.h"

#include <linux/ftrace.h>
#include <linux/kernel.h>
#include <linux/sched.h>

static noinline void never_called(void)
{
	barrier();
}

static void ignore_call(unsigned long ip, unsigned long parent_ip, struct ftrace_ops *ops,
			compat_ftrace_regs *regs)
{
}

static struct ftrace_ops pin = {
	.func = ignore_call,
	.flags = FTRACE_OPS_FL_PERMANENT,
};

static int set_filter(int remove)
{
	return ftrace_set_filter_ip(&pin, (unsigned long)never_called, remove, 0);
}

/* Frees the filter, for which ftrace first makes a copy of it. */
static void remove_filter(void)
{
	while (set_filter(1) == -ENOMEM)
		schedule_timeout_idle(1);
}

int ftrace_pin_init(void)
{
	int err = set_filter(0);

	if (err) {
		pr_err("ftrace does not know this module's functions (error %d)\n", err);
		return err;
	}
	err = register_ftrace_function(&pin);
	if (err)
		remove_filter();
	/* A permanent ftrace_ops is refused while ftrace is off (kernel/trace/ftrace.c). */
	if (err == -EBUSY) {
		pr_err("not loaded, because calls would be missed: ftrace is off (error %d)\n",
		       err);
		pr_err("switch it on with: sysctl kernel.ftrace_enabled=1\n");
	} else if (err) {
		pr_err("cannot register with ftrace (error %d)\n", err);
	}
	return err;
}

/*
 * The kernel refuses to unregister an ftrace_ops if ftrace has failed for good. Then ftrace
 * still has it in its list, so the module must stay.
 */
void ftrace_pin_exit(void)
{
	int err = unregister_ftrace_function(&pin);

	if (err)
		pr_err("cannot unregister from ftrace (error %d): the module stays until it can\n",
		       err);
	while (err) {
		schedule_timeout_idle(HZ);
		err = unregister_ftrace_function(&pin);
	}
	remove_filter();
}
