/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Keeps ftrace switched on while the module is loaded.
 *
 * A kprobe at the first instruction of a function sits on ftrace, which the sysctl
 * kernel.ftrace_enabled=0 switches off without a word to kprobes: calls would be
 * neither recorded nor counted, and registering or unregistering such a kprobe
 * meanwhile breaks ftrace until the next boot. Live patching has the same need, and
 * the kernel an answer: while an ftrace_ops with FTRACE_OPS_FL_PERMANENT is
 * registered, it refuses to switch ftrace off, and while ftrace is off it refuses
 * to register one, both with EBUSY (kernel/trace/ftrace.c: ftrace_enable_sysctl(),
 * __register_ftrace_function(); since 5.6). Linux 7.3 refuses always. Ours is for
 * one function of the module that nobody calls, so it costs nothing.
 */
#ifndef SETNSMON_GUARD_H
#define SETNSMON_GUARD_H

/*
 * Before the first probe is armed, and after the last is disarmed. guard_init():
 * -EBUSY, with the reason in the log, if ftrace is switched off. May sleep.
 */
int guard_init(void);
void guard_exit(void);

#endif /* SETNSMON_GUARD_H */
