// SPDX-License-Identifier: GPL-2.0
/*
 * Open-coded lookups for each path and protocol, without the harness. `make
 * icount` compares the harness's loops with them.
 *
 * insmod fsc_opencoded.ko path=NAME protocol=NAME lookups=N runs the loop on a
 * bound kthread before it returns, and creates fsc_opencoded/result in debugfs.
 * There are one mapping, 1,024 order-0 folios, uniform keys and no freer. Only
 * types and their inline helpers are shared with the module: descriptor, stamp,
 * generator, and access to memdesc words.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/completion.h>
#include <linux/debugfs.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/seq_file.h>
#include <linux/slab.h>

#include <folioscale/clock.h>

#include "opencoded.h"

/* Steps between calls of cond_resched(), about as in the harness's batches. */
#define BATCH		4096

static char *path = "pagecache";
module_param(path, charp, 0444);
MODULE_PARM_DESC(path, "how folios are found: pagecache, gup or pfn; tmpfs: what the kernel itself does with a file");

static char *protocol = "typesafe";
module_param(protocol, charp, 0444);
MODULE_PARM_DESC(protocol, "protocol whose loop to run; an unknown one lists those of the path");

static unsigned int lookups = 1000000;
module_param(lookups, uint, 0444);
MODULE_PARM_DESC(lookups, "how many; on the pfn path frames, and rounded up to all blocks");

static const struct fsc_opencoded_path *const paths[] = {
	&fsc_opencoded_pagecache,
	&fsc_opencoded_gup,
	&fsc_opencoded_pfn,
	&fsc_opencoded_tmpfs,
};

struct fsc_opencoded_world fsc_opencoded = { .wildcard = (const void *)1 };
DEFINE_PER_CPU_ALIGNED(struct fsc_opencoded_slots, fsc_opencoded_slots);

static const struct fsc_opencoded_path *chosen_path;
static const struct fsc_opencoded_loop *chosen;
static struct kmem_cache *cache;
static unsigned int frames_left;
static struct dentry *dir;

static struct {
	u64 lookups;
	u64 steps;
	u64 hits;
	u64 ns;
	bool good;
} found;

/**
 * fsc_opencoded_last_put - someone put the reference of a slot
 *
 * With freers this would free the folio. Here it is a mistake, and the result
 * is not good.
 *
 * Context: Any.
 */
noinline void fsc_opencoded_last_put(void)
{
	fsc_opencoded.lost = true;
}

/**
 * fsc_opencoded_other_slot - the first slot of this CPU is taken
 * @hazard: the reader's
 *
 * Context: Preemption is off.
 * Return: Where the reader says what it protects.
 */
noinline const void **fsc_opencoded_other_slot(struct fsc_opencoded_hazard *hazard)
{
	struct fsc_opencoded_slots *own = this_cpu_ptr(&fsc_opencoded_slots);
	unsigned int i;

	for (i = 1; i < FSC_OPENCODED_SLOTS; i++) {
		if (READ_ONCE(own->slot[i].value))
			continue;
		own->slot[i].owner = hazard;
		return &own->slot[i].value;
	}
	return &hazard->backup;
}

/**
 * fsc_opencoded_backup_used - a reader is done with its backup slot
 *
 * With freers they would have looked for it on a list. With one reader it is a
 * mistake, and the result is not good.
 *
 * Context: Any.
 */
noinline void fsc_opencoded_backup_used(void)
{
	fsc_opencoded.lost = true;
}

/**
 * fsc_opencoded_all_hit - is the result good, for a path on which every lookup must hit?
 * @lookups: number of lookups
 * @hits: how many of them found the right folio
 *
 * Context: Any.
 * Return: true if it is.
 */
bool fsc_opencoded_all_hit(u64 lookups, u64 hits)
{
	return hits == lookups;
}

/**
 * fsc_opencoded_is_overlay - are the folios of the chosen loop struct folio?
 *
 * Context: Any.
 * Return: true if they are.
 */
bool fsc_opencoded_is_overlay(void)
{
	return chosen->overlay;
}

/**
 * fsc_opencoded_pfn_of - first frame of a folio
 * @folio: of the chosen loop's kind
 *
 * Context: Any.
 * Return: The frame number.
 */
unsigned long fsc_opencoded_pfn_of(const void *folio)
{
	return chosen->overlay ? folio_pfn((struct folio *)folio) :
				 ((const struct fsc_folio *)folio)->pfn;
}

