/* SPDX-License-Identifier: GPL-2.0 */
/* A run, from its parameters to its last figure. There is only one at a time. */
#ifndef FOLIOSCALE_RUN_H
#define FOLIOSCALE_RUN_H

#include <linux/cache.h>
#include <linux/completion.h>
#include <linux/percpu.h>
#include <linux/seqlock.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/wait.h>
#include <linux/xarray.h>

#include <folioscale/blocks.h>
#include <folioscale/config.h>
#include <folioscale/idler.h>
#include <folioscale/limbo.h>
#include <folioscale/marker.h>
#include <folioscale/memdesc.h>
#include <folioscale/parse.h>
#include <folioscale/sampler.h>
#include <folioscale/thread.h>
#include <folioscale/violation.h>

enum fsc_phase {
	FSC_IDLE,
	FSC_POPULATE,
	FSC_START,
	FSC_WARMUP,
	FSC_MEASURE,
	FSC_STOP,
	FSC_DRAIN,
	FSC_CHECK,
	FSC_DONE,
	FSC_NR_PHASES
};

extern const char *const fsc_phase_names[FSC_NR_PHASES];

/* A stand-in for struct address_space: what filemap_get_entry() looks into. */
struct fsc_mapping {
	struct xarray pages;
	seqcount_spinlock_t delete_seq;	/* changed by removals, for protocols that copy */
} ____cacheline_aligned_in_smp;

/* The machine's CPU time by use, summed over CPUs. */
struct fsc_cpu_times {
	u64 softirq_ns;
	u64 irq_ns;
	u64 system_ns;
	u64 idle_ns;
};

/* Descriptors of busted arms: not given back to their slab while the run exists. */
struct fsc_pool {
	spinlock_t lock;	/* protects the rest; taken from RCU callbacks too */
	struct fsc_folio *head;
	struct fsc_folio *last;
};

/**
 * struct fsc_run - everything a run owns
 * @config: the parameters it was started with
 * @loops: the loops of its (path, protocol)
 * @deferral: config.deferral, with auto resolved; FSC_DEFER_AUTO if nothing is deferred
 * @cookie: distinguishes this run's times of free from other words (stamp.h)
 * @tag: what all its generations begin with (thread.h)
 * @started: fsc_clock() at set-up
 * @orders: config.order, parsed
 * @reader_cpus: config.reader_cpus, parsed
 * @freer_cpus: config.freer_cpus, parsed
 * @protocol_data: the protocol's data for the run
 * @protocol_percpu: the protocol's data for each CPU
 * @path_data: the path's data for the run
 * @cache: cache of descriptors; NULL for overlay
 * @sheaf: objects in a sheaf of @cache, if it has sheaves
 * @gfp: how folios are allocated
 * @memcg: the memory cgroup that they are charged to, with a reference; NULL: none
 * @flushers: empty caches; destroying one waits for kfree_rcu()
 * @pool: descriptors of busted arms
 * @frames: the machine's frames when it was set up; no other is used
 * @map: memdesc words
 * @blocks: pageblocks that walkers visit
 * @mappings: config.nr_mappings of them
 * @zipf: alias table, NULL for uniform keys
 * @nr_keys: number of keys: one for each folio, plus the vacated ones
 * @mapping_shift: log2 of config.nr_mappings: a key without these bits is its number in a mapping
 * @index_shift: log2 of the indices of a key, as many as the largest folio has pages
 * @use_pages: pages that a use reads of; a power of two. So many pages have one stamp
 * @page_bytes: bytes of a folio, of the largest if they differ
 * @general: the loop with gap, hold, sections and skewed keys is needed
 * @phase: written by the controller; release, pairs with the acquire in fsc_phase_read()
 * @stopping: someone asked the run to end
 * @wq: the threads and the controller wait here
 * @arrived: threads that wait at the start barrier
 * @unfinished: threads still at work; with max_turnovers, freers with turnovers left
 * @controller: runs the phases; with a reference
 * @ended: the controller is done
 * @main_thread: the thread that populates and drains
 * @threads: readers, then freers
 * @nr_threads: number of @threads
 * @limbo: what is freed and not yet reusable
 * @markers: estimate of kfree_rcu()'s limbo
 * @sampler: the time series
 * @idler: measures idle time, with max_turnovers on one CPU
 * @gp_probe: NULL unless gp_probe_ms is set
 * @gp_latency: written by @gp_probe
 * @violations: what the oracle saw
 * @clock_cost_ns: calibrated cost of one fsc_clock()
 * @cpu_start: CPU times at the window's start
 * @cpu_used: CPU times of the window
 * @window_from: when the window began, in ns of fsc_clock(); 0: not yet
 * @window_to: when it ended; 0: not yet
 * @window_complete: the window lasted as long as configured
 * @whole_ns: from the window's start until the barriers returned
 * @online: CPUs online when the window began
 * @whole_idle_ns: idle time inside @whole_ns; -1 if the kernel does not report it, or if CPUs
 *	went on- or offline
 * @drain_ns: from the end of the threads until all they freed is reusable
 * @cache_empty: the descriptors' cache was empty after the run was drained
 * @path_leaked: the path's own tables or caches were not empty then
 */
