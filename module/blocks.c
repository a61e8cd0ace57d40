// SPDX-License-Identifier: GPL-2.0
/*
 * Which pageblocks have frames of ours. Walkers skip the others.
 *
 * A block's bit is set after its first frame was published, and cleared by a
 * walker that found none. Each side writes its own part and then checks the
 * other's, so that a block with frames of ours always gets its bit: whoever
 * publishes writes what a walker finds the frame by, smp_mb(), checks the bit; a
 * walker clears the bit, smp_mb(), looks at the frames again. Bits are rarely
 * written, so allocating threads do not share a dirty cache line.
 */
#include <kunit/visibility.h>
#include <linux/bitmap.h>
#include <linux/bitops.h>
#include <linux/export.h>
#include <linux/mm.h>
#include <linux/pageblock-flags.h>

#include <folioscale/blocks.h>
#include <folioscale/memdesc.h>

static unsigned long nr_blocks(const struct fsc_frames *frames)
{
	return (frames->end - frames->first) >> pageblock_order;
}

/**
 * fsc_blocks_bytes - memory that the bits take
 * @frames: which they are for
 *
 * Context: Any.
 * Return: Bytes.
 */
u64 fsc_blocks_bytes(const struct fsc_frames *frames)
{
	return BITS_TO_LONGS(nr_blocks(frames)) * sizeof(unsigned long);
}

/**
 * fsc_blocks_init - blocks without frames of ours
 * @blocks: to be filled in
 * @frames: which frames there are
 *
 * Context: Process context, may sleep.
 * Return: 0 or -ENOMEM.
 */
int fsc_blocks_init(struct fsc_blocks *blocks, const struct fsc_frames *frames)
{
	blocks->first = frames->first;
	blocks->bits = kvcalloc(BITS_TO_LONGS(nr_blocks(frames)), sizeof(long), GFP_KERNEL);
	atomic_long_set(&blocks->from, BITS_TO_LONGS(nr_blocks(frames)));
	return blocks->bits ? 0 : -ENOMEM;
}
EXPORT_SYMBOL_IF_KUNIT(fsc_blocks_init);

/**
 * fsc_blocks_destroy - free the bits
 * @blocks: which nobody walks any more; does nothing if it is all zero
 *
 * Context: Process context.
 */
void fsc_blocks_destroy(struct fsc_blocks *blocks)
{
	kvfree(blocks->bits);
	blocks->bits = NULL;
}
EXPORT_SYMBOL_IF_KUNIT(fsc_blocks_destroy);

static void lower(atomic_long_t *bound, long value)
{
	long old = atomic_long_read(bound);

	while (old > value && !atomic_long_try_cmpxchg(bound, &old, value))
		;
}

static void raise(atomic_long_t *bound, long value)
{
	long old = atomic_long_read(bound);

	while (old < value && !atomic_long_try_cmpxchg(bound, &old, value))
		;
}

static unsigned long block_of(const struct fsc_blocks *blocks, unsigned long pfn)
{
	return (pfn - blocks->first) >> pageblock_order;
}

/**
 * fsc_blocks_mark - set the bit of a block that has a frame of ours
 * @blocks: the blocks
 * @pfn: the frame; what a walker finds it by was written
 *
 * Context: Any.
 */
void fsc_blocks_mark(struct fsc_blocks *blocks, unsigned long pfn)
{
	unsigned long block = block_of(blocks, pfn);

	/* Order what was written before the bit; pairs with the barrier in fsc_blocks_unmark(). */
	smp_mb();
	if (test_bit(block, blocks->bits))
		return;
	set_bit(block, blocks->bits);
	lower(&blocks->from, BIT_WORD(block));
	raise(&blocks->to, BIT_WORD(block) + 1);
}
EXPORT_SYMBOL_IF_KUNIT(fsc_blocks_mark);

/**
 * fsc_blocks_unmark - clear the bit of a block in which a walker found no frame of ours
 * @blocks: the blocks
 * @pfn: its first frame
 *
 * The caller must look at all its frames once more, and mark it if there is one of ours now.
 *
 * Context: Any.
 */
void fsc_blocks_unmark(struct fsc_blocks *blocks, unsigned long pfn)
{
	clear_bit(block_of(blocks, pfn), blocks->bits);
	/* Order the bit before the look; pairs with the smp_mb() in fsc_blocks_mark(). */
	smp_mb__after_atomic();
}
EXPORT_SYMBOL_IF_KUNIT(fsc_blocks_unmark);

/**
 * fsc_blocks_next - find the next block for a walker
 * @blocks: the blocks
 * @pfn: where the walker is, the first frame of a block, or any frame that is in none
 *
 * A step must be cheap however far it is, because where the blocks of a walk are is random. It
 * reads a word for each 64 blocks that it skips, 128 MiB of memory on x86.
 *
 * Context: Any.
 * Return: First frame of the first marked block at or after @pfn; wraps around to the first one.
 * %FSC_NO_BLOCK if there is none.
 */
unsigned long fsc_blocks_next(const struct fsc_blocks *blocks, unsigned long pfn)
{
	unsigned long from = atomic_long_read(&blocks->from), to = atomic_long_read(&blocks->to);
	unsigned long block = block_of(blocks, pfn);
	unsigned long at = BIT_WORD(block), skip = block % BITS_PER_LONG;
	bool again = false;

	for (;;) {
		if (at < from) {
			at = from;
			skip = 0;
		}
		/* Not find_next_bit(): the call was most of the cost of a near step. */
		for (; at < to; at++, skip = 0) {
			unsigned long left = READ_ONCE(blocks->bits[at]) >> skip;

			if (left) {
				block = at * BITS_PER_LONG + skip + __ffs(left);
				return blocks->first + (block << pageblock_order);
			}
		}
		/* Wrap around once, to search the blocks before the starting point. */
		if (again)
			return FSC_NO_BLOCK;
		again = true;
		at = from;
		skip = 0;
	}
}
EXPORT_SYMBOL_IF_KUNIT(fsc_blocks_next);
