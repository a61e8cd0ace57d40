// SPDX-License-Identifier: GPL-2.0
/* folioscale: measures what it costs to RCU-free a folio, for each way that was proposed. */
#include <linux/module.h>

#include <folioscale/config.h>
#include <folioscale/debugfs.h>
#include <folioscale/run.h>

static int __init fsc_init(void)
{
	struct fsc_config config;
	int err = 0;

	mutex_lock(&fsc_lock);
	fsc_config_get(&config);
	if (config.autorun)
		err = fsc_run_start();
	mutex_unlock(&fsc_lock);
	if (err)
		return err;
	fsc_debugfs_create();
	return 0;
}

static void __exit fsc_exit(void)
{
	/* First, so that no new run can be started. */
	fsc_debugfs_remove();
	fsc_run_discard();
}

module_init(fsc_init);
module_exit(fsc_exit);

MODULE_DESCRIPTION("Measure the ways to RCU-free a folio");
MODULE_LICENSE("GPL");
