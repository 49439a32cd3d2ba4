/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The target of a call: from a file descriptor to the namespace or process behind it, the
 * user namespace that owns it, and where that stands relative to the caller's. All functions
 * are called by the caller itself, with preemption off, and never sleep.
 */
#ifndef SETNSMON_TARGET_H
#define SETNSMON_TARGET_H

#include "capture/event.h"
#include "capture/links.h"
#include "compat.h"

#include <linux/cred.h>
#include <linux/fdtable.h>
#include <linux/fs.h>
#include <linux/nospec.h>
#include <linux/user_namespace.h>

/*
 * Finds the operations by which the kernel recognises pidfds, before the first call. Always
 * returns 0. If the kernel does not show them, the log says so, and pidfds are recognised by
 * their form until the first of them has been verified. May sleep.
 */
int target_init(void);

/* Returns enum setnsmon_relation of @owner, seen from another user namespace @from. */
u8 target_relation_elsewhere(const struct user_namespace *owner, const struct user_namespace *from);

/* Returns the bit for @has. */
static __always_inline u16 target_fill_owner(struct event_target *to,
					     const struct user_namespace *owner)
{
	const struct user_namespace *own = current_user_ns();

	to->owner_inum = owner->ns.inum;
	if (COMPAT_HAS_NS_IDS)
		to->owner_id = compat_ns_id(&owner->ns);
	to->owner_level = owner->level;
	to->owner_uid = __kuid_val(owner->owner);
	to->relation = likely(owner == own) ? SETNSMON_RELATION_SAME
					    : target_relation_elsewhere(owner, own);
	return SETNSMON_HAS_OWNER;
}

/* Fills in a namespace. Its file holds it, and it holds its owner (fs/nsfs.c). */
static __always_inline void target_fill_ns(struct event_target *to, struct ns_common *ns)
{
	const u32 type = compat_ns_type(ns);
	const struct user_namespace *owner = links_owner(ns, type);
	u16 has = SETNSMON_HAS_TARGET | SETNSMON_HAS_TARGET_NS;

	to->fd_kind = SETNSMON_FD_NSFS;
	to->type = type;
	to->inum = ns->inum;
	if (COMPAT_HAS_NS_IDS)
		to->id = compat_ns_id(ns);
	if (likely(owner))
		has |= target_fill_owner(to, owner);
	to->has = has;
}

/* Fills in a descriptor that is not open. */
static __always_inline void target_fill_none(struct event_target *to)
{
	to->fd_kind = SETNSMON_FD_NONE;
	to->relation = SETNSMON_RELATION_NONE;
	to->has = 0;
}

/*
 * Returns the namespace behind a namespace file, NULL if @file is another one. The kernel tells
 * them apart by the same operations (proc_ns_file() in fs/nsfs.c).
 */
static __always_inline struct ns_common *target_file_ns(const struct file *file)
{
	return likely(file->f_op == links_file_ops) ? file_inode(file)->i_private : NULL;
}

/* Fills in any file, or none if @file is NULL. The caller keeps the file open. */
void target_fill_file(struct event_target *to, const struct file *file);

/*
 * Returns the file that fget() would find in an fd table that only the caller uses, without a
 * reference. __fget_light() in fs/file.c does without a reference in the same case.
 */
static __always_inline const struct file *target_own_file(const struct files_struct *files,
							  unsigned int fd)
{
	const struct fdtable *fdt = rcu_dereference_raw(files->fdt);
	const struct file *file;

	if (unlikely(fd >= fdt->max_fds))
		return NULL;
	file = rcu_dereference_raw(fdt->fd[array_index_nospec(fd, fdt->max_fds)]);
	return file && likely(!(file->f_mode & FMODE_PATH)) ? file : NULL;
}

#endif /* SETNSMON_TARGET_H */
