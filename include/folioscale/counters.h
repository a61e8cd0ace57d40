/* SPDX-License-Identifier: GPL-2.0 */
/* What each thread counts. counters.def says how each counter can mislead. */
#ifndef FOLIOSCALE_COUNTERS_H
#define FOLIOSCALE_COUNTERS_H

#include <linux/compiler.h>
#include <linux/types.h>
#include <asm/barrier.h>

#define FSC_COUNTER(id, ...)		FSC_##id,

enum fsc_counter {
#include <folioscale/counters.def>
	FSC_NR_COUNTERS
};

/**
 * struct fsc_counter_info - a row of counters.def
 * @name: as printed by debugfs and run.json
 * @counts: what it counts
 * @misleads: how that misleads, or empty
 */
struct fsc_counter_info {
	const char *name;
	const char *counts;
	const char *misleads;
};

extern const struct fsc_counter_info fsc_counter_info[FSC_NR_COUNTERS];

/* Written only by the thread that owns them, read by anyone. */
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

/* Count a freed folio of @pages pages. If it is released at once, count the release first. */
static __always_inline void fsc_count_freed(struct fsc_counters *counters, unsigned int pages)
{
	/* After the release; pairs with the smp_rmb() in fsc_limbo_read(). */
	smp_wmb();
	fsc_count_add(counters, FSC_FREED_PAGES, pages);
	fsc_count(counters, FSC_FREES);
}

static inline u64 fsc_counter_read(const struct fsc_counters *counters, enum fsc_counter which)
{
	return READ_ONCE(counters->value[which]);
}

#endif /* FOLIOSCALE_COUNTERS_H */
