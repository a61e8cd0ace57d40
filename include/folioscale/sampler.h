/* SPDX-License-Identifier: GPL-2.0 */
/* The time series of a run, sampled by a kthread. */
#ifndef FOLIOSCALE_SAMPLER_H
#define FOLIOSCALE_SAMPLER_H

#include <linux/mutex.h>
#include <linux/types.h>

#include <folioscale/limbo.h>

struct fsc_run;
struct seq_file;

/* When the series is full, every second row is dropped and the period doubles. */
#define FSC_SERIES_ROWS	2048

enum fsc_series_column {
	FSC_COL_TIME,
	FSC_COL_LOOKUPS,
	FSC_COL_TURNOVERS,
	FSC_COL_LIMBO_DESCRIPTORS,
	FSC_COL_LIMBO_PAGES,
	FSC_COL_SLAB_PAGES,
	FSC_COL_FREE_PAGES,
	FSC_NR_COLUMNS
};

extern const char *const fsc_series_names[FSC_NR_COLUMNS];

struct fsc_series_row {
	u64 value[FSC_NR_COLUMNS];
};

struct fsc_sampler {
	struct task_struct *task;
	struct mutex lock;	/* protects the rows; innermost */
	struct fsc_series_row *rows;
	unsigned int nr_rows;
	unsigned int stride;	/* samples per row, doubles when full; private to the sampler */
	struct fsc_limbo_level last;	/* level at last_at, in the window; private as well */
	u64 last_at;
};

int fsc_sampler_create(struct fsc_run *run);
int fsc_sampler_start(struct fsc_run *run);
void fsc_sampler_stop(struct fsc_run *run);
void fsc_sampler_destroy(struct fsc_run *run);

#endif /* FOLIOSCALE_SAMPLER_H */
