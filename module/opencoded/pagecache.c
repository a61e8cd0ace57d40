// SPDX-License-Identifier: GPL-2.0
/* The page cache path by hand: lookups as in mm/filemap.c:filemap_get_entry. */
#include <linux/rcupdate.h>
#include <linux/seqlock.h>
#include <linux/uaccess.h>

#include "opencoded.h"

/* After this many failed copies a reference is cheaper. */
#define SEQ_TRIES	4

static __always_inline struct folio *find_overlay(u32 key)
{
	XA_STATE(xas, &fsc_opencoded.mapping.pages, key);
	struct folio *folio;

	rcu_read_lock();
repeat:
	xas_reset(&xas);
	folio = xas_load(&xas);
	if (xas_retry(&xas, folio))
		goto repeat;
	if (unlikely(!folio))
		goto out;
	if (unlikely(!folio_try_get(folio)))
		goto repeat;
	if (unlikely(folio != xas_reload(&xas))) {
		fsc_opencoded_put_overlay(folio);
		goto repeat;
	}
out:
	rcu_read_unlock();
	return folio;
}

static u64 read_overlay(struct fsc_stream *stream, unsigned int n)
{
	struct fsc_stream own = *stream;
	u64 good = 0;

	while (n--) {
		u32 key = fsc_stream_uniform(&own, FSC_OPENCODED_FOLIOS);
		struct folio *folio = find_overlay(key);

		if (unlikely(!folio))
			continue;
		good += fsc_opencoded_use_overlay(folio, key);
		fsc_opencoded_put_overlay(folio);
	}
	*stream = own;
	return good;
}

static __always_inline struct fsc_folio *find_typesafe(u32 key)
{
	XA_STATE(xas, &fsc_opencoded.mapping.pages, key);
	struct fsc_folio *folio;

	rcu_read_lock();
repeat:
	xas_reset(&xas);
	folio = xas_load(&xas);
	if (xas_retry(&xas, folio))
		goto repeat;
	if (unlikely(!folio))
		goto out;
	if (unlikely(!fsc_opencoded_tryget(folio)))
		goto repeat;
	if (unlikely(folio != xas_reload(&xas))) {
		fsc_opencoded_put(folio);
		goto repeat;
	}
out:
	rcu_read_unlock();
	return folio;
}

/* As in paths/pagecache.c. */
static __always_inline bool is_outside(const struct fsc_folio *folio, u32 key)
{
	return key - READ_ONCE(folio->index) >= 1UL << READ_ONCE(folio->order);
}

static __always_inline struct fsc_folio *find_rcu_desc(u32 key)
{
	XA_STATE(xas, &fsc_opencoded.mapping.pages, key);
	struct fsc_folio *folio;

	rcu_read_lock();
repeat:
	xas_reset(&xas);
	folio = xas_load(&xas);
	if (xas_retry(&xas, folio))
		goto repeat;
	if (unlikely(!folio))
		goto out;
	if (unlikely(!fsc_opencoded_tryget(folio)))
		goto repeat;
	if (unlikely(is_outside(folio, key))) {
		fsc_opencoded_put(folio);
		goto repeat;
	}
out:
	rcu_read_unlock();
	return folio;
}

static __always_inline struct fsc_folio *find_hazptr(u32 key)
{
	XA_STATE(xas, &fsc_opencoded.mapping.pages, key);
	struct fsc_folio *folio;

	rcu_read_lock();
repeat:
	xas_reset(&xas);
	folio = xas_load(&xas);
	if (xas_retry(&xas, folio))
		goto repeat;
	if (unlikely(!folio))
		goto out;
	WRITE_ONCE(fsc_opencoded.hazard, folio);
	/* Would pair with the smp_mb() between a freer's unlinking and its scan. */
	smp_mb();
	if (unlikely(folio != xas_reload(&xas)))
		goto repeat;
	if (unlikely(!fsc_opencoded_tryget(folio)))
		goto repeat;
out:
	/* Would pair with the acquire of a freer's scan. */
	smp_store_release(&fsc_opencoded.hazard, NULL);
	rcu_read_unlock();
	return folio;
}

