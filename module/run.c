// SPDX-License-Identifier: GPL-2.0
/*
 * A run's life. Set-up and populating happen in the caller's context, so that
 * insmod fails if they do. Then a controller kthread takes the run through its
 * phases.
 *
 * Locking: fsc_lock is held to create, discard or print a run. The controller
 * takes no lock: only it writes the phase and what is computed at the end of a
 * run. fsc_lock is the outermost lock.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/kernel_stat.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/tick.h>

#include <folioscale/clock.h>
#include <folioscale/gp_probe.h>
#include <folioscale/kthread.h>
#include <folioscale/protocol.h>
#include <folioscale/run.h>

#include <trace/events/folioscale.h>

const char *const fsc_phase_names[FSC_NR_PHASES] = {
	[FSC_IDLE]	= "idle",
	[FSC_POPULATE]	= "populate",
	[FSC_START]	= "start",
	[FSC_WARMUP]	= "warmup",
	[FSC_MEASURE]	= "measure",
	[FSC_STOP]	= "stop",
	[FSC_DRAIN]	= "drain",
	[FSC_CHECK]	= "check",
	[FSC_DONE]	= "done",
};

static_assert(ARRAY_SIZE(fsc_phase_names) == FSC_NR_PHASES);

/* Protects fsc_run and the parameters; the outermost lock. */
DEFINE_MUTEX(fsc_lock);

/* Protected by fsc_lock; callbacks and the controller use it while it cannot change. */
struct fsc_run *fsc_run;

/* The phase for readers without fsc_lock; outlives the run. */
static enum fsc_phase fsc_state = FSC_IDLE;

/* Waiters for the end of a run; not in the run, which may be discarded. */
static DECLARE_WAIT_QUEUE_HEAD(fsc_ended);
/* Number of ended runs: tells waiters that theirs has ended, even if the next one has started. */
static atomic_t fsc_nr_ended;

static void set_phase(struct fsc_run *run, enum fsc_phase phase)
{
	trace_fsc_phase(run->phase, phase);
	/* Pairs with the acquire in fsc_phase_read(). */
	smp_store_release(&run->phase, phase);
	WRITE_ONCE(fsc_state, phase);
	wake_up_all(&run->wq);
}

/**
 * fsc_run_state - phase of the run, without fsc_lock
 *
 * Context: Any.
 * Return: The phase, FSC_IDLE if there was no run yet.
 */
enum fsc_phase fsc_run_state(void)
{
	return READ_ONCE(fsc_state);
}

/**
 * fsc_run_active - is a run under way?
 *
 * Context: Any. Under fsc_lock false stays valid, but true may become false at any time.
 * Return: true from its start until its last figure.
 */
bool fsc_run_active(void)
{
	switch (fsc_run_state()) {
	case FSC_IDLE:
	case FSC_DONE:
		return false;
	default:
		return true;
	}
}

/**
 * fsc_run_count - a counter's sum over all threads since the run began
 * @run: the run
 * @which: the counter
 *
 * Context: Any.
 * Return: The sum, a snapshot.
 */
u64 fsc_run_count(const struct fsc_run *run, enum fsc_counter which)
{
	u64 sum = fsc_counter_read(&run->main_thread->counters, which);
	unsigned int i;

	for (i = 0; i < run->nr_threads; i++)
		sum += fsc_counter_read(&run->threads[i]->counters, which);
	return sum;
}

/**
 * fsc_run_window_count - a counter's sum over the measured window
 * @run: a run past its window
 * @which: the counter
 *
 * Context: Any.
 * Return: The sum of what each thread counted between its own edges.
 */
u64 fsc_run_window_count(const struct fsc_run *run, enum fsc_counter which)
{
	unsigned int i;
	u64 sum = 0;

	for (i = 0; i < run->nr_threads; i++)
		sum += run->threads[i]->end.counters.value[which] -
		       run->threads[i]->start.counters.value[which];
	return sum;
}

/* Of all possible CPUs: one that goes offline in the window keeps its times. */
static struct fsc_cpu_times read_cpu_times(void)
{
	struct fsc_cpu_times times = {};
	int cpu;

