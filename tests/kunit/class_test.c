// SPDX-License-Identifier: GPL-2.0-only
/* The parts of class.c that need no caller: subtrees, and the rights that decide the class. */
#include "family.h"
#include "../../module/capture/class.c"

#define SYS_ADMIN (1ULL << 21)

static void subtrees(struct kunit *test)
{
	const struct user_namespace *family = family_new(test);
	int ns, top;

	for (top = 0; top < FAMILY; top++) {
		const struct userns_ref ref = { family[top].level, family[top].ns.inum };

		for (ns = 0; ns < FAMILY; ns++) {
			if (is_within(&family[ns], ref) != lies_below[top][ns])
				KUNIT_FAIL(test, "%s within %s: expected %d", family_names[ns],
					   family_names[top], lies_below[top][ns]);
			KUNIT_EXPECT_FALSE(test, is_within(&family[ns], nowhere));
		}
	}
	KUNIT_EXPECT_FALSE(test, is_within(NULL, (struct userns_ref){ 0, 1000 }));
}

/* The same number at another depth is another user namespace: the first one is gone. */
static void reused_numbers(struct kunit *test)
{
	const struct user_namespace *family = family_new(test);
	struct userns_ref gone = { 2, family[TENANT].ns.inum };

	KUNIT_EXPECT_FALSE(test, is_within(&family[TENANT], gone));
	KUNIT_EXPECT_FALSE(test, is_within(&family[NESTED], gone));
}

static void untracked(struct kunit *test)
{
	struct event_before before = { .cap_effective = SYS_ADMIN };

	KUNIT_EXPECT_EQ(test, (int)class_of_untracked(&before), RING_PROTECTED);
	before.userns_level = 1;
	KUNIT_EXPECT_EQ(test, (int)class_of_untracked(&before), RING_PLAIN);
	before.userns_level = 0;
	before.cap_effective = ~SYS_ADMIN;
	KUNIT_EXPECT_EQ(test, (int)class_of_untracked(&before), RING_PLAIN);
}

static void nothing_changed(struct kunit *test)
{
	const struct event_before before = { .cap_effective = ~0ULL };

	KUNIT_EXPECT_EQ(test, (int)class_of_success(&before, 0), RING_PLAIN);
	KUNIT_EXPECT_EQ(test, (int)class_of_success(&before, 1), RING_PROTECTED);
}

static struct kunit_case class_cases[] = {
	CASE("a user namespace is within itself and its ancestors, and nowhere else", subtrees),
	CASE("a subtree is known by its depth and its number", reused_numbers),
	CASE("an untracked call is protected only if a host administrator made it", untracked),
	CASE("a call that changed nothing is plain, whoever made it", nothing_changed),
	{}
};

static struct kunit_suite class_suite = {
	.name = "setnsmon_class",
	.test_cases = class_cases,
};
kunit_test_suite(class_suite);
