// SPDX-License-Identifier: GPL-2.0
/* Set-up of a run: allocate, populate; and release. */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/log2.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/random.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/seqlock.h>
#include <linux/sizes.h>
#include <linux/slab.h>

#include <folioscale/account.h>
#include <folioscale/clock.h>
#include <folioscale/folio.h>
#include <folioscale/parse.h>
#include <folioscale/protocol.h>
#include <folioscale/run.h>
#include <folioscale/stamp.h>

#define CLOCK_CALIBRATION_READS	1000

static void calibrate_clock(struct fsc_run *run)
{
	u64 from = fsc_clock();
	unsigned int i;

	for (i = 1; i < CLOCK_CALIBRATION_READS; i++)
		fsc_clock();
	run->clock_cost_ns = div_u64(fsc_clock() - from, CLOCK_CALIBRATION_READS);
}

static int create_cache(struct fsc_run *run)
{
	const struct fsc_protocol *protocol = run->loops->protocol;
	struct kmem_cache_args args = {
		.align = __alignof__(struct fsc_folio),
		FSC_SHEAF_CAPACITY(run->config.sheaf_capacity)
	};

	if (!protocol->own_descriptor)
		return 0;
	/* As a real kernel would: link free objects through lru, not behind the object. */
	if (protocol->freeing.slab_flags & SLAB_TYPESAFE_BY_RCU &&
	    run->config.freeptr == FSC_FREEPTR_INSIDE) {
		args.freeptr_offset = offsetof(struct fsc_folio, freeptr);
		args.use_freeptr_offset = true;
	}
	run->cache = kmem_cache_create("folioscale_desc", sizeof(struct fsc_folio), &args,
				       protocol->freeing.slab_flags | SLAB_NO_MERGE |
				       (run->memcg ? SLAB_ACCOUNT : 0));
	if (!run->cache)
		return -ENOMEM;
	return fsc_markers_create(run);
}

/* Overlay has struct page instead. */
static int create_map(struct fsc_run *run)
{
	return run->loops->protocol->own_descriptor ?
	       fsc_memdesc_map_init(&run->map, &run->frames) : 0;
}

static int create_mappings(struct fsc_run *run)
{
	unsigned int i;

	run->mappings = kvcalloc(run->config.nr_mappings, sizeof(*run->mappings), GFP_KERNEL);
	if (!run->mappings)
		return -ENOMEM;
	for (i = 0; i < run->config.nr_mappings; i++) {
		/* As an address_space (fs/inode.c:__address_space_init_once). */
		xa_init_flags(&run->mappings[i].pages, run->memcg ? XA_FLAGS_ACCOUNT : 0);
		seqcount_spinlock_init(&run->mappings[i].delete_seq,
				       &run->mappings[i].pages.xa_lock);
	}
	if (run->config.popularity == FSC_ZIPF) {
		run->zipf = fsc_zipf_create(run->nr_keys);
		if (!run->zipf)
			return -ENOMEM;
	}
	return 0;
}

/**
 * fsc_run_set_up - set up a run, except for its folios and kthreads
 * @run: a zeroed run
 *
 * On failure fsc_run_release() and fsc_run_free() undo what there is.
 *
 * Context: Process context, fsc_lock held, may sleep.
 * Return: 0, -EINVAL or -ENOMEM, with a message if the parameters are the reason.
 */
int fsc_run_set_up(struct fsc_run *run)
{
	int err;

	init_waitqueue_head(&run->wq);
	init_completion(&run->ended);
	mutex_init(&run->sampler.lock);
	spin_lock_init(&run->pool.lock);
	fsc_hist_reset(&run->gp_latency);
	fsc_config_get(&run->config);
	fsc_frames_get(&run->frames);
	err = fsc_parse_orders(run->config.order, &run->orders);
	if (!err)
		err = fsc_run_choose_cpus(run);
	if (err)
		return err;
	run->sheaf = max(run->config.sheaf_capacity, FSC_SHEAF);
	run->page_bytes = PAGE_SIZE << run->orders.max;
	run->nr_keys = run->config.nr_folios + run->config.nr_freers * run->config.reuse_distance;
	run->mapping_shift = ilog2(run->config.nr_mappings);
	run->index_shift = run->orders.max;
	run->use_pages = 1U << get_order(run->config.touch_bytes);
	run->general = run->config.gap_ns || run->config.hold_ns ||
		       run->config.touch_bytes >= FSC_LINE_BYTES + sizeof(u64) ||
		       run->config.lookups_per_section > 1 || run->orders.max ||
		       run->config.nr_mappings > 1 ||
		       run->config.popularity == FSC_ZIPF ||
		       run->config.pin == FSC_PIN_PIN || run->config.mark;
	run->cookie = get_random_u64() >> FSC_FREED_TIME_BITS | 1;
	run->tag = FSC_GENERATION_TAG(get_random_u32());
	run->started = fsc_clock();
	calibrate_clock(run);
	err = fsc_run_check_config(run);
	if (!err)
		err = fsc_limbo_init(run);
	if (!err)
		err = fsc_run_check_memory(run);
	if (!err)
		err = fsc_account_init(run);
	if (!err)
		err = create_map(run);
	if (!err)
		err = fsc_limbo_create_flushers(run);
	if (!err)
		err = create_cache(run);
	if (!err)
		err = create_mappings(run);
	if (!err)
		err = fsc_threads_create(run);
	if (!err && run->loops->protocol->set_up)
		err = run->loops->protocol->set_up(run);
	if (!err && fsc_paths[run->config.path]->set_up)
		err = fsc_paths[run->config.path]->set_up(run);
	if (!err)
		err = fsc_sampler_create(run);
	if (!err && run->config.callback_ns)
		static_branch_enable(&fsc_slow_callbacks);
	return err;
}

