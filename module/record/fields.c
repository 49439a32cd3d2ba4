// SPDX-License-Identifier: GPL-2.0-only
#include "record/fields.h"
#include "kinds.h"

#ifdef __KERNEL__
#include <linux/errno.h>
#include <linux/sched.h>
#else
#include <errno.h>
#include <linux/sched.h>
#endif

/* Tables keep their columns. */
/* clang-format off */

#define NAME(value, name) { value, sizeof(name) - 1, name }
#define END { 0, 0, "" }
#define KIND_NAME(bit, name, moved, lent, slot) NAME(bit, name),

const struct field_name kind_names[] = { NS_KINDS(KIND_NAME) END };

const struct field_name flag_names[] = {
	NAME(SETNSMON_FLAG_DENIED, "denied"),
	NAME(SETNSMON_FLAG_TO_INIT, "to-init"),
	NAME(SETNSMON_FLAG_TARGETS_INIT, "targets-init"),
	NAME(SETNSMON_FLAG_UPWARD, "upward"),
	NAME(SETNSMON_FLAG_USERNS_CROSS, "userns-cross"),
	NAME(SETNSMON_FLAG_CAPS_GAINED, "caps-gained"),
	NAME(SETNSMON_FLAG_RACED, "raced"),
	NAME(SETNSMON_FLAG_RET_UNKNOWN, "ret-unknown"),
	NAME(SETNSMON_FLAG_KERNEL_COMPAT, "kernel-compat"),
	NAME(SETNSMON_FLAG_ROOT_MOVED, "root-moved"),
	NAME(SETNSMON_FLAG_SELFTEST, "selftest"),
	END,
};

static const struct field_name record_names[] = {
	NAME(SETNSMON_RECORD_SETNS, "setns"),
	NAME(SETNSMON_RECORD_LOST, "lost"),
	END,
};

const struct field_name class_names[] = {
	NAME(SETNSMON_CLASS_PLAIN, "plain"),
	NAME(SETNSMON_CLASS_ENTRY, "entry"),
	NAME(SETNSMON_CLASS_EXIT, "exit"),
	END,
};

static const struct field_name abi_names[] = {
	NAME(SETNSMON_ABI_X86_64, "x86_64"),
	NAME(SETNSMON_ABI_I386, "i386"),
	NAME(SETNSMON_ABI_X32, "x32"),
	END,
};

static const struct field_name fd_kind_names[] = {
	NAME(SETNSMON_FD_NONE, "none"),
	NAME(SETNSMON_FD_OTHER, "other"),
	NAME(SETNSMON_FD_NSFS, "nsfs"),
	NAME(SETNSMON_FD_PIDFD, "pidfd"),
	END,
};

static const struct field_name relation_names[] = {
	NAME(SETNSMON_RELATION_SAME, "same"),
	NAME(SETNSMON_RELATION_ANCESTOR, "ancestor"),
	NAME(SETNSMON_RELATION_DESCENDANT, "descendant"),
	NAME(SETNSMON_RELATION_UNRELATED, "unrelated"),
	END,
};

#define ROW(path_, type_, member, needs_, names_)			\
	{								\
		.path = path_, .len = sizeof(path_) - 1, .type = type_,	\
		.size = sizeof(((struct setnsmon_record *)0)->member),	\
		.offset = offsetof(struct setnsmon_record, member),	\
		.needs = needs_, .names = names_,			\
	}
#define U32(path, member, needs)   ROW(path, FIELD_U32, member, needs, NULL)
#define S32(path, member, needs)   ROW(path, FIELD_S32, member, needs, NULL)
#define U64(path, member, needs)   ROW(path, FIELD_U64, member, needs, NULL)
#define ID(path, member, needs)	   ROW(path, FIELD_ID, member, needs, NULL)
#define HEX64(path, member, needs) ROW(path, FIELD_HEX64, member, needs, NULL)
#define OTHER(path_, type_, needs_) \
	{ .path = path_, .len = sizeof(path_) - 1, .type = type_, .needs = needs_ }
#define OPEN(path, needs)	   OTHER(path, FIELD_OPEN, needs)
#define CLOSE(path)		   OTHER(path, FIELD_CLOSE, 0)

