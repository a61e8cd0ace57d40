// SPDX-License-Identifier: GPL-2.0
/*
 * The PFN path by hand: walk the frames of all blocks in order, with two passes
 * over each block, as mm/compaction.c:isolate_migratepages_block would with
 * memdescs. The mix is the same as the harness's with mix=60:20:10:5:5.
 */
#include <linux/bitops.h>
#include <linux/build_bug.h>
#include <linux/mmzone.h>
#include <linux/pageblock-flags.h>
#include <linux/rcupdate.h>
#include <linux/spinlock.h>

#include <folioscale/pfn_mix.h>

#include "opencoded.h"

#define HUGETLB_PAGES	BIT(FSC_HUGETLB_ORDER)
#define CHUNKS		DIV_ROUND_UP(pageblock_nr_pages, BITS_PER_LONG)
#define CHUNK_FRAMES	min(BITS_PER_LONG, pageblock_nr_pages)
/* Types that the second pass looks at: the other memdescs have no reference count. */
#define COUNTED		(BIT(FSC_MEMDESC_FILE) | BIT(FSC_MEMDESC_HUGETLB))

/* Stands for a hugetlb folio that nobody uses; nothing is turned over here. */
static struct fsc_folio hugetlb;
static DEFINE_SPINLOCK(hugetlb_lock);

/* Position of the walker, and its counts. */
static struct walk {
	unsigned int block;
	u64 ours;
	u64 trygets;
	u64 avoided;
	u64 hugetlb_seen;
} walk;

/* Overlay's frames are struct page, the others' are memdesc words. */
static __always_inline const void *frame_at(const void *frame, unsigned long n, bool overlay)
{
	return overlay ? (const void *)((const struct page *)frame + n) :
			 (const void *)((const unsigned long *)frame + n);
}

static __always_inline unsigned long peek(const void *frame, bool overlay)
{
	unsigned long word;

	if (!overlay)
		return READ_ONCE(*(const unsigned long *)frame);
	word = (unsigned long)READ_ONCE(page_folio((struct page *)frame)->private);
	return fsc_is_tagged(FSC_OPENCODED_TAG, word) ? word : 0;
}

/* Pass one: choose frames for the second pass. Returns how many have a word. */
static __always_inline unsigned int choose(const void *frame, unsigned long *chosen, bool overlay)
{
	unsigned int ours = 0, avoided = 0;
	unsigned long last = 0;
	unsigned int i, j;

	for (i = 0; i < CHUNKS; i++) {
		unsigned long bits = 0;

		for (j = 0; j < CHUNK_FRAMES; j++) {
			unsigned long word = peek(frame, overlay);

			frame = frame_at(frame, 1, overlay);
			if (!word)
				continue;
			ours++;
			if (BIT(fsc_memdesc_type(word)) & COUNTED) {
				if (word != last)
					bits |= 1UL << j;
				else
					avoided++;
			}
			last = word;
		}
		chosen[i] = bits;
	}
	walk.avoided += avoided;
	return ours;
}

static noinline void look_at_hugetlb(unsigned long pfn, const void *frame, bool overlay)
{
	const struct fsc_folio *folio;
	unsigned long word;

	spin_lock(&hugetlb_lock);
	word = peek(frame, overlay);
	folio = overlay ? (void *)page_folio((struct page *)frame)->index : fsc_memdesc_desc(word);
	if (likely(fsc_memdesc_type(word) == FSC_MEMDESC_HUGETLB) &&
	    likely(folio->flags == FSC_HUGETLB_FREE) &&
	    likely(pfn - folio->pfn < HUGETLB_PAGES) && likely(!atomic_read(&folio->refcount)))
		walk.hugetlb_seen++;
	spin_unlock(&hugetlb_lock);
}

/* Does @frame belong to @folio, and is its memory the right one? */
static __always_inline bool use(const struct fsc_folio *folio, unsigned long frame)
{
	unsigned long pfn;
	u64 word;

	/* As in opencoded.h. */
	smp_rmb();
	word = READ_ONCE(folio->generation);
	pfn = READ_ONCE(folio->pfn);
	return likely(frame - pfn < 1UL << READ_ONCE(folio->order)) &&
	       likely(READ_ONCE(folio->mapping) == &fsc_opencoded.mapping) &&
	       fsc_opencoded_stamp_is(pfn, READ_ONCE(folio->index), word);
}

static __always_inline bool use_overlay(struct folio *folio, unsigned long frame)
{
	unsigned long pfn = folio_pfn(folio);
	u64 word;

	/* Would pair with the release by which the harness's overlay writes folio->private. */
	smp_rmb();
	word = (u64)READ_ONCE(folio->private);
	return likely(frame - pfn < 1UL << folio_order(folio)) &&
	       fsc_opencoded_stamp_is(pfn, READ_ONCE(folio->index), word);
}

