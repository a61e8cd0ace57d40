/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Log-linear histograms with the layout of HdrHistogram. Each power of two is
 * split into 32 buckets, so a bucket is at most 1/32 of its value wide. Below
 * 64 ns a bucket is 1 ns. Minimum and maximum are exact.
 */
#ifndef FOLIOSCALE_HIST_H
#define FOLIOSCALE_HIST_H

#include <linux/bitops.h>
#include <linux/compiler.h>
#include <linux/types.h>

#define FSC_HIST_SUB_BITS	5
/* Values of 2^37 ns (137 s) and more are counted as overflow. */
#define FSC_HIST_MAX_BITS	37
#define FSC_HIST_BUCKETS	((FSC_HIST_MAX_BITS - FSC_HIST_SUB_BITS + 1) << FSC_HIST_SUB_BITS)

enum fsc_latency {
	FSC_LAT_LOOKUP,
	FSC_LAT_ALLOCATE,
	FSC_LAT_FREE,
	FSC_LAT_REUSE,
	FSC_LAT_TURNOVER,
	FSC_LAT_RECLAIM,
	FSC_LAT_GP,
	FSC_NR_LATENCIES
};

extern const char *const fsc_latency_names[FSC_NR_LATENCIES];

/**
 * struct fsc_hist - a histogram of ns, written by one thread
 * @count: values recorded, overflow included
 * @min: smallest value, U64_MAX when @count is 0
 * @max: largest value
 * @overflow: values too large for a bucket
 * @buckets: see fsc_hist_bucket()
 */
struct fsc_hist {
	u64 count;
	u64 min;
	u64 max;
	u64 overflow;
	u64 buckets[FSC_HIST_BUCKETS];
};

/**
 * fsc_hist_bucket - which bucket a value falls into
 * @ns: the value
 *
 * Context: Any.
 * Return: Index into buckets, %FSC_HIST_BUCKETS for an overflow.
 */
static inline unsigned int fsc_hist_bucket(u64 ns)
{
	unsigned int shift;

	if (ns >> FSC_HIST_MAX_BITS)
		return FSC_HIST_BUCKETS;
	if (ns < 2 << FSC_HIST_SUB_BITS)
		return ns;
	shift = fls64(ns) - 1 - FSC_HIST_SUB_BITS;
	return (shift << FSC_HIST_SUB_BITS) + (ns >> shift);
}

/**
 * fsc_hist_low - the smallest value of a bucket
 * @bucket: its index, up to and including %FSC_HIST_BUCKETS, for which this is the end of the
 *	range
 *
 * Context: Any.
 * Return: ns.
 */
static inline u64 fsc_hist_low(unsigned int bucket)
{
	unsigned int shift = bucket >> FSC_HIST_SUB_BITS;

	if (shift < 2)
		return bucket;
	shift--;
	return (u64)(bucket - (shift << FSC_HIST_SUB_BITS)) << shift;
}

void fsc_hist_reset(struct fsc_hist *hist);
void fsc_hist_record(struct fsc_hist *hist, u64 ns);
void fsc_hist_merge(struct fsc_hist *into, const struct fsc_hist *from);

#endif /* FOLIOSCALE_HIST_H */
