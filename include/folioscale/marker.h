/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Markers: what is known of the limbo of kfree_rcu(), which tells nobody when it frees.
 *
 * Where the descriptors' cache has sheaves (SLUB since 6.18, every cache since
 * 7.0), kfree_rcu() puts an object into a sheaf of the CPU it runs on, and a
 * full sheaf goes to call_rcu() on that CPU (mm/slub.c:__kfree_rcu_sheaf()).
 * RCU invokes the callbacks of a CPU in the order in which they were queued,
 * which is what rcu_barrier() relies on, too. So a callback of our own, a
 * marker, says when it is invoked: all that this CPU had handed to call_rcu()
 * before me is free. What it had not is less than one sheaf.
 *
 * A marker is queued after each sheaf's worth of frees, by plain call_rcu() as
 * the sheaves are, so it is as lazy as they are. What no marker has confirmed
 * is an upper bound of the limbo: at most the sheaf that is being filled and
 * one sheaf's worth that no marker has followed are counted too much, a CPU.
 *
 * A descriptor of another node, and all of them on PREEMPT_RT and where the
 * cache has no sheaves, take kfree_rcu()'s older way (mm/slab_common.c). They
 * are confirmed only when a freer waits at the cap, or when everything is
 * settled, so the bound grows by them (deferred_remote). When kfree_rcu() cannot allocate
 * a sheaf, an object takes the older way and nothing tells: a marker then counts
 * it as free too early, and the bound is too low by it. The same is true of a
 * CPU that goes offline and comes back: RCU invokes its old callbacks elsewhere,
 * maybe after its new markers. Such a run is INCONCLUSIVE anyway.
 */
#ifndef FOLIOSCALE_MARKER_H
#define FOLIOSCALE_MARKER_H

#include <linux/mm.h>
#include <linux/percpu.h>
#include <linux/preempt.h>
#include <linux/topology.h>
#include <linux/types.h>

struct fsc_run;

/* Objects in a sheaf of a cache of 80-byte objects: what SLUB takes by default. */
#define FSC_SHEAF	60

/**
 * struct fsc_marked - what a CPU has deferred, and what of it is known to be free
 * @deferred: descriptors given to RCU on this CPU; its own
 * @marked: of them, when the last marker was queued; its own
 * @confirmed: of them, known to be free; release, pairs with the acquire in
 *	fsc_markers_confirmed()
 */
struct fsc_marked {
	u64 deferred;
	u64 marked;
	u64 confirmed;
};

/**
 * struct fsc_markers - the markers of a run
 * @marked: by CPU; NULL where there are none
 * @every: frees of a CPU from one marker to the next; 0: no markers
 * @unsure: of what is deferred when a marker is queued, how many may not have
 *	been handed to call_rcu() yet
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
 * fsc_marker_count - a descriptor has been given to RCU on this CPU
 * @markers: with every > 0
 *
 * Context: Preemption off since before it was given, so that it is counted
 * for the CPU that has it.
 */
static __always_inline void fsc_marker_count(struct fsc_markers *markers)
{
	struct fsc_marked *marked = this_cpu_ptr(markers->marked);

	if (++marked->deferred - marked->marked >= markers->every)
		fsc_marker_queue(markers, marked);
}

#endif /* FOLIOSCALE_MARKER_H */
