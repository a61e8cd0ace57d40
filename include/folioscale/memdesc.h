/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The memdesc map: one word for each page frame, a pointer to the memory
 * descriptor with its type in the low four bits.
 *
 * Frame numbers are limited only by MAX_PHYSMEM_BITS (max_pfn is not exported).
 * So the words are in sections below a root of pointer pages, as in sparsemem
 * with CONFIG_SPARSEMEM_EXTREME (mm/sparse.c:sparse_index_alloc). A section is
 * allocated when the first folio falls into it, and stays until the map is
 * destroyed, so readers need no lock.
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

/* The file folio that a word points to; NULL for every other type. */
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
 * @words: the words of each section; set once, by cmpxchg
 * @blocks: for each section, a bit for every pageblock that may have words; see memdesc.c
 * @there: the sections that exist
 */
struct fsc_memdesc_root {
	unsigned long *words[FSC_ROOT_SECTIONS];
	unsigned long blocks[FSC_ROOT_SECTIONS];
	DECLARE_BITMAP(there, FSC_ROOT_SECTIONS);
};

/**
 * struct fsc_memdesc_map - the map
 * @nr_roots: number of entries in @roots
 * @roots: set once each, by cmpxchg
 * @walked: there are walkers, so @blocks is maintained
 * @first: no section below this one exists; only decreases
 * @end: neither this section nor any above it exists; only increases
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
 * @word: what to write; zero for frames that are no longer ours
 * @nr: number of frames, at most a section
 *
 * Context: Any. The caller owns the frames; walkers may read the words meanwhile.
 */
static __always_inline void fsc_memdesc_set(unsigned long *slot, unsigned long word,
					    unsigned int nr)
{
	while (nr--)
		WRITE_ONCE(*slot++, word);
}

/**
 * fsc_memdesc_publish - let walkers find the frames of a descriptor
 * @map: the map
 * @pfn: first frame; its section exists
 * @word: the word for the descriptor
 * @nr: number of words
 *
 * Context: Any. The caller owns the frames, and has written the descriptor.
 */
static __always_inline void fsc_memdesc_publish(struct fsc_memdesc_map *map, unsigned long pfn,
						unsigned long word, unsigned int nr)
{
	/*
	 * A reader that finds the word must see the descriptor as written before. Pairs
	 * with the dependent loads of readers that follow the word, and with the acquire
	 * after their recheck.
	 */
	smp_wmb();
	fsc_memdesc_set(fsc_memdesc_slot(map, pfn), word, nr);
	if (unlikely(map->walked))
		fsc_memdesc_mark(map, pfn);
}

#endif /* FOLIOSCALE_MEMDESC_H */
