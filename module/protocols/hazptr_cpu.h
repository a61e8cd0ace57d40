/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A fourth option: the hazard pointers that were proposed for the kernel in
 * September 2026, by Mathieu Desnoyers and Paul McKenney. The pages are freed at
 * once. So is the descriptor, once nobody protects it: the freer waits for that,
 * folio by folio.
 *
 * Each CPU has four slots, and a reader takes one that is free. If all are taken
 * it uses a backup slot on its stack, which it puts on a list of the CPU. First
 * it stores a wildcard into the slot, which protects everything; smp_mb(); it
 * loads the pointer, and stores that over the wildcard. Preemption is off so
 * far. Then it has all the time it wants: here for the tryget, as only the
 * descriptor needs the hazard. It clears the slot (release), on whatever CPU it
 * is by then. RCU protects the xarray's nodes, as in every lockless walk.
 *
 * The freer does: unlink; smp_mb(); read all slots of all CPUs, then the lists;
 * wait where there is the pointer or a wildcard. The unlink comes before the
 * freer's smp_mb(), the wildcard before the reader's. So either the reader loads
 * no pointer to the folio any more, or the freer sees the wildcard, or what came
 * after it. No second look is needed (hazptr has one), but on the page cache the
 * question that rcu_desc asks: whether the folio has the index.
 *
 * There are two wildcards and two lists a CPU, and readers are told which to
 * use. The freer reads the slots for the other wildcard, changes it, and reads
 * them again for the first; and so with the lists. So readers who keep coming do
 * not keep it waiting. One freer at a time, as what it changes is shared by all.
 *
 * After include/linux/hazptr.h:hazptr_acquire and kernel/hazptr.c:
 * hazptr_synchronize of the branch hazptr.2026.09.18a of McKenney's linux-rcu,
 * in copies of that branch on GitHub (paulmckrcu/linux, also with "Fix two-phase
 * hazptr_synchronize race with detach" of some days later: slots before lists);
 * the story is in https://lwn.net/Articles/1084015/. Not found: the 28 mails of
 * 19 September, so whether they differ, and any answer to them.
 *
 * What differs from that:
 * - There, a context switch moves what is in the CPU's slots to backup slots. A
 *   module has no such hook. (Preempt notifiers are there only with KVM, and not
 *   in User Mode Linux.) So a reader that is preempted keeps its slot; the fifth
 *   on a CPU has to use its backup slot, where there any after it finds slots
 *   free. What the hook costs each context switch is not measured. What it needs
 *   of a lookup is here for its cost: the slot's owner, and preemption off while
 *   a slot is cleared.
 * - There, the freer does not expect a wildcard in a list, and goes on. But a
 *   reader whose CPU has no slot left has one there, and may have loaded the
 *   pointer already: here it is waited for (hazptr_cpu-backup.litmus).
 * - On the page cache the wildcard stays for the walk of the xarray, not for one
 *   load: xas_load() gives no address to load from.
 * - There, the freer spins. Here it sleeps once it has spun for some time: without
 *   the hook a slot of a CPU may be that of a reader who waits for this very CPU.
 *
 * A reader that stalls (stall_ms) has narrowed its slot to one folio. Who frees
 * that one waits, and every other freer behind him.
 */
#ifndef FSC_PROTOCOL_HAZPTR_CPU_H
#define FSC_PROTOCOL_HAZPTR_CPU_H

#include <linux/delay.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/percpu.h>
#include <linux/preempt.h>
#include <linux/sched.h>
#include <linux/spinlock.h>

#include "descriptor.h"

#define FSC_CPU_HAZARDS		4
/* After so many looks a reader is not running, or stalls: sleep for so long before each more. */
#define FSC_HAZARD_SPINS	4096
#define FSC_HAZARD_NAP_US	50

struct fsc_cpu_hazard;

/**
 * struct fsc_hazard_slot - says what a reader protects
 * @value: NULL: the slot is free; a wildcard: everything; else a folio
 * @owner: whose it is, for a context switch
 */
struct fsc_hazard_slot {
	void *value;
	struct fsc_cpu_hazard *owner;
};

/**
 * struct fsc_cpu_slots - the slots of a CPU; a cache line
 * @slot: taken by readers on this CPU, with preemption off; cleared from any
 */
struct fsc_cpu_slots {
	struct fsc_hazard_slot slot[FSC_CPU_HAZARDS];
} ____cacheline_aligned;

/**
 * struct fsc_backup_list - backup slots in use
 * @lock: protects @slots
 * @slots: linked by struct fsc_cpu_hazard.node
 */
struct fsc_backup_list {
	raw_spinlock_t lock;
	struct hlist_head slots;
};

struct fsc_backup_lists {
	struct fsc_backup_list of[2];
};

/**
 * struct fsc_cpu_hazard - a hazard pointer of a reader, on its stack
 * @slot: the slot that it uses
 * @backup: its own, if the CPU had none
 * @node: links @backup into @list
 * @list: where @backup is
 */
struct fsc_cpu_hazard {
	struct fsc_hazard_slot *slot;
	struct fsc_hazard_slot backup;
	struct hlist_node node;
	struct fsc_backup_list *list;
};

/* Each path's file has these of its own. A run, and so all that reads and frees, stays in one. */
static DEFINE_PER_CPU_ALIGNED(struct fsc_cpu_slots, fsc_cpu_slots);
static DEFINE_PER_CPU(struct fsc_backup_lists, fsc_backup_lists);
/* Which of two wildcards readers publish, 1 or 2, and which list they use: read by all of them. */
static unsigned long fsc_wildcard __cacheline_aligned_in_smp = 1;
static unsigned int fsc_backup_phase;
/* Protects changes of both. */
static DEFINE_MUTEX(fsc_hazard_phases);

static __always_inline void *fsc_wildcard_of(unsigned long nr)
{
	return (void *)nr;
}

/* The slots of this CPU but the first, which is taken; else the backup slot. Preemption is off. */
static noinline struct fsc_hazard_slot *fsc_hazptr_cpu_other_slot(struct fsc_thread *t,
								  struct fsc_cpu_hazard *hazard)
{
	struct fsc_cpu_slots *own = this_cpu_ptr(&fsc_cpu_slots);
	unsigned long flags;
	unsigned int i;

	for (i = 1; i < FSC_CPU_HAZARDS; i++) {
		if (!READ_ONCE(own->slot[i].value))
			return &own->slot[i];
	}
	fsc_count(&t->counters, FSC_HAZARD_BACKUPS);
	WRITE_ONCE(hazard->backup.value, NULL);
	hazard->list = &this_cpu_ptr(&fsc_backup_lists)->of[READ_ONCE(fsc_backup_phase)];
	raw_spin_lock_irqsave(&hazard->list->lock, flags);
	hlist_add_head(&hazard->node, &hazard->list->slots);
	raw_spin_unlock_irqrestore(&hazard->list->lock, flags);
	return &hazard->backup;
}

static noinline void fsc_hazptr_cpu_unchain(struct fsc_cpu_hazard *hazard)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&hazard->list->lock, flags);
	hlist_del(&hazard->node);
	raw_spin_unlock_irqrestore(&hazard->list->lock, flags);
}

