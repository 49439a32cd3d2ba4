// SPDX-License-Identifier: GPL-2.0-only
#include "source/device.h"
#include "base/diagnose.h"
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define MODULES_DIR "/sys/module"
#define MODULE_DIR  MODULES_DIR "/setnsmon"
#define BATCH_SIZE  (64 * 1024)

/* Bounds of a record's size: the part that all types share, and what its size field can hold. */
#define RECORD_SIZE_MIN (offsetof(struct setnsmon_record, lost) + sizeof(struct setnsmon_lost))
#define RECORD_SIZE_MAX UINT16_MAX

static void warn_missing(const char *path)
{
	if (access(MODULES_DIR, F_OK)) {
		warnx("%s does not exist here, and without /sys it is unknown whether the module "
		      "is loaded: mount it with 'mount -t sysfs sysfs /sys'",
		      path);
	} else if (access(MODULE_DIR, F_OK)) {
		warnx("the module is not loaded: load it with 'modprobe setnsmon' or 'insmod ./setnsmon.ko'");
		signing_explain(signing_policy(""));
	} else {
		warnx("the module is loaded, but %s does not exist here: "
		      "in a container or chroot with its own /dev, pass the device in",
		      path);
	}
}

static void warn_refused(const char *path)
{
	if (geteuid())
		warnx("only root and the group setnsmon may read %s: try 'sudo setnsmon'", path);
	else
		warn("cannot open %s, even as root: a container needs access to the device, "
		     "and must not have its own user namespace",
		     path);
}

static void warn_open(const char *path)
{
	switch (errno) {
	case ENOENT:
	case ENODEV:
	case ENXIO:
		warn_missing(path);
		break;
	case EACCES:
	case EPERM:
		warn_refused(path);
		break;
	default:
		warn("cannot open %s", path);
	}
}

/* Explains why an ioctl failed. A module of another version may have other structures. */
static void warn_ioctl(const struct source *source, const char *what)
{
	if (errno == ENOTTY)
		warnx("%s is not the device of setnsmon: see option --device", source->path);
	else if (errno == EINVAL)
		warnx("%s: cannot %s: install matching versions of module and reader", source->path,
		      what);
	else
		warn("%s: cannot %s", source->path, what);
}

bool device_info(const struct source *source, struct setnsmon_info *info)
{
	if (!ioctl(source->fd, SETNSMON_IOC_INFO, info))
		return true;
	warn_ioctl(source, "get the module's version");
	return false;
}

bool device_counters(const struct source *source, struct setnsmon_counters *counters)
{
	if (!ioctl(source->fd, SETNSMON_IOC_COUNTERS, counters))
		return true;
	warn_ioctl(source, "read the counters");
	return false;
}

/* Learns the format of the records, and checks that this program can read it. */
static bool get_format(struct source *source)
{
	struct setnsmon_info info;

	if (!device_info(source, &info))
		return false;
	if (info.abi_version != SETNSMON_ABI_VERSION) {
		warnx("ABI mismatch: module %u, reader %u; install matching versions",
		      info.abi_version, SETNSMON_ABI_VERSION);
		return false;
	}
	if (info.record_size < RECORD_SIZE_MIN || info.record_size > RECORD_SIZE_MAX) {
		warnx("the module reports an impossible record size, %u bytes: "
		      "install matching versions of module and reader",
		      info.record_size);
		return false;
	}
	source->record_size = info.record_size;
	return true;
}

static bool set_binary(struct source *source)
{
	__u32 format = SETNSMON_FORMAT_BINARY;

	if (!ioctl(source->fd, SETNSMON_IOC_FORMAT, &format))
		return true;
	warn_ioctl(source, "switch to binary records");
	return false;
}

static bool allocate_batch(struct source *source)
{
	source->size = BATCH_SIZE - BATCH_SIZE % source->record_size;
	source->batch = malloc(source->size);
	if (!source->batch)
		warnx("out of memory");
	return source->batch;
}

