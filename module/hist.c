// SPDX-License-Identifier: GPL-2.0
/* Recording and adding up histograms. */
#include <kunit/visibility.h>
#include <linux/array_size.h>
#include <linux/build_bug.h>
#include <linux/export.h>
#include <linux/limits.h>
#include <linux/minmax.h>
#include <linux/string.h>

#include <folioscale/hist.h>

const char *const fsc_latency_names[FSC_NR_LATENCIES] = {
	[FSC_LAT_LOOKUP]	= "lookup",
	[FSC_LAT_ALLOCATE]	= "allocate",
	[FSC_LAT_FREE]		= "free",
	[FSC_LAT_REUSE]		= "reuse",
	[FSC_LAT_TURNOVER]	= "turnover",
	[FSC_LAT_RECLAIM]	= "reclaim",
	[FSC_LAT_GP]		= "gp",
};

static_assert(ARRAY_SIZE(fsc_latency_names) == FSC_NR_LATENCIES);

/**
 * fsc_hist_reset - empty a histogram
 * @hist: the histogram; the caller is its writer
 *
 * Context: Any.
 */
void fsc_hist_reset(struct fsc_hist *hist)
{
	unsigned int i;

	for (i = 0; i < FSC_HIST_BUCKETS; i++)
		WRITE_ONCE(hist->buckets[i], 0);
	WRITE_ONCE(hist->count, 0);
	WRITE_ONCE(hist->min, U64_MAX);
	WRITE_ONCE(hist->max, 0);
	WRITE_ONCE(hist->overflow, 0);
}
EXPORT_SYMBOL_IF_KUNIT(fsc_hist_reset);

/**
 * fsc_hist_record - add a value
 * @hist: the histogram; the caller is its only writer
 * @ns: the value
 *
 * Context: Any.
 */
void fsc_hist_record(struct fsc_hist *hist, u64 ns)
{
	unsigned int bucket = fsc_hist_bucket(ns);
	u64 *slot = bucket < FSC_HIST_BUCKETS ? &hist->buckets[bucket] : &hist->overflow;

	WRITE_ONCE(*slot, *slot + 1);
	WRITE_ONCE(hist->count, hist->count + 1);
	if (ns < hist->min)
		WRITE_ONCE(hist->min, ns);
	if (ns > hist->max)
		WRITE_ONCE(hist->max, ns);
}
EXPORT_SYMBOL_IF_KUNIT(fsc_hist_record);

/**
 * fsc_hist_merge - add one histogram to another
 * @into: the sum, private to the caller
 * @from: may be written meanwhile; then the sum is a snapshot of each bucket, not of all at
 *	once
 *
 * Context: Any.
 */
void fsc_hist_merge(struct fsc_hist *into, const struct fsc_hist *from)
{
	unsigned int i;

	for (i = 0; i < FSC_HIST_BUCKETS; i++)
		into->buckets[i] += READ_ONCE(from->buckets[i]);
	into->count += READ_ONCE(from->count);
	into->overflow += READ_ONCE(from->overflow);
	into->min = min(into->min, READ_ONCE(from->min));
	into->max = max(into->max, READ_ONCE(from->max));
}
EXPORT_SYMBOL_IF_KUNIT(fsc_hist_merge);
