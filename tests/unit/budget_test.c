// SPDX-License-Identifier: GPL-2.0-only
/* How much memory is planned for which machine: the promises of setnsmon(4), by numbers. */
#include "budget.h"
#include "tap.h"

#define KIB 1024ULL
#define MIB (1024 * KIB)
#define GIB (1024 * MIB)

#define RECORD 1472 /* bytes of one record in each of four rings */

/* As before Linux 6.7: half a KiB for each call of two functions. */
static u64 by_call(u32 maxactive)
{
	return 1024ULL * maxactive;
}

/* As since then, on 240 possible CPUs. */
static u64 by_cpu(u32 maxactive)
{
	return 2 * 240 * ((8ULL * maxactive + 400 * (maxactive / 240 + 1) + 4095) / 4096 * 4096);
}

static struct budget machine(u64 memory, u32 cpus)
{
	return (struct budget){
		.memory = memory,
		.cpus = cpus,
		.record_bytes = RECORD,
		.pool_bytes = by_call,
	};
}

static u64 taken(const struct budget *budget)
{
	return budget_ring_bytes(budget) + budget->pool_bytes(budget->maxactive);
}

static void one_percent(void)
{
	struct budget small = machine(512 * MIB, 2), large = machine(64 * GIB, 4);

	EQ(budget_plan(&small), BUDGET_FITS);
	EQ(small.ring_records, 1024);
	EQ(small.maxactive, 1024);
	CHECK(taken(&small) <= 512 * MIB / 100);
	EQ(budget_plan(&large), BUDGET_FITS);
	EQ(large.ring_records, 4096);
	EQ(large.maxactive, 1024);
	CHECK(taken(&large) <= 32 * MIB);
}

/* Twice the records would be too many, on any machine. */
static void as_many_as_fit(void)
{
	struct budget budget;
	u64 usual, memory;
	u32 cpus;

	for (memory = 64 * MIB; memory <= 256 * GIB; memory += memory / 3)
		for (cpus = 1; cpus <= 512; cpus++) {
			budget = machine(memory, cpus);
			usual = memory / 100 < 32 * MIB ? memory / 100 : 32 * MIB;
			switch (budget_plan(&budget)) {
			case BUDGET_FITS:
				CHECK(budget.ring_records >= 256);
				CHECK(taken(&budget) <= usual);
				CHECK(taken(&budget) + budget_ring_bytes(&budget) > usual);
				break;
			case BUDGET_EXCEEDED:
				EQ(budget.ring_records, 256);
				CHECK(taken(&budget) > usual);
				CHECK(taken(&budget) <= memory / 16);
				break;
			case BUDGET_RINGS_REFUSED:
				CHECK(256ULL * RECORD * cpus + by_call(budget.maxactive) >
				      memory / 16);
				break;
			case BUDGET_POOLS_REFUSED:
				FAIL("%u CPUs, %llu MiB: pools", cpus,
				     (unsigned long long)(memory / MIB));
			}
		}
}

static void many_cpus(void)
{
	struct budget budget = machine(256 * GIB, 512);

	EQ(budget_plan(&budget), BUDGET_EXCEEDED);
	EQ(budget.ring_records, 256);
	EQ(budget.maxactive, 2048);
}

static void least_memory(void)
{
	struct budget budget = machine(64 * MIB, 16);

	EQ(budget_plan(&budget), BUDGET_RINGS_REFUSED);
	EQ(budget.ring_records, 128);
	budget = machine(64 * MIB, 16);
	budget.ring_records = 128;
	EQ(budget_plan(&budget), BUDGET_FITS);
	EQ(budget.maxactive, 128);
	budget = machine(MIB, 16);
	EQ(budget_plan(&budget), BUDGET_RINGS_REFUSED);
	EQ(budget.ring_records, 0);
}

static void explicit_records(void)
{
	struct budget budget = machine(GIB, 2);

	budget.ring_records = 16;
	EQ(budget_plan(&budget), BUDGET_FITS);
	EQ(budget.ring_records, 16);
	budget.ring_records = 16384;
	EQ(budget_plan(&budget), BUDGET_FITS);
	EQ(budget.ring_records, 16384);
	CHECK(taken(&budget) > GIB / 100);
	budget.ring_records = 1 << 20;
	EQ(budget_plan(&budget), BUDGET_RINGS_REFUSED);
	EQ(budget.ring_records, 16384);
}

static void pools(void)
{
	struct budget budget = machine(512 * MIB, 2);

	/* 240 possible CPUs: a page for each and each function is the least */
	budget.pool_bytes = by_cpu;
	EQ(budget_plan(&budget), BUDGET_FITS);
	EQ(budget.maxactive, 64);
	EQ(budget.ring_records, 1024);
	/* 65536 calls would take some 250 MiB there */
	budget = machine(2 * GIB, 2);
	budget.pool_bytes = by_cpu;
	budget.maxactive = 65536;
	EQ(budget_plan(&budget), BUDGET_POOLS_REFUSED);
	EQ(budget.maxactive, 16384);
	budget = machine(8 * GIB, 2);
	budget.pool_bytes = by_cpu;
	budget.maxactive = 65536;
	EQ(budget_plan(&budget), BUDGET_EXCEEDED);
	EQ(budget.maxactive, 65536);
	EQ(budget.ring_records, 256);
}

static const struct tap_case cases[] = {
	{ "by default one percent of memory is taken, and 32 MiB at most", one_percent },
	{ "as many records are taken as fit, at least 256", as_many_as_fit },
	{ "many CPUs get 256 records each, beyond the usual limit", many_cpus },
	{ "where not even these fit into a sixteenth of memory, loading is refused", least_memory },
	{ "a parameter is honoured up to a sixteenth of memory", explicit_records },
	{ "the instances that follow calls are counted, too", pools },
};

TAP_MAIN(cases)
