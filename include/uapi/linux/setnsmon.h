/* SPDX-License-Identifier: (GPL-2.0-only WITH Linux-syscall-note) OR MIT */
/*
 * setnsmon - who joined which namespace: the contract between the kernel
 * module and the programs that read /dev/setnsmon.
 *
 * THE DEVICE
 *
 * /dev/setnsmon is a stream of records, one for each setns(2) call on the
 * host. It behaves like /dev/kmsg:
 *
 *   open(2)   Any number of readers is possible, and each gets every record. A
 *             new reader starts at the oldest record that is still held.
 *             Opening for writing fails with EACCES or EPERM, even for root.
 *             Opening from a user namespace other than the initial one fails
 *             with EPERM.
 *   read(2)   Returns as many whole records as fit, oldest first over all
 *             CPUs, and waits if there are none. A record is never split.
 *             EAGAIN  there are none and the file is O_NONBLOCK
 *             EINTR   (or a restart) a signal arrived during the wait, or while
 *                     records were skipped
 *             EINVAL  the buffer is smaller than the next record; nothing is
 *                     lost, a larger buffer reads it
 *             EFAULT  the buffer cannot be written; nothing is lost
 *             ENOMEM  memory is short; nothing is lost
 *   poll(2)   Returns POLLIN | POLLRDNORM while a record can be read. A program
 *             that sleeps here, in read(2) or on an epoll(7) set is woken a
 *             quarter of a millisecond after a call returned.
 *   lseek(2)  (0, SEEK_SET) goes back to the oldest record that is still held.
 *             (0, SEEK_END) goes to the end, so that only later records follow.
 *             Another whence fails with ESPIPE, or with EINVAL if it is not a
 *             valid whence. Another offset fails with EINVAL. ENOMEM if memory
 *             is short. pread(2) ignores its offset. readv(2) is one read(2)
 *             for each buffer: after a buffer that was filled completely, it
 *             waits to fill the next one.
 *   ioctl(2)  SETNSMON_IOC_*, below. ENOTTY for a number that is not listed,
 *             EINVAL for a listed number with another size or direction,
 *             EFAULT for a bad pointer.
 *
 * A file starts in text format: one line a record, at most SETNSMON_LINE_MAX
 * bytes with its newline, in logfmt. SETNSMON_IOC_FORMAT switches this open
 * file to binary: each record is then one struct setnsmon_record. The switch
 * takes effect with the next read and can be undone.
 *
 * All descriptors of one open file description (dup, fork) share its position, format
 * and filter. Concurrent reads of it are served one at a time.
 *
 * ORDER AND LOSS
 *
 * Each CPU keeps its records in rings of one size, and each ring overwrites its
 * oldest record when it is full. The class of a call (enum setnsmon_class) decides
 * which ring its record goes to, so records of one class never overwrite those of
 * another.
 *
 *   plain   The call failed, changed nothing, or stayed within user namespaces of
 *           the caller's own. Any user can repeat it as fast as a CPU allows.
 *   entry   Any other call that is not an exit: it succeeded, and took rights that
 *           not every user has. The daily work of container runtimes.
 *   exit    Likewise, and it moved its caller from another mount, pid or user
 *           namespace into the host's, or out of a chroot.
 *
 * Exits have two rings. One is for callers whose real user is root and whose
 * program is not set-user-ID. Any user can run a set-user-ID program in a loop, so
 * the exits of all other callers have a ring of their own.
 *
 * A call with SETNSMON_FLAG_RET_UNKNOWN has the class of its success. It is plain if
 * it could not succeed.
 *
 * Within one file, records come in the order of @boot_ns. Each CPU numbers its
 * records from 0 without a gap, over all rings (@seq). If a record was
 * overwritten before this reader got to it, its number is missing. In place of
 * the gap comes one record of type SETNSMON_RECORD_LOST, with the CPU (@cpu), the
 * first missing number (@seq) and how many are missing (@lost.count). So at any
 * time, for a reader and a CPU:
 *
 *         next seq = seq of the first record + records read + records lost
 *
 * If the file has a filter, its skipped records are part of that sum:
 *
 *         next seq = seq of the first record + read + skipped + lost
 *
 * A rare record may be held for much longer than the plain records around it. Then a
 * new reader finds it, and the gaps between such records are reported as lost.
 *
 * Records older than the first one that a reader finds of a CPU are not lost to that
 * reader. Calls that the kernel could not hand to the probes are counted in
 * &struct setnsmon_counters.missed.
 *
 * FILTER
 *
 * SETNSMON_IOC_FILTER gives this open file a filter, &struct setnsmon_filter. The kernel
 * then skips each record that does not match, at a fraction of the cost of reading it.
 *
 *   - A gap (SETNSMON_RECORD_LOST) always comes: what was lost could have matched. It covers
 *     lost records only, never skipped ones, so gaps on both sides of a skipped record are
 *     two records. A number that neither came nor is in a gap was skipped.
 *   - read(2) returns records that match, and gaps. It waits, or fails with EAGAIN, if all
 *     records made until then were skipped.
 *   - poll(2) skips as well, so it reports POLLIN if there is a record that matches, or a gap.
 *     It may also do so without such a record: while another thread reads the same file, or if
 *     many records are to be skipped. A read then skips them.
 *   - The filter takes effect with the next read, for all records that were not delivered
 *     yet. Records that an earlier filter has skipped do not come back, except after a seek.
 *
 * VERSIONS
 *
 * SETNSMON_ABI_VERSION changes only when the meaning of an existing field does.
 * New fields are added at the end of a record. A reader asks for the size of its
 * records with SETNSMON_IOC_INFO and steps by that size. New bits may appear in
 * every mask: ignore bits that you do not know.
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
 * The device, as udev or devtmpfs names it. Its mode is 0400 and its owner root. The
 * udev rule that is installed with the reader makes that 0440, group setnsmon.
 */
