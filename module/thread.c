// SPDX-License-Identifier: GPL-2.0
/*
 * Readers and freers. They are bound before they first run, wait at a barrier
 * until all have arrived, and then work in batches of about a millisecond until
 * the window ends.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/cpu.h>
#include <linux/hrtimer.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>

#include <folioscale/clock.h>
#include <folioscale/kthread.h>
#include <folioscale/parse.h>
#include <folioscale/protocol.h>
#include <folioscale/run.h>

#define BATCH_NS		NSEC_PER_MSEC
#define BATCH_MAX		BIT(20)
/* Longest nap of a thread that sleeps, so that it sees the phase change. */
#define NAP_MAX_NS		(10 * NSEC_PER_MSEC)
/* A late freer catches up, but for no more than this. */
#define BACKLOG_MAX_NS		(100 * NSEC_PER_MSEC)
/*
 * Turnovers are a thousand times rarer than lookups, so a fixed share is timed.
 * A prime: with 16 it was always the same turnovers of a hazptr batch.
 */
#define TURNOVER_TIMED_PERIOD	17

/**
 * fsc_role_name - name of a role
 * @role: its role
 *
 * Context: Any.
 * Return: The name.
 */
const char *fsc_role_name(enum fsc_role role)
{
	static const char *const names[] = {
		[FSC_READER] = "reader",
		[FSC_FREER] = "freer",
		[FSC_MAIN_THREAD] = "main",
	};

	return names[role];
}

static void take_edge(struct fsc_thread *t, struct fsc_edge *edge)
{
	edge->counters = t->counters;
	/* The tick updates it. */
	edge->cpu_ns = READ_ONCE(current->se.sum_exec_runtime);
	edge->clock = fsc_clock();
}

static void begin_window(struct fsc_thread *t)
{
	unsigned int i;

	for (i = 0; i < FSC_NR_LATENCIES; i++)
		fsc_hist_reset(&t->latency[i]);
	for (i = 0; i < FSC_MAX_TRIES; i++)
		WRITE_ONCE(t->tries[i], 0);
	take_edge(t, &t->start);
}

/* Double or halve the batch until it takes about BATCH_NS; @met: it found a folio. */
static void steer_batch(struct fsc_thread *t, u64 spent, bool met)
{
	if (spent > 2 * BATCH_NS && t->batch > 1)
		t->batch /= 2;
	else if (spent < BATCH_NS / 2 && t->batch < BATCH_MAX && met)
		t->batch *= 2;
}

/* Stay in one section for stall_ms. */
static void stall(struct fsc_thread *t)
{
	const struct fsc_config *config = &t->run->config;

	t->gap_ns = config->stall_ms * NSEC_PER_MSEC;
	t->stalling = true;
	t->run->loops->stall(t);
	if (t->stalling) {
		/* It found no folio to stall on; the stall is still due. */
		t->stalling = false;
		t->gap_ns = config->gap_ns;
		return;
	}
	fsc_count(&t->counters, FSC_STALLS);
	t->next_stall = fsc_clock() + (u64)config->stall_every_ms * NSEC_PER_MSEC;
}

static void work_unthrottled(struct fsc_thread *t)
{
	const struct fsc_loops *loops = t->run->loops;
	u64 hits = fsc_counter_read(&t->counters, FSC_HITS);
	u64 from = fsc_clock();

	if (t->next_stall && from >= t->next_stall) {
		/* A single lookup, so do not adjust the batch. */
		stall(t);
		return;
	}
	if (t->role == FSC_FREER)
		loops->turn(t, t->batch, from + BATCH_NS);
	else if (t->run->general)
		loops->read_general(t, t->batch, from + BATCH_NS);
	else
		loops->read(t, t->batch);
	/* Misses do not tell how long hits take, and the plain loop checks no clock. */
	steer_batch(t, fsc_clock_since(from),
		    t->role == FSC_FREER || fsc_counter_read(&t->counters, FSC_HITS) != hits);
}

