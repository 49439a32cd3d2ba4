/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The class of a call: which ring its event goes into. Protected events have a ring of
 * their own, so that the calls that anybody can repeat as fast as a CPU runs never overwrite
 * them.
 *
 * A call is protected if it succeeded, changed a link, and
 *
 *   - its caller had CAP_SYS_ADMIN in the initial user namespace, or
 *   - it led to a namespace outside the caller's own subtree of user namespaces. That is the
 *     caller's user namespace and those below it. In the initial user namespace it is
 *     instead the user namespace that the caller itself made and joined by this call.
 *
 * So a call is plain if it failed, changed nothing, or stayed within user namespaces of the
 * caller's own, which takes no permission from anybody.
 */
#ifndef SETNSMON_CLASS_H
#define SETNSMON_CLASS_H

#include "capture/event.h"

/*
 * Returns the class of a call that succeeded. Called by the caller itself, just after the
 * call. @before is the caller at entry, @changed has a bit for each link that differs since.
 * Any context.
 */
enum ring_class class_of_success(const struct event_before *before, u32 changed);

/*
 * Returns the class of a call whose return cannot be followed: protected if its success
 * would take the rights of its caller. Any context.
 */
enum ring_class class_of_untracked(const struct event_before *before);

#endif /* SETNSMON_CLASS_H */
