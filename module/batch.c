// SPDX-License-Identifier: GPL-2.0
/* Give back in one call what a freer has freed one after the other. */
#include <linux/mm.h>
#include <linux/slab.h>

#include <folioscale/protocol.h>
#include <folioscale/run.h>

/**
 * fsc_batch_give_back - free the pages and descriptors that a freer holds back
 * @t: the freer
 *
 * After mm/swap.c:folios_put_refs, which release_pages() ends in.
 *
 * Context: Process context, may sleep.
 */
void fsc_batch_give_back(struct fsc_thread *t)
{
	struct fsc_released __percpu *released = t->run->limbo.released;
	struct fsc_batch *held = &t->held;
	/* Overlay's descriptors are page structs, and go with the pages. */
	unsigned int nr_descriptors = t->run->cache ? held->nr_descriptors : held->nr_pages;

	if (held->nr_descriptors)
		kmem_cache_free_bulk(t->run->cache, held->nr_descriptors, held->descriptors);
	if (held->nr_pages)
		release_pages(held->pages, held->nr_pages);
	this_cpu_add(released->descriptors, nr_descriptors);
	this_cpu_add(released->folios, held->nr_pages);
	this_cpu_add(released->pages, held->nr_pages);
	held->nr_descriptors = 0;
	held->nr_pages = 0;
}