/**
 * fsc_opencoded_block - allocate another pageblock
 * @compound: as one large folio; otherwise as single pages
 *
 * Frames are taken from whole blocks, so that the number of blocks to walk does
 * not depend on fragmentation of free memory.
 *
 * Context: Process context, may sleep.
 * Return: First frame of the block; 0 when out of memory.
 */
unsigned long fsc_opencoded_block(bool compound)
{
	struct page *page;

	if (WARN_ON_ONCE(fsc_opencoded.nr_blocks == FSC_OPENCODED_BLOCKS_MAX))
		return 0;
	page = alloc_pages(GFP_KERNEL | __GFP_NOWARN | (compound ? __GFP_COMP : 0),
			   pageblock_order);
	if (!page)
		return 0;
	if (!compound)
		split_page(page, pageblock_order);
	fsc_opencoded.blocks[fsc_opencoded.nr_blocks++] = page_to_pfn(page);
	return page_to_pfn(page);
}

/**
 * fsc_opencoded_frame - take a page from the blocks allocated for that
 *
 * Context: Process context, may sleep.
 * Return: The page, which is freed with its block; NULL when out of memory.
 */
struct page *fsc_opencoded_frame(void)
{
	static unsigned long block;

	if (!frames_left) {
		block = fsc_opencoded_block(false);
		if (!block)
			return NULL;
		frames_left = pageblock_nr_pages;
	}
	return pfn_to_page(block + pageblock_nr_pages - frames_left--);
}

static void free_blocks(void)
{
	unsigned int i, j;

	for (i = 0; i < fsc_opencoded.nr_blocks; i++) {
		struct page *page = pfn_to_page(fsc_opencoded.blocks[i]);

		if (PageCompound(page)) {
			set_page_private(page, 0);
			__free_pages(page, pageblock_order);
			continue;
		}
		for (j = 0; j < pageblock_nr_pages; j++) {
			/* Or a walker of the harness might take the page for its own. */
			set_page_private(page + j, 0);
			__free_page(page + j);
		}
	}
}

static void *make_descriptor(struct page *page, u32 key)
{
	struct fsc_folio *desc = kmem_cache_zalloc(cache, GFP_KERNEL);

	if (!desc)
		return NULL;
	desc->mapping = &fsc_opencoded.mapping;
	desc->index = key;
	desc->generation = FSC_OPENCODED_GENERATION;
	desc->pfn = page_to_pfn(page);
	atomic_set(&desc->refcount, 1);
	return desc;
}

/* As in the harness's overlay: the identity is in index and private. */
static void *make_overlay(struct page *page, u32 key, u64 generation)
{
	struct folio *folio = page_folio(page);

	folio->index = key;
	folio->private = (void *)generation;
	return folio;
}

static int add_folio(u32 key)
{
	struct page *page = fsc_opencoded_frame();
	u64 generation = FSC_OPENCODED_GENERATION;
	void *folio;
	int err;

	if (!page)
		return -ENOMEM;
	/* Walkers of struct page tell folios apart by it. */
	if (chosen->overlay)
		generation |= (u64)key << FSC_GENERATION_COUNT_SHIFT;
	fsc_stamp_write(fsc_stamp_of(page_to_pfn(page)), key, generation, 0, FSC_LINE_BYTES);
	folio = chosen->overlay ? make_overlay(page, key, generation) : make_descriptor(page, key);
	if (!folio)
		return -ENOMEM;
	err = xa_err(xa_store(&fsc_opencoded.mapping.pages, key, folio, GFP_KERNEL));
	if (err && !chosen->overlay)
		kmem_cache_free(cache, folio);
	if (!err && !chosen->overlay)
		*fsc_memdesc_slot(&fsc_opencoded.map, page_to_pfn(page)) =
			fsc_memdesc_word(folio, FSC_MEMDESC_FILE);
	return err;
}

static int add_folios(void)
{
	u32 key;
	int err;

	for (key = 0; key < FSC_OPENCODED_FOLIOS; key++) {
		err = add_folio(key);
		if (err)
			return err;
	}
	return 0;
}

/* Their memory belongs to the blocks. */
static void drop_folios(void)
{
	unsigned long key;
	void *folio;

	if (!chosen->overlay) {
		xa_for_each(&fsc_opencoded.mapping.pages, key, folio)
			kmem_cache_free(cache, folio);
	}
	xa_destroy(&fsc_opencoded.mapping.pages);
}

