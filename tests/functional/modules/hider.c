// SPDX-License-Identifier: GPL-2.0-only
/*
 * Hides calls of setns(2) from kprobes, in two ways. A kprobe at an entry function answers in
 * its place. The parameter "blind" sets the variable with which the kernel silences all
 * kprobes on ftrace after ftrace has failed (kprobe_ftrace_kill(); 6.12 has it, 6.1 lacks it).
 */
#include "leave_out.h"

#include <linux/compiler.h>
#include <linux/errno.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/ptrace.h>

static char *function = "__x64_sys_setns";
module_param(function, charp, 0400);
MODULE_PARM_DESC(function, "The entry function in whose place the kprobe answers");

static bool harmless;
module_param(harmless, bool, 0400);
MODULE_PARM_DESC(harmless, "Only watches: the function runs");

static int answer(struct kprobe *kprobe, struct pt_regs *regs)
{
	if (harmless)
		return 0;
	regs_set_return_value(regs, -EPERM);
	return leave_out(regs);
}

static struct kprobe kprobe = {
	.pre_handler = answer,
};

static bool *silence;

static int set_blind(const char *text, const struct kernel_param *param)
{
	if (!silence)
		return -ENOENT;
	WRITE_ONCE(*silence, text[0] == '1');
	return 0;
}

static const struct kernel_param_ops ops = {
	.set = set_blind,
};

module_param_cb(blind, &ops, NULL, 0200);
MODULE_PARM_DESC(blind, "1: no kprobe on ftrace fires any more; 0: they do again");

/* The kernel refuses to probe a variable, but it has looked up the address by then. */
static bool *find_variable(const char *name)
{
	struct kprobe no_function = { .symbol_name = name };

	if (!register_kprobe(&no_function))
		unregister_kprobe(&no_function);
	return (bool *)no_function.addr;
}

static int __init hider_init(void)
{
	silence = find_variable("kprobe_ftrace_disabled");
	kprobe.symbol_name = function;
	return register_kprobe(&kprobe);
}

static void __exit hider_exit(void)
{
	unregister_kprobe(&kprobe);
}

module_init(hider_init);
module_exit(hider_exit);

MODULE_DESCRIPTION("Hides calls of setns(2) from other kprobes");
MODULE_LICENSE("GPL");
