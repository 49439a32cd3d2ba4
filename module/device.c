// SPDX-License-Identifier: GPL-2.0-only
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include "device.h"
#include "probe/probe.h"
#include "stream/rings.h"
#include "record/text.h"
#include "stream/wakeup.h"

#include <linux/atomic.h>
#include <linux/device.h>
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/poll.h>
#include <linux/slab.h>
#include <linux/sysfs.h>
#include <linux/uaccess.h>
#include <linux/user_namespace.h>

static atomic_t readers = ATOMIC_INIT(0);

/**
 * struct reader - one open file
 * @lock: everything below; never held while waiting for a record
 * @cursor: its place
 * @format: enum setnsmon_format
 * @line: room for one line of text
 */
struct reader {
	struct mutex lock;
	struct cursor *cursor;
	u32 format;
	char line[SETNSMON_LINE_MAX];
};

static int device_open(struct inode *inode, struct file *file)
{
	struct reader *reader;

	/* The mode says so as well, but root may override a mode. */
	if (file->f_mode & FMODE_WRITE)
		return -EPERM;
	/* Not for those whom a mapped id lets in: they are not to see the whole host. */
	if (file->f_cred->user_ns != &init_user_ns)
		return -EPERM;
	reader = kzalloc(sizeof(*reader), GFP_KERNEL);
	if (!reader)
		return -ENOMEM;
	reader->cursor = cursor_new();
	if (!reader->cursor) {
		kfree(reader);
		return -ENOMEM;
	}
	mutex_init(&reader->lock);
	file->private_data = reader;
	atomic_inc(&readers);
	return 0;
}

static int device_release(struct inode *inode, struct file *file)
{
	struct reader *reader = file->private_data;

	atomic_dec(&readers);
	cursor_free(reader->cursor);
	mutex_destroy(&reader->lock);
	kfree(reader);
	return 0;
}

/* These put what comes next: how many bytes, 0 if there is nothing now, -EINVAL or -EFAULT. */

static ssize_t put_binary(struct cursor *cursor, char __user *buf, size_t room)
{
	const size_t size = sizeof(struct setnsmon_record);
	const struct setnsmon_record *records;
	unsigned int count = cursor_peek(cursor, max_t(size_t, room / size, 1), &records);
	unsigned long left;

	if (!count)
		return 0;
	if (room < size)
		return -EINVAL;
	/* (Of a size that the compiler knows the kernel need not look up where it lies.) */
	if (count == 1)
		left = copy_to_user(buf, records, size);
	else
		left = copy_to_user(buf, records, count * size);
	count -= DIV_ROUND_UP(left, size);
	cursor_next(cursor, count);
	return count ? count * size : -EFAULT;
}

static ssize_t put_text(struct cursor *cursor, char *line, char __user *buf, size_t room)
{
	const struct setnsmon_record *record;
	size_t len;

	if (!cursor_peek(cursor, 1, &record))
		return 0;
	len = text_line(line, record);
	if (room < len)
		return -EINVAL;
	if (copy_to_user(buf, line, len))
		return -EFAULT;
	cursor_next(cursor, 1);
	return len;
}

/* As many whole records as fit and are there now. A record is taken only after it was delivered. */
static ssize_t reader_read(struct reader *reader, char __user *buf, size_t size)
{
	ssize_t done = 0;
	ssize_t put;

	do {
		if (reader->format == SETNSMON_FORMAT_BINARY)
			put = put_binary(reader->cursor, buf + done, size - done);
		else
			put = put_text(reader->cursor, reader->line, buf + done, size - done);
		if (put <= 0)
			return done ?: put;
		done += put;
		cond_resched();
	} while (done < size && !signal_pending(current));
	return done;
}

static ssize_t device_read(struct file *file, char __user *buf, size_t size, loff_t *pos)
{
	struct reader *reader = file->private_data;
	ssize_t done;
	int err;

	if (!size)
		return 0;
	for (;;) {
		err = mutex_lock_interruptible(&reader->lock);
		if (err)
			return -ERESTARTSYS;
		done = reader_read(reader, buf, min_t(size_t, size, MAX_RW_COUNT));
		mutex_unlock(&reader->lock);
		if (done)
			return done;
		if (file->f_flags & O_NONBLOCK)
			return -EAGAIN;
		err = wait_event_interruptible(waker_queue, cursor_ready(reader->cursor));
		if (err)
			return err;
	}
}

static __poll_t device_poll(struct file *file, poll_table *table)
{
	struct reader *reader = file->private_data;

	poll_wait(file, &waker_queue, table);
	smp_mb(); /* R of waker.c; read() has it in prepare_to_wait_event() */
	return cursor_ready(reader->cursor) ? EPOLLIN | EPOLLRDNORM : 0;
}

