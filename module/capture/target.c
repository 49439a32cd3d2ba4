// SPDX-License-Identifier: GPL-2.0-only
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include "capture/target.h"
#include "capture/links.h"
#include "capture/userns.h"
#include "kinds.h"
#include "probe/symbol.h"

#include <linux/cgroup.h>
#include <linux/fs_struct.h>
#include <linux/kernel.h>
#include <linux/pid.h>
#include <linux/sched/signal.h>
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

static void fill_userns(struct event_target *to, const struct user_namespace *ns)
{
	to->more.userns_inum = ns->ns.inum;
	if (COMPAT_HAS_NS_IDS)
		to->more.userns_id = compat_ns_id(&ns->ns);
	to->more.userns_level = ns->level;
	to->more.userns_uid = __kuid_val(ns->owner);
	to->form.has |= SETNSMON_HAS_TARGET_USERNS;
}

/* Returns enum setnsmon_relation of a user namespace, seen from the caller's. */
static u8 relation_of(const struct user_namespace *ns)
{
	const struct user_namespace *own = current_user_ns();

	return ns == own ? SETNSMON_RELATION_SAME : target_relation_elsewhere(ns, own);
}

/* A step of the caller into a namespace. */
struct step {
	const struct user_namespace *owner; /* NULL for the initial user namespace */
	u8 relation;
};

/* A user namespace is judged by where it stands itself, another one by its owner. */
static struct step step_to(struct ns_common *ns, u32 type)
{
	const struct user_namespace *owner = links_owner(ns, type);
	const struct user_namespace *judged = owner;

	if (type == CLONE_NEWUSER)
		judged = container_of(ns, struct user_namespace, ns);
	return (struct step){ owner, relation_of(judged) };
}

/* Returns whether @a has the higher owner, or one as high and a relation that crosses more. */
static bool step_is_higher(struct step a, struct step b)
{
	static const u8 crossing[] = {
		[SETNSMON_RELATION_SAME] = 1,
		[SETNSMON_RELATION_DESCENDANT] = 2,
		[SETNSMON_RELATION_UNRELATED] = 3,
		[SETNSMON_RELATION_ANCESTOR] = 4,
	};
	int height_a = a.owner ? a.owner->level : -1;
	int height_b = b.owner ? b.owner->level : -1;

	if (height_a != height_b)
		return height_a < height_b;
	return crossing[a.relation] > crossing[b.relation];
}

/* Returns the namespace that a process lends to a caller that joins this kind by a pidfd. */
static struct ns_common *lent_ns(struct task_struct *task, const struct nsproxy *proxy,
				 unsigned int link)
{
	struct pid_namespace *pid_ns;

	switch (link) {
	case SETNSMON_LINK_PID:
		pid_ns = ns_of_pid(task_pid(task));
		return pid_ns ? &pid_ns->ns : NULL;
	case SETNSMON_LINK_USER:
		return &__task_cred(task)->user_ns->ns;
	default:
		return links_in_proxy(proxy, link);
	}
}

/* Fills in the owner and the relation of the namespaces of a process that @nstype asks for. */
static void fill_asked(struct event_target *to, struct task_struct *task,
		       const struct nsproxy *proxy, u32 nstype, const u32 *links)
{
	struct step highest = { NULL, SETNSMON_RELATION_NONE };
	u32 left;

	to->more.crossed = 0;
	if (nstype & ~NS_KIND_BITS)
		return;
	for (left = nstype; left; left &= left - 1) {
		const struct ns_kind *kind = &ns_kinds[__ffs(left)];
		struct ns_common *ns = lent_ns(task, proxy, kind->lent);
		struct step step;

		if (!ns)
			continue;
		step = step_to(ns, BIT(__ffs(left)));
		if (links[kind->moved] != ns->inum)
			to->more.crossed |= BIT(step.relation);
		if (!highest.relation || step_is_higher(step, highest))
			highest = step;
	}
	if (!highest.relation)
		return;
	to->form.relation = highest.relation;
	to->form.has |= SETNSMON_HAS_RELATION;
	if (highest.owner) {
		target_fill_owner(to, highest.owner);
		to->form.has |= SETNSMON_HAS_OWNER;
	}
}

