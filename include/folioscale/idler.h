/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Idle time by a measure that is the same on every kernel.
 *
 * What the kernel says it was idle is not: from 7.x on, softirqs that interrupt
 * idle, and with them RCU's callbacks, are counted as idle where there is no
 * IRQ_TIME_ACCOUNTING. So where turnovers are counted (max_turnovers) on one CPU,
 * a SCHED_IDLE kthread runs when nothing else does, reads the clock all the time,
 * and adds up those steps of it that nothing has interrupted. Interrupts,
 * softirqs and kthreads make a step longer and so count as work. Beside a busy
 * freer the scheduler gives SCHED_IDLE some 0.3% of the CPU: that is idle time,
 * too, and the switches there and back are work, the same in every arm.
 */
#ifndef FOLIOSCALE_IDLER_H
#define FOLIOSCALE_IDLER_H

#include <linux/compiler.h>
#include <linux/types.h>

struct fsc_run;
struct task_struct;

/**
 * struct fsc_idler - the thread that is idle for the CPU
 * @task: NULL with more than one CPU, or without max_turnovers
 * @ns: how long it ran without interruption; written by @task alone
 */
struct fsc_idler {
	struct task_struct *task;
	u64 ns;
};

int fsc_idler_start(struct fsc_run *run);
void fsc_idler_stop(struct fsc_run *run);
u64 fsc_idler_ns(const struct fsc_run *run);

#endif /* FOLIOSCALE_IDLER_H */
