/* SPDX-License-Identifier: GPL-2.0-only */
/* Checks of option arguments. A wrong one ends the program with a message. */
#ifndef SETNSMON_OPTIONS_H
#define SETNSMON_OPTIONS_H

#include "portable.h"
#include <argp.h>

/* Keys of options without a letter. Those of a command start at OPTION_LONG. */
enum { OPTION_USAGE = 256, OPTION_LONG };

/*
 * Returns the index of @arg in @names, which ends with a NULL. @what is the name
 * of the argument in the message.
 */
unsigned int option_choice(const struct argp_state *state, const char *what,
			   const char *const *names, const char *arg);

/* Returns the positive integer that @arg is. */
u64 option_count(const struct argp_state *state, const char *what, const char *arg);

#endif /* SETNSMON_OPTIONS_H */
