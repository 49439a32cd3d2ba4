// SPDX-License-Identifier: GPL-2.0-only
#include "enrich/users.h"
#include <pwd.h>
#include <stdio.h>

/* The uid selects the slot of a user, whose previous user is forgotten. */
#define SLOTS 256

struct slot {
	bool used;
	u32 uid;
	char name[32];
};

static struct slot slots[SLOTS];

static void slot_fill(struct slot *slot, u32 uid)
{
	const struct passwd *user = getpwuid(uid);

	slot->used = true;
	slot->uid = uid;
	if (user && user->pw_name && user->pw_name[0])
		snprintf(slot->name, sizeof(slot->name), "%s", user->pw_name);
	else
		snprintf(slot->name, sizeof(slot->name), "%u", uid);
}

const char *user_name(u32 uid)
{
	struct slot *slot = &slots[uid % SLOTS];

	if (!slot->used || slot->uid != uid)
		slot_fill(slot, uid);
	return slot->name;
}
