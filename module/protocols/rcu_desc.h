/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Option 2: free the pages at once, and the descriptor after a grace period, by
 * kfree_rcu() or by a callback.
 *
 * A descriptor found inside an RCU section is not reused until the section
 * ends. So a successful tryget (acquire, pairs with the release of
 * fsc_enable()) is on a folio that was in the slot: no recheck. But an entry of
 * many indices may make way for smaller ones while it is looked up, so in the page
 * cache a reader must ask whether the folio has the index (pagecache.c).
 */
#ifndef FSC_PROTOCOL_RCU_DESC_H
#define FSC_PROTOCOL_RCU_DESC_H

#include <linux/minmax.h>

#include "descriptor.h"

static void fsc_rcu_desc_callback(struct rcu_head *rcu)
{
	struct fsc_folio *folio = container_of(rcu, struct fsc_folio, rcu);

	if (static_branch_unlikely(&fsc_slow_callbacks))
		fsc_spin(fsc_run->config.callback_ns);
	fsc_desc_note_release(fsc_run, folio, 0);
	kmem_cache_free(fsc_run->cache, folio);
	this_cpu_inc(fsc_run->limbo.released->descriptors);
}

static __always_inline void fsc_rcu_desc_defer(const struct fsc_run *run, struct fsc_folio *folio)
{
	switch (run->deferral) {
	case FSC_DEFER_CALL_RCU:
		call_rcu(&folio->rcu, fsc_rcu_desc_callback);
		break;
	case FSC_DEFER_CALL_RCU_HURRY:
		call_rcu_hurry(&folio->rcu, fsc_rcu_desc_callback);
		break;
	default:
		/* Does not report when it frees: see marker.h. */
		kfree_rcu(folio, rcu);
		break;
	}
}

static inline void fsc_rcu_desc_free(struct fsc_thread *t, void *p, bool timed)
{
	struct fsc_markers *markers = &t->run->markers;
	struct fsc_folio *folio = p;
	unsigned int pages = fsc_desc_pages(folio);
	bool local = true;

	fsc_desc_begin_free(t, folio, timed, 1, false);
	fsc_desc_pages_free(t, folio);
	if (!markers->every) {
		fsc_rcu_desc_defer(t->run, folio);
	} else {
		/* Defer and count on the same CPU. */
		preempt_disable();
		local = page_to_nid(virt_to_page(folio)) == numa_mem_id();
		fsc_rcu_desc_defer(t->run, folio);
		if (local)
			fsc_marker_count(markers);
		preempt_enable();
	}
	fsc_count_freed(&t->counters, pages);
	/* The barrier in there comes first: a flush that read this count waits for that many. */
	if (unlikely(!local))
		fsc_count(&t->counters, FSC_DEFERRED_REMOTE);
}

/* Descriptors in partly filled sheaves, or behind the last marker, wait for more frees. */
static u64 fsc_rcu_desc_max(const struct fsc_run *run)
{
	u64 cpus = min(run->config.nr_readers + run->config.nr_freers, num_possible_cpus());

	if (!FSC_SHEAVES || run->deferral != FSC_DEFER_KFREE_RCU)
		return 0;
	return cpus * 2 * run->sheaf * (sizeof(struct fsc_folio) + sizeof(void *));
}

#define FSC_RCU_DESC(by)								\
	.name				= "rcu_desc",					\
	.says.descriptor		= "option 2: kfree_rcu()",			\
	.says.pages			= "freed at once",				\
	.says.reader			=						\
		"tryget; in the page cache, is the index one of the folio's?",		\
	.freeing.private_max		= fsc_rcu_desc_max,				\
	.reader.refcounted		= true,						\
	.freeing.deferral		= FSC_DEFER_KFREE_RCU,				\
	.freeing.deferrals		=						\
		BIT(FSC_DEFER_KFREE_RCU) | BIT(FSC_DEFER_CALL_RCU) |			\
		BIT(FSC_DEFER_CALL_RCU_HURRY),						\
	FSC_DESCRIPTOR_OPS(by),								\
	.freeing.alloc			= fsc_desc_alloc,				\
	.freeing.free			= fsc_rcu_desc_free

static const struct fsc_protocol fsc_rcu_desc = { FSC_RCU_DESC(cas) };
static const struct fsc_protocol fsc_rcu_desc_xadd = { FSC_RCU_DESC(xadd) };
static const struct fsc_protocol fsc_rcu_desc_rcuref = { FSC_RCU_DESC(rcuref) };

#endif /* FSC_PROTOCOL_RCU_DESC_H */
