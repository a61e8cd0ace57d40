/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Templates of the loops. A path provides always-inline functions and a const
 * struct fsc_tables:
 *
 *   PATH_section(t, draw, proto, n, general)	n lookups in one section
 *   PATH_refuses(proto)			why the path does not support the
 *						protocol; NULL if it does
 *   PATH_remove, PATH_refreeze, PATH_migrate,	how freers change a slot
 *   PATH_split, PATH_publish			(paths/mapping.h:FSC_DEFINE_SLOTS())
 *   PATH_tables				what it does when a slot changes
 *
 * From these FSC_DEFINE_LOOPS() makes one struct fsc_loops per protocol. The
 * protocol's members are constants there, so there are no indirect calls, and
 * no code for combinations that are refused.
 */
#ifndef FSC_LOOPS_DEFINE_H
#define FSC_LOOPS_DEFINE_H

#include <folioscale/protocol.h>

#include "read.h"
#include "turn.h"

#define FSC_DEFINE_LOOPS(path, proto)							\
static void path##_##proto##_read(struct fsc_thread *t, unsigned int n)			\
{											\
	if (!path##_refuses(&fsc_##proto))						\
		fsc_read_batch(t, n, &fsc_##proto, path##_section);			\
}											\
static void path##_##proto##_read_general(struct fsc_thread *t, unsigned int n,		\
					  u64 deadline)					\
{											\
	if (!path##_refuses(&fsc_##proto))						\
		fsc_read_batch_general(t, n, deadline, &fsc_##proto, path##_section);	\
}											\
static void path##_##proto##_stall(struct fsc_thread *t)				\
{											\
	if (!path##_refuses(&fsc_##proto))						\
		fsc_read_stalled(t, &fsc_##proto, path##_section);			\
}											\
static unsigned int path##_##proto##_turn(struct fsc_thread *t, unsigned int n,		\
					  u64 deadline)					\
{											\
	unsigned int done = 0;								\
											\
	if (!path##_refuses(&fsc_##proto))						\
		done = fsc_turn_batch(t, n, deadline, &fsc_##proto, path##_remove,	\
				      path##_refreeze, path##_migrate, path##_split,	\
				      path##_publish);					\
	if (path##_tables.turned)							\
		path##_tables.turned(t, done);						\
	return done;									\
}											\
static int path##_##proto##_add(struct fsc_thread *t, u32 key)				\
{											\
	if (path##_refuses(&fsc_##proto))						\
		return -EINVAL;								\
	return fsc_allocate(t, &fsc_##proto, path##_publish, key, 0, false);		\
}											\
static void path##_##proto##_drop(struct fsc_thread *t, u32 key, unsigned int at)	\
{											\
	if (!path##_refuses(&fsc_##proto))						\
		fsc_evict(t, &fsc_##proto, path##_remove, key, at, false);		\
}

#define FSC_LOOPS_ENTRY(path, proto)					\
	{								\
		.protocol	= &fsc_##proto,				\
		.read		= path##_##proto##_read,		\
		.read_general	= path##_##proto##_read_general,	\
		.stall		= path##_##proto##_stall,		\
		.turn		= path##_##proto##_turn,		\
		.add		= path##_##proto##_add,			\
		.drop		= path##_##proto##_drop,		\
	},

#endif /* FSC_LOOPS_DEFINE_H */
