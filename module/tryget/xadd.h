/* SPDX-License-Identifier: GPL-2.0 */
/*
 * tryget=xadd: one fetch_add, never a loop. A bit means free or frozen.
 *
 * A count goes from LOCKED (free, frozen, or being set up) -> 1 -> 1 + readers
 * -> 0 -> LOCKED. A reader adds first and then looks at the result. If that was
 * LOCKED, it has no reference, and must not subtract its addend again: by then
 * the count may belong to the next owner. So it sweeps: while the count still
 * has LOCKED, a compare-exchange makes it exactly LOCKED, without anyone's
 * addends. An allocation overwrites what is left in the count with its store of
 * 1. Only that store, or that of unfreeze, clears the bit. An addend after the
 * store is a normal reference, to whatever the descriptor is by then; a recheck
 * will find out.
 *
 * The last put takes two steps: 1 -> 0, and by compare-exchange 0 -> LOCKED. In
 * between a reader may take a reference. Then the second step fails, and that
 * reader's put is the last. Or the reader puts its reference as well, makes the
 * count 0 again, wins the second step and frees. Then the descriptor may be
 * allocated and put to 0 again, and the first putter's compare-exchange
 * succeeds after all. This is an ABA, but no destructor race. The steps 0 ->
 * LOCKED of a descriptor are totally ordered, each follows its own drop to 0,
 * and exactly one putter wins each. So the winner owns exactly the life that
 * ended, though maybe not the one that it had a reference to. That holds under
 * two conditions:
 *
 * - The memory stays a descriptor meanwhile. So preemption is off during both
 *   steps (as in include/linux/rcuref.h:rcuref_put): a grace period waits for
 *   that as for an RCU section. Protocols that free a descriptor with neither
 *   type safety nor a grace period (hazptr) are refused.
 * - The winner only knows the folio's life that it won. So nothing of the folio
 *   is read before the win.
 */
#ifndef FSC_TRYGET_XADD_H
#define FSC_TRYGET_XADD_H

#include <linux/atomic.h>
#include <linux/bits.h>
#include <linux/preempt.h>

#include <folioscale/folio.h>
#include <folioscale/refs.h>

#include "cas.h"

/* Far above what the pins of all readers can add. */
#define FSC_XADD_LOCKED		((int)BIT(30))

/* Out of line: a folio is rarely found frozen. */
void fsc_xadd_sweep(struct fsc_thread *t, atomic_t *refcount);

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

	preempt_disable();
	/* The win is fully ordered: accesses by the last holders come before the free. */
	last = atomic_sub_and_test(n, refcount) &&
	       atomic_try_cmpxchg(refcount, &zero, FSC_XADD_LOCKED);
	preempt_enable();
	return last;
}

static __always_inline bool fsc_xadd_freeze(void *folio)
{
	return atomic_cmpxchg(&((struct fsc_folio *)folio)->refcount, 1, FSC_XADD_LOCKED) == 1;
}

#define fsc_xadd_refs {					\
	.name		= "xadd",			\
	.freezes	= true,				\
	.tryget		= fsc_xadd_tryget,		\
	.add		= fsc_cas_add,			\
	.put_testzero	= fsc_xadd_put_testzero,	\
	.freeze		= fsc_xadd_freeze,		\
	.unfreeze	= fsc_cas_unfreeze,		\
	.enable		= fsc_cas_enable,		\
}

#endif /* FSC_TRYGET_XADD_H */
