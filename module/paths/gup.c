// SPDX-License-Identifier: GPL-2.0
/*
 * The GUP path: walk page tables with interrupts off, after
 * mm/gup.c:gup_fast_pte_range.
 *
 * Read pmd, pte, frame and memdesc word, then tryget. Then recheck what may
 * have changed: the word if the protocol needs that, pmd and pte always. On any
 * mismatch put the reference and fall back to the lock of the mapping, as GUP
 * falls back to that of the address space. There is no loop.
 *
 * A freer unmaps first, then freezes or puts. If a walker's tryget comes before
 * that, the freeze fails, or the walker keeps the folio past the put. If it
 * comes after, and gets the folio's next life, the walker finds the pte
 * changed.
 *
 * Disabled interrupts delay grace periods, for descriptors and for tables. A
 * put may be the last one. The free then waits until interrupts are on again,
 * because SLUB's lock sleeps on PREEMPT_RT, and because some protocols sleep to
 * free.
 */
#include <linux/irqflags.h>

#include <folioscale/mm.h>

#include "mapping.h"

/* include/linux/mm.h:GUP_PIN_COUNTING_BIAS: a pin adds this to a small folio's count. */
#define GUP_PIN_BIAS	1024

static __always_inline const char *gup_refuses(const struct fsc_protocol *proto)
{
	if (proto->bug.touches)
		return "this path does not meet frames without a folio";
	if (proto->bug.caught_by_pte)
		return "GUP rechecks the pte, which hides this bug";
	if (!proto->reader.refcounted)
		return "GUP returns references, and its readers take none";
	return proto->reader.copies ? "GUP returns references, and its readers copy" : NULL;
}

#define GUP_FELL_BACK	((void *)1)

/* %GUP_FELL_BACK with the key of the folio that the reference was on, read before the put. */
static __always_inline void *gup_fell_back_from(u64 key)
{
	return (void *)(key << 1 | 1);
}

static __always_inline bool gup_is_folio(const void *fallback)
{
	return !((unsigned long)fallback & 1);
}

/**
 * struct gup_found - result of a walk, to be finished with interrupts on
 * @folio: with a reference or a pin; NULL if none
 * @latched: its generation, from fsc_latch()
 * @fallback: NULL if the walk did not fall back; else %GUP_FELL_BACK, or a folio to free
 *	because its last reference was ours
 * @key: the key
 * @at: the page of its folio, from fsc_draw_at()
 * @pinned: @folio has a pin
 * @rechecked: it fell back with a reference, and tracing needs the key of that folio
 * @why: counter for why it fell back
 */
struct gup_found {
	void *folio;
	u64 latched;
	void *fallback;
	u32 key;
	u16 at;
	bool pinned;
	bool rechecked;
	u8 why;
};

/* After mm/gup.c:try_grab_folio_fast. */
static __always_inline void gup_pin(struct fsc_thread *t, const struct fsc_protocol *proto,
				    struct gup_found *found, bool general)
{
	if (!general || !proto->refs.add || t->run->config.pin == FSC_PIN_GET)
		return;
	if (fsc_folio_order(proto, found->folio))
		atomic_inc(fsc_folio_pins(proto, found->folio));
	else
		proto->refs.add(found->folio, GUP_PIN_BIAS - 1);
	/*
	 * The pte is rechecked after the pin. Pairs with code that write-protects a pte and
	 * then looks for pins (fork), which does not exist here.
	 */
	smp_mb__after_atomic();
	found->pinned = true;
	fsc_count(&t->counters, FSC_PINS);
}

/* Drop the walk's reference or pin. Return: true if it was the last. */
static __always_inline bool gup_put_testzero(struct fsc_thread *t, const struct fsc_protocol *proto,
					     const struct gup_found *found, bool general)
{
	int refs = 1;

	if (general && found->pinned) {
		if (fsc_folio_order(proto, found->folio))
			atomic_dec(fsc_folio_pins(proto, found->folio));
		else
			refs = GUP_PIN_BIAS;
	}
	return proto->refs.put_testzero(t, found->folio, refs);
}

/* Interrupts are off: put at once, but leave a free for later. */
static __always_inline void gup_fall_back(struct fsc_thread *t, const struct fsc_protocol *proto,
					  struct gup_found *found, enum fsc_counter why,
					  bool general)
{
	fsc_count(&t->counters, why);
	/* gup_finish() traces it: keeping the key until here would cost every lookup. */
	found->why = why;
	found->fallback = GUP_FELL_BACK;
	if (!found->folio)
		return;
	/* Else gcc keeps the address of the count, for which the walk has no register to spare. */
	OPTIMIZER_HIDE_VAR(found->folio);
	if (tracepoint_enabled(fsc_recheck_failed)) {
		found->rechecked = true;
		found->fallback = gup_fell_back_from(fsc_folio_key(proto, t->run, found->folio));
	}
	if (gup_put_testzero(t, proto, found, general))
		found->fallback = found->folio;
	found->folio = NULL;
}

