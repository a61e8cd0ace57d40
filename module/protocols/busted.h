/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Negative controls: protocols with a deliberate bug that the oracle must
 * report, and that must not harm the machine.
 *
 * Where readers may follow a stale pointer, freed descriptors go to the run's
 * pool instead of their slab, so the pointer still points to a descriptor. A
 * reference is put on the folio on which it was taken. The loops check a pfn
 * before they follow it. Memory that went back to the page allocator is only
 * read, through the direct map (refused with debug_pagealloc).
 *
 * norecheck: typesafe without the recheck; on GUP without that of the pte, too.
 * Widened by gap_ns.
 * early_pages: rcu_full that frees the pages at once. Widened by hold_ns.
 * early_both: rcu_full that frees descriptor and pages at once. With
 * reuse_distance=1 the descriptor comes back under its old key, with a stamp that
 * is right: only the generation that the reader latched is not. Widened by
 * hold_ns.
 * early_publish: typesafe that publishes a folio with refcount and pfn before it
 * has identity and stamp. It keeps a reference of its own until they are written,
 * or another freer would free the folio under the writer. Widened by publish_ns.
 * noseq: seqcount that does not recheck the sequence. Widened by gap_ns.
 * noreload: hazptr that does not load the slot again; on GUP without the recheck
 * of the pte, too. Widened by a gap_ns longer than a batch takes to fill.
 * nowildcard: hazptr_cpu that takes a slot only when it has loaded the pointer; on GUP
 * without the recheck of the pte, too. Widened by gap_ns.
 * early_reuse: rcu_bounded that reuses a parked descriptor without waiting for its
 * grace period. Only descriptors that have waited go to the slab. Widened by
 * gap_ns. On GUP the recheck of the pte hides this bug and the next one.
 * ignore_locked: rcu_desc with an xadd whose tryget succeeds on a frozen folio.
 * It still sweeps its addend, remembers that it has no reference, and puts none.
 * Widened by gap_ns.
 * early_confirm: rcu_desc whose markers confirm descriptors as free when they are
 * deferred. Only the limbo bound is wrong, not the lookups.
 * touch_slab: a walker that follows the words of slabs, whose descriptors are
 * freed without RCU (pfn_mix.h). It only reads. Widened by gap_ns.
 * stale_type: a walker that in the second pass follows a word that was a file
 * folio's in the first, and is that of a mark by now (hwpoison=). Likewise.
 */
#ifndef FSC_PROTOCOL_BUSTED_H
#define FSC_PROTOCOL_BUSTED_H

#include "descriptor.h"

/* table.h includes the protocols that are broken here before this header. */

static inline void fsc_pooled_free(struct fsc_thread *t, void *folio, bool timed)
{
	fsc_desc_free_now(t, folio, timed, true);
}

static const struct fsc_protocol fsc_norecheck = {
	.name				= "typesafe",
	.bug.name			= "norecheck",
	.bug.forgets			= "to recheck the slot",
	.bug.widened_by			= "gap_ns",
	.bug.skips_recheck		= true,
	.reader.refcounted		= true,
	.freeing.reused_before_gp	= true,
	.freeing.slab_flags		= SLAB_TYPESAFE_BY_RCU,
	FSC_DESCRIPTOR_OPS(cas),
	.freeing.alloc			= fsc_desc_alloc_pooled,
	.freeing.free			= fsc_pooled_free,
};

static const struct fsc_protocol fsc_early_publish = {
	.name				= "typesafe",
	.bug.name			= "early_publish",
	.bug.forgets			= "to write identity and stamp before it publishes",
	.bug.widened_by			= "publish_ns",
	.reader.refcounted		= true,
	.reader.recheck			= true,
	.freeing.reused_before_gp	= true,
	.bug.publish_early		= true,
	.freeing.slab_flags		= SLAB_TYPESAFE_BY_RCU,
	FSC_DESCRIPTOR_OPS(cas),
	.freeing.alloc			= fsc_desc_alloc_pooled,
	.freeing.free			= fsc_pooled_free,
};

static void fsc_pooled_callback(struct rcu_head *rcu)
{
	struct fsc_folio *folio = container_of(rcu, struct fsc_folio, rcu);

	fsc_desc_note_release(fsc_run, folio, 0);
	fsc_desc_cache_free(fsc_run, folio, true);
}

