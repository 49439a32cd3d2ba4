// SPDX-License-Identifier: GPL-2.0-only
/*
 * The filter of an open file, judged in the ring and in the record: what the first rejects, the
 * second must not match. unit/filter_test.c tests the second.
 */
#include "suite.h"
#include "../../module/record/filter.c"
#include "../../module/record/prefilter.c"
#include "record/record.h"

#include <linux/prandom.h>
#include <linux/sched.h>

#define ROUNDS 200000
#define SMALL  4 /* values of an id, so that ids often agree */

static u32 dice(struct rnd_state *state, u32 sides)
{
	return prandom_u32_state(state) % sides;
}

static u32 one_kind(struct rnd_state *state)
{
	static const u32 kinds[] = { CLONE_NEWNET, CLONE_NEWUTS, CLONE_NEWNS, CLONE_NEWUSER };

	return kinds[dice(state, ARRAY_SIZE(kinds))];
}

static s32 some_result(struct rnd_state *state)
{
	static const s32 results[] = { 0, 0, -EPERM, -EACCES, -EINVAL, -EBADF };

	return results[dice(state, ARRAY_SIZE(results))];
}

static void fill_links(struct rnd_state *state, u32 *links)
{
	unsigned int i;

	for (i = 0; i < SETNSMON_LINKS; i++)
		links[i] = 1 + dice(state, 40);
}

static void fill_target(struct rnd_state *state, struct event_target *target)
{
	target->form.has = 0;
	target->form.relation = dice(state, 5);
	target->form.fd_kind = SETNSMON_FD_NONE + dice(state, 4);
	target->type = one_kind(state);
	target->inum = 1 + dice(state, 40);
	fill_links(state, target->more.links);
	target->more.crossed = dice(state, 32);
	if (target->form.fd_kind == SETNSMON_FD_NSFS)
		target->form.has = SETNSMON_HAS_TARGET | SETNSMON_HAS_TARGET_NS;
	if (target->form.fd_kind == SETNSMON_FD_PIDFD)
		target->form.has = SETNSMON_HAS_TARGET | SETNSMON_HAS_TARGET_LINKS;
	if (target->form.has && target->form.relation)
		target->form.has |= SETNSMON_HAS_OWNER | SETNSMON_HAS_RELATION;
}

/* Members that are undefined hold random bytes. */
static void fill_event(struct rnd_state *state, struct event *event)
{
	prandom_bytes_state(state, event, sizeof(*event));
	event->form.entry_abi = dice(state, 4) ? SETNSMON_ABI_X86_64 : ARCH_ABI_32;
	event->form.tracked = dice(state, 8) != 0;
	event->form.call_class = SETNSMON_CLASS_PLAIN + dice(state, 3);
	event->form.root_moved = dice(state, 4) == 0;
	event->fd = (s32)dice(state, 3) - 1;
	event->nstype = dice(state, 2) ? 0 : one_kind(state) | one_kind(state);
	if (event->fd == -1 && dice(state, 2))
		event->nstype = SETNSMON_SELFTEST_NSTYPE;
	event->caller.uid = dice(state, SMALL);
	event->caller.pid = 1 + dice(state, SMALL);
	event->caller.cgroup_id = 1 + dice(state, SMALL);
	event->caller.loginuid = dice(state, 2) ? AUDIT_UID_UNSET : dice(state, SMALL);
	fill_links(state, event->before.links);
	fill_links(state, event->after.links);
	fill_target(state, &event->target);
	if (!event->form.tracked)
		return;
	event->ret = some_result(state);
	event->changed = event->ret ? 0 : dice(state, 2) * dice(state, BIT(SETNSMON_LINKS));
}

static void add_member(struct rnd_state *state, struct setnsmon_filter *filter)
{
	switch (dice(state, 12)) {
	case 0:
		filter->classes = dice(state, 8) << 1;
		break;
	case 1:
		filter->kinds = one_kind(state) | one_kind(state);
		break;
	case 2:
		filter->results = dice(state, 8);
		break;
	case 3:
		filter->error = -some_result(state);
		break;
	case 4:
		filter->flags_any = BIT(dice(state, 11)) | BIT(dice(state, 11));
		break;
	case 5:
		filter->flags_all = BIT(dice(state, 11)) | BIT(dice(state, 11));
		break;
	case 6:
		filter->flags_none = prandom_u32_state(state) & 0x7ff;
		break;
	case 7:
		filter->uid_count = 1 + dice(state, SMALL);
		break;
	case 8:
		filter->loginuid_count = 1 + dice(state, SMALL);
		break;
	case 9:
		filter->pid = 1 + dice(state, SMALL);
		break;
	case 10:
		filter->cgroup_id = 1 + dice(state, SMALL);
		break;
	default:
		filter->ns_inum = 1 + dice(state, 40);
		filter->ns_places = dice(state, 8);
	}
}

/* Most of what does not match must be rejected early, or the filter would be no use. */
static void agreement(struct kunit *test)
{
	struct setnsmon_record *record = kunit_kmalloc(test, sizeof(*record), GFP_KERNEL);
	struct event *event = kunit_kmalloc(test, sizeof(*event), GFP_KERNEL);
	unsigned int round, matched = 0, rejected = 0, wrong = 0;
	struct setnsmon_filter filter;
	struct rnd_state state;

	KUNIT_ASSERT_NOT_NULL(test, record);
	KUNIT_ASSERT_NOT_NULL(test, event);
	prandom_seed_state(&state, 42);
	for (round = 0; round < ROUNDS; round++) {
		bool may, does;

		memset(&filter, 0, sizeof(filter));
		add_member(&state, &filter);
		if (dice(&state, 2))
			add_member(&state, &filter);
		fill_event(&state, event);
		record_from_event(record, event, 0);
		may = prefilter_may_match(&filter, event);
		does = filter_matches(&filter, record);
		matched += does;
		rejected += !may;
		if (does && !may && !wrong++)
			KUNIT_FAIL(test, "round %u: rejected, and the record matches", round);
		if (round % 1024 == 0)
			cond_resched();
	}
	KUNIT_EXPECT_EQ(test, wrong, 0U);
	KUNIT_EXPECT_GT(test, matched, ROUNDS / 8U);
	KUNIT_EXPECT_GT(test, rejected, (ROUNDS - matched) / 2);
}

static struct kunit_case filter_cases[] = {
	CASE("what is rejected in the ring does not match as a record", agreement),
	{}
};

static struct kunit_suite filter_suite = {
	.name = "setnsmon_filter",
	.test_cases = filter_cases,
};
kunit_test_suite(filter_suite);
