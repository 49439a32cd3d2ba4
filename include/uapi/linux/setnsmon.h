/* SPDX-License-Identifier: (GPL-2.0-only WITH Linux-syscall-note) OR MIT */
/*
 * setnsmon - who joined which namespace: the contract between the kernel
 * module and the programs that read /dev/setnsmon.
 *
 * THE DEVICE
 *
 * /dev/setnsmon is a stream of records, one for each setns(2) call on the
 * host. Its habits are those of /dev/kmsg:
 *
 *   open(2)   Any number of readers; none takes a record from another. A new
 *             reader starts at the oldest record that is still held. Opening
 *             for writing fails with EACCES or EPERM, also for root. So does
 *             opening from any other than the initial user namespace: EPERM
 *   read(2)   Returns as many whole records as fit, oldest first over all
 *             CPUs, and waits while there is none. A record is never split.
 *             EAGAIN  there is none and the file is O_NONBLOCK
 *             EINTR   (or a restart) a signal came while it waited
 *             EINVAL  the buffer is smaller than the next record; nothing is
 *                     lost, a larger buffer reads it
 *             EFAULT  the buffer may not be written; nothing is lost
 *   poll(2)   POLLIN | POLLRDNORM while a record can be read. Who sleeps, here or in
 *             read(2), hears of a record a quarter of a millisecond after the call
 *             returned, and so does a set of epoll(7) that watches the file
 *   lseek(2)  (0, SEEK_SET): back to the oldest record that is still held.
 *             (0, SEEK_END): to the end, only records from now on follow.
 *             Another whence: ESPIPE, or EINVAL if the kernel knows it not;
 *             another offset: EINVAL. pread(2) reads on, whatever offset it names.
 *             readv(2) is one read(2) for each buffer: after one that was filled to
 *             its last byte it waits for the next
 *   ioctl(2)  SETNSMON_IOC_*, below. ENOTTY for a number that is not listed,
 *             EINVAL for a listed number with another size or direction,
 *             EFAULT for a bad pointer.
 *
 * A file starts in text format: one line a record, at most SETNSMON_LINE_MAX
 * bytes with its newline, in logfmt. SETNSMON_IOC_FORMAT switches this open
 * file to binary: each record is then one struct setnsmon_record. The switch
 * takes effect with the next read and can be undone.
 *
 * The fields of a file are shared by everything that shares its description
 * (dup, fork); concurrent reads of it are served one at a time.
 *
 * ORDER AND LOSS
 *
 * Each CPU keeps its records in two rings of one size, and each ring overwrites
 * its oldest record when it is full. One ring is for crossings: calls that led
 * their caller where it could not go by its own right. The other is for all other
 * calls: those that fail, those that change nothing, and those that stay within
 * user namespaces of the caller's own. These are what anybody can repeat as fast as
 * a CPU can go, and however often that is done, it overwrites no crossing.
 *
 * Within one file records come in the order of @boot_ns. Each CPU numbers its
 * records from 0 without a gap, over both rings (@seq). Where a number is left
 * out, because its record was overwritten before this reader got to it, one
 * record of type SETNSMON_RECORD_LOST stands in the place of the gap: @cpu, the
 * first number that is gone (@seq) and how many are gone (@lost.count). So at any
 * time, for a reader and a CPU:
 *
 *         next seq = seq of the first record + records read + records lost
 *
 * A crossing may be held for much longer than the other calls around it. Then
 * an open finds it, and the gaps between it and its like are told as lost.
 *
 * What is older than the first record that an open finds of a CPU is not lost to
 * that reader. Calls that the kernel could not hand to the probes at all
 * are counted in &struct setnsmon_counters.missed.
 *
 * VERSIONS
 *
 * SETNSMON_ABI_VERSION changes only when the meaning of an existing field does.
 * New fields are added at the end of a record; a reader asks for the size of
 * the records it will get with SETNSMON_IOC_INFO and steps by that size. New
 * bits may appear in every mask: ignore those that you do not know.
 *
 * All integers are in host byte order. All padding is zero.
 */
#ifndef _UAPI_LINUX_SETNSMON_H
#define _UAPI_LINUX_SETNSMON_H

#include <linux/ioctl.h>
#include <linux/types.h>

/* The version of this contract, also the "v" of each line and JSON object. */
#define SETNSMON_ABI_VERSION	1

/*
 * The device, as udev or devtmpfs names it. Mode 0400, owner root; the udev rule
 * that is installed with the reader makes that 0440, group setnsmon.
 */
#define SETNSMON_DEVICE		"/dev/setnsmon"

