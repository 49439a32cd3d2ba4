// SPDX-License-Identifier: GPL-2.0-only
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include "capture.h"
#include "compat.h"
#include "conclude.h"
#include "crossing.h"
#include "links.h"
#include "recorder.h"

#include <linux/audit.h>
#include <linux/cgroup.h>
#include <linux/cred.h>
#include <linux/fdtable.h>
#include <linux/fs.h>
#include <linux/init_task.h>
#include <linux/nospec.h>
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
 * @entry: the note so far; valid from the rights up to @before, and @target_links if its
 *	bit of @has is set; at return, also @after, if there may be another one
 */
struct call {
	ktime_t entered;
	struct setnsmon_setns entry;
};

/* The ids of namespaces come first: where the kernel has none they need not be kept. */
#define ENTRY_BEGIN (COMPAT_HAS_NS_IDS ? 0 : offsetof(struct setnsmon_setns, cap_permitted))
#define ENTRY_END   offsetof(struct setnsmon_setns, target_links)

static __always_inline u64 cap_bits(const kernel_cap_t *caps)
{
	u64 bits;

	BUILD_BUG_ON(sizeof(*caps) != sizeof(bits));
	memcpy(&bits, caps, sizeof(bits));
	return bits;
}

/* What is read before anything is written can be copied two at once by the compiler. */
static __always_inline void put_two(u32 *to, u32 first, u32 second)
{
	to[0] = first;
	to[1] = second;
}

/* What a join may change. */
static __always_inline void read_rights(struct setnsmon_setns *call, const struct cred *cred)
{
	const struct user_namespace *user_ns = cred->user_ns;

	call->cap_permitted = cap_bits(&cred->cap_permitted);
	call->cap_effective = cap_bits(&cred->cap_effective);
	put_two(&call->caller_userns_level, user_ns->level, __kuid_val(user_ns->owner));
}

/*
 * And what it does not, in the order of struct cred: see conclude.h. __kuid_val() of a
 * kuid_t is the id in the initial user namespace.
 */
static __always_inline void read_ids(u32 *ids, const struct cred *cred)
{
	put_two(&ids[NOTE_UID], __kuid_val(cred->uid), __kgid_val(cred->gid));
	put_two(&ids[NOTE_SUID], __kuid_val(cred->suid), __kgid_val(cred->sgid));
	put_two(&ids[NOTE_EUID], __kuid_val(cred->euid), __kgid_val(cred->egid));
	put_two(&ids[NOTE_FSUID], __kuid_val(cred->fsuid), __kgid_val(cred->fsgid));
}

/* The number of a struct pid as its own namespace has it. */
static u32 own_nr(const struct pid *pid)
{
	return pid->numbers[pid->level].nr;
}

static __always_inline void read_process(struct setnsmon_setns *call)
{
	call->pid = current->tgid;
	call->tid = current->pid;
	call->ns_pid = own_nr(task_tgid(current));
	call->ns_tid = own_nr(task_pid(current));
	call->start_ns = current->group_leader->start_boottime;
	/* With preemption off: for RCU that is as good as its lock, and costs nothing. */
	call->ppid = rcu_dereference_sched(current->real_parent)->tgid;
	call->cgroup_id = cgroup_id(task_dfl_cgroup(current));
	BUILD_BUG_ON(sizeof(call->comm) != TASK_COMM_LEN);
	data_race(memcpy(call->comm, current->comm, sizeof(call->comm)));
}

