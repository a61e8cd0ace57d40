/* SPDX-License-Identifier: GPL-2.0 */
/* Delays in a section: gap_ns between load and tryget, and stalls. */
#ifndef FSC_LOOPS_DELAY_H
#define FSC_LOOPS_DELAY_H

#include <folioscale/protocol.h>
#include <folioscale/run.h>

void fsc_delay(struct fsc_thread *t);

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
