/* SPDX-License-Identifier: GPL-2.0 */
/* How a folio's references are counted: what tryget= chooses, one header each in module/tryget/. */
#ifndef FOLIOSCALE_REFS_H
#define FOLIOSCALE_REFS_H

#include <linux/compiler.h>
#include <linux/types.h>

struct fsc_thread;

/**
 * struct fsc_refs - operations on the reference count of a folio
 * @name: what tryget= takes
 * @freezes: @freeze and @unfreeze are there, so removal=reclaim is
 * @tryget: take a reference unless the folio is free or frozen; success is an
 *	acquire, or says in its header why it need not be
 * @add: take @n more, of a folio that the caller has a reference to; NULL: cannot
 * @put_testzero: drop @n, true for the last
 * @freeze: turn the slot's reference into none, false if a reader holds the folio
 * @unfreeze: make a frozen folio's one reference the slot's again, with release
 * @enable: set the count of a folio that nobody else owns, with release; NULL: whoever
 *	allocated it has
 *
 * Context: @tryget inside the section that found the folio, @freeze and
 * @unfreeze under the lock of the folio's mapping; the others any.
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
