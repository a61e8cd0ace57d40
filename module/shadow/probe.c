// SPDX-License-Identifier: GPL-2.0
/*
 * The probe on kmem:mm_page_free: what is freed, counted by the CPU that frees it.
 *
 * All pages pass that tracepoint, once each: it is the first thing that
 * mm/page_alloc.c:free_pages_prepare() does (6.12; 7.3: __free_pages_prepare()), and every free
 * goes through that, folios that are freed in batches included (free_unref_folios()). The other
 * one, kmem:mm_page_free_batched, is for these, later, with the page's state already gone: it
 * would count them twice. In 7.3 FPI_PREPARED returns before the tracepoint, for pages that
 * free_contig_range() has prepared one by one: these pass as pages of order 0. Pages that
 * compaction has isolated and gives back pass, too (mm/compaction.c:release_free_list()); they
 * show no mark. What does not pass: a hugetlb folio that returns to its pool
 * (mm/hugetlb.c:free_huge_folio()), and device memory (free_zone_device_folio()).
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/memcontrol.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/tracepoint.h>

#include <folioscale/clock.h>
#include <folioscale/shadow.h>

const char *const fsc_shadow_kinds[FSC_SHADOW_KINDS] = {
	[FSC_SHADOW_ANON]	= "anon",
	[FSC_SHADOW_FILE]	= "file",
	[FSC_SHADOW_SHMEM]	= "shmem",
	[FSC_SHADOW_SLAB]	= "slab",
	[FSC_SHADOW_KMEM]	= "kmem",
	[FSC_SHADOW_UNMARKED]	= "unmarked",
};

/* Set at insmod. */
static struct tracepoint *mm_page_free;
static unsigned long cache_of_caches;

/*
 * struct slab has its kmem_cache where struct page has lru.next: SLAB_MATCH(compound_head or
 * compound_info, slab_cache) in mm/slab.h, 6.12 and 7.3. Every kmem_cache is an object of one
 * cache (mm/slab_common.c:kmem_cache).
 */
static unsigned long first_word(const struct page *page)
{
	/* The second page is in use, and may change; what it is does not. */
	return (unsigned long)data_race(page->lru.next);
}

/*
 * mm/slub.c:__free_slab() clears type and mapping before the free, in 6.12 and 7.3, but not
 * slab_cache, and the cache still exists then: it uses it after that (unaccount_slab()). No
 * other page points to a kmem_cache there: a page that was on no list since it was allocated has
 * LIST_POISON1, as mm/page_alloc.c takes it from its list by list_del().
 */
static bool was_slab(const struct page *page)
{
	unsigned long word = first_word(page);
	const struct page *of;

	if (word < PAGE_OFFSET || word == (unsigned long)LIST_POISON1 ||
	    !virt_addr_valid((void *)word))
		return false;
	of = virt_to_head_page((void *)word);
	return PageSlab(of) && first_word(of) == cache_of_caches;
}

/*
 * What a page says of itself when the tracepoint fires. The kernel clears mapping of file folios
 * before (mm/filemap.c:page_cache_delete()), flags after it (PAGE_FLAGS_CHECK_AT_PREP, at the end
 * of the same function), and allocates pages without any. The rules are for 6.12 to 7.3:
 *
 * unmarked: has a type, which no folio of these kinds has. zsmalloc's and a balloon's pages keep
 *	theirs (7.3: mm/zsmalloc.c:reset_zpdesc(), mm/balloon.c:balloon_page_finalize()), and the
 *	bit that is PG_uptodate in a folio is PG_movable_ops in them (7.2 and 7.3).
 * anon: mapping has PAGE_MAPPING_ANON (7.3: FOLIO_MAPPING_ANON). It is kept until the tracepoint
 *	has passed: mm/rmap.c:__folio_remove_rmap() leaves it to free_pages_prepare().
 * shmem: PG_swapbacked without that. mm/shmem.c:shmem_alloc_and_add_folio() sets it, and nobody
 *	clears it but for clean anon folios (MADV_FREE), which are anon. Also folios that
 *	mm/swap_state.c reads from swap and nobody maps, readahead above all: they are swapbacked,
 *	and their first mapping would make them anon.
 * file: PG_uptodate (folio_mark_uptodate()) or PG_referenced (mm/swap.c:folio_mark_accessed(),
 *	7.3: mm/folio.c; it marks folios of a block device that were read in part). Of a large
 *	folio also PG_large_rmappable: mm/internal.h:page_rmappable_folio(), for each that was
 *	allocated as a folio, but hugetlb and the huge zero folio.
 * slab: see was_slab().
 * kmem: charged to a memory cgroup as kernel memory, which is uncharged after the tracepoint:
 *	page tables, stacks and pipes of all cgroups but the root.
 * unmarked: the rest, too. Also page tables of the root cgroup: include/linux/mm.h:
 *	pagetable_dtor() (6.12: pagetable_pte_dtor()) clears their type before; folios that were
 *	never read or mapped, such as the loser of a race; what compaction gives back.
 */
