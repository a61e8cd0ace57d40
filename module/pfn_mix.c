// SPDX-License-Identifier: GPL-2.0
/* The frames that are not file folios: allocation, turnover, and what walkers do with them. */
#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/mmzone.h>
#include <linux/pageblock-flags.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include <folioscale/clock.h>
#include <folioscale/layout.h>
#include <folioscale/memdesc.h>
#include <folioscale/pfn_mix.h>
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
 * fsc_pfn_mix_bytes - memory that the mix of a run takes
 * @run: a run whose config and orders are set
 *
 * Context: Process context, may sleep.
 * Return: Bytes.
 */
u64 fsc_pfn_mix_bytes(const struct fsc_run *run)
{
	u64 file = fsc_orders_pages(&run->orders, run->config.nr_folios), pages = 0;
	struct fsc_mix shares;
	unsigned int i;

	if (fsc_parse_mix(run->config.mix, &shares))
		return 0;
	for (i = 0; i < FSC_NR_SHARES; i++)
		pages += share_nr(&shares, i, file) * (i == FSC_SHARE_HUGETLB ? HUGETLB_PAGES : 1);
	/* A mark has no page of its own. */
	return pages * PAGE_SIZE + fsc_blocks_bytes(&run->frames) +
	       (pages + run->config.nr_freers * (u64)run->config.hwpoison) *
	       (sizeof(struct fsc_unrefcounted) + sizeof(void *));
}

static struct page *fresh_frame(struct fsc_pfn_mix *mix)
{
	return pfn_to_page(mix->fresh + pageblock_nr_pages - mix->fresh_left--);
}

/**
 * fsc_pfn_mix_frame - allocate a single frame to populate the mix
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
struct page *fsc_pfn_mix_frame(struct fsc_run *run)
{
	struct fsc_pfn_mix *mix = run->blocks.bits ? fsc_pfn_mix_of(run) : NULL;
	struct page *page;

	if (!mix || !mix->fresh_wanted)
		return NULL;
	if (!mix->fresh_left) {
		page = alloc_pages(run->gfp, pageblock_order);
		if (!page)
			return NULL;
		split_page(page, pageblock_order);
		mix->fresh = page_to_pfn(page);
		mix->fresh_left = pageblock_nr_pages;
	}
	mix->fresh_wanted--;
	return fresh_frame(mix);
}

/* Allocate frames, owned by the caller; NULL when out of memory. */
static struct page *frames_alloc(struct fsc_run *run, unsigned int order, bool fresh)
{
	struct page *page = fresh ? fsc_pfn_mix_frame(run) : NULL;
	/* Without memdesc words walkers find the head through the tails. */
	gfp_t comp = order && !run->loops->protocol->own_descriptor ? __GFP_COMP : 0;

	if (!page)
		page = alloc_pages(FSC_GFP | comp, order);
	if (page && !fsc_frames_have(&run->frames, page_to_pfn(page))) {
		__free_pages(page, order);
		page = NULL;
	}
	return page;
}

/* Let walkers find frames, and what describes them. */
static void frames_publish(struct fsc_run *run, unsigned long pfn, unsigned int order, void *desc,
			   enum fsc_memdesc_type type)
{
	struct folio *folio = pfn_folio(pfn);

	if (run->loops->protocol->own_descriptor) {
		fsc_memdesc_publish(&run->map, pfn, fsc_memdesc_word(desc, type), 1U << order);
	} else {
		WRITE_ONCE(folio->index, (unsigned long)desc);
		/*
		 * Nothing needs the order: only descriptors of hugetlb folios are followed, and
		 * those are there before the walkers.
		 */
		WRITE_ONCE(folio->private, (void *)fsc_page_word(run->tag, pfn, type));
	}
	fsc_blocks_published(&run->blocks, pfn);
}

static void frames_free(struct fsc_run *run, unsigned long pfn, unsigned int order)
{
	if (run->loops->protocol->own_descriptor)
		fsc_memdesc_set(fsc_memdesc_slot(&run->map, pfn), 0, 1U << order);
	else
		WRITE_ONCE(pfn_folio(pfn)->private, NULL);
	__free_pages(pfn_to_page(pfn), order);
}