/* Sleep as long as duty asks, now that the reader has worked since @from. */
static void rest(struct fsc_thread *t, u64 from)
{
	const unsigned int duty = t->run->config.duty;
	const enum fsc_phase phase = fsc_phase_read(t->run);
	u64 now = fsc_clock(), until = now + div_u64((now - from) * (100 - duty), duty);

	/* A new phase ends it, so that all enter the window at once. */
	while ((now = fsc_clock()) < until && fsc_phase_read(t->run) == phase) {
		ktime_t nap = ns_to_ktime(min(until, now + NAP_MAX_NS));

		set_current_state(TASK_IDLE);
		schedule_hrtimeout_range(&nap, 0, HRTIMER_MODE_ABS);
	}
}

/* Do the turnovers that are due, or sleep until the next one is. */
static void work_throttled(struct fsc_thread *t)
{
	const u64 period = NSEC_PER_SEC / t->run->config.free_rate;
	u64 now = fsc_clock();
	unsigned int due;
	ktime_t until;

	if (!t->next_due)
		t->next_due = now;
	if (now < t->next_due) {
		until = ns_to_ktime(min(t->next_due, now + NAP_MAX_NS));
		set_current_state(TASK_IDLE);
		schedule_hrtimeout_range(&until, 0, HRTIMER_MODE_ABS);
		return;
	}
	if (now - t->next_due > BACKLOG_MAX_NS)
		t->next_due = now - BACKLOG_MAX_NS;
	due = div64_u64(now - t->next_due, period) + 1;
	/* Turnovers not done in time stay due. */
	t->next_due += t->run->loops->turn(t, due, now + BATCH_NS) * period;
}

/*
 * If a CPU goes offline, the kernel widens the affinity of threads bound to it,
 * for good (kernel/sched/core.c:select_fallback_rq, which may run
 * concurrently).
 */
static void note_moved(struct fsc_thread *t)
{
	if (unlikely(READ_ONCE(current->nr_cpus_allowed) != 1 ||
		     raw_smp_processor_id() != t->cpu))
		WRITE_ONCE(t->moved, true);
}

static int fsc_worker(void *arg)
{
	struct fsc_thread *t = arg;
	struct fsc_run *run = t->run;
	enum fsc_phase phase;
	u64 from;

	set_active_memcg(run->memcg);
	/* Only the controller waits for this, but all threads are on run->wq: wake once. */
	if (atomic_inc_return(&run->arrived) == run->nr_threads)
		wake_up_all(&run->wq);
	wait_event_idle(run->wq, fsc_phase_read(run) != FSC_START);

	while ((phase = fsc_phase_read(run)) <= FSC_MEASURE) {
		if (phase == FSC_MEASURE && !t->start.clock)
			begin_window(t);
		from = fsc_clock();
		if (t->role == FSC_FREER && run->config.free_rate)
			work_throttled(t);
		else
			work_unthrottled(t);
		if (t->role == FSC_READER && run->config.duty < 100)
			rest(t, from);
		if (t->role == FSC_FREER)
			fsc_limbo_look_in_turn(run);
		note_moved(t);
		if (run->config.max_turnovers && !t->turnovers_left)
			break;
		/* For Tasks RCU cond_resched() is not a quiescent state. */
		cond_resched_tasks_rcu_qs();
		/* ARCH=um preempts here, but not when an interrupt ends. */
		preempt_disable();
		preempt_enable();
	}
	if (t->start.clock)
		take_edge(t, &t->end);
	set_active_memcg(NULL);
	if (atomic_dec_and_test(&run->unfinished))
		wake_up(&run->wq);
	wait_event_idle(run->wq, kthread_should_stop());
	return 0;
}

/* In sections for a reader, in turnovers for a freer; with free_rate all turnovers are timed. */
static unsigned int timed_period(const struct fsc_config *config, enum fsc_role role)
{
	if (config->sample_shift < 0)
		return 0;
	if (role == FSC_READER)
		return max((1U << config->sample_shift) /
			   (config->lookups_per_section * fsc_paths[config->path]->unit), 1U);
	return config->free_rate ? 1 : TURNOVER_TIMED_PERIOD;
}

/*
 * Thread number @i of the run gets the i-th online CPU, and starts over after
 * the last. With a list for its role, number @nr of the role gets the nr-th CPU
 * of the list.
 */
