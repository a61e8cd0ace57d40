// SPDX-License-Identifier: GPL-2.0
/* Accounting of what is freed and not yet reusable, and its cap. */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <kunit/visibility.h>
#include <linux/delay.h>
#include <linux/export.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/rcupdate.h>
#include <linux/sizes.h>
#include <linux/slab.h>

#include <folioscale/clock.h>
#include <folioscale/compat.h>
#include <folioscale/folio.h>
#include <folioscale/protocol.h>
#include <folioscale/run.h>
#include <folioscale/stamp.h>

#include <trace/events/folioscale.h>

DEFINE_STATIC_KEY_FALSE(fsc_slow_callbacks);

static u64 folio_bytes(const struct fsc_run *run)
{
	return run->page_bytes + sizeof(struct fsc_folio);
}

/**
 * fsc_limbo_init - set up the limbo accounting of a run
 * @run: a run whose config and page_bytes are set
 *
 * Context: Process context, may sleep.
 * Return: 0, -ENOMEM, or -EINVAL if the cap cannot be kept.
 */
int fsc_limbo_init(struct fsc_run *run)
{
	unsigned int nr_freers = max(run->config.nr_freers, 1U);
	struct fsc_limbo *limbo = &run->limbo;
	u64 least = 2 * nr_freers * folio_bytes(run);
	u64 most = (u64)totalram_pages() << PAGE_SHIFT >> 1;

	limbo->max_bytes = run->config.limbo_max_mb ? (u64)run->config.limbo_max_mb << 20 :
						      (u64)totalram_pages() << PAGE_SHIFT >> 3;
	if (limbo->max_bytes < least || limbo->max_bytes > most) {
		pr_err("limbo_max_mb=%u: allowed: %llu to %llu with nr_freers=%u order=%s, 0 for an eighth of RAM if that is in it\n",
		       run->config.limbo_max_mb, DIV_ROUND_UP_ULL(least, SZ_1M), most >> 20,
		       run->config.nr_freers, run->config.order);
		return -EINVAL;
	}
	limbo->check_bytes = max(limbo->max_bytes / (8 * nr_freers), 1ULL);
	/* Each freer can add check_bytes, in whole folios, until its next check: wait earlier. */
	limbo->wait_bytes = limbo->max_bytes -
			    nr_freers * roundup(limbo->check_bytes, folio_bytes(run));
	spin_lock_init(&limbo->look_lock);
	limbo->released = alloc_percpu(struct fsc_released);
	return limbo->released ? 0 : -ENOMEM;
}
EXPORT_SYMBOL_IF_KUNIT(fsc_limbo_init);

/**
 * fsc_limbo_destroy - free the limbo accounting
 * @run: a run without pending callbacks
 *
 * Context: Process context.
 */
void fsc_limbo_destroy(struct fsc_run *run)
{
	free_percpu(run->limbo.released);
	run->limbo.released = NULL;
}
EXPORT_SYMBOL_IF_KUNIT(fsc_limbo_destroy);

/**
 * fsc_limbo_released - how much has become reusable since the run began
 * @run: the run
 *
 * Context: Any.
 * Return: The sums. With kfree_rcu() the descriptors are those known to be reusable, and
 * nothing is known about waits.
 */
struct fsc_released fsc_limbo_released(const struct fsc_run *run)
{
	struct fsc_released sum = {};
	int cpu;

	for_each_possible_cpu(cpu) {
		const struct fsc_released *released = per_cpu_ptr(run->limbo.released, cpu);

		sum.descriptors += READ_ONCE(released->descriptors);
		sum.folios += READ_ONCE(released->folios);
		sum.pages += READ_ONCE(released->pages);
		sum.timed += READ_ONCE(released->timed);
		sum.waited_ns += READ_ONCE(released->waited_ns);
		sum.ended += READ_ONCE(released->ended);
		sum.wait_ns += READ_ONCE(released->wait_ns);
	}
	if (run->deferral == FSC_DEFER_KFREE_RCU)
		sum.descriptors = max_t(u64, atomic64_read(&run->limbo.flushed),
					fsc_markers_confirmed(run) +
					atomic64_read(&run->limbo.flushed_remote));
	return sum;
}
EXPORT_SYMBOL_IF_KUNIT(fsc_limbo_released);

/**
 * fsc_limbo_note_wait - account a descriptor that leaves limbo, if its free was timed
 * @run: the run
 * @freed: when it was freed, from fsc_freed_time()
 *
 * The part of the wait inside the window is what the descriptor adds to the
 * window's mean limbo (Little's law, cut off at the edges).
 *
 * Context: Any.
 */