static __always_inline struct fsc_folio *find_hazptr_cpu(u32 key)
{
	XA_STATE(xas, &fsc_opencoded.mapping.pages, key);
	struct fsc_opencoded_hazard hazard __uninitialized;
	struct fsc_folio *folio;

	rcu_read_lock();
repeat:
	fsc_opencoded_wildcard(&hazard);
	do {
		xas_reset(&xas);
		folio = xas_load(&xas);
	} while (xas_retry(&xas, folio));
	fsc_opencoded_narrow(&hazard, folio);
	if (unlikely(!folio))
		goto out;
	if (unlikely(!fsc_opencoded_tryget(folio))) {
		fsc_opencoded_clear(&hazard);
		goto repeat;
	}
	if (unlikely(is_outside(folio, key))) {
		fsc_opencoded_put(folio);
		fsc_opencoded_clear(&hazard);
		goto repeat;
	}
	fsc_opencoded_clear(&hazard);
out:
	rcu_read_unlock();
	return folio;
}

static __always_inline struct fsc_folio *find_locked(u32 key)
{
	XA_STATE(xas, &fsc_opencoded.mapping.pages, key);
	struct fsc_folio *folio;

	fsc_lock_mapping(xas.xa);
	folio = xas_load(&xas);
	/* Under the lock the slot keeps its reference: no tryget needed. */
	if (likely(folio))
		atomic_inc(&folio->refcount);
	fsc_unlock_mapping(xas.xa);
	return folio;
}

/* What follows the section is the same for all protocols with a reference. */
static __always_inline u64 read_by(struct fsc_stream *stream, unsigned int n,
				   struct fsc_folio *(*find)(u32 key))
{
	struct fsc_stream own = *stream;
	u64 good = 0;

	while (n--) {
		u32 key = fsc_stream_uniform(&own, FSC_OPENCODED_FOLIOS);
		struct fsc_folio *folio = find(key);

		if (unlikely(!folio))
			continue;
		good += fsc_opencoded_use(folio, key);
		fsc_opencoded_put(folio);
	}
	*stream = own;
	return good;
}

static u64 read_typesafe(struct fsc_stream *stream, unsigned int n)
{
	return read_by(stream, n, find_typesafe);
}

static u64 read_rcu_desc(struct fsc_stream *stream, unsigned int n)
{
	return read_by(stream, n, find_rcu_desc);
}

static u64 read_hazptr(struct fsc_stream *stream, unsigned int n)
{
	return read_by(stream, n, find_hazptr);
}

static u64 read_hazptr_cpu(struct fsc_stream *stream, unsigned int n)
{
	return read_by(stream, n, find_hazptr_cpu);
}

/**
 * fsc_opencoded_read_locked - the loop of protocol=locked, for every path
 * @stream: source of keys
 * @n: number of lookups
 *
 * Context: Process context.
 * Return: How many found the right folio.
 */
u64 fsc_opencoded_read_locked(struct fsc_stream *stream, unsigned int n)
{
	return read_by(stream, n, find_locked);
}

static u64 read_rcu_full(struct fsc_stream *stream, unsigned int n)
{
	struct fsc_stream own = *stream;
	struct fsc_folio *folio;
	u64 good = 0;

	while (n--) {
		u32 key = fsc_stream_uniform(&own, FSC_OPENCODED_FOLIOS);
		XA_STATE(xas, &fsc_opencoded.mapping.pages, key);

		rcu_read_lock();
repeat:
		xas_reset(&xas);
		folio = xas_load(&xas);
		if (xas_retry(&xas, folio))
			goto repeat;
		if (unlikely(folio && is_outside(folio, key)))
			goto repeat;
		if (likely(folio))
			good += fsc_opencoded_use(folio, key);
		rcu_read_unlock();
	}
	*stream = own;
	return good;
}