/**
 * fsc_run_populate - allocate config.nr_folios folios and publish them
 * @run: a run that is set up
 *
 * On failure fsc_run_depopulate() frees those that exist.
 *
 * Context: Process context, may sleep.
 * Return: 0, -ENOMEM, or -EINTR for a fatal signal.
 */
int fsc_run_populate(struct fsc_run *run)
{
	struct mem_cgroup *own = set_active_memcg(run->memcg);
	int err = 0;
	u32 key;

	for (key = 0; key < run->config.nr_folios && !err; key++) {
		err = run->loops->add(run->main_thread, key);
		if (!err && fatal_signal_pending(current))
			err = -EINTR;
		cond_resched();
	}
	set_active_memcg(own);
	return err;
}

/**
 * fsc_run_depopulate - free every folio that is in a slot
 * @run: a run whose readers and freers have ended
 *
 * Context: Process context, may sleep.
 */
void fsc_run_depopulate(struct fsc_run *run)
{
	unsigned long index;
	unsigned int i;
	void *folio;

	for (i = 0; i < run->config.nr_mappings; i++) {
		xa_for_each(&run->mappings[i].pages, index, folio) {
			run->loops->drop(run->main_thread,
					 index >> run->index_shift << run->mapping_shift | i,
					 index & ((1U << run->index_shift) - 1));
			cond_resched();
		}
	}
}

static void empty_pool(struct fsc_run *run)
{
	struct fsc_folio *folio = fsc_pool_empty(&run->pool);

	if (!folio)
		return;
	do {
		kmem_cache_free(run->cache, folio);
		cond_resched();
	} while ((folio = fsc_pool_empty(&run->pool)));
	/* With SLUB_RCU_DEBUG, type-safe objects are freed after a grace period. */
	rcu_barrier();
}

/**
 * fsc_run_release - free what a drained run does not need any more
 * @run: a run without folios and pending callbacks; its figures stay
 *
 * Context: Process context, sleeps.
 */
void fsc_run_release(struct fsc_run *run)
{
	const struct fsc_path *path = fsc_paths[run->config.path];
	unsigned int i;

	if (path->tear_down)
		path->tear_down(run);
	if (run->loops && run->loops->protocol->tear_down)
		run->loops->protocol->tear_down(run);
	static_branch_disable(&fsc_slow_callbacks);
	empty_pool(run);
	/* Objects left after shrinking were leaked. kmem_cache_destroy() only warns. */
	run->cache_empty = !run->cache || !kmem_cache_shrink(run->cache);
	kmem_cache_destroy(run->cache);
	run->cache = NULL;
	fsc_account_destroy(run);
	fsc_limbo_destroy_flushers(run);
	for (i = 0; run->mappings && i < run->config.nr_mappings; i++)
		xa_destroy(&run->mappings[i].pages);
	kvfree(run->mappings);
	run->mappings = NULL;
	kvfree(run->zipf);
	run->zipf = NULL;
	fsc_memdesc_map_destroy(&run->map);
	fsc_blocks_destroy(&run->blocks);
}

/**
 * fsc_run_free - free a run and its figures
 * @run: a released run whose kthreads have ended
 *
 * Context: Process context.
 */
void fsc_run_free(struct fsc_run *run)
{
	fsc_sampler_destroy(run);
	fsc_threads_destroy(run);
	fsc_markers_destroy(run);
	fsc_limbo_destroy(run);
	kvfree(run);
}
