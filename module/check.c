// SPDX-License-Identifier: GPL-2.0
/* What is refused when a run starts: parameters that do not go together, and more than fits. */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/cpumask.h>
#include <linux/log2.h>
#include <linux/math64.h>
#include <linux/mm.h>
#include <linux/sizes.h>
#include <linux/string.h>

#include <folioscale/folio.h>
#include <folioscale/parse.h>
#include <folioscale/protocol.h>
#include <folioscale/run.h>
#include <folioscale/stamp.h>

/*
 * RCU stalls are reported after 3 s at the earliest, and on a busy host the
 * grace-period kthread may have to wait for two sections in a row.
 */
#define SECTION_MAX_NS		NSEC_PER_SEC
/* All threads of a CPU may run sections that cannot be preempted, one after the other. */
#define ROUND_MAX_NS		(5 * NSEC_PER_SEC)

/* Find the loops of a protocol or busted one, with the tryget that was asked for. */
static const struct fsc_loops *find_loops(const struct fsc_config *config, bool any_tryget)
{
	const struct fsc_path *path = fsc_paths[config->path];
	const char *protocol = fsc_config_protocol(config);
	const char *busted = fsc_config_busted(config);
	unsigned int i;

	for (i = 0; i < path->nr_loops; i++) {
		const struct fsc_protocol *p = path->loops[i].protocol;

		if (!any_tryget && strcmp(p->refs.name, fsc_tryget_name(config->tryget)))
			continue;
		if (busted ? p->bug.name && !strcmp(p->bug.name, busted) :
			     !p->bug.name && !strcmp(p->name, protocol))
			return &path->loops[i];
	}
	return NULL;
}

/* Choose the loops by path, protocol, busted and tryget. */
static int choose_loops(struct fsc_run *run)
{
	const struct fsc_config *config = &run->config;
	const struct fsc_path *path = fsc_paths[config->path];
	const char *tryget = fsc_tryget_name(config->tryget);
	const struct fsc_protocol *protocol;

	run->loops = find_loops(config, false);
	protocol = (run->loops ?: find_loops(config, true))->protocol;
	if (strcmp(protocol->name, fsc_config_protocol(config))) {
		pr_err("busted=%s: allowed: with protocol=%s\n", protocol->bug.name,
		       protocol->name);
		return -EINVAL;
	}
	if (path->refuses(protocol)) {
		pr_err("path=%s: allowed: without %s=%s: %s\n", path->name,
		       protocol->bug.name ? "busted" : "protocol",
		       protocol->bug.name ?: protocol->name, path->refuses(protocol));
		return -EINVAL;
	}
	if (!run->loops) {
		/* Without @cas_only rcuref is refused: the descriptor is reused immediately. */
		pr_err("tryget=%s: allowed: %s with %s=%s: %s\n", tryget, protocol->refs.name,
		       protocol->bug.name ? "busted" : "protocol",
		       protocol->bug.name ?: protocol->name,
		       protocol->bug.name ? "the control exists only for that" :
		       protocol->cas_only ?:
		       "rcuref may mark a recycled object dead, its get is relaxed, and it cannot freeze");
		return -EINVAL;
	}
	return 0;
}

