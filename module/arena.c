// SPDX-License-Identifier: GPL-2.0
/* The frames that are not file folios: allocation, turnover, and what walkers do with them. */
#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/mmzone.h>
#include <linux/pageblock-flags.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include <folioscale/arena.h>
#include <folioscale/clock.h>
#include <folioscale/memdesc.h>
#include <folioscale/protocol.h>
#include <folioscale/run.h>
#include <folioscale/trace.h>

#define HUGETLB_PAGES	BIT(FSC_HUGETLB_ORDER)

/* Number of objects of a share, in proportion to @file pages; at least one hugetlb folio. */
static unsigned long share_nr(const struct fsc_mix *mix, enum fsc_share share, u64 file)
{
	u64 pages = div_u64(file * mix->weight[share], mix->weight[FSC_SHARE_FILE]);

	if (share == FSC_SHARE_FILE)
		return 0;
	if (share == FSC_SHARE_HUGETLB)
		return DIV_ROUND_UP_ULL(pages, HUGETLB_PAGES);
	return pages;
}

/**
 * fsc_arena_bytes - memory that the arena of a run takes
 * @run: a run whose config and orders are set
 *
 * Context: Process context, may sleep.
 * Return: Bytes.
 */
u64 fsc_arena_bytes(const struct fsc_run *run)
{
	u64 file = fsc_orders_pages(&run->orders, run->config.nr_folios), pages = 0;
	struct fsc_mix mix;
	unsigned int i;

	if (fsc_parse_mix(run->config.mix, &mix))
		return 0;
	for (i = 0; i < FSC_NR_SHARES; i++)
		pages += share_nr(&mix, i, file) * (i == FSC_SHARE_HUGETLB ? HUGETLB_PAGES : 1);
	return pages * (PAGE_SIZE + sizeof(unsigned long) + sizeof(struct fsc_uncounted) +
			sizeof(void *));
}

static struct page *fresh_frame(struct fsc_arena *arena)
{
	return pfn_to_page(arena->fresh + pageblock_nr_pages - arena->fresh_left--);
}

/**
 * fsc_arena_frame - allocate a single frame to populate the arena
 * @run: a run that is being set up or populated
 *
 * The page allocator starts with what earlier use left, page by page in any
 * number of blocks. 1,024 folios were in 5 to 26 blocks, and a walker that
 * passes five times as many frames for the same folios measures something else.
 * So single frames are taken from whole blocks, one block after the other.
 * Later turnovers take whatever the allocator returns.
 *
 * Context: Process context, may sleep. One caller at a time.
 * Return: A page of its own; NULL if there is no whole block, or if the run already has all the
 * single frames it starts with.
 */
struct page *fsc_arena_frame(struct fsc_run *run)
{
	struct fsc_arena *arena = run->map.walked ? fsc_arena_of(run) : NULL;
	struct page *page;

	if (!arena || !arena->fresh_wanted)
		return NULL;
	if (!arena->fresh_left) {
		page = alloc_pages(FSC_GFP, pageblock_order);
		if (!page)
			return NULL;
		split_page(page, pageblock_order);
		arena->fresh = page_to_pfn(page);
		arena->fresh_left = pageblock_nr_pages;
	}
	arena->fresh_wanted--;
	return fresh_frame(arena);
}

/* Allocate frames with memdesc words, owned by the caller; NULL when out of memory. */
static struct page *frames_alloc(struct fsc_run *run, unsigned int order, bool fresh)
{
	struct page *page = fresh ? fsc_arena_frame(run) : NULL;

	if (!page)
		page = alloc_pages(FSC_GFP, order);

	if (page && !fsc_memdesc_slot_alloc(&run->map, page_to_pfn(page), FSC_GFP)) {
		__free_pages(page, order);
		page = NULL;
	}
	return page;
}

static void frames_free(struct fsc_run *run, unsigned long pfn, unsigned int order)
{
	fsc_memdesc_set(fsc_memdesc_slot(&run->map, pfn), 0, 1U << order);
	__free_pages(pfn_to_page(pfn), order);
}

