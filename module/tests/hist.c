// SPDX-License-Identifier: GPL-2.0
/* Histograms: the bucket of a value, and what buckets tell about quantiles. */
#include <kunit/test.h>
#include <linux/limits.h>
#include <linux/math.h>
#include <linux/minmax.h>
#include <linux/sort.h>

#include <folioscale/hist.h>
#include <folioscale/stream.h>

static struct fsc_hist *new_hist(struct kunit *test)
{
	struct fsc_hist *hist = kunit_kzalloc(test, sizeof(*hist), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, hist);
	fsc_hist_reset(hist);
	return hist;
}

static void buckets_are_contiguous(struct kunit *test)
{
	unsigned int i;

	KUNIT_EXPECT_EQ(test, fsc_hist_low(0), 0);
	for (i = 0; i < FSC_HIST_BUCKETS; i++) {
		u64 low = fsc_hist_low(i), end = fsc_hist_low(i + 1);

		KUNIT_ASSERT_LT(test, low, end);
		KUNIT_ASSERT_EQ(test, fsc_hist_bucket(low), i);
		KUNIT_ASSERT_EQ(test, fsc_hist_bucket(end - 1), i);
	}
	KUNIT_EXPECT_EQ(test, fsc_hist_low(FSC_HIST_BUCKETS), BIT_ULL(FSC_HIST_MAX_BITS));
}

static void buckets_are_narrow(struct kunit *test)
{
	unsigned int i;

	for (i = 0; i < FSC_HIST_BUCKETS; i++) {
		u64 low = fsc_hist_low(i), width = fsc_hist_low(i + 1) - low;

		if (low < 64)
			KUNIT_ASSERT_EQ(test, width, 1);
		else
			KUNIT_ASSERT_LE(test, width * 32, low);
	}
}

static void large_values_overflow(struct kunit *test)
{
	static const u64 too_large[] = {
		BIT_ULL(FSC_HIST_MAX_BITS),
		BIT_ULL(FSC_HIST_MAX_BITS + 1) - 1,
		BIT_ULL(FSC_HIST_MAX_BITS + 1),
		U64_MAX,
	};
	struct fsc_hist *hist = new_hist(test);
	unsigned int i;

	fsc_hist_record(hist, too_large[0] - 1);
	KUNIT_EXPECT_EQ(test, hist->buckets[FSC_HIST_BUCKETS - 1], 1);
	for (i = 0; i < ARRAY_SIZE(too_large); i++) {
		KUNIT_EXPECT_EQ(test, fsc_hist_bucket(too_large[i]), FSC_HIST_BUCKETS);
		fsc_hist_record(hist, too_large[i]);
	}
	KUNIT_EXPECT_EQ(test, hist->buckets[FSC_HIST_BUCKETS - 1], 1);
	KUNIT_EXPECT_EQ(test, hist->overflow, ARRAY_SIZE(too_large));
	KUNIT_EXPECT_EQ(test, hist->count, 1 + ARRAY_SIZE(too_large));
	KUNIT_EXPECT_EQ(test, hist->max, U64_MAX);
}

static void extremes_are_exact(struct kunit *test)
{
	struct fsc_hist *hist = new_hist(test);

	KUNIT_EXPECT_EQ(test, hist->min, U64_MAX);
	KUNIT_EXPECT_EQ(test, hist->max, 0);
	/* All in one bucket, so it is not the buckets that tell them apart. */
	KUNIT_ASSERT_EQ(test, fsc_hist_bucket(1000001), fsc_hist_bucket(1000003));
	fsc_hist_record(hist, 1000002);
	fsc_hist_record(hist, 1000001);
	fsc_hist_record(hist, 1000003);
	KUNIT_EXPECT_EQ(test, hist->min, 1000001);
	KUNIT_EXPECT_EQ(test, hist->max, 1000003);
	KUNIT_EXPECT_EQ(test, hist->buckets[fsc_hist_bucket(1000001)], 3);
	fsc_hist_record(hist, 0);
	KUNIT_EXPECT_EQ(test, hist->min, 0);
	KUNIT_EXPECT_EQ(test, hist->max, 1000003);
}

