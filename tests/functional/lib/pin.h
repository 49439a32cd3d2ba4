/* SPDX-License-Identifier: GPL-2.0-only */
/* For programs that make calls on a CPU of their choice; they define _GNU_SOURCE. */
#ifndef SETNSMON_TESTS_PIN_H
#define SETNSMON_TESTS_PIN_H

#include <sched.h>

/* Binds the calling thread to this CPU. Returns -1 with errno set if that fails. */
static inline int pin(unsigned int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	return sched_setaffinity(0, sizeof(set), &set);
}

#endif /* SETNSMON_TESTS_PIN_H */