static enum fsc_memdesc_type type_of(enum fsc_share share)
{
	return share == FSC_SHARE_SLAB ? FSC_MEMDESC_SLAB : FSC_MEMDESC_PTDESC;
}

static struct fsc_uncounted *kept_take(struct fsc_arena *arena)
{
	struct fsc_uncounted *desc;

	spin_lock(&arena->kept_lock);
	desc = arena->kept;
	if (desc)
		arena->kept = desc->next;
	spin_unlock(&arena->kept_lock);
	return desc;
}

static void desc_free(struct fsc_run *run, struct fsc_uncounted *desc)
{
	struct fsc_arena *arena = fsc_arena_of(run);

	if (!run->loops->protocol->bug.touches_slab) {
		kmem_cache_free(arena->uncounted_cache, desc);
		return;
	}
	/* Hold back the last one, or it would get its old frame: see pool.c. */
	spin_lock(&arena->kept_lock);
	if (arena->kept_last) {
		arena->kept_last->next = arena->kept;
		arena->kept = arena->kept_last;
	}
	arena->kept_last = desc;
	spin_unlock(&arena->kept_lock);
}

static struct fsc_uncounted *uncounted_alloc(struct fsc_run *run, enum fsc_share share, bool fresh)
{
	struct fsc_arena *arena = fsc_arena_of(run);
	struct page *page = frames_alloc(run, 0, fresh);
	struct fsc_uncounted *desc;

	if (!page)
		return NULL;
	desc = run->loops->protocol->bug.touches_slab ? kept_take(arena) : NULL;
	if (!desc)
		desc = kmem_cache_alloc(arena->uncounted_cache, FSC_GFP);
	if (!desc) {
		__free_page(page);
		return NULL;
	}
	/* A touch_slab walker may read it. */
	WRITE_ONCE(desc->pfn, page_to_pfn(page));
	fsc_memdesc_publish(&run->map, desc->pfn, fsc_memdesc_word(desc, type_of(share)), 1);
	return desc;
}

static void uncounted_free(struct fsc_run *run, struct fsc_uncounted *desc)
{
	frames_free(run, desc->pfn, 0);
	desc_free(run, desc);
}

static struct fsc_folio *hugetlb_alloc(struct fsc_run *run)
{
	struct fsc_arena *arena = fsc_arena_of(run);
	struct page *page = frames_alloc(run, FSC_HUGETLB_ORDER, false);
	struct fsc_folio *folio;

	if (!page)
		return NULL;
	folio = kmem_cache_zalloc(arena->hugetlb_cache, FSC_GFP);
	if (!folio) {
		__free_pages(page, FSC_HUGETLB_ORDER);
		return NULL;
	}
	folio->flags = FSC_HUGETLB_FREE;
	folio->order = FSC_HUGETLB_ORDER;
	folio->pfn = page_to_pfn(page);
	fsc_memdesc_publish(&run->map, folio->pfn, fsc_memdesc_word(folio, FSC_MEMDESC_HUGETLB),
			    HUGETLB_PAGES);
	return folio;
}

static int fill_uncounted(struct fsc_run *run, enum fsc_share share)
{
	struct fsc_arena *arena = fsc_arena_of(run);
	unsigned long i;

	arena->uncounted[share] = kvcalloc(arena->nr[share], sizeof(struct fsc_uncounted *),
					   GFP_KERNEL);
	if (!arena->uncounted[share])
		return -ENOMEM;
	for (i = 0; i < arena->nr[share]; i++) {
		arena->uncounted[share][i] = uncounted_alloc(run, share, true);
		if (!arena->uncounted[share][i])
			return -ENOMEM;
		cond_resched();
	}
	return 0;
}

static int fill_hugetlb(struct fsc_run *run)
{
	struct fsc_arena *arena = fsc_arena_of(run);
	unsigned long i, nr = arena->nr[FSC_SHARE_HUGETLB];

	arena->hugetlb = kvcalloc(nr, sizeof(*arena->hugetlb), GFP_KERNEL);
	if (!arena->hugetlb)
		return -ENOMEM;
	for (i = 0; i < nr; i++) {
		arena->hugetlb[i] = hugetlb_alloc(run);
		if (!arena->hugetlb[i])
			return -ENOMEM;
	}
	return 0;
}

