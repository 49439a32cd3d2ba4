// SPDX-License-Identifier: GPL-2.0-only
/*
 * Keeps one successful setns(2) in the kernel, bound to its CPU, until it is released. On
 * PREEMPT_RT a call that waits for a spinlock is in that state, because spin_lock() sleeps
 * there under migrate_disable(). A CPU that goes offline waits for such a task after nearly
 * everything else on it has been moved or parked.
 *
 * The call lingers in place of perf_event_namespaces(), which reports it to perf.
 */
#include <linux/completion.h>
#include <linux/kprobes.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/preempt.h>
#include <linux/sched.h>

static int tid; /* thread whose next call lingers; 0 once it does */
module_param(tid, int, 0600);
MODULE_PARM_DESC(tid, "The thread whose next call lingers; 0 as soon as it does");

static DECLARE_COMPLETION(leave);

static int go_set(const char *text, const struct kernel_param *param)
{
	complete(&leave);
	return 0;
}

static const struct kernel_param_ops go_ops = {
	.set = go_set,
};
module_param_cb(go, &go_ops, NULL, 0200);
MODULE_PARM_DESC(go, "Written when the call may go on");

/*
 * Before 5.12 migrate_disable() is preempt_disable(), except on PREEMPT_RT. A task cannot
 * sleep under that.
 */
static noinline void linger(void)
{
	bool bound;

	migrate_disable();
	bound = !in_atomic();
	WRITE_ONCE(tid, 0);
	if (bound)
		wait_for_completion(&leave);
	migrate_enable();
	if (!bound)
		wait_for_completion(&leave);
	module_put(THIS_MODULE);
}

static int entry(struct kprobe *kprobe, struct pt_regs *regs)
{
	if (task_pid_nr(current) != READ_ONCE(tid))
		return 0;
	__module_get(THIS_MODULE);
	instruction_pointer_set(regs, (unsigned long)linger);
	return 1;
}

/* A post handler keeps the probe from becoming a jump, which could not change the ip. */
static void after(struct kprobe *kprobe, struct pt_regs *regs, unsigned long flags)
{
}

static struct kprobe kprobe = {
	.symbol_name = "perf_event_namespaces",
	.pre_handler = entry,
	.post_handler = after,
};

static int __init linger_init(void)
{
	return register_kprobe(&kprobe);
}

static void __exit linger_exit(void)
{
	unregister_kprobe(&kprobe);
}

module_init(linger_init);
module_exit(linger_exit);

MODULE_DESCRIPTION("Has a call of setns(2) linger on its processor");
MODULE_LICENSE("GPL");
