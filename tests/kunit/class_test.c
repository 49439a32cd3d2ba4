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

/* A caller in none of the host's namespaces except its user namespace. */
static struct event_before admin(void)
{
	struct event_before before = { .cap_effective = SYS_ADMIN };
	unsigned int i;

	for (i = 0; i < SETNSMON_LINKS; i++)
		before.links[i] = links_initial[i] + 1000;
	return before;
}

static struct event_target namespace(u32 type, u32 inum)
{
	return (struct event_target){ .form.has = SETNSMON_HAS_TARGET | SETNSMON_HAS_TARGET_NS,
				      .type = type,
				      .inum = inum };
}

/* What the class of an untracked call is, by its target and its second argument. */
static void untracked(struct kunit *test)
{
	const u32 host_net = links_initial[SETNSMON_LINK_NET];
	const u32 host_mnt = links_initial[SETNSMON_LINK_MNT];
	struct event_target net = namespace(CLONE_NEWNET, host_net);
	struct event_target mnt = namespace(CLONE_NEWNS, host_mnt);
	struct event_target none = { .form.fd_kind = SETNSMON_FD_NONE };
	struct event_before before = admin();

	KUNIT_EXPECT_EQ(test, (int)class_of_untracked(&before, &net, -1, 0), RING_ENTRY);
	KUNIT_EXPECT_EQ(test, (int)class_of_untracked(&before, &net, -1, CLONE_NEWNET), RING_ENTRY);
	KUNIT_EXPECT_EQ(test, (int)class_of_untracked(&before, &net, -1, CLONE_NEWUTS), RING_PLAIN);
	KUNIT_EXPECT_EQ(test, (int)class_of_untracked(&before, &mnt, -1, 0), RING_EXIT);
	KUNIT_EXPECT_EQ(test, (int)class_of_untracked(&before, &none, -1, 0), RING_PLAIN);
	net.inum = before.links[SETNSMON_LINK_NET];
	KUNIT_EXPECT_EQ(test, (int)class_of_untracked(&before, &net, -1, 0), RING_PLAIN);
	/* This may leave a chroot. */
	mnt.inum = before.links[SETNSMON_LINK_MNT];
	KUNIT_EXPECT_EQ(test, (int)class_of_untracked(&before, &mnt, -1, 0), RING_ENTRY);

	/* All kernel threads share one fd table, so the file could still be replaced. */
	KUNIT_EXPECT_EQ(test, (int)class_of_untracked(&before, &none, 3, 0), RING_EXIT);
	KUNIT_EXPECT_EQ(test, (int)class_of_untracked(&before, &none, 3, CLONE_NEWNS), RING_EXIT);
	KUNIT_EXPECT_EQ(test, (int)class_of_untracked(&before, &none, 3, CLONE_NEWUTS), RING_PLAIN);
	KUNIT_EXPECT_EQ(test, (int)class_of_untracked(&before, &none, 3, CLONE_NEWNS | 1),
			RING_PLAIN);

	mnt.inum = host_mnt;
	before.userns_level = 1;
	KUNIT_EXPECT_EQ(test, (int)class_of_untracked(&before, &mnt, -1, 0), RING_PLAIN);
	before.userns_level = 0;
	before.cap_effective = ~SYS_ADMIN;
	KUNIT_EXPECT_EQ(test, (int)class_of_untracked(&before, &mnt, -1, 0), RING_PLAIN);
}

static void untracked_pidfds(struct kunit *test)
{
	struct event_before before = admin();
	struct event_target process = { .form.has = SETNSMON_HAS_TARGET | SETNSMON_HAS_TARGET_PID |
						    SETNSMON_HAS_TARGET_USERNS |
						    SETNSMON_HAS_TARGET_LINKS };

	memcpy(process.more.links, before.links, sizeof(process.more.links));
	KUNIT_EXPECT_EQ(test, (int)class_of_untracked(&before, &process, -1, CLONE_NEWUTS),
			RING_PLAIN);
	process.more.links[SETNSMON_LINK_UTS]++;
	KUNIT_EXPECT_EQ(test, (int)class_of_untracked(&before, &process, -1, CLONE_NEWUTS),
			RING_ENTRY);
	KUNIT_EXPECT_EQ(test, (int)class_of_untracked(&before, &process, -1, 0), RING_PLAIN);
	KUNIT_EXPECT_EQ(test, (int)class_of_untracked(&before, &process, -1, CLONE_NEWUTS | 1),
			RING_PLAIN);
	process.more.links[SETNSMON_LINK_PID] = links_initial[SETNSMON_LINK_PID_FOR_CHILDREN];
	KUNIT_EXPECT_EQ(test, (int)class_of_untracked(&before, &process, -1, CLONE_NEWPID),
			RING_EXIT);
	process.form.has &= ~SETNSMON_HAS_TARGET_LINKS;
	KUNIT_EXPECT_EQ(test, (int)class_of_untracked(&before, &process, -1, CLONE_NEWUTS),
			RING_ENTRY);
}

static void successes(struct kunit *test)
{
	struct event_before before = admin();
	u32 after[SETNSMON_LINKS];
	unsigned int link;

	memcpy(after, before.links, sizeof(after));
	KUNIT_EXPECT_EQ(test, (int)class_of_success(&before, after, 0, false), RING_PLAIN);
	KUNIT_EXPECT_EQ(test, (int)class_of_success(&before, after, 0, true), RING_EXIT);
	for (link = 0; link < SETNSMON_LINKS; link++) {
		after[link] = 5;
		KUNIT_EXPECT_EQ(test, (int)class_of_success(&before, after, BIT(link), false),
				RING_ENTRY);
		after[link] = links_initial[link];
		KUNIT_EXPECT_EQ(test, (int)class_of_success(&before, after, BIT(link), false),
				BIT(link) & CLASS_EXIT_LINKS ? RING_EXIT : RING_ENTRY);
		after[link] = before.links[link];
	}
}

static struct kunit_case class_cases[] = {
	CASE("a user namespace is within itself and its ancestors, and nowhere else", subtrees),
	CASE("a subtree is known by its depth and its number", reused_numbers),
	CASE("an untracked call has the class of its success, if it can succeed", untracked),
	CASE("likewise for pidfds", untracked_pidfds),
	CASE("only a move into the host's mnt, pid or user namespace, or out of a chroot, is an exit",
	     successes),
	{}
};

static struct kunit_suite class_suite = {
	.name = "setnsmon_class",
	.test_cases = class_cases,
};
kunit_test_suite(class_suite);
