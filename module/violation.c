// SPDX-License-Identifier: GPL-2.0
/* Records what the oracle saw. */
#include <linux/array_size.h>
#include <linux/build_bug.h>

#include <folioscale/run.h>

#include <trace/events/folioscale.h>

const char *const fsc_violation_names[FSC_NR_VIOLATION_KINDS] = {
	[FSC_BAD_IDENTITY]	= "identity",
	[FSC_BAD_PFN]		= "pfn",
	[FSC_BAD_STAMP]		= "stamp",
	[FSC_BAD_GENERATION]	= "generation",
	[FSC_BAD_LINE]		= "line",
	[FSC_REUSED]		= "reused",
	[FSC_BAD_BOUND]		= "limbo_bound",
};

static_assert(ARRAY_SIZE(fsc_violation_names) == FSC_NR_VIOLATION_KINDS);

/**
 * fsc_violation_keep - count a violation of a run, and keep the first ones
 * @run: the run
 * @kind: what was wrong
 * @key: the key that was looked up, if any
 * @generation: generation of the descriptor that was found, if any
 * @expected: expected value
 * @found: actual value
 *
 * Context: Any.
 */
noinline __cold
void fsc_violation_keep(struct fsc_run *run, enum fsc_violation_kind kind, u64 key,
			u64 generation, u64 expected, u64 found)
{
	struct fsc_violations *violations = &run->violations;
	u64 nr = atomic64_inc_return(&violations->count) - 1;
	struct fsc_violation *v;

	trace_fsc_violation(kind, key, generation, expected, found);
	if (nr >= FSC_VIOLATIONS_KEPT)
		return;
	v = &violations->first[nr];
	v->kind = kind;
	v->key = key;
	v->generation = generation;
	v->expected = expected;
	v->found = found;
	/* Pairs with the acquires in report.c and debugfs.c. */
	smp_store_release(&v->complete, true);
}

/**
 * fsc_violation_record - count a violation seen by a reader
 * @t: the reader that saw it
 * @kind: what was wrong
 * @key: the key it looked up
 * @generation: generation of the descriptor it used
 * @expected: expected value
 * @found: actual value
 *
 * Context: Any.
 */
noinline __cold
void fsc_violation_record(struct fsc_thread *t, enum fsc_violation_kind kind, u64 key,
			  u64 generation, u64 expected, u64 found)
{
	fsc_count(&t->counters, FSC_VIOLATIONS);
	fsc_violation_keep(t->run, kind, key, generation, expected, found);
}
