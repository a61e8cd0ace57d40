/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The folio descriptor that is allocated apart from its pages, and its
 * reference count.
 *
 * Life of a refcount: 0 (free or being set up) -> 1 (the slot's reference)
 * -> 1 + readers -> 0 (frozen by reclaim, or the last put after truncate).
 * Only an allocation leaves zero, and it does so last of all it writes.
 */
#ifndef FOLIOSCALE_FOLIO_H
#define FOLIOSCALE_FOLIO_H

#include <linux/atomic.h>
#include <linux/build_bug.h>
#include <linux/list.h>
#include <linux/rcupdate.h>
#include <linux/types.h>

struct fsc_mapping;

/* The lowest bit of the generation word: the folio has left its slot. */
#define FSC_GENERATION_GONE	1ULL

/**
 * struct fsc_folio - a memdesc for a folio
 * @flags: page flags' place; nothing here uses them
 * @lru: list linkage of a live folio, nothing here uses it
 * @rcu: overlays @lru once the folio is freed
 * @freeptr: SLUB's free pointer in a SLAB_TYPESAFE_BY_RCU cache
 * @mapping: identity: the mapping it was allocated for; removal leaves it
 * @index: identity: the index in @mapping; removal leaves it
 * @generation: number of this allocation, bit 0 is %FSC_GENERATION_GONE;
 *	stands where @private does in struct folio. SLUB's free pointer lies
 *	here in a plain cache, so it does not survive a free there
 * @refcount: see above
 * @mapcount: place of struct folio's
 * @pincount: place of struct folio's
 * @order: log2 of the number of pages
 * @pfn: first page frame
 * @freed: a cookie of the run and the time of free (see stamp.h); stands
 *	where memcg does, and survives a free in every kind of cache
 *
 * Laid out after kernelnewbies.org, MatthewWilcox/Memdescs/Path.
 */
struct fsc_folio {
	unsigned long flags;
	union {
		struct list_head lru;
		struct rcu_head rcu;
		void *freeptr;
	};
	struct fsc_mapping *mapping;
	unsigned long index;
	u64 generation;
	atomic_t refcount;
	atomic_t mapcount;
	atomic_t pincount;
	unsigned int order;
	unsigned long pfn;
	u64 freed;
} __aligned(16);

static_assert(sizeof(struct fsc_folio) == 80);
static_assert(offsetof(struct fsc_folio, generation) == 40);

/**
 * fsc_folio_tryget - take a reference unless there is none
 * @folio: a descriptor whose memory is a struct fsc_folio, live or free
 *
 * After include/linux/page_ref.h:folio_try_get. Success is an acquire: it
 * pairs with the release in fsc_folio_init(), so that what the allocation
 * wrote is seen, and a recheck that follows cannot be done before it.
 *
 * Context: Any; inside the RCU read lock that found @folio.
 * Return: true with a reference, false when the refcount was zero.
 */
static __always_inline bool __must_check fsc_folio_tryget(struct fsc_folio *folio)
{
	return atomic_add_unless(&folio->refcount, 1, 0);
}

/**
 * fsc_folio_put_testzero - drop a reference
 * @folio: a descriptor that the caller has a reference to
 *
 * After include/linux/mm.h:folio_put_testzero.
 *
 * Context: Any.
 * Return: true if it was the last one and the caller has to free @folio.
 */
static __always_inline bool __must_check fsc_folio_put_testzero(struct fsc_folio *folio)
{
	return atomic_dec_and_test(&folio->refcount);
}

/**
 * fsc_folio_freeze - turn the slot's reference into none
 * @folio: a descriptor in its slot
 *
 * After include/linux/page_ref.h:folio_ref_freeze with an expected count of 1.
 *
 * Context: The lock of the mapping held.
 * Return: true if frozen, false when a reader holds @folio.
 */
static __always_inline bool __must_check fsc_folio_freeze(struct fsc_folio *folio)
{
	return atomic_cmpxchg(&folio->refcount, 1, 0) == 1;
}

#endif /* FOLIOSCALE_FOLIO_H */
