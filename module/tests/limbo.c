// SPDX-License-Identifier: GPL-2.0
/* Limbo accounting, with a made-up run. */
#include <kunit/test.h>
#include <linux/limits.h>
#include <linux/mm.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/time64.h>
#include <linux/wait.h>

#include <folioscale/clock.h>
#include <folioscale/folio.h>
#include <folioscale/protocol.h>
#include <folioscale/run.h>
#include <folioscale/stamp.h>

#define NR_THREADS	2

/* Keeps nothing back. */
static const struct fsc_protocol protocol = { .name = "made up" };
static const struct fsc_loops loops = { .protocol = &protocol };

static int open_accounts(struct fsc_run *run, unsigned int mb, unsigned int nr_freers,
			 u64 page_bytes)
{
	fsc_limbo_destroy(run);
	memset(&run->limbo, 0, sizeof(run->limbo));
	run->config.limbo_max_mb = mb;
	run->config.nr_freers = nr_freers;
	run->page_bytes = page_bytes;
	return fsc_limbo_init(run);
}

static void freers_wait_before_the_cap(struct kunit *test)
{
	static const struct {
		unsigned int mb, nr_freers;
		u64 page_bytes, check_bytes, wait_bytes;
	} caps[] = {
		/* Between two checks all freers can add an eighth of the cap, in whole folios. */
		{ 1, 1, SZ_4K, SZ_128K, SZ_1M - 32 * (SZ_4K + 80) },
		{ 1, 4, SZ_4K, SZ_32K, SZ_1M - 4 * 8 * (SZ_4K + 80) },
		{ 64, 8, SZ_4K, SZ_1M, SZ_64M - 8 * 252 * (SZ_4K + 80) },
		{ 64, 3, SZ_4K, SZ_64M / 24, SZ_64M - 3 * 670 * (SZ_4K + 80) },
		/* No freer counts as one. */
		{ 1, 0, SZ_4K, SZ_128K, SZ_1M - 32 * (SZ_4K + 80) },
		/* A folio may exceed check_bytes, or be a quarter; a descriptor has 80 bytes. */
		{ 64, 8, SZ_2M, SZ_1M, SZ_64M - 8 * (SZ_2M + 80) },
		{ 119, 2, SZ_2M, 119 * SZ_1M / 16, 119 * SZ_1M - 2 * 4 * (SZ_2M + 80) },
	};
	struct fsc_run *run = test->priv;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(caps); i++) {
		KUNIT_ASSERT_EQ(test, 0, open_accounts(run, caps[i].mb, caps[i].nr_freers,
						       caps[i].page_bytes));
		KUNIT_EXPECT_EQ(test, run->limbo.max_bytes, (u64)caps[i].mb << 20);
		KUNIT_EXPECT_EQ(test, run->limbo.check_bytes, caps[i].check_bytes);
		KUNIT_EXPECT_EQ(test, run->limbo.wait_bytes, caps[i].wait_bytes);
	}
}

static void a_cap_must_hold_two_folios_a_freer(struct kunit *test)
{
	struct fsc_run *run = test->priv;
	u64 half = SZ_512K - sizeof(struct fsc_folio), quarter = SZ_256K - sizeof(struct fsc_folio);

	KUNIT_EXPECT_EQ(test, open_accounts(run, 1, 1, half), 0);
	KUNIT_EXPECT_EQ(test, open_accounts(run, 1, 1, half + 1), -EINVAL);
	KUNIT_EXPECT_NULL(test, (void __force *)run->limbo.released);
	KUNIT_EXPECT_EQ(test, open_accounts(run, 1, 0, half), 0);
	KUNIT_EXPECT_EQ(test, open_accounts(run, 1, 0, half + 1), -EINVAL);
	KUNIT_EXPECT_EQ(test, open_accounts(run, 1, 2, quarter), 0);
	KUNIT_EXPECT_EQ(test, open_accounts(run, 1, 2, quarter + 1), -EINVAL);
}

static void a_cap_is_half_of_ram_at_most(struct kunit *test)
{
	u64 ram = (u64)totalram_pages() << PAGE_SHIFT;
	unsigned int most = ram / 2 >> 20;
	struct fsc_run *run = test->priv;

	KUNIT_EXPECT_EQ(test, open_accounts(run, most, 1, SZ_4K), 0);
	KUNIT_EXPECT_EQ(test, open_accounts(run, most + 1, 1, SZ_4K), -EINVAL);
	/* The default is an eighth, which must hold two folios per freer as well. */
	KUNIT_EXPECT_EQ(test, open_accounts(run, 0, 1, SZ_4K), 0);
	KUNIT_EXPECT_EQ(test, run->limbo.max_bytes, ram / 8);
	KUNIT_EXPECT_EQ(test, open_accounts(run, 0, 1, ram / 16), -EINVAL);
}

