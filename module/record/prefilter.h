/* SPDX-License-Identifier: GPL-2.0-only */
/* Rejects most events that a filter does not match, before their records are made. */
#ifndef SETNSMON_PREFILTER_H
#define SETNSMON_PREFILTER_H

#include "capture/event.h"

/*
 * Returns false only if the record of the event cannot match. After true, the record decides.
 * As with record_from_event(), the event may be overwritten meanwhile, and the answer is then
 * worthless. Any context.
 */
bool prefilter_may_match(const struct setnsmon_filter *filter, const struct event *event);

#endif /* SETNSMON_PREFILTER_H */
