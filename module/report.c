// SPDX-License-Identifier: GPL-2.0
/* run.json: all figures of a run. */
#include <linux/mm.h>
#include <linux/seq_file.h>
#include <linux/utsname.h>

#include <folioscale/folio.h>
#include <folioscale/protocol.h>
#include <folioscale/report.h>
#include <folioscale/run.h>
#include <folioscale/verdict.h>

#define SCHEMA	1

static void show_counters(struct seq_file *m, const struct fsc_counters *end,
			  const struct fsc_counters *start)
{
	unsigned int i;

	seq_putc(m, '{');
	for (i = 0; i < FSC_NR_COUNTERS; i++)
		seq_printf(m, "%s\"%s\": %llu", i ? ", " : "", fsc_counter_info[i].name,
			   end->value[i] - start->value[i]);
	seq_putc(m, '}');
}

static void show_window_counters(struct seq_file *m, const struct fsc_run *run)
{
	struct fsc_counters sum, none = {};
	unsigned int i;

	for (i = 0; i < FSC_NR_COUNTERS; i++)
		sum.value[i] = fsc_run_window_count(run, i);
	show_counters(m, &sum, &none);
}

/* Sum over threads of count / time; each thread has its own window. */
static u64 rate(const struct fsc_run *run, enum fsc_counter which)
{
	unsigned int i;
	u64 sum = 0;

	for (i = 0; i < run->nr_threads; i++) {
		const struct fsc_thread *t = run->threads[i];
		u64 ns = t->end.clock - t->start.clock;
		u64 n = t->end.counters.value[which] - t->start.counters.value[which];

		if (ns)
			sum += mul_u64_u64_div_u64(n, NSEC_PER_SEC, ns);
	}
	return sum;
}

/* The threads' windows: mean length, and how well they overlap. */
static void show_window(struct seq_file *m, const struct fsc_run *run)
{
	u64 first_start = U64_MAX, last_start = 0, first_end = U64_MAX, last_end = 0, sum = 0;
	unsigned int i, measured = 0;
	u64 overlap = 0;

	for (i = 0; i < run->nr_threads; i++) {
		const struct fsc_thread *t = run->threads[i];

		if (!fsc_thread_measured(t))
			continue;
		measured++;
		first_start = min(first_start, t->start.clock);
		last_start = max(last_start, t->start.clock);
		first_end = min(first_end, t->end.clock);
		last_end = max(last_end, t->end.clock);
		sum += t->end.clock - t->start.clock;
	}
	if (measured && first_end > last_start)
		overlap = mul_u64_u64_div_u64(first_end - last_start, 1000000,
					      last_end - first_start);
	seq_printf(m, "\"window\": {\"window_ns\": %llu, \"overlap_ppm\": %llu, \"start_skew_ns\": %llu, \"complete\": %d, ",
		   measured ? div_u64(sum, measured) : 0, overlap,
		   measured ? last_start - first_start : 0,
		   run->window_complete);
	seq_printf(m, "\"whole_ns\": %llu, \"whole_idle_ns\": ", run->whole_ns);
	if (run->whole_idle_ns < 0)
		seq_puts(m, "null");
	else
		seq_printf(m, "%lld", run->whole_idle_ns);
	seq_printf(m, ", \"whole_turnovers\": %llu, \"drain_ns\": %llu, \"throttled\": %d},\n",
		   fsc_run_count(run, FSC_TURNOVERS), run->drain_ns,
		   READ_ONCE(run->limbo.throttled));
}

static void show_threads(struct seq_file *m, const struct fsc_run *run)
{
	unsigned int i;

	seq_puts(m, "\"threads\": [\n");
	for (i = 0; i < run->nr_threads; i++) {
		const struct fsc_thread *t = run->threads[i];

		seq_printf(m, " {\"name\": \"%s/%u\", \"cpu\": %d, \"moved\": %d, \"start_ns\": %llu, \"end_ns\": %llu, \"cpu_ns\": %llu, \"counters\": ",
			   fsc_role_name(t->role), t->nr, t->cpu, t->moved,
			   t->start.clock - run->started, t->end.clock - run->started,
			   t->end.cpu_ns - t->start.cpu_ns);
		show_counters(m, &t->end.counters, &t->start.counters);
		seq_printf(m, "}%s\n", i + 1 < run->nr_threads ? "," : "");
	}
	seq_puts(m, "],\n");
}

