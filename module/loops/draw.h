/* SPDX-License-Identifier: GPL-2.0 */
/* Which key comes next, and where its slot is. */
#ifndef FSC_LOOPS_DRAW_H
#define FSC_LOOPS_DRAW_H

#include <folioscale/layout.h>
#include <folioscale/parse.h>
#include <folioscale/protocol.h>
#include <folioscale/run.h>
#include <folioscale/stream.h>

/* State for drawing keys, in registers while the loop runs. */
struct fsc_draw {
	struct fsc_stream stream;
	const struct fsc_zipf_cell *zipf;
	u32 nr_keys;
};

static __always_inline u32 fsc_draw_key(struct fsc_draw *draw, bool general)
{
	if (general && draw->zipf)
		return fsc_stream_zipf(&draw->stream, draw->zipf, draw->nr_keys);
	return fsc_stream_uniform(&draw->stream, draw->nr_keys);
}

/* Choose a page of the key's folio by the stream's low bits; keys come from the high ones. */
static __always_inline unsigned int fsc_draw_at(const struct fsc_thread *t,
						const struct fsc_draw *draw, u32 key)
{
	return draw->stream.state & ((1U << fsc_order_of(&t->run->orders, key)) - 1);
}

/* @at: from fsc_draw_at() */
static __always_inline struct fsc_slot fsc_slot_of(const struct fsc_thread *t, u32 key,
						   unsigned int at, bool general)
{
	/* One mapping, folios of one page: the key is the index. */
	if (!general)
		return (struct fsc_slot) { .mapping = t->mappings, .index = key, .key = key };
	return (struct fsc_slot) {
		.mapping = &t->mappings[key & t->mapping_mask],
		.index = fsc_index_of(t, key) + at,
		.key = key,
		.at = at,
	};
}

#endif /* FSC_LOOPS_DRAW_H */
