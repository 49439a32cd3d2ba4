/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * setns(2) through the native entry of the program, and through the 32-bit entry, which a
 * 64-bit program can use as well. Both return 0 or a negative errno.
 */
#ifndef SETNS_H
#define SETNS_H

#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

#define SETNS_I386 346

static inline long call_native(int fd, unsigned int nstype)
{
	return syscall(SYS_setns, fd, nstype) ? -errno : 0;
}

#ifdef __x86_64__
static inline long raw_int80(unsigned long nr, unsigned long fd, unsigned long nstype)
{
	long ret;

	__asm__ volatile("int $0x80"
			 : "=a"(ret)
			 : "a"(nr), "b"(fd), "c"(nstype)
			 : "memory", "r8", "r9", "r10", "r11");
	return (int)ret;
}
#endif

static inline long call_int80(int fd, unsigned int nstype)
{
#ifdef __x86_64__
	return raw_int80(SETNS_I386, fd, nstype);
#else
	return call_native(fd, nstype);
#endif
}

#endif