/* A read buffer of this many bytes holds every possible text line. */
#define SETNSMON_LINE_MAX	4096

/* Bytes of a command name, the closing NUL included (TASK_COMM_LEN). */
#define SETNSMON_COMM_LEN	16

/*
 * The ten namespace links of a task, in the order of ls /proc/self/ns.
 * PID_FOR_CHILDREN and TIME_FOR_CHILDREN are what children will be born into.
 */
enum setnsmon_link {
	SETNSMON_LINK_CGROUP,
	SETNSMON_LINK_IPC,
	SETNSMON_LINK_MNT,
	SETNSMON_LINK_NET,
	SETNSMON_LINK_PID,
	SETNSMON_LINK_PID_FOR_CHILDREN,
	SETNSMON_LINK_TIME,
	SETNSMON_LINK_TIME_FOR_CHILDREN,
	SETNSMON_LINK_USER,
	SETNSMON_LINK_UTS,
	SETNSMON_LINKS
};

/* What a record is: &struct setnsmon_record.type. */
enum setnsmon_record_type {
	SETNSMON_RECORD_SETNS	= 1,	/* a call; .setns holds it */
	SETNSMON_RECORD_LOST	= 2	/* a gap; .lost holds its size */
};

/* By which entry the call came: &struct setnsmon_setns.abi. */
enum setnsmon_abi {
	SETNSMON_ABI_X86_64	= 1,	/* 64-bit SYSCALL */
	SETNSMON_ABI_I386	= 2,	/* int 0x80, 32-bit SYSENTER or SYSCALL */
	SETNSMON_ABI_X32	= 3	/* 64-bit SYSCALL with the x32 bit */
};

/* What the file descriptor was at entry: &struct setnsmon_setns.fd_kind. */
enum setnsmon_fd_kind {
	SETNSMON_FD_NONE	= 1,	/* not open, or opened with O_PATH */
	SETNSMON_FD_OTHER	= 2,	/* open, neither of the following */
	SETNSMON_FD_NSFS	= 3,	/* a namespace: /proc/PID/ns/KIND or a bind mount */
	SETNSMON_FD_PIDFD	= 4	/* a process, see pidfd_open(2) */
};

/*
 * Where the user namespace that owns the target stands, seen from the user
 * namespace of the caller: &struct setnsmon_setns.relation.
 */
enum setnsmon_relation {
	SETNSMON_RELATION_NONE		= 0,	/* there is no owner to relate to */
	SETNSMON_RELATION_SAME		= 1,
	SETNSMON_RELATION_ANCESTOR	= 2,	/* parent, or further up */
	SETNSMON_RELATION_DESCENDANT	= 3,	/* child, or further down */
	SETNSMON_RELATION_UNRELATED	= 4	/* neither; a sibling, say */
};

/*
 * Which parts of a record were there to be read: &struct setnsmon_setns.has.
 * A part whose bit is clear is zero, and null in JSON.
 */
#define SETNSMON_HAS_RET		(1U << 0) /* ret, after, joined, cap_effective_after, duration_ns */
#define SETNSMON_HAS_TARGET		(1U << 1) /* fd named a namespace or a process */
#define SETNSMON_HAS_TARGET_NS		(1U << 2) /* target_type, target_inum (nsfs only) */
#define SETNSMON_HAS_OWNER		(1U << 3) /* owner_*, relation */
#define SETNSMON_HAS_TARGET_PID		(1U << 4) /* target_pid (pidfd only) */
#define SETNSMON_HAS_TARGET_LINKS	(1U << 5) /* target_links (pidfd only) */
#define SETNSMON_HAS_NS_IDS		(1U << 6) /* target_id, owner_id: Linux 6.18 or later */
#define SETNSMON_HAS_LOGINUID		(1U << 7) /* loginuid was set (and the kernel has audit) */
#define SETNSMON_HAS_SESSIONID		(1U << 8) /* sessionid was set (and the kernel has audit) */
#define SETNSMON_HAS_CGROUP		(1U << 9) /* cgroup_id */

/* What is remarkable about a call: &struct setnsmon_setns.flags. */
#define SETNSMON_FLAG_DENIED		(1U << 0) /* refused with EPERM or EACCES */
#define SETNSMON_FLAG_TO_INIT		(1U << 1) /* ended in an initial namespace that it was not in before */
#define SETNSMON_FLAG_UPWARD		(1U << 2) /* target owned by an ancestor of the caller's user namespace,
						   * or the initial user namespace, seen from below */
