/* SPDX-License-Identifier: GPL-2.0 */
/* A freer's loop: batches of turnovers. */
#ifndef FSC_LOOPS_TURN_H
#define FSC_LOOPS_TURN_H

#include <linux/delay.h>

#include <folioscale/clock.h>
#include <folioscale/layout.h>
#include <folioscale/memdesc.h>
#include <folioscale/parse.h>
#include <folioscale/protocol.h>
#include <folioscale/run.h>
#include <folioscale/trace.h>

#include "draw.h"
#include "oracle.h"
#include "read.h"

/* A part of a split folio that readers hold is tried again after so long. */
#define FSC_PART_NAP_US		20

static inline u64 fsc_next_generation(struct fsc_thread *t)
{
	u64 generation = t->next_generation;

	/* Without a carry into the thread's number */
	t->next_generation = (generation & ~FSC_GENERATION_COUNT_MASK) |
			     ((generation + BIT_ULL(FSC_GENERATION_COUNT_SHIFT)) &
			      FSC_GENERATION_COUNT_MASK);
	return generation;
}

typedef int (*fsc_publish_fn)(struct fsc_thread *t, const struct fsc_protocol *proto, void *folio,
			      u32 key);
typedef void *(*fsc_remove_fn)(struct fsc_thread *t, const struct fsc_protocol *proto, u32 key,
			       unsigned int at);
typedef void *(*fsc_split_fn)(struct fsc_thread *t, const struct fsc_protocol *proto, u32 key,
			      struct fsc_folio **parts);
typedef void *(*fsc_migrate_fn)(struct fsc_thread *t, const struct fsc_protocol *proto, u32 key,
				void *new);
typedef bool (*fsc_refreeze_fn)(struct fsc_thread *t, const struct fsc_protocol *proto, u32 key);

/* Last writes of an allocation: the count, by refs.enable, then the memdesc words. */
static __always_inline void fsc_enable(struct fsc_thread *t, const struct fsc_protocol *proto,
				       void *folio, int count)
{
	if (proto->refs.enable)
		proto->refs.enable(folio, count);
	if (proto->own_descriptor)
		fsc_memdesc_publish(&t->run->map, fsc_folio_pfn(proto, folio),
				    fsc_memdesc_word(folio, FSC_MEMDESC_FILE),
				    1U << fsc_folio_order(proto, folio));
	fsc_blocks_published(&t->run->blocks, fsc_folio_pfn(proto, folio));
}

/*
 * Allocate a folio for @key, with the slot's reference. Return: NULL if there is no memory. If
 * published early, it has no identity yet, and a second reference.
 */
