// SPDX-License-Identifier: GPL-2.0-only
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include "capture/target.h"
#include "capture/links.h"
#include "capture/userns.h"
#include "probe/symbol.h"

#include <linux/kernel.h>
#include <linux/pid.h>
#include <linux/sched/task.h>
#include <linux/uaccess.h>

u8 target_relation_elsewhere(const struct user_namespace *owner, const struct user_namespace *from)
{
	if (userns_is_within(from, owner))
		return SETNSMON_RELATION_ANCESTOR;
	if (userns_is_within(owner, from))
		return SETNSMON_RELATION_DESCENDANT;
	return SETNSMON_RELATION_UNRELATED;
}

/*
 * The nsproxy of another task is stable only under its alloc_lock (include/linux/nsproxy.h).
 * The lock is tried and never waited for, which is safe with preemption off, even on
 * PREEMPT_RT, where it is a sleeping lock. An exiting task no longer has an nsproxy.
 */
static bool try_fill_links(u32 *links, struct task_struct *task)
{
	bool found = false;

	if (task == current) {
		links_fill_proxy(links, task->nsproxy);
		return true;
	}
	if (!spin_trylock(&task->alloc_lock))
		return false;
	if (task->nsproxy) {
		links_fill_proxy(links, task->nsproxy);
		found = true;
	}
	spin_unlock(&task->alloc_lock);
	return found;
}

/*
 * The operations by which the kernel itself recognises a pidfd (pidfd_pid() in kernel/fork.c or
 * fs/pidfs.c), NULL as long as they are unknown.
 */
static const struct file_operations *pidfd_ops;

/*
 * A module cannot make a pidfd, so it cannot verify at load where a pidfd keeps its struct
 * pid. The first pidfds of a form serve as the proof: the kernel itself must find the same
 * struct pid by the number in it. Until one has passed, the memory is read in a way that cannot
 * fault.
 */
static noinline bool verify_pidfd(struct pid *pid)
{
	int nr;
	bool found;

	if (copy_from_kernel_nofault(&nr, &pid->numbers[0].nr, sizeof(nr)))
		return false;
	rcu_read_lock();
	found = find_pid_ns(nr, &init_pid_ns) == pid;
	rcu_read_unlock();
	return found;
}

static bool trust_pidfd(const struct file *file, enum compat_pidfd form, struct pid *pid)
{
	static bool verified[COMPAT_PIDFD_NONE];

	if (likely(READ_ONCE(verified[form])))
		return true;
	if (!verify_pidfd(pid))
		return false;
	WRITE_ONCE(pidfd_ops, file->f_op);
	WRITE_ONCE(verified[form], true);
	return true;
}

/* Returns the form of a pidfd, COMPAT_PIDFD_NONE if @file is another file. */
static enum compat_pidfd pidfd_form(const struct file *file)
{
	const struct file_operations *ops = READ_ONCE(pidfd_ops);

	return ops && file->f_op != ops ? COMPAT_PIDFD_NONE : compat_pidfd_form(file);
}

int target_init(void)
{
	static const char *const names[] = COMPAT_PIDFD_FOPS;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(names) && !pidfd_ops; i++)
		pidfd_ops = symbol_address(names[i]);
	if (!pidfd_ops)
		pr_info("this kernel does not show the operations of pidfds: the first pidfd must prove them\n");
	return 0;
}

static void fill_task(struct event_target *to, struct task_struct *task)
{
	const struct user_namespace *user_ns = __task_cred(task)->user_ns;

	to->has |= target_fill_owner(to, user_ns);
	if (try_fill_links(to->links, task)) {
		links_fill_others(to->links, task_pid(task), user_ns);
		to->has |= SETNSMON_HAS_TARGET_LINKS;
	}
}

/* Fills in a process. The file holds its struct pid; the task behind it may be gone. */
static noinline void fill_process(struct event_target *to, const struct file *file,
				  enum compat_pidfd form)
{
	struct pid *pid = compat_pidfd_pid(file, form);
	struct task_struct *task;

	to->fd_kind = SETNSMON_FD_PIDFD;
	if (!trust_pidfd(file, form, pid))
		return;
	to->has |= SETNSMON_HAS_TARGET | SETNSMON_HAS_TARGET_PID;
	to->pid = pid->numbers[0].nr;

	rcu_read_lock();
	task = pid_task(pid, PIDTYPE_PID);
	if (task)
		fill_task(to, task);
	rcu_read_unlock();
}

static void fill_other(struct event_target *to, const struct file *file)
{
	const enum compat_pidfd form = pidfd_form(file);

	to->has = 0;
	if (form != COMPAT_PIDFD_NONE)
		fill_process(to, file, form);
	else
		to->fd_kind = SETNSMON_FD_OTHER;
}

notrace void target_fill_file(struct event_target *to, const struct file *file)
{
	struct ns_common *ns = file ? target_file_ns(file) : NULL;

	if (!file)
		target_fill_none(to);
	else if (ns)
		target_fill_ns(to, ns);
	else
		fill_other(to, file);
}
