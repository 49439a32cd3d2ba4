/* SPDX-License-Identifier: GPL-2.0-only */
/* What the suites share. guest.sh counts the lines that begin with CASE. */
#ifndef SETNSMON_KUNIT_SUITE_H
#define SETNSMON_KUNIT_SUITE_H

#include <kunit/test.h>

/* Named after the behaviour that it proves. */
#define CASE(name_, function)				\
	{						\
		.run_case = function, .name = name_	\
	}

#endif /* SETNSMON_KUNIT_SUITE_H */
