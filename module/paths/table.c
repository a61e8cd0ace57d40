// SPDX-License-Identifier: GPL-2.0
/* The table of paths. Each has a file of its own, and a row here; the first is the default. */
#include <linux/array_size.h>

#include <folioscale/protocol.h>

const struct fsc_path *const fsc_paths[] = {
	&fsc_path_pagecache,
	&fsc_path_gup,
	&fsc_path_pfn,
};

const unsigned int fsc_nr_paths = ARRAY_SIZE(fsc_paths);
