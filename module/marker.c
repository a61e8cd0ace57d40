// SPDX-License-Identifier: GPL-2.0
/* Callbacks that tell what kfree_rcu() has freed, and whether they can. */
#include <linux/gfp.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>

#include <folioscale/compat.h>
#include <folioscale/folio.h>
#include <folioscale/marker.h>
#include <folioscale/protocol.h>
#include <folioscale/run.h>

/**
 * struct fsc_marker - a callback that confirms what was deferred before it
 * @rcu: queued on the CPU of @marked
 * @marked: whose
 * @confirms: descriptors of that CPU that are free when this is invoked
 */
struct fsc_marker {
	struct rcu_head rcu;
	struct fsc_marked *marked;
	u64 confirms;
};

static void confirm(struct fsc_marked *marked, u64 confirms)
{
	/* The CPU's markers are invoked one after the other. */
	if (confirms <= marked->confirmed)
		return;
	/* What was released before is seen with it; pairs with fsc_markers_confirmed(). */
	smp_store_release(&marked->confirmed, confirms);
	/* It is seen with what is released after it; pairs with the smp_rmb() in check_bound(). */
	smp_wmb();
}

static void marker_invoked(struct rcu_head *rcu)
{
	struct fsc_marker *marker = container_of(rcu, struct fsc_marker, rcu);

	confirm(marker->marked, marker->confirms);
	kfree(marker);
}

/**
 * fsc_marker_queue - queue a marker behind what this CPU has deferred
 * @markers: the run's
 * @marked: this CPU's
 *
 * Without memory for a marker the next free tries again.
 *
 * Context: Preemption off.
 */
void fsc_marker_queue(struct fsc_markers *markers, struct fsc_marked *marked)
{
	struct fsc_marker *marker = kmalloc_obj(*marker, GFP_NOWAIT | __GFP_NOWARN);

	if (!marker)
		return;
	marked->marked = marked->deferred;
	marker->marked = marked;
	marker->confirms = marked->deferred - markers->unsure;
	if (markers->early)
		confirm(marked, marker->confirms);
	call_rcu(&marker->rcu, marker_invoked);
}

/**
 * fsc_marker_catch_up - queue the marker of this CPU that there was no memory for
 * @markers: the run's, with every > 0
 *
 * Context: Any, preemption on.
 */
void fsc_marker_catch_up(struct fsc_markers *markers)
{
	struct fsc_marked *marked;

	preempt_disable();
	marked = this_cpu_ptr(markers->marked);
	if (marked->deferred - marked->marked >= markers->every)
		fsc_marker_queue(markers, marked);
	preempt_enable();
}

/**
 * fsc_markers_confirmed - how many descriptors the markers say are free
 * @run: the run
 *
 * Context: Any.
 * Return: A lower bound of those that are; 0 without markers. What is read of
 * releases afterwards includes those that this counts.
 */
u64 fsc_markers_confirmed(const struct fsc_run *run)
{
	u64 sum = 0;
	int cpu;

	if (!run->markers.every)
		return 0;
	for_each_possible_cpu(cpu) {
		const struct fsc_marked *marked = per_cpu_ptr(run->markers.marked, cpu);

		/* Pairs with the release in confirm(). */
		sum += smp_load_acquire(&marked->confirmed);
	}
	return sum;
}

/*
 * Does kfree_rcu() hand every FSC_SHEAF objects of this cache to call_rcu()? Ask it: if so
 * rcu_barrier() is enough to free so many, and an empty cache shrinks to nothing. On its
 * older way they would wait for more, or for seconds.
 */
static int sheaves_work(struct fsc_run *run)
{
	struct fsc_folio *list = NULL, *folio;
	struct kmem_cache *cache = run->cache;
	int err = 0, works;
	unsigned int i;

	/* All of them on one CPU, and of its node: those of other nodes go the older way. */
	migrate_disable();
	for (i = 0; i < FSC_SHEAF; i++) {
		folio = kmem_cache_alloc_node(cache, GFP_KERNEL | __GFP_ZERO | __GFP_THISNODE,
					      numa_mem_id());
		if (!folio) {
			err = -ENOMEM;
			break;
		}
		folio->next = list;
		list = folio;
	}
	while ((folio = list)) {
		list = folio->next;
		kfree_rcu(folio, rcu);
	}
	migrate_enable();
	rcu_barrier();
	works = !kmem_cache_shrink(cache);
	/* Shrinking has handed a sheaf that was not full to RCU. */
	if (err || !works) {
		rcu_barrier();
		fsc_limbo_flush(run, false);
	}
	return err ?: works;
}

/**
 * fsc_markers_create - have markers where they can tell something
 * @run: a run with its cache, in which nothing has been allocated yet
 *
 * With deferral=kfree_rcu where the cache has sheaves of FSC_SHEAF objects or
 * fewer; and with check_bound=1, where the callbacks are ours and the truth is
 * known.
 *
 * Context: Process context, sleeps for a grace period.
 * Return: 0 or -ENOMEM.
 */
int fsc_markers_create(struct fsc_run *run)
{
	const bool may = FSC_SHEAVES && !IS_ENABLED(CONFIG_PREEMPT_RT) &&
			 run->deferral == FSC_DEFER_KFREE_RCU;
	struct fsc_markers *markers = &run->markers;
	unsigned int i;
	int sheaves = 0;

	/* Twice: kfree_rcu() may have had no memory for a sheaf. */
	for (i = 0; i < 2 && !sheaves && may; i++)
		sheaves = sheaves_work(run);
	if (sheaves < 0)
		return sheaves;
	if (!sheaves && !run->config.check_bound && !run->loops->protocol->confirms_early)
		return 0;
	markers->marked = alloc_percpu(struct fsc_marked);
	if (!markers->marked)
		return -ENOMEM;
	markers->every = FSC_SHEAF;
	markers->unsure = sheaves ? FSC_SHEAF - 1 : 0;
	markers->early = run->loops->protocol->confirms_early;
	return 0;
}

/**
 * fsc_markers_destroy - free the markers' counts
 * @run: a run whose callbacks have all been invoked
 *
 * Context: Process context.
 */
void fsc_markers_destroy(struct fsc_run *run)
{
	free_percpu(run->markers.marked);
	run->markers.marked = NULL;
	run->markers.every = 0;
}
