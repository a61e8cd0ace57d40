// SPDX-License-Identifier: GPL-2.0
/* Name and description of each counter. */
#include <folioscale/counters.h>

#define FSC_COUNTER(id, label, what, how)				\
	[FSC_##id] = { .name = #label, .counts = what, .misleads = how },

const struct fsc_counter_info fsc_counter_info[FSC_NR_COUNTERS] = {
#include <folioscale/counters.def>
};
