// SPDX-License-Identifier: GPL-2.0-only
/*
 * Arms a pair on a function of our own and calls that function. Nothing else can produce its
 * argument and its return value. The pair stays armed, so that the proof can be repeated.
 *
 * There are two such functions, because the kernel may refuse one without a reason. It lets
 * nobody probe the address of a WARN(), and it remembers the WARN()s of a module's init code
 * after that code is freed (find_bug() in lib/bug.c). This module may occupy that memory now.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include "probe/selftest.h"
#include "probe/probe.h"

#include <linux/err.h>
#include <linux/kernel.h>
#include <linux/mutex.h>
#include <linux/string.h>

/* Observations of the handlers, during the run that holds the mutex. */
static DEFINE_MUTEX(run_mutex);
static struct {
	const struct pt_regs *regs;
	unsigned int entered;
	unsigned int untracked;
	long value;
} seen;

static noinline int first_target(const struct pt_regs *regs)
{
	barrier();
	return regs ? 0x5e75 : 0;
}

static noinline int second_target(const struct pt_regs *regs)
{
	barrier();
	return regs ? 0x5e76 : 0;
}

static const struct selftest_target {
	int (*call)(const struct pt_regs *regs);
	int value;
} targets[] = { { first_target, 0x5e75 }, { second_target, 0x5e76 } };

/* Data kept from entry to return: the counter of the quota, if it limits the loader. */
typedef atomic_t *selftest_data;

static void selftest_entered(selftest_data *data, const struct pt_regs *regs, unsigned int abi)
{
	*data = NULL;
	seen.regs = regs;
	seen.entered++;
}
NOKPROBE_SYMBOL(selftest_entered);

static void selftest_limited(selftest_data *data, atomic_t *held)
{
	*data = held;
}
NOKPROBE_SYMBOL(selftest_limited);

static int selftest_returned(struct kretprobe_instance *ri, struct pt_regs *regs)
{
	selftest_data *data = (selftest_data *)ri->data;

	if (*data)
		probe_quota_give(*data);
	seen.value = regs_return_value(regs);
	return 0;
}
NOKPROBE_SYMBOL(selftest_returned);

static void selftest_untracked(const struct pt_regs *regs, unsigned int abi)
{
	seen.untracked++;
}
NOKPROBE_SYMBOL(selftest_untracked);

DEFINE_PROBE_HANDLERS(selftest, ARCH_ABI_64, selftest_data, selftest_entered, selftest_limited,
		      selftest_returned, selftest_untracked);

/* Returns what went wrong, NULL if nothing did. */
static const char *find_fault(const struct pt_regs *regs, int value)
{
	if (!seen.entered && !seen.untracked)
		return "kprobes do not fire; see /sys/kernel/debug/kprobes/enabled";
	if (seen.untracked)
		return "the kprobe ran before the kretprobe, or the kretprobe did not run";
	if (seen.entered != 1 || seen.regs != regs)
		return "the kretprobe did not see the call as it was made";
	if ((int)seen.value != value)
		return "the return value did not arrive";
	return NULL;
}

static struct probe_pair pair = { .ops = PROBE_OPS(selftest, selftest_data) };

/* Arms the pair on the first target that the kernel allows. Returns that target, or an error. */
static const struct selftest_target *arm_target(void)
{
	unsigned int i;
	int err;

	for (i = 0; i < ARRAY_SIZE(targets); i++) {
		pair.address = targets[i].call;
		err = probe_arm_pair(&pair, 1);
		if (!err)
			return &targets[i];
		if (err != -EINVAL)
			break;
	}
	return ERR_PTR(err);
}

/* volatile, so that the compiler can neither inline the call nor know its result */
static const struct selftest_target *volatile target;

/* Returns what went wrong, NULL if nothing did. */
static const char *run(void)
{
	static const struct pt_regs regs;
	const char *fault;

	mutex_lock(&run_mutex);
	memset(&seen, 0, sizeof(seen));
	target->call(&regs);
	fault = find_fault(&regs, target->value);
	mutex_unlock(&run_mutex);
	return fault;
}

bool selftest_repeat(void)
{
	return !run();
}

int selftest_init(void)
{
	const char *fault;

	target = arm_target();
	if (IS_ERR(target)) {
		pr_err("kprobes cannot be used here (error %ld)\n", PTR_ERR(target));
		return PTR_ERR(target);
	}
	fault = run();
	if (fault) {
		pr_err("not loaded, because calls would be missed: %s\n", fault);
		selftest_exit();
		return -EOPNOTSUPP;
	}
	return 0;
}

void selftest_exit(void)
{
	probe_disarm_pair(&pair);
}
