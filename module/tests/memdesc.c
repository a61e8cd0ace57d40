// SPDX-License-Identifier: GPL-2.0
/* Memdesc words, the memdesc map, and the walk over its pageblocks. */
#include <kunit/test.h>
#include <linux/mm.h>
#include <linux/mmzone.h>
#include <linux/pageblock-flags.h>

#include <folioscale/folio.h>
#include <folioscale/memdesc.h>

static void words_tell_what_they_were_made_of(struct kunit *test)
{
	static struct fsc_folio folios[2];
	unsigned int i, type;

	for (i = 0; i < ARRAY_SIZE(folios); i++) {
		void *desc = &folios[i];

		/* All types, including those not defined yet. */
		for (type = FSC_MEMDESC_NONE; type <= FSC_MEMDESC_TYPE_MASK; type++) {
			unsigned long word = fsc_memdesc_word(desc, type);

			KUNIT_EXPECT_EQ(test, fsc_memdesc_type(word), type);
			KUNIT_EXPECT_PTR_EQ(test, fsc_memdesc_desc(word), desc);
			KUNIT_EXPECT_PTR_EQ(test, fsc_memdesc_folio(word),
					    type == FSC_MEMDESC_FILE ? desc : NULL);
		}
	}
}

static void words_need_no_descriptor(struct kunit *test)
{
	unsigned long word = fsc_memdesc_word(NULL, FSC_MEMDESC_MISC);

	KUNIT_EXPECT_EQ(test, fsc_memdesc_type(word), FSC_MEMDESC_MISC);
	KUNIT_EXPECT_NULL(test, fsc_memdesc_desc(word));
	KUNIT_EXPECT_NULL(test, fsc_memdesc_folio(word));
	/* The word of a frame that is not ours. */
	KUNIT_EXPECT_EQ(test, fsc_memdesc_type(0), FSC_MEMDESC_NONE);
	KUNIT_EXPECT_NULL(test, fsc_memdesc_folio(0));
}

static unsigned long map_end(const struct fsc_memdesc_map *map)
{
	return map->nr_roots << (FSC_ROOT_SHIFT + FSC_SECTION_SHIFT);
}

static void frames_are_missing_at_first(struct kunit *test)
{
	struct fsc_memdesc_map *map = test->priv;

	KUNIT_EXPECT_NULL(test, fsc_memdesc_slot(map, 0));
	KUNIT_EXPECT_NULL(test, fsc_memdesc_slot(map, map_end(map) - 1));
	KUNIT_EXPECT_EQ(test, fsc_memdesc_next_block(map, 0), 0);
	KUNIT_EXPECT_EQ(test, fsc_memdesc_next_block(map, map_end(map) - pageblock_nr_pages), 0);
}

static void frames_beyond_the_map_have_no_word(struct kunit *test)
{
	struct fsc_memdesc_map *map = test->priv;

	/* The last root exists, so only the bound keeps larger numbers out. */
	KUNIT_ASSERT_NOT_NULL(test, fsc_memdesc_slot_alloc(map, map_end(map) - 1, GFP_KERNEL));
	KUNIT_EXPECT_NULL(test, fsc_memdesc_slot(map, map_end(map)));
	KUNIT_EXPECT_NULL(test, fsc_memdesc_slot(map, ULONG_MAX));
}

