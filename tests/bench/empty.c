// SPDX-License-Identifier: GPL-2.0-only
/*
 * The baseline: probes like those of setnsmon with handlers that do nothing, on the same
 * function, in the same order. planted=N makes each handler run an empty loop of N rounds,
 * which the benchmark must notice.
 */
#include <linux/kprobes.h>
#include <linux/module.h>

#define SYMBOL "__x64_sys_setns"

static bool kprobe = true;
module_param(kprobe, bool, 0400);
MODULE_PARM_DESC(kprobe, "have a kprobe");

static bool kretprobe = true;
module_param(kretprobe, bool, 0400);
MODULE_PARM_DESC(kretprobe, "have a kretprobe");

static unsigned int planted;
module_param(planted, uint, 0400);
MODULE_PARM_DESC(planted, "rounds of a loop in the kprobe's handler");

static int before(struct kprobe *p, struct pt_regs *regs)
{
	unsigned int i;

	for (i = 0; i < planted; i++)
		barrier();
	return 0;
}

static int entered(struct kretprobe_instance *ri, struct pt_regs *regs)
{
	return 0;
}

static int returned(struct kretprobe_instance *ri, struct pt_regs *regs)
{
	return 0;
}

static struct kprobe plain = {
	.symbol_name = SYMBOL,
	.pre_handler = before,
};

static struct kretprobe pair = {
	.kp.symbol_name = SYMBOL,
	.entry_handler = entered,
	.handler = returned,
	.data_size = 8,
	.maxactive = 64,
};

static int __init empty_init(void)
{
	int error;

	error = kprobe ? register_kprobe(&plain) : 0;
	if (error)
		return error;
	error = kretprobe ? register_kretprobe(&pair) : 0;
	if (error && kprobe)
		unregister_kprobe(&plain);
	return error;
}

static void __exit empty_exit(void)
{
	if (kretprobe)
		unregister_kretprobe(&pair);
	if (kprobe)
		unregister_kprobe(&plain);
}

module_init(empty_init);
module_exit(empty_exit);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Probes that do nothing, to measure what probes cost");
