// SPDX-License-Identifier: GPL-2.0
/*
 * Sections of the memdesc map: allocated on demand, kept until the run ends.
 *
 * Walkers skip pageblocks without words. A block's bit is set after its first
 * word was written, and cleared by a walker that saw no word. Each side writes
 * its own part and then checks the other's, so that a block with words always
 * gets its bit: a publisher writes words, smp_mb(), checks the bit; a walker
 * clears the bit, smp_mb(), checks the words. Bits are rarely written, so
 * allocating threads do not share a dirty cache line.
 */
#include <kunit/visibility.h>
#include <linux/bitmap.h>
#include <linux/bitops.h>
#include <linux/build_bug.h>
#include <linux/export.h>
#include <linux/mm.h>
#include <linux/mmzone.h>
#include <linux/pageblock-flags.h>
#include <linux/slab.h>

#include <folioscale/compat.h>
#include <folioscale/memdesc.h>

/**
 * fsc_memdesc_map_init - make an empty map
 * @map: to be filled in
 *
 * Context: Process context, may sleep.
 * Return: 0 or -ENOMEM.
 */
int fsc_memdesc_map_init(struct fsc_memdesc_map *map)
{
	map->nr_roots = BIT(MAX_PHYSMEM_BITS - PAGE_SHIFT - FSC_SECTION_SHIFT - FSC_ROOT_SHIFT);
	map->roots = kvcalloc(map->nr_roots, sizeof(*map->roots), GFP_KERNEL);
	atomic_long_set(&map->first, map->nr_roots << FSC_ROOT_SHIFT);
	return map->roots ? 0 : -ENOMEM;
}
EXPORT_SYMBOL_IF_KUNIT(fsc_memdesc_map_init);

/**
 * fsc_memdesc_map_destroy - free a map and all its sections
 * @map: a map that nobody reads any more; does nothing if it is all zero
 *
 * Context: Process context, may sleep.
 */
void fsc_memdesc_map_destroy(struct fsc_memdesc_map *map)
{
	unsigned long i, j;

	if (!map->roots)
		return;
	for (i = 0; i < map->nr_roots; i++) {
		if (!map->roots[i])
			continue;
		for (j = 0; j < FSC_ROOT_SECTIONS; j++)
			kvfree(map->roots[i]->words[j]);
		kfree(map->roots[i]);
	}
	kvfree(map->roots);
	map->roots = NULL;
}
EXPORT_SYMBOL_IF_KUNIT(fsc_memdesc_map_destroy);

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

/**
 * fsc_memdesc_slot_alloc - find the word of a frame, and allocate its section
 * @map: the map
 * @pfn: a frame that exists
 * @gfp: how to allocate a missing section
 *
 * After mm/sparse.c:sparse_index_init, but lockless: if two threads allocate
 * the same section, one of them frees its own.
 *
 * Context: Process context, may sleep if @gfp allows it.
 * Return: The word's address, NULL when out of memory.
 */
unsigned long *fsc_memdesc_slot_alloc(struct fsc_memdesc_map *map, unsigned long pfn, gfp_t gfp)
{
	unsigned long section = pfn >> FSC_SECTION_SHIFT;
	unsigned long *slot = fsc_memdesc_slot(map, pfn);
	struct fsc_memdesc_root **root, *there;
	unsigned long **words;
	void *new;

	if (likely(slot))
		return slot;
	if (WARN_ON_ONCE(section >> FSC_ROOT_SHIFT >= map->nr_roots))
		return NULL;

	root = &map->roots[section >> FSC_ROOT_SHIFT];
	if (!READ_ONCE(*root)) {
		new = kzalloc_obj(**root, gfp);
		if (!new)
			return NULL;
		/* Publishes the zeroed memory; pairs with the loads of fsc_memdesc_slot(). */
		if (cmpxchg(root, NULL, new))
			kfree(new);
	}
	there = READ_ONCE(*root);
	words = &there->words[section & (FSC_ROOT_SECTIONS - 1)];
	if (!READ_ONCE(*words)) {
		new = kvcalloc(FSC_SECTION_FRAMES, sizeof(**words), gfp);
		if (!new)
			return NULL;
		/* As above. */
		if (cmpxchg(words, NULL, new))
			kvfree(new);
	}
	set_bit(section & (FSC_ROOT_SECTIONS - 1), there->there);
	lower(&map->first, section);
	raise(&map->end, section + 1);
	return fsc_memdesc_slot(map, pfn);
}
EXPORT_SYMBOL_IF_KUNIT(fsc_memdesc_slot_alloc);

