/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Events for what is rare in a run: lookups that do not succeed at once,
 * allocation and free of folios, limbo, phases. A lookup that succeeds at once
 * has no event. scripts/perf/README.md says what each field means and how an
 * event can mislead.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM folioscale

#if !defined(_TRACE_FOLIOSCALE_H) || defined(TRACE_HEADER_MULTI_READ)
#define _TRACE_FOLIOSCALE_H

#include <linux/tracepoint.h>

#include <folioscale/run.h>
#include <folioscale/trace.h>

/* Names as in counters.def. */
#define FSC_TRACE_WHY								\
	EM(FSC_TRYGET_ZERO,		"tryget_zero")				\
	EM(FSC_RECHECK_MOVED,		"recheck_moved")			\
	EM(FSC_RECHECK_EMPTY,		"recheck_empty")			\
	EM(FSC_HAZARD_MOVED,		"hazard_moved")				\
	EM(FSC_SEQ_RETRIES,		"seq_retries")				\
	EM(FSC_SEQ_FALLBACKS,		"seq_fallbacks")			\
	EM(FSC_FALLBACK_ZERO,		"fallback_zero")			\
	EM(FSC_FALLBACK_MEMDESC,	"fallback_memdesc")			\
	EM(FSC_FALLBACK_PMD,		"fallback_pmd")				\
	EMe(FSC_FALLBACK_PTE,		"fallback_pte")

/* Names as in fsc_violation_names. */
#define FSC_TRACE_KINDS								\
	EM(FSC_BAD_IDENTITY,		"identity")				\
	EM(FSC_BAD_PFN,			"pfn")					\
	EM(FSC_BAD_STAMP,		"stamp")				\
	EM(FSC_BAD_GENERATION,		"generation")				\
	EM(FSC_BAD_LINE,		"line")					\
	EM(FSC_REUSED,			"reused")				\
	EMe(FSC_BAD_BOUND,		"limbo_bound")

#define FSC_TRACE_DEFERRALS							\
	EM(FSC_DEFER_AUTO,		"none")					\
	EM(FSC_DEFER_KFREE_RCU,		"kfree_rcu")				\
	EM(FSC_DEFER_CALL_RCU,		"call_rcu")				\
	EMe(FSC_DEFER_CALL_RCU_HURRY,	"call_rcu_hurry")

#define FSC_TRACE_ROLES								\
	EM(FSC_READER,			"reader")				\
	EM(FSC_FREER,			"freer")				\
	EMe(FSC_MAIN_THREAD,		"main")

/* Names as in fsc_phase_names. */
#define FSC_TRACE_PHASES							\
	EM(FSC_IDLE,			"idle")					\
	EM(FSC_POPULATE,		"populate")				\
	EM(FSC_START,			"start")				\
	EM(FSC_WARMUP,			"warmup")				\
	EM(FSC_MEASURE,			"measure")				\
	EM(FSC_STOP,			"stop")					\
	EM(FSC_DRAIN,			"drain")				\
	EM(FSC_CHECK,			"check")				\
	EMe(FSC_DONE,			"done")

#define FSC_TRACE_GRACE_PERIODS							\
	EM(FSC_GP_PROBE,		"probe")				\
	EMe(FSC_GP_EXPEDITED,		"expedited")

#undef EM
#undef EMe
#define EM(value, name)		TRACE_DEFINE_ENUM(value);
#define EMe(value, name)	TRACE_DEFINE_ENUM(value);

FSC_TRACE_WHY
FSC_TRACE_KINDS
FSC_TRACE_DEFERRALS
FSC_TRACE_ROLES
FSC_TRACE_PHASES
FSC_TRACE_GRACE_PERIODS

#undef EM
#undef EMe
#define EM(value, name)		{ value, name },
#define EMe(value, name)	{ value, name }

TRACE_EVENT(fsc_retry,

	TP_PROTO(u64 key, enum fsc_counter why, unsigned int tries),

	TP_ARGS(key, why, tries),

	TP_STRUCT__entry(
		__field(u64,	key)
		__field(u32,	tries)
		__field(u8,	why)
	),

	TP_fast_assign(
		__entry->key = key;
		__entry->tries = tries;
		__entry->why = why;
	),

	TP_printk("key=%llu why=%s tries=%u", __entry->key,
		  __print_symbolic(__entry->why, FSC_TRACE_WHY), __entry->tries)
);

TRACE_EVENT(fsc_recheck_failed,

	TP_PROTO(u64 key, enum fsc_counter why, u64 found),

	TP_ARGS(key, why, found),

	TP_STRUCT__entry(
		__field(u64,	key)
		__field(u64,	found)
		__field(u8,	why)
	),

	TP_fast_assign(
		__entry->key = key;
		__entry->found = found;
		__entry->why = why;
	),

	TP_printk("key=%llu found=%llu why=%s", __entry->key, __entry->found,
		  __print_symbolic(__entry->why, FSC_TRACE_WHY))
);

TRACE_EVENT(fsc_violation,

	TP_PROTO(enum fsc_violation_kind kind, u64 key, u64 generation, u64 expected, u64 found),

	TP_ARGS(kind, key, generation, expected, found),

	TP_STRUCT__entry(
		__field(u64,	key)
		__field(u64,	generation)
		__field(u64,	expected)
		__field(u64,	found)
		__field(u8,	kind)
	),

	TP_fast_assign(
		__entry->key = key;
		__entry->generation = generation;
		__entry->expected = expected;
		__entry->found = found;
		__entry->kind = kind;
	),

	TP_printk("key=%llu kind=%s generation=0x%llx expected=0x%llx found=0x%llx", __entry->key,
		  __print_symbolic(__entry->kind, FSC_TRACE_KINDS), __entry->generation,
		  __entry->expected, __entry->found)
);

