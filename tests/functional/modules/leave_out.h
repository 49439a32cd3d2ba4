/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The kernel shows a stack where a driver does what these tests do on purpose. Whoever
 * looks through its log could not tell that from a fault, so here such a call is left out.
 */
#ifndef SETNSMON_TESTS_LEAVE_OUT_H
#define SETNSMON_TESTS_LEAVE_OUT_H

#include <linux/compiler.h>
#include <linux/kprobes.h>

static noinline void in_its_place(void)
{
	barrier();
}

/* What a kprobe's handler at the entry of a function returns, to have it left out. */
static inline int leave_out(struct pt_regs *regs)
{
	instruction_pointer_set(regs, (unsigned long)in_its_place);
	return 1;
}

#endif /* SETNSMON_TESTS_LEAVE_OUT_H */