static void note_waits(struct kunit *test, u64 from, u64 to, u64 freed)
{
	struct fsc_run *run = test->priv;

	KUNIT_ASSERT_EQ(test, 0, open_accounts(run, 1, 1, SZ_4K));
	run->window_from = from;
	run->window_to = to;
	fsc_limbo_note_wait(run, fsc_freed_time(freed - run->started));
}

/* The window is over, so the part of a wait inside it is exact whenever this runs. */
static void waits_are_cut_off_at_the_edges_of_the_window(struct kunit *test)
{
	static const struct {
		s64 freed;	/* ns after the start of the window, which lasts 1 ms */
		u64 in_window;
	} waits[] = {
		{ -(s64)NSEC_PER_MSEC, NSEC_PER_MSEC },
		{ -1, NSEC_PER_MSEC },
		{ 0, NSEC_PER_MSEC },
		{ 1, NSEC_PER_MSEC - 1 },
		{ NSEC_PER_MSEC / 4, NSEC_PER_MSEC - NSEC_PER_MSEC / 4 },
		{ NSEC_PER_MSEC - 1, 1 },
		{ NSEC_PER_MSEC, 0 },
		{ NSEC_PER_MSEC + 1, 0 },
	};
	struct fsc_run *run = test->priv;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(waits); i++) {
		u64 from = fsc_clock() - 10 * NSEC_PER_MSEC;
		struct fsc_released released;

		run->started = from - 5 * NSEC_PER_MSEC;
		note_waits(test, from, from + NSEC_PER_MSEC, from + waits[i].freed);
		released = fsc_limbo_released(run);
		KUNIT_EXPECT_EQ(test, released.waited_ns, waits[i].in_window);
		KUNIT_EXPECT_EQ(test, released.timed, 1);
		/* It became reusable after the window. */
		KUNIT_EXPECT_EQ(test, released.ended, 0);
		KUNIT_EXPECT_EQ(test, released.wait_ns, 0);
	}
}

static void waits_that_end_in_the_window_are_whole(struct kunit *test)
{
	struct fsc_run *run = test->priv;
	struct fsc_released released;
	u64 from, freed, least, most;

	/* Freed before the window: the part cut off is exact. */
	from = fsc_clock() - 10 * NSEC_PER_MSEC;
	freed = from - 3 * NSEC_PER_MSEC;
	run->started = from - 5 * NSEC_PER_MSEC;
	least = fsc_clock_since(freed);
	note_waits(test, from, 0, freed);
	most = fsc_clock_since(freed);
	released = fsc_limbo_released(run);
	KUNIT_EXPECT_EQ(test, released.timed, 1);
	KUNIT_EXPECT_EQ(test, released.ended, 1);
	KUNIT_EXPECT_EQ(test, released.wait_ns, released.waited_ns + 3 * NSEC_PER_MSEC);
	KUNIT_EXPECT_GE(test, released.wait_ns, least);
	KUNIT_EXPECT_LE(test, released.wait_ns, most);

	/* Freed inside the window: nothing is cut off. */
	note_waits(test, from, 0, from + 3 * NSEC_PER_MSEC);
	released = fsc_limbo_released(run);
	KUNIT_EXPECT_EQ(test, released.ended, 1);
	KUNIT_EXPECT_EQ(test, released.wait_ns, released.waited_ns);
	KUNIT_EXPECT_GE(test, released.wait_ns, 7 * NSEC_PER_MSEC);
}

