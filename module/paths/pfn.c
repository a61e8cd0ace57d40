// SPDX-License-Identifier: GPL-2.0
/*
 * The PFN path: walk all frames in order, block by block, after
 * mm/compaction.c:isolate_migratepages_block and
 * mm/page_idle.c:page_idle_get_folio. A lookup is a decision about one of our
 * frames; a hit is a folio that was used. Frames that are not ours are skipped
 * and not counted, and so are blocks without our frames, because how many of
 * those lie between an arm's frames is random.
 *
 * With passes=2 the first pass only reads a word of each frame, the memdesc word
 * or with overlay one of struct page, and decides by the type in it. Types
 * without a reference count are done then, and frames of one folio count as one
 * folio. The second pass reads the words of the chosen frames again, inside RCU,
 * because they may have changed: tryget, recheck of the word if the protocol
 * needs it, use, put; it skips the frame on any failure. Free hugetlb folios are
 * checked under the hugetlb lock. With passes=1 there is no first pass: every
 * frame whose folio has a count gets a tryget.
 */
#include <linux/bitops.h>
#include <linux/mmzone.h>
#include <linux/pageblock-flags.h>

#include <folioscale/pfn_mix.h>

#include "mapping.h"

#define FSC_WORDS_OF_BLOCK	DIV_ROUND_UP(pageblock_nr_pages, BITS_PER_LONG)

/* Types whose memdescs have a reference count. */
#define FSC_PFN_REFCOUNTED		(BIT(FSC_MEMDESC_FILE) | BIT(FSC_MEMDESC_HUGETLB))

static __always_inline const char *pfn_refuses(const struct fsc_protocol *proto)
{
	if (proto->reader.locked)
		return "a frame has no mapping to lock";
	return proto->reader.copies ? "a frame has no mapping, so no sequence to recheck" : NULL;
}

/* Like fsc_use(), but the walker knows the frame, and reads the key from the folio. */
static __always_inline void pfn_use(struct fsc_thread *t, const struct fsc_protocol *proto,
				    const void *folio, unsigned long frame, u64 latched,
				    bool general)
{
	u64 word, generation;
	unsigned long pfn, page;

	/* On this path it also pairs with the smp_wmb() in fsc_memdesc_publish(). */
	fsc_order_after_recheck();
	word = fsc_folio_generation(proto, folio);
	generation = word & ~FSC_GENERATION_GONE;
	pfn = fsc_folio_pfn(proto, folio);
	if (general)
		fsc_check_latched(t, frame, latched, generation);
	page = frame - pfn;
	if (unlikely(page >= 1UL << fsc_folio_order(proto, folio))) {
		fsc_violation_record(t, FSC_BAD_IDENTITY, frame, generation, frame, pfn);
		page = 0;
	}
	if (proto->bug.name && unlikely(!pfn_valid(pfn))) {
		fsc_violation_record(t, FSC_BAD_PFN, frame, generation, 0, pfn);
		return;
	}
	fsc_check_stamp(t, general ? fsc_stamp_at(t->run, pfn, page) : fsc_stamp_of(pfn),
			general ? fsc_folio_key(proto, t->run, folio) :
				  fsc_folio_sole_key(proto, t->mappings, folio),
			generation, general);
	if (unlikely(word & FSC_GENERATION_GONE))
		fsc_count(&t->counters, FSC_STALE_HELD);
}

/* Choose frames of a block for the second pass. Return: number of our frames. */
static __always_inline unsigned int pfn_choose(struct fsc_thread *t,
					       const struct fsc_protocol *proto,
					       const void *frame, unsigned long *chosen)
{
	unsigned long last = 0, refcounted = FSC_PFN_REFCOUNTED;
	const unsigned long tag = t->run->tag;
	unsigned int ours = 0, avoided = 0, i, j;

	/* Else gcc loads the constant for each frame. */
	OPTIMIZER_HIDE_VAR(refcounted);
	for (i = 0; i < FSC_WORDS_OF_BLOCK; i++) {
		unsigned long bits = 0;

		for (j = 0; j < min(BITS_PER_LONG, pageblock_nr_pages); j++) {
			unsigned long word = fsc_folio_peek(proto, tag, frame);

			frame = fsc_folio_frame_at(proto, frame, 1);
			if (!word)
				continue;
			ours++;
			if (BIT(fsc_memdesc_type(word)) & refcounted) {
				if (word != last)
					bits |= 1UL << j;
				else
					avoided++;
			} else if (proto->bug.touches == FSC_MEMDESC_SLAB &&
				   fsc_memdesc_type(word) == FSC_MEMDESC_SLAB) {
				bits |= 1UL << j;
			}
			last = word;
		}
		chosen[i] = bits;
	}
	fsc_count_add(&t->counters, FSC_TRYGETS_AVOIDED, avoided);
	return ours;
}

