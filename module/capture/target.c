// SPDX-License-Identifier: GPL-2.0-only
#include "capture/target.h"
#include "capture/links.h"
#include "capture/userns.h"

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
 * A module cannot make a pidfd, so it cannot verify at load where a pidfd keeps its struct
 * pid. The first pidfds serve as the proof: the kernel itself must find the same struct pid
 * by the number in it. Until one has passed, the memory is read in a way that cannot fault.
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

static bool trust_pidfd(struct pid *pid)
{
	static bool verified;

	if (likely(READ_ONCE(verified)))
		return true;
	if (!verify_pidfd(pid))
		return false;
	WRITE_ONCE(verified, true);
	return true;
}

static void fill_task(struct event_target *to, struct task_struct *task)
{
	const struct user_namespace *user_ns = __task_cred(task)->user_ns;

	target_fill_owner(to, user_ns);
	if (try_fill_links(to->links, task)) {
		links_fill_others(to->links, task_pid(task), user_ns);
		to->has |= SETNSMON_HAS_TARGET_LINKS;
	}
}

/* Fills in a process. The file holds @pid; the task behind it may be gone. */
static noinline void fill_process(struct event_target *to, struct pid *pid)
{
	struct task_struct *task;

	to->fd_kind = SETNSMON_FD_PIDFD;
	if (!trust_pidfd(pid))
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
	struct pid *pid = compat_pidfd_pid(file);

	to->has = 0;
	if (pid)
		fill_process(to, pid);
	else
		to->fd_kind = SETNSMON_FD_OTHER;
}

void target_fill_file(struct event_target *to, const struct file *file)
{
	struct ns_common *ns = file ? target_file_ns(file) : NULL;

	if (!file)
		target_fill_none(to);
	else if (ns)
		target_fill_ns(to, ns);
	else
		fill_other(to, file);
}