static void reset_leaves_nothing(struct kunit *test)
{
	struct fsc_hist *hist = new_hist(test), *fresh = new_hist(test);
	unsigned int i;

	for (i = 0; i <= FSC_HIST_BUCKETS; i++)
		fsc_hist_record(hist, fsc_hist_low(i));
	fsc_hist_reset(hist);
	KUNIT_EXPECT_MEMEQ(test, hist, fresh, sizeof(*hist));
}

static void merge_adds_up(struct kunit *test)
{
	struct fsc_hist *both = new_hist(test), *sum = new_hist(test);
	struct fsc_hist *part[] = { new_hist(test), new_hist(test), new_hist(test) };
	struct fsc_stream stream;
	unsigned int i;

	fsc_stream_seed(&stream, 1, 0, 0);
	for (i = 0; i < 3000; i++) {
		u64 value = fsc_stream_next(&stream) >> (i % 64);

		fsc_hist_record(both, value);
		/* The third stays empty, without extremes. */
		fsc_hist_record(part[i % 2], value);
	}
	for (i = 0; i < ARRAY_SIZE(part); i++)
		fsc_hist_merge(sum, part[i]);
	KUNIT_EXPECT_GT(test, sum->overflow, 0);
	KUNIT_EXPECT_MEMEQ(test, sum, both, sizeof(*sum));
}

/*
 * The largest value of the quantile's bucket, computed as in
 * scripts/fsc/result/metrics.py from what debugfs prints. This tests the buckets;
 * scripts/tests tests metrics.py.
 */
static u64 quantile(const struct fsc_hist *hist, unsigned int permille)
{
	u64 wanted = DIV_ROUND_UP_ULL(hist->count * permille, 1000), seen = 0;
	unsigned int i;

	for (i = 0; i < FSC_HIST_BUCKETS; i++) {
		seen += hist->buckets[i];
		if (seen >= wanted)
			return min(fsc_hist_low(i + 1) - 1, hist->max);
	}
	return hist->max;
}

static int compare(const void *a, const void *b)
{
	u64 x = *(const u64 *)a, y = *(const u64 *)b;

	return x < y ? -1 : x > y;
}

static void buckets_bound_the_error_of_quantiles(struct kunit *test)
{
	static const unsigned int permilles[] = { 1, 10, 250, 500, 900, 990, 999, 1000 };
	struct fsc_hist *hist = new_hist(test);
	const unsigned int nr = 2500;
	struct fsc_stream stream;
	unsigned int i;
	u64 *values;

	values = kunit_kcalloc(test, nr, sizeof(*values), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, values);
	fsc_stream_seed(&stream, 2, 0, 0);
	for (i = 0; i < nr; i++) {
		/* Equally many of each power of two, from 1 ns to 137 s. */
		values[i] = fsc_stream_next(&stream) >> (64 - FSC_HIST_MAX_BITS) >>
			    i % FSC_HIST_MAX_BITS;
		fsc_hist_record(hist, values[i]);
	}
	sort(values, nr, sizeof(*values), compare, NULL);
	for (i = 0; i < ARRAY_SIZE(permilles); i++) {
		u64 exact = values[DIV_ROUND_UP(nr * permilles[i], 1000) - 1];
		u64 found = quantile(hist, permilles[i]);

		KUNIT_EXPECT_GE(test, found, exact);
		KUNIT_EXPECT_LE(test, (found - exact) * 32, exact);
		KUNIT_EXPECT_EQ(test, fsc_hist_bucket(found), fsc_hist_bucket(exact));
	}
	KUNIT_EXPECT_EQ(test, quantile(hist, 1000), values[nr - 1]);
}

static struct kunit_case hist_cases[] = {
	KUNIT_CASE(buckets_are_contiguous),
	KUNIT_CASE(buckets_are_narrow),
	KUNIT_CASE(large_values_overflow),
	KUNIT_CASE(extremes_are_exact),
	KUNIT_CASE(reset_leaves_nothing),
	KUNIT_CASE(merge_adds_up),
	KUNIT_CASE(buckets_bound_the_error_of_quantiles),
	{}
};

static struct kunit_suite hist_suite = {
	.name = "fsc_hist",
	.test_cases = hist_cases,
};

kunit_test_suites(&hist_suite);
