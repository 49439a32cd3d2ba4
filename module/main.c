// SPDX-License-Identifier: GPL-2.0-only
/*
 * setnsmon - records who joins which namespace.
 *
 *     probe -> capture -> stream (rings for each CPU) -> reader -> record -> device
 *
 * That is the way of a call. The folders may include each other in one direction only:
 *
 *     kinds, compat, portable <- arch <- probe <- capture -> stream
 *     capture/event.h <- record <- reader <- device -> stats -> probe, stream
 *
 * This file brings everything up and takes it down.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include "capture/event.h"
#include "capture/links.h"
#include "capture/setns.h"
#include "capture/target.h"
#include "device.h"
#include "probe/ftrace_pin.h"
#include "probe/probe.h"
#include "probe/selftest.h"
#include "stream/rings.h"
#include "stream/wakeup.h"

#include <linux/init.h>
#include <linux/log2.h>
#include <linux/module.h>
#include <linux/moduleparam.h>

#define MAX_MAXACTIVE 65536

static unsigned int ring_records = 1024;
module_param(ring_records, uint, 0444);
MODULE_PARM_DESC(ring_records,
		 "Records in each of the two rings of a CPU, a power of two from 16 to 1048576");

static unsigned int maxactive;
module_param(maxactive, uint, 0444);
MODULE_PARM_DESC(
	maxactive,
	"Calls followed to their return at once, up to 65536; 0 (default): 64, or 4 a CPU if more");

static int check_parameters(void)
{
	if (!is_power_of_2(ring_records) || ring_records < RINGS_MIN_RECORDS ||
	    ring_records > RINGS_MAX_RECORDS) {
		pr_err("ring_records=%u: must be a power of two from %u to %u\n", ring_records,
		       RINGS_MIN_RECORDS, RINGS_MAX_RECORDS);
		return -EINVAL;
	}
	if (maxactive > MAX_MAXACTIVE) {
		pr_err("maxactive=%u: must be from 0 to %u\n", maxactive, MAX_MAXACTIVE);
		return -EINVAL;
	}
	return 0;
}

static int init_rings(void)
{
	BUILD_BUG_ON(sizeof(struct event) % sizeof(u64));
	return rings_init(ring_records, sizeof(struct event));
}

static int arm(void)
{
	return probe_arm(setns_pairs, ARRAY_SIZE(setns_pairs), maxactive);
}

/* clang-format off */
/* Brought up in this order, taken down in reverse. */
static const struct {
	int (*up)(void);
	void (*down)(void);
} steps[] = {
	{ check_parameters, NULL },
	{ ftrace_pin_init, ftrace_pin_exit },
	{ selftest_init, selftest_exit },
	{ links_verify, NULL },
	{ target_init, NULL },
	{ init_rings, rings_exit },
	{ wakeup_init, wakeup_exit },
	{ arm, probe_disarm },
	{ device_init, device_exit },
};
/* clang-format on */

static void take_down(unsigned int up)
{
	while (up-- > 0)
		if (steps[up].down)
			steps[up].down();
}

static void __init announce(void)
{
	char probes[80];

	probe_describe(probes, sizeof(probes));
	pr_info("%s: probing %s; %u CPUs x %u x %u records, %zu KiB\n", SETNSMON_VERSION, probes,
		rings_cpus(), RING_CLASSES, rings_records(),
		rings_cpus() * rings_cpu_bytes(rings_records(), sizeof(struct event)) / 1024);
}

static int __init setnsmon_init(void)
{
	unsigned int up;
	int err;

	for (up = 0; up < ARRAY_SIZE(steps); up++) {
		err = steps[up].up();
		if (err) {
			take_down(up);
			return err;
		}
	}
	announce();
	return 0;
}

static void __exit setnsmon_exit(void)
{
	take_down(ARRAY_SIZE(steps));
}

module_init(setnsmon_init);
module_exit(setnsmon_exit);

MODULE_DESCRIPTION("Records every setns(2) call: who joined which namespace, owned by whom");
MODULE_AUTHOR("The setnsmon developers");
MODULE_LICENSE("GPL");
MODULE_VERSION(SETNSMON_VERSION);
