/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The table of protocols. Each protocol has a header, and consecutive rows: one
 * for each way that it counts references (tryget=). For each row the header
 * defines a const struct fsc_protocol, fsc_ROW. The negative controls come
 * last.
 *
 * The file of each path includes this one, so that the members of a protocol are
 * constants in its loops. So what the loops do not inline, such as set-up,
 * callbacks and hazptr's scan, is compiled once for each path: the price of a
 * protocol that is one header.
 */
#ifndef FSC_PROTOCOL_TABLE_H
#define FSC_PROTOCOL_TABLE_H

#include "overlay.h"
#include "typesafe.h"
#include "rcu_desc.h"
#include "rcu_full.h"
#include "seqcount.h"
#include "hazptr.h"
#include "hazptr_cpu.h"
#include "rcu_bounded.h"
#include "locked.h"
#include "busted.h"
#include "checked.h"

#ifdef CONFIG_KASAN_GENERIC
#define FSC_ROW_OF_KASAN(expand, path)		expand(path, early_free)
#else
#define FSC_ROW_OF_KASAN(expand, path)
#endif

#ifdef CONFIG_KCSAN
#define FSC_ROW_OF_KCSAN(expand, path)		expand(path, plain_race)
#else
#define FSC_ROW_OF_KCSAN(expand, path)
#endif

#ifdef CONFIG_PROVE_LOCKING
#define FSC_ROW_OF_LOCKDEP(expand, path)	expand(path, lock_inversion)
#else
#define FSC_ROW_OF_LOCKDEP(expand, path)
#endif

/* expand(path, row) for each row. */
#define FSC_FOR_EACH_PROTOCOL(expand, path)	\
	expand(path, overlay)			\
	expand(path, typesafe)			\
	expand(path, typesafe_xadd)		\
	expand(path, rcu_desc)			\
	expand(path, rcu_desc_xadd)		\
	expand(path, rcu_desc_rcuref)		\
	expand(path, rcu_full)			\
	expand(path, seqcount)			\
	expand(path, seqcount_xadd)		\
	expand(path, hazptr)			\
	expand(path, hazptr_cpu)		\
	expand(path, rcu_bounded)		\
	expand(path, rcu_bounded_xadd)		\
	expand(path, rcu_bounded_rcuref)	\
	expand(path, locked)			\
	expand(path, norecheck)			\
	expand(path, early_pages)		\
	expand(path, early_both)		\
	expand(path, early_publish)		\
	expand(path, noseq)			\
	expand(path, noreload)			\
	expand(path, nowildcard)		\
	expand(path, early_reuse)		\
	expand(path, ignore_locked)		\
	expand(path, early_confirm)		\
	expand(path, touch_slab)		\
	expand(path, stale_type)		\
	FSC_ROW_OF_KASAN(expand, path)		\
	FSC_ROW_OF_KCSAN(expand, path)		\
	FSC_ROW_OF_LOCKDEP(expand, path)

#endif /* FSC_PROTOCOL_TABLE_H */
