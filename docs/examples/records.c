/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note OR MIT */
/*
 * Prints the calls that the module holds, and waits for more.
 *
 *	cc $(pkg-config --cflags setnsmon) -o records records.c && ./records
 */
#include <err.h>
#include <fcntl.h>
#include <linux/setnsmon.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <stdio.h>

#define BATCH 64

static void show(const struct setnsmon_record *record)
{
	const struct setnsmon_setns *call = &record->setns;

	if (record->type == SETNSMON_RECORD_LOST)
		printf("lost %llu\n", (unsigned long long)record->lost.count);
	else if (record->type == SETNSMON_RECORD_SETNS)
		printf("pid %u uid %u fd %d target %u ret %d\n", call->pid, call->uid, call->fd,
		       call->target_inum, call->ret);
}

int main(void)
{
	const __u32 format = SETNSMON_FORMAT_BINARY;
	struct setnsmon_record record;
	struct setnsmon_info info;
	int device = open(SETNSMON_DEVICE, O_RDONLY);
	char *batch, *at;
	ssize_t len;

	if (device < 0 || ioctl(device, SETNSMON_IOC_FORMAT, &format) ||
	    ioctl(device, SETNSMON_IOC_INFO, &info))
		err(1, "%s", SETNSMON_DEVICE);
	batch = malloc(BATCH * info.record_size);
	while (batch && (len = read(device, batch, BATCH * info.record_size)) > 0) {
		/* A newer module may have longer records, an older one shorter ones. */
		for (at = batch; at < batch + len; at += info.record_size) {
			memset(&record, 0, sizeof(record));
			memcpy(&record, at, info.record_size < sizeof(record) ? info.record_size : sizeof(record));
			show(&record);
		}
		fflush(stdout);
	}
	err(1, "%s", SETNSMON_DEVICE);
}
