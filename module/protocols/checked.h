/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Negative controls for the kernel's own checkers. Each exists only in kernels
 * with its checker: otherwise nobody would report the bug, and early_free might
 * do harm.
 *
 * early_free, for KASAN: rcu_desc that frees the descriptor to its slab before the
 * grace period, so that a reader's tryget writes to freed memory.
 * plain_race, for KCSAN: typesafe that counts its allocations and frees in a word
 * shared by all CPUs, with plain accesses. They are in a function of their own, so
 * that the report can be told from one about typesafe.
 * lock_inversion, for lockdep: typesafe that takes two locks in both orders. Nobody
 * else takes them, so nothing hangs.
 */
#ifndef FSC_PROTOCOL_CHECKED_H
#define FSC_PROTOCOL_CHECKED_H

#include <linux/debug_locks.h>
#include <linux/mutex.h>

#include "descriptor.h"

#ifdef CONFIG_KASAN_GENERIC
static const struct fsc_protocol fsc_early_free = {
	.name				= "rcu_desc",
	.bug.name			= "early_free",
	.bug.forgets			= "the grace period",
	.bug.widened_by			= "gap_ns",
	.bug.for_checkers		= true,
	.reader.refcounted		= true,
	FSC_DESCRIPTOR_OPS(cas),
	.freeing.alloc			= fsc_desc_alloc,
	.freeing.free			= fsc_desc_free_both,
};
#endif

#ifdef CONFIG_KCSAN
static noinline void fsc_plain_race_count(void)
{
	static unsigned long count;

	count++;
}

static inline void *fsc_plain_alloc(struct fsc_thread *t, unsigned int order)
{
	fsc_plain_race_count();
	return fsc_desc_alloc(t, order);
}

static inline void fsc_plain_free(struct fsc_thread *t, void *folio, bool timed)
{
	fsc_plain_race_count();
	fsc_desc_free_both(t, folio, timed);
}

static const struct fsc_protocol fsc_plain_race = {
	.name				= "typesafe",
	.bug.name			= "plain_race",
	.bug.forgets			= "that CPUs share its counts",
	.bug.widened_by			= "two freers",
	.bug.for_checkers		= true,
	.reader.refcounted		= true,
	.reader.recheck			= true,
	.freeing.reused_before_gp	= true,
	.freeing.slab_flags		= SLAB_TYPESAFE_BY_RCU,
	FSC_DESCRIPTOR_OPS(cas),
	.freeing.alloc			= fsc_plain_alloc,
	.freeing.free			= fsc_plain_free,
};
#endif

#ifdef CONFIG_PROVE_LOCKING
static int fsc_lock_inversion_set_up(struct fsc_run *run)
{
	static DEFINE_MUTEX(fsc_inverted_a);
	static DEFINE_MUTEX(fsc_inverted_b);

	if (!debug_locks) {
		pr_err("busted=lock_inversion: allowed: while lockdep is on, which one report turns off\n");
		return -EINVAL;
	}
	mutex_lock(&fsc_inverted_a);
	mutex_lock(&fsc_inverted_b);
	mutex_unlock(&fsc_inverted_b);
	mutex_unlock(&fsc_inverted_a);
	mutex_lock(&fsc_inverted_b);
	mutex_lock(&fsc_inverted_a);
	mutex_unlock(&fsc_inverted_a);
	mutex_unlock(&fsc_inverted_b);
	return 0;
}

static const struct fsc_protocol fsc_lock_inversion = {
	.bug.name			= "lock_inversion",
	.bug.forgets			= "in which order locks are taken",
	.bug.for_checkers		= true,
	.set_up				= fsc_lock_inversion_set_up,
	FSC_TYPESAFE(cas),
};
#endif

#endif /* FSC_PROTOCOL_CHECKED_H */
