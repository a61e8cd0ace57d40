// SPDX-License-Identifier: GPL-2.0
/*
 * Freed descriptors of busted arms: last in first out, as in a slab, but for the
 * very last, which waits until the next one comes. Pages are last in first out
 * as well, and would give it the frame that it had: nothing to be seen there.
 */
#include <folioscale/folio.h>
#include <folioscale/run.h>

/**
 * fsc_pool_put - keep a freed descriptor
 * @pool: the run's
 * @folio: a descriptor that nobody has a reference to
 *
 * The link lies where SLUB's free pointer does in a TYPESAFE cache, over lru,
 * so identity, pfn and time of free survive here too.
 *
 * Context: Any.
 */
void fsc_pool_put(struct fsc_pool *pool, struct fsc_folio *folio)
{
	unsigned long flags;

	spin_lock_irqsave(&pool->lock, flags);
	if (pool->last) {
		pool->last->freeptr = pool->head;
		pool->head = pool->last;
	}
	pool->last = folio;
	spin_unlock_irqrestore(&pool->lock, flags);
}

/**
 * fsc_pool_get - take a descriptor that was freed
 * @pool: the run's
 *
 * Context: Any.
 * Return: A descriptor with its old contents, NULL when there is none.
 */
struct fsc_folio *fsc_pool_get(struct fsc_pool *pool)
{
	struct fsc_folio *folio;
	unsigned long flags;

	spin_lock_irqsave(&pool->lock, flags);
	folio = pool->head;
	if (folio)
		pool->head = folio->freeptr;
	spin_unlock_irqrestore(&pool->lock, flags);
	return folio;
}

/**
 * fsc_pool_empty - take whatever is left
 * @pool: the pool of a run that is drained
 *
 * Context: Any.
 * Return: A descriptor, NULL when the pool is empty.
 */
struct fsc_folio *fsc_pool_empty(struct fsc_pool *pool)
{
	struct fsc_folio *folio = pool->last;

	pool->last = NULL;
	return folio ?: fsc_pool_get(pool);
}
