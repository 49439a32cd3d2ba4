// SPDX-License-Identifier: GPL-2.0-only
/*
 * setnsmon - records who joins which namespace.
 *
 *     probe -> capture -> recorder (a ring for each CPU) -> device -> readers
 *
 * Each room knows those to its right. This one brings them up and takes them down.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include "capture/setns.h"
#include "device.h"
#include "probe/ftrace_pin.h"
#include "probe/probe.h"
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
		 "Records kept in each of a CPU's two rings, a power of two from 16 to 1048576");

static unsigned int maxactive;
module_param(maxactive, uint, 0444);
MODULE_PARM_DESC(
	maxactive,
	"Calls whose return can be followed at once, up to 65536; 0 (default): the larger of 64 and 4 a CPU");

static int check_parameters(void)
{
	if (!is_power_of_2(ring_records) || ring_records < RECORDER_MIN_RECORDS ||
	    ring_records > RECORDER_MAX_RECORDS) {
		pr_err("ring_records=%u: must be a power of two from %u to %u\n", ring_records,
		       RECORDER_MIN_RECORDS, RECORDER_MAX_RECORDS);
		return -EINVAL;
	}
	if (maxactive > MAX_MAXACTIVE) {
		pr_err("maxactive=%u: must be from 0 to %u\n", maxactive, MAX_MAXACTIVE);
		return -EINVAL;
	}
	return 0;
}

static int init_recorder(void)
{
	return recorder_init(ring_records);
}

static int arm(void)
{
	return probe_arm(capture_ops, maxactive);
}

/* clang-format off */
/* Brought up in this order, taken down in reverse. */
static const struct {
	int (*up)(void);
	void (*down)(void);
} steps[] = {
	{ check_parameters, NULL },
	{ guard_init, guard_exit },
	{ probe_self_check, NULL },
	{ capture_init, NULL },
	{ init_recorder, recorder_exit },
	{ waker_init, waker_exit },
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
	pr_info("%s: probing %s; %u CPUs x 2 x %u records, %zu KiB\n", SETNSMON_VERSION, probes,
		num_possible_cpus(), recorder_ring_records(), recorder_bytes() / 1024);
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
