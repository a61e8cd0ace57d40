/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A fourth option: hazard pointers (Michael, 2004). The pages are freed at
 * once, a descriptor when no reader says that it is about to follow a pointer
 * to it. No grace period, and no more than a batch for each thread waits.
 *
 * A reader has a slot of its own and does: load; store the pointer into its
 * slot; smp_mb(); load again, and if it is another start over; tryget; clear
 * the slot (release). Only the descriptor needs the hazard, and only until
 * the reference is there; it is RCU that keeps the xarray's nodes meanwhile, as in
 * every lockless walk.
 *
 * Who frees does, once a batch of descriptors has left its places: smp_mb();
 * read all slots; free those that stand in none, keep the others for the next
 * time. The unlinking, or the clearing of the memdesc word, comes before that
 * smp_mb(), the store of the reader's slot before the reader's: so either the
 * reader's second load sees the pointer gone, or the scan sees the hazard.
 * Clearing releases what the reader did with the descriptor to the scan's
 * acquire.
 *
 * The scan compares each descriptor with each slot, so with many readers a batch
 * costs their square; Michael sorts the slots first.
 *
 * A stalled reader (stall_ms) sits on a published hazard, not in the gap before.
 *
 * A tryget that has to start over leaves its pointer in the slot until the next
 * one overwrites it: that keeps one descriptor a little longer.
 */
#ifndef FSC_PROTOCOL_HAZPTR_H
#define FSC_PROTOCOL_HAZPTR_H

#include <linux/slab.h>

#include "descriptor.h"

/* So many times as many descriptors as there are slots: most of a batch is free then. */
#define FSC_HAZARD_FACTOR	2
#define FSC_HAZARD_BATCH_MIN	64

/**
 * struct fsc_hazard - what a thread has of the scheme
 * @folio: the slot: written by the thread alone, read by every scan
 * @retired: descriptors that wait for a scan, linked by next; the thread's own
 * @nr_retired: how many
 */
struct fsc_hazard {
	struct fsc_folio *folio ____cacheline_aligned_in_smp;
	struct fsc_folio *retired ____cacheline_aligned_in_smp;
	unsigned int nr_retired;
};

/* Of a run: the keeper's, the threads' in their order. */
static __always_inline struct fsc_hazard *fsc_hazards(const struct fsc_run *run)
{
	return run->protocol_data;
}

static __always_inline void fsc_hazptr_protect(struct fsc_thread *t, void *folio)
{
	struct fsc_hazard *own = t->protocol_data;

	WRITE_ONCE(own->folio, folio);
	/* Pairs with the smp_mb() in fsc_hazptr_scan(): see above. */
	smp_mb();
}

static __always_inline void fsc_hazptr_unprotect(struct fsc_thread *t)
{
	struct fsc_hazard *own = t->protocol_data;

	/* Pairs with the acquire in fsc_hazptr_in_use(). */
	smp_store_release(&own->folio, NULL);
}

static bool fsc_hazptr_in_use(const struct fsc_run *run, const struct fsc_folio *folio)
{
	const struct fsc_hazard *hazards = fsc_hazards(run);
	unsigned int i;

	/* Freers publish none, nor does the keeper; readers come first. */
	for (i = 1; i <= run->config.nr_readers; i++) {
		/* Pairs with the release in fsc_hazptr_unprotect(). */
		if (smp_load_acquire(&hazards[i].folio) == folio)
			return true;
	}
	return false;
}

/* Free what nobody is about to follow. */
static noinline void fsc_hazptr_scan(struct fsc_thread *t)
{
	struct fsc_hazard *own = t->protocol_data;
	struct fsc_folio *folio = own->retired;

	own->retired = NULL;
	own->nr_retired = 0;
	fsc_count(&t->counters, FSC_HAZARD_SCANS);
	/* Pairs with the smp_mb() in fsc_hazptr_protect(): see above. */
	smp_mb();
	while (folio) {
		struct fsc_folio *next = folio->next;

		if (fsc_hazptr_in_use(t->run, folio)) {
			folio->next = own->retired;
			own->retired = folio;
			own->nr_retired++;
		} else {
			fsc_desc_note_release(t->run, folio, 0);
			fsc_desc_cache_free(t->run, folio, t->run->loops->protocol->busted);
		}
		folio = next;
	}
}

static unsigned int fsc_hazptr_batch(const struct fsc_run *run)
{
	return max(FSC_HAZARD_FACTOR * run->config.nr_readers, FSC_HAZARD_BATCH_MIN);
}

static inline void fsc_hazptr_free(struct fsc_thread *t, void *p, bool timed)
{
	struct fsc_hazard *own = t->protocol_data;
	struct fsc_folio *folio = p;

	fsc_desc_begin_free(t, folio, timed, 1, false);
	fsc_desc_pages_free(t->run, folio);
	fsc_count_freed(&t->counters, folio->order);
	folio->next = own->retired;
	own->retired = folio;
	if (++own->nr_retired >= fsc_hazptr_batch(t->run))
		fsc_hazptr_scan(t);
}

static int fsc_hazptr_set_up(struct fsc_run *run)
{
	struct fsc_hazard *hazards = kvcalloc(run->nr_threads + 1, sizeof(*hazards), GFP_KERNEL);
	unsigned int i;

	run->protocol_data = hazards;
	if (!hazards)
		return -ENOMEM;
	run->keeper->protocol_data = &hazards[0];
	for (i = 0; i < run->nr_threads; i++)
		run->threads[i]->protocol_data = &hazards[i + 1];
	return 0;
}

static void fsc_hazptr_tear_down(struct fsc_run *run)
{
	kvfree(run->protocol_data);
	run->protocol_data = NULL;
}

static void fsc_hazptr_settle(struct fsc_run *run, struct fsc_thread *t)
{
	unsigned int i;

	if (t) {
		fsc_hazptr_scan(t);
		return;
	}
	fsc_hazptr_scan(run->keeper);
	for (i = 0; i < run->nr_threads; i++)
		fsc_hazptr_scan(run->threads[i]);
}

static u64 fsc_hazptr_max(const struct fsc_run *run)
{
	return (u64)(run->config.nr_readers + run->config.nr_freers + 1) *
	       fsc_hazptr_batch(run) * sizeof(struct fsc_folio);
}

#define FSC_HAZPTR					\
	.name		= "hazptr",			\
	.descriptor	= "freed by the batch when no reader points at it; no grace period", \
	.pages		= "freed at once", \
	.reader		= "publishes the pointer, full barrier, looks again, tryget", \
	.cas_only	= "no grace period keeps a descriptor that a late put looks at", \
	.refcounted	= true,				\
	.protects	= true,				\
	.set_up		= fsc_hazptr_set_up,		\
	.tear_down	= fsc_hazptr_tear_down,		\
	.settle		= fsc_hazptr_settle,		\
	.private_max	= fsc_hazptr_max,		\
	.free		= fsc_hazptr_free,		\
	FSC_DESCRIPTOR_OPS(cas)

static const struct fsc_protocol fsc_hazptr = {
	FSC_HAZPTR,
	.alloc		= fsc_desc_alloc,
};

#endif /* FSC_PROTOCOL_HAZPTR_H */