static void waits_outside_of_the_window_are_only_counted(struct kunit *test)
{
	struct fsc_run *run = test->priv;
	u64 now = fsc_clock();
	/* Not begun; and beginning in the future. */
	const u64 from[] = { 0, now + 3600 * NSEC_PER_SEC };
	struct fsc_released released;
	unsigned int i;

	run->started = now - 5 * NSEC_PER_MSEC;
	for (i = 0; i < ARRAY_SIZE(from); i++) {
		note_waits(test, from[i], 0, now - NSEC_PER_MSEC);
		released = fsc_limbo_released(run);
		KUNIT_EXPECT_EQ(test, released.timed, 1);
		KUNIT_EXPECT_EQ(test, released.waited_ns, 0);
		KUNIT_EXPECT_EQ(test, released.ended, 0);
		KUNIT_EXPECT_EQ(test, released.wait_ns, 0);
	}

	/* After the run was flushed they are not counted. */
	run->drain_ns = 1;
	note_waits(test, now - 4 * NSEC_PER_MSEC, 0, now - NSEC_PER_MSEC);
	released = fsc_limbo_released(run);
	KUNIT_EXPECT_EQ(test, released.timed, 0);
	KUNIT_EXPECT_EQ(test, released.waited_ns, 0);
	KUNIT_EXPECT_EQ(test, released.ended, 0);
}

static void times_of_free_may_wrap(struct kunit *test)
{
	struct fsc_run *run = test->priv;
	u64 from = fsc_clock() - 10 * NSEC_PER_MSEC;

	/* Times of free wrap after 2^42 ns, 73 minutes: freed just before that, and just after. */
	run->started = from - BIT_ULL(FSC_FREED_TIME_BITS);
	note_waits(test, from, from + NSEC_PER_MSEC, from - 5);
	KUNIT_EXPECT_EQ(test, fsc_limbo_released(run).waited_ns, NSEC_PER_MSEC);
	note_waits(test, from, from + NSEC_PER_MSEC, from + 5);
	KUNIT_EXPECT_EQ(test, fsc_limbo_released(run).waited_ns, NSEC_PER_MSEC - 5);
}

static void releases_are_summed_over_cpus(struct kunit *test)
{
	struct fsc_run *run = test->priv;
	struct fsc_released sum;
	u64 cpus = 0;
	int cpu;

	KUNIT_ASSERT_EQ(test, 0, open_accounts(run, 1, 1, SZ_4K));
	for_each_possible_cpu(cpu) {
		/* A different digit for each CPU, a different factor for each field. */
		u64 digit = 1ULL << 8 * (cpu % 7);

		*per_cpu_ptr(run->limbo.released, cpu) = (struct fsc_released) {
			.descriptors = digit, .folios = 2 * digit, .pages = 3 * digit,
			.timed = 4 * digit, .waited_ns = 5 * digit, .ended = 6 * digit,
			.wait_ns = 7 * digit,
		};
		cpus += digit;
	}
	sum = fsc_limbo_released(run);
	KUNIT_EXPECT_EQ(test, sum.descriptors, cpus);
	KUNIT_EXPECT_EQ(test, sum.folios, 2 * cpus);
	KUNIT_EXPECT_EQ(test, sum.pages, 3 * cpus);
	KUNIT_EXPECT_EQ(test, sum.timed, 4 * cpus);
	KUNIT_EXPECT_EQ(test, sum.waited_ns, 5 * cpus);
	KUNIT_EXPECT_EQ(test, sum.ended, 6 * cpus);
	KUNIT_EXPECT_EQ(test, sum.wait_ns, 7 * cpus);

	/* With kfree_rcu() the descriptors come from the last flush, the rest from the CPUs. */
	run->deferral = FSC_DEFER_KFREE_RCU;
	atomic64_set(&run->limbo.flushed, 12345);
	sum = fsc_limbo_released(run);
	KUNIT_EXPECT_EQ(test, sum.descriptors, 12345);
	KUNIT_EXPECT_EQ(test, sum.folios, 2 * cpus);
}

/* Each thread and the main thread free @nr folios of 2^@order pages. */
static void free_folios(struct fsc_run *run, unsigned int nr, unsigned int order)
{
	unsigned int i;

	while (nr--) {
		fsc_count_freed(&run->main_thread->counters, 1U << order);
		for (i = 0; i < NR_THREADS; i++)
			fsc_count_freed(&run->threads[i]->counters, 1U << order);
	}
}