static int fill_misc(struct fsc_run *run)
{
	struct fsc_arena *arena = fsc_arena_of(run);
	unsigned long i, nr = arena->nr[FSC_SHARE_MISC];

	arena->misc = kvcalloc(nr, sizeof(*arena->misc), GFP_KERNEL);
	if (!arena->misc)
		return -ENOMEM;
	for (i = 0; i < nr; i++) {
		struct page *page = frames_alloc(run, 0, true);

		if (!page)
			return -ENOMEM;
		arena->misc[i] = page_to_pfn(page);
		fsc_memdesc_publish(&run->map, arena->misc[i],
				    fsc_memdesc_word(NULL, FSC_MEMDESC_MISC), 1);
		cond_resched();
	}
	return 0;
}

static int fill(struct fsc_run *run)
{
	struct fsc_arena *arena = fsc_arena_of(run);
	int err = 0;

	if (arena->nr[FSC_SHARE_SLAB])
		err = fill_uncounted(run, FSC_SHARE_SLAB);
	if (!err && arena->nr[FSC_SHARE_PTDESC])
		err = fill_uncounted(run, FSC_SHARE_PTDESC);
	if (!err && arena->nr[FSC_SHARE_HUGETLB])
		err = fill_hugetlb(run);
	if (!err && arena->nr[FSC_SHARE_MISC])
		err = fill_misc(run);
	return err;
}

/* Alignment leaves the low bits to the memdesc type, even with slab_debug. */
static struct kmem_cache *create_cache(const char *name, unsigned int size)
{
	struct kmem_cache_args args = { .align = FSC_MEMDESC_TYPE_MASK + 1 };

	return kmem_cache_create(name, size, &args, SLAB_NO_MERGE);
}

/**
 * fsc_arena_create - allocate the shares that config.mix asks for
 * @run: a run whose memdesc map exists
 *
 * On failure fsc_arena_destroy() undoes what there is.
 *
 * Context: Process context, may sleep.
 * Return: 0 or -ENOMEM.
 */
int fsc_arena_create(struct fsc_run *run)
{
	struct fsc_arena *arena = kzalloc_obj(*arena, GFP_KERNEL);
	u64 file = fsc_orders_pages(&run->orders, run->config.nr_folios);
	unsigned int i;
	int err;

	run->path_data = arena;
	if (!arena)
		return -ENOMEM;
	spin_lock_init(&arena->hugetlb_lock);
	spin_lock_init(&arena->kept_lock);
	err = fsc_parse_mix(run->config.mix, &arena->mix);
	if (err)
		return err;
	run->map.walked = true;
	arena->uncounted_cache = create_cache("folioscale_uncounted", sizeof(struct fsc_uncounted));
	arena->hugetlb_cache = create_cache("folioscale_hugetlb", sizeof(struct fsc_folio));
	if (!arena->uncounted_cache || !arena->hugetlb_cache)
		return -ENOMEM;
	for (i = 0; i < FSC_NR_SHARES; i++)
		arena->nr[i] = share_nr(&arena->mix, i, file);
	arena->walkers = kvcalloc(run->nr_threads, sizeof(*arena->walkers), GFP_KERNEL);
	if (!arena->walkers)
		return -ENOMEM;
	for (i = 0; i < run->nr_threads; i++) {
		struct fsc_thread *t = run->threads[i];

		/* Not the same stream as its keys. */
		fsc_stream_seed(&arena->walkers[i].random, ~run->config.seed, t->role, t->nr);
		t->path_data = &arena->walkers[i];
	}
	/* All single frames that populate the arena. */
	arena->fresh_wanted = arena->nr[FSC_SHARE_SLAB] + arena->nr[FSC_SHARE_PTDESC] +
			      arena->nr[FSC_SHARE_MISC] + (run->orders.max ? 0 : file);
	return fill(run);
}