/* The rechecks, as functions so that scripts/perf/where can tell them from the first reads. */
static __always_inline unsigned long gup_word_again(const struct fsc_protocol *proto,
						    const void *frame)
{
	return fsc_folio_frame_word(proto, frame);
}

static __always_inline unsigned long gup_entry_again(const unsigned long *entry)
{
	return READ_ONCE(*entry);
}

/* Interrupts off. Only the key of @found is set, and its page. */
static __always_inline void gup_walk(struct fsc_thread *t, const struct fsc_protocol *proto,
				     struct gup_found *found, bool general)
{
	unsigned long page = general ? ((unsigned long)found->key << t->index_shift) + found->at :
				       found->key;
	const struct fsc_mm *mm = t->path_data;
	const struct fsc_pmd *pmdp = &mm->pmds[page / FSC_PTES];
	unsigned long *ptep, pmd, pte, word;
	struct fsc_cpu_hazard hazard __uninitialized;
	const void *frame;
	void *folio;
	bool got;

	pmd = READ_ONCE(pmdp->entry);
	if (unlikely(!pmd))
		return;
	ptep = (unsigned long *)(pmd & ~FSC_PRESENT) + page % FSC_PTES;
	pte = READ_ONCE(*ptep);
	if (unlikely(!pte))
		return;
	frame = fsc_folio_frame(proto, t, pte >> PAGE_SHIFT);
	fsc_hazptr_cpu_begin(t, proto, &hazard);
	word = fsc_folio_frame_word(proto, frame);
	folio = fsc_folio_word_folio(proto, word);
	fsc_hazptr_cpu_loaded(proto, &hazard, folio);
	if (unlikely(!folio)) {
		gup_fall_back(t, proto, found, FSC_FALLBACK_MEMDESC, general);
		return;
	}
	fsc_gap(t, proto, general);
	fsc_hazptr_cpu_too_late(t, proto, &hazard, folio);
	if (proto->reader.protects) {
		fsc_hazptr_protect(t, folio);
		if (!proto->bug.skips_recheck && unlikely(gup_word_again(proto, frame) != word)) {
			fsc_retry(t, FSC_HAZARD_MOVED, found->key, 1);
			gup_fall_back(t, proto, found, FSC_FALLBACK_MEMDESC, general);
			goto out;
		}
		fsc_stall_protected(t, general);
	}
	got = proto->refs.tryget(t, folio);
	fsc_hazptr_cpu_end(proto, &hazard);
	if (unlikely(!got)) {
		gup_fall_back(t, proto, found, FSC_FALLBACK_ZERO, general);
		goto out;
	}
	found->folio = folio;
	/* The tryget is an acquire, so the rechecks come after it; pairs with fsc_mms_unmap(). */
	if (proto->reader.recheck && unlikely(gup_word_again(proto, frame) != word)) {
		gup_fall_back(t, proto, found, FSC_FALLBACK_MEMDESC, general);
		goto out;
	}
	gup_pin(t, proto, found, general);
	if (proto->bug.skips_recheck)
		goto out;
	if (unlikely(gup_entry_again(&pmdp->entry) != pmd))
		gup_fall_back(t, proto, found, FSC_FALLBACK_PMD, general);
	else if (unlikely(gup_entry_again(ptep) != pte))
		gup_fall_back(t, proto, found, FSC_FALLBACK_PTE, general);
out:
	if (general && found->folio) {
		found->latched = fsc_latch(proto, found->folio);
		fsc_mark(t, proto, found->folio, true, general);
	}
	if (proto->reader.protects)
		fsc_hazptr_unprotect(t);
}

