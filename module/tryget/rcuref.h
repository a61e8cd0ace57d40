/* SPDX-License-Identifier: GPL-2.0 */
/*
 * tryget=rcuref: the kernel's rcuref_t (include/linux/rcuref.h).
 *
 * One add like xadd's, but the last put's slow path writes to a count that a
 * recycled descriptor may own by then and marks that dead, so it is for
 * descriptors that a grace period stands behind: rcu_desc, rcu_bounded. It
 * cannot freeze, so removal=truncate only, and counts by one, so no pins.
 *
 * rcuref_get() is relaxed. That the folio's fields are there its finder has
 * from the pointer, which was published behind them; but what GUP looks at again
 * must come after it, so success is made an acquire.
 */
#ifndef FSC_TRYGET_RCUREF_H
#define FSC_TRYGET_RCUREF_H

#include <linux/rcupdate.h>
#include <linux/rcuref.h>

#include <folioscale/folio.h>
#include <folioscale/refs.h>

static __always_inline bool fsc_rcuref_tryget(struct fsc_thread *t, void *folio)
{
	if (!rcuref_get(&((struct fsc_folio *)folio)->rcuref))
		return false;
	/* An acquire, then; pairs with fsc_mms_unmap() and the put that follows it. */
	smp_acquire__after_ctrl_dep();
	return true;
}

static __always_inline bool fsc_rcuref_put_testzero(struct fsc_thread *t, void *folio, int n)
{
	bool last;

	/* Against a grace period while the slow path decides. */
	rcu_read_lock();
	last = rcuref_put_rcusafe(&((struct fsc_folio *)folio)->rcuref);
	rcu_read_unlock();
	return last;
}

/* Before the folio is published: by the barrier before its words, and by its slot's store. */
static __always_inline void fsc_rcuref_enable(void *folio, int refs)
{
	rcuref_init(&((struct fsc_folio *)folio)->rcuref, refs);
}

#define fsc_rcuref_refs {			\
	.name		= "rcuref",		\
	.tryget		= fsc_rcuref_tryget,	\
	.put_testzero	= fsc_rcuref_put_testzero,	\
	.enable		= fsc_rcuref_enable,	\
}

#endif /* FSC_TRYGET_RCUREF_H */
