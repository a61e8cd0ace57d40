// SPDX-License-Identifier: GPL-2.0
/*
 * Epochs: which of the counted frees are in limbo.
 *
 * A kthread closes an epoch each epoch_us: it reads the counts of all CPUs and then, if there
 * is anything new, takes a cookie, which starts a grace period (start_poll_synchronize_rcu_full())
 * as call_rcu() would. A free that was read was counted before the cookie was taken. One that was
 * not, because its CPU counted it meanwhile, belongs to the next epoch, whose cookie is later. So
 * no free leaves limbo before a grace period that began after it has ended; it enters at the
 * end of its epoch and leaves at the end of the epoch in which its grace period ended, both late by
 * up to epoch_us. Waits and limbo are too large by that, and never too small.
 *
 * In a kthread, as a sum over all CPUs with interrupts off would hurt a large machine; with the
 * lowest realtime priority, so that load does not make epochs long. late_us_max says how late one
 * was.
 *
 * Epochs with the same cookie wait together, so a few struct fsc_shadow_wait are enough however
 * long a grace period lasts.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/hrtimer.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/vmstat.h>
#include <uapi/linux/sched/types.h>

#include <folioscale/clock.h>
#include <folioscale/kthread.h>
#include <folioscale/shadow.h>

/* Protects fsc_shadow, the parameters, and the start and stop of runs. */
DEFINE_MUTEX(fsc_shadow_lock);
/* The current or last run; NULL before the first. */
struct fsc_shadow *fsc_shadow;

/* A rate needs some epochs; the watermarks change seldom. */
#define RATE_US		100000
#define FORGETS_ONE_IN	8

static u64 descriptor_pages(u64 descriptors)
{
	return DIV_ROUND_UP_ULL(descriptors, FSC_SHADOW_DESCRIPTORS_A_PAGE);
}

/* Figures have one writer, the kthread; who prints them reads them with READ_ONCE(). */
static void add(u64 *figure, u64 by)
{
	WRITE_ONCE(*figure, *figure + by);
}

static void set_max(u64 *figure, u64 value)
{
	if (value > *figure)
		WRITE_ONCE(*figure, value);
}

/* Since the last tick the level rose evenly to @level, as frees are not told apart in an epoch. */
static void level_rise(struct fsc_shadow_level *of, u64 level, u64 us, bool drains)
{
	add(drains ? &of->drain_sum : &of->sum, (of->now + level) * us / 2);
	WRITE_ONCE(of->now, level);
	set_max(&of->peak, level);
}

static void level_fall(struct fsc_shadow_level *of, u64 by)
{
	WRITE_ONCE(of->now, of->now - by);
}

static struct fsc_shadow_wait *newest(struct fsc_shadow *shadow)
{
	return &shadow->waits[(shadow->first + shadow->nr_waits - 1) % FSC_SHADOW_WAITS];
}

/* Of @cpu, which has just freed @folios: what the models that batch hand to a grace period. */
static void submit(struct fsc_shadow *shadow, struct fsc_shadow_cpu *cpu, u64 folios, u64 now,
		   u64 submitted[])
{
	/* struct kvfree_rcu_bulk_data: a list_head, a cookie and a count, then pointers. */
	const unsigned int bulk = (PAGE_SIZE - sizeof(struct list_head) -
				   sizeof(struct rcu_gp_seq) - sizeof(unsigned long)) /
				  sizeof(void *);
	u64 full;

	if (folios && !cpu->pending[FSC_SHADOW_OLD])
		cpu->pending_since = now;
	cpu->pending[FSC_SHADOW_OLD] += folios;
	/*
	 * KFREE_DRAIN_JIFFIES after the first, or in the next jiffy once a page of pointers is
	 * full: kernel/rcu/tree.c:schedule_delayed_monitor_work(); 7.3: mm/slab_common.c:
	 * __schedule_delayed_monitor_work().
	 */
	if (cpu->pending[FSC_SHADOW_OLD] >= bulk ||
	    (cpu->pending[FSC_SHADOW_OLD] && now - cpu->pending_since >= 5ULL * NSEC_PER_SEC)) {
		submitted[FSC_SHADOW_OLD] += cpu->pending[FSC_SHADOW_OLD];
		cpu->pending[FSC_SHADOW_OLD] = 0;
	}
	/* Full sheaves only: 7.3 mm/slub.c:__kfree_rcu_sheaf(). What is left waits for more. */
	cpu->pending[FSC_SHADOW_SHEAVES] += folios;
	full = rounddown(cpu->pending[FSC_SHADOW_SHEAVES], shadow->params.sheaf_capacity);
	submitted[FSC_SHADOW_SHEAVES] += full;
	cpu->pending[FSC_SHADOW_SHEAVES] -= full;
}

