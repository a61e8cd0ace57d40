// SPDX-License-Identifier: GPL-2.0
/* Key streams: which thread draws which keys, and how often. */
#include <kunit/test.h>
#include <linux/limits.h>
#include <linux/math64.h>
#include <linux/slab.h>

#include <folioscale/stream.h>
#include <folioscale/thread.h>

static void states_are_as_published(struct kunit *test)
{
	struct fsc_stream stream;

	/* SplitMix64(0) as published: this seed cancels the inner call, so the outer one gets 0. */
	fsc_stream_seed(&stream, 0xe220a8397b1dcdafULL, 0, 0);
	KUNIT_EXPECT_EQ(test, stream.state, 0xe220a8397b1dcdafULL);
	/* The first two outputs of xorshift64 (13, 7, 17) from 1. */
	stream.state = 1;
	KUNIT_EXPECT_EQ(test, fsc_stream_next(&stream), 1082269761);
	KUNIT_EXPECT_EQ(test, fsc_stream_next(&stream), 1152992998833853505ULL);
}

static void every_seed_starts_a_stream(struct kunit *test)
{
	struct fsc_stream stream;

	/* SplitMix64 maps the first operand to 0. */
	fsc_stream_seed(&stream, 0x61c8864680b583ebULL ^ 0xe220a8397b1dcdafULL, 0, 0);
	KUNIT_EXPECT_NE(test, stream.state, 0);
	KUNIT_EXPECT_NE(test, fsc_stream_next(&stream), 0);
}

static void keys_depend_on_seed_role_and_number(struct kunit *test)
{
	static const struct {
		u64 seed;
		unsigned int role, nr;
	} streams[] = {
		{ 1, FSC_READER, 0 },
		{ 1, FSC_READER, 1 },
		{ 1, FSC_FREER, 0 },
		{ 1, FSC_FREER, 1 },
		{ 2, FSC_READER, 0 },
		{ 2, FSC_FREER, 1 },
		{ 0, FSC_READER, 0 },
		{ U64_MAX, FSC_READER, 0 },
	};
	unsigned int i, j, k;

	for (i = 0; i < ARRAY_SIZE(streams); i++) {
		for (j = 0; j < ARRAY_SIZE(streams); j++) {
			struct fsc_stream a, b;
			unsigned int same = 0;

			fsc_stream_seed(&a, streams[i].seed, streams[i].role, streams[i].nr);
			fsc_stream_seed(&b, streams[j].seed, streams[j].role, streams[j].nr);
			for (k = 0; k < 64; k++)
				same += fsc_stream_uniform(&a, 1 << 24) ==
					fsc_stream_uniform(&b, 1 << 24);
			/* 64 pairs out of 2^24 keys: one equal pair is unlikely, two more so. */
			if (i == j)
				KUNIT_EXPECT_EQ(test, same, 64);
			else
				KUNIT_EXPECT_LE(test, same, 1);
		}
	}
}

static void keys_are_in_range(struct kunit *test)
{
	static const u32 sizes[] = { 1, 2, 3, 7, 64, 1000, U32_MAX };
	struct fsc_stream stream;
	unsigned int i, j;

	fsc_stream_seed(&stream, 3, FSC_READER, 0);
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		u32 least = U32_MAX, most = 0;

		for (j = 0; j < 20000; j++) {
			u32 key = fsc_stream_uniform(&stream, sizes[i]);

			least = min(least, key);
			most = max(most, key);
		}
		KUNIT_EXPECT_LT(test, most, sizes[i]);
		/* Keys close to both ends are drawn. */
		KUNIT_EXPECT_LE(test, least, sizes[i] / 1000);
		KUNIT_EXPECT_GE(test, most, sizes[i] - 1 - sizes[i] / 1000);
	}
}

#define CHI_KEYS	64
#define CHI_EACH	1000

static void uniform_keys_are_uniform(struct kunit *test)
{
	unsigned int seed, i;

	for (seed = 0; seed < 8; seed++) {
		unsigned int drawn[CHI_KEYS] = {};
		struct fsc_stream stream;
		u64 squares = 0;

		fsc_stream_seed(&stream, seed, FSC_READER, 0);
		for (i = 0; i < CHI_KEYS * CHI_EACH; i++)
			drawn[fsc_stream_uniform(&stream, CHI_KEYS)]++;
		for (i = 0; i < CHI_KEYS; i++) {
			s64 off = (s64)drawn[i] - CHI_EACH;

			squares += off * off;
		}
		/*
		 * Chi-square with 63 degrees of freedom has mean 63 and standard deviation
		 * 11.2. It is above 130 once in 10^6 times, and below 21 once in 10^6
		 * times; for round-robin keys it would be below.
		 */
		KUNIT_EXPECT_LT(test, squares, 130 * CHI_EACH);
		KUNIT_EXPECT_GT(test, squares, 21 * CHI_EACH);
	}
}

static const u32 zipf_sizes[] = { 1, 2, 3, 10, 64, 997, 1000, 4096 };

