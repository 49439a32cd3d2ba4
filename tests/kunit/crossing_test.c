// SPDX-License-Identifier: GPL-2.0-only
/* What crossing.c tells without a caller: territories, and who could cross. */
#include "family.h"
#include "../../module/capture/class.c"

static void territories(struct kunit *test)
{
	const struct user_namespace *family = family_new(test);
	int ns, land;

	for (land = 0; land < FAMILY; land++) {
		const struct territory territory = { family[land].level, family[land].ns.inum };

		for (ns = 0; ns < FAMILY; ns++) {
			if (lies_within(&family[ns], territory) != lies_below[land][ns])
				KUNIT_FAIL(test, "%s within %s: expected %d", family_names[ns],
					   family_names[land], lies_below[land][ns]);
			KUNIT_EXPECT_FALSE(test, lies_within(&family[ns], NOWHERE));
		}
	}
	KUNIT_EXPECT_FALSE(test, lies_within(NULL, (struct territory){ 0, 1000 }));
}

/* A number that another depth has is another user namespace: the first is gone. */
static void numbers_come_again(struct kunit *test)
{
	const struct user_namespace *family = family_new(test);
	struct territory gone = { 2, family[TENANT].ns.inum };

	KUNIT_EXPECT_FALSE(test, lies_within(&family[TENANT], gone));
	KUNIT_EXPECT_FALSE(test, lies_within(&family[NESTED], gone));
}

static void the_right(struct kunit *test)
{
	struct setnsmon_setns call = { .cap_effective = 1ULL << 21 };

	KUNIT_EXPECT_TRUE(test, crossing_possible(&call));
	call.caller_userns_level = 1;
	KUNIT_EXPECT_FALSE(test, crossing_possible(&call));
	call.caller_userns_level = 0;
	call.cap_effective = ~(1ULL << 21);
	KUNIT_EXPECT_FALSE(test, crossing_possible(&call));
}

static void nothing_changed(struct kunit *test)
{
	const struct setnsmon_setns call = { .cap_effective = ~0ULL };

	KUNIT_EXPECT_FALSE(test, crossing_made(&call, 0));
	KUNIT_EXPECT_TRUE(test, crossing_made(&call, 1));
}

static struct kunit_case crossing_cases[] = {
	CASE("a user namespace lies within itself and all above it, and nowhere else", territories),
	CASE("a territory is known by depth and number", numbers_come_again),
	CASE("only CAP_SYS_ADMIN in the initial user namespace can cross by right", the_right),
	CASE("a call that changed nothing is no crossing, whoever made it", nothing_changed),
	{}
};

static struct kunit_suite crossing_suite = {
	.name = "setnsmon_crossing",
	.test_cases = crossing_cases,
};
kunit_test_suite(crossing_suite);