static unsigned long *blocks_of(struct fsc_memdesc_map *map, unsigned long section)
{
	struct fsc_memdesc_root *root = READ_ONCE(map->roots[section >> FSC_ROOT_SHIFT]);

	return root ? &root->blocks[section & (FSC_ROOT_SECTIONS - 1)] : NULL;
}

static unsigned long block_of(unsigned long pfn)
{
	BUILD_BUG_ON(FSC_SECTION_FRAMES / pageblock_nr_pages > BITS_PER_LONG);
	return pfn % FSC_SECTION_FRAMES / pageblock_nr_pages;
}

/**
 * fsc_memdesc_mark - set the bit of a pageblock that has words
 * @map: the map
 * @pfn: a frame whose word was written
 *
 * Context: Any.
 */
void fsc_memdesc_mark(struct fsc_memdesc_map *map, unsigned long pfn)
{
	unsigned long *blocks = blocks_of(map, pfn >> FSC_SECTION_SHIFT);

	/* Order the word before the bit; pairs with the barrier in fsc_memdesc_unmark(). */
	smp_mb();
	if (!test_bit(block_of(pfn), blocks))
		set_bit(block_of(pfn), blocks);
}
EXPORT_SYMBOL_IF_KUNIT(fsc_memdesc_mark);

/**
 * fsc_memdesc_unmark - clear the bit of a pageblock that had no words
 * @map: the map
 * @pfn: its first frame
 *
 * Context: Any.
 */
void fsc_memdesc_unmark(struct fsc_memdesc_map *map, unsigned long pfn)
{
	unsigned long *blocks = blocks_of(map, pfn >> FSC_SECTION_SHIFT);
	const unsigned long *slot = fsc_memdesc_slot(map, pfn);
	unsigned int i;

	clear_bit(block_of(pfn), blocks);
	/* Order the bit before the words; pairs with the smp_mb() in fsc_memdesc_mark(). */
	smp_mb__after_atomic();
	for (i = 0; i < pageblock_nr_pages; i++) {
		if (READ_ONCE(slot[i])) {
			set_bit(block_of(pfn), blocks);
			return;
		}
	}
}
EXPORT_SYMBOL_IF_KUNIT(fsc_memdesc_unmark);

/*
 * Return: the first section at or after @section that exists; @end or more if
 * there is none below @end. Steps over a word of bits at a time, or over a
 * missing root, which is 64 GiB of memory. Not find_next_bit(): the call was
 * most of the cost of a near step.
 */
static_assert(FSC_ROOT_SECTIONS % BITS_PER_LONG == 0);

static unsigned long next_there(struct fsc_memdesc_map *map, unsigned long section,
				unsigned long end)
{
	while (section < end) {
		const struct fsc_memdesc_root *root =
			READ_ONCE(map->roots[section >> FSC_ROOT_SHIFT]);
		unsigned long at = section & (FSC_ROOT_SECTIONS - 1), there = 0;
		unsigned long step = root ? BITS_PER_LONG : FSC_ROOT_SECTIONS;

		if (root)
			there = READ_ONCE(root->there[BIT_WORD(at)]) >> (at % BITS_PER_LONG);
		if (there)
			return section + __ffs(there);
		section = round_down(section, step) + step;
	}
	return section;
}

/**
 * fsc_memdesc_next_block - find the next pageblock for a walker
 * @map: the map
 * @pfn: where the walker is, the first frame of a block
 *
 * Steps between sections must be cheap, because the number of sections that the
 * blocks of a walk are in is random.
 *
 * Context: Any.
 * Return: First frame of the first block at or after @pfn that may have words; wraps around to
 * the first one. 0 if there is none, or if it is block 0: a walker may look there anyway.
 */
unsigned long fsc_memdesc_next_block(struct fsc_memdesc_map *map, unsigned long pfn)
{
	unsigned long first = atomic_long_read(&map->first), end = atomic_long_read(&map->end);
	unsigned long section = pfn >> FSC_SECTION_SHIFT, from = block_of(pfn);
	bool again = false;

	for (;;) {
		unsigned long *blocks = section < end ? blocks_of(map, section) : NULL;
		unsigned long left = blocks ? READ_ONCE(*blocks) >> from : 0;

		if (left)
			return (section << FSC_SECTION_SHIFT) +
			       (from + __ffs(left)) * pageblock_nr_pages;
		from = 0;
		section = next_there(map, max(section + 1, first), end);
		if (section < end)
			continue;
		/* Wrap around once, to search the sections before the starting point. */
		if (again)
			return 0;
		again = true;
		section = first;
	}
}
EXPORT_SYMBOL_IF_KUNIT(fsc_memdesc_next_block);
