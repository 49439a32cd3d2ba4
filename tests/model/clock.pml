/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A clock for all, which some other processor advances: a location like any other, so that reading it is ordered with
 * other accesses no more than a load is. That is also how the kernel speaks of rdtsc_ordered().
 *
 * It goes from 0 to TICKS.
 */
inline clock(t, x)
{
	load(t, CLOCK, RELAXED, x)
}

active proctype ticker()
{
	byte now;

	do
	:: now < TICKS ->
		d_step {
			now++;
			store(TICKER, CLOCK, RELAXED, now)
		}
	:: else -> break
	od
}
