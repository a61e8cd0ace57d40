/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Shared by all paths: the slots of a mapping, changed under its lock. Every
 * path publishes and removes folios here. The lock is taken with interrupts
 * off, as that of a struct address_space is: the end of writeback takes it in
 * an interrupt. So no tick and no RCU callback runs between freeze and unlink,
 * while readers try again and again, but on PREEMPT_RT and ARCH=um (compat.h).
 */
#ifndef FSC_PATH_MAPPING_H
#define FSC_PATH_MAPPING_H

#include <linux/rcupdate.h>
#include <linux/xarray.h>

#include "../loops/define.h"
#include "../loops/delay.h"
#include "../loops/oracle.h"
#include "../protocols/table.h"

/**
 * struct fsc_tables - what a path does with its own tables when a slot changes
 * @prepare: get the tables for a key; may sleep; 0 or -ENOMEM
 * @share: let a number of retires more come before the tables for a key are put; under xa_lock
 * @retire: put the tables for a key
 * @map: map a folio, from one of the key's pages on; under xa_lock
 * @unmap: unmap a folio; under xa_lock
 * @turned: a number of folios have been turned over
 *
 * Each may be NULL.
 */
struct fsc_tables {
	int (*prepare)(struct fsc_thread *t, u32 key);
	void (*share)(struct fsc_thread *t, u32 key, unsigned int n);
	void (*retire)(struct fsc_thread *t, u32 key);
	void (*map)(struct fsc_thread *t, unsigned long pfn, unsigned int order, u32 key,
		    unsigned int at);
	void (*unmap)(struct fsc_thread *t, unsigned int order, u32 key, unsigned int at);
	void (*turned)(struct fsc_thread *t, unsigned int n);
};

/*
 * Lookup under the lock, as in the slow path of GUP. The slot keeps its
 * reference meanwhile, so taking another cannot fail.
 */
static __always_inline void *fsc_mapping_find_locked(struct fsc_thread *t,
						     const struct fsc_protocol *proto,
						     struct fsc_slot slot, bool general)
{
	XA_STATE(xas, &slot.mapping->pages, slot.index);
	void *folio;

	fsc_lock_mapping(xas.xa);
	folio = xas_load(&xas);
	if (folio) {
		fsc_gap(t, proto, general);
		/* rcuref has no @add, and its tryget cannot fail here either. */
		if (proto->refs.add && !IS_ENABLED(CONFIG_DEBUG_VM)) {
			proto->refs.add(folio, 1);
		} else if (!proto->refs.tryget(t, folio)) {
			WARN_ON_ONCE(!proto->bug.name);
			folio = NULL;
		}
	}
	fsc_unlock_mapping(xas.xa);
	return folio;
}

/*
 * With cross_cpu=1 a freer skips folios that were allocated by a freer on its
 * own CPU. The CPU of the main thread's allocations is not known.
 */
static __always_inline bool fsc_allocated_here(const struct fsc_thread *t,
					       const struct fsc_protocol *proto,
					       const void *folio)
{
	u64 generation = fsc_folio_generation(proto, folio);
	const struct fsc_thread *owner = fsc_generation_owner(t->run, generation);

	return t->role == FSC_FREER && owner && owner->cpu == t->cpu;
}

/*
 * Reclaim freezes first, after mm/vmscan.c:__remove_mapping, and skips a folio
 * that a reader holds. Truncate unlinks in any case, after
 * mm/filemap.c:page_cache_delete; the caller then owns the slot's reference.
 * Both unmap before that: a walker of the tables either has a reference before
 * the freeze, which then fails, or finds the entry gone. Neither clears the
 * identity, so that a stale reader can recognise the folio.
 */
static __always_inline void *fsc_mapping_remove(struct fsc_thread *t,
						const struct fsc_protocol *proto, u32 key,
						unsigned int at, const struct fsc_tables *tables)
{
	const struct fsc_config *config = &t->run->config;
	struct fsc_mapping *mapping = &t->mappings[key & t->mapping_mask];
	const u64 index = fsc_index_of(t, key) + at;
	XA_STATE(xas, &mapping->pages, index);
	unsigned int order;
	void *folio;

	fsc_lock_mapping(xas.xa);
	folio = xas_load(&xas);
	if (!folio) {
		fsc_count(&t->counters, FSC_VICTIM_MISSING);
		goto out;
	}
	if (config->cross_cpu && fsc_allocated_here(t, proto, folio)) {
		fsc_count(&t->counters, FSC_SAME_CPU);
		folio = NULL;
		goto out;
	}
	order = fsc_folio_order(proto, folio);
	if (tables->unmap)
		tables->unmap(t, order, key, at);
	if (proto->refs.freezes && config->removal == FSC_RECLAIM &&
	    !proto->refs.freeze(folio)) {
		fsc_count(&t->counters, FSC_FREEZE_BUSY);
		if (tables->map)
			tables->map(t, fsc_folio_pfn(proto, folio), order, key, at);
		folio = NULL;
		goto out;
	}
	fsc_folio_mark_removed(proto, folio);
	if (order)
		xas_set_order(&xas, index, order);
	if (proto->reader.copies)
		write_seqcount_begin(&mapping->delete_seq);
	xas_store(&xas, NULL);
	if (proto->reader.copies)
		write_seqcount_end(&mapping->delete_seq);
	if (tables->retire)
		tables->retire(t, key);
out:
	fsc_unlock_mapping(xas.xa);
	return folio;
}