/* Take a slot, and protect everything. Preemption is off from here on. */
static __always_inline void fsc_hazptr_cpu_publish(struct fsc_thread *t,
						   struct fsc_cpu_hazard *hazard)
{
	struct fsc_hazard_slot *slot;

	preempt_disable();
	slot = &this_cpu_ptr(&fsc_cpu_slots)->slot[0];
	/*
	 * Who had the slot before may have cleared it on another CPU. A freer that sees what is
	 * stored here, and not that, goes on as well: the store depends on this load, and so
	 * that reader's last access comes before it (hazptr_cpu-again.litmus).
	 */
	if (unlikely(READ_ONCE(slot->value)))
		slot = fsc_hazptr_cpu_other_slot(t, hazard);
	WRITE_ONCE(slot->value, fsc_wildcard_of(READ_ONCE(fsc_wildcard)));
	slot->owner = hazard;
	hazard->slot = slot;
	/* Pairs with the smp_mb() in fsc_hazptr_cpu_synchronize(): see above. */
	smp_mb();
}

/* Protect @folio alone; NULL: nothing, and the slot is free. Preemption is on again. */
static __always_inline void fsc_hazptr_cpu_narrow(struct fsc_cpu_hazard *hazard, void *folio)
{
	WRITE_ONCE(hazard->slot->value, folio);
	if (!folio && unlikely(hazard->slot == &hazard->backup))
		fsc_hazptr_cpu_unchain(hazard);
	preempt_enable();
}

