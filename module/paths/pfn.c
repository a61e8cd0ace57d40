// SPDX-License-Identifier: GPL-2.0
/*
 * The PFN path: walk all frames in order, block by block, after
 * mm/compaction.c:isolate_migratepages_block and
 * mm/page_idle.c:page_idle_get_folio. A lookup is a decision about one of our
 * frames; a hit is a folio that was used. Frames that are not ours are skipped
 * and not counted, and so are blocks without our frames, because how many of
 * those lie between an arm's frames is random.
 *
 * With passes=2 the first pass only reads memdesc words and decides by their
 * type. Types without a reference count are done then, and frames of one folio
 * count as one folio. The second pass reads the words of the chosen frames
 * again, inside RCU, because they may have changed: tryget, recheck of the word
 * if the protocol needs it, use, put; it skips the frame on any failure. Free
 * hugetlb folios are checked under the hugetlb lock. With passes=1 there is no
 * first pass: every frame whose folio has a count gets a tryget.
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
				    const void *folio, unsigned long frame, bool general)
{
	u64 word, generation;
	unsigned long pfn;

	/* Order the reads after the recheck; pairs with the smp_wmb() in fsc_memdesc_publish(). */
	smp_acquire__after_ctrl_dep();
	word = fsc_folio_generation(proto, folio);
	generation = word & ~FSC_GENERATION_GONE;
	pfn = fsc_folio_pfn(proto, folio);
	if (unlikely(frame - pfn >= 1UL << fsc_folio_order(proto, folio)))
		fsc_violation_record(t, FSC_BAD_IDENTITY, frame, generation, frame, pfn);
	if (proto->bug.name && unlikely(!pfn_valid(pfn))) {
		fsc_violation_record(t, FSC_BAD_PFN, frame, generation, 0, pfn);
		return;
	}
	fsc_check_stamp(t, fsc_stamp_of(pfn),
			general ? fsc_folio_key(proto, t->run, folio) :
				  fsc_folio_sole_key(proto, t->mappings, folio),
			generation, general);
	if (unlikely(word & FSC_GENERATION_GONE))
		fsc_count(&t->counters, FSC_STALE_HELD);
}

