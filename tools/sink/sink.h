/* SPDX-License-Identifier: GPL-2.0-only */
/* Where records go: the forms of output. Several sinks may be open at once. */
#ifndef SETNSMON_SINK_H
#define SETNSMON_SINK_H

#include "portable.h"
#include <linux/setnsmon.h>
#include <stdio.h>

/**
 * struct sink_options - how to open a sink
 * @out: stream to write to; the sink does not close it
 * @color: whether to use colours, in a form that has them
 */
struct sink_options {
	FILE *out;
	bool color;
};

/* An open sink. A form of output embeds it as the first member of its own struct. */
struct sink {
	const struct sink_type *type;
};

/**
 * struct sink_type - a form of output
 * @name: its name on the command line
 * @open: returns a new sink, or NULL after a message
 * @record: writes one record; ignores unknown record types
 * @close: writes what is left and frees the sink
 */
struct sink_type {
	const char *name;
	struct sink *(*open)(const struct sink_options *options);
	void (*record)(struct sink *sink, const struct setnsmon_record *rec);
	void (*close)(struct sink *sink);
};

extern const struct sink_type sink_table, sink_json, sink_logfmt;

/* All forms, and their names in the same order. Both end with a NULL. */
extern const struct sink_type *const sink_types[];
extern const char *const sink_names[];

#endif /* SETNSMON_SINK_H */
