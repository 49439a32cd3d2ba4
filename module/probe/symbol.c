// SPDX-License-Identifier: GPL-2.0-only
#include "probe/symbol.h"

#include <linux/kprobes.h>

/*
 * register_kprobe() looks up the address, stores it in the kprobe, and only then refuses it,
 * because it is outside of the kernel's code (kernel/kprobes.c, from 5.10 to 7.3).
 */
const void *symbol_address(const char *name)
{
	struct kprobe kprobe = { .symbol_name = name };

	if (!register_kprobe(&kprobe)) {
		unregister_kprobe(&kprobe);
		return NULL;
	}
	return kprobe.addr;
}
