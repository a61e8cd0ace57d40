// SPDX-License-Identifier: GPL-2.0
/* Memdesc words and the memdesc map. */
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

#define FIRST_FRAME	(3 * pageblock_nr_pages)
#define NR_FRAMES	(2 * pageblock_nr_pages)

static void each_frame_has_a_word_of_its_own(struct kunit *test)
{
	struct fsc_memdesc_map *map = test->priv;
	unsigned long pfn;

	for (pfn = FIRST_FRAME; pfn < FIRST_FRAME + NR_FRAMES; pfn++) {
		KUNIT_EXPECT_EQ(test, *fsc_memdesc_slot(map, pfn), 0);
		*fsc_memdesc_slot(map, pfn) = pfn;
	}
	for (pfn = FIRST_FRAME; pfn < FIRST_FRAME + NR_FRAMES; pfn++)
		KUNIT_EXPECT_EQ(test, *fsc_memdesc_slot(map, pfn), pfn);
	KUNIT_EXPECT_PTR_EQ(test, fsc_memdesc_slot(map, FIRST_FRAME), map->words);
}

static void all_frames_of_a_folio_are_published(struct kunit *test)
{
	struct fsc_memdesc_map *map = test->priv;
	unsigned long *slot = fsc_memdesc_slot(map, FIRST_FRAME + 8);
	unsigned int i;

	fsc_memdesc_publish(map, FIRST_FRAME + 8, 0x123451, 4);
	for (i = 0; i < 4; i++)
		KUNIT_EXPECT_EQ(test, slot[i], 0x123451);
	KUNIT_EXPECT_EQ(test, slot[-1], 0);
	KUNIT_EXPECT_EQ(test, slot[4], 0);
}

static void the_machine_has_the_frame_of_a_page(struct kunit *test)
{
	struct page *page = alloc_page(GFP_KERNEL);
	struct fsc_frames frames;

	KUNIT_ASSERT_NOT_NULL(test, page);
	fsc_frames_get(&frames);
	KUNIT_EXPECT_TRUE(test, fsc_frames_have(&frames, page_to_pfn(page)));
	KUNIT_EXPECT_TRUE(test, fsc_frames_have(&frames, frames.first));
	KUNIT_EXPECT_TRUE(test, fsc_frames_have(&frames, frames.end - 1));
	KUNIT_EXPECT_FALSE(test, fsc_frames_have(&frames, frames.end));
	KUNIT_EXPECT_FALSE(test, fsc_frames_have(&frames, frames.first - 1));
	KUNIT_EXPECT_EQ(test, frames.first % pageblock_nr_pages, 0);
	KUNIT_EXPECT_EQ(test, frames.end % pageblock_nr_pages, 0);
	__free_page(page);
}

static int memdesc_init(struct kunit *test)
{
	struct fsc_frames frames = { FIRST_FRAME, FIRST_FRAME + NR_FRAMES };
	struct fsc_memdesc_map *map = kunit_kzalloc(test, sizeof(*map), GFP_KERNEL);

	if (!map)
		return -ENOMEM;
	test->priv = map;
	return fsc_memdesc_map_init(map, &frames);
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
	KUNIT_CASE(each_frame_has_a_word_of_its_own),
	KUNIT_CASE(all_frames_of_a_folio_are_published),
	KUNIT_CASE(the_machine_has_the_frame_of_a_page),
	{}
};

static struct kunit_suite memdesc_suite = {
	.name = "fsc_memdesc",
	.init = memdesc_init,
	.exit = memdesc_exit,
	.test_cases = memdesc_cases,
};

kunit_test_suites(&memdesc_suite);
