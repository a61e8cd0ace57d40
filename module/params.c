// SPDX-License-Identifier: GPL-2.0
/* Module parameters and their defaults. Each may be written between runs. */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/moduleparam.h>

#include <folioscale/config.h>
#include <folioscale/run.h>
#include <folioscale/stamp.h>

enum { PRESET, CURRENT };

/*
 * The values if the module is loaded without parameters, and the current ones.
 * Those are written under fsc_lock; all but texts are read without it.
 */
static struct fsc_config params[] = {
	[PRESET ... CURRENT] = {
#define FSC_PARAM(name, kind, preset, ...)	.name = preset,
#include <folioscale/params.def>
	},
};

static int param_set(const char *val, const struct kernel_param *kp)
{
	struct fsc_config parsed = {};
	int err;

	/* Reject a bad value first, even if a run is active. */
	err = fsc_config_set(&parsed, kp->name, val);
	if (err)
		return err;
	if (mutex_lock_killable(&fsc_lock))
		return -EINTR;
	if (fsc_run_active()) {
		pr_err("%s=%.*s: allowed: between runs\n", kp->name, fsc_config_shown(val), val);
		err = -EBUSY;
	} else {
		fsc_config_copy(&params[CURRENT], &parsed, kp->name);
	}
	mutex_unlock(&fsc_lock);
	return err;
}

static int param_get(char *buffer, const struct kernel_param *kp)
{
	/* Do not read a text that is half written. */
	bool locks = fsc_config_is_text(kp->name);
	int printed;

	if (locks && mutex_lock_killable(&fsc_lock))
		return -EINTR;
	printed = fsc_config_emit(&params[CURRENT], kp->name, buffer);
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
 * @config: destination
 *
 * Context: fsc_lock held.
 */
void fsc_config_get(struct fsc_config *config)
{
	lockdep_assert_held(&fsc_lock);
	*config = params[CURRENT];
}

/**
 * fsc_config_presets - the parameters of a module that is loaded without any
 *
 * Context: Any.
 * Return: What params.def says.
 */
const struct fsc_config *fsc_config_presets(void)
{
	return &params[PRESET];
}
