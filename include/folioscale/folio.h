/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The folio descriptor that is allocated apart from its pages.
 *
 * Its reference count goes from none (free or being set up) -> 1 (the slot's
 * reference) -> 1 + readers -> none (frozen by reclaim, or the last put after
 * truncate). Only an allocation or an unfreeze sets it again; an allocation
 * does so with its last write to the descriptor. module/tryget/ defines how
 * none is encoded.
 */
#ifndef FOLIOSCALE_FOLIO_H
#define FOLIOSCALE_FOLIO_H

#include <linux/atomic.h>
#include <linux/bits.h>
#include <linux/build_bug.h>
#include <linux/list.h>
#include <linux/rcupdate.h>
#include <linux/rcuref.h>
#include <linux/types.h>

#include <folioscale/compat.h>

struct fsc_mapping;

/* Bit of @flags: a lookup has used the folio (mark=1), in the place of PG_referenced. */
#define FSC_FOLIO_REFERENCED	0
/* Bit of @flags: the folio was split, and its pages belong to others. */
#define FSC_FOLIO_SPLIT		1

/* A bit of the generation word (see thread.h): the folio has left its slot. */
#define FSC_GENERATION_GONE	BIT_ULL(4)

/**
 * struct fsc_folio - a memdesc for a folio
 * @flags: in the place of page flags: %FSC_FOLIO_REFERENCED, %FSC_FOLIO_SPLIT; hugetlb folios have
 *	others (pfn_mix.h)
 * @next: overlays @flags while the freed descriptor is on a list
 * @lru: list linkage of a live folio, not used here
 * @rcu: overlays @lru once the folio is freed
 * @gp: overlays @lru: the grace period that the freed descriptor waits for
 * @freeptr: SLUB's free pointer in a SLAB_TYPESAFE_BY_RCU cache
 * @mapping: identity: the mapping it was allocated for; removal does not clear it
 * @index: identity: the index in @mapping; removal does not clear it
 * @generation: number of this allocation, with %FSC_GENERATION_GONE; at the offset of
 *	@private in struct folio. In a plain cache SLUB's free pointer is here, so a free
 *	overwrites it
 * @refcount: see above
 * @rcuref: the same, for tryget=rcuref
 * @mapcount: in the place of struct folio's
 * @pincount: pins of a large folio
 * @order: log2 of the number of pages
 * @pfn: first page frame
 * @freed: a cookie of the run and the time of free (see stamp.h); in the place of memcg, and
 *	survives a free in every kind of cache
 *
 * Layout after kernelnewbies.org, MatthewWilcox/Memdescs/Path.
 */
struct fsc_folio {
	union {
		unsigned long flags;
		struct fsc_folio *next;
	};
	union {
		struct list_head lru;
		struct rcu_head rcu;
		struct rcu_gp_seq gp;
		void *freeptr;
	};
	struct fsc_mapping *mapping;
	unsigned long index;
	u64 generation;
	union {
		atomic_t refcount;
		rcuref_t rcuref;
	};
	atomic_t mapcount;
	atomic_t pincount;
	unsigned int order;
	unsigned long pfn;
	u64 freed;
} __aligned(16);

static_assert(sizeof(struct fsc_folio) == 80);
static_assert(offsetof(struct fsc_folio, generation) == 40);

#endif /* FOLIOSCALE_FOLIO_H */
