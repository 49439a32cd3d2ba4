// SPDX-License-Identifier: GPL-2.0-only
/*
 * A module with one bug, which a debug kernel must find. Each is of a kind that setnsmon promises not to have; bug=none
 * has none. The module itself does not report anything, because only the kernel should.
 */
#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/jiffies.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/string.h>
#include <linux/timer.h>

static char *bug = "none";
module_param(bug, charp, 0400);
MODULE_PARM_DESC(bug, "which of them");

static DEFINE_SPINLOCK(spin);
static DEFINE_MUTEX(first);
static DEFINE_MUTEX(second);
static int *pointer;
static u64 shared;

struct object {
	u64 words[6];
	struct timer_list timer;
};

static int none(void)
{
	return 0;
}

static int use_after_free(void)
{
	struct object *object = kzalloc(sizeof(*object), GFP_KERNEL);

	if (!object)
		return -ENOMEM;
	kfree(object);
	/* Hidden from the compiler, which would refuse it */
	OPTIMIZER_HIDE_VAR(object);
	WRITE_ONCE(shared, READ_ONCE(object->words[3]));
	return 0;
}

/* Several allocations, because a stale copy of one address may remain somewhere */
static int leak(void)
{
	int i;

	for (i = 0; i < 10; i++) {
		if (!kzalloc(sizeof(struct object), GFP_KERNEL))
			return -ENOMEM;
	}
	return 0;
}

static int sleep_in_atomic(void)
{
	struct object *object;

	spin_lock(&spin);
	object = kzalloc(sizeof(*object), GFP_KERNEL);
	spin_unlock(&spin);
	kfree(object);
	return 0;
}

/* Never both at the same time, so that it does not lock up; only the order is wrong */
static int lock_inversion(void)
{
	mutex_lock(&first);
	mutex_lock(&second);
	mutex_unlock(&second);
	mutex_unlock(&first);
	mutex_lock(&second);
	mutex_lock(&first);
	mutex_unlock(&first);
	mutex_unlock(&second);
	return 0;
}

static int undefined(void)
{
	int shift = 32;

	OPTIMIZER_HIDE_VAR(shift);
	WRITE_ONCE(shared, 1 << shift);
	return 0;
}

static int rcu_unprotected(void)
{
	return rcu_dereference(pointer) ? -EINVAL : 0;
}

static void never(struct timer_list *timer)
{
}

static int free_armed_timer(void)
{
	struct object *object = kzalloc(sizeof(*object), GFP_KERNEL);

	if (!object)
		return -ENOMEM;
	timer_setup(&object->timer, never, 0);
	mod_timer(&object->timer, jiffies + 3600 * HZ);
	kfree(object);
	return 0;
}

static int count(void *unused)
{
	while (!kthread_should_stop()) {
		int i;

		for (i = 0; i < 1000; i++)
			shared++;
		cond_resched();
	}
	return 0;
}

static int racing(void)
{
	struct task_struct *one, *other;

	one = kthread_run(count, NULL, "mutant/1");
	if (IS_ERR(one))
		return PTR_ERR(one);
	other = kthread_run(count, NULL, "mutant/2");
	if (!IS_ERR(other)) {
		msleep(5000);
		kthread_stop(other);
	}
	kthread_stop(one);
	return PTR_ERR_OR_ZERO(other);
}

static const struct {
	const char *name;
	int (*plant)(void);
} bugs[] = {
	{ "none", none },
	{ "use-after-free", use_after_free },
	{ "leak", leak },
	{ "sleep-in-atomic", sleep_in_atomic },
	{ "lock-inversion", lock_inversion },
	{ "undefined", undefined },
	{ "rcu-unprotected", rcu_unprotected },
	{ "armed-timer", free_armed_timer },
	{ "data-race", racing },
};

static int __init mutant_init(void)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(bugs); i++) {
		if (!strcmp(bugs[i].name, bug))
			return bugs[i].plant();
	}
	return -EINVAL;
}
module_init(mutant_init);

static void __exit mutant_exit(void)
{
}
module_exit(mutant_exit);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("One bug, for the harness to find");
