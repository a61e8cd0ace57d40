// SPDX-License-Identifier: GPL-2.0
/* The counters' names, as debugfs and run.json print them. */
#include <linux/array_size.h>
#include <linux/build_bug.h>

#include <folioscale/counters.h>

const char *const fsc_counter_names[FSC_NR_COUNTERS] = {
	[FSC_LOOKUPS]			= "lookups",
	[FSC_HITS]			= "hits",
	[FSC_MISSES]			= "misses",
	[FSC_TRYGET_ZERO]		= "tryget_zero",
	[FSC_RECHECK_MOVED]		= "recheck_moved",
	[FSC_RECHECK_EMPTY]		= "recheck_empty",
	[FSC_TRYGET_SWEPT]		= "tryget_swept",
	[FSC_HAZARD_MOVED]		= "hazard_moved",
	[FSC_SEQ_RETRIES]		= "seq_retries",
	[FSC_SEQ_FALLBACKS]		= "seq_fallbacks",
	[FSC_FALLBACK_ZERO]		= "fallback_zero",
	[FSC_FALLBACK_MEMDESC]		= "fallback_memdesc",
	[FSC_FALLBACK_PMD]		= "fallback_pmd",
	[FSC_FALLBACK_PTE]		= "fallback_pte",
	[FSC_PINS]			= "pins",
	[FSC_TRYGETS]			= "trygets",
	[FSC_TRYGETS_AVOIDED]		= "trygets_avoided",
	[FSC_HUGETLB_SEEN]		= "hugetlb_seen",
	[FSC_SECTION_BREAKS]		= "section_breaks",
	[FSC_STALLS]			= "stalls",
	[FSC_STALE_HELD]		= "stale_held",
	[FSC_VIOLATIONS]		= "violations",
	[FSC_TURNOVERS]			= "turnovers",
	[FSC_OTHER_TURNOVERS]		= "other_turnovers",
	[FSC_REFREEZES]			= "refreezes",
	[FSC_ALLOCS]			= "allocs",
	[FSC_RECYCLED]			= "recycled",
	[FSC_RECYCLED_OTHER_KEY]	= "recycled_other_key",
	[FSC_FREEZE_BUSY]		= "freeze_busy",
	[FSC_VICTIM_MISSING]		= "victim_missing",
	[FSC_SAME_CPU]			= "same_cpu",
	[FSC_ALLOC_FAILED]		= "alloc_failed",
	[FSC_PUBLISH_FAILED]		= "publish_failed",
	[FSC_LIMBO_WAITS]		= "limbo_waits",
	[FSC_LIMBO_BARRIERS]		= "limbo_barriers",
	[FSC_LIMBO_WAIT_NS]		= "limbo_wait_ns",
	[FSC_EXPEDITED]			= "expedited",
	[FSC_HAZARD_SCANS]		= "hazard_scans",
	[FSC_FREED_PAGES]		= "freed_pages",
	[FSC_FREES]			= "frees",
	[FSC_LAST_PUTS_BY_READER]	= "last_puts_by_reader",
	[FSC_DEFERRED_REMOTE]		= "deferred_remote",
};

static_assert(ARRAY_SIZE(fsc_counter_names) == FSC_NR_COUNTERS);