static void destroy_cache(struct fsc_run *run, struct kmem_cache *cache)
{
	run->path_leaked |= cache && kmem_cache_shrink(cache);
	kmem_cache_destroy(cache);
}

static void empty_uncounted(struct fsc_run *run, enum fsc_share share)
{
	struct fsc_arena *arena = fsc_arena_of(run);
	unsigned long i;

	for (i = 0; arena->uncounted[share] && i < arena->nr[share]; i++) {
		if (arena->uncounted[share][i])
			uncounted_free(run, arena->uncounted[share][i]);
		cond_resched();
	}
	kvfree(arena->uncounted[share]);
}

/**
 * fsc_arena_destroy - free all shares
 * @run: a run whose threads have ended
 *
 * Context: Process context, sleeps.
 */
void fsc_arena_destroy(struct fsc_run *run)
{
	struct fsc_arena *arena = fsc_arena_of(run);
	struct fsc_uncounted *desc;
	unsigned long i;

	if (!arena)
		return;
	empty_uncounted(run, FSC_SHARE_SLAB);
	empty_uncounted(run, FSC_SHARE_PTDESC);
	for (i = 0; arena->hugetlb && i < arena->nr[FSC_SHARE_HUGETLB]; i++) {
		struct fsc_folio *folio = arena->hugetlb[i];

		if (!folio)
			break;
		frames_free(run, folio->pfn, FSC_HUGETLB_ORDER);
		kmem_cache_free(arena->hugetlb_cache, folio);
		cond_resched();
	}
	kvfree(arena->hugetlb);
	for (i = 0; arena->misc && i < arena->nr[FSC_SHARE_MISC] && arena->misc[i]; i++) {
		frames_free(run, arena->misc[i], 0);
		cond_resched();
	}
	kvfree(arena->misc);
	if (arena->kept_last)
		kmem_cache_free(arena->uncounted_cache, arena->kept_last);
	while ((desc = kept_take(arena))) {
		kmem_cache_free(arena->uncounted_cache, desc);
		cond_resched();
	}
	kvfree(arena->walkers);
	while (arena->fresh_left)
		__free_page(fresh_frame(arena));
	destroy_cache(run, arena->hugetlb_cache);
	destroy_cache(run, arena->uncounted_cache);
	kfree(arena);
	run->path_data = NULL;
}

static unsigned long pick(struct fsc_thread *t, unsigned long nr)
{
	return fsc_stream_uniform(&fsc_walker_of(t)->random, nr);
}

/* Allocate the new one first, so that it gets another frame. */
static bool turn_uncounted(struct fsc_thread *t, enum fsc_share share)
{
	struct fsc_arena *arena = fsc_arena_of(t->run);
	struct fsc_uncounted **place = &arena->uncounted[share][pick(t, arena->nr[share])];
	struct fsc_uncounted *old, *new = uncounted_alloc(t->run, share, false);

	if (!new) {
		fsc_count(&t->counters, FSC_ALLOC_FAILED);
		return false;
	}
	/* Fully ordered: the next thread that takes it sees what was written to it. */
	old = xchg(place, new);
	uncounted_free(t->run, old);
	return true;
}

static void hugetlb_put(struct fsc_arena *arena, struct fsc_folio *folio)
{
	if (!atomic_dec_and_test(&folio->refcount))
		return;
	spin_lock(&arena->hugetlb_lock);
	WRITE_ONCE(folio->flags, FSC_HUGETLB_FREE);
	spin_unlock(&arena->hugetlb_lock);
}

/* Allocate a free hugetlb folio, and free it again. */
static bool turn_hugetlb(struct fsc_thread *t)
{
	struct fsc_arena *arena = fsc_arena_of(t->run);
	struct fsc_folio *folio = arena->hugetlb[pick(t, arena->nr[FSC_SHARE_HUGETLB])];
	bool got;

	spin_lock(&arena->hugetlb_lock);
	got = folio->flags == FSC_HUGETLB_FREE;
	if (got) {
		WRITE_ONCE(folio->flags, 0);
		atomic_set(&folio->refcount, 1);
	}
	spin_unlock(&arena->hugetlb_lock);
	if (got)
		hugetlb_put(arena, folio);
	return got;
}

