/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The page cache path: a mapping's xarray, looked up under RCU as
 * mm/filemap.c:filemap_get_entry does, changed under its xa_lock.
 */
#ifndef FSC_PATH_PAGECACHE_H
#define FSC_PATH_PAGECACHE_H

#include <linux/rcupdate.h>
#include <linux/xarray.h>

#include <folioscale/loops.h>

/* Let others in while a slot's folio stays frozen; the caller's RCU section is another after. */
static noinline void pagecache_section_break(struct fsc_thread *t)
	__must_hold(RCU)
{
	fsc_count(&t->counters, FSC_SECTION_BREAKS);
	rcu_read_unlock();
	cond_resched();
	rcu_read_lock();
}

static __always_inline void *pagecache_find(struct fsc_thread *t, const struct fsc_protocol *proto,
					    struct fsc_slot slot, bool general)
{
	XA_STATE(xas, &slot.mapping->pages, slot.index);
	unsigned int tries = 0;
	void *folio, *again;

repeat:
	xas_reset(&xas);
	folio = xas_load(&xas);
	if (xas_retry(&xas, folio))
		goto repeat;
	if (!folio)
		return NULL;
	if (general && t->run->config.gap_ns)
		fsc_spin(t->run->config.gap_ns);
	if (!proto->refcounted)
		return folio;
	if (unlikely(!proto->tryget(folio))) {
		fsc_count(&t->counters, FSC_TRYGET_ZERO);
		goto retry;
	}
	if (!proto->recheck)
		return folio;
	again = xas_reload(&xas);
	if (likely(again == folio))
		return folio;
	fsc_count(&t->counters, again ? FSC_RECHECK_MOVED : FSC_RECHECK_EMPTY);
	fsc_reader_put(t, proto, folio);
retry:
	if (++tries == FSC_MAX_TRIES) {
		pagecache_section_break(t);
		tries = 0;
	}
	goto repeat;
}

static __always_inline unsigned int pagecache_section_plain(struct fsc_thread *t,
							    struct fsc_draw *draw,
							    const struct fsc_protocol *proto)
{
	struct fsc_slot slot = fsc_slot_of(t, fsc_draw_key(draw, false));
	void *folio;

	rcu_read_lock();
	folio = pagecache_find(t, proto, slot, false);
	if (unlikely(!folio)) {
		rcu_read_unlock();
		return 1;
	}
	if (!proto->refcounted)
		fsc_use(t, proto, folio, slot, false);
	rcu_read_unlock();
	if (proto->refcounted) {
		fsc_use(t, proto, folio, slot, false);
		fsc_reader_put(t, proto, folio);
	}
	return 0;
}

static __always_inline unsigned int pagecache_section_general(struct fsc_thread *t,
							      struct fsc_draw *draw,
							      const struct fsc_protocol *proto,
							      unsigned int n)
{
	struct { void *folio; struct fsc_slot slot; } found[FSC_SECTION_MAX];
	const unsigned int hold_ns = t->run->config.hold_ns;
	unsigned int misses = 0, nr = 0, i;

	rcu_read_lock();
	for (i = 0; i < n; i++) {
		struct fsc_slot slot = fsc_slot_of(t, fsc_draw_key(draw, true));
		void *folio = pagecache_find(t, proto, slot, true);

		if (!folio) {
			misses++;
			continue;
		}
		if (!proto->refcounted) {
			if (hold_ns)
				fsc_spin(hold_ns);
			fsc_use(t, proto, folio, slot, true);
		} else {
			found[nr].folio = folio;
			found[nr++].slot = slot;
		}
	}
	rcu_read_unlock();
	for (i = 0; i < nr; i++) {
		if (hold_ns)
			fsc_spin_resched(hold_ns);
		fsc_use(t, proto, found[i].folio, found[i].slot, true);
		fsc_reader_put(t, proto, found[i].folio);
	}
	return misses;
}

static __always_inline unsigned int pagecache_section(struct fsc_thread *t, struct fsc_draw *draw,
						      const struct fsc_protocol *proto,
						      unsigned int n, bool general)
{
	if (!general)
		return pagecache_section_plain(t, draw, proto);
	return pagecache_section_general(t, draw, proto, n);
}

/*
 * Reclaim freezes first, after mm/vmscan.c:__remove_mapping, and leaves a
 * folio that a reader holds. Truncate unlinks whatever stands there, after
 * mm/filemap.c:page_cache_delete; the slot's reference is the caller's then.
 * Neither clears the identity: a stale reader is still to recognise it.
 */
static __always_inline void *pagecache_remove(struct fsc_thread *t,
					      const struct fsc_protocol *proto, u32 key)
{
	XA_STATE(xas, &t->mappings[key & t->mapping_mask].pages, key >> t->mapping_shift);
	void *folio;

	xas_lock(&xas);
	folio = xas_load(&xas);
	if (!folio) {
		fsc_count(&t->counters, FSC_VICTIM_MISSING);
		goto out;
	}
	if (t->run->config.removal == FSC_RECLAIM && !proto->freeze(folio)) {
		fsc_count(&t->counters, FSC_FREEZE_BUSY);
		folio = NULL;
		goto out;
	}
	proto->set_gone(folio);
	xas_store(&xas, NULL);
out:
	xas_unlock(&xas);
	return folio;
}

static int pagecache_publish(struct fsc_thread *t, void *folio, u32 key)
{
	/* The store is a release of all that the allocation wrote; pairs with xas_load(). */
	return xa_err(xa_store(&t->mappings[key & t->mapping_mask].pages, key >> t->mapping_shift,
			       folio, FSC_GFP));
}

#define FSC_PROTOCOL(proto)	FSC_DEFINE_LOOPS(pagecache, proto)
#include "../protocols.h"
#undef FSC_PROTOCOL

#define FSC_PROTOCOL(proto)	FSC_LOOPS_ENTRY(pagecache, proto),
static const struct fsc_loops pagecache_loops[] = {
#include "../protocols.h"
};

#undef FSC_PROTOCOL

static const struct fsc_path fsc_path_pagecache = {
	.name		= "pagecache",
	.loops		= pagecache_loops,
	.nr_loops	= ARRAY_SIZE(pagecache_loops),
};

#endif /* FSC_PATH_PAGECACHE_H */

/* Outside the guard: see paths.h. */
#ifdef FSC_PATH
FSC_PATH(pagecache)
#endif
