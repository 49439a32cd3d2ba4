// SPDX-License-Identifier: GPL-2.0-only
#include "capture/class.h"
#include "capture/links.h"
#include "capture/userns.h"
#include "compat.h"
#include "kinds.h"

#include <linux/fdtable.h>
#include <linux/fs.h>
#include <linux/mm_types.h>

/* A user namespace that may be gone, known by its depth and its inode number. */
struct userns_ref {
	u32 level;
	u32 inum;
};

static const struct userns_ref nowhere = { .level = INT_MAX };

static bool is_within(const struct user_namespace *ns, struct userns_ref ref)
{
	ns = userns_at_level(ns, ref.level);
	return ns && ns->ns.inum == ref.inum;
}

/*
 * Returns the subtree in which the caller is privileged. A user in the initial user namespace
 * owns the user namespaces they created there (cap_capable() in security/commoncap.c). If
 * the call joined anything below such a user namespace, ownership allowed it; otherwise
 * other rights did.
 */
static struct userns_ref own_subtree(const struct event_before *before)
{
	const struct user_namespace *ns = current_user_ns();

	if (before->userns_level)
		return (struct userns_ref){ before->userns_level,
					    before->links[SETNSMON_LINK_USER] };
	ns = userns_at_level(ns, 1);
	if (ns && uid_eq(ns->owner, current_euid()))
		return (struct userns_ref){ 1, ns->ns.inum };
	return nowhere;
}

/* Returns the user namespace of this link of the caller: the link itself, or its owner. */
static const struct user_namespace *link_userns(unsigned int link)
{
	struct ns_common *ns = links_in_proxy(current->nsproxy, link);

	return ns ? links_owner(ns, compat_ns_type(ns)) : current_user_ns();
}

/*
 * Returns whether the caller's rights are those of its program. The file may go away while
 * another thread replaces it (PR_SET_MM_EXE_FILE), but neither its memory nor that of its
 * inode does within this RCU read section.
 */
static bool rights_are_lent(void)
{
	const struct file *exe = NULL;
	const struct inode *inode = NULL;

	if (!uid_eq(current_uid(), GLOBAL_ROOT_UID))
		return true;
	if (current->mm)
		exe = rcu_dereference_sched(current->mm->exe_file);
	if (exe)
		inode = READ_ONCE(exe->f_inode);
	return inode && READ_ONCE(inode->i_mode) & S_ISUID;
}

/* Returns the class of a way out. */
static enum ring_class class_of_exit(void)
{
	return rights_are_lent() ? RING_EXIT_LENT : RING_EXIT;
}

/* Returns the class of a change that took rights which not everybody has. */
static enum ring_class class_of_privileged(const u32 *after, u32 changed, bool left_chroot)
{
	u32 left = changed & CLASS_EXIT_LINKS;
	bool is_exit = left_chroot;

	for (; left; left &= left - 1)
		is_exit |= links_is_initial(__ffs(left), after[__ffs(left)]);
	return is_exit ? class_of_exit() : RING_ENTRY;
}

/*
 * Returns whether a success would change something that the links do not show: the root
 * directory, or the links of a process that could not be read.
 */
static bool changes_unseen(const struct event_target *target, u32 nstype, u32 type)
{
	if (type)
		return type == CLONE_NEWNS && (!nstype || nstype == type);
	if (!(target->form.has & SETNSMON_HAS_TARGET_USERNS) || !nstype || nstype & ~NS_KIND_BITS)
		return false;
	return nstype & CLONE_NEWNS || !(target->form.has & SETNSMON_HAS_TARGET_LINKS);
}

/*
 * Returns whether another task can still replace the file behind the descriptor, by one whose
 * join is an exit. Nothing tells afterwards if the return is not followed.
 */
static bool may_be_replaced(s32 fd, u32 nstype)
{
	return fd >= 0 && atomic_read(&current->files->count) != 1 && !(nstype & ~NS_KIND_BITS) &&
	       (!nstype || nstype & (CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWUSER));
}

enum ring_class class_of_untracked(const struct event_before *before,
				   const struct event_target *target, s32 fd, u32 nstype)
{
	u32 type = target->form.has & SETNSMON_HAS_TARGET_NS ? target->type : 0;
	const u32 *links = target->form.has & SETNSMON_HAS_TARGET_LINKS ? target->more.links : NULL;
	u32 after[SETNSMON_LINKS];
	u32 changed;

	if (!class_caller_is_admin(before))
		return RING_PLAIN;
	if (may_be_replaced(fd, nstype))
		return class_of_exit();
	changed = links_after_join(after, before->links, nstype, type, target->inum, links);
	if (changed)
		return class_of_privileged(after, changed, false);
	return changes_unseen(target, nstype, type) ? RING_ENTRY : RING_PLAIN;
}

enum ring_class class_of_success_slowly(const struct event_before *before, const u32 *after,
					u32 changed, bool left_chroot)
{
	struct userns_ref own;
	u32 left;

	if (class_caller_is_admin(before))
		return changed || left_chroot ? class_of_privileged(after, changed, left_chroot)
					      : RING_PLAIN;
	own = own_subtree(before);
	for (left = changed; left; left &= left - 1)
		if (!is_within(link_userns(__ffs(left)), own))
			return class_of_privileged(after, changed, left_chroot);
	return RING_PLAIN;
}
