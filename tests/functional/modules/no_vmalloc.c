// SPDX-License-Identifier: GPL-2.0-only
/* Makes vzalloc_node() fail for areas of one size. */
#include "leave_out.h"

#include <linux/mm.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/ptrace.h>

static ulong size;
module_param(size, ulong, 0400);
MODULE_PARM_DESC(size, "Bytes of the area, a multiple of the page size");

static char *symbol = "vzalloc_node";
module_param(symbol, charp, 0400);
MODULE_PARM_DESC(symbol, "The name of the function in this kernel");

static int entry(struct kprobe *kprobe, struct pt_regs *regs)
{
	if (PAGE_ALIGN(regs_get_kernel_argument(regs, 0)) != size)
		return 0;
	regs_set_return_value(regs, 0);
	return leave_out(regs);
}

/* A post handler keeps the probe from becoming a jump, which could not change the ip. */
static void after(struct kprobe *kprobe, struct pt_regs *regs, unsigned long flags)
{
}

static struct kprobe kprobe = {
	.pre_handler = entry,
	.post_handler = after,
};

static int __init no_vmalloc_init(void)
{
	kprobe.symbol_name = symbol;
	return register_kprobe(&kprobe);
}

static void __exit no_vmalloc_exit(void)
{
	unregister_kprobe(&kprobe);
}

module_init(no_vmalloc_init);
module_exit(no_vmalloc_exit);

MODULE_DESCRIPTION("Makes allocations of one size fail");
MODULE_LICENSE("GPL");
