/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Probe pairs: a kprobe and a kretprobe on the entry function of a system call.
 *
 * The kprobe is registered first and the kretprobe second. Handlers of one address run
 * newest first: add_new_kprobe() adds at the head of the list, and aggr_pre_handler() walks
 * it from there (kernel/kprobes.c). So the entry handler of the kretprobe runs before the
 * handler of the kprobe, on the same CPU, with preemption off all the while. If the kretprobe
 * had no instance left, or none for this caller (quota.h), the kprobe notices that nothing
 * was captured and passes the call on as untracked: its return cannot be followed. selftest.c
 * proves this order on a function of our own before anything else is probed.
 */
#ifndef SETNSMON_PROBE_H
#define SETNSMON_PROBE_H

#include "arch/arch.h"
#include "probe/quota.h"

#include <linux/kprobes.h>
#include <linux/percpu.h>
#include <linux/ptrace.h>
#include <linux/types.h>

/**
 * struct probe_counts - counters of one CPU for one pair
 * @entered: calls that began on it
 * @ret_unknown: those whose return could not be followed
 * @held: instances that unprivileged callers hold, by the CPU on which their calls began
 */
struct probe_counts {
	u64 entered;
	u64 ret_unknown;
	atomic_t held;
};

/**
 * struct probe_ops - the handlers of a pair, from DEFINE_PROBE_HANDLERS()
 * @data_size: bytes kept from entry to return of each call
 * @entry: entry handler of the kretprobe
 * @fallback: handler of the kprobe, which runs just after @entry
 * @ret: return handler of the kretprobe
 * @counts: counters, per CPU
 * @quota: what unprivileged callers may hold; set when the pair is armed
 */
struct probe_ops {
	size_t data_size;
	kretprobe_handler_t entry;
	kprobe_pre_handler_t fallback;
	kretprobe_handler_t ret;
	struct probe_counts __percpu *counts;
	struct probe_quota *quota;
};

/**
 * struct probe_pair - one probed function
 * @symbol: its name, or NULL if @address is set
 * @address: its address, or NULL if @symbol is set
 * @ops: the handlers
 * @wanted: false if this kernel does not have the function
 * @armed: true while both probes are registered
 * @kprobe: registered first
 * @kretprobe: registered second
 */
struct probe_pair {
	const char *symbol;
	void *address;
	struct probe_ops ops;
	bool wanted;
	bool armed;
	struct kprobe kprobe;
	struct kretprobe kretprobe;
};

/*
 * Registers of the entry that the kretprobe of this CPU has just captured. The kprobe gets
 * the same pointer, because one function calls both handlers (aggr_pre_handler()).
 */
DECLARE_PER_CPU(const struct pt_regs *, probe_entry_regs);

/* Counts a call and returns whether the kretprobe has just captured it. */
static __always_inline bool probe_is_tracked(struct probe_counts __percpu *counts,
					     const struct pt_regs *regs)
{
	this_cpu_inc(counts->entered);
	if (likely(this_cpu_read(probe_entry_regs) == regs)) {
		this_cpu_write(probe_entry_regs, NULL);
		return true;
	}
	this_cpu_inc(counts->ret_unknown);
	return false;
}

/**
 * DEFINE_PROBE_HANDLERS() - define kprobe and kretprobe handlers that inline three callbacks
 * @name: prefix of the handlers, for PROBE_OPS()
 * @abi: enum setnsmon_abi of the pair, a compile-time constant so that branches on it fold
 *	away
 * @type: type of the data kept from entry to return of each call
 * @entered: void (type *data, const struct pt_regs *regs, unsigned int abi): a call begins.
 *	@regs are the user registers, which stay in place until it returns
 * @limited: void (type *data, atomic_t *held): follows @entered if the quota limits the caller;
 *	@returned must then pass @held to probe_quota_give()
 * @returned: int (struct kretprobe_instance *ri, struct pt_regs *regs): the same call returns
 *	regs_return_value(@regs), and its data is @ri->data; returns 0
 * @untracked: void (const struct pt_regs *regs, unsigned int abi): a call begins whose
 *	return cannot be followed; replaces @entered
 *
 * Marked notrace: a global function tracer would otherwise pay for the handlers on every
 * call.
 *
 * All handlers run in the context of the caller with preemption off and must not sleep. At
 * entry the kretprobe runs first and the kprobe second, on the same CPU. At the return the
 * kretprobe runs on whatever CPU the caller is on by then.
 */
