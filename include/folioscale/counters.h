/* SPDX-License-Identifier: GPL-2.0 */
/* What each thread counts. The README says how each can mislead. */
#ifndef FOLIOSCALE_COUNTERS_H
#define FOLIOSCALE_COUNTERS_H

#include <linux/compiler.h>
#include <asm/barrier.h>
#include <linux/types.h>

enum fsc_counter {
	/* Readers. */
	FSC_LOOKUPS,
	FSC_HITS,
	FSC_MISSES,
	FSC_TRYGET_ZERO,
	FSC_RECHECK_MOVED,
	FSC_RECHECK_EMPTY,
	FSC_SECTION_BREAKS,
	FSC_STALE_HELD,
	FSC_VIOLATIONS,
	/* Freers. */
	FSC_TURNOVERS,
	FSC_ALLOCS,
	FSC_RECYCLED,
	FSC_RECYCLED_OTHER_KEY,
	FSC_FREEZE_BUSY,
	FSC_VICTIM_MISSING,
	FSC_ALLOC_FAILED,
	FSC_PUBLISH_FAILED,
	FSC_LIMBO_WAITS,
	FSC_LIMBO_BARRIERS,
	/* Whoever puts last. */
	FSC_FREES,
	FSC_LAST_PUTS_BY_READER,
	FSC_NR_COUNTERS
};

extern const char *const fsc_counter_names[FSC_NR_COUNTERS];

/* Written by their thread alone, read by anybody. */
struct fsc_counters {
	u64 value[FSC_NR_COUNTERS];
};

static __always_inline void fsc_count_add(struct fsc_counters *counters, enum fsc_counter which,
					  u64 n)
{
	WRITE_ONCE(counters->value[which], counters->value[which] + n);
}

static __always_inline void fsc_count(struct fsc_counters *counters, enum fsc_counter which)
{
	fsc_count_add(counters, which, 1);
}

/* What has been freed; counted after its release, if that was at once. */
static __always_inline void fsc_count_freed(struct fsc_counters *counters)
{
	/* Pairs with the smp_rmb() in fsc_limbo_read(). */
	smp_store_release(&counters->value[FSC_FREES], counters->value[FSC_FREES] + 1);
}

static inline u64 fsc_counter_read(const struct fsc_counters *counters, enum fsc_counter which)
{
	return READ_ONCE(counters->value[which]);
}

#endif /* FOLIOSCALE_COUNTERS_H */
