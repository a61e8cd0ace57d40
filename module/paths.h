/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The table of paths, read like protocols.h: each header ends in
 * FSC_PATH(name), once for the code, where there is no such macro, and once
 * for the list.
 */
#include "paths/pagecache.h"
#include "paths/gup.h"
#include "paths/pfn.h"
