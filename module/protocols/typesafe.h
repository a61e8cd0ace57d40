/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Option 1: descriptor and pages are freed at once, the descriptor into a
 * SLAB_TYPESAFE_BY_RCU cache.
 *
 * The descriptor that a reader found may be freed and allocated again under
 * another key before its tryget, which then succeeds on the wrong folio. So a
 * reader does: tryget (acquire); recheck the slot; if it has changed, put the
 * reference and start over (mm/filemap.c:filemap_get_entry). The acquire pairs
 * with the release of fsc_enable(), the last write of an allocation to the
 * descriptor. If the slot still holds the pointer after the tryget, the folio
 * was not freed in between: that would need the reference.
 */
#ifndef FSC_PROTOCOL_TYPESAFE_H
#define FSC_PROTOCOL_TYPESAFE_H

#include "descriptor.h"

#define FSC_TYPESAFE(by)								\
	.name				= "typesafe",					\
	.says.descriptor		=						\
		"option 1: freed at once into a SLAB_TYPESAFE_BY_RCU cache",		\
	.says.pages			= "freed at once",				\
	.says.reader			= "tryget, recheck",				\
	.reader.refcounted		= true,						\
	.reader.recheck			= true,						\
	.freeing.reused_before_gp	= true,						\
	.freeing.slab_flags		= SLAB_TYPESAFE_BY_RCU,				\
	FSC_DESCRIPTOR_OPS(by),								\
	.freeing.alloc			= fsc_desc_alloc,				\
	.freeing.free			= fsc_desc_free_both

static const struct fsc_protocol fsc_typesafe = { FSC_TYPESAFE(cas) };
static const struct fsc_protocol fsc_typesafe_xadd = { FSC_TYPESAFE(xadd) };

#endif /* FSC_PROTOCOL_TYPESAFE_H */