/**
 * fsc_report_hist_json - print a histogram as a JSON object
 * @m: output
 * @hist: a histogram that nobody writes
 *
 * Context: Process context.
 */
void fsc_report_hist_json(struct seq_file *m, const struct fsc_hist *hist)
{
	const char *comma = "";
	unsigned int i;

	seq_printf(m, "{\"count\": %llu, ", hist->count);
	if (hist->count)
		seq_printf(m, "\"min_ns\": %llu, \"max_ns\": %llu, ", hist->min, hist->max);
	else
		seq_puts(m, "\"min_ns\": null, \"max_ns\": null, ");
	seq_printf(m, "\"overflow\": %llu, \"buckets\": [", hist->overflow);
	for (i = 0; i < FSC_HIST_BUCKETS; i++) {
		if (!hist->buckets[i])
			continue;
		seq_printf(m, "%s[%llu, %llu, %llu]", comma, fsc_hist_low(i), fsc_hist_low(i + 1),
			   hist->buckets[i]);
		comma = ", ";
	}
	seq_puts(m, "]}");
}

/**
 * fsc_report_latency - sum up a latency over the threads
 * @run: the run
 * @which: which latency
 *
 * Context: Process context, fsc_lock held.
 * Return: A histogram; the next call overwrites it.
 */
const struct fsc_hist *fsc_report_latency(const struct fsc_run *run, unsigned int which)
{
	/* Too large for the stack; protected by fsc_lock. */
	static struct fsc_hist sum;
	unsigned int i;

	lockdep_assert_held(&fsc_lock);
	fsc_hist_reset(&sum);
	if (which == FSC_LAT_GP) {
		fsc_hist_merge(&sum, &run->gp_latency);
		return &sum;
	}
	for (i = 0; i < run->nr_threads; i++)
		fsc_hist_merge(&sum, &run->threads[i]->latency[which]);
	return &sum;
}

static void show_latencies(struct seq_file *m, const struct fsc_run *run)
{
	unsigned int i;

	seq_puts(m, "\"latency\": {\n");
	for (i = 0; i < FSC_NR_LATENCIES; i++) {
		seq_printf(m, " \"%s\": ", fsc_latency_names[i]);
		fsc_report_hist_json(m, fsc_report_latency(run, i));
		seq_puts(m, i + 1 < FSC_NR_LATENCIES ? ",\n" : "\n");
	}
	seq_puts(m, "},\n");
}

/* Failed tries, up to the last try that ever failed. */
static void show_tries(struct seq_file *m, const struct fsc_run *run)
{
	u64 sum[FSC_MAX_TRIES] = {};
	unsigned int i, j, n = 0;

	for (i = 0; i < run->nr_threads; i++)
		for (j = 0; j < FSC_MAX_TRIES; j++)
			sum[j] += READ_ONCE(run->threads[i]->tries[j]);
	for (j = 0; j < FSC_MAX_TRIES; j++)
		n = sum[j] ? j + 1 : n;
	seq_puts(m, "\"tries\": [");
	for (j = 0; j < n; j++)
		seq_printf(m, "%s%llu", j ? ", " : "", sum[j]);
	seq_puts(m, "],\n");
}

static void show_mean(struct seq_file *m, const char *name, u64 sum, u64 us, u64 scale)
{
	if (us)
		seq_printf(m, "\"%s\": %llu, ", name, mul_u64_u64_div_u64(sum, scale, us));
	else
		seq_printf(m, "\"%s\": null, ", name);
}

/* What Little's law needs to compute the mean limbo from waiting times alone. */
static void show_waits(struct seq_file *m, const struct fsc_run *run)
{
	u64 from = READ_ONCE(run->window_from), to = READ_ONCE(run->window_to);
	struct fsc_released sum = fsc_limbo_released(run);
	u64 frees = 0;
	unsigned int i;

	if (!sum.timed || !to) {
		seq_puts(m, "\"waits\": null},\n");
		return;
	}
	/* Without the main thread, which only drains: see fsc_limbo_note_wait(). */
	for (i = 0; i < run->nr_threads; i++)
		frees += fsc_counter_read(&run->threads[i]->counters, FSC_FREES);
	seq_printf(m, "\"waits\": %llu, \"frees\": %llu, \"window_ns\": %llu, \"waited_ns\": %llu, \"released\": %llu, \"wait_ns\": %llu},\n",
		   sum.timed, frees, to - from, sum.waited_ns, sum.ended,
		   sum.wait_ns);
}

