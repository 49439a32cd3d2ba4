// SPDX-License-Identifier: GPL-2.0-only
/* setnsmon: finds the command and runs it. */
#define _GNU_SOURCE
#include "cmd/commands.h"
#include "base/output.h"
#include <argp.h>
#include <err.h>
#include <errno.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>

const char *argp_program_version = "setnsmon " SETNSMON_VERSION;

/* The first is the one that runs when none is named. */
static const struct command commands[] = {
	{ "follow", cmd_follow },
	{ "stats", cmd_stats },
	{ "selftest", cmd_selftest },
};

static const struct command *command_named(const char *name)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(commands); i++)
		if (!strcmp(commands[i].name, name))
			return &commands[i];
	return NULL;
}

static int unknown_command(const char *name)
{
	unsigned int i;

	fprintf(stderr, "setnsmon: there is no command '%s'. There are:", name);
	for (i = 0; i < ARRAY_SIZE(commands); i++)
		fprintf(stderr, " %s", commands[i].name);
	fputs("\n", stderr);
	return EXIT_USAGE;
}

/* In usage lines and messages the command is part of the program's name. */
static int run_named(const struct command *command, int argc, char **argv)
{
	char name[64];

	snprintf(name, sizeof(name), "setnsmon %s", command->name);
	argv[0] = name;
	return command->run(argc, argv);
}

int main(int argc, char **argv)
{
	const struct command *command;

	/* Messages of the option parser begin with this. */
	argv[0] = program_invocation_short_name;
	setlocale(LC_CTYPE, "");
	argp_err_exit_status = EXIT_USAGE;
	output_prepare();
	if (argc < 2 || argv[1][0] == '-')
		return commands[0].run(argc, argv);
	command = command_named(argv[1]);
	if (!command)
		return unknown_command(argv[1]);
	return run_named(command, argc - 1, argv + 1);
}