/* Choose frames of a block for the second pass. Return: number of our frames. */
static __always_inline unsigned int pfn_choose(struct fsc_thread *t,
					       const struct fsc_protocol *proto,
					       unsigned long base, const unsigned long *slot,
					       unsigned long *chosen)
{
	unsigned int ours = 0, avoided = 0, i, j;
	unsigned long last = 0, refcounted = FSC_PFN_REFCOUNTED;

	/* Else gcc loads the constant for each frame. */
	OPTIMIZER_HIDE_VAR(refcounted);
	for (i = 0; i < FSC_WORDS_OF_BLOCK; i++) {
		unsigned long bits = 0;

		for (j = 0; j < min(BITS_PER_LONG, pageblock_nr_pages); j++, base++, slot++) {
			unsigned long word = fsc_folio_peek(proto, base, slot);

			if (!word)
				continue;
			ours++;
			if (BIT(fsc_memdesc_type(word)) & refcounted) {
				if (word != last)
					bits |= 1UL << j;
				else
					avoided++;
			} else if (proto->bug.touches_slab &&
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
						    unsigned long frame, const unsigned long *slot)
{
	return fsc_folio_peek(proto, frame, slot);
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
				    unsigned long frame, const unsigned long *slot,
				    struct pfn_outcome *outcome, bool one_pass, bool general)
{
	const unsigned int hold_ns = general ? t->run->config.hold_ns : 0;
	unsigned long word, again;
	void *folio, *drop = NULL;

	rcu_read_lock();
	word = fsc_folio_peek(proto, frame, slot);
	if (proto->bug.touches_slab && fsc_memdesc_type(word) == FSC_MEMDESC_SLAB) {
		fsc_gap(t, proto, general);
		fsc_pfn_mix_touch(t, fsc_memdesc_desc(word), frame);
	}
	folio = fsc_memdesc_folio(word);
	if (!folio) {
		const bool hugetlb = fsc_memdesc_type(word) == FSC_MEMDESC_HUGETLB;

		outcome->missed++;
		outcome->untried++;
		rcu_read_unlock();
		if (hugetlb && one_pass)
			fsc_pfn_mix_try_hugetlb(t, fsc_memdesc_desc(word));
		else if (hugetlb)
			fsc_pfn_mix_look_at_hugetlb(t, frame, slot);
		return;
	}
	fsc_gap(t, proto, general);
	if (!proto->reader.refcounted) {
		if (hold_ns)
			fsc_spin(hold_ns);
		pfn_use(t, proto, folio, frame, general);
		rcu_read_unlock();
		return;
	}
	if (proto->reader.protects) {
		fsc_hazptr_protect(t, folio);
		if (!proto->bug.skips_recheck &&
		    unlikely(pfn_word_again(proto, frame, slot) != word)) {
			fsc_retry(t, FSC_HAZARD_MOVED, frame, 1);
			outcome->untried++;
			folio = NULL;
			goto out;
		}
		fsc_stall_protected(t, general);
	}
	if (unlikely(!proto->refs.tryget(t, folio))) {
		fsc_retry(t, FSC_TRYGET_ZERO, frame, 1);
		folio = NULL;
		goto out;
	}
	again = proto->reader.recheck ? pfn_word_again(proto, frame, slot) : word;
	if (unlikely(again != word)) {
		fsc_recheck_failed(t, again ? FSC_RECHECK_MOVED : FSC_RECHECK_EMPTY, frame, 1,
				   folio);
		drop = folio;
		/* As in gup.c:gup_fall_back(). */
		OPTIMIZER_HIDE_VAR(drop);
		folio = NULL;
	}
out:
	if (proto->reader.protects)
		fsc_hazptr_unprotect(t);
	rcu_read_unlock();
	/* Outside RCU, because it may free. */
	if (unlikely(drop))
		fsc_reader_put(t, proto, drop);
	if (unlikely(!folio)) {
		outcome->missed++;
		return;
	}
	if (hold_ns)
		fsc_spin_resched(hold_ns);
	pfn_use(t, proto, folio, frame, general);
	fsc_reader_put(t, proto, folio);
}

/* Walk a block in two passes. */
static __always_inline struct fsc_tally pfn_block_twice(struct fsc_thread *t,
							const struct fsc_protocol *proto,
							unsigned long base,
							const unsigned long *slot, bool general)
{
	unsigned long chosen[FSC_WORDS_OF_BLOCK] __uninitialized;
	unsigned int ours = pfn_choose(t, proto, base, slot, chosen), tries = 0, i;
	struct pfn_outcome outcome = {};

	for (i = 0; i < FSC_WORDS_OF_BLOCK; i++, base += BITS_PER_LONG, slot += BITS_PER_LONG) {
		unsigned long bits;

		tries += hweight_long(chosen[i]);
		for (bits = chosen[i]; bits; bits &= bits - 1) {
			unsigned long at = __ffs(bits);

			pfn_try(t, proto, base + at, slot + at, &outcome, false, general);
		}
	}
	pfn_count_trygets(t, proto, tries, outcome);
	return (struct fsc_tally) { ours, ours - tries + outcome.missed };
}

/* Walk a block in one pass. */
static __always_inline struct fsc_tally pfn_block_once(struct fsc_thread *t,
						       const struct fsc_protocol *proto,
						       unsigned long base,
						       const unsigned long *slot, bool general)
{
	struct pfn_outcome outcome = {};
	unsigned int ours = 0, i;

	for (i = 0; i < pageblock_nr_pages; i++) {
		if (!fsc_folio_peek(proto, base + i, slot + i))
			continue;
		ours++;
		pfn_try(t, proto, base + i, slot + i, &outcome, true, general);
	}
	pfn_count_trygets(t, proto, ours, outcome);
	return (struct fsc_tally) { ours, outcome.missed };
}

/* A walker found none of our frames. There may be some by now. */
static noinline void pfn_unmark(struct fsc_thread *t, const struct fsc_protocol *proto,
				unsigned long base, const unsigned long *slot)
{
	unsigned int i;

	fsc_blocks_unmark(&t->run->blocks, base);
	for (i = 0; i < pageblock_nr_pages; i++) {
		if (fsc_folio_peek(proto, base + i, slot + i)) {
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
		const unsigned long *slot = fsc_memdesc_slot(&t->run->map, base);
		struct fsc_tally block;

		if (unlikely(base == FSC_NO_BLOCK))
			break;
		walker->walked = base + pageblock_nr_pages;
		block = t->run->config.passes == 1 ?
			pfn_block_once(t, proto, base, slot, general) :
			pfn_block_twice(t, proto, base, slot, general);
		if (unlikely(!block.lookups))
			pfn_unmark(t, proto, base, slot);
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
