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

#include "budget.h"
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

#include <linux/cpumask.h>
#include <linux/init.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/moduleparam.h>

static unsigned int ring_records;
module_param(ring_records, uint, 0444);
MODULE_PARM_DESC(ring_records,
		 "Records in each ring of a CPU, a power of two from 16 to 1048576; 0 (default): "
		 "as many as 1% of memory or 32 MiB hold, but at least 256");

static unsigned int maxactive;
module_param(maxactive, uint, 0444);
MODULE_PARM_DESC(
	maxactive,
	"Calls followed to their return at once, up to 65536; 0 (default): 1024, or 4 a CPU "
	"if more, or what a quarter of the default memory holds, but at least 64");

static int check_parameters(void)
{
	if (ring_records && (!is_power_of_2(ring_records) || ring_records < BUDGET_MIN_RECORDS ||
			     ring_records > BUDGET_MAX_RECORDS)) {
		pr_err("ring_records=%u: must be a power of two from %u to %u, or 0\n",
		       ring_records, BUDGET_MIN_RECORDS, BUDGET_MAX_RECORDS);
		return -EINVAL;
	}
	if (maxactive > BUDGET_MAX_MAXACTIVE) {
		pr_err("maxactive=%u: must be from 0 to %u\n", maxactive, BUDGET_MAX_MAXACTIVE);
		return -EINVAL;
	}
	return 0;
}

static u64 pool_bytes(u32 calls)
{
	return probe_pool_bytes(setns_pairs, ARRAY_SIZE(setns_pairs), calls);
}

static struct budget budget;

static unsigned long long in_kib(u64 bytes)
{
	return DIV_ROUND_UP(bytes, 1024);
}

static void say_refused(const char *what, u32 number, u64 bytes, u32 fitting)
{
	pr_err("no memory for %s=%u: %llu KiB in all on %u CPUs is over the limit of %llu KiB, a sixteenth of memory\n",
	       what, number, in_kib(bytes), budget.cpus, in_kib(budget_most(&budget)));
	if (fitting)
		pr_err("%s=%u would fit\n", what, fitting);
}

/* Decides how much memory to take. */
static int plan_memory(void)
{
	struct budget asked;

	BUILD_BUG_ON(sizeof(struct event) % sizeof(u64));
	budget = (struct budget){
		.memory = (u64)totalram_pages() << PAGE_SHIFT,
		.cpus = num_present_cpus(),
		.record_bytes = rings_cpu_bytes(1, sizeof(struct event)),
		.pool_bytes = pool_bytes,
		.ring_records = ring_records,
		.maxactive = maxactive,
	};
	asked = budget;
	asked.ring_records = ring_records ?: BUDGET_LEAST_RECORDS;
	switch (budget_plan(&budget)) {
	case BUDGET_FITS:
		return 0;
	case BUDGET_EXCEEDED:
		pr_warn("%u CPUs with %u records of each class, the least, take more than the usual %llu KiB\n",
			budget.cpus, budget.ring_records, in_kib(budget_usual(&budget)));
		return 0;
	case BUDGET_RINGS_REFUSED:
		say_refused("ring_records", asked.ring_records,
			    budget_ring_bytes(&asked) + pool_bytes(budget.maxactive),
			    budget.ring_records);
		return -ENOMEM;
	case BUDGET_POOLS_REFUSED:
		say_refused("maxactive", asked.maxactive, pool_bytes(asked.maxactive),
			    budget.maxactive);
		return -ENOMEM;
	}
	return -EINVAL;
}

static int init_rings(void)
{
	return rings_init(budget.ring_records, sizeof(struct event));
}

static int arm(void)
{
	return probe_arm(setns_pairs, ARRAY_SIZE(setns_pairs), budget.maxactive);
}

/* clang-format off */
/* Brought up in this order, taken down in reverse. */
static const struct {
	int (*up)(void);
	void (*down)(void);
} steps[] = {
	{ check_parameters, NULL },
	{ plan_memory, NULL },
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
	pr_info("%s: probing %s\n", SETNSMON_VERSION, probes);
	pr_info("%u records of each of %u classes on %u CPUs: %llu KiB; %u calls in flight: %llu KiB; "
		"an open file: up to %llu KiB\n",
		rings_records(), RING_CLASSES, rings_cpus(),
		in_kib(rings_cpus() * rings_cpu_bytes(rings_records(), sizeof(struct event))),
		budget.maxactive, in_kib(pool_bytes(budget.maxactive)),
		in_kib(device_file_bytes()));
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
