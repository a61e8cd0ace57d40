/* SPDX-License-Identifier: GPL-2.0 */
/* What the protocols whose folios have a struct fsc_folio of their own share. */
#ifndef FSC_PROTOCOL_DESCRIPTOR_H
#define FSC_PROTOCOL_DESCRIPTOR_H

#include <linux/gfp.h>
#include <linux/mm.h>

#include <folioscale/clock.h>
#include <folioscale/folio.h>
#include <folioscale/protocol.h>
#include <folioscale/run.h>
#include <folioscale/stamp.h>

static __always_inline bool fsc_desc_tryget(void *folio)
{
	return fsc_folio_tryget(folio);
}

static __always_inline bool fsc_desc_put_testzero(void *folio)
{
	return fsc_folio_put_testzero(folio);
}

static __always_inline bool fsc_desc_freeze(void *folio)
{
	return fsc_folio_freeze(folio);
}

static __always_inline bool fsc_desc_matches(const void *p, const struct fsc_mapping *mapping,
					     u64 index, u64 key)
{
	const struct fsc_folio *folio = p;

	return READ_ONCE(folio->mapping) == mapping && READ_ONCE(folio->index) == index;
}

static inline u64 fsc_desc_key(const struct fsc_run *run, const void *p)
{
	const struct fsc_folio *folio = p;

	/* A pointer's difference only: in a busted arm it may be anything. */
	return (u64)READ_ONCE(folio->index) << run->mapping_shift |
	       (READ_ONCE(folio->mapping) - run->mappings);
}

static __always_inline u64 fsc_desc_generation(const void *folio)
{
	return READ_ONCE(((const struct fsc_folio *)folio)->generation);
}

static __always_inline void fsc_desc_set_gone(void *p)
{
	struct fsc_folio *folio = p;

	WRITE_ONCE(folio->generation, folio->generation | FSC_GENERATION_GONE);
}

static __always_inline unsigned long fsc_desc_pfn(const void *folio)
{
	return READ_ONCE(((const struct fsc_folio *)folio)->pfn);
}

/* Poison a folio's memory and give it back; from here on its frames are anybody's. */
static inline void fsc_pages_free(struct fsc_run *run, unsigned long pfn, u64 key, u64 freed)
{
	unsigned int order = run->config.order;

	fsc_memdesc_set(fsc_memdesc_slot(&run->map, pfn), 0, 1U << order);
	fsc_stamp_write(fsc_stamp_of(pfn), ~key, FSC_POISON_GENERATION, freed,
			run->config.touch_bytes);
	__free_pages(pfn_to_page(pfn), order);
	this_cpu_inc(run->limbo.released->pages);
}

static inline void fsc_desc_pages_free(struct fsc_run *run, const struct fsc_folio *folio)
{
	fsc_pages_free(run, folio->pfn, fsc_desc_key(run, folio), folio->freed);
}

static __always_inline void fsc_desc_cache_free(struct fsc_run *run, struct fsc_folio *folio,
						bool busted)
{
	if (busted)
		fsc_pool_put(&run->pool, folio);
	else
		kmem_cache_free(run->cache, folio);
	this_cpu_inc(run->limbo.released->descriptors);
}

static inline void *fsc_desc_alloc_common(struct fsc_thread *t, bool busted)
{
	struct fsc_run *run = t->run;
	struct fsc_folio *folio = busted ? fsc_pool_get(&run->pool) : NULL;
	struct page *page;

	if (!folio)
		folio = kmem_cache_alloc(run->cache, FSC_GFP);
	if (!folio)
		return NULL;
	page = alloc_pages(FSC_GFP, run->config.order);
	if (!page)
		goto free_folio;
	if (!fsc_memdesc_slot_alloc(&run->map, page_to_pfn(page), FSC_GFP))
		goto free_page;
	/* A stale reader of a recycled descriptor may be looking. */
	WRITE_ONCE(folio->pfn, page_to_pfn(page));
	WRITE_ONCE(folio->order, run->config.order);
	return folio;

free_page:
	__free_pages(page, run->config.order);
free_folio:
	if (busted)
		fsc_pool_put(&run->pool, folio);
	else
		kmem_cache_free(run->cache, folio);
	return NULL;
}