/* An object of ten inode numbers, indexed by enum setnsmon_link. */
#define LINKS(object, member, needs)						\
	OPEN(object, needs),							\
	U32(object ".cgroup", member[SETNSMON_LINK_CGROUP], 0),			\
	U32(object ".ipc", member[SETNSMON_LINK_IPC], 0),			\
	U32(object ".mnt", member[SETNSMON_LINK_MNT], 0),			\
	U32(object ".net", member[SETNSMON_LINK_NET], 0),			\
	U32(object ".pid", member[SETNSMON_LINK_PID], 0),			\
	U32(object ".pid_for_children", member[SETNSMON_LINK_PID_FOR_CHILDREN], 0), \
	U32(object ".time", member[SETNSMON_LINK_TIME], 0),			\
	U32(object ".time_for_children", member[SETNSMON_LINK_TIME_FOR_CHILDREN], 0), \
	U32(object ".user", member[SETNSMON_LINK_USER], 0),			\
	U32(object ".uts", member[SETNSMON_LINK_UTS], 0),			\
	CLOSE(object)

#define HEAD							\
	OTHER("v", FIELD_VERSION, 0),				\
	ROW("event", FIELD_NAME, type, 0, record_names),	\
	ROW("time", FIELD_TIME, real_ns, 0, NULL),		\
	U64("boot_ns", boot_ns, 0)

static const struct field setns_fields[] = {
	HEAD,
	U64("duration_ns", setns.duration_ns, SETNSMON_HAS_RET),
	U32("cpu", cpu, 0),
	U64("seq", seq, 0),
	ROW("class", FIELD_NAME, setns.call_class, 0, class_names),
	ROW("abi", FIELD_NAME, setns.abi, 0, abi_names),
	U32("pid", setns.pid, 0),
	U32("tid", setns.tid, 0),
	U32("ppid", setns.ppid, 0),
	U32("ns_pid", setns.ns_pid, 0),
	U32("ns_tid", setns.ns_tid, 0),
	ROW("comm", FIELD_COMM, setns.comm, 0, NULL),
	ID("start_ns", setns.start_ns, 0),
	U32("uid", setns.uid, 0),
	U32("euid", setns.euid, 0),
	U32("suid", setns.suid, 0),
	U32("fsuid", setns.fsuid, 0),
	U32("gid", setns.gid, 0),
	U32("egid", setns.egid, 0),
	U32("sgid", setns.sgid, 0),
	U32("fsgid", setns.fsgid, 0),
	HEX64("cap_permitted", setns.cap_permitted, 0),
	HEX64("cap_effective", setns.cap_effective, 0),
	HEX64("cap_effective_after", setns.cap_effective_after, SETNSMON_HAS_RET),
	U32("loginuid", setns.loginuid, SETNSMON_HAS_LOGINUID),
	U32("sessionid", setns.sessionid, SETNSMON_HAS_SESSIONID),
	ID("cgroup_id", setns.cgroup_id, SETNSMON_HAS_CGROUP),
	S32("fd", setns.fd, 0),
	ROW("fd_kind", FIELD_NAME, setns.fd_kind, 0, fd_kind_names),
	U32("nstype", setns.nstype, 0),
	ROW("nstype_names", FIELD_NAMES, setns.nstype, 0, kind_names),
	U32("fs_magic", setns.fs_magic, SETNSMON_HAS_FS_MAGIC),
	U32("threads", setns.threads, SETNSMON_HAS_SHARING),
	U32("fs_users", setns.fs_users, SETNSMON_HAS_SHARING),
	OPEN("target", SETNSMON_HAS_TARGET),
	ROW("target.type", FIELD_NAME, setns.target_type, SETNSMON_HAS_TARGET_NS, kind_names),
	U32("target.inum", setns.target_inum, SETNSMON_HAS_TARGET_NS),
	ID("target.id", setns.target_id, SETNSMON_HAS_TARGET_ID),
	OPEN("target.owner", SETNSMON_HAS_OWNER),
	U32("target.owner.inum", setns.owner_inum, 0),
	ID("target.owner.id", setns.owner_id, SETNSMON_HAS_NS_IDS),
	U32("target.owner.level", setns.owner_level, 0),
	U32("target.owner.uid", setns.owner_uid, 0),
	CLOSE("target.owner"),
	ROW("target.relation", FIELD_NAME, setns.relation, SETNSMON_HAS_RELATION, relation_names),
	U32("target.pid", setns.target_pid, SETNSMON_HAS_TARGET_PID),
	ID("target.pid_id", setns.target_pid_id, SETNSMON_HAS_TARGET_PID | SETNSMON_HAS_PID_IDS),
	OPEN("target.userns", SETNSMON_HAS_TARGET_USERNS),
	U32("target.userns.inum", setns.target_userns_inum, 0),
	ID("target.userns.id", setns.target_userns_id, SETNSMON_HAS_NS_IDS),
	U32("target.userns.level", setns.target_userns_level, 0),
	U32("target.userns.uid", setns.target_userns_uid, 0),
	CLOSE("target.userns"),
	LINKS("target.links", setns.target_links, SETNSMON_HAS_TARGET_LINKS),
	ID("target.cgroup_id", setns.target_cgroup_id, SETNSMON_HAS_TARGET_CGROUP),
	CLOSE("target"),
	OPEN("caller_userns", 0),
	U32("caller_userns.inum", setns.caller_userns_inum, 0),
	U32("caller_userns.level", setns.caller_userns_level, 0),
	U32("caller_userns.uid", setns.caller_userns_uid, 0),
	CLOSE("caller_userns"),
	LINKS("before", setns.before, 0),
	LINKS("after", setns.after, SETNSMON_HAS_RET),
	ROW("joined", FIELD_NAMES, setns.joined, SETNSMON_HAS_RET, kind_names),
	S32("ret", setns.ret, SETNSMON_HAS_RET),
	ROW("errno", FIELD_ERRNO, setns.ret, SETNSMON_HAS_RET, errno_names),
	ROW("flags", FIELD_NAMES, setns.flags, 0, flag_names),
};