#define SETNSMON_DEVICE		"/dev/setnsmon"

/* A read buffer of this many bytes holds every possible text line. */
#define SETNSMON_LINE_MAX	4096

/* Bytes of a command name, including the closing NUL (TASK_COMM_LEN). */
#define SETNSMON_COMM_LEN	16

/*
 * The ten namespace links of a task, in the order of ls /proc/self/ns.
 * PID_FOR_CHILDREN and TIME_FOR_CHILDREN are the namespaces of future children.
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

/* The entry that the call came through: &struct setnsmon_setns.abi. */
enum setnsmon_abi {
	SETNSMON_ABI_X86_64	= 1,	/* 64-bit SYSCALL */
	SETNSMON_ABI_I386	= 2,	/* int 0x80, 32-bit SYSENTER or SYSCALL */
	SETNSMON_ABI_X32	= 3	/* 64-bit SYSCALL with the x32 bit */
};

/* The kind of file descriptor at entry: &struct setnsmon_setns.fd_kind. */
enum setnsmon_fd_kind {
	SETNSMON_FD_NONE	= 1,	/* not open, or opened with O_PATH */
	SETNSMON_FD_OTHER	= 2,	/* open, neither of the following */
	SETNSMON_FD_NSFS	= 3,	/* a namespace: /proc/PID/ns/KIND or a bind mount */
	SETNSMON_FD_PIDFD	= 4	/* a process, see pidfd_open(2) */
};

/*
 * Position of a user namespace relative to the user namespace of the caller:
 * &struct setnsmon_setns.relation. It is the position of the one that owns the target, or
 * of the target itself if that is a user namespace.
 */
enum setnsmon_relation {
	SETNSMON_RELATION_NONE		= 0,	/* not known */
	SETNSMON_RELATION_SAME		= 1,
	SETNSMON_RELATION_ANCESTOR	= 2,	/* parent, or further up */
	SETNSMON_RELATION_DESCENDANT	= 3,	/* child, or further down */
	SETNSMON_RELATION_UNRELATED	= 4	/* neither; a sibling, say */
};

/*
 * How rare a call is, which decides how long it is held: &struct setnsmon_setns.call_class. A
 * record is overwritten only by records of its own class.
 */
