/* SPDX-License-Identifier: GPL-2.0-only */
/* Names of users, looked up once each. */
#ifndef SETNSMON_USERS_H
#define SETNSMON_USERS_H

#include "portable.h"

/*
 * The name of a user, cut to what fits into 31 bytes; its number if it has
 * none. It stays until the next calls with other users. Whoever wrote the user
 * database chose the bytes: escape them.
 */
const char *user_name(u32 uid);

#endif /* SETNSMON_USERS_H */