/* Model bounded: of what is in limbo each CPU keeps at most bounded_max. */
static u64 below_ceiling(const struct fsc_shadow *shadow)
{
	u64 kept = 0;
	int i;

	for_each_possible_cpu(i)
		kept += min_t(u64, shadow->cpus[i].limbo, shadow->params.bounded_max);
	return kept;
}

/* Let leave what has waited for a grace period that has ended. */
static void leave(struct fsc_shadow *shadow, u64 now)
{
	bool left = false;

	while (shadow->nr_waits) {
		struct fsc_shadow_wait *wait = &shadow->waits[shadow->first];
		unsigned int i;

		if (!poll_state_synchronize_rcu_full(&wait->gp))
			break;
		left = true;
		fsc_hist_record(&shadow->gp_hist, now - wait->asked);
		add(&shadow->left_folios, wait->folios);
		add(&shadow->left_pages, wait->pages);
		add(&shadow->waited_us,
		    wait->folios * div_u64(now - wait->opened, NSEC_PER_USEC) - wait->folio_us);
		level_fall(&shadow->folios, wait->folios);
		level_fall(&shadow->pages, wait->pages);
		for (i = 0; i < FSC_SHADOW_BOUNDED; i++)
			level_fall(&shadow->models[i], wait->submitted[i]);
		for (i = 0; i < nr_cpu_ids; i++)
			shadow->cpus[i].limbo -= wait->cpu_folios[i];
		shadow->row.grace_periods++;
		shadow->first = (shadow->first + 1) % FSC_SHADOW_WAITS;
		shadow->nr_waits--;
	}
	if (left)
		WRITE_ONCE(shadow->models[FSC_SHADOW_BOUNDED].now, below_ceiling(shadow));
}

/* Where the epoch that ends now waits: with the one before, if that has the same cookie. */
static struct fsc_shadow_wait *enqueue(struct fsc_shadow *shadow, u64 began, u64 now)
{
	struct fsc_shadow_wait *wait;
	struct rcu_gp_seq gp;

	start_poll_synchronize_rcu_full(&gp);
	if (shadow->nr_waits) {
		wait = newest(shadow);
		if (same_state_synchronize_rcu_full(&wait->gp, &gp))
			return wait;
		/* Never seen. All wait for the later one: too long, and not too short. */
		if (shadow->nr_waits == FSC_SHADOW_WAITS) {
			add(&shadow->squeezed, 1);
			wait->gp = gp;
			return wait;
		}
	}
	shadow->nr_waits++;
	wait = newest(shadow);
	wait->gp = gp;
	wait->opened = began;
	wait->asked = now;
	wait->folios = 0;
	wait->pages = 0;
	wait->folio_us = 0;
	memset(wait->submitted, 0, sizeof(wait->submitted));
	memset(wait->cpu_folios, 0, nr_cpu_ids * sizeof(*wait->cpu_folios));
	return wait;
}

static void row_merge(struct fsc_shadow_row *into, const struct fsc_shadow_row *next)
{
	into->end_us = next->end_us;
	into->us += next->us;
	into->folios += next->folios;
	into->pages += next->pages;
	into->limbo_folios_sum += next->limbo_folios_sum;
	into->limbo_folios_peak = max(into->limbo_folios_peak, next->limbo_folios_peak);
	into->limbo_pages_sum += next->limbo_pages_sum;
	into->limbo_pages_peak = max(into->limbo_pages_peak, next->limbo_pages_peak);
	into->free_least = min(into->free_least, next->free_least);
	into->below_low_us += next->below_low_us;
	into->below_min_us += next->below_min_us;
	into->grace_periods += next->grace_periods;
}

