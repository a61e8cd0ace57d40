/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The loops, as templates. A path gives three always-inline functions:
 *
 *   PATH_section(t, draw, proto, n, general)	look up n keys in one section,
 *						returns the misses
 *   PATH_remove(t, proto, key)			take key's folio out of its slot
 *						by config.removal; NULL if none
 *   PATH_publish(t, folio, key)		put it into the empty slot of key
 *
 * and FSC_DEFINE_LOOPS() makes of each protocol one struct fsc_loops. The
 * protocol's members are constants there: no indirect call is left.
 */
#ifndef FOLIOSCALE_LOOPS_H
#define FOLIOSCALE_LOOPS_H

#include <linux/mmzone.h>

#include <folioscale/clock.h>
#include <folioscale/folio.h>
#include <folioscale/protocol.h>
#include <folioscale/run.h>
#include <folioscale/stamp.h>

/* What a thread draws keys from, in registers while the loop runs. */
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

/* A key, and where it is: worked out once a lookup. */
struct fsc_slot {
	struct fsc_mapping *mapping;
	u64 index;
	u64 key;
};

static __always_inline struct fsc_slot fsc_slot_of(const struct fsc_thread *t, u32 key)
{
	return (struct fsc_slot) {
		.mapping = &t->mappings[key & t->mapping_mask],
		.index = key >> t->mapping_shift,
		.key = key,
	};
}

/*
 * The use: the same for every protocol, and its oracle. The caller has @folio
 * in hand for @slot, by a reference or by its RCU section.
 */
static __always_inline void fsc_use(struct fsc_thread *t, const struct fsc_protocol *proto,
				    const void *folio, struct fsc_slot slot, bool general)
{
	/* First: overlay orders the rest after it. */
	bool matches = proto->matches(folio, slot.mapping, slot.index, slot.key);
	u64 word = proto->generation(folio);
	u64 generation = word & ~FSC_GENERATION_GONE;
	unsigned long pfn = proto->pfn(folio);
	const struct fsc_stamp *stamp;
	unsigned int at;
	u64 found;

	if (unlikely(!matches))
		fsc_violation_record(t, FSC_BAD_IDENTITY, slot.key, generation, slot.key,
				     proto->key(t->run, folio));
	if (proto->busted && unlikely(!pfn_valid(pfn))) {
		fsc_violation_record(t, FSC_BAD_PFN, slot.key, generation, 0, pfn);
		return;
	}
	stamp = fsc_stamp_of(pfn);
	found = READ_ONCE(stamp->key);
	if (unlikely(found != slot.key))
		fsc_violation_record(t, FSC_BAD_STAMP, slot.key, generation, slot.key, found);
	found = READ_ONCE(stamp->generation);
	if (unlikely(found != generation))
		fsc_violation_record(t, FSC_BAD_GENERATION, slot.key, generation, generation,
				     found);
	for (at = FSC_LINE_BYTES; general && at + sizeof(u64) <= t->run->config.touch_bytes;
	     at += FSC_LINE_BYTES) {
		found = READ_ONCE(*(const u64 *)((const void *)stamp + at));
		if (unlikely(found != generation))
			fsc_violation_record(t, FSC_BAD_LINE, slot.key, generation, generation,
					     found);
	}
	/* The folio left its slot while we had it: legal, and worth knowing. */
	if (unlikely(word & FSC_GENERATION_GONE))
		fsc_count(&t->counters, FSC_STALE_HELD);
}

static __always_inline void fsc_put(struct fsc_thread *t, const struct fsc_protocol *proto,
				    void *folio)
{
	if (proto->put_testzero(folio))
		proto->free(t, folio, false);
}

static __always_inline void fsc_reader_put(struct fsc_thread *t, const struct fsc_protocol *proto,
					   void *folio)
{
	if (unlikely(proto->put_testzero(folio))) {
		fsc_count(&t->counters, FSC_LAST_PUTS_BY_READER);
		proto->free(t, folio, false);
	}
}

typedef unsigned int (*fsc_section_fn)(struct fsc_thread *t, struct fsc_draw *draw,
				       const struct fsc_protocol *proto, unsigned int n,
				       bool general);

static __always_inline void fsc_count_lookups(struct fsc_thread *t, u64 lookups, u64 misses)
{
	fsc_count_add(&t->counters, FSC_LOOKUPS, lookups);
	fsc_count_add(&t->counters, FSC_HITS, lookups - misses);
	fsc_count_add(&t->counters, FSC_MISSES, misses);
}