void fsc_limbo_note_wait(const struct fsc_run *run, u64 freed)
{
	u64 from = READ_ONCE(run->window_from), to = READ_ONCE(run->window_to);
	struct fsc_released __percpu *released = run->limbo.released;
	u64 now = fsc_clock();
	u64 wait = fsc_freed_time(now - run->started - freed);

	/* After the flush only the main thread frees; its frees are timed only for tracing. */
	if (READ_ONCE(run->drain_ns))
		return;
	this_cpu_inc(released->timed);
	if (!from || now <= from)
		return;
	if (!to) {
		this_cpu_inc(released->ended);
		this_cpu_add(released->wait_ns, wait);
		to = now;
	}
	from = max(from, now - wait);
	to = min(to, now);
	if (to > from)
		this_cpu_add(released->waited_ns, to - from);
}
EXPORT_SYMBOL_IF_KUNIT(fsc_limbo_note_wait);

static u64 outstanding(u64 freed, u64 released)
{
	return freed > released ? freed - released : 0;
}

/**
 * fsc_limbo_read - read what is in limbo now
 * @run: the run
 *
 * Context: Any.
 * Return: Descriptors, folios and pages. What is freed while the CPUs are summed up is not
 * counted.
 */
struct fsc_limbo_level fsc_limbo_read(struct fsc_run *run)
{
	u64 freed_pages = fsc_run_count(run, FSC_FREED_PAGES);
	u64 freed = fsc_run_count(run, FSC_FREES);
	struct fsc_released released;

	/*
	 * Read frees before releases, or what is freed and released in between would look
	 * like limbo. Pairs with the smp_wmb() in fsc_count_freed().
	 */
	smp_rmb();
	released = fsc_limbo_released(run);
	return (struct fsc_limbo_level) {
		.freed		= freed,
		.descriptors	= outstanding(freed, released.descriptors),
		.folios		= outstanding(freed, released.folios),
		.pages		= outstanding(freed_pages, released.pages),
	};
}
EXPORT_SYMBOL_IF_KUNIT(fsc_limbo_read);

static void raise_peak(atomic64_t *peak, u64 value)
{
	s64 old = atomic64_read(peak);

	while (old < (s64)value && !atomic64_try_cmpxchg(peak, &old, value))
		;
}

/*
 * Check the markers' bound against the exact count. The markers are read first.
 * What they have confirmed is released by then, so the bound must not be lower.
 * How far it is higher can only be told if no marker was invoked meanwhile, as
 * this task may be preempted in between.
 */
static void check_bound(struct fsc_run *run)
{
	u64 freed = fsc_run_count(run, FSC_FREES), confirmed, bound, truth;

	/* As in fsc_limbo_read(). */
	smp_rmb();
	confirmed = fsc_markers_confirmed(run);
	bound = outstanding(freed, confirmed);
	truth = outstanding(freed, fsc_limbo_released(run).descriptors);
	if (bound < truth) {
		fsc_violation_keep(run, FSC_BAD_BOUND, 0, 0, truth, bound);
		return;
	}
	/*
	 * If a release read above came after a marker, that marker must be visible here.
	 * Pairs with the smp_wmb() in confirm().
	 */
	smp_rmb();
	if (fsc_markers_confirmed(run) == confirmed)
		raise_peak(&run->limbo.bound_above, bound - truth);
}

/**
 * fsc_limbo_sample - read the level and record the peak of the window
 * @run: the run
 *
 * Context: Any.
 * Return: As fsc_limbo_read().
 */
struct fsc_limbo_level fsc_limbo_sample(struct fsc_run *run)
{
	struct fsc_limbo_level level = fsc_limbo_read(run);

	if (run->markers.every && run->deferral != FSC_DEFER_KFREE_RCU)
		check_bound(run);
	if (fsc_phase_read(run) == FSC_MEASURE) {
		raise_peak(&run->limbo.peak_descriptors, level.descriptors);
		raise_peak(&run->limbo.peak_folios, level.folios);
		raise_peak(&run->limbo.peak_pages, level.pages);
	}
	return level;
}
EXPORT_SYMBOL_IF_KUNIT(fsc_limbo_sample);

static u64 level_bytes(const struct fsc_run *run, struct fsc_limbo_level level)
{
	/* kfree_rcu() stores a pointer to each object in pages of its own. */
	u64 descriptor = sizeof(struct fsc_folio) +
			 (run->deferral == FSC_DEFER_KFREE_RCU ? sizeof(void *) : 0);

	return level.descriptors * descriptor + level.pages * PAGE_SIZE;
}

