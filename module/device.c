// SPDX-License-Identifier: GPL-2.0-only
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include "device.h"
#include "reader.h"
#include "record/filter.h"
#include "record/text.h"
#include "stats.h"
#include "stream/rings.h"
#include "stream/wakeup.h"

#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/poll.h>
#include <linux/slab.h>
#include <linux/timekeeping.h>
#include <linux/uaccess.h>
#include <linux/user_namespace.h>

/**
 * struct open_file - one open file of the device
 * @sleepers: the queue in which its readers wait for records
 * @lock: protects everything below; never held while waiting for a record
 * @reader: its position
 * @format: enum setnsmon_format
 * @line: room for one line of text, allocated with the first one
 */
struct open_file {
	struct wakeup_queue sleepers;
	struct mutex lock;
	struct reader reader;
	u32 format;
	char *line;
};

static int device_open(struct inode *inode, struct file *file)
{
	struct open_file *open;
	int err;

	/* The device's mode forbids it, too, but root may override a mode. */
	if (file->f_mode & FMODE_WRITE)
		return -EPERM;
	/* Deny openers from other user namespaces: a mapped uid must not see the whole host. */
	if (file->f_cred->user_ns != &init_user_ns)
		return -EPERM;
	open = kzalloc(sizeof(*open), GFP_KERNEL_ACCOUNT);
	if (!open)
		return -ENOMEM;
	err = reader_init(&open->reader);
	if (err) {
		kfree(open);
		return err;
	}
	mutex_init(&open->lock);
	wakeup_queue_add(&open->sleepers);
	file->private_data = open;
	stats_add_reader();
	return 0;
}

/* Nobody is in the queue: system calls keep the file open, and epoll left before (__fput()). */
static int device_release(struct inode *inode, struct file *file)
{
	struct open_file *open = file->private_data;

	stats_remove_reader();
	wakeup_queue_remove(&open->sleepers);
	reader_exit(&open->reader);
	kfree(open->line);
	mutex_destroy(&open->lock);
	kfree(open);
	return 0;
}

/*
 * put_binary() and put_text() deliver the next records. They return the number of bytes, 0 if
 * there is no record now, -EINVAL, -EFAULT or -ENOMEM. With a filter they may return -EAGAIN:
 * many records were skipped, and other tasks that wait for the lock get a turn.
 */

static ssize_t put_binary(struct reader *reader, char __user *buf, size_t room)
{
	const size_t size = sizeof(struct setnsmon_record);
	const struct setnsmon_record *records;
	int count = reader_peek(reader, max_t(size_t, room / size, 1), &records);
	unsigned long left;

	if (count <= 0)
		return count;
	if (room < size)
		return -EINVAL;
	/* With a constant size the kernel need not check which object the memory belongs to. */
	if (count == 1)
		left = copy_to_user(buf, records, size);
	else
		left = copy_to_user(buf, records, count * size);
	count -= DIV_ROUND_UP(left, size);
	reader_consume(reader, count);
	return count ? count * size : -EFAULT;
}

static ssize_t put_text(struct open_file *open, char __user *buf, size_t room)
{
	const struct setnsmon_record *record;
	int count = reader_peek(&open->reader, 1, &record);
	size_t len;

	if (count <= 0)
		return count;
	if (!open->line)
		open->line = kmalloc(SETNSMON_LINE_MAX, GFP_KERNEL_ACCOUNT);
	if (!open->line)
		return -ENOMEM;
	len = text_line(open->line, record);
	if (room < len)
		return -EINVAL;
	if (copy_to_user(buf, open->line, len))
		return -EFAULT;
	reader_consume(&open->reader, 1);
	return len;
}

/*
 * Delivers as many whole records as fit and exist now. A record is consumed only after it was
 * delivered.
 */
static ssize_t deliver(struct open_file *open, char __user *buf, size_t size)
{
	ssize_t done = 0;
	ssize_t put;

	do {
		if (open->format == SETNSMON_FORMAT_BINARY)
			put = put_binary(&open->reader, buf + done, size - done);
		else
			put = put_text(open, buf + done, size - done);
		if (put <= 0)
			return done ?: put;
		done += put;
		cond_resched();
	} while (done < size && !signal_pending(current));
	return done;
}

/* Returns whether a record is ready. A caller that is queued is woken for the next one. */
static bool ready_or_awaited(const struct open_file *open)
{
	wakeup_await();
	return reader_ready(&open->reader);
}

/*
 * Returns whether a record that matches the filter is ready. Does not wait for a thread that
 * reads, but lets the caller find out.
 */
static bool finds_match(struct open_file *open)
{
	bool found;

	if (!mutex_trylock(&open->lock))
		return true;
	found = reader_finds(&open->reader);
	mutex_unlock(&open->lock);
	return found;
}

/*
 * Returns whether every record made before the read began was skipped, so that a read that
 * does not want to wait ends even if calls are made as fast as it skips. @begin is the time of
 * its first look at many records, 0 before.
 */
static bool has_skipped_all(const struct open_file *open, u64 *begin)
{
	if (*begin)
		return reader_is_past(&open->reader, *begin);
	*begin = ktime_get_boottime_ns();
	return false;
}

