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

/* The same in every arm: a failed allocation is counted, not forced. */
#define FSC_GFP		(GFP_KERNEL | __GFP_NORETRY | __GFP_NOWARN)

struct fsc_mapping;
struct fsc_run;
struct fsc_thread;

/**
 * struct fsc_protocol - traits and operations
 * @name: what protocol= takes
 * @busted: what busted= takes, NULL for the protocol itself
 * @refcounted: readers take a reference; without it they hold inside RCU
 * @recheck: readers look at the slot again once they have the reference
 * @recycles: a descriptor can come back while a reader still looks at it
 * @own_descriptor: struct fsc_folio from a cache; not struct folio
 * @publish_early: deliberate bug: published before identity and stamp
 * @slab_flags: of the descriptors' cache
 * @deferral: what deferral=auto stands for; FSC_DEFER_AUTO: frees at once
 * @deferrals: what else deferral= may be, as a mask of BIT(enum fsc_deferral)
 * @tryget: take a reference unless the count is zero
 * @put_testzero: drop one, true for the last
 * @freeze: 1 -> 0, false if a reader holds the folio
 * @matches: is this the folio of (@mapping, @index)?
 * @key: the folio's key, found without following a pointer of the folio's
 * @generation: the word with its FSC_GENERATION_GONE bit
 * @set_gone: the folio is about to leave its slot; mapping's lock held
 * @pfn: first frame
 * @alloc: descriptor and memory, no identity yet; NULL when out of memory; may sleep
 * @identify: write identity, generation and stamp
 * @enable: set the refcount to @refs, with release, and the memdesc words
 * @free: the count is zero and the slot empty; frees, or defers it
 *
 * A folio is a void * here: struct folio for overlay, struct fsc_folio else.
 */
struct fsc_protocol {
	const char *name;
	const char *busted;
	bool refcounted;
	bool recheck;
	bool recycles;
	bool own_descriptor;
	bool publish_early;
	slab_flags_t slab_flags;
	enum fsc_deferral deferral;
	unsigned int deferrals;
	bool (*tryget)(void *folio);
	bool (*put_testzero)(void *folio);
	bool (*freeze)(void *folio);
	bool (*matches)(const void *folio, const struct fsc_mapping *mapping, u64 index, u64 key);
	u64 (*key)(const struct fsc_run *run, const void *folio);
	u64 (*generation)(const void *folio);
	void (*set_gone)(void *folio);
	unsigned long (*pfn)(const void *folio);
	void *(*alloc)(struct fsc_thread *t);
	void (*identify)(struct fsc_thread *t, void *folio, u64 key, u64 generation, bool timed);
	void (*enable)(struct fsc_thread *t, void *folio, unsigned int refs);
	void (*free)(struct fsc_thread *t, void *folio, bool timed);
};

/**
 * struct fsc_loops - the code of one (path, protocol)
 * @protocol: traits, for those who ask at run time
 * @read: look up @n keys, one a section, no delays, one line, uniform keys
 * @read_general: @n sections as the parameters say, or until @deadline, one at least
 * @turn: turn @n folios over, or until @deadline; returns how many it did
 * @add: allocate a folio and publish it under @key; 0 or -ENOMEM
 * @drop: unlink the folio of @key, if there is one, and free it; no reader left
 */
struct fsc_loops {
	const struct fsc_protocol *protocol;
	void (*read)(struct fsc_thread *t, unsigned int n);
	void (*read_general)(struct fsc_thread *t, unsigned int n, u64 deadline);
	unsigned int (*turn)(struct fsc_thread *t, unsigned int n, u64 deadline);
	int (*add)(struct fsc_thread *t, u32 key);
	void (*drop)(struct fsc_thread *t, u32 key);
};

/**
 * struct fsc_path - how folios are found
 * @name: what path= takes
 * @loops: one for each protocol that makes sense on this path, busted ones too
 * @nr_loops: how many
 */
struct fsc_path {
	const char *name;
	const struct fsc_loops *loops;
	unsigned int nr_loops;
};

extern const struct fsc_protocol *const fsc_protocols[];
extern const unsigned int fsc_nr_protocols;

extern const struct fsc_path *const fsc_paths[];
extern const unsigned int fsc_nr_paths;

#endif /* FOLIOSCALE_PROTOCOL_H */
