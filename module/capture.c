// SPDX-License-Identifier: GPL-2.0-only
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include "capture.h"
#include "compat.h"
#include "recorder.h"

#include <linux/audit.h>
#include <linux/cgroup.h>
#include <linux/cred.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/init_task.h>
#include <linux/ipc_namespace.h>
#include <linux/nsproxy.h>
#include <linux/pid.h>
#include <linux/pid_namespace.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/setnsmon.h>
#include <linux/time_namespace.h>
#include <linux/timekeeping.h>
#include <linux/user_namespace.h>
#include <linux/utsname.h>
#include <net/net_namespace.h>

/* What is kept between entry and return: the record so far, and when it began. */
struct call {
	struct setnsmon_record record;
	ktime_t entered;
};

/* Bytes from a struct mnt_namespace, which is opaque to modules, to its ns_common. */
static size_t mnt_ns_offset;

/* The links of the initial namespaces. */
static u32 initial[SETNSMON_LINKS];

/* A kind of namespace, and which link setns(2) moves for it. */
static const struct {
	u32 kind;
	u8 link;   /* of the caller, after */
	u8 source; /* of the process that a pidfd names */
} moves[] = {
	{ CLONE_NEWCGROUP, SETNSMON_LINK_CGROUP, SETNSMON_LINK_CGROUP },
	{ CLONE_NEWIPC, SETNSMON_LINK_IPC, SETNSMON_LINK_IPC },
	{ CLONE_NEWNS, SETNSMON_LINK_MNT, SETNSMON_LINK_MNT },
	{ CLONE_NEWNET, SETNSMON_LINK_NET, SETNSMON_LINK_NET },
	{ CLONE_NEWPID, SETNSMON_LINK_PID_FOR_CHILDREN, SETNSMON_LINK_PID },
	{ CLONE_NEWTIME, SETNSMON_LINK_TIME, SETNSMON_LINK_TIME },
	{ CLONE_NEWUSER, SETNSMON_LINK_USER, SETNSMON_LINK_USER },
	{ CLONE_NEWUTS, SETNSMON_LINK_UTS, SETNSMON_LINK_UTS },
};

static struct ns_common *mnt_ns_common(const struct mnt_namespace *mnt_ns)
{
	return (struct ns_common *)((char *)mnt_ns + mnt_ns_offset);
}

/* The eight links that a task has by its nsproxy. */
static void read_proxy_links(u32 *links, const struct nsproxy *proxy)
{
	links[SETNSMON_LINK_CGROUP] = proxy->cgroup_ns->ns.inum;
	links[SETNSMON_LINK_IPC] = proxy->ipc_ns->ns.inum;
	links[SETNSMON_LINK_MNT] = mnt_ns_common(proxy->mnt_ns)->inum;
	links[SETNSMON_LINK_NET] = proxy->net_ns->ns.inum;
	links[SETNSMON_LINK_PID_FOR_CHILDREN] = proxy->pid_ns_for_children->ns.inum;
	links[SETNSMON_LINK_TIME] = proxy->time_ns->ns.inum;
	links[SETNSMON_LINK_TIME_FOR_CHILDREN] = proxy->time_ns_for_children->ns.inum;
	links[SETNSMON_LINK_UTS] = proxy->uts_ns->ns.inum;
}

/* The two others: by its struct pid, which an exiting task loses, and by its credentials. */
static void read_other_links(u32 *links, struct pid *pid, const struct user_namespace *user_ns)
{
	const struct pid_namespace *pid_ns = ns_of_pid(pid);

	links[SETNSMON_LINK_PID] = pid_ns ? pid_ns->ns.inum : 0;
	links[SETNSMON_LINK_USER] = user_ns->ns.inum;
}

static void read_own_links(u32 *links)
{
	read_proxy_links(links, current->nsproxy);
	read_other_links(links, task_pid(current), current_user_ns());
}

static u64 cap_bits(const kernel_cap_t *caps)
{
	u64 bits;

	BUILD_BUG_ON(sizeof(*caps) != sizeof(bits));
	memcpy(&bits, caps, sizeof(bits));
	return bits;
}

/* __kuid_val() of a kuid_t is the id in the initial user namespace. */
static void read_cred(struct setnsmon_setns *call, const struct cred *cred)
{
	call->uid = __kuid_val(cred->uid);
	call->euid = __kuid_val(cred->euid);
	call->suid = __kuid_val(cred->suid);
	call->fsuid = __kuid_val(cred->fsuid);
	call->gid = __kgid_val(cred->gid);
	call->egid = __kgid_val(cred->egid);
	call->sgid = __kgid_val(cred->sgid);
	call->fsgid = __kgid_val(cred->fsgid);
	call->cap_permitted = cap_bits(&cred->cap_permitted);
	call->cap_effective = cap_bits(&cred->cap_effective);
	call->caller_userns_inum = cred->user_ns->ns.inum;
	call->caller_userns_level = cred->user_ns->level;
	call->caller_userns_uid = __kuid_val(cred->user_ns->owner);
}