static __always_inline enum fsc_shadow_kind kind_of(struct page *page, unsigned int order)
{
	struct folio *folio = (struct folio *)page;

	if (unlikely(page_has_type(page)))
		return FSC_SHADOW_UNMARKED;
	if (folio_test_anon(folio))
		return FSC_SHADOW_ANON;
	if (folio_test_swapbacked(folio))
		return FSC_SHADOW_SHMEM;
	if (folio_test_uptodate(folio) || folio_test_referenced(folio))
		return FSC_SHADOW_FILE;
	if (order && folio_test_large(folio) && folio_test_large_rmappable(folio))
		return FSC_SHADOW_FILE;
	if (was_slab(page))
		return FSC_SHADOW_SLAB;
	if (PageMemcgKmem(page))
		return FSC_SHADOW_KMEM;
	return FSC_SHADOW_UNMARKED;
}

/*
 * Runs in any context that frees a page: tasks, softirqs, interrupts. Each this_cpu_inc() is
 * whole if an interrupt counts in between, or if the task moves to another CPU (7.3 calls probes
 * with preemption on): folios of one epoch may then have their pages in the next, later and never
 * earlier.
 */
static void probe(void *data, struct page *page, unsigned int order)
{
	const struct fsc_shadow_probe *to = data;
	struct fsc_shadow_counts __percpu *counts = READ_ONCE(to->counts);
	enum fsc_shadow_kind kind = kind_of(page, order);

	if (unlikely(order >= NR_PAGE_ORDERS))
		order = NR_PAGE_ORDERS - 1;
	if (unlikely(to->slab_is_file) && kind == FSC_SHADOW_SLAB)
		kind = FSC_SHADOW_FILE;
	this_cpu_inc(counts->nr[kind][order]);
	if (kind > FSC_SHADOW_SHMEM && !(to->unmarked && kind == FSC_SHADOW_UNMARKED))
		return;
	this_cpu_add(counts->pages, 1UL << order);
	this_cpu_inc(counts->folios);
}

static void find(struct tracepoint *tp, void *priv)
{
	if (!strcmp(tp->name, "mm_page_free"))
		*(struct tracepoint **)priv = tp;
}

/**
 * fsc_shadow_probe_init - find what the probe needs in this kernel
 *
 * The tracepoint itself is not exported.
 *
 * Context: Process context, may sleep.
 * Return: 0, -ENOENT without the tracepoint, -ENOMEM.
 */
int fsc_shadow_probe_init(void)
{
	struct kmem_cache *cache;

	for_each_kernel_tracepoint(find, &mm_page_free);
	if (!mm_page_free) {
		pr_err("no tracepoint kmem:mm_page_free: the kernel wants CONFIG_TRACEPOINTS\n");
		return -ENOENT;
	}
	cache = kmem_cache_create("fsc_shadow", 64, 0, SLAB_NO_MERGE, NULL);
	if (!cache)
		return -ENOMEM;
	cache_of_caches = first_word(virt_to_head_page(cache));
	kmem_cache_destroy(cache);
	return 0;
}

#define ROUNDS	16
#define FREES	256

/*
 * Pages that cost the probe most: a file folio, which is counted three times, and what was a page
 * of a slab, which takes most tests. A new page is neither. @cache: a kmem_cache, or NULL for the
 * first. The kernel resets both when it frees the page or puts it on a list.
 */
