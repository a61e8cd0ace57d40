/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A fourth option: rcu_desc with a ceiling. The pages are freed at once. The
 * descriptor is parked on its CPU, with a cookie of the grace period that it
 * waits for. An allocation takes the oldest descriptor if its grace period has
 * passed, else it asks the slab. Above bounded_max per CPU the freer waits for
 * an expedited grace period, which disturbs every CPU.
 *
 * A reader does the same as with rcu_desc: load inside RCU, tryget (acquire,
 * pairs with the release that enabled the folio), no recheck. A descriptor that
 * it found cannot be reused during its section:
 * poll_state_synchronize_rcu_full() returns true only if a grace period has
 * passed since the cookie was taken, and the cookie is taken after the
 * descriptor has left its slot.
 *
 * The lists are per CPU, under a local lock, and FIFOs: if the oldest has not
 * passed, none has. A cookie does not start a grace period. A list that is more
 * than half full starts one, and the next when that has passed; shorter lists
 * rely on grace periods that others start. If the two oldest have passed, a
 * free gives the oldest to the slab and leaves the other for the next
 * allocation, so lists stay short. Above the ceiling a free gives all that have
 * passed to the slab until the ceiling is kept, because there may be no
 * allocation before the next free. While freers wait, a list may exceed the
 * ceiling by one descriptor for each thread of the CPU.
 */
#ifndef FSC_PROTOCOL_RCU_BOUNDED_H
#define FSC_PROTOCOL_RCU_BOUNDED_H

#include <linux/local_lock.h>
#include <linux/percpu.h>
#include <linux/rcupdate.h>

#include "descriptor.h"

/**
 * struct fsc_parked - freed descriptors of a CPU, oldest first, linked by next
 * @lock: protects the rest
 * @oldest: allocations take from here
 * @newest: frees add here
 * @asked: the last grace period that was started for this list
 * @nr: number of descriptors
 */
struct fsc_parked {
	local_lock_t lock;
	struct fsc_folio *oldest;
	struct fsc_folio *newest;
	struct rcu_gp_seq asked;
	unsigned int nr;
};

static __always_inline struct fsc_parked __percpu *fsc_parked_of(const struct fsc_run *run)
{
	return run->protocol_percpu;
}

static struct fsc_folio *fsc_parked_pop(struct fsc_parked *parked)
{
	struct fsc_folio *folio = parked->oldest;

	parked->oldest = folio->next;
	if (!parked->oldest)
		parked->newest = NULL;
	parked->nr--;
	return folio;
}

static __always_inline bool fsc_parked_passed(struct fsc_folio *folio)
{
	return folio && poll_state_synchronize_rcu_full(&folio->gp);
}

/* Take the oldest, if its grace period has passed. */
static __always_inline struct fsc_folio *fsc_parked_take_if(struct fsc_thread *t, bool too_early)
{
	struct fsc_parked __percpu *lists = fsc_parked_of(t->run);
	struct fsc_folio *folio = NULL;
	struct fsc_parked *parked;

	local_lock(&lists->lock);
	parked = this_cpu_ptr(lists);
	if (parked->nr > too_early && (too_early || fsc_parked_passed(parked->oldest)))
		folio = fsc_parked_pop(parked);
	local_unlock(&lists->lock);
	if (folio) {
		fsc_desc_note_release(t->run, folio, 0);
		this_cpu_inc(t->run->limbo.released->descriptors);
	}
	return folio;
}

static struct fsc_folio *fsc_parked_take(struct fsc_thread *t)
{
	return fsc_parked_take_if(t, false);
}

static void fsc_parked_free(struct fsc_run *run, struct fsc_folio *folio)
{
	fsc_desc_note_release(run, folio, 0);
	fsc_desc_cache_free(run, folio, false);
}

/* Append a descriptor. Return: true if the list is above its ceiling and none has passed. */
static bool fsc_parked_add(struct fsc_run *run, struct fsc_folio *folio)
{
	struct fsc_parked __percpu *lists = fsc_parked_of(run);
	struct fsc_folio *over = NULL, *gone;
	struct fsc_parked *parked;
	bool wait;

	folio->next = NULL;
	local_lock(&lists->lock);
	parked = this_cpu_ptr(lists);
	if (++parked->nr > run->config.bounded_max / 2 &&
	    poll_state_synchronize_rcu_full(&parked->asked)) {
		start_poll_synchronize_rcu_full(&folio->gp);
		parked->asked = folio->gp;
	} else {
		get_state_synchronize_rcu_full(&folio->gp);
	}
	if (parked->newest)
		parked->newest->next = folio;
	else
		parked->oldest = folio;
	parked->newest = folio;
	if (parked->nr <= run->config.bounded_max && fsc_parked_passed(parked->oldest->next)) {
		over = fsc_parked_pop(parked);
		over->next = NULL;
	}
	while (parked->nr > run->config.bounded_max && fsc_parked_passed(parked->oldest)) {
		gone = fsc_parked_pop(parked);
		gone->next = over;
		over = gone;
	}
	wait = parked->nr > run->config.bounded_max && !fsc_parked_passed(parked->oldest);
	local_unlock(&lists->lock);
	while ((gone = over)) {
		over = gone->next;
		fsc_parked_free(run, gone);
	}
	return wait;
}