/* Pass two for one frame: get the folio (the constants as in gup.c), and use it. */
static __always_inline bool try(unsigned long frame, const unsigned long *slot, bool hazard,
				bool wildcard, bool recheck, u64 *trygets)
{
	struct fsc_opencoded_hazard cpu_hazard __uninitialized;
	struct fsc_folio *folio;
	bool got = false, good;
	unsigned long word;

	rcu_read_lock();
	if (wildcard)
		fsc_opencoded_wildcard(&cpu_hazard);
	word = READ_ONCE(*slot);
	folio = fsc_memdesc_folio(word);
	if (wildcard)
		fsc_opencoded_narrow(&cpu_hazard, folio);
	if (unlikely(!folio)) {
		rcu_read_unlock();
		if (fsc_memdesc_type(word) == FSC_MEMDESC_HUGETLB)
			look_at_hugetlb(frame, slot, false);
		return false;
	}
	if (hazard) {
		WRITE_ONCE(fsc_opencoded.hazard, folio);
		/* Would pair with the smp_mb() between a freer's unlinking and its scan. */
		smp_mb();
		if (unlikely(READ_ONCE(*slot) != word))
			goto out;
	}
	++*trygets;
	got = fsc_opencoded_tryget(folio);
out:
	good = likely(got) && (!recheck || likely(READ_ONCE(*slot) == word));
	if (hazard)
		/* Would pair with the acquire of a freer's scan. */
		smp_store_release(&fsc_opencoded.hazard, NULL);
	if (wildcard)
		fsc_opencoded_clear(&cpu_hazard);
	rcu_read_unlock();
	if (unlikely(!got))
		return false;
	good = likely(good) && use(folio, frame);
	fsc_opencoded_put(folio);
	return good;
}

static __always_inline bool try_overlay(unsigned long frame, struct page *page, u64 *trygets)
{
	struct folio *folio;
	unsigned long word;
	bool good;

	rcu_read_lock();
	word = peek(page, true);
	if (unlikely(fsc_memdesc_type(word) != FSC_MEMDESC_FILE)) {
		rcu_read_unlock();
		if (fsc_memdesc_type(word) == FSC_MEMDESC_HUGETLB)
			look_at_hugetlb(frame, page, true);
		return false;
	}
	folio = page_folio(page);
	++*trygets;
	if (unlikely(!folio_try_get(folio))) {
		rcu_read_unlock();
		return false;
	}
	good = likely(peek(page, true) == word);
	rcu_read_unlock();
	good = likely(good) && use_overlay(folio, frame);
	fsc_opencoded_put_overlay(folio);
	return good;
}

static __always_inline bool try_rcu_full(unsigned long frame, const unsigned long *slot)
{
	struct fsc_folio *folio;
	unsigned long word;
	bool good;

	rcu_read_lock();
	word = READ_ONCE(*slot);
	folio = fsc_memdesc_folio(word);
	if (unlikely(!folio)) {
		rcu_read_unlock();
		if (fsc_memdesc_type(word) == FSC_MEMDESC_HUGETLB)
			look_at_hugetlb(frame, slot, false);
		return false;
	}
	good = use(folio, frame);
	rcu_read_unlock();
	return good;
}

enum how { BY_OVERLAY, BY_TYPESAFE, BY_RCU_DESC, BY_RCU_FULL, BY_HAZPTR, BY_HAZPTR_CPU };

/* Both passes over the next @n blocks; @how is a constant. */
static __always_inline u64 read_by(unsigned int n, enum how how)
{
	u64 good = 0, trygets = 0, ours = 0;

	while (n--) {
		unsigned long pfn = fsc_opencoded.blocks[walk.block];
		const void *frames = how == BY_OVERLAY ?
				     (const void *)pfn_to_page(pfn) :
				     (const void *)fsc_memdesc_slot(&fsc_opencoded.map, pfn);
		unsigned long chosen[CHUNKS] __uninitialized;
		unsigned int i;

		if (++walk.block == fsc_opencoded.nr_blocks)
			walk.block = 0;
		ours += choose(frames, chosen, how == BY_OVERLAY);
		for (i = 0; i < CHUNKS; i++, pfn += BITS_PER_LONG) {
			unsigned long bits;

			for (bits = chosen[i]; bits; bits &= bits - 1) {
				unsigned long at = __ffs(bits);
				const void *frame = frame_at(frames, at, how == BY_OVERLAY);

				if (how == BY_OVERLAY)
					good += try_overlay(pfn + at, (struct page *)frame,
							    &trygets);
				else if (how == BY_RCU_FULL)
					good += try_rcu_full(pfn + at, frame);
				else
					good += try(pfn + at, frame, how == BY_HAZPTR,
						    how == BY_HAZPTR_CPU, how == BY_TYPESAFE,
						    &trygets);
			}
			frames = frame_at(frames, BITS_PER_LONG, how == BY_OVERLAY);
		}
	}
	walk.ours += ours;
	walk.trygets += trygets;
	return good;
}

