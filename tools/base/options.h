/* SPDX-License-Identifier: GPL-2.0-only */
/* What the commands have in common on the command line. */
#ifndef SETNSMON_OPTIONS_H
#define SETNSMON_OPTIONS_H

#include "portable.h"
#include <argp.h>

/* Keys of options that have no letter begin here. */
#define OPTION_LONG 256

/* -d, as a child parser; its input is a const char *, the path. */
extern const struct argp device_argp;

/*
 * Which of @names, which ends with a NULL, is @arg? Ends the program with a
 * message about @what if it is none.
 */
unsigned int option_choice(const struct argp_state *state, const char *what,
			   const char *const *names, const char *arg);

/* A whole number from 1 on; ends the program with a message if @arg is none. */
u64 option_count(const struct argp_state *state, const char *what, const char *arg);

#endif /* SETNSMON_OPTIONS_H */
