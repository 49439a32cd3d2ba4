// SPDX-License-Identifier: GPL-2.0-only
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include "probe/probe.h"
#include "compat.h"

#include <linux/cpumask.h>
#include <linux/err.h>
#include <linux/kernel.h>
#include <linux/setnsmon.h>
#include <linux/slab.h>

DEFINE_PER_CPU(const struct pt_regs *, probe_captured);

static struct probe_pair pairs[] = {
	{
		.symbol = "__x64_sys_setns",
		.abi = SETNSMON_ABI_X86_64,
		.wanted = true,
	},
	{
		/* int 0x80 and 32-bit programs come this way, and only this way. */
		.symbol = "__ia32_sys_setns",
		.abi = SETNSMON_ABI_I386,
		.wanted = IS_ENABLED(CONFIG_IA32_EMULATION),
	},
};

/* Each call that sleeps inside setns(2) holds an instance; few ever do. */
#define DEFAULT_MAXACTIVE max_t(unsigned int, 64, 4 * num_possible_cpus())

/*
 * (If the kernel has no memory while it takes a kprobe off ftrace, it warns and keeps it,
 * and the module's memory goes all the same: unregister_kprobe() tells nobody.)
 */
static void pair_disarm(struct probe_pair *pair)
{
	if (!pair->armed)
		return;
	unregister_kretprobe(&pair->kretprobe);
	unregister_kprobe(&pair->kprobe);
	free_percpu(pair->counts);
	pair->armed = false;
}

static int pair_arm(struct probe_pair *pair, const struct probe_ops *ops, unsigned int maxactive)
{
	int err;

	pair->counts = alloc_percpu(struct probe_counts);
	if (!pair->counts)
		return -ENOMEM;

	/* Both structures must be fresh: registering leaves traces in them. */
	pair->kprobe = (struct kprobe){
		.symbol_name = pair->symbol,
		.addr = pair->address,
		.pre_handler = ops->check,
	};
	err = register_kprobe(&pair->kprobe);
	if (err)
		goto free_counts;

	pair->kretprobe = (struct kretprobe){
		.kp.symbol_name = pair->symbol,
		.kp.addr = pair->address,
		.entry_handler = ops->entry,
		.handler = ops->end,
		.data_size = ops->data_size,
		.maxactive = maxactive,
	};
	err = register_kretprobe(&pair->kretprobe);
	if (err)
		goto unregister_kprobe;

	pair->armed = true;
	return 0;

unregister_kprobe:
	unregister_kprobe(&pair->kprobe);
free_counts:
	free_percpu(pair->counts);
	return err;
}

void probe_disarm(void)
{
	int i;

	for (i = ARRAY_SIZE(pairs) - 1; i >= 0; i--)
		pair_disarm(&pairs[i]);
}

int probe_arm(const struct probe_ops *ops, unsigned int maxactive)
{
	unsigned int i;
	int err;

	for (i = 0; i < ARRAY_SIZE(pairs); i++) {
		if (!pairs[i].wanted)
			continue;
		err = pair_arm(&pairs[i], &ops[pairs[i].abi], maxactive ?: DEFAULT_MAXACTIVE);
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
	for (i = 0; i < ARRAY_SIZE(pairs); i++)
		if (pairs[i].armed)
			used += scnprintf(buf + used, size - used, "%s%s", used ? ", " : "",
					  pairs[i].symbol);
}

void probe_totals(struct probe_totals *totals)
{
	unsigned int i;
	int cpu;

	*totals = (struct probe_totals){};
	for (i = 0; i < ARRAY_SIZE(pairs); i++) {
		if (!pairs[i].armed)
			continue;
		/* The kernel counts it without a lock, and so may miscount on several CPUs. */
		totals->missed += data_race(pairs[i].kprobe.nmissed);
		for_each_possible_cpu (cpu) {
			const struct probe_counts *counts = per_cpu_ptr(pairs[i].counts, cpu);

			totals->entered += READ_ONCE(counts->entered);
			totals->ret_unknown += READ_ONCE(counts->ret_unknown);
		}
	}
	totals->entered += totals->missed;
}

/*
 * THE PROOF
 *
 * A pair on a function of ours, which is called once. Its argument and its return
 * value are chosen so that nothing else can produce them.
 *
 * There are two such functions, for the kernel may refuse one without a reason: it lets
 * nobody probe where a WARN() stands, and it remembers those of a module's init code
 * after that is freed (find_bug(), lib/bug.c). This module may well lie there now.
 */
static struct {
	const struct pt_regs *args;
	unsigned int entered;
	unsigned int unfollowed;
	long value;
} check;

static noinline int first_target(const struct pt_regs *args)
{
	barrier();
	return args ? 0x5e75 : 0;
}

static noinline int second_target(const struct pt_regs *args)
{
	barrier();
	return args ? 0x5e76 : 0;
}

static const struct check_target {
	int (*call)(const struct pt_regs *args);
	int value;
} check_targets[] = { { first_target, 0x5e75 }, { second_target, 0x5e76 } };

static void check_entered(long *data, const struct pt_regs *args, unsigned int abi)
{
	check.args = args;
	check.entered++;
}
NOKPROBE_SYMBOL(check_entered);

static void check_returned(long *data, long value, unsigned int abi)
{
	check.value = value;
}
NOKPROBE_SYMBOL(check_returned);

static void check_unfollowed(const struct pt_regs *args, unsigned int abi)
{
	check.unfollowed++;
}
NOKPROBE_SYMBOL(check_unfollowed);

DEFINE_PROBE_HANDLERS(check, SETNSMON_ABI_X86_64, long, check_entered, check_returned,
		      check_unfollowed);

static const struct probe_ops check_ops = PROBE_OPS(check, long);

static const char *check_verdict(const struct pt_regs *args, int value)
{
	if (!check.entered && !check.unfollowed)
		return "kprobes do not fire; see /sys/kernel/debug/kprobes/enabled";
	if (check.unfollowed)
		return "the kprobe ran before the kretprobe, or the kretprobe did not run";
	if (check.entered != 1 || check.args != args)
		return "the kretprobe did not see the call as it was made";
	if ((int)check.value != value)
		return "the return value did not arrive";
	return NULL;
}

/* The first target that the kernel lets us probe, with @pair armed on it; or an error. */
static const struct check_target *check_arm(struct probe_pair *pair)
{
	unsigned int i;
	int err;

	for (i = 0; i < ARRAY_SIZE(check_targets); i++) {
		pair->address = check_targets[i].call;
		err = pair_arm(pair, &check_ops, 1);
		if (!err)
			return &check_targets[i];
		if (err != -EINVAL)
			break;
	}
	return ERR_PTR(err);
}

int probe_self_check(void)
{
	static const struct pt_regs args;
	static struct probe_pair pair;
	const struct check_target *volatile target;
	const char *verdict;

	memset(&check, 0, sizeof(check));
	target = check_arm(&pair);
	if (IS_ERR(target)) {
		pr_err("kprobes cannot be used here (error %ld)\n", PTR_ERR(target));
		return PTR_ERR(target);
	}
	target->call(&args);
	pair_disarm(&pair);

	verdict = check_verdict(&args, target->value);
	if (verdict) {
		pr_err("not loaded, because calls would be missed: %s\n", verdict);
		return -EOPNOTSUPP;
	}
	return 0;
}
