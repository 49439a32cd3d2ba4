// SPDX-License-Identifier: GPL-2.0-only
#include "cmd/verb.h"
#include "base/options.h"
#include <errno.h>
#include <linux/setnsmon.h>
#include <stdio.h>
#include <stdlib.h>

#define EXIT_STATUS                                                                                \
	"Exit status: 0 on success, even if a signal or a closed pipe ended the program; "         \
	"1 on failure, for example if the module is not loaded; "                                  \
	"2 if the command line is wrong."

/* The inputs of the shared parser and of its child, the command's own parser. */
struct inputs {
	const char **device;
	void *own;
};

/* argp's own help has no -h, so ARGP_NO_HELP leaves all of its options to this table. */
static const struct argp_option shared_options[] = {
	{ "device", 'd', "PATH", 0, "Read this device [" SETNSMON_DEVICE "]", 0 },
	{ "help", 'h', NULL, 0, "Show this help", -1 },
	{ NULL, '?', NULL, OPTION_ALIAS, NULL, -1 },
	{ "usage", OPTION_USAGE, NULL, 0, "List the options without their meaning", -1 },
	{ "version", 'V', NULL, 0, "Show the version", -1 },
	{ 0 },
};

/* A command has a space in its name: "setnsmon stats", unlike plain "setnsmon". */
static void refuse_argument(const struct argp_state *state, const char *arg)
{
	if (strchr(state->name, ' '))
		argp_error(state, "unexpected argument '%s'", arg);
	else
		argp_error(state, "unexpected argument '%s' (the command must come before options)",
			   arg);
}

static error_t parse_shared(int key, char *arg, struct argp_state *state)
{
	const struct inputs *inputs = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = inputs->own;
		return 0;
	case 'd':
		*inputs->device = arg;
		return 0;
	case 'h':
	case '?':
		argp_state_help(state, stdout, ARGP_HELP_STD_HELP);
		return 0;
	case OPTION_USAGE:
		argp_state_help(state, stdout, ARGP_HELP_USAGE | ARGP_HELP_EXIT_OK);
		return 0;
	case 'V':
		puts("setnsmon " SETNSMON_VERSION);
		exit(EXIT_SUCCESS);
	case ARGP_KEY_ARG:
		refuse_argument(state, arg);
		return EINVAL;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

void verb_parse(const struct verb *verb, int argc, char **argv, void *input, const char **device)
{
	const struct argp own = { .options = verb->options, .parser = verb->parse };
	const struct argp_child children[] = { { &own, 0, NULL, 0 }, { 0 } };
	struct inputs inputs = { .device = device, .own = input };
	/* The first of them is the device. */
	struct argp argp = { .options = device ? shared_options : shared_options + 1,
			     .parser = parse_shared,
			     .children = children };
	char doc[2048];

	snprintf(doc, sizeof(doc), "%s\v%s%s" EXIT_STATUS, verb->about,
		 verb->notes ? verb->notes : "", verb->notes ? "\n\n" : "");
	argp.doc = doc;
	/* Suppresses a note of argp on mandatory arguments, which means nothing here. */
	setenv("ARGP_HELP_FMT", "no-dup-args-note", 0);
	argp_parse(&argp, argc, argv, ARGP_NO_HELP, NULL, &inputs);
}