/* End the protection of a folio. */
static __always_inline void fsc_hazptr_cpu_unprotect(struct fsc_cpu_hazard *hazard)
{
	struct fsc_hazard_slot *slot = hazard->slot;

	/* As proposed: there, a context switch may move what is protected. */
	preempt_disable();
	/* Pairs with the acquire in fsc_hazptr_cpu_blocks(). */
	smp_store_release(&slot->value, NULL);
	if (unlikely(slot == &hazard->backup))
		fsc_hazptr_cpu_unchain(hazard);
	preempt_enable();
}

/* Before a reader loads the pointer. */
static __always_inline void fsc_hazptr_cpu_begin(struct fsc_thread *t,
						 const struct fsc_protocol *proto,
						 struct fsc_cpu_hazard *hazard)
{
	if (proto->reader.wildcard && !proto->bug.skips_recheck)
		fsc_hazptr_cpu_publish(t, hazard);
}

/* After it has loaded @folio, which may be NULL. */
static __always_inline void fsc_hazptr_cpu_loaded(const struct fsc_protocol *proto,
						  struct fsc_cpu_hazard *hazard, void *folio)
{
	if (proto->reader.wildcard && !proto->bug.skips_recheck)
		fsc_hazptr_cpu_narrow(hazard, folio);
}

/* The bug of busted=nowildcard: protect @folio only now. */
static __always_inline void fsc_hazptr_cpu_too_late(struct fsc_thread *t,
						    const struct fsc_protocol *proto,
						    struct fsc_cpu_hazard *hazard, void *folio)
{
	if (proto->reader.wildcard && proto->bug.skips_recheck) {
		fsc_hazptr_cpu_publish(t, hazard);
		fsc_hazptr_cpu_narrow(hazard, folio);
	}
}

/* Once the reader has a reference, or none is to be had. @folio is not NULL. */
static __always_inline void fsc_hazptr_cpu_end(const struct fsc_protocol *proto,
					       struct fsc_cpu_hazard *hazard)
{
	if (proto->reader.wildcard)
		fsc_hazptr_cpu_unprotect(hazard);
}

/* Does a slot protect @folio, or everything by @wildcard? */
static bool fsc_hazptr_cpu_blocks(const struct fsc_hazard_slot *slot, const void *folio,
				  unsigned long wildcard)
{
	/* Pairs with the release in fsc_hazptr_cpu_unprotect(). */
	const void *value = smp_load_acquire(&slot->value);

	return value == folio || value == fsc_wildcard_of(wildcard);
}

/* Wait before the next look; @looks: how many there were. */
static void fsc_hazptr_cpu_relax(unsigned int looks)
{
	if (looks < FSC_HAZARD_SPINS)
		cpu_relax();
	else
		usleep_range_state(FSC_HAZARD_NAP_US, FSC_HAZARD_NAP_US, TASK_IDLE);
}

/* Return: whether there was something to wait for. */
static bool fsc_hazptr_cpu_wait_for_slots(const void *folio, unsigned long wildcard)
{
	bool waited = false;
	unsigned int i;
	int cpu;

	for_each_possible_cpu(cpu) {
		const struct fsc_cpu_slots *slots = per_cpu_ptr(&fsc_cpu_slots, cpu);

		for (i = 0; i < FSC_CPU_HAZARDS; i++) {
			unsigned int looks = 0;

			while (fsc_hazptr_cpu_blocks(&slots->slot[i], folio, wildcard))
				fsc_hazptr_cpu_relax(looks++);
			waited |= looks;
		}
	}
	return waited;
}

static bool fsc_hazptr_cpu_listed(struct fsc_backup_list *list, const void *folio)
{
	const struct fsc_cpu_hazard *hazard;
	bool found = false;
	unsigned long flags;

	raw_spin_lock_irqsave(&list->lock, flags);
	hlist_for_each_entry(hazard, &list->slots, node) {
		if (fsc_hazptr_cpu_blocks(&hazard->backup, folio, 1) ||
		    fsc_hazptr_cpu_blocks(&hazard->backup, folio, 2)) {
			found = true;
			break;
		}
	}
	raw_spin_unlock_irqrestore(&list->lock, flags);
	return found;
}