static __always_inline void read_audit(struct setnsmon_setns *call)
{
	call->loginuid = __kuid_val(audit_get_loginuid(current));
	call->sessionid = audit_get_sessionid(current);
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

static __always_inline void read_owner(struct setnsmon_setns *call,
				       const struct user_namespace *owner)
{
	call->owner_inum = owner->ns.inum;
	call->owner_id = compat_ns_id(&owner->ns);
	put_two(&call->owner_level, owner->level, __kuid_val(owner->owner));
	call->relation = relation_of(owner, current_user_ns());
	call->has |= SETNSMON_HAS_OWNER;
}

/* One by one: there are few, and a memset() of so much is a loop that is slow to start. */
static __always_inline void clear_target(struct setnsmon_setns *call)
{
	call->target_id = 0;
	call->owner_id = 0;
	call->has = 0;
	call->target_type = 0;
	call->target_inum = 0;
	call->target_pid = 0;
	call->owner_inum = 0;
	call->owner_level = 0;
	call->owner_uid = 0;
	call->relation = SETNSMON_RELATION_NONE;
}

/*
 * A file of nsfs holds its namespace, and that its owner (fs/nsfs.c). Each kind's
 * owner() reads one pointer of it.
 */
static __always_inline void read_target_ns(struct setnsmon_setns *call, struct ns_common *ns)
{
	const struct user_namespace *owner = ns->ops->owner(ns);

	if (unlikely(!owner))
		clear_target(call);
	call->fd_kind = SETNSMON_FD_NSFS;
	call->has = SETNSMON_HAS_TARGET | SETNSMON_HAS_TARGET_NS;
	call->target_type = compat_ns_type(ns);
	call->target_inum = ns->inum;
	call->target_pid = 0;
	call->target_id = compat_ns_id(ns);
	if (likely(owner))
		read_owner(call, owner);
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
static noinline bool proves_pidfds(struct pid *pid)
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
static noinline void read_target_process(struct setnsmon_setns *call, struct pid *pid)
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

static noinline void read_target_other(struct setnsmon_setns *call, const struct file *file)
{
	struct pid *pid = compat_pidfd_pid(file);

	clear_target(call);
	if (pid)
		read_target_process(call, pid);
	else
		call->fd_kind = SETNSMON_FD_OTHER;
}

static __always_inline void read_target_file(struct setnsmon_setns *call, const struct file *file)
{
	if (!file) {
		clear_target(call);
		call->fd_kind = SETNSMON_FD_NONE;
	} else if (likely(file_inode(file)->i_sb->s_magic == NSFS_MAGIC)) {
		read_target_ns(call, file_inode(file)->i_private);
	} else {
		read_target_other(call, file);
	}
}

static noinline void read_target_shared(struct setnsmon_setns *call)
{
	struct fd fd = fdget(call->fd);

	read_target_file(call, compat_fd_file(fd));
	fdput(fd);
}

/*
 * What setns(2) will find: it takes the file with fget() or fdget(), which find the same.
 * Where no other task has this table of files, nobody but the caller can close one, so
 * no reference is needed: so does fdget() (__fget_light() in fs/file.c), but as a function.
 */
static __always_inline void read_target(struct setnsmon_setns *call)
{
	struct files_struct *files = current->files;
	const struct file *file = NULL;
	const struct fdtable *fdt;
	unsigned int fd = call->fd;

	if (unlikely(atomic_read(&files->count) != 1)) {
		read_target_shared(call);
		return;
	}
	fdt = rcu_dereference_raw(files->fdt);
	if (likely(fd < fdt->max_fds)) {
		file = rcu_dereference_raw(fdt->fd[array_index_nospec(fd, fdt->max_fds)]);
		if (file && unlikely(file->f_mode & FMODE_PATH))
			file = NULL;
	}
	read_target_file(call, file);
}

/* The arguments, as the entry of each ABI finds them (arch/x86/include/asm/syscall_wrapper.h). */
static __always_inline void read_args(struct setnsmon_setns *call, const struct pt_regs *args,
				      unsigned int abi)
{
	if (abi == SETNSMON_ABI_I386) {
		call->fd = args->bx;
		call->nstype = args->cx;
		call->flags = SETNSMON_FLAG_KERNEL_COMPAT;
	} else {
		call->fd = args->di;
		call->nstype = args->si;
		call->flags = 0;
		if (args->orig_ax & __X32_SYSCALL_BIT)
			abi = SETNSMON_ABI_X32;
	}
	call->abi = abi;
}

static __always_inline void read_entry(struct setnsmon_setns *call, const struct pt_regs *args,
				       unsigned int abi)
{
	read_args(call, args, abi);
	read_rights(call, current_cred());
	links_read_own(call->before);
	read_target(call);
}

/* What was read at entry, into the record. */
static __always_inline void put_entry(struct setnsmon_setns *call,
				      const struct setnsmon_setns *entry)
{
	memcpy((u8 *)call + ENTRY_BEGIN, (const u8 *)entry + ENTRY_BEGIN, ENTRY_END - ENTRY_BEGIN);
	if (unlikely(entry->has & SETNSMON_HAS_TARGET_LINKS))
		memcpy(call->target_links, entry->target_links, sizeof(call->target_links));
}

/* Who calls: of that setns(2) changes nothing, so it need not be kept. */
static __always_inline void read_caller(struct setnsmon_setns *call)
{
	read_process(call);
	read_audit(call);
	read_ids(&call->uid, current_cred());
}

/* Two links at once */
static u64 pair_differs(const u32 *a, const u32 *b, unsigned int pair)
{
	return ((const u64 *)a)[pair] ^ ((const u64 *)b)[pair];
}

static bool links_equal(const u32 *a, const u32 *b)
{
	BUILD_BUG_ON(SETNSMON_LINKS != 10);
	return !(pair_differs(a, b, 0) | pair_differs(a, b, 1) | pair_differs(a, b, 2) |
		 pair_differs(a, b, 3) | pair_differs(a, b, 4));
}

/* A bit for each link that is not what it was. */
static u32 changed_links(const u32 *before, const u32 *after)
{
	u32 links = 0;
	unsigned int i;

	if (likely(links_equal(before, after)))
		return 0;
	for (i = 0; i < SETNSMON_LINKS; i++)
		if (before[i] != after[i])
			links |= BIT(i);
	return links;
}

/*
 * The caller's links after a call that succeeded; a bit for each that has changed. Nobody
 * else can change them, and of setns(2) the change is the last step, which cannot fail
 * (commit_nsset() in kernel/nsproxy.c).
 */
static __always_inline u32 read_links_after(struct call *kept)
{
	links_read_proxy(kept->entry.after, current->nsproxy);
	/* Of a task itself it never changes, but of its children to come */
	kept->entry.after[SETNSMON_LINK_PID] = kept->entry.before[SETNSMON_LINK_PID];
	kept->entry.after[SETNSMON_LINK_USER] = current_user_ns()->ns.inum;
	return changed_links(kept->entry.before, kept->entry.after);
}

/* One reading of the clock; the others differ from it by what the timekeeper knows. */
static ktime_t stamp(struct setnsmon_record *record)
{
	ktime_t now = ktime_get();

	record->boot_ns = ktime_to_ns(ktime_mono_to_any(now, TK_OFFS_BOOT));
	record->real_ns = ktime_to_ns(ktime_mono_to_any(now, TK_OFFS_REAL));
	return now;
}

static __always_inline void call_entered(struct call *call, const struct pt_regs *args,
					 unsigned int abi)
{
	call->entered = ktime_get();
	read_entry(&call->entry, args, abi);
}

static __always_inline void record_call(const struct call *kept, long value, u32 changed,
					enum recorder_lane lane)
{
	struct recorder_writer *writer = recorder_here();
	struct setnsmon_record *record = recorder_begin(writer, lane);
	struct setnsmon_setns *call = &record->setns;

	put_entry(call, &kept->entry);
	read_caller(call);
	call->ret = value;
	call->joined = changed;
	if (unlikely(changed))
		memcpy(call->after, kept->entry.after, sizeof(call->after));
	call->cap_effective_after = cap_bits(&current_cred()->cap_effective);
	call->duration_ns = ktime_to_ns(ktime_sub(stamp(record), kept->entered));
	recorder_commit(writer, lane);
}

static noinline void record_change(const struct call *kept, u32 changed)
{
	bool crossing = crossing_made(&kept->entry, changed);

	record_call(kept, 0, changed, crossing ? RECORDER_CROSSING : RECORDER_PLAIN);
}
NOKPROBE_SYMBOL(record_change);

static __always_inline void call_returned(struct call *kept, long value, unsigned int abi)
{
	u32 changed = value ? 0 : read_links_after(kept);

	if (unlikely(changed))
		record_change(kept, changed);
	else
		record_call(kept, value, 0, RECORDER_PLAIN);
}

static void call_unfollowed(const struct pt_regs *args, unsigned int abi)
{
	struct recorder_writer *writer = recorder_here();
	struct setnsmon_setns entry;
	struct setnsmon_record *record;
	enum recorder_lane lane;

	read_entry(&entry, args, abi);
	lane = crossing_possible(&entry) ? RECORDER_CROSSING : RECORDER_PLAIN;
	record = recorder_begin(writer, lane);
	put_entry(&record->setns, &entry);
	read_caller(&record->setns);
	record->setns.flags |= SETNSMON_FLAG_RET_UNKNOWN;
	stamp(record);
	recorder_commit(writer, lane);
}
NOKPROBE_SYMBOL(call_unfollowed);

DEFINE_PROBE_HANDLERS(capture_x86_64, SETNSMON_ABI_X86_64, struct call, call_entered, call_returned,
		      call_unfollowed);
DEFINE_PROBE_HANDLERS(capture_i386, SETNSMON_ABI_I386, struct call, call_entered, call_returned,
		      call_unfollowed);

const struct probe_ops capture_ops[] = {
	[SETNSMON_ABI_X86_64] = PROBE_OPS(capture_x86_64, struct call),
	[SETNSMON_ABI_I386] = PROBE_OPS(capture_i386, struct call),
};

/* The idle task of the boot CPU never leaves the namespaces that the kernel began with. */
static void learn_initial(void)
{
	links_read_proxy(conclude_initial, init_task.nsproxy);
	conclude_initial[SETNSMON_LINK_PID] = init_pid_ns.ns.inum;
	conclude_initial[SETNSMON_LINK_USER] = init_user_ns.ns.inum;
}

int capture_init(void)
{
	int err = links_prove();

	if (!err)
		learn_initial();
	return err;
}