/* Buffer of the only reader. */
static u64 copy[FSC_LINE_BYTES / sizeof(u64)];

/* Too many failed copies. Out of line, as that needs a freer. */
static noinline bool fall_back(u32 key)
{
	struct fsc_folio *folio = find_typesafe(key);
	bool good;

	if (!folio)
		return false;
	good = fsc_opencoded_use(folio, key);
	fsc_opencoded_put(folio);
	return good;
}

/*
 * Here the memory stays what it is, so a plain copy can be compared: that is how
 * much of seqcount's cost is copy_from_kernel_nofault().
 */
static __always_inline bool copy_line(unsigned long pfn, bool nofault)
{
	if (nofault)
		return !copy_from_kernel_nofault(copy, fsc_stamp_of(pfn), sizeof(copy));
	memcpy(copy, fsc_stamp_of(pfn), sizeof(copy));
	/* Else the compiler leaves out what is not looked at. */
	barrier_data(copy);
	return true;
}

static __always_inline bool copy_seqcount(u32 key, bool nofault)
{
	XA_STATE(xas, &fsc_opencoded.mapping.pages, key);
	unsigned int tries;

	for (tries = 0; tries < SEQ_TRIES; tries++) {
		unsigned int seq = raw_read_seqcount(&fsc_opencoded.mapping.delete_seq);
		const struct fsc_stamp *stamp = (const struct fsc_stamp *)copy;
		const struct fsc_mapping *mapping;
		struct fsc_folio *folio;
		u64 index, generation;
		unsigned long pfn;

		if (unlikely(seq & 1))
			goto again;
		xas_reset(&xas);
		do {
			folio = xas_load(&xas);
		} while (xas_retry(&xas, folio));
		if (unlikely(!folio))
			return false;
		/* As in opencoded.h. */
		smp_rmb();
		mapping = READ_ONCE(folio->mapping);
		index = READ_ONCE(folio->index);
		generation = READ_ONCE(folio->generation) & ~FSC_GENERATION_GONE;
		pfn = READ_ONCE(folio->pfn);
		if (unlikely(!copy_line(pfn, nofault)))
			goto again;
		if (likely(!read_seqcount_retry(&fsc_opencoded.mapping.delete_seq, seq)))
			return likely(mapping == &fsc_opencoded.mapping) && likely(index == key) &&
			       likely(stamp->key == key) && likely(stamp->generation == generation);
again:
		cpu_relax();
	}
	return fall_back(key);
}

static __always_inline u64 read_copies(struct fsc_stream *stream, unsigned int n, bool nofault)
{
	struct fsc_stream own = *stream;
	u64 good = 0;

	while (n--) {
		u32 key = fsc_stream_uniform(&own, FSC_OPENCODED_FOLIOS);

		rcu_read_lock();
		good += copy_seqcount(key, nofault);
		rcu_read_unlock();
	}
	*stream = own;
	return good;
}

static u64 read_seqcount(struct fsc_stream *stream, unsigned int n)
{
	return read_copies(stream, n, true);
}

static u64 read_seqcount_plain(struct fsc_stream *stream, unsigned int n)
{
	return read_copies(stream, n, false);
}

static const struct fsc_opencoded_loop loops[] = {
	{ "overlay", true, read_overlay },
	{ "typesafe", false, read_typesafe },
	{ "rcu_desc", false, read_rcu_desc },
	{ "rcu_full", false, read_rcu_full },
	{ "seqcount", false, read_seqcount },
	{ "seqcount_plain", false, read_seqcount_plain },
	{ "hazptr", false, read_hazptr },
	{ "hazptr_cpu", false, read_hazptr_cpu },
	/* It differs only when it frees. */
	{ "rcu_bounded", false, read_rcu_desc },
	{ "locked", false, fsc_opencoded_read_locked },
	{}
};

const struct fsc_opencoded_path fsc_opencoded_pagecache = {
	.name	= "pagecache",
	.loops	= loops,
	.unit	= 1,
	.good	= fsc_opencoded_all_hit,
};