/*
 * Unmap and freeze a folio, then undo both, as split and migration do with a
 * folio that they keep. Return: true if it was there and not held.
 */
static __always_inline bool fsc_mapping_refreeze(struct fsc_thread *t,
						 const struct fsc_protocol *proto, u32 key,
						 const struct fsc_tables *tables)
{
	struct xarray *pages = &t->mappings[key & t->mapping_mask].pages;
	bool frozen = false;
	void *folio;

	fsc_lock_mapping(pages);
	folio = xa_load(pages, fsc_index_of(t, key));
	if (!folio) {
		fsc_count(&t->counters, FSC_VICTIM_MISSING);
		goto out;
	}
	if (tables->unmap)
		tables->unmap(t, fsc_folio_order(proto, folio), key, 0);
	frozen = proto->refs.freezes && proto->refs.freeze(folio);
	if (frozen)
		proto->refs.unfreeze(folio);
	if (tables->map)
		tables->map(t, fsc_folio_pfn(proto, folio), fsc_folio_order(proto, folio), key, 0);
	fsc_count(&t->counters, frozen ? FSC_REFREEZES : FSC_FREEZE_BUSY);
out:
	fsc_unlock_mapping(pages);
	return frozen;
}

/*
 * Put @new into the slot of the folio that is there, after
 * mm/migrate.c:__folio_migrate_mapping: it freezes the old one, so that nobody
 * who holds it is left with a copy, and the slot is never vacant. xas_store()
 * pairs as in fsc_mapping_publish(). Return: the old one, with the slot's
 * reference or frozen; NULL if there is none, or if it was held.
 */
static __always_inline void *fsc_mapping_migrate(struct fsc_thread *t,
						 const struct fsc_protocol *proto, u32 key,
						 void *new, const struct fsc_tables *tables)
{
	struct fsc_mapping *mapping = &t->mappings[key & t->mapping_mask];
	XA_STATE(xas, &mapping->pages, fsc_index_of(t, key));
	void *folio, *mapped = new;

	fsc_lock_mapping(xas.xa);
	folio = xas_load(&xas);
	if (!folio) {
		fsc_count(&t->counters, FSC_VICTIM_MISSING);
		goto out;
	}
	if (tables->unmap)
		tables->unmap(t, fsc_folio_order(proto, folio), key, 0);
	if (proto->refs.freezes && !proto->refs.freeze(folio)) {
		fsc_count(&t->counters, FSC_FREEZE_BUSY);
		mapped = folio;
		folio = NULL;
	} else {
		fsc_folio_mark_removed(proto, folio);
		if (proto->reader.copies)
			write_seqcount_begin(&mapping->delete_seq);
		/*
		 * An entry is replaced by another: that needs no memory. Its other indices refer to
		 * the first.
		 */
		xas_store(&xas, new);
		if (proto->reader.copies)
			write_seqcount_end(&mapping->delete_seq);
	}
	if (tables->map)
		tables->map(t, fsc_folio_pfn(proto, mapped), fsc_folio_order(proto, mapped), key,
			    0);
out:
	fsc_unlock_mapping(xas.xa);
	return folio;
}

/*
 * Split a folio into one for each of its pages, after mm/huge_memory.c:__folio_split: unmap and
 * freeze it, give each page a count and a descriptor of its own, and put those into the slot.
 * Whoever finds the large one meanwhile cannot get it, or, with a protocol whose readers take no
 * reference, uses what it still describes. xas_store() pairs as in fsc_mapping_publish().
 * @parts: as many descriptors as it has pages. Return: the large folio, frozen and without pages;
 * NULL if it is not there or held.
 */