enum setnsmon_class {
	SETNSMON_CLASS_PLAIN	= 1,	/* any user can repeat it at will */
	SETNSMON_CLASS_ENTRY	= 2,	/* it took rights that not every user has */
	SETNSMON_CLASS_EXIT	= 3	/* likewise, and it led to the host's mount, pid or user
					 * namespace, or out of a chroot */
};

/*
 * Parts of a record that are valid: &struct setnsmon_setns.has. A part whose bit is
 * clear is zero, and null in JSON.
 */
#define SETNSMON_HAS_RET		(1U << 0) /* ret, after, joined, cap_effective_after, duration_ns */
#define SETNSMON_HAS_TARGET		(1U << 1) /* fd named a namespace or a process */
#define SETNSMON_HAS_TARGET_NS		(1U << 2) /* target_type, target_inum (nsfs only) */
#define SETNSMON_HAS_OWNER		(1U << 3) /* owner_* */
#define SETNSMON_HAS_TARGET_PID		(1U << 4) /* target_pid (pidfd only) */
#define SETNSMON_HAS_TARGET_LINKS	(1U << 5) /* target_links (pidfd only) */
#define SETNSMON_HAS_NS_IDS		(1U << 6) /* owner_id, target_userns_id: Linux 6.18 or later */
#define SETNSMON_HAS_LOGINUID		(1U << 7) /* loginuid was set (and the kernel has audit) */
#define SETNSMON_HAS_SESSIONID		(1U << 8) /* sessionid was set (and the kernel has audit) */
#define SETNSMON_HAS_CGROUP		(1U << 9) /* cgroup_id */
#define SETNSMON_HAS_RELATION		(1U << 10) /* relation */
#define SETNSMON_HAS_TARGET_ID		(1U << 11) /* target_id */
#define SETNSMON_HAS_TARGET_USERNS	(1U << 12) /* target_userns_* */
#define SETNSMON_HAS_TARGET_CGROUP	(1U << 13) /* target_cgroup_id (pidfd only) */
#define SETNSMON_HAS_SHARING		(1U << 14) /* threads, fs_users */
#define SETNSMON_HAS_FS_MAGIC		(1U << 15) /* fs_magic */
#define SETNSMON_HAS_PID_IDS		(1U << 16) /* target_pid_id: Linux 6.9 or later */

/* Remarkable properties of a call: &struct setnsmon_setns.flags. */
#define SETNSMON_FLAG_DENIED		(1U << 0) /* refused with EPERM or EACCES */
#define SETNSMON_FLAG_TO_INIT		(1U << 1) /* ended in an initial namespace that it was not in before;
						   * with RET_UNKNOWN: would have, if it succeeded */
#define SETNSMON_FLAG_UPWARD		(1U << 2) /* asked for a namespace that an ancestor of the caller's user
						   * namespace owns, or for such an ancestor itself */
#define SETNSMON_FLAG_USERNS_CROSS	(1U << 3) /* asked for a namespace that another user namespace than the
						   * caller's owns, or for another user namespace */
#define SETNSMON_FLAG_CAPS_GAINED	(1U << 4) /* cap_effective_after has bits that cap_effective lacks */
#define SETNSMON_FLAG_RACED		(1U << 5) /* fd named something else at entry than what was committed.
						   * Judged by the caller's links: not set if they cannot tell
						   * the two apart, or if the links behind a pidfd could not
						   * be read */
#define SETNSMON_FLAG_RET_UNKNOWN	(1U << 6) /* recorded at entry: the return could not be followed */
#define SETNSMON_FLAG_KERNEL_COMPAT	(1U << 7) /* came by the 32-bit entry */
#define SETNSMON_FLAG_ROOT_MOVED	(1U << 8) /* changed the caller's root or working directory */
#define SETNSMON_FLAG_SELFTEST		(1U << 9) /* fd is -1 and nstype SETNSMON_SELFTEST_NSTYPE */
#define SETNSMON_FLAG_TARGETS_INIT	(1U << 10) /* asked for an initial namespace that it is not in, even if
						    * refused */
