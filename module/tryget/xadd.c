// SPDX-License-Identifier: GPL-2.0
/* What tryget=xadd does when it meets a folio that is free or frozen. */
#include <folioscale/counters.h>
#include <folioscale/thread.h>

#include "xadd.h"

/**
 * fsc_xadd_sweep - take addends off a count that has no owner
 * @t: the reader that has met it
 * @refcount: the count; if it is no longer locked, it belongs to someone and is left alone
 *
 * Context: Any.
 */
void fsc_xadd_sweep(struct fsc_thread *t, atomic_t *refcount)
{
	int now = atomic_read(refcount);

	fsc_count(&t->counters, FSC_TRYGET_SWEPT);
	do {
		if (!(now & FSC_XADD_LOCKED))
			return;
	} while (!atomic_try_cmpxchg_relaxed(refcount, &now, FSC_XADD_LOCKED));
}