static void row_end(struct fsc_shadow *shadow)
{
	unsigned int i;

	mutex_lock(&shadow->series_lock);
	if (shadow->nr_rows == shadow->max_rows) {
		for (i = 0; i < shadow->max_rows / 2; i++) {
			shadow->rows[i] = shadow->rows[2 * i];
			row_merge(&shadow->rows[i], &shadow->rows[2 * i + 1]);
		}
		shadow->nr_rows /= 2;
		shadow->row_us *= 2;
	}
	shadow->rows[shadow->nr_rows++] = shadow->row;
	mutex_unlock(&shadow->series_lock);
	shadow->row = (struct fsc_shadow_row){ .free_least = U64_MAX };
}

/* Sums over the zones: on which of them limbo's pages are is not counted. */
static void watermarks(struct fsc_shadow *shadow)
{
	u64 low = 0, min = 0;
	unsigned int i;
	int node;

	for_each_online_node(node) {
		for (i = 0; i < MAX_NR_ZONES; i++) {
			struct zone *zone = &NODE_DATA(node)->node_zones[i];

			if (!populated_zone(zone))
				continue;
			low += low_wmark_pages(zone);
			min += min_wmark_pages(zone);
		}
	}
	WRITE_ONCE(shadow->low, low);
	WRITE_ONCE(shadow->min, min);
}

/* How long free memory was low, and would have been without the pages in limbo. */
static void note_free(struct fsc_shadow *shadow, u64 us)
{
	u64 free = global_zone_page_state(NR_FREE_PAGES), left;
	u64 folios = descriptor_pages(shadow->folios.now), pages = shadow->pages.now;

	left = free > pages ? free - pages : 0;
	add(&shadow->free_sum, free * us / FSC_SHADOW_FREE_SCALE);
	WRITE_ONCE(shadow->free_least, min(shadow->free_least, free));
	shadow->row.free_least = min(shadow->row.free_least, free);
	add(&shadow->us, us);
	if (free < shadow->low)
		add(&shadow->is_below_low_us, us);
	if (free < shadow->min)
		add(&shadow->is_below_min_us, us);
	if (left < shadow->low) {
		add(&shadow->below_low_us, us);
		shadow->row.below_low_us += us;
	}
	if (left < shadow->min) {
		add(&shadow->below_min_us, us);
		shadow->row.below_min_us += us;
	}
	if (!left)
		add(&shadow->none_left_us, us);
	free = max(free, 1ULL);
	set_max(&shadow->folios_of_free_ppm, div64_u64(folios * 1000000, free));
	set_max(&shadow->pages_of_free_ppm, div64_u64(pages * 1000000, free));
}

static void rate_rise(struct fsc_shadow *shadow, struct fsc_shadow_rate over)
{
	if (!over.us)
		return;
	set_max(&shadow->rate_folios_peak, div64_u64(over.folios * USEC_PER_SEC, over.us));
	set_max(&shadow->rate_pages_peak, div64_u64(over.pages * USEC_PER_SEC, over.us));
}

static void note_rate(struct fsc_shadow *shadow, u64 folios, u64 pages, u64 us)
{
	shadow->rate.folios += folios;
	shadow->rate.pages += pages;
	shadow->rate.us += us;
	if (shadow->rate.us < RATE_US)
		return;
	rate_rise(shadow, shadow->rate);
	shadow->rate_before = shadow->rate;
	shadow->rate = (struct fsc_shadow_rate) {};
	watermarks(shadow);
}

/* What is left at the end may be too short for a rate of its own: add it to what was before. */
static void end_rate(struct fsc_shadow *shadow)
{
	shadow->rate.folios += shadow->rate_before.folios;
	shadow->rate.pages += shadow->rate_before.pages;
	shadow->rate.us += shadow->rate_before.us;
	rate_rise(shadow, shadow->rate);
}

/**
 * struct epoch - what was freed in an epoch
 * @folios: how many folios
 * @pages: their pages
 * @submitted: what the models that batch hand to a grace period at its end
 */
struct epoch {
	u64 folios;
	u64 pages;
	u64 submitted[FSC_SHADOW_BOUNDED];
};