/* Fills in what depends on the nsproxy, which must be stable. */
static void fill_proxy(struct event_target *to, struct task_struct *task, u32 nstype,
		       const u32 *links)
{
	const struct nsproxy *proxy = task->nsproxy;

	if (!proxy)
		return;
	links_fill_proxy(to->more.links, proxy);
	links_fill_others(to->more.links, task_pid(task), __task_cred(task)->user_ns);
	to->form.has |= SETNSMON_HAS_TARGET_LINKS;
	fill_asked(to, task, proxy, nstype, links);
}

/*
 * Fills in a task. The nsproxy of another one is stable only under its alloc_lock
 * (include/linux/nsproxy.h). The lock is tried and never waited for, which is safe with
 * preemption off, even on PREEMPT_RT, where it is a sleeping lock. An exiting task no longer
 * has an nsproxy.
 */
static void fill_task(struct event_target *to, struct task_struct *task, u32 nstype,
		      const u32 *links)
{
	fill_userns(to, __task_cred(task)->user_ns);
	to->more.cgroup_id = cgroup_id(task_dfl_cgroup(task));
	to->form.has |= SETNSMON_HAS_TARGET_CGROUP;
	if (task == current) {
		fill_proxy(to, task, nstype, links);
	} else if (spin_trylock(&task->alloc_lock)) {
		fill_proxy(to, task, nstype, links);
		spin_unlock(&task->alloc_lock);
	}
}

/* Fills in a process. The file holds its struct pid; the task behind it may be gone. */
static noinline void fill_process(struct event_target *to, const struct file *file,
				  enum compat_pidfd form, u32 nstype, const u32 *links)
{
	struct pid *pid = compat_pidfd_pid(file, form);
	struct task_struct *task;

	if (!trust_pidfd(file, form, pid))
		return;
	to->form.has |= SETNSMON_HAS_TARGET | SETNSMON_HAS_TARGET_PID;
	to->more.pid = pid->numbers[0].nr;
	to->more.pid_id = compat_pid_id(pid);

	rcu_read_lock();
	task = pid_task(pid, PIDTYPE_PID);
	if (task)
		fill_task(to, task, nstype, links);
	rcu_read_unlock();
}

static void fill_other(struct event_target *to, const struct file *file, u32 nstype,
		       const u32 *links)
{
	const enum compat_pidfd form = pidfd_form(file);

	if (form != COMPAT_PIDFD_NONE) {
		to->form = (struct event_target_form){ SETNSMON_FD_PIDFD, 0, 0 };
		fill_process(to, file, form, nstype, links);
		return;
	}
	to->form = (struct event_target_form){ SETNSMON_FD_OTHER, 0, SETNSMON_HAS_FS_MAGIC };
	to->more.fs_magic = file_inode(file)->i_sb->s_magic;
}

/*
 * Fills in how many tasks share what a join of a user, mount or time namespace needs for itself
 * (userns_install() in kernel/user_namespace.c, mntns_install() in fs/namespace.c,
 * timens_install() in kernel/time/namespace.c).
 */
static void fill_sharing(struct event_target *to)
{
	to->more.threads = data_race(current->signal->nr_threads);
	to->more.fs_users = data_race(current->fs->users);
	to->form.has |= SETNSMON_HAS_SHARING;
}

/* The kinds whose join may depend on what the caller shares. */
#define SHARING_KINDS (CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWTIME)

/* Fills in the members that only namespaces of these kinds have. */
static noinline void fill_more_of_ns(struct event_target *to, struct ns_common *ns)
{
	if (to->type == CLONE_NEWUSER) {
		fill_userns(to, container_of(ns, struct user_namespace, ns));
		to->form.relation = step_to(ns, CLONE_NEWUSER).relation;
		to->form.has |= SETNSMON_HAS_RELATION;
	}
	fill_sharing(to);
}

notrace void target_fill_file(struct event_target *to, const struct file *file, u32 nstype,
			      const u32 *links)
{
	struct ns_common *ns = file ? target_file_ns(file) : NULL;

	if (!file) {
		target_fill_none(to);
	} else if (ns) {
		target_fill_ns(to, ns, current_user_ns());
		if (to->type & SHARING_KINDS)
			fill_more_of_ns(to, ns);
	} else {
		fill_other(to, file, nstype, links);
		fill_sharing(to);
	}
}