/* Check what the protocol and its way to count references can do. */
static int check_protocol(struct fsc_run *run)
{
	const struct fsc_protocol *protocol = run->loops->protocol;
	const struct fsc_config *config = &run->config;

	if ((protocol->bug.name || protocol->reader.copies) && debug_pagealloc_enabled()) {
		pr_err("%s=%s: allowed: without debug_pagealloc, which unmaps what it reads\n",
		       protocol->bug.name ? "busted" : "protocol",
		       protocol->bug.name ?: protocol->name);
		return -EINVAL;
	}
	run->deferral = config->deferral == FSC_DEFER_AUTO ? protocol->freeing.deferral :
							     config->deferral;
	if (config->deferral != FSC_DEFER_AUTO &&
	    !(protocol->freeing.deferrals & BIT(config->deferral))) {
		pr_err("deferral=%s: allowed: auto%s%s with protocol=%s\n",
		       fsc_deferral_name(config->deferral),
		       protocol->freeing.deferrals ? ", call_rcu, call_rcu_hurry" : "",
		       protocol->freeing.deferrals & BIT(FSC_DEFER_KFREE_RCU) ? ", kfree_rcu" : "",
		       protocol->name);
		return -EINVAL;
	}
	if (config->sheaf_capacity && !FSC_SHEAVES) {
		pr_err("sheaf_capacity=%u: allowed: since Linux 6.18: slabs have no sheaves before\n",
		       config->sheaf_capacity);
		return -EINVAL;
	}
	/* A marker is allocated with preemption off. */
	if (IS_ENABLED(CONFIG_PREEMPT_RT) &&
	    (config->check_bound || protocol->bug.confirms_early)) {
		pr_err("check_bound=1: allowed: without PREEMPT_RT, where kfree_rcu() has no sheaves\n");
		return -EINVAL;
	}
	if (config->check_bound && (run->deferral != FSC_DEFER_CALL_RCU ||
				    !(protocol->freeing.deferrals & BIT(FSC_DEFER_KFREE_RCU)))) {
		pr_err("check_bound=1: allowed: with protocol=rcu_desc deferral=call_rcu\n");
		return -EINVAL;
	}
	if (config->callback_ns && (run->deferral == FSC_DEFER_KFREE_RCU ||
				    !(protocol->freeing.deferrals & BIT(FSC_DEFER_KFREE_RCU)))) {
		pr_err("callback_ns=%u: allowed: with protocol=rcu_desc deferral=call_rcu or call_rcu_hurry\n",
		       config->callback_ns);
		return -EINVAL;
	}
	if (protocol->bug.touches == FSC_MEMDESC_HWPOISON && !config->hwpoison) {
		pr_err("busted=%s: allowed: with hwpoison=1 or more\n", protocol->bug.name);
		return -EINVAL;
	}
	if (config->hwpoison && (!fsc_paths[config->path]->walks || !protocol->own_descriptor)) {
		pr_err("hwpoison=%u: allowed: with path=pfn, and without protocol=overlay, which has no memdesc words\n",
		       config->hwpoison);
		return -EINVAL;
	}
	if (protocol->bug.touches == FSC_MEMDESC_SLAB) {
		struct fsc_mix mix;
		int err = fsc_parse_mix(config->mix, &mix);

		if (err)
			return err;
		if (!mix.weight[FSC_SHARE_SLAB]) {
			pr_err("busted=%s: allowed: with slabs in mix=%s\n", protocol->bug.name,
			       config->mix);
			return -EINVAL;
		}
	}
	if (config->removal == FSC_RECLAIM && !protocol->refs.freezes) {
		pr_err("removal=reclaim: allowed: truncate with tryget=%s, which cannot freeze\n",
		       protocol->refs.name);
		return -EINVAL;
	}
	if (config->pin == FSC_PIN_PIN && (!fsc_paths[config->path]->pins ||
					   !protocol->refs.add)) {
		pr_err("pin=pin: allowed: with path=gup, and not with tryget=rcuref, which counts by one\n");
		return -EINVAL;
	}
	return 0;
}

static int refuse_mark(const char *what, const char *which, const char *why)
{
	pr_err("mark=1: allowed: without %s=%s: %s\n", what, which, why);
	return -EINVAL;
}

/* Check whether lookups can mark a folio. */
static int check_mark(const struct fsc_run *run)
{
	const struct fsc_path *path = fsc_paths[run->config.path];
	const struct fsc_protocol *protocol = run->loops->protocol;

	if (!run->config.mark)
		return 0;
	if (path->walks)
		return refuse_mark("path", path->name, "its walkers do not mark");
	if (protocol->bug.name)
		return refuse_mark("busted", protocol->bug.name, "the folio may be free");
	if (protocol->reader.copies)
		return refuse_mark("protocol", protocol->name, "its readers write nothing");
	return 0;
}

/* Check what the freers are to do. */
static int check_freers(const struct fsc_run *run)
{
	const struct fsc_config *config = &run->config;

	const bool keeps_slot = config->churn == FSC_CHURN_REFREEZE ||
				config->churn == FSC_CHURN_MIGRATE;

	if (keeps_slot && (config->removal != FSC_RECLAIM || config->burst > 1)) {
		pr_err("churn=%s: allowed: with removal=reclaim burst=1\n",
		       config->churn == FSC_CHURN_MIGRATE ? "migrate" : "refreeze");
		return -EINVAL;
	}
	if (config->churn == FSC_CHURN_MIGRATE && run->loops->protocol->bug.publish_early) {
		pr_err("churn=migrate: allowed: without busted=%s\n",
		       run->loops->protocol->bug.name);
		return -EINVAL;
	}
	if (config->churn == FSC_CHURN_SPLIT && !run->loops->protocol->own_descriptor) {
		pr_err("churn=split: allowed: without protocol=%s, whose compound pages only the kernel can take apart\n",
		       run->loops->protocol->name);
		return -EINVAL;
	}
	if (config->churn == FSC_CHURN_SPLIT &&
	    (!run->orders.max || !run->loops->protocol->refs.freezes || config->burst > 1 ||
	     config->touch_bytes > PAGE_SIZE || run->loops->protocol->bug.name)) {
		pr_err("churn=split: allowed: with order=1 or more burst=1 touch_bytes=%lu or less, and without tryget=rcuref and busted\n",
		       PAGE_SIZE);
		return -EINVAL;
	}
	if (config->churn == FSC_CHURN_RECLAIM &&
	    (config->removal != FSC_RECLAIM || config->nr_freers != 1)) {
		pr_err("churn=reclaim: allowed: with removal=reclaim nr_freers=1\n");
		return -EINVAL;
	}
	if (config->burst > config->nr_folios) {
		pr_err("burst=%u: allowed: up to nr_folios=%u\n", config->burst, config->nr_folios);
		return -EINVAL;
	}
	if (config->batch > config->burst || (config->batch > 1 && run->orders.max)) {
		pr_err("batch=%u: allowed: up to burst=%u, and with order=0\n", config->batch,
		       config->burst);
		return -EINVAL;
	}
	/* A freer that finds only folios of its own CPU would never be done. */
	if (config->cross_cpu && (config->nr_freers < 2 || cpumask_weight(&run->freer_cpus) < 2 ||
				  config->max_turnovers || keeps_slot ||
				  config->churn == FSC_CHURN_SPLIT)) {
		pr_err("cross_cpu=1: allowed: with two freers or more on two CPUs or more, max_turnovers=0 churn=replace\n");
		return -EINVAL;
	}
	if (config->max_turnovers && (config->nr_readers || config->free_rate)) {
		pr_err("max_turnovers=%u: allowed: with nr_readers=0 free_rate=0\n",
		       config->max_turnovers);
		return -EINVAL;
	}
	return 0;
}

