/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The stamp in a folio's memory, and the word that records when a descriptor
 * was freed.
 *
 * A stamp is at the start of the folio from its allocation on, and of each page
 * of it where a use begins (fsc_stamp_at()). It is poisoned when the memory goes
 * back to the page allocator. Every further cache line below touch_bytes begins
 * with the generation.
 */
#ifndef FOLIOSCALE_STAMP_H
#define FOLIOSCALE_STAMP_H

#include <linux/compiler.h>
#include <linux/types.h>
#include <asm/page.h>

/* Not the machine's L1_CACHE_BYTES, so that results compare across kernels. */
#define FSC_LINE_BYTES		64

/* Not a valid generation: its low bits are no memdesc type. */
#define FSC_POISON_GENERATION	0x6b6b6b6b6b6b6b6bULL

/**
 * struct fsc_stamp - the first words of a folio's memory
 * @key: key of the folio; its complement once poisoned (keys have bit 63 clear)
 * @generation: generation of the allocation; %FSC_POISON_GENERATION once poisoned
 * @freed: see fsc_freed_pack(); written when the memory is poisoned
 */
struct fsc_stamp {
	u64 key;
	u64 generation;
	u64 freed;
};

static __always_inline struct fsc_stamp *fsc_stamp_of(unsigned long pfn)
{
	return __va(PFN_PHYS(pfn));
}

/**
 * fsc_stamp_write - write every line that a use reads
 * @stamp: the folio's memory
 * @key: its key
 * @generation: its generation
 * @freed: zero for a live folio, from fsc_freed_pack() for a poisoned one
 * @touch_bytes: how much of the folio a use reads
 *
 * Context: Any. The caller owns the memory; stale readers may read it meanwhile.
 */
static __always_inline void fsc_stamp_write(struct fsc_stamp *stamp, u64 key, u64 generation,
					    u64 freed, unsigned int touch_bytes)
{
	unsigned int at;

	WRITE_ONCE(stamp->key, key);
	WRITE_ONCE(stamp->generation, generation);
	WRITE_ONCE(stamp->freed, freed);
	for (at = FSC_LINE_BYTES; at + sizeof(u64) <= touch_bytes; at += FSC_LINE_BYTES)
		WRITE_ONCE(*(u64 *)((void *)stamp + at), generation);
}

/*
 * Time of free. Low bits: ns since the run's start, 0: not timed. High bits: a
 * random cookie of the run, so that words left by an earlier run or by another
 * user of the memory are not mistaken for a time.
 */
#define FSC_FREED_TIME_BITS	42

static inline u64 fsc_freed_pack(u64 cookie, u64 since_start)
{
	return (cookie << FSC_FREED_TIME_BITS) | (since_start & (BIT_ULL(FSC_FREED_TIME_BITS) - 1));
}

static inline bool fsc_freed_is_ours(u64 freed, u64 cookie)
{
	return freed >> FSC_FREED_TIME_BITS == cookie;
}

static inline u64 fsc_freed_time(u64 freed)
{
	return freed & (BIT_ULL(FSC_FREED_TIME_BITS) - 1);
}

#endif /* FOLIOSCALE_STAMP_H */
