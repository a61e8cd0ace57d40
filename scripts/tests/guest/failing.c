// SPDX-License-Identifier: GPL-2.0
/*
 * failing FILE VALUE insmod PARAMETERS
 * failing FILE VALUE rmmod
 * failing FILE VALUE write PATH TEXT
 * failing FILE VALUE read PATH
 *
 * Do one thing with VALUE in /proc/self/FILE, which is how a task asks for fault
 * injection: fail-nth, make-it-fail. A shell cannot: the exec would allocate, too.
 * Prints the errno, 0 for none, and what FILE says then: fail-nth counts down.
 */
#include "call.h"

enum what { INSMOD, RMMOD, WRITE, READ };

static char data[4096] __attribute__((aligned(4096)));

static long act(enum what what, long target, const char *text)
{
	switch (what) {
	case INSMOD:
		return load_module(target, text);
	case RMMOD:
		return unload_module();
	case READ:
		return call(__NR_read, target, (long)data, sizeof(data), 0);
	default:
		return call(__NR_write, target, (long)text, length(text), 0);
	}
}

static int main(int argc, char **argv)
{
	char path[64] = "/proc/self/", left[21] = "", off[2] = "0";
	long fd, err, n, i, target = 0;
	enum what what;

	if (argc < 4 || length(argv[1]) > 20)
		return 2;
	what = same(argv[3], "insmod") ? INSMOD : same(argv[3], "rmmod") ? RMMOD :
	       same(argv[3], "read") ? READ : WRITE;
	if (what == INSMOD)
		target = open_file(MODULE, O_RDONLY);
	else if (what != RMMOD)
		target = open_file(argv[4], what == READ ? O_RDONLY : O_WRONLY);
	for (i = 0; i <= length(argv[1]); i++)
		path[11 + i] = argv[1][i];
	fd = open_file(path, O_RDWR);
	if (target < 0 || fd < 0)
		return 2;
	/* Nothing until that is off again but what is to fail: what is written to is there already. */
	*(volatile char *)data = 0;
	if (call(__NR_write, fd, (long)argv[2], length(argv[2]), 0) < 0)
		return 2;
	err = act(what, target, argv[argc - 1]);
	n = call(__NR_pread64, fd, (long)left, sizeof(left) - 1, 0);
	if (call(__NR_pwrite64, fd, (long)off, 1, 0) < 0 || n < 0)
		return 3;
	left[n] = '\0';
	say_number(err < 0 ? -err : 0);
	say(" ");
	say(left);
	return 0;
}
