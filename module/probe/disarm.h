/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Takes kprobes off for certain.
 *
 * To take the last enabled kprobe off a function, ftrace allocates memory. If that fails,
 * unregister_kprobe() and unregister_kretprobe() return all the same: the kprobe stays in the
 * kernel's lists, and then its module is freed. Nothing can be done about that afterwards,
 * because a second unregister_kretprobe() would free the instances twice.
 *
 * disable_kprobe() takes the same step, but it reports the error and can be repeated. A
 * disabled kprobe leaves the kernel's lists without a step that could fail (__disable_kprobe()
 * and __unregister_kprobe_top() in kernel/kprobes.c, from 5.10 to 7.3).
 */
#ifndef SETNSMON_DISARM_H
#define SETNSMON_DISARM_H

#include <linux/kprobes.h>

/*
 * Unregisters a registered probe. Both repeat it for as long as the kernel fails, and the
 * kernel log says so once. They may sleep.
 */
void disarm_kprobe(struct kprobe *kprobe);
void disarm_kretprobe(struct kretprobe *kretprobe);

#endif /* SETNSMON_DISARM_H */
