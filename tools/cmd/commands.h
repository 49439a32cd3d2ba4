/* SPDX-License-Identifier: GPL-2.0-only */
/* The commands of setnsmon. Each has a file of its own, cmd_NAME.c. */
#ifndef SETNSMON_COMMANDS_H
#define SETNSMON_COMMANDS_H

/* Exit statuses. The third, 1, is EXIT_FAILURE. */
#define EXIT_USAGE 2

/* The end of each --help. */
#define HELP_EXIT_STATUS                                                                           \
	"Exit status: 0 if all went well, also when a signal or the reader of a "                  \
	"pipe ended it; 1 if something failed, for example as the module is "                      \
	"not loaded; 2 if the command line was wrong."

/**
 * struct command - a command
 * @name: as it is typed
 * @run: does it; argv[0] is what to call it in messages. Returns the exit status
 */
struct command {
	const char *name;
	int (*run)(int argc, char **argv);
};

int cmd_follow(int argc, char **argv);
int cmd_stats(int argc, char **argv);
int cmd_selftest(int argc, char **argv);

#endif /* SETNSMON_COMMANDS_H */