/* What describes a frame that is no file folio's; NULL if it has become something else. */
static void *frame_desc(struct fsc_run *run, const void *frame, enum fsc_memdesc_type type)
{
	const struct fsc_protocol *proto = run->loops->protocol;
	unsigned long word = fsc_folio_peek(proto, run->tag, frame);

	if (fsc_memdesc_type(word) != type)
		return NULL;
	return proto->own_descriptor ? fsc_memdesc_desc(word) :
				       (void *)READ_ONCE(page_folio((struct page *)frame)->index);
}

static enum fsc_memdesc_type type_of(enum fsc_share share)
{
	return share == FSC_SHARE_SLAB ? FSC_MEMDESC_SLAB : FSC_MEMDESC_PTDESC;
}

static struct fsc_unrefcounted *kept_take(struct fsc_pfn_mix *mix)
{
	struct fsc_unrefcounted *desc;

	spin_lock(&mix->kept_lock);
	desc = mix->kept;
	if (desc)
		mix->kept = desc->next;
	spin_unlock(&mix->kept_lock);
	return desc;
}

static void desc_free(struct fsc_run *run, struct fsc_unrefcounted *desc)
{
	struct fsc_pfn_mix *mix = fsc_pfn_mix_of(run);

	if (!run->loops->protocol->bug.touches) {
		kmem_cache_free(mix->unrefcounted_cache, desc);
		return;
	}
	/* Hold back the last one, or it would get its old frame: see pool.c. */
	spin_lock(&mix->kept_lock);
	if (mix->kept_last) {
		mix->kept_last->next = mix->kept;
		mix->kept = mix->kept_last;
	}
	mix->kept_last = desc;
	spin_unlock(&mix->kept_lock);
}

static struct fsc_unrefcounted *desc_alloc(struct fsc_run *run)
{
	struct fsc_pfn_mix *mix = fsc_pfn_mix_of(run);
	struct fsc_unrefcounted *desc = run->loops->protocol->bug.touches ? kept_take(mix) : NULL;

	return desc ?: kmem_cache_alloc(mix->unrefcounted_cache, FSC_GFP);
}

static struct fsc_unrefcounted *unrefcounted_alloc(struct fsc_run *run, enum fsc_share share,
						   bool fresh)
{
	struct page *page = frames_alloc(run, 0, fresh);
	struct fsc_unrefcounted *desc;

	if (!page)
		return NULL;
	desc = desc_alloc(run);
	if (!desc) {
		__free_page(page);
		return NULL;
	}
	/* A touch_slab walker may read it. */
	WRITE_ONCE(desc->pfn, page_to_pfn(page));
	frames_publish(run, desc->pfn, 0, desc, type_of(share));
	return desc;
}

static void unrefcounted_free(struct fsc_run *run, struct fsc_unrefcounted *desc)
{
	frames_free(run, desc->pfn, 0);
	desc_free(run, desc);
}

static struct fsc_folio *hugetlb_alloc(struct fsc_run *run)
{
	struct fsc_pfn_mix *mix = fsc_pfn_mix_of(run);
	struct page *page = frames_alloc(run, FSC_HUGETLB_ORDER, false);
	struct fsc_folio *folio;

	if (!page)
		return NULL;
	folio = kmem_cache_zalloc(mix->hugetlb_cache, FSC_GFP);
	if (!folio) {
		__free_pages(page, FSC_HUGETLB_ORDER);
		return NULL;
	}
	folio->flags = FSC_HUGETLB_FREE;
	folio->order = FSC_HUGETLB_ORDER;
	folio->pfn = page_to_pfn(page);
	frames_publish(run, folio->pfn, FSC_HUGETLB_ORDER, folio, FSC_MEMDESC_HUGETLB);
	return folio;
}

