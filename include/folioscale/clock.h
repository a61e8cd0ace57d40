/* SPDX-License-Identifier: GPL-2.0 */
/* The clock for windows and latencies, and busy-waits based on it. */
#ifndef FOLIOSCALE_CLOCK_H
#define FOLIOSCALE_CLOCK_H

#include <linux/processor.h>
#include <linux/sched.h>
#include <linux/timekeeping.h>

/**
 * fsc_clock - read the harness's clock
 *
 * One clock for all CPUs, so that a time of free taken on one CPU can be
 * subtracted on another. Its cost is calibrated for each run (clock.cost_ns).
 *
 * Context: Any.
 * Return: Monotonic time, in ns.
 */
static __always_inline u64 fsc_clock(void)
{
	return ktime_get_mono_fast_ns();
}

/**
 * fsc_clock_since - time passed since a reading of the clock
 * @from: an earlier reading of fsc_clock(), maybe on another CPU
 *
 * ktime_get_mono_fast_ns() may step back a little when the timekeeper is
 * updated; return 0 then, not 2^64 ns.
 *
 * Context: Any.
 * Return: ns.
 */
static __always_inline u64 fsc_clock_since(u64 from)
{
	s64 ns = fsc_clock() - from;

	return ns > 0 ? ns : 0;
}

/**
 * fsc_spin - busy-wait without leaving the section
 * @ns: how long, in ns; limits on the parameters keep it below the RCU stall timeout
 *
 * Context: Any; does not sleep.
 */
static inline void fsc_spin(u64 ns)
{
	u64 end = fsc_clock() + ns;

	while (fsc_clock() < end)
		cpu_relax();
}

/**
 * fsc_spin_resched - busy-wait, but let other tasks run
 * @ns: how long, in ns
 *
 * A holder of a reference may sleep, so this may schedule.
 *
 * Context: Process context, no lock held, not inside RCU; may sleep.
 */
static inline void fsc_spin_resched(u64 ns)
{
	u64 end = fsc_clock() + ns;

	while (fsc_clock() < end) {
		cpu_relax();
		cond_resched();
	}
}

#endif /* FOLIOSCALE_CLOCK_H */
