// SPDX-License-Identifier: GPL-2.0
/* Parameters of fsc_shadow. Each may be written between runs. */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/kstrtox.h>
#include <linux/moduleparam.h>
#include <linux/seq_file.h>
#include <linux/string.h>
#include <linux/sysfs.h>

#include <folioscale/report.h>
#include <folioscale/shadow.h>

/* Written under fsc_shadow_lock. */
static struct fsc_shadow_params current_params = {
#define FSC_SHADOW_PARAM(name, preset, from, to, choice, meaning)	.name = preset,
#include <folioscale/shadow_params.def>
#undef FSC_SHADOW_PARAM
};

/**
 * fsc_shadow_busted_name - name of a negative control
 * @i: an enum fsc_shadow_busted
 *
 * Context: Any.
 * Return: What busted= takes, NULL after the last.
 */
const char *fsc_shadow_busted_name(unsigned int i)
{
	static const char *const names[] = {
		[FSC_SHADOW_GOOD]		= "none",
		[FSC_SHADOW_BUSTED_EPOCH]	= "epoch",
		[FSC_SHADOW_BUSTED_SLAB]	= "slab",
	};

	return i < ARRAY_SIZE(names) ? names[i] : NULL;
}

/**
 * struct param - a row of shadow_params.def
 * @name: of the parameter
 * @offset: of its field
 * @min: smallest value
 * @max: largest value
 * @choice: names of the values, or NULL
 */
struct param {
	const char *name;
	size_t offset;
	unsigned int min;
	unsigned int max;
	const char *(*choice)(unsigned int i);
};

static const struct param table[] = {
#define FSC_SHADOW_PARAM(label, preset, from, to, names, meaning)		\
	{ .name = #label, .offset = offsetof(struct fsc_shadow_params, label),	\
	  .min = (from), .max = (to), .choice = names },
#include <folioscale/shadow_params.def>
#undef FSC_SHADOW_PARAM
};

static unsigned int value_of(const struct fsc_shadow_params *params, const struct param *param)
{
	return *(const unsigned int *)((const void *)params + param->offset);
}

static int parse_choice(const struct param *param, const char *val, unsigned int *value)
{
	char known[80];
	unsigned int i;
	int at = 0;

	for (i = param->min; i <= param->max; i++) {
		if (sysfs_streq(val, param->choice(i))) {
			*value = i;
			return 0;
		}
		at += scnprintf(known + at, sizeof(known) - at, "%s%s", i ? ", " : "",
				param->choice(i));
	}
	pr_err("%s=%.*s: allowed: %s\n", param->name, (int)strcspn(val, "\n"), val, known);
	return -EINVAL;
}

static int parse(const struct param *param, const char *val, unsigned int *value)
{
	if (param->choice)
		return parse_choice(param, val, value);
	if (!kstrtouint(val, 0, value) && *value >= param->min && *value <= param->max)
		return 0;
	pr_err("%s=%.*s: allowed: %u to %u\n", param->name, (int)strcspn(val, "\n"), val,
	       param->min, param->max);
	return -EINVAL;
}

static int param_set(const char *val, const struct kernel_param *kp)
{
	const struct param *param = kp->arg;
	unsigned int value;
	int err;

	/* Reject a bad value first, even if a run is active. */
	err = parse(param, val, &value);
	if (err)
		return err;
	if (mutex_lock_killable(&fsc_shadow_lock))
		return -EINTR;
	if (fsc_shadow && READ_ONCE(fsc_shadow->state) != FSC_SHADOW_DONE) {
		pr_err("%s=%.*s: allowed: between runs\n", param->name, (int)strcspn(val, "\n"),
		       val);
		err = -EBUSY;
	} else {
		*(unsigned int *)((void *)&current_params + param->offset) = value;
	}
	mutex_unlock(&fsc_shadow_lock);
	return err;
}

static int param_get(char *buffer, const struct kernel_param *kp)
{
	const struct param *param = kp->arg;
	unsigned int value = READ_ONCE(*(unsigned int *)((void *)&current_params + param->offset));

	if (param->choice)
		return sysfs_emit(buffer, "%s\n", param->choice(value));
	return sysfs_emit(buffer, "%u\n", value);
}

static const struct kernel_param_ops param_ops = {
	.set = param_set,
	.get = param_get,
};

/* Numbers of the rows, as the macro below cannot count. */
enum {
#define FSC_SHADOW_PARAM(name, preset, from, to, choice, meaning)	ROW_##name,
#include <folioscale/shadow_params.def>
#undef FSC_SHADOW_PARAM
};

#define FSC_SHADOW_PARAM(name, preset, from, to, choice, meaning)		\
	module_param_cb(name, &param_ops, (void *)&table[ROW_##name], 0644);	\
	MODULE_PARM_DESC(name, meaning);

#include <folioscale/shadow_params.def>
#undef FSC_SHADOW_PARAM

/**
 * fsc_shadow_params_get - copy the parameters
 * @params: destination
 *
 * Context: fsc_shadow_lock held.
 */
void fsc_shadow_params_get(struct fsc_shadow_params *params)
{
	lockdep_assert_held(&fsc_shadow_lock);
	*params = current_params;
}

/**
 * fsc_shadow_params_show - print parameters as a JSON object
 * @m: output
 * @params: what to print
 *
 * Context: Process context.
 */
void fsc_shadow_params_show(struct seq_file *m, const struct fsc_shadow_params *params)
{
	unsigned int i;

	seq_putc(m, '{');
	for (i = 0; i < ARRAY_SIZE(table); i++) {
		unsigned int value = value_of(params, &table[i]);

		seq_printf(m, "%s\"%s\": ", i ? ", " : "", table[i].name);
		if (table[i].choice)
			fsc_report_string(m, table[i].choice(value));
		else
			seq_printf(m, "%u", value);
	}
	seq_putc(m, '}');
}