static int fill_unrefcounted(struct fsc_run *run, enum fsc_share share)
{
	struct fsc_pfn_mix *mix = fsc_pfn_mix_of(run);
	unsigned long i;

	mix->unrefcounted[share] = kvcalloc(mix->nr[share], sizeof(struct fsc_unrefcounted *),
					    GFP_KERNEL);
	if (!mix->unrefcounted[share])
		return -ENOMEM;
	for (i = 0; i < mix->nr[share]; i++) {
		mix->unrefcounted[share][i] = unrefcounted_alloc(run, share, true);
		if (!mix->unrefcounted[share][i])
			return -ENOMEM;
		cond_resched();
	}
	return 0;
}

static int fill_hugetlb(struct fsc_run *run)
{
	struct fsc_pfn_mix *mix = fsc_pfn_mix_of(run);
	unsigned long i, nr = mix->nr[FSC_SHARE_HUGETLB];

	mix->hugetlb = kvcalloc(nr, sizeof(*mix->hugetlb), GFP_KERNEL);
	if (!mix->hugetlb)
		return -ENOMEM;
	for (i = 0; i < nr; i++) {
		mix->hugetlb[i] = hugetlb_alloc(run);
		if (!mix->hugetlb[i])
			return -ENOMEM;
	}
	return 0;
}

static int fill_misc(struct fsc_run *run)
{
	struct fsc_pfn_mix *mix = fsc_pfn_mix_of(run);
	unsigned long i, nr = mix->nr[FSC_SHARE_MISC];

	mix->misc = kvcalloc(nr, sizeof(*mix->misc), GFP_KERNEL);
	if (!mix->misc)
		return -ENOMEM;
	for (i = 0; i < nr; i++) {
		struct page *page = frames_alloc(run, 0, true);

		if (!page)
			return -ENOMEM;
		mix->misc[i] = page_to_pfn(page);
		frames_publish(run, mix->misc[i], 0, NULL, FSC_MEMDESC_MISC);
		cond_resched();
	}
	return 0;
}

