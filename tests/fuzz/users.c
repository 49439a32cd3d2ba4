// SPDX-License-Identifier: GPL-2.0-only
/* Names of users are those of the database, cut to 31 bytes, and looked up once. */
#include "enrich/users.h"
#include "passwd.h"

/* Returns what the database would answer now, without a lookup. */
static void expected(char *want, u32 uid)
{
	struct input ahead = passwd_names;
	char name[64] = "";

	take_bytes(&ahead, name, uid % 4 == 2 ? 40 : 8);
	if (uid % 4 < 2 || !name[0])
		snprintf(want, 32, "%u", uid);
	else
		snprintf(want, 32, "%s", name);
}

/* The last answer of the database for each user, indexed independently of users.c. */
static struct {
	bool asked;
	char name[32];
} known[1 << 17];

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct input in = { data, size };

	while (in.size) {
		u32 drawn = take_u32(&in), uid = drawn & 0x8000ffff;
		unsigned int before = passwd_lookups, i = uid >> 31 << 16 | (uid & 0xffff);
		char want[32];
		const char *name;

		passwd_names = in;
		expected(want, uid);
		name = user_name(uid);
		if (passwd_lookups != before) {
			known[i].asked = true;
			strcpy(known[i].name, want);
		}
		REQUIRE(known[i].asked, "user %u is %s, but was not looked up", uid, name);
		REQUIRE(!strcmp(name, known[i].name), "user %u is %s, not %s", uid, name,
			known[i].name);
		before = passwd_lookups;
		REQUIRE(!strcmp(user_name(uid), known[i].name) && passwd_lookups == before,
			"user %u is asked for twice", uid);
	}
	return 0;
}