/* Free the pages at once; put the descriptor into the pool after a grace period. */
static inline void fsc_pooled_free_deferred(struct fsc_thread *t, void *p, bool timed)
{
	struct fsc_folio *folio = p;
	unsigned int pages = fsc_desc_pages(folio);

	fsc_desc_begin_free(t, folio, timed, 1, false);
	fsc_desc_pages_free(t, folio);
	if (t->run->deferral == FSC_DEFER_CALL_RCU_HURRY)
		call_rcu_hurry(&folio->rcu, fsc_pooled_callback);
	else
		call_rcu(&folio->rcu, fsc_pooled_callback);
	fsc_count_freed(&t->counters, pages);
}

static const struct fsc_protocol fsc_early_pages = {
	.name				= "rcu_full",
	.bug.name			= "early_pages",
	.bug.forgets			= "that the pages wait for the grace period as well",
	.bug.widened_by			= "hold_ns",
	.freeing.deferral		= FSC_DEFER_CALL_RCU,
	.freeing.deferrals		= BIT(FSC_DEFER_CALL_RCU) | BIT(FSC_DEFER_CALL_RCU_HURRY),
	FSC_DESCRIPTOR_OPS(cas),
	.freeing.alloc			= fsc_desc_alloc_pooled,
	.freeing.free			= fsc_pooled_free_deferred,
};

static const struct fsc_protocol fsc_early_both = {
	.name				= "rcu_full",
	.bug.name			= "early_both",
	.bug.forgets			= "to wait for the grace period, for descriptor and pages",
	.bug.widened_by			= "hold_ns",
	.freeing.reused_before_gp	= true,
	FSC_DESCRIPTOR_OPS(cas),
	.freeing.alloc			= fsc_desc_alloc_pooled,
	.freeing.free			= fsc_pooled_free,
};

static const struct fsc_protocol fsc_noseq = {
	.bug.name			= "noseq",
	.bug.forgets			= "to recheck the sequence",
	.bug.widened_by			= "gap_ns",
	.bug.skips_recheck		= true,
	FSC_SEQCOUNT(cas),
	.freeing.alloc			= fsc_desc_alloc_pooled,
	.freeing.free			= fsc_pooled_free,
};

static const struct fsc_protocol fsc_noreload = {
	.bug.name			= "noreload",
	.bug.forgets			= "to load the slot again after it published the hazard",
	.bug.widened_by			= "gap_ns of a millisecond",
	.bug.skips_recheck		= true,
	FSC_HAZPTR,
	.freeing.alloc			= fsc_desc_alloc_pooled,
};

static const struct fsc_protocol fsc_nowildcard = {
	.bug.name			= "nowildcard",
	.bug.forgets			= "to publish the wildcard before it loads the pointer",
	.bug.widened_by			= "gap_ns",
	.bug.skips_recheck		= true,
	FSC_HAZPTR_CPU,
	.freeing.alloc			= fsc_desc_alloc_pooled,
};

/* Leave one parked, or it would get its old frame: see pool.c. */
static struct fsc_folio *fsc_early_reuse_take(struct fsc_thread *t)
{
	return fsc_parked_take_if(t, true);
}

static inline void *fsc_early_reuse_alloc(struct fsc_thread *t, unsigned int order)
{
	return fsc_desc_alloc_from(t, order, fsc_early_reuse_take);
}

static const struct fsc_protocol fsc_early_reuse = {
	.name				= "rcu_bounded",
	.bug.name			= "early_reuse",
	.bug.forgets			= "to wait for the grace period",
	.bug.widened_by			= "gap_ns",
	.bug.caught_by_pte		= true,
	.reader.refcounted		= true,
	.freeing.reused_before_gp	= true,
	.set_up				= fsc_rcu_bounded_set_up,
	.tear_down			= fsc_rcu_bounded_tear_down,
	.freeing.flush			= fsc_rcu_bounded_flush,
	FSC_DESCRIPTOR_OPS(cas),
	.freeing.alloc			= fsc_early_reuse_alloc,
	.freeing.free			= fsc_rcu_bounded_free,
};

