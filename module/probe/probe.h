/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Probe pairs: a kprobe and a kretprobe on the entry function of a system call.
 *
 * The kprobe is registered first and the kretprobe second. Handlers of one
 * address run newest first (kernel/kprobes.c: add_new_kprobe() adds at the head
 * of the list, aggr_pre_handler() walks it from there), so the kretprobe's entry
 * handler has run when the kprobe's runs, on the same CPU, with preemption off
 * all the while. Where the kretprobe had no instance left, the kprobe notices
 * that nothing was captured and hands the call over as one whose return cannot
 * be followed. That this order holds is proven on a function of our own before
 * anything else is probed.
 */
#ifndef SETNSMON_PROBE_H
#define SETNSMON_PROBE_H

#include "compat.h"

#include <linux/kprobes.h>
#include <linux/percpu.h>
#include <linux/ptrace.h>
#include <linux/types.h>

/* What one CPU counted for one pair. */
struct probe_counts {
	u64 entered;
	u64 ret_unknown;
};

/**
 * struct probe_ops - the handlers of a pair: see DEFINE_PROBE_HANDLERS()
 * @data_size: bytes that are kept for each call
 * @entry: of the kretprobe, when the call begins
 * @check: of the kprobe, just after
 * @end: of the kretprobe, when the call ends
 */
struct probe_ops {
	size_t data_size;
	kretprobe_handler_t entry;
	kprobe_pre_handler_t check;
	kretprobe_handler_t end;
};

/**
 * struct probe_pair - one entry function
 * @symbol: its name, or NULL with @address set
 * @address: see @symbol
 * @abi: enum setnsmon_abi of the calls that come this way, but for x32's
 * @wanted: false where this kernel has no such entry
 * @armed: both probes are registered
 * @counts: by CPU
 * @kprobe: registered first
 * @kretprobe: registered second
 */
struct probe_pair {
	const char *symbol;
	void *address;
	unsigned int abi;
	bool wanted;
	bool armed;
	struct probe_counts __percpu *counts;
	struct kprobe kprobe;
	struct kretprobe kretprobe;
};

/*
 * What the kretprobe was handed when it captured the call that is being entered on this
 * CPU: the kprobe is handed the same, as one handler calls both (aggr_pre_handler()).
 */
DECLARE_PER_CPU(const struct pt_regs *, probe_captured);

/* An entry function's only argument: the registers of user space. */
static __always_inline const struct pt_regs *probe_args(struct pt_regs *regs)
{
	return (const struct pt_regs *)regs_get_kernel_argument(regs, 0);
}

/* Counts a call, and tells whether the kretprobe has just captured it. */
static __always_inline bool probe_is_followed(struct probe_pair *pair, const struct pt_regs *regs)
{
	this_cpu_inc(pair->counts->entered);
	if (likely(this_cpu_read(probe_captured) == regs)) {
		this_cpu_write(probe_captured, NULL);
		return true;
	}
	this_cpu_inc(pair->counts->ret_unknown);
	return false;
}

/**
 * DEFINE_PROBE_HANDLERS() - handlers around three functions of which they become a part
 * @name: how their names begin, for PROBE_OPS()
 * @abi_of: enum setnsmon_abi of the pair, of which the compiler makes what it can
 * @type: what is kept for each call between @entered_fn and @returned_fn
 * @entered_fn: void (type *data, const struct pt_regs *args, unsigned int abi): the call
 *	begins. @args are the registers of user space, which stay where they are until it ends
 * @returned_fn: void (type *data, long value, unsigned int abi): the same call ends with
 *	@value
 * @unfollowed_fn: void (const struct pt_regs *args, unsigned int abi): a call begins whose
 *	end will not be seen; instead of @entered_fn
 *
 * Who traces all functions does not trace the handlers: he would pay for them at each call.
 *
 * All run in the context of the caller with preemption off and must not sleep. First
 * comes the kretprobe, at entry; second, on the same CPU, the kprobe; last, on whatever
 * CPU the caller is by then, the kretprobe, at return.
 */
#define DEFINE_PROBE_HANDLERS(name, abi_of, type, entered_fn, returned_fn, unfollowed_fn)          \
	static notrace int name##_entry(struct kretprobe_instance *ri, struct pt_regs *regs)       \
	{                                                                                          \
		this_cpu_write(probe_captured, regs);                                              \
		entered_fn((type *)ri->data, probe_args(regs), abi_of);                            \
		return 0;                                                                          \
	}                                                                                          \
	NOKPROBE_SYMBOL(name##_entry);                                                             \
                                                                                                   \
	static notrace int name##_check(struct kprobe *kprobe, struct pt_regs *regs)               \
	{                                                                                          \
		struct probe_pair *pair = container_of(kprobe, struct probe_pair, kprobe);         \
                                                                                                   \
		if (!probe_is_followed(pair, regs))                                                \
			unfollowed_fn(probe_args(regs), abi_of);                                   \
		return 0;                                                                          \
	}                                                                                          \
	NOKPROBE_SYMBOL(name##_check);                                                             \
                                                                                                   \
	static notrace int name##_end(struct kretprobe_instance *ri, struct pt_regs *regs)         \
	{                                                                                          \
		returned_fn((type *)ri->data, regs_return_value(regs), abi_of);                    \
		return 0;                                                                          \
	}                                                                                          \
	NOKPROBE_SYMBOL(name##_end)

/* A struct probe_ops of the handlers of that name, with data of that type. */
#define PROBE_OPS(name, type)                                                                      \
	{                                                                                          \
		.data_size = sizeof(type), .entry = name##_entry, .check = name##_check,           \
		.end = name##_end,                                                                 \
	}

/**
 * struct probe_totals - what the probes saw since they were armed
 * @entered: calls that came, @missed included
 * @missed: calls at which a kprobe handler was already running on that CPU
 *	(kprobe.nmissed), so that none of ours was called
 * @ret_unknown: calls that were handed to @unfollowed_fn of DEFINE_PROBE_HANDLERS()
 */
struct probe_totals {
	u64 entered;
	u64 missed;
	u64 ret_unknown;
};

/*
 * Proves on a function of our own that both probes of a pair fire, in the order
 * that is relied on, and that the return value arrives. -EOPNOTSUPP, with the
 * reason in the log, if not. May sleep.
 */
int probe_self_check(void);

/*
 * Arms a pair on each entry function of setns(2) that this kernel has.
 * @ops: by enum setnsmon_abi, for x86-64 and i386.
 * @maxactive: calls that can be followed at once, 0 for a sane default.
 * An error, with the reason in the log, if any cannot be armed. May sleep.
 */
int probe_arm(const struct probe_ops *ops, unsigned int maxactive);

/* Afterwards no handler runs and none will. May sleep. */
void probe_disarm(void);

/* Names of what is armed, separated by ", ". May sleep. */
void probe_describe(char *buf, size_t size);

/* Any context, only between probe_arm() and probe_disarm(). */
void probe_totals(struct probe_totals *totals);

#endif /* SETNSMON_PROBE_H */
