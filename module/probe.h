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

#include <linux/kprobes.h>
#include <linux/percpu.h>
#include <linux/ptrace.h>
#include <linux/types.h>

/**
 * struct probe_ops - what to do with a call
 * @data_size: bytes to keep for each call between @entered and @returned
 * @entered: the call begins. @args are the registers of user space
 * @returned: the same call ends with @value
 * @unfollowed: a call begins whose end will not be seen; instead of @entered
 *
 * All run in the context of the caller with preemption off and must not sleep.
 */
struct probe_ops {
	size_t data_size;
	void (*entered)(void *data, const struct pt_regs *args, unsigned int abi);
	void (*returned)(void *data, long value);
	void (*unfollowed)(const struct pt_regs *args, unsigned int abi);
};

/**
 * struct probe_totals - what the probes saw since they were armed
 * @entered: calls that came, @missed included
 * @missed: calls at which a kprobe handler was already running on that CPU
 *	(kprobe.nmissed), so that none of ours was called
 * @ret_unknown: calls handed to &struct probe_ops.unfollowed
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
