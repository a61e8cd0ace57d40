// SPDX-License-Identifier: GPL-2.0
/*
 * The page cache path: look up in a mapping's xarray under RCU, after
 * mm/filemap.c:filemap_get_entry; change it under its xa_lock.
 */
#include <linux/delay.h>

#include "mapping.h"

#ifdef CONFIG_CC_IS_GCC
/*
 * A kernel's lookup has it inline; in a file with dozens of loops gcc would call
 * a copy of it, which scripts/tests/static.py refuses. From here on it is inlined.
 */
static __always_inline void *xas_reload(struct xa_state *xas);
#endif

static __always_inline const char *pagecache_refuses(const struct fsc_protocol *proto)
{
	return proto->bug.touches ? "this path does not meet frames without a folio" : NULL;
}

/*
 * After so many breaks in one lookup, some thousand tries, the freer is not
 * running: sleep for so long.
 */
#define PAGECACHE_BREAKS_MAX	16
#define PAGECACHE_NAP_US	50

/*
 * Let others run while the folio stays frozen. The caller goes on in a new RCU
 * section. The freer may be waiting for this CPU, and cond_resched() does nothing
 * on PREEMPT_RT, where a freer can be preempted between freeze and unlink, nor
 * with preempt=full or lazy.
 */
static noinline void pagecache_section_break(struct fsc_thread *t, unsigned int breaks)
	__must_hold(RCU)
{
	fsc_count(&t->counters, FSC_SECTION_BREAKS);
	rcu_read_unlock();
	if (breaks < PAGECACHE_BREAKS_MAX)
		cond_resched();
	else
		usleep_range_state(PAGECACHE_NAP_US, PAGECACHE_NAP_US, TASK_IDLE);
	rcu_read_lock();
}

/*
 * Is the folio another than the slot's? A large folio is one entry, and its other indices
 * refer to the first. If it is split, or makes way for smaller ones, between the two loads of
 * xas_load(), the reader finds the folio of the first index. The identity of a folio that a
 * reader may use does not change, so it needs no order.
 *
 * A reload of the slot tells, too, but for one case, as it is two loads as well: the
 * descriptor is freed, reused for the first of the parts, and put there between those. Today's
 * mm/filemap.c:filemap_get_entry() has that case. So protocols that reload are asked only where
 * there are large folios, and what a lookup of theirs costs without them stays today's.
 * Overlay's are not split. Controls that do without have bugs that it would hide.
 */
static __always_inline bool pagecache_is_outside(const struct fsc_protocol *proto,
						 const void *folio, struct fsc_slot slot,
						 bool general)
{
	const bool reloads = proto->reader.recheck || proto->reader.protects;

	return (general || !reloads) && proto->own_descriptor && !proto->bug.name &&
	       unlikely(!fsc_folio_contains(folio, slot));
}

/*
 * Put a folio that is not the one. That may free it, for which some protocols sleep,
 * or wait until nobody protects it. Those that recheck do neither (struct fsc_freeing).
 * The others' caller goes on in a new RCU section.
 */
static __always_inline void pagecache_put(struct fsc_thread *t, const struct fsc_protocol *proto,
					  void *folio, struct fsc_cpu_hazard *hazard)
	__must_hold(RCU)
{
	fsc_hazptr_cpu_end(proto, hazard);
	if (proto->reader.recheck) {
		fsc_reader_put(t, proto, folio);
		return;
	}
	rcu_read_unlock();
	fsc_reader_put(t, proto, folio);
	rcu_read_lock();
}

/* Inside RCU. The folio has a reference if the protocol takes any. */
static __always_inline void *pagecache_find(struct fsc_thread *t, const struct fsc_protocol *proto,
					    struct fsc_slot slot, bool general)
{
	XA_STATE(xas, &slot.mapping->pages, slot.index);
	struct fsc_cpu_hazard hazard __uninitialized;
	unsigned int tries = 0, breaks = 0;
	enum fsc_counter why;
	void *folio, *again;

repeat:
	fsc_hazptr_cpu_begin(t, proto, &hazard);
	do {
		xas_reset(&xas);
		folio = xas_load(&xas);
	} while (xas_retry(&xas, folio));
	fsc_hazptr_cpu_loaded(proto, &hazard, folio);
	if (!folio)
		goto out;
	fsc_gap(t, proto, general);
	fsc_hazptr_cpu_too_late(t, proto, &hazard, folio);
	if (!proto->reader.refcounted) {
		if (pagecache_is_outside(proto, folio, slot, general)) {
			fsc_retry(t, FSC_OUTSIDE, slot.key, tries + 1);
			goto retry;
		}
		return folio;
	}
	if (proto->reader.protects) {
		fsc_hazptr_protect(t, folio);
		if (!proto->bug.skips_recheck && unlikely(xas_reload(&xas) != folio)) {
			fsc_retry(t, FSC_HAZARD_MOVED, slot.key, tries + 1);
			goto retry;
		}
		fsc_stall_protected(t, general);
	}
	if (unlikely(!proto->refs.tryget(t, folio))) {
		fsc_retry(t, FSC_TRYGET_ZERO, slot.key, tries + 1);
		goto retry;
	}
	again = proto->reader.recheck ? xas_reload(&xas) : folio;
	if (unlikely(again != folio))
		why = again ? FSC_RECHECK_MOVED : FSC_RECHECK_EMPTY;
	else if (pagecache_is_outside(proto, folio, slot, general))
		why = FSC_OUTSIDE;
	else
		goto out;
	fsc_recheck_failed(t, why, slot.key, tries + 1, folio);
	pagecache_put(t, proto, folio, &hazard);
	goto next;
retry:
	fsc_hazptr_cpu_end(proto, &hazard);
next:
	if (++tries == FSC_MAX_TRIES) {
		pagecache_section_break(t, breaks++);
		tries = 0;
	}
	goto repeat;
out:
	if (proto->reader.protects)
		fsc_hazptr_unprotect(t);
	if (folio)
		fsc_hazptr_cpu_end(proto, &hazard);
	return folio;
}

