/* SPDX-License-Identifier: GPL-2.0-only */
/* The proof that probe pairs work on this kernel, at load and whenever it is asked for. */
#ifndef SETNSMON_SELFTEST_H
#define SETNSMON_SELFTEST_H

#include <linux/types.h>

/*
 * Proves on a function of our own that both probes of a pair fire, in the order that probe.h
 * relies on, and that the return value arrives. Returns -EOPNOTSUPP if not, or the error of
 * the registration, with the reason in the kernel log. May sleep.
 */
int selftest_init(void);

/* Returns whether the same holds now. Between init and exit. May sleep. */
bool selftest_repeat(void);

/* Disarms the pair. May sleep. */
void selftest_exit(void);

#endif /* SETNSMON_SELFTEST_H */