static __always_inline void *fsc_make(struct fsc_thread *t, const struct fsc_protocol *proto,
				      u32 key, u64 generation, bool timed)
{
	const bool clocked = timed || tracepoint_enabled(fsc_folio_alloc);
	u64 from = clocked ? fsc_clock() : 0;
	void *folio = proto->freeing.alloc(t, fsc_order_of(&t->run->orders, key));

	if (!folio) {
		fsc_count(&t->counters, FSC_ALLOC_FAILED);
		return NULL;
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
	return folio;
}

/* Allocate a folio for @key and publish it with one reference. @delay_ns: publish_ns or 0. */
static __always_inline int fsc_allocate(struct fsc_thread *t, const struct fsc_protocol *proto,
					fsc_publish_fn publish, u32 key, unsigned int delay_ns,
					bool timed)
{
	u64 generation = fsc_next_generation(t);
	void *folio = fsc_make(t, proto, key, generation, timed);

	if (!folio)
		return -ENOMEM;
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

/* Free a folio that has left its slot. */
static __always_inline void fsc_free_removed(struct fsc_thread *t,
					     const struct fsc_protocol *proto, void *folio,
					     bool timed)
{
	u64 bytes = sizeof(struct fsc_folio) + (PAGE_SIZE << fsc_folio_order(proto, folio));
	u64 removed = timed ? fsc_clock() : 0;

	if (t->role == FSC_FREER && t->run->config.flush_ns)
		fsc_spin(t->run->config.flush_ns);
	if (t->run->config.removal == FSC_RECLAIM || proto->refs.put_testzero(t, folio, 1))
		proto->freeing.free(t, folio, timed);
	if (timed)
		fsc_hist_record(&t->latency[FSC_LAT_FREE], fsc_clock_since(removed));
	t->unchecked_bytes += bytes;
}

/* Take a folio out of its slot and free it. Return: false if it was not there. */
static __always_inline bool fsc_evict(struct fsc_thread *t, const struct fsc_protocol *proto,
				      fsc_remove_fn remove, u32 key, unsigned int at, bool timed)
{
	void *folio = remove(t, proto, key, at);

	if (folio)
		fsc_free_removed(t, proto, folio, timed);
	return folio;
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
static __always_inline unsigned int fsc_turnover(struct fsc_thread *t,
						 const struct fsc_protocol *proto,
						 fsc_remove_fn remove, fsc_publish_fn publish,
						 u32 key, bool timed)
{
	u64 from = timed ? fsc_clock() : 0;

	if (!fsc_evict(t, proto, remove, key, 0, timed) ||
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

		if (fsc_evict(t, proto, remove, key, 0, timed))
			t->burst[vacated++] = key;
		if (t->held.nr_pages == t->batch_max)
			fsc_batch_give_back(t);
		if (t->unchecked_bytes >= t->run->limbo.check_bytes)
			fsc_limbo_check(t);
		cond_resched();
	}
	if (t->batch_max > 1)
		fsc_batch_give_back(t);
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

/*
 * Put a new folio into a slot, and free the one that was there. Return: 1 if it was there and not
 * held, else 0.
 */
static __always_inline unsigned int fsc_migrate(struct fsc_thread *t, struct fsc_draw *draw,
						const struct fsc_protocol *proto,
						fsc_migrate_fn migrate, bool timed)
{
	u32 key = fsc_draw_key(draw, true);
	u64 from = timed ? fsc_clock() : 0;
	void *new, *old;

	/* It is looked for again under the lock. */
	if (!xa_load(&t->mappings[key & t->mapping_mask].pages, fsc_index_of(t, key))) {
		fsc_count(&t->counters, FSC_VICTIM_MISSING);
		return 0;
	}
	new = fsc_make(t, proto, key, fsc_next_generation(t), timed);
	if (!new) {
		fsc_limbo_check(t);
		return 0;
	}
	if (t->run->config.publish_ns)
		fsc_spin_resched(t->run->config.publish_ns);
	old = migrate(t, proto, key, new);
	if (!old) {
		fsc_put(t, proto, new);
		t->unchecked_bytes += t->run->page_bytes + sizeof(struct fsc_folio);
		return 0;
	}
	fsc_free_removed(t, proto, old, timed);
	if (timed)
		fsc_hist_record(&t->latency[FSC_LAT_TURNOVER], fsc_clock_since(from));
	return 1;
}

/*
 * Free all that a split has made of a folio. A part that a reader holds is tried until it does
 * not, as nobody else removes it meanwhile. Return: false if the run ends first.
 */
static __always_inline bool fsc_evict_parts(struct fsc_thread *t, const struct fsc_protocol *proto,
					    fsc_remove_fn remove, u32 key, unsigned int nr,
					    bool timed)
{
	unsigned int at = 0, tries = 0;

	/* What is left in its slot when the run ends is freed with all others. */
	while (at < nr && !fsc_must_give_up(t)) {
		if (fsc_evict(t, proto, remove, key, at, timed)) {
			at++;
			tries = 0;
		} else if (++tries > FSC_MAX_TRIES) {
			usleep_range_state(FSC_PART_NAP_US, FSC_PART_NAP_US, TASK_IDLE);
		}
		if (t->unchecked_bytes >= t->run->limbo.check_bytes)
			fsc_limbo_check(t);
		cond_resched();
	}
	return at == nr;
}

/*
 * Split a large folio, free the parts one by one, and allocate a folio for the oldest vacated key.
 * One that is not large is only replaced. Return: number of turnovers.
 */
static __always_inline unsigned int fsc_split(struct fsc_thread *t, struct fsc_draw *draw,
					      const struct fsc_protocol *proto,
					      fsc_split_fn split, fsc_remove_fn remove,
					      fsc_publish_fn publish, bool timed)
{
	u32 key = fsc_draw_key(draw, true);
	const unsigned int nr = 1U << fsc_order_of(&t->run->orders, key);
	u64 from = timed ? fsc_clock() : 0, removed;
	unsigned int i;
	void *whole;

	if (nr == 1)
		return fsc_turnover(t, proto, remove, publish, key, timed);
	if (!kmem_cache_alloc_bulk(t->run->cache, FSC_GFP, nr, (void **)t->parts)) {
		fsc_count(&t->counters, FSC_ALLOC_FAILED);
		fsc_limbo_check(t);
		return 0;
	}
	whole = split(t, proto, key, t->parts);
	if (!whole) {
		kmem_cache_free_bulk(t->run->cache, nr, (void **)t->parts);
		return 0;
	}
	fsc_count(&t->counters, FSC_SPLITS);
	fsc_count_add(&t->counters, FSC_ALLOCS, nr);
	if (tracepoint_enabled(fsc_folio_alloc)) {
		for (i = 0; i < nr; i++)
			fsc_trace_alloc(key, t->parts[i]->generation & ~FSC_GENERATION_GONE,
					t->parts[i]->pfn, 0, 0);
	}
	removed = timed ? fsc_clock() : 0;
	proto->freeing.free(t, whole, timed);
	if (timed)
		fsc_hist_record(&t->latency[FSC_LAT_FREE], fsc_clock_since(removed));
	t->unchecked_bytes += sizeof(struct fsc_folio);
	if (!fsc_evict_parts(t, proto, remove, key, nr, timed) ||
	    !fsc_refill(t, proto, publish, key, timed))
		return 0;
	if (timed)
		fsc_hist_record(&t->latency[FSC_LAT_TURNOVER], fsc_clock_since(from));
	return 1;
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
						   fsc_migrate_fn migrate, fsc_split_fn split,
						   fsc_publish_fn publish)
{
	const struct fsc_config *config = &t->run->config;
	struct fsc_draw draw = { t->stream, t->zipf, t->nr_keys };
	const bool slow = config->publish_ns || config->flush_ns || config->free_rate ||
			  config->burst > 1;
	/* An attempt fails if the folio is held or the slot vacant. */
	unsigned int attempts = 2 * n + FSC_STEPS_PER_CLOCK;
	unsigned int done = 0;

	while (done < n && attempts--) {
		bool timed = t->timed_period && !t->until_timed;
		unsigned int turned;

		if (config->churn == FSC_CHURN_REFREEZE)
			turned = fsc_refreeze(t, &draw, proto, refreeze, timed);
		else if (config->churn == FSC_CHURN_MIGRATE)
			turned = fsc_migrate(t, &draw, proto, migrate, timed);
		else if (config->burst > 1 || config->churn == FSC_CHURN_RECLAIM)
			turned = fsc_burst(t, &draw, proto, remove, publish, timed);
		else if (config->churn == FSC_CHURN_SPLIT)
			turned = fsc_split(t, &draw, proto, split, remove, publish, timed);
		else
			turned = fsc_turnover(t, proto, remove, publish,
					      fsc_draw_key(&draw, true), timed);
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

#endif /* FSC_LOOPS_TURN_H */
