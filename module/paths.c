// SPDX-License-Identifier: GPL-2.0
/* Every (path, protocol) has its loops in here; paths and protocols by number. */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/array_size.h>

#include <folioscale/loops.h>

#include "paths.h"

#define FSC_PATH_ADDRESS(path)	(&fsc_path_##path)
#define FSC_PATH(path)		FSC_PATH_ADDRESS(path),

const struct fsc_path *const fsc_paths[] = {
#include "paths.h"
};

const unsigned int fsc_nr_paths = ARRAY_SIZE(fsc_paths);

#define FSC_PROTOCOL_ADDRESS(protocol)	(&fsc_##protocol)
#define FSC_PROTOCOL(protocol)		FSC_PROTOCOL_ADDRESS(protocol),

const struct fsc_protocol *const fsc_protocols[] = {
#include "protocols.h"
};

const unsigned int fsc_nr_protocols = ARRAY_SIZE(fsc_protocols);
