// SPDX-License-Identifier: GPL-2.0
/* The figures of a run: a name and a number on each line, and the series. */
#include <linux/math64.h>
#include <linux/mm.h>
#include <linux/seq_file.h>
#include <linux/slab.h>

#include <folioscale/clock.h>
#include <folioscale/shadow.h>

static void line(struct seq_file *m, const char *name, u64 value)
{
	seq_printf(m, "%s %llu\n", name, value);
}

static u64 ratio(u64 a, u64 scale, u64 b)
{
	return b ? mul_u64_u64_div_u64(a, scale, b) : 0;
}

/* The level that was not exceeded at the end of 99% of the epochs: the top of its bucket. */
static u64 p99(const struct fsc_hist *hist)
{
	u64 above = div_u64(READ_ONCE(hist->count), 100), seen = READ_ONCE(hist->overflow);
	unsigned int i;

	for (i = FSC_HIST_BUCKETS; i--;) {
		seen += READ_ONCE(hist->buckets[i]);
		if (seen > above)
			return min(fsc_hist_low(i + 1) - 1, READ_ONCE(hist->max));
	}
	return 0;
}

static u64 descriptor_bytes(u64 descriptors)
{
	return DIV_ROUND_UP_ULL(descriptors, FSC_SHADOW_DESCRIPTORS_A_PAGE) * PAGE_SIZE;
}

static void show_kinds(struct seq_file *m, const struct fsc_shadow_counts *counts)
{
	unsigned int kind, order;

	for (kind = 0; kind < FSC_SHADOW_KINDS; kind++) {
		u64 freed = 0, pages = 0;

		for (order = 0; order < NR_PAGE_ORDERS; order++) {
			freed += counts->nr[kind][order];
			pages += counts->nr[kind][order] << order;
		}
		seq_printf(m, "freed_%s %llu\npages_%s %llu\n", fsc_shadow_kinds[kind], freed,
			   fsc_shadow_kinds[kind], pages);
		for (order = 0; order < NR_PAGE_ORDERS; order++)
			seq_printf(m, "freed_%s_order%u %llu\n", fsc_shadow_kinds[kind], order,
				   counts->nr[kind][order]);
	}
}

static void show_model(struct seq_file *m, const char *name, const struct fsc_shadow_level *of,
		       u64 us)
{
	u64 peak = READ_ONCE(of->peak);

	seq_printf(m, "model_%s_peak %llu\nmodel_%s_peak_bytes %llu\n", name, peak, name,
		   descriptor_bytes(peak));
	seq_printf(m, "model_%s_mean_bytes %llu\n", name,
		   descriptor_bytes(ratio(READ_ONCE(of->sum), 1, us)));
}

static void show_limbo(struct seq_file *m, const struct fsc_shadow *shadow, u64 us)
{
	u64 peak = READ_ONCE(shadow->folios.peak), pages_peak = READ_ONCE(shadow->pages.peak);
	u64 sum = READ_ONCE(shadow->folios.sum), pages_sum = READ_ONCE(shadow->pages.sum);
	u64 folios = DIV_ROUND_UP_ULL(peak, FSC_SHADOW_DESCRIPTORS_A_PAGE);
	u64 memory = totalram_pages();

	line(m, "option2_now", READ_ONCE(shadow->folios.now));
	line(m, "option2_peak", peak);
	line(m, "option2_p99", p99(&shadow->folios_hist));
	line(m, "option2_mean_milli", ratio(sum, 1000, us));
	line(m, "option2_peak_bytes", descriptor_bytes(peak));
	line(m, "option2_p99_bytes", descriptor_bytes(p99(&shadow->folios_hist)));
	line(m, "option2_mean_bytes", descriptor_bytes(ratio(sum, 1, us)));
	line(m, "option2_peak_of_memory_ppm", ratio(folios, 1000000, memory));
	line(m, "option2_peak_of_free_ppm", READ_ONCE(shadow->folios_of_free_ppm));
	line(m, "option3_now", READ_ONCE(shadow->pages.now));
	line(m, "option3_peak", pages_peak);
	line(m, "option3_p99", p99(&shadow->pages_hist));
	line(m, "option3_mean_milli", ratio(pages_sum, 1000, us));
	line(m, "option3_peak_bytes", pages_peak * PAGE_SIZE);
	line(m, "option3_p99_bytes", p99(&shadow->pages_hist) * PAGE_SIZE);
	line(m, "option3_mean_bytes", ratio(pages_sum, PAGE_SIZE, us));
	line(m, "option3_peak_of_memory_ppm", ratio(pages_peak, 1000000, memory));
	line(m, "option3_peak_of_free_ppm", READ_ONCE(shadow->pages_of_free_ppm));
	show_model(m, "kfree_rcu", &shadow->models[FSC_SHADOW_OLD], us);
	show_model(m, "sheaves", &shadow->models[FSC_SHADOW_SHEAVES], us);
	show_model(m, "bounded", &shadow->models[FSC_SHADOW_BOUNDED], us);
	line(m, "model_bounded_waits", READ_ONCE(shadow->bounded_over));
}

