/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * An event: the private, in-ring form of one call. Probe handlers fill it, and the caller
 * pays for that. So it holds only what must be read at the call, in the form in which the
 * kernel has it. record/record.c turns it into the public record when it is read. No other
 * file knows both forms, so this one may change at any time.
 *
 * Members that do not apply are undefined: each comment says when a member is valid.
 */
#ifndef SETNSMON_EVENT_H
#define SETNSMON_EVENT_H

#include "stream/merge.h"

#include <linux/sched.h>
#include <linux/setnsmon.h>
#include <linux/types.h>

/**
 * struct event_caller - attributes of the caller that setns(2) cannot change
 * @start_ns: start of the process on the boot clock
 * @cgroup_id: cgroup in the unified hierarchy
 * @tid: thread; this and all other ids are those of the initial namespaces
 * @pid: process
 * @ppid: parent process
 * @ns_pid: @pid as the caller itself sees it
 * @ns_tid: @tid as the caller itself sees it
 * @uid: real user; the ids stand in the order of struct cred
 * @gid: real group
 * @suid: saved user
 * @sgid: saved group
 * @euid: effective user
 * @egid: effective group
 * @fsuid: user for file access
 * @fsgid: group for file access
 * @loginuid: AUDIT_UID_UNSET if it was never set
 * @sessionid: AUDIT_SID_UNSET if it was never set
 * @comm: name of the thread; bytes after the first NUL are undefined
 */
struct event_caller {
	u64 start_ns;
	u64 cgroup_id;
	u32 tid;
	u32 pid;
	u32 ppid;
	u32 ns_pid;
	u32 ns_tid;
	u32 uid;
	u32 gid;
	u32 suid;
	u32 sgid;
	u32 euid;
	u32 egid;
	u32 fsuid;
	u32 fsgid;
	u32 loginuid;
	u32 sessionid;
	u8 comm[TASK_COMM_LEN];
};

/**
 * struct event_before - attributes of the caller that setns(2) can change, at entry
 * @cap_permitted: capability set
 * @cap_effective: capability set
 * @userns_level: depth of the caller's user namespace
 * @userns_uid: user that made it
 * @links: inode numbers, indexed by enum setnsmon_link
 */
struct event_before {
	u64 cap_permitted;
	u64 cap_effective;
	u32 userns_level;
	u32 userns_uid;
	u32 links[SETNSMON_LINKS];
};

/**
 * struct event_after - the same at return. Without a changed link all of it is as before,
 *	because rights change with the user namespace only
 * @cap_effective: capability set
 * @links: inode numbers, indexed by enum setnsmon_link
 */
struct event_after {
	u64 cap_effective;
	u32 links[SETNSMON_LINKS];
};

/**
 * struct event_target_form - what decides which members of a target are valid, in one word
 * @fd_kind: enum setnsmon_fd_kind
 * @relation: enum setnsmon_relation; valid with SETNSMON_HAS_RELATION
 * @has: those SETNSMON_HAS_* bits that concern the target. SETNSMON_HAS_TARGET_ID is not among
 *	them: it follows from the kernel and from @type
 */
struct event_target_form {
	u8 fd_kind;
	u8 relation;
	u16 has;
} __aligned(4);

/**
 * struct event_target_more - members that few targets have
 * @userns_id: 64-bit id of the user namespace of a process, or of the target if that is one, if
 *	the kernel has ids; the members named userns_* are valid with SETNSMON_HAS_TARGET_USERNS
 * @userns_level: depth of it
 * @userns_uid: user that made it
 * @userns_inum: inode number of it
 * @crossed: a bit for each enum setnsmon_relation of the namespaces of a process that were asked
 *	for and that the caller is not in; valid with SETNSMON_HAS_RELATION for a pidfd
 * @cgroup_id: cgroup of the process; valid with SETNSMON_HAS_TARGET_CGROUP
 * @pid_id: 64-bit id of the process, if the kernel has them; valid with
 *	SETNSMON_HAS_TARGET_PID
 * @pid: number of the process; valid with SETNSMON_HAS_TARGET_PID
 * @threads: threads of the caller; valid with SETNSMON_HAS_SHARING
 * @fs_users: tasks that share the caller's directories; valid with SETNSMON_HAS_SHARING
 * @fs_magic: type of the file system; valid with SETNSMON_HAS_FS_MAGIC
 * @links: links of the process, indexed by enum setnsmon_link; valid with
 *	SETNSMON_HAS_TARGET_LINKS
 */
struct event_target_more {
	u64 userns_id;
	u32 userns_level;
	u32 userns_uid;
	u32 userns_inum;
	u32 crossed;
	u64 cgroup_id;
	u64 pid_id;
	u32 pid;
	u32 threads;
	u32 fs_users;
	u32 fs_magic;
	u32 links[SETNSMON_LINKS];
};

/* The bits of @form.has that say that a member of it is valid. */
#define EVENT_HAS_MORE                                                                             \
	(SETNSMON_HAS_TARGET_USERNS | SETNSMON_HAS_TARGET_CGROUP | SETNSMON_HAS_TARGET_PID |       \
	 SETNSMON_HAS_TARGET_LINKS | SETNSMON_HAS_SHARING | SETNSMON_HAS_FS_MAGIC)

/**
 * struct event_target - the file behind the descriptor, at entry
 * @owner_id: 64-bit id of the owner, if the kernel has ids
 * @id: 64-bit id of the namespace; see @form
 * @type: kind of the namespace, a CLONE_NEW* bit
 * @inum: inode number of the namespace
 * @owner_level: depth of the user namespace that owns it
 * @owner_uid: user that made it
 * @owner_inum: its inode number
 * @form: see there
 * @more: see there
 */
struct event_target {
	u64 owner_id;
	u64 id;
	u32 type;
	u32 inum;
	u32 owner_level;
	u32 owner_uid;
	u32 owner_inum;
	struct event_target_form form;
	struct event_target_more more;
};

/**
 * struct event_form - what decides how the event is read, in one word
 * @entry_abi: enum setnsmon_abi of the entry; with @event.number it gives that of the call
 * @tracked: false if the return could not be followed
 * @call_class: enum setnsmon_class
 * @root_moved: true if the call changed the caller's root or working directory
 */
struct event_form {
	u8 entry_abi;
	u8 tracked;
	u8 call_class;
	u8 root_moved;
} __aligned(4);

/**
 * struct event - one call of setns(2)
 * @key: @key.stamp is the time of the event on the boot clock
 * @real_ns: the same instant on the wall clock
 * @duration_ns: time from entry to return; valid if @form.tracked
 * @caller: the caller
 * @before: the caller at entry
 * @fd: first argument
 * @nstype: second argument
 * @changed: a bit for each link (enum setnsmon_link) that the call changed; valid if
 *	@form.tracked
 * @ret: return value; valid if @form.tracked
 * @number: number of the system call, as the caller passed it
 * @form: see there
 * @target: the file behind @fd
 * @after: the caller at return; valid if @form.tracked and @changed is not 0
 */
struct event {
	struct stream_key key;
	u64 real_ns;
	u64 duration_ns;
	struct event_caller caller;
	struct event_before before;
	s32 fd;
	u32 nstype;
	u32 changed;
	s32 ret;
	u32 number;
	struct event_form form;
	struct event_target target;
	struct event_after after;
};

#define EVENT_WORDS (sizeof(struct event) / sizeof(u64))

#endif /* SETNSMON_EVENT_H */
