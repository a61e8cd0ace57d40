/* SPDX-License-Identifier: GPL-2.0 */
/* What each thread counts. module/README.md says how each can mislead. */
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
	FSC_TRYGET_SWEPT,
	FSC_HAZARD_MOVED,
	FSC_SEQ_RETRIES,
	FSC_SEQ_FALLBACKS,
	FSC_FALLBACK_ZERO,
	FSC_FALLBACK_MEMDESC,
	FSC_FALLBACK_PMD,
	FSC_FALLBACK_PTE,
	FSC_PINS,
	FSC_TRYGETS,
	FSC_TRYGETS_AVOIDED,
	FSC_HUGETLB_SEEN,
	FSC_SECTION_BREAKS,
	FSC_STALLS,
	FSC_STALE_HELD,
	FSC_VIOLATIONS,
	/* Freers. */
	FSC_TURNOVERS,
	FSC_OTHER_TURNOVERS,
	FSC_REFREEZES,
	FSC_ALLOCS,
	FSC_RECYCLED,
	FSC_RECYCLED_OTHER_KEY,
	FSC_FREEZE_BUSY,
	FSC_VICTIM_MISSING,
	FSC_SAME_CPU,
	FSC_ALLOC_FAILED,
	FSC_PUBLISH_FAILED,
	FSC_LIMBO_WAITS,
	FSC_LIMBO_BARRIERS,
	FSC_LIMBO_WAIT_NS,
	/* Whoever puts last. */
	FSC_EXPEDITED,
	FSC_HAZARD_SCANS,
	FSC_FREED_PAGES,
	FSC_FREES,
	FSC_LAST_PUTS_BY_READER,
	FSC_DEFERRED_REMOTE,
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

/* A folio of 2^@order pages has been freed; counted after its release, if that was at once. */
static __always_inline void fsc_count_freed(struct fsc_counters *counters, unsigned int order)
{
	/* Its release first; pairs with the smp_rmb() in fsc_limbo_read(). */
	smp_wmb();
	fsc_count_add(counters, FSC_FREED_PAGES, 1UL << order);
	fsc_count(counters, FSC_FREES);
}

static inline u64 fsc_counter_read(const struct fsc_counters *counters, enum fsc_counter which)
{
	return READ_ONCE(counters->value[which]);
}

#endif /* FOLIOSCALE_COUNTERS_H */
