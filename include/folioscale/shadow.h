/* SPDX-License-Identifier: GPL-2.0 */
/*
 * fsc_shadow: what would be in limbo on this kernel if folios were freed by RCU.
 *
 * Each CPU counts the folios and pages that it frees, and nothing else happens in the
 * path of a free (probe.c). A kthread closes an epoch each ms: it reads these counts,
 * takes a cookie for what is new, and lets it leave limbo once the cookie's grace
 * period has passed (epochs.c).
 */
#ifndef FOLIOSCALE_SHADOW_H
#define FOLIOSCALE_SHADOW_H

#include <linux/completion.h>
#include <linux/mmzone.h>
#include <linux/mutex.h>
#include <linux/rcupdate.h>

#include <folioscale/compat.h>
#include <folioscale/hist.h>

struct seq_file;

/* What a page was. The first three are folios, and enter limbo. */
enum fsc_shadow_kind {
	FSC_SHADOW_ANON,
	FSC_SHADOW_FILE,
	FSC_SHADOW_SHMEM,
	FSC_SHADOW_SLAB,
	FSC_SHADOW_KMEM,
	FSC_SHADOW_UNMARKED,
	FSC_SHADOW_KINDS
};

enum fsc_shadow_busted { FSC_SHADOW_GOOD, FSC_SHADOW_BUSTED_EPOCH, FSC_SHADOW_BUSTED_SLAB };

struct fsc_shadow_params {
#define FSC_SHADOW_PARAM(name, preset, from, to, choice, meaning)	unsigned int name;
#include <folioscale/shadow_params.def>
#undef FSC_SHADOW_PARAM
};

/**
 * struct fsc_shadow_counts - what a CPU has freed since the probe was attached
 * @folios: folios that entered limbo
 * @pages: their pages
 * @nr: all, by kind and order
 */
struct fsc_shadow_counts {
	u64 folios;
	u64 pages;
	u64 nr[FSC_SHADOW_KINDS][NR_PAGE_ORDERS];
};

/**
 * struct fsc_shadow_probe - what the probe needs
 * @counts: of each CPU; read once for each free, so that a free is in one set of counts only
 * @unmarked: pages of kind unmarked enter limbo, too
 * @slab_is_file: negative control
 */
struct fsc_shadow_probe {
	struct fsc_shadow_counts __percpu *counts;
	bool unmarked;
	bool slab_is_file;
};

/* A level over time. Means are over time; the peak and the histogram are of the ends of epochs. */
struct fsc_shadow_level {
	u64 now;
	u64 peak;
	/* Integrals over time, in us: while frees were counted, and while limbo drained. */
	u64 sum;
	u64 drain_sum;
};

enum fsc_shadow_model { FSC_SHADOW_OLD, FSC_SHADOW_SHEAVES, FSC_SHADOW_BOUNDED, FSC_SHADOW_MODELS };

/**
 * struct fsc_shadow_wait - epochs that wait for the same grace period
 * @gp: its cookie
 * @opened: when the first of the epochs began
 * @asked: when the first cookie was taken
 * @folios: folios of these epochs
 * @pages: their pages
 * @folio_us: sum over the folios of their age when the last epoch was closed, relative to @opened
 * @submitted: what the models that batch have handed to that grace period
 * @cpu_folios: @folios of each CPU
 */
struct fsc_shadow_wait {
	struct rcu_gp_seq gp;
	u64 opened;
	u64 asked;
	u64 folios;
	u64 pages;
	u64 folio_us;
	u64 submitted[FSC_SHADOW_BOUNDED];
	u32 *cpu_folios;
};

/*
 * Cookies that are taken later are never passed earlier, and at most so many that differ have
 * not passed (kernel/rcu/rcutorture.c relies on it). One more place, so that a change of that
 * shows as squeezed and not as a lost epoch.
 */
#define FSC_SHADOW_WAITS	(NUM_ACTIVE_RCU_POLL_FULL_OLDSTATE + 1)

/* Of a CPU, what the kthread knows. */
struct fsc_shadow_cpu {
	/* Counted by the probe, and taken into an epoch; into the one that ends now. */
	u64 seen;
	u64 fresh;
	u64 limbo;
	u64 pending[FSC_SHADOW_BOUNDED];
	u64 pending_since;
};

/* A row of the series: what happened since the row before. */
struct fsc_shadow_row {
	u64 end_us;
	u64 us;
	u64 folios;
	u64 pages;
	u64 limbo_folios_sum;
	u64 limbo_folios_peak;
	u64 limbo_pages_sum;
	u64 limbo_pages_peak;
	u64 free_least;
	u64 below_low_us;
	u64 below_min_us;
	u64 grace_periods;
};

enum fsc_shadow_state { FSC_SHADOW_RUN, FSC_SHADOW_DRAIN, FSC_SHADOW_DONE };

/* What was freed in a time. */
struct fsc_shadow_rate {
	u64 folios;
	u64 pages;
	u64 us;
};

