// SPDX-License-Identifier: GPL-2.0-only
/* setnsmon follow: shows calls as they happen. */
#define _GNU_SOURCE
#include "base/options.h"
#include "cmd/commands.h"
#include "cmd/verb.h"
#include "pipeline.h"
#include "record/fields.h"
#include "sink/sink.h"
#include "source/device.h"
#include <stdlib.h>
#include <unistd.h>

enum { OPTION_CLASS = OPTION_LONG, OPTION_COLOR, OPTION_NEW, OPTION_NO_FOLLOW };

enum color { COLOR_AUTO, COLOR_ALWAYS, COLOR_NEVER };

static const char *const color_names[] = { "auto", "always", "never", NULL };

/**
 * struct follow - the options
 * @form: form of output; NULL to choose by the type of standard output
 * @color: when to use colours
 * @filter: which records to show
 * @new_only: skip what was recorded before
 * @no_follow: do not wait for more
 * @limit: number of calls to show, 0 for no limit
 */
struct follow {
	const struct sink_type *form;
	enum color color;
	struct setnsmon_filter filter;
	bool new_only;
	bool no_follow;
	u64 limit;
};

static const struct argp_option options[] = {
	{ "output", 'o', "FORMAT", 0,
	  "Write table, json or logfmt [table on a terminal, else json]", 0 },
	{ "new", OPTION_NEW, NULL, 0, "Skip what was recorded before", 0 },
	{ "no-follow", OPTION_NO_FOLLOW, NULL, 0, "Show what was recorded, do not wait for more",
	  0 },
	{ "count", 'n', "COUNT", 0, "End after COUNT calls; lost records do not count", 0 },
	{ "class", OPTION_CLASS, "CLASS", 0,
	  "Show only calls of this class: plain, entry or exit [all]; "
	  "may be repeated, or be a list with commas",
	  0 },
	{ "color", OPTION_COLOR, "WHEN", 0,
	  "Colour the table: auto, always or never [auto: on a terminal, unless NO_COLOR is set]",
	  0 },
	{ 0 },
};

/* Room for the names of all classes and a NULL. */
#define CLASSES_MAX 8

/* Returns the classes that a list with commas names, as bits. */
static u32 parse_classes(const struct argp_state *state, char *list)
{
	const char *names[CLASSES_MAX] = { NULL };
	const char *name;
	u32 classes = 0;
	unsigned int i;

	for (i = 0; class_names[i].len; i++)
		names[i] = class_names[i].name;
	while ((name = strsep(&list, ",")))
		classes |= 1U << class_names[option_choice(state, "CLASS", names, name)].value;
	return classes;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct follow *follow = state->input;

	switch (key) {
	case 'o':
		follow->form = sink_types[option_choice(state, "FORMAT", sink_names, arg)];
		return 0;
	case 'n':
		follow->limit = option_count(state, "COUNT", arg);
		return 0;
	case OPTION_CLASS:
		follow->filter.classes |= parse_classes(state, arg);
		return 0;
	case OPTION_COLOR:
		follow->color = option_choice(state, "WHEN", color_names, arg);
		return 0;
	case OPTION_NEW:
		follow->new_only = true;
		return 0;
	case OPTION_NO_FOLLOW:
		follow->no_follow = true;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct verb verb = {
	.about = "Show every setns(2) call on this host: who joined which namespace.",
	.notes = "Commands (before all options):\n"
		 "  follow    show the calls, as described here; the default\n"
		 "  stats     show totals and the size of the rings\n"
		 "  selftest  check that calls are recorded correctly\n"
		 "  schema    print a JSON Schema of the records\n"
		 "  help      show this, or with the name of a command its options",
	.options = options,
	.parse = parse,
};

static bool wants_color(enum color when)
{
	const char *no_color = getenv("NO_COLOR");

	if (when != COLOR_AUTO)
		return when == COLOR_ALWAYS;
	return isatty(STDOUT_FILENO) && !(no_color && *no_color);
}

static const struct sink_type *chosen_form(const struct follow *follow)
{
	if (follow->form)
		return follow->form;
	return isatty(STDOUT_FILENO) ? &sink_table : &sink_json;
}

/* Sums up a table that a person watched. */
static void summarize(const struct pipeline *pipeline)
{
	if (pipeline->sinks[0]->type == &sink_table && isatty(STDERR_FILENO))
		fprintf(stderr, "%llu %s, %llu lost\n", (unsigned long long)pipeline->calls,
			pipeline->calls == 1 ? "call" : "calls",
			(unsigned long long)pipeline->lost);
}

static bool run(const struct follow *follow, struct source *source, struct sink *sink)
{
	struct pipeline pipeline = {
		.source = source,
		.sinks = &sink,
		.sink_count = 1,
		.limit = follow->limit,
	};
	bool good;

	if (!source_filter(source, &follow->filter))
		pipeline.filter = &follow->filter;
	if (follow->no_follow && !pipeline_end_now(&pipeline))
		return false;
	good = pipeline_run(&pipeline);
	summarize(&pipeline);
	return good;
}

static bool follow_source(const struct follow *follow, struct source *source)
{
	const struct sink_options sink_options = { .out = stdout,
						   .color = wants_color(follow->color) };
	struct sink *sink;
	bool good;

	if (follow->new_only && !source_skip_history(source))
		return false;
	sink = chosen_form(follow)->open(&sink_options);
	if (!sink)
		return false;
	good = run(follow, source, sink);
	sink->type->close(sink);
	return good;
}

int cmd_follow(int argc, char **argv)
{
	const char *device = SETNSMON_DEVICE;
	struct follow follow = { 0 };
	struct source source;
	bool good;

	verb_parse(&verb, argc, argv, &follow, &device);
	if (!device_open(&source, device))
		return EXIT_FAILURE;
	good = follow_source(&follow, &source);
	source_close(&source);
	return good ? EXIT_SUCCESS : EXIT_FAILURE;
}
