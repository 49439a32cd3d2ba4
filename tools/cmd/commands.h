/* SPDX-License-Identifier: GPL-2.0-only */
/* The commands of setnsmon. Each has its own file, cmd/NAME.c. */
#ifndef SETNSMON_COMMANDS_H
#define SETNSMON_COMMANDS_H

/* Exit status after a wrong command line. Other failures exit with EXIT_FAILURE, 1. */
#define EXIT_USAGE 2

/**
 * struct command - an entry in the table of commands
 * @name: the word on the command line
 * @run: runs the command and returns the exit status. argv[0] is the name of the
 *	command in messages
 */
struct command {
	const char *name;
	int (*run)(int argc, char **argv);
};

int cmd_follow(int argc, char **argv);
int cmd_stats(int argc, char **argv);
int cmd_schema(int argc, char **argv);
int cmd_selftest(int argc, char **argv);

#endif /* SETNSMON_COMMANDS_H */
