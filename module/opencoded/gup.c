// SPDX-License-Identifier: GPL-2.0
/*
 * The GUP path by hand: walk two levels of tables with interrupts off, as
 * mm/gup.c:gup_fast_pte_range would. If that fails, get the folio under the
 * lock of the mapping.
 */
#include <linux/err.h>
#include <linux/gfp.h>
#include <linux/irqflags.h>

#include <folioscale/mm.h>

#include "opencoded.h"

#define NR_PMDS		DIV_ROUND_UP(FSC_OPENCODED_FOLIOS, FSC_PTES)

static unsigned long pmds[NR_PMDS];

static noinline struct fsc_folio *fall_back(u32 key)
{
	struct fsc_folio *folio;

	fsc_lock_mapping(&fsc_opencoded.mapping.pages);
	folio = xa_load(&fsc_opencoded.mapping.pages, key);
	if (folio)
		atomic_inc(&folio->refcount);
	fsc_unlock_mapping(&fsc_opencoded.mapping.pages);
	return folio;
}

static noinline struct folio *fall_back_overlay(u32 key)
{
	struct folio *folio;

	fsc_lock_mapping(&fsc_opencoded.mapping.pages);
	folio = xa_load(&fsc_opencoded.mapping.pages, key);
	if (folio)
		folio_get(folio);
	fsc_unlock_mapping(&fsc_opencoded.mapping.pages);
	return folio;
}

static __always_inline struct folio *get_overlay(u32 key)
{
	const unsigned long *pmdp = &pmds[key / FSC_PTES], *ptep;
	struct folio *folio, *drop = NULL;
	unsigned long flags, pmd, pte;
	struct page *page;

	local_irq_save(flags);
	pmd = READ_ONCE(*pmdp);
	if (unlikely(!pmd))
		goto failed;
	ptep = (const unsigned long *)(pmd & ~FSC_PRESENT) + key % FSC_PTES;
	pte = READ_ONCE(*ptep);
	if (unlikely(!pte))
		goto failed;
	page = pfn_to_page(pte >> PAGE_SHIFT);
	folio = page_folio(page);
	if (unlikely(!folio_try_get(folio)))
		goto failed;
	if (unlikely(page_folio(page) != folio) || unlikely(READ_ONCE(*pmdp) != pmd) ||
	    unlikely(READ_ONCE(*ptep) != pte)) {
		drop = folio;
		goto failed;
	}
	local_irq_restore(flags);
	return folio;

failed:
	local_irq_restore(flags);
	if (drop)
		fsc_opencoded_put_overlay(drop);
	return fall_back_overlay(key);
}

static u64 read_overlay(struct fsc_stream *stream, unsigned int n)
{
	struct fsc_stream own = *stream;
	u64 good = 0;

	while (n--) {
		u32 key = fsc_stream_uniform(&own, FSC_OPENCODED_FOLIOS);
		struct folio *folio = get_overlay(key);

		if (unlikely(!folio))
			continue;
		good += fsc_opencoded_use_overlay(folio, key);
		fsc_opencoded_put_overlay(folio);
	}
	*stream = own;
	return good;
}

/*
 * All protocols with their own descriptor. @hazard: publish a hazard pointer
 * before the tryget. @wildcard: publish one before the load, and then the pointer.
 * @recheck: recheck the memdesc word after the tryget. All are constants.
 */
