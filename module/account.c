// SPDX-License-Identifier: GPL-2.0
/* Charging what a run allocates to a memory cgroup. */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/cgroup.h>
#include <linux/err.h>
#include <linux/memcontrol.h>

#include <folioscale/account.h>
#include <folioscale/protocol.h>
#include <folioscale/run.h>

#ifdef CONFIG_MEMCG
static struct mem_cgroup *find_memcg(const char *path)
{
	struct cgroup *cgroup = cgroup_get_from_path(path);
	struct cgroup_subsys_state *css;

	if (IS_ERR(cgroup)) {
		pr_err("account=%s: allowed: a cgroup that exists, by its path in cgroup2: error %ld\n",
		       path, PTR_ERR(cgroup));
		return NULL;
	}
	/* An ancestor's, if the controller is not enabled in this one. */
	css = cgroup_get_e_css(cgroup, &memory_cgrp_subsys);
	if (css->cgroup != cgroup || !css->parent) {
		pr_err("account=%s: allowed: below the root, with the memory controller enabled\n",
		       path);
		css_put(css);
		css = NULL;
	}
	cgroup_put(cgroup);
	return css ? mem_cgroup_from_css(css) : NULL;
}
#else
static struct mem_cgroup *find_memcg(const char *path)
{
	pr_err("account=%s: allowed: with CONFIG_MEMCG, which this kernel has not\n", path);
	return NULL;
}
#endif

/**
 * fsc_account_init - find the memory cgroup that a run is charged to
 * @run: a run whose config is set
 *
 * Folios are charged as other memory of the kernel is, by __GFP_ACCOUNT; the page cache charges
 * its own by mem_cgroup_charge() (mm/filemap.c:filemap_add_folio), which is not exported. Both
 * take from the CPU's stock of the cgroup.
 *
 * Context: Process context; the path is looked up in the cgroup namespace of the caller.
 * Return: 0, or -EINVAL with a message if there is no such cgroup.
 */
int fsc_account_init(struct fsc_run *run)
{
	run->gfp = FSC_GFP;
	if (!*run->config.account)
		return 0;
	run->memcg = find_memcg(run->config.account);
	if (!run->memcg)
		return -EINVAL;
	run->gfp |= __GFP_ACCOUNT | __GFP_MOVABLE;
	return 0;
}

/**
 * fsc_account_destroy - put the memory cgroup
 * @run: a run that allocates nothing any more; what it has charged is put when that is freed
 *
 * Context: Process context.
 */
void fsc_account_destroy(struct fsc_run *run)
{
	mem_cgroup_put(run->memcg);
	run->memcg = NULL;
}
