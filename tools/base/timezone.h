/* SPDX-License-Identifier: GPL-2.0-only */
/* The local time zone, and whether TZ names one that exists. */
#ifndef SETNSMON_TIMEZONE_H
#define SETNSMON_TIMEZONE_H

/*
 * Prepares localtime(3). If the environment variable TZ names an unknown zone,
 * reports that on stderr and uses UTC. The C library would use UTC silently, under
 * the unknown name.
 */
void timezone_prepare(void);

#endif /* SETNSMON_TIMEZONE_H */
