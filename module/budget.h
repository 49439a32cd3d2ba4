/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How much memory the module takes: the rings of all CPUs, and the instances that follow calls
 * to their return. It also builds in user space.
 */
#ifndef SETNSMON_BUDGET_H
#define SETNSMON_BUDGET_H

#include "portable.h"

/* Limits of the module parameters ring_records, which is a power of two, and maxactive. */
#define BUDGET_MIN_RECORDS   16
#define BUDGET_MAX_RECORDS   (1U << 20)
#define BUDGET_MAX_MAXACTIVE 65536U

/* Records in each ring of a CPU, if the parameter does not ask for fewer. */
#define BUDGET_LEAST_RECORDS 256

/**
 * struct budget - a plan, and what it follows from
 * @memory: bytes of memory of the machine
 * @cpus: number of CPUs that the machine has
 * @record_bytes: bytes that one more record in each ring of a CPU takes
 * @pool_bytes: returns the bytes that instances for so many calls in flight take
 * @ring_records: records of each ring; 0 if the budget is to decide
 * @maxactive: calls in flight that can be followed, likewise
 */
struct budget {
	u64 memory;
	u32 cpus;
	u64 record_bytes;
	u64 (*pool_bytes)(u32 maxactive);
	u32 ring_records;
	u32 maxactive;
};

enum budget_verdict {
	BUDGET_FITS,
	BUDGET_EXCEEDED,      /* BUDGET_LEAST_RECORDS take more than the usual limit */
	BUDGET_RINGS_REFUSED, /* more than budget_most(): @ring_records is what would fit, or 0 */
	BUDGET_POOLS_REFUSED, /* likewise: @maxactive is what would fit, or 0 */
};

/* Returns the limit of what is taken by default, and of what is taken at all. */
u64 budget_usual(const struct budget *budget);
u64 budget_most(const struct budget *budget);

/* Returns the bytes that the rings of all CPUs take. */
u64 budget_ring_bytes(const struct budget *budget);

/* Decides what the parameters leave open. */
enum budget_verdict budget_plan(struct budget *budget);

#endif /* SETNSMON_BUDGET_H */
