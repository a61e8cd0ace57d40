/* SPDX-License-Identifier: GPL-2.0 */
/* State of a reader or freer: where its keys come from, its counters, its measurements. */
#ifndef FOLIOSCALE_THREAD_H
#define FOLIOSCALE_THREAD_H

#include <linux/bits.h>
#include <linux/cache.h>
#include <linux/types.h>

#include <folioscale/config.h>
#include <folioscale/counters.h>
#include <folioscale/hist.h>
#include <folioscale/stream.h>

struct fsc_folio;
struct fsc_mapping;
struct fsc_run;

/* FSC_MAIN_THREAD is the harness itself, which populates and drains. */
enum fsc_role { FSC_READER, FSC_FREER, FSC_MAIN_THREAD };

/* As in struct folio_batch. */
#define FSC_BATCH_MAX	31

/**
 * struct fsc_batch - what a freer has freed and not yet given back, with batch=
 * @pages: pages, each with its last reference
 * @descriptors: descriptors of protocols that free them at once
 * @nr_pages: number of @pages
 * @nr_descriptors: number of @descriptors
 */
struct fsc_batch {
	struct page *pages[FSC_BATCH_MAX];
	void *descriptors[FSC_BATCH_MAX];
	unsigned int nr_pages;
	unsigned int nr_descriptors;
};

/* State of a thread at the start or end of the measured window. */
struct fsc_edge {
	u64 clock;
	u64 cpu_ns;
	struct fsc_counters counters;
};

/**
 * struct fsc_thread - a worker's own state
 * @counters: written only by the thread, from its first lookup on
 * @stream: where its keys come from
 * @run: the run it belongs to
 * @mappings: run->mappings, copied for the loop
 * @words: run->map.base, copied for the loop
 * @zipf: the run's alias table; NULL for uniform keys
 * @nr_keys: number of keys to draw from
 * @mapping_mask: key & mask is the number of the mapping
 * @mapping_shift: key >> shift is its number in the mapping
 * @index_shift: that number << shift is its first index
 * @gap_ns: config.gap_ns, or the length of a stall for one lookup
 * @stalling: @gap_ns is a stall's
 * @protocol_data: the protocol's data for the thread
 * @path_data: the path's data for the thread
 * @until_timed: sections or turnovers until the next timed one
 * @timed_period: one out of this many is timed, 0: none
 * @batch: sections or turnovers in a batch, tuned to take a millisecond
 * @next_generation: generation of the thread's next allocation
 * @unchecked_bytes: bytes freed since it reported them (limbo.h)
 * @turnovers_left: turnovers left to max_turnovers
 * @next_due: when the next turnover is due, in ns of fsc_clock()
 * @ring: vacated keys, oldest at @ring_at
 * @ring_at: see @ring
 * @burst: keys vacated in a burst
 * @parts: what a large folio is split into, with churn=split
 * @batch_max: config.batch; 1: it frees one by one, as readers do
 * @held: what it has freed and not yet given back
 * @next_stall: when the reader stalls next, in ns of fsc_clock(); 0: never
 * @role: reader, freer or main thread
 * @nr: number in its role
 * @cpu: the CPU it is bound to
 * @moved: that CPU went offline, and the kernel moved the thread; never cleared
 * @task: its kthread, with a reference
 * @start: state at the start of the window
 * @end: state at the end of the window
 * @latency: in the window; FSC_LAT_GP is the probe's and stays empty here
 * @tries: in the window; how often the first, second ... try of a lookup failed
 */
struct fsc_thread {
	struct fsc_counters counters;
	struct fsc_stream stream;
	struct fsc_run *run;
	struct fsc_mapping *mappings;
	unsigned long *words;
	const struct fsc_zipf_cell *zipf;
	u32 nr_keys;
	u32 mapping_mask;
	unsigned int mapping_shift;
	unsigned int index_shift;
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
	struct fsc_folio **parts;
	unsigned int batch_max;
	struct fsc_batch held;
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

/* Did the thread run inside the window? */
static inline bool fsc_thread_measured(const struct fsc_thread *t)
{
	return t->end.clock;
}

/*
 * Generation, bit layout: 63-52 tag of the run, 51-50 role, 49-39 number in
 * the role + 1, 38-5 count, 4 GONE, 3-0 memdesc type. The count starts over
 * after 2^34 allocations of a thread, which takes hours.
 *
 * Overlay keeps it in folio->private, where tag and type say what a page is, as
 * flags and page type do for the kernel. What others keep there begins otherwise:
 * no pointer begins with the bits 10, and no swap entry with a 1. Pages that are
 * no file folios have 3 in the place of the role, and then their frame number.
 */
#define FSC_GENERATION_TAG_SHIFT	52
#define FSC_GENERATION_ROLE_SHIFT	50
#define FSC_GENERATION_NR_SHIFT		39
#define FSC_GENERATION_COUNT_SHIFT	5
#define FSC_GENERATION_NO_FOLIO		(3ULL << FSC_GENERATION_ROLE_SHIFT)
#define FSC_GENERATION_COUNT_MASK	\
	GENMASK_ULL(FSC_GENERATION_NR_SHIFT - 1, FSC_GENERATION_COUNT_SHIFT)
#define FSC_GENERATION_TAG(random)	\
	((0x800ULL | ((random) & 0x3ff)) << FSC_GENERATION_TAG_SHIFT)

/* Does a word of struct page begin with the tag of the run? */
static __always_inline bool fsc_is_tagged(u64 tag, u64 word)
{
	return !((word ^ tag) >> FSC_GENERATION_TAG_SHIFT);
}

/* What overlay keeps in the private word of a page that is no file folio. */
static inline unsigned long fsc_page_word(u64 tag, unsigned long pfn, unsigned int type)
{
	return tag | FSC_GENERATION_NO_FOLIO | (u64)pfn << FSC_GENERATION_COUNT_SHIFT | type;
}

void fsc_batch_give_back(struct fsc_thread *t);

int fsc_threads_create(struct fsc_run *run);
int fsc_readers_alloc_data(struct fsc_run *run, size_t bytes);
void fsc_readers_free_data(struct fsc_run *run);
int fsc_threads_start(struct fsc_run *run);
void fsc_threads_stop(struct fsc_run *run);
void fsc_threads_destroy(struct fsc_run *run);
const char *fsc_role_name(enum fsc_role role);

#endif /* FOLIOSCALE_THREAD_H */
