/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The caller's part of an event. The functions are inlined into the probe handlers of each
 * system call. They are called by the caller itself, with preemption off, and never sleep.
 */
#ifndef SETNSMON_CALLER_H
#define SETNSMON_CALLER_H

#include "capture/event.h"
#include "capture/links.h"

#include <linux/audit.h>
#include <linux/cgroup.h>
#include <linux/cred.h>
#include <linux/fs_struct.h>
#include <linux/pid.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/user_namespace.h>

/**
 * struct caller - pointers that several functions follow
 * @task: the current task
 * @cred: credentials
 * @user_ns: user namespace that @cred is for
 * @pid_ns: pid namespace
 * @nr: thread id in @pid_ns
 *
 * Passed by value: the compiler must otherwise assume that stores to the event alias them.
 */
struct caller {
	struct task_struct *task;
	const struct cred *cred;
	const struct user_namespace *user_ns;
	const struct pid_namespace *pid_ns;
	u32 nr;
};

/* Returns the number of @pid in its own namespace. */
static __always_inline const struct upid *caller_own_upid(const struct pid *pid)
{
	return &pid->numbers[pid->level];
}

static __always_inline struct caller get_caller(void)
{
	struct task_struct *task = current;
	const struct cred *cred = current_cred();
	const struct upid *self = caller_own_upid(task_pid(task));

	return (struct caller){ task, cred, cred->user_ns, self->ns, self->nr };
}

static __always_inline u64 caller_cap_bits(const kernel_cap_t *caps)
{
	u64 bits;

	BUILD_BUG_ON(sizeof(*caps) != sizeof(bits));
	memcpy(&bits, caps, sizeof(bits));
	return bits;
}

/*
 * Stores two neighbours. They are read before either is written, so that the compiler may
 * copy both at once if they are neighbours in the kernel's structure, too.
 */
static __always_inline void store_pair(u32 *to, u32 first, u32 second)
{
	to[0] = first;
	to[1] = second;
}

/* Fills in the attributes that the call can change. */
static __always_inline void caller_fill_before(struct event_before *to, struct caller caller)
{
	to->cap_permitted = caller_cap_bits(&caller.cred->cap_permitted);
	to->cap_effective = caller_cap_bits(&caller.cred->cap_effective);
	store_pair(&to->userns_level, caller.user_ns->level, __kuid_val(caller.user_ns->owner));
	links_fill_own(to->links, caller.pid_ns, caller.user_ns);
}

/* __kuid_val() of a kuid_t is the id in the initial user namespace. */
static __always_inline void caller_fill_ids(struct event_caller *to, const struct cred *cred)
{
	store_pair(&to->uid, __kuid_val(cred->uid), __kgid_val(cred->gid));
	store_pair(&to->suid, __kuid_val(cred->suid), __kgid_val(cred->sgid));
	store_pair(&to->euid, __kuid_val(cred->euid), __kgid_val(cred->egid));
	store_pair(&to->fsuid, __kuid_val(cred->fsuid), __kgid_val(cred->fsgid));
}

static __always_inline void caller_fill_process(struct event_caller *to, struct caller caller)
{
	struct task_struct *task = caller.task;
	const struct task_struct *leader = task->group_leader;

	store_pair(&to->tid, task->pid, task->tgid);
	to->ns_tid = caller.nr;
	to->ns_pid = likely(task == leader) ? caller.nr : caller_own_upid(task_tgid(task))->nr;
	to->start_ns = leader->start_boottime;
	/* Preemption is off, which is as good as rcu_read_lock() and costs nothing. */
	to->ppid = rcu_dereference_sched(task->real_parent)->tgid;
	to->cgroup_id = cgroup_id(task_dfl_cgroup(task));
	data_race(memcpy(to->comm, task->comm, sizeof(to->comm)));
}

/* Fills in the attributes that the call cannot change. */
static __always_inline void caller_fill(struct event_caller *to, struct caller caller)
{
	caller_fill_process(to, caller);
	store_pair(&to->loginuid, __kuid_val(audit_get_loginuid(caller.task)),
		   audit_get_sessionid(caller.task));
	caller_fill_ids(to, caller.cred);
}

/**
 * struct caller_place - root and working directory, as pointers that only serve comparison
 * @root_mnt: mount of the root directory
 * @root_dentry: the root directory in it
 * @pwd_mnt: mount of the working directory
 * @pwd_dentry: the working directory in it
 */
struct caller_place {
	const struct vfsmount *root_mnt;
	const struct dentry *root_dentry;
	const struct vfsmount *pwd_mnt;
	const struct dentry *pwd_dentry;
};

/*
 * Fills in the place. A task that shares its directories with others cannot join a mount
 * namespace (mntns_install() in fs/namespace.c), so it does not matter that they may change
 * them now.
 */
static __always_inline void caller_fill_place(struct caller_place *to)
{
	const struct fs_struct *fs = current->fs;

	to->root_mnt = data_race(fs->root.mnt);
	to->root_dentry = data_race(fs->root.dentry);
	to->pwd_mnt = data_race(fs->pwd.mnt);
	to->pwd_dentry = data_race(fs->pwd.dentry);
}

/* The directories that a call changed. */
enum caller_move {
	CALLER_STAYED,
	CALLER_MOVED_PWD, /* only the working directory */
	CALLER_MOVED_ROOT,
};

static inline enum caller_move caller_move(const struct caller_place *from)
{
	struct caller_place now;

	caller_fill_place(&now);
	if (now.root_mnt != from->root_mnt || now.root_dentry != from->root_dentry)
		return CALLER_MOVED_ROOT;
	if (now.pwd_mnt != from->pwd_mnt || now.pwd_dentry != from->pwd_dentry)
		return CALLER_MOVED_PWD;
	return CALLER_STAYED;
}

#endif /* SETNSMON_CALLER_H */
