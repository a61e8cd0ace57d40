/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Address spaces for the gup path: two levels of tables that map the folios.
 *
 * The addresses of key k start at page k << run->index_shift, and are as many as
 * the largest folio has pages. A pte maps one page of a folio. It is the
 * frame's address with FSC_PRESENT set; a pmd is the address of a page of 512
 * ptes with FSC_PRESENT set. A table whose last folio is gone is removed from its
 * pmd and freed after a grace period. A walker delays that by keeping
 * interrupts off, as the kernel's walkers do where RCU frees page tables
 * (mm/mmu_gather.c). Until then the table counts as a page in limbo.
 *
 * Locking: ptes of a key are written under the xa_lock of the key's mapping;
 * pmds and their counts under the address space's lock, which nests inside
 * xa_lock.
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
 * @users: folios that need the table
 */
struct fsc_pmd {
	unsigned long entry;
	unsigned int users;
};

struct fsc_mm {
	spinlock_t lock;	/* protects pmds, except from walkers */
	struct fsc_pmd *pmds;
} ____cacheline_aligned_in_smp;

/* The address spaces of a run, config.nr_mms of them. */
static inline struct fsc_mm *fsc_mms_of(const struct fsc_run *run)
{
	return run->path_data;
}

int fsc_mms_create(struct fsc_run *run);
void fsc_mms_destroy(struct fsc_run *run);
u64 fsc_mms_bytes(const struct fsc_run *run);
int fsc_mms_prepare(struct fsc_thread *t, u32 key);
void fsc_mms_share(struct fsc_thread *t, u32 key, unsigned int n);
void fsc_mms_retire(struct fsc_thread *t, u32 key);
void fsc_mms_map(struct fsc_run *run, unsigned long pfn, unsigned int order, u32 key,
		 unsigned int at);
void fsc_mms_unmap(struct fsc_run *run, unsigned int order, u32 key, unsigned int at);

#endif /* FOLIOSCALE_MM_H */
