/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Trace hooks in the loops; the events are in
 * include/trace/events/folioscale.h. A lookup that succeeds at once has no
 * hook: those for failed tries are out of line. Hooks on the freers' path cost
 * a nop while the event is off.
 */
#ifndef FOLIOSCALE_TRACE_H
#define FOLIOSCALE_TRACE_H

#include <linux/tracepoint-defs.h>
#include <linux/types.h>

#include <folioscale/counters.h>

struct fsc_run;
struct fsc_thread;

enum fsc_grace_period_kind { FSC_GP_PROBE, FSC_GP_EXPEDITED };

DECLARE_TRACEPOINT(fsc_folio_alloc);
DECLARE_TRACEPOINT(fsc_folio_free);
DECLARE_TRACEPOINT(fsc_limbo_release);
DECLARE_TRACEPOINT(fsc_recheck_failed);
DECLARE_TRACEPOINT(fsc_retry);
DECLARE_TRACEPOINT(fsc_reuse);

/* __cold keeps them off the fast path: gcc 14 sets up their arguments before the branch. */
void __cold fsc_retry(struct fsc_thread *t, enum fsc_counter why, u64 key, unsigned int tries);
void __cold fsc_recheck_failed(struct fsc_thread *t, enum fsc_counter why, u64 key,
			       unsigned int tries, const void *folio);
void __cold fsc_trace_fallback(enum fsc_counter why, u64 key, bool rechecked, u64 found);
void fsc_trace_alloc(u64 key, u64 generation, unsigned long pfn, unsigned int order, u64 took_ns);
void fsc_trace_reuse(u64 key, bool same_key, u64 after_ns);
void fsc_trace_free(const struct fsc_thread *t, u64 key, unsigned long pfn, unsigned int order,
		    unsigned int limbo_descriptors, unsigned int limbo_pages);
void fsc_trace_release(const struct fsc_run *run, u64 freed, unsigned int pages);
void fsc_trace_grace_period(enum fsc_grace_period_kind kind, u64 took_ns);

/* Does an enabled event need the time of every free, not only of the sampled ones? */
static __always_inline bool fsc_traces_times(void)
{
	return tracepoint_enabled(fsc_limbo_release) || tracepoint_enabled(fsc_reuse);
}

#endif /* FOLIOSCALE_TRACE_H */
