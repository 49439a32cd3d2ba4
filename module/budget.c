// SPDX-License-Identifier: GPL-2.0-only
#include "budget.h"

#define USUAL_MOST	 (32ULL << 20)
#define LEAST_MAXACTIVE	 64U
#define COMMON_MAXACTIVE 1024U

u64 budget_usual(const struct budget *budget)
{
	u64 part = budget->memory / 100;

	return part < USUAL_MOST ? part : USUAL_MOST;
}

u64 budget_most(const struct budget *budget)
{
	return budget->memory / 16;
}

u64 budget_ring_bytes(const struct budget *budget)
{
	return budget->cpus * budget->record_bytes * budget->ring_records;
}

static u64 pools(const struct budget *budget)
{
	return budget->pool_bytes(budget->maxactive);
}

static u64 total(const struct budget *budget)
{
	return budget_ring_bytes(budget) + pools(budget);
}

/* Each call that sleeps inside the probed function holds an instance. */
static void choose_maxactive(struct budget *budget)
{
	u32 wanted = 4 * budget->cpus;

	if (wanted < COMMON_MAXACTIVE)
		wanted = COMMON_MAXACTIVE;
	budget->maxactive = wanted < BUDGET_MAX_MAXACTIVE ? wanted : BUDGET_MAX_MAXACTIVE;
	while (pools(budget) > budget_usual(budget) / 4 && budget->maxactive > LEAST_MAXACTIVE) {
		budget->maxactive /= 2;
		if (budget->maxactive < LEAST_MAXACTIVE)
			budget->maxactive = LEAST_MAXACTIVE;
	}
}

static enum budget_verdict refuse_pools(struct budget *budget)
{
	while (budget->maxactive && pools(budget) > budget_most(budget))
		budget->maxactive /= 2;
	return BUDGET_POOLS_REFUSED;
}

static enum budget_verdict refuse_rings(struct budget *budget)
{
	while (budget->ring_records && total(budget) > budget_most(budget))
		budget->ring_records /= 2;
	if (budget->ring_records < BUDGET_MIN_RECORDS)
		budget->ring_records = 0;
	return BUDGET_RINGS_REFUSED;
}

/* Chooses the largest power of two that fits. */
static void choose_records(struct budget *budget)
{
	budget->ring_records = BUDGET_MAX_RECORDS;
	while (budget->ring_records > BUDGET_LEAST_RECORDS && total(budget) > budget_usual(budget))
		budget->ring_records /= 2;
}

enum budget_verdict budget_plan(struct budget *budget)
{
	bool chosen = !budget->ring_records;

	if (!budget->maxactive)
		choose_maxactive(budget);
	if (pools(budget) > budget_most(budget))
		return refuse_pools(budget);
	if (chosen)
		choose_records(budget);
	if (total(budget) > budget_most(budget))
		return refuse_rings(budget);
	return chosen && total(budget) > budget_usual(budget) ? BUDGET_EXCEEDED : BUDGET_FITS;
}
