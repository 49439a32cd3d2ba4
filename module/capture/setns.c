// SPDX-License-Identifier: GPL-2.0-only
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include "capture/setns.h"
#include "compat.h"
#include "record/record.h"
#include "capture/class.h"
#include "capture/links.h"
#include "stream/rings.h"

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

/*
 * How much is kept of a call from its entry on: what may be lost at its return, when the
 * rest is read, right into the record. Nobody but the caller itself can change its links
 * and its rights, so a call that fails loses nothing. And where no other task has the same
 * table of files, nobody else can change what a descriptor is, as fdget() relies on, too.
 */
enum kept {
	KEPT_NOTHING, /* it cannot but fail with EBADF */
	KEPT_TARGET,  /* it cannot but fail, or join this namespace and so move one link */
	KEPT_ALL,     /* anything else */
};

/**
 * struct call - what is kept between entry and return
 * @entered: when it began
 * @args: the registers of user space, which are there until it ends
 * @what: which of the following
 * @target: KEPT_TARGET: what fd names, and will go on to name
 * @moves: KEPT_TARGET: a bit for the link that the call changes if it succeeds, or 0
 * @left: KEPT_TARGET: and what that link was at entry, if it does
 * @entry: KEPT_ALL: the note so far: the rights, the target and @before, and @target_links
 *	if its bit of @has is set; at return, also @after, if there may be another one
 */
struct call {
	ktime_t entered;
	const struct pt_regs *args;
	struct ns_common *target;
	enum kept what;
	u32 moves;
	u32 left;
	struct setnsmon_setns entry;
};

/**
 * struct caller - what of the caller is looked at more than once
 * @cred: its credentials
 * @user_ns: the user namespace that they are for
 * @pid_ns: its pid namespace
 * @nr: the number by which it knows itself
 *
 * The compiler takes each store into a record for one that may have changed them: so they
 * are read once, before.
 */
struct caller {
	const struct cred *cred;
	const struct user_namespace *user_ns;
	const struct pid_namespace *pid_ns;
	u32 nr;
};

/* What of the note is kept in one piece. */
#define TARGET_BEGIN offsetof(struct setnsmon_setns, target_type)
#define BEFORE_END   offsetof(struct setnsmon_setns, target_links)

static __always_inline u64 cap_bits(const kernel_cap_t *caps)
{
	u64 bits;

	BUILD_BUG_ON(sizeof(*caps) != sizeof(bits));
	memcpy(&bits, caps, sizeof(bits));
	return bits;
}

/*
 * Two neighbours, which the record has in the order of the kernel's structures: what is
 * read before anything is written can be copied at once by the compiler.
 */
static __always_inline void put_two(u32 *to, u32 first, u32 second)
{
	to[0] = first;
	to[1] = second;
}

/* The number of a struct pid as its own namespace has it. */
static __always_inline const struct upid *own_upid(const struct pid *pid)
{
	return &pid->numbers[pid->level];
}

static __always_inline struct caller who_calls(void)
{
	const struct cred *cred = current_cred();
	const struct upid *self = own_upid(task_pid(current));

	return (struct caller){ cred, cred->user_ns, self->ns, self->nr };
}

/* What a join may change. */
static __always_inline void read_rights(struct setnsmon_setns *call, struct caller caller)
{
	call->cap_permitted = cap_bits(&caller.cred->cap_permitted);
	call->cap_effective = cap_bits(&caller.cred->cap_effective);
	put_two(&call->caller_userns_level, caller.user_ns->level,
		__kuid_val(caller.user_ns->owner));
	links_read_own(call->before, caller.pid_ns, caller.user_ns);
}

/* And what it does not. __kuid_val() of a kuid_t is the id in the initial user namespace. */
static __always_inline void read_ids(struct setnsmon_setns *call, const struct cred *cred)
{
	put_two(&call->uid, __kuid_val(cred->uid), __kgid_val(cred->gid));
	put_two(&call->suid, __kuid_val(cred->suid), __kgid_val(cred->sgid));
	put_two(&call->euid, __kuid_val(cred->euid), __kgid_val(cred->egid));
	put_two(&call->fsuid, __kuid_val(cred->fsuid), __kgid_val(cred->fsgid));
}

static __always_inline void read_process(struct setnsmon_setns *call, struct caller caller)
{
	struct task_struct *task = current;
	const struct task_struct *leader = task->group_leader;

	put_two(&call->tid, task->pid, task->tgid);
	call->ns_tid = caller.nr;
	call->ns_pid = likely(task == leader) ? caller.nr : own_upid(task_tgid(task))->nr;
	call->start_ns = leader->start_boottime;
	/* With preemption off: for RCU that is as good as its lock, and costs nothing. */
	call->ppid = rcu_dereference_sched(task->real_parent)->tgid;
	call->cgroup_id = cgroup_id(task_dfl_cgroup(task));
	BUILD_BUG_ON(sizeof(call->comm) != TASK_COMM_LEN);
	data_race(memcpy(call->comm, task->comm, sizeof(call->comm)));
}