static void read_counts(struct fsc_shadow *shadow, struct epoch *epoch, u64 now)
{
	/* Negative control: what was freed is never in limbo, and in no model. */
	bool forgets = shadow->params.busted == FSC_SHADOW_BUSTED_EPOCH &&
		       !(shadow->epochs_with_frees % FORGETS_ONE_IN);
	u64 freed = 0, pages = 0;
	int i;

	for_each_possible_cpu(i) {
		struct fsc_shadow_counts *counts = per_cpu_ptr(shadow->counts, i);
		struct fsc_shadow_cpu *cpu = &shadow->cpus[i];
		u64 folios = READ_ONCE(counts->folios);

		freed += folios - cpu->seen;
		cpu->fresh = forgets ? 0 : folios - cpu->seen;
		cpu->seen = folios;
		cpu->limbo += cpu->fresh;
		epoch->folios += cpu->fresh;
		pages += READ_ONCE(counts->pages);
		submit(shadow, cpu, cpu->fresh, now, epoch->submitted);
		if (cpu->limbo > shadow->params.bounded_max)
			add(&shadow->bounded_over,
			    min(cpu->fresh, cpu->limbo - shadow->params.bounded_max));
	}
	if (freed)
		add(&shadow->epochs_with_frees, 1);
	epoch->pages = forgets ? 0 : pages - shadow->seen_pages;
	shadow->seen_pages = pages;
}

static void enter(struct fsc_shadow *shadow, const struct epoch *epoch, u64 began, u64 now)
{
	struct fsc_shadow_wait *wait = enqueue(shadow, began, now);
	u64 middle = (began - wait->opened + now - wait->opened) / 2;
	unsigned int i;

	wait->folios += epoch->folios;
	wait->pages += epoch->pages;
	wait->folio_us += epoch->folios * div_u64(middle, NSEC_PER_USEC);
	add(&shadow->entered_folios, epoch->folios);
	add(&shadow->entered_pages, epoch->pages);
	for (i = 0; i < FSC_SHADOW_BOUNDED; i++)
		wait->submitted[i] += epoch->submitted[i];
	for_each_possible_cpu(i)
		wait->cpu_folios[i] += shadow->cpus[i].fresh;
}

static u64 us_since_start(const struct fsc_shadow *shadow, u64 now)
{
	return div_u64(now - shadow->started, NSEC_PER_USEC);
}

/* End an epoch; @drains: it began after the window. */
static void tick(struct fsc_shadow *shadow, u64 now, bool drains)
{
	u64 began = shadow->last_tick;
	u64 us = us_since_start(shadow, now) - us_since_start(shadow, began);
	struct fsc_shadow_row *row = &shadow->row;
	struct epoch epoch = {};
	unsigned int i;

	read_counts(shadow, &epoch, now);
	add(&shadow->epochs, 1);
	if (us > shadow->params.epoch_us)
		set_max(&shadow->late_us_max, us - shadow->params.epoch_us);

	row->limbo_folios_sum += (2 * shadow->folios.now + epoch.folios) * us / 2;
	row->limbo_pages_sum += (2 * shadow->pages.now + epoch.pages) * us / 2;
	level_rise(&shadow->folios, shadow->folios.now + epoch.folios, us, drains);
	level_rise(&shadow->pages, shadow->pages.now + epoch.pages, us, drains);
	for (i = 0; i < FSC_SHADOW_BOUNDED; i++)
		level_rise(&shadow->models[i], shadow->models[i].now + epoch.folios, us, drains);
	level_rise(&shadow->models[FSC_SHADOW_BOUNDED], below_ceiling(shadow), us, drains);
	if (!drains) {
		fsc_hist_record(&shadow->folios_hist, shadow->folios.now);
		fsc_hist_record(&shadow->pages_hist, shadow->pages.now);
		note_free(shadow, us);
		note_rate(shadow, epoch.folios, epoch.pages, us);
	}

	row->us += us;
	row->end_us = us_since_start(shadow, now);
	row->folios += epoch.folios;
	row->pages += epoch.pages;
	row->limbo_folios_peak = max(row->limbo_folios_peak, shadow->folios.now);
	row->limbo_pages_peak = max(row->limbo_pages_peak, shadow->pages.now);

	leave(shadow, now);
	if (epoch.folios || epoch.pages || epoch.submitted[FSC_SHADOW_OLD] ||
	    epoch.submitted[FSC_SHADOW_SHEAVES])
		enter(shadow, &epoch, began, now);
	if (row->us >= shadow->row_us)
		row_end(shadow);
	shadow->last_tick = now;
}