static void limbo_is_what_is_freed_and_not_released(struct kunit *test)
{
	struct fsc_run *run = test->priv;
	struct fsc_released *released;
	struct fsc_limbo_level level;

	KUNIT_ASSERT_EQ(test, 0, open_accounts(run, 1, 1, SZ_4K));
	free_folios(run, 10, 0);
	free_folios(run, 5, 2);
	level = fsc_limbo_read(run);
	KUNIT_EXPECT_EQ(test, level.descriptors, 3 * 15);
	KUNIT_EXPECT_EQ(test, level.folios, 3 * 15);
	KUNIT_EXPECT_EQ(test, level.pages, 3 * (10 + 5 * 4));

	released = per_cpu_ptr(run->limbo.released, cpumask_last(cpu_possible_mask));
	*released = (struct fsc_released) { .descriptors = 40, .folios = 44, .pages = 88 };
	level = fsc_limbo_read(run);
	KUNIT_EXPECT_EQ(test, level.descriptors, 5);
	KUNIT_EXPECT_EQ(test, level.folios, 1);
	KUNIT_EXPECT_EQ(test, level.pages, 2);

	/* Released but not yet counted as freed: limbo is 0, not 2^64 - 1. */
	*released = (struct fsc_released) { .descriptors = 46, .folios = 45, .pages = 91 };
	level = fsc_limbo_read(run);
	KUNIT_EXPECT_EQ(test, level.descriptors, 0);
	KUNIT_EXPECT_EQ(test, level.folios, 0);
	KUNIT_EXPECT_EQ(test, level.pages, 0);
}

static void peaks_are_of_the_window(struct kunit *test)
{
	struct fsc_run *run = test->priv;

	KUNIT_ASSERT_EQ(test, 0, open_accounts(run, 1, 1, SZ_4K));
	free_folios(run, 2, 1);
	run->phase = FSC_WARMUP;
	KUNIT_EXPECT_EQ(test, fsc_limbo_sample(run).descriptors, 6);
	KUNIT_EXPECT_EQ(test, atomic64_read(&run->limbo.peak_descriptors), 0);
	run->phase = FSC_MEASURE;
	KUNIT_EXPECT_EQ(test, fsc_limbo_sample(run).descriptors, 6);
	*raw_cpu_ptr(run->limbo.released) = (struct fsc_released) {
		.descriptors = 6, .folios = 5, .pages = 4
	};
	KUNIT_EXPECT_EQ(test, fsc_limbo_sample(run).descriptors, 0);
	KUNIT_EXPECT_EQ(test, atomic64_read(&run->limbo.peak_descriptors), 6);
	KUNIT_EXPECT_EQ(test, atomic64_read(&run->limbo.peak_folios), 6);
	KUNIT_EXPECT_EQ(test, atomic64_read(&run->limbo.peak_pages), 12);
}

static void barriers_cover_what_was_freed_before(struct kunit *test)
{
	struct fsc_run *run = test->priv;

	KUNIT_ASSERT_EQ(test, 0, open_accounts(run, 1, 1, SZ_4K));
	run->deferral = FSC_DEFER_KFREE_RCU;
	free_folios(run, 4, 0);
	KUNIT_EXPECT_EQ(test, fsc_limbo_read(run).descriptors, 12);
	fsc_limbo_flush(run, NULL);
	KUNIT_EXPECT_EQ(test, fsc_limbo_read(run).descriptors, 0);
	free_folios(run, 1, 0);
	KUNIT_EXPECT_EQ(test, fsc_limbo_read(run).descriptors, 3);
	/* A flush that began earlier covers less, even if it returns later. */
	atomic64_set(&run->limbo.flushed, 14);
	run->main_thread->counters = (struct fsc_counters){};
	fsc_limbo_flush(run, NULL);
	KUNIT_EXPECT_EQ(test, atomic64_read(&run->limbo.flushed), 14);
}

/* An endless wait must fail one test, and not stop all of them. */
static struct fsc_run *stop_run;

static void stop_waiting(struct timer_list *unused)
{
	smp_store_release(&stop_run->phase, FSC_STOP);	/* as fsc_run_set_phase() */
}

static DEFINE_TIMER(stop_timer, stop_waiting);

static void stop_after_10s(struct fsc_run *run)
{
	stop_run = run;
	mod_timer(&stop_timer, jiffies + 10 * HZ);
}

