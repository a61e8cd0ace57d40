/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A fourth option, for small reads: typesafe, but a reader takes no reference.
 * It copies what it needs, and then checks whether the copy is valid.
 *
 * Inside RCU a reader does: read the mapping's delete sequence (acquire); load
 * the slot; read the descriptor and copy touch_bytes of the memory; smp_rmb();
 * read the sequence again. If it is odd or has changed, a folio of this mapping
 * was removed meanwhile, and the copy may be of anything. Then it starts over,
 * a bounded number of times, and after that looks up as typesafe does.
 *
 * Under the lock a remover does: sequence odd, smp_wmb(), unlink, smp_wmb(),
 * sequence even; and frees only then. So
 *
 * - if the copy contains anything written after the free, the reader sees at
 *   least the remover's odd sequence after its smp_rmb() (either smp_wmb(),
 *   pairs with that smp_rmb());
 * - if the first sequence is the remover's even one, the reader finds the slot
 *   empty (second smp_wmb(), pairs with the acquire).
 *
 * While it is copied the memory may have a new owner, or be gone. So it is read
 * with copy_from_kernel_nofault(), which no sanitizer instruments but on ARCH=um.
 * debug_pagealloc, which unmaps free pages, is refused. The descriptor is
 * type-safe inside RCU.
 *
 * A folio cannot be held past the section in this way. hold_ns is spent inside
 * it, and again for each copy. A removal anywhere in the mapping makes every
 * reader retry. All of touch_bytes is copied, at least a line, where the others
 * read a word of each line: that is the cost of a small read.
 */
#ifndef FSC_PROTOCOL_SEQCOUNT_H
#define FSC_PROTOCOL_SEQCOUNT_H

#include <linux/kasan.h>
#include <linux/seqlock.h>
#include <linux/uaccess.h>

#include "../loops/delay.h"
#include "../loops/oracle.h"
#include "descriptor.h"

/* After this many failed copies a reference is cheaper. */
#define FSC_SEQ_TRIES	4

enum fsc_copied { FSC_COPIED, FSC_COPY_ABSENT, FSC_COPY_FALL_BACK };

/*
 * What a reader has read from a folio; not valid until the sequence is rechecked.
 * @at: the page that was looked up; 0 if it is none of the folio's
 */
struct fsc_seq_view {
	const struct fsc_mapping *mapping;
	u64 index;
	u64 generation;
	unsigned long pfn;
	unsigned long at;
};

static __always_inline void fsc_seq_judge(struct fsc_thread *t, const struct fsc_seq_view *view,
					  struct fsc_slot slot, bool general)
{
	u64 generation = view->generation & ~FSC_GENERATION_GONE;

	if (unlikely(view->mapping != slot.mapping || view->index + view->at != slot.index))
		fsc_violation_record(t, FSC_BAD_IDENTITY, slot.key, generation, slot.key,
				     view->index >> t->index_shift << t->mapping_shift |
				     (view->mapping - t->mappings));
	fsc_check_stamp(t, t->protocol_data, slot.key, generation, general);
}

/* Copy what may be free memory. Return: false if nothing is mapped there. */
static __always_inline bool fsc_seq_copy(void *to, const void *from, size_t bytes)
{
	long err;

	/* There it is C, whose accesses KASAN looks at: arch/um/include/asm/uaccess.h. */
	if (IS_ENABLED(CONFIG_UML))
		kasan_disable_current();
	err = copy_from_kernel_nofault(to, from, bytes);
	if (IS_ENABLED(CONFIG_UML))
		kasan_enable_current();
	return !err;
}

static __always_inline
enum fsc_copied fsc_seq_read_copied(struct fsc_thread *t, const struct fsc_protocol *proto,
				    struct fsc_slot slot, bool general)
{
	const unsigned int bytes = general ? t->run->config.touch_bytes : FSC_LINE_BYTES;
	const unsigned int hold_ns = general ? t->run->config.hold_ns : 0;
	XA_STATE(xas, &slot.mapping->pages, slot.index);
	unsigned int tries;

	for (tries = 0; tries < FSC_SEQ_TRIES; tries++) {
		unsigned int seq = raw_read_seqcount(&slot.mapping->delete_seq);
		struct fsc_folio *folio;
		struct fsc_seq_view view;

		if (unlikely(seq & 1))
			goto again;
		xas_reset(&xas);
		do {
			folio = xas_load(&xas);
		} while (xas_retry(&xas, folio));
		if (!folio)
			return FSC_COPY_ABSENT;
		fsc_gap(t, proto, general);
		if (hold_ns)
			fsc_spin(hold_ns);
		/* Readers of the memory ask for PG_uptodate first, here as in fsc_use(). */
		fsc_order_after_recheck();
		view = (struct fsc_seq_view) {
			.mapping = READ_ONCE(folio->mapping),
			.index = READ_ONCE(folio->index),
			.generation = READ_ONCE(folio->generation),
			.pfn = READ_ONCE(folio->pfn),
		};
		if (general) {
			view.at = slot.index - view.index;
			if (view.at >= 1UL << READ_ONCE(folio->order))
				view.at = 0;
		}
		if (unlikely(!fsc_seq_copy(t->protocol_data, general ?
					   fsc_stamp_at(t->run, view.pfn, view.at) :
					   fsc_stamp_of(view.pfn), bytes)))
			goto again;
		if (proto->bug.skips_recheck ||
		    likely(!read_seqcount_retry(&slot.mapping->delete_seq, seq))) {
			fsc_seq_judge(t, &view, slot, general);
			return FSC_COPIED;
		}
again:
		fsc_retry(t, FSC_SEQ_RETRIES, slot.key, tries + 1);
		cpu_relax();
	}
	fsc_retry(t, FSC_SEQ_FALLBACKS, slot.key, tries);
	return FSC_COPY_FALL_BACK;
}

/* Each reader has its own buffer for copies. */
static size_t fsc_seq_buffer(const struct fsc_run *run)
{
	return max(run->config.touch_bytes, FSC_LINE_BYTES);
}

static u64 fsc_seq_bytes(const struct fsc_run *run)
{
	return (u64)run->config.nr_readers * fsc_seq_buffer(run);
}

static int fsc_seq_set_up(struct fsc_run *run)
{
	return fsc_readers_alloc_data(run, fsc_seq_buffer(run));
}

#define FSC_SEQCOUNT(by)								\
	.name				= "seqcount",					\
	.says.descriptor		= "as with typesafe",				\
	.says.pages			= "freed at once",				\
	.says.reader			=						\
		"copies, and uses the copy if nothing was removed meanwhile",		\
	.reader.refcounted		= true,						\
	.reader.recheck			= true,						\
	.freeing.reused_before_gp	= true,						\
	.freeing.slab_flags		= SLAB_TYPESAFE_BY_RCU,				\
	.reader.copies			= FSC_SEQ_TRIES,				\
	.bytes				= fsc_seq_bytes,				\
	.set_up				= fsc_seq_set_up,				\
	.tear_down			= fsc_readers_free_data,			\
	FSC_DESCRIPTOR_OPS(by)

#define FSC_SEQCOUNT_UNBROKEN(by)							\
	FSC_SEQCOUNT(by),								\
	.freeing.alloc			= fsc_desc_alloc,				\
	.freeing.free			= fsc_desc_free_both

static const struct fsc_protocol fsc_seqcount = { FSC_SEQCOUNT_UNBROKEN(cas) };
static const struct fsc_protocol fsc_seqcount_xadd = { FSC_SEQCOUNT_UNBROKEN(xadd) };

#endif /* FSC_PROTOCOL_SEQCOUNT_H */
