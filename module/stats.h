/* SPDX-License-Identifier: GPL-2.0-only */
/* The counters of the module, and the files in /sys/class/misc/setnsmon that show them. */
#ifndef SETNSMON_STATS_H
#define SETNSMON_STATS_H

#include <linux/setnsmon.h>
#include <linux/sysfs.h>

/* One file for each counter, with one number, for root and for the group of the udev rule. */
extern const struct attribute_group *stats_groups[];

/* Counts a reader that opened the device, and one that closed it. Any context. */
void stats_add_reader(void);
void stats_remove_reader(void);

/* Fills in all counters, and the time, except @lost, which is a reader's own. May sleep. */
void stats_read(struct setnsmon_counters *counters);

#endif /* SETNSMON_STATS_H */