static inline void fsc_rcu_bounded_free(struct fsc_thread *t, void *p, bool timed)
{
	struct fsc_folio *folio = p;

	fsc_desc_begin_free(t, folio, timed, 1, false);
	fsc_desc_pages_free(t, folio);
	fsc_count_freed(&t->counters, fsc_desc_pages(folio));
	if (unlikely(fsc_parked_add(t->run, folio))) {
		u64 from = fsc_clock();

		fsc_count(&t->counters, FSC_EXPEDITED);
		/* After this, all that were parked before it have passed. */
		synchronize_rcu_expedited();
		fsc_trace_grace_period(FSC_GP_EXPEDITED, fsc_clock_since(from));
	}
}

static inline void *fsc_rcu_bounded_alloc(struct fsc_thread *t, unsigned int order)
{
	return fsc_desc_alloc_from(t, order, fsc_parked_take);
}

static int fsc_rcu_bounded_set_up(struct fsc_run *run)
{
	struct fsc_parked __percpu *lists = alloc_percpu(struct fsc_parked);
	int cpu;

	run->protocol_percpu = lists;
	if (!lists)
		return -ENOMEM;
	for_each_possible_cpu(cpu) {
		struct fsc_parked *parked = per_cpu_ptr(lists, cpu);

		local_lock_init(&parked->lock);
		get_completed_synchronize_rcu_full(&parked->asked);
	}
	return 0;
}

static void fsc_rcu_bounded_tear_down(struct fsc_run *run)
{
	free_percpu(fsc_parked_of(run));
	run->protocol_percpu = NULL;
}

/* Empty the list of the freer's CPU; without a freer, the lists of all CPUs. */
static void fsc_rcu_bounded_flush(struct fsc_run *run, struct fsc_thread *t)
{
	struct fsc_folio *folio;
	int cpu;

	if (t) {
		synchronize_rcu();
		while ((folio = fsc_parked_take(t)))
			kmem_cache_free(run->cache, folio);
		return;
	}
	for_each_possible_cpu(cpu) {
		struct fsc_parked *parked = per_cpu_ptr(fsc_parked_of(run), cpu);

		if (parked->newest)
			cond_synchronize_rcu_full(&parked->newest->gp);
		while (parked->oldest) {
			fsc_parked_free(run, fsc_parked_pop(parked));
			cond_resched();
		}
	}
}

static u64 fsc_rcu_bounded_max(const struct fsc_run *run)
{
	u64 parked = (u64)run->config.bounded_max * num_possible_cpus() +
		     run->config.nr_readers + run->config.nr_freers;

	return parked * sizeof(struct fsc_folio);
}

#define FSC_RCU_BOUNDED(by)								\
	.name				= "rcu_bounded",				\
	.says.descriptor		=						\
		"waits on its CPU for a grace period; expedited at a ceiling",		\
	.says.pages			= "freed at once",				\
	.says.reader			= "tryget, as with rcu_desc",			\
	.reader.refcounted		= true,						\
	.set_up				= fsc_rcu_bounded_set_up,			\
	.tear_down			= fsc_rcu_bounded_tear_down,			\
	.freeing.flush			= fsc_rcu_bounded_flush,			\
	.freeing.private_max		= fsc_rcu_bounded_max,				\
	FSC_DESCRIPTOR_OPS(by),								\
	.freeing.alloc			= fsc_rcu_bounded_alloc,			\
	.freeing.free			= fsc_rcu_bounded_free

static const struct fsc_protocol fsc_rcu_bounded = { FSC_RCU_BOUNDED(cas) };
static const struct fsc_protocol fsc_rcu_bounded_xadd = { FSC_RCU_BOUNDED(xadd) };
static const struct fsc_protocol fsc_rcu_bounded_rcuref = { FSC_RCU_BOUNDED(rcuref) };

#endif /* FSC_PROTOCOL_RCU_BOUNDED_H */
