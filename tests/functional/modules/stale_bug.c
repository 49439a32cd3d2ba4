// SPDX-License-Identifier: GPL-2.0-only
/*
 * A module whose init code had a WARN() and has been freed. The kernel still believes that
 * there is a WARN() at that address (find_bug(), lib/bug.c). The parameter "stood" lists the
 * addresses in hexadecimal, separated by commas.
 */
#include <linux/bug.h>
#include <linux/module.h>
#include <linux/moduleparam.h>

#define MOST 4

static unsigned long stood[MOST];
static unsigned int count;
static struct bug_entry entries[MOST];

static int set_stood(const char *text, const struct kernel_param *param)
{
	int err = param_array_ops.set(text, param);
	unsigned int i;

	THIS_MODULE->num_bugs = 0;
	for (i = 0; !err && i < count; i++)
		entries[i].bug_addr_disp = stood[i] - (unsigned long)&entries[i].bug_addr_disp;
	THIS_MODULE->bug_table = entries;
	if (!err)
		THIS_MODULE->num_bugs = count;
	return err;
}

static const struct kernel_param_ops ops = {
	.set = set_stood,
};

static struct kparam_array array = {
	.max = MOST,
	.elemsize = sizeof(stood[0]),
	.num = &count,
	.ops = &param_ops_ulong,
	.elem = stood,
};

module_param_cb(stood, &ops, &array, 0200);

MODULE_DESCRIPTION("Has had a WARN() where setnsmon may come to lie");
MODULE_LICENSE("GPL");
