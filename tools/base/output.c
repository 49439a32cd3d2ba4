// SPDX-License-Identifier: GPL-2.0-only
#include "base/output.h"
#include "sink/json.h"
#include "sink/table.h"
#include "record/text.h"
#include <err.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define BUFFER_SIZE (64 * 1024)

static struct table table;
static struct json *json;

static bool begin_table(bool color)
{
	table_begin(&table, stdout, color);
	return true;
}

static void record_table(const struct setnsmon_record *rec)
{
	table_record(&table, rec);
}

static bool begin_json(bool color __attribute__((unused)))
{
	json = json_new();
	if (!json)
		warnx("out of memory");
	return json;
}

static void record_json(const struct setnsmon_record *rec)
{
	const char *line;
	size_t len = json_line(json, rec, &line);

	if (len)
		fwrite(line, 1, len, stdout);
}

static void end_json(void)
{
	json_free(json);
}

static bool begin_logfmt(bool color __attribute__((unused)))
{
	return true;
}

static void record_logfmt(const struct setnsmon_record *rec)
{
	char line[SETNSMON_LINE_MAX];
	size_t len = text_line(line, rec);

	fwrite(line, 1, len, stdout);
}

static void end_nothing(void)
{
}

const struct sink sinks[] = {
	{ "table", begin_table, record_table, end_nothing },
	{ "json", begin_json, record_json, end_json },
	{ "logfmt", begin_logfmt, record_logfmt, end_nothing },
};

const char *const sink_names[] = { "table", "json", "logfmt", NULL };
const struct sink *const sink_table = &sinks[0];
const struct sink *const sink_json = &sinks[1];

/* An error is told once, however many writes it spoils. */
static enum output_state state = OUTPUT_WRITTEN;

static void note_failure(void)
{
	if (state != OUTPUT_WRITTEN)
		return;
	state = errno == EPIPE ? OUTPUT_CLOSED : OUTPUT_FAILED;
	if (state == OUTPUT_FAILED)
		warn("cannot write to standard output");
}

enum output_state output_flush(void)
{
	if (fflush(stdout) || ferror(stdout))
		note_failure();
	return state;
}

/* At exit: also --help may have met a full disk. */
static void finish(void)
{
	if (output_flush() == OUTPUT_WRITTEN && fclose(stdout))
		note_failure();
	if (state == OUTPUT_FAILED)
		_exit(EXIT_FAILURE);
}

void output_prepare(void)
{
	signal(SIGPIPE, SIG_IGN);
	setvbuf(stdout, NULL, _IOFBF, BUFFER_SIZE);
	atexit(finish);
}
