// SPDX-License-Identifier: GPL-2.0
/*
 * reload COUNT MS PARAMETERS...
 *
 * Load the module and unload it MS later, COUNT times, with each PARAMETERS in
 * turn and as a real-time thread: with 0 there is nothing in between, and on one
 * CPU its kthreads have not run yet when it goes.
 */
#include <linux/sched.h>
#include <linux/time_types.h>

#include "call.h"

static int main(int argc, char **argv)
{
	const int priority = 50;
	struct __kernel_timespec pause;
	long i, err, fd;

	if (argc < 4)
		return 2;
	pause = (struct __kernel_timespec) { .tv_nsec = number(argv[2]) * 1000000 };
	err = call(__NR_sched_setscheduler, 0, SCHED_FIFO, (long)&priority, 0);
	for (i = 0; i < number(argv[1]) && err >= 0; i++) {
		fd = open_file(MODULE, O_RDONLY);
		err = load_module(fd, argv[3 + i % (argc - 3)]);
		call(__NR_close, fd, 0, 0, 0);
		if (err >= 0 && pause.tv_nsec)
			call(__NR_nanosleep, (long)&pause, 0, 0, 0);
		if (err >= 0)
			err = unload_module();
	}
	return err < 0;
}
