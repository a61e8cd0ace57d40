/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Access to the fields of a folio in both layouts: struct fsc_folio, which has
 * its own descriptor, and struct folio, which overlays struct page. Callers
 * pass a folio as void *. These functions choose the layout by the protocol's
 * @own_descriptor, which is a constant in the loops.
 *
 * Call them by name, not through a pointer: gcc 14 does not inline a call
 * through a pointer that it has folded, even if the function is
 * __always_inline.
 *
 * Context: any. The folio may leave its slot, or be freed and reused,
 * meanwhile: do not follow its pointers.
 */
#ifndef FOLIOSCALE_LAYOUT_H
#define FOLIOSCALE_LAYOUT_H

#include <linux/mm.h>
#include <linux/mmzone.h>

#include <folioscale/folio.h>
#include <folioscale/memdesc.h>
#include <folioscale/protocol.h>
#include <folioscale/run.h>
#include <folioscale/stamp.h>

/**
 * fsc_index_of - the first index of a key
 * @t: the calling thread
 * @key: the key
 *
 * Return: The index in the key's mapping.
 */
static __always_inline u64 fsc_index_of(const struct fsc_thread *t, u32 key)
{
	return (u64)(key >> t->mapping_shift) << t->index_shift;
}

/**
 * fsc_folio_contains - is an index one of a folio's?
 * @folio: a folio with a descriptor of its own, held or inside the RCU section that found it
 * @slot: what was looked up
 *
 * After include/linux/pagemap.h:folio_contains.
 *
 * Return: true if it is. The mapping is not compared.
 */
static __always_inline bool fsc_folio_contains(const struct fsc_folio *folio, struct fsc_slot slot)
{
	return slot.index - READ_ONCE(folio->index) < 1UL << READ_ONCE(folio->order);
}

/**
 * fsc_folio_has - is this the folio that was looked up?
 * @proto: the protocol
 * @folio: what the slot held
 * @slot: what was looked up
 * @page: which page of the folio that is; 0 if it is not the folio
 * @general: it may have more than one page
 *
 * Struct folio has the key for its index.
 *
 * Return: true if it is.
 */
static __always_inline bool fsc_folio_has(const struct fsc_protocol *proto, const void *folio,
					  struct fsc_slot slot, unsigned long *page, bool general)
{
	const struct fsc_folio *own = folio;
	const struct folio *overlay = folio;
	unsigned long at = slot.at;
	bool has;

	if (!proto->own_descriptor) {
		has = READ_ONCE(overlay->index) == slot.key;
	} else if (general) {
		at = slot.index - READ_ONCE(own->index);
		has = READ_ONCE(own->mapping) == slot.mapping &&
		      at < 1UL << READ_ONCE(own->order);
	} else {
		has = READ_ONCE(own->mapping) == slot.mapping &&
		      READ_ONCE(own->index) == slot.index;
	}
	*page = has ? at : 0;
	return has;
}

/**
 * fsc_stamps_write - write all stamps of a folio
 * @run: the run
 * @pfn: the folio's first frame
 * @order: log2 of its pages
 * @key: its key, or the complement of that
 * @generation: its generation, or %FSC_POISON_GENERATION
 * @freed: as fsc_stamp_write()
 *
 * Context: As fsc_stamp_write().
 */
static __always_inline void fsc_stamps_write(const struct fsc_run *run, unsigned long pfn,
					     unsigned int order, u64 key, u64 generation,
					     u64 freed)
{
	unsigned long page;

	for (page = 0; page < 1UL << order; page += run->use_pages)
		fsc_stamp_write(fsc_stamp_of(pfn + page), key, generation, freed,
				run->config.touch_bytes);
}

/**
 * fsc_stamp_at - the stamp that a use of a page reads
 * @run: the run
 * @pfn: the folio's first frame
 * @page: a page of the folio, from 0
 *
 * Return: The stamp of that page, or of the first of those that a use reads with it.
 */
static __always_inline
const struct fsc_stamp *fsc_stamp_at(const struct fsc_run *run, unsigned long pfn,
				     unsigned long page)
{
	return fsc_stamp_of(pfn + (page & -(unsigned long)run->use_pages));
}

