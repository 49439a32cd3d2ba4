/* SPDX-License-Identifier: GPL-2.0-only */
/* Addresses in the kernel that modules cannot link to. */
#ifndef SETNSMON_SYMBOL_H
#define SETNSMON_SYMBOL_H

/*
 * Returns the address of a variable of the kernel, NULL if the kernel does not list it. Most
 * variables are only listed with CONFIG_KALLSYMS_ALL, which distributions set. May sleep.
 */
const void *symbol_address(const char *name);

#endif /* SETNSMON_SYMBOL_H */
