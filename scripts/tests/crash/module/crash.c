// SPDX-License-Identifier: GPL-2.0
/*
 * Breaks the machine in the way that how= names, to see whether the runner notices.
 * Debian's kernel has no lkdtm.
 */
#define pr_fmt(fmt) "fsc_crash: " fmt

#include <linux/irqflags.h>
#include <linux/jiffies.h>
#include <linux/module.h>
#include <linux/preempt.h>
#include <linux/sched.h>
#include <linux/slab.h>

static char *how = "";
module_param(how, charp, 0400);
MODULE_PARM_DESC(how, "oops|warn|lockup|hang|leak|dead");

static int __init fsc_crash_init(void)
{
	if (sysfs_streq(how, "oops")) {
		int *nowhere = (int *)16;

		WRITE_ONCE(*nowhere, 0);
	} else if (sysfs_streq(how, "warn")) {
		WARN(1, "on purpose");
	} else if (sysfs_streq(how, "lockup")) {
		unsigned long end = jiffies + 10 * HZ;

		preempt_disable();
		while (time_before(jiffies, end))
			cpu_relax();
		preempt_enable();
	} else if (sysfs_streq(how, "hang")) {
		set_current_state(TASK_UNINTERRUPTIBLE);
		schedule_timeout(10 * HZ);
	} else if (sysfs_streq(how, "dead")) {
		local_irq_disable();
		for (;;)
			cpu_relax();
	} else if (sysfs_streq(how, "leak")) {
		struct kmem_cache *cache = kmem_cache_create("fsc_crash", 64, 0,
							     SLAB_NO_MERGE, NULL);
		void *object = cache ? kmem_cache_alloc(cache, GFP_KERNEL) : NULL;

		pr_info("leaking %p\n", object);
		kmem_cache_destroy(cache);
	} else {
		pr_err("how=%s: allowed: oops warn lockup hang leak dead\n", how);
		return -EINVAL;
	}
	return 0;
}

static void __exit fsc_crash_exit(void)
{
}

module_init(fsc_crash_init);
module_exit(fsc_crash_exit);
MODULE_DESCRIPTION("Breaks the machine on purpose");
MODULE_LICENSE("GPL");
