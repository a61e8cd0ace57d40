// SPDX-License-Identifier: GPL-2.0
/* Name and description of each counter. */
#include <folioscale/counters.h>
#include <folioscale/run.h>

#define FSC_COUNTER(id, label, what, how)				\
	[FSC_##id] = { .name = #label, .counts = what, .misleads = how },

const struct fsc_counter_info fsc_counter_info[FSC_NR_COUNTERS] = {
#include <folioscale/counters.def>
};

/**
 * fsc_run_count - a counter's sum over all threads since the run began
 * @run: the run
 * @which: the counter
 *
 * Context: Any.
 * Return: The sum, a snapshot.
 */
u64 fsc_run_count(const struct fsc_run *run, enum fsc_counter which)
{
	u64 sum = fsc_counter_read(&run->main_thread->counters, which);
	unsigned int i;

	for (i = 0; i < run->nr_threads; i++)
		sum += fsc_counter_read(&run->threads[i]->counters, which);
	return sum;
}

/**
 * fsc_run_window_count - a counter's sum over the measured window
 * @run: a run past its window
 * @which: the counter
 *
 * Context: Any.
 * Return: The sum of what each thread counted between its own edges.
 */
u64 fsc_run_window_count(const struct fsc_run *run, enum fsc_counter which)
{
	unsigned int i;
	u64 sum = 0;

	for (i = 0; i < run->nr_threads; i++)
		sum += run->threads[i]->end.counters.value[which] -
		       run->threads[i]->start.counters.value[which];
	return sum;
}
