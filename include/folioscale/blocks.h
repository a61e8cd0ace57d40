/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The pageblocks that walkers of the pfn path visit: those that may have frames
 * of ours. A walk over all of memory would measure the others, and how many
 * those are is random.
 */
#ifndef FOLIOSCALE_BLOCKS_H
#define FOLIOSCALE_BLOCKS_H

#include <linux/atomic.h>
#include <linux/types.h>

struct fsc_frames;

/* Not the first frame of a block. */
#define FSC_NO_BLOCK	ULONG_MAX

/**
 * struct fsc_blocks - a bit for each pageblock
 * @first: first frame of the first block
 * @bits: set if the block may have frames of ours; see blocks.c. NULL: there are no walkers
 * @from: no word of @bits below this one was ever set; only decreases
 * @to: neither was this one or any above it; only increases
 */
struct fsc_blocks {
	unsigned long first;
	unsigned long *bits;
	atomic_long_t from;
	atomic_long_t to;
};

u64 fsc_blocks_bytes(const struct fsc_frames *frames);
int fsc_blocks_init(struct fsc_blocks *blocks, const struct fsc_frames *frames);
void fsc_blocks_destroy(struct fsc_blocks *blocks);
void fsc_blocks_mark(struct fsc_blocks *blocks, unsigned long pfn);
void fsc_blocks_unmark(struct fsc_blocks *blocks, unsigned long pfn);
unsigned long fsc_blocks_next(const struct fsc_blocks *blocks, unsigned long pfn);

/* A frame of ours was published. */
static __always_inline void fsc_blocks_published(struct fsc_blocks *blocks, unsigned long pfn)
{
	if (unlikely(blocks->bits))
		fsc_blocks_mark(blocks, pfn);
}

#endif /* FOLIOSCALE_BLOCKS_H */