#define SETNSMON_FLAG_USERNS_CROSS	(1U << 3) /* target not owned by the caller's user namespace */
#define SETNSMON_FLAG_CAPS_GAINED	(1U << 4) /* cap_effective_after has bits that cap_effective had not */
#define SETNSMON_FLAG_RACED		(1U << 5) /* fd named something else at entry than what was committed;
						   * judged by the caller's links, so not seen where none of
						   * them tells the two apart, nor for a pidfd whose links
						   * could not be read */
#define SETNSMON_FLAG_RET_UNKNOWN	(1U << 6) /* recorded at entry: the return could not be followed */
#define SETNSMON_FLAG_KERNEL_COMPAT	(1U << 7) /* came by the 32-bit entry */

/**
 * struct setnsmon_setns - one call of setns(2)
 *
 * All ids of users, groups and processes are those of the initial namespaces,
 * but for @ns_pid and @ns_tid. Everything down to @target_links is as it was when
 * the call was entered; the rest is as it was when it returned, and of that setns(2)
 * changes only @cap_effective_after and @after.
 *
 * @duration_ns: time from entry to return, on the monotonic clock
 * @start_ns: when the calling process was started, on the boot clock; together
 *	with @pid it names the process for good
 * @cgroup_id: the caller's cgroup in the unified hierarchy: the inode number of
 *	its directory
 * @cap_permitted: capability set of the calling thread, bit n is capability n
 * @cap_effective: likewise
 * @cap_effective_after: the effective set when the call returned
 * @target_id: 64-bit id of the target namespace, never used again by another;
 *	zero where the kernel has none. Linux 6.18: ns_common.ns_id
 * @owner_id: the same of the owning user namespace
 * @has: SETNSMON_HAS_* bits
 * @flags: SETNSMON_FLAG_* bits
 * @ret: what the kernel returned: 0 or a negative error number
 * @fd: first argument
 * @nstype: second argument: CLONE_NEW* bits, 0 for "any"
 * @joined: CLONE_NEW* bits of the kinds that this call committed, also when the
 *	caller was in that namespace before. With SETNSMON_FLAG_RACED and an
 *	nstype of 0 it is what has changed, which may be nothing
 * @target_type: kind of the namespace that @fd named: one CLONE_NEW* bit; zero
 *	for a pidfd
 * @target_inum: its inode number, as stat(2) of /proc/PID/ns/KIND shows it
 * @target_pid: the process that a pidfd named, also when it is gone by now. Not there
 *	(SETNSMON_HAS_TARGET_PID) until this kernel's pidfds are proven to be laid out as
 *	the module knows them, which the first one of a living process does
 * @owner_inum: the user namespace that owns the target (for a pidfd: the user
 *	namespace of the process): inode number. The initial user namespace
 *	has no owner
 * @owner_level: its depth below the initial user namespace, which is 0
 * @owner_uid: the user that made it
 * @caller_userns_inum: the caller's user namespace: inode number
 * @caller_userns_level: its depth
 * @caller_userns_uid: the user that made it
 * @tid: thread id
 * @pid: process id (thread group)
 * @ppid: process id of the parent
 * @ns_pid: @pid as the caller itself sees it
 * @ns_tid: @tid as the caller itself sees it
 * @uid: real user id; @suid saved, @euid effective, @fsuid file system
 * @gid: real group id; @sgid saved, @egid effective, @fsgid file system
 * @suid: see @uid
 * @sgid: see @gid
 * @euid: see @uid
 * @egid: see @gid
 * @fsuid: see @uid
 * @fsgid: see @gid
 * @loginuid: audit login user id
 * @sessionid: audit session id
 * @before: inode numbers of the caller's ten links at entry, by enum setnsmon_link
 * @after: the same at return
 * @target_links: the ten links of the process that a pidfd named, at entry; a
 *	single link that it had not is zero
 * @abi: enum setnsmon_abi
 * @fd_kind: enum setnsmon_fd_kind
 * @relation: enum setnsmon_relation
 * @pad: zero
 * @pad2: zero
 * @comm: command name of the thread. ANY bytes up to the first NUL: it is the
 *	caller's to choose. Escape it before you show it. From the first NUL
 *	on it is all NUL
 */
struct setnsmon_setns {
	__u64 target_id;
	__u64 owner_id;
	__u64 cap_permitted;
	__u64 cap_effective;
	__u32 has;
	__u32 flags;
	__s32 fd;
	__u32 nstype;
	__u32 target_type;
	__u32 target_inum;
	__u32 target_pid;
	__u32 owner_inum;
	__u32 owner_level;
	__u32 owner_uid;
	__u32 caller_userns_inum;
	__u32 caller_userns_level;
	__u32 caller_userns_uid;
	__u8 abi;
	__u8 fd_kind;
	__u8 relation;
	__u8 pad;
	__u32 before[SETNSMON_LINKS];
	__u32 target_links[SETNSMON_LINKS];

