// SPDX-License-Identifier: GPL-2.0-only
/* The files of setnsmon that the suites need but do not look into. */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include "../../module/kinds.c"
#include "../../module/probe/quota.c"
#include "../../module/probe/symbol.c"
#include "../../module/stream/merge.c"
#include "../../module/stream/rings.c"
#include "../../module/stream/wakeup.c"
#include "../../module/reader.c"

/* probe/probe.c defines it, but the suites call the handlers themselves. */
DEFINE_PER_CPU(const struct pt_regs *, probe_entry_regs);
