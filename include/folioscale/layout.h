/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The fields of a folio, in both layouts: struct fsc_folio, a descriptor of its
 * own, and struct folio, which overlays struct page. A folio is a void * to
 * its users, and fsc_folio_*() reads it as the protocol's @own_descriptor says.
 *
 * Nothing here is called through a pointer: gcc 14 leaves a call of a function
 * whose address it has folded, even of one that is __always_inline.
 */
#ifndef FOLIOSCALE_LAYOUT_H
#define FOLIOSCALE_LAYOUT_H

#include <linux/mm.h>
#include <linux/mmzone.h>

#include <folioscale/folio.h>
#include <folioscale/memdesc.h>
#include <folioscale/protocol.h>
#include <folioscale/run.h>

static __always_inline bool fsc_desc_matches(const void *p, const struct fsc_mapping *mapping,
					     u64 index, u64 key)
{
	const struct fsc_folio *folio = p;

	return READ_ONCE(folio->mapping) == mapping && READ_ONCE(folio->index) == index;
}

static __always_inline u64 fsc_desc_key(const struct fsc_run *run, const void *p)
{
	const struct fsc_folio *folio = p;

	/* A pointer's difference only: in a busted arm it may be anything. */
	return (u64)READ_ONCE(folio->index) << run->mapping_shift |
	       (READ_ONCE(folio->mapping) - run->mappings);
}

