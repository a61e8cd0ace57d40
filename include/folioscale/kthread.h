/* SPDX-License-Identifier: GPL-2.0 */
/* The kthreads of a run: each is created, woken, and stopped in the same way. */
#ifndef FOLIOSCALE_KTHREAD_H
#define FOLIOSCALE_KTHREAD_H

#include <linux/sched.h>

int fsc_kthread_create(struct task_struct **where, int (*function)(void *data), void *data,
		       int node, const char *name);
void fsc_kthread_stop(struct task_struct **where);

#endif /* FOLIOSCALE_KTHREAD_H */
