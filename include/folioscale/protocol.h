/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A protocol: how a folio is allocated and freed, and what a reader must do
 * about it. Each is a const struct in a header of its own in module/protocols/.
 * The loops (include/folioscale/loops.h) treat its members as constants, so
 * every (path, protocol) gets its own specialised code.
 */
#ifndef FOLIOSCALE_PROTOCOL_H
#define FOLIOSCALE_PROTOCOL_H

#include <linux/slab.h>
#include <linux/types.h>

#include <folioscale/config.h>
#include <folioscale/refs.h>

/* The same in every arm: a failed allocation is counted and retried, not forced. */
#define FSC_GFP		(GFP_KERNEL | __GFP_NORETRY | __GFP_NOWARN)

struct fsc_mapping;
struct fsc_run;
struct fsc_thread;

/* A key and where it is; computed once per lookup. */
struct fsc_slot {
	struct fsc_mapping *mapping;
	u64 index;
	u64 key;
};

/**
 * struct fsc_protocol - traits and operations
 * @name: what protocol= takes
 * @busted: what busted= takes, NULL for the protocol itself
 * @descriptor: text: when its descriptors are freed, and to where
 * @pages: text: when its pages are freed
 * @reader: text: what its readers do
 * @for_checkers: the bug is for KASAN, KCSAN or lockdep to report, not for the oracle
 * @refs: how references are counted; without @refcounted only the slot has one
 * @refcounted: readers take a reference; otherwise they hold the folio inside RCU
 * @recheck: readers look at the slot again after they took the reference
 * @recycles: a descriptor can be reused while a reader still looks at it
 * @locked: readers find a folio under the lock of its mapping
 * @own_descriptor: struct fsc_folio from a cache, not struct folio
 * @publish_early: deliberate bug: published before identity and stamp
 * @careless: deliberate bug: skips the recheck it needs
 * @touches_slab: deliberate bug: walkers follow the memdesc words of slabs
 * @confirms_early: deliberate bug: markers confirm before the grace period
 * @seen_by_pte: deliberate bug that GUP catches: it rechecks the pte
 * @slab_flags: of the descriptors' cache
 * @deferral: meaning of deferral=auto; FSC_DEFER_AUTO: frees at once
 * @deferrals: other values that deferral= may have, as a mask of BIT(enum fsc_deferral)
 * @set_up: allocate the protocol's data for a run and its threads; 0 or -errno
 * @tear_down: undo @set_up, also after it failed
 * @settle: make reusable what a thread keeps back; NULL: what the run does, after its threads
 *	ended
 * @protects: a reader publishes the pointer it is about to follow (hazard pointer)
 * @copies: how often a section may try to copy a folio instead of taking a reference; 0: never
 * @cas_only: why it supports only tryget=cas; NULL if no reason of its own
 * @bytes: memory that @set_up takes, if it is much
 * @private_max: most bytes that threads may keep from reuse by others
 * @alloc: allocate descriptor and memory, without identity; NULL when out of memory; may sleep
 * @identify: write identity, generation and stamp
 * @free: free the folio or defer that; its count is zero and its slot empty. May sleep, but not
 *	with @recheck: those readers put inside RCU
 *
 * A folio is a void * here, see layout.h.
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
 * @protocol: traits, for run-time checks
 * @read: @n sections of one lookup each: no delays, one cache line, uniform keys, one mapping;
 *	folios of one page if the path maps pages
 * @read_general: @n sections as configured, or until @deadline, at least one
 * @stall: one lookup; the thread stays in its section for gap_ns
 * @turn: turn over @n folios, or until @deadline; returns how many
 * @add: allocate a folio and publish it under @key; 0 or -ENOMEM
 * @drop: unlink and free the folio of @key, if there is one; no readers left
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
 * @loops: one for each row of the protocols' table
 * @nr_loops: number of @loops
 * @tries: how often a lookup may spend gap_ns in one section
 * @unit: most lookups in the smallest section: a walker looks up a whole block
 * @gap_max_ns: longest time that a section may spend in gap_ns
 * @falls_back: lookups fall back to the mapping's lock
 * @pins: lookups may return pins
 * @maps_pages: lookups are of pages of folios
 * @walks: lookups are of frames, not of keys
 * @refuses: why the path does not support a protocol; NULL if it does
 * @bytes: memory that @set_up and populating take besides folios and slots
 * @set_up: allocate the path's data for a run; 0 or a negative errno
 * @tear_down: undo @set_up, also after it failed
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

/* Every path has loops for all protocols, so any path has the table of protocols. */
static inline unsigned int fsc_nr_protocols(void)
{
	return fsc_paths[0]->nr_loops;
}

static inline const struct fsc_protocol *fsc_protocol(unsigned int i)
{
	return fsc_paths[0]->loops[i].protocol;
}

#endif /* FOLIOSCALE_PROTOCOL_H */
