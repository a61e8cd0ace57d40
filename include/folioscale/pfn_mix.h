/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a PFN walker meets besides file folios: slabs and page tables, whose
 * memdescs have no reference count; free hugetlb folios; and frames without a
 * memdesc. All of it is real memory, in the shares that mix= asks for.
 *
 * Descriptors of slabs and page tables come from a plain cache and are freed at
 * once, without RCU. So a walker must decide by the word's type and never
 * follow the pointer. A free hugetlb folio keeps its descriptor, with a count
 * of zero and FSC_HUGETLB_FREE; descriptor and memory stay until the run ends.
 * hugetlb_lock, which stands for the kernel's, protects FSC_HUGETLB_FREE.
 *
 * With hwpoison= the memdesc word of a file folio's frame becomes that of a mark,
 * and later again the folio's, unless it was freed or split meanwhile, while
 * walkers are between their two passes.
 */
#ifndef FOLIOSCALE_PFN_MIX_H
#define FOLIOSCALE_PFN_MIX_H

#include <linux/spinlock.h>
#include <linux/types.h>

#include <folioscale/folio.h>
#include <folioscale/parse.h>
#include <folioscale/run.h>
#include <folioscale/stream.h>
#include <folioscale/thread.h>

/* Flag of a hugetlb folio, protected by hugetlb_lock. */
#define FSC_HUGETLB_FREE	1UL
#define FSC_HUGETLB_ORDER	9

/**
 * struct fsc_unrefcounted - a memdesc without a reference count
 * @pfn: its frame
 * @next: link of the list that the controls keep that follow it
 * @was: the word that a mark is in the place of
 */
struct fsc_unrefcounted {
	unsigned long pfn;
	union {
		struct fsc_unrefcounted *next;
		unsigned long was;
	};
} __aligned(16);

/**
 * struct fsc_pfn_walker - per-thread state of the pfn path
 * @walked: next frame to walk
 * @credit: turnovers that a freer owes the other shares
 * @random: picks their victims
 * @marks: config.hwpoison marks of a freer, the oldest at @mark_at; NULL: none yet
 * @mark_at: see @marks
 */
struct fsc_pfn_walker {
	unsigned long walked;
	u64 credit[FSC_NR_SHARES];
	struct fsc_stream random;
	struct fsc_unrefcounted **marks;
	unsigned int mark_at;
} ____cacheline_aligned_in_smp;

/**
 * struct fsc_pfn_mix - the frames of a run that are not file folios
 * @shares: config.mix, parsed
 * @unrefcounted_cache: memdescs of slabs and page tables
 * @hugetlb_cache: descriptors of hugetlb folios
 * @walkers: one per thread
 * @nr: number of objects of each share
 * @unrefcounted: all objects of %FSC_SHARE_SLAB and %FSC_SHARE_PTDESC
 * @misc: frames without a memdesc
 * @hugetlb: all hugetlb folios
 * @fresh: first frame of the block that single frames are taken from
 * @fresh_left: how many frames of that block are left
 * @fresh_wanted: single frames still needed to populate the run
 * @hugetlb_lock: protects FSC_HUGETLB_FREE; innermost
 * @kept: freed memdescs, last in first out, that runs do not give back whose walkers follow them
 * @kept_last: the one freed most recently, not yet in @kept
 * @kept_lock: protects @kept and @kept_last
 */
struct fsc_pfn_mix {
	struct fsc_mix shares;
	struct kmem_cache *unrefcounted_cache;
	struct kmem_cache *hugetlb_cache;
	struct fsc_pfn_walker *walkers;
	unsigned long nr[FSC_NR_SHARES];
	struct fsc_unrefcounted **unrefcounted[FSC_NR_SHARES];
	unsigned long *misc;
	struct fsc_folio **hugetlb;
	unsigned long fresh;
	unsigned int fresh_left;
	unsigned long fresh_wanted;
	spinlock_t hugetlb_lock ____cacheline_aligned_in_smp;	/* innermost */
	spinlock_t kept_lock;	/* protects @kept and @kept_last */
	struct fsc_unrefcounted *kept;
	struct fsc_unrefcounted *kept_last;
};

static inline struct fsc_pfn_mix *fsc_pfn_mix_of(const struct fsc_run *run)
{
	return run->path_data;
}

static __always_inline struct fsc_pfn_walker *fsc_walker_of(const struct fsc_thread *t)
{
	return t->path_data;
}

u64 fsc_pfn_mix_bytes(const struct fsc_run *run);
int fsc_pfn_mix_create(struct fsc_run *run);
void fsc_pfn_mix_destroy(struct fsc_run *run);
struct page *fsc_pfn_mix_frame(struct fsc_run *run);
void fsc_pfn_mix_turned(struct fsc_thread *t, unsigned int n);
void fsc_pfn_mix_look_at_hugetlb(struct fsc_thread *t, unsigned long pfn, const void *frame);
void fsc_pfn_mix_try_hugetlb(struct fsc_thread *t, const void *frame);
void fsc_pfn_mix_touch(struct fsc_thread *t, const struct fsc_unrefcounted *desc,
		       unsigned long pfn);

#endif /* FOLIOSCALE_PFN_MIX_H */