/*
 * Read the level. A look reads the counters of all threads and CPUs, so freers
 * look rarely: until they have reported as much as is missing to the cap, it
 * cannot have been reached. Return: the level, in bytes.
 */
static u64 look(struct fsc_run *run)
{
	struct fsc_limbo *limbo = &run->limbo;
	bool alone = spin_trylock(&limbo->look_lock);
	/*
	 * What was reported by now is in the level, but for what readers still hold after a
	 * truncate; pairs with fsc_limbo_check()'s add.
	 */
	s64 reported = atomic64_read_acquire(&limbo->reported);
	u64 bytes = level_bytes(run, fsc_limbo_sample(run));

	if (alone) {
		WRITE_ONCE(limbo->looked, bytes);
		/*
		 * A freer that adds to the rest also reads the new @looked: pairs with the add in
		 * fsc_limbo_check().
		 */
		atomic64_fetch_sub_release(reported, &limbo->reported);
		spin_unlock(&limbo->look_lock);
	}
	return bytes;
}

/**
 * fsc_limbo_look_in_turn - read the level and record the peak, if that is due
 * @run: the run
 *
 * The sampler alone would miss peaks that last only a few ms. One look each
 * millisecond, by whichever freer comes first, is enough: with a look by each of
 * 128 freers the looks took percents of the CPUs.
 *
 * Context: A freer, between batches.
 */
void fsc_limbo_look_in_turn(struct fsc_run *run)
{
	s64 due = atomic64_read(&run->limbo.next_look);
	u64 now = fsc_clock();

	if (now >= due &&
	    atomic64_try_cmpxchg(&run->limbo.next_look, &due, now + NSEC_PER_MSEC))
		look(run);
}
EXPORT_SYMBOL_IF_KUNIT(fsc_limbo_look_in_turn);

/**
 * fsc_limbo_create_flushers - allocate what it takes to flush a whole run
 * @run: a run
 *
 * Where kvfree_rcu_barrier() is not exported, kmem_cache_destroy() is. It waits
 * for everything that kfree_rcu() has deferred outside of sheaves, in all caches
 * (mm/slab_common.c); kmem_cache_shrink() passes on what is in sheaves. The caches
 * are created beforehand, because at the end of a run there may be no memory for
 * them.
 *
 * Context: Process context, may sleep.
 * Return: 0 or -ENOMEM.
 */
int fsc_limbo_create_flushers(struct fsc_run *run)
{
	static const char *const names[FSC_FLUSHERS] = { "folioscale_empty", "folioscale_empty2" };
	unsigned int i;

	for (i = 0; !FSC_KVFREE_RCU_BARRIER_EXPORTED && i < FSC_FLUSHERS; i++) {
		run->flushers[i] = kmem_cache_create(names[i], sizeof(long), NULL, SLAB_NO_MERGE);
		if (!run->flushers[i])
			return -ENOMEM;
	}
	return 0;
}

/**
 * fsc_limbo_destroy_flushers - free the flushers that were not needed
 * @run: a run that is drained
 *
 * Context: Process context, sleeps.
 */
void fsc_limbo_destroy_flushers(struct fsc_run *run)
{
	unsigned int i;

	for (i = 0; i < FSC_FLUSHERS; i++) {
		kmem_cache_destroy(run->flushers[i]);
		run->flushers[i] = NULL;
	}
}

/**
 * fsc_limbo_flush_kfree_rcu - wait for what kfree_rcu() has deferred outside of sheaves
 * @run: the run
 * @whole: it is flushed as a whole, so the caches that were made for that may go
 *
 * Context: Process context, sleeps for a grace period or two.
 * Return: False if there was no memory for that; nothing was waited for then.
 */
bool fsc_limbo_flush_kfree_rcu(struct fsc_run *run, bool whole)
{
#if FSC_KVFREE_RCU_BARRIER_EXPORTED
	kvfree_rcu_barrier();
#else
	struct kmem_cache *flusher = NULL;
	unsigned int i;

	for (i = 0; whole && !flusher && i < FSC_FLUSHERS; i++)
		swap(flusher, run->flushers[i]);
	/* Those are for the end of a run. Only one other caller at a time gets here. */
	if (!flusher)
		flusher = kmem_cache_create("folioscale_wait", sizeof(long), NULL, SLAB_NO_MERGE);
	if (!flusher)
		return false;
	kmem_cache_destroy(flusher);
#endif
	return true;
}

/**
 * fsc_limbo_flush - wait until what was freed so far is reusable
 * @run: the run
 * @t: the freer that waits; does not cover what other threads keep back, or what is in sheaves
 *	that are not full. NULL: everything of a run whose threads have ended
 *
 * Context: Process context, sleeps for a grace period or two.
 */
