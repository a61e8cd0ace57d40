// SPDX-License-Identifier: GPL-2.0
/* The trace events, and what the loops call instead of them: see trace.h. */
#include <folioscale/clock.h>
#include <folioscale/layout.h>
#include <folioscale/protocol.h>
#include <folioscale/run.h>
#include <folioscale/stamp.h>
#include <folioscale/trace.h>

#define CREATE_TRACE_POINTS
#include <trace/events/folioscale.h>

/**
 * fsc_retry - count, by which try it was, and trace what kept a lookup from succeeding at once
 * @t: the thread that looks up
 * @why: the counter
 * @key: what it looks up; on the pfn path the frame
 * @tries: how many the lookup has had in this section, this one included
 *
 * Context: Any.
 */
noinline void fsc_retry(struct fsc_thread *t, enum fsc_counter why, u64 key, unsigned int tries)
{
	u64 *tried = &t->tries[min(tries, FSC_MAX_TRIES) - 1];

	fsc_count(&t->counters, why);
	/* A fallback comes on top of the try that failed. Others read this meanwhile. */
	if (why != FSC_SEQ_FALLBACKS)
		WRITE_ONCE(*tried, *tried + 1);
	trace_fsc_retry(key, why, tries);
}

/**
 * fsc_recheck_failed - the same, where a reference was taken in vain
 * @t: the thread that looks up
 * @why: the counter
 * @key: what it looks up; on the pfn path the frame
 * @tries: as above
 * @folio: what the reference is on
 *
 * Context: Any; the caller still has the reference.
 */
noinline void fsc_recheck_failed(struct fsc_thread *t, enum fsc_counter why, u64 key,
				 unsigned int tries, const void *folio)
{
	const struct fsc_protocol *protocol = t->run->loops->protocol;

	fsc_retry(t, why, key, tries);
	if (trace_fsc_recheck_failed_enabled())
		trace_fsc_recheck_failed(key, why, fsc_paths[t->run->config.path]->walks ?
					 fsc_folio_pfn(protocol, folio) :
					 fsc_folio_key(protocol, t->run, folio));
}

/**
 * fsc_trace_fell - a walk of GUP's has fallen back, which is counted already
 * @why: the counter
 * @key: what it looks up
 * @rechecked: it had a reference, and it is known what that was on
 * @found: the key of that
 *
 * Context: Any.
 */
noinline __cold void fsc_trace_fell(enum fsc_counter why, u64 key, bool rechecked, u64 found)
{
	trace_fsc_retry(key, why, 1);
	if (rechecked)
		trace_fsc_recheck_failed(key, why, found);
}

/**
 * fsc_trace_alloc - a folio has been allocated; it is in no slot yet
 * @key: its key
 * @generation: and generation
 * @pfn: first frame
 * @order: log2 of its pages
 * @took_ns: from before the allocation until it could be published
 *
 * Context: Any.
 */
void fsc_trace_alloc(u64 key, u64 generation, unsigned long pfn, unsigned int order, u64 took_ns)
{
	trace_fsc_folio_alloc(key, generation, pfn, order, took_ns);
}

/**
 * fsc_trace_reuse - a descriptor that this run had freed has been allocated again
 * @key: its key now
 * @same_key: the one it had before, too
 * @after_ns: since it was freed
 *
 * Context: Any.
 */
void fsc_trace_reuse(u64 key, bool same_key, u64 after_ns)
{
	trace_fsc_reuse(key, same_key, after_ns);
}

/**
 * fsc_trace_free - a folio is about to be freed, or its free to be deferred
 * @t: the thread that does it
 * @key: its key
 * @pfn: first frame
 * @order: log2 of its pages
 * @limbo_descriptors: how many go into limbo, 0 or 1
 * @limbo_pages: and pages
 *
 * Context: Any.
 */
void fsc_trace_free(const struct fsc_thread *t, u64 key, unsigned long pfn, unsigned int order,
		    unsigned int limbo_descriptors, unsigned int limbo_pages)
{
	trace_fsc_folio_free(key, pfn, order, limbo_descriptors, limbo_pages, t->run->deferral,
			     t->role);
}

/**
 * fsc_trace_release - a descriptor leaves limbo
 * @run: the run
 * @freed: when it was freed (stamp.h)
 * @pages: how many leave with it
 *
 * Context: Any, RCU callbacks too.
 */
void fsc_trace_release(const struct fsc_run *run, u64 freed, unsigned int pages)
{
	u64 since = fsc_freed_time(freed);

	trace_fsc_limbo_release(since ? fsc_freed_time(fsc_clock() - run->started - since) : 0,
				1, pages);
}

/**
 * fsc_trace_grace_period - one has been waited for
 * @kind: by whom
 * @took_ns: for how long
 *
 * Context: Any.
 */
void fsc_trace_grace_period(enum fsc_grace_period_kind kind, u64 took_ns)
{
	trace_fsc_grace_period(kind, took_ns);
}