/* Check how long readers keep a CPU, RCU and each other waiting. */
static int check_sections(const struct fsc_run *run)
{
	const struct fsc_config *config = &run->config;
	const struct fsc_path *path = fsc_paths[config->path];
	unsigned int copies = run->loops->protocol->reader.copies;
	unsigned int gaps = path->tries + copies, holds = max(copies, 1U);
	u64 lookups = config->lookups_per_section * path->unit;
	u64 gaps_ns = lookups * gaps * config->gap_ns;
	u64 section_ns = gaps_ns + lookups * holds * config->hold_ns;
	u64 stall_ns = config->stall_ms * (u64)NSEC_PER_MSEC;
	unsigned int cpus = cpumask_weight(&run->reader_cpus);
	u64 round_ns;

	if (gaps_ns > path->gap_max_ns || section_ns > SECTION_MAX_NS) {
		pr_err("gap_ns=%u hold_ns=%u: allowed: %llu lookups * (%u * gap_ns + %u * hold_ns) up to %lu, and of that gap_ns up to %llu; it is %llu\n",
		       config->gap_ns, config->hold_ns, lookups, gaps, holds, SECTION_MAX_NS,
		       path->gap_max_ns, section_ns);
		return -EINVAL;
	}
	if (stall_ns > path->gap_max_ns || (stall_ns && !config->nr_readers)) {
		pr_err("stall_ms=%u: allowed: up to %llu with path=%s, and with a reader\n",
		       config->stall_ms, div_u64(path->gap_max_ns, NSEC_PER_MSEC), path->name);
		return -EINVAL;
	}
	round_ns = section_ns * DIV_ROUND_UP(config->nr_readers, cpus);
	if (round_ns > ROUND_MAX_NS) {
		pr_err("nr_readers=%u: allowed: with sections of %llu ns up to %llu on %u CPUs\n",
		       config->nr_readers, section_ns, div64_u64(ROUND_MAX_NS, section_ns) * cpus,
		       cpus);
		return -EINVAL;
	}
	/*
	 * Each CPU may wait for the lock, with interrupts off, while every other CPU holds it
	 * for that long.
	 */
	round_ns = max(stall_ns, config->gap_ns) * num_online_cpus();
	if (run->loops->protocol->reader.locked && round_ns > FSC_IRQS_OFF_MAX_NS) {
		pr_err("gap_ns=%u stall_ms=%u: allowed: up to %llu ns with protocol=%s, whose readers wait for each other, on %u CPUs\n",
		       config->gap_ns, config->stall_ms,
		       div_u64(FSC_IRQS_OFF_MAX_NS, num_online_cpus()), run->loops->protocol->name,
		       num_online_cpus());
		return -EINVAL;
	}
	return 0;
}

/**
 * fsc_run_check_config - refuse parameters that are allowed singly but not together
 * @run: a run with its parameters; its loops and deferral are chosen here
 *
 * Context: Any.
 * Return: 0 or -EINVAL, with a message.
 */
