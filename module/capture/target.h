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

/* Fills in the owner of the target, without the relation. */
static __always_inline void target_fill_owner(struct event_target *to,
					      const struct user_namespace *owner)
{
	const u32 level = owner->level, uid = __kuid_val(owner->owner);

	to->owner_inum = owner->ns.inum;
	if (COMPAT_HAS_NS_IDS)
		to->owner_id = compat_ns_id(&owner->ns);
	/* Both are read before either is written: the compiler can then copy them at once. */
	to->owner_level = level;
	to->owner_uid = uid;
}

/*
 * Fills in a namespace, except for @more. Its file holds it, and it holds its owner (fs/nsfs.c).
 * @own: the caller's user namespace.
 */
static __always_inline void target_fill_ns(struct event_target *to, struct ns_common *ns,
					   const struct user_namespace *own)
{
	const u16 has = SETNSMON_HAS_TARGET | SETNSMON_HAS_TARGET_NS;
	const u16 has_owner = has | SETNSMON_HAS_OWNER | SETNSMON_HAS_RELATION;
	const u32 type = compat_ns_type(ns);
	const struct user_namespace *owner = links_owner(ns, type);

	to->type = type;
	to->inum = ns->inum;
	if (COMPAT_HAS_NS_IDS)
		to->id = compat_ns_id(ns);
	else if (COMPAT_HAS_NET_COOKIES && unlikely(type == CLONE_NEWNET))
		to->id = compat_net_cookie(ns);
	/* One store for each form that is constant */
	if (unlikely(!owner)) {
		to->form = (struct event_target_form){ SETNSMON_FD_NSFS, 0, has };
		return;
	}
	target_fill_owner(to, owner);
	if (likely(owner == own))
		to->form = (struct event_target_form){ SETNSMON_FD_NSFS, SETNSMON_RELATION_SAME,
						       has_owner };
	else
		to->form = (struct event_target_form){ SETNSMON_FD_NSFS,
						       target_relation_elsewhere(owner, own),
						       has_owner };
}

/* Fills in a descriptor that is not open. */
static __always_inline void target_fill_none(struct event_target *to)
{
	to->form = (struct event_target_form){ SETNSMON_FD_NONE, SETNSMON_RELATION_NONE, 0 };
}

/*
 * Returns the namespace behind a namespace file, NULL if @file is another one. The kernel tells
 * them apart by the same operations (proc_ns_file() in fs/nsfs.c).
 */
static __always_inline struct ns_common *target_file_ns(const struct file *file)
{
	return likely(file->f_op == links_file_ops) ? file_inode(file)->i_private : NULL;
}

/*
 * Fills in any file, or none if @file is NULL. The caller keeps the file open. @nstype is what
 * the call asks for, and @links are the caller's own: both matter for a pidfd only.
 */
void target_fill_file(struct event_target *to, const struct file *file, u32 nstype,
		      const u32 *links);

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
