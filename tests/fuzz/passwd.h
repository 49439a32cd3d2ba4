/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A user database made of fuzzer input. The makefile replaces getpwuid(3) with it.
 */
#ifndef SETNSMON_TESTS_FUZZ_PASSWD_H
#define SETNSMON_TESTS_FUZZ_PASSWD_H

#include "fuzz.h"
#include <pwd.h>

static struct input passwd_names;
static unsigned int passwd_lookups;

struct passwd *fuzz_getpwuid(uid_t uid);

/* One user in four does not exist, one has no name, the others get a name from the input. */
struct passwd *fuzz_getpwuid(uid_t uid)
{
	static char name[64];
	static struct passwd user = { .pw_name = name };

	passwd_lookups++;
	user.pw_uid = uid;
	user.pw_name = uid % 4 == 1 ? NULL : name;
	take_bytes(&passwd_names, name, uid % 4 == 2 ? 40 : 8);
	name[uid % 4 == 2 ? 40 : 8] = '\0';
	return uid % 4 ? &user : NULL;
}

#endif /* SETNSMON_TESTS_FUZZ_PASSWD_H */
