// SPDX-License-Identifier: GPL-2.0
/* The pageblocks that walkers visit. */
#include <kunit/test.h>
#include <linux/mm.h>
#include <linux/pageblock-flags.h>

#include <folioscale/blocks.h>
#include <folioscale/memdesc.h>

/* Some words of bits, and a part of one; first frame not 0. */
#define NR_BLOCKS	(9 * BITS_PER_LONG + 5)
#define FIRST_BLOCK	7

static unsigned long frame(unsigned long block)
{
	return (FIRST_BLOCK + block) << pageblock_order;
}

static void a_walk_without_blocks_ends(struct kunit *test)
{
	struct fsc_blocks *blocks = test->priv;

	KUNIT_EXPECT_EQ(test, fsc_blocks_next(blocks, 0), FSC_NO_BLOCK);
	KUNIT_EXPECT_EQ(test, fsc_blocks_next(blocks, frame(3)), FSC_NO_BLOCK);
	KUNIT_EXPECT_EQ(test, fsc_blocks_next(blocks, frame(NR_BLOCKS)), FSC_NO_BLOCK);
}

static void a_walk_meets_each_block_and_wraps(struct kunit *test)
{
	struct fsc_blocks *blocks = test->priv;
	/* Two of one word of bits, the last of the next word, a far one, and the last of all. */
	static const unsigned long marked[] = {
		2 * BITS_PER_LONG + 3, 2 * BITS_PER_LONG + 7, 4 * BITS_PER_LONG - 1,
		7 * BITS_PER_LONG, NR_BLOCKS - 1,
	};
	const unsigned int nr = ARRAY_SIZE(marked);
	unsigned int i;

	/* In an order that moves both bounds, and not by the first frame of a block. */
	for (i = 0; i < nr; i++)
		fsc_blocks_mark(blocks, frame(marked[(i + 2) % nr]) + 2 * i);
	for (i = 0; i < nr; i++) {
		/* From the block, and from after it. */
		KUNIT_EXPECT_EQ(test, fsc_blocks_next(blocks, frame(marked[i])), frame(marked[i]));
		KUNIT_EXPECT_EQ(test, fsc_blocks_next(blocks, frame(marked[i] + 1)),
				frame(marked[(i + 1) % nr]));
	}
	/* From the first block, from a frame below it, and from between two. */
	KUNIT_EXPECT_EQ(test, fsc_blocks_next(blocks, frame(0)), frame(marked[0]));
	KUNIT_EXPECT_EQ(test, fsc_blocks_next(blocks, 0), frame(marked[0]));
	KUNIT_EXPECT_EQ(test, fsc_blocks_next(blocks, frame(5 * BITS_PER_LONG)), frame(marked[3]));
}

static void a_walk_comes_back_to_the_only_block(struct kunit *test)
{
	struct fsc_blocks *blocks = test->priv;

	fsc_blocks_mark(blocks, frame(200));
	KUNIT_EXPECT_EQ(test, fsc_blocks_next(blocks, frame(201)), frame(200));
	KUNIT_EXPECT_EQ(test, fsc_blocks_next(blocks, frame(199)), frame(200));
	KUNIT_EXPECT_EQ(test, fsc_blocks_next(blocks, frame(NR_BLOCKS - 1)), frame(200));
}

static void an_unmarked_block_is_left_out(struct kunit *test)
{
	struct fsc_blocks *blocks = test->priv;

	fsc_blocks_mark(blocks, frame(20));
	fsc_blocks_mark(blocks, frame(21));
	fsc_blocks_unmark(blocks, frame(20));
	KUNIT_EXPECT_EQ(test, fsc_blocks_next(blocks, 0), frame(21));
	fsc_blocks_unmark(blocks, frame(21));
	KUNIT_EXPECT_EQ(test, fsc_blocks_next(blocks, 0), FSC_NO_BLOCK);
	fsc_blocks_mark(blocks, frame(21) - 1);
	KUNIT_EXPECT_EQ(test, fsc_blocks_next(blocks, 0), frame(20));
}

static void only_walked_blocks_are_marked(struct kunit *test)
{
	struct fsc_blocks none = {};

	fsc_blocks_published(&none, frame(3));
	fsc_blocks_published(test->priv, frame(3));
	KUNIT_EXPECT_EQ(test, fsc_blocks_next(test->priv, 0), frame(3));
}

static int blocks_init(struct kunit *test)
{
	struct fsc_frames frames = { frame(0), frame(NR_BLOCKS) };
	struct fsc_blocks *blocks = kunit_kzalloc(test, sizeof(*blocks), GFP_KERNEL);

	if (!blocks)
		return -ENOMEM;
	test->priv = blocks;
	return fsc_blocks_init(blocks, &frames);
}

static void blocks_exit(struct kunit *test)
{
	if (!test->priv)
		return;
	fsc_blocks_destroy(test->priv);
	/* A second call is allowed, for callers that unwind twice. */
	fsc_blocks_destroy(test->priv);
}

static struct kunit_case blocks_cases[] = {
	KUNIT_CASE(a_walk_without_blocks_ends),
	KUNIT_CASE(a_walk_meets_each_block_and_wraps),
	KUNIT_CASE(a_walk_comes_back_to_the_only_block),
	KUNIT_CASE(an_unmarked_block_is_left_out),
	KUNIT_CASE(only_walked_blocks_are_marked),
	{}
};

static struct kunit_suite blocks_suite = {
	.name = "fsc_blocks",
	.init = blocks_init,
	.exit = blocks_exit,
	.test_cases = blocks_cases,
};

kunit_test_suites(&blocks_suite);
