/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The agreement between the callers of a stress run (callers.c) and the verifier of its
 * records (reader.c). The command name of a caller is
 *
 *	caller ROLE CPU TID	without the spaces; the numbers are hexadecimal
 *
 * and its role defines its calls. Roles f and i number their calls: the file descriptor is
 * caller_fd(n), the type caller_nstype(tid, fd). So a record that holds parts of two calls is
 * detected.
 *
 *	f	fails: no such file descriptor
 *	i	the same by the 32-bit entry
 *	o	joins its own uts namespace
 *	n	joins another network namespace, and goes back
 *	p	joins the network and uts namespaces of a process by pidfd, and goes back
 *	d	runs as nobody, and is denied the host's network namespace
 *	w	asks for the wrong type
 *	m	leaves a mount namespace that no other task is in, and sleeps within the call
 */
#ifndef SETNSMON_TESTS_CALLERS_H
#define SETNSMON_TESTS_CALLERS_H

#include <stdint.h>

#define CALLER_NAME  "caller"
#define CALLER_END   "caller-end" /* command name of the very last caller */
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
