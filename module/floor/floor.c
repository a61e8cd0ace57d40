// SPDX-License-Identifier: GPL-2.0
/*
 * The floor: each protocol's lookup written out by hand, with nothing of the
 * harness around it. `make icount` holds the harness's loops against it.
 *
 * insmod fsc_floor.ko protocol=NAME lookups=N runs the loop on a bound kthread
 * before it returns, and leaves fsc_floor/result in debugfs. One mapping,
 * 1,024 order-0 folios, uniform keys, no freer. Only types are the module's:
 * descriptor, stamp, generator.
 */
#include <linux/completion.h>
#include <linux/debugfs.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/xarray.h>

#include <folioscale/clock.h>
#include <folioscale/folio.h>
#include <folioscale/run.h>
#include <folioscale/stamp.h>
#include <folioscale/stream.h>

#define NR_FOLIOS	1024
#define GENERATION	2
/* Between offers to be rescheduled: about what the harness's batches are. */
#define BATCH		4096

static char *protocol = "typesafe";
module_param(protocol, charp, 0444);
MODULE_PARM_DESC(protocol, "overlay, typesafe, rcu_desc or rcu_full");

static unsigned int lookups = 1000000;
module_param(lookups, uint, 0444);
MODULE_PARM_DESC(lookups, "how many");

static struct fsc_mapping mapping;
static struct kmem_cache *cache;
static struct dentry *dir;
static u64 hits, elapsed_ns;
static int status;

static __always_inline bool stamp_is(unsigned long pfn, u64 key, u64 generation)
{
	const struct fsc_stamp *stamp = fsc_stamp_of(pfn);

	return READ_ONCE(stamp->key) == key && READ_ONCE(stamp->generation) == generation;
}

static __always_inline bool use(const struct fsc_folio *folio, u32 key)
{
	u64 word = READ_ONCE(folio->generation);

	return READ_ONCE(folio->mapping) == &mapping && READ_ONCE(folio->index) == key &&
	       stamp_is(READ_ONCE(folio->pfn), key, word & ~FSC_GENERATION_GONE) &&
	       !(word & FSC_GENERATION_GONE);
}

static __always_inline bool use_overlay(const struct folio *folio, u32 key)
{
	u64 word = (u64)READ_ONCE(folio->private);

	return READ_ONCE(folio->index) == key &&
	       stamp_is(folio_pfn((struct folio *)folio), key, word & ~FSC_GENERATION_GONE) &&
	       !(word & FSC_GENERATION_GONE);
}

static u64 read_typesafe(struct fsc_stream *stream, unsigned int n)
{
	struct fsc_folio *folio;
	u64 good = 0;

	while (n--) {
		u32 key = fsc_stream_uniform(stream, NR_FOLIOS);
		XA_STATE(xas, &mapping.pages, key);

		rcu_read_lock();
repeat:
		xas_reset(&xas);
		folio = xas_load(&xas);
		if (xas_retry(&xas, folio))
			goto repeat;
		if (folio) {
			if (!fsc_folio_tryget(folio))
				goto repeat;
			if (unlikely(folio != xas_reload(&xas))) {
				if (fsc_folio_put_testzero(folio))
					return 0;
				goto repeat;
			}
		}
		rcu_read_unlock();
		if (folio) {
			good += use(folio, key);
			if (fsc_folio_put_testzero(folio))
				return 0;
		}
	}
	return good;
}

static u64 read_overlay(struct fsc_stream *stream, unsigned int n)
{
	struct folio *folio;
	u64 good = 0;

	while (n--) {
		u32 key = fsc_stream_uniform(stream, NR_FOLIOS);
		XA_STATE(xas, &mapping.pages, key);

		rcu_read_lock();
repeat:
		xas_reset(&xas);
		folio = xas_load(&xas);
		if (xas_retry(&xas, folio))
			goto repeat;
		if (folio) {
			if (!folio_try_get(folio))
				goto repeat;
			if (unlikely(folio != xas_reload(&xas))) {
				folio_put(folio);
				goto repeat;
			}
		}
		rcu_read_unlock();
		if (folio) {
			good += use_overlay(folio, key);
			folio_put(folio);
		}
	}
	return good;
}

static u64 read_rcu_desc(struct fsc_stream *stream, unsigned int n)
{
	struct fsc_folio *folio;
	u64 good = 0;

	while (n--) {
		u32 key = fsc_stream_uniform(stream, NR_FOLIOS);
		XA_STATE(xas, &mapping.pages, key);

		rcu_read_lock();
repeat:
		xas_reset(&xas);
		folio = xas_load(&xas);
		if (xas_retry(&xas, folio))
			goto repeat;
		if (folio && !fsc_folio_tryget(folio))
			goto repeat;
		rcu_read_unlock();
		if (folio) {
			good += use(folio, key);
			if (fsc_folio_put_testzero(folio))
				return 0;
		}
	}
	return good;
}

