// SPDX-License-Identifier: GPL-2.0
/* Parser for list parameters. */
#include <kunit/visibility.h>
#include <linux/errno.h>
#include <linux/export.h>
#include <linux/kernel.h>
#include <linux/kstrtox.h>
#include <linux/minmax.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/string.h>

#include <folioscale/parse.h>

/* Return: the number in @word, -EINVAL unless it is a number from 0 to @max. */
static int number(const char *word, unsigned int max)
{
	unsigned int value;

	if (!word || kstrtouint(word, 10, &value) || value > max)
		return -EINVAL;
	return value;
}

static int add_order(struct fsc_orders *orders, int order, int weight)
{
	if (order < 0 || weight < 1 || orders->nr + weight > ARRAY_SIZE(orders->table))
		return -EINVAL;
	memset(orders->table + orders->nr, order, weight);
	orders->min = orders->nr ? min_t(unsigned int, orders->min, order) : order;
	orders->max = max_t(unsigned int, orders->max, order);
	orders->nr += weight;
	return 0;
}

/**
 * fsc_parse_orders - parse an order, or a list of order:weight
 * @text: "2", or "0:8,2:4,9:1"
 * @orders: to be filled in
 *
 * Context: Process context, may sleep.
 * Return: 0, -EINVAL if @text is no such list, -ENOMEM.
 */
int fsc_parse_orders(const char *text, struct fsc_orders *orders)
{
	char *copy, *rest, *pair;
	int err = 0;

	*orders = (struct fsc_orders){};
	if (!strchr(text, ':'))
		return add_order(orders, number(text, FSC_ORDER_MAX), 1);
	copy = kstrdup(text, GFP_KERNEL);
	if (!copy)
		return -ENOMEM;
	rest = copy;
	while (!err && (pair = strsep(&rest, ","))) {
		char *order = strsep(&pair, ":");

		err = add_order(orders, number(order, FSC_ORDER_MAX),
				number(pair, FSC_WEIGHT_MAX));
	}
	kfree(copy);
	/* Only one order: ignore its weights. */
	if (orders->min == orders->max)
		orders->nr = min(orders->nr, 1U);
	return err;
}
EXPORT_SYMBOL_IF_KUNIT(fsc_parse_orders);

/**
 * fsc_orders_pages - number of pages of the folios of the first keys
 * @orders: the run's
 * @nr_keys: number of keys
 *
 * Context: Process context, may sleep.
 * Return: Number of pages.
 */
u64 fsc_orders_pages(const struct fsc_orders *orders, u32 nr_keys)
{
	u64 pages = 0;
	u32 key;

	for (key = 0; key < nr_keys; key++) {
		pages += 1UL << fsc_order_of(orders, key);
		cond_resched();
	}
	return pages;
}

/**
 * fsc_parse_mix - parse the shares of the mix
 * @text: "60:20:10:5:5", weights of file, slab, ptdesc, hugetlb_free and misc
 * @mix: to be filled in
 *
 * Context: Process context, may sleep.
 * Return: 0, -EINVAL if @text is no such list or has no file folios, -ENOMEM.
 */
int fsc_parse_mix(const char *text, struct fsc_mix *mix)
{
	char *copy = kstrdup(text, GFP_KERNEL);
	char *rest = copy;
	unsigned int i;
	int err = 0;

	if (!copy)
		return -ENOMEM;
	for (i = 0; i < FSC_NR_SHARES && !err; i++) {
		int weight = number(strsep(&rest, ":"), FSC_WEIGHT_MAX);

		mix->weight[i] = weight;
		if (weight < 0)
			err = weight;
	}
	if (rest || !mix->weight[FSC_SHARE_FILE])
		err = -EINVAL;
	kfree(copy);
	return err;
}
EXPORT_SYMBOL_IF_KUNIT(fsc_parse_mix);

/**
 * fsc_parse_cpus - parse a list of CPUs
 * @text: "0-1,3"; empty: all online CPUs
 * @cpus: to be filled in
 *
 * Context: Any.
 * Return: 0, -EINVAL if @text is no such list or has no online CPU.
 */
int fsc_parse_cpus(const char *text, struct cpumask *cpus)
{
	if (!*text) {
		cpumask_copy(cpus, cpu_online_mask);
		return 0;
	}
	if (cpulist_parse(text, cpus))
		return -EINVAL;
	return cpumask_and(cpus, cpus, cpu_online_mask) ? 0 : -EINVAL;
}
EXPORT_SYMBOL_IF_KUNIT(fsc_parse_cpus);
