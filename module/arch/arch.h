/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The questions that each architecture answers in its own header:
 *
 *   ARCH_ENTRY_64(name)   symbol of the native entry function of the system call @name
 *   ARCH_ENTRY_32(name)   symbol of the entry for 32-bit callers
 *   ARCH_HAS_ENTRY_32     whether this kernel has that entry
 *   ARCH_ABI_64           enum setnsmon_abi of calls through the native entry
 *   ARCH_ABI_32           enum setnsmon_abi of calls through the 32-bit entry
 *   arch_user_regs()      the user registers, from the registers of an entry function
 *   arch_argument()       argument of a system call, from the user registers
 *   arch_call_number()    number of the system call, from the user registers
 *   arch_call_abi()       enum setnsmon_abi of a call with this number; finer than the entry's
 *
 * All functions are for probe handlers: any context, they never sleep.
 */
#ifndef SETNSMON_ARCH_H
#define SETNSMON_ARCH_H

#include <linux/setnsmon.h>
#include <linux/types.h>

#ifdef CONFIG_X86_64
#include "arch/x86.h"
#else
#error "setnsmon works on x86-64 only: module/arch has no header for this architecture"
#endif

#endif /* SETNSMON_ARCH_H */
