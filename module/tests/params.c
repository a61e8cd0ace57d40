// SPDX-License-Identifier: GPL-2.0
/* Parameters and lists: which values are accepted, on a config of the tests' own. */
#include <kunit/test.h>
#include <linux/cpumask.h>
#include <linux/string.h>

#include <folioscale/config.h>
#include <folioscale/parse.h>
#include <folioscale/stamp.h>

/* Content of an unwritten config: not a terminated text, not a valid number. */
#define UNTOUCHED	0x5a

struct fixture {
	struct fsc_config config;
	struct fsc_config before;
};

/* A parameter, and the offset of its field. */
struct field {
	const char *name;
	size_t offset;
};

static const struct field nr_readers = { "nr_readers", offsetof(struct fsc_config, nr_readers) };
static const struct field touch_bytes = { "touch_bytes", offsetof(struct fsc_config, touch_bytes) };
static const struct field sample_shift = { "sample_shift",
					   offsetof(struct fsc_config, sample_shift) };
static const struct field seed = { "seed", offsetof(struct fsc_config, seed) };
static const struct field popularity = { "popularity", offsetof(struct fsc_config, popularity) };
static const struct field protocol = { "protocol", offsetof(struct fsc_config, protocol) };
static const struct field busted = { "busted", offsetof(struct fsc_config, busted) };
static const struct field order = { "order", offsetof(struct fsc_config, order) };
static const struct field mix = { "mix", offsetof(struct fsc_config, mix) };
static const struct field reader_cpus = { "reader_cpus", offsetof(struct fsc_config, reader_cpus) };
static const struct field freer_cpus = { "freer_cpus", offsetof(struct fsc_config, freer_cpus) };

/* The value is accepted, and only the field of @size bytes changes. Return: the field. */
static const void *takes(struct kunit *test, const struct field *field, size_t size,
			 const char *val)
{
	struct fixture *fixture = test->priv;
	struct fsc_config *config = &fixture->config, *before = &fixture->before;
	void *at = (void *)config + field->offset;

	memset(config, UNTOUCHED, sizeof(*config));
	memset(before, UNTOUCHED, sizeof(*before));
	KUNIT_EXPECT_EQ_MSG(test, fsc_config_set(config, field->name, val), 0, "%s=%s",
			    field->name, val);
	memcpy((void *)before + field->offset, at, size);
	KUNIT_EXPECT_MEMEQ_MSG(test, config, before, sizeof(*config), "%s=%s", field->name, val);
	return at;
}

static void takes_uint(struct kunit *test, const struct field *field, const char *val,
		       unsigned int expected)
{
	const unsigned int *at = takes(test, field, sizeof(*at), val);

	KUNIT_EXPECT_EQ_MSG(test, *at, expected, "%s=%s", field->name, val);
}

static void takes_int(struct kunit *test, const struct field *field, const char *val, int expected)
{
	const int *at = takes(test, field, sizeof(*at), val);

	KUNIT_EXPECT_EQ_MSG(test, *at, expected, "%s=%s", field->name, val);
}

static void takes_u64(struct kunit *test, const struct field *field, const char *val, u64 expected)
{
	const u64 *at = takes(test, field, sizeof(*at), val);

	KUNIT_EXPECT_EQ_MSG(test, *at, expected, "%s=%s", field->name, val);
}

static void takes_text(struct kunit *test, const struct field *field, const char *val,
		       const char *expected)
{
	const char *at = takes(test, field, FSC_TEXT_MAX, val);

	KUNIT_EXPECT_STREQ(test, at, expected);
}

static void refuses(struct kunit *test, const struct field *field, const char *const *vals,
		    size_t nr)
{
	struct fixture *fixture = test->priv;
	const char *name = field->name;

	while (nr--) {
		memset(&fixture->config, UNTOUCHED, sizeof(fixture->config));
		fixture->before = fixture->config;
		KUNIT_EXPECT_EQ_MSG(test, fsc_config_set(&fixture->config, name, *vals), -EINVAL,
				    "%s=%s", name, *vals);
		KUNIT_EXPECT_MEMEQ_MSG(test, &fixture->config, &fixture->before,
				       sizeof(fixture->config), "%s=%s", name, *vals);
		vals++;
	}
}

