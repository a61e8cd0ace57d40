/* SPDX-License-Identifier: GPL-2.0 */
/* Shared by protocols whose folios have their own descriptor, struct fsc_folio. */
#ifndef FSC_PROTOCOL_DESCRIPTOR_H
#define FSC_PROTOCOL_DESCRIPTOR_H

#include <linux/gfp.h>
#include <linux/mm.h>

#include <folioscale/clock.h>
#include <folioscale/folio.h>
#include <folioscale/layout.h>
#include <folioscale/pfn_mix.h>
#include <folioscale/protocol.h>
#include <folioscale/run.h>
#include <folioscale/stamp.h>
#include <folioscale/trace.h>

#include "../tryget/cas.h"
#include "../tryget/rcuref.h"
#include "../tryget/xadd.h"

/* The pages that go with a folio: none if it was split. Call before the descriptor is freed. */
static __always_inline unsigned int fsc_desc_pages(const struct fsc_folio *folio)
{
	return test_bit(FSC_FOLIO_SPLIT, &folio->flags) ? 0 : 1U << folio->order;
}

/* Hide the folio from PFN walkers: for them this is the unlink. */
static inline void fsc_desc_words_clear(struct fsc_run *run, const struct fsc_folio *folio)
{
	fsc_memdesc_set(fsc_memdesc_slot(&run->map, folio->pfn), 0, fsc_desc_pages(folio));
}

static inline void fsc_desc_poison(struct fsc_run *run, const struct fsc_folio *folio)
{
	if (run->config.poison && fsc_desc_pages(folio))
		fsc_stamps_write(run, folio->pfn, folio->order, ~fsc_desc_key(run, folio),
				 FSC_POISON_GENERATION, folio->freed);
}

/* Poison a folio's memory and free it; its frames may be reused from here on. */
static inline void fsc_desc_poison_and_free(struct fsc_run *run, const struct fsc_folio *folio)
{
	fsc_desc_poison(run, folio);
	if (fsc_desc_pages(folio))
		__free_pages(pfn_to_page(folio->pfn), folio->order);
	this_cpu_inc(run->limbo.released->folios);
	this_cpu_add(run->limbo.released->pages, fsc_desc_pages(folio));
}

static inline void fsc_desc_pages_free(struct fsc_thread *t, const struct fsc_folio *folio)
{
	fsc_desc_words_clear(t->run, folio);
	if (t->batch_max == 1) {
		fsc_desc_poison_and_free(t->run, folio);
		return;
	}
	fsc_desc_poison(t->run, folio);
	t->held.pages[t->held.nr_pages++] = pfn_to_page(folio->pfn);
}

/* Free the descriptor; it may be reused from here on. */
static __always_inline void fsc_desc_cache_free(struct fsc_run *run, struct fsc_folio *folio,
						bool busted)
{
	if (busted)
		fsc_pool_put(&run->pool, folio);
	else
		kmem_cache_free(run->cache, folio);
	this_cpu_inc(run->limbo.released->descriptors);
}

/* Single frames that populate the pfn path are close together. */
static inline struct page *fsc_fresh_page(struct fsc_thread *t, unsigned int order)
{
	return t->role == FSC_MAIN_THREAD && !order ? fsc_pfn_mix_frame(t->run) : NULL;
}

/* Allocate memory, then a descriptor for it: from @take if that has one, else from the slab. */
static __always_inline
void *fsc_desc_alloc_from(struct fsc_thread *t, unsigned int order,
			  struct fsc_folio *(*take)(struct fsc_thread *t))
{
	struct fsc_run *run = t->run;
	struct page *page = fsc_fresh_page(t, order);
	struct fsc_folio *folio;

	if (!page)
		page = alloc_pages(run->gfp, order);
	if (!page)
		return NULL;
	if (!fsc_frames_have(&run->frames, page_to_pfn(page)))
		goto free_pages;
	folio = take ? take(t) : NULL;
	if (!folio)
		folio = kmem_cache_alloc(run->cache, FSC_GFP);
	if (!folio)
		goto free_pages;
	/* A stale reader of a recycled descriptor may read it. */
	WRITE_ONCE(folio->flags, 0);
	WRITE_ONCE(folio->pfn, page_to_pfn(page));
	WRITE_ONCE(folio->order, order);
	return folio;

free_pages:
	__free_pages(page, order);
	return NULL;
}

static inline void *fsc_desc_alloc(struct fsc_thread *t, unsigned int order)
{
	return fsc_desc_alloc_from(t, order, NULL);
}

static struct fsc_folio *fsc_take_pooled(struct fsc_thread *t)
{
	return fsc_pool_get(&t->run->pool);
}

static inline void *fsc_desc_alloc_pooled(struct fsc_thread *t, unsigned int order)
{
	return fsc_desc_alloc_from(t, order, fsc_take_pooled);
}

