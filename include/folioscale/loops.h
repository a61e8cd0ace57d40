/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Templates of the loops. A path provides always-inline functions:
 *
 *   PATH_section(t, draw, proto, n, general)	n lookups in one section
 *   PATH_remove(t, proto, key)			take key's folio out of its slot
 *						by config.removal; NULL if none
 *   PATH_refreeze(t, proto, key)		freeze and unfreeze it in its slot
 *   PATH_publish(t, proto, folio, key)		put it into the empty slot of key
 *   PATH_turned(t, n)				n folios have been turned over
 *   PATH_refuses(proto)			why the path does not support the
 *						protocol; NULL if it does
 *
 * From these FSC_DEFINE_LOOPS() makes one struct fsc_loops per protocol. The
 * protocol's members are constants there, so there are no indirect calls, and
 * no code for combinations that are refused.
 */
#ifndef FOLIOSCALE_LOOPS_H
#define FOLIOSCALE_LOOPS_H

#include <linux/math64.h>
#include <linux/mmzone.h>

#include <folioscale/clock.h>
#include <folioscale/folio.h>
#include <folioscale/layout.h>
#include <folioscale/parse.h>
#include <folioscale/protocol.h>
#include <folioscale/run.h>
#include <folioscale/stamp.h>
#include <folioscale/trace.h>

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

/* Cold path: delay inside the section, for gap_ns or once for a stall. */
static noinline void fsc_delay(struct fsc_thread *t)
{
	unsigned int ns = t->gap_ns;

	/* A stall is for one try, not for every try. */
	t->gap_ns = t->run->config.gap_ns;
	t->stalling = false;
	fsc_spin(ns);
}

/* The gap between load and tryget. With hazard pointers a stall comes later, once protected. */
static __always_inline void fsc_gap(struct fsc_thread *t, const struct fsc_protocol *proto,
				    bool general)
{
	if (general && t->gap_ns && !(proto->reader.protects && t->stalling))
		fsc_delay(t);
}

/* The stall of a reader that has published its hazard pointer. */
static __always_inline void fsc_stall_protected(struct fsc_thread *t, bool general)
{
	if (general && t->stalling)
		fsc_delay(t);
}

/* Check the stamp in the folio's memory; @stamp may be a copy. */
static __always_inline void fsc_check_stamp(struct fsc_thread *t, const struct fsc_stamp *stamp,
					    u64 key, u64 generation, bool general)
{
	unsigned int at;
	u64 found = READ_ONCE(stamp->key);

	if (unlikely(found != key))
		fsc_violation_record(t, FSC_BAD_STAMP, key, generation, key, found);
	found = READ_ONCE(stamp->generation);
	if (unlikely(found != generation))
		fsc_violation_record(t, FSC_BAD_GENERATION, key, generation, generation, found);
	for (at = FSC_LINE_BYTES; general && at + sizeof(u64) <= t->run->config.touch_bytes;
	     at += FSC_LINE_BYTES) {
		found = READ_ONCE(*(const u64 *)((const void *)stamp + at));
		if (unlikely(found != generation))
			fsc_violation_record(t, FSC_BAD_LINE, key, generation, generation, found);
	}
}

/*
 * Use a folio, and check that it is the right one: this is the oracle. It is
 * the same for every protocol. The caller holds @folio for @slot, by a
 * reference or by its RCU section.
 */
static __always_inline void fsc_use(struct fsc_thread *t, const struct fsc_protocol *proto,
				    const void *folio, struct fsc_slot slot, bool general)
{
	/* First: overlay has an acquire here that orders the reads below. */
	bool matches = fsc_folio_matches(proto, folio, slot.mapping, slot.index, slot.key);
	u64 word = fsc_folio_generation(proto, folio);
	u64 generation = word & ~FSC_GENERATION_GONE;
	unsigned long pfn = fsc_folio_pfn(proto, folio);

	if (unlikely(!matches))
		fsc_violation_record(t, FSC_BAD_IDENTITY, slot.key, generation, slot.key,
				     fsc_folio_key(proto, t->run, folio));
	if (proto->bug.name && unlikely(!pfn_valid(pfn))) {
		fsc_violation_record(t, FSC_BAD_PFN, slot.key, generation, 0, pfn);
		return;
	}
	fsc_check_stamp(t, fsc_stamp_of(pfn), slot.key, generation, general);
	/* The folio left its slot while we held it: legal, but counted. */
	if (unlikely(word & FSC_GENERATION_GONE))
		fsc_count(&t->counters, FSC_STALE_HELD);
}

static __always_inline void fsc_put(struct fsc_thread *t, const struct fsc_protocol *proto,
				    void *folio)
{
	if (proto->refs.put_testzero(t, folio, 1))
		proto->freeing.free(t, folio, false);
}

