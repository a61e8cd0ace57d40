// SPDX-License-Identifier: GPL-2.0
/* Create and stop a kthread of a run. */
#include <linux/err.h>
#include <linux/kthread.h>
#include <linux/sched/task.h>

#include <folioscale/kthread.h>

/**
 * fsc_kthread_create - create a kthread, which does not run until it is woken
 * @where: set to the task, which is held until fsc_kthread_stop()
 * @function: what it runs; it may return before it is stopped
 * @data: for @function
 * @node: where its stack is allocated, or NUMA_NO_NODE
 * @name: of the task
 *
 * Context: Process context, may sleep.
 * Return: 0 or a negative errno, with @where unchanged.
 */
int fsc_kthread_create(struct task_struct **where, int (*function)(void *data), void *data,
		       int node, const char *name)
{
	struct task_struct *task;

	task = kthread_create_on_node(function, data, node, "%s", name);
	if (IS_ERR(task))
		return PTR_ERR(task);
	*where = get_task_struct(task);
	return 0;
}

/**
 * fsc_kthread_stop - end a kthread, if there is one
 * @where: where its task is; NULL afterwards
 *
 * Context: Process context, sleeps until it has ended.
 */
void fsc_kthread_stop(struct task_struct **where)
{
	if (*where)
		kthread_stop_put(*where);
	*where = NULL;
}
