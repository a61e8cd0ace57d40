// SPDX-License-Identifier: GPL-2.0
/* Seeds of key streams, and the table for skewed keys. */
#include <kunit/visibility.h>
#include <linux/export.h>
#include <linux/gcd.h>
#include <linux/limits.h>
#include <linux/math64.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include <folioscale/stream.h>

/* Steele, Lea and Flood's SplitMix64: neighbouring seeds give unrelated states. */
static u64 splitmix64(u64 x)
{
	x += 0x9e3779b97f4a7c15ULL;
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
	return x ^ (x >> 31);
}

/**
 * fsc_stream_seed - start a stream
 * @stream: to be filled in
 * @seed: the run's
 * @role: readers and freers draw different streams
 * @nr: number of the thread in its role
 *
 * Context: Any.
 */
void fsc_stream_seed(struct fsc_stream *stream, u64 seed, unsigned int role, unsigned int nr)
{
	stream->state = splitmix64(seed ^ splitmix64((u64)role << 32 | nr));
	/* Xorshift never leaves the state zero. */
	if (!stream->state)
		stream->state = 1;
}
EXPORT_SYMBOL_IF_KUNIT(fsc_stream_seed);

/* Unnormalised weight of the key that is the rank-th most popular, in 1/2^32. */
static u64 zipf_weight(u32 rank)
{
	return div_u64(1ULL << 32, rank + 1);
}

/*
 * Spread ranks over the keys by a multiplier that is coprime to their number.
 * Otherwise the popular keys would share the leaves of one tree.
 */
static u32 spread_multiplier(u32 nr_keys)
{
	u32 m = 2654435761U % nr_keys;

	while (gcd(m, nr_keys) != 1)
		m++;
	return m;
}

/**
 * fsc_zipf_create - build the alias table for Zipf's law with exponent 1
 * @nr_keys: number of keys, at least 1
 *
 * Vose's linear construction in integers: shares are scaled so that the mean
 * share is 2^32.
 *
 * Context: Process context, may sleep.
 * Return: @nr_keys cells, freed with kvfree(); NULL when out of memory.
 */
struct fsc_zipf_cell *fsc_zipf_create(u32 nr_keys)
{
	struct fsc_zipf_cell *cells = kvcalloc(nr_keys, sizeof(*cells), GFP_KERNEL);
	u64 *share = kvcalloc(nr_keys, sizeof(*share), GFP_KERNEL);
	u32 *stack = kvcalloc(nr_keys, sizeof(*stack), GFP_KERNEL);
	/* Small cells grow from the stack's bottom, large ones from its top. */
	u32 small = 0, large = nr_keys;
	u32 multiplier = spread_multiplier(nr_keys);
	u64 sum = 0;
	u32 i;

	if (!cells || !share || !stack) {
		kvfree(cells);
		cells = NULL;
		goto out;
	}

	for (i = 0; i < nr_keys; i++) {
		sum += zipf_weight(i);
		cond_resched();
	}
	for (i = 0; i < nr_keys; i++) {
		cells[i].key = (u64)i * multiplier % nr_keys;
		cells[i].alias = cells[i].key;
		cells[i].threshold = U32_MAX;
		share[i] = mul_u64_u64_div_u64(zipf_weight(i) * nr_keys, 1ULL << 32, sum);
		stack[share[i] < 1ULL << 32 ? small++ : --large] = i;
		cond_resched();
	}
	while (small && large < nr_keys) {
		u32 s = stack[--small], l = stack[large++];

		cells[s].threshold = share[s];
		cells[s].alias = cells[l].key;
		share[l] -= (1ULL << 32) - share[s];
		stack[share[l] < 1ULL << 32 ? small++ : --large] = l;
		cond_resched();
	}
out:
	kvfree(stack);
	kvfree(share);
	return cells;
}
EXPORT_SYMBOL_IF_KUNIT(fsc_zipf_create);
