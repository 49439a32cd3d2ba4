/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The class of a call: which ring its event goes into. Each class has a ring of its own, so
 * that what is frequent never overwrites what is rare.
 *
 *   plain      anybody can repeat it as fast as a CPU runs
 *   entry      its caller used rights that not everybody has; the daily work of runtimes
 *   exit       likewise, and it led out of a container or a chroot
 *   exit_lent  likewise, with rights that a program lent its caller
 *
 * A call is plain if it failed or changed nothing. It is also plain if it stayed within user
 * namespaces of the caller's own, which takes no permission from anybody. So another call is
 * one that succeeded, changed a link or left a chroot, and
 *
 *   - its caller had CAP_SYS_ADMIN in the initial user namespace, or
 *   - it led to a namespace outside the caller's own subtree of user namespaces. That is the
 *     caller's user namespace and those below it. In the initial user namespace it is
 *     instead the user namespace that the caller itself made and joined by this call.
 *
 * It is an exit if it moved the caller from another mount, pid or user namespace into the
 * host's, or if it moved the root directory within one mount namespace, which only a caller
 * in a chroot can do.
 *
 * A set-user-ID program that joins namespaces for any user can be run in a loop by any user.
 * It could then roll over the exits of others. So the exits of callers with lent rights have
 * a ring of their own: their real user is not root, or their program is set-user-ID. Readers
 * see both kinds as one class.
 */
#ifndef SETNSMON_CLASS_H
#define SETNSMON_CLASS_H

#include "capture/event.h"

#include <linux/build_bug.h>
#include <linux/capability.h>

/* Returns the class that the record shows. Any context. */
static __always_inline enum setnsmon_class class_in_record(enum ring_class class)
{
	BUILD_BUG_ON(RING_PLAIN + 1 != SETNSMON_CLASS_PLAIN ||
		     RING_EXIT + 1 != SETNSMON_CLASS_EXIT);
	return (class < RING_EXIT ? class : RING_EXIT) + 1;
}

static __always_inline bool class_caller_is_admin(const struct event_before *before)
{
	return before->userns_level == 0 && before->cap_effective & BIT_ULL(CAP_SYS_ADMIN);
}

/* The links whose move into the host's namespace is an exit. */
#define CLASS_EXIT_LINKS                                                                           \
	(BIT(SETNSMON_LINK_MNT) | BIT(SETNSMON_LINK_PID_FOR_CHILDREN) | BIT(SETNSMON_LINK_USER))

/* Does what class_of_success() leaves. */
enum ring_class class_of_success_slowly(const struct event_before *before, const u32 *after,
					u32 changed, bool left_chroot);

/*
 * Returns the class of a call that succeeded. Called by the caller itself, just after the
 * call. @before is the caller at entry, @after its links now, @changed a bit for each link
 * that differs. @left_chroot: the root directory moved within one mount namespace. Must not
 * be preempted.
 */
static __always_inline enum ring_class
class_of_success(const struct event_before *before, const u32 *after, u32 changed, bool left_chroot)
{
	if (likely(class_caller_is_admin(before) && !(changed & CLASS_EXIT_LINKS) && !left_chroot))
		return changed ? RING_ENTRY : RING_PLAIN;
	return class_of_success_slowly(before, after, changed, left_chroot);
}

/*
 * Returns the class of a call whose return cannot be followed: that of its success, or plain
 * if it cannot succeed or change anything. It is an exit if another task can still replace the
 * file by one that leads out. Called by the caller itself. Must not be preempted.
 */
enum ring_class class_of_untracked(const struct event_before *before,
				   const struct event_target *target, s32 fd, u32 nstype);

#endif /* SETNSMON_CLASS_H */
