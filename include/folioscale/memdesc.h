/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The memdesc map: one word for each page frame, a pointer to the memory
 * descriptor with its type in the low four bits.
 *
 * The words are in a linear array over all frames of the machine, as the page
 * structs of vmemmap are, so finding one is an addition. In huge pages where the
 * kernel has those for vmalloc. A word is an eighth of a struct page: 0.2% of
 * memory. Unlike vmemmap it has memory behind holes as well, and all of it is on
 * the node of whoever starts the run.
 */
#ifndef FOLIOSCALE_MEMDESC_H
#define FOLIOSCALE_MEMDESC_H

#include <linux/compiler.h>
#include <linux/gfp.h>
#include <linux/math.h>
#include <linux/minmax.h>
#include <linux/mmzone.h>
#include <linux/nodemask.h>
#include <linux/pageblock-flags.h>
#include <linux/types.h>
#include <linux/vmalloc.h>

#include <asm/barrier.h>

#define FSC_MEMDESC_TYPE_MASK	0xfUL

enum fsc_memdesc_type {
	FSC_MEMDESC_NONE,
	FSC_MEMDESC_FILE,
	FSC_MEMDESC_SLAB,
	FSC_MEMDESC_PTDESC,
	FSC_MEMDESC_HUGETLB,
	FSC_MEMDESC_MISC,
	FSC_MEMDESC_HWPOISON,
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

/* Frames @first to @end - 1: whole pageblocks. */
struct fsc_frames {
	unsigned long first;
	unsigned long end;
};

/**
 * fsc_frames_get - the frames of the machine
 * @frames: to be filled in: all frames of memory that is online, and the holes between
 *
 * Context: Process context. Memory may come and go meanwhile.
 */
static inline void fsc_frames_get(struct fsc_frames *frames)
{
	int node;

	*frames = (struct fsc_frames) { .first = ULONG_MAX };
	for_each_node_state(node, N_MEMORY) {
		frames->first = min(frames->first, NODE_DATA(node)->node_start_pfn);
		frames->end = max(frames->end, pgdat_end_pfn(NODE_DATA(node)));
	}
	frames->first = round_down(frames->first, pageblock_nr_pages);
	frames->end = round_up(frames->end, pageblock_nr_pages);
}

static inline bool fsc_frames_have(const struct fsc_frames *frames, unsigned long pfn)
{
	return pfn - frames->first < frames->end - frames->first;
}

/**
 * struct fsc_memdesc_map - the map
 * @words: of @frames, in their order; NULL: there is no map
 * @base: where the word of frame 0 would be, as vmemmap is for page structs
 */
struct fsc_memdesc_map {
	unsigned long *words;
	unsigned long *base;
};

static inline u64 fsc_memdesc_bytes(const struct fsc_frames *frames)
{
	return (u64)(frames->end - frames->first) * sizeof(unsigned long);
}

/**
 * fsc_memdesc_map_init - make an empty map
 * @map: to be filled in
 * @frames: which have words
 *
 * Context: Process context, may sleep.
 * Return: 0 or -ENOMEM.
 */
static inline int fsc_memdesc_map_init(struct fsc_memdesc_map *map, const struct fsc_frames *frames)
{
	map->words = vmalloc_huge(fsc_memdesc_bytes(frames),
				  GFP_KERNEL | __GFP_ZERO | __GFP_NOWARN);
	map->base = map->words - frames->first;
	return map->words ? 0 : -ENOMEM;
}

/**
 * fsc_memdesc_map_destroy - free a map
 * @map: a map that nobody reads any more; does nothing if it is all zero
 *
 * Context: Process context, may sleep.
 */
static inline void fsc_memdesc_map_destroy(struct fsc_memdesc_map *map)
{
	vfree(map->words);
	map->words = NULL;
}

/**
 * fsc_memdesc_slot - find the word of a frame
 * @map: the map
 * @pfn: a frame that it has
 *
 * Context: Any.
 * Return: The word's address.
 */
static __always_inline unsigned long *fsc_memdesc_slot(const struct fsc_memdesc_map *map,
						       unsigned long pfn)
{
	return map->base + pfn;
}

/**
 * fsc_memdesc_set - write the words of a range of frames
 * @slot: address of the first frame's word
 * @word: what to write; zero for frames that are no longer ours
 * @nr: number of frames
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
 * @pfn: first frame
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
	 * with the dependent loads of readers that follow the word, and with the smp_rmb()
	 * after their recheck.
	 */
	smp_wmb();
	fsc_memdesc_set(fsc_memdesc_slot(map, pfn), word, nr);
}

#endif /* FOLIOSCALE_MEMDESC_H */
