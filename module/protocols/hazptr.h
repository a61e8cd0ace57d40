/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A fourth option: hazard pointers (Michael, 2004). The pages are freed at
 * once, a descriptor when no reader publishes a pointer to it. No grace period
 * is needed, and at most a batch per thread waits.
 *
 * Each reader has its own slot. It loads the pointer; stores it into its slot;
 * smp_mb(); loads again, and starts over if the pointer has changed; tryget;
 * clears the slot (release). Only the descriptor needs the hazard, and only
 * until the reference is taken. RCU protects the xarray's nodes meanwhile, as
 * in every lockless walk.
 *
 * Once a freer has removed a batch of descriptors, it does: smp_mb(); read all
 * slots; free the descriptors that are in none, and keep the others for the
 * next scan. The unlink, or the clearing of the memdesc word, comes before the
 * freer's smp_mb(); the store to the reader's slot comes before the reader's.
 * So either the reader's second load sees the pointer gone, or the scan sees
 * the hazard. Clearing the slot is a release of the reader's accesses to the
 * descriptor; the scan has the acquire.
 *
 * The scan compares each descriptor with each slot, so the cost of a batch
 * grows with the square of the readers; Michael sorts the slots first.
 *
 * A stalled reader (stall_ms) stalls with a published hazard, not in the gap
 * before.
 *
 * A lookup that starts over leaves its pointer in the slot until it publishes the
 * next one. That keeps one descriptor a little longer.
 */
#ifndef FSC_PROTOCOL_HAZPTR_H
#define FSC_PROTOCOL_HAZPTR_H

#include <linux/slab.h>

#include "descriptor.h"

/* Descriptors of a batch for each reader, which protects one: a scan frees half of a batch. */
#define FSC_HAZARD_FACTOR	2
#define FSC_HAZARD_BATCH_MIN	64

/**
 * struct fsc_hazard - hazard pointer state of a thread
 * @folio: the slot: written only by the thread, read by every scan
 * @retired: descriptors that wait for a scan, linked by next; private to the thread
 * @nr_retired: number of these
 */
struct fsc_hazard {
	struct fsc_folio *folio ____cacheline_aligned_in_smp;
	struct fsc_folio *retired ____cacheline_aligned_in_smp;
	unsigned int nr_retired;
};

/* Hazards of a run: the main thread's, then those of the threads in order. */
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

	/* Only readers publish hazards; theirs follow the main thread's. */
	for (i = 1; i <= run->config.nr_readers; i++) {
		/* Pairs with the release in fsc_hazptr_unprotect(). */
		if (smp_load_acquire(&hazards[i].folio) == folio)
			return true;
	}
	return false;
}

/* Free descriptors that no reader is about to follow. */
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
			fsc_desc_cache_free(t->run, folio, t->run->loops->protocol->bug.name);
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
	fsc_desc_pages_free(t, folio);
	fsc_count_freed(&t->counters, fsc_desc_pages(folio));
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
	run->main_thread->protocol_data = &hazards[0];
	for (i = 0; i < run->nr_threads; i++)
		run->threads[i]->protocol_data = &hazards[i + 1];
	return 0;
}

static void fsc_hazptr_tear_down(struct fsc_run *run)
{
	kvfree(run->protocol_data);
	run->protocol_data = NULL;
}

static void fsc_hazptr_flush(struct fsc_run *run, struct fsc_thread *t)
{
	unsigned int i;

	if (t) {
		fsc_hazptr_scan(t);
		return;
	}
	fsc_hazptr_scan(run->main_thread);
	for (i = 0; i < run->nr_threads; i++)
		fsc_hazptr_scan(run->threads[i]);
}

static u64 fsc_hazptr_max(const struct fsc_run *run)
{
	return (u64)(run->config.nr_readers + run->config.nr_freers + 1) *
	       fsc_hazptr_batch(run) * sizeof(struct fsc_folio);
}

#define FSC_HAZPTR									\
	.name				= "hazptr",					\
	.says.descriptor		=						\
		"freed by the batch when no reader points at it; no grace period",	\
	.says.pages			= "freed at once",				\
	.says.reader			=						\
		"publishes the pointer, full barrier, looks again, tryget",		\
	.cas_only			=						\
		"without a grace period a late put may touch a freed descriptor",		\
	.reader.refcounted		= true,						\
	.reader.protects		= true,						\
	.set_up				= fsc_hazptr_set_up,				\
	.tear_down			= fsc_hazptr_tear_down,				\
	.freeing.flush			= fsc_hazptr_flush,				\
	.freeing.private_max		= fsc_hazptr_max,				\
	.freeing.free			= fsc_hazptr_free,				\
	FSC_DESCRIPTOR_OPS(cas)

static const struct fsc_protocol fsc_hazptr = {
	FSC_HAZPTR,
	.freeing.alloc			= fsc_desc_alloc,
};

#endif /* FSC_PROTOCOL_HAZPTR_H */
