/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Shared by the open-coded lookups of all paths: one mapping with a folio under each key, a
 * memdesc map, and how a folio is used and put. Everything else that a lookup
 * does is written out in its path's file.
 */
#ifndef FSC_OPENCODED_H
#define FSC_OPENCODED_H

#include <linux/atomic.h>
#include <linux/math.h>
#include <linux/mm.h>
#include <linux/mmzone.h>
#include <linux/page_ref.h>
#include <linux/pageblock-flags.h>
#include <linux/percpu.h>
#include <linux/preempt.h>
#include <linux/xarray.h>

#include <folioscale/folio.h>
#include <folioscale/memdesc.h>
#include <folioscale/run.h>
#include <folioscale/stamp.h>
#include <folioscale/stream.h>

#define FSC_OPENCODED_FOLIOS	1024
/* Number of frames of a share with @weight in mix=60:20:10:5:5, for this many folios. */
#define FSC_OPENCODED_SHARE(weight)	(FSC_OPENCODED_FOLIOS * (weight) / 60)
/* Blocks for all shares, and one for the hugetlb folio. */
#define FSC_OPENCODED_BLOCKS_MAX	(DIV_ROUND_UP(FSC_OPENCODED_SHARE(60 + 20 + 10 + 5),	\
					      pageblock_nr_pages) + 1)
/* As the harness has it (thread.h), with FSC_GENERATION_GONE clear. */
#define FSC_OPENCODED_TAG	FSC_GENERATION_TAG(0)
#define FSC_OPENCODED_GENERATION	(FSC_OPENCODED_TAG | FSC_MEMDESC_FILE)

/* Slots of a CPU for hazptr_cpu's hazard pointers. */
#define FSC_OPENCODED_SLOTS	4

struct fsc_opencoded_hazard;

/**
 * struct fsc_opencoded_slots - the hazard pointers of a CPU
 * @slot: its slots
 * @slot.value: NULL, the wildcard or a folio
 * @slot.owner: whose it is
 */
struct fsc_opencoded_slots {
	struct {
		const void *value;
		struct fsc_opencoded_hazard *owner;
	} slot[FSC_OPENCODED_SLOTS];
} ____cacheline_aligned;

/**
 * struct fsc_opencoded_hazard - a reader's, on its stack
 * @value: where it says what it protects
 * @backup: where, if no slot of the CPU is free
 */
struct fsc_opencoded_hazard {
	const void **value;
	const void *backup;
};

/**
 * struct fsc_opencoded_world - what the loops look things up in
 * @mapping: every folio, by key
 * @map: the memdesc words, which overlay does not use
 * @blocks: the memory: first frames of as few pageblocks as possible
 * @nr_blocks: number of blocks
 * @hazard: hazard pointer of the only reader
 * @wildcard: what a reader publishes before it loads a pointer
 * @lost: someone put a last reference, which is the slot's, or found no slot of the CPU free
 */
struct fsc_opencoded_world {
	struct fsc_mapping mapping;
	struct fsc_memdesc_map map;
	unsigned long blocks[FSC_OPENCODED_BLOCKS_MAX];
	unsigned int nr_blocks;
	const void *hazard ____cacheline_aligned_in_smp;
	const void *wildcard ____cacheline_aligned_in_smp;
	bool lost ____cacheline_aligned_in_smp;
};

/**
 * struct fsc_opencoded_loop - a hand-written loop, or one around a function of the kernel's
 * @protocol: name of the protocol, or of the function
 * @overlay: the folios are struct folio
 * @read: look up @n times; returns how often that found the right folio. On the pfn path: walk
 *	@n blocks; returns how many right folios were found
 */
struct fsc_opencoded_loop {
	const char *protocol;
	bool overlay;
	u64 (*read)(struct fsc_stream *stream, unsigned int n);
};

/**
 * struct fsc_opencoded_path - the loops of a path
 * @name: what path= takes
 * @loops: one for each protocol; the last one has no name
 * @unit: about how many lookups one step of a loop does
 * @set_up: set up what only this path needs, with all folios in place; NULL: nothing
 * @tear_down: undo @set_up, also after it failed
 * @steps: number of steps for @lookups, which it rounds up; NULL: one step for each lookup
 * @good: is this number of hits right for this number of lookups?
 */
struct fsc_opencoded_path {
	const char *name;
	const struct fsc_opencoded_loop *loops;
	unsigned int unit;
	int (*set_up)(void);
	void (*tear_down)(void);
	u64 (*steps)(u64 *lookups);
	bool (*good)(u64 lookups, u64 hits);
};

