// SPDX-License-Identifier: GPL-2.0-only
#include "kinds.h"

/* ilog2() of a constant with one bit set; the kernel's own is not available to the reader. */
#define BIT_NUMBER(bit)                                                                            \
	(((bit)&0xffff0000 ? 16 : 0) + ((bit)&0xff00ff00 ? 8 : 0) + ((bit)&0xf0f0f0f0 ? 4 : 0) +   \
	 ((bit)&0xcccccccc ? 2 : 0) + ((bit)&0xaaaaaaaa ? 1 : 0))

#define LINK_BIT(link)	(1U << SETNSMON_LINK_##link)
#define ALSO_MOVED(bit) ((bit) == CLONE_NEWTIME ? LINK_BIT(TIME_FOR_CHILDREN) : 0)

#define KIND(bit, name, moved, lent, slot)                                                         \
	[BIT_NUMBER(bit)] = { name, LINK_BIT(moved) | ALSO_MOVED(bit), SETNSMON_LINK_##moved,      \
			      SETNSMON_LINK_##lent },

const struct ns_kind ns_kinds[32] = { NS_KINDS(KIND) };
