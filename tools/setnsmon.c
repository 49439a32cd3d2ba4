// SPDX-License-Identifier: GPL-2.0-only
/* setnsmon: the table of commands. */
#define _GNU_SOURCE
#include "base/output.h"
#include "cmd/commands.h"
#include "portable.h"
#include <argp.h>
#include <errno.h>
#include <locale.h>
#include <stdio.h>

static int cmd_help(int argc, char **argv);

/* The first command runs when none is given. */
static const struct command commands[] = {
	{ "follow", cmd_follow }, { "stats", cmd_stats }, { "selftest", cmd_selftest },
	{ "schema", cmd_schema }, { "help", cmd_help },
};

static const struct command *find_command(const char *name)
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

	fprintf(stderr, "setnsmon: unknown command '%s' (expected: ", name);
	for (i = 0; i < ARRAY_SIZE(commands); i++)
		fprintf(stderr, "%s%s", i ? ", " : "", commands[i].name);
	fputs(")\n", stderr);
	return EXIT_USAGE;
}

/* Runs argv[0]. In usage lines and messages the command is part of the program's name. */
static int run_command(int argc, char **argv)
{
	const struct command *command = find_command(argv[0]);
	char name[64];

	if (!command)
		return unknown_command(argv[0]);
	snprintf(name, sizeof(name), "setnsmon %s", command->name);
	argv[0] = name;
	return command->run(argc, argv);
}

/* Shows the help of the command that argv[1] names, or else that of the program. */
static int cmd_help(int argc, char **argv)
{
	char program[] = "setnsmon", option[] = "--help";
	char *help[] = { argc > 1 ? argv[1] : program, option, NULL };

	if (argc > 2) {
		fprintf(stderr, "%s: unexpected argument '%s'\n", argv[0], argv[2]);
		return EXIT_USAGE;
	}
	/* "help --help" and "help help" ask for the same as "help". */
	if (argc < 2 || argv[1][0] == '-' || !strcmp(argv[1], "help")) {
		help[0] = program;
		return commands[0].run(2, help);
	}
	return run_command(2, help);
}

int main(int argc, char **argv)
{
	/* The option parser starts its messages with this. */
	argv[0] = program_invocation_short_name;
	setlocale(LC_CTYPE, "");
	argp_err_exit_status = EXIT_USAGE;
	output_prepare();
	if (argc < 2 || argv[1][0] == '-')
		return commands[0].run(argc, argv);
	return run_command(argc - 1, argv + 1);
}