/* Folios that a reader uses without having a reference. */
struct fsc_unowned {
	void *folio[FSC_SECTION_MAX];
	unsigned int nr;
};

static bool fsc_unowned_drop(struct fsc_thread *t, void *folio)
{
	struct fsc_unowned *unowned = t->protocol_data;
	unsigned int i;

	for (i = 0; unowned && i < unowned->nr; i++) {
		if (unowned->folio[i] == folio) {
			unowned->folio[i] = unowned->folio[--unowned->nr];
			return true;
		}
	}
	return false;
}

static bool fsc_ignore_locked_tryget(struct fsc_thread *t, void *folio)
{
	struct fsc_unowned *unowned = t->protocol_data;

	if (fsc_xadd_tryget(t, folio))
		return true;
	/* At most a section's worth. If that is full, respect the frozen folio for once. */
	if (unowned->nr == ARRAY_SIZE(unowned->folio))
		return false;
	unowned->folio[unowned->nr++] = folio;
	return true;
}

static bool fsc_ignore_locked_put_testzero(struct fsc_thread *t, void *folio, int n)
{
	return !fsc_unowned_drop(t, folio) && fsc_xadd_put_testzero(t, folio, n);
}

static int fsc_ignore_locked_set_up(struct fsc_run *run)
{
	return fsc_readers_alloc_data(run, sizeof(struct fsc_unowned));
}

#define fsc_ignoring_xadd_refs {				\
	.name		= "xadd",				\
	.freezes	= true,					\
	.tryget		= fsc_ignore_locked_tryget,		\
	.add		= fsc_cas_add,				\
	.put_testzero	= fsc_ignore_locked_put_testzero,	\
	.freeze		= fsc_xadd_freeze,			\
	.unfreeze	= fsc_cas_unfreeze,			\
	.enable		= fsc_cas_enable,			\
}

static const struct fsc_protocol fsc_ignore_locked = {
	.name				= "rcu_desc",
	.bug.name			= "ignore_locked",
	.bug.forgets			= "that a locked count gives no reference",
	.bug.widened_by			= "gap_ns",
	.set_up				= fsc_ignore_locked_set_up,
	.tear_down			= fsc_readers_free_data,
	.bug.caught_by_pte		= true,
	.reader.refcounted		= true,
	.freeing.deferral		= FSC_DEFER_CALL_RCU,
	.freeing.deferrals		= BIT(FSC_DEFER_CALL_RCU) | BIT(FSC_DEFER_CALL_RCU_HURRY),
	FSC_DESCRIPTOR_OPS(ignoring_xadd),
	.freeing.alloc			= fsc_desc_alloc_pooled,
	.freeing.free			= fsc_pooled_free_deferred,
};

static const struct fsc_protocol fsc_touch_slab = {
	.bug.name			= "touch_slab",
	.bug.forgets			=
		"that walkers must not follow memdesc words of slabs; needs slabs in mix",
	.bug.widened_by			= "gap_ns",
	.bug.touches			= FSC_MEMDESC_SLAB,
	FSC_TYPESAFE(cas),
};

static const struct fsc_protocol fsc_stale_type = {
	.bug.name			= "stale_type",
	.bug.forgets			=
		"to look at the type again in the second pass; needs hwpoison",
	.bug.widened_by			= "gap_ns",
	.bug.touches			= FSC_MEMDESC_HWPOISON,
	FSC_TYPESAFE(cas),
};

static const struct fsc_protocol fsc_early_confirm = {
	.name				= "rcu_desc",
	.bug.name			= "early_confirm",
	.bug.forgets			=
		"that a marker confirms only once it is invoked; the limbo bound is wrong, not the lookups",
	.bug.confirms_early		= true,
	.reader.refcounted		= true,
	.freeing.deferral		= FSC_DEFER_CALL_RCU,
	.freeing.deferrals		= BIT(FSC_DEFER_CALL_RCU),
	FSC_DESCRIPTOR_OPS(cas),
	.freeing.alloc			= fsc_desc_alloc,
	.freeing.free			= fsc_rcu_desc_free,
};

#endif /* FSC_PROTOCOL_BUSTED_H */
