// SPDX-License-Identifier: GPL-2.0-only
/*
 * Has one setns(2) that succeeds stay in the kernel, bound to its processor, until it may
 * go: as one does on PREEMPT_RT that waits for a lock of the kernel's (spin_lock() sleeps
 * there, and keeps the processor by migrate_disable()). A processor that goes off line
 * waits for such a task, when nearly all else on it has been moved or parked.
 *
 * The call lingers in the place of perf_event_namespaces(), which tells perf of it.
 */
#include <linux/completion.h>
#include <linux/kprobes.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/preempt.h>
#include <linux/sched.h>

static int tid; /* whose next call it is; 0 once it lingers */
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
 * Before 5.12 migrate_disable() is preempt_disable(), unless on PREEMPT_RT. Where that
 * counts, nobody can wait so.
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

/* With one of these a probe is not made a jump, which takes no other address. */
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
