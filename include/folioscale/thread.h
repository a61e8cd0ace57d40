/* SPDX-License-Identifier: GPL-2.0 */
/* A reader or a freer: what it draws from, what it counts, what it measured. */
#ifndef FOLIOSCALE_THREAD_H
#define FOLIOSCALE_THREAD_H

#include <linux/cache.h>
#include <linux/types.h>

#include <folioscale/config.h>
#include <folioscale/counters.h>
#include <folioscale/hist.h>
#include <folioscale/stream.h>

struct fsc_mapping;
struct fsc_run;

/* FSC_KEEPER is the harness itself: it populates and drains. */
enum fsc_role { FSC_READER, FSC_FREER, FSC_KEEPER };

/* What a thread saw when it crossed an edge of the measured window. */
struct fsc_edge {
	u64 clock;
	u64 cpu_ns;
	struct fsc_counters counters;
};

/**
 * struct fsc_thread - a worker's own state
 * @counters: written by the thread alone, from its first lookup on
 * @stream: keys
 * @run: the run it belongs to
 * @mappings: the run's, at hand for the loop
 * @zipf: the run's alias table, NULL for uniform keys
 * @nr_keys: keys to draw from
 * @mapping_mask: key -> number of the mapping
 * @mapping_shift: key -> index
 * @gap_ns: config.gap_ns, or for one lookup the stall's
 * @stalling: it is the stall's
 * @protocol_data: what the protocol keeps for the thread
 * @path_data: what the path does
 * @until_timed: sections, or turnovers, until the next one that is timed
 * @timed_period: one in so many is timed, 0: none
 * @batch: sections or turnovers in a batch, steered towards a millisecond
 * @next_generation: of the thread's next allocation
 * @unchecked_bytes: freed since the limbo was last looked at
 * @turnovers_left: until the thread has done max_turnovers
 * @next_due: when the next turnover is due, in ns of fsc_clock()
 * @ring: vacated keys, oldest at @ring_at
 * @ring_at: see @ring
 * @burst: keys vacated in a burst
 * @next_stall: when the reader stalls next, in ns of fsc_clock(); 0: never
 * @role: what it does
 * @nr: number in its role
 * @cpu: where it is bound
 * @moved: that CPU went offline, and the kernel let the thread run elsewhere; for good
 * @task: its kthread, with a reference
 * @start: edge of the window
 * @end: edge of the window
 * @latency: of the window; FSC_LAT_GP is the probe's and stays empty here
 * @tries: of the window; how often the first, second ... try of a lookup failed
 */
struct fsc_thread {
	struct fsc_counters counters;
	struct fsc_stream stream;
	struct fsc_run *run;
	struct fsc_mapping *mappings;
	const struct fsc_zipf_cell *zipf;
	u32 nr_keys;
	u32 mapping_mask;
	unsigned int mapping_shift;
	unsigned int gap_ns;
	bool stalling;
	void *protocol_data;
	void *path_data;
	unsigned int until_timed;
	unsigned int timed_period;
	unsigned int batch;
	u64 next_generation;
	u64 unchecked_bytes;
	u64 turnovers_left;
	u64 next_due;
	u32 *ring;
	unsigned int ring_at;
	u32 *burst;
	u64 next_stall;
	enum fsc_role role;
	unsigned int nr;
	int cpu;
	bool moved;
	struct task_struct *task;
	struct fsc_edge start;
	struct fsc_edge end;
	struct fsc_hist latency[FSC_NR_LATENCIES];
	u64 tries[FSC_MAX_TRIES];
} ____cacheline_aligned_in_smp;

/* Did the thread get to run between the edges of the window? */
static inline bool fsc_thread_measured(const struct fsc_thread *t)
{
	return t->end.clock;
}

/* Of a generation, from high to low: role, number in the role and one, count, bit 0. */
#define FSC_GENERATION_ROLE_SHIFT	60
#define FSC_GENERATION_NR_SHIFT		40

int fsc_threads_create(struct fsc_run *run);
int fsc_readers_alloc_data(struct fsc_run *run, size_t bytes);
void fsc_readers_free_data(struct fsc_run *run);
int fsc_threads_start(struct fsc_run *run);
void fsc_threads_stop(struct fsc_run *run);
void fsc_threads_destroy(struct fsc_run *run);
const char *fsc_role_name(enum fsc_role role);

#endif /* FOLIOSCALE_THREAD_H */
