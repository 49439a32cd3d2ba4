// SPDX-License-Identifier: GPL-2.0-only
/* setnsmon stats: the module's totals, and the size of its rings. */
#include "base/options.h"
#include "cmd/commands.h"
#include "cmd/verb.h"
#include "source/device.h"
#include <stdio.h>
#include <stdlib.h>

static const char *const format_names[] = { "text", "json", NULL };

enum format { FORMAT_TEXT, FORMAT_JSON };

/* A value, its name and its meaning. */
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
	enum format *format = state->input;

	if (key != 'o')
		return ARGP_ERR_UNKNOWN;
	*format = option_choice(state, "FORMAT", format_names, arg);
	return 0;
}

static const struct verb verb = {
	.about =
		"Show how many calls the module saw, recorded and missed, and the size of its rings.",
	.options = options,
	.parse = parse,
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

static bool show(enum format format, const struct source *source)
{
	struct setnsmon_counters counters;
	struct setnsmon_info info;

	if (!device_counters(source, &counters) || !device_info(source, &info))
		return false;

	const struct row rows[] = {
		{ "entered", "calls of setns(2) since the module was loaded", counters.entered },
		{ "recorded", "calls that were recorded", counters.recorded },
		{ "missed", "calls that the kernel did not pass to the module", counters.missed },
		{ "ret_unknown", "recorded calls whose result is unknown", counters.ret_unknown },
		{ "other_probes", "kprobes of others that can hide calls, now",
		  counters.other_probes },
		{ "unarmed", "probes of the module that do not fire, now", counters.unarmed },
		{ "readers", "open files of the device, including this one", counters.readers },
		{ "cpus", "CPUs that have rings, one for each class", info.cpus },
		{ "ring_records", "records that each ring holds", info.ring_records },
		{ "record_size", "bytes of a record as read in binary format", info.record_size },
	};

	(format == FORMAT_JSON ? put_json : put_text)(rows, ARRAY_SIZE(rows));
	return true;
}

int cmd_stats(int argc, char **argv)
{
	const char *device = SETNSMON_DEVICE;
	enum format format = FORMAT_TEXT;
	struct source source;
	bool shown;

	verb_parse(&verb, argc, argv, &format, &device);
	if (!device_open(&source, device))
		return EXIT_FAILURE;
	shown = show(format, &source);
	source_close(&source);
	return shown ? EXIT_SUCCESS : EXIT_FAILURE;
}