static int fill(struct fsc_run *run)
{
	struct fsc_pfn_mix *mix = fsc_pfn_mix_of(run);
	int err = 0;

	if (mix->nr[FSC_SHARE_SLAB])
		err = fill_unrefcounted(run, FSC_SHARE_SLAB);
	if (!err && mix->nr[FSC_SHARE_PTDESC])
		err = fill_unrefcounted(run, FSC_SHARE_PTDESC);
	if (!err && mix->nr[FSC_SHARE_HUGETLB])
		err = fill_hugetlb(run);
	if (!err && mix->nr[FSC_SHARE_MISC])
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
 * fsc_pfn_mix_create - allocate the shares that config.mix asks for
 * @run: a run whose memdesc map exists, if its protocol has one
 *
 * On failure fsc_pfn_mix_destroy() undoes what there is.
 *
 * Context: Process context, may sleep.
 * Return: 0 or -ENOMEM.
 */
int fsc_pfn_mix_create(struct fsc_run *run)
{
	struct fsc_pfn_mix *mix = kzalloc_obj(*mix, GFP_KERNEL);
	u64 file = fsc_orders_pages(&run->orders, run->config.nr_folios);
	unsigned int i;
	int err;

	run->path_data = mix;
	if (!mix)
		return -ENOMEM;
	spin_lock_init(&mix->hugetlb_lock);
	spin_lock_init(&mix->kept_lock);
	err = fsc_parse_mix(run->config.mix, &mix->shares);
	if (err)
		return err;
	err = fsc_blocks_init(&run->blocks, &run->frames);
	if (err)
		return err;
	mix->unrefcounted_cache = create_cache("folioscale_unrefcounted",
					       sizeof(struct fsc_unrefcounted));
	mix->hugetlb_cache = create_cache("folioscale_hugetlb", sizeof(struct fsc_folio));
	if (!mix->unrefcounted_cache || !mix->hugetlb_cache)
		return -ENOMEM;
	for (i = 0; i < FSC_NR_SHARES; i++)
		mix->nr[i] = share_nr(&mix->shares, i, file);
	mix->walkers = kvcalloc(run->nr_threads, sizeof(*mix->walkers), GFP_KERNEL);
	if (!mix->walkers)
		return -ENOMEM;
	for (i = 0; i < run->nr_threads; i++) {
		struct fsc_thread *t = run->threads[i];

		/* Not the same stream as its keys. */
		fsc_stream_seed(&mix->walkers[i].random, ~run->config.seed, t->role, t->nr);
		t->path_data = &mix->walkers[i];
		if (t->role != FSC_FREER || !run->config.hwpoison)
			continue;
		mix->walkers[i].marks = kvcalloc(run->config.hwpoison, sizeof(void *), GFP_KERNEL);
		if (!mix->walkers[i].marks)
			return -ENOMEM;
	}
	/* All single frames that populate the mix. */
	mix->fresh_wanted = mix->nr[FSC_SHARE_SLAB] + mix->nr[FSC_SHARE_PTDESC] +
			      mix->nr[FSC_SHARE_MISC] + (run->orders.max ? 0 : file);
	return fill(run);
}

static void destroy_cache(struct fsc_run *run, struct kmem_cache *cache)
{
	run->path_leaked |= cache && kmem_cache_shrink(cache);
	kmem_cache_destroy(cache);
}

static void empty_unrefcounted(struct fsc_run *run, enum fsc_share share)
{
	struct fsc_pfn_mix *mix = fsc_pfn_mix_of(run);
	unsigned long i;

	for (i = 0; mix->unrefcounted[share] && i < mix->nr[share]; i++) {
		if (mix->unrefcounted[share][i])
			unrefcounted_free(run, mix->unrefcounted[share][i]);
		cond_resched();
	}
	kvfree(mix->unrefcounted[share]);
}

/* Their frames are free by now, and so are the marks' words. */
static void destroy_marks(struct fsc_run *run, struct fsc_unrefcounted **marks)
{
	unsigned int i;

	for (i = 0; marks && i < run->config.hwpoison; i++) {
		if (marks[i])
			desc_free(run, marks[i]);
	}
	kvfree(marks);
}

/**
 * fsc_pfn_mix_destroy - free all shares
 * @run: a run whose threads have ended
 *
 * Context: Process context, sleeps.
 */
void fsc_pfn_mix_destroy(struct fsc_run *run)
{
	struct fsc_pfn_mix *mix = fsc_pfn_mix_of(run);
	struct fsc_unrefcounted *desc;
	unsigned long i;

	if (!mix)
		return;
	empty_unrefcounted(run, FSC_SHARE_SLAB);
	empty_unrefcounted(run, FSC_SHARE_PTDESC);
	for (i = 0; mix->hugetlb && i < mix->nr[FSC_SHARE_HUGETLB]; i++) {
		struct fsc_folio *folio = mix->hugetlb[i];

		if (!folio)
			break;
		frames_free(run, folio->pfn, FSC_HUGETLB_ORDER);
		kmem_cache_free(mix->hugetlb_cache, folio);
		cond_resched();
	}
	kvfree(mix->hugetlb);
	for (i = 0; mix->misc && i < mix->nr[FSC_SHARE_MISC] && mix->misc[i]; i++) {
		frames_free(run, mix->misc[i], 0);
		cond_resched();
	}
	kvfree(mix->misc);
	for (i = 0; mix->walkers && i < run->nr_threads; i++)
		destroy_marks(run, mix->walkers[i].marks);
	if (mix->kept_last)
		kmem_cache_free(mix->unrefcounted_cache, mix->kept_last);
	while ((desc = kept_take(mix))) {
		kmem_cache_free(mix->unrefcounted_cache, desc);
		cond_resched();
	}
	kvfree(mix->walkers);
	while (mix->fresh_left)
		__free_page(fresh_frame(mix));
	destroy_cache(run, mix->hugetlb_cache);
	destroy_cache(run, mix->unrefcounted_cache);
	kfree(mix);
	run->path_data = NULL;
}

static unsigned long pick(struct fsc_thread *t, unsigned long nr)
{
	return fsc_stream_uniform(&fsc_walker_of(t)->random, nr);
}

/* Allocate the new one first, so that it gets another frame. */
static bool turn_unrefcounted(struct fsc_thread *t, enum fsc_share share)
{
	struct fsc_pfn_mix *mix = fsc_pfn_mix_of(t->run);
	struct fsc_unrefcounted **place = &mix->unrefcounted[share][pick(t, mix->nr[share])];
	struct fsc_unrefcounted *old, *new = unrefcounted_alloc(t->run, share, false);

	if (!new) {
		fsc_count(&t->counters, FSC_ALLOC_FAILED);
		return false;
	}
	/* Fully ordered: the next thread that takes it sees what was written to it. */
	old = xchg(place, new);
	unrefcounted_free(t->run, old);
	return true;
}

static void hugetlb_put(struct fsc_pfn_mix *mix, struct fsc_folio *folio)
{
	if (!atomic_dec_and_test(&folio->refcount))
		return;
	spin_lock(&mix->hugetlb_lock);
	WRITE_ONCE(folio->flags, FSC_HUGETLB_FREE);
	spin_unlock(&mix->hugetlb_lock);
}

/* Allocate a free hugetlb folio, and free it again. */
static bool turn_hugetlb(struct fsc_thread *t)
{
	struct fsc_pfn_mix *mix = fsc_pfn_mix_of(t->run);
	struct fsc_folio *folio = mix->hugetlb[pick(t, mix->nr[FSC_SHARE_HUGETLB])];
	bool got;

	spin_lock(&mix->hugetlb_lock);
	got = folio->flags == FSC_HUGETLB_FREE;
	if (got) {
		WRITE_ONCE(folio->flags, 0);
		atomic_set(&folio->refcount, 1);
	}
	spin_unlock(&mix->hugetlb_lock);
	if (got)
		hugetlb_put(mix, folio);
	return got;
}

static void turn_share(struct fsc_thread *t, enum fsc_share share, unsigned int n)
{
	u64 *credit = &fsc_walker_of(t)->credit[share];
	struct fsc_pfn_mix *mix = fsc_pfn_mix_of(t->run);

	*credit += (u64)n * mix->shares.weight[share];
	while (*credit >= mix->shares.weight[FSC_SHARE_FILE]) {
		if (fsc_must_give_up(t)) {
			*credit = 0;
			return;
		}
		*credit -= mix->shares.weight[FSC_SHARE_FILE];
		if (share == FSC_SHARE_HUGETLB ? turn_hugetlb(t) : turn_unrefcounted(t, share))
			fsc_count(&t->counters, FSC_OTHER_TURNOVERS);
		cond_resched();
	}
}

/* Give a marked frame its word back, unless the frame has another owner by now. */
static void unmark_frame(struct fsc_run *run, struct fsc_unrefcounted *mark)
{
	cmpxchg(fsc_memdesc_slot(&run->map, mark->pfn),
		fsc_memdesc_word(mark, FSC_MEMDESC_HWPOISON), mark->was);
	desc_free(run, mark);
}

/*
 * Mark a frame of a file folio, after what mm/memory-failure.c would do to a memdesc. Return:
 * the mark; NULL if there is no memory, or if the folio is not there or is marked.
 */
static struct fsc_unrefcounted *mark_frame(struct fsc_thread *t)
{
	u32 key = pick(t, t->run->nr_keys);
	struct xarray *pages = &t->mappings[key & t->mapping_mask].pages;
	struct fsc_unrefcounted *mark = desc_alloc(t->run);
	unsigned long *slot;
	struct fsc_folio *folio;
	bool marked = false;

	if (!mark)
		return NULL;
	/* Under the lock it is not freed. */
	fsc_lock_mapping(pages);
	folio = xa_load(pages, fsc_index_of(t, key));
	if (folio) {
		WRITE_ONCE(mark->pfn, folio->pfn + pick(t, 1UL << folio->order));
		slot = fsc_memdesc_slot(&t->run->map, mark->pfn);
		mark->was = READ_ONCE(*slot);
		marked = fsc_memdesc_type(mark->was) == FSC_MEMDESC_FILE &&
			 cmpxchg(slot, mark->was,
				 fsc_memdesc_word(mark, FSC_MEMDESC_HWPOISON)) == mark->was;
	}
	fsc_unlock_mapping(pages);
	if (marked) {
		fsc_count(&t->counters, FSC_HWPOISONED);
		return mark;
	}
	desc_free(t->run, mark);
	return NULL;
}

/* Take the oldest mark off, and set another one. */
static void turn_mark(struct fsc_thread *t)
{
	struct fsc_pfn_walker *walker = fsc_walker_of(t);
	struct fsc_unrefcounted **place = &walker->marks[walker->mark_at];

	if (++walker->mark_at == t->run->config.hwpoison)
		walker->mark_at = 0;
	if (*place)
		unmark_frame(t->run, *place);
	*place = mark_frame(t);
}

/**
 * fsc_pfn_mix_turned - turn over the other shares, and marks, as often as the file folios
 * @t: a freer
 * @n: number of file folios it has turned over
 *
 * Context: Process context, may sleep.
 */
void fsc_pfn_mix_turned(struct fsc_thread *t, unsigned int n)
{
	const struct fsc_pfn_mix *mix = fsc_pfn_mix_of(t->run);
	unsigned int share;

	for (share = FSC_SHARE_SLAB; share <= FSC_SHARE_HUGETLB; share++) {
		if (mix->nr[share])
			turn_share(t, share, n);
	}
	while (t->run->config.hwpoison && n-- && !fsc_must_give_up(t)) {
		turn_mark(t);
		cond_resched();
	}
}

/**
 * fsc_pfn_mix_look_at_hugetlb - decide about a frame that may belong to a free hugetlb folio
 * @t: the walker
 * @pfn: the frame
 * @frame: the same, from fsc_folio_frame()
 *
 * Frames of anything but a free hugetlb folio are skipped.
 *
 * Context: Process context, not inside RCU; takes hugetlb_lock.
 */
void fsc_pfn_mix_look_at_hugetlb(struct fsc_thread *t, unsigned long pfn, const void *frame)
{
	struct fsc_pfn_mix *mix = fsc_pfn_mix_of(t->run);
	struct fsc_folio *folio;

	spin_lock(&mix->hugetlb_lock);
	folio = frame_desc(t->run, frame, FSC_MEMDESC_HUGETLB);
	if (folio && folio->flags != FSC_HUGETLB_FREE)
		folio = NULL;
	if (folio && unlikely(pfn - folio->pfn >= HUGETLB_PAGES || atomic_read(&folio->refcount)))
		fsc_violation_record(t, FSC_BAD_IDENTITY, pfn, 0, pfn, folio->pfn);
	spin_unlock(&mix->hugetlb_lock);
	if (folio)
		fsc_count(&t->counters, FSC_HUGETLB_SEEN);
}

/**
 * fsc_pfn_mix_try_hugetlb - tryget and put on a hugetlb folio, as on any other folio
 * @t: the walker
 * @frame: a frame of it, from fsc_folio_frame(); hugetlb folios stay until the run ends
 *
 * Context: Process context, not inside RCU.
 */
void fsc_pfn_mix_try_hugetlb(struct fsc_thread *t, const void *frame)
{
	struct fsc_folio *folio = frame_desc(t->run, frame, FSC_MEMDESC_HUGETLB);

	fsc_count(&t->counters, FSC_TRYGETS);
	if (atomic_add_unless(&folio->refcount, 1, 0))
		hugetlb_put(fsc_pfn_mix_of(t->run), folio);
	else
		fsc_retry(t, FSC_TRYGET_ZERO, READ_ONCE(folio->pfn), 1);
}

/**
 * fsc_pfn_mix_touch - follow the memdesc word of a slab or mark, which is a bug
 * @t: the walker
 * @desc: what the word points to
 * @pfn: the frame whose word was read
 *
 * Context: Any; with bug.touches the descriptors stay descriptors until the run ends.
 */
void fsc_pfn_mix_touch(struct fsc_thread *t, const struct fsc_unrefcounted *desc, unsigned long pfn)
{
	unsigned long found = READ_ONCE(desc->pfn);

	if (found != pfn)
		fsc_violation_record(t, FSC_BAD_IDENTITY, pfn, 0, pfn, found);
}