struct fsc_run {
	struct fsc_config config;
	const struct fsc_loops *loops;
	enum fsc_deferral deferral;
	u64 cookie;
	u64 tag;
	u64 started;
	struct fsc_orders orders;
	struct cpumask reader_cpus;
	struct cpumask freer_cpus;
	void *protocol_data;
	void __percpu *protocol_percpu;
	void *path_data;
	struct kmem_cache *cache;
	unsigned int sheaf;
	gfp_t gfp;
	struct mem_cgroup *memcg;
	struct kmem_cache *flushers[FSC_FLUSHERS];
	struct fsc_pool pool;
	struct fsc_frames frames;
	struct fsc_memdesc_map map;
	struct fsc_blocks blocks;
	struct fsc_mapping *mappings;
	struct fsc_zipf_cell *zipf;
	u32 nr_keys;
	unsigned int mapping_shift;
	unsigned int index_shift;
	unsigned int use_pages;
	u64 page_bytes;
	bool general;
	enum fsc_phase phase ____cacheline_aligned_in_smp;
	bool stopping;
	wait_queue_head_t wq ____cacheline_aligned_in_smp;
	atomic_t arrived;
	atomic_t unfinished;
	struct task_struct *controller;
	struct completion ended;
	struct fsc_thread *main_thread;
	struct fsc_thread **threads;
	unsigned int nr_threads;
	struct fsc_limbo limbo ____cacheline_aligned_in_smp;
	struct fsc_markers markers;
	struct fsc_sampler sampler;
	struct fsc_idler idler;
	struct task_struct *gp_probe;
	struct fsc_hist gp_latency;
	struct fsc_violations violations;
	u64 clock_cost_ns;
	struct fsc_cpu_times cpu_start;
	struct fsc_cpu_times cpu_used;
	u64 window_from;
	u64 window_to;
	bool window_complete;
	u64 whole_ns;
	struct cpumask online;
	s64 whole_idle_ns;
	u64 drain_ns;
	bool cache_empty;
	bool path_leaked;
};

/*
 * The run whose figures debugfs shows, running or done. Changed under fsc_lock.
 * RCU callbacks use it too; none is pending when it is freed.
 */
extern struct fsc_run *fsc_run;

void fsc_pool_put(struct fsc_pool *pool, struct fsc_folio *folio);
struct fsc_folio *fsc_pool_get(struct fsc_pool *pool);
struct fsc_folio *fsc_pool_empty(struct fsc_pool *pool);

int fsc_run_set_up(struct fsc_run *run);
int fsc_run_check_config(struct fsc_run *run);
int fsc_run_check_memory(const struct fsc_run *run);
int fsc_run_choose_cpus(struct fsc_run *run);
int fsc_run_populate(struct fsc_run *run);
void fsc_run_depopulate(struct fsc_run *run);
void fsc_run_release(struct fsc_run *run);
void fsc_run_free(struct fsc_run *run);

int fsc_run_start(void);
int fsc_run_stop(void);
void fsc_run_discard(void);
enum fsc_phase fsc_run_state(void);
bool fsc_run_active(void);

void fsc_run_set_phase(struct fsc_run *run, enum fsc_phase phase);
void fsc_run_end(struct fsc_run *run);
int fsc_controller(void *arg);
u64 fsc_run_count(const struct fsc_run *run, enum fsc_counter which);
u64 fsc_run_window_count(const struct fsc_run *run, enum fsc_counter which);

/**
 * fsc_phase_read - read the phase of a run
 * @run: the run
 *
 * Context: Any.
 * Return: The phase, and everything the controller wrote before it is visible.
 */
static inline enum fsc_phase fsc_phase_read(const struct fsc_run *run)
{
	/* Pairs with the release in fsc_run_set_phase(). */
	return smp_load_acquire(&run->phase);
}

/* The freer that made an allocation; NULL if it was the main thread. */
static inline const struct fsc_thread *fsc_generation_owner(const struct fsc_run *run,
							    u64 generation)
{
	unsigned int nr = (generation >> FSC_GENERATION_NR_SHIFT) &
			  (BIT(FSC_GENERATION_ROLE_SHIFT - FSC_GENERATION_NR_SHIFT) - 1);
	u64 role = (generation ^ run->tag) >> FSC_GENERATION_ROLE_SHIFT;

	/* With publish_early the generation may be anything. */
	if (role != FSC_FREER || nr - 1 >= run->config.nr_freers)
		return NULL;
	return run->threads[run->config.nr_readers + nr - 1];
}

/* Freers retry while the run lasts; set-up fails at once. */
static inline bool fsc_must_give_up(const struct fsc_thread *t)
{
	return t->role == FSC_MAIN_THREAD || READ_ONCE(t->run->stopping) ||
	       fsc_phase_read(t->run) > FSC_MEASURE;
}

#endif /* FOLIOSCALE_RUN_H */
