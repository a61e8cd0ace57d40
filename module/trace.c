// SPDX-License-Identifier: GPL-2.0
/* The trace events, and the functions through which the loops call them: see trace.h. */
#include <folioscale/clock.h>
#include <folioscale/layout.h>
#include <folioscale/protocol.h>
#include <folioscale/run.h>
#include <folioscale/stamp.h>
#include <folioscale/trace.h>

#define CREATE_TRACE_POINTS
#include <trace/events/folioscale.h>

/**
 * fsc_retry - count and trace a failed try of a lookup
 * @t: the reader
 * @why: the counter
 * @key: the key; on the pfn path the frame
 * @tries: number of tries in this section, including this one
 *
 * Context: Any.
 */
noinline void fsc_retry(struct fsc_thread *t, enum fsc_counter why, u64 key, unsigned int tries)
{
	u64 *tried = &t->tries[min(tries, FSC_MAX_TRIES) - 1];

	fsc_count(&t->counters, why);
	/* A fallback follows a try that was counted already. Others read it: WRITE_ONCE. */
	if (why != FSC_SEQ_FALLBACKS)
		WRITE_ONCE(*tried, *tried + 1);
	trace_fsc_retry(key, why, tries);
}

/**
 * fsc_recheck_failed - the same for a try whose recheck failed after it took a reference
 * @t: the reader
 * @why: the counter
 * @key: the key; on the pfn path the frame
 * @tries: as above
 * @folio: the folio that the reference is on
 *
 * Context: Any; the caller still holds the reference.
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
 * fsc_trace_fallback - trace a GUP walk that fell back; it has been counted
 * @why: the counter
 * @key: the key
 * @rechecked: it had a reference, and @found is known
 * @found: key of the folio that the reference was on
 *
 * Context: Any.
 */
noinline __cold void fsc_trace_fallback(enum fsc_counter why, u64 key, bool rechecked, u64 found)
{
	trace_fsc_retry(key, why, 1);
	if (rechecked)
		trace_fsc_recheck_failed(key, why, found);
}

/**
 * fsc_trace_alloc - trace the allocation of a folio that is in no slot yet
 * @key: its key
 * @generation: its generation
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
 * fsc_trace_reuse - trace the reuse of a descriptor that this run has freed
 * @key: its new key
 * @same_key: the old key was the same
 * @after_ns: time since it was freed
 *
 * Context: Any.
 */
void fsc_trace_reuse(u64 key, bool same_key, u64 after_ns)
{
	trace_fsc_reuse(key, same_key, after_ns);
}

/**
 * fsc_trace_free - trace a folio that is about to be freed or deferred
 * @t: the thread that frees it
 * @key: its key
 * @pfn: first frame
 * @order: log2 of its pages; of a folio that was split, of those that its parts have
 * @limbo_descriptors: descriptors that go into limbo, 0 or 1
 * @limbo_pages: pages that go into limbo
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
 * fsc_trace_release - trace a descriptor that leaves limbo
 * @run: the run
 * @freed: when it was freed (stamp.h)
 * @pages: number of pages that leave with it
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
 * fsc_trace_grace_period - trace a wait for a grace period
 * @kind: who waited
 * @took_ns: how long
 *
 * Context: Any.
 */
void fsc_trace_grace_period(enum fsc_grace_period_kind kind, u64 took_ns)
{
	trace_fsc_grace_period(kind, took_ns);
}