/* The number of a struct pid as its own namespace has it. */
static u32 own_nr(const struct pid *pid)
{
	return pid->numbers[pid->level].nr;
}

static void read_process(struct setnsmon_setns *call)
{
	call->pid = current->tgid;
	call->tid = current->pid;
	call->ns_pid = own_nr(task_tgid(current));
	call->ns_tid = own_nr(task_pid(current));
	call->start_ns = current->group_leader->start_boottime;
	memcpy(call->comm, current->comm, sizeof(call->comm));
	call->comm[sizeof(call->comm) - 1] = '\0';

	rcu_read_lock();
	call->ppid = rcu_dereference(current->real_parent)->tgid;
	call->cgroup_id = cgroup_id(task_dfl_cgroup(current));
	rcu_read_unlock();
	call->has |= SETNSMON_HAS_CGROUP;
}

static void read_audit(struct setnsmon_setns *call)
{
	kuid_t loginuid = audit_get_loginuid(current);
	unsigned int sessionid = audit_get_sessionid(current);

	call->loginuid = 0;
	call->sessionid = 0;
	if (uid_valid(loginuid)) {
		call->loginuid = __kuid_val(loginuid);
		call->has |= SETNSMON_HAS_LOGINUID;
	}
	if (sessionid != AUDIT_SID_UNSET) {
		call->sessionid = sessionid;
		call->has |= SETNSMON_HAS_SESSIONID;
	}
}

/* Is @ns @ancestor, or below it? A child pins its parent, so the way up is there. */
static bool descends(const struct user_namespace *ns, const struct user_namespace *ancestor)
{
	while (ns->level > ancestor->level)
		ns = ns->parent;
	return ns == ancestor;
}

static u8 relation_of(const struct user_namespace *owner, const struct user_namespace *caller)
{
	if (owner == caller)
		return SETNSMON_RELATION_SAME;
	if (descends(caller, owner))
		return SETNSMON_RELATION_ANCESTOR;
	if (descends(owner, caller))
		return SETNSMON_RELATION_DESCENDANT;
	return SETNSMON_RELATION_UNRELATED;
}

static void read_owner(struct setnsmon_setns *call, const struct user_namespace *owner)
{
	call->owner_inum = owner->ns.inum;
	call->owner_id = compat_ns_id(&owner->ns);
	call->owner_level = owner->level;
	call->owner_uid = __kuid_val(owner->owner);
	call->relation = relation_of(owner, current_user_ns());
	call->has |= SETNSMON_HAS_OWNER;
	if (call->relation != SETNSMON_RELATION_SAME)
		call->flags |= SETNSMON_FLAG_USERNS_CROSS;
	if (call->relation == SETNSMON_RELATION_ANCESTOR)
		call->flags |= SETNSMON_FLAG_UPWARD;
}

/* The initial user namespace is everybody else's ancestor, though nothing owns it. */
static void note_ownerless(struct setnsmon_setns *call)
{
	if (current_user_ns() != &init_user_ns)
		call->flags |= SETNSMON_FLAG_USERNS_CROSS | SETNSMON_FLAG_UPWARD;
}

/*
 * A file of nsfs holds its namespace, and that its owner (fs/nsfs.c). Each kind's
 * owner() reads one pointer of it.
 */
static void read_target_ns(struct setnsmon_setns *call, struct ns_common *ns)
{
	const struct user_namespace *owner = ns->ops->owner(ns);

	call->fd_kind = SETNSMON_FD_NSFS;
	call->has |= SETNSMON_HAS_TARGET | SETNSMON_HAS_TARGET_NS;
	call->target_type = compat_ns_type(ns);
	call->target_inum = ns->inum;
	call->target_id = compat_ns_id(ns);
	if (owner)
		read_owner(call, owner);
	else
		note_ownerless(call);
}

/*
 * task_struct.nsproxy of another task is stable under its alloc_lock only
 * (include/linux/nsproxy.h). The lock is tried, never waited for: that is safe
 * with preemption off, also where it is a sleeping lock (PREEMPT_RT). An exiting
 * task has no nsproxy any more.
 */
