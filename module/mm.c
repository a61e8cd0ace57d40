// SPDX-License-Identifier: GPL-2.0
/* The address spaces of a run. Each maps all folios. */
#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/slab.h>

#include <folioscale/mm.h>
#include <folioscale/protocol.h>
#include <folioscale/run.h>

static unsigned long nr_pmds(const struct fsc_run *run)
{
	return DIV_ROUND_UP((unsigned long)run->nr_keys << run->index_shift, FSC_PTES);
}

static struct fsc_pmd *pmd_of(const struct fsc_run *run, struct fsc_mm *mm, u32 key)
{
	return &mm->pmds[((unsigned long)key << run->index_shift) / FSC_PTES];
}

/* First pte of a key. The largest folio has 512 pages, so a key's ptes are in one table. */
static unsigned long *pte_of(const struct fsc_run *run, struct fsc_mm *mm, u32 key)
{
	unsigned long table = READ_ONCE(pmd_of(run, mm, key)->entry) & ~FSC_PRESENT;

	return (unsigned long *)table + ((unsigned long)key << run->index_shift) % FSC_PTES;
}

/**
 * fsc_mms_bytes - most memory that the tables of a run take
 * @run: a run whose keys and orders are known
 *
 * Context: Any.
 * Return: Bytes.
 */
u64 fsc_mms_bytes(const struct fsc_run *run)
{
	return run->config.nr_mms * nr_pmds(run) * (PAGE_SIZE + sizeof(struct fsc_pmd));
}

/**
 * fsc_mms_create - allocate config.nr_mms empty address spaces
 * @run: a run whose threads are created
 *
 * Readers use them in turn. On failure fsc_mms_destroy() undoes what there is.
 *
 * Context: Process context, may sleep.
 * Return: 0 or -ENOMEM.
 */
int fsc_mms_create(struct fsc_run *run)
{
	struct fsc_mm *mms;
	unsigned int i;

	mms = kvcalloc(run->config.nr_mms, sizeof(*mms), GFP_KERNEL);
	run->path_data = mms;
	if (!mms)
		return -ENOMEM;
	for (i = 0; i < run->config.nr_mms; i++) {
		spin_lock_init(&mms[i].lock);
		mms[i].pmds = kvcalloc(nr_pmds(run), sizeof(struct fsc_pmd), GFP_KERNEL);
		if (!mms[i].pmds)
			return -ENOMEM;
	}
	for (i = 0; i < run->nr_threads; i++)
		run->threads[i]->path_data = &mms[i % run->config.nr_mms];
	return 0;
}

/**
 * fsc_mms_destroy - free the address spaces
 * @run: a run with no mapped keys
 *
 * Context: Process context, sleeps until the last tables are free.
 */
void fsc_mms_destroy(struct fsc_run *run)
{
	struct fsc_mm *mms = fsc_mms_of(run);
	unsigned long j;
	unsigned int i;

	if (!mms)
		return;
	rcu_barrier();
	for (i = 0; i < run->config.nr_mms; i++) {
		for (j = 0; mms[i].pmds && j < nr_pmds(run); j++)
			run->path_leaked |= mms[i].pmds[j].entry || mms[i].pmds[j].users;
		kvfree(mms[i].pmds);
	}
	kvfree(mms);
	run->path_data = NULL;
}

static void free_table(struct rcu_head *rcu)
{
	__free_page(container_of(rcu, struct page, rcu_head));
	this_cpu_inc(fsc_run->limbo.released->pages);
}

/* Drop a user of a table. A table that is being freed is a page in limbo. */
static void put_table(struct fsc_thread *t, struct fsc_mm *mm, u32 key)
{
	struct fsc_pmd *pmd = pmd_of(t->run, mm, key);
	unsigned long entry = 0;

	spin_lock(&mm->lock);
	if (!--pmd->users) {
		entry = pmd->entry;
		WRITE_ONCE(pmd->entry, 0);
	}
	spin_unlock(&mm->lock);
	if (!entry)
		return;
	fsc_count(&t->counters, FSC_FREED_PAGES);
	t->unchecked_bytes += PAGE_SIZE;
	call_rcu(&virt_to_page((void *)(entry & ~FSC_PRESENT))->rcu_head, free_table);
}

