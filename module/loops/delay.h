/* SPDX-License-Identifier: GPL-2.0 */
/* Delays in a section: gap_ns between load and tryget, and stalls. */
#ifndef FSC_LOOPS_DELAY_H
#define FSC_LOOPS_DELAY_H

#include <folioscale/clock.h>
#include <folioscale/protocol.h>
#include <folioscale/run.h>

/* Cold path: delay inside the section, for gap_ns or once for a stall. */
static noinline void fsc_delay(struct fsc_thread *t)
{
	unsigned int ns = t->gap_ns;

	/* A stall is for one try, not for every try. */
	t->gap_ns = t->run->config.gap_ns;
	t->stalling = false;
	fsc_spin(ns);
}

/* The gap between load and tryget. With hazard pointers a stall comes later, once protected. */
static __always_inline void fsc_gap(struct fsc_thread *t, const struct fsc_protocol *proto,
				    bool general)
{
	if (general && t->gap_ns && !(proto->reader.protects && t->stalling))
		fsc_delay(t);
}

/* The stall of a reader that has published its hazard pointer. */
static __always_inline void fsc_stall_protected(struct fsc_thread *t, bool general)
{
	if (general && t->stalling)
		fsc_delay(t);
}

#endif /* FSC_LOOPS_DELAY_H */
