/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The table of protocols: a header each, and here its line.
 *
 * Each header ends in FSC_PROTOCOL(name), outside of its include guard, once
 * for each way that it counts references (tryget=). What that does is defined by
 * who includes this table; undefined, the table gives the protocols' code alone.
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