static const struct field lost_fields[] = {
	HEAD,
	U32("cpu", cpu, 0),
	U64("seq", seq, 0),
	U64("count", lost.count, 0),
};

/* The errors that setns(2) returns, and those that security modules use. */
const struct field_name errno_names[] = {
#define E(name) NAME(name, #name)
	E(EPERM), E(ENOENT), E(ESRCH), E(EINTR), E(EIO), E(ENXIO), E(E2BIG), E(ENOEXEC), E(EBADF),
	E(ECHILD), E(EAGAIN), E(ENOMEM), E(EACCES), E(EFAULT), E(ENOTBLK), E(EBUSY), E(EEXIST),
	E(EXDEV), E(ENODEV), E(ENOTDIR), E(EISDIR), E(EINVAL), E(ENFILE), E(EMFILE), E(ENOTTY),
	E(ETXTBSY), E(EFBIG), E(ENOSPC), E(ESPIPE), E(EROFS), E(EMLINK), E(EPIPE), E(EDOM),
	E(ERANGE), E(EDEADLK), E(ENAMETOOLONG), E(ENOLCK), E(ENOSYS), E(ENOTEMPTY), E(ELOOP),
	E(ENODATA), E(EOVERFLOW), E(EUSERS), E(EOPNOTSUPP), E(ESTALE), E(EDQUOT), E(ECANCELED),
	E(ENOKEY), E(EKEYEXPIRED), E(EKEYREVOKED), E(EKEYREJECTED),
#undef E
	END,
};

/* clang-format on */

const struct field *fields_of(unsigned int record_type, unsigned int *count)
{
	switch (record_type) {
	case SETNSMON_RECORD_SETNS:
		*count = ARRAY_SIZE(setns_fields);
		return setns_fields;
	case SETNSMON_RECORD_LOST:
		*count = ARRAY_SIZE(lost_fields);
		return lost_fields;
	default:
		*count = 0;
		return NULL;
	}
}

const char *field_key(const struct field *f)
{
	const char *dot = strrchr(f->path, '.');

	return dot ? dot + 1 : f->path;
}

const struct field *field_last(const struct field *f)
{
	unsigned int depth = 0;

	for (;; f++) {
		if (f->type == FIELD_OPEN)
			depth++;
		else if (f->type == FIELD_CLOSE && depth)
			depth--;
		if (!depth)
			return f;
	}
}
