// SPDX-License-Identifier: GPL-2.0
/* The delay in a section. */
#include <folioscale/clock.h>

#include "delay.h"

/**
 * fsc_delay - spend gap_ns, or once the time of a stall, in a section
 * @t: the reader
 *
 * Context: Inside the section of a lookup; does not sleep.
 */
void fsc_delay(struct fsc_thread *t)
{
	unsigned int ns = t->gap_ns;

	/* A stall is for one try, not for every try. */
	t->gap_ns = t->run->config.gap_ns;
	t->stalling = false;
	fsc_spin(ns);
}