static void read_steps(struct fsc_stream *stream, u64 left)
{
	const unsigned int batch = max(BATCH / chosen_path->unit, 1U);

	while (left) {
		unsigned int n = min(left, batch);

		found.hits += chosen->read(stream, n);
		left -= n;
		cond_resched_tasks_rcu_qs();
	}
}

static int reader(void *arg)
{
	struct completion *done = arg;
	struct fsc_stream stream = { .state = 0x9e3779b97f4a7c15ULL };
	u64 from = fsc_clock();

	read_steps(&stream, found.steps);
	found.ns = fsc_clock_since(from);
	complete(done);
	return 0;
}

static int run(void)
{
	DECLARE_COMPLETION_ONSTACK(done);
	unsigned int cpu = cpumask_first(cpu_online_mask);
	struct task_struct *task;

	found.lookups = lookups;
	found.steps = chosen_path->steps ? chosen_path->steps(&found.lookups) : lookups;
	task = kthread_create_on_node(reader, &done, cpu_to_node(cpu), "fsc_opencoded");
	if (IS_ERR(task))
		return PTR_ERR(task);
	kthread_bind(task, cpu);
	get_task_struct(task);
	wake_up_process(task);
	wait_for_completion(&done);
	/* Wait: it may still execute code of this module. */
	kthread_stop_put(task);
	found.good = !fsc_opencoded.lost && chosen_path->good(found.lookups, found.hits);
	return 0;
}

static int result_show(struct seq_file *m, void *unused)
{
	seq_printf(m, "{\"path\": \"%s\", \"protocol\": \"%s\", ", chosen_path->name,
		   chosen->protocol);
	seq_printf(m, "\"lookups\": %llu, \"hits\": %llu, \"good\": %u, ", found.lookups,
		   found.hits, found.good);
	seq_printf(m, "\"ns\": %llu}\n", found.ns);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(result);

/* Find the loop, or print what is allowed. */
static int choose_loop(void)
{
	const struct fsc_opencoded_loop *loop;
	char allowed[128];
	unsigned int i;
	size_t at = 0;

	for (i = 0; i < ARRAY_SIZE(paths); i++) {
		if (!strcmp(path, paths[i]->name))
			chosen_path = paths[i];
	}
	if (!chosen_path) {
		for (i = 0; i < ARRAY_SIZE(paths); i++)
			at += scnprintf(allowed + at, sizeof(allowed) - at, "%s%s", i ? ", " : "",
					paths[i]->name);
		pr_err("path=%s: allowed: %s\n", path, allowed);
		return -EINVAL;
	}
	for (loop = chosen_path->loops; loop->protocol; loop++) {
		if (!strcmp(protocol, loop->protocol))
			chosen = loop;
		at += scnprintf(allowed + at, sizeof(allowed) - at, "%s%s", at ? ", " : "",
				loop->protocol);
	}
	if (!chosen) {
		pr_err("protocol=%s: allowed: %s with path=%s\n", protocol, allowed, path);
		return -EINVAL;
	}
	return 0;
}

static int __init opencoded_init(void)
{
	struct fsc_frames frames;
	int err = choose_loop();

	if (err)
		return err;
	xa_init(&fsc_opencoded.mapping.pages);
	seqcount_spinlock_init(&fsc_opencoded.mapping.delete_seq,
			       &fsc_opencoded.mapping.pages.xa_lock);
	cache = kmem_cache_create("fsc_opencoded_desc", sizeof(struct fsc_folio), NULL,
				  SLAB_NO_MERGE);
	if (!cache)
		return -ENOMEM;
	fsc_frames_get(&frames);
	err = fsc_memdesc_map_init(&fsc_opencoded.map, &frames);
	if (err)
		goto destroy_cache;
	err = add_folios();
	if (!err && chosen_path->set_up)
		err = chosen_path->set_up();
	if (!err)
		err = run();
	/* Free what the loop has walked in any case: only the figures are kept. */
	if (chosen_path->tear_down)
		chosen_path->tear_down();
	drop_folios();
	free_blocks();
	fsc_memdesc_map_destroy(&fsc_opencoded.map);
destroy_cache:
	kmem_cache_destroy(cache);
	if (err)
		return err;
	dir = debugfs_create_dir("fsc_opencoded", NULL);
	debugfs_create_file("result", 0400, dir, NULL, &result_fops);
	return 0;
}

static void __exit opencoded_exit(void)
{
	debugfs_remove(dir);
}

module_init(opencoded_init);
module_exit(opencoded_exit);

MODULE_DESCRIPTION("folioscale's lookups written by hand, to compare the harness with");
MODULE_LICENSE("GPL");