static u64 read_rcu_full(struct fsc_stream *stream, unsigned int n)
{
	struct fsc_folio *folio;
	u64 good = 0;

	while (n--) {
		u32 key = fsc_stream_uniform(stream, NR_FOLIOS);
		XA_STATE(xas, &mapping.pages, key);

		rcu_read_lock();
repeat:
		xas_reset(&xas);
		folio = xas_load(&xas);
		if (xas_retry(&xas, folio))
			goto repeat;
		if (folio)
			good += use(folio, key);
		rcu_read_unlock();
	}
	return good;
}

static const struct floor {
	const char *name;
	bool own_descriptor;
	u64 (*read)(struct fsc_stream *stream, unsigned int n);
} floors[] = {
	{ "overlay", false, read_overlay },
	{ "typesafe", true, read_typesafe },
	{ "rcu_desc", true, read_rcu_desc },
	{ "rcu_full", true, read_rcu_full },
};

static const struct floor *chosen;

static int reader(void *arg)
{
	struct completion *done = arg;
	struct fsc_stream stream;
	unsigned int left;
	u64 from;

	stream.state = 0x9e3779b97f4a7c15ULL;
	from = fsc_clock();
	for (left = lookups; left; left -= min(left, BATCH)) {
		hits += chosen->read(&stream, min(left, BATCH));
		cond_resched_tasks_rcu_qs();
	}
	elapsed_ns = fsc_clock() - from;
	complete(done);
	return 0;
}

static int add(u32 key)
{
	struct fsc_folio *desc = NULL;
	struct folio *folio;
	void *entry;

	folio = folio_alloc(GFP_KERNEL, 0);
	if (!folio)
		return -ENOMEM;
	fsc_stamp_write(fsc_stamp_of(folio_pfn(folio)), key, GENERATION, 0, FSC_LINE_BYTES);
	if (chosen->own_descriptor) {
		desc = kmem_cache_zalloc(cache, GFP_KERNEL);
		if (!desc)
			goto free_folio;
		desc->mapping = &mapping;
		desc->index = key;
		desc->generation = GENERATION;
		desc->pfn = folio_pfn(folio);
		atomic_set(&desc->refcount, 1);
		entry = desc;
	} else {
		folio->index = key;
		folio->private = (void *)GENERATION;
		entry = folio;
	}
	if (!xa_err(xa_store(&mapping.pages, key, entry, GFP_KERNEL)))
		return 0;
	if (desc)
		kmem_cache_free(cache, desc);
free_folio:
	folio_put(folio);
	return -ENOMEM;
}

static void drop_all(void)
{
	unsigned long key;
	void *entry;

	xa_for_each(&mapping.pages, key, entry) {
		if (chosen->own_descriptor) {
			struct fsc_folio *desc = entry;

			__free_page(pfn_to_page(desc->pfn));
			kmem_cache_free(cache, desc);
		} else {
			folio_put(entry);
		}
	}
	xa_destroy(&mapping.pages);
}

static int run(void)
{
	DECLARE_COMPLETION_ONSTACK(done);
	struct task_struct *task;
	unsigned int cpu = cpumask_first(cpu_online_mask);

	task = kthread_create_on_node(reader, &done, cpu_to_node(cpu), "fsc_floor");
	if (IS_ERR(task))
		return PTR_ERR(task);
	kthread_bind(task, cpu);
	get_task_struct(task);
	wake_up_process(task);
	wait_for_completion(&done);
	/* It may still be on its way out of this module. */
	kthread_stop_put(task);
	return hits == lookups ? 0 : -EIO;
}

static int result_show(struct seq_file *m, void *unused)
{
	seq_printf(m, "{\"protocol\": \"%s\", \"lookups\": %u, \"hits\": %llu, \"ns\": %llu}\n",
		   chosen->name, lookups, hits, elapsed_ns);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(result);

static int __init floor_init(void)
{
	unsigned int i;
	u32 key;

	for (i = 0; i < ARRAY_SIZE(floors); i++) {
		if (!strcmp(protocol, floors[i].name))
			chosen = &floors[i];
	}
	if (!chosen) {
		pr_err("fsc_floor: protocol=%s: allowed: overlay, typesafe, rcu_desc, rcu_full\n",
		       protocol);
		return -EINVAL;
	}
	xa_init(&mapping.pages);
	cache = kmem_cache_create("fsc_floor_desc", sizeof(struct fsc_folio), NULL,
				  SLAB_NO_MERGE);
	if (!cache)
		return -ENOMEM;
	for (key = 0; key < NR_FOLIOS && !status; key++)
		status = add(key);
	if (!status)
		status = run();
	drop_all();
	kmem_cache_destroy(cache);
	if (status)
		return status;
	dir = debugfs_create_dir("fsc_floor", NULL);
	debugfs_create_file("result", 0400, dir, NULL, &result_fops);
	return 0;
}

static void __exit floor_exit(void)
{
	debugfs_remove(dir);
}

module_init(floor_init);
module_exit(floor_exit);

MODULE_DESCRIPTION("folioscale's lookups written by hand, to hold the harness against");
MODULE_LICENSE("GPL");
