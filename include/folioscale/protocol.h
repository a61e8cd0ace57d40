/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A protocol: how a folio is allocated and freed, and what a reader must do
 * about it. Each is a const struct in a header of its own in module/protocols/.
 * The loops (module/loops/) treat its members as constants, so
 * every (path, protocol) gets its own specialised code.
 */
#ifndef FOLIOSCALE_PROTOCOL_H
#define FOLIOSCALE_PROTOCOL_H

#include <linux/slab.h>
#include <linux/time64.h>
#include <linux/types.h>

#include <folioscale/config.h>
#include <folioscale/refs.h>

/* The same in every arm: a failed allocation is counted and retried, not forced. */
#define FSC_GFP		(GFP_KERNEL | __GFP_NORETRY | __GFP_NOWARN)

/* Longest time that a delay may keep interrupts off. */
#define FSC_IRQS_OFF_MAX_NS	(100 * NSEC_PER_MSEC)

struct fsc_mapping;
struct fsc_run;
struct fsc_thread;

/**
 * struct fsc_slot - what is looked up; computed once per lookup
 * @mapping: the mapping of the key
 * @index: one of the key's indices in @mapping
 * @key: the key
 * @at: which of them, from 0
 */
struct fsc_slot {
	struct fsc_mapping *mapping;
	u64 index;
	u64 key;
	unsigned int at;
};

/**
 * struct fsc_says - a protocol in words, as documents and reports show it
 * @descriptor: when its descriptors are freed, and to where
 * @pages: when its pages are freed
 * @reader: what its readers do
 */
struct fsc_says {
	const char *descriptor;
	const char *pages;
	const char *reader;
};

/**
 * struct fsc_reader - what a reader must do
 * @refcounted: readers take a reference; otherwise they hold the folio inside RCU
 * @recheck: readers look at the slot again after they took the reference
 * @protects: a reader publishes the pointer it is about to follow (hazard pointer)
 * @wildcard: a reader protects everything while it loads the pointer, and then that alone
 * @locked: readers find a folio under the lock of its mapping
 * @copies: how often a section may try to copy a folio instead of taking a reference; 0: never
 */
struct fsc_reader {
	bool refcounted;
	bool recheck;
	bool protects;
	bool wildcard;
	bool locked;
	unsigned int copies;
};

/**
 * struct fsc_freeing - how a folio is allocated and freed
 * @reused_before_gp: a descriptor can be reused while a reader still looks at it
 * @slab_flags: of the descriptors' cache
 * @deferral: meaning of deferral=auto; FSC_DEFER_AUTO: frees at once
 * @deferrals: other values that deferral= may have, as a mask of BIT(enum fsc_deferral)
 * @alloc: allocate descriptor and memory, without identity; NULL when out of memory; may sleep
 * @identify: write identity, generation and stamp
 * @free: free the folio or defer that; its count is zero and its slot empty. May sleep, but not
 *	with reader.recheck: on the page cache those readers put inside RCU
 * @flush: make reusable what a thread keeps back; NULL: what the run does, after its threads
 *	ended
 * @private_max: most bytes that threads may keep from reuse by others
 */
struct fsc_freeing {
	bool reused_before_gp;
	slab_flags_t slab_flags;
	enum fsc_deferral deferral;
	unsigned int deferrals;
	void *(*alloc)(struct fsc_thread *t, unsigned int order);
	void (*identify)(struct fsc_thread *t, void *folio, u64 key, u64 generation, bool timed);
	void (*free)(struct fsc_thread *t, void *folio, bool timed);
	void (*flush)(struct fsc_run *run, struct fsc_thread *t);
	u64 (*private_max)(const struct fsc_run *run);
};

/**
 * struct fsc_bug - the deliberate bug of a negative control
 * @name: what busted= takes; NULL for the protocol itself
 * @forgets: the bug in words, for the documents
 * @widened_by: what makes it show sooner, for the documents
 * @for_checkers: the bug is for KASAN, KCSAN or lockdep to report, not for the oracle
 * @publish_early: publishes before identity and stamp
 * @skips_recheck: skips the recheck it needs, or the wildcard
 * @touches: the memdesc type whose words walkers follow, though it has no count; 0: none
 * @confirms_early: markers confirm before the grace period
 * @caught_by_pte: GUP catches this one: it rechecks the pte
 */
struct fsc_bug {
	const char *name;
	const char *forgets;
	const char *widened_by;
	bool for_checkers;
	bool publish_early;
	bool skips_recheck;
	unsigned int touches;
	bool confirms_early;
	bool caught_by_pte;
};

/**
 * struct fsc_protocol - traits and operations, in parts
 * @name: what protocol= takes
 * @own_descriptor: struct fsc_folio from a cache, not struct folio
 * @cas_only: why it supports only tryget=cas; NULL: not so
 * @refs: how references are counted; without @reader.refcounted only the slot has one
 * @says: in words
 * @reader: what a reader must do
 * @freeing: how a folio is allocated and freed
 * @bug: of a negative control
 * @set_up: allocate the protocol's data for a run and its threads; 0 or -errno
 * @tear_down: undo @set_up, also after it failed
 * @bytes: memory that @set_up takes, if it is much
 *
 * A folio is a void * here, see layout.h.
 */
struct fsc_protocol {
	const char *name;
	bool own_descriptor;
	const char *cas_only;
	/*
	 * The first of the structs: gcc looks for a function to inline in the first nested
	 * initialiser alone (gcc/ipa-prop.cc:find_constructor_constant_at_offset).
	 */
	struct fsc_refs refs;
	struct fsc_says says;
	struct fsc_reader reader;
	struct fsc_freeing freeing;
	struct fsc_bug bug;
	int (*set_up)(struct fsc_run *run);
	void (*tear_down)(struct fsc_run *run);
	u64 (*bytes)(const struct fsc_run *run);
};

/**
 * struct fsc_loops - the code of one (path, protocol)
 * @protocol: traits, for run-time checks
 * @read: @n sections of one lookup each: no delays, one cache line, uniform keys, one mapping,
 *	folios of one page
 * @read_general: @n sections as configured, or until @deadline, at least one
 * @stall: one lookup; the thread stays in its section for gap_ns
 * @turn: turn over @n folios, or until @deadline; returns how many
 * @add: allocate a folio and publish it under @key; 0 or -ENOMEM
 * @drop: unlink and free the folio at one of the indices of @key, if there is one; no readers left
 */
struct fsc_loops {
	const struct fsc_protocol *protocol;
	void (*read)(struct fsc_thread *t, unsigned int n);
	void (*read_general)(struct fsc_thread *t, unsigned int n, u64 deadline);
	void (*stall)(struct fsc_thread *t);
	unsigned int (*turn)(struct fsc_thread *t, unsigned int n, u64 deadline);
	int (*add)(struct fsc_thread *t, u32 key);
	void (*drop)(struct fsc_thread *t, u32 key, unsigned int at);
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
