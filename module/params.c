// SPDX-License-Identifier: GPL-2.0
/* Module parameters, and what they are where nobody says; each may be written between runs. */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/moduleparam.h>

#include <folioscale/config.h>
#include <folioscale/run.h>
#include <folioscale/stamp.h>

/* Protected by fsc_lock; at load time by nobody else being there. */
static struct fsc_config params = {
	.protocol = 1,
	.nr_readers = 1,
	.nr_freers = 1,
	.nr_folios = 1024,
	.nr_mappings = 1,
	.nr_mms = 1,
	.order = "0",
	.mix = "100:0:0:0:0",
	.passes = 2,
	.bounded_max = 512,
	.burst = 1,
	.stall_every_ms = 1000,
	.seed = 1,
	.reuse_distance = 8,
	.touch_bytes = FSC_LINE_BYTES,
	.lookups_per_section = 1,
	.sample_shift = 10,
	.warmup_ms = 500,
	.duration_ms = 2000,
	.sample_ms = 10,
	.autorun = 1,
};

static int param_set(const char *val, const struct kernel_param *kp)
{
	struct fsc_config parsed = {};
	int err;

	/* A bad value is told that it is one, whoever has the lock. */
	err = fsc_config_set(&parsed, kp->name, val);
	if (err)
		return err;
	if (mutex_lock_killable(&fsc_lock))
		return -EINTR;
	if (fsc_run_active()) {
		pr_err("%s=%.*s: allowed: between runs\n", kp->name, fsc_config_shown(val), val);
		err = -EBUSY;
	} else {
		fsc_config_copy(&params, &parsed, kp->name);
	}
	mutex_unlock(&fsc_lock);
	return err;
}

static int param_get(char *buffer, const struct kernel_param *kp)
{
	/* One that is being written may be half of each. */
	bool locks = fsc_config_is_text(kp->name);
	int printed;

	if (locks && mutex_lock_killable(&fsc_lock))
		return -EINTR;
	printed = fsc_config_emit(&params, kp->name, buffer);
	if (locks)
		mutex_unlock(&fsc_lock);
	return printed;
}

static const struct kernel_param_ops param_ops = {
	.set = param_set,
	.get = param_get,
};