extern struct fsc_opencoded_world fsc_opencoded;
DECLARE_PER_CPU_ALIGNED(struct fsc_opencoded_slots, fsc_opencoded_slots);

extern const struct fsc_opencoded_path fsc_opencoded_pagecache;
extern const struct fsc_opencoded_path fsc_opencoded_gup;
extern const struct fsc_opencoded_path fsc_opencoded_pfn;
extern const struct fsc_opencoded_path fsc_opencoded_tmpfs;

struct page *fsc_opencoded_frame(void);
unsigned long fsc_opencoded_block(bool compound);
bool fsc_opencoded_is_overlay(void);
unsigned long fsc_opencoded_pfn_of(const void *folio);
void fsc_opencoded_last_put(void);
bool fsc_opencoded_all_hit(u64 lookups, u64 hits);
u64 fsc_opencoded_read_locked(struct fsc_stream *stream, unsigned int n);
const void **fsc_opencoded_other_slot(struct fsc_opencoded_hazard *hazard);
void fsc_opencoded_backup_used(void);

static __always_inline bool fsc_opencoded_tryget(struct fsc_folio *folio)
{
	return atomic_add_unless(&folio->refcount, 1, 0);
}

/* Protect everything, with a slot of this CPU. Preemption is off from here on. */
static __always_inline void fsc_opencoded_wildcard(struct fsc_opencoded_hazard *hazard)
{
	struct fsc_opencoded_slots *own;

	preempt_disable();
	own = this_cpu_ptr(&fsc_opencoded_slots);
	hazard->value = &own->slot[0].value;
	if (unlikely(READ_ONCE(own->slot[0].value)))
		hazard->value = fsc_opencoded_other_slot(hazard);
	else
		own->slot[0].owner = hazard;
	WRITE_ONCE(*hazard->value, READ_ONCE(fsc_opencoded.wildcard));
	/* Would pair with the smp_mb() between a freer's unlinking and its scan. */
	smp_mb();
}

/* Protect what was loaded; NULL: nothing. */
static __always_inline void fsc_opencoded_narrow(struct fsc_opencoded_hazard *hazard,
						 const void *folio)
{
	WRITE_ONCE(*hazard->value, folio);
	preempt_enable();
}

static __always_inline void fsc_opencoded_clear(struct fsc_opencoded_hazard *hazard)
{
	preempt_disable();
	/* Would pair with the acquire of a freer's scan. */
	smp_store_release(hazard->value, NULL);
	if (unlikely(hazard->value == &hazard->backup))
		fsc_opencoded_backup_used();
	preempt_enable();
}

/* There is no freer, but the code must be ready for one. */
static __always_inline void fsc_opencoded_put(struct fsc_folio *folio)
{
	if (unlikely(atomic_dec_and_test(&folio->refcount)))
		fsc_opencoded_last_put();
}

static __always_inline void fsc_opencoded_put_overlay(struct folio *folio)
{
	if (unlikely(folio_put_testzero(folio)))
		fsc_opencoded_last_put();
}

/* Is this the memory of @key's folio, and is the folio still in its slot? */
static __always_inline bool fsc_opencoded_stamp_is(unsigned long pfn, u64 key, u64 word)
{
	const struct fsc_stamp *stamp = fsc_stamp_of(pfn);

	return likely(READ_ONCE(stamp->key) == key) &&
	       likely(READ_ONCE(stamp->generation) == (word & ~FSC_GENERATION_GONE)) &&
	       likely(!(word & FSC_GENERATION_GONE));
}

static __always_inline bool fsc_opencoded_use(const struct fsc_folio *folio, u32 key)
{
	/* As in folio_test_uptodate(); see module/loops/oracle.h. */
	smp_rmb();
	return likely(READ_ONCE(folio->mapping) == &fsc_opencoded.mapping) &&
	       likely(READ_ONCE(folio->index) == key) &&
	       fsc_opencoded_stamp_is(READ_ONCE(folio->pfn), key, READ_ONCE(folio->generation));
}

static __always_inline bool fsc_opencoded_use_overlay(struct folio *folio, u32 key)
{
	/* As above; would pair with rcu_assign_pointer() in xas_store(). */
	smp_rmb();
	return likely(READ_ONCE(folio->index) == key) &&
	       fsc_opencoded_stamp_is(folio_pfn(folio), key, (u64)READ_ONCE(folio->private));
}

#endif /* FSC_OPENCODED_H */