static ssize_t device_read(struct file *file, char __user *buf, size_t size, loff_t *pos)
{
	struct open_file *open = file->private_data;
	bool skipping;
	u64 begin = 0;
	ssize_t done;
	int err;

	if (!size)
		return 0;
	for (;;) {
		err = mutex_lock_interruptible(&open->lock);
		if (err)
			return -ERESTARTSYS;
		done = deliver(open, buf, min_t(size_t, size, MAX_RW_COUNT));
		skipping = done == -EAGAIN;
		if (skipping && file->f_flags & O_NONBLOCK)
			skipping = !has_skipped_all(open, &begin);
		mutex_unlock(&open->lock);
		if (!skipping && done)
			return done;
		if (!skipping && file->f_flags & O_NONBLOCK)
			return -EAGAIN;
		if (signal_pending(current)) /* a write that does not end keeps the reader ready */
			return -ERESTARTSYS;
		if (skipping) {
			cond_resched();
			continue;
		}
		err = wait_event_interruptible(open->sleepers.head, ready_or_awaited(open));
		if (err)
			return err;
	}
}

static __poll_t device_poll(struct file *file, poll_table *table)
{
	struct open_file *open = file->private_data;

	poll_wait(file, &open->sleepers.head, table);
	if (!ready_or_awaited(open))
		return 0;
	if (reader_has_filter(&open->reader) && !finds_match(open))
		return 0;
	return EPOLLIN | EPOLLRDNORM;
}

static loff_t device_llseek(struct file *file, loff_t offset, int whence)
{
	struct open_file *open = file->private_data;
	int err;

	if (whence != SEEK_SET && whence != SEEK_END)
		return -ESPIPE;
	if (offset)
		return -EINVAL;
	if (mutex_lock_interruptible(&open->lock))
		return -ERESTARTSYS;
	if (whence == SEEK_SET)
		err = reader_rewind(&open->reader);
	else
		err = reader_skip_to_end(&open->reader);
	mutex_unlock(&open->lock);
	if (err)
		return err;
	/* Rewinding may make records readable again for others waiting on this file. */
	if (whence == SEEK_SET)
		wakeup_now(&open->sleepers);
	return 0;
}

static long ioctl_info(struct open_file *open, void __user *arg)
{
	const struct setnsmon_info info = {
		.abi_version = SETNSMON_ABI_VERSION,
		.record_size = sizeof(struct setnsmon_record),
		.cpus = rings_cpus(),
		.ring_records = rings_records(),
	};

	return copy_to_user(arg, &info, sizeof(info)) ? -EFAULT : 0;
}

static long ioctl_format(struct open_file *open, void __user *arg)
{
	u32 format;

	if (copy_from_user(&format, arg, sizeof(format)))
		return -EFAULT;
	if (format != SETNSMON_FORMAT_TEXT && format != SETNSMON_FORMAT_BINARY)
		return -EINVAL;
	open->format = format;
	if (format == SETNSMON_FORMAT_BINARY) {
		kfree(open->line);
		open->line = NULL;
	}
	return 0;
}

static long ioctl_counters(struct open_file *open, void __user *arg)
{
	struct setnsmon_counters counters;

	stats_read(&counters);
	counters.lost = reader_lost(&open->reader);
	counters.skipped = open->reader.skipped;
	return copy_to_user(arg, &counters, sizeof(counters)) ? -EFAULT : 0;
}

static long ioctl_filter(struct open_file *open, void __user *arg)
{
	struct setnsmon_filter filter;

	if (copy_from_user(&filter, arg, sizeof(filter)))
		return -EFAULT;
	if (!filter_is_valid(&filter))
		return -EINVAL;
	reader_set_filter(&open->reader, &filter);
	return 0;
}

static long ioctl_seek(struct open_file *open, void __user *arg)
{
	u64 boot_ns;

	if (copy_from_user(&boot_ns, arg, sizeof(boot_ns)))
		return -EFAULT;
	return reader_seek(&open->reader, boot_ns);
}

/*
 * Looked up by number. Size and direction must be those of @cmd. @wakes: it may make records
 * readable again for others waiting on this file.
 */
static const struct {
	unsigned int cmd;
	long (*run)(struct open_file *open, void __user *arg);
	bool wakes;
} ioctls[] = {
	{ SETNSMON_IOC_INFO, ioctl_info, false },
	{ SETNSMON_IOC_FORMAT, ioctl_format, false },
	{ SETNSMON_IOC_COUNTERS, ioctl_counters, false },
	{ SETNSMON_IOC_FILTER, ioctl_filter, true },
	{ SETNSMON_IOC_SEEK, ioctl_seek, true },
};

static long device_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct open_file *open = file->private_data;
	unsigned int i;
	long ret;

	for (i = 0; i < ARRAY_SIZE(ioctls); i++) {
		if (_IOC_TYPE(cmd) != SETNSMON_IOC_MAGIC || _IOC_NR(cmd) != _IOC_NR(ioctls[i].cmd))
			continue;
		if (cmd != ioctls[i].cmd)
			return -EINVAL;
		if (mutex_lock_interruptible(&open->lock))
			return -ERESTARTSYS;
		ret = ioctls[i].run(open, (void __user *)arg);
		mutex_unlock(&open->lock);
		if (ioctls[i].wakes && !ret)
			wakeup_now(&open->sleepers);
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

static struct miscdevice device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "setnsmon",
	.fops = &device_fops,
	.mode = 0400,
	.groups = stats_groups,
};

size_t device_file_bytes(void)
{
	size_t text = reader_bytes(1) + SETNSMON_LINE_MAX;

	return sizeof(struct open_file) + max(text, reader_bytes(reader_batch()));
}

int device_init(void)
{
	int err = misc_register(&device);

	if (err)
		pr_err("cannot create /dev/setnsmon (error %d)\n", err);
	return err;
}

void device_exit(void)
{
	misc_deregister(&device);
}
