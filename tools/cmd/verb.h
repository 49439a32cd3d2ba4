/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The command line of a command: its own options, and those that all commands
 * share (the device, help, version). A wrong command line ends the program with
 * a message and EXIT_USAGE.
 */
#ifndef SETNSMON_VERB_H
#define SETNSMON_VERB_H

#include <argp.h>

/**
 * struct verb - what is special about the command line of one command
 * @about: the first line of --help
 * @notes: text of --help after the options, or NULL
 * @options: the command's own options, or NULL
 * @parse: parser of @options, or NULL
 */
struct verb {
	const char *about;
	const char *notes;
	const struct argp_option *options;
	argp_parser_t parse;
};

/*
 * Parses the command line. @input is passed to @verb->parse, --device goes to *@device. A command
 * that needs no device passes NULL.
 */
void verb_parse(const struct verb *verb, int argc, char **argv, void *input, const char **device);

#endif /* SETNSMON_VERB_H */
