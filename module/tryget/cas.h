/* SPDX-License-Identifier: GPL-2.0 */
/*
 * tryget=cas: the loop of atomic_inc_not_zero(), as in the kernel's folios.
 *
 * Zero means free or frozen. A reader that loses a race repeats its
 * compare-exchange, so readers of one folio slow each other down. In return, a
 * tryget never writes to a count of zero.
 */
#ifndef FSC_TRYGET_CAS_H
#define FSC_TRYGET_CAS_H

#include <linux/atomic.h>

#include <folioscale/folio.h>
#include <folioscale/refs.h>

/*
 * After include/linux/page_ref.h:folio_try_get. Success is an acquire. It pairs
 * with the release in fsc_cas_enable(), so that the reader sees what the
 * allocation wrote, and orders a recheck after it.
 */
static __always_inline bool fsc_cas_tryget(struct fsc_thread *t, void *folio)
{
	return atomic_add_unless(&((struct fsc_folio *)folio)->refcount, 1, 0);
}

static __always_inline void fsc_cas_add(void *folio, int n)
{
	atomic_add(n, &((struct fsc_folio *)folio)->refcount);
}

/* After include/linux/mm.h:folio_put_testzero. */
static __always_inline bool fsc_cas_put_testzero(struct fsc_thread *t, void *folio, int n)
{
	return atomic_sub_and_test(n, &((struct fsc_folio *)folio)->refcount);
}

/* After include/linux/page_ref.h:folio_ref_freeze with an expected count of 1. */
static __always_inline bool fsc_cas_freeze(void *folio)
{
	return atomic_cmpxchg(&((struct fsc_folio *)folio)->refcount, 1, 0) == 1;
}

/* Pairs with the acquire of a successful fsc_cas_tryget(), even by a stale reader. */
static __always_inline void fsc_cas_enable(void *folio, int refs)
{
	atomic_set_release(&((struct fsc_folio *)folio)->refcount, refs);
}

/* After include/linux/page_ref.h:folio_ref_unfreeze. */
static __always_inline void fsc_cas_unfreeze(void *folio)
{
	fsc_cas_enable(folio, 1);
}

#define fsc_cas_refs {				\
	.name		= "cas",		\
	.freezes	= true,			\
	.tryget		= fsc_cas_tryget,	\
	.add		= fsc_cas_add,		\
	.put_testzero	= fsc_cas_put_testzero,	\
	.freeze		= fsc_cas_freeze,	\
	.unfreeze	= fsc_cas_unfreeze,	\
	.enable		= fsc_cas_enable,	\
}

#endif /* FSC_TRYGET_CAS_H */