static int epochs(void *data)
{
	struct fsc_shadow *shadow = data;
	enum fsc_shadow_state state;
	bool drains = false;
	u64 now, stopped;
	ktime_t at;

	sched_set_fifo_low(current);
	while (!kthread_should_stop()) {
		/* Pairs with the release in fsc_shadow_stop(): nothing is counted any more. */
		state = smp_load_acquire(&shadow->state);
		/* Pairs with the release in fsc_shadow_stop(): what that has summed is seen. */
		stopped = smp_load_acquire(&shadow->stopped);
		now = fsc_clock();
		tick(shadow, max(now, shadow->last_tick), drains);
		add(&shadow->tick_ns, fsc_clock_since(now));
		/*
		 * The epoch in which it was stopped is the last of the window. If it was stopped
		 * since the look above, the next is: it has what was freed in between.
		 */
		if (!drains && stopped) {
			end_rate(shadow);
			drains = true;
		}
		/* This tick has seen all frees, and if any was new, it waits. */
		if (state == FSC_SHADOW_DRAIN && !shadow->nr_waits) {
			row_end(shadow);
			WRITE_ONCE(shadow->ended, fsc_clock());
			complete(&shadow->drained);
			break;
		}
		/* A tick that is late does not make the next one early. */
		at = ktime_add_us(ktime_get(), shadow->params.epoch_us);
		set_current_state(TASK_IDLE);
		if (!kthread_should_stop())
			schedule_hrtimeout(&at, HRTIMER_MODE_ABS);
		__set_current_state(TASK_RUNNING);
	}
	return 0;
}

/* Freed pages by the kernel's own count: between the two, counts are read. */
static u64 pgfree(struct fsc_shadow *shadow)
{
	all_vm_events(shadow->events);
	return shadow->events[PGFREE];
}

static void destroy(struct fsc_shadow *shadow)
{
	unsigned int i;

	for (i = 0; i < FSC_SHADOW_WAITS; i++)
		kvfree(shadow->waits[i].cpu_folios);
	kvfree(shadow->cpus);
	kvfree(shadow->rows);
	kfree(shadow->events);
	free_percpu(shadow->counts);
	free_percpu(shadow->unused);
	kvfree(shadow);
}

static struct fsc_shadow *create(const struct fsc_shadow_params *params)
{
	struct fsc_shadow *shadow = kvzalloc_obj(*shadow, GFP_KERNEL);
	unsigned int i;
	bool allocated = true;

	if (!shadow)
		return NULL;
	shadow->params = *params;
	shadow->max_rows = round_down(params->series_rows, 2);
	shadow->row_us = (u64)params->series_ms * USEC_PER_MSEC;
	shadow->counts = alloc_percpu(struct fsc_shadow_counts);
	shadow->unused = alloc_percpu(struct fsc_shadow_counts);
	shadow->probe.counts = shadow->unused;
	shadow->probe.unmarked = params->unmarked;
	shadow->probe.slab_is_file = params->busted == FSC_SHADOW_BUSTED_SLAB;
	shadow->cpus = kvcalloc(nr_cpu_ids, sizeof(*shadow->cpus), GFP_KERNEL);
	shadow->rows = kvcalloc(shadow->max_rows, sizeof(*shadow->rows), GFP_KERNEL);
	shadow->events = kcalloc(NR_VM_EVENT_ITEMS, sizeof(*shadow->events), GFP_KERNEL);
	for (i = 0; i < FSC_SHADOW_WAITS; i++) {
		shadow->waits[i].cpu_folios = kvcalloc(nr_cpu_ids, sizeof(u32), GFP_KERNEL);
		allocated = allocated && shadow->waits[i].cpu_folios;
	}
	if (!allocated || !shadow->counts || !shadow->unused || !shadow->cpus || !shadow->rows ||
	    !shadow->events) {
		destroy(shadow);
		return NULL;
	}
	mutex_init(&shadow->series_lock);
	init_completion(&shadow->drained);
	fsc_hist_reset(&shadow->folios_hist);
	fsc_hist_reset(&shadow->pages_hist);
	fsc_hist_reset(&shadow->gp_hist);
	shadow->free_least = U64_MAX;
	shadow->row.free_least = U64_MAX;
	watermarks(shadow);
	return shadow;
}

