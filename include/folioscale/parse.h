/* SPDX-License-Identifier: GPL-2.0 */
/* Parsed list parameters: orders with weights, shares of the mix, CPUs. */
#ifndef FOLIOSCALE_PARSE_H
#define FOLIOSCALE_PARSE_H

#include <linux/cpumask.h>
#include <linux/types.h>

#define FSC_ORDER_MAX		9
#define FSC_WEIGHT_MAX		100

/**
 * struct fsc_orders - the orders of the folios
 * @nr: cells of @table in use: the sum of the weights, 1 for a single order
 * @min: smallest order
 * @max: largest order
 * @table: an order for each unit of weight
 */
struct fsc_orders {
	unsigned int nr;
	unsigned int min;
	unsigned int max;
	u8 table[(FSC_ORDER_MAX + 1) * FSC_WEIGHT_MAX];
};

/* What the frames are used for; mix= takes a weight for each, in this order. */
enum fsc_share {
	FSC_SHARE_FILE,
	FSC_SHARE_SLAB,
	FSC_SHARE_PTDESC,
	FSC_SHARE_HUGETLB,
	FSC_SHARE_MISC,
	FSC_NR_SHARES
};

struct fsc_mix {
	unsigned int weight[FSC_NR_SHARES];
};

u64 fsc_orders_pages(const struct fsc_orders *orders, u32 nr_keys);
int fsc_parse_orders(const char *text, struct fsc_orders *orders);
int fsc_parse_mix(const char *text, struct fsc_mix *mix);
int fsc_parse_cpus(const char *text, struct cpumask *cpus);

/**
 * fsc_order_of - the order of the folio under a key
 * @orders: the run's
 * @key: the key
 *
 * Context: Any.
 * Return: The order; it depends only on the key, so it is the same for every protocol.
 */
static __always_inline unsigned int fsc_order_of(const struct fsc_orders *orders, u32 key)
{
	if (orders->nr == 1)
		return orders->min;
	/* Fibonacci hashing: neighbours differ, and the high half is evenly distributed. */
	return orders->table[((u64)(key * 2654435769U) * orders->nr) >> 32];
}

#endif /* FOLIOSCALE_PARSE_H */