/*
 * TARGETS_INIT, UPWARD and USERNS_CROSS concern only namespaces that the caller is not in: a
 * call for the namespace that the caller is in goes nowhere. With several kinds (pidfd), one
 * such namespace is enough.
 */

/*
 * The nstype of a call that a program makes to test the module. Together with the fd -1
 * such a call can only fail with EBADF.
 */
#define SETNSMON_SELFTEST_NSTYPE	0x53454c46U

/**
 * struct setnsmon_setns - one call of setns(2)
 *
 * All ids of users, groups and processes are those of the initial namespaces, except
 * @ns_pid and @ns_tid. @duration_ns, @ret, @joined, @cap_effective_after and @after are as
 * of the return of the call. Everything else is as of its entry, or cannot be changed by it.
 *
 * @duration_ns: time from entry to return, on the monotonic clock
 * @start_ns: start of the calling process on the boot clock; together with @pid it
 *	identifies the process uniquely
 * @cgroup_id: the caller's cgroup in the unified hierarchy: the inode number of
 *	its directory
 * @cap_permitted: capability set of the calling thread, bit n is capability n
 * @cap_effective: likewise
 * @cap_effective_after: the effective set when the call returned
 * @target_id: 64-bit id of the target namespace, which is never reused: ns_common.ns_id
 *	since Linux 6.18; before that the cookie of a network namespace (SO_NETNS_COOKIE,
 *	Linux 5.12 or later), and nothing for another kind
 * @owner_id: 64-bit id of the owning user namespace, likewise
 * @has: SETNSMON_HAS_* bits
 * @flags: SETNSMON_FLAG_* bits
 * @ret: what the kernel returned: 0 or a negative error number
 * @fd: first argument
 * @nstype: second argument: CLONE_NEW* bits, 0 for "any"
 * @joined: CLONE_NEW* bits of the kinds that this call committed, even if the caller
 *	was in that namespace before. With SETNSMON_FLAG_RACED and an nstype of 0,
 *	the kinds that have changed, which may be none
 * @target_type: kind of the namespace that @fd named: one CLONE_NEW* bit; zero
 *	for a pidfd
 * @target_inum: its inode number, as stat(2) of /proc/PID/ns/KIND shows it
 * @target_pid: the process that a pidfd named, even if it has ended. Not valid (see
 *	SETNSMON_HAS_TARGET_PID) until the layout of this kernel's pidfds is verified,
 *	which happens with the first pidfd of a living process
 * @owner_inum: the user namespace that owns the target: inode number. The owner of a
 *	user namespace is its parent, and the initial one has none. For a pidfd: the owner of
 *	the namespaces that @nstype asks for. Of several owners it is the one that stands
 *	highest (and of those, the one whose @relation crosses most). Not valid if the
 *	links of the process could not be read
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
 *	single link that it lacked is zero
 * @target_userns_id: 64-bit id of the user namespace of the process that a pidfd named,
 *	or of the target if that is a user namespace
 * @target_userns_inum: its inode number
 * @target_userns_level: its depth
 * @target_userns_uid: the user that made it
 * @target_cgroup_id: cgroup of the process that a pidfd named, like @cgroup_id
 * @target_pid_id: 64-bit id of the process that a pidfd named, which is never reused: the
 *	inode number of its pidfd; zero on kernels before Linux 6.9
 * @threads: threads of the calling process, at entry. EINVAL or EUSERS if it has several
 *	and asks for a user or time namespace. Only with targets on which the result may
 *	depend on it: see SETNSMON_HAS_SHARING
 * @fs_users: tasks that share the caller's root and working directory, itself included, at
 *	entry. EINVAL if there are several and it asks for a user or mount namespace. Valid
 *	with @threads
 * @fs_magic: if @fd named a file that is neither a namespace nor a process: the type of its
 *	file system, as statfs(2) reports it (f_type)
 * @abi: enum setnsmon_abi
 * @fd_kind: enum setnsmon_fd_kind
 * @relation: enum setnsmon_relation
 * @call_class: enum setnsmon_class
 * @pad2: zero
 * @comm: command name of the thread. The caller chooses it, so it holds ANY bytes up
 *	to the first NUL: escape it before you show it. All bytes after the first NUL
 *	are NUL
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
	__u32 target_pid;
	__u32 target_inum;
	__u32 owner_level;
	__u32 owner_uid;
	__u32 owner_inum;
	__u32 caller_userns_level;
	__u32 caller_userns_uid;
	__u32 caller_userns_inum;
	__u8 fd_kind;
	__u8 relation;
	__u8 abi;
	__u8 call_class;
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
	__u32 fs_magic;
	__u8 comm[SETNSMON_COMM_LEN];
	__u64 target_userns_id;
	__u64 target_cgroup_id;
	__u64 target_pid_id;
	__u32 target_userns_level;
	__u32 target_userns_uid;
	__u32 target_userns_inum;
	__u32 threads;
	__u32 fs_users;
	__u32 pad2;
};

/**
 * struct setnsmon_lost - a gap in what this reader got from one CPU
 *
 * @count: number of missing records: those from seq to seq + count - 1
 */
