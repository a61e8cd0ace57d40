/* SPDX-License-Identifier: GPL-2.0 */
/* A reader's loop: batches of sections of lookups. */
#ifndef FSC_LOOPS_READ_H
#define FSC_LOOPS_READ_H

#include <linux/math64.h>

#include <folioscale/clock.h>
#include <folioscale/hist.h>
#include <folioscale/protocol.h>
#include <folioscale/run.h>

#include "draw.h"

/* Result of a batch, in registers. A walker does more than one lookup in a section. */
struct fsc_tally {
	u64 lookups;
	u64 misses;
};

typedef struct fsc_tally (*fsc_section_fn)(struct fsc_thread *t, struct fsc_draw *draw,
					   const struct fsc_protocol *proto, unsigned int n,
					   bool general);

static __always_inline void fsc_tally_add(struct fsc_tally *tally, struct fsc_tally more)
{
	tally->lookups += more.lookups;
	tally->misses += more.misses;
}

static __always_inline void fsc_count_tally(struct fsc_thread *t, struct fsc_tally tally)
{
	fsc_count_add(&t->counters, FSC_LOOKUPS, tally.lookups);
	fsc_count_add(&t->counters, FSC_HITS, tally.lookups - tally.misses);
	fsc_count_add(&t->counters, FSC_MISSES, tally.misses);
}

/* Record a section that began at @from; each of its lookups with an equal share. */
static __always_inline void fsc_note_timed(struct fsc_thread *t, struct fsc_draw *draw, u64 from,
					   struct fsc_tally tally)
{
	if (tally.lookups)
		fsc_hist_record(&t->latency[FSC_LAT_LOOKUP],
				div64_u64(fsc_clock_since(from), tally.lookups));
	/*
	 * A walker meets the same blocks again and again: with a period it could always time
	 * the same ones. It draws no keys from the stream.
	 */
	t->until_timed = fsc_paths[t->run->config.path]->walks ?
			 1 + fsc_stream_uniform(&draw->stream, 2 * t->timed_period - 1) :
			 t->timed_period;
}

/*
 * A batch of sections with one lookup each. The timed one is peeled off, so
 * that the inner loop neither reads the clock nor tests whether to.
 */
static __always_inline void fsc_read_batch(struct fsc_thread *t, unsigned int n,
					   const struct fsc_protocol *proto,
					   fsc_section_fn section)
{
	struct fsc_draw draw = { t->stream, t->zipf, t->nr_keys };
	struct fsc_tally tally = {};
	unsigned int left = n;

	while (left) {
		unsigned int chunk = left, i;

		if (t->timed_period && !t->until_timed) {
			u64 from = fsc_clock();
			struct fsc_tally timed = section(t, &draw, proto, 1, false);

			fsc_note_timed(t, &draw, from, timed);
			fsc_tally_add(&tally, timed);
			t->until_timed--;
			left--;
			continue;
		}
		if (t->timed_period) {
			chunk = min(chunk, t->until_timed);
			t->until_timed -= chunk;
		}
		left -= chunk;
		for (i = chunk; i; i--)
			fsc_tally_add(&tally, section(t, &draw, proto, 1, false));
	}
	t->stream = draw.stream;
	fsc_count_tally(t, tally);
}

/* Without delays, check the clock only once in this many steps; the count bounds the batch. */
#define FSC_STEPS_PER_CLOCK	16

/* A batch of sections as configured by the parameters. */
static __always_inline void fsc_read_batch_general(struct fsc_thread *t, unsigned int n,
						   u64 deadline, const struct fsc_protocol *proto,
						   fsc_section_fn section)
{
	struct fsc_draw draw = { t->stream, t->zipf, t->nr_keys };
	const unsigned int per_section = t->run->config.lookups_per_section;
	const bool delays = t->run->config.gap_ns || t->run->config.hold_ns;
	struct fsc_tally tally = {};
	unsigned int done = 0;

	do {
		bool timed = t->timed_period && !t->until_timed;
		u64 from = timed ? fsc_clock() : 0;
		struct fsc_tally found = section(t, &draw, proto, per_section, true);

		if (timed)
			fsc_note_timed(t, &draw, from, found);
		fsc_tally_add(&tally, found);
		if (t->timed_period)
			t->until_timed--;
		done++;
		/* n may come from batches of cheap misses: do not run far beyond the deadline. */
	} while (done < n && !((delays || done % FSC_STEPS_PER_CLOCK == 0) &&
			       fsc_clock() >= deadline));
	t->stream = draw.stream;
	fsc_count_tally(t, tally);
}

/* One lookup with a stall; t->gap_ns holds its length. */
static __always_inline void fsc_read_stalled(struct fsc_thread *t, const struct fsc_protocol *proto,
					     fsc_section_fn section)
{
	struct fsc_draw draw = { t->stream, t->zipf, t->nr_keys };
	struct fsc_tally tally = section(t, &draw, proto, 1, true);

	t->stream = draw.stream;
	fsc_count_tally(t, tally);
}

#endif /* FSC_LOOPS_READ_H */
