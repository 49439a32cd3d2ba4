// SPDX-License-Identifier: GPL-2.0-only
/*
 * Opens a file that only looks like a pidfd of Linux 5.10 to 6.8: the same name, the same kind
 * of inode, other operations. Its private data is memory full of zeroes.
 */
#include <linux/anon_inodes.h>
#include <linux/fcntl.h>
#include <linux/fs.h>
#include <linux/module.h>
#include <linux/moduleparam.h>

static const struct file_operations fops = {
	.owner = THIS_MODULE,
};

static u64 nothing[64];

static int open_set(const char *text, const struct kernel_param *param)
{
	int fd = anon_inode_getfd("[pidfd]", &fops, nothing, O_RDWR | O_CLOEXEC);

	return fd < 0 ? fd : 0;
}

static const struct kernel_param_ops ops = {
	.set = open_set,
};

module_param_cb(open, &ops, NULL, 0200);
MODULE_PARM_DESC(open, "Written by a process that wants such a descriptor");

MODULE_DESCRIPTION("Opens files that look like pidfds");
MODULE_LICENSE("GPL");
