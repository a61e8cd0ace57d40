/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The baseline that lockless lookups must beat: find and get under the lock of
 * the mapping, which is the xarray's.
 *
 * A reader does: lock, load, get, unlock; hold and use; put. Removal freezes
 * and unlinks under the same lock. So a folio in the slot has the slot's
 * reference, the get does not fail, and no recheck is needed. Nobody follows a
 * pointer without the lock or a reference, so descriptor and pages are freed at
 * once, into a plain cache. The lock orders everything.
 */
#ifndef FSC_PROTOCOL_LOCKED_H
#define FSC_PROTOCOL_LOCKED_H

#include "descriptor.h"

static const struct fsc_protocol fsc_locked = {
	.name				= "locked",
	.says.descriptor		= "freed at once",
	.says.pages			= "freed at once",
	.says.reader			=
		"finds and gets under the mapping's lock: what lockless lookups have to beat",
	.cas_only			= "under the lock a get cannot fail",
	.reader.refcounted		= true,
	.reader.locked			= true,
	FSC_DESCRIPTOR_OPS(cas),
	.freeing.alloc			= fsc_desc_alloc,
	.freeing.free			= fsc_desc_free_both,
};

#endif /* FSC_PROTOCOL_LOCKED_H */
