/* SPDX-License-Identifier: GPL-2.0-only */
/* For programs that make calls on a processor of their choice; they define _GNU_SOURCE. */
#ifndef SETNSMON_TESTS_PIN_H
#define SETNSMON_TESTS_PIN_H

#include <sched.h>

/* The calling thread stays on this processor from now on; -1 and errno if it cannot. */
static inline int pin(unsigned int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	return sched_setaffinity(0, sizeof(set), &set);
}

#endif /* SETNSMON_TESTS_PIN_H */