struct setnsmon_lost {
	__u64 count;
};

/**
 * struct setnsmon_record - what a read in binary format returns, repeated
 *
 * @type: enum setnsmon_record_type; skip records of a type that you do not know
 * @size: bytes of this record, the same for all of one open file
 * @cpu: the CPU on which it was recorded
 * @seq: its number on that CPU; in a lost record, the first missing number
 * @boot_ns: time of the return of the call, or of its entry with
 *	SETNSMON_FLAG_RET_UNKNOWN: nanoseconds on CLOCK_BOOTTIME of the initial time
 *	namespace. In a lost record, the time of the record after the gap
 * @real_ns: the same instant on CLOCK_REALTIME
 * @setns: valid for SETNSMON_RECORD_SETNS
 * @lost: valid for SETNSMON_RECORD_LOST; the rest of the record is zero
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

/* The format of a file: the argument of SETNSMON_IOC_FORMAT. */
enum setnsmon_format {
	SETNSMON_FORMAT_TEXT	= 0,
	SETNSMON_FORMAT_BINARY	= 1
};

/**
 * struct setnsmon_info - properties of the loaded module
 *
 * @abi_version: SETNSMON_ABI_VERSION of the module
 * @record_size: bytes of each record in binary format
 * @cpus: CPUs that have rings: all that were online since the module was loaded
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
 * @readers: number of open files of the device
 * @lost: number of missing records in all gaps that this open file has read
 * @other_probes: kprobes of others on the entry functions of setns(2), now. One
 *	that was registered later than setnsmon's can hide calls: they are in no
 *	counter
 * @unarmed: setnsmon's own probes that are disabled, now; all of them if kprobes
 *	are switched off or no longer fire. Calls are then in no counter. 0 if all
 *	is well
 * @boot_ns: time at which they were read, on the clock of the records, even for a
 *	reader in a time namespace. The record of a call that returned before has the
 *	same @boot_ns or an earlier one
 * @skipped: number of records that filters of this open file have skipped
 */
struct setnsmon_counters {
	__u64 entered;
	__u64 recorded;
	__u64 missed;
	__u64 ret_unknown;
	__u64 readers;
	__u64 lost;
	__u64 other_probes;
	__u64 unarmed;
	__u64 boot_ns;
	__u64 skipped;
};

/* How a call ended: &struct setnsmon_filter.results. */
#define SETNSMON_RESULT_OK		(1U << 0)
#define SETNSMON_RESULT_FAILED		(1U << 1)
#define SETNSMON_RESULT_UNKNOWN		(1U << 2) /* SETNSMON_FLAG_RET_UNKNOWN */

/* Where to look for a namespace: &struct setnsmon_filter.ns_places. */
#define SETNSMON_PLACE_TARGET		(1U << 0) /* target_inum, target_links */
#define SETNSMON_PLACE_BEFORE		(1U << 1) /* before */
#define SETNSMON_PLACE_AFTER		(1U << 2) /* after */

