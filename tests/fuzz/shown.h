/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a line must contain, by the header and setnsmon(4), not by the table of fields
 * that makes the lines: names, where the value is, and when it is null.
 */
#ifndef SETNSMON_TESTS_FUZZ_SHOWN_H
#define SETNSMON_TESTS_FUZZ_SHOWN_H

#include "fuzz.h"

#define SHOWN_MAX 64

struct shown {
	const char *path;
	size_t offset;
	unsigned int size;
	u32 needs;		/* bits of "has": if one is clear, the value is null */
	enum { UNSIGNED, SIGNED, HEX } as;
};

#define AT(path, member, needs, as)						\
	{ path, offsetof(struct setnsmon_record, member),			\
	  sizeof(((struct setnsmon_record *)0)->member), needs, as }
#define CALL(member, needs) AT(#member, setns.member, needs, UNSIGNED)
#define LINK(object, name, number, needs)					\
	AT(#object "." name, setns.object[number], needs, UNSIGNED)

static const struct shown shown_of_setns[] = {
	AT("boot_ns", boot_ns, 0, UNSIGNED),
	AT("cpu", cpu, 0, UNSIGNED),
	AT("seq", seq, 0, UNSIGNED),
	CALL(duration_ns, SETNSMON_HAS_RET),
	CALL(pid, 0), CALL(tid, 0), CALL(ppid, 0), CALL(ns_pid, 0), CALL(ns_tid, 0),
	CALL(start_ns, 0),
	CALL(uid, 0), CALL(euid, 0), CALL(suid, 0), CALL(fsuid, 0),
	CALL(gid, 0), CALL(egid, 0), CALL(sgid, 0), CALL(fsgid, 0),
	AT("cap_permitted", setns.cap_permitted, 0, HEX),
	AT("cap_effective", setns.cap_effective, 0, HEX),
	AT("cap_effective_after", setns.cap_effective_after, SETNSMON_HAS_RET, HEX),
	CALL(loginuid, SETNSMON_HAS_LOGINUID),
	CALL(sessionid, SETNSMON_HAS_SESSIONID),
	CALL(cgroup_id, SETNSMON_HAS_CGROUP),
	AT("fd", setns.fd, 0, SIGNED),
	CALL(nstype, 0),
	CALL(fs_magic, SETNSMON_HAS_FS_MAGIC),
	CALL(threads, SETNSMON_HAS_SHARING), CALL(fs_users, SETNSMON_HAS_SHARING),
	AT("caller_userns.inum", setns.caller_userns_inum, 0, UNSIGNED),
	AT("caller_userns.level", setns.caller_userns_level, 0, UNSIGNED),
	AT("caller_userns.uid", setns.caller_userns_uid, 0, UNSIGNED),
	LINK(before, "cgroup", SETNSMON_LINK_CGROUP, 0),
	LINK(before, "pid_for_children", SETNSMON_LINK_PID_FOR_CHILDREN, 0),
	LINK(before, "uts", SETNSMON_LINK_UTS, 0),
	AT("ret", setns.ret, SETNSMON_HAS_RET, SIGNED),
};

static const struct shown shown_of_lost[] = {
	AT("boot_ns", boot_ns, 0, UNSIGNED),
	AT("cpu", cpu, 0, UNSIGNED),
	AT("seq", seq, 0, UNSIGNED),
	AT("count", lost.count, 0, UNSIGNED),
};

/* Returns the length of the list for a record, 0 for an unknown type. */
static inline unsigned int shown_list(const struct setnsmon_record *rec, const struct shown **list)
{
	*list = rec->type == SETNSMON_RECORD_SETNS ? shown_of_setns : shown_of_lost;
	return rec->type == SETNSMON_RECORD_SETNS ? ARRAY_SIZE(shown_of_setns) :
	       rec->type == SETNSMON_RECORD_LOST ? ARRAY_SIZE(shown_of_lost) : 0;
}

/* Writes the value as in a line; returns false if it is null there. */
static inline bool shown_value(const struct shown *s, const struct setnsmon_record *rec, char *text)
{
	u64 value = 0;

	if ((rec->setns.has & s->needs) != s->needs)
		return false;
	memcpy(&value, (const u8 *)rec + s->offset, s->size);
	if (s->as == HEX)
		snprintf(text, SHOWN_MAX, "%016llx", (unsigned long long)value);
	else if (s->as == SIGNED)
		snprintf(text, SHOWN_MAX, "%d", (int)value);
	else
		snprintf(text, SHOWN_MAX, "%llu", (unsigned long long)value);
	return true;
}

#endif /* SETNSMON_TESTS_FUZZ_SHOWN_H */