KUNIT_DEFINE_ACTION_WRAPPER(kvfree_action, kvfree, const void *);

static struct fsc_zipf_cell *create(struct kunit *test, u32 nr_keys)
{
	struct fsc_zipf_cell *cells = fsc_zipf_create(nr_keys);

	KUNIT_ASSERT_NOT_NULL(test, cells);
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test, kvfree_action, cells));
	return cells;
}

static void each_rank_has_a_key_of_its_own(struct kunit *test)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(zipf_sizes); i++) {
		u32 nr_keys = zipf_sizes[i], rank;
		struct fsc_zipf_cell *cells = create(test, nr_keys);
		bool *seen = kunit_kcalloc(test, nr_keys, sizeof(*seen), GFP_KERNEL);

		KUNIT_ASSERT_NOT_NULL(test, seen);
		for (rank = 0; rank < nr_keys; rank++) {
			KUNIT_ASSERT_LT(test, cells[rank].key, nr_keys);
			KUNIT_ASSERT_LT(test, cells[rank].alias, nr_keys);
			KUNIT_EXPECT_FALSE(test, seen[cells[rank].key]);
			seen[cells[rank].key] = true;
		}
	}
}

/*
 * A cell is drawn once in nr_keys draws. It gives its key for threshold + 1 of
 * 2^32 numbers, else its alias. The sum over all cells, in 1/2^32 of a cell, is
 * a key's exact share: nr_keys * 2^32 / ((rank + 1) * H) with H = 1 + 1/2 + ...
 * + 1/nr_keys, except for rounding: less than nr_keys by the integer weight, 1
 * by the share, and 1 for each cell that is paired or left at the end, less
 * than 3 * nr_keys. That makes 5 * nr_keys, for the most popular key as well.
 */
static void keys_are_as_popular_as_their_rank_says(struct kunit *test)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(zipf_sizes); i++) {
		u32 nr_keys = zipf_sizes[i], rank;
		struct fsc_zipf_cell *cells = create(test, nr_keys);
		u64 *share = kunit_kcalloc(test, nr_keys, sizeof(*share), GFP_KERNEL);
		u64 first, sum = 0;

		KUNIT_ASSERT_NOT_NULL(test, share);
		for (rank = 0; rank < nr_keys; rank++) {
			KUNIT_ASSERT_LT(test, cells[rank].key, nr_keys);
			KUNIT_ASSERT_LT(test, cells[rank].alias, nr_keys);
			share[cells[rank].key] += cells[rank].threshold + 1ULL;
			share[cells[rank].alias] += U32_MAX - cells[rank].threshold;
		}
		first = share[cells[0].key];
		for (rank = 0; rank < nr_keys; rank++) {
			u64 scaled = share[cells[rank].key] * (rank + 1);
			u64 rounding = 5ULL * nr_keys * (rank + 2);

			KUNIT_ASSERT_LE(test, scaled, first + rounding);
			KUNIT_ASSERT_GE(test, scaled + rounding, first);
			sum += share[cells[rank].key];
		}
		KUNIT_EXPECT_EQ(test, sum, (u64)nr_keys << 32);
	}
}

/* Draws follow the table. */
static void popular_keys_are_drawn_by_the_table(struct kunit *test)
{
	/* First cell: key 5 in a quarter of the draws, else 6. Second cell: always 7. */
	static const struct fsc_zipf_cell cells[] = {
		{ .threshold = U32_MAX / 4, .key = 5, .alias = 6 },
		{ .threshold = U32_MAX, .key = 7, .alias = 8 },
	};
	unsigned int drawn[9] = {}, i;
	struct fsc_stream stream;

	fsc_stream_seed(&stream, 4, FSC_READER, 0);
	for (i = 0; i < 80000; i++)
		drawn[fsc_stream_zipf(&stream, cells, ARRAY_SIZE(cells))]++;
	/* The standard deviations are 94, 137 and 141; allow five of them. */
	KUNIT_EXPECT_LT(test, abs((int)drawn[5] - 10000), 5 * 94);
	KUNIT_EXPECT_LT(test, abs((int)drawn[6] - 30000), 5 * 137);
	KUNIT_EXPECT_LT(test, abs((int)drawn[7] - 40000), 5 * 141);
	KUNIT_EXPECT_EQ(test, drawn[8], 0);
}

static struct kunit_case stream_cases[] = {
	KUNIT_CASE(states_are_as_published),
	KUNIT_CASE(every_seed_starts_a_stream),
	KUNIT_CASE(keys_depend_on_seed_role_and_number),
	KUNIT_CASE(keys_are_in_range),
	KUNIT_CASE(uniform_keys_are_uniform),
	KUNIT_CASE(each_rank_has_a_key_of_its_own),
	KUNIT_CASE(keys_are_as_popular_as_their_rank_says),
	KUNIT_CASE(popular_keys_are_drawn_by_the_table),
	{}
};

static struct kunit_suite stream_suite = {
	.name = "fsc_stream",
	.test_cases = stream_cases,
};

kunit_test_suites(&stream_suite);
