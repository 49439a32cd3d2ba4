/* SPDX-License-Identifier: GPL-2.0-only */
/* The live device /dev/setnsmon as a source, in binary format. */
#ifndef SETNSMON_SOURCE_DEVICE_H
#define SETNSMON_SOURCE_DEVICE_H

#include "source/source.h"

/* What the kernel says about kprobes. Both are in debugfs. */
#define KPROBES_SWITCH "/sys/kernel/debug/kprobes/enabled"
#define KPROBES_LIST   "/sys/kernel/debug/kprobes/list"

/* Opens the device. On failure says why and what to do, and returns false. */
bool device_open(struct source *source, const char *path);

/* What the module reports about itself and its totals; false after a message. */
bool device_info(const struct source *source, struct setnsmon_info *info);
bool device_counters(const struct source *source, struct setnsmon_counters *counters);

#endif /* SETNSMON_SOURCE_DEVICE_H */
