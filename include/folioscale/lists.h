/* SPDX-License-Identifier: GPL-2.0 */
/* Parameters that are lists: orders with weights, shares of the arena, CPUs. */
#ifndef FOLIOSCALE_LISTS_H
#define FOLIOSCALE_LISTS_H

#include <linux/cpumask.h>
#include <linux/types.h>

#define FSC_ORDER_MAX		9
#define FSC_WEIGHT_MAX		100

/**
 * struct fsc_orders - which orders folios have
 * @nr: cells of @table in use: the weights' sum, 1 for a single order
 * @min: the smallest
 * @max: the largest
 * @table: an order for each unit of weight
 */
struct fsc_orders {
	unsigned int nr;
	unsigned int min;
	unsigned int max;
	u8 table[(FSC_ORDER_MAX + 1) * FSC_WEIGHT_MAX];
};

/* What the frames of the arena are; mix= takes a weight for each, in this order. */
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
 * fsc_order_of - the order of the folio that goes under a key
 * @orders: the run's
 * @key: the key
 *
 * Context: Any.
 * Return: The order; it depends on the key alone, so it is every protocol's.
 */
static __always_inline unsigned int fsc_order_of(const struct fsc_orders *orders, u32 key)
{
	if (orders->nr == 1)
		return orders->min;
	/* Fibonacci hashing: neighbours differ, and its high half is even. */
	return orders->table[((u64)(key * 2654435769U) * orders->nr) >> 32];
}

#endif /* FOLIOSCALE_LISTS_H */
