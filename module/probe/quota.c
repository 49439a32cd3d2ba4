// SPDX-License-Identifier: GPL-2.0-only
#include "probe/quota.h"

#include <linux/kprobes.h>

static unsigned int sum_of(atomic_t __percpu *held)
{
	unsigned int sum = 0;
	int cpu;

	for_each_possible_cpu (cpu)
		sum += atomic_read(per_cpu_ptr(held, cpu));
	return sum;
}

atomic_t *probe_quota_take(const struct probe_quota *quota, atomic_t __percpu *held)
{
	atomic_t *here = this_cpu_ptr(held);

	if ((unsigned int)atomic_inc_return(here) <= quota->share || sum_of(held) <= quota->rest)
		return here;
	atomic_dec(here);
	return NULL;
}
NOKPROBE_SYMBOL(probe_quota_take);
