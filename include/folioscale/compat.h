/* SPDX-License-Identifier: GPL-2.0 */
/*
 * All differences between kernel versions.
 *
 * 6.12 is the first kernel with kvfree_rcu_barrier() (2b55d6a42d14) and with
 * struct kmem_cache_args (879fb3c274c1). Without the first, nothing can wait
 * for kfree_rcu()'s limbo; without the second, SLUB's free pointer cannot
 * overlay lru.
 */
#ifndef FOLIOSCALE_COMPAT_H
#define FOLIOSCALE_COMPAT_H

#include <linux/mmzone.h>
#include <linux/slab.h>
#include <linux/thread_info.h>
#include <linux/types.h>
#include <linux/version.h>

#if LINUX_VERSION_MAJOR < 6 || (LINUX_VERSION_MAJOR == 6 && LINUX_VERSION_PATCHLEVEL < 12)
#error "folioscale needs Linux 6.12 or later: kvfree_rcu_barrier() and struct kmem_cache_args"
#endif

/*
 * Since 7.3 struct rcu_gp_oldstate is named struct rcu_gp_seq (a0ede765aeb4),
 * and kvfree_rcu_barrier() is not exported (648294a02bfc).
 */
#if LINUX_VERSION_MAJOR < 7 || (LINUX_VERSION_MAJOR == 7 && LINUX_VERSION_PATCHLEVEL < 3)
#define rcu_gp_seq			rcu_gp_oldstate
#define FSC_KVFREE_RCU_BARRIER_EXPORTED	1
#else
#define FSC_KVFREE_RCU_BARRIER_EXPORTED	0
#endif

/* SLUB has sheaves, and kfree_rcu() uses them, since 6.18 (2d517aa09bbc, ec66e0d59952). */
#define FSC_SHEAVES	(LINUX_VERSION_MAJOR > 6 || LINUX_VERSION_PATCHLEVEL >= 18)
#if FSC_SHEAVES
#define FSC_SHEAF_CAPACITY(capacity)	.sheaf_capacity = (capacity),
#else
#define FSC_SHEAF_CAPACITY(capacity)
#endif

/* PREEMPT_LAZY requests a reschedule with its own flag since 6.13 (7c70cb94d29c). */
#ifdef TIF_NEED_RESCHED_LAZY
#define fsc_need_resched()	(need_resched() || test_thread_flag(TIF_NEED_RESCHED_LAZY))
#else
#define fsc_need_resched()	need_resched()
#endif

/* The lazy preemption model came with 6.13 (7c70cb94d29c), and with 6.12's RT patches. */
#if LINUX_VERSION_MAJOR == 6 && LINUX_VERSION_PATCHLEVEL < 13 && \
	!defined(CONFIG_ARCH_HAS_PREEMPT_LAZY)
static inline bool preempt_model_lazy(void)
{
	return false;
}
#endif

/* kmalloc_obj() and friends came with 7.0 (2932ba8d9c99). */
#ifndef kzalloc_obj
#define kmalloc_obj(of, gfp)	kmalloc(sizeof(of), gfp)
#define kzalloc_obj(of, gfp)	kzalloc(sizeof(of), gfp)
#define kvzalloc_obj(of, gfp)	kvzalloc(sizeof(of), gfp)
#endif

/* MODULE_IMPORT_NS() takes a string since 6.13 (cdd30ebb1b9f). */
#if LINUX_VERSION_MAJOR == 6 && LINUX_VERSION_PATCHLEVEL < 13
#define FSC_IMPORT_KUNIT_NS	MODULE_IMPORT_NS(EXPORTED_FOR_KUNIT_TESTING)
#else
#define FSC_IMPORT_KUNIT_NS	MODULE_IMPORT_NS("EXPORTED_FOR_KUNIT_TESTING")
#endif

/* shmem_file_setup() takes a vma_flags_t in kernels that have that; before, a long. */
#ifdef EMPTY_VMA_FLAGS
#define FSC_NO_VMA_FLAGS	EMPTY_VMA_FLAGS
#else
#define FSC_NO_VMA_FLAGS	0
#endif

#ifndef CONFIG_64BIT
#error "folioscale needs a 64-bit kernel: keys, generations and pfns are 64-bit words"
#endif

/*
 * The lock of a mapping is taken with interrupts off. ARCH=um switches them by means of its own,
 * which take it 300 ns; cli and sti take a few. No interrupt takes the lock, so there they stay on.
 */
#ifdef CONFIG_UML
#define fsc_lock_mapping(pages)		xa_lock(pages)
#define fsc_unlock_mapping(pages)	xa_unlock(pages)
#else
#define fsc_lock_mapping(pages)		xa_lock_irq(pages)
#define fsc_unlock_mapping(pages)	xa_unlock_irq(pages)
#endif

#endif /* FOLIOSCALE_COMPAT_H */