static __always_inline u64 fsc_desc_sole_key(const struct fsc_mapping *mapping, const void *p)
{
	const struct fsc_folio *folio = p;

	return READ_ONCE(folio->index) + ((void *)READ_ONCE(folio->mapping) - (void *)mapping);
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

static __always_inline unsigned int fsc_desc_order(const void *folio)
{
	return READ_ONCE(((const struct fsc_folio *)folio)->order);
}

static __always_inline const void *fsc_desc_frame(struct fsc_run *run, unsigned long pfn)
{
	return fsc_memdesc_slot(&run->map, pfn);
}

static __always_inline unsigned long fsc_desc_frame_word(const void *slot)
{
	return READ_ONCE(*(const unsigned long *)slot);
}

static __always_inline unsigned long fsc_desc_peek(unsigned long pfn, const unsigned long *slot)
{
	return READ_ONCE(*slot);
}

static __always_inline void fsc_desc_pin(void *folio)
{
	atomic_inc(&((struct fsc_folio *)folio)->pincount);
}

static __always_inline void fsc_desc_unpin(void *folio)
{
	atomic_dec(&((struct fsc_folio *)folio)->pincount);
}

static __always_inline
bool fsc_overlay_matches(const void *folio, const struct fsc_mapping *mapping, u64 index, u64 key)
{
	/*
	 * What follows comes after the recheck. Pairs with rcu_assign_pointer() in
	 * xas_store(), with gup with the smp_wmb() in fsc_mms_map().
	 */
	smp_acquire__after_ctrl_dep();
	return READ_ONCE(((const struct folio *)folio)->index) == key;
}

static __always_inline u64 fsc_overlay_key(const struct fsc_run *run, const void *folio)
{
	return READ_ONCE(((const struct folio *)folio)->index);
}

static __always_inline u64 fsc_overlay_sole_key(const struct fsc_mapping *mapping,
						const void *folio)
{
	return READ_ONCE(((const struct folio *)folio)->index);
}

static __always_inline u64 fsc_overlay_generation(const void *folio)
{
	return (u64)READ_ONCE(((const struct folio *)folio)->private);
}

static __always_inline void fsc_overlay_set_gone(void *p)
{
	struct folio *folio = p;

	WRITE_ONCE(folio->private, (void *)((unsigned long)folio->private | FSC_GENERATION_GONE));
}

static __always_inline unsigned long fsc_overlay_pfn(const void *folio)
{
	return folio_pfn((struct folio *)folio);
}

static __always_inline unsigned int fsc_overlay_order(const void *folio)
{
	return folio_order((struct folio *)folio);
}

/* After mm/gup.c:try_get_folio: the head, by way of struct page. */
static __always_inline const void *fsc_overlay_frame(struct fsc_run *run, unsigned long pfn)
{
	return pfn_to_page(pfn);
}

static __always_inline unsigned long fsc_overlay_frame_word(const void *page)
{
	return (unsigned long)page_folio((struct page *)page);
}

static __always_inline void *fsc_overlay_word_folio(unsigned long word)
{
	return (void *)word;
}

/*
 * A walker of today reads struct page, and goes to the head; whether that is
 * ours its word tells. A head of ours is in the same block.
 */
static __always_inline unsigned long fsc_overlay_peek(unsigned long pfn, const unsigned long *slot)
{
	unsigned long behind = pfn - folio_pfn(page_folio(pfn_to_page(pfn)));

	return behind > (pfn & (pageblock_nr_pages - 1)) ? 0 : READ_ONCE(slot[-(long)behind]);
}

static __always_inline void fsc_overlay_pin(void *folio)
{
	atomic_inc(&((struct folio *)folio)->_pincount);
}

static __always_inline void fsc_overlay_unpin(void *folio)
{
	atomic_dec(&((struct folio *)folio)->_pincount);
}

/* Is this the folio of (@mapping, @index), which is @key? */
static __always_inline
bool fsc_folio_matches(const struct fsc_protocol *proto, const void *folio,
		       const struct fsc_mapping *mapping, u64 index, u64 key)
{
	return proto->own_descriptor ? fsc_desc_matches(folio, mapping, index, key) :
				       fsc_overlay_matches(folio, mapping, index, key);
}

/* The folio's key, found without following a pointer of the folio's. */
static __always_inline u64 fsc_folio_key(const struct fsc_protocol *proto,
					 const struct fsc_run *run, const void *folio)
{
	return proto->own_descriptor ? fsc_desc_key(run, folio) :
				       fsc_overlay_key(run, folio);
}

/* The same where @mapping is the only one; of a folio of another it is no key. */
static __always_inline u64 fsc_folio_sole_key(const struct fsc_protocol *proto,
					      const struct fsc_mapping *mapping, const void *folio)
{
	return proto->own_descriptor ? fsc_desc_sole_key(mapping, folio) :
				       fsc_overlay_sole_key(mapping, folio);
}

/* The word with its FSC_GENERATION_GONE bit. */
static __always_inline u64 fsc_folio_generation(const struct fsc_protocol *proto, const void *folio)
{
	return proto->own_descriptor ? fsc_desc_generation(folio) :
				       fsc_overlay_generation(folio);
}

/* The folio is about to leave its slot; the mapping's lock is held. */
static __always_inline void fsc_folio_set_gone(const struct fsc_protocol *proto, void *folio)
{
	if (proto->own_descriptor)
		fsc_desc_set_gone(folio);
	else
		fsc_overlay_set_gone(folio);
}

/* Its first frame. */
static __always_inline unsigned long fsc_folio_pfn(const struct fsc_protocol *proto,
						   const void *folio)
{
	return proto->own_descriptor ? fsc_desc_pfn(folio) :
				       fsc_overlay_pfn(folio);
}

/* The log2 of its number of pages. */
static __always_inline unsigned int fsc_folio_order(const struct fsc_protocol *proto,
						    const void *folio)
{
	return proto->own_descriptor ? fsc_desc_order(folio) :
				       fsc_overlay_order(folio);
}

/* Where it says which folio a frame belongs to; NULL if it is not ours. */
static __always_inline const void *fsc_folio_frame(const struct fsc_protocol *proto,
						   struct fsc_run *run, unsigned long pfn)
{
	return proto->own_descriptor ? fsc_desc_frame(run, pfn) :
				       fsc_overlay_frame(run, pfn);
}

/* What it says there now. */
static __always_inline unsigned long fsc_folio_frame_word(const struct fsc_protocol *proto,
							  const void *frame)
{
	return proto->own_descriptor ? fsc_desc_frame_word(frame) :
				       fsc_overlay_frame_word(frame);
}

/* The folio that such a word names; NULL if it is not ours. */
static __always_inline void *fsc_folio_word_folio(const struct fsc_protocol *proto,
						  unsigned long word)
{
	return proto->own_descriptor ? fsc_memdesc_folio(word) :
				       fsc_overlay_word_folio(word);
}

/* The word that a walker decides a frame by; @slot is the frame's memdesc word. */
static __always_inline unsigned long fsc_folio_peek(const struct fsc_protocol *proto,
						    unsigned long pfn, const unsigned long *slot)
{
	return proto->own_descriptor ? fsc_desc_peek(pfn, slot) :
				       fsc_overlay_peek(pfn, slot);
}

/* Count a pin of a large folio, whose reference the caller has. */
static __always_inline void fsc_folio_pin(const struct fsc_protocol *proto, void *folio)
{
	if (proto->own_descriptor)
		fsc_desc_pin(folio);
	else
		fsc_overlay_pin(folio);
}

/* Undo that. */
static __always_inline void fsc_folio_unpin(const struct fsc_protocol *proto, void *folio)
{
	if (proto->own_descriptor)
		fsc_desc_unpin(folio);
	else
		fsc_overlay_unpin(folio);
}

#endif /* FOLIOSCALE_LAYOUT_H */