/**
 * fsc_desc_key - the key of a folio that has a descriptor of its own
 * @run: the run
 * @folio: the folio
 *
 * Return: The key. In a busted arm it may be anything; pointers are only subtracted.
 */
static __always_inline u64 fsc_desc_key(const struct fsc_run *run, const struct fsc_folio *folio)
{
	return (u64)READ_ONCE(folio->index) >> run->index_shift << run->mapping_shift |
	       (READ_ONCE(folio->mapping) - run->mappings);
}

/**
 * fsc_folio_key - the key of a folio
 * @proto: the protocol
 * @run: the run
 * @folio: the folio
 *
 * Return: As fsc_desc_key().
 */
static __always_inline u64 fsc_folio_key(const struct fsc_protocol *proto,
					 const struct fsc_run *run, const void *folio)
{
	return proto->own_descriptor ? fsc_desc_key(run, folio) :
				       READ_ONCE(((const struct folio *)folio)->index);
}

/**
 * fsc_folio_sole_key - the key of a folio of one page when there is only one mapping
 * @proto: the protocol
 * @mapping: that mapping
 * @folio: the folio
 *
 * Return: The key; not a valid key if the folio belongs to another mapping.
 */
static __always_inline u64 fsc_folio_sole_key(const struct fsc_protocol *proto,
					      const struct fsc_mapping *mapping, const void *folio)
{
	const struct fsc_folio *own = folio;

	return proto->own_descriptor ?
	       READ_ONCE(own->index) + ((void *)READ_ONCE(own->mapping) - (void *)mapping) :
	       READ_ONCE(((const struct folio *)folio)->index);
}

/**
 * fsc_folio_generation - the allocation number of a folio
 * @proto: the protocol
 * @folio: the folio
 *
 * Return: The word, including its FSC_GENERATION_GONE bit.
 */
static __always_inline u64 fsc_folio_generation(const struct fsc_protocol *proto, const void *folio)
{
	return proto->own_descriptor ? READ_ONCE(((const struct fsc_folio *)folio)->generation) :
				       (u64)READ_ONCE(((const struct folio *)folio)->private);
}

/**
 * fsc_folio_mark_removed - mark a folio that is about to leave its slot
 * @proto: the protocol
 * @folio: the folio
 *
 * Context: The lock of its mapping is held.
 */
static __always_inline void fsc_folio_mark_removed(const struct fsc_protocol *proto, void *folio)
{
	struct fsc_folio *own = folio;
	struct folio *overlay = folio;

	if (proto->own_descriptor)
		WRITE_ONCE(own->generation, own->generation | FSC_GENERATION_GONE);
	else
		WRITE_ONCE(overlay->private,
			   (void *)((unsigned long)overlay->private | FSC_GENERATION_GONE));
}

/**
 * fsc_folio_pfn - the first frame of a folio
 * @proto: the protocol
 * @folio: the folio
 *
 * Return: Its number.
 */
static __always_inline unsigned long fsc_folio_pfn(const struct fsc_protocol *proto,
						   const void *folio)
{
	return proto->own_descriptor ? READ_ONCE(((const struct fsc_folio *)folio)->pfn) :
				       folio_pfn((struct folio *)folio);
}

/**
 * fsc_folio_order - the order of a folio
 * @proto: the protocol
 * @folio: the folio
 *
 * Return: The log2 of its number of pages.
 */
static __always_inline unsigned int fsc_folio_order(const struct fsc_protocol *proto,
						    const void *folio)
{
	return proto->own_descriptor ? READ_ONCE(((const struct fsc_folio *)folio)->order) :
				       folio_order((struct folio *)folio);
}

/**
 * fsc_folio_frame - where to read which folio a frame belongs to
 * @proto: the protocol
 * @t: the reader
 * @pfn: the frame
 *
 * For struct folio the page.
 *
 * Return: Argument for fsc_folio_frame_word().
 */
static __always_inline const void *fsc_folio_frame(const struct fsc_protocol *proto,
						   const struct fsc_thread *t,
						   unsigned long pfn)
{
	return proto->own_descriptor ? (const void *)(t->words + pfn) :
				       (const void *)pfn_to_page(pfn);
}

/**
 * fsc_folio_frame_word - read the word that says which folio a frame belongs to
 * @proto: the protocol
 * @frame: what fsc_folio_frame() returned
 *
 * For struct folio the head, through struct page, as mm/gup.c:try_get_folio.
 *
 * Return: Argument for fsc_folio_word_folio().
 */
