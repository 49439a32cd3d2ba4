/* SPDX-License-Identifier: GPL-2.0-only */
/* Names of users, cached. */
#ifndef SETNSMON_USERS_H
#define SETNSMON_USERS_H

#include "portable.h"

/*
 * Returns the name of a user, cut to 31 bytes, or its number if it has no name. The
 * string is valid until the cache slot is reused, so copy it before the next call.
 * It is untrusted: escape it before showing it.
 */
const char *user_name(u32 uid);

#endif /* SETNSMON_USERS_H */