void fsc_limbo_flush(struct fsc_run *run, struct fsc_thread *t)
{
	const struct fsc_protocol *protocol = run->loops->protocol;
	u64 remote = fsc_run_count(run, FSC_DEFERRED_REMOTE);
	u64 covered = fsc_run_count(run, FSC_FREES);
	bool sheaves = run->deferral == FSC_DEFER_KFREE_RCU && run->markers.every;

	if (protocol->freeing.flush)
		protocol->freeing.flush(run, t);
	/* Push sheaves to call_rcu(); in every arm, because the cost of that is compared. */
	if (FSC_SHEAVES && !t && run->cache)
		kmem_cache_shrink(run->cache);
	rcu_barrier();
	/* In a window rely on the markers: emptying the sheaves would change what is measured. */
	if (t && sheaves) {
		fsc_marker_catch_up(&run->markers);
		if (remote > atomic64_read(&run->limbo.flushed_remote) &&
		    fsc_limbo_flush_kfree_rcu(run, false))
			raise_peak(&run->limbo.flushed_remote, remote);
		return;
	}
	if (fsc_limbo_flush_kfree_rcu(run, !t))
		raise_peak(&run->limbo.flushed, covered);
}
EXPORT_SYMBOL_IF_KUNIT(fsc_limbo_flush);

/* A window counts as throttled if a freer waits in any part of it. */
static void mark_throttled(struct fsc_run *run)
{
	if (fsc_phase_read(run) == FSC_MEASURE)
		WRITE_ONCE(run->limbo.throttled, true);
}

/*
 * One freer flushes for all that wait meanwhile: barriers queue up, and with
 * long sections the fourth in a row waits for ten seconds.
 */
static void flush_or_wait(struct fsc_run *run, struct fsc_thread *t)
{
	atomic_t *flushing = &run->limbo.flushing;

	if (atomic_cmpxchg(flushing, 0, 1)) {
		/* Pairs with the release below: the next read of limbo sees the flush. */
		wait_event_idle(run->wq, !atomic_read_acquire(flushing));
		return;
	}
	fsc_limbo_flush(run, t);
	if (run->deferral == FSC_DEFER_KFREE_RCU)
		fsc_count(&t->counters, FSC_LIMBO_BARRIERS);
	/* Pairs with the acquire of the waiters. */
	atomic_set_release(flushing, 0);
	wake_up_all(&run->wq);
}

/**
 * fsc_limbo_check - report what a freer has freed, and make it wait while limbo is at its cap
 * @t: the freer
 *
 * Context: Process context, may sleep for grace periods.
 */
void fsc_limbo_check(struct fsc_thread *t)
{
	struct fsc_run *run = t->run;
	u64 bytes, from, waited;
	s64 reported;

	/* Fully ordered: pairs with both sides of look(). */
	reported = atomic64_add_return(t->unchecked_bytes, &run->limbo.reported);
	t->unchecked_bytes = 0;
	if (READ_ONCE(run->limbo.looked) + reported < run->limbo.wait_bytes)
		return;
	bytes = look(run);
	if (bytes < run->limbo.wait_bytes)
		return;
	fsc_count(&t->counters, FSC_LIMBO_WAITS);
	from = fsc_clock();
	do {
		mark_throttled(run);
		flush_or_wait(run, t);
		mark_throttled(run);
	} while (look(run) >= run->limbo.wait_bytes &&
		 fsc_phase_read(run) <= FSC_MEASURE);
	waited = fsc_clock_since(from);
	fsc_count_add(&t->counters, FSC_LIMBO_WAIT_NS, waited);
	trace_fsc_throttle(t->nr, bytes, waited);
}
EXPORT_SYMBOL_IF_KUNIT(fsc_limbo_check);

/* Time between checks whether the pages are back. */
#define RECLAIM_NAP_US		50

/**
 * fsc_limbo_wait_pages - wait until the freed pages can be allocated again
 * @t: a freer that has freed some
 *
 * This is what reclaim needs: not that folios are freed, but that their memory
 * can be allocated. There is only one freer (check.c), so all released pages
 * are its own.
 *
 * Context: Process context, sleeps.
 */
void fsc_limbo_wait_pages(struct fsc_thread *t)
{
	struct fsc_run *run = t->run;
	u64 freed = fsc_run_count(run, FSC_FREED_PAGES);

	/* Record the peak, which is now. */
	fsc_limbo_sample(run);
	while (fsc_limbo_released(run).pages < freed && !fsc_must_give_up(t))
		usleep_range_state(RECLAIM_NAP_US, RECLAIM_NAP_US, TASK_IDLE);
}
