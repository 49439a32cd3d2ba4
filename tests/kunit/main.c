// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit finds the suites in a section of this module and runs them when it is loaded. The
 * files under test are built in, so it does not matter whether setnsmon is loaded as well.
 */
#include <linux/module.h>

MODULE_DESCRIPTION("Tests of setnsmon's parts inside the kernel");
MODULE_LICENSE("GPL");
