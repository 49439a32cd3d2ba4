/* SPDX-License-Identifier: GPL-2.0-only */
/* Definitions that all suites share. guest.sh counts the lines that begin with CASE. */
#ifndef SETNSMON_KUNIT_SUITE_H
#define SETNSMON_KUNIT_SUITE_H

#include <kunit/test.h>

/* A case, named after the behaviour that it proves. */
#define CASE(name_, function)				\
	{						\
		.run_case = function, .name = name_	\
	}

#endif /* SETNSMON_KUNIT_SUITE_H */