static __always_inline unsigned long fsc_folio_frame_word(const struct fsc_protocol *proto,
							  const void *frame)
{
	return proto->own_descriptor ? READ_ONCE(*(const unsigned long *)frame) :
				       (unsigned long)page_folio((struct page *)frame);
}

/**
 * fsc_folio_word_folio - the folio that a word points to
 * @proto: the protocol
 * @word: what fsc_folio_frame_word() returned
 *
 * Return: The folio; NULL if it is not ours.
 */
static __always_inline void *fsc_folio_word_folio(const struct fsc_protocol *proto,
						  unsigned long word)
{
	return proto->own_descriptor ? fsc_memdesc_folio(word) : (void *)word;
}

/**
 * fsc_folio_frame_at - as fsc_folio_frame(), for another frame of the same pageblock
 * @proto: the protocol
 * @frame: what fsc_folio_frame() returned
 * @n: how many frames further on
 *
 * Return: As fsc_folio_frame().
 */
static __always_inline const void *fsc_folio_frame_at(const struct fsc_protocol *proto,
						      const void *frame, unsigned long n)
{
	return proto->own_descriptor ? (const void *)((const unsigned long *)frame + n) :
				       (const void *)((const struct page *)frame + n);
}

/**
 * fsc_folio_peek - the word by which a walker decides about a frame
 * @proto: the protocol
 * @tag: that of the run
 * @frame: what fsc_folio_frame() returned
 *
 * With struct folio a walker looks at the page's head, as
 * mm/compaction.c:isolate_migratepages_block looks at flags and page type: at one
 * word (thread.h) of the cache line that has them.
 *
 * Return: The word, with the memdesc type in its low bits; 0 if the frame is not ours.
 */
static __always_inline unsigned long fsc_folio_peek(const struct fsc_protocol *proto,
						    unsigned long tag, const void *frame)
{
	unsigned long word;

	if (proto->own_descriptor)
		return READ_ONCE(*(const unsigned long *)frame);
	/* Whose page it is decides how that word is written: a lock, say, in a page table's. */
	word = (unsigned long)data_race(READ_ONCE(page_folio((struct page *)frame)->private));
	/* A folio that has left its slot is still what it is, as with a memdesc word. */
	return fsc_is_tagged(tag, word) ? word & ~FSC_GENERATION_GONE : 0;
}

/**
 * fsc_folio_peeked - the file folio of a frame
 * @proto: the protocol
 * @frame: the frame
 * @word: what fsc_folio_peek() returned for it
 *
 * Return: The folio; NULL if the frame is not a file folio's. With struct folio the head is
 * looked up again, and the recheck of the word tells whether it is the same.
 */
static __always_inline void *fsc_folio_peeked(const struct fsc_protocol *proto, const void *frame,
					      unsigned long word)
{
	if (proto->own_descriptor || fsc_memdesc_type(word) != FSC_MEMDESC_FILE)
		return fsc_memdesc_folio(word);
	return page_folio((struct page *)frame);
}

/**
 * fsc_folio_mark - note that a folio was used
 * @proto: the protocol
 * @folio: the folio, held
 * @always: write even if that is already noted
 *
 * With @always after mm/gup.c:gup_fast_pte_range, otherwise after the first steps
 * of folio_mark_accessed() (mm/swap.c, in later kernels mm/folio.c).
 */
static __always_inline void fsc_folio_mark(const struct fsc_protocol *proto, void *folio,
					   bool always)
{
	struct fsc_folio *own = folio;

	if (!proto->own_descriptor) {
		if (always || !folio_test_referenced(folio))
			folio_set_referenced(folio);
	} else if (always || !test_bit(FSC_FOLIO_REFERENCED, &own->flags)) {
		set_bit(FSC_FOLIO_REFERENCED, &own->flags);
	}
}

/* The pin count of a large folio. */
static __always_inline atomic_t *fsc_folio_pins(const struct fsc_protocol *proto, void *folio)
{
	return proto->own_descriptor ? &((struct fsc_folio *)folio)->pincount :
				       &((struct folio *)folio)->_pincount;
}

#endif /* FOLIOSCALE_LAYOUT_H */