static __always_inline struct fsc_folio *get(u32 key, bool hazard, bool wildcard, bool recheck)
{
	const unsigned long *pmdp = &pmds[key / FSC_PTES], *ptep, *slot;
	struct fsc_folio *folio, *drop = NULL;
	struct fsc_opencoded_hazard cpu_hazard __uninitialized;
	unsigned long flags, pmd, pte, word;

	local_irq_save(flags);
	pmd = READ_ONCE(*pmdp);
	if (unlikely(!pmd))
		goto not_found;
	ptep = (const unsigned long *)(pmd & ~FSC_PRESENT) + key % FSC_PTES;
	pte = READ_ONCE(*ptep);
	if (unlikely(!pte))
		goto not_found;
	slot = fsc_memdesc_slot(&fsc_opencoded.map, pte >> PAGE_SHIFT);
	if (wildcard)
		fsc_opencoded_wildcard(&cpu_hazard);
	word = READ_ONCE(*slot);
	folio = fsc_memdesc_folio(word);
	if (wildcard)
		fsc_opencoded_narrow(&cpu_hazard, folio);
	if (unlikely(!folio))
		goto not_found;
	if (hazard) {
		WRITE_ONCE(fsc_opencoded.hazard, folio);
		/* Would pair with the smp_mb() between a freer's unlinking and its scan. */
		smp_mb();
		if (unlikely(READ_ONCE(*slot) != word))
			goto failed;
	}
	if (unlikely(!fsc_opencoded_tryget(folio)))
		goto failed;
	if ((recheck && unlikely(READ_ONCE(*slot) != word)) ||
	    unlikely(READ_ONCE(*pmdp) != pmd) || unlikely(READ_ONCE(*ptep) != pte)) {
		drop = folio;
		goto failed;
	}
	if (hazard)
		/* Would pair with the acquire of a freer's scan. */
		smp_store_release(&fsc_opencoded.hazard, NULL);
	if (wildcard)
		fsc_opencoded_clear(&cpu_hazard);
	local_irq_restore(flags);
	return folio;

failed:
	if (wildcard)
		fsc_opencoded_clear(&cpu_hazard);
not_found:
	if (hazard)
		/* As above. */
		smp_store_release(&fsc_opencoded.hazard, NULL);
	local_irq_restore(flags);
	if (drop)
		fsc_opencoded_put(drop);
	return fall_back(key);
}

static __always_inline u64 read_by(struct fsc_stream *stream, unsigned int n, bool hazard,
				   bool wildcard, bool recheck)
{
	struct fsc_stream own = *stream;
	u64 good = 0;

	while (n--) {
		u32 key = fsc_stream_uniform(&own, FSC_OPENCODED_FOLIOS);
		struct fsc_folio *folio = get(key, hazard, wildcard, recheck);

		if (unlikely(!folio))
			continue;
		good += fsc_opencoded_use(folio, key);
		fsc_opencoded_put(folio);
	}
	*stream = own;
	return good;
}

static u64 read_typesafe(struct fsc_stream *stream, unsigned int n)
{
	return read_by(stream, n, false, false, true);
}

static u64 read_rcu_desc(struct fsc_stream *stream, unsigned int n)
{
	return read_by(stream, n, false, false, false);
}

static u64 read_hazptr(struct fsc_stream *stream, unsigned int n)
{
	return read_by(stream, n, true, false, false);
}

static u64 read_hazptr_cpu(struct fsc_stream *stream, unsigned int n)
{
	return read_by(stream, n, false, true, false);
}

static int map_all(void)
{
	unsigned long key, *ptes;
	void *folio;

	xa_for_each(&fsc_opencoded.mapping.pages, key, folio) {
		unsigned long *pmd = &pmds[key / FSC_PTES];

		if (!*pmd) {
			ptes = (unsigned long *)get_zeroed_page(GFP_KERNEL);
			if (!ptes)
				return -ENOMEM;
			*pmd = (unsigned long)ptes | FSC_PRESENT;
		}
		ptes = (unsigned long *)(*pmd & ~FSC_PRESENT);
		ptes[key % FSC_PTES] = fsc_opencoded_pfn_of(folio) << PAGE_SHIFT | FSC_PRESENT;
	}
	return 0;
}

static void free_tables(void)
{
	unsigned int i;

	for (i = 0; i < NR_PMDS; i++)
		free_page(pmds[i] & ~FSC_PRESENT);
}

static const struct fsc_opencoded_loop loops[] = {
	{ "overlay", true, read_overlay },
	{ "typesafe", false, read_typesafe },
	{ "rcu_desc", false, read_rcu_desc },
	{ "hazptr", false, read_hazptr },
	{ "hazptr_cpu", false, read_hazptr_cpu },
	/* It differs only when it frees. */
	{ "rcu_bounded", false, read_rcu_desc },
	/* Only the fallback. */
	{ "locked", false, fsc_opencoded_read_locked },
	{}
};

const struct fsc_opencoded_path fsc_opencoded_gup = {
	.name		= "gup",
	.loops		= loops,
	.unit		= 1,
	.set_up		= map_all,
	.tear_down	= free_tables,
	.good		= fsc_opencoded_all_hit,
};