static bool try_read_links(u32 *links, struct task_struct *task)
{
	bool found = false;

	if (task == current) {
		read_proxy_links(links, task->nsproxy);
		return true;
	}
	if (!spin_trylock(&task->alloc_lock))
		return false;
	if (task->nsproxy) {
		read_proxy_links(links, task->nsproxy);
		found = true;
	}
	spin_unlock(&task->alloc_lock);
	return found;
}

/* The file holds @pid; the task behind it may be gone. */
static void read_target_process(struct setnsmon_setns *call, struct pid *pid)
{
	const struct user_namespace *user_ns;
	struct task_struct *task;

	call->fd_kind = SETNSMON_FD_PIDFD;
	call->has |= SETNSMON_HAS_TARGET | SETNSMON_HAS_TARGET_PID;
	call->target_pid = pid->numbers[0].nr;

	rcu_read_lock();
	task = pid_task(pid, PIDTYPE_PID);
	if (task) {
		user_ns = __task_cred(task)->user_ns;
		read_owner(call, user_ns);
		if (try_read_links(call->target_links, task)) {
			read_other_links(call->target_links, task_pid(task), user_ns);
			call->has |= SETNSMON_HAS_TARGET_LINKS;
		}
	}
	rcu_read_unlock();
}

/* What setns(2) will find when it does the same: it takes the file with fget(), too. */
static void read_target(struct setnsmon_setns *call)
{
	struct file *file = fget(call->fd);
	struct pid *pid;

	if (!file) {
		call->fd_kind = SETNSMON_FD_NONE;
		return;
	}
	pid = compat_pidfd_pid(file);
	if (file_inode(file)->i_sb->s_magic == NSFS_MAGIC)
		read_target_ns(call, file_inode(file)->i_private);
	else if (pid)
		read_target_process(call, pid);
	else
		call->fd_kind = SETNSMON_FD_OTHER;
	fput(file);
}

/* The arguments, as the entry of each ABI finds them (arch/x86/include/asm/syscall_wrapper.h). */
static void read_args(struct setnsmon_setns *call, const struct pt_regs *args, unsigned int abi)
{
	if (abi == SETNSMON_ABI_I386) {
		call->fd = args->bx;
		call->nstype = args->cx;
		call->flags = SETNSMON_FLAG_KERNEL_COMPAT;
	} else {
		call->fd = args->di;
		call->nstype = args->si;
		if (args->orig_ax & __X32_SYSCALL_BIT)
			abi = SETNSMON_ABI_X32;
	}
	call->abi = abi;
}

/* Everything that is known when the call is entered. */
static void read_entry(struct setnsmon_record *record, const struct pt_regs *args, unsigned int abi)
{
	struct setnsmon_setns *call = &record->setns;

	memset(record, 0, sizeof(*record));
	record->type = SETNSMON_RECORD_SETNS;
	record->size = sizeof(*record);
	if (COMPAT_HAS_NS_IDS)
		call->has |= SETNSMON_HAS_NS_IDS;
	read_args(call, args, abi);
	read_process(call);
	read_audit(call);
	read_cred(call, current_cred());
	read_own_links(call->before);
	read_target(call);
}

/* Which kinds have another link than before. */
static u32 changed_kinds(const struct setnsmon_setns *call)
{
	u32 kinds = 0;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(moves); i++)
		if (call->before[moves[i].link] != call->after[moves[i].link])
			kinds |= moves[i].kind;
	return kinds;
}

/*
 * Could a successful call have led from what fd named at entry to what is there
 * now? setns(2) takes the file after we did; another thread may have put another
 * one in its place, or the process behind a pidfd may have moved.
 */
static bool explains_after(const struct setnsmon_setns *call, u32 kinds)
{
	unsigned int i;

	if (changed_kinds(call) & ~kinds)
		return false;
	for (i = 0; i < ARRAY_SIZE(moves); i++) {
		u32 now = call->after[moves[i].link];

		if (!(kinds & moves[i].kind))
			continue;
		if (call->fd_kind == SETNSMON_FD_NSFS && now != call->target_inum)
			return false;
		if (call->has & SETNSMON_HAS_TARGET_LINKS &&
		    now != call->target_links[moves[i].source])
			return false;
	}
	return true;
}

static void judge_success(struct setnsmon_setns *call)
{
	u32 kinds = 0;

	if (call->fd_kind == SETNSMON_FD_NSFS)
		kinds = call->target_type;
	else if (call->fd_kind == SETNSMON_FD_PIDFD)
		kinds = call->nstype;

	/* With an nstype the kernel has joined just that, whatever fd was. */
	if (!kinds || (call->nstype && call->nstype != kinds) || !explains_after(call, kinds)) {
		call->flags |= SETNSMON_FLAG_RACED;
		kinds = call->nstype ?: changed_kinds(call);
	}
	call->joined = kinds;
}

