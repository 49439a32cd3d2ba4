/* SPDX-License-Identifier: GPL-2.0-only */
/* The proof at load that probe pairs work on this kernel. */
#ifndef SETNSMON_SELFTEST_H
#define SETNSMON_SELFTEST_H

/*
 * Proves on a function of our own that both probes of a pair fire, in the order that probe.h
 * relies on, and that the return value arrives. Returns -EOPNOTSUPP if not, or the error of
 * the registration, with the reason in the kernel log. May sleep.
 */
int selftest_probes(void);

#endif /* SETNSMON_SELFTEST_H */