static loff_t device_llseek(struct file *file, loff_t offset, int whence)
{
	struct reader *reader = file->private_data;

	if (whence != SEEK_SET && whence != SEEK_END)
		return -ESPIPE;
	if (offset)
		return -EINVAL;
	if (mutex_lock_interruptible(&reader->lock))
		return -ERESTARTSYS;
	if (whence == SEEK_SET)
		cursor_rewind(reader->cursor);
	else
		cursor_skip_to_end(reader->cursor);
	mutex_unlock(&reader->lock);
	/* Others may wait on this file for what is there again now. */
	if (whence == SEEK_SET)
		waker_wake();
	return 0;
}

static long ioctl_info(struct reader *reader, void __user *arg)
{
	const struct setnsmon_info info = {
		.abi_version = SETNSMON_ABI_VERSION,
		.record_size = sizeof(struct setnsmon_record),
		.cpus = num_possible_cpus(),
		.ring_records = recorder_ring_records(),
	};

	return copy_to_user(arg, &info, sizeof(info)) ? -EFAULT : 0;
}

static long ioctl_format(struct reader *reader, void __user *arg)
{
	u32 format;

	if (copy_from_user(&format, arg, sizeof(format)))
		return -EFAULT;
	if (format != SETNSMON_FORMAT_TEXT && format != SETNSMON_FORMAT_BINARY)
		return -EINVAL;
	reader->format = format;
	return 0;
}

/* The order of reading keeps "recorded" from running ahead of "entered". */
static void count(struct setnsmon_counters *counters)
{
	struct probe_totals totals;

	counters->recorded = recorder_recorded();
	smp_rmb();
	probe_totals(&totals);
	counters->entered = totals.entered;
	counters->missed = totals.missed;
	counters->ret_unknown = totals.ret_unknown;
	counters->readers = atomic_read(&readers);
	counters->lost = 0;
}

static long ioctl_counters(struct reader *reader, void __user *arg)
{
	struct setnsmon_counters counters;

	count(&counters);
	counters.lost = cursor_lost(reader->cursor);
	return copy_to_user(arg, &counters, sizeof(counters)) ? -EFAULT : 0;
}

/* By number. The size and the direction are checked against @cmd. */
static const struct {
	unsigned int cmd;
	long (*run)(struct reader *reader, void __user *arg);
} ioctls[] = {
	{ SETNSMON_IOC_INFO, ioctl_info },
	{ SETNSMON_IOC_FORMAT, ioctl_format },
	{ SETNSMON_IOC_COUNTERS, ioctl_counters },
};

static long device_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct reader *reader = file->private_data;
	unsigned int i;
	long ret;

	for (i = 0; i < ARRAY_SIZE(ioctls); i++) {
		if (_IOC_TYPE(cmd) != SETNSMON_IOC_MAGIC || _IOC_NR(cmd) != _IOC_NR(ioctls[i].cmd))
			continue;
		if (cmd != ioctls[i].cmd)
			return -EINVAL;
		if (mutex_lock_interruptible(&reader->lock))
			return -ERESTARTSYS;
		ret = ioctls[i].run(reader, (void __user *)arg);
		mutex_unlock(&reader->lock);
		return ret;
	}
	return -ENOTTY;
}

static const struct file_operations device_fops = {
	.owner = THIS_MODULE,
	.open = device_open,
	.release = device_release,
	.read = device_read,
	.poll = device_poll,
	.llseek = device_llseek,
	.unlocked_ioctl = device_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
};

/* One value a file: /sys/class/misc/setnsmon/NAME */
#define COUNTER_ATTR(name)                                                                         \
	static ssize_t name##_show(struct device *device, struct device_attribute *attr,           \
				   char *buf)                                                      \
	{                                                                                          \
		struct setnsmon_counters counters;                                                 \
                                                                                                   \
		count(&counters);                                                                  \
		return sysfs_emit(buf, "%llu\n", counters.name);                                   \
	}                                                                                          \
	static DEVICE_ATTR_RO(name)

COUNTER_ATTR(entered);
COUNTER_ATTR(recorded);
COUNTER_ATTR(missed);
COUNTER_ATTR(ret_unknown);
COUNTER_ATTR(readers);

static struct attribute *device_attrs[] = {
	&dev_attr_entered.attr,	    &dev_attr_recorded.attr, &dev_attr_missed.attr,
	&dev_attr_ret_unknown.attr, &dev_attr_readers.attr,  NULL,
};
ATTRIBUTE_GROUPS(device);

static struct miscdevice device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "setnsmon",
	.fops = &device_fops,
	.mode = 0400,
	.groups = device_groups,
};

int device_init(void)
{
	int err = misc_register(&device);

	if (err)
		pr_err("cannot make /dev/setnsmon (error %d)\n", err);
	return err;
}

void device_exit(void)
{
	misc_deregister(&device);
}