static void show_memory(struct seq_file *m, const struct fsc_shadow *shadow, u64 us)
{
	u64 least = READ_ONCE(shadow->free_least);

	line(m, "page_bytes", PAGE_SIZE);
	line(m, "memory_bytes", (u64)totalram_pages() * PAGE_SIZE);
	line(m, "free_least_bytes", least == U64_MAX ? 0 : least * PAGE_SIZE);
	line(m, "free_mean_bytes",
	     ratio(READ_ONCE(shadow->free_sum), PAGE_SIZE * FSC_SHADOW_FREE_SCALE, us));
	line(m, "low_bytes", READ_ONCE(shadow->low) * PAGE_SIZE);
	line(m, "min_bytes", READ_ONCE(shadow->min) * PAGE_SIZE);
	line(m, "is_below_low_us", READ_ONCE(shadow->is_below_low_us));
	line(m, "is_below_min_us", READ_ONCE(shadow->is_below_min_us));
	line(m, "option3_below_low_us", READ_ONCE(shadow->below_low_us));
	line(m, "option3_below_min_us", READ_ONCE(shadow->below_min_us));
	line(m, "option3_none_left_us", READ_ONCE(shadow->none_left_us));
}

/* A run that is not over has seen pgfree only at its start. */
static void show_pgfree(struct seq_file *m, const struct fsc_shadow *shadow)
{
	if (!shadow->stopped)
		return;
	line(m, "pgfree_counted", shadow->pgfree_pages);
	line(m, "pgfree_least", shadow->pgfree[1][0] - shadow->pgfree[0][1]);
	line(m, "pgfree_most", shadow->pgfree[1][1] - shadow->pgfree[0][0]);
}

/**
 * fsc_shadow_summary - print the figures of a run
 * @m: output
 * @shadow: the run; it may be active
 *
 * Context: Process context, fsc_shadow_lock held.
 */
