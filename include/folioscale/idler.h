/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Idle time, measured in the same way on every kernel.
 *
 * The kernel's own idle time is not comparable: from 7.x on, without
 * IRQ_TIME_ACCOUNTING, softirqs that interrupt idle, and with them RCU
 * callbacks, are counted as idle. So with max_turnovers on one CPU a SCHED_IDLE
 * kthread runs when nothing else does. It reads the clock all the time and adds
 * up the steps that were not interrupted. Interrupts, softirqs and kthreads
 * make a step longer and so count as work. Beside a busy freer the scheduler
 * gives SCHED_IDLE some 0.3% of the CPU. That is counted as idle time too, and
 * the switches there and back as work, the same in every arm.
 */
#ifndef FOLIOSCALE_IDLER_H
#define FOLIOSCALE_IDLER_H

#include <linux/compiler.h>
#include <linux/types.h>

struct fsc_run;
struct task_struct;

/**
 * struct fsc_idler - the kthread that stands for idle
 * @task: NULL with more than one CPU, or without max_turnovers
 * @ns: how long it ran without interruption; written only by @task
 */
struct fsc_idler {
	struct task_struct *task;
	u64 ns;
};

int fsc_idler_start(struct fsc_run *run);
void fsc_idler_stop(struct fsc_run *run);
u64 fsc_idler_ns(const struct fsc_run *run);

#endif /* FOLIOSCALE_IDLER_H */
