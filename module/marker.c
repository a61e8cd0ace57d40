// SPDX-License-Identifier: GPL-2.0
/* Callbacks that show what kfree_rcu() has freed, and a check whether they can. */
#include <linux/gfp.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>

#include <folioscale/compat.h>
#include <folioscale/folio.h>
#include <folioscale/marker.h>
#include <folioscale/protocol.h>
#include <folioscale/run.h>

/**
 * struct fsc_marker - a callback that confirms earlier frees
 * @rcu: queued on the CPU that @marked belongs to
 * @marked: per-CPU state to update
 * @confirms: number of descriptors of that CPU that are free when this is invoked
 */
struct fsc_marker {
	struct rcu_head rcu;
	struct fsc_marked *marked;
	u64 confirms;
};

static void confirm(struct fsc_marked *marked, u64 confirms)
{
	/* No race: the markers of a CPU are invoked one after the other. */
	if (confirms <= marked->confirmed)
		return;
	/* Publishes the releases before it; pairs with the acquire in fsc_markers_confirmed(). */
	smp_store_release(&marked->confirmed, confirms);
	/* Visible before the releases after it; pairs with the smp_rmb() in check_bound(). */
	smp_wmb();
}

static void marker_invoked(struct rcu_head *rcu)
{
	struct fsc_marker *marker = container_of(rcu, struct fsc_marker, rcu);

	confirm(marker->marked, marker->confirms);
	kfree(marker);
}

/**
 * fsc_marker_queue - queue a marker behind this CPU's deferred frees
 * @markers: the run's
 * @marked: this CPU's
 *
 * If there is no memory for a marker, the next free tries again.
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
 * fsc_marker_catch_up - queue the marker of this CPU that could not be allocated before
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
 * fsc_markers_confirmed - number of descriptors that markers have confirmed free
 * @run: the run
 *
 * Context: Any.
 * Return: A lower bound of the free ones; 0 without markers. Releases that are read afterwards
 * include all that are counted here.
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
 * Does kfree_rcu() pass every run->sheaf objects of this cache to call_rcu()?
 * Try it. If so, rcu_barrier() is enough to free that many, and the empty cache
 * shrinks to nothing. On the older path they would wait for more objects, or
 * for seconds.
 */
static int sheaves_work(struct fsc_run *run)
{
	struct fsc_folio *list = NULL, *folio;
	struct kmem_cache *cache = run->cache;
	int err = 0, works;
	unsigned int i;

	/* All on one CPU and from its node: other nodes' objects take the older path. */
	migrate_disable();
	for (i = 0; i < run->sheaf; i++) {
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
	/* Shrinking has passed a partly filled sheaf to RCU. */
	if (err || !works) {
		rcu_barrier();
		fsc_limbo_flush_kfree_rcu(run, false);
	}
	return err ?: works;
}

/**
 * fsc_markers_create - set up markers where they work
 * @run: a run with a cache from which nothing has been allocated yet
 *
 * They work with deferral=kfree_rcu if the cache has sheaves of at most
 * run->sheaf objects; and with check_bound=1, where the callbacks are ours and
 * the exact count is known.
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

	/* Try twice: kfree_rcu() may have had no memory for a sheaf. */
	for (i = 0; i < 2 && !sheaves && may; i++)
		sheaves = sheaves_work(run);
	if (sheaves < 0)
		return sheaves;
	if (!sheaves && !run->config.check_bound && !run->loops->protocol->bug.confirms_early)
		return 0;
	markers->marked = alloc_percpu(struct fsc_marked);
	if (!markers->marked)
		return -ENOMEM;
	markers->every = run->sheaf;
	markers->unsure = sheaves ? run->sheaf - 1 : 0;
	markers->early = run->loops->protocol->bug.confirms_early;
	return 0;
}

/**
 * fsc_markers_destroy - free the state of the markers
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
