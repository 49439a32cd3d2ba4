/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which calls are crossings: those that led their caller where it could not go by
 * its own right. They are recorded in a lane of their own, which all other calls,
 * that is what anybody can repeat as fast as a CPU can go, cannot overwrite.
 *
 * A crossing is a call that succeeded, changed a link, and
 *
 *   - was made by one who has CAP_SYS_ADMIN in the initial user namespace, or
 *   - led into a namespace that does not lie within the caller's own territory: its
 *     user namespace and those below, where that is not the initial one; or else a
 *     user namespace that the caller itself has made, joined by this call.
 *
 * So no crossing: what failed; what changed nothing; and what a user does within
 * user namespaces of his own, which needs nobody's leave.
 */
#ifndef SETNSMON_CROSSING_H
#define SETNSMON_CROSSING_H

#include <linux/setnsmon.h>
#include <linux/types.h>

/*
 * Was it one? For the caller itself, just after a call that succeeded: @call is what
 * was read at its entry, @changed has a bit for each link that is not what it was
 * then. Any context.
 */
bool crossing_made(const struct setnsmon_setns *call, u32 changed);

/*
 * Could it become one that only its caller's rights allow? For a call whose end will
 * not be seen; @call is what was read at its entry. Any context.
 */
bool crossing_possible(const struct setnsmon_setns *call);

#endif /* SETNSMON_CROSSING_H */
