/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Differences between kernels. No other file tests for a version or a feature, and each
 * test here names the upstream change that it follows. COMPAT_HAVE_* is from features.mk.
 */
#ifndef SETNSMON_COMPAT_H
#define SETNSMON_COMPAT_H

#include <linux/cpumask.h>
#include <linux/dcache.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/ftrace.h>
#include <linux/hrtimer.h>
#include <linux/irq_work.h>
#include <linux/kprobes.h>
#include <linux/log2.h>
#include <linux/magic.h>
#include <linux/mm.h>
#include <linux/ns_common.h>
#include <linux/pid.h>
#include <linux/proc_ns.h>
#include <linux/version.h>
#include <net/net_namespace.h>

/*
 * Requirements of setnsmon, reported here before they cause obscure compiler errors.
 * dkms.conf has the same list, to skip kernels that do not meet them.
 */
#ifndef CONFIG_X86_64
#error "setnsmon works on x86-64 only: the probes know the entry functions of system calls there"
#endif
#if LINUX_VERSION_CODE < KERNEL_VERSION(5, 10, 0)
#error "setnsmon needs Linux 5.10 or later"
#endif
#if !defined(CONFIG_KPROBES) || !defined(CONFIG_KRETPROBES)
#error "setnsmon needs a kernel with CONFIG_KPROBES and CONFIG_KRETPROBES"
#endif
#ifndef CONFIG_KPROBES_ON_FTRACE
#error "setnsmon needs a kernel with CONFIG_KPROBES_ON_FTRACE (by way of CONFIG_FUNCTION_TRACER)"
#endif
#if !defined(CONFIG_NAMESPACES) || !defined(CONFIG_PROC_FS)
#error "setnsmon needs a kernel with CONFIG_NAMESPACES and CONFIG_PROC_FS"
#endif
/* Without these a task has a NULL pointer in place of such a namespace (kernel/nsproxy.c). */
#if !defined(CONFIG_NET) || !defined(CONFIG_CGROUPS)
#error "setnsmon needs a kernel with CONFIG_NET and CONFIG_CGROUPS"
#endif
#if !defined(CONFIG_IPC_NS) || !defined(CONFIG_TIME_NS)
#error "setnsmon needs a kernel with CONFIG_IPC_NS and CONFIG_TIME_NS"
#endif

/*
 * 5.11, d19ad0775dcd "ftrace: Have the callbacks receive a struct ftrace_regs
 * instead of pt_regs".
 */
#ifdef COMPAT_HAVE_FTRACE_REGS
typedef struct ftrace_regs compat_ftrace_regs;
#else
typedef struct pt_regs compat_ftrace_regs;
#endif

/*
 * 6.18, "ns: move ns type into struct ns_common" and the series "ns: support file
 * handles": the type moved from the operations into the namespace. The 64-bit ids, which
 * only network and mount namespaces had, moved there too and are unique across all kinds.
 */
static inline u32 compat_ns_type(const struct ns_common *ns)
{
#ifdef COMPAT_HAVE_NS_TYPE
	return ns->ns_type;
#else
	return ns->ops->type;
#endif
}

#ifdef COMPAT_HAVE_NS_ID
#define COMPAT_HAS_NS_IDS 1
static inline u64 compat_ns_id(const struct ns_common *ns)
{
	return ns->ns_id;
}
#else
#define COMPAT_HAS_NS_IDS 0
static inline u64 compat_ns_id(const struct ns_common *ns)
{
	return 0;
}
#endif

/*
 * 5.12, 3d368ab87cf6 "net: initialize net->net_cookie at netns setup". Earlier kernels make the
 * cookie when somebody asks for it. Returns a number that no other network namespace ever has.
 */
#if defined(COMPAT_HAVE_NET_COOKIE) && !COMPAT_HAS_NS_IDS
#define COMPAT_HAS_NET_COOKIES 1
static inline u64 compat_net_cookie(const struct ns_common *ns)
{
	return container_of(ns, struct net, ns)->net_cookie;
}
#else
#define COMPAT_HAS_NET_COOKIES 0
static inline u64 compat_net_cookie(const struct ns_common *ns)
{
	return 0;
}
#endif

/* 6.9, cb12fd8e0dab "pidfd: add pidfs": each struct pid has the inode number of its pidfds. */
#ifdef COMPAT_HAVE_PID_INO
#define COMPAT_HAS_PID_IDS 1
static inline u64 compat_pid_id(const struct pid *pid)
{
	return pid->ino;
}
#else
#define COMPAT_HAS_PID_IDS 0
static inline u64 compat_pid_id(const struct pid *pid)
{
	return 0;
}
#endif