static unsigned int thread_cpu(const struct fsc_run *run, enum fsc_role role, unsigned int nr,
			       unsigned int i)
{
	bool reader = role == FSC_READER;
	const struct cpumask *cpus = reader ? &run->reader_cpus : &run->freer_cpus;

	if (*(reader ? run->config.reader_cpus : run->config.freer_cpus))
		i = nr;
	return cpumask_nth(i % cpumask_weight(cpus), cpus);
}

static void thread_free(struct fsc_thread *t)
{
	if (!t)
		return;
	kvfree(t->burst);
	kvfree(t->parts);
	kvfree(t->ring);
	kvfree(t);
}

/* On the node of its CPU: nobody else writes there. */
static struct fsc_thread *thread_alloc(struct fsc_run *run, enum fsc_role role, unsigned int nr,
				       int node)
{
	const struct fsc_config *config = &run->config;
	struct fsc_thread *t = kvzalloc_node(sizeof(*t), GFP_KERNEL, node);
	unsigned int i;

	if (!t)
		return NULL;
	t->run = run;
	t->role = role;
	t->nr = nr;
	t->cpu = -1;
	t->mappings = run->mappings;
	t->words = run->map.base;
	t->zipf = run->zipf;
	/* With hot all readers look up one folio; freers choose among all. */
	t->nr_keys = config->popularity == FSC_HOT && role == FSC_READER ? 1 : run->nr_keys;
	t->mapping_mask = config->nr_mappings - 1;
	t->mapping_shift = run->mapping_shift;
	t->index_shift = run->index_shift;
	t->gap_ns = config->gap_ns;
	t->batch = 1;
	t->batch_max = 1;
	t->next_generation = run->tag | (u64)role << FSC_GENERATION_ROLE_SHIFT |
			     (u64)(nr + 1) << FSC_GENERATION_NR_SHIFT | FSC_MEMDESC_FILE;
	fsc_stream_seed(&t->stream, config->seed, role, nr);
	for (i = 0; i < FSC_NR_LATENCIES; i++)
		fsc_hist_reset(&t->latency[i]);
	t->timed_period = timed_period(config, role);
	/* Only reader 0 stalls, and at once. */
	if (role == FSC_READER && config->stall_ms && !nr)
		t->next_stall = 1;
	if (role != FSC_FREER)
		return t;

	t->turnovers_left = config->max_turnovers;
	t->batch_max = config->batch;
	t->ring = kvcalloc_node(config->reuse_distance, sizeof(*t->ring), GFP_KERNEL, node);
	t->burst = kvcalloc_node(config->burst, sizeof(*t->burst), GFP_KERNEL, node);
	if (config->churn == FSC_CHURN_SPLIT)
		t->parts = kvcalloc_node(1UL << run->orders.max, sizeof(*t->parts), GFP_KERNEL,
					 node);
	if (!t->ring || !t->burst || (config->churn == FSC_CHURN_SPLIT && !t->parts)) {
		thread_free(t);
		return NULL;
	}
	/* Keys above nr_folios are vacant at the start. */
	for (i = 0; i < config->reuse_distance; i++)
		t->ring[i] = config->nr_folios + nr * config->reuse_distance + i;
	return t;
}

static int thread_start(struct fsc_thread *t, unsigned int i)
{
	unsigned int cpu = thread_cpu(t->run, t->role, t->nr, i);
	char name[TASK_COMM_LEN];
	int err;

	snprintf(name, sizeof(name), "fsc_%s/%u", fsc_role_name(t->role), t->nr);
	err = fsc_kthread_create(&t->task, fsc_worker, t, cpu_to_node(cpu), name);
	if (err)
		return err;
	kthread_bind(t->task, cpu);
	t->cpu = cpu;
	wake_up_process(t->task);
	return 0;
}

/**
 * fsc_threads_create - allocate the state of a run's threads and of the main thread
 * @run: a run whose mappings, keys and limbo are set up
 *
 * On failure fsc_threads_destroy() undoes what there is.
 *
 * Context: Process context, may sleep.
 * Return: 0 or a negative errno.
 */
