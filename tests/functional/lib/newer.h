/* SPDX-License-Identifier: GPL-2.0-only */
/* Definitions that the oldest C library of the tests (bullseye's 2.31) lacks. */
#ifndef NEWER_H
#define NEWER_H

#include <sched.h>
#include <sys/syscall.h>

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x80
#endif
#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif

#endif /* NEWER_H */
