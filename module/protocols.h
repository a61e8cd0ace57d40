/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The table of protocols: a header each, and here its line.
 *
 * Each header ends in FSC_PROTOCOL(name), outside of its include guard, for
 * whatever the reader of this table has defined that to be. So the table may
 * be read more than once: for the code, then for a list.
 */
#include "protocols/overlay.h"
#include "protocols/typesafe.h"
#include "protocols/rcu_desc.h"
#include "protocols/rcu_full.h"
#include "protocols/busted.h"