/**
 * struct fsc_shadow - a run
 * @params: a copy, fixed for the run
 * @probe: what the probe gets
 * @task: the kthread
 * @state: of the run
 * @drained: completed by the kthread when limbo is empty
 * @started: time at which counting began
 * @stopped: time at which counting ended; 0 before
 * @counts: of each CPU, since @started
 * @unused: what the probe counted into before @started, while its cost was measured
 * @events: room for the kernel's counts of events
 * @pgfree: the kernel's count of freed pages, before and after each of the next two
 * @pgfree_pages: pages counted by the probe when it was read for the last time
 * @probe_ns: of the probe alone, for the page that costs it more
 * @free_ns_without: of a page's allocation and free before the probe was attached
 * @free_ns_with: the same after that
 * @tick_ns: of all epochs, in the kthread
 * @ended: time at which limbo was empty
 * @folios: the level of folios in limbo: descriptors of option 2
 * @pages: the level of pages in limbo: option 3
 * @models: levels of descriptors by model
 * @waits: what waits, oldest first, in a ring
 * @first: the oldest of them
 * @nr_waits: how many wait
 * @cpus: by CPU
 *
 * fsc_shadow_start() fills it in before the kthread runs. Then fsc_shadow_stop() writes what is
 * before @tick_ns, under fsc_shadow_lock; of that the kthread reads @state and @stopped. The
 * kthread writes the rest. fsc_shadow_summary() may read it meanwhile, so figures are written with
 * WRITE_ONCE() and read with READ_ONCE(): each is whole, but two may be of two epochs. The series
 * has a lock.
 */
struct fsc_shadow {
	struct fsc_shadow_params params;
	struct fsc_shadow_probe probe;
	struct task_struct *task;
	enum fsc_shadow_state state;
	struct completion drained;
	u64 started;
	u64 stopped;
	struct fsc_shadow_counts __percpu *counts;
	struct fsc_shadow_counts __percpu *unused;
	unsigned long *events;
	u64 pgfree[2][2];
	u64 pgfree_pages;

	/* Cost, in ns. */
	u64 probe_ns;
	u64 free_ns_without;
	u64 free_ns_with;

	/* Of the kthread from here on. */
	u64 tick_ns;
	u64 ended;
	struct fsc_shadow_level folios;
	struct fsc_shadow_level pages;
	struct fsc_shadow_level models[FSC_SHADOW_MODELS];
	struct fsc_hist folios_hist;
	struct fsc_hist pages_hist;
	struct fsc_hist gp_hist;
	u64 bounded_over;
	struct fsc_shadow_wait waits[FSC_SHADOW_WAITS];
	unsigned int first;
	unsigned int nr_waits;
	struct fsc_shadow_cpu *cpus;
	u64 seen_pages;

	/* Sums of the run. */
	u64 last_tick;
	u64 epochs;
	u64 epochs_with_frees;
	u64 late_us_max;
	u64 squeezed;
	u64 entered_folios;
	u64 entered_pages;
	u64 left_folios;
	u64 left_pages;
	u64 waited_us;
	u64 free_sum;
	u64 free_least;
	u64 us;
	u64 below_low_us;
	u64 below_min_us;
	u64 is_below_low_us;
	u64 is_below_min_us;
	u64 none_left_us;
	u64 low;
	u64 min;
	u64 folios_of_free_ppm;
	u64 pages_of_free_ppm;
	u64 rate_folios_peak;
	u64 rate_pages_peak;
	struct fsc_shadow_rate rate;
	struct fsc_shadow_rate rate_before;

	/* Protects what follows. */
	struct mutex series_lock;
	struct fsc_shadow_row *rows;
	unsigned int nr_rows;
	unsigned int max_rows;
	u64 row_us;
	struct fsc_shadow_row row;
};

/* Slab pages of which a descriptor takes its share: no object crosses a page of order 0. */
#define FSC_SHADOW_DESCRIPTOR_BYTES	80
#define FSC_SHADOW_DESCRIPTORS_A_PAGE	(PAGE_SIZE / FSC_SHADOW_DESCRIPTOR_BYTES)

/* The integral of free memory is kept in so many pages x us: terabytes for days fit. */
#define FSC_SHADOW_FREE_SCALE	1024

extern struct mutex fsc_shadow_lock;
extern struct fsc_shadow *fsc_shadow;
extern const char *const fsc_shadow_kinds[FSC_SHADOW_KINDS];

int fsc_shadow_probe_init(void);
int fsc_shadow_attach(struct fsc_shadow *shadow);
void fsc_shadow_detach(struct fsc_shadow *shadow);
void fsc_shadow_sum(const struct fsc_shadow *shadow, struct fsc_shadow_counts *sum);
u64 fsc_shadow_pages(const struct fsc_shadow_counts *counts);

int fsc_shadow_start(void);
int fsc_shadow_stop(void);
void fsc_shadow_discard(void);

void fsc_shadow_params_get(struct fsc_shadow_params *params);
void fsc_shadow_params_show(struct seq_file *m, const struct fsc_shadow_params *params);
const char *fsc_shadow_busted_name(unsigned int i);

void fsc_shadow_summary(struct seq_file *m, const struct fsc_shadow *shadow);
int fsc_shadow_series(struct seq_file *m, struct fsc_shadow *shadow);
void fsc_shadow_debugfs_create(void);
void fsc_shadow_debugfs_remove(void);

#endif /* FOLIOSCALE_SHADOW_H */
