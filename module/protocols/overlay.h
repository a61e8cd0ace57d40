/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Option 0, today's kernel: struct folio over struct page with its own
 * refcount, freed at once; readers tryget and recheck
 * (mm/filemap.c:filemap_get_entry).
 *
 * The identity is in folio->index (the key) and folio->private (generation).
 * folio->mapping stays NULL, or the page allocator would report a bad page. The
 * allocator sets the refcount before there is an identity, so here the recheck
 * is a reader's only guard. An smp_rmb() follows it, which pairs with the
 * release by which xas_store() publishes the folio.
 *
 * A stale reader may take a reference to a page that has a new owner by then,
 * and its put may be that page's last. That is how the kernel works today. Such
 * a put frees through __folio_put() and changes nothing of ours: the tag in
 * folio->private (thread.h) tells whether the folio is ours.
 *
 * There are no memdesc words. PFN walkers look at struct page, where
 * folio->private of the head stands for flags and page type.
 */
#ifndef FSC_PROTOCOL_OVERLAY_H
#define FSC_PROTOCOL_OVERLAY_H

#include "descriptor.h"

static __always_inline bool fsc_overlay_tryget(struct fsc_thread *t, void *folio)
{
	return folio_try_get(folio);
}

static __always_inline void fsc_overlay_add(void *folio, int n)
{
	folio_ref_add(folio, n);
}

static __always_inline bool fsc_overlay_put_testzero(struct fsc_thread *t, void *folio, int n)
{
	return n == 1 ? folio_put_testzero(folio) : folio_ref_sub_and_test(folio, n);
}

static __always_inline bool fsc_overlay_freeze(void *folio)
{
	return folio_ref_freeze(folio, 1);
}

static __always_inline void fsc_overlay_unfreeze(void *folio)
{
	folio_ref_unfreeze(folio, 1);
}

/* The kernel's own count, and no other. The page allocator has already set it. */
#define fsc_overlay_refs {				\
	.name		= "cas",			\
	.freezes	= true,				\
	.tryget		= fsc_overlay_tryget,		\
	.add		= fsc_overlay_add,		\
	.put_testzero	= fsc_overlay_put_testzero,	\
	.freeze		= fsc_overlay_freeze,		\
	.unfreeze	= fsc_overlay_unfreeze,		\
}

static inline void *fsc_overlay_alloc(struct fsc_thread *t, unsigned int order)
{
	struct page *page = fsc_fresh_page(t, order);
	struct folio *folio = page ? page_folio(page) : folio_alloc(t->run->gfp, order);

	if (folio && !fsc_frames_have(&t->run->frames, folio_pfn(folio))) {
		folio_put(folio);
		folio = NULL;
	}
	return folio;
}

static inline void fsc_overlay_identify(struct fsc_thread *t, void *p, u64 key, u64 generation,
					bool timed)
{
	struct folio *folio = p;
	struct fsc_stamp *stamp = fsc_stamp_of(folio_pfn(folio));

	/* A free leaves nothing in struct page, but the poison stays in the memory. */
	fsc_note_reuse(t, key, READ_ONCE(stamp->freed), ~READ_ONCE(stamp->key) == key);
	WRITE_ONCE(folio->index, key);
	fsc_stamps_write(t->run, folio_pfn(folio), folio_order(folio), key, generation, 0);
	/*
	 * From here on walkers take the page for a file folio. Pairs with the acquire of their
	 * tryget, before which they have read this.
	 */
	smp_store_release(&folio->private, (void *)generation);
}

static inline void fsc_overlay_free(struct fsc_thread *t, void *p, bool timed)
{
	struct fsc_run *run = t->run;
	struct folio *folio = p;
	unsigned int order = folio_order(folio);

	if (fsc_is_tagged(run->tag, (u64)READ_ONCE(folio->private))) {
		if (tracepoint_enabled(fsc_folio_free))
			fsc_trace_free(t, folio->index, folio_pfn(folio), order, 0, 0);
		if (run->config.poison)
			fsc_stamps_write(run, folio_pfn(folio), order, ~(u64)folio->index,
					 FSC_POISON_GENERATION, fsc_freed_now(run, timed));
		/* Nobody else clears it in a page that is no head any more. */
		WRITE_ONCE(folio->private, NULL);
		if (t->batch_max > 1) {
			/* release_pages() will put it, as it does in the other protocols. */
			folio_ref_unfreeze(folio, 1);
			t->held.pages[t->held.nr_pages++] = &folio->page;
			fsc_count_freed(&t->counters, 1U << order);
			return;
		}
		this_cpu_inc(run->limbo.released->descriptors);
		this_cpu_inc(run->limbo.released->folios);
		this_cpu_add(run->limbo.released->pages, 1UL << order);
		fsc_count_freed(&t->counters, 1U << order);
	}
	/* The count is zero: frozen, or dropped by the caller. */
	__folio_put(folio);
}

static const struct fsc_protocol fsc_overlay = {
	.name				= "overlay",
	.says.descriptor		=
		"none: struct folio over struct page, as in today's kernel",
	.says.pages			= "freed at once",
	.says.reader			= "tryget, recheck",
	.cas_only			= "it uses the count of struct folio",
	.reader.refcounted		= true,
	.reader.recheck			= true,
	.freeing.reused_before_gp	= true,
	.refs				= fsc_overlay_refs,
	.freeing.alloc			= fsc_overlay_alloc,
	.freeing.identify		= fsc_overlay_identify,
	.freeing.free			= fsc_overlay_free,
};

#endif /* FSC_PROTOCOL_OVERLAY_H */
