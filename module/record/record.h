/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What follows from what was noted of a call. The caller of setns(2) pays for what only
 * it can know, and only then; the rest of a record is worked out by each who reads it.
 *
 * So a record in a ring is a note: struct setnsmon_record, but
 *
 *   - @type, @size and @cpu are undefined, as are the padding, and what is not there;
 *     so is @caller_userns_inum, which @before has as well;
 *   - @has tells of the target and of its owner alone, and not of their 64-bit ids; and
 *     what it says is not there is undefined;
 *   - @flags tells of the entry, and of a return that could not be followed, alone;
 *   - @joined holds a bit for each link that the call changed; where it is 0, @after and
 *     @cap_effective_after are undefined, for they are @before and @cap_effective: rights
 *     change with the user namespace alone;
 *   - @loginuid and @sessionid are as the kernel has them, also where they were not set;
 *   - @comm may hold anything behind its first NUL.
 */
#ifndef SETNSMON_CONCLUDE_H
#define SETNSMON_CONCLUDE_H

#include <linux/setnsmon.h>
#include <linux/types.h>

/* The links of the initial namespaces: to be set before any record is read. */
extern u32 conclude_initial[SETNSMON_LINKS];

/* Makes a note, made on @cpu, a whole record. Any context. */
void conclude(struct setnsmon_record *record, u32 cpu);

#endif /* SETNSMON_CONCLUDE_H */
