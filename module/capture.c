// SPDX-License-Identifier: GPL-2.0-only
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include "capture.h"
#include "compat.h"
#include "crossing.h"
#include "links.h"
#include "recorder.h"

#include <linux/audit.h>
#include <linux/cgroup.h>
#include <linux/cred.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/init_task.h>
#include <linux/pid.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/setnsmon.h>
#include <linux/timekeeping.h>
#include <linux/uaccess.h>
#include <linux/user_namespace.h>

/**
 * struct call - what is kept between entry and return
 * @entered: when it began
 * @proxy: the caller's nsproxy then, only to be compared
 * @cred: the caller's credentials then, only to be compared
 * @entry: the record so far; valid up to ENTRY_BYTES, and @target_links if its
 *	bit of @has is set; at return, also @after
 */
struct call {
	ktime_t entered;
	const struct nsproxy *proxy;
	const struct cred *cred;
	struct setnsmon_setns entry;
};

#define ENTRY_BYTES offsetof(struct setnsmon_setns, target_links)

/* The links of the initial namespaces. */
static u32 initial[SETNSMON_LINKS];

/* Which link of the caller setns(2) moves for a kind: by the number of its CLONE_NEW* bit. */
static const u8 link_of_bit[32] = {
	[const_ilog2(CLONE_NEWTIME)] = SETNSMON_LINK_TIME,
	[const_ilog2(CLONE_NEWNS)] = SETNSMON_LINK_MNT,
	[const_ilog2(CLONE_NEWCGROUP)] = SETNSMON_LINK_CGROUP,
	[const_ilog2(CLONE_NEWUTS)] = SETNSMON_LINK_UTS,
	[const_ilog2(CLONE_NEWIPC)] = SETNSMON_LINK_IPC,
	[const_ilog2(CLONE_NEWUSER)] = SETNSMON_LINK_USER,
	[const_ilog2(CLONE_NEWPID)] = SETNSMON_LINK_PID_FOR_CHILDREN,
	[const_ilog2(CLONE_NEWNET)] = SETNSMON_LINK_NET,
};

#define ALL_KINDS                                                                                  \
	(CLONE_NEWTIME | CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC |             \
	 CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET)

static u64 cap_bits(const kernel_cap_t *caps)
{
	u64 bits;

	BUILD_BUG_ON(sizeof(*caps) != sizeof(bits));
	memcpy(&bits, caps, sizeof(bits));
	return bits;
}

/* What a join may change. */
static void read_rights(struct setnsmon_setns *call, const struct cred *cred)
{
	call->cap_permitted = cap_bits(&cred->cap_permitted);
	call->cap_effective = cap_bits(&cred->cap_effective);
	call->caller_userns_inum = cred->user_ns->ns.inum;
	call->caller_userns_level = cred->user_ns->level;
	call->caller_userns_uid = __kuid_val(cred->user_ns->owner);
}

/* And what it does not. __kuid_val() of a kuid_t is the id in the initial user namespace. */
static void read_ids(struct setnsmon_setns *call, const struct cred *cred)
{
	call->uid = __kuid_val(cred->uid);
	call->euid = __kuid_val(cred->euid);
	call->suid = __kuid_val(cred->suid);
	call->fsuid = __kuid_val(cred->fsuid);
	call->gid = __kgid_val(cred->gid);
	call->egid = __kgid_val(cred->egid);
	call->sgid = __kgid_val(cred->sgid);
	call->fsgid = __kgid_val(cred->fsgid);
}

/* The number of a struct pid as its own namespace has it. */
static u32 own_nr(const struct pid *pid)
{
	return pid->numbers[pid->level].nr;
}

/* All ones in the bytes of a word before its first that is zero; little endian. */
static u64 bytes_before_nul(u64 word)
{
	const u64 ones = ~0ULL / 0xff;
	u64 nuls = (word - ones) & ~word & (ones << 7); /* exact up to the first */

	return (nuls - 1) & ~nuls;
}

/*
 * What follows the first NUL may be left of a longer name (on Linux 5.10), or be
 * half of a name that another thread writes just now: it is zeroed.
 */
static void read_comm(struct setnsmon_setns *call)
{
	u64 words[2];
	u64 mask;

	BUILD_BUG_ON(sizeof(call->comm) != sizeof(words) || TASK_COMM_LEN != sizeof(words));
	data_race(memcpy(words, current->comm, sizeof(words)));
	mask = bytes_before_nul(words[0]);
	words[0] &= mask;
	words[1] &= mask == ~0ULL ? bytes_before_nul(words[1]) & ~0ULL >> 8 : 0;
	memcpy(call->comm, words, sizeof(words));
}

