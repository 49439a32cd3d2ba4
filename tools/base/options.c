// SPDX-License-Identifier: GPL-2.0-only
#include "base/options.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static void join(char *buf, size_t size, const char *const *names)
{
	size_t len = 0;

	for (; *names && len < size; names++)
		len += snprintf(buf + len, size - len, "%s%s", len ? ", " : "", *names);
}

unsigned int option_choice(const struct argp_state *state, const char *what,
			   const char *const *names, const char *arg)
{
	char list[128] = "";
	unsigned int i;

	for (i = 0; names[i]; i++)
		if (!strcmp(names[i], arg))
			return i;
	join(list, sizeof(list), names);
	argp_error(state, "invalid %s '%s' (expected: %s)", what, arg, list);
	exit(argp_err_exit_status);
}

u64 option_count(const struct argp_state *state, const char *what, const char *arg)
{
	unsigned long long value;
	char *end;

	errno = 0;
	value = strtoull(arg, &end, 10);
	if (arg[0] >= '0' && arg[0] <= '9' && !*end && !errno && value)
		return value;
	argp_error(state, "invalid %s '%s': must be a positive integer", what, arg);
	exit(argp_err_exit_status);
}
