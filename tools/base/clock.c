// SPDX-License-Identifier: GPL-2.0-only
#include "base/clock.h"
#include <time.h>

u64 clock_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000ULL + ts.tv_nsec / 1000000;
}
