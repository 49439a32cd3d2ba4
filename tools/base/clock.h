/* SPDX-License-Identifier: GPL-2.0-only */
/* A clock to measure time with. */
#ifndef SETNSMON_CLOCK_H
#define SETNSMON_CLOCK_H

#include "portable.h"

/* Returns milliseconds on the monotonic clock. */
u64 clock_ms(void);

#endif /* SETNSMON_CLOCK_H */
