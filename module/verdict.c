// SPDX-License-Identifier: GPL-2.0
/* The verdict on a run. */
#include <linux/array_size.h>
#include <linux/cpumask.h>
#include <linux/minmax.h>

#include <folioscale/protocol.h>
#include <folioscale/run.h>
#include <folioscale/verdict.h>

/**
 * fsc_verdict_name - name of a verdict
 * @verdict: the verdict
 *
 * Context: Any.
 * Return: PASS, FAIL or INCONCLUSIVE.
 */
const char *fsc_verdict_name(enum fsc_verdict verdict)
{
	static const char *const names[] = {
		[FSC_PASS] = "PASS",
		[FSC_FAIL] = "FAIL",
		[FSC_INCONCLUSIVE] = "INCONCLUSIVE",
	};

	return names[verdict];
}

static bool balanced(const struct fsc_run *run)
{
	struct fsc_released released = fsc_limbo_released(run);
	u64 allocated = fsc_run_count(run, FSC_ALLOCS);

	/* With kfree_rcu() the released count is no proof; only the empty cache is. */
	return run->cache_empty && !run->path_leaked && released.descriptors == allocated &&
	       released.folios == allocated &&
	       released.pages == fsc_run_count(run, FSC_FREED_PAGES);
}

static bool all_measured(const struct fsc_run *run)
{
	unsigned int i;

	for (i = 0; i < run->nr_threads; i++) {
		if (!fsc_thread_measured(run->threads[i]))
			return false;
	}
	return true;
}

static bool any_moved(const struct fsc_run *run)
{
	unsigned int i;

	for (i = 0; i < run->nr_threads; i++) {
		if (READ_ONCE(run->threads[i]->moved))
			return true;
	}
	return false;
}

/* How often a reader and a freer were seen at the same folio. */
static u64 encounters(const struct fsc_run *run)
{
	static const enum fsc_counter seen[] = {
		FSC_RECHECK_MOVED, FSC_RECHECK_EMPTY, FSC_HAZARD_MOVED, FSC_SEQ_RETRIES,
		FSC_FALLBACK_ZERO, FSC_FALLBACK_MEMDESC, FSC_FALLBACK_PMD, FSC_FALLBACK_PTE,
		FSC_OUTSIDE, FSC_STALE_HELD, FSC_FREEZE_BUSY, FSC_LAST_PUTS_BY_READER,
	};
	unsigned int i;
	u64 sum = 0;

	/* A walker also meets free hugetlb folios, whose count is zero. */
	if (!fsc_paths[run->config.path]->walks)
		sum = fsc_run_count(run, FSC_TRYGET_ZERO);
	for (i = 0; i < ARRAY_SIZE(seen); i++)
		sum += fsc_run_count(run, seen[i]);
	return sum;
}

/*
 * Readers and freers choose folios at random, and a lookup spends a tenth of its
 * time with its folio; a hundredth if that is short beside the walk to the next
 * one, or if a lock keeps freers away. After so many frees that is 100 encounters
 * at the least, or 10 if the host gives readers a tenth of the time.
 */
static bool encounters_expected(const struct fsc_run *run)
{
	u64 readers = min(run->config.nr_readers, cpumask_weight(&run->reader_cpus));

	/* By duty percent of the time */
	return fsc_run_count(run, FSC_FREES) * readers * run->config.duty >=
	       100 * 10000ULL * run->nr_keys;
}

/**
 * fsc_judge - the verdict on a run and its reason
 * @run: any run
 * @ended: the run has ended
 *
 * A run that has not ended has no verdict yet. A run that could not have shown
 * the bug it looks for has not passed.
 *
 * Context: Process context, fsc_lock held.
 * Return: The verdict.
 */
struct fsc_judgement fsc_judge(const struct fsc_run *run, bool ended)
{
	const struct fsc_protocol *protocol = run->loops->protocol;
	const struct fsc_config *config = &run->config;
	const char *met = "";

	if (atomic64_read(&run->violations.count))
		return (struct fsc_judgement){ FSC_FAIL, "violations" };
	if (!ended)
		return (struct fsc_judgement){ FSC_INCONCLUSIVE, "the run has not ended" };
	if (!balanced(run))
		return (struct fsc_judgement){ FSC_FAIL, "what was allocated was not all freed" };
	if (!run->window_complete)
		return (struct fsc_judgement){ FSC_INCONCLUSIVE,
			"stopped before the window ended" };
	if (any_moved(run))
		return (struct fsc_judgement){ FSC_INCONCLUSIVE,
			"a thread ran elsewhere: its CPU went offline" };
	if (!all_measured(run))
		return (struct fsc_judgement){ FSC_INCONCLUSIVE,
			"a thread did not run in the window" };
	if (config->nr_readers && !fsc_run_window_count(run, FSC_HITS))
		return (struct fsc_judgement){ FSC_INCONCLUSIVE,
			"vacuous: no lookup in the window found a folio" };
	if (config->nr_freers && !fsc_run_window_count(run, FSC_TURNOVERS))
		return (struct fsc_judgement){ FSC_INCONCLUSIVE, "no turnover in the window" };
	if (protocol->freeing.reused_before_gp && config->nr_freers &&
	    config->poison && config->churn != FSC_CHURN_REFREEZE &&
	    !fsc_run_count(run, FSC_RECYCLED_OTHER_KEY))
		return (struct fsc_judgement){ FSC_INCONCLUSIVE,
			"vacuous: no descriptor came back under another key" };
	if (config->nr_readers && config->nr_freers && !encounters(run)) {
		if (encounters_expected(run))
			return (struct fsc_judgement){ FSC_INCONCLUSIVE,
				"vacuous: no reader had a folio that was being freed" };
		met = "no reader had a folio that was being freed";
	}
	if (protocol->bug.for_checkers)
		return (struct fsc_judgement){ FSC_INCONCLUSIVE,
			"the negative control is for the kernel's checkers to report" };
	if (protocol->bug.name)
		return (struct fsc_judgement){ FSC_INCONCLUSIVE,
			"the negative control showed no violation" };
	return (struct fsc_judgement){ FSC_PASS,
		config->nr_readers ? met : "no reader: only the balance was checked" };
}
