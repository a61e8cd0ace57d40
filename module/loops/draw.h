/* SPDX-License-Identifier: GPL-2.0 */
/* Which key comes next, and where its slot is. */
#ifndef FSC_LOOPS_DRAW_H
#define FSC_LOOPS_DRAW_H

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

static __always_inline struct fsc_slot fsc_slot_of(const struct fsc_thread *t, u32 key,
						   bool general)
{
	/* One mapping: the key is the index. */
	if (!general)
		return (struct fsc_slot) { .mapping = t->mappings, .index = key, .key = key };
	return (struct fsc_slot) {
		.mapping = &t->mappings[key & t->mapping_mask],
		.index = key >> t->mapping_shift,
		.key = key,
	};
}

#endif /* FSC_LOOPS_DRAW_H */
