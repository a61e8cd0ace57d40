/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Streams of keys. A stream depends on the seed and on the thread's role and
 * number, never on the protocol: every arm draws the same keys.
 */
#ifndef FOLIOSCALE_STREAM_H
#define FOLIOSCALE_STREAM_H

#include <linux/types.h>

/* Weighted keys by Walker's alias method (Vose 1991). */
struct fsc_zipf_cell {
	u32 threshold;
	u32 key;
	u32 alias;
};

struct fsc_stream {
	u64 state;
};

/* Marsaglia's xorshift64, period 2^64 - 1. */
static __always_inline u64 fsc_stream_next(struct fsc_stream *stream)
{
	u64 x = stream->state;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	stream->state = x;
	return x;
}

/**
 * fsc_stream_uniform - draw a key with uniform probability
 * @stream: private to the caller
 * @nr_keys: number of keys
 *
 * Context: Any.
 * Return: A key below @nr_keys.
 */
static __always_inline u32 fsc_stream_uniform(struct fsc_stream *stream, u32 nr_keys)
{
	return ((fsc_stream_next(stream) >> 32) * nr_keys) >> 32;
}

/**
 * fsc_stream_zipf - draw a key by Zipf's law with exponent 1
 * @stream: private to the caller
 * @cells: from fsc_zipf_create()
 * @nr_keys: number of cells
 *
 * Context: Any.
 * Return: A key below @nr_keys.
 */
static __always_inline u32 fsc_stream_zipf(struct fsc_stream *stream,
					   const struct fsc_zipf_cell *cells, u32 nr_keys)
{
	u64 x = fsc_stream_next(stream);
	const struct fsc_zipf_cell *cell = &cells[((x >> 32) * nr_keys) >> 32];

	return (u32)x <= cell->threshold ? cell->key : cell->alias;
}

void fsc_stream_seed(struct fsc_stream *stream, u64 seed, unsigned int role, unsigned int nr);
struct fsc_zipf_cell *fsc_zipf_create(u32 nr_keys);

#endif /* FOLIOSCALE_STREAM_H */