#define REFUSES(test, field, ...) do {							\
	static const char *const vals_[] = { __VA_ARGS__ };				\
											\
	refuses(test, &(field), vals_, ARRAY_SIZE(vals_));				\
} while (0)

#define NO_NUMBER	"", "\n", " ", "x", "3x", "0x", "3 4", "3\n4", "--1", "1.5"

static void unsigned_numbers(struct kunit *test)
{
	takes_uint(test, &nr_readers, "0", 0);
	takes_uint(test, &nr_readers, "3", 3);
	takes_uint(test, &nr_readers, "3\n", 3);
	takes_uint(test, &nr_readers, "0x10", 16);
	takes_uint(test, &nr_readers, "1024", 1024);
	REFUSES(test, nr_readers, "-1", "1025", "4294967296", "4294967299",
		"18446744073709551616", NO_NUMBER);
	/* A parameter whose minimum is not 0. */
	static_assert(sizeof(struct fsc_stamp) == 24);
	takes_uint(test, &touch_bytes, "24", 24);
	takes_uint(test, &touch_bytes, "2097152", 2097152);
	REFUSES(test, touch_bytes, "-24", "0", "23", "2097153", NO_NUMBER);
}

static void signed_numbers(struct kunit *test)
{
	takes_int(test, &sample_shift, "-1", -1);
	takes_int(test, &sample_shift, "-1\n", -1);
	takes_int(test, &sample_shift, "0", 0);
	takes_int(test, &sample_shift, "20", 20);
	REFUSES(test, sample_shift, "-2", "21", "4294967295", "18446744073709551615",
		"9223372036854775808", "-9223372036854775808", "-9223372036854775809",
		NO_NUMBER);
}

static void wide_numbers(struct kunit *test)
{
	takes_u64(test, &seed, "0", 0);
	takes_u64(test, &seed, "4294967296\n", 4294967296ULL);
	takes_u64(test, &seed, "18446744073709551615", 18446744073709551615ULL);
	REFUSES(test, seed, "-1", "18446744073709551616", NO_NUMBER);
}

static void choices(struct kunit *test)
{
	struct fsc_config *config = &((struct fixture *)test->priv)->config;

	takes_uint(test, &popularity, "uniform", FSC_UNIFORM);
	takes_uint(test, &popularity, "zipf", FSC_ZIPF);
	takes_uint(test, &popularity, "hot\n", FSC_HOT);
	REFUSES(test, popularity, "", "\n", "zip", "zipff", "Zipf", " zipf", "zipf ",
		"zipf\nzipf", "0", "2");

	/* Choices that come from the table of protocols. */
	takes(test, &protocol, sizeof(config->protocol), "overlay");
	KUNIT_EXPECT_STREQ(test, fsc_config_protocol(config), "overlay");
	takes(test, &protocol, sizeof(config->protocol), "rcu_full");
	KUNIT_EXPECT_STREQ(test, fsc_config_protocol(config), "rcu_full");
	takes(test, &busted, sizeof(config->busted), "none");
	KUNIT_EXPECT_NULL(test, fsc_config_busted(config));
	takes(test, &busted, sizeof(config->busted), "norecheck");
	KUNIT_EXPECT_STREQ(test, fsc_config_busted(config), "norecheck");
	/* A protocol's name is not a busted one's, and vice versa. */
	REFUSES(test, protocol, "", "none", "norecheck", "typesaf");
	REFUSES(test, busted, "", "typesafe", "non");
}

#define FIFTEEN	"0:1,0:1,0:1,0:1,0:1,0:1,0:1,0:1,0:1,0:1,0:1,0:1,0:1,0:1,0:1,"

static void texts(struct kunit *test)
{
	takes_text(test, &order, "9", "9");
	takes_text(test, &order, "0:8,9:1\n", "0:8,9:1");
	REFUSES(test, order, "", "\n", "x", "10", "0:8,9:1 ", "0\n0", "0\n\n");
	takes_text(test, &mix, "60:20:10:5:5\n", "60:20:10:5:5");
	REFUSES(test, mix, "", "\n", "x", "100", "0:1:1:1:1", "1:1:1:1:1\n1");
	takes_text(test, &reader_cpus, "0\n", "0");
	takes_text(test, &reader_cpus, "", "");
	takes_text(test, &freer_cpus, "\n", "");
	REFUSES(test, freer_cpus, "x", "0-", "1-0", "99999999", "\n0", "0\t", " 0", "0\v", "0\xa0",
		"0,\f0");

	/* There is room for 63 characters and the NUL; the newline is not stored. */
	static_assert(sizeof(FIFTEEN "0:1") == FSC_TEXT_MAX);
	takes_text(test, &order, FIFTEEN "0:1\n", FIFTEEN "0:1");
	REFUSES(test, order, FIFTEEN "0:11", FIFTEEN FIFTEEN "0:1");
}

