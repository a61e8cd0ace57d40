// SPDX-License-Identifier: GPL-2.0
/* The idle thread: see idler.h. */
#include <linux/cpumask.h>
#include <linux/kthread.h>
#include <linux/minmax.h>
#include <linux/sched.h>
#include <uapi/linux/sched/types.h>

#include <folioscale/clock.h>
#include <folioscale/compat.h>
#include <folioscale/idler.h>
#include <folioscale/kthread.h>
#include <folioscale/run.h>

/* A step was not interrupted if it took at most this many times the shortest one. */
#define UNINTERRUPTED	2

static int fsc_idle(void *arg)
{
	struct fsc_idler *idler = arg;
	u64 least = U64_MAX, from = fsc_clock();

	while (!kthread_should_stop()) {
		u64 step;

		/* Not cond_resched(): it does nothing on preemptible and lazy kernels. */
		if (fsc_need_resched())
			schedule();
		step = fsc_clock_since(from);
		/* The clock did not move, or went back: wait until it advances. */
		if (!step)
			continue;
		from += step;
		least = min(least, step);
		if (step <= UNINTERRUPTED * least)
			WRITE_ONCE(idler->ns, idler->ns + step);
	}
	return 0;
}

/**
 * fsc_idler_start - start the idle thread, with max_turnovers on one CPU
 * @run: a run that is set up
 *
 * Context: Process context, may sleep.
 * Return: 0 or a negative errno.
 */
int fsc_idler_start(struct fsc_run *run)
{
	const struct sched_attr idle = { .size = sizeof(idle), .sched_policy = SCHED_IDLE };
	int err;

	if (!run->config.max_turnovers || num_online_cpus() > 1)
		return 0;
	err = fsc_kthread_create(&run->idler.task, fsc_idle, &run->idler, NUMA_NO_NODE,
				 "fsc_idler");
	if (err)
		return err;
	err = sched_setattr_nocheck(run->idler.task, &idle);
	if (err)
		fsc_idler_stop(run);
	else
		wake_up_process(run->idler.task);
	return err;
}

/**
 * fsc_idler_stop - end the idle thread, if there is one
 * @run: the run
 *
 * Context: Process context, may sleep.
 */
void fsc_idler_stop(struct fsc_run *run)
{
	fsc_kthread_stop(&run->idler.task);
}

/**
 * fsc_idler_ns - how long the thread ran without interruption since it was started
 * @run: a run with an idle thread
 *
 * Context: Any, on the only CPU, so the thread does not run meanwhile.
 * Return: ns, without the last step, which was interrupted.
 */
u64 fsc_idler_ns(const struct fsc_run *run)
{
	return READ_ONCE(run->idler.ns);
}
