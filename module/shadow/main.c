// SPDX-License-Identifier: GPL-2.0
/* fsc_shadow: measures what would be in limbo under a real load if folios were freed by RCU. */
#include <linux/module.h>

#include <folioscale/shadow.h>

static int __init fsc_shadow_init(void)
{
	int err = fsc_shadow_probe_init();

	if (err)
		return err;
	fsc_shadow_debugfs_create();
	return 0;
}

static void __exit fsc_shadow_exit(void)
{
	/* First, so that no new run can be started. */
	fsc_shadow_debugfs_remove();
	/* Parameters are removed after this, and who writes one looks whether a run is active. */
	mutex_lock(&fsc_shadow_lock);
	fsc_shadow_discard();
	mutex_unlock(&fsc_shadow_lock);
}

module_init(fsc_shadow_init);
module_exit(fsc_shadow_exit);

MODULE_DESCRIPTION("Count what would be in limbo if folios were freed by RCU");
MODULE_LICENSE("GPL");
