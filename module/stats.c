// SPDX-License-Identifier: GPL-2.0-only
#include "stats.h"
#include "probe/probe.h"
#include "stream/rings.h"

#include <linux/atomic.h>
#include <linux/capability.h>
#include <linux/cred.h>
#include <linux/device.h>
#include <linux/pid_namespace.h>
#include <linux/timekeeping.h>
#include <linux/user_namespace.h>

static atomic_t readers = ATOMIC_INIT(0);

void stats_add_reader(void)
{
	atomic_inc(&readers);
}

void stats_remove_reader(void)
{
	atomic_dec(&readers);
}

/* Reads "recorded" before "entered", so that the former never exceeds the latter. */
void stats_read(struct setnsmon_counters *counters)
{
	struct probe_totals totals;
	struct probe_health health;

	counters->recorded = rings_committed();
	smp_rmb();
	probe_totals(&totals);
	counters->entered = totals.entered;
	counters->missed = totals.missed;
	counters->ret_unknown = totals.ret_unknown;
	counters->readers = atomic_read(&readers);
	counters->lost = 0;
	counters->skipped = 0;
	probe_health(&health);
	counters->other_probes = health.others;
	counters->unarmed = health.unarmed;
	counters->boot_ns = ktime_get_boottime_ns();
}

/*
 * Returns whether the caller may know the counters. The modes let only root and the group in.
 * But root in a container without a user namespace has root's uid, may become a member of any
 * group, and sees this sysfs. If it lacks CAP_SYS_ADMIN, its pid namespace gives it away.
 */
static bool may_read_counters(void)
{
	if (ns_capable_noaudit(&init_user_ns, CAP_SYS_ADMIN))
		return true;
	return current_user_ns() == &init_user_ns && task_active_pid_ns(current) == &init_pid_ns;
}

#define COUNTER_ATTR(name)                                                                         \
	static ssize_t name##_show(struct device *device, struct device_attribute *attr,           \
				   char *buf)                                                      \
	{                                                                                          \
		struct setnsmon_counters counters;                                                 \
                                                                                                   \
		if (!may_read_counters())                                                          \
			return -EPERM;                                                             \
		stats_read(&counters);                                                             \
		return sysfs_emit(buf, "%llu\n", counters.name);                                   \
	}                                                                                          \
	static DEVICE_ATTR(name, 0440, name##_show, NULL)

COUNTER_ATTR(entered);
COUNTER_ATTR(recorded);
COUNTER_ATTR(missed);
COUNTER_ATTR(ret_unknown);
COUNTER_ATTR(readers);
COUNTER_ATTR(other_probes);
COUNTER_ATTR(unarmed);

static struct attribute *stats_attrs[] = {
	&dev_attr_entered.attr, &dev_attr_recorded.attr,
	&dev_attr_missed.attr,	&dev_attr_ret_unknown.attr,
	&dev_attr_readers.attr, &dev_attr_other_probes.attr,
	&dev_attr_unarmed.attr, NULL,
};

static const struct attribute_group stats_group = { .attrs = stats_attrs };

const struct attribute_group *stats_groups[] = { &stats_group, NULL };
