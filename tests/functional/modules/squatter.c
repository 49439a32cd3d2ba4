// SPDX-License-Identifier: GPL-2.0-only
/* A driver that takes the name of setnsmon's device. */
#include "leave_out.h"

#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>

static const struct file_operations fops = {
	.owner = THIS_MODULE,
};

static struct miscdevice device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "setnsmon",
	.fops = &fops,
	.mode = 0400,
};

static int warn_dup(struct kprobe *kprobe, struct pt_regs *regs)
{
	return leave_out(regs);
}

static struct kprobe kprobe = {
	.symbol_name = "sysfs_warn_dup",
	.pre_handler = warn_dup,
};

static int __init squatter_init(void)
{
	int err = register_kprobe(&kprobe);

	if (err)
		return err;
	err = misc_register(&device);
	if (err)
		unregister_kprobe(&kprobe);
	return err;
}

static void __exit squatter_exit(void)
{
	misc_deregister(&device);
	unregister_kprobe(&kprobe);
}

module_init(squatter_init);
module_exit(squatter_exit);

MODULE_DESCRIPTION("Takes the name of setnsmon's device");
MODULE_LICENSE("GPL");