static void unknown_names(struct kunit *test)
{
	struct fixture *fixture = test->priv;

	memset(&fixture->config, UNTOUCHED, sizeof(fixture->config));
	fixture->before = fixture->config;
	KUNIT_EXPECT_EQ(test, fsc_config_set(&fixture->config, "", "1"), -ENOENT);
	KUNIT_EXPECT_EQ(test, fsc_config_set(&fixture->config, "nr_reader", "1"), -ENOENT);
	KUNIT_EXPECT_MEMEQ(test, &fixture->config, &fixture->before, sizeof(fixture->config));
}

static unsigned int cells_of(const struct fsc_orders *orders, unsigned int order)
{
	unsigned int nr = 0, i;

	for (i = 0; i < orders->nr; i++)
		nr += orders->table[i] == order;
	return nr;
}

static void lists_of_orders(struct kunit *test)
{
	static const char *const bad[] = {
		"", "10", "-1", "x", ":", ":1", "0:", "0:0", "0:101", "10:1", "0:1,", ",0:1",
		"0:1,,2:1", "0:1:1", "0:1,2", " 0",
	};
	struct fsc_orders *orders = kunit_kzalloc(test, sizeof(*orders), GFP_KERNEL);
	unsigned int i, at = 0, seen[FSC_ORDER_MAX + 1] = {};
	char full[80];

	KUNIT_ASSERT_NOT_NULL(test, orders);
	KUNIT_ASSERT_EQ(test, fsc_parse_orders("9", orders), 0);
	KUNIT_EXPECT_EQ(test, orders->nr, 1);
	KUNIT_EXPECT_EQ(test, orders->min, 9);
	KUNIT_EXPECT_EQ(test, orders->max, 9);
	KUNIT_EXPECT_EQ(test, fsc_order_of(orders, 12345), 9);

	/* A single order is one cell; its weights do not matter. */
	KUNIT_ASSERT_EQ(test, fsc_parse_orders("3:5,3:7", orders), 0);
	KUNIT_EXPECT_EQ(test, orders->nr, 1);
	KUNIT_EXPECT_EQ(test, orders->min, 3);
	KUNIT_EXPECT_EQ(test, orders->max, 3);

	KUNIT_ASSERT_EQ(test, fsc_parse_orders("2:4,0:8,9:1", orders), 0);
	KUNIT_EXPECT_EQ(test, orders->nr, 13);
	KUNIT_EXPECT_EQ(test, orders->min, 0);
	KUNIT_EXPECT_EQ(test, orders->max, 9);
	KUNIT_EXPECT_EQ(test, cells_of(orders, 0), 8);
	KUNIT_EXPECT_EQ(test, cells_of(orders, 2), 4);
	KUNIT_EXPECT_EQ(test, cells_of(orders, 9), 1);
	/* Keys get orders by weight: multiples of the golden ratio are evenly spread. */
	for (i = 0; i < 13000; i++)
		seen[fsc_order_of(orders, i)]++;
	KUNIT_EXPECT_LT(test, abs((int)seen[0] - 8000), 40);
	KUNIT_EXPECT_LT(test, abs((int)seen[2] - 4000), 40);
	KUNIT_EXPECT_LT(test, abs((int)seen[9] - 1000), 40);

	/* A full table; then one more. */
	for (i = 0; i <= FSC_ORDER_MAX; i++)
		at += scnprintf(full + at, sizeof(full) - at, "%s%u:100", i ? "," : "", i);
	KUNIT_EXPECT_EQ(test, fsc_parse_orders(full, orders), 0);
	KUNIT_EXPECT_EQ(test, orders->nr, ARRAY_SIZE(orders->table));
	scnprintf(full + at, sizeof(full) - at, ",0:1");
	KUNIT_EXPECT_EQ(test, fsc_parse_orders(full, orders), -EINVAL);
	for (i = 0; i < ARRAY_SIZE(bad); i++)
		KUNIT_EXPECT_EQ_MSG(test, fsc_parse_orders(bad[i], orders), -EINVAL, "'%s'",
				    bad[i]);
}

