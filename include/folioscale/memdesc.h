/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The memdesc map: one word for each page frame, a pointer to the memory
 * descriptor with its type in the low four bits.
 *
 * Frame numbers reach as far as MAX_PHYSMEM_BITS says (max_pfn is not
 * exported), so the words live in sections that are allocated when the first
 * folio lands in them, below a root of pointer pages, as sparsemem does with
 * CONFIG_SPARSEMEM_EXTREME (mm/sparse.c:sparse_index_alloc). Sections stay
 * until the map is destroyed, so a reader needs no lock.
 */
#ifndef FOLIOSCALE_MEMDESC_H
#define FOLIOSCALE_MEMDESC_H

#include <linux/atomic.h>
#include <linux/compiler.h>
#include <linux/types.h>

#define FSC_MEMDESC_TYPE_MASK	0xfUL

enum fsc_memdesc_type {
	FSC_MEMDESC_NONE,
	FSC_MEMDESC_FILE,
	FSC_MEMDESC_SLAB,
	FSC_MEMDESC_PTDESC,
	FSC_MEMDESC_HUGETLB,
	FSC_MEMDESC_MISC,
};

static __always_inline unsigned long fsc_memdesc_word(const void *desc, enum fsc_memdesc_type type)
{
	return (unsigned long)desc | type;
}

static __always_inline enum fsc_memdesc_type fsc_memdesc_type(unsigned long word)
{
	return word & FSC_MEMDESC_TYPE_MASK;
}

static __always_inline void *fsc_memdesc_desc(unsigned long word)
{
	return (void *)(word & ~FSC_MEMDESC_TYPE_MASK);
}

/* The file folio of a word, NULL if it is anything else's. */
static __always_inline void *fsc_memdesc_folio(unsigned long word)
{
	return fsc_memdesc_type(word) == FSC_MEMDESC_FILE ? fsc_memdesc_desc(word) : NULL;
}

/* 2^15 frames are 128 MiB of 4 KiB pages and 256 KiB of words. */
#define FSC_SECTION_SHIFT	15
#define FSC_SECTION_FRAMES	BIT(FSC_SECTION_SHIFT)
#define FSC_ROOT_SHIFT		9
#define FSC_ROOT_SECTIONS	BIT(FSC_ROOT_SHIFT)

/**
 * struct fsc_memdesc_root - FSC_ROOT_SECTIONS sections
 * @words: theirs; each is set once, by cmpxchg
 * @blocks: for each, a bit for every pageblock that may have words; see memdesc.c
 * @there: which of the sections are
 */
struct fsc_memdesc_root {
	unsigned long *words[FSC_ROOT_SECTIONS];
	unsigned long blocks[FSC_ROOT_SECTIONS];
	DECLARE_BITMAP(there, FSC_ROOT_SECTIONS);
};

/**
 * struct fsc_memdesc_map - the words, and where there are any
 * @nr_roots: how many roots there may be
 * @roots: those; each is set once, by cmpxchg
 * @walked: there are walkers who want to know the blocks
 * @first: no section before this one is there; falls only
 * @end: nor this one, nor any after it; rises only
 */
struct fsc_memdesc_map {
	unsigned long nr_roots;
	struct fsc_memdesc_root **roots;
	bool walked;
	atomic_long_t first;
	atomic_long_t end;
};

int fsc_memdesc_map_init(struct fsc_memdesc_map *map);
void fsc_memdesc_map_destroy(struct fsc_memdesc_map *map);
unsigned long *fsc_memdesc_slot_alloc(struct fsc_memdesc_map *map, unsigned long pfn, gfp_t gfp);
unsigned long fsc_memdesc_next_block(struct fsc_memdesc_map *map, unsigned long pfn);
void fsc_memdesc_mark(struct fsc_memdesc_map *map, unsigned long pfn);
void fsc_memdesc_unmark(struct fsc_memdesc_map *map, unsigned long pfn);

/**
 * fsc_memdesc_slot - find the word of a frame
 * @map: the map
 * @pfn: any frame number
 *
 * Context: Any.
 * Return: The word's address, NULL when no section holds it.
 */
static __always_inline unsigned long *fsc_memdesc_slot(struct fsc_memdesc_map *map,
						       unsigned long pfn)
{
	unsigned long section = pfn >> FSC_SECTION_SHIFT;
	struct fsc_memdesc_root *root;
	unsigned long *words;

	if (unlikely(section >> FSC_ROOT_SHIFT >= map->nr_roots))
		return NULL;
	root = READ_ONCE(map->roots[section >> FSC_ROOT_SHIFT]);
	if (unlikely(!root))
		return NULL;
	words = READ_ONCE(root->words[section & (FSC_ROOT_SECTIONS - 1)]);
	if (unlikely(!words))
		return NULL;
	return words + (pfn & (FSC_SECTION_FRAMES - 1));
}

/**
 * fsc_memdesc_set - write the words of a naturally aligned range of frames
 * @slot: address of the first frame's word
 * @word: what to write; zero for frames that are nobody's
 * @nr: number of frames, at most a section
 *
 * Context: Any. The caller owns the frames; walkers may look on.
 */
static __always_inline void fsc_memdesc_set(unsigned long *slot, unsigned long word,
					    unsigned int nr)
{
	while (nr--)
		WRITE_ONCE(*slot++, word);
}

/**
 * fsc_memdesc_publish - let the frames of a descriptor be found
 * @map: the map
 * @pfn: first frame; its section is there
 * @word: its descriptor's
 * @nr: number of words
 *
 * Context: Any. The caller owns the frames, and has written the descriptor.
 */
static __always_inline void fsc_memdesc_publish(struct fsc_memdesc_map *map, unsigned long pfn,
						unsigned long word, unsigned int nr)
{
	/*
	 * Who finds the word finds what was written before it. Pairs with the
	 * dependent loads of those who follow it, and with the acquire behind
	 * their second look at it.
	 */
	smp_wmb();
	fsc_memdesc_set(fsc_memdesc_slot(map, pfn), word, nr);
	if (unlikely(map->walked))
		fsc_memdesc_mark(map, pfn);
}

#endif /* FOLIOSCALE_MEMDESC_H */