static void each_frame_has_a_word_of_its_own(struct kunit *test)
{
	struct fsc_memdesc_map *map = test->priv;
	/* Both ends of a section, its neighbours, another root, and the last frame. */
	const unsigned long pfns[] = {
		FSC_SECTION_FRAMES,
		2 * FSC_SECTION_FRAMES - 1,
		2 * FSC_SECTION_FRAMES,
		4 * FSC_SECTION_FRAMES + 5,
		FSC_ROOT_SECTIONS * FSC_SECTION_FRAMES + 5,
		map_end(map) - 1,
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(pfns); i++) {
		unsigned long *slot = fsc_memdesc_slot_alloc(map, pfns[i], GFP_KERNEL);

		KUNIT_ASSERT_NOT_NULL(test, slot);
		KUNIT_EXPECT_PTR_EQ(test, fsc_memdesc_slot(map, pfns[i]), slot);
		KUNIT_EXPECT_EQ(test, *slot, 0);
		*slot = pfns[i];
	}
	for (i = 0; i < ARRAY_SIZE(pfns); i++) {
		unsigned long *slot = fsc_memdesc_slot_alloc(map, pfns[i], GFP_KERNEL);

		KUNIT_ASSERT_NOT_NULL(test, slot);
		KUNIT_EXPECT_PTR_EQ(test, fsc_memdesc_slot(map, pfns[i]), slot);
		KUNIT_EXPECT_EQ(test, *slot, pfns[i]);
	}
	KUNIT_EXPECT_PTR_EQ(test, fsc_memdesc_slot(map, 2 * FSC_SECTION_FRAMES - 1),
			    fsc_memdesc_slot(map, FSC_SECTION_FRAMES) + FSC_SECTION_FRAMES - 1);
	/* Sections that were not allocated. */
	KUNIT_EXPECT_NULL(test, fsc_memdesc_slot(map, FSC_SECTION_FRAMES - 1));
	KUNIT_EXPECT_NULL(test, fsc_memdesc_slot(map, 3 * FSC_SECTION_FRAMES));
	KUNIT_EXPECT_NULL(test, fsc_memdesc_slot(map, map_end(map) - FSC_SECTION_FRAMES - 1));
}

static void all_frames_of_a_folio_are_published(struct kunit *test)
{
	struct fsc_memdesc_map *map = test->priv;
	unsigned long pfn = 3 * FSC_SECTION_FRAMES + 8;
	unsigned long *slot = fsc_memdesc_slot_alloc(map, pfn, GFP_KERNEL);
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, slot);
	fsc_memdesc_publish(map, pfn, 0x123451, 4);
	for (i = 0; i < 4; i++)
		KUNIT_EXPECT_EQ(test, slot[i], 0x123451);
	KUNIT_EXPECT_EQ(test, slot[-1], 0);
	KUNIT_EXPECT_EQ(test, slot[4], 0);
	/* Without walkers the bits of blocks are not written. */
	KUNIT_EXPECT_EQ(test, fsc_memdesc_next_block(map, 0), 0);
	map->walked = true;
	fsc_memdesc_publish(map, pfn, 0x123451, 4);
	KUNIT_EXPECT_EQ(test, fsc_memdesc_next_block(map, 0), 3 * FSC_SECTION_FRAMES);
}

static void publish(struct kunit *test, unsigned long pfn)
{
	struct fsc_memdesc_map *map = test->priv;

	map->walked = true;
	KUNIT_ASSERT_NOT_NULL(test, fsc_memdesc_slot_alloc(map, pfn, GFP_KERNEL));
	fsc_memdesc_publish(map, pfn, fsc_memdesc_word(NULL, FSC_MEMDESC_MISC), 1);
}

static void a_walk_meets_each_block_and_wraps(struct kunit *test)
{
	struct fsc_memdesc_map *map = test->priv;
	/* Two in one section, the last of the next section, and one near the end of a far root. */
	const unsigned long blocks[] = {
		5 * FSC_SECTION_FRAMES + 3 * pageblock_nr_pages,
		5 * FSC_SECTION_FRAMES + 7 * pageblock_nr_pages,
		7 * FSC_SECTION_FRAMES - pageblock_nr_pages,
		map_end(map) / 2 - FSC_SECTION_FRAMES,
	};
	const unsigned int nr = ARRAY_SIZE(blocks);
	unsigned int i;

	/* A section may exist and be empty. */
	KUNIT_ASSERT_NOT_NULL(test, fsc_memdesc_slot_alloc(map, 3 * FSC_SECTION_FRAMES,
							   GFP_KERNEL));
	for (i = 0; i < nr; i++)
		publish(test, blocks[i] + 2 * i);
	KUNIT_EXPECT_EQ(test, fsc_memdesc_next_block(map, 0), blocks[0]);
	for (i = 0; i < nr; i++) {
		/* From the block, and from after it. */
		KUNIT_EXPECT_EQ(test, fsc_memdesc_next_block(map, blocks[i]), blocks[i]);
		KUNIT_EXPECT_EQ(test, fsc_memdesc_next_block(map, blocks[i] + pageblock_nr_pages),
				blocks[(i + 1) % nr]);
	}
	/* From a missing section, at any offset; and from after the last block. */
	KUNIT_EXPECT_EQ(test, fsc_memdesc_next_block(map, 4 * FSC_SECTION_FRAMES +
						     5 * pageblock_nr_pages), blocks[0]);
	KUNIT_EXPECT_EQ(test, fsc_memdesc_next_block(map, 100 * FSC_SECTION_FRAMES),
			blocks[nr - 1]);
	KUNIT_EXPECT_EQ(test, fsc_memdesc_next_block(map, map_end(map) - pageblock_nr_pages),
			blocks[0]);
}

