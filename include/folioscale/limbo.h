/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Limbo: memory that a freer has freed and that is not reusable yet.
 * Descriptors and pages are counted separately.
 *
 * FSC_FREES of each thread counts what was freed, after the freeing call has
 * returned. What has become reusable is counted per CPU at that point: in the
 * free itself or in an RCU callback. The difference is exact except for what
 * changes while it is read. kfree_rcu() does not report when it frees, so there
 * limbo is an upper bound: the descriptors confirmed free neither by a marker
 * (marker.h) nor by the last flush.
 */
#ifndef FOLIOSCALE_LIMBO_H
#define FOLIOSCALE_LIMBO_H

#include <linux/cache.h>
#include <linux/jump_label.h>
#include <linux/percpu.h>
#include <linux/spinlock.h>
#include <linux/types.h>

struct fsc_run;
struct fsc_thread;

/* A run as a whole is flushed twice: after its window, and after it is depopulated. */
#define FSC_FLUSHERS	2

/**
 * struct fsc_released - what a CPU has made reusable, and how long that waited
 * @descriptors: number of descriptors
 * @folios: number of folios whose pages became reusable
 * @pages: number of pages
 * @timed: descriptors whose free was timed
 * @waited_ns: of @timed, the part of the wait inside the window
 * @ended: of @timed, those that became reusable in the window
 * @wait_ns: of @ended, the whole wait
 */
struct fsc_released {
	u64 descriptors;
	u64 folios;
	u64 pages;
	u64 timed;
	u64 waited_ns;
	u64 ended;
	u64 wait_ns;
};

struct fsc_limbo_level {
	u64 freed;	/* frees so far */
	u64 descriptors;	/* with kfree_rcu(): upper bound */
	u64 folios;	/* folios whose pages are in limbo */
	u64 pages;
};

/**
 * struct fsc_limbo - limbo accounting of a run
 * @released: what is reusable again, per CPU
 * @flushed: FSC_FREES when the last completed flush began
 * @flushed_remote: with markers: FSC_DEFERRED_REMOTE that a freer at the cap has waited for
 * @max_bytes: the cap
 * @wait_bytes: where freers start to wait, so that the cap is not exceeded
 * @check_bytes: a freer reports each time it has freed this much
 * @look_lock: held while @looked and @reported are updated
 * @looked: bytes in limbo at the last look
 * @reported: bytes that freers have reported since then
 * @next_look: when the next look is due that is not for the cap, in ns of fsc_clock()
 * @peak_descriptors: highest level read in the window
 * @peak_folios: likewise, of folios whose pages are in limbo
 * @peak_pages: likewise, of pages
 * @bound_above: check_bound=1: most by which the markers' bound exceeded the exact count
 * @sum: over the window, objects times us, from the sampler's readings
 * @summed_us: from the first of these readings to the last
 * @samples: number of these readings
 * @throttled: a freer waited in the window
 * @flushing: a freer is in fsc_limbo_flush()
 */
struct fsc_limbo {
	struct fsc_released __percpu *released;
	atomic64_t flushed;
	atomic64_t flushed_remote;
	u64 max_bytes;
	u64 wait_bytes;
	u64 check_bytes;
	spinlock_t look_lock ____cacheline_aligned_in_smp;
	u64 looked;
	atomic64_t reported;
	atomic64_t next_look;
	atomic64_t peak_descriptors ____cacheline_aligned_in_smp;
	atomic64_t peak_folios;
	atomic64_t peak_pages;
	atomic64_t bound_above;
	struct fsc_limbo_level sum;
	u64 summed_us;
	u64 samples;
	bool throttled;
	atomic_t flushing;
};

/* callback_ns is not 0: without it a callback does not even look. */
DECLARE_STATIC_KEY_FALSE(fsc_slow_callbacks);

int fsc_limbo_init(struct fsc_run *run);
void fsc_limbo_destroy(struct fsc_run *run);
int fsc_limbo_create_flushers(struct fsc_run *run);
void fsc_limbo_destroy_flushers(struct fsc_run *run);
struct fsc_limbo_level fsc_limbo_read(struct fsc_run *run);
struct fsc_limbo_level fsc_limbo_sample(struct fsc_run *run);
void fsc_limbo_flush(struct fsc_run *run, struct fsc_thread *t);
bool fsc_limbo_flush_kfree_rcu(struct fsc_run *run, bool whole);
void fsc_limbo_look_in_turn(struct fsc_run *run);
void fsc_limbo_check(struct fsc_thread *t);
void fsc_limbo_wait_pages(struct fsc_thread *t);
void fsc_limbo_note_wait(const struct fsc_run *run, u64 freed);
struct fsc_released fsc_limbo_released(const struct fsc_run *run);

#endif /* FOLIOSCALE_LIMBO_H */