/**
 * struct setnsmon_filter - which records an open file gets: the argument of
 *	SETNSMON_IOC_FILTER
 *
 * A record matches if it matches every member. A member that is zero matches every record,
 * so a filter of zeros is no filter. Ids are those of the initial namespaces.
 *
 * @cgroup_id: the caller's cgroup
 * @events: a bit 1 << enum setnsmon_record_type for each type. Gaps always match
 * @classes: a bit 1 << enum setnsmon_class for each class
 * @kinds: CLONE_NEW* bits. A call matches if it asked for one of these kinds (@nstype),
 *	named a namespace of one of them (@target_type), or joined one (@joined)
 * @results: SETNSMON_RESULT_* bits
 * @error: a positive error number: calls that failed with this error
 * @flags_any: SETNSMON_FLAG_* bits of which the call has at least one
 * @flags_all: bits of which it has all
 * @flags_none: bits of which it has none
 * @uid_first: the first of @uid_count real user ids. Zero if @uid_count is
 * @uid_count: 0 for all users. The last id, @uid_first + @uid_count - 1, must fit in 32 bits
 * @loginuid_first: the same for the audit login user id. A call without one does not match
 * @loginuid_count: 0 for all calls
 * @pid: the calling process
 * @ns_inum: inode number of a namespace that occurs in one of @ns_places. A number may be
 *	used again after the namespace has ended
 * @ns_places: SETNSMON_PLACE_* bits, 0 for all of these places. Zero if @ns_inum is
 * @reserved: zero. A later version may give it a meaning
 */
struct setnsmon_filter {
	__u64 cgroup_id;
	__u32 events;
	__u32 classes;
	__u32 kinds;
	__u32 results;
	__u32 error;
	__u32 flags_any;
	__u32 flags_all;
	__u32 flags_none;
	__u32 uid_first;
	__u32 uid_count;
	__u32 loginuid_first;
	__u32 loginuid_count;
	__u32 pid;
	__u32 ns_inum;
	__u32 ns_places;
	__u32 reserved[15];
};

/*
 * None of these affects other open files. All may sleep.
 *
 * SETNSMON_IOC_INFO      fills a struct setnsmon_info.
 * SETNSMON_IOC_FORMAT    points to an enum setnsmon_format as __u32; EINVAL for
 *                        another value.
 * SETNSMON_IOC_COUNTERS  fills a struct setnsmon_counters.
 * SETNSMON_IOC_FILTER    points to a struct setnsmon_filter, which replaces the filter of
 *                        this open file. EINVAL if it has a bit or a value that this module
 *                        does not know, or is inconsistent; the old filter then stays. A
 *                        program can thus tell what a module knows.
 * SETNSMON_IOC_SEEK      points to a time as __u64, on the clock of @boot_ns. The first record
 *                        with this time or a later one comes next, as after an open: what was
 *                        made before counts neither as read nor as lost or skipped. That is
 *                        the oldest record still held, if all are later. EINVAL for a time in
 *                        the future, which may stem from before a reboot. ENOMEM if memory is
 *                        short, EINTR (or a restart) if a signal came during a wait. An error
 *                        moves nothing.
 */
#define SETNSMON_IOC_MAGIC	0xDF
#define SETNSMON_IOC_INFO	_IOR(SETNSMON_IOC_MAGIC, 0, struct setnsmon_info)
#define SETNSMON_IOC_FORMAT	_IOW(SETNSMON_IOC_MAGIC, 1, __u32)
#define SETNSMON_IOC_COUNTERS	_IOR(SETNSMON_IOC_MAGIC, 2, struct setnsmon_counters)
#define SETNSMON_IOC_FILTER	_IOW(SETNSMON_IOC_MAGIC, 3, struct setnsmon_filter)
#define SETNSMON_IOC_SEEK	_IOW(SETNSMON_IOC_MAGIC, 4, __u64)

#endif /* _UAPI_LINUX_SETNSMON_H */