	for_each_possible_cpu(cpu) {
		const u64 *stat = kcpustat_cpu(cpu).cpustat;

		/* Ticks on those CPUs write them. */
		times.softirq_ns += READ_ONCE(stat[CPUTIME_SOFTIRQ]);
		times.irq_ns += READ_ONCE(stat[CPUTIME_IRQ]);
		times.system_ns += READ_ONCE(stat[CPUTIME_SYSTEM]);
		times.idle_ns += READ_ONCE(stat[CPUTIME_IDLE]);
	}
	return times;
}

/*
 * The idle thread's count, if there is one. Otherwise the kernel's, which is
 * exact if the kernel is tickless, and -1 otherwise. Only of online CPUs: an
 * offline CPU counts as idle, and loses that time when it returns.
 */
static s64 read_idle_ns(const struct fsc_run *run)
{
	s64 sum = 0;
	int cpu;

	if (run->idler.task)
		return fsc_idler_ns(run);
	for_each_online_cpu(cpu) {
		u64 us = get_cpu_idle_time_us(cpu, NULL);

		if (us == -1ULL)
			return -1;
		sum += us * NSEC_PER_USEC;
	}
	return sum;
}

/* Sleep until the phase is over, or someone stops the run. */
static void sleep_phase(struct fsc_run *run, unsigned int ms)
{
	wait_event_idle_timeout(run->wq, READ_ONCE(run->stopping), msecs_to_jiffies(ms));
}

static bool freers_done(struct fsc_run *run)
{
	return READ_ONCE(run->stopping) || !atomic_read(&run->unfinished);
}

static void measure(struct fsc_run *run)
{
	const struct fsc_config *config = &run->config;
	struct fsc_cpu_times times;

	run->cpu_start = read_cpu_times();
	WRITE_ONCE(run->window_from, fsc_clock());
	cpumask_copy(&run->online, cpu_online_mask);
	run->whole_idle_ns = read_idle_ns(run);
	set_phase(run, FSC_MEASURE);
	if (config->max_turnovers)
		wait_event_idle(run->wq, freers_done(run));
	else if (config->duration_ms)
		sleep_phase(run, config->duration_ms);
	else
		wait_event_idle(run->wq, READ_ONCE(run->stopping));
	if (config->max_turnovers)
		run->window_complete = !atomic_read(&run->unfinished);
	else
		run->window_complete = !READ_ONCE(run->stopping) || !config->duration_ms;
	WRITE_ONCE(run->window_to, fsc_clock());
	set_phase(run, FSC_STOP);
	times = read_cpu_times();
	run->cpu_used = (struct fsc_cpu_times) {
		.softirq_ns	= times.softirq_ns - run->cpu_start.softirq_ns,
		.irq_ns		= times.irq_ns - run->cpu_start.irq_ns,
		.system_ns	= times.system_ns - run->cpu_start.system_ns,
		.idle_ns	= times.idle_ns - run->cpu_start.idle_ns,
	};
}

/* Wait until all that was freed in the window is reusable, and measure how long that takes. */
static void settle(struct fsc_run *run)
{
	u64 from = fsc_clock();
	s64 idle_ns;

	fsc_limbo_settle(run, NULL);
	WRITE_ONCE(run->drain_ns, max(fsc_clock_since(from), 1ULL));
	idle_ns = read_idle_ns(run);
	run->whole_ns = fsc_clock() - run->window_from;
	if (idle_ns < 0 || !cpumask_equal(&run->online, cpu_online_mask))
		run->whole_idle_ns = -1;
	else
		run->whole_idle_ns = idle_ns - run->whole_idle_ns;
}

static int fsc_controller(void *arg)
{
	struct fsc_run *run = arg;

	wait_event_idle(run->wq, atomic_read(&run->arrived) == run->nr_threads);
	if (!run->config.max_turnovers) {
		set_phase(run, FSC_WARMUP);
		sleep_phase(run, run->config.warmup_ms);
	}
	measure(run);
	fsc_threads_stop(run);
	fsc_sampler_stop(run);
	fsc_gp_probe_stop(run);

	set_phase(run, FSC_DRAIN);
	settle(run);
	fsc_idler_stop(run);
	fsc_run_depopulate(run);
	fsc_limbo_settle(run, NULL);

	set_phase(run, FSC_CHECK);
	fsc_run_release(run);
	set_phase(run, FSC_DONE);
	/* Order the phase before the count; pairs with the acquire in fsc_run_stop(). */
	smp_mb__before_atomic();
	atomic_inc(&fsc_nr_ended);
	wake_up_all(&fsc_ended);
	complete_all(&run->ended);
	return 0;
}

