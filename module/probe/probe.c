// SPDX-License-Identifier: GPL-2.0-only
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include "probe/probe.h"
#include "compat.h"
#include "probe/disarm.h"
#include "probe/selftest.h"

#include <linux/cpumask.h>
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/rculist.h>

DEFINE_PER_CPU(const struct pt_regs *, probe_entry_regs);

/* The argument of probe_arm(). */
static struct probe_pair *pairs;
static unsigned int pair_count;

void probe_disarm_pair(struct probe_pair *pair)
{
	if (!pair->armed)
		return;
	disarm_kretprobe(&pair->kretprobe);
	disarm_kprobe(&pair->kprobe);
	pair->armed = false;
}

int probe_arm_pair(struct probe_pair *pair, unsigned int maxactive)
{
	int err;

	*pair->ops.quota = probe_quota_of(maxactive);
	/* Both structures must be fresh: an earlier registration leaves traces in them. */
	pair->kprobe = (struct kprobe){
		.symbol_name = pair->symbol,
		.addr = pair->address,
		.pre_handler = pair->ops.fallback,
	};
	err = register_kprobe(&pair->kprobe);
	if (err)
		return err;

	pair->kretprobe = (struct kretprobe){
		.kp.symbol_name = pair->symbol,
		.kp.addr = pair->address,
		.entry_handler = pair->ops.entry,
		.handler = pair->ops.ret,
		.data_size = pair->ops.data_size,
		.maxactive = maxactive,
	};
	err = register_kretprobe(&pair->kretprobe);
	if (err)
		goto disarm_kprobe;

	pair->armed = true;
	return 0;

disarm_kprobe:
	disarm_kprobe(&pair->kprobe);
	return err;
}

u64 probe_pool_bytes(const struct probe_pair *all, unsigned int count, unsigned int maxactive)
{
	u64 sum = 0;
	unsigned int i;

	for (i = 0; i < count; i++)
		if (all[i].wanted)
			sum += compat_kretprobe_pool_bytes(maxactive, all[i].ops.data_size);
	return sum;
}

void probe_disarm(void)
{
	unsigned int i;

	for (i = pair_count; i-- > 0;)
		probe_disarm_pair(&pairs[i]);
}

int probe_arm(struct probe_pair *new_pairs, unsigned int count, unsigned int maxactive)
{
	unsigned int i;
	int err;

	pairs = new_pairs;
	pair_count = count;
	for (i = 0; i < count; i++) {
		if (!pairs[i].wanted)
			continue;
		err = probe_arm_pair(&pairs[i], maxactive);
		if (err) {
			pr_err("cannot probe %s (error %d%s)\n", pairs[i].symbol, err,
			       err == -ENOENT ? ": this kernel has no such symbol" : "");
			probe_disarm();
			return err;
		}
	}
	return 0;
}

void probe_describe(char *buf, size_t size)
{
	size_t used = 0;
	unsigned int i;

	buf[0] = '\0';
	for (i = 0; i < pair_count; i++)
		if (pairs[i].armed)
			used += scnprintf(buf + used, size - used, "%s%s", used ? ", " : "",
					  pairs[i].symbol);
}

static void add_pair(struct probe_totals *totals, const struct probe_pair *pair)
{
	int cpu;

	/* The kernel increments nmissed without a lock, so CPUs may lose each other's counts. */
	totals->missed += data_race(pair->kprobe.nmissed);
	for_each_possible_cpu (cpu) {
		const struct probe_counts *counts = per_cpu_ptr(pair->ops.counts, cpu);

		totals->entered += READ_ONCE(counts->entered);
		totals->ret_unknown += READ_ONCE(counts->ret_unknown);
	}
}

/*
 * The kernel keeps all probes of one function in a ring: those of others, both of ours, and
 * the head of the list. A probe that leaves still points into the ring until a grace period
 * has passed (__unregister_kprobe_top() and unregister_kprobes() in kernel/kprobes.c).
 */
static unsigned int count_others(const struct probe_pair *pair)
{
	const struct list_head *own = &pair->kprobe.list, *node;
	unsigned int others = 0;

	rcu_read_lock();
	for (node = READ_ONCE(own->next); node != own; node = READ_ONCE(node->next))
		others++;
	rcu_read_unlock();
	others -= min(others, 2U); /* our kretprobe and the head */
	return others;
}

static unsigned int count_disabled(const struct probe_pair *pair)
{
	const u32 flags = KPROBE_FLAG_DISABLED | KPROBE_FLAG_GONE;

	return !!(data_race(pair->kprobe.flags) & flags) +
	       !!(data_race(pair->kretprobe.kp.flags) & flags);
}

void probe_health(struct probe_health *health)
{
	const bool fire = selftest_repeat();
	unsigned int i;

	*health = (struct probe_health){};
	for (i = 0; i < pair_count; i++) {
		if (!pairs[i].armed)
			continue;
		health->others += count_others(&pairs[i]);
		health->unarmed += fire ? count_disabled(&pairs[i]) : 2;
	}
}

void probe_totals(struct probe_totals *totals)
{
	unsigned int i;

	*totals = (struct probe_totals){};
	for (i = 0; i < pair_count; i++)
		if (pairs[i].armed)
			add_pair(totals, &pairs[i]);
	totals->entered += totals->missed;
}
