// SPDX-License-Identifier: GPL-2.0
/*
 * failing FILE VALUE insmod PARAMETERS
 * failing FILE VALUE rmmod
 * failing FILE VALUE write PATH TEXT
 *
 * Do one thing with VALUE in /proc/self/FILE, which is how a task asks for fault
 * injection: fail-nth, make-it-fail. A shell cannot: the exec would allocate, too.
 * Prints the errno, 0 for none, and what FILE says then: fail-nth counts down.
 */
#include "call.h"

enum what { INSMOD, RMMOD, WRITE };

static long act(enum what what, long target, const char *text)
{
	switch (what) {
	case INSMOD:
		return load_module(target, text);
	case RMMOD:
		return unload_module();
	default:
		return call(__NR_write, target, (long)text, length(text), 0);
	}
}

static int main(int argc, char **argv)
{
	char path[64] = "/proc/self/", left[21];
	long fd, err, n, i, target = 0;
	enum what what;

	if (argc < 4 || length(argv[1]) > 20)
		return 2;
	what = same(argv[3], "insmod") ? INSMOD : same(argv[3], "rmmod") ? RMMOD : WRITE;
	if (what == INSMOD)
		target = open_file(MODULE, O_RDONLY);
	else if (what == WRITE)
		target = open_file(argv[4], O_WRONLY);
	for (i = 0; i <= length(argv[1]); i++)
		path[11 + i] = argv[1][i];
	fd = open_file(path, O_RDWR);
	if (target < 0 || fd < 0)
		return 2;
	/* Nothing between these two but what is to fail. */
	if (call(__NR_write, fd, (long)argv[2], length(argv[2]), 0) < 0)
		return 2;
	err = act(what, target, argv[argc - 1]);
	n = call(__NR_pread64, fd, (long)left, sizeof(left) - 1, 0);
	call(__NR_pwrite64, fd, (long)"0", 1, 0);
	if (n < 0)
		return 2;
	left[n] = '\0';
	say_number(err < 0 ? -err : 0);
	say(" ");
	say(left);
	return 0;
}