TRACE_EVENT(fsc_folio_alloc,

	TP_PROTO(u64 key, u64 generation, u64 pfn, unsigned int order, u64 took_ns),

	TP_ARGS(key, generation, pfn, order, took_ns),

	TP_STRUCT__entry(
		__field(u64,	key)
		__field(u64,	generation)
		__field(u64,	pfn)
		__field(u64,	took_ns)
		__field(u8,	order)
	),

	TP_fast_assign(
		__entry->key = key;
		__entry->generation = generation;
		__entry->pfn = pfn;
		__entry->took_ns = took_ns;
		__entry->order = order;
	),

	TP_printk("key=%llu generation=0x%llx pfn=0x%llx order=%u took_ns=%llu", __entry->key,
		  __entry->generation, __entry->pfn, __entry->order, __entry->took_ns)
);

TRACE_EVENT(fsc_reuse,

	TP_PROTO(u64 key, bool same_key, u64 after_ns),

	TP_ARGS(key, same_key, after_ns),

	TP_STRUCT__entry(
		__field(u64,	key)
		__field(u64,	after_ns)
		__field(u8,	same_key)
	),

	TP_fast_assign(
		__entry->key = key;
		__entry->after_ns = after_ns;
		__entry->same_key = same_key;
	),

	TP_printk("key=%llu same_key=%u after_ns=%llu", __entry->key, __entry->same_key,
		  __entry->after_ns)
);

TRACE_EVENT(fsc_folio_free,

	TP_PROTO(u64 key, u64 pfn, unsigned int order, unsigned int limbo_descriptors,
		 unsigned int limbo_pages, enum fsc_deferral deferral, enum fsc_role by),

	TP_ARGS(key, pfn, order, limbo_descriptors, limbo_pages, deferral, by),

	TP_STRUCT__entry(
		__field(u64,	key)
		__field(u64,	pfn)
		__field(u32,	limbo_descriptors)
		__field(u32,	limbo_pages)
		__field(u8,	order)
		__field(u8,	deferral)
		__field(u8,	by)
	),

	TP_fast_assign(
		__entry->key = key;
		__entry->pfn = pfn;
		__entry->limbo_descriptors = limbo_descriptors;
		__entry->limbo_pages = limbo_pages;
		__entry->order = order;
		__entry->deferral = deferral;
		__entry->by = by;
	),

	TP_printk("key=%llu pfn=0x%llx order=%u limbo_descriptors=%u limbo_pages=%u deferral=%s by=%s",
		  __entry->key, __entry->pfn, __entry->order, __entry->limbo_descriptors,
		  __entry->limbo_pages, __print_symbolic(__entry->deferral, FSC_TRACE_DEFERRALS),
		  __print_symbolic(__entry->by, FSC_TRACE_ROLES))
);

TRACE_EVENT(fsc_limbo_release,

	TP_PROTO(u64 wait_ns, unsigned int descriptors, unsigned int pages),

	TP_ARGS(wait_ns, descriptors, pages),

	TP_STRUCT__entry(
		__field(u64,	wait_ns)
		__field(u32,	descriptors)
		__field(u32,	pages)
	),

	TP_fast_assign(
		__entry->wait_ns = wait_ns;
		__entry->descriptors = descriptors;
		__entry->pages = pages;
	),

	TP_printk("wait_ns=%llu descriptors=%u pages=%u", __entry->wait_ns, __entry->descriptors,
		  __entry->pages)
);

TRACE_EVENT(fsc_throttle,

	TP_PROTO(unsigned int freer, u64 limbo_bytes, u64 waited_ns),

	TP_ARGS(freer, limbo_bytes, waited_ns),

	TP_STRUCT__entry(
		__field(u64,	limbo_bytes)
		__field(u64,	waited_ns)
		__field(u32,	freer)
	),

	TP_fast_assign(
		__entry->limbo_bytes = limbo_bytes;
		__entry->waited_ns = waited_ns;
		__entry->freer = freer;
	),

	TP_printk("freer=%u limbo_bytes=%llu waited_ns=%llu", __entry->freer, __entry->limbo_bytes,
		  __entry->waited_ns)
);

TRACE_EVENT(fsc_phase,

	TP_PROTO(enum fsc_phase before, enum fsc_phase phase),

	TP_ARGS(before, phase),

	TP_STRUCT__entry(
		__field(u8,	before)
		__field(u8,	phase)
	),

	TP_fast_assign(
		__entry->before = before;
		__entry->phase = phase;
	),

	TP_printk("phase=%s before=%s", __print_symbolic(__entry->phase, FSC_TRACE_PHASES),
		  __print_symbolic(__entry->before, FSC_TRACE_PHASES))
);

TRACE_EVENT(fsc_grace_period,

	TP_PROTO(enum fsc_grace_period_kind kind, u64 took_ns),

	TP_ARGS(kind, took_ns),

	TP_STRUCT__entry(
		__field(u64,	took_ns)
		__field(u8,	kind)
	),

	TP_fast_assign(
		__entry->took_ns = took_ns;
		__entry->kind = kind;
	),

	TP_printk("kind=%s took_ns=%llu", __print_symbolic(__entry->kind, FSC_TRACE_GRACE_PERIODS),
		  __entry->took_ns)
);

#endif /* _TRACE_FOLIOSCALE_H */

#include <trace/define_trace.h>
