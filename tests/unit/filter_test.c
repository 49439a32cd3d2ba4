// SPDX-License-Identifier: GPL-2.0-only
/* The filter of an open file: which filters are refused, and which records match. */
#include "kinds.h"
#include "record/filter.h"
#include "tap.h"

#include <errno.h>

/* Members of a filter and of a call have the names of the UAPI header here. */
#define FILTER(...) (&(const struct setnsmon_filter){ __VA_ARGS__ })
#define CALL(...)                                                                                  \
	(&(const struct setnsmon_record){ .type = SETNSMON_RECORD_SETNS, .setns = { __VA_ARGS__ } })

#define MATCHES(filter, record) CHECK(filter_matches(filter, record))
#define DIFFERS(filter, record) CHECK(!filter_matches(filter, record))

#define VALID(filter)		CHECK(filter_is_valid(filter))
#define INVALID(filter)		CHECK(!filter_is_valid(filter))

/* ---- what is refused ---- */

static void no_filter(void)
{
	CHECK(filter_is_empty(FILTER(0)));
	VALID(FILTER(0));
	MATCHES(FILTER(0), CALL(0));
	MATCHES(FILTER(0), CALL(.call_class = 99, .ret = -1, .flags = ~0U));
}

/* Every byte of a filter makes it one, so no member is overlooked. */
static void any_byte_is_a_filter(void)
{
	struct setnsmon_filter filter;
	size_t i;

	for (i = 0; i < sizeof(filter); i++) {
		memset(&filter, 0, sizeof(filter));
		((u8 *)&filter)[i] = 1;
		CHECK(!filter_is_empty(&filter));
	}
}