	__u64 duration_ns;
	__u64 start_ns;
	__u64 cgroup_id;
	__u64 cap_effective_after;
	__s32 ret;
	__u32 joined;
	__u32 after[SETNSMON_LINKS];
	__u32 tid;
	__u32 pid;
	__u32 ppid;
	__u32 ns_pid;
	__u32 ns_tid;
	__u32 uid;
	__u32 gid;
	__u32 suid;
	__u32 sgid;
	__u32 euid;
	__u32 egid;
	__u32 fsuid;
	__u32 fsgid;
	__u32 loginuid;
	__u32 sessionid;
	__u32 pad2;
	__u8 comm[SETNSMON_COMM_LEN];
};

/**
 * struct setnsmon_lost - a gap in what this reader got from one CPU
 *
 * @count: how many records are gone: those from seq to seq + count - 1
 */
struct setnsmon_lost {
	__u64 count;
};

/**
 * struct setnsmon_record - what a read in binary format returns, repeated
 *
 * @type: enum setnsmon_record_type; step over one that you do not know
 * @size: bytes of this record, the same for all of one open file
 * @cpu: the CPU on which it was recorded
 * @seq: its number on that CPU; in a lost record the first number that is gone
 * @boot_ns: when the record was made (the call returned; or was entered, with
 *	SETNSMON_FLAG_RET_UNKNOWN), nanoseconds on CLOCK_BOOTTIME of the initial
 *	time namespace. Of a lost record: that of the record after the gap
 * @real_ns: the same instant on CLOCK_REALTIME
 * @setns: of SETNSMON_RECORD_SETNS
 * @lost: of SETNSMON_RECORD_LOST; the rest of the record is zero
 */
struct setnsmon_record {
	__u16 type;
	__u16 size;
	__u32 cpu;
	__u64 seq;
	__u64 boot_ns;
	__u64 real_ns;
	__extension__ union {
		struct setnsmon_setns setns;
		struct setnsmon_lost lost;
	};
};

/* What a read returns: the argument of SETNSMON_IOC_FORMAT. */
enum setnsmon_format {
	SETNSMON_FORMAT_TEXT	= 0,
	SETNSMON_FORMAT_BINARY	= 1
};

/**
 * struct setnsmon_info - what this module is and how it was loaded
 *
 * @abi_version: SETNSMON_ABI_VERSION of the module
 * @record_size: bytes of each record in binary format
 * @cpus: possible CPUs, each with two rings
 * @ring_records: records that one ring holds
 */
struct setnsmon_info {
	__u32 abi_version;
	__u32 record_size;
	__u32 cpus;
	__u32 ring_records;
};

/**
 * struct setnsmon_counters - totals since the module was loaded
 *
 * At any quiet moment (no call under way) entered = recorded + missed.
 *
 * @entered: calls that reached the kernel's entry functions
 * @recorded: records made
 * @missed: calls that the kernel could not hand to the probes
 *	(kprobe.nmissed)
 * @ret_unknown: records with SETNSMON_FLAG_RET_UNKNOWN; part of @recorded
 * @readers: open files of the device, now
 * @lost: sum of all gaps in what this open file has read, since it was opened
 */
struct setnsmon_counters {
	__u64 entered;
	__u64 recorded;
	__u64 missed;
	__u64 ret_unknown;
	__u64 readers;
	__u64 lost;
};

/*
 * None of these may change what another open file gets. All may sleep.
 *
 * SETNSMON_IOC_INFO      what will I read? Fills a struct setnsmon_info.
 * SETNSMON_IOC_FORMAT    points to an enum setnsmon_format as __u32; EINVAL for
 *                        another value.
 * SETNSMON_IOC_COUNTERS  fills a struct setnsmon_counters.
 */
#define SETNSMON_IOC_MAGIC	0xDF
#define SETNSMON_IOC_INFO	_IOR(SETNSMON_IOC_MAGIC, 0, struct setnsmon_info)
#define SETNSMON_IOC_FORMAT	_IOW(SETNSMON_IOC_MAGIC, 1, __u32)
#define SETNSMON_IOC_COUNTERS	_IOR(SETNSMON_IOC_MAGIC, 2, struct setnsmon_counters)

#endif /* _UAPI_LINUX_SETNSMON_H */