static void warn_read(const struct source *source)
{
	if (errno == ENOMEM)
		warnx("cannot read %s: not enough memory, perhaps because of the limit of a cgroup; "
		      "nothing is lost, try again",
		      source->path);
	else
		warn("cannot read %s", source->path);
}

static enum source_read read_device(struct source *source)
{
	ssize_t len;

	do
		len = read(source->fd, source->batch, source->size);
	while (len < 0 && errno == EINTR);
	source->count = 0;
	if (len < 0 && errno == EAGAIN)
		return SOURCE_DRAINED;
	if (len < 0) {
		warn_read(source);
		return SOURCE_FAILED;
	}
	if (!len)
		return SOURCE_END;
	if (len % source->record_size) {
		warnx("%s returned %zd bytes, which is not a multiple of the record size %u",
		      source->path, len, source->record_size);
		return SOURCE_FAILED;
	}
	source->count = len / source->record_size;
	return SOURCE_BATCH;
}

static bool skip_device_history(struct source *source)
{
	if (lseek(source->fd, 0, SEEK_END) >= 0)
		return true;
	warn("%s: cannot skip the history", source->path);
	return false;
}

/* An older module has no filter, or not this one. */
static bool filter_device(struct source *source, const struct setnsmon_filter *filter)
{
	return !ioctl(source->fd, SETNSMON_IOC_FILTER, filter);
}

/* The module reads its own clock: CLOCK_BOOTTIME differs in a time namespace. */
static bool device_now(const struct source *source, u64 *boot_ns)
{
	struct setnsmon_counters counters;

	if (!device_counters(source, &counters))
		return false;
	*boot_ns = counters.boot_ns;
	return true;
}

static void warn_other_probes(unsigned long long count)
{
	warnx("%llu %s of other programs can hide calls from setnsmon: look at %s, "
	      "and end the programs that trace setns(2)",
	      count, count == 1 ? "kprobe" : "kprobes", KPROBES_LIST);
}

static bool kprobes_are_off(void)
{
	FILE *file = fopen(KPROBES_SWITCH, "r");
	int state;

	if (!file)
		return false;
	state = getc(file);
	fclose(file);
	return state == '0';
}

static void warn_unarmed(unsigned long long count)
{
	if (kprobes_are_off())
		warnx("calls are not recorded: kprobes are switched off; "
		      "switch them on with: echo 1 > " KPROBES_SWITCH);
	else if (access(KPROBES_SWITCH, F_OK))
		warnx("calls are not recorded: %llu probes of the module do not fire; kprobes may be "
		      "switched off (mount -t debugfs debugfs /sys/kernel/debug; cat %s)",
		      count, KPROBES_SWITCH);
	else
		warnx("calls are not recorded: %llu probes of the module do not fire; "
		      "look at the kernel log, then reload the module or reboot",
		      count);
}

static unsigned int device_troubles(const struct source *source, unsigned int known)
{
	struct setnsmon_counters counters;
	unsigned int troubles = 0;

	/* Asking again would not help. */
	if (!device_counters(source, &counters))
		return ~0U;
	if (counters.other_probes)
		troubles |= SOURCE_OTHER_PROBES;
	if (counters.unarmed)
		troubles |= SOURCE_UNARMED;
	if (troubles & ~known & SOURCE_OTHER_PROBES)
		warn_other_probes(counters.other_probes);
	if (troubles & ~known & SOURCE_UNARMED)
		warn_unarmed(counters.unarmed);
	return troubles;
}

static void close_device(struct source *source)
{
	free(source->batch);
	close(source->fd);
}

static const struct source_ops device_ops = {
	.read = read_device,
	.skip_history = skip_device_history,
	.filter = filter_device,
	.now = device_now,
	.troubles = device_troubles,
	.close = close_device,
};

bool device_open(struct source *source, const char *path)
{
	*source = (struct source){ .ops = &device_ops, .path = path };
	source->fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
	if (source->fd < 0) {
		warn_open(path);
		return false;
	}
	if (get_format(source) && set_binary(source) && allocate_batch(source))
		return true;
	source_close(source);
	return false;
}