static void read_process(struct setnsmon_setns *call)
{
	call->pid = current->tgid;
	call->tid = current->pid;
	call->ns_pid = own_nr(task_tgid(current));
	call->ns_tid = own_nr(task_pid(current));
	call->start_ns = current->group_leader->start_boottime;
	read_comm(call);

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
		links_read_proxy(links, task->nsproxy);
		return true;
	}
	if (!spin_trylock(&task->alloc_lock))
		return false;
	if (task->nsproxy) {
		links_read_proxy(links, task->nsproxy);
		found = true;
	}
	spin_unlock(&task->alloc_lock);
	return found;
}

/*
 * Nothing that a module may call makes a pidfd, so where it keeps its struct pid
 * cannot be tried at load. It is tried with the pidfds that come: what is there must
 * be what the kernel itself finds by the number in it. Once one has passed, all are
 * trusted; before, they are read in a way that cannot fault.
 */
static bool proves_pidfds(struct pid *pid)
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
	static bool proven;

	if (likely(READ_ONCE(proven)))
		return true;
	if (!proves_pidfds(pid))
		return false;
	WRITE_ONCE(proven, true);
	return true;
}

/* The file holds @pid; the task behind it may be gone. */
static void read_target_process(struct setnsmon_setns *call, struct pid *pid)
{
	const struct user_namespace *user_ns;
	struct task_struct *task;

	call->fd_kind = SETNSMON_FD_PIDFD;
	if (!trust_pidfd(pid))
		return;
	call->has |= SETNSMON_HAS_TARGET | SETNSMON_HAS_TARGET_PID;
	call->target_pid = pid->numbers[0].nr;

	rcu_read_lock();
	task = pid_task(pid, PIDTYPE_PID);
	if (task) {
		user_ns = __task_cred(task)->user_ns;
		read_owner(call, user_ns);
		if (try_read_links(call->target_links, task)) {
			links_read_others(call->target_links, task_pid(task), user_ns);
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
	if (file_inode(file)->i_sb->s_magic == NSFS_MAGIC)
		read_target_ns(call, file_inode(file)->i_private);
	else if ((pid = compat_pidfd_pid(file)))
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

static void read_entry(struct setnsmon_setns *call, const struct pt_regs *args, unsigned int abi)
{
	memset(call, 0, offsetof(struct setnsmon_setns, before));
	if (COMPAT_HAS_NS_IDS)
		call->has = SETNSMON_HAS_NS_IDS;
	read_args(call, args, abi);
	read_rights(call, current_cred());
	links_read_own(call->before);
	read_target(call);
}

/* What was read at entry, into the record. */
static void put_entry(struct setnsmon_setns *call, const struct setnsmon_setns *entry)
{
	memcpy(call, entry, ENTRY_BYTES);
	if (entry->has & SETNSMON_HAS_TARGET_LINKS)
		memcpy(call->target_links, entry->target_links, sizeof(call->target_links));
	else
		memset(call->target_links, 0, sizeof(call->target_links));
}

/* Who calls: of that setns(2) changes nothing, so it need not be kept. */
static void read_caller(struct setnsmon_setns *call)
{
	read_process(call);
	read_audit(call);
	read_ids(call, current_cred());
	call->pad2 = 0;
}

static bool links_equal(const u32 *a, const u32 *b)
{
	u32 differ = 0;
	unsigned int i;

	for (i = 0; i < SETNSMON_LINKS; i++)
		differ |= a[i] ^ b[i];
	return !differ;
}

/* A bit for each link that is not what it was. */
static u32 changed_links(const struct setnsmon_setns *call)
{
	u32 links = 0;
	unsigned int i;

	if (links_equal(call->before, call->after))
		return 0;
	for (i = 0; i < SETNSMON_LINKS; i++)
		if (call->before[i] != call->after[i])
			links |= BIT(i);
	return links;
}

/* The kinds to which these links belong. */
static u32 kinds_of(u32 links)
{
	u32 kinds = 0;
	u32 left;

	for (left = ALL_KINDS; left; left &= left - 1)
		if (links & BIT(link_of_bit[__ffs(left)]))
			kinds |= left & -left;
	return kinds;
}

/* What fd named at entry had, in the place of this link of the caller. */
static bool target_matches(const struct setnsmon_setns *call, unsigned int link)
{
	/* A process lends the pid namespace that it is in. */
	unsigned int source = link == SETNSMON_LINK_PID_FOR_CHILDREN ? SETNSMON_LINK_PID : link;

	if (call->fd_kind == SETNSMON_FD_NSFS)
		return call->after[link] == call->target_inum;
	return !(call->has & SETNSMON_HAS_TARGET_LINKS) ||
	       call->after[link] == call->target_links[source];
}

/*
 * Could a successful call have led from what fd named at entry to what is there
 * now? setns(2) takes the file after we did; another thread may have put another
 * one in its place, or the process behind a pidfd may have moved.
 */
static bool explains_after(const struct setnsmon_setns *call, u32 kinds, u32 changed)
{
	u32 explained = kinds & CLONE_NEWTIME ? BIT(SETNSMON_LINK_TIME_FOR_CHILDREN) : 0;

	for (; kinds; kinds &= kinds - 1) {
		unsigned int link = link_of_bit[__ffs(kinds)];

		if (!target_matches(call, link))
			return false;
		explained |= BIT(link);
	}
	return !(changed & ~explained);
}

/* With an nstype the kernel has joined just that, whatever fd was. */
static void judge_success(struct setnsmon_setns *call, u32 changed)
{
	u32 kinds = call->fd_kind == SETNSMON_FD_PIDFD ? call->nstype : call->target_type;

	if (!kinds || (call->nstype && call->nstype != kinds) ||
	    !explains_after(call, kinds, changed)) {
		call->flags |= SETNSMON_FLAG_RACED;
		kinds = call->nstype ?: kinds_of(changed);
	}
	call->joined = kinds;
}

/* Did one of these links come to an initial namespace? */
static bool reached_initial(const struct setnsmon_setns *call, u32 changed)
{
	for (; changed; changed &= changed - 1)
		if (call->after[__ffs(changed)] == initial[__ffs(changed)])
			return true;
	return false;
}

static void read_success(struct setnsmon_setns *call, u32 changed)
{
	judge_success(call, changed);
	if (reached_initial(call, changed))
		call->flags |= SETNSMON_FLAG_TO_INIT;
}

/*
 * Has the caller got other namespaces or rights? Nobody else can change them, and a
 * change makes a new nsproxy, or new credentials, while the old ones are still held:
 * where both are what they were, so is all that they hold.
 */
static bool is_as_before(const struct call *kept)
{
	return current->nsproxy == kept->proxy && current_cred() == kept->cred;
}

/* The caller's links now; a bit for each that has changed. */
static u32 read_links_after(struct call *kept)
{
	if (is_as_before(kept)) {
		memcpy(kept->entry.after, kept->entry.before, sizeof(kept->entry.after));
		return 0;
	}
	links_read_own(kept->entry.after);
	return changed_links(&kept->entry);
}

static void read_rights_after(struct setnsmon_setns *call)
{
	call->cap_effective_after = cap_bits(&current_cred()->cap_effective);
	if (call->cap_effective_after & ~call->cap_effective)
		call->flags |= SETNSMON_FLAG_CAPS_GAINED;
}

static void read_return(struct setnsmon_setns *call, const struct call *kept, long value,
			u32 changed)
{
	call->ret = value;
	call->joined = 0;
	call->has |= SETNSMON_HAS_RET;
	memcpy(call->after, kept->entry.after, sizeof(call->after));
	read_rights_after(call);
	if (call->ret == 0)
		read_success(call, changed);
	else if (call->ret == -EPERM || call->ret == -EACCES)
		call->flags |= SETNSMON_FLAG_DENIED;
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
	call->proxy = current->nsproxy;
	call->cred = current_cred();
	read_entry(&call->entry, args, abi);
}
NOKPROBE_SYMBOL(call_entered);

static void call_returned(void *data, long value)
{
	struct call *kept = data;
	u32 changed = read_links_after(kept);
	bool crossing = value == 0 && crossing_made(&kept->entry, changed);
	enum recorder_lane lane = crossing ? RECORDER_CROSSING : RECORDER_PLAIN;
	struct setnsmon_record *record = recorder_begin(lane);
	struct setnsmon_setns *call = &record->setns;

	put_entry(call, &kept->entry);
	read_caller(call);
	read_return(call, kept, value, changed);
	call->duration_ns = ktime_to_ns(ktime_sub(stamp(record), kept->entered));
	recorder_commit(lane);
}
NOKPROBE_SYMBOL(call_returned);

static void call_unfollowed(const struct pt_regs *args, unsigned int abi)
{
	struct setnsmon_setns entry;
	enum recorder_lane lane;
	struct setnsmon_record *record;

	read_entry(&entry, args, abi);
	lane = crossing_possible(&entry) ? RECORDER_CROSSING : RECORDER_PLAIN;
	record = recorder_begin(lane);
	memset(&record->setns, 0, sizeof(record->setns));
	put_entry(&record->setns, &entry);
	read_caller(&record->setns);
	record->setns.flags |= SETNSMON_FLAG_RET_UNKNOWN;
	stamp(record);
	recorder_commit(lane);
}
NOKPROBE_SYMBOL(call_unfollowed);

const struct probe_ops capture_ops = {
	.data_size = sizeof(struct call),
	.entered = call_entered,
	.returned = call_returned,
	.unfollowed = call_unfollowed,
};

/* The idle task of the boot CPU never leaves the namespaces that the kernel began with. */
static void learn_initial(void)
{
	links_read_proxy(initial, init_task.nsproxy);
	initial[SETNSMON_LINK_PID] = init_pid_ns.ns.inum;
	initial[SETNSMON_LINK_USER] = init_user_ns.ns.inum;
}

int capture_init(void)
{
	int err = links_prove();

	if (!err)
		learn_initial();
	return err;
}