/* The recheck, as a function so that scripts/perf/where can tell it from the first read. */
static __always_inline unsigned long pfn_word_again(const struct fsc_protocol *proto,
						    unsigned long tag, const void *frame)
{
	return fsc_folio_peek(proto, tag, frame);
}

/*
 * What became of the frames that a walker tried. Only exceptions are counted: the loop has no
 * register to spare.
 */
struct pfn_outcome {
	unsigned int missed;	/* no folio was used */
	unsigned int untried;	/* no tryget was made */
};

static __always_inline void pfn_count_trygets(struct fsc_thread *t,
					      const struct fsc_protocol *proto,
					      unsigned int tries, struct pfn_outcome outcome)
{
	if (proto->reader.refcounted)
		fsc_count_add(&t->counters, FSC_TRYGETS, tries - outcome.untried);
}

/* Get the folio of a frame, if it has one, and use it. */
static __always_inline void pfn_try(struct fsc_thread *t, const struct fsc_protocol *proto,
				    unsigned long pfn, const void *frame,
				    struct pfn_outcome *outcome, bool one_pass, bool general)
{
	const unsigned int hold_ns = general ? t->run->config.hold_ns : 0;
	const unsigned long tag = t->run->tag;
	unsigned long word, again;
	struct fsc_cpu_hazard hazard __uninitialized;
	void *folio, *drop = NULL;
	u64 latched;

	rcu_read_lock();
	fsc_hazptr_cpu_begin(t, proto, &hazard);
	word = fsc_folio_peek(proto, tag, frame);
	if (proto->bug.touches && fsc_memdesc_type(word) == proto->bug.touches) {
		fsc_gap(t, proto, general);
		fsc_pfn_mix_touch(t, fsc_memdesc_desc(word), pfn);
	}
	folio = fsc_folio_peeked(proto, frame, word);
	fsc_hazptr_cpu_loaded(proto, &hazard, folio);
	if (!folio) {
		const bool hugetlb = fsc_memdesc_type(word) == FSC_MEMDESC_HUGETLB;

		if (fsc_memdesc_type(word) == FSC_MEMDESC_HWPOISON)
			fsc_count(&t->counters, FSC_HWPOISON_MET);
		outcome->missed++;
		outcome->untried++;
		rcu_read_unlock();
		if (hugetlb && one_pass)
			fsc_pfn_mix_try_hugetlb(t, frame);
		else if (hugetlb)
			fsc_pfn_mix_look_at_hugetlb(t, pfn, frame);
		return;
	}
	fsc_gap(t, proto, general);
	fsc_hazptr_cpu_too_late(t, proto, &hazard, folio);
	if (!proto->reader.refcounted) {
		latched = general ? fsc_latch(proto, folio) : 0;
		if (hold_ns)
			fsc_spin(hold_ns);
		pfn_use(t, proto, folio, pfn, latched, general);
		rcu_read_unlock();
		return;
	}
	if (proto->reader.protects) {
		fsc_hazptr_protect(t, folio);
		if (!proto->bug.skips_recheck &&
		    unlikely(pfn_word_again(proto, tag, frame) != word)) {
			fsc_retry(t, FSC_HAZARD_MOVED, pfn, 1);
			outcome->untried++;
			folio = NULL;
			goto out;
		}
		fsc_stall_protected(t, general);
	}
	if (unlikely(!proto->refs.tryget(t, folio))) {
		fsc_retry(t, FSC_TRYGET_ZERO, pfn, 1);
		folio = NULL;
		goto out;
	}
	again = proto->reader.recheck ? pfn_word_again(proto, tag, frame) : word;
	if (unlikely(again != word)) {
		fsc_recheck_failed(t, again ? FSC_RECHECK_MOVED : FSC_RECHECK_EMPTY, pfn, 1,
				   folio);
		drop = folio;
		/* As in gup.c:gup_fall_back(). */
		OPTIMIZER_HIDE_VAR(drop);
		folio = NULL;
	}
out:
	if (proto->reader.protects)
		fsc_hazptr_unprotect(t);
	fsc_hazptr_cpu_end(proto, &hazard);
	rcu_read_unlock();
	/* Outside RCU, because it may free. */
	if (unlikely(drop))
		fsc_reader_put(t, proto, drop);
	if (unlikely(!folio)) {
		outcome->missed++;
		return;
	}
	latched = general ? fsc_latch(proto, folio) : 0;
	if (hold_ns)
		fsc_spin_resched(hold_ns);
	pfn_use(t, proto, folio, pfn, latched, general);
	fsc_reader_put(t, proto, folio);
}