/* How kfree_rcu()'s descriptors are known to be free. */
static const char *bound_name(const struct fsc_run *run)
{
	if (run->deferral != FSC_DEFER_KFREE_RCU)
		return "none";
	return run->markers.every ? "markers" : "flushed";
}

static void show_limbo(struct seq_file *m, const struct fsc_run *run)
{
	const struct fsc_limbo *limbo = &run->limbo;
	u64 descriptors = atomic64_read(&limbo->peak_descriptors);
	u64 folios = atomic64_read(&limbo->peak_folios);
	u64 pages = atomic64_read(&limbo->peak_pages);
	u64 us = READ_ONCE(limbo->summed_us);

	seq_printf(m, "\"limbo\": {\"exact\": %d, \"bound\": \"%s\", \"marker_every\": %u, \"bound_above\": %lld, \"descriptor_objects_peak\": %llu, \"page_objects_peak\": %llu, \"descriptor_bytes_peak\": %llu, \"page_bytes_peak\": %llu, ",
		   run->deferral != FSC_DEFER_KFREE_RCU, bound_name(run),
		   run->markers.every, atomic64_read(&limbo->bound_above), descriptors, folios,
		   descriptors * sizeof(struct fsc_folio), pages * PAGE_SIZE);
	show_mean(m, "descriptor_objects_mean_milli", READ_ONCE(limbo->sum.descriptors), us, 1000);
	show_mean(m, "page_objects_mean_milli", READ_ONCE(limbo->sum.folios), us, 1000);
	show_mean(m, "descriptor_bytes_mean", READ_ONCE(limbo->sum.descriptors), us,
		  sizeof(struct fsc_folio));
	show_mean(m, "page_bytes_mean", READ_ONCE(limbo->sum.pages), us, PAGE_SIZE);
	seq_printf(m, "\"samples\": %llu, ", READ_ONCE(limbo->samples));
	show_waits(m, run);
}

static void show_series(struct seq_file *m, struct fsc_run *run)
{
	struct fsc_sampler *sampler = &run->sampler;
	unsigned int i, j;

	seq_puts(m, "\"series\": {\"columns\": [");
	for (j = 0; j < FSC_NR_COLUMNS; j++)
		seq_printf(m, "%s\"%s\"", j ? ", " : "", fsc_series_names[j]);
	seq_puts(m, "], \"rows\": [\n");
	mutex_lock(&sampler->lock);
	for (i = 0; i < sampler->nr_rows; i++) {
		seq_puts(m, i ? ",\n[" : "[");
		for (j = 0; j < FSC_NR_COLUMNS; j++)
			seq_printf(m, "%s%llu", j ? "," : "", sampler->rows[i].value[j]);
		seq_putc(m, ']');
	}
	mutex_unlock(&sampler->lock);
	seq_puts(m, "]},\n");
}

static void show_violations(struct seq_file *m, const struct fsc_run *run)
{
	const char *comma = "";
	unsigned int i;

	seq_puts(m, "\"violations\": [");
	for (i = 0; i < FSC_VIOLATIONS_KEPT; i++) {
		const struct fsc_violation *v = &run->violations.first[i];

		/* Pairs with the release in violation.c. */
		if (!smp_load_acquire(&v->complete))
			continue;
		seq_printf(m, "%s\n {\"key\": %llu, \"generation\": %llu, \"what\": \"%s\", \"expected\": %llu, \"found\": %llu}",
			   comma, v->key, v->generation, fsc_violation_names[v->kind],
			   v->expected, v->found);
		comma = ",";
	}
	seq_puts(m, "],\n");
}

