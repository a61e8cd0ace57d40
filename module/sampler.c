// SPDX-License-Identifier: GPL-2.0
/* The sampler: a row every sample_ms, and the mean limbo of the window. */
#include <linux/array_size.h>
#include <linux/kthread.h>
#include <linux/math64.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/vmstat.h>
#include <linux/wait.h>

#include <folioscale/clock.h>
#include <folioscale/kthread.h>
#include <folioscale/run.h>

const char *const fsc_series_names[FSC_NR_COLUMNS] = {
	[FSC_COL_TIME]			= "t_ns",
	[FSC_COL_LOOKUPS]		= "lookups",
	[FSC_COL_TURNOVERS]		= "turnovers",
	[FSC_COL_LIMBO_DESCRIPTORS]	= "limbo_descriptors",
	[FSC_COL_LIMBO_PAGES]		= "limbo_pages",
	[FSC_COL_SLAB_PAGES]		= "slab_pages",
	[FSC_COL_FREE_PAGES]		= "free_pages",
};

static_assert(ARRAY_SIZE(fsc_series_names) == FSC_NR_COLUMNS);

/* Drop every second row, so that the second half of the series covers as much time as the first. */
static void halve(struct fsc_sampler *sampler)
{
	unsigned int i;

	lockdep_assert_held(&sampler->lock);	/* do not print a half-done series */
	for (i = 0; i < FSC_SERIES_ROWS / 2; i++)
		sampler->rows[i] = sampler->rows[2 * i];
	sampler->nr_rows = FSC_SERIES_ROWS / 2;
	sampler->stride *= 2;
}

/* WRITE_ONCE: others read it. */
static void add(u64 *sum, u64 value)
{
	WRITE_ONCE(*sum, *sum + value);
}

/* Between two samples use the mean of both, weighted by time: a sample may come late. */
static void add_to_mean(struct fsc_run *run, struct fsc_limbo_level level)
{
	struct fsc_limbo_level *last = &run->sampler.last, *sum = &run->limbo.sum;
	u64 us = div_u64(fsc_clock_since(run->sampler.last_at), NSEC_PER_USEC);

	if (run->sampler.last_at) {
		add(&sum->descriptors, (last->descriptors + level.descriptors) * us / 2);
		add(&sum->folios, (last->folios + level.folios) * us / 2);
		add(&sum->pages, (last->pages + level.pages) * us / 2);
		add(&run->limbo.summed_us, us);
	}
	run->sampler.last = level;
	run->sampler.last_at = fsc_clock();
	add(&run->limbo.samples, 1);
}

static void sample(struct fsc_run *run, u64 nr)
{
	struct fsc_limbo_level level = fsc_limbo_sample(run);
	struct fsc_sampler *sampler = &run->sampler;
	struct fsc_series_row row;

	if (fsc_phase_read(run) == FSC_MEASURE)
		add_to_mean(run, level);
	if (nr % sampler->stride)
		return;
	row = (struct fsc_series_row) {
		.value = {
			[FSC_COL_TIME]		= fsc_clock_since(run->started),
			[FSC_COL_LOOKUPS]	= fsc_run_count(run, FSC_LOOKUPS),
			[FSC_COL_TURNOVERS]	= fsc_run_count(run, FSC_TURNOVERS),
			[FSC_COL_LIMBO_DESCRIPTORS] = level.descriptors,
			[FSC_COL_LIMBO_PAGES]	= level.pages,
			[FSC_COL_SLAB_PAGES]	=
				global_node_page_state_pages(NR_SLAB_UNRECLAIMABLE_B) +
				global_node_page_state_pages(NR_SLAB_RECLAIMABLE_B),
			[FSC_COL_FREE_PAGES]	= global_zone_page_state(NR_FREE_PAGES),
		},
	};
	mutex_lock(&sampler->lock);
	if (sampler->nr_rows == FSC_SERIES_ROWS)
		halve(sampler);
	sampler->rows[sampler->nr_rows++] = row;
	mutex_unlock(&sampler->lock);
}

static int fsc_sampler(void *arg)
{
	struct fsc_run *run = arg;
	u64 nr = 0;

	/* Run ahead of the sampled threads; else it would see only what their pauses leave. */
	sched_set_fifo_low(current);
	while (!kthread_should_stop()) {
		/* Only once threads work: earlier rows would all be the same. */
		if (fsc_phase_read(run) >= FSC_WARMUP)
			sample(run, nr++);
		/* Jiffies are too coarse. Interruptible is fine: a kthread gets no signals. */
		wait_event_interruptible_hrtimeout(run->wq, kthread_should_stop(),
						   ms_to_ktime(run->config.sample_ms));
	}
	return 0;
}

/**
 * fsc_sampler_create - allocate the series
 * @run: a run whose config is set
 *
 * Context: Process context, may sleep.
 * Return: 0 or -ENOMEM.
 */
int fsc_sampler_create(struct fsc_run *run)
{
	if (!run->config.sample_ms)
		return 0;
	run->sampler.stride = 1;
	run->sampler.rows = kvcalloc(FSC_SERIES_ROWS, sizeof(*run->sampler.rows), GFP_KERNEL);
	return run->sampler.rows ? 0 : -ENOMEM;
}

/**
 * fsc_sampler_start - start the sampler if sample_ms asks for one
 * @run: a run that is set up
 *
 * Context: Process context, may sleep.
 * Return: 0 or a negative errno.
 */
int fsc_sampler_start(struct fsc_run *run)
{
	int err;

	if (!run->config.sample_ms)
		return 0;
	err = fsc_kthread_create(&run->sampler.task, fsc_sampler, run, NUMA_NO_NODE,
				 "fsc_sampler");
	if (!err)
		wake_up_process(run->sampler.task);
	return err;
}

/**
 * fsc_sampler_stop - end the sampler, if there is one
 * @run: the run; its series stays
 *
 * Context: Process context, sleeps.
 */
void fsc_sampler_stop(struct fsc_run *run)
{
	fsc_kthread_stop(&run->sampler.task);
}

/**
 * fsc_sampler_destroy - free the series
 * @run: a run whose sampler has ended
 *
 * Context: Process context.
 */
void fsc_sampler_destroy(struct fsc_run *run)
{
	kvfree(run->sampler.rows);
}
