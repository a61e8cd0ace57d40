// SPDX-License-Identifier: GPL-2.0
/*
 * What fsc_shadow shares with folioscale. An object belongs to one module only, and a symbol
 * is exported by one only (to the KUnit tests, by folioscale): so these are compiled once more.
 */
#include <kunit/visibility.h>
#undef EXPORT_SYMBOL_IF_KUNIT
#define EXPORT_SYMBOL_IF_KUNIT(symbol)

#include "../hist.c"
#include "../json.c"
#include "../kernel_facts.c"
#include "../kthread.c"