static void turn_share(struct fsc_thread *t, enum fsc_share share, unsigned int n)
{
	u64 *credit = &fsc_walker_of(t)->credit[share];
	struct fsc_arena *arena = fsc_arena_of(t->run);

	*credit += (u64)n * arena->mix.weight[share];
	while (*credit >= arena->mix.weight[FSC_SHARE_FILE]) {
		if (fsc_must_give_up(t)) {
			*credit = 0;
			return;
		}
		*credit -= arena->mix.weight[FSC_SHARE_FILE];
		if (share == FSC_SHARE_HUGETLB ? turn_hugetlb(t) : turn_uncounted(t, share))
			fsc_count(&t->counters, FSC_OTHER_TURNOVERS);
		cond_resched();
	}
}

/**
 * fsc_arena_turned - turn over the other shares as often as the file folios
 * @t: a freer
 * @n: number of file folios it has turned over
 *
 * Context: Process context, may sleep.
 */
void fsc_arena_turned(struct fsc_thread *t, unsigned int n)
{
	const struct fsc_arena *arena = fsc_arena_of(t->run);
	unsigned int share;

	for (share = FSC_SHARE_SLAB; share <= FSC_SHARE_HUGETLB; share++) {
		if (arena->nr[share])
			turn_share(t, share, n);
	}
}

/**
 * fsc_arena_look_at_hugetlb - decide about a frame that may belong to a free hugetlb folio
 * @t: the walker
 * @pfn: the frame
 * @slot: its word
 *
 * Frames of anything but a free hugetlb folio are skipped.
 *
 * Context: Process context, not inside RCU; takes hugetlb_lock.
 */
void fsc_arena_look_at_hugetlb(struct fsc_thread *t, unsigned long pfn, const unsigned long *slot)
{
	struct fsc_arena *arena = fsc_arena_of(t->run);
	struct fsc_folio *folio = NULL;
	unsigned long word;

	spin_lock(&arena->hugetlb_lock);
	word = READ_ONCE(*slot);
	if (fsc_memdesc_type(word) == FSC_MEMDESC_HUGETLB)
		folio = fsc_memdesc_desc(word);
	if (folio && folio->flags != FSC_HUGETLB_FREE)
		folio = NULL;
	if (folio && unlikely(pfn - folio->pfn >= HUGETLB_PAGES || atomic_read(&folio->refcount)))
		fsc_violation_record(t, FSC_BAD_IDENTITY, pfn, 0, pfn, folio->pfn);
	spin_unlock(&arena->hugetlb_lock);
	if (folio)
		fsc_count(&t->counters, FSC_HUGETLB_SEEN);
}

/**
 * fsc_arena_try_hugetlb - tryget and put on a hugetlb folio, as on any other folio
 * @t: the walker
 * @folio: the folio; hugetlb descriptors stay until the run ends
 *
 * Context: Process context, not inside RCU.
 */
void fsc_arena_try_hugetlb(struct fsc_thread *t, struct fsc_folio *folio)
{
	fsc_count(&t->counters, FSC_TRYGETS);
	if (atomic_add_unless(&folio->refcount, 1, 0))
		hugetlb_put(fsc_arena_of(t->run), folio);
	else
		fsc_retry(t, FSC_TRYGET_ZERO, READ_ONCE(folio->pfn), 1);
}

/**
 * fsc_arena_touch - follow the memdesc word of a slab, which is a bug
 * @t: the walker
 * @desc: what the word points to
 * @pfn: the frame whose word was read
 *
 * Context: Any; with touch_slab the descriptors stay descriptors until the run ends.
 */
void fsc_arena_touch(struct fsc_thread *t, const struct fsc_uncounted *desc, unsigned long pfn)
{
	unsigned long found = READ_ONCE(desc->pfn);

	if (found != pfn)
		fsc_violation_record(t, FSC_BAD_IDENTITY, pfn, 0, pfn, found);
}
