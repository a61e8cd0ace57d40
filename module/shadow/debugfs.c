// SPDX-License-Identifier: GPL-2.0
/* /sys/kernel/debug/folioscale_shadow/: only for root. An open file pins the module. */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/debugfs.h>
#include <linux/module.h>
#include <linux/seq_file.h>
#include <linux/uaccess.h>

#include <folioscale/report.h>
#include <folioscale/shadow.h>

static struct dentry *dir;

static int config_show(struct seq_file *m, void *unused)
{
	struct fsc_shadow_params params;

	if (mutex_lock_killable(&fsc_shadow_lock))
		return -EINTR;
	fsc_shadow_params_get(&params);
	mutex_unlock(&fsc_shadow_lock);
	seq_puts(m, "{\"params\": ");
	fsc_shadow_params_show(m, &params);
	seq_puts(m, ",\n");
	fsc_report_kernel_json(m);
	seq_puts(m, "}\n");
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(config);

static int summary_show(struct seq_file *m, void *unused)
{
	if (mutex_lock_killable(&fsc_shadow_lock))
		return -EINTR;
	if (fsc_shadow)
		fsc_shadow_summary(m, fsc_shadow);
	mutex_unlock(&fsc_shadow_lock);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(summary);

static int series_show(struct seq_file *m, void *unused)
{
	int err = 0;

	if (mutex_lock_killable(&fsc_shadow_lock))
		return -EINTR;
	if (fsc_shadow)
		err = fsc_shadow_series(m, fsc_shadow);
	mutex_unlock(&fsc_shadow_lock);
	return err;
}
DEFINE_SHOW_ATTRIBUTE(series);

static ssize_t control_write(struct file *file, const char __user *buffer, size_t size,
			     loff_t *pos)
{
	char word[16] = {};
	int (*command)(void);
	int err;

	if (size >= sizeof(word))
		goto unknown;
	if (copy_from_user(word, buffer, size))
		return -EFAULT;
	/* Refuse a NUL: what follows it would be ignored. */
	if (strlen(word) != size)
		goto unknown;
	if (sysfs_streq(word, "start"))
		command = fsc_shadow_start;
	else if (sysfs_streq(word, "stop"))
		command = fsc_shadow_stop;
	else
		goto unknown;
	if (mutex_lock_killable(&fsc_shadow_lock))
		return -EINTR;
	err = command();
	mutex_unlock(&fsc_shadow_lock);
	return err ?: size;
unknown:
	pr_err("control: allowed: start, stop\n");
	return -EINVAL;
}

static const struct file_operations control_fops = {
	.owner	= THIS_MODULE,
	.open	= simple_open,
	.write	= control_write,
	.llseek	= noop_llseek,
};

/**
 * fsc_shadow_debugfs_create - create the files
 *
 * Context: Process context, may sleep.
 */
void fsc_shadow_debugfs_create(void)
{
	dir = debugfs_create_dir("folioscale_shadow", NULL);
	debugfs_create_file("config", 0400, dir, NULL, &config_fops);
	debugfs_create_file("control", 0200, dir, NULL, &control_fops);
	debugfs_create_file("summary", 0400, dir, NULL, &summary_fops);
	debugfs_create_file("series", 0400, dir, NULL, &series_fops);
	if (IS_ERR(dir))
		pr_warn("no debugfs: %pe\n", dir);
}

/**
 * fsc_shadow_debugfs_remove - remove the files
 *
 * Context: Process context, sleeps until readers are done.
 */
void fsc_shadow_debugfs_remove(void)
{
	debugfs_remove(dir);
}
