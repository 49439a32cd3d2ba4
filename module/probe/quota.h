/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Instances of a kretprobe are few, and a caller holds one until its call returns. Some calls
 * sleep for long, so an unprivileged user with many processes could hold them all. Then the
 * return of nobody else's call could be followed. So unprivileged callers share a quota of
 * half the instances, and the other half remains for callers with CAP_SYS_ADMIN in the initial
 * user namespace.
 *
 * The quota is counted per CPU. Each CPU has a share of its own, which takes one increment to
 * check. Beyond that it may use what the sum over all CPUs leaves. Half of the quota is in
 * the shares and half is for the sum, so both together never exceed it.
 */
#ifndef SETNSMON_QUOTA_H
#define SETNSMON_QUOTA_H

#include <linux/atomic.h>
#include <linux/capability.h>
#include <linux/cpumask.h>
#include <linux/cred.h>
#include <linux/percpu.h>
#include <linux/user_namespace.h>

/**
 * struct probe_quota - instances that unprivileged callers may hold
 * @share: as many on each CPU
 * @rest: and beyond, while all CPUs together hold no more than this
 */
struct probe_quota {
	unsigned int share;
	unsigned int rest;
};

/* Returns the quota of a kretprobe with @maxactive instances. Any context. */
static inline struct probe_quota probe_quota_of(unsigned int maxactive)
{
	unsigned int limit = maxactive - maxactive / 2;
	unsigned int share = limit / 2 / num_possible_cpus();

	return (struct probe_quota){ share, limit - share * num_possible_cpus() };
}

/* Returns whether no quota limits the current task. Any context. */
static __always_inline bool probe_caller_is_privileged(void)
{
	const struct cred *cred = current_cred();

	return cred->user_ns == &init_user_ns && cap_raised(cred->cap_effective, CAP_SYS_ADMIN);
}

/*
 * Takes one instance out of the quota. Returns the counter that must be decremented when it
 * is free again, NULL if the quota is used up. @held counts what the callers of each CPU
 * hold. Must not be preempted.
 */
atomic_t *probe_quota_take(const struct probe_quota *quota, atomic_t __percpu *held);

/* Gives one instance back, from any CPU and any context. */
static inline void probe_quota_give(atomic_t *held)
{
	atomic_dec(held);
}

#endif /* SETNSMON_QUOTA_H */