#define DEFINE_PROBE_HANDLERS(name, abi, type, entered, limited, returned, untracked)              \
	static DEFINE_PER_CPU(struct probe_counts, name##_counts);                                 \
	static struct probe_quota name##_quota;                                                    \
                                                                                                   \
	static noinline notrace int name##_entry_limited(struct kretprobe_instance *ri,            \
							 struct pt_regs *regs)                     \
	{                                                                                          \
		atomic_t *held = probe_quota_take(&name##_quota, &name##_counts.held);             \
		type *data = (type *)ri->data;                                                     \
                                                                                                   \
		if (!held)                                                                         \
			return 1; /* gives the instance back */                                    \
		this_cpu_write(probe_entry_regs, regs);                                            \
		entered(data, arch_user_regs(regs), abi);                                          \
		limited(data, held);                                                               \
		return 0;                                                                          \
	}                                                                                          \
	NOKPROBE_SYMBOL(name##_entry_limited);                                                     \
                                                                                                   \
	static notrace int name##_entry(struct kretprobe_instance *ri, struct pt_regs *regs)       \
	{                                                                                          \
		if (unlikely(!probe_caller_is_privileged()))                                       \
			return name##_entry_limited(ri, regs);                                     \
		this_cpu_write(probe_entry_regs, regs);                                            \
		entered((type *)ri->data, arch_user_regs(regs), abi);                              \
		return 0;                                                                          \
	}                                                                                          \
	NOKPROBE_SYMBOL(name##_entry);                                                             \
                                                                                                   \
	static notrace int name##_fallback(struct kprobe *kprobe, struct pt_regs *regs)            \
	{                                                                                          \
		if (!probe_is_tracked(&name##_counts, regs))                                       \
			untracked(arch_user_regs(regs), abi);                                      \
		return 0;                                                                          \
	}                                                                                          \
	NOKPROBE_SYMBOL(name##_fallback);                                                          \
                                                                                                   \
	static notrace int name##_ret(struct kretprobe_instance *ri, struct pt_regs *regs)         \
	{                                                                                          \
		return returned(ri, regs);                                                         \
	}                                                                                          \
	NOKPROBE_SYMBOL(name##_ret)

/* Initialises a struct probe_ops with the handlers of that name, and data of that type. */
#define PROBE_OPS(name, type)                                                                      \
	{                                                                                          \
		.data_size = sizeof(type), .entry = name##_entry, .fallback = name##_fallback,     \
		.ret = name##_ret, .counts = &name##_counts, .quota = &name##_quota,               \
	}

/**
 * struct probe_totals - counters since the probes were armed
 * @entered: calls, including @missed
 * @missed: calls during which another kprobe handler was running on that CPU
 *	(kprobe.nmissed), so that none of ours was called
 * @ret_unknown: untracked calls
 */
struct probe_totals {
	u64 entered;
	u64 missed;
	u64 ret_unknown;
};

/**
 * struct probe_health - what keeps calls from the probes, now
 * @others: probes of others on the same functions. A probe that was registered later than
 *	ours runs earlier, and can make the kernel skip the function together with our probes
 * @unarmed: our own probes that are disabled or gone; all of them if kprobes do not fire
 */
struct probe_health {
	u64 others;
	u64 unarmed;
};

/*
 * Arms one pair with room for @maxactive calls between entry and return. Returns a negative
 * error number if that fails. probe_disarm_pair() reverts it: afterwards no handler runs and
 * none will. Both may sleep.
 */
int probe_arm_pair(struct probe_pair *pair, unsigned int maxactive);
void probe_disarm_pair(struct probe_pair *pair);

/* Returns the bytes that the instances take after probe_arm() with the same arguments. */
u64 probe_pool_bytes(const struct probe_pair *pairs, unsigned int count, unsigned int maxactive);

/*
 * Arms the wanted ones of @count pairs, each with room for @maxactive calls. If any cannot
 * be armed, none stays armed, and the error is returned with the reason in the kernel log.
 * May sleep.
 */
int probe_arm(struct probe_pair *pairs, unsigned int count, unsigned int maxactive);

/* Disarms all pairs of probe_arm(). May sleep. */
void probe_disarm(void);

/* Writes the names of the armed pairs to @buf, separated by ", ". May sleep. */
void probe_describe(char *buf, size_t size);

/*
 * Looks for what keeps calls from the probes. Only between probe_arm() and probe_disarm().
 * May sleep.
 */
void probe_health(struct probe_health *health);

/* Adds up the counters. Any context, only between probe_arm() and probe_disarm(). */
void probe_totals(struct probe_totals *totals);

#endif /* SETNSMON_PROBE_H */
