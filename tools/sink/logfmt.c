// SPDX-License-Identifier: GPL-2.0-only
/* The text line of the device itself, made by the module's own code. */
#include "record/text.h"
#include "sink/sink.h"
#include <err.h>
#include <stdlib.h>

struct logfmt {
	struct sink sink;
	FILE *out;
};

static struct sink *open_logfmt(const struct sink_options *options)
{
	struct logfmt *logfmt = malloc(sizeof(*logfmt));

	if (!logfmt) {
		warnx("out of memory");
		return NULL;
	}
	*logfmt = (struct logfmt){ .sink.type = &sink_logfmt, .out = options->out };
	return &logfmt->sink;
}

static void record_logfmt(struct sink *sink, const struct setnsmon_record *rec)
{
	struct logfmt *logfmt = (struct logfmt *)sink;
	char line[SETNSMON_LINE_MAX];
	size_t len = text_line(line, rec);

	fwrite(line, 1, len, logfmt->out);
}

static void close_logfmt(struct sink *sink)
{
	free(sink);
}

const struct sink_type sink_logfmt = { "logfmt", open_logfmt, record_logfmt, close_logfmt };
