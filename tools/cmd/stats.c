// SPDX-License-Identifier: GPL-2.0-only
/* setnsmon stats: the module's totals, and how it was loaded. */
#include "cmd/commands.h"
#include "source/source.h"
#include "base/options.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static const char *const format_names[] = { "text", "json", NULL };

enum format { FORMAT_TEXT, FORMAT_JSON };

struct stats {
	const char *path;
	enum format format;
};

/* A value, what JSON calls it and what it means. */
struct row {
	const char *name;
	const char *meaning;
	u64 value;
};

static const struct argp_option options[] = {
	{ "output", 'o', "FORMAT", 0, "Write text or json [text]", 0 },
	{ 0 },
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct stats *stats = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &stats->path;
		return 0;
	case 'o':
		stats->format = option_choice(state, "FORMAT", format_names, arg);
		return 0;
	case ARGP_KEY_ARG:
		argp_error(state, "'%s' is unexpected", arg);
		return EINVAL;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_child children[] = { { &device_argp, 0, NULL, 0 }, { 0 } };

#define ABOUT "Show how many calls the module saw, recorded and missed, and its rings."

static const struct argp argp = {
	.options = options,
	.parser = parse,
	.doc = ABOUT "\v" HELP_EXIT_STATUS,
	.children = children,
};

static void put_text(const struct row *rows, unsigned int count)
{
	unsigned int i;

	for (i = 0; i < count; i++)
		printf("%-12s %20llu  %s\n", rows[i].name, (unsigned long long)rows[i].value,
		       rows[i].meaning);
}

static void put_json(const struct row *rows, unsigned int count)
{
	unsigned int i;

	printf("{\"v\":%d,\"event\":\"stats\"", SETNSMON_ABI_VERSION);
	for (i = 0; i < count; i++)
		printf(",\"%s\":%llu", rows[i].name, (unsigned long long)rows[i].value);
	puts("}");
}

static bool show(const struct stats *stats, const struct source *source)
{
	struct setnsmon_counters counters;

	if (!source_counters(source, &counters))
		return false;

	const struct row rows[] = {
		{ "entered", "calls of setns(2) since the module was loaded", counters.entered },
		{ "recorded", "of these, recorded", counters.recorded },
		{ "missed", "of these, not handed to the module by the kernel", counters.missed },
		{ "ret_unknown", "of those recorded, without their result", counters.ret_unknown },
		{ "readers", "open files of the device, this one included", counters.readers },
		{ "cpus", "CPUs, each with two rings", source->info.cpus },
		{ "ring_records", "records that each ring holds", source->info.ring_records },
		{ "record_size", "bytes of each", source->info.record_size },
	};

	(stats->format == FORMAT_JSON ? put_json : put_text)(rows, ARRAY_SIZE(rows));
	return true;
}

int cmd_stats(int argc, char **argv)
{
	struct stats stats = { .path = SETNSMON_DEVICE };
	struct source source;
	bool shown;

	argp_parse(&argp, argc, argv, 0, NULL, &stats);
	if (!source_open(&source, stats.path))
		return EXIT_FAILURE;
	shown = show(&stats, &source);
	source_close(&source);
	return shown ? EXIT_SUCCESS : EXIT_FAILURE;
}
