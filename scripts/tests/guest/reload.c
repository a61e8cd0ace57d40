// SPDX-License-Identifier: GPL-2.0
/*
 * Load the module and unload it with nothing in between, 60 times and as a
 * real-time thread: on one CPU its kthreads have not run yet when it goes.
 * In turn on each path, with a protocol that keeps something for its threads.
 * Without a libc, which a machine with a compiler need not have statically.
 */
#include <asm/unistd.h>
#include <linux/fcntl.h>
#include <linux/sched.h>

#define CYCLES 60

static long call(long nr, long a, long b, long c)
{
	long ret;

	asm volatile("syscall" : "=a"(ret) : "a"(nr), "D"(a), "S"(b), "d"(c)
		     : "rcx", "r11", "memory");
	return ret;
}

void _start(void)
{
	static const char *const params[] = {
		"", "path=gup protocol=hazptr", "path=pfn protocol=rcu_bounded",
	};
	const int priority = 50;
	long fd, err;
	int i;

	err = call(__NR_sched_setscheduler, 0, SCHED_FIFO, (long)&priority);
	for (i = 0; i < CYCLES && err >= 0; i++) {
		fd = call(__NR_open, (long)"/folioscale.ko", O_RDONLY, 0);
		err = call(__NR_finit_module, fd, (long)params[i % 3], 0);
		call(__NR_close, fd, 0, 0);
		if (err >= 0)
			err = call(__NR_delete_module, (long)"folioscale", O_NONBLOCK, 0);
	}
	call(__NR_exit, err < 0, 0, 0);
}