int fsc_threads_create(struct fsc_run *run)
{
	const struct fsc_config *config = &run->config;
	unsigned int nr = config->nr_readers + config->nr_freers;
	unsigned int i;

	run->threads = kvcalloc(nr, sizeof(*run->threads), GFP_KERNEL);
	run->main_thread = thread_alloc(run, FSC_MAIN_THREAD, 0, NUMA_NO_NODE);
	if (!run->threads || !run->main_thread)
		return -ENOMEM;
	for (i = 0; i < nr; i++) {
		enum fsc_role role = i < config->nr_readers ? FSC_READER : FSC_FREER;
		unsigned int of_role = role == FSC_READER ? i : i - config->nr_readers;
		unsigned int cpu = thread_cpu(run, role, of_role, i);

		run->threads[i] = thread_alloc(run, role, of_role, cpu_to_node(cpu));
		if (!run->threads[i])
			return -ENOMEM;
		run->nr_threads++;
	}
	return 0;
}

/**
 * fsc_readers_alloc_data - allocate protocol data for each reader
 * @run: a run whose threads are created
 * @bytes: size for each reader, zeroed
 *
 * On failure fsc_readers_free_data() undoes what there is.
 *
 * Context: Process context, may sleep.
 * Return: 0 or -ENOMEM.
 */
int fsc_readers_alloc_data(struct fsc_run *run, size_t bytes)
{
	unsigned int i;

	for (i = 0; i < run->config.nr_readers; i++) {
		run->threads[i]->protocol_data = kvzalloc(bytes, GFP_KERNEL);
		if (!run->threads[i]->protocol_data)
			return -ENOMEM;
	}
	return 0;
}

/**
 * fsc_readers_free_data - undo fsc_readers_alloc_data()
 * @run: a run whose kthreads have ended; some threads may not exist
 *
 * Context: Process context.
 */
void fsc_readers_free_data(struct fsc_run *run)
{
	unsigned int i;

	for (i = 0; i < run->nr_threads; i++) {
		kvfree(run->threads[i]->protocol_data);
		run->threads[i]->protocol_data = NULL;
	}
}

/**
 * fsc_threads_start - start the kthreads; they wait at the start barrier
 * @run: a populated run in phase FSC_START
 *
 * On failure fsc_threads_stop() ends those that were started.
 *
 * Context: Process context, may sleep.
 * Return: 0 or a negative errno.
 */
int fsc_threads_start(struct fsc_run *run)
{
	unsigned int i;
	int err;

	atomic_set(&run->unfinished, run->nr_threads);
	cpus_read_lock();
	/* The online CPUs may have changed since set-up; now they cannot. */
	err = fsc_run_choose_cpus(run);
	for (i = 0; i < run->nr_threads && !err; i++)
		err = thread_start(run->threads[i], i);
	cpus_read_unlock();
	return err;
}

/**
 * fsc_threads_stop - end a run's kthreads and wait for them
 * @run: a run in phase FSC_STOP or later
 *
 * Context: Process context, sleeps.
 */
void fsc_threads_stop(struct fsc_run *run)
{
	unsigned int i;

	for (i = 0; i < run->nr_threads; i++)
		fsc_kthread_stop(&run->threads[i]->task);
}

/**
 * fsc_threads_destroy - free the threads' state, including their figures
 * @run: a run whose kthreads have ended
 *
 * Context: Process context.
 */
void fsc_threads_destroy(struct fsc_run *run)
{
	unsigned int i;

	for (i = 0; i < run->nr_threads; i++)
		thread_free(run->threads[i]);
	kvfree(run->threads);
	thread_free(run->main_thread);
}

/**
 * fsc_run_choose_cpus - choose the CPUs of readers and freers
 * @run: a run with its parameters
 *
 * The lists were checked when they were written; CPUs may have gone offline
 * since.
 *
 * Context: Any. The chosen CPUs stay online only while CPU hotplug is blocked.
 * Return: 0 or -EINVAL.
 */
int fsc_run_choose_cpus(struct fsc_run *run)
{
	const struct fsc_config *config = &run->config;
	int err = fsc_parse_cpus(config->reader_cpus, &run->reader_cpus);

	if (!err)
		err = fsc_parse_cpus(config->freer_cpus, &run->freer_cpus);
	if (err)
		pr_err("reader_cpus=%s freer_cpus=%s: allowed: CPUs that are online, %*pbl\n",
		       config->reader_cpus, config->freer_cpus, cpumask_pr_args(cpu_online_mask));
	return err;
}