static void freers_wait_once_it_is_reached(struct kunit *test)
{
	struct fsc_run *run = test->priv;
	struct fsc_thread *t = run->threads[0];

	KUNIT_ASSERT_EQ(test, 0, open_accounts(run, 1, 1, SZ_4K));
	run->deferral = FSC_DEFER_KFREE_RCU;
	run->phase = FSC_MEASURE;
	free_folios(run, 3, 1);
	fsc_limbo_flush(run, NULL);
	KUNIT_ASSERT_EQ(test, fsc_limbo_read(run).descriptors, 0);
	free_folios(run, 5, 1);
	/* With kfree_rcu(): 15 descriptors with a pointer each, and half of the pages. */
	raw_cpu_ptr(run->limbo.released)->pages = 18 + 15;
	/* With other sums it would wait forever. */
	KUNIT_ASSERT_EQ(test, fsc_limbo_read(run).pages, 15);
	run->limbo.wait_bytes = 15 * (80 + 8) + 15 * PAGE_SIZE + 1;
	t->unchecked_bytes = SZ_1M;
	fsc_limbo_check(t);
	KUNIT_EXPECT_EQ(test, t->unchecked_bytes, 0);
	KUNIT_EXPECT_EQ(test, fsc_counter_read(&t->counters, FSC_LIMBO_WAITS), 0);
	KUNIT_EXPECT_FALSE(test, run->limbo.throttled);

	/* One byte less, and it waits. Then only the 15 pages are left, which is less. */
	run->limbo.wait_bytes--;
	stop_after_10s(run);
	fsc_limbo_check(t);
	timer_delete_sync(&stop_timer);
	KUNIT_EXPECT_EQ(test, run->phase, FSC_MEASURE);
	KUNIT_EXPECT_EQ(test, fsc_counter_read(&t->counters, FSC_LIMBO_WAITS), 1);
	KUNIT_EXPECT_EQ(test, fsc_counter_read(&t->counters, FSC_LIMBO_BARRIERS), 1);
	KUNIT_EXPECT_GT(test, fsc_counter_read(&t->counters, FSC_LIMBO_WAIT_NS), 0);
	KUNIT_EXPECT_TRUE(test, run->limbo.throttled);
	KUNIT_EXPECT_EQ(test, fsc_limbo_read(run).descriptors, 0);
	KUNIT_EXPECT_EQ(test, fsc_limbo_read(run).pages, 15);
}

static void own_callbacks_keep_no_pointers(struct kunit *test)
{
	struct fsc_run *run = test->priv;
	struct fsc_thread *t = run->threads[0];

	KUNIT_ASSERT_EQ(test, 0, open_accounts(run, 1, 1, SZ_4K));
	run->deferral = FSC_DEFER_CALL_RCU;
	/* Do not wait for what nobody will release. */
	run->phase = FSC_STOP;
	free_folios(run, 5, 0);
	raw_cpu_ptr(run->limbo.released)->pages = 15;
	run->limbo.wait_bytes = 15 * 80 + 1;
	t->unchecked_bytes = SZ_1M;
	fsc_limbo_check(t);
	KUNIT_EXPECT_EQ(test, fsc_counter_read(&t->counters, FSC_LIMBO_WAITS), 0);
	run->limbo.wait_bytes--;
	fsc_limbo_check(t);
	KUNIT_EXPECT_EQ(test, fsc_counter_read(&t->counters, FSC_LIMBO_WAITS), 1);
	/* Barriers count only with kfree_rcu(), and throttled is only set in the window. */
	KUNIT_EXPECT_EQ(test, fsc_counter_read(&t->counters, FSC_LIMBO_BARRIERS), 0);
	KUNIT_EXPECT_FALSE(test, run->limbo.throttled);
}

/* A look records the peak, which shows here that there was one. */
static void freers_look_only_near_the_cap(struct kunit *test)
{
	struct fsc_run *run = test->priv;
	struct fsc_thread *t = run->threads[0];

	KUNIT_ASSERT_EQ(test, 0, open_accounts(run, 1, 1, SZ_4K));
	run->deferral = FSC_DEFER_CALL_RCU;
	run->phase = FSC_MEASURE;
	run->limbo.wait_bytes = 16 * 80;
	free_folios(run, 5, 0);
	raw_cpu_ptr(run->limbo.released)->pages = 15;
	t->unchecked_bytes = 15 * 80;
	fsc_limbo_check(t);
	KUNIT_EXPECT_EQ(test, t->unchecked_bytes, 0);
	KUNIT_EXPECT_EQ(test, atomic64_read(&run->limbo.peak_descriptors), 0);
	/* Together with what was reported before it could be at the cap, but is not. */
	t->unchecked_bytes = 80;
	fsc_limbo_check(t);
	KUNIT_EXPECT_EQ(test, atomic64_read(&run->limbo.peak_descriptors), 15);
	KUNIT_EXPECT_EQ(test, fsc_counter_read(&t->counters, FSC_LIMBO_WAITS), 0);
	/* From now on 15 are known, and one more is enough for another look. */
	atomic64_set(&run->limbo.peak_descriptors, 0);
	t->unchecked_bytes = 80 - 1;
	fsc_limbo_check(t);
	KUNIT_EXPECT_EQ(test, atomic64_read(&run->limbo.peak_descriptors), 0);
	t->unchecked_bytes = 1;
	fsc_limbo_check(t);
	KUNIT_EXPECT_EQ(test, atomic64_read(&run->limbo.peak_descriptors), 15);
}

