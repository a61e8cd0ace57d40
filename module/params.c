// SPDX-License-Identifier: GPL-2.0
/* Module parameters, and what they are where nobody says; each may be written between runs. */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/moduleparam.h>

#include <folioscale/config.h>
#include <folioscale/run.h>
#include <folioscale/stamp.h>

#define FSC_PARAM(name, kind, preset, ...)	.name = preset,

/* Protected by fsc_lock; at load time by nobody else being there. */
static struct fsc_config params = {
#include <folioscale/params.def>
};

static int param_set(const char *val, const struct kernel_param *kp)
{
	struct fsc_config parsed = {};
	int err;

	/* A bad value is told that it is one, whoever has the lock. */
	err = fsc_config_set(&parsed, kp->name, val);
	if (err)
		return err;
	if (mutex_lock_killable(&fsc_lock))
		return -EINTR;
	if (fsc_run_active()) {
		pr_err("%s=%.*s: allowed: between runs\n", kp->name, fsc_config_shown(val), val);
		err = -EBUSY;
	} else {
		fsc_config_copy(&params, &parsed, kp->name);
	}
	mutex_unlock(&fsc_lock);
	return err;
}

static int param_get(char *buffer, const struct kernel_param *kp)
{
	/* One that is being written may be half of each. */
	bool locks = fsc_config_is_text(kp->name);
	int printed;

	if (locks && mutex_lock_killable(&fsc_lock))
		return -EINTR;
	printed = fsc_config_emit(&params, kp->name, buffer);
	if (locks)
		mutex_unlock(&fsc_lock);
	return printed;
}

static const struct kernel_param_ops param_ops = {
	.set = param_set,
	.get = param_get,
};

#define FSC_PARAM(name, kind, preset, allowed, meaning, misleads)	\
	module_param_cb(name, &param_ops, NULL, 0644);			\
	MODULE_PARM_DESC(name, meaning);

#include <folioscale/params.def>

/**
 * fsc_config_get - copy the parameters
 * @config: where to
 *
 * Context: fsc_lock held.
 */
void fsc_config_get(struct fsc_config *config)
{
	lockdep_assert_held(&fsc_lock);
	*config = params;
}
