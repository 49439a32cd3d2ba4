// SPDX-License-Identifier: GPL-2.0-only
/*
 * The suites run when this module is loaded: KUnit finds them in a section of it. The
 * files under test are built in, so setnsmon itself may be loaded or not.
 */
#include <linux/module.h>

MODULE_DESCRIPTION("Tests of setnsmon's parts inside the kernel");
MODULE_LICENSE("GPL");