/* What a section found, and must use and put after the section. */
struct pagecache_found {
	void *folio;
	u64 latched;
	struct fsc_slot slot;
};

/* One lookup. Return: true if it missed. A folio without reference has already been used. */
static __always_inline bool pagecache_lookup(struct fsc_thread *t, const struct fsc_protocol *proto,
					     struct fsc_slot slot, struct pagecache_found *found,
					     bool general)
{
	void *folio;

	found->folio = NULL;
	if (proto->reader.copies) {
		enum fsc_copied copied = fsc_seq_read_copied(t, proto, slot, general);

		if (likely(copied != FSC_COPY_FALL_BACK))
			return copied == FSC_COPY_ABSENT;
	}
	folio = proto->reader.locked ? fsc_mapping_find_locked(t, proto, slot, general) :
				pagecache_find(t, proto, slot, general);
	if (unlikely(!folio))
		return true;
	found->latched = general ? fsc_latch(proto, folio) : 0;
	if (proto->reader.refcounted) {
		found->folio = folio;
		found->slot = slot;
		return false;
	}
	if (general && t->run->config.hold_ns)
		fsc_spin(t->run->config.hold_ns);
	fsc_use(t, proto, folio, slot, found->latched, general);
	fsc_mark(t, proto, folio, false, general);
	return false;
}

static __always_inline bool pagecache_section_plain(struct fsc_thread *t, struct fsc_draw *draw,
						    const struct fsc_protocol *proto)
{
	struct fsc_slot slot = fsc_slot_of(t, fsc_draw_key(draw, false), 0, false);
	struct pagecache_found found;
	bool missed;

	if (proto->reader.locked) {
		missed = pagecache_lookup(t, proto, slot, &found, false);
	} else {
		rcu_read_lock();
		missed = pagecache_lookup(t, proto, slot, &found, false);
		rcu_read_unlock();
	}
	if (proto->reader.refcounted && found.folio) {
		fsc_use(t, proto, found.folio, found.slot, 0, false);
		fsc_reader_put(t, proto, found.folio);
	}
	return missed;
}

/* Return: number of misses. @found has @nr folios to use and put. */
static __always_inline unsigned int pagecache_lookups(struct fsc_thread *t, struct fsc_draw *draw,
						      const struct fsc_protocol *proto,
						      unsigned int n, struct pagecache_found *found,
						      unsigned int *nr)
{
	unsigned int misses = 0;

	while (n--) {
		u32 key = fsc_draw_key(draw, true);
		struct fsc_slot slot = fsc_slot_of(t, key, fsc_draw_at(t, draw, key), true);

		misses += pagecache_lookup(t, proto, slot, &found[*nr], true);
		*nr += !!found[*nr].folio;
	}
	return misses;
}

static __always_inline unsigned int pagecache_section_general(struct fsc_thread *t,
							      struct fsc_draw *draw,
							      const struct fsc_protocol *proto,
							      unsigned int n)
{
	struct pagecache_found found[FSC_SECTION_MAX] __uninitialized;
	const unsigned int hold_ns = t->run->config.hold_ns;
	unsigned int misses, nr = 0, i;

	if (proto->reader.locked) {
		misses = pagecache_lookups(t, draw, proto, n, found, &nr);
	} else {
		rcu_read_lock();
		misses = pagecache_lookups(t, draw, proto, n, found, &nr);
		rcu_read_unlock();
	}
	for (i = 0; i < nr; i++) {
		if (hold_ns)
			fsc_spin_resched(hold_ns);
		fsc_use(t, proto, found[i].folio, found[i].slot, found[i].latched, true);
		fsc_mark(t, proto, found[i].folio, false, true);
		fsc_reader_put(t, proto, found[i].folio);
	}
	return misses;
}

static __always_inline struct fsc_tally pagecache_section(struct fsc_thread *t,
							  struct fsc_draw *draw,
							  const struct fsc_protocol *proto,
							  unsigned int n, bool general)
{
	return (struct fsc_tally) {
		.lookups = n,
		.misses = general ? pagecache_section_general(t, draw, proto, n) :
				    pagecache_section_plain(t, draw, proto),
	};
}

static const struct fsc_tables pagecache_tables = {};

FSC_DEFINE_SLOTS(pagecache)
FSC_FOR_EACH_PROTOCOL(FSC_DEFINE_LOOPS, pagecache)

static const struct fsc_loops pagecache_loops[] = {
	FSC_FOR_EACH_PROTOCOL(FSC_LOOPS_ENTRY, pagecache)
};

const struct fsc_path fsc_path_pagecache = {
	.name		= "pagecache",
	.loops		= pagecache_loops,
	.nr_loops	= ARRAY_SIZE(pagecache_loops),
	.tries		= FSC_MAX_TRIES,
	.unit		= 1,
	.gap_max_ns	= NSEC_PER_SEC,
	.refuses	= pagecache_refuses,
};
