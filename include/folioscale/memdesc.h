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

#include <linux/compiler.h>
#include <linux/types.h>

#define FSC_MEMDESC_TYPE_MASK	0xfUL

enum fsc_memdesc_type {
	FSC_MEMDESC_NONE,
	FSC_MEMDESC_FILE,
	FSC_NR_MEMDESC_TYPES
};

extern const char *const fsc_memdesc_type_names[FSC_NR_MEMDESC_TYPES];

static __always_inline unsigned long fsc_memdesc_word(const void *desc, enum fsc_memdesc_type type)
{
	return (unsigned long)desc | type;
}

/* 2^15 frames are 128 MiB of 4 KiB pages and 256 KiB of words. */
#define FSC_SECTION_SHIFT	15
#define FSC_SECTION_FRAMES	BIT(FSC_SECTION_SHIFT)
#define FSC_ROOT_SHIFT		9
#define FSC_ROOT_SECTIONS	BIT(FSC_ROOT_SHIFT)

struct fsc_memdesc_map {
	unsigned long nr_roots;
	/* Pages of pointers to sections; both levels are set once, by cmpxchg. */
	unsigned long ***roots;
};

int fsc_memdesc_map_init(struct fsc_memdesc_map *map);
void fsc_memdesc_map_destroy(struct fsc_memdesc_map *map);
unsigned long *fsc_memdesc_slot_alloc(struct fsc_memdesc_map *map, unsigned long pfn, gfp_t gfp);

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
	unsigned long **root, *words;

	if (unlikely(section >> FSC_ROOT_SHIFT >= map->nr_roots))
		return NULL;
	root = READ_ONCE(map->roots[section >> FSC_ROOT_SHIFT]);
	if (unlikely(!root))
		return NULL;
	words = READ_ONCE(root[section & (FSC_ROOT_SECTIONS - 1)]);
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

#endif /* FOLIOSCALE_MEMDESC_H */
