// SPDX-License-Identifier: GPL-2.0
/* The grace-period probe: measure synchronize_rcu() every gp_probe_ms. */
#include <linux/kthread.h>
#include <linux/rcupdate.h>
#include <linux/wait.h>

#include <folioscale/clock.h>
#include <folioscale/gp_probe.h>
#include <folioscale/kthread.h>
#include <folioscale/run.h>
#include <folioscale/trace.h>

static int fsc_gp_probe(void *arg)
{
	struct fsc_run *run = arg;
	u64 from, took;

	while (!kthread_should_stop()) {
		from = fsc_clock();
		synchronize_rcu();
		took = fsc_clock_since(from);
		fsc_trace_grace_period(FSC_GP_PROBE, took);
		if (fsc_phase_read(run) == FSC_MEASURE)
			fsc_hist_record(&run->gp_latency, took);
		wait_event_idle_timeout(run->wq, kthread_should_stop(),
					msecs_to_jiffies(run->config.gp_probe_ms));
	}
	return 0;
}

/**
 * fsc_gp_probe_start - start the probe if gp_probe_ms asks for one
 * @run: a run that is set up
 *
 * Context: Process context, may sleep.
 * Return: 0 or a negative errno.
 */
int fsc_gp_probe_start(struct fsc_run *run)
{
	int err;

	if (!run->config.gp_probe_ms)
		return 0;
	err = fsc_kthread_create(&run->gp_probe, fsc_gp_probe, run, NUMA_NO_NODE,
				 "fsc_gp_probe");
	if (!err)
		wake_up_process(run->gp_probe);
	return err;
}

/**
 * fsc_gp_probe_stop - end the probe, if there is one
 * @run: the run
 *
 * Context: Process context, sleeps for a grace period.
 */
void fsc_gp_probe_stop(struct fsc_run *run)
{
	fsc_kthread_stop(&run->gp_probe);
}
