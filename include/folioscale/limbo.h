/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Limbo: freed by a freer and not yet reusable, descriptors and pages apart.
 *
 * What was freed is each thread's FSC_FREES, counted when the call that frees
 * has returned; what is reusable again is counted per CPU where that happens,
 * in the free itself or in an RCU callback. The difference is exact but for
 * the moment of reading it. kfree_rcu() tells nobody when it frees, so there
 * it is an upper bound: the descriptors that neither a marker (marker.h) nor
 * the last time when all was settled has confirmed to be free.
 */
#ifndef FOLIOSCALE_LIMBO_H
#define FOLIOSCALE_LIMBO_H

#include <linux/cache.h>
#include <linux/jump_label.h>
#include <linux/percpu.h>
#include <linux/types.h>

struct fsc_run;
struct fsc_thread;

/* Times that a run is settled as a whole: after its window, and after it is depopulated. */
#define FSC_FLUSHERS	2

/**
 * struct fsc_released - what a CPU has made reusable, and how long that had waited
 * @descriptors: how many
 * @folios: whose pages are
 * @pages: how many
 * @timed: descriptors whose free was timed
 * @waited_ns: of those, the part of the wait that lies in the window
 * @ended: those of them that became reusable in the window
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
	u64 freed;	/* so many have been */
	u64 descriptors;	/* with kfree_rcu(): at most */
	u64 folios;	/* whose pages are */
	u64 pages;
};

/**
 * struct fsc_limbo - the accounts of a run
 * @released: reusable again, by CPU
 * @settled: FSC_FREES that were made before all was settled for the last time
 * @settled_remote: with markers: FSC_DEFERRED_REMOTE that a freer at the cap has settled
 * @max_bytes: the cap
 * @wait_bytes: where freers begin to wait, so that the cap is not passed
 * @check_bytes: a freer looks each time it has freed so much
 * @peak_descriptors: the highest number seen by a look in the window
 * @peak_folios: likewise, of folios whose pages are in limbo
 * @peak_pages: likewise, of pages
 * @bound_above: check_bound=1: by how much the markers' bound was above the truth, at most
 * @sum: over the window, objects times us, by the sampler's looks
 * @summed_us: from the first of those to the last
 * @samples: how many those are
 * @throttled: a freer waited in the window
 * @settling: a freer is in fsc_limbo_settle()
 */
struct fsc_limbo {
	struct fsc_released __percpu *released;
	atomic64_t settled;
	atomic64_t settled_remote;
	u64 max_bytes;
	u64 wait_bytes;
	u64 check_bytes;
	atomic64_t peak_descriptors ____cacheline_aligned_in_smp;
	atomic64_t peak_folios;
	atomic64_t peak_pages;
	atomic64_t bound_above;
	struct fsc_limbo_level sum;
	u64 summed_us;
	u64 samples;
	bool throttled;
	atomic_t settling;
};

/* callback_ns is not 0: without it a callback does not even look. */
DECLARE_STATIC_KEY_FALSE(fsc_slow_callbacks);

int fsc_limbo_init(struct fsc_run *run);
void fsc_limbo_destroy(struct fsc_run *run);
int fsc_limbo_create_flushers(struct fsc_run *run);
void fsc_limbo_destroy_flushers(struct fsc_run *run);
struct fsc_limbo_level fsc_limbo_read(struct fsc_run *run);
struct fsc_limbo_level fsc_limbo_look(struct fsc_run *run);
void fsc_limbo_settle(struct fsc_run *run, struct fsc_thread *t);
bool fsc_limbo_flush(struct fsc_run *run, bool whole);
void fsc_limbo_check(struct fsc_thread *t);
void fsc_limbo_reclaim(struct fsc_thread *t);
void fsc_limbo_note_wait(const struct fsc_run *run, u64 freed);
struct fsc_released fsc_limbo_released(const struct fsc_run *run);

#endif /* FOLIOSCALE_LIMBO_H */
