// SPDX-License-Identifier: GPL-2.0
/* The idle thread of count_idle=1: see idler.h. */
#include <linux/kthread.h>
#include <linux/minmax.h>
#include <linux/sched.h>
#include <linux/sched/task.h>
#include <uapi/linux/sched/types.h>

#include <folioscale/clock.h>
#include <folioscale/compat.h>
#include <folioscale/idler.h>
#include <folioscale/run.h>

/* A step is nobody else's if it takes at most so many times as long as the shortest. */
#define UNINTERRUPTED	2

static int fsc_idle(void *arg)
{
	struct fsc_idler *idler = arg;
	u64 least = U64_MAX, from = fsc_clock();

	while (!kthread_should_stop()) {
		u64 now, step;

		/* Not cond_resched(), which is nothing where the kernel is preemptible or lazy. */
		if (fsc_need_resched())
			schedule();
		now = fsc_clock();
		step = now - from;
		from = now;
		least = min(least, max(step, 1ULL));
		if (step <= UNINTERRUPTED * least)
			WRITE_ONCE(idler->ns, idler->ns + step);
	}
	return 0;
}

/**
 * fsc_idler_start - start the idle thread if count_idle asks for it
 * @run: a run that is set up, with one CPU online
 *
 * Context: Process context, may sleep.
 * Return: 0 or a negative errno.
 */
int fsc_idler_start(struct fsc_run *run)
{
	const struct sched_attr idle = { .size = sizeof(idle), .sched_policy = SCHED_IDLE };
	struct task_struct *task;
	int err;

	if (!run->config.count_idle)
		return 0;
	task = kthread_create(fsc_idle, &run->idler, "fsc_idler");
	if (IS_ERR(task))
		return PTR_ERR(task);
	run->idler.task = get_task_struct(task);
	err = sched_setattr_nocheck(task, &idle);
	if (err) {
		fsc_idler_stop(run);
		return err;
	}
	wake_up_process(task);
	return 0;
}

/**
 * fsc_idler_stop - end the idle thread, if there is one
 * @run: the run
 *
 * Context: Process context, may sleep.
 */
void fsc_idler_stop(struct fsc_run *run)
{
	if (run->idler.task)
		kthread_stop_put(run->idler.task);
	run->idler.task = NULL;
}

/**
 * fsc_idler_ns - for how long the CPU had nothing to do since the thread was started
 * @run: a run with an idle thread
 *
 * Context: Any, on the one CPU: the thread does not run meanwhile.
 * Return: Nanoseconds, but for the step that was interrupted last.
 */
u64 fsc_idler_ns(const struct fsc_run *run)
{
	return READ_ONCE(run->idler.ns);
}
