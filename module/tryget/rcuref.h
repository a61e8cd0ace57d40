/* SPDX-License-Identifier: GPL-2.0 */
/*
 * tryget=rcuref: the kernel's rcuref_t (include/linux/rcuref.h).
 *
 * One add, like xadd. But the slow path of the last put writes to a count that
 * may belong to a recycled descriptor by then, and marks it dead. So it is only
 * for descriptors that wait for a grace period: rcu_desc, rcu_bounded. It
 * cannot freeze, so it needs removal=truncate. It counts by one, so there are
 * no pins.
 *
 * rcuref_get() is relaxed. A reader sees the folio's fields through its
 * dependency on the pointer, which was published after them. But the rechecks
 * of GUP must come after the get, so success is made an acquire.
 */
#ifndef FSC_TRYGET_RCUREF_H
#define FSC_TRYGET_RCUREF_H

#include <linux/preempt.h>
#include <linux/rcuref.h>

#include <folioscale/folio.h>
#include <folioscale/refs.h>

static __always_inline bool fsc_rcuref_tryget(struct fsc_thread *t, void *folio)
{
	if (!rcuref_get(&((struct fsc_folio *)folio)->rcuref))
		return false;
	/* Make it an acquire; pairs with fsc_mms_unmap() and the next fsc_memdesc_publish(). */
	smp_acquire__after_ctrl_dep();
	return true;
}

/* As rcuref_put(), which clang would call. */
static __always_inline bool fsc_rcuref_put_testzero(struct fsc_thread *t, void *folio, int n)
{
	bool last;

	/* The grace period waits while the slow path decides. */
	preempt_disable();
	last = rcuref_put_rcusafe(&((struct fsc_folio *)folio)->rcuref);
	preempt_enable();
	return last;
}

/* Ordered by publication: by the barrier before the memdesc words, and by the slot's store. */
static __always_inline void fsc_rcuref_enable(void *folio, int refs)
{
	rcuref_init(&((struct fsc_folio *)folio)->rcuref, refs);
}

#define fsc_rcuref_refs {				\
	.name		= "rcuref",			\
	.tryget		= fsc_rcuref_tryget,		\
	.put_testzero	= fsc_rcuref_put_testzero,	\
	.enable		= fsc_rcuref_enable,		\
}

#endif /* FSC_TRYGET_RCUREF_H */