/* Each of these has its row in config.c. */
module_param_cb(protocol, &param_ops, NULL, 0644);
MODULE_PARM_DESC(protocol, "how descriptors are freed and what readers do about it");
module_param_cb(path, &param_ops, NULL, 0644);
MODULE_PARM_DESC(path, "how readers find a folio");
module_param_cb(busted, &param_ops, NULL, 0644);
MODULE_PARM_DESC(busted, "negative control: a protocol with a deliberate bug");
module_param_cb(nr_readers, &param_ops, NULL, 0644);
MODULE_PARM_DESC(nr_readers, "reader threads");
module_param_cb(nr_freers, &param_ops, NULL, 0644);
MODULE_PARM_DESC(nr_freers, "freer threads");
module_param_cb(nr_folios, &param_ops, NULL, 0644);
MODULE_PARM_DESC(nr_folios, "folios that are populated");
module_param_cb(nr_mappings, &param_ops, NULL, 0644);
MODULE_PARM_DESC(nr_mappings, "mappings they are spread over; a power of two");
module_param_cb(order, &param_ops, NULL, 0644);
MODULE_PARM_DESC(order, "log2 of a folio's pages, or order:weight,... to mix them");
module_param_cb(mix, &param_ops, NULL, 0644);
MODULE_PARM_DESC(mix, "file:slab:ptdesc:hugetlb_free:misc, shares of the frames, with path=pfn");
module_param_cb(passes, &param_ops, NULL, 0644);
MODULE_PARM_DESC(passes, "2: memdesc words first, then trygets; 1: trygets on all, with path=pfn");
module_param_cb(reader_cpus, &param_ops, NULL, 0644);
MODULE_PARM_DESC(reader_cpus, "CPUs of readers, a list; empty: all");
module_param_cb(freer_cpus, &param_ops, NULL, 0644);
MODULE_PARM_DESC(freer_cpus, "CPUs of freers, a list; empty: all");
module_param_cb(cross_cpu, &param_ops, NULL, 0644);
MODULE_PARM_DESC(cross_cpu, "freers free what others allocated");
module_param_cb(tryget, &param_ops, NULL, 0644);
MODULE_PARM_DESC(tryget, "how references are counted");
module_param_cb(pin, &param_ops, NULL, 0644);
MODULE_PARM_DESC(pin, "get or pin, with path=gup");
module_param_cb(churn, &param_ops, NULL, 0644);
MODULE_PARM_DESC(churn, "replace folios; freeze and unfreeze them; reclaim: wait for a burst's memory");
module_param_cb(burst, &param_ops, NULL, 0644);
MODULE_PARM_DESC(burst, "folios that are freed before as many are allocated");
module_param_cb(bounded_max, &param_ops, NULL, 0644);
MODULE_PARM_DESC(bounded_max, "descriptors that a CPU may keep, with protocol=rcu_bounded");
module_param_cb(stall_ms, &param_ops, NULL, 0644);
MODULE_PARM_DESC(stall_ms, "ms that reader 0 sits in a section now and then, 0: never");
module_param_cb(stall_every_ms, &param_ops, NULL, 0644);
MODULE_PARM_DESC(stall_every_ms, "ms between those");
module_param_cb(nr_mms, &param_ops, NULL, 0644);
MODULE_PARM_DESC(nr_mms, "address spaces that map the folios, with path=gup");
module_param_cb(popularity, &param_ops, NULL, 0644);
MODULE_PARM_DESC(popularity, "how readers and freers choose keys");
module_param_cb(seed, &param_ops, NULL, 0644);
MODULE_PARM_DESC(seed, "of the key streams");
module_param_cb(removal, &param_ops, NULL, 0644);
MODULE_PARM_DESC(removal, "how freers take a folio out of its slot");
module_param_cb(free_rate, &param_ops, NULL, 0644);
MODULE_PARM_DESC(free_rate, "turnovers a second and freer, 0: as many as it can");
module_param_cb(reuse_distance, &param_ops, NULL, 0644);
MODULE_PARM_DESC(reuse_distance, "vacated keys between a freed folio's key and the next");
module_param_cb(publish_ns, &param_ops, NULL, 0644);
MODULE_PARM_DESC(publish_ns, "ns from allocation to publication");
module_param_cb(gap_ns, &param_ops, NULL, 0644);
MODULE_PARM_DESC(gap_ns, "ns from load to tryget");
module_param_cb(hold_ns, &param_ops, NULL, 0644);
MODULE_PARM_DESC(hold_ns, "ns that readers hold a folio before they use it");
module_param_cb(touch_bytes, &param_ops, NULL, 0644);
MODULE_PARM_DESC(touch_bytes, "bytes of the folio that a use reads, a word of each line");
module_param_cb(lookups_per_section, &param_ops, NULL, 0644);
MODULE_PARM_DESC(lookups_per_section, "lookups in one RCU section");
module_param_cb(sample_shift, &param_ops, NULL, 0644);
MODULE_PARM_DESC(sample_shift, "one lookup in 2^n is timed, -1: none, and no turnover");
module_param_cb(deferral, &param_ops, NULL, 0644);
MODULE_PARM_DESC(deferral, "what frees after a grace period; auto: the protocol's own");
module_param_cb(freeptr, &param_ops, NULL, 0644);
MODULE_PARM_DESC(freeptr, "SLAB_TYPESAFE_BY_RCU's free pointer: over lru, or behind the descriptor");
module_param_cb(warmup_ms, &param_ops, NULL, 0644);
MODULE_PARM_DESC(warmup_ms, "ms before the window");
module_param_cb(duration_ms, &param_ops, NULL, 0644);
MODULE_PARM_DESC(duration_ms, "ms of the window, 0: until stopped");
module_param_cb(max_turnovers, &param_ops, NULL, 0644);
MODULE_PARM_DESC(max_turnovers, "the window ends after so many turnovers a freer, 0: by time");
module_param_cb(sample_ms, &param_ops, NULL, 0644);
MODULE_PARM_DESC(sample_ms, "ms between rows of the time series, 0: none, and no mean limbo");
module_param_cb(check_bound, &param_ops, NULL, 0644);
MODULE_PARM_DESC(check_bound, "hold the bound of kfree_rcu's limbo against call_rcu's, which is known");
module_param_cb(callback_ns, &param_ops, NULL, 0644);
MODULE_PARM_DESC(callback_ns, "ns that a descriptor's callback takes on top, with deferral=call_rcu");
module_param_cb(gp_probe_ms, &param_ops, NULL, 0644);
MODULE_PARM_DESC(gp_probe_ms, "ms between grace-period probes, 0: none");
module_param_cb(limbo_max_mb, &param_ops, NULL, 0644);
MODULE_PARM_DESC(limbo_max_mb, "MiB in limbo at which freers wait, 0: an eighth of RAM");
module_param_cb(autorun, &param_ops, NULL, 0644);
MODULE_PARM_DESC(autorun, "start a run when the module is loaded");

/**
 * fsc_config_get - copy the parameters
 * @config: where to
 *
 * Context: fsc_lock held.
 */
void fsc_config_get(struct fsc_config *config)
{
	lockdep_assert_held(&fsc_lock);
	*config = params;
}
