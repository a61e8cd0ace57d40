/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a kernel for x86 does for the CPUs' barriers
 * (arch/x86/include/asm/barrier.h), for one that runs as a process on x86.
 * arch/x86/um/asm/barrier.h has mfence, lfence and sfence, which devices need,
 * and full barriers for acquire and release: a lookup would be charged for
 * what x86's memory model gives for nothing. asm-generic/barrier.h takes these
 * because they are there before it. Every C file of kernel and module includes
 * this one first (gcc -include).
 */
#ifndef FSC_UML_BARRIER_H
#define FSC_UML_BARRIER_H

#define __smp_mb()	asm volatile("lock addl $0, -4(%%rsp)" ::: "memory", "cc")
#define __smp_rmb()	asm volatile("" ::: "memory")
#define __smp_wmb()	asm volatile("" ::: "memory")

/* Atomic read-modify-writes are full barriers. */
#define __smp_mb__before_atomic()	do { } while (0)
#define __smp_mb__after_atomic()	do { } while (0)

#define __smp_store_mb(var, value)	do { (void)xchg(&(var), value); } while (0)

#define __smp_store_release(p, v)			\
do {							\
	compiletime_assert_atomic_type(*(p));		\
	asm volatile("" ::: "memory");			\
	WRITE_ONCE(*(p), v);				\
} while (0)

#define __smp_load_acquire(p)				\
({							\
	typeof(*(p)) fsc_loaded = READ_ONCE(*(p));	\
							\
	compiletime_assert_atomic_type(*(p));		\
	asm volatile("" ::: "memory");			\
	fsc_loaded;					\
})

#endif /* FSC_UML_BARRIER_H */
