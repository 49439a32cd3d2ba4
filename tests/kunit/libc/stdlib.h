/* SPDX-License-Identifier: GPL-2.0-only */
/* What a unit test that was written for user space needs of it, by the kernel's means. */
#ifndef SETNSMON_KUNIT_STDLIB_H
#define SETNSMON_KUNIT_STDLIB_H

#include <linux/bug.h>
#include <linux/slab.h>

#define calloc(count, size) kcalloc(count, size, GFP_KERNEL)
#define free(memory)	    kfree(memory)
#define abort()		    BUG()

#endif /* SETNSMON_KUNIT_STDLIB_H */