/* The last put was a reader's. */
static __always_inline void fsc_reader_free(struct fsc_thread *t, const struct fsc_protocol *proto,
					    void *folio)
{
	fsc_count(&t->counters, FSC_LAST_PUTS_BY_READER);
	proto->freeing.free(t, folio, false);
}

static __always_inline void fsc_reader_put(struct fsc_thread *t, const struct fsc_protocol *proto,
					   void *folio)
{
	if (unlikely(proto->refs.put_testzero(t, folio, 1)))
		fsc_reader_free(t, proto, folio);
}

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

/* Time a section; each of its lookups is recorded with an equal share. */
static __always_inline
struct fsc_tally fsc_timed_section(struct fsc_thread *t, struct fsc_draw *draw,
				   const struct fsc_protocol *proto, fsc_section_fn section,
				   unsigned int n, bool general)
{
	u64 from = fsc_clock();
	struct fsc_tally tally = section(t, draw, proto, n, general);

	if (tally.lookups)
		fsc_hist_record(&t->latency[FSC_LAT_LOOKUP],
				div64_u64(fsc_clock_since(from), tally.lookups));
	t->until_timed = t->timed_period;
	return tally;
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
			fsc_tally_add(&tally,
				      fsc_timed_section(t, &draw, proto, section, 1, false));
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
		fsc_tally_add(&tally, t->timed_period && !t->until_timed ?
			      fsc_timed_section(t, &draw, proto, section, per_section, true) :
			      section(t, &draw, proto, per_section, true));
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

static inline u64 fsc_next_generation(struct fsc_thread *t)
{
	u64 generation = t->next_generation;

	/* Bit 0 is FSC_GENERATION_GONE. */
	t->next_generation += 2;
	return generation;
}

typedef int (*fsc_publish_fn)(struct fsc_thread *t, const struct fsc_protocol *proto, void *folio,
			      u32 key);
typedef void *(*fsc_remove_fn)(struct fsc_thread *t, const struct fsc_protocol *proto, u32 key);
typedef bool (*fsc_refreeze_fn)(struct fsc_thread *t, const struct fsc_protocol *proto, u32 key);

/* Last writes of an allocation: the count, by refs.enable, then the memdesc words. */
static __always_inline void fsc_enable(struct fsc_thread *t, const struct fsc_protocol *proto,
				       void *folio, int count)
{
	unsigned int nr = proto->own_descriptor ? 1U << fsc_folio_order(proto, folio) : 1;

	if (proto->refs.enable)
		proto->refs.enable(folio, count);
	fsc_memdesc_publish(&t->run->map, fsc_folio_pfn(proto, folio),
			    fsc_memdesc_word(folio, FSC_MEMDESC_FILE), nr);
}

/* Allocate a folio for @key and publish it with one reference. @delay_ns: publish_ns or 0. */
static __always_inline int fsc_allocate(struct fsc_thread *t, const struct fsc_protocol *proto,
					fsc_publish_fn publish, u32 key, unsigned int delay_ns,
					bool timed)
{
	u64 generation = fsc_next_generation(t);
	const bool clocked = timed || tracepoint_enabled(fsc_folio_alloc);
	u64 from = clocked ? fsc_clock() : 0;
	void *folio = proto->freeing.alloc(t, fsc_order_of(&t->run->orders, key));

	if (!folio) {
		fsc_count(&t->counters, FSC_ALLOC_FAILED);
		return -ENOMEM;
	}
	fsc_count(&t->counters, FSC_ALLOCS);
	if (!proto->bug.publish_early)
		proto->freeing.identify(t, folio, key, generation, timed);
	/* One for the slot. If published early, a second one guards the late writes. */
	fsc_enable(t, proto, folio, proto->bug.publish_early ? 2 : 1);
	if (timed && !proto->bug.publish_early)
		fsc_hist_record(&t->latency[FSC_LAT_ALLOCATE], fsc_clock_since(from));
	/* The tracepoint may have been enabled meanwhile: without a start time, skip it. */
	if (clocked && tracepoint_enabled(fsc_folio_alloc))
		fsc_trace_alloc(key, generation, fsc_folio_pfn(proto, folio),
				fsc_folio_order(proto, folio), fsc_clock_since(from));
	if (unlikely(delay_ns) && !proto->bug.publish_early)
		fsc_spin_resched(delay_ns);
	while (publish(t, proto, folio, key)) {
		fsc_count(&t->counters, FSC_PUBLISH_FAILED);
		if (fsc_must_give_up(t)) {
			if (proto->bug.publish_early)
				fsc_put(t, proto, folio);
			fsc_put(t, proto, folio);
			return -ENOMEM;
		}
		cond_resched();
	}
	if (proto->bug.publish_early) {
		if (unlikely(delay_ns))
			fsc_spin_resched(delay_ns);
		proto->freeing.identify(t, folio, key, generation, timed);
		fsc_put(t, proto, folio);
	}
	return 0;
}

/* Put the key just vacated at the end of the ring, and take out the oldest. */
static inline u32 fsc_ring_exchange(struct fsc_thread *t, u32 vacated)
{
	u32 oldest = t->ring[t->ring_at];

	t->ring[t->ring_at] = vacated;
	if (++t->ring_at == t->run->config.reuse_distance)
		t->ring_at = 0;
	return oldest;
}

/* Take a folio out of its slot and free it. Return: false if it was not there. */
static __always_inline bool fsc_evict(struct fsc_thread *t, const struct fsc_protocol *proto,
				      fsc_remove_fn remove, u32 key, bool timed)
{
	void *folio = remove(t, proto, key);
	u64 removed;

	if (!folio)
		return false;
	removed = timed ? fsc_clock() : 0;
	if (t->run->config.removal == FSC_RECLAIM || proto->refs.put_testzero(t, folio, 1))
		proto->freeing.free(t, folio, timed);
	if (timed)
		fsc_hist_record(&t->latency[FSC_LAT_FREE], fsc_clock_since(removed));
	t->unchecked_bytes += t->run->page_bytes + sizeof(struct fsc_folio);
	return true;
}

/* Allocate a folio for the oldest vacated key. Return: false if the run ends first. */
static __always_inline bool fsc_refill(struct fsc_thread *t, const struct fsc_protocol *proto,
				       fsc_publish_fn publish, u32 vacated, bool timed)
{
	u32 key = fsc_ring_exchange(t, vacated);

	while (fsc_allocate(t, proto, publish, key, t->run->config.publish_ns, timed)) {
		/* The run ended first: the slot stays vacant, and its key is in no ring. */
		if (fsc_must_give_up(t))
			return false;
		fsc_limbo_check(t);
		cond_resched();
	}
	return true;
}

/* Return: number of turnovers. */
static __always_inline unsigned int fsc_turnover(struct fsc_thread *t, struct fsc_draw *draw,
						 const struct fsc_protocol *proto,
						 fsc_remove_fn remove, fsc_publish_fn publish,
						 bool timed)
{
	u32 key = fsc_draw_key(draw, true);
	u64 from = timed ? fsc_clock() : 0;

	if (!fsc_evict(t, proto, remove, key, timed) ||
	    !fsc_refill(t, proto, publish, key, timed))
		return 0;
	if (timed)
		fsc_hist_record(&t->latency[FSC_LAT_TURNOVER], fsc_clock_since(from));
	return 1;
}

/*
 * Free config.burst folios, one after the other, and only then allocate as
 * many. A turnover lasts from the start of the burst until the key has a folio
 * again. With churn=reclaim, first wait until the freed memory can be
 * allocated, and record that time as well.
 */
static __always_inline unsigned int fsc_burst(struct fsc_thread *t, struct fsc_draw *draw,
					      const struct fsc_protocol *proto,
					      fsc_remove_fn remove, fsc_publish_fn publish,
					      bool timed)
{
	unsigned int vacated = 0, filled, attempts = 2 * t->run->config.burst;
	const bool reclaim = t->run->config.churn == FSC_CHURN_RECLAIM;
	u64 from = timed || reclaim ? fsc_clock() : 0;

	while (vacated < t->run->config.burst && attempts-- && !fsc_must_give_up(t)) {
		u32 key = fsc_draw_key(draw, true);

		if (fsc_evict(t, proto, remove, key, timed))
			t->burst[vacated++] = key;
		if (t->unchecked_bytes >= t->run->limbo.check_bytes)
			fsc_limbo_check(t);
		cond_resched();
	}
	if (reclaim) {
		fsc_limbo_wait_pages(t);
		/* Record complete bursts only. */
		if (vacated == t->run->config.burst && !fsc_must_give_up(t))
			fsc_hist_record(&t->latency[FSC_LAT_RECLAIM], fsc_clock_since(from));
	}
	/* What is not refilled when the run ends stays vacant, and its key is in no ring. */
	for (filled = 0; filled < vacated && !fsc_must_give_up(t); filled++) {
		if (!fsc_refill(t, proto, publish, t->burst[filled], timed))
			break;
		if (timed)
			fsc_hist_record(&t->latency[FSC_LAT_TURNOVER], fsc_clock_since(from));
		cond_resched();
	}
	return filled;
}

/* Freeze and unfreeze a folio. Return: 1 if it was there and not held, else 0. */
static __always_inline unsigned int fsc_refreeze(struct fsc_thread *t, struct fsc_draw *draw,
						 const struct fsc_protocol *proto,
						 fsc_refreeze_fn refreeze, bool timed)
{
	u32 key = fsc_draw_key(draw, true);
	u64 from = timed ? fsc_clock() : 0;

	if (!refreeze(t, proto, key))
		return 0;
	if (timed)
		fsc_hist_record(&t->latency[FSC_LAT_TURNOVER], fsc_clock_since(from));
	return 1;
}

static __always_inline unsigned int fsc_turn_batch(struct fsc_thread *t, unsigned int n,
						   u64 deadline, const struct fsc_protocol *proto,
						   fsc_remove_fn remove, fsc_refreeze_fn refreeze,
						   fsc_publish_fn publish)
{
	const struct fsc_config *config = &t->run->config;
	struct fsc_draw draw = { t->stream, t->zipf, t->nr_keys };
	const bool slow = config->publish_ns || config->free_rate || config->burst > 1;
	/* An attempt fails if the folio is held or the slot vacant. */
	unsigned int attempts = 2 * n + FSC_STEPS_PER_CLOCK;
	unsigned int done = 0;

	while (done < n && attempts--) {
		bool timed = t->timed_period && !t->until_timed;
		unsigned int turned;

		if (config->churn == FSC_CHURN_REFREEZE)
			turned = fsc_refreeze(t, &draw, proto, refreeze, timed);
		else if (config->burst > 1 || config->churn == FSC_CHURN_RECLAIM)
			turned = fsc_burst(t, &draw, proto, remove, publish, timed);
		else
			turned = fsc_turnover(t, &draw, proto, remove, publish, timed);
		if (turned) {
			done += turned;
			fsc_count_add(&t->counters, FSC_TURNOVERS, turned);
			if (t->timed_period)
				t->until_timed = (t->until_timed ?: t->timed_period) - 1;
			if (t->turnovers_left) {
				t->turnovers_left -= min(t->turnovers_left, turned);
				if (!t->turnovers_left)
					break;
			}
		}
		if (t->unchecked_bytes >= t->run->limbo.check_bytes)
			fsc_limbo_check(t);
		if ((slow || attempts % FSC_STEPS_PER_CLOCK == 0) && fsc_clock() >= deadline)
			break;
	}
	t->stream = draw.stream;
	return done;
}

#define FSC_DEFINE_LOOPS(path, proto)							\
static void path##_##proto##_read(struct fsc_thread *t, unsigned int n)			\
{											\
	if (!path##_refuses(&fsc_##proto))						\
		fsc_read_batch(t, n, &fsc_##proto, path##_section);			\
}											\
static void path##_##proto##_read_general(struct fsc_thread *t, unsigned int n,		\
					  u64 deadline)					\
{											\
	if (!path##_refuses(&fsc_##proto))						\
		fsc_read_batch_general(t, n, deadline, &fsc_##proto, path##_section);	\
}											\
static void path##_##proto##_stall(struct fsc_thread *t)				\
{											\
	if (!path##_refuses(&fsc_##proto))						\
		fsc_read_stalled(t, &fsc_##proto, path##_section);			\
}											\
static unsigned int path##_##proto##_turn(struct fsc_thread *t, unsigned int n,		\
					  u64 deadline)					\
{											\
	unsigned int done = 0;								\
											\
	if (!path##_refuses(&fsc_##proto))						\
		done = fsc_turn_batch(t, n, deadline, &fsc_##proto, path##_remove,	\
				      path##_refreeze, path##_publish);			\
	path##_turned(t, done);								\
	return done;									\
}											\
static int path##_##proto##_add(struct fsc_thread *t, u32 key)				\
{											\
	if (path##_refuses(&fsc_##proto))						\
		return -EINVAL;								\
	return fsc_allocate(t, &fsc_##proto, path##_publish, key, 0, false);		\
}											\
static void path##_##proto##_drop(struct fsc_thread *t, u32 key)			\
{											\
	if (!path##_refuses(&fsc_##proto))						\
		fsc_evict(t, &fsc_##proto, path##_remove, key, false);			\
}

#define FSC_LOOPS_ENTRY(path, proto)			\
	{						\
		.protocol	= &fsc_##proto,		\
		.read		= path##_##proto##_read,\
		.read_general	= path##_##proto##_read_general,	\
		.stall		= path##_##proto##_stall,	\
		.turn		= path##_##proto##_turn,\
		.add		= path##_##proto##_add,	\
		.drop		= path##_##proto##_drop,\
	},

#endif /* FOLIOSCALE_LOOPS_H */
