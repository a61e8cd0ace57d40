// SPDX-License-Identifier: GPL-2.0
/* The controller: the kthread that takes a run through its phases. */
#include <linux/cpumask.h>
#include <linux/kernel_stat.h>
#include <linux/minmax.h>
#include <linux/tick.h>
#include <linux/wait.h>

#include <folioscale/clock.h>
#include <folioscale/gp_probe.h>
#include <folioscale/idler.h>
#include <folioscale/limbo.h>
#include <folioscale/run.h>

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
	fsc_run_set_phase(run, FSC_MEASURE);
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
	fsc_run_set_phase(run, FSC_STOP);
	times = read_cpu_times();
	run->cpu_used = (struct fsc_cpu_times) {
		.softirq_ns	= times.softirq_ns - run->cpu_start.softirq_ns,
		.irq_ns		= times.irq_ns - run->cpu_start.irq_ns,
		.system_ns	= times.system_ns - run->cpu_start.system_ns,
		.idle_ns	= times.idle_ns - run->cpu_start.idle_ns,
	};
}

/* Wait until all that was freed in the window is reusable, and measure how long that takes. */
static void flush(struct fsc_run *run)
{
	u64 from = fsc_clock();
	s64 idle_ns;

	fsc_limbo_flush(run, NULL);
	WRITE_ONCE(run->drain_ns, max(fsc_clock_since(from), 1ULL));
	idle_ns = read_idle_ns(run);
	run->whole_ns = fsc_clock() - run->window_from;
	if (idle_ns < 0 || !cpumask_equal(&run->online, cpu_online_mask))
		run->whole_idle_ns = -1;
	else
		run->whole_idle_ns = idle_ns - run->whole_idle_ns;
}

/**
 * fsc_controller - take a run through its phases, from the arrival of its threads to its end
 * @arg: the run
 *
 * Context: A kthread of the run; sleeps. It takes no lock: only it writes the phase and what is
 * computed at the end of a run.
 * Return: 0.
 */
int fsc_controller(void *arg)
{
	struct fsc_run *run = arg;

	wait_event_idle(run->wq, atomic_read(&run->arrived) == run->nr_threads);
	if (!run->config.max_turnovers) {
		fsc_run_set_phase(run, FSC_WARMUP);
		sleep_phase(run, run->config.warmup_ms);
	}
	measure(run);
	fsc_threads_stop(run);
	fsc_sampler_stop(run);
	fsc_gp_probe_stop(run);

	fsc_run_set_phase(run, FSC_DRAIN);
	flush(run);
	fsc_idler_stop(run);
	fsc_run_depopulate(run);
	fsc_limbo_flush(run, NULL);

	fsc_run_set_phase(run, FSC_CHECK);
	fsc_run_release(run);
	fsc_run_end(run);
	return 0;
}