/* Return: whether there was something to wait for. */
static bool fsc_hazptr_cpu_wait_for_lists(const void *folio, unsigned int phase)
{
	bool waited = false;
	int cpu;

	for_each_possible_cpu(cpu) {
		struct fsc_backup_list *list = &per_cpu_ptr(&fsc_backup_lists, cpu)->of[phase];
		unsigned int looks = 0;

		while (fsc_hazptr_cpu_listed(list, folio))
			fsc_hazptr_cpu_relax(looks++);
		waited |= looks;
	}
	return waited;
}

/* Wait until no reader protects a folio that has been unlinked. */
static noinline void fsc_hazptr_cpu_synchronize(struct fsc_thread *t, const void *folio)
{
	bool waited;

	/* Pairs with the smp_mb() in fsc_hazptr_cpu_publish(): see above. */
	smp_mb();
	mutex_lock(&fsc_hazard_phases);
	waited = fsc_hazptr_cpu_wait_for_slots(folio, 3 - fsc_wildcard);
	WRITE_ONCE(fsc_wildcard, 3 - fsc_wildcard);
	waited |= fsc_hazptr_cpu_wait_for_slots(folio, 3 - fsc_wildcard);
	waited |= fsc_hazptr_cpu_wait_for_lists(folio, !fsc_backup_phase);
	WRITE_ONCE(fsc_backup_phase, !fsc_backup_phase);
	waited |= fsc_hazptr_cpu_wait_for_lists(folio, !fsc_backup_phase);
	mutex_unlock(&fsc_hazard_phases);
	fsc_count(&t->counters, FSC_HAZARD_SCANS);
	if (waited)
		fsc_count(&t->counters, FSC_HAZARD_WAITS);
}

static inline void fsc_hazptr_cpu_free(struct fsc_thread *t, void *p, bool timed)
{
	struct fsc_folio *folio = p;

	fsc_desc_begin_free(t, folio, timed, 1, false);
	fsc_desc_pages_free(t, folio);
	fsc_count_freed(&t->counters, fsc_desc_pages(folio));
	fsc_hazptr_cpu_synchronize(t, folio);
	fsc_desc_note_release(t->run, folio, 0);
	fsc_desc_cache_free(t->run, folio, t->run->loops->protocol->bug.name);
}

static int fsc_hazptr_cpu_set_up(struct fsc_run *run)
{
	unsigned int i;
	int cpu;

	for_each_possible_cpu(cpu) {
		for (i = 0; i < ARRAY_SIZE(per_cpu(fsc_backup_lists, cpu).of); i++) {
			struct fsc_backup_list *list = &per_cpu(fsc_backup_lists, cpu).of[i];

			raw_spin_lock_init(&list->lock);
			INIT_HLIST_HEAD(&list->slots);
		}
	}
	return 0;
}

/* Nobody reads any more, so nothing may be protected. */
static void fsc_hazptr_cpu_tear_down(struct fsc_run *run)
{
	unsigned int i;
	int cpu;

	for_each_possible_cpu(cpu) {
		for (i = 0; i < FSC_CPU_HAZARDS; i++)
			WARN_ON_ONCE(per_cpu(fsc_cpu_slots, cpu).slot[i].value);
		for (i = 0; i < ARRAY_SIZE(per_cpu(fsc_backup_lists, cpu).of); i++)
			WARN_ON_ONCE(!hlist_empty(&per_cpu(fsc_backup_lists, cpu).of[i].slots));
	}
}

#define FSC_HAZPTR_CPU									\
	.name				= "hazptr_cpu",					\
	.says.descriptor		=						\
		"freed once no reader points at it: the freer waits; no grace period",	\
	.says.pages			= "freed at once",				\
	.says.reader			=						\
		"wildcard in its CPU's slot, full barrier, loads, then the pointer; tryget", \
	.cas_only			=						\
		"without a grace period a late put may touch a freed descriptor",	\
	.reader.refcounted		= true,						\
	.reader.wildcard		= true,						\
	.set_up				= fsc_hazptr_cpu_set_up,			\
	.tear_down			= fsc_hazptr_cpu_tear_down,			\
	.freeing.free			= fsc_hazptr_cpu_free,				\
	FSC_DESCRIPTOR_OPS(cas)

static const struct fsc_protocol fsc_hazptr_cpu = {
	FSC_HAZPTR_CPU,
	.freeing.alloc			= fsc_desc_alloc,
};

#endif /* FSC_PROTOCOL_HAZPTR_CPU_H */