static int get_table(struct fsc_run *run, struct fsc_mm *mm, u32 key)
{
	struct fsc_pmd *pmd = pmd_of(run, mm, key);
	unsigned long table = 0;

	if (!READ_ONCE(pmd->entry)) {
		table = get_zeroed_page(FSC_GFP);
		if (!table)
			return -ENOMEM;
	}
	for (;;) {
		bool there;

		spin_lock(&mm->lock);
		if (!pmd->entry && table) {
			/* Publishes the zeroed table; pairs with the walker's dependent load. */
			smp_store_release(&pmd->entry, table | FSC_PRESENT);
			table = 0;
		}
		there = pmd->entry;
		pmd->users += there;
		spin_unlock(&mm->lock);
		if (there)
			break;
		/* The table seen above has been retired meanwhile. */
		table = get_zeroed_page(FSC_GFP);
		if (!table)
			return -ENOMEM;
	}
	if (table)
		free_page(table);
	return 0;
}

/**
 * fsc_mms_prepare - get the tables for a key in every address space
 * @t: the calling thread
 * @key: an unmapped key
 *
 * Context: Process context, may sleep.
 * Return: 0, and the tables stay until fsc_mms_retire(); or -ENOMEM.
 */
int fsc_mms_prepare(struct fsc_thread *t, u32 key)
{
	struct fsc_mm *mms = fsc_mms_of(t->run);
	unsigned int i;

	for (i = 0; i < t->run->config.nr_mms; i++) {
		if (get_table(t->run, &mms[i], key))
			goto put_tables;
	}
	return 0;

put_tables:
	while (i--)
		put_table(t, &mms[i], key);
	return -ENOMEM;
}

/**
 * fsc_mms_share - let the tables for a key be put several times
 * @t: the calling thread
 * @key: a key whose tables are there
 * @n: how many calls of fsc_mms_retire() more there will be
 *
 * Context: The lock of the key's mapping held.
 */
void fsc_mms_share(struct fsc_thread *t, u32 key, unsigned int n)
{
	struct fsc_mm *mms = fsc_mms_of(t->run);
	unsigned int i;

	for (i = 0; i < t->run->config.nr_mms; i++) {
		spin_lock(&mms[i].lock);
		pmd_of(t->run, &mms[i], key)->users += n;
		spin_unlock(&mms[i].lock);
	}
}

/**
 * fsc_mms_retire - put the tables for a key
 * @t: the calling thread
 * @key: an unmapped key
 *
 * Context: Process context, maybe under the lock of the key's mapping.
 */
void fsc_mms_retire(struct fsc_thread *t, u32 key)
{
	struct fsc_mm *mms = fsc_mms_of(t->run);
	unsigned int i;

	for (i = 0; i < t->run->config.nr_mms; i++)
		put_table(t, &mms[i], key);
}

/**
 * fsc_mms_map - map a folio under a key
 * @run: the run
 * @pfn: the folio's first frame
 * @order: log2 of its pages
 * @key: a prepared key
 * @at: its first page among those of @key
 *
 * Context: The lock of the key's mapping held.
 */
void fsc_mms_map(struct fsc_run *run, unsigned long pfn, unsigned int order, u32 key,
		 unsigned int at)
{
	unsigned int i, j;

	/* A walker that finds the pte finds the memdesc word; pairs with its dependent loads. */
	smp_wmb();
	for (i = 0; i < run->config.nr_mms; i++) {
		unsigned long *pte = pte_of(run, &fsc_mms_of(run)[i], key) + at;

		for (j = 0; j < 1U << order; j++)
			WRITE_ONCE(pte[j], (pfn + j) << PAGE_SHIFT | FSC_PRESENT);
	}
}

/**
 * fsc_mms_unmap - undo fsc_mms_map()
 * @run: the run
 * @order: log2 of the folio's pages
 * @key: its key
 * @at: its first page among those of @key
 *
 * Context: The lock of the key's mapping held. Ordered before the frame's next folio, by the
 * freeze or put that follows, or where that is rcuref's, which is not fully ordered, by the
 * smp_wmb() of fsc_memdesc_publish(). Pairs with the acquire of the walker's tryget, after which
 * the walker rechecks the pte.
 */
void fsc_mms_unmap(struct fsc_run *run, unsigned int order, u32 key, unsigned int at)
{
	unsigned int i, j;

	for (i = 0; i < run->config.nr_mms; i++) {
		unsigned long *pte = pte_of(run, &fsc_mms_of(run)[i], key) + at;

		for (j = 0; j < 1U << order; j++)
			WRITE_ONCE(pte[j], 0);
	}
}
