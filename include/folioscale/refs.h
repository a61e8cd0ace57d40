/* SPDX-License-Identifier: GPL-2.0 */
/* How references to a folio are counted: one header in module/tryget/ for each tryget=. */
#ifndef FOLIOSCALE_REFS_H
#define FOLIOSCALE_REFS_H

#include <linux/compiler.h>
#include <linux/types.h>

struct fsc_thread;

/**
 * struct fsc_refs - operations on the reference count of a folio
 * @name: what tryget= takes
 * @freezes: has @freeze and @unfreeze, so removal=reclaim is allowed
 * @tryget: take a reference unless the folio is free or frozen; success is an acquire
 * @add: take @n more references, unordered; the caller has one, or the lock of the slot that
 *	has one. NULL: not supported
 * @put_testzero: drop @n references; true if they were the last
 * @freeze: replace the slot's reference by none; false if a reader holds the folio
 * @unfreeze: give a frozen folio the slot's reference back, with release
 * @enable: set the count of a folio that nobody else owns, with release (rcuref: ordered by
 *	publication); NULL: the allocator has done so
 *
 * Context: @tryget inside the section that found the folio; @freeze and @unfreeze under the
 * lock of the folio's mapping; the others any.
 */
struct fsc_refs {
	const char *name;
	bool freezes;
	bool (*tryget)(struct fsc_thread *t, void *folio);
	void (*add)(void *folio, int n);
	bool (*put_testzero)(struct fsc_thread *t, void *folio, int n);
	bool (*freeze)(void *folio);
	void (*unfreeze)(void *folio);
	void (*enable)(void *folio, int refs);
};

#endif /* FOLIOSCALE_REFS_H */
