// SPDX-License-Identifier: GPL-2.0
/* Tests that need no run. KUnit runs them when this module is loaded. */
#include <linux/module.h>

#include <folioscale/compat.h>

MODULE_DESCRIPTION("KUnit tests of folioscale");
MODULE_LICENSE("GPL");
FSC_IMPORT_KUNIT_NS;
