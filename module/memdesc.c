// SPDX-License-Identifier: GPL-2.0
/* The memdesc map's sections: made on demand, kept until the run ends. */
#include <linux/mm.h>
#include <linux/mmzone.h>
#include <linux/slab.h>

#include <folioscale/memdesc.h>

const char *const fsc_memdesc_type_names[FSC_NR_MEMDESC_TYPES] = {
	[FSC_MEMDESC_NONE] = "none",
	[FSC_MEMDESC_FILE] = "file",
};

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
	return map->roots ? 0 : -ENOMEM;
}

/**
 * fsc_memdesc_map_destroy - free a map and all its sections
 * @map: a map that nobody reads any more; one that is all zero is left alone
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
			kvfree(map->roots[i][j]);
		kfree(map->roots[i]);
	}
	kvfree(map->roots);
	map->roots = NULL;
}

/**
 * fsc_memdesc_slot_alloc - find the word of a frame, making its section
 * @map: the map
 * @pfn: a frame that exists
 * @gfp: how to allocate a section that is not there
 *
 * After mm/sparse.c:sparse_index_init, but lockless: of two threads that make
 * the same section one throws its own away.
 *
 * Context: Process context, may sleep if @gfp allows it.
 * Return: The word's address, NULL when there was no memory.
 */
unsigned long *fsc_memdesc_slot_alloc(struct fsc_memdesc_map *map, unsigned long pfn, gfp_t gfp)
{
	unsigned long section = pfn >> FSC_SECTION_SHIFT;
	unsigned long *slot = fsc_memdesc_slot(map, pfn);
	unsigned long ***root, **words;
	void *new;

	if (likely(slot))
		return slot;
	if (WARN_ON_ONCE(section >> FSC_ROOT_SHIFT >= map->nr_roots))
		return NULL;

	root = &map->roots[section >> FSC_ROOT_SHIFT];
	if (!READ_ONCE(*root)) {
		new = kcalloc(FSC_ROOT_SECTIONS, sizeof(**root), gfp);
		if (!new)
			return NULL;
		/* Releases the zeroed page; pairs with the loads of fsc_memdesc_slot(). */
		if (cmpxchg(root, NULL, new))
			kfree(new);
	}
	words = &(*root)[section & (FSC_ROOT_SECTIONS - 1)];
	if (!READ_ONCE(*words)) {
		new = kvcalloc(FSC_SECTION_FRAMES, sizeof(**words), gfp);
		if (!new)
			return NULL;
		/* As above. */
		if (cmpxchg(words, NULL, new))
			kvfree(new);
	}
	return fsc_memdesc_slot(map, pfn);
}