static bool reached_initial(const struct setnsmon_setns *call)
{
	unsigned int i;

	for (i = 0; i < SETNSMON_LINKS; i++)
		if (call->after[i] == initial[i] && call->before[i] != initial[i])
			return true;
	return false;
}

/* Everything that is known when the call returns. */
static void read_return(struct setnsmon_setns *call, long value)
{
	call->ret = value;
	call->has |= SETNSMON_HAS_RET;
	call->cap_effective_after = cap_bits(&current_cred()->cap_effective);
	read_own_links(call->after);

	if (call->cap_effective_after & ~call->cap_effective)
		call->flags |= SETNSMON_FLAG_CAPS_GAINED;
	if (call->ret == 0) {
		judge_success(call);
		if (reached_initial(call))
			call->flags |= SETNSMON_FLAG_TO_INIT;
	} else if (call->ret == -EPERM || call->ret == -EACCES) {
		call->flags |= SETNSMON_FLAG_DENIED;
	}
}

/* One reading of the clock; the others differ from it by what the timekeeper knows. */
static ktime_t stamp(struct setnsmon_record *record)
{
	ktime_t now = ktime_get();

	record->boot_ns = ktime_to_ns(ktime_mono_to_any(now, TK_OFFS_BOOT));
	record->real_ns = ktime_to_ns(ktime_mono_to_any(now, TK_OFFS_REAL));
	return now;
}

static void call_entered(void *data, const struct pt_regs *args, unsigned int abi)
{
	struct call *call = data;

	call->entered = ktime_get();
	read_entry(&call->record, args, abi);
}
NOKPROBE_SYMBOL(call_entered);

static void call_returned(void *data, long value)
{
	struct call *call = data;
	struct setnsmon_record *record = &call->record;

	read_return(&record->setns, value);
	recorder_begin(record);
	record->setns.duration_ns = ktime_to_ns(ktime_sub(stamp(record), call->entered));
	recorder_commit(record);
}
NOKPROBE_SYMBOL(call_returned);

static void call_unfollowed(const struct pt_regs *args, unsigned int abi)
{
	struct setnsmon_record record;

	read_entry(&record, args, abi);
	record.setns.flags |= SETNSMON_FLAG_RET_UNKNOWN;
	recorder_begin(&record);
	stamp(&record);
	recorder_commit(&record);
}
NOKPROBE_SYMBOL(call_unfollowed);

const struct probe_ops capture_ops = {
	.data_size = sizeof(struct call),
	.entered = call_entered,
	.returned = call_returned,
	.unfollowed = call_unfollowed,
};

/*
 * /proc/self/ns/mnt leads to the ns_common of the mount namespace that
 * current->nsproxy points to; the distance is what we need. It is checked against
 * the operations' name, and must lie in a structure of a plausible size.
 */
static int learn_mnt_ns(void)
{
	struct file *file = filp_open("/proc/self/ns/mnt", O_RDONLY, 0);
	struct ns_common *ns;
	long offset;

	if (IS_ERR(file)) {
		pr_err("cannot open /proc/self/ns/mnt (error %ld): is /proc mounted?\n",
		       PTR_ERR(file));
		return PTR_ERR(file);
	}
	if (file_inode(file)->i_sb->s_magic != NSFS_MAGIC) {
		pr_err("/proc/self/ns/mnt is not a namespace: is /proc the real one?\n");
		fput(file);
		return -EOPNOTSUPP;
	}
	ns = file_inode(file)->i_private;
	offset = (char *)ns - (char *)current->nsproxy->mnt_ns;
	if (compat_ns_type(ns) != CLONE_NEWNS || ns->inum != file_inode(file)->i_ino ||
	    offset < 0 || offset > 256 || offset % sizeof(long)) {
		pr_err("struct mnt_namespace is not as expected (offset %ld)\n", offset);
		fput(file);
		return -EOPNOTSUPP;
	}
	mnt_ns_offset = offset;
	fput(file);
	return 0;
}

/* The idle task of the boot CPU never leaves the namespaces that the kernel began with. */
static void learn_initial(void)
{
	read_proxy_links(initial, init_task.nsproxy);
	initial[SETNSMON_LINK_PID] = init_pid_ns.ns.inum;
	initial[SETNSMON_LINK_USER] = init_user_ns.ns.inum;
}

int capture_init(void)
{
	int err = learn_mnt_ns();

	if (!err)
		learn_initial();
	return err;
}
