/* SPDX-License-Identifier: GPL-2.0 */
/*
 * tryget=xadd: one fetch_add, never a loop; free and frozen is a bit.
 *
 * Life of a count: LOCKED (free, frozen, or being set up) -> 1 -> 1 + readers
 * -> 0 -> LOCKED. A reader adds first and looks then. One that met LOCKED has
 * no reference, and must not take its addend back: by the time its decrement
 * came the count could be the next owner's. So it sweeps: while the count
 * still reads LOCKED, a compare-exchange makes it exactly LOCKED, whoever's
 * addends are in it. What an allocation finds in the count its store of 1
 * overwrites, and only that store clears the bit. An addend after the store is
 * a reference like any other, to whatever the descriptor is by then, as a
 * recheck will find.
 *
 * The last put takes two steps, 1 -> 0 and, by compare-exchange, 0 -> LOCKED.
 * In between a reader may come and get a reference; then the second step fails
 * and it is that reader's put that is the last. Or it comes and goes, makes the
 * count 0 again itself, wins the second step and frees, and the descriptor is
 * allocated, put to 0, and the first putter's compare-exchange succeeds after
 * all: an ABA, but no destructor race. The steps 0 -> LOCKED of a descriptor
 * are totally ordered, each follows a fall to 0 of its own, and one putter wins
 * each, so whoever wins owns exactly the life that ended, though it need not be
 * the one that it had a reference to. That holds under two conditions:
 *
 * - The memory stays a descriptor meanwhile. So both steps are inside RCU, and
 *   protocols that free a descriptor with neither type safety nor a grace
 *   period (hazptr) are refused.
 * - The winner's knowledge of the folio is of the life it won. So nothing of
 *   the folio is read before the win.
 */
#ifndef FSC_TRYGET_XADD_H
#define FSC_TRYGET_XADD_H

#include <linux/atomic.h>
#include <linux/bits.h>
#include <linux/rcupdate.h>

#include <folioscale/counters.h>
#include <folioscale/folio.h>
#include <folioscale/refs.h>
#include <folioscale/thread.h>

#include "cas.h"

/* Far above what pins of all readers can add. */
#define FSC_XADD_LOCKED		((int)BIT(30))

/* Out of line: a folio is rarely met frozen. */
static noinline void fsc_xadd_sweep(struct fsc_thread *t, atomic_t *refcount)
{
	int now = atomic_read(refcount);

	fsc_count(&t->counters, FSC_TRYGET_SWEPT);
	do {
		if (!(now & FSC_XADD_LOCKED))
			return;
	} while (!atomic_try_cmpxchg_relaxed(refcount, &now, FSC_XADD_LOCKED));
}

/* Fully ordered; as an acquire it pairs with fsc_cas_enable(), which clears the bit. */
static __always_inline bool fsc_xadd_tryget(struct fsc_thread *t, void *folio)
{
	atomic_t *refcount = &((struct fsc_folio *)folio)->refcount;

	if (likely(!(atomic_fetch_add(1, refcount) & FSC_XADD_LOCKED)))
		return true;
	fsc_xadd_sweep(t, refcount);
	return false;
}

static __always_inline bool fsc_xadd_put_testzero(struct fsc_thread *t, void *folio, int n)
{
	atomic_t *refcount = &((struct fsc_folio *)folio)->refcount;
	int zero = 0;
	bool last;

	rcu_read_lock();
	/* The win is fully ordered: what the life's last holders did comes before its free. */
	last = atomic_sub_and_test(n, refcount) &&
	       atomic_try_cmpxchg(refcount, &zero, FSC_XADD_LOCKED);
	rcu_read_unlock();
	return last;
}

static __always_inline bool fsc_xadd_freeze(void *folio)
{
	return atomic_cmpxchg(&((struct fsc_folio *)folio)->refcount, 1, FSC_XADD_LOCKED) == 1;
}

#define fsc_xadd_refs {				\
	.name		= "xadd",		\
	.freezes	= true,			\
	.tryget		= fsc_xadd_tryget,	\
	.add		= fsc_cas_add,		\
	.put_testzero	= fsc_xadd_put_testzero,	\
	.freeze		= fsc_xadd_freeze,	\
	.unfreeze	= fsc_cas_unfreeze,	\
	.enable		= fsc_cas_enable,	\
}

#endif /* FSC_TRYGET_XADD_H */
