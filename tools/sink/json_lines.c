// SPDX-License-Identifier: GPL-2.0-only
/* One JSON object a line. */
#include "enrich/host.h"
#include "sink/json.h"
#include "sink/sink.h"
#include <err.h>
#include <stdlib.h>

struct json_lines {
	struct sink sink;
	FILE *out;
	struct json *json;
};

static struct json *json_of_this_host(void)
{
	struct host host;

	host_read(&host);
	return json_new(host.uts.nodename, *host.boot_id ? host.boot_id : NULL);
}

static struct sink *open_json(const struct sink_options *options)
{
	struct json_lines *lines = malloc(sizeof(*lines));
	struct json *json = lines ? json_of_this_host() : NULL;

	if (!json) {
		warnx("out of memory");
		free(lines);
		return NULL;
	}
	*lines = (struct json_lines){ .sink.type = &sink_json, .out = options->out, .json = json };
	return &lines->sink;
}

static void record_json(struct sink *sink, const struct setnsmon_record *rec)
{
	struct json_lines *lines = (struct json_lines *)sink;
	const char *line;
	size_t len = json_line(lines->json, rec, &line);

	if (len)
		fwrite(line, 1, len, lines->out);
}

static void close_json(struct sink *sink)
{
	struct json_lines *lines = (struct json_lines *)sink;

	json_free(lines->json);
	free(lines);
}

const struct sink_type sink_json = { "json", open_json, record_json, close_json };
