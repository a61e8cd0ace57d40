// SPDX-License-Identifier: GPL-2.0
/* The module of the KUnit tests. KUnit runs them when it is loaded. */
#include <linux/module.h>

#include <folioscale/compat.h>

MODULE_DESCRIPTION("KUnit tests of folioscale");
MODULE_LICENSE("GPL");
FSC_IMPORT_KUNIT_NS;
