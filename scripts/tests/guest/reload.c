// SPDX-License-Identifier: GPL-2.0
/*
 * reload COUNT MS PARAMETERS...
 *
 * Load the module and unload it 1 to 8 times MS later, COUNT times, with each
 * PARAMETERS in turn and as a real-time thread: with 0 there is nothing in between,
 * and on one CPU its kthreads have not run yet when it goes. Prints how many of the
 * runs were being measured when they went.
 */
#include <linux/sched.h>
#include <linux/time_types.h>

#include "call.h"

static int is_measured(void)
{
	static const char wanted[] = "measure\n";
	char state[sizeof(wanted)] = "";
	long fd = open_file("/sys/kernel/debug/folioscale/state", O_RDONLY);

	call(__NR_read, fd, (long)state, sizeof(state) - 1, 0);
	call(__NR_close, fd, 0, 0, 0);
	return same(state, wanted);
}

static int main(int argc, char **argv)
{
	const int priority = 50;
	struct __kernel_timespec pause = {};
	long i, err, fd, measured = 0;

	if (argc < 4)
		return 2;
	err = call(__NR_sched_setscheduler, 0, SCHED_FIFO, (long)&priority, 0);
	for (i = 0; i < number(argv[1]) && err >= 0; i++) {
		fd = open_file(MODULE, O_RDONLY);
		err = load_module(fd, argv[3 + i % (argc - 3)]);
		call(__NR_close, fd, 0, 0, 0);
		pause.tv_nsec = number(argv[2]) * 1000000 * (1 + i % 8);
		if (err >= 0 && pause.tv_nsec) {
			call(__NR_nanosleep, (long)&pause, 0, 0, 0);
			measured += is_measured();
		}
		if (err >= 0)
			err = unload_module();
	}
	say_number(measured);
	say("\n");
	return err < 0;
}