/* Walk a block in two passes. */
static __always_inline struct fsc_tally pfn_block_twice(struct fsc_thread *t,
							const struct fsc_protocol *proto,
							unsigned long base,
							const void *frame, bool general)
{
	unsigned long chosen[FSC_WORDS_OF_BLOCK] __uninitialized;
	unsigned int ours = pfn_choose(t, proto, frame, chosen), tries = 0, i;
	struct pfn_outcome outcome = {};

	for (i = 0; i < FSC_WORDS_OF_BLOCK; i++) {
		unsigned long bits;

		tries += hweight_long(chosen[i]);
		for (bits = chosen[i]; bits; bits &= bits - 1) {
			unsigned long at = __ffs(bits);

			pfn_try(t, proto, base + at, fsc_folio_frame_at(proto, frame, at), &outcome,
				false, general);
		}
		base += BITS_PER_LONG;
		frame = fsc_folio_frame_at(proto, frame, BITS_PER_LONG);
	}
	pfn_count_trygets(t, proto, tries, outcome);
	return (struct fsc_tally) { ours, ours - tries + outcome.missed };
}

/* Walk a block in one pass. */
static __always_inline struct fsc_tally pfn_block_once(struct fsc_thread *t,
						       const struct fsc_protocol *proto,
						       unsigned long base,
						       const void *frame, bool general)
{
	struct pfn_outcome outcome = {};
	unsigned int ours = 0, i;

	for (i = 0; i < pageblock_nr_pages; i++, frame = fsc_folio_frame_at(proto, frame, 1)) {
		if (!fsc_folio_peek(proto, t->run->tag, frame))
			continue;
		ours++;
		pfn_try(t, proto, base + i, frame, &outcome, true, general);
	}
	pfn_count_trygets(t, proto, ours, outcome);
	return (struct fsc_tally) { ours, outcome.missed };
}

/* A walker found none of our frames. There may be some by now. */
static noinline void pfn_unmark(struct fsc_thread *t, const struct fsc_protocol *proto,
				unsigned long base, const void *frame)
{
	unsigned int i;

	fsc_blocks_unmark(&t->run->blocks, base);
	for (i = 0; i < pageblock_nr_pages; i++) {
		if (fsc_folio_peek(proto, t->run->tag, fsc_folio_frame_at(proto, frame, i))) {
			fsc_blocks_mark(&t->run->blocks, base);
			return;
		}
	}
}

/* A section is a block. It needs no key, and each frame has an RCU section of its own. */
static __always_inline struct fsc_tally pfn_section(struct fsc_thread *t, struct fsc_draw *draw,
						    const struct fsc_protocol *proto,
						    unsigned int n, bool general)
{
	struct fsc_blocks *blocks = &t->run->blocks;
	struct fsc_pfn_walker *walker = fsc_walker_of(t);
	struct fsc_tally tally = {};

	while (n--) {
		unsigned long base = fsc_blocks_next(blocks, walker->walked);
		struct fsc_tally block;
		const void *frame;

		if (unlikely(base == FSC_NO_BLOCK))
			break;
		frame = fsc_folio_frame(proto, t, base);
		walker->walked = base + pageblock_nr_pages;
		block = t->run->config.passes == 1 ?
			pfn_block_once(t, proto, base, frame, general) :
			pfn_block_twice(t, proto, base, frame, general);
		if (unlikely(!block.lookups))
			pfn_unmark(t, proto, base, frame);
		fsc_tally_add(&tally, block);
	}
	return tally;
}

static const struct fsc_tables pfn_tables = {
	.turned		= fsc_pfn_mix_turned,
};

FSC_DEFINE_SLOTS(pfn)
FSC_FOR_EACH_PROTOCOL(FSC_DEFINE_LOOPS, pfn)

static const struct fsc_loops pfn_loops[] = {
	FSC_FOR_EACH_PROTOCOL(FSC_LOOPS_ENTRY, pfn)
};

const struct fsc_path fsc_path_pfn = {
	.name		= "pfn",
	.loops		= pfn_loops,
	.nr_loops	= ARRAY_SIZE(pfn_loops),
	.tries		= 1,
	.unit		= pageblock_nr_pages,
	.gap_max_ns	= NSEC_PER_SEC,
	.walks		= true,
	.refuses	= pfn_refuses,
	.bytes		= fsc_pfn_mix_bytes,
	.set_up		= fsc_pfn_mix_create,
	.tear_down	= fsc_pfn_mix_destroy,
};
