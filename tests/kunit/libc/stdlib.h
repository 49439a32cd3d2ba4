/* SPDX-License-Identifier: GPL-2.0-only */
/* The functions of <stdlib.h> that a unit test of user space needs, inside the kernel. */
#ifndef SETNSMON_KUNIT_STDLIB_H
#define SETNSMON_KUNIT_STDLIB_H

#include <linux/bug.h>
#include <linux/slab.h>

#define calloc(count, size) kcalloc(count, size, GFP_KERNEL)
#define free(memory)	    kfree(memory)
#define abort()		    BUG()

#endif /* SETNSMON_KUNIT_STDLIB_H */
