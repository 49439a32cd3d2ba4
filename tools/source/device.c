// SPDX-License-Identifier: GPL-2.0-only
#include "source/source.h"
#include "base/diagnose.h"
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define MODULE_DIR "/sys/module/setnsmon"
#define BATCH_SIZE (64 * 1024)

/* A record has at least what every type of it has, and no more than it can say. */
#define RECORD_SIZE_MIN (offsetof(struct setnsmon_record, lost) + sizeof(struct setnsmon_lost))
#define RECORD_SIZE_MAX UINT16_MAX

static void warn_missing(const char *path)
{
	if (access(MODULE_DIR, F_OK)) {
		warnx("the module is not loaded: load it with 'modprobe setnsmon' or 'insmod ./setnsmon.ko'");
		signing_explain(signing_demanded(""));
	} else {
		warnx("the module is loaded, but there is no %s here: "
		      "is this a container or a chroot with a /dev of its own?",
		      path);
	}
}

static void warn_refused(const char *path)
{
	if (geteuid())
		warnx("only root and the group setnsmon may read %s: try 'sudo setnsmon'", path);
	else
		warn("cannot open %s, although you are root: a container must be given the device, "
		     "and none with a user namespace of its own may read it",
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

static bool get_info(struct source *source)
{
	struct setnsmon_info *info = &source->info;

	if (ioctl(source->fd, SETNSMON_IOC_INFO, info)) {
		if (errno == ENOTTY)
			warnx("%s is not the device of setnsmon", source->path);
		else
			warn("%s: cannot ask the module for its version", source->path);
		return false;
	}
	if (info->abi_version != SETNSMON_ABI_VERSION) {
		warnx("the module speaks version %u of the protocol, this program version %u: "
		      "install the two of one release",
		      info->abi_version, SETNSMON_ABI_VERSION);
		return false;
	}
	if (info->record_size < RECORD_SIZE_MIN || info->record_size > RECORD_SIZE_MAX) {
		warnx("the module says that a record has %u bytes, which cannot be",
		      info->record_size);
		return false;
	}
	return true;
}

static bool set_binary(struct source *source)
{
	__u32 format = SETNSMON_FORMAT_BINARY;

	if (!ioctl(source->fd, SETNSMON_IOC_FORMAT, &format))
		return true;
	warn("%s: cannot switch to binary records", source->path);
	return false;
}

static bool allocate_batch(struct source *source)
{
	source->size = BATCH_SIZE - BATCH_SIZE % source->info.record_size;
	source->batch = malloc(source->size);
	if (!source->batch)
		warnx("out of memory");
	return source->batch;
}

bool source_open(struct source *source, const char *path)
{
	*source = (struct source){ .path = path };
	source->fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
	if (source->fd < 0) {
		warn_open(path);
		return false;
	}
	if (get_info(source) && set_binary(source) && allocate_batch(source))
		return true;
	source_close(source);
	return false;
}

void source_close(struct source *source)
{
	free(source->batch);
	close(source->fd);
}

bool source_skip_history(struct source *source)
{
	if (lseek(source->fd, 0, SEEK_END) >= 0)
		return true;
	warn("%s: cannot skip its history", source->path);
	return false;
}

bool source_counters(const struct source *source, struct setnsmon_counters *counters)
{
	if (!ioctl(source->fd, SETNSMON_IOC_COUNTERS, counters))
		return true;
	warn("%s: cannot read its counters", source->path);
	return false;
}

enum source_read source_read(struct source *source)
{
	ssize_t len;

	do
		len = read(source->fd, source->batch, source->size);
	while (len < 0 && errno == EINTR);
	source->count = 0;
	if (len < 0 && errno == EAGAIN)
		return SOURCE_DRAINED;
	if (len < 0) {
		warn("cannot read %s", source->path);
		return SOURCE_FAILED;
	}
	if (!len)
		return SOURCE_END;
	if (len % source->info.record_size) {
		warnx("%s gave %zd bytes, which are not whole records of %u", source->path, len,
		      source->info.record_size);
		return SOURCE_FAILED;
	}
	source->count = len / source->info.record_size;
	return SOURCE_BATCH;
}

void source_record(const struct source *source, unsigned int i, struct setnsmon_record *rec)
{
	size_t step = source->info.record_size;
	size_t known = step < sizeof(*rec) ? step : sizeof(*rec);

	memcpy(rec, source->batch + i * step, known);
	memset((u8 *)rec + known, 0, sizeof(*rec) - known);
}
