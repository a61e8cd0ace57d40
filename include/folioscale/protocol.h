/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A protocol: how a folio is allocated and freed, and what a reader must do
 * about it. Each lives in one header of module/protocols/, as a const struct
 * whose members the loops of include/folioscale/loops.h fold away, so that
 * every (path, protocol) gets straight code of its own.
 */
#ifndef FOLIOSCALE_PROTOCOL_H
#define FOLIOSCALE_PROTOCOL_H

#include <linux/slab.h>
#include <linux/types.h>

#include <folioscale/config.h>
#include <folioscale/refs.h>

/* The same in every arm: a failed allocation is counted, not forced. */
#define FSC_GFP		(GFP_KERNEL | __GFP_NORETRY | __GFP_NOWARN)

struct fsc_mapping;
struct fsc_run;
struct fsc_thread;

/* A key, and where it is: worked out once a lookup. */
struct fsc_slot {
	struct fsc_mapping *mapping;
	u64 index;
	u64 key;
};

/**
 * struct fsc_protocol - traits and operations
 * @name: what protocol= takes
 * @busted: what busted= takes, NULL for the protocol itself
 * @descriptor: when its descriptors are freed, and to where, in words
 * @pages: when its pages are freed, in words
 * @reader: what its readers do, in words
 * @for_checkers: what it does wrong is for KASAN, KCSAN or lockdep to report, not for the oracle
 * @refs: how references are counted; without @refcounted, the slot's alone
 * @refcounted: readers take a reference; without it they hold inside RCU
 * @recheck: readers look at the slot again once they have the reference
 * @recycles: a descriptor can come back while a reader still looks at it
 * @locked: readers find a folio under the lock of its mapping
 * @own_descriptor: struct fsc_folio from a cache; not struct folio
 * @publish_early: deliberate bug: published before identity and stamp
 * @careless: deliberate bug: trusts what it has to look at again
 * @touches_slab: deliberate bug: walkers follow the words of slabs
 * @confirms_early: deliberate bug: markers confirm what has not waited
 * @seen_by_pte: deliberate bug that GUP does not suffer from: it looks at the pte again
 * @slab_flags: of the descriptors' cache
 * @deferral: what deferral=auto stands for; FSC_DEFER_AUTO: frees at once
 * @deferrals: what else deferral= may be, as a mask of BIT(enum fsc_deferral)
 * @set_up: make what the protocol keeps for a run and for its threads; 0 or -errno
 * @tear_down: undo that; after a failure of @set_up, too
 * @settle: make reusable what a thread (NULL: the run, whose threads have ended) can
 * @protects: a reader publishes which pointer it is about to follow, for want of RCU
 * @copies: how often a section may try to use a folio by copying it, without a
 *	reference; 0: not at all
 * @cas_only: why it takes no other tryget; NULL if it might
 * @bytes: what @set_up will take, where that is much
 * @private_max: bytes that threads may keep back from reuse by others, at most
 * @alloc: descriptor and memory, no identity yet; NULL when out of memory; may sleep
 * @identify: write identity, generation and stamp
 * @free: the count is zero and the slot empty; frees, or defers it; may sleep,
 *	but where readers recheck, who put inside RCU
 *
 * A folio is a void * here: layout.h.
 */
struct fsc_protocol {
	const char *name;
	const char *busted;
	const char *descriptor;
	const char *pages;
	const char *reader;
	bool for_checkers;
	struct fsc_refs refs;
	bool refcounted;
	bool recheck;
	bool protects;
	bool recycles;
	bool locked;
	bool own_descriptor;
	bool publish_early;
	bool careless;
	bool touches_slab;
	bool confirms_early;
	bool seen_by_pte;
	unsigned int copies;
	const char *cas_only;
	slab_flags_t slab_flags;
	enum fsc_deferral deferral;
	unsigned int deferrals;
	int (*set_up)(struct fsc_run *run);
	void (*tear_down)(struct fsc_run *run);
	void (*settle)(struct fsc_run *run, struct fsc_thread *t);
	u64 (*bytes)(const struct fsc_run *run);
	u64 (*private_max)(const struct fsc_run *run);
	void *(*alloc)(struct fsc_thread *t, unsigned int order);
	void (*identify)(struct fsc_thread *t, void *folio, u64 key, u64 generation, bool timed);
	void (*free)(struct fsc_thread *t, void *folio, bool timed);
};

/**
 * struct fsc_loops - the code of one (path, protocol)
 * @protocol: traits, for those who ask at run time
 * @read: @n sections of one lookup, no delays, one line, uniform keys, one mapping; of
 *	folios of one page where each page has an entry
 * @read_general: @n sections as the parameters say, or until @deadline, one at least
 * @stall: one lookup, in whose section the thread stays for its gap_ns
 * @turn: turn @n folios over, or until @deadline; returns how many it did
 * @add: allocate a folio and publish it under @key; 0 or -ENOMEM
 * @drop: unlink the folio of @key, if there is one, and free it; no reader left
 */
struct fsc_loops {
	const struct fsc_protocol *protocol;
	void (*read)(struct fsc_thread *t, unsigned int n);
	void (*read_general)(struct fsc_thread *t, unsigned int n, u64 deadline);
	void (*stall)(struct fsc_thread *t);
	unsigned int (*turn)(struct fsc_thread *t, unsigned int n, u64 deadline);
	int (*add)(struct fsc_thread *t, u32 key);
	void (*drop)(struct fsc_thread *t, u32 key);
};

/**
 * struct fsc_path - how folios are found
 * @name: what path= takes
 * @loops: one for each protocol
 * @nr_loops: how many
 * @tries: how often a lookup may go through gap_ns in one section
 * @unit: lookups, at most, that are one section's least: a walker looks up a block
 * @gap_max_ns: for how long, in all, a section may be in gap_ns
 * @falls_back: lookups fall back to the mapping's lock
 * @pins: what lookups hand out may be pins
 * @maps_pages: what is looked up are pages of folios
 * @walks: lookups are of frames, not of keys
 * @refuses: why a protocol makes no sense here, NULL if it does
 * @bytes: what @set_up and populating will take beside folios and slots
 * @set_up: make what the path keeps for a run; 0 or a negative errno
 * @tear_down: undo that; after a failure of @set_up, too
 */
struct fsc_path {
	const char *name;
	const struct fsc_loops *loops;
	unsigned int nr_loops;
	unsigned int tries;
	unsigned int unit;
	u64 gap_max_ns;
	bool falls_back;
	bool pins;
	bool maps_pages;
	bool walks;
	const char *(*refuses)(const struct fsc_protocol *protocol);
	u64 (*bytes)(const struct fsc_run *run);
	int (*set_up)(struct fsc_run *run);
	void (*tear_down)(struct fsc_run *run);
};

extern const struct fsc_path fsc_path_pagecache;
extern const struct fsc_path fsc_path_gup;
extern const struct fsc_path fsc_path_pfn;
extern const struct fsc_path *const fsc_paths[];
extern const unsigned int fsc_nr_paths;

/* A path has loops for every protocol, so any path has the table of protocols. */
static inline unsigned int fsc_nr_protocols(void)
{
	return fsc_paths[0]->nr_loops;
}

static inline const struct fsc_protocol *fsc_protocol(unsigned int i)
{
	return fsc_paths[0]->loops[i].protocol;
}

#endif /* FOLIOSCALE_PROTOCOL_H */