static void freers_look_in_turn(struct kunit *test)
{
	struct fsc_run *run = test->priv;

	KUNIT_ASSERT_EQ(test, 0, open_accounts(run, 1, 1, SZ_4K));
	run->deferral = FSC_DEFER_CALL_RCU;
	run->phase = FSC_MEASURE;
	free_folios(run, 1, 0);
	raw_cpu_ptr(run->limbo.released)->pages = 3;
	fsc_limbo_look_in_turn(run);
	KUNIT_EXPECT_EQ(test, atomic64_read(&run->limbo.peak_descriptors), 3);
	/* The next look is due in a while. */
	atomic64_set(&run->limbo.peak_descriptors, 0);
	atomic64_add(NSEC_PER_SEC * 3600, &run->limbo.next_look);
	fsc_limbo_look_in_turn(run);
	KUNIT_EXPECT_EQ(test, atomic64_read(&run->limbo.peak_descriptors), 0);
}

KUNIT_DEFINE_ACTION_WRAPPER(kvfree_action, kvfree, const void *);

/* kvzalloc(): a thread contains histograms, and is too large for a slab. */
static struct fsc_thread *thread_alloc(struct kunit *test)
{
	struct fsc_thread *t = kvzalloc_obj(*t, GFP_KERNEL);

	if (t && kunit_add_action_or_reset(test, kvfree_action, t))
		return NULL;
	return t;
}

static int limbo_init(struct kunit *test)
{
	struct fsc_run *run = kunit_kzalloc(test, sizeof(*run), GFP_KERNEL);
	unsigned int i;

	if (!run)
		return -ENOMEM;
	run->main_thread = thread_alloc(test);
	run->threads = kunit_kcalloc(test, NR_THREADS, sizeof(*run->threads), GFP_KERNEL);
	if (!run->main_thread || !run->threads)
		return -ENOMEM;
	for (i = 0; i < NR_THREADS; i++) {
		run->threads[i] = thread_alloc(test);
		if (!run->threads[i])
			return -ENOMEM;
		run->threads[i]->run = run;
	}
	run->nr_threads = NR_THREADS;
	run->loops = &loops;
	strscpy(run->config.order, "0", sizeof(run->config.order));
	init_waitqueue_head(&run->wq);
	test->priv = run;
	return 0;
}

static void limbo_exit(struct kunit *test)
{
	if (test->priv)
		fsc_limbo_destroy(test->priv);
}

static struct kunit_case limbo_cases[] = {
	KUNIT_CASE(freers_wait_before_the_cap),
	KUNIT_CASE(a_cap_must_hold_two_folios_a_freer),
	KUNIT_CASE(a_cap_is_half_of_ram_at_most),
	KUNIT_CASE(waits_are_cut_off_at_the_edges_of_the_window),
	KUNIT_CASE(waits_that_end_in_the_window_are_whole),
	KUNIT_CASE(waits_outside_of_the_window_are_only_counted),
	KUNIT_CASE(times_of_free_may_wrap),
	KUNIT_CASE(releases_are_summed_over_cpus),
	KUNIT_CASE(limbo_is_what_is_freed_and_not_released),
	KUNIT_CASE(peaks_are_of_the_window),
	KUNIT_CASE(barriers_cover_what_was_freed_before),
	KUNIT_CASE(freers_wait_once_it_is_reached),
	KUNIT_CASE(own_callbacks_keep_no_pointers),
	KUNIT_CASE(freers_look_only_near_the_cap),
	KUNIT_CASE(freers_look_in_turn),
	{}
};

static struct kunit_suite limbo_suite = {
	.name = "fsc_limbo",
	.init = limbo_init,
	.exit = limbo_exit,
	.test_cases = limbo_cases,
};

kunit_test_suites(&limbo_suite);
