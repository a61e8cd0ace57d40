/* SPDX-License-Identifier: GPL-2.0 */
/* What is done with a folio that was found: the use, which checks it, and the put. */
#ifndef FSC_LOOPS_ORACLE_H
#define FSC_LOOPS_ORACLE_H

#include <linux/mmzone.h>

#include <folioscale/folio.h>
#include <folioscale/layout.h>
#include <folioscale/protocol.h>
#include <folioscale/run.h>
#include <folioscale/stamp.h>
#include <folioscale/trace.h>

/* Check the stamp in the folio's memory; @stamp may be a copy. */
static __always_inline void fsc_check_stamp(struct fsc_thread *t, const struct fsc_stamp *stamp,
					    u64 key, u64 generation, bool general)
{
	unsigned int at;
	u64 found = READ_ONCE(stamp->key);

	if (unlikely(found != key))
		fsc_violation_record(t, FSC_BAD_STAMP, key, generation, key, found);
	found = READ_ONCE(stamp->generation);
	if (unlikely(found != generation))
		fsc_violation_record(t, FSC_BAD_GENERATION, key, generation, generation, found);
	for (at = FSC_LINE_BYTES; general && at + sizeof(u64) <= t->run->config.touch_bytes;
	     at += FSC_LINE_BYTES) {
		found = READ_ONCE(*(const u64 *)((const void *)stamp + at));
		if (unlikely(found != generation))
			fsc_violation_record(t, FSC_BAD_LINE, key, generation, generation, found);
	}
}

/*
 * As in include/linux/page-flags.h:folio_test_uptodate, which every reader of a
 * folio's memory asks first. Only overlay needs it, because there the recheck is
 * the only guard: what is read of the folio comes after that.
 */
static __always_inline void fsc_order_after_recheck(void)
{
	/* Pairs with rcu_assign_pointer() in xas_store(), on gup with fsc_mms_map()'s smp_wmb(). */
	smp_rmb();
}

/*
 * The generation of a folio that was just acquired and rechecked. The use comes
 * after the hold, when the descriptor may have been freed and allocated again
 * under the same key, with a new stamp. Only this tells.
 */
static __always_inline u64 fsc_latch(const struct fsc_protocol *proto, const void *folio)
{
	fsc_order_after_recheck();
	return fsc_folio_generation(proto, folio) & ~FSC_GENERATION_GONE;
}

static __always_inline void fsc_check_latched(struct fsc_thread *t, u64 key, u64 latched, u64 found)
{
	if (unlikely(found != latched))
		fsc_violation_record(t, FSC_REUSED, key, found, latched, found);
}

/*
 * Use a folio, and check that it is the right one: this is the oracle. It is
 * the same for every protocol, but for seqcount, which judges its copies by the
 * sequence (fsc_seq_judge()). The caller holds @folio for @slot, by a
 * reference or by its RCU section. @latched: from fsc_latch(), in loops that may
 * hold; the plain loop uses what it has found at once.
 */
static __always_inline void fsc_use(struct fsc_thread *t, const struct fsc_protocol *proto,
				    const void *folio, struct fsc_slot slot, u64 latched,
				    bool general)
{
	unsigned long pfn, page;
	u64 word, generation;

	fsc_order_after_recheck();
	word = fsc_folio_generation(proto, folio);
	generation = word & ~FSC_GENERATION_GONE;
	pfn = fsc_folio_pfn(proto, folio);
	if (general)
		fsc_check_latched(t, slot.key, latched, generation);
	if (unlikely(!fsc_folio_has(proto, folio, slot, &page, general)))
		fsc_violation_record(t, FSC_BAD_IDENTITY, slot.key, generation, slot.key,
				     fsc_folio_key(proto, t->run, folio));
	if (proto->bug.name && unlikely(!pfn_valid(pfn))) {
		fsc_violation_record(t, FSC_BAD_PFN, slot.key, generation, 0, pfn);
		return;
	}
	fsc_check_stamp(t, general ? fsc_stamp_at(t->run, pfn, page) : fsc_stamp_of(pfn), slot.key,
			generation, general);
	/* The folio left its slot while we held it: legal, but counted. */
	if (unlikely(word & FSC_GENERATION_GONE))
		fsc_count(&t->counters, FSC_STALE_HELD);
}

/* Whoever reads a file or pins a page marks the folio as well. The caller still holds it. */
static __always_inline void fsc_mark(struct fsc_thread *t, const struct fsc_protocol *proto,
				     void *folio, bool always, bool general)
{
	if (general && !proto->bug.name && t->run->config.mark)
		fsc_folio_mark(proto, folio, always);
}

static __always_inline void fsc_put(struct fsc_thread *t, const struct fsc_protocol *proto,
				    void *folio)
{
	if (proto->refs.put_testzero(t, folio, 1))
		proto->freeing.free(t, folio, false);
}

/* The last put was a reader's. */
static __always_inline void fsc_reader_free(struct fsc_thread *t, const struct fsc_protocol *proto,
					    void *folio)
{
	fsc_count(&t->counters, FSC_LAST_PUTS_BY_READER);
	proto->freeing.free(t, folio, false);
}

static __always_inline void fsc_reader_put(struct fsc_thread *t, const struct fsc_protocol *proto,
					   void *folio)
{
	if (unlikely(proto->refs.put_testzero(t, folio, 1)))
		fsc_reader_free(t, proto, folio);
}

#endif /* FSC_LOOPS_ORACLE_H */