static u64 read_overlay(struct fsc_stream *stream, unsigned int n)
{
	return read_by(n, BY_OVERLAY);
}

static u64 read_typesafe(struct fsc_stream *stream, unsigned int n)
{
	return read_by(n, BY_TYPESAFE);
}

static u64 read_rcu_desc(struct fsc_stream *stream, unsigned int n)
{
	return read_by(n, BY_RCU_DESC);
}

static u64 read_rcu_full(struct fsc_stream *stream, unsigned int n)
{
	return read_by(n, BY_RCU_FULL);
}

static u64 read_hazptr(struct fsc_stream *stream, unsigned int n)
{
	return read_by(n, BY_HAZPTR);
}

static u64 read_hazptr_cpu(struct fsc_stream *stream, unsigned int n)
{
	return read_by(n, BY_HAZPTR_CPU);
}

static void describe(struct page *page, enum fsc_memdesc_type type, void *desc, unsigned int nr)
{
	unsigned long pfn = page_to_pfn(page);

	if (fsc_opencoded_is_overlay()) {
		page_folio(page)->index = (unsigned long)desc;
		set_page_private(page, fsc_page_word(FSC_OPENCODED_TAG, pfn, type));
	} else {
		fsc_memdesc_set(fsc_memdesc_slot(&fsc_opencoded.map, pfn),
				fsc_memdesc_word(desc, type), nr);
	}
}

/* Words of a type without reference count are not followed: the page stands for the memdesc. */
static int add(enum fsc_memdesc_type type, unsigned int nr)
{
	while (nr--) {
		struct page *page = fsc_opencoded_frame();

		if (!page)
			return -ENOMEM;
		describe(page, type, type == FSC_MEMDESC_MISC ? NULL : page, 1);
	}
	return 0;
}

static int fill(void)
{
	unsigned long block = fsc_opencoded_block(fsc_opencoded_is_overlay());
	int err;

	BUILD_BUG_ON(pageblock_order < FSC_HUGETLB_ORDER);
	if (!block)
		return -ENOMEM;
	hugetlb.flags = FSC_HUGETLB_FREE;
	hugetlb.order = FSC_HUGETLB_ORDER;
	hugetlb.pfn = block;
	describe(pfn_to_page(block), FSC_MEMDESC_HUGETLB, &hugetlb, HUGETLB_PAGES);
	err = add(FSC_MEMDESC_SLAB, FSC_OPENCODED_SHARE(20));
	if (!err)
		err = add(FSC_MEMDESC_PTDESC, FSC_OPENCODED_SHARE(10));
	if (!err)
		err = add(FSC_MEMDESC_MISC, FSC_OPENCODED_SHARE(5));
	return err;
}

/* Frames that one round decides about: those that have a word. */
static u64 frames_in_all(void)
{
	return FSC_OPENCODED_FOLIOS + FSC_OPENCODED_SHARE(20) + FSC_OPENCODED_SHARE(10) +
	       FSC_OPENCODED_SHARE(5) + HUGETLB_PAGES;
}

/* Whole rounds of blocks, so that every folio is met equally often. */
static u64 blocks_of_rounds(u64 *lookups)
{
	u64 rounds = DIV_ROUND_UP_ULL(*lookups, frames_in_all());

	*lookups = rounds * frames_in_all();
	return rounds * fsc_opencoded.nr_blocks;
}

/* Each round uses each folio once, and looks at the hugetlb folio once. */
static bool all_met(u64 lookups, u64 hits)
{
	u64 rounds = div64_u64(lookups, frames_in_all());

	return walk.ours == lookups && hits == rounds * FSC_OPENCODED_FOLIOS &&
	       (!walk.trygets || walk.trygets == hits) &&
	       walk.hugetlb_seen == rounds && walk.avoided == rounds * (HUGETLB_PAGES - 1);
}

static const struct fsc_opencoded_loop loops[] = {
	{ "overlay", true, read_overlay },
	{ "typesafe", false, read_typesafe },
	{ "rcu_desc", false, read_rcu_desc },
	{ "rcu_full", false, read_rcu_full },
	{ "hazptr", false, read_hazptr },
	{ "hazptr_cpu", false, read_hazptr_cpu },
	/* It differs only when it frees. */
	{ "rcu_bounded", false, read_rcu_desc },
	{}
};

const struct fsc_opencoded_path fsc_opencoded_pfn = {
	.name	= "pfn",
	.loops	= loops,
	.unit	= pageblock_nr_pages,
	.set_up	= fill,
	.steps	= blocks_of_rounds,
	.good	= all_met,
};
