// SPDX-License-Identifier: GPL-2.0
/* /sys/kernel/debug/folioscale/: only for root. An open file pins the module. */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/debugfs.h>
#include <linux/module.h>
#include <linux/seq_file.h>
#include <linux/uaccess.h>

#include <folioscale/debugfs.h>
#include <folioscale/folio.h>
#include <folioscale/report.h>
#include <folioscale/run.h>

static struct dentry *fsc_dir;

/* A file whose function prints a run under fsc_lock. It is empty before the first run. */
#define DEFINE_RUN_FILE(name)							\
static int name##_show(struct seq_file *m, void *unused)			\
{										\
	if (mutex_lock_killable(&fsc_lock))					\
		return -EINTR;							\
	if (fsc_run)								\
		show_##name(m, fsc_run);					\
	mutex_unlock(&fsc_lock);						\
	return 0;								\
}										\
DEFINE_SHOW_ATTRIBUTE(name)

/* The current parameters and the kernel's facts; also available before the first run. */
static int config_show(struct seq_file *m, void *unused)
{
	struct fsc_config config;

	if (mutex_lock_killable(&fsc_lock))
		return -EINTR;
	fsc_config_get(&config);
	mutex_unlock(&fsc_lock);
	seq_puts(m, "{\"params\": ");
	fsc_config_show_json(m, &config);
	seq_puts(m, ",\n");
	fsc_report_kernel_json(m);
	seq_puts(m, "}\n");
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(config);

static int schema_show(struct seq_file *m, void *unused)
{
	fsc_schema_show(m);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(schema);

/* Without the lock: it must report the phase while a start holds the lock to populate. */
static int state_show(struct seq_file *m, void *unused)
{
	seq_printf(m, "%s\n", fsc_phase_names[fsc_run_state()]);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(state);

/* Sums since the run began; run.json has those of the window. */
static void show_counters(struct seq_file *m, struct fsc_run *run)
{
	unsigned int i;

	for (i = 0; i < FSC_NR_COUNTERS; i++)
		seq_printf(m, "%s %llu\n", fsc_counter_info[i].name, fsc_run_count(run, i));
}

DEFINE_RUN_FILE(counters);

static void show_threads(struct seq_file *m, struct fsc_run *run)
{
	unsigned int i;

	for (i = 0; i < run->nr_threads; i++) {
		const struct fsc_thread *t = run->threads[i];

		seq_printf(m, "%s/%u cpu %d lookups %llu turnovers %llu%s\n",
			   fsc_role_name(t->role), t->nr, t->cpu,
			   fsc_counter_read(&t->counters, FSC_LOOKUPS),
			   fsc_counter_read(&t->counters, FSC_TURNOVERS),
			   READ_ONCE(t->moved) ? " moved" : "");
	}
}

DEFINE_RUN_FILE(threads);

static void show_limbo(struct seq_file *m, struct fsc_run *run)
{
	struct fsc_limbo_level level = fsc_limbo_read(run);

	seq_printf(m, "exact %d\n", run->deferral != FSC_DEFER_KFREE_RCU);
	seq_printf(m, "descriptors %llu\n", level.descriptors);
	seq_printf(m, "descriptors_bytes %llu\n", level.descriptors * sizeof(struct fsc_folio));
	seq_printf(m, "descriptors_peak %lld\n", atomic64_read(&run->limbo.peak_descriptors));
	seq_printf(m, "folios %llu\n", level.folios);
	seq_printf(m, "pages_bytes %llu\n", level.pages * PAGE_SIZE);
	seq_printf(m, "folios_peak %lld\n", atomic64_read(&run->limbo.peak_folios));
	seq_printf(m, "max_bytes %llu\n", run->limbo.max_bytes);
	seq_printf(m, "waits %llu\n", fsc_run_count(run, FSC_LIMBO_WAITS));
}

DEFINE_RUN_FILE(limbo);

/*
 * One line, for a shell that reads it together with the slab's object count.
 * Live and limbo use the same count of frees, so no descriptor is in both.
 * Allocations are read last, so live is never too small.
 */
static void show_descriptors(struct seq_file *m, struct fsc_run *run)
{
	struct fsc_limbo_level level = fsc_limbo_read(run);

	seq_printf(m, "live %llu limbo %llu\n", fsc_run_count(run, FSC_ALLOCS) - level.freed,
		   level.descriptors);
}

DEFINE_RUN_FILE(descriptors);

static void show_violations(struct seq_file *m, struct fsc_run *run)
{
	unsigned int i;

	seq_printf(m, "total %lld\n", atomic64_read(&run->violations.count));
	for (i = 0; i < FSC_VIOLATIONS_KEPT; i++) {
		const struct fsc_violation *v = &run->violations.first[i];

		/* Pairs with the release in violation.c. */
		if (smp_load_acquire(&v->complete))
			seq_printf(m, "%s key %llu generation %llu expected %#llx found %#llx\n",
				   fsc_violation_names[v->kind], v->key, v->generation,
				   v->expected, v->found);
	}
}

DEFINE_RUN_FILE(violations);

static void show_run_json(struct seq_file *m, struct fsc_run *run)
{
	fsc_report_json(m, run);
}

DEFINE_RUN_FILE(run_json);

/* The file's private pointer says which latency it is for. */
static void show_latency(struct seq_file *m, struct fsc_run *run)
{
	const char *const *name = m->private;
	const struct fsc_hist *hist = fsc_report_latency(run, name - fsc_latency_names);
	unsigned int i;

	seq_printf(m, "count %llu\n", hist->count);
	if (hist->count)
		seq_printf(m, "min %llu\nmax %llu\n", hist->min, hist->max);
	seq_printf(m, "overflow %llu\n", hist->overflow);
	for (i = 0; i < FSC_HIST_BUCKETS; i++) {
		if (hist->buckets[i])
			seq_printf(m, "%llu-%llu %llu\n", fsc_hist_low(i), fsc_hist_low(i + 1) - 1,
				   hist->buckets[i]);
	}
}

DEFINE_RUN_FILE(latency);

static ssize_t control_write(struct file *file, const char __user *buffer, size_t size,
			     loff_t *pos)
{
	char word[16] = {};
	int err;

	if (size >= sizeof(word))
		goto unknown;
	if (copy_from_user(word, buffer, size))
		return -EFAULT;
	/* Refuse a NUL: what follows it would be ignored. */
	if (strlen(word) != size)
		goto unknown;
	if (sysfs_streq(word, "start")) {
		if (mutex_lock_killable(&fsc_lock))
			return -EINTR;
		err = fsc_run_start();
		mutex_unlock(&fsc_lock);
		return err ?: size;
	}
	if (sysfs_streq(word, "stop"))
		return fsc_run_stop() ?: size;
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
 * fsc_debugfs_create - create the files
 *
 * Without debugfs the module still works, but nothing can be read.
 *
 * Context: Process context, may sleep.
 */
void fsc_debugfs_create(void)
{
	struct dentry *dir;
	unsigned int i;

	fsc_dir = debugfs_create_dir("folioscale", NULL);
	debugfs_create_file("config", 0400, fsc_dir, NULL, &config_fops);
	debugfs_create_file("schema", 0400, fsc_dir, NULL, &schema_fops);
	debugfs_create_file("state", 0400, fsc_dir, NULL, &state_fops);
	debugfs_create_file("control", 0200, fsc_dir, NULL, &control_fops);
	debugfs_create_file("counters", 0400, fsc_dir, NULL, &counters_fops);
	debugfs_create_file("threads", 0400, fsc_dir, NULL, &threads_fops);
	debugfs_create_file("limbo", 0400, fsc_dir, NULL, &limbo_fops);
	debugfs_create_file("descriptors", 0400, fsc_dir, NULL, &descriptors_fops);
	debugfs_create_file("violations", 0400, fsc_dir, NULL, &violations_fops);
	debugfs_create_file("run.json", 0400, fsc_dir, NULL, &run_json_fops);
	dir = debugfs_create_dir("latency", fsc_dir);
	for (i = 0; i < FSC_NR_LATENCIES; i++)
		debugfs_create_file(fsc_latency_names[i], 0400, dir,
				    (void *)&fsc_latency_names[i], &latency_fops);
	if (IS_ERR(fsc_dir))
		pr_warn("no debugfs: %pe\n", fsc_dir);
}

/**
 * fsc_debugfs_remove - remove the files
 *
 * Context: Process context, sleeps until readers are done.
 */
void fsc_debugfs_remove(void)
{
	debugfs_remove(fsc_dir);
}
