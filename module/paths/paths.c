// SPDX-License-Identifier: GPL-2.0
/* The paths, for those who look one up at run time. */
#include <linux/array_size.h>

#include "paths.h"

#define FSC_PATH_ENTRY(path)	&fsc_path_##path,

const struct fsc_path *const fsc_paths[] = {
	FSC_PATHS(FSC_PATH_ENTRY)
};

const unsigned int fsc_nr_paths = ARRAY_SIZE(fsc_paths);