void fsc_shadow_summary(struct seq_file *m, const struct fsc_shadow *shadow)
{
	static const char *const states[] = {
		[FSC_SHADOW_RUN]	= "run",
		[FSC_SHADOW_DRAIN]	= "drain",
		[FSC_SHADOW_DONE]	= "done",
	};
	u64 us = READ_ONCE(shadow->us), until = shadow->stopped ?: fsc_clock();
	u64 least = READ_ONCE(shadow->gp_hist.min), waited = READ_ONCE(shadow->waited_us);
	u64 ended = READ_ONCE(shadow->ended);
	static struct fsc_shadow_counts sum;

	lockdep_assert_held(&fsc_shadow_lock);
	fsc_shadow_sum(shadow, &sum);
	seq_printf(m, "state %s\n", states[shadow->state]);
	line(m, "window_us", us);
	line(m, "freed_folios", sum.folios);
	line(m, "freed_pages", sum.pages);
	line(m, "entered_folios", READ_ONCE(shadow->entered_folios));
	line(m, "entered_pages", READ_ONCE(shadow->entered_pages));
	line(m, "left_folios", READ_ONCE(shadow->left_folios));
	line(m, "left_pages", READ_ONCE(shadow->left_pages));
	line(m, "folios_per_second", ratio(sum.folios, USEC_PER_SEC, us));
	line(m, "pages_per_second", ratio(sum.pages, USEC_PER_SEC, us));
	line(m, "folios_per_second_peak", READ_ONCE(shadow->rate_folios_peak));
	line(m, "pages_per_second_peak", READ_ONCE(shadow->rate_pages_peak));
	show_limbo(m, shadow, us);
	show_memory(m, shadow, us);
	line(m, "grace_periods", READ_ONCE(shadow->gp_hist.count));
	line(m, "grace_period_wait_ns_least", least == U64_MAX ? 0 : least);
	line(m, "grace_period_wait_ns_p99", p99(&shadow->gp_hist));
	line(m, "grace_period_wait_ns_most", READ_ONCE(shadow->gp_hist.max));
	line(m, "waited_us", waited);
	line(m, "wait_us_mean", ratio(waited, 1, READ_ONCE(shadow->left_folios)));
	line(m, "option2_us", READ_ONCE(shadow->folios.sum) + READ_ONCE(shadow->folios.drain_sum));
	line(m, "drain_us", ended ? div_u64(ended - shadow->stopped, 1000) : 0);
	show_pgfree(m, shadow);
	show_kinds(m, &sum);
	line(m, "epochs", READ_ONCE(shadow->epochs));
	line(m, "epochs_with_frees", READ_ONCE(shadow->epochs_with_frees));
	line(m, "epoch_late_us_most", READ_ONCE(shadow->late_us_max));
	line(m, "squeezed", READ_ONCE(shadow->squeezed));
	line(m, "cost_probe_ns", shadow->probe_ns);
	line(m, "cost_free_ns_without", shadow->free_ns_without);
	line(m, "cost_free_ns_with", shadow->free_ns_with);
	line(m, "cost_epochs_ppm_of_a_cpu",
	     ratio(READ_ONCE(shadow->tick_ns), 1000000, until - shadow->started));
}

/**
 * fsc_shadow_series - print the series, a row a line
 * @m: output
 * @shadow: the run; it may be active
 *
 * Context: Process context, fsc_shadow_lock held, may sleep.
 * Return: 0 or -ENOMEM.
 */
int fsc_shadow_series(struct seq_file *m, struct fsc_shadow *shadow)
{
	struct fsc_shadow_row *rows = kvcalloc(shadow->max_rows, sizeof(*rows), GFP_KERNEL);
	unsigned int i, nr_rows;

	if (!rows)
		return -ENOMEM;
	/* The kthread waits for this lock. */
	mutex_lock(&shadow->series_lock);
	nr_rows = shadow->nr_rows;
	memcpy(rows, shadow->rows, nr_rows * sizeof(*rows));
	mutex_unlock(&shadow->series_lock);
	seq_puts(m, "end_us us folios pages limbo_folios_mean limbo_folios_peak limbo_pages_mean limbo_pages_peak free_least below_low_us below_min_us grace_periods\n");
	for (i = 0; i < nr_rows; i++) {
		const struct fsc_shadow_row *row = &rows[i];

		seq_printf(m, "%llu %llu %llu %llu %llu %llu %llu %llu %llu %llu %llu %llu\n",
			   row->end_us, row->us, row->folios, row->pages,
			   ratio(row->limbo_folios_sum, 1, row->us), row->limbo_folios_peak,
			   ratio(row->limbo_pages_sum, 1, row->us), row->limbo_pages_peak,
			   row->free_least == U64_MAX ? 0 : row->free_least, row->below_low_us,
			   row->below_min_us, row->grace_periods);
	}
	kvfree(rows);
	return 0;
}
