// SPDX-License-Identifier: GPL-2.0
/*
 * Freed descriptors of busted arms. They are reused last in, first out, as in a
 * slab, but the last one is held back until the next one comes. Pages are
 * reused last in, first out as well, so it would get its old frame, and the bug
 * would not show.
 */
#include <folioscale/folio.h>
#include <folioscale/run.h>

/**
 * fsc_pool_put - keep a freed descriptor
 * @pool: the run's
 * @folio: a descriptor without references
 *
 * The link is where SLUB's free pointer is in a TYPESAFE cache, over lru, so
 * that identity, pfn and time of free survive here, too.
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
 * Return: A descriptor with its old contents, NULL if there is none.
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
 * fsc_pool_empty - take any descriptor that is left
 * @pool: the pool of a drained run
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
