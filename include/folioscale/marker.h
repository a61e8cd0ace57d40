/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Markers estimate the limbo of kfree_rcu(), which does not report when it
 * frees.
 *
 * If the descriptors' cache has sheaves (SLUB since 6.18, every cache since
 * 7.0), kfree_rcu() puts an object into a sheaf of the CPU it runs on. A full
 * sheaf is passed to call_rcu() on that CPU (mm/slub.c:__kfree_rcu_sheaf()).
 * RCU invokes the callbacks of a CPU in the order in which they were queued;
 * rcu_barrier() relies on that, too. A marker is a callback of our own. When it
 * is invoked, everything that this CPU passed to call_rcu() before it is free.
 * What was not passed yet is less than one sheaf.
 *
 * A marker is queued after each sheaf's worth of frees, by plain call_rcu()
 * like the sheaves, so it is as lazy as they are. The frees that no marker has
 * confirmed are an upper bound of the limbo. On each CPU it is too high by at
 * most the sheaf being filled and one sheaf's worth that no marker has
 * followed.
 *
 * Descriptors of another node take kfree_rcu()'s older path (mm/slab_common.c),
 * and so do all descriptors on PREEMPT_RT and where the cache has no sheaves.
 * They are confirmed only when a freer waits at the cap, or when everything is
 * flushed, so the bound grows by them (deferred_remote). When kfree_rcu() cannot
 * allocate a sheaf, it also takes the older path, and nothing reports that. A
 * marker then counts the object as free too early, and the bound is too low by
 * it. The same is true of a CPU that goes offline and comes back: RCU invokes its
 * old callbacks elsewhere, maybe after its new markers. Such a run is
 * INCONCLUSIVE anyway.
 */
#ifndef FOLIOSCALE_MARKER_H
#define FOLIOSCALE_MARKER_H

#include <linux/mm.h>
#include <linux/percpu.h>
#include <linux/preempt.h>
#include <linux/topology.h>
#include <linux/types.h>

struct fsc_run;

/* Objects in a sheaf of a cache of 80-byte objects: SLUB's default. */
#define FSC_SHEAF	60
#define FSC_SHEAF_MAX	4096

/**
 * struct fsc_marked - what a CPU has deferred, and how much of it is known to be free
 * @deferred: descriptors given to RCU on this CPU; private to it
 * @marked: @deferred when the last marker was queued; private to the CPU
 * @confirmed: how many are known to be free; release, pairs with the acquire in
 *	fsc_markers_confirmed()
 */
struct fsc_marked {
	u64 deferred;
	u64 marked;
	u64 confirmed;
};

/**
 * struct fsc_markers - the markers of a run
 * @marked: per CPU; NULL without markers
 * @every: frees of a CPU between markers; 0: no markers
 * @unsure: deferred frees that call_rcu() may not have got yet when a marker is queued
 * @early: negative control: a marker confirms when it is queued
 */
struct fsc_markers {
	struct fsc_marked __percpu *marked;
	unsigned int every;
	unsigned int unsure;
	bool early;
};

int fsc_markers_create(struct fsc_run *run);
void fsc_markers_destroy(struct fsc_run *run);
u64 fsc_markers_confirmed(const struct fsc_run *run);
void fsc_marker_queue(struct fsc_markers *markers, struct fsc_marked *marked);
void fsc_marker_catch_up(struct fsc_markers *markers);

/**
 * fsc_marker_count - count a descriptor that was given to RCU on this CPU
 * @markers: with every > 0
 *
 * Context: Preemption off since before it was given to RCU, so that the right CPU counts it.
 */
static __always_inline void fsc_marker_count(struct fsc_markers *markers)
{
	struct fsc_marked *marked = this_cpu_ptr(markers->marked);

	if (++marked->deferred - marked->marked >= markers->every)
		fsc_marker_queue(markers, marked);
}

#endif /* FOLIOSCALE_MARKER_H */
