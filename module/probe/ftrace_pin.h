/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Keeps ftrace switched on while the module is loaded.
 *
 * A kprobe at the first instruction of a function sits on ftrace. The sysctl
 * kernel.ftrace_enabled=0 switches ftrace off without a word to kprobes: calls would be
 * neither recorded nor counted, and registering or unregistering such a kprobe meanwhile
 * breaks ftrace until the next boot. Live patching has the same need, and the kernel has an
 * answer. While an ftrace_ops with FTRACE_OPS_FL_PERMANENT is registered, the kernel refuses
 * to switch ftrace off. While ftrace is off, it refuses to register such an ftrace_ops. Both
 * fail with EBUSY (ftrace_enable_sysctl() and __register_ftrace_function() in
 * kernel/trace/ftrace.c; since 5.6). Linux 7.3 never switches ftrace off. Our ftrace_ops is
 * for one function of this module that nobody calls, so it costs nothing.
 */
#ifndef SETNSMON_FTRACE_PIN_H
#define SETNSMON_FTRACE_PIN_H

/*
 * Pins ftrace, before the first probe is armed. Returns -EBUSY, with the reason in the
 * kernel log, if ftrace is switched off. May sleep.
 */
int ftrace_pin_init(void);

/* Releases ftrace, after the last probe is disarmed. May sleep. */
void ftrace_pin_exit(void);

#endif /* SETNSMON_FTRACE_PIN_H */