/* Count a descriptor that this run has freed before; the free has left a mark in it. */
static inline void fsc_note_reuse(struct fsc_thread *t, u64 key, u64 freed, bool same_key)
{
	u64 since, after = 0;

	if (!t->run->config.poison || !fsc_freed_is_ours(freed, t->run->cookie))
		return;
	fsc_count(&t->counters, FSC_RECYCLED);
	if (!same_key)
		fsc_count(&t->counters, FSC_RECYCLED_OTHER_KEY);
	since = fsc_freed_time(freed);
	if (since) {
		after = fsc_freed_time(fsc_clock() - t->run->started - since);
		fsc_hist_record(&t->latency[FSC_LAT_REUSE], after);
	}
	if (tracepoint_enabled(fsc_reuse))
		fsc_trace_reuse(key, same_key, after);
}

static inline u64 fsc_freed_now(const struct fsc_run *run, bool timed)
{
	return fsc_freed_pack(run->cookie,
			      timed || fsc_traces_times() ? fsc_clock() - run->started : 0);
}

static inline void fsc_desc_set_identity(struct fsc_thread *t, struct fsc_folio *folio, u64 key,
					 u64 index, u64 generation)
{
	struct fsc_mapping *mapping = &t->mappings[key & t->mapping_mask];

	fsc_note_reuse(t, key, folio->freed, folio->mapping == mapping &&
		       (folio->index ^ index) >> t->index_shift == 0);
	WRITE_ONCE(folio->mapping, mapping);
	WRITE_ONCE(folio->index, index);
	WRITE_ONCE(folio->generation, generation);
	WRITE_ONCE(folio->freed, 0);
	atomic_set(&folio->mapcount, 0);
	atomic_set(&folio->pincount, 0);
}

static inline void fsc_desc_identify(struct fsc_thread *t, void *p, u64 key, u64 generation,
				     bool timed)
{
	struct fsc_folio *folio = p;

	fsc_desc_set_identity(t, folio, key, fsc_index_of(t, key), generation);
	fsc_stamps_write(t->run, folio->pfn, folio->order, key, generation, 0);
}

/* Make @part the folio of one page of @whole, which is frozen. The page keeps its stamp. */
static inline void fsc_desc_take_over(struct fsc_thread *t, struct fsc_folio *part,
				      const struct fsc_folio *whole, unsigned int page)
{
	fsc_desc_set_identity(t, part, fsc_desc_key(t->run, whole), whole->index + page,
			      whole->generation & ~FSC_GENERATION_GONE);
	WRITE_ONCE(part->flags, 0);
	WRITE_ONCE(part->pfn, whole->pfn + page);
	WRITE_ONCE(part->order, 0);
}

/*
 * Call before anything is freed. Records the time of free in the descriptor,
 * for its next owner, but for poison=0. @waits: number of descriptors that go into limbo;
 * @pages_wait: so do the pages.
 */
static __always_inline void fsc_desc_begin_free(struct fsc_thread *t, struct fsc_folio *folio,
						bool timed, unsigned int waits, bool pages_wait)
{
	if (t->run->config.poison)
		WRITE_ONCE(folio->freed, fsc_freed_now(t->run, timed));
	if (tracepoint_enabled(fsc_folio_free))
		fsc_trace_free(t, fsc_desc_key(t->run, folio), folio->pfn, folio->order, waits,
			       pages_wait ? fsc_desc_pages(folio) : 0);
}

/* A descriptor and @pages pages leave limbo. Call before they can be reused. */
static __always_inline void fsc_desc_note_release(const struct fsc_run *run,
						  const struct fsc_folio *folio, unsigned int pages)
{
	u64 freed = fsc_freed_time(READ_ONCE(folio->freed));

	if (unlikely(freed))
		fsc_limbo_note_wait(run, freed);
	if (tracepoint_enabled(fsc_limbo_release))
		fsc_trace_release(run, READ_ONCE(folio->freed), pages);
}

/* Free descriptor and pages at once. */
static __always_inline void fsc_desc_free_now(struct fsc_thread *t, struct fsc_folio *folio,
					      bool timed, bool busted)
{
	/* Read before the free: then the descriptor may have a new owner. */
	unsigned int pages = fsc_desc_pages(folio);

	fsc_desc_begin_free(t, folio, timed, 0, false);
	fsc_desc_pages_free(t, folio);
	if (t->batch_max > 1 && !busted)
		t->held.descriptors[t->held.nr_descriptors++] = folio;
	else
		fsc_desc_cache_free(t->run, folio, busted);
	fsc_count_freed(&t->counters, pages);
}

static inline void fsc_desc_free_both(struct fsc_thread *t, void *folio, bool timed)
{
	fsc_desc_free_now(t, folio, timed, false);
}

/* The operations above, as members of a struct fsc_protocol, with references by tryget=@by. */
#define FSC_DESCRIPTOR_OPS(by)								\
	.own_descriptor			= true,						\
	.refs				= fsc_##by##_refs,				\
	.freeing.identify		= fsc_desc_identify

#endif /* FSC_PROTOCOL_DESCRIPTOR_H */
