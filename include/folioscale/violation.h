/* SPDX-License-Identifier: GPL-2.0 */
/* Violations: a reader used a folio that was not the one it looked up. */
#ifndef FOLIOSCALE_VIOLATION_H
#define FOLIOSCALE_VIOLATION_H

#include <linux/atomic.h>
#include <linux/types.h>

struct fsc_run;
struct fsc_thread;

#define FSC_VIOLATIONS_KEPT	16

enum fsc_violation_kind {
	FSC_BAD_IDENTITY,	/* the descriptor's key is not the one looked up */
	FSC_BAD_PFN,		/* the descriptor's pfn is not valid */
	FSC_BAD_STAMP,		/* the memory's key is not the descriptor's */
	FSC_BAD_GENERATION,	/* the memory's generation is not the descriptor's */
	FSC_BAD_LINE,		/* the generation in a further line is not the descriptor's */
	FSC_REUSED,		/* the descriptor was freed and allocated again while it was held */
	FSC_BAD_BOUND,		/* more is in limbo than the markers' bound */
	FSC_NR_VIOLATION_KINDS
};

extern const char *const fsc_violation_names[FSC_NR_VIOLATION_KINDS];

struct fsc_violation {
	u64 key;
	u64 generation;
	u64 expected;
	u64 found;
	enum fsc_violation_kind kind;
	bool complete;	/* release, pairs with the acquires in report.c and debugfs.c */
};

struct fsc_violations {
	atomic64_t count;
	struct fsc_violation first[FSC_VIOLATIONS_KEPT];
};

void fsc_violation_keep(struct fsc_run *run, enum fsc_violation_kind kind, u64 key,
			u64 generation, u64 expected, u64 found);
void __cold fsc_violation_record(struct fsc_thread *t, enum fsc_violation_kind kind, u64 key,
				 u64 generation, u64 expected, u64 found);

#endif /* FOLIOSCALE_VIOLATION_H */
