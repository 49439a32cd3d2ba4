/* SPDX-License-Identifier: GPL-2.0-only */
/* x86-64: see arch.h. The kernel side is arch/x86/include/asm/syscall_wrapper.h. */
#ifndef SETNSMON_ARCH_X86_H
#define SETNSMON_ARCH_X86_H

#include <linux/kconfig.h>
#include <linux/ptrace.h>
#include <asm/unistd.h>

#define ARCH_ENTRY_64(name) "__x64_sys_" #name
/* All 32-bit calls come through this entry: int 0x80, and 32-bit SYSENTER and SYSCALL. */
#define ARCH_ENTRY_32(name) "__ia32_sys_" #name
#define ARCH_HAS_ENTRY_32   IS_ENABLED(CONFIG_IA32_EMULATION)

#define ARCH_ABI_64	    SETNSMON_ABI_X86_64
#define ARCH_ABI_32	    SETNSMON_ABI_I386

/* An entry function has one argument: the user registers. */
static __always_inline const struct pt_regs *arch_user_regs(struct pt_regs *regs)
{
	return (const struct pt_regs *)regs_get_kernel_argument(regs, 0);
}

/* Returns argument @n, 0 or 1, of a call through that entry. */
static __always_inline unsigned long arch_argument(const struct pt_regs *regs,
						   unsigned int entry_abi, unsigned int n)
{
	if (entry_abi == SETNSMON_ABI_I386)
		return n ? regs->cx : regs->bx;
	return n ? regs->si : regs->di;
}

/* Returns the number of the system call, as the caller passed it. */
static __always_inline u32 arch_call_number(const struct pt_regs *regs)
{
	return regs->orig_ax;
}

/* x32 calls share the native entry. A bit in the system call number tells them apart. */
static __always_inline unsigned int arch_call_abi(u32 number, unsigned int entry_abi)
{
	if (entry_abi == SETNSMON_ABI_X86_64 && unlikely(number & __X32_SYSCALL_BIT))
		return SETNSMON_ABI_X32;
	return entry_abi;
}

#endif /* SETNSMON_ARCH_X86_H */
