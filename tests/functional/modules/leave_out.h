/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The kernel prints a stack if a driver does what these tests do on purpose. In its log that
 * looks like a fault, so these tests skip the call that prints it.
 */
#ifndef SETNSMON_TESTS_LEAVE_OUT_H
#define SETNSMON_TESTS_LEAVE_OUT_H

#include <linux/compiler.h>
#include <linux/kprobes.h>

static noinline void in_its_place(void)
{
	barrier();
}

/* Return value of a kprobe handler at the entry of a function: skips that function. */
static inline int leave_out(struct pt_regs *regs)
{
	instruction_pointer_set(regs, (unsigned long)in_its_place);
	return 1;
}

#endif /* SETNSMON_TESTS_LEAVE_OUT_H */