int fsc_run_check_config(struct fsc_run *run)
{
	const struct fsc_config *config = &run->config;
	int err;

	if (!config->nr_readers && !config->nr_freers) {
		pr_err("nr_readers=0: allowed: 1 or more with nr_freers=0\n");
		return -EINVAL;
	}
	if (!is_power_of_2(config->nr_mappings)) {
		pr_err("nr_mappings=%u: allowed: powers of two\n", config->nr_mappings);
		return -EINVAL;
	}
	if (run->orders.max && !IS_ENABLED(CONFIG_XARRAY_MULTI)) {
		pr_err("order=%s: allowed: 0 on a kernel without CONFIG_XARRAY_MULTI, whose page cache has no large folios\n",
		       config->order);
		return -EINVAL;
	}
	if (config->touch_bytes > PAGE_SIZE << run->orders.min) {
		pr_err("touch_bytes=%u: allowed: up to %lu with order=%s\n", config->touch_bytes,
		       PAGE_SIZE << run->orders.min, config->order);
		return -EINVAL;
	}
	if (!config->poison && config->nr_readers) {
		pr_err("poison=0: allowed: with nr_readers=0, because readers know freed pages by it\n");
		return -EINVAL;
	}
	err = choose_loops(run);
	if (!err)
		err = check_protocol(run);
	if (!err)
		err = check_mark(run);
	if (!err)
		err = check_freers(run);
	if (!err)
		err = check_sections(run);
	return err;
}

/* Memory to populate the run: folios and slots, descriptors and memdesc words. */
static u64 populated_bytes(const struct fsc_run *run)
{
	u64 pages = fsc_orders_pages(&run->orders, run->config.nr_folios);
	/* What has more indices than a node of an xarray has slots is in the node above. */
	u64 slots = run->config.nr_folios * (u64)min(1UL << run->index_shift, XA_CHUNK_SIZE);

	return pages * PAGE_SIZE + slots * 2 * sizeof(void *) +
	       (run->loops->protocol->own_descriptor ?
		run->config.nr_folios * sizeof(struct fsc_folio) +
		fsc_memdesc_bytes(&run->frames) : 0);
}

/**
 * fsc_run_check_memory - refuse what would leave the machine without memory
 * @run: a run whose parameters and limbo cap are checked
 *
 * The folios may take half of the free memory, and together with all that may be
 * in limbo three quarters.
 *
 * Context: Any.
 * Return: 0, -ENOMEM, or -EINVAL where limbo_max_mb is the reason, with a message.
 */
int fsc_run_check_memory(const struct fsc_run *run)
{
	const struct fsc_config *config = &run->config;
	const struct fsc_protocol *protocol = run->loops->protocol;
	const struct fsc_path *path = fsc_paths[config->path];
	unsigned int nr_threads = config->nr_readers + config->nr_freers;
	u64 need = populated_bytes(run) + run->nr_keys * (u64)sizeof(u32) +
		   (config->popularity == FSC_ZIPF ? run->nr_keys * 24ULL : 0) +
		   nr_threads * (u64)sizeof(struct fsc_thread) +
		   config->nr_freers * (u64)config->burst * sizeof(u32) +
		   (config->churn == FSC_CHURN_SPLIT ?
		    config->nr_freers * (sizeof(struct fsc_folio) + sizeof(void *)) <<
		    run->orders.max : 0) +
		   (protocol->bytes ? protocol->bytes(run) : 0) +
		   (path->bytes ? path->bytes(run) : 0);
	u64 available = (u64)si_mem_available() << PAGE_SHIFT;
	u64 words = fsc_memdesc_bytes(&run->frames), may = available / 2;

	if (protocol->own_descriptor && words > may) {
		pr_err("protocol=%s: allowed: where memdesc words for all frames, holes included, take up to half of the free memory, %llu MiB; here they take %llu MiB\n",
		       protocol->name, may >> 20, words >> 20);
		return -ENOMEM;
	}

	if (need > may) {
		pr_err("nr_folios=%u: allowed: half of the free memory, %llu MiB; with order=%s and %u threads this is %llu MiB\n",
		       config->nr_folios, may >> 20, config->order, nr_threads, need >> 20);
		return -ENOMEM;
	}
	/* What threads keep back counts as limbo, and only these threads drain it. */
	if (protocol->freeing.private_max &&
	    protocol->freeing.private_max(run) > run->limbo.max_bytes / 2) {
		pr_err("limbo_max_mb=%llu: allowed: twice what protocol=%s keeps back, %llu MiB\n",
		       run->limbo.max_bytes >> 20, protocol->name,
		       DIV_ROUND_UP_ULL(protocol->freeing.private_max(run), SZ_1M));
		return -EINVAL;
	}
	may = available / 4 * 3;
	if (config->nr_freers && need + run->limbo.max_bytes > may) {
		pr_err("limbo_max_mb=%llu nr_folios=%u: allowed: together three quarters of the free memory, %llu MiB; this is %llu MiB\n",
		       run->limbo.max_bytes >> 20, config->nr_folios, may >> 20,
		       (need + run->limbo.max_bytes) >> 20);
		return -ENOMEM;
	}
	return 0;
}
