/* SPDX-License-Identifier: GPL-2.0 */
/* The table of paths: one file and one line each. */
#ifndef FSC_PATHS_H
#define FSC_PATHS_H

#include <folioscale/protocol.h>

#define FSC_PATHS(X)	\
	X(pagecache)

#define FSC_DECLARE_PATH(path)	extern const struct fsc_path fsc_path_##path;
FSC_PATHS(FSC_DECLARE_PATH)

#endif /* FSC_PATHS_H */