static void show_resolved(struct seq_file *m, const struct fsc_run *run)
{
	const struct fsc_protocol *protocol = run->loops->protocol;
	const struct fsc_path *path = fsc_paths[run->config.path];

	seq_printf(m, "\"resolved\": {\"deferral\": \"%s\", \"limbo_max_bytes\": %llu, \"nr_keys\": %u, \"descriptor_bytes\": %zu, \"page_struct_bytes\": %zu, \"page_bytes\": %llu, \"reader_loop\": \"%s\", ",
		   run->deferral == FSC_DEFER_AUTO ? "none" : fsc_deferral_name(run->deferral),
		   run->limbo.max_bytes, run->nr_keys, sizeof(struct fsc_folio),
		   sizeof(struct page), run->page_bytes,
		   run->general ? "general" : "plain");
	seq_printf(m, "\"tryget\": \"%s\", \"refcounted\": %d, \"recheck\": %d, \"locked\": %d, \"holds\": %d, \"copies\": %d, \"hazard\": %d, \"falls_back\": %d, \"walks\": %d},\n",
		   protocol->reader.refcounted ? protocol->refs.name : "none",
		   protocol->reader.refcounted,
		   protocol->reader.recheck, protocol->reader.locked,
		   protocol->reader.refcounted && !protocol->reader.copies,
		   !!protocol->reader.copies, protocol->reader.protects,
		   path->falls_back && !protocol->reader.locked, path->walks);
}

/**
 * fsc_report_json - print a run as a JSON object
 * @m: output
 * @run: any run; prints what there is if it has not ended
 *
 * Context: Process context, fsc_lock held, may sleep.
 */
void fsc_report_json(struct seq_file *m, struct fsc_run *run)
{
	/* Read once: the run may end while it is printed. */
	enum fsc_phase phase = fsc_phase_read(run);
	bool ended = phase == FSC_DONE;
	struct fsc_released released = fsc_limbo_released(run);
	struct fsc_judgement judgement = fsc_judge(run, ended);

	seq_printf(m, "{\"schema\": %d,\n\"state\": \"%s\", \"verdict\": \"%s\", \"reason\": ",
		   SCHEMA, fsc_phase_names[phase], fsc_verdict_name(judgement.verdict));
	fsc_report_string(m, judgement.reason);
	seq_puts(m, ",\n\"params\": ");
	fsc_config_show_json(m, &run->config);
	seq_puts(m, ",\n");
	show_resolved(m, run);
	fsc_report_kernel_json(m);
	seq_puts(m, ",\n");
	seq_printf(m, "\"clock\": {\"name\": \"ktime_get_mono_fast_ns\", \"cost_ns\": %llu},\n",
		   run->clock_cost_ns);
	if (ended) {
		show_window(m, run);
		seq_puts(m, "\"counters\": ");
		show_window_counters(m, run);
		seq_printf(m, ",\n\"rates\": {\"lookups_per_second\": %llu, \"turnovers_per_second\": %llu},\n",
			   rate(run, FSC_LOOKUPS), rate(run, FSC_TURNOVERS));
		show_threads(m, run);
		seq_printf(m, "\"cache_empty\": %d,\n", run->cache_empty);
		seq_printf(m, "\"cpu\": {\"softirq_ns\": %llu, \"irq_ns\": %llu, \"system_ns\": %llu, \"idle_ns\": %llu, \"kworker_ns\": null},\n",
			   run->cpu_used.softirq_ns, run->cpu_used.irq_ns,
			   run->cpu_used.system_ns, run->cpu_used.idle_ns);
	}
	show_latencies(m, run);
	show_tries(m, run);
	show_limbo(m, run);
	show_series(m, run);
	show_violations(m, run);
	seq_printf(m, "\"violations_total\": %lld,\n", atomic64_read(&run->violations.count));
	seq_printf(m, "\"balance\": {\"descriptors_allocated\": %llu, \"descriptors_freed\": %llu, \"folios_allocated\": %llu, \"folios_freed\": %llu, \"pages_freed\": %llu, \"pages_released\": %llu}}\n",
		   fsc_run_count(run, FSC_ALLOCS), released.descriptors,
		   fsc_run_count(run, FSC_ALLOCS), released.folios,
		   fsc_run_count(run, FSC_FREED_PAGES), released.pages);
}
