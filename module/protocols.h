/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The table of protocols: a header each, and here its line.
 *
 * Each header ends in FSC_PROTOCOL(name), outside of its include guard, once
 * for each way that it counts references (tryget=), for whatever the reader of
 * this table has defined that to be. So the table may be read more than once:
 * for the code, then for a list.
 */
#include "protocols/overlay.h"
#include "protocols/typesafe.h"
#include "protocols/rcu_desc.h"
#include "protocols/rcu_full.h"
#include "protocols/seqcount.h"
#include "protocols/hazptr.h"
#include "protocols/rcu_bounded.h"
#include "protocols/locked.h"
#include "protocols/busted.h"
#include "protocols/checked.h"