/* A section that is timed: its lookups get an equal share. */
static __always_inline
unsigned int fsc_timed_section(struct fsc_thread *t, struct fsc_draw *draw,
			       const struct fsc_protocol *proto, fsc_section_fn section,
			       unsigned int n, bool general)
{
	u64 from = fsc_clock();
	unsigned int misses = section(t, draw, proto, n, general);

	fsc_hist_record(&t->latency[FSC_LAT_LOOKUP], fsc_clock_since(from) / n);
	t->until_timed = t->timed_period;
	return misses;
}

/*
 * A batch of sections of one lookup: the timed one is peeled off, so that the
 * inner loop has neither a clock nor a test for one.
 */
static __always_inline void fsc_read_batch(struct fsc_thread *t, unsigned int n,
					   const struct fsc_protocol *proto,
					   fsc_section_fn section)
{
	struct fsc_draw draw = { t->stream, t->zipf, t->nr_keys };
	unsigned int left = n, misses = 0;

	while (left) {
		unsigned int chunk = left, i;

		if (t->timed_period && !t->until_timed) {
			misses += fsc_timed_section(t, &draw, proto, section, 1, false);
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
			misses += section(t, &draw, proto, 1, false);
	}
	t->stream = draw.stream;
	fsc_count_lookups(t, n, misses);
}

/* A batch of sections as the parameters want them. */
static __always_inline void fsc_read_batch_general(struct fsc_thread *t, unsigned int n,
						   u64 deadline, const struct fsc_protocol *proto,
						   fsc_section_fn section)
{
	struct fsc_draw draw = { t->stream, t->zipf, t->nr_keys };
	const unsigned int per_section = t->run->config.lookups_per_section;
	const bool delays = t->run->config.gap_ns || t->run->config.hold_ns;
	unsigned int done = 0, misses = 0;

	do {
		if (t->timed_period && !t->until_timed)
			misses += fsc_timed_section(t, &draw, proto, section, per_section, true);
		else
			misses += section(t, &draw, proto, per_section, true);
		if (t->timed_period)
			t->until_timed--;
	} while (++done < n && !(delays && fsc_clock() >= deadline));
	t->stream = draw.stream;
	fsc_count_lookups(t, (u64)done * per_section, misses);
}

static inline u64 fsc_next_generation(struct fsc_thread *t)
{
	u64 generation = t->next_generation;

	/* Bit 0 is FSC_GENERATION_GONE. */
	t->next_generation += 2;
	return generation;
}

typedef int (*fsc_publish_fn)(struct fsc_thread *t, void *folio, u32 key);
typedef void *(*fsc_remove_fn)(struct fsc_thread *t, const struct fsc_protocol *proto, u32 key);

/* A freer tries again for as long as the run lasts; set-up fails at once. */
static inline bool fsc_must_give_up(const struct fsc_thread *t)
{
	return t->role == FSC_KEEPER || READ_ONCE(t->run->stopping) ||
	       fsc_phase_read(t->run) > FSC_MEASURE;
}

/* A folio for @key with one reference, in its slot. The delay is config.publish_ns' place. */
static __always_inline int fsc_allocate(struct fsc_thread *t, const struct fsc_protocol *proto,
					fsc_publish_fn publish, u32 key, unsigned int delay_ns,
					bool timed)
{
	u64 generation = fsc_next_generation(t);
	u64 from = timed ? fsc_clock() : 0;
	void *folio = proto->alloc(t);

	if (!folio) {
		fsc_count(&t->counters, FSC_ALLOC_FAILED);
		return -ENOMEM;
	}
	fsc_count(&t->counters, FSC_ALLOCS);
	if (proto->publish_early) {
		/* One for the slot, one to write late under. */
		proto->enable(t, folio, 2);
	} else {
		proto->identify(t, folio, key, generation, timed);
		proto->enable(t, folio, 1);
		if (timed)
			fsc_hist_record(&t->latency[FSC_LAT_ALLOCATE], fsc_clock_since(from));
		if (unlikely(delay_ns))
			fsc_spin_resched(delay_ns);
	}
	while (publish(t, folio, key)) {
		fsc_count(&t->counters, FSC_PUBLISH_FAILED);
		if (fsc_must_give_up(t)) {
			if (proto->publish_early)
				fsc_put(t, proto, folio);
			fsc_put(t, proto, folio);
			return -ENOMEM;
		}
		cond_resched();
	}
	if (proto->publish_early) {
		if (unlikely(delay_ns))
			fsc_spin_resched(delay_ns);
		proto->identify(t, folio, key, generation, timed);
		fsc_put(t, proto, folio);
	}
	return 0;
}

/* The key just vacated goes to the end of the ring, the oldest comes out. */
static inline u32 fsc_ring_exchange(struct fsc_thread *t, u32 vacated)
{
	u32 oldest = t->ring[t->ring_at];

	t->ring[t->ring_at] = vacated;
	if (++t->ring_at == t->run->config.reuse_distance)
		t->ring_at = 0;
	return oldest;
}

static __always_inline bool fsc_turnover(struct fsc_thread *t, struct fsc_draw *draw,
					 const struct fsc_protocol *proto, fsc_remove_fn remove,
					 fsc_publish_fn publish, bool timed)
{
	const struct fsc_config *config = &t->run->config;
	u32 key = fsc_draw_key(draw, true);
	u64 from = timed ? fsc_clock() : 0;
	void *folio = remove(t, proto, key);
	u64 removed;

	if (!folio)
		return false;
	removed = timed ? fsc_clock() : 0;
	if (config->removal == FSC_RECLAIM || proto->put_testzero(folio))
		proto->free(t, folio, timed);
	if (timed)
		fsc_hist_record(&t->latency[FSC_LAT_FREE], fsc_clock_since(removed));
	t->unchecked_bytes += t->run->page_bytes + sizeof(struct fsc_folio);

	key = fsc_ring_exchange(t, key);
	while (fsc_allocate(t, proto, publish, key, config->publish_ns, timed)) {
		/* The slot stays vacant when the run ends first; its key stays in no ring. */
		if (fsc_must_give_up(t))
			return false;
		fsc_limbo_check(t);
		cond_resched();
	}
	if (timed)
		fsc_hist_record(&t->latency[FSC_LAT_TURNOVER], fsc_clock_since(from));
	return true;
}

/* Without delays a batch's length is steered by its count, and the clock read now and then. */
#define FSC_TURNS_PER_CLOCK	16

static __always_inline unsigned int fsc_turn_batch(struct fsc_thread *t, unsigned int n,
						   u64 deadline, const struct fsc_protocol *proto,
						   fsc_remove_fn remove, fsc_publish_fn publish)
{
	struct fsc_draw draw = { t->stream, t->zipf, t->nr_keys };
	const bool slow = t->run->config.publish_ns || t->run->config.free_rate;
	/* An attempt may fail: the folio is held, the slot vacant. */
	unsigned int attempts = 2 * n + FSC_TURNS_PER_CLOCK;
	unsigned int done = 0;

	while (done < n && attempts--) {
		bool timed = t->timed_period && !t->until_timed;

		if (fsc_turnover(t, &draw, proto, remove, publish, timed)) {
			done++;
			fsc_count(&t->counters, FSC_TURNOVERS);
			if (t->timed_period)
				t->until_timed = (t->until_timed ?: t->timed_period) - 1;
			if (t->turnovers_left && !--t->turnovers_left)
				break;
		}
		if (t->unchecked_bytes >= t->run->limbo.check_bytes)
			fsc_limbo_check(t);
		if ((slow || attempts % FSC_TURNS_PER_CLOCK == 0) && fsc_clock() >= deadline)
			break;
	}
	t->stream = draw.stream;
	return done;
}

#define FSC_DEFINE_LOOPS(path, proto)							\
static void path##_##proto##_read(struct fsc_thread *t, unsigned int n)			\
{											\
	fsc_read_batch(t, n, &fsc_##proto, path##_section);				\
}											\
static void path##_##proto##_read_general(struct fsc_thread *t, unsigned int n,		\
					  u64 deadline)					\
{											\
	fsc_read_batch_general(t, n, deadline, &fsc_##proto, path##_section);		\
}											\
static unsigned int path##_##proto##_turn(struct fsc_thread *t, unsigned int n,		\
					  u64 deadline)					\
{											\
	return fsc_turn_batch(t, n, deadline, &fsc_##proto, path##_remove,		\
			      path##_publish);						\
}											\
static int path##_##proto##_add(struct fsc_thread *t, u32 key)				\
{											\
	return fsc_allocate(t, &fsc_##proto, path##_publish, key, 0, false);		\
}											\
static void path##_##proto##_drop(struct fsc_thread *t, u32 key)			\
{											\
	void *folio = path##_remove(t, &fsc_##proto, key);				\
											\
	if (folio && (t->run->config.removal == FSC_RECLAIM ||				\
		      fsc_##proto.put_testzero(folio)))					\
		fsc_##proto.free(t, folio, false);					\
}

#define FSC_LOOPS_ENTRY(path, proto)			\
	{						\
		.protocol	= &fsc_##proto,		\
		.read		= path##_##proto##_read,\
		.read_general	= path##_##proto##_read_general,	\
		.turn		= path##_##proto##_turn,\
		.add		= path##_##proto##_add,	\
		.drop		= path##_##proto##_drop,\
	}

#endif /* FOLIOSCALE_LOOPS_H */
