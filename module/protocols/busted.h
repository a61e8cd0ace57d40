/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Negative controls: protocols with a deliberate bug that the oracle must
 * report, and that must not hurt the machine.
 *
 * In all of them a freed descriptor goes to the run's pool and never back to
 * its slab, so whatever pointer a reader follows is to a descriptor. A
 * reference is put on the folio it was taken on. The loops check a pfn before
 * they follow it, and memory that went back to the page allocator is only
 * read, through the direct map (refused with debug_pagealloc).
 *
 * norecheck: typesafe that trusts its tryget. Widened by gap_ns.
 * early_pages: rcu_full that frees the pages at once. Widened by hold_ns.
 * early_publish: typesafe whose folio is in its slot with refcount and pfn
 * before it has identity and stamp. It keeps a reference of its own until
 * they are written, or another freer would free it under the writer. Widened
 * by publish_ns.
 */
#ifndef FSC_PROTOCOL_BUSTED_H
#define FSC_PROTOCOL_BUSTED_H

#include "descriptor.h"

static inline void fsc_pooled_free(struct fsc_thread *t, void *folio, bool timed)
{
	fsc_desc_free_now(t, folio, timed, true);
}

static const struct fsc_protocol fsc_norecheck = {
	.name		= "typesafe",
	.busted		= "norecheck",
	.refcounted	= true,
	.recycles	= true,
	.slab_flags	= SLAB_TYPESAFE_BY_RCU,
	FSC_DESCRIPTOR_OPS,
	.alloc		= fsc_desc_alloc_pooled,
	.free		= fsc_pooled_free,
};

static const struct fsc_protocol fsc_early_publish = {
	.name		= "typesafe",
	.busted		= "early_publish",
	.refcounted	= true,
	.recheck	= true,
	.recycles	= true,
	.publish_early	= true,
	.slab_flags	= SLAB_TYPESAFE_BY_RCU,
	FSC_DESCRIPTOR_OPS,
	.alloc		= fsc_desc_alloc_pooled,
	.free		= fsc_pooled_free,
};

static void fsc_early_pages_callback(struct rcu_head *rcu)
{
	fsc_pool_put(&fsc_run->pool, container_of(rcu, struct fsc_folio, rcu));
	this_cpu_inc(fsc_run->limbo.released->descriptors);
}

static inline void fsc_early_pages_free(struct fsc_thread *t, void *p, bool timed)
{
	struct fsc_folio *folio = p;

	WRITE_ONCE(folio->freed, fsc_freed_now(t->run, timed));
	fsc_desc_pages_free(t->run, folio);
	if (t->run->deferral == FSC_DEFER_CALL_RCU_HURRY)
		call_rcu_hurry(&folio->rcu, fsc_early_pages_callback);
	else
		call_rcu(&folio->rcu, fsc_early_pages_callback);
	fsc_count_freed(&t->counters);
}

static const struct fsc_protocol fsc_early_pages = {
	.name		= "rcu_full",
	.busted		= "early_pages",
	.deferral	= FSC_DEFER_CALL_RCU,
	.deferrals	= BIT(FSC_DEFER_CALL_RCU) | BIT(FSC_DEFER_CALL_RCU_HURRY),
	FSC_DESCRIPTOR_OPS,
	.alloc		= fsc_desc_alloc_pooled,
	.free		= fsc_early_pages_free,
};

#endif /* FSC_PROTOCOL_BUSTED_H */

/* Outside the guard: see protocols.h. */
FSC_PROTOCOL(norecheck)
FSC_PROTOCOL(early_pages)
FSC_PROTOCOL(early_publish)
