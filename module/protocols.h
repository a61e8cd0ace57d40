/* SPDX-License-Identifier: GPL-2.0 */
/* The table of protocols: one header and one line each. */
#ifndef FSC_PROTOCOLS_H
#define FSC_PROTOCOLS_H

#include "protocols/overlay.h"
#include "protocols/typesafe.h"
#include "protocols/rcu_desc.h"
#include "protocols/rcu_full.h"
#include "protocols/busted.h"

#define FSC_PROTOCOLS(X, path)	\
	X(path, overlay)	\
	X(path, typesafe)	\
	X(path, rcu_desc)	\
	X(path, rcu_full)	\
	X(path, norecheck)	\
	X(path, early_pages)	\
	X(path, early_publish)

#endif /* FSC_PROTOCOLS_H */