/* Finish a lookup, interrupts on. Return: true if it missed. */
static __always_inline bool gup_finish(struct fsc_thread *t, const struct fsc_protocol *proto,
				       struct fsc_slot slot, struct gup_found *found, bool general)
{
	if (!proto->reader.locked && unlikely(found->fallback) &&
	    (tracepoint_enabled(fsc_retry) || tracepoint_enabled(fsc_recheck_failed)))
		fsc_trace_fallback(found->why, slot.key, found->rechecked,
				   gup_is_folio(found->fallback) ?
				   fsc_folio_key(proto, t->run, found->fallback) :
				   (unsigned long)found->fallback >> 1);
	if (!proto->reader.locked && unlikely(found->fallback) && gup_is_folio(found->fallback))
		fsc_reader_free(t, proto, found->fallback);
	if (proto->reader.locked || unlikely(found->fallback)) {
		found->folio = fsc_mapping_find_locked(t, proto, slot,
						       general && proto->reader.locked);
		found->pinned = false;
		if (found->folio)
			gup_pin(t, proto, found, general);
		if (found->folio && general) {
			found->latched = fsc_latch(proto, found->folio);
			fsc_mark(t, proto, found->folio, false, general);
		}
	}
	if (unlikely(!found->folio))
		return true;
	if (general && t->run->config.hold_ns)
		fsc_spin_resched(t->run->config.hold_ns);
	fsc_use(t, proto, found->folio, slot, found->latched, general);
	if (unlikely(gup_put_testzero(t, proto, found, general)))
		fsc_reader_free(t, proto, found->folio);
	return false;
}

static __always_inline bool gup_section_plain(struct fsc_thread *t, struct fsc_draw *draw,
					      const struct fsc_protocol *proto)
{
	u32 key = fsc_draw_key(draw, false);
	struct gup_found found = { .key = key };
	unsigned long flags;

	if (proto->reader.locked)
		return gup_finish(t, proto, fsc_slot_of(t, key, 0, false), &found, false);
	local_irq_save(flags);
	gup_walk(t, proto, &found, false);
	/*
	 * Branch before interrupts are on: otherwise both branches would share the code
	 * after that. Compute the slot only where it is needed: the walk has no register to
	 * spare.
	 */
	if (likely(found.folio)) {
		void *folio = found.folio;

		/* As in gup_fall_back(). */
		OPTIMIZER_HIDE_VAR(folio);
		local_irq_restore(flags);
		fsc_use(t, proto, folio, fsc_slot_of(t, key, 0, false), 0, false);
		fsc_reader_put(t, proto, folio);
		return false;
	}
	local_irq_restore(flags);
	return gup_finish(t, proto, fsc_slot_of(t, key, 0, false), &found, false);
}

static __always_inline unsigned int gup_section_general(struct fsc_thread *t,
							struct fsc_draw *draw,
							const struct fsc_protocol *proto,
							unsigned int n)
{
	struct gup_found found[FSC_SECTION_MAX] __uninitialized;
	unsigned int misses = 0, i;
	unsigned long flags;

	for (i = 0; i < n; i++) {
		u32 key = fsc_draw_key(draw, true);

		found[i] = (struct gup_found) { .key = key, .at = fsc_draw_at(t, draw, key) };
	}
	if (!proto->reader.locked) {
		local_irq_save(flags);
		for (i = 0; i < n; i++)
			gup_walk(t, proto, &found[i], true);
		local_irq_restore(flags);
	}
	for (i = 0; i < n; i++)
		misses += gup_finish(t, proto, fsc_slot_of(t, found[i].key, found[i].at, true),
				     &found[i], true);
	return misses;
}

static __always_inline struct fsc_tally gup_section(struct fsc_thread *t, struct fsc_draw *draw,
						    const struct fsc_protocol *proto,
						    unsigned int n, bool general)
{
	return (struct fsc_tally) {
		.lookups = n,
		.misses = general ? gup_section_general(t, draw, proto, n) :
				    gup_section_plain(t, draw, proto),
	};
}

static void gup_map(struct fsc_thread *t, unsigned long pfn, unsigned int order, u32 key,
		    unsigned int at)
{
	fsc_mms_map(t->run, pfn, order, key, at);
}

static void gup_unmap(struct fsc_thread *t, unsigned int order, u32 key, unsigned int at)
{
	fsc_mms_unmap(t->run, order, key, at);
}

static const struct fsc_tables gup_tables = {
	.prepare	= fsc_mms_prepare,
	.share		= fsc_mms_share,
	.retire		= fsc_mms_retire,
	.map		= gup_map,
	.unmap		= gup_unmap,
};

FSC_DEFINE_SLOTS(gup)
FSC_FOR_EACH_PROTOCOL(FSC_DEFINE_LOOPS, gup)

static const struct fsc_loops gup_loops[] = {
	FSC_FOR_EACH_PROTOCOL(FSC_LOOPS_ENTRY, gup)
};

const struct fsc_path fsc_path_gup = {
	.name		= "gup",
	.loops		= gup_loops,
	.nr_loops	= ARRAY_SIZE(gup_loops),
	.tries		= 1,
	.unit		= 1,
	.gap_max_ns	= FSC_IRQS_OFF_MAX_NS,
	.falls_back	= true,
	.pins		= true,
	.refuses	= gup_refuses,
	.set_up		= fsc_mms_create,
	.tear_down	= fsc_mms_destroy,
	.bytes		= fsc_mms_bytes,
};