static __always_inline void *fsc_mapping_split(struct fsc_thread *t,
					       const struct fsc_protocol *proto, u32 key,
					       struct fsc_folio **parts,
					       const struct fsc_tables *tables)
{
	const unsigned int order = fsc_order_of(&t->run->orders, key);
	struct fsc_mapping *mapping = &t->mappings[key & t->mapping_mask];
	const u64 index = fsc_index_of(t, key);
	XA_STATE(xas, &mapping->pages, index);
	struct fsc_folio *whole;
	unsigned int i;

	/* Refused when the run starts. */
	if (!proto->own_descriptor || !proto->refs.freezes)
		return NULL;
	whole = xa_load(&mapping->pages, index);
	/* The nodes, whose entries are written below; only the pointer is needed of the folio. */
	xas_split_alloc(&xas, whole, order, FSC_GFP);
	if (xas_error(&xas)) {
		fsc_count(&t->counters, FSC_ALLOC_FAILED);
		return NULL;
	}
	fsc_lock_mapping(xas.xa);
	xas_reset(&xas);
	/* Another freer may have split it, or taken it away. */
	if (!whole || xas_load(&xas) != whole || whole->order != order) {
		fsc_count(&t->counters, FSC_VICTIM_MISSING);
		whole = NULL;
		goto out;
	}
	if (tables->unmap)
		tables->unmap(t, order, key, 0);
	if (!proto->refs.freeze(whole)) {
		fsc_count(&t->counters, FSC_FREEZE_BUSY);
		if (tables->map)
			tables->map(t, whole->pfn, order, key, 0);
		whole = NULL;
		goto out;
	}
	fsc_folio_mark_removed(proto, whole);
	split_page(pfn_to_page(whole->pfn), order);
	for (i = 0; i < 1U << order; i++) {
		fsc_desc_take_over(t, parts[i], whole, i);
		fsc_enable(t, proto, parts[i], 1);
	}
	if (proto->reader.copies)
		write_seqcount_begin(&mapping->delete_seq);
	xas_split(&xas, whole, order);
	for (i = 0; i < 1U << order; i++) {
		xas_set(&xas, index + i);
		xas_store(&xas, parts[i]);
	}
	if (proto->reader.copies)
		write_seqcount_end(&mapping->delete_seq);
	if (tables->share)
		tables->share(t, key, (1U << order) - 1);
	if (tables->map)
		tables->map(t, whole->pfn, order, key, 0);
	/* A reader without a reference may mark it meanwhile. */
	set_bit(FSC_FOLIO_SPLIT, &whole->flags);
out:
	fsc_unlock_mapping(xas.xa);
	/* Without an error it only frees nodes that were not needed. */
	xas_nomem(&xas, FSC_GFP);
	return whole;
}

/* xas_store() releases all that the allocation wrote; pairs with xas_load(). */
static __always_inline int fsc_mapping_publish(struct fsc_thread *t,
					       const struct fsc_protocol *proto, void *folio,
					       u32 key, const struct fsc_tables *tables)
{
	const unsigned int order = fsc_folio_order(proto, folio);
	XA_STATE_ORDER(xas, &t->mappings[key & t->mapping_mask].pages, fsc_index_of(t, key), order);
	int err = tables->prepare ? tables->prepare(t, key) : 0;

	if (err)
		return err;
	do {
		fsc_lock_mapping(xas.xa);
		xas_store(&xas, folio);
		if (tables->map && !xas_error(&xas))
			tables->map(t, fsc_folio_pfn(proto, folio), order, key, 0);
		fsc_unlock_mapping(xas.xa);
	} while (xas_nomem(&xas, FSC_GFP));
	err = xas_error(&xas);
	if (err && tables->retire)
		tables->retire(t, key);
	return err;
}

/* How freers change the slots of a path. */
#define FSC_DEFINE_SLOTS(path)								\
static __always_inline void *path##_remove(struct fsc_thread *t,			\
					   const struct fsc_protocol *proto, u32 key,	\
					   unsigned int at)				\
{											\
	return fsc_mapping_remove(t, proto, key, at, &path##_tables);			\
}											\
static __always_inline bool path##_refreeze(struct fsc_thread *t,			\
					    const struct fsc_protocol *proto, u32 key)	\
{											\
	return fsc_mapping_refreeze(t, proto, key, &path##_tables);			\
}											\
static __always_inline void *path##_migrate(struct fsc_thread *t,			\
					    const struct fsc_protocol *proto, u32 key,	\
					    void *new)					\
{											\
	return fsc_mapping_migrate(t, proto, key, new, &path##_tables);			\
}											\
static __always_inline void *path##_split(struct fsc_thread *t,				\
					  const struct fsc_protocol *proto,		\
					  u32 key, struct fsc_folio **parts)		\
{											\
	return fsc_mapping_split(t, proto, key, parts, &path##_tables);			\
}											\
static int path##_publish(struct fsc_thread *t, const struct fsc_protocol *proto,	\
			  void *folio, u32 key)						\
{											\
	return fsc_mapping_publish(t, proto, folio, key, &path##_tables);		\
}

#endif /* FSC_PATH_MAPPING_H */