static void a_walk_comes_back_to_the_only_block(struct kunit *test)
{
	struct fsc_memdesc_map *map = test->priv;
	unsigned long block = 6 * FSC_SECTION_FRAMES + 4 * pageblock_nr_pages;

	publish(test, block);
	KUNIT_EXPECT_EQ(test, fsc_memdesc_next_block(map, block + pageblock_nr_pages), block);
	KUNIT_EXPECT_EQ(test, fsc_memdesc_next_block(map, 7 * FSC_SECTION_FRAMES), block);
	KUNIT_EXPECT_EQ(test, fsc_memdesc_next_block(map, 7 * FSC_SECTION_FRAMES +
						     9 * pageblock_nr_pages), block);
}

static void only_empty_blocks_are_unmarked(struct kunit *test)
{
	struct fsc_memdesc_map *map = test->priv;
	unsigned long block = 6 * FSC_SECTION_FRAMES + 4 * pageblock_nr_pages;
	unsigned long next = block + pageblock_nr_pages;
	unsigned long last = next - 1;

	publish(test, last);
	publish(test, next);
	fsc_memdesc_unmark(map, block);
	KUNIT_EXPECT_EQ(test, fsc_memdesc_next_block(map, block), block);
	fsc_memdesc_set(fsc_memdesc_slot(map, last), 0, 1);
	/* Still marked: no walker has looked. */
	KUNIT_EXPECT_EQ(test, fsc_memdesc_next_block(map, block), block);
	fsc_memdesc_unmark(map, block);
	KUNIT_EXPECT_EQ(test, fsc_memdesc_next_block(map, block), next);
	fsc_memdesc_set(fsc_memdesc_slot(map, next), 0, 1);
	fsc_memdesc_unmark(map, next);
	KUNIT_EXPECT_EQ(test, fsc_memdesc_next_block(map, block), 0);
	/* Mark it again. */
	fsc_memdesc_mark(map, last);
	KUNIT_EXPECT_EQ(test, fsc_memdesc_next_block(map, next), block);
}

static int memdesc_init(struct kunit *test)
{
	struct fsc_memdesc_map *map = kunit_kzalloc(test, sizeof(*map), GFP_KERNEL);

	if (!map)
		return -ENOMEM;
	test->priv = map;
	return fsc_memdesc_map_init(map);
}

static void memdesc_exit(struct kunit *test)
{
	struct fsc_memdesc_map *map = test->priv;

	if (!map)
		return;
	fsc_memdesc_map_destroy(map);
	/* A second call is allowed, for callers that unwind twice. */
	fsc_memdesc_map_destroy(map);
}

static struct kunit_case memdesc_cases[] = {
	KUNIT_CASE(words_tell_what_they_were_made_of),
	KUNIT_CASE(words_need_no_descriptor),
	KUNIT_CASE(frames_are_missing_at_first),
	KUNIT_CASE(frames_beyond_the_map_have_no_word),
	KUNIT_CASE(each_frame_has_a_word_of_its_own),
	KUNIT_CASE(all_frames_of_a_folio_are_published),
	KUNIT_CASE(a_walk_meets_each_block_and_wraps),
	KUNIT_CASE(a_walk_comes_back_to_the_only_block),
	KUNIT_CASE(only_empty_blocks_are_unmarked),
	{}
};

static struct kunit_suite memdesc_suite = {
	.name = "fsc_memdesc",
	.init = memdesc_init,
	.exit = memdesc_exit,
	.test_cases = memdesc_cases,
};

kunit_test_suites(&memdesc_suite);