/* Checks each bit of a mask: those in @known are accepted, the others refused. */
#define MASK(member, known)                                                                        \
	do {                                                                                       \
		for (u32 bit_ = 0; bit_ < 32; bit_++) {                                            \
			struct setnsmon_filter filter_ = { .member = 1U << bit_ };                 \
			if (filter_is_valid(&filter_) != ((known) >> bit_ & 1))                    \
				FAIL(#member " with bit %u", bit_);                                \
		}                                                                                  \
	} while (0)

static void unknown_bits(void)
{
	MASK(events, 0x6U);
	MASK(classes, 0xeU);
	MASK(kinds, 0x7e020080U);
	MASK(results, 0x7U);
	for (u32 bit = 0; bit < 10; bit++) {
		VALID(FILTER(.flags_any = 1U << bit));
		VALID(FILTER(.flags_all = 1U << bit));
		VALID(FILTER(.flags_none = 1U << bit));
	}
	INVALID(FILTER(.flags_any = 1U << 31));
	INVALID(FILTER(.flags_all = 1U << 31));
	INVALID(FILTER(.flags_none = 1U << 31));
	for (u32 bit = 0; bit < 32; bit++)
		CHECK(filter_is_valid(FILTER(.ns_inum = 1, .ns_places = 1U << bit)) == (bit < 3));
}

static void reserved_members(void)
{
	size_t i;

	for (i = 0; i < sizeof(FILTER(0)->reserved); i++) {
		struct setnsmon_filter filter = { 0 };

		((u8 *)filter.reserved)[i] = 0x80;
		INVALID(&filter);
	}
}

static void inconsistent_members(void)
{
	VALID(FILTER(.error = 4095));
	INVALID(FILTER(.error = 4096));
	INVALID(FILTER(.error = -EPERM));
	INVALID(FILTER(.ns_places = SETNSMON_PLACE_TARGET));
	VALID(FILTER(.uid_count = 1));
	INVALID(FILTER(.uid_first = 1));
	VALID(FILTER(.uid_first = 1, .uid_count = U32_MAX));
	INVALID(FILTER(.uid_first = 2, .uid_count = U32_MAX));
	VALID(FILTER(.uid_first = U32_MAX, .uid_count = 1));
	INVALID(FILTER(.uid_first = U32_MAX, .uid_count = 2));
	INVALID(FILTER(.loginuid_first = 1));
	INVALID(FILTER(.loginuid_first = U32_MAX, .loginuid_count = 2));
	VALID(FILTER(.loginuid_first = 1000, .loginuid_count = 1000));
}

/* ---- one member ---- */

static void gaps_always_match(void)
{
	const struct setnsmon_record gap = { .type = SETNSMON_RECORD_LOST, .lost = { 5 } };

	MATCHES(FILTER(.events = 1U << SETNSMON_RECORD_SETNS), &gap);
	MATCHES(FILTER(.classes = 1U << SETNSMON_CLASS_EXIT, .pid = 7, .error = EPERM), &gap);
}

static void events(void)
{
	const struct setnsmon_record unknown = { .type = 9 };

	MATCHES(FILTER(.events = 1U << SETNSMON_RECORD_SETNS), CALL(0));
	DIFFERS(FILTER(.events = 1U << SETNSMON_RECORD_LOST), CALL(0));
	DIFFERS(FILTER(.events = 1U << SETNSMON_RECORD_SETNS), &unknown);
	MATCHES(FILTER(.pid = 7), &unknown);
}

static void classes(void)
{
	const u32 plain = 1U << SETNSMON_CLASS_PLAIN, entry = 1U << SETNSMON_CLASS_ENTRY;

	MATCHES(FILTER(.classes = plain), CALL(.call_class = SETNSMON_CLASS_PLAIN));
	DIFFERS(FILTER(.classes = plain), CALL(.call_class = SETNSMON_CLASS_ENTRY));
	MATCHES(FILTER(.classes = plain | entry), CALL(.call_class = SETNSMON_CLASS_ENTRY));
	DIFFERS(FILTER(.classes = plain | entry), CALL(.call_class = SETNSMON_CLASS_EXIT));
	DIFFERS(FILTER(.classes = plain | entry), CALL(.call_class = 200));
}

static void kinds(void)
{
	const struct setnsmon_filter *net = FILTER(.kinds = CLONE_NEWNET);

	MATCHES(net, CALL(.nstype = CLONE_NEWNET | CLONE_NEWUSER));
	MATCHES(net, CALL(.target_type = CLONE_NEWNET));
	MATCHES(net, CALL(.joined = CLONE_NEWNET));
	DIFFERS(net, CALL(.nstype = ~CLONE_NEWNET, .target_type = CLONE_NEWUTS));
	MATCHES(FILTER(.kinds = CLONE_NEWNET | CLONE_NEWUTS), CALL(.target_type = CLONE_NEWUTS));
}

static void results(void)
{
	const struct setnsmon_record *ok = CALL(.has = SETNSMON_HAS_RET);
	const struct setnsmon_record *failed = CALL(.has = SETNSMON_HAS_RET, .ret = -EPERM);
	const struct setnsmon_record *unknown = CALL(.flags = SETNSMON_FLAG_RET_UNKNOWN);

	MATCHES(FILTER(.results = SETNSMON_RESULT_OK), ok);
	DIFFERS(FILTER(.results = SETNSMON_RESULT_OK), failed);
	DIFFERS(FILTER(.results = SETNSMON_RESULT_OK), unknown);
	DIFFERS(FILTER(.results = SETNSMON_RESULT_FAILED), ok);
	MATCHES(FILTER(.results = SETNSMON_RESULT_FAILED), failed);
	DIFFERS(FILTER(.results = SETNSMON_RESULT_FAILED), unknown);
	DIFFERS(FILTER(.results = SETNSMON_RESULT_UNKNOWN), failed);
	MATCHES(FILTER(.results = SETNSMON_RESULT_UNKNOWN), unknown);
	MATCHES(FILTER(.results = SETNSMON_RESULT_OK | SETNSMON_RESULT_UNKNOWN), unknown);
	MATCHES(FILTER(.error = EPERM), failed);
	DIFFERS(FILTER(.error = EBADF), failed);
	DIFFERS(FILTER(.error = EPERM), ok);
	DIFFERS(FILTER(.error = EPERM), unknown);
	DIFFERS(FILTER(.error = EPERM, .results = SETNSMON_RESULT_OK), failed);
}

static void flags(void)
{
	const struct setnsmon_record *call = CALL(.flags = 0x5);

	MATCHES(FILTER(.flags_any = 0x3), call);
	DIFFERS(FILTER(.flags_any = 0x2), call);
	MATCHES(FILTER(.flags_all = 0x5), call);
	DIFFERS(FILTER(.flags_all = 0x7), call);
	MATCHES(FILTER(.flags_none = 0x2), call);
	DIFFERS(FILTER(.flags_none = 0x6), call);
	DIFFERS(FILTER(.flags_any = 0x1, .flags_none = 0x4), call);
}

static void users(void)
{
	MATCHES(FILTER(.uid_count = 1), CALL(.uid = 0));
	DIFFERS(FILTER(.uid_count = 1), CALL(.uid = 1, .euid = 0));
	MATCHES(FILTER(.uid_first = 1000, .uid_count = 2), CALL(.uid = 1001));
	DIFFERS(FILTER(.uid_first = 1000, .uid_count = 2), CALL(.uid = 1002));
	DIFFERS(FILTER(.uid_first = 1000, .uid_count = 2), CALL(.uid = 999));
	MATCHES(FILTER(.uid_first = 1000, .uid_count = -1000), CALL(.uid = U32_MAX));
	MATCHES(FILTER(.loginuid_count = 1), CALL(.has = SETNSMON_HAS_LOGINUID));
	DIFFERS(FILTER(.loginuid_count = 1), CALL(0));
	DIFFERS(FILTER(.loginuid_count = 1), CALL(.has = SETNSMON_HAS_LOGINUID, .loginuid = 1));
}

static void processes(void)
{
	MATCHES(FILTER(.pid = 7), CALL(.pid = 7));
	DIFFERS(FILTER(.pid = 7), CALL(.pid = 8, .tid = 7));
	MATCHES(FILTER(.cgroup_id = 1ULL << 40), CALL(.cgroup_id = 1ULL << 40));
	DIFFERS(FILTER(.cgroup_id = 1ULL << 40), CALL(.cgroup_id = 0));
}

static void namespaces(void)
{
	const struct setnsmon_record *const calls[] = {
		CALL(.target_inum = 5),
		CALL(.target_links = { [SETNSMON_LINK_UTS] = 5 }),
		CALL(.before = { [SETNSMON_LINK_CGROUP] = 5 }),
		CALL(.after = { [SETNSMON_LINK_UTS] = 5 }),
		CALL(.owner_inum = 5, .caller_userns_inum = 5, .pid = 5),
	};
	static const u32 places[] = { 1, 1, 2, 4, 0 };
	u32 i, wanted;

	for (i = 0; i < ARRAY_SIZE(calls); i++)
		for (wanted = 0; wanted < 8; wanted++)
			EQ(filter_matches(FILTER(.ns_inum = 5, .ns_places = wanted), calls[i]),
			   ((wanted ?: 7) & places[i]) != 0);
}

/* ---- several members ---- */

static u64 random_state = 1;

static u32 below(u32 n)
{
	random_state = random_state * 6364136223846793005ULL + 1442695040888963407ULL;
	return (random_state >> 33) % n;
}

static void random_call(struct setnsmon_record *record)
{
	struct setnsmon_setns *call = &record->setns;

	*record = (struct setnsmon_record){ .type = SETNSMON_RECORD_SETNS };
	call->call_class = 1 + below(3);
	call->has = below(2) ? SETNSMON_HAS_RET : 0;
	call->ret = call->has && below(2) ? -EPERM : 0;
	call->flags = below(8);
	call->uid = below(3);
	call->pid = 1 + below(3);
	call->nstype = below(2) ? CLONE_NEWNET : 0;
	call->before[3] = 1 + below(3);
}

static void random_member(struct setnsmon_filter *filter)
{
	switch (below(7)) {
	case 0:
		filter->classes = 1U << (1 + below(3));
		break;
	case 1:
		filter->results = 1 + below(7);
		break;
	case 2:
		filter->flags_any = 1 + below(7);
		break;
	case 3:
		filter->uid_count = 1 + below(2);
		break;
	case 4:
		filter->pid = 1 + below(3);
		break;
	case 5:
		filter->kinds = CLONE_NEWNET;
		break;
	default:
		filter->ns_inum = 1 + below(3);
	}
}

/* A filter made of two others matches what both match: their members must not overlap. */
static void all_members_must_match(void)
{
	unsigned int round, both = 0;

	for (round = 0; round < 100000; round++) {
		struct setnsmon_filter a = { 0 }, b = { 0 }, sum;
		struct setnsmon_record record;
		bool overlap = false;
		size_t i;

		random_member(&a);
		random_member(&b);
		for (i = 0; i < sizeof(sum); i++) {
			overlap |= ((u8 *)&a)[i] && ((u8 *)&b)[i];
			((u8 *)&sum)[i] = ((u8 *)&a)[i] | ((u8 *)&b)[i];
		}
		if (overlap)
			continue;
		random_call(&record);
		both += filter_matches(&sum, &record);
		EQ(filter_matches(&sum, &record),
		   filter_matches(&a, &record) && filter_matches(&b, &record));
	}
	CHECK(both > 1000);
}

static const struct tap_case cases[] = {
	{ "a filter of zeros matches every record", no_filter },
	{ "a filter with any byte set is not empty", any_byte_is_a_filter },
	{ "unknown bits are refused, and no others", unknown_bits },
	{ "a reserved member that is not zero is refused", reserved_members },
	{ "impossible errors, empty ranges, and places without a namespace are refused",
	  inconsistent_members },
	{ "gaps match every filter", gaps_always_match },
	{ "events", events },
	{ "classes", classes },
	{ "kinds: asked for, named or joined", kinds },
	{ "results and errors", results },
	{ "flags: any, all, none", flags },
	{ "users and login users, in ranges", users },
	{ "processes and control groups", processes },
	{ "a namespace, by place", namespaces },
	{ "a record matches if it matches every member", all_members_must_match },
};

TAP_MAIN(cases)