static void shares_of_a_mix(struct kunit *test)
{
	static const char *const bad[] = {
		"", "1", "1:1:1:1", "1:1:1:1:1:1", "1:1:1:1:1:", "0:1:1:1:1", "101:0:0:0:0",
		"1:101:0:0:0", "1:-1:0:0:0", "1::0:0:0", "x:0:0:0:0", "1:0:0:0:0,", "1:0:0:0:0 ",
	};
	static const unsigned int expected[FSC_NR_SHARES] = {
		[FSC_SHARE_FILE] = 100, [FSC_SHARE_SLAB] = 20, [FSC_SHARE_PTDESC] = 10,
		[FSC_SHARE_HUGETLB] = 0, [FSC_SHARE_MISC] = 5,
	};
	struct fsc_mix shares;
	unsigned int i;

	KUNIT_ASSERT_EQ(test, fsc_parse_mix("100:20:10:0:5", &shares), 0);
	KUNIT_EXPECT_MEMEQ(test, shares.weight, expected, sizeof(expected));
	KUNIT_EXPECT_EQ(test, fsc_parse_mix("1:0:0:0:0", &shares), 0);
	for (i = 0; i < ARRAY_SIZE(bad); i++)
		KUNIT_EXPECT_EQ_MSG(test, fsc_parse_mix(bad[i], &shares), -EINVAL, "'%s'", bad[i]);
}

static void lists_of_cpus(struct kunit *test)
{
	static const char *const bad[] = { "x", "0-", "-1", "1-0", "0,x", "99999999", " " };
	struct cpumask *cpus = kunit_kzalloc(test, sizeof(*cpus), GFP_KERNEL);
	char text[32];
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, cpus);
	KUNIT_ASSERT_EQ(test, fsc_parse_cpus("", cpus), 0);
	KUNIT_EXPECT_TRUE(test, cpumask_equal(cpus, cpu_online_mask));
	KUNIT_ASSERT_EQ(test, fsc_parse_cpus("0", cpus), 0);
	KUNIT_EXPECT_TRUE(test, cpumask_equal(cpus, cpumask_of(0)));
	/* All possible CPUs: the online ones remain. */
	scnprintf(text, sizeof(text), "0-%u", nr_cpumask_bits - 1);
	KUNIT_ASSERT_EQ(test, fsc_parse_cpus(text, cpus), 0);
	KUNIT_EXPECT_TRUE(test, cpumask_equal(cpus, cpu_online_mask));
	/* The first CPU that is not online, or one that cannot exist. */
	scnprintf(text, sizeof(text), "%u", cpumask_next_zero(-1, cpu_online_mask));
	KUNIT_EXPECT_EQ(test, fsc_parse_cpus(text, cpus), -EINVAL);
	for (i = 0; i < ARRAY_SIZE(bad); i++)
		KUNIT_EXPECT_EQ_MSG(test, fsc_parse_cpus(bad[i], cpus), -EINVAL, "'%s'", bad[i]);
}

static int params_init(struct kunit *test)
{
	test->priv = kunit_kzalloc(test, sizeof(struct fixture), GFP_KERNEL);
	return test->priv ? 0 : -ENOMEM;
}

static struct kunit_case params_cases[] = {
	KUNIT_CASE(unsigned_numbers),
	KUNIT_CASE(signed_numbers),
	KUNIT_CASE(wide_numbers),
	KUNIT_CASE(choices),
	KUNIT_CASE(texts),
	KUNIT_CASE(unknown_names),
	KUNIT_CASE(lists_of_orders),
	KUNIT_CASE(shares_of_a_mix),
	KUNIT_CASE(lists_of_cpus),
	{}
};

static struct kunit_suite params_suite = {
	.name = "fsc_params",
	.init = params_init,
	.test_cases = params_cases,
};

kunit_test_suites(&params_suite);
