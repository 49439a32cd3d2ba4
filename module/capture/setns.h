/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * From the context of a call to a record of it. The only room that touches
 * nsproxy, cred, ns_common and the registers of user space.
 */
#ifndef SETNSMON_CAPTURE_H
#define SETNSMON_CAPTURE_H

#include "probe/probe.h"

/*
 * Learns what cannot be had from a header: where struct mnt_namespace keeps its
 * ns_common, and which namespaces are the initial ones. An error, with the
 * reason in the log, if the kernel is not as expected. May sleep.
 */
int capture_init(void);

/* To be called by the probes, by enum setnsmon_abi; hands each record to the recorder. */
extern const struct probe_ops capture_ops[];

#endif /* SETNSMON_CAPTURE_H */