static inline void *fsc_desc_alloc(struct fsc_thread *t)
{
	return fsc_desc_alloc_common(t, false);
}

static inline void *fsc_desc_alloc_pooled(struct fsc_thread *t)
{
	return fsc_desc_alloc_common(t, true);
}

/* Count a descriptor that this run freed before, by what the free left in it. */
static inline void fsc_note_reuse(struct fsc_thread *t, u64 freed, bool same_key)
{
	u64 since;

	if (!fsc_freed_is_ours(freed, t->run->cookie))
		return;
	fsc_count(&t->counters, FSC_RECYCLED);
	if (!same_key)
		fsc_count(&t->counters, FSC_RECYCLED_OTHER_KEY);
	since = fsc_freed_time(freed);
	if (since)
		fsc_hist_record(&t->latency[FSC_LAT_REUSE],
				fsc_freed_time(fsc_clock() - t->run->started - since));
}

static inline u64 fsc_freed_now(const struct fsc_run *run, bool timed)
{
	return fsc_freed_pack(run->cookie, timed ? fsc_clock() - run->started : 0);
}

static inline void fsc_desc_identify(struct fsc_thread *t, void *p, u64 key, u64 generation,
				     bool timed)
{
	struct fsc_mapping *mapping = &t->mappings[key & t->mapping_mask];
	u64 index = key >> t->mapping_shift;
	struct fsc_folio *folio = p;

	fsc_note_reuse(t, folio->freed, folio->mapping == mapping && folio->index == index);
	WRITE_ONCE(folio->flags, 0);
	WRITE_ONCE(folio->mapping, mapping);
	WRITE_ONCE(folio->index, index);
	WRITE_ONCE(folio->generation, generation);
	WRITE_ONCE(folio->freed, 0);
	atomic_set(&folio->mapcount, 0);
	atomic_set(&folio->pincount, 0);
	fsc_stamp_write(fsc_stamp_of(folio->pfn), key, generation, 0, t->run->config.touch_bytes);
}

static inline void fsc_desc_enable(struct fsc_thread *t, void *p, unsigned int refs)
{
	struct fsc_run *run = t->run;
	struct fsc_folio *folio = p;

	/* Pairs with the acquire of a successful fsc_folio_tryget(), stale or not. */
	atomic_set_release(&folio->refcount, refs);
	fsc_memdesc_set(fsc_memdesc_slot(&run->map, folio->pfn),
			fsc_memdesc_word(folio, FSC_MEMDESC_FILE), 1U << run->config.order);
}

/* Descriptor and pages at once. */
static __always_inline void fsc_desc_free_now(struct fsc_thread *t, struct fsc_folio *folio,
					      bool timed, bool busted)
{
	WRITE_ONCE(folio->freed, fsc_freed_now(t->run, timed));
	fsc_desc_pages_free(t->run, folio);
	fsc_desc_cache_free(t->run, folio, busted);
	fsc_count_freed(&t->counters);
}

/* The operations above, as the members of a struct fsc_protocol. */
#define FSC_DESCRIPTOR_OPS			\
	.own_descriptor	= true,			\
	.tryget		= fsc_desc_tryget,	\
	.put_testzero	= fsc_desc_put_testzero,\
	.freeze		= fsc_desc_freeze,	\
	.matches	= fsc_desc_matches,	\
	.key		= fsc_desc_key,		\
	.generation	= fsc_desc_generation,	\
	.set_gone	= fsc_desc_set_gone,	\
	.pfn		= fsc_desc_pfn,		\
	.identify	= fsc_desc_identify,	\
	.enable		= fsc_desc_enable

#endif /* FSC_PROTOCOL_DESCRIPTOR_H */
