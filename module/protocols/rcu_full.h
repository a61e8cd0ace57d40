/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Option 3: one callback frees descriptor and pages after a grace period.
 *
 * A reader takes no reference: what it found inside its RCU section, memory
 * included, stays until the section ends. In the page cache it asks whether that
 * has the index that it looked up, as with rcu_desc. The price is that it must hold and
 * use the folio inside. Holders extend the grace period and may not sleep, so
 * this option cannot serve anyone who keeps a folio (I/O, pins).
 */
#ifndef FSC_PROTOCOL_RCU_FULL_H
#define FSC_PROTOCOL_RCU_FULL_H

#include "descriptor.h"

static void fsc_rcu_full_callback(struct rcu_head *rcu)
{
	struct fsc_folio *folio = container_of(rcu, struct fsc_folio, rcu);

	fsc_desc_note_release(fsc_run, folio, fsc_desc_pages(folio));
	fsc_desc_poison_and_free(fsc_run, folio);
	kmem_cache_free(fsc_run->cache, folio);
	this_cpu_inc(fsc_run->limbo.released->descriptors);
}

static inline void fsc_rcu_full_free(struct fsc_thread *t, void *p, bool timed)
{
	struct fsc_folio *folio = p;
	unsigned int pages = fsc_desc_pages(folio);

	fsc_desc_begin_free(t, folio, timed, 1, true);
	/* Before the grace period: it does not cover walkers that find the word later. */
	fsc_desc_words_clear(t->run, folio);
	if (t->run->deferral == FSC_DEFER_CALL_RCU_HURRY)
		call_rcu_hurry(&folio->rcu, fsc_rcu_full_callback);
	else
		call_rcu(&folio->rcu, fsc_rcu_full_callback);
	fsc_count_freed(&t->counters, pages);
}

static const struct fsc_protocol fsc_rcu_full = {
	.name				= "rcu_full",
	.says.descriptor		= "option 3: freed after a grace period",
	.says.pages			= "freed by the same callback",
	.says.reader			=
		"in the page cache, is the index one of the folio's? Else nothing, inside RCU; cannot keep a folio, or sleep while it uses one",
	.cas_only			= "its readers take no reference",
	.freeing.deferral		= FSC_DEFER_CALL_RCU,
	.freeing.deferrals		= BIT(FSC_DEFER_CALL_RCU) | BIT(FSC_DEFER_CALL_RCU_HURRY),
	FSC_DESCRIPTOR_OPS(cas),
	.freeing.alloc			= fsc_desc_alloc,
	.freeing.free			= fsc_rcu_full_free,
};

#endif /* FSC_PROTOCOL_RCU_FULL_H */
