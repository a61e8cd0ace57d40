/* SPDX-License-Identifier: GPL-2.0 */
/*
 * An address space: two levels of tables over the folios, for the gup path.
 *
 * Key k has the addresses from k << fsc_mm_shift() pages on, as many as the
 * largest folio has pages; a folio is mapped by a pte for each of its pages.
 * A pte is the frame's address with FSC_PRESENT in it, a pmd that of a page of
 * 512 ptes. A table with no key left is taken out of its pmd and freed after a
 * grace period, which a walker holds off by having interrupts off, as the
 * kernel's walkers do where page tables are freed by RCU (mm/mmu_gather.c). Until
 * then it counts as a page in limbo.
 *
 * Locking: ptes of a key are written under the xa_lock of the key's mapping;
 * pmds and their counts under the address space's lock, which is inside of
 * that.
 */
#ifndef FOLIOSCALE_MM_H
#define FOLIOSCALE_MM_H

#include <linux/compiler.h>
#include <linux/mm.h>
#include <linux/spinlock.h>
#include <linux/types.h>

#include <folioscale/run.h>

#define FSC_PRESENT		1UL
#define FSC_PTES		512UL

/**
 * struct fsc_pmd - an entry of the upper level
 * @entry: address of a table and FSC_PRESENT, or 0; read by walkers
 * @users: keys that need the table
 */
struct fsc_pmd {
	unsigned long entry;
	unsigned int users;
};

struct fsc_mm {
	spinlock_t lock;	/* protects pmds but for walkers */
	struct fsc_pmd *pmds;
} ____cacheline_aligned_in_smp;

/* A run's, config.nr_mms of them. */
static inline struct fsc_mm *fsc_mms_of(const struct fsc_run *run)
{
	return run->path_data;
}

static __always_inline unsigned int fsc_mm_shift(const struct fsc_run *run)
{
	return run->orders.max;
}

int fsc_mms_create(struct fsc_run *run);
void fsc_mms_destroy(struct fsc_run *run);
u64 fsc_mms_bytes(const struct fsc_run *run);
int fsc_mms_prepare(struct fsc_thread *t, u32 key);
void fsc_mms_retire(struct fsc_thread *t, u32 key);
void fsc_mms_map(struct fsc_run *run, unsigned long pfn, unsigned int order, u32 key);
void fsc_mms_unmap(struct fsc_run *run, unsigned int order, u32 key);

#endif /* FOLIOSCALE_MM_H */
