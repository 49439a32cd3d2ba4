/* SPDX-License-Identifier: GPL-2.0-only */
/* Where records go: standard output, in one of several forms. */
#ifndef SETNSMON_OUTPUT_H
#define SETNSMON_OUTPUT_H

#include "portable.h"
#include <linux/setnsmon.h>

/**
 * struct sink - one form of output
 * @name: as it is called on the command line
 * @begin: once, before the first record; false after a message if it cannot
 * @record: for each record; one of a type that it does not know it leaves out
 * @end: once, after the last
 */
struct sink {
	const char *name;
	bool (*begin)(bool color);
	void (*record)(const struct setnsmon_record *rec);
	void (*end)(void);
};

/* The forms, and their names in the same order, with a NULL at the end. */
extern const struct sink sinks[];
extern const char *const sink_names[];
extern const struct sink *const sink_table;
extern const struct sink *const sink_json;

/* Call it first: writes are gathered, and their errors told when it ends. */
void output_prepare(void);

enum output_state {
	OUTPUT_WRITTEN,
	OUTPUT_CLOSED, /* who read it is gone */
	OUTPUT_FAILED, /* there was a message */
};

/* Writes what is gathered. */
enum output_state output_flush(void);

#endif /* SETNSMON_OUTPUT_H */