/*
 * The two forms of pidfds. Up to 6.8 a pidfd is an anonymous inode named "[pidfd]" with its
 * struct pid in private_data (kernel/fork.c and kernel/pid.c, pidfd_create() and its callers).
 * Since 6.9, cb12fd8e0dab "pidfd: add pidfs", it is an inode of pidfs with its struct pid in
 * i_private (fs/pidfs.c). The file holds a reference, so the struct pid lasts as long as the
 * file is open.
 */
enum compat_pidfd {
	COMPAT_PIDFD_ANON,
	COMPAT_PIDFD_PIDFS,
	COMPAT_PIDFD_NONE,
};

#define COMPAT_PIDFS_MAGIC 0x50494446

/* The file operations of pidfds, which the kernel does not export, by form. */
#define COMPAT_PIDFD_FOPS                                                                          \
	{                                                                                          \
		"pidfd_fops", "pidfs_file_operations"                                              \
	}

/* Returns the form that this file has, whatever its operations are. */
static inline enum compat_pidfd compat_pidfd_form(const struct file *file)
{
	const struct super_block *sb = file_inode(file)->i_sb;

	if (sb->s_magic == COMPAT_PIDFS_MAGIC)
		return COMPAT_PIDFD_PIDFS;
	if (sb->s_magic == ANON_INODE_FS_MAGIC &&
	    !strcmp(file->f_path.dentry->d_name.name, "[pidfd]"))
		return COMPAT_PIDFD_ANON;
	return COMPAT_PIDFD_NONE;
}

/* Returns the process that a pidfd of that form names. */
static inline struct pid *compat_pidfd_pid(const struct file *file, enum compat_pidfd form)
{
	return form == COMPAT_PIDFD_PIDFS ? file_inode(file)->i_private : file->private_data;
}

/*
 * 6.13, 908a1d775422 "hrtimers: Introduce hrtimer_setup() to replace hrtimer_init()",
 * which was removed in 6.15.
 */
static inline void compat_hrtimer_setup(struct hrtimer *timer,
					enum hrtimer_restart (*function)(struct hrtimer *),
					clockid_t clock, enum hrtimer_mode mode)
{
#ifdef COMPAT_HAVE_HRTIMER_SETUP
	hrtimer_setup(timer, function, clock, mode);
#else
	hrtimer_init(timer, clock, mode);
	timer->function = function;
#endif
}

/*
 * 5.11, 7a9f50a05843 "irq_work: Cleanup": IRQ_WORK_INIT_HARD(), for work that runs in the
 * interrupt itself, even on PREEMPT_RT. Earlier kernels need the flag set by hand.
 */
static inline void compat_init_hard_irq_work(struct irq_work *work,
					     void (*function)(struct irq_work *))
{
#ifdef IRQ_WORK_INIT_HARD
	*work = IRQ_WORK_INIT_HARD(function);
#else
	init_irq_work(work, function);
	atomic_set(&work->flags, IRQ_WORK_HARD_IRQ);
#endif
}

/*
 * Returns the bytes that a kretprobe takes for @maxactive instances with @data_size bytes of
 * data each.
 *
 * 6.7, "lib: objpool added: ring-array based lockless MPMC" and "kprobes: kretprobe scalability
 * improvement": each possible CPU has an area of whole pages with its share of the instances
 * and with room for pointers to all of them (objpool_init() in lib/objpool.c). Earlier kernels
 * allocate each instance by itself (register_kretprobe() in kernel/kprobes.c).
 */
static inline u64 compat_kretprobe_pool_bytes(unsigned int maxactive, size_t data_size)
{
	u64 instance = sizeof(struct kretprobe_instance) + data_size;

	if (!maxactive)
		return 0;
#ifdef OBJPOOL_NR_OBJECT_MAX /* by <linux/kprobes.h> */
	return num_possible_cpus() *
	       PAGE_ALIGN(sizeof(struct objpool_slot) +
			  roundup_pow_of_two(maxactive) * sizeof(void *) +
			  DIV_ROUND_UP(maxactive, num_possible_cpus()) * ALIGN(instance, 8));
#else
	return maxactive * (u64)roundup_pow_of_two(instance);
#endif
}

/* 6.12, 1da91ea87aef "introduce fd_file(), convert all accessors to it." */
#ifdef fd_file
#define compat_fd_file(fd) fd_file(fd)
#else
#define compat_fd_file(fd) ((fd).file)
#endif

#endif /* SETNSMON_COMPAT_H */
