/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the callers of a storm (callers.c) and those who verify its records (reader.c)
 * agree upon. A caller's command name is
 *
 *	caller ROLE CPU TID	without the spaces; the numbers are hexadecimal
 *
 * and its role tells what its calls are like. Roles f and i number their calls: the
 * file descriptor is caller_fd(n), the type caller_nstype(tid, fd), so that a record that
 * holds parts of two calls is seen to.
 *
 *	f	fails: no such file descriptor
 *	i	the same by the 32-bit entry
 *	o	joins its own uts namespace
 *	n	another network namespace, and back
 *	p	a process (pidfd) in other network and uts namespaces, and back
 *	d	is nobody: denied the host's network namespace
 *	w	asks for the wrong type
 *	m	leaves a mount namespace that nobody else is in: sleeps within the call
 */
#ifndef SETNSMON_TESTS_CALLERS_H
#define SETNSMON_TESTS_CALLERS_H

#include <stdint.h>

#define CALLER_NAME  "caller"
#define CALLER_END   "caller-end" /* who makes the last call of all */
#define CALLER_ROLES "finopdwm"

static inline int32_t caller_fd(uint32_t n)
{
	return -1 - (int32_t)n;
}

static inline uint32_t caller_n(int32_t fd)
{
	return -(fd + 1);
}

static inline uint32_t caller_nstype(uint32_t tid, int32_t fd)
{
	return (tid * 0x9e3779b1U) ^ ((uint32_t)fd * 0x85ebca6bU);
}

#endif /* SETNSMON_TESTS_CALLERS_H */