/**
 * fsc_shadow_start - attach the probe and begin to count
 *
 * Context: Process context, fsc_shadow_lock held, may sleep.
 * Return: 0, -EBUSY while a run is active, -ENOMEM, or why the probe or the kthread could not
 * be started.
 */
int fsc_shadow_start(void)
{
	struct fsc_shadow_params params;
	struct fsc_shadow *shadow;
	int err;

	lockdep_assert_held(&fsc_shadow_lock);
	if (fsc_shadow && fsc_shadow->state != FSC_SHADOW_DONE) {
		pr_err("start: allowed: when the last run was stopped\n");
		return -EBUSY;
	}
	fsc_shadow_params_get(&params);
	shadow = create(&params);
	if (!shadow)
		return -ENOMEM;
	err = fsc_kthread_create(&shadow->task, epochs, shadow, NUMA_NO_NODE, "fsc_shadow");
	if (err)
		goto free_run;
	err = fsc_shadow_attach(shadow);
	if (err)
		goto stop_thread;
	fsc_shadow_discard();
	/* From here on frees count. */
	shadow->pgfree[0][0] = pgfree(shadow);
	shadow->started = fsc_clock();
	WRITE_ONCE(shadow->probe.counts, shadow->counts);
	shadow->pgfree[0][1] = pgfree(shadow);
	shadow->last_tick = shadow->started;
	fsc_shadow = shadow;
	wake_up_process(shadow->task);
	return 0;

stop_thread:
	fsc_kthread_stop(&shadow->task);
free_run:
	destroy(shadow);
	return err;
}

/**
 * fsc_shadow_stop - detach the probe and wait until limbo is empty
 *
 * Context: Process context, fsc_shadow_lock held, sleeps for a grace period.
 * Return: 0, -EINVAL without a run that could be stopped, -EINTR if killed; limbo drains then
 * all the same, and another stop waits for it.
 */
int fsc_shadow_stop(void)
{
	struct fsc_shadow *shadow = fsc_shadow;

	lockdep_assert_held(&fsc_shadow_lock);
	if (!shadow || shadow->state == FSC_SHADOW_DONE) {
		pr_err("stop: allowed: after start\n");
		return -EINVAL;
	}
	if (shadow->state == FSC_SHADOW_RUN) {
		struct fsc_shadow_counts sum;

		shadow->pgfree[1][0] = pgfree(shadow);
		fsc_shadow_sum(shadow, &sum);
		shadow->pgfree[1][1] = pgfree(shadow);
		shadow->pgfree_pages = fsc_shadow_pages(&sum);
		/*
		 * The window ends here. What CPUs are counting still belongs to limbo. Pairs with
		 * the acquire in epochs().
		 */
		smp_store_release(&shadow->stopped, fsc_clock());
		WRITE_ONCE(shadow->probe.counts, shadow->unused);
		fsc_shadow_detach(shadow);
		/* Pairs with the acquire in epochs(). */
		smp_store_release(&shadow->state, FSC_SHADOW_DRAIN);
	}
	if (wait_for_completion_killable(&shadow->drained))
		return -EINTR;
	WRITE_ONCE(shadow->state, FSC_SHADOW_DONE);
	return 0;
}

/**
 * fsc_shadow_discard - end the run, if there is one, without waiting for limbo, and free it
 *
 * Context: Process context, fsc_shadow_lock held, may sleep.
 */
void fsc_shadow_discard(void)
{
	lockdep_assert_held(&fsc_shadow_lock);
	if (!fsc_shadow)
		return;
	if (fsc_shadow->state == FSC_SHADOW_RUN)
		fsc_shadow_detach(fsc_shadow);
	fsc_kthread_stop(&fsc_shadow->task);
	destroy(fsc_shadow);
	fsc_shadow = NULL;
}
