// SPDX-License-Identifier: GPL-2.0-only
/* The links of the thread that runs the test: a kernel thread, in the initial namespaces. */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt /* links.c is not the first to include printk.h */

#include "suite.h"
#include "../../module/capture/links.c"

#define LINK(name) BIT(SETNSMON_LINK_##name)

/* The kind that moves each link by itself, by hand; 0 if there is none. */
static const u32 kind_by_link[SETNSMON_LINKS] = {
	[SETNSMON_LINK_CGROUP] = 0x02000000,
	[SETNSMON_LINK_IPC] = 0x08000000,
	[SETNSMON_LINK_MNT] = 0x00020000,
	[SETNSMON_LINK_NET] = 0x40000000,
	[SETNSMON_LINK_PID_FOR_CHILDREN] = 0x20000000,
	[SETNSMON_LINK_UTS] = 0x04000000,
};

/* Time moves two links, and user is not in the nsproxy, so neither has a slot. */
static void slots(struct kunit *test)
{
	u32 links = 0;
	unsigned int bit;

	for (bit = 0; bit < ARRAY_SIZE(link_slots); bit++) {
		const struct link_slot *slot = &link_slots[bit];

		if (!slot->in_proxy)
			continue;
		KUNIT_EXPECT_EQ(test, kind_by_link[slot->link], 1U << bit);
		KUNIT_EXPECT_PTR_EQ(test, links_at(current->nsproxy, slot),
				    (const struct ns_common *)links_in_proxy(current->nsproxy,
									     slot->link));
		links |= BIT(slot->link);
	}
	KUNIT_EXPECT_EQ(test, links,
			LINK(CGROUP) | LINK(IPC) | LINK(NET) | LINK(PID_FOR_CHILDREN) | LINK(UTS));
}

static void initial(struct kunit *test)
{
	u32 links[SETNSMON_LINKS] = {};
	unsigned int link;

	links_fill_own(links, task_active_pid_ns(current), current_user_ns());
	KUNIT_EXPECT_EQ(test, links[SETNSMON_LINK_UTS], (u32)PROC_UTS_INIT_INO);
	KUNIT_EXPECT_EQ(test, links[SETNSMON_LINK_PID], (u32)PROC_PID_INIT_INO);
	KUNIT_EXPECT_EQ(test, links[SETNSMON_LINK_USER], (u32)PROC_USER_INIT_INO);
	for (link = 0; link < SETNSMON_LINKS; link++) {
		KUNIT_EXPECT_NE(test, links[link], 0U);
		KUNIT_EXPECT_TRUE(test, links_is_initial(link, links[link]));
		KUNIT_EXPECT_FALSE(test, links_is_initial(link, links[link] ^ 1));
	}
}

static void exiting(struct kunit *test)
{
	u32 links[SETNSMON_LINKS] = {};

	links[SETNSMON_LINK_PID] = 77;
	links_fill_others(links, NULL, &init_user_ns);
	KUNIT_EXPECT_EQ(test, links[SETNSMON_LINK_PID], 0U);
	KUNIT_EXPECT_EQ(test, links[SETNSMON_LINK_USER], (u32)PROC_USER_INIT_INO);
}

static struct kunit_case links_cases[] = {
	CASE("each kind that moves one link finds it in its slot", slots),
	CASE("a kernel thread is in the initial namespaces, and no other number is one", initial),
	CASE("an exiting task has no pid namespace", exiting),
	{}
};

/* The links of kernel threads are the initial ones, and their /proc is that of init. */
static int verify(struct kunit_suite *suite)
{
	return links_verify();
}

static struct kunit_suite links_suite = {
	.name = "setnsmon_links",
	.suite_init = verify,
	.test_cases = links_cases,
};
kunit_test_suite(links_suite);
