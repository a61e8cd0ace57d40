// SPDX-License-Identifier: GPL-2.0
/* Freed descriptors of busted arms: last in first out, as in a slab. */
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
	folio->freeptr = pool->head;
	pool->head = folio;
	spin_unlock_irqrestore(&pool->lock, flags);
}

/**
 * fsc_pool_get - take the descriptor that was freed last
 * @pool: the run's
 *
 * Context: Any.
 * Return: A descriptor with its old contents, NULL when the pool is empty.
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
