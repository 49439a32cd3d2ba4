/* SPDX-License-Identifier: GPL-2.0-only */
/* Captures each setns(2) call as an event. */
#ifndef SETNSMON_SETNS_H
#define SETNSMON_SETNS_H

#include "probe/probe.h"

#define SETNS_PAIRS 2

/* The pairs to arm. Their handlers write one event for each call. */
extern struct probe_pair setns_pairs[SETNS_PAIRS];

#endif /* SETNSMON_SETNS_H */