static __always_inline void read_audit(struct setnsmon_setns *call)
{
	struct task_struct *task = current;

	put_two(&call->loginuid, __kuid_val(audit_get_loginuid(task)), audit_get_sessionid(task));
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

/*
 * A file of nsfs holds its namespace, and that its owner (fs/nsfs.c). Each kind's
 * owner() reads one pointer of it.
 */
static __always_inline void read_target_ns(struct setnsmon_setns *call, struct ns_common *ns)
{
	const struct user_namespace *owner;

	call->fd_kind = SETNSMON_FD_NSFS;
	call->has = SETNSMON_HAS_TARGET | SETNSMON_HAS_TARGET_NS;
	call->target_type = compat_ns_type(ns);
	call->target_inum = ns->inum;
	call->target_id = compat_ns_id(ns);
	owner = ns->ops->owner(ns);
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

	call->has = 0;
	if (pid)
		read_target_process(call, pid);
	else
		call->fd_kind = SETNSMON_FD_OTHER;
}

static __always_inline void no_target(struct setnsmon_setns *call)
{
	call->has = 0;
	call->fd_kind = SETNSMON_FD_NONE;
}

static __always_inline void read_target_file(struct setnsmon_setns *call, const struct file *file)
{
	if (!file)
		no_target(call);
	else if (file_inode(file)->i_sb->s_magic == NSFS_MAGIC)
		read_target_ns(call, file_inode(file)->i_private);
	else
		read_target_other(call, file);
}

/* All of what a call may change, and what setns(2) will find. */
static noinline void keep_all(struct setnsmon_setns *entry, const struct file *file)
{
	read_rights(entry, who_calls());
	read_target_file(entry, file);
}

/*
 * Another task has the same table of files, and may close what is in it, or put something
 * else there, until setns(2) looks.
 */
static noinline void keep_shared(struct setnsmon_setns *entry, unsigned int number)
{
	struct fd fd = fdget(number);

	keep_all(entry, compat_fd_file(fd));
	fdput(fd);
}

/* What fget() would find in a table that is the caller's alone. */
static __always_inline const struct file *own_file(const struct files_struct *files,
						   unsigned int fd)
{
	const struct fdtable *fdt = rcu_dereference_raw(files->fdt);
	const struct file *file;

	if (unlikely(fd >= fdt->max_fds))
		return NULL;
	file = rcu_dereference_raw(fdt->fd[array_index_nospec(fd, fdt->max_fds)]);
	return file && likely(!(file->f_mode & FMODE_PATH)) ? file : NULL;
}

/*
 * A namespace that its file holds, and that will be there until the call ends, of a kind
 * that moves one link of the nsproxy: that link is all that may be lost, and only if the
 * call leads elsewhere. False if it is something else.
 */
static __always_inline bool keep_target(struct call *call, const struct file *file)
{
	const struct inode *inode = file_inode(file);
	const struct links_place *place;
	const struct ns_common *own;
	struct ns_common *target;

	if (unlikely(inode->i_sb->s_magic != NSFS_MAGIC))
		return false;
	target = inode->i_private;
	place = &links_places[__ffs(compat_ns_type(target))];
	if (unlikely(!place->in_proxy))
		return false;
	call->target = target;
	call->moves = 0;
	own = links_at(current->nsproxy, place);
	if (own != target) {
		call->moves = BIT(place->link);
		call->left = own->inum;
	}
	return true;
}

/*
 * setns(2) takes the file with fget() or fdget(), which find the same. Where no other task
 * has this table of files, nobody but the caller can open or close what is in it, so no
 * reference is needed: so does fdget() (__fget_light() in fs/file.c), but as a function.
 * And a negative number is no descriptor of anybody.
 */
static __always_inline void keep(struct call *call, int fd)
{
	const struct files_struct *files;
	const struct file *file;

	call->what = KEPT_NOTHING;
	if (fd < 0)
		return;
	files = current->files;
	if (unlikely(atomic_read_acquire(&files->count) != 1)) {
		keep_shared(&call->entry, fd);
		call->what = KEPT_ALL;
		return;
	}
	file = own_file(files, fd);
	if (!file)
		return;
	if (likely(keep_target(call, file))) {
		call->what = KEPT_TARGET;
		return;
	}
	keep_all(&call->entry, file);
	call->what = KEPT_ALL;
}

/* The arguments, as the entry of each ABI finds them (arch/x86/include/asm/syscall_wrapper.h). */
static __always_inline int fd_of(const struct pt_regs *args, unsigned int abi)
{
	return abi == SETNSMON_ABI_I386 ? args->bx : args->di;
}

static __always_inline void read_args(struct setnsmon_setns *call, const struct pt_regs *args,
				      unsigned int abi)
{
	call->fd = fd_of(args, abi);
	call->nstype = abi == SETNSMON_ABI_I386 ? args->cx : args->si;
	if (abi == SETNSMON_ABI_X86_64 && unlikely(args->orig_ax & __X32_SYSCALL_BIT))
		call->abi = SETNSMON_ABI_X32;
}

static __always_inline void put_abi(struct setnsmon_setns *call, unsigned int abi)
{
	call->flags = abi == SETNSMON_ABI_I386 ? SETNSMON_FLAG_KERNEL_COMPAT : 0;
	call->abi = abi;
}

/* What was kept at entry, into the record: but for the arguments, up to @before. */
static __always_inline void put_kept(struct setnsmon_setns *call,
				     const struct setnsmon_setns *entry, unsigned int abi)
{
	if (COMPAT_HAS_NS_IDS) {
		call->target_id = entry->target_id;
		call->owner_id = entry->owner_id;
	}
	call->cap_permitted = entry->cap_permitted;
	call->cap_effective = entry->cap_effective;
	call->has = entry->has;
	memcpy((u8 *)call + TARGET_BEGIN, (const u8 *)entry + TARGET_BEGIN,
	       BEFORE_END - TARGET_BEGIN);
	put_abi(call, abi);
	if (unlikely(entry->has & SETNSMON_HAS_TARGET_LINKS))
		memcpy(call->target_links, entry->target_links, sizeof(call->target_links));
}

/*
 * What fd named, but if that was kept as well. Where it named nothing, all of the four
 * bytes are set: constants that lie side by side are one store.
 */
static __always_inline void put_target(struct setnsmon_setns *call, const struct call *kept,
				       unsigned int abi)
{
	if (kept->what == KEPT_TARGET) {
		read_target_ns(call, kept->target);
		put_abi(call, abi);
		return;
	}
	no_target(call);
	put_abi(call, abi);
	call->relation = SETNSMON_RELATION_NONE;
	call->pad = 0;
}

/* Who calls: of that setns(2) changes nothing, so it need not be kept. */
static __always_inline void read_caller(struct setnsmon_setns *call, struct caller caller)
{
	read_process(call, caller);
	read_audit(call);
	read_ids(call, caller.cred);
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
static noinline u32 read_links_after(struct call *kept)
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

/* The clock comes last: what is done here is no part of the call. */
static __always_inline void call_entered(struct call *call, const struct pt_regs *args,
					 unsigned int abi)
{
	call->args = args;
	keep(call, fd_of(args, abi));
	call->entered = ktime_get();
}

static __always_inline void record_call(const struct call *kept, long value, u32 changed,
					enum recorder_lane lane, unsigned int abi)
{
	struct recorder_writer *writer = recorder_here();
	struct setnsmon_record *record = recorder_begin(writer, lane);
	struct setnsmon_setns *call = &record->setns;
	struct caller caller;

	put_target(call, kept, abi);
	caller = who_calls();
	if (unlikely(kept->what == KEPT_ALL))
		put_kept(call, &kept->entry, abi);
	else
		read_rights(call, caller);
	read_args(call, kept->args, abi);
	read_caller(call, caller);
	call->ret = value;
	call->joined = changed;
	if (unlikely(changed)) {
		memcpy(call->after, kept->entry.after, sizeof(call->after));
		call->cap_effective_after = cap_bits(&caller.cred->cap_effective);
	}
	call->duration_ns = ktime_to_ns(ktime_sub(stamp(record), kept->entered));
	recorder_commit(writer, lane);
}

/* Of a call that has moved the one link: all, as if it had been kept. */
static void keep_moved(struct call *call)
{
	struct setnsmon_setns *entry = &call->entry;

	read_target_ns(entry, call->target);
	read_rights(entry, who_calls());
	memcpy(entry->after, entry->before, sizeof(entry->after));
	entry->before[__ffs(call->moves)] = call->left;
	call->what = KEPT_ALL;
}

static noinline void record_change(struct call *kept, u32 changed, unsigned int abi)
{
	bool crossing;

	if (kept->what == KEPT_TARGET)
		keep_moved(kept);
	crossing = crossing_made(&kept->entry, changed);
	record_call(kept, 0, changed, crossing ? RECORDER_CROSSING : RECORDER_PLAIN, abi);
}
NOKPROBE_SYMBOL(record_change);

/* A bit for each link that a call which succeeded has changed. */
static __always_inline u32 links_changed(struct call *kept)
{
	if (unlikely(kept->what == KEPT_ALL))
		return read_links_after(kept);
	return kept->what == KEPT_TARGET ? kept->moves : 0;
}

static __always_inline void call_returned(struct call *kept, long value, unsigned int abi)
{
	u32 changed = value ? 0 : links_changed(kept);

	if (unlikely(changed))
		record_change(kept, changed, abi);
	else
		record_call(kept, value, 0, RECORDER_PLAIN, abi);
}

static void call_unfollowed(const struct pt_regs *args, unsigned int abi)
{
	struct recorder_writer *writer = recorder_here();
	struct setnsmon_record *record;
	enum recorder_lane lane;
	struct setnsmon_setns entry;

	keep_shared(&entry, fd_of(args, abi));
	lane = crossing_possible(&entry) ? RECORDER_CROSSING : RECORDER_PLAIN;
	record = recorder_begin(writer, lane);
	put_kept(&record->setns, &entry, abi);
	read_args(&record->setns, args, abi);
	read_caller(&record->setns, who_calls());
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
