// SPDX-License-Identifier: GPL-2.0-only
/*
 * A failed disable_kprobe() leaves one trace. __disarm_kprobe_ftrace() in kernel/kprobes.c
 * counts its functions down, and takes this one out of the filter only then, which is the step
 * that fails. A repetition counts down again. The count decides when kprobes leave ftrace
 * altogether: once it is too low, kprobes of others stop firing without a word.
 *
 * So the count must go up by one before a repetition, and the kernel offers no direct way. The
 * way here is a spare kprobe. Arming it counts up and puts its function into the filter. Then
 * it is marked as disabled by hand, and so it is unregistered without counting down. To clean
 * the filter it is armed and disabled once more. If that fails, its own count is lost, which
 * is what the mark would have done.
 *
 * Linux 5.10 enters a function into the filter twice, so there the spare function stays in the
 * filter. That costs its callers some instructions while any kprobe is armed.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include "probe/disarm.h"

#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/list.h>
#include <linux/minmax.h>
#include <linux/sched.h>

#define FIRST_PAUSE (HZ / 100 + 1)
#define LAST_PAUSE  (30 * HZ)

/* Sleeps longer each time. The task does not count as hung. */
static void pause(unsigned long *length)
{
	schedule_timeout_idle(*length);
	*length = min_t(unsigned long, *length * 2, LAST_PAUSE);
}

/* Only the tasks that load and unload this module use it, one at a time. */
static struct kprobe spare;

/*
 * misc_deregister() hardly ever runs, and hardly anybody has a reason to probe it. If somebody
 * does all the same, this returns an error, because then arming ours does not count.
 */
static int try_arm_spare(void)
{
	int err;

	spare = (struct kprobe){ .symbol_name = "misc_deregister" };
	err = register_kprobe(&spare);
	if (err)
		return err;
	if (list_empty(&spare.list) && kprobe_ftrace(&spare))
		return 0;
	/* While another probe stays there, nothing is taken off ftrace. */
	unregister_kprobe(&spare);
	return -EBUSY;
}

static void arm_spare(void)
{
	unsigned long length = FIRST_PAUSE;

	while (try_arm_spare())
		pause(&length);
}

/* Unregisters the spare kprobe, and leaves it in the count and in the filter. */
static void forget_spare(void)
{
	WRITE_ONCE(spare.flags, spare.flags | KPROBE_FLAG_DISABLED);
	unregister_kprobe(&spare);
}

static void correct_count(void)
{
	unsigned long length = FIRST_PAUSE;

	arm_spare();
	forget_spare();
	arm_spare();
	while (disable_kprobe(&spare)) {
		forget_spare();
		pause(&length);
		arm_spare();
	}
	unregister_kprobe(&spare);
}

/*
 * ENODEV means that ftrace has failed for good, before Linux 6.12. Nothing counts any more.
 * EINVAL means that the kernel does not have the kprobe.
 */
static void disable(struct kprobe *kprobe)
{
	unsigned long length = FIRST_PAUSE;
	bool said = false;
	int err;

	while ((err = disable_kprobe(kprobe)) != 0 && err != -EINVAL) {
		if (!said)
			pr_err("cannot take a probe off %ps (error %d%s): the module stays until it can\n",
			       kprobe->addr, err, err == -ENODEV ? ", ftrace has failed" : "");
		said = true;
		pause(&length);
		if (err == -ENOMEM)
			correct_count();
	}
}

void disarm_kprobe(struct kprobe *kprobe)
{
	disable(kprobe);
	unregister_kprobe(kprobe);
}

void disarm_kretprobe(struct kretprobe *kretprobe)
{
	disable(&kretprobe->kp);
	unregister_kretprobe(kretprobe);
}
