/* SPDX-License-Identifier: GPL-2.0-only */
/* In the place of the recorder: one record, which a test can look at. Included first. */
#ifndef SETNSMON_KUNIT_RECORDER_HERE_H
#define SETNSMON_KUNIT_RECORDER_HERE_H

#define SETNSMON_RECORDER_H

#include <linux/setnsmon.h>
#include <linux/string.h>

enum recorder_lane { RECORDER_PLAIN, RECORDER_CROSSING, RECORDER_LANES };

struct recorder_writer;

static struct setnsmon_record recorded;
static unsigned int begun, committed;
static enum recorder_lane begun_lane, committed_lane;

static struct recorder_writer *recorder_here(void)
{
	return NULL;
}

/* Holds, as a slot of a ring does, whatever was there before. */
static struct setnsmon_record *recorder_begin(struct recorder_writer *writer,
					      enum recorder_lane lane)
{
	memset(&recorded, 0xa5, sizeof(recorded));
	begun++;
	begun_lane = lane;
	return &recorded;
}

static void recorder_commit(struct recorder_writer *writer, enum recorder_lane lane)
{
	committed++;
	committed_lane = lane;
}

#endif /* SETNSMON_KUNIT_RECORDER_HERE_H */