static void mark(struct page *page, void *cache)
{
	if (cache)
		page->lru.next = cache;
	else
		__folio_mark_uptodate(page_folio(page));
}

/* ns for a page to be allocated, marked and freed, the best of some rounds. */
static u64 free_ns(void *cache)
{
	u64 from, best = U64_MAX;
	unsigned int i, j;

	for (i = 0; i < ROUNDS; i++) {
		from = fsc_clock();
		for (j = 0; j < FREES; j++) {
			struct page *page = alloc_page(GFP_KERNEL);

			if (!page)
				continue;
			mark(page, cache);
			__free_page(page);
		}
		best = min(best, fsc_clock_since(from));
		cond_resched();
	}
	return div_u64(best, FREES);
}

/* ns of the probe alone, the best of some rounds. */
static u64 probe_ns(struct fsc_shadow *shadow, void *cache)
{
	struct page *page = alloc_page(GFP_KERNEL);
	u64 from, best = U64_MAX;
	unsigned int i, j;

	if (!page)
		return 0;
	mark(page, cache);
	for (i = 0; i < ROUNDS; i++) {
		from = fsc_clock();
		for (j = 0; j < FREES; j++)
			probe(&shadow->probe, page, 0);
		best = min(best, fsc_clock_since(from));
		cond_resched();
	}
	__free_page(page);
	return div_u64(best, FREES);
}

/**
 * fsc_shadow_sum - add up the counts of all CPUs
 * @shadow: the run
 * @sum: to be filled in
 *
 * Context: Any. While the probe is attached each count is a snapshot of its own.
 */
void fsc_shadow_sum(const struct fsc_shadow *shadow, struct fsc_shadow_counts *sum)
{
	unsigned int kind, order;
	int cpu;

	*sum = (struct fsc_shadow_counts){};
	for_each_possible_cpu(cpu) {
		const struct fsc_shadow_counts *own = per_cpu_ptr(shadow->counts, cpu);

		sum->folios += READ_ONCE(own->folios);
		sum->pages += READ_ONCE(own->pages);
		for (kind = 0; kind < FSC_SHADOW_KINDS; kind++)
			for (order = 0; order < NR_PAGE_ORDERS; order++)
				sum->nr[kind][order] += READ_ONCE(own->nr[kind][order]);
	}
}

/**
 * fsc_shadow_pages - number of pages counted
 * @counts: sum over the CPUs
 *
 * Context: Any.
 * Return: Pages of all kinds.
 */
u64 fsc_shadow_pages(const struct fsc_shadow_counts *counts)
{
	unsigned int kind, order;
	u64 pages = 0;

	for (kind = 0; kind < FSC_SHADOW_KINDS; kind++)
		for (order = 0; order < NR_PAGE_ORDERS; order++)
			pages += counts->nr[kind][order] << order;
	return pages;
}

/**
 * fsc_shadow_attach - measure the probe's cost and attach it
 * @shadow: the run; its probe counts into @unused until the caller changes that
 *
 * Context: Process context, may sleep.
 * Return: 0 or a negative errno; then nothing is attached.
 */
int fsc_shadow_attach(struct fsc_shadow *shadow)
{
	void *object = kmalloc(8, GFP_KERNEL), *cache;
	u64 file, slab;
	int err;

	if (!object)
		return -ENOMEM;
	/* Any that stays: of the object's own slab. */
	cache = (void *)first_word(virt_to_head_page(object));
	file = probe_ns(shadow, NULL);
	slab = probe_ns(shadow, cache);
	if (file >= slab)
		cache = NULL;
	shadow->probe_ns = max(file, slab);
	shadow->free_ns_without = free_ns(cache);
	err = tracepoint_probe_register(mm_page_free, probe, &shadow->probe);
	if (!err)
		shadow->free_ns_with = free_ns(cache);
	kfree(object);
	return err;
}

/**
 * fsc_shadow_detach - detach the probe
 * @shadow: the run
 *
 * Context: Process context, sleeps until no CPU is in the probe.
 */
void fsc_shadow_detach(struct fsc_shadow *shadow)
{
	tracepoint_probe_unregister(mm_page_free, probe, &shadow->probe);
	tracepoint_synchronize_unregister();
}