static int start_kthreads(struct fsc_run *run)
{
	int err;

	set_phase(run, FSC_START);
	err = fsc_threads_start(run);
	if (err)
		return err;
	err = fsc_sampler_start(run);
	if (err)
		return err;
	err = fsc_gp_probe_start(run);
	if (err)
		return err;
	err = fsc_idler_start(run);
	if (err)
		return err;
	err = fsc_kthread_create(&run->controller, fsc_controller, run, NUMA_NO_NODE,
				 "fsc_controller");
	if (!err)
		wake_up_process(run->controller);
	return err;
}

/*
 * Wait for the controller, which ends by itself. kthread_stop() alone is not
 * enough: a controller that has not run yet would then never run.
 */
static void reap(struct fsc_run *run)
{
	if (run->controller)
		wait_for_completion(&run->ended);
	fsc_kthread_stop(&run->controller);
}

/**
 * fsc_run_start - create a run from the parameters and start it
 *
 * Context: Process context, fsc_lock held; sleeps while the folios are allocated.
 * Return: 0 if the run was started; -EBUSY if one is active; -EINVAL, -ENOMEM, -EINTR, or
 * -EAGAIN if there is no kthread. On error everything is undone and the previous run's figures
 * are kept.
 */
int fsc_run_start(void)
{
	struct fsc_run *previous = fsc_run, *run;
	int err;

	lockdep_assert_held(&fsc_lock);	/* for fsc_run */
	if (fsc_run_active()) {
		pr_err("start: a run is under way\n");
		return -EBUSY;
	}
	if (previous)
		reap(previous);
	run = kvzalloc_obj(*run, GFP_KERNEL);
	if (!run)
		return -ENOMEM;
	err = fsc_run_set_up(run);
	if (err)
		goto release;
	fsc_run = run;
	set_phase(run, FSC_POPULATE);
	err = fsc_run_populate(run);
	if (err)
		goto drain;
	err = start_kthreads(run);
	if (err)
		goto stop;
	if (previous)
		fsc_run_free(previous);
	return 0;

stop:
	set_phase(run, FSC_STOP);
	fsc_threads_stop(run);
	fsc_sampler_stop(run);
	fsc_gp_probe_stop(run);
	fsc_idler_stop(run);
drain:
	fsc_run_depopulate(run);
	fsc_limbo_settle(run, NULL);
	fsc_run = previous;
	WRITE_ONCE(fsc_state, previous ? FSC_DONE : FSC_IDLE);
release:
	fsc_run_release(run);
	/* Nobody reads the figures of a run that did not start. */
	WARN_ON_ONCE(run->path_leaked || !run->cache_empty);
	fsc_run_free(run);
	return err;
}

/**
 * fsc_run_stop - end the active run, if there is one
 *
 * Context: Process context, fsc_lock not held; sleeps until the run is drained.
 * Return: 0, or an error for a fatal signal; the run then ends by itself.
 */
int fsc_run_stop(void)
{
	int ended;

	if (mutex_lock_killable(&fsc_lock))
		return -EINTR;
	/*
	 * Read the count before the phase: if the run is counted, its phase is seen as
	 * done. Pairs with the barrier in fsc_controller(), which does not take fsc_lock.
	 */
	ended = atomic_read_acquire(&fsc_nr_ended);
	if (!fsc_run_active()) {
		mutex_unlock(&fsc_lock);
		return 0;
	}
	WRITE_ONCE(fsc_run->stopping, true);
	wake_up_all(&fsc_run->wq);
	mutex_unlock(&fsc_lock);
	return wait_event_killable(fsc_ended, atomic_read(&fsc_nr_ended) != ended);
}

/**
 * fsc_run_discard - end the run, wait for it, and free its figures
 *
 * Context: Process context, fsc_lock not held; nobody can start another run.
 */
void fsc_run_discard(void)
{
	struct fsc_run *run;

	mutex_lock(&fsc_lock);
	run = fsc_run;
	if (run) {
		WRITE_ONCE(run->stopping, true);
		wake_up_all(&run->wq);
		reap(run);
		fsc_run_free(run);
		fsc_run = NULL;
	}
	mutex_unlock(&fsc_lock);
}
