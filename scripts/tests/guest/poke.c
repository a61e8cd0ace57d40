// SPDX-License-Identifier: GPL-2.0
/*
 * poke FILE...
 * poke -w FILE...
 *
 * Do to files what no cat does: poll, seek, read anywhere and into nothing,
 * write where there is nothing to write; -w to those that are only written.
 * Says what was not refused as it should be.
 */
#include <linux/poll.h>
#include <linux/uio.h>

#include "call.h"

#define EBADF	9
#define EFAULT	14
#define EINVAL	22
#define ENOTTY	25

static int wrong;

static void expect(const char *file, const char *what, long found, long wanted)
{
	if (found == wanted)
		return;
	wrong = 1;
	say(file);
	say(": ");
	say(what);
	say(found < 0 ? " -" : " ");
	say_number(found < 0 ? -found : found);
	say("\n");
}

/* Open a file and do what is the same whatever it is opened for; negative if it does not open. */
static long open_checked(const char *file, long flags)
{
	long fd = open_file(file, flags);
	struct pollfd poll = { .fd = fd, .events = POLLIN | POLLOUT | POLLPRI };

	if (fd < 0) {
		expect(file, "open", fd, 0);
		return fd;
	}
	expect(file, "poll", call(__NR_poll, (long)&poll, 1, 0, 0), 1);
	expect(file, "ioctl", call(__NR_ioctl, fd, 0x5401, 0, 0), -ENOTTY);
	return fd;
}

static void poke(const char *file)
{
	static char data[4096];
	struct iovec parts[3] = { { data, 1 }, { data, 0 }, { data + 1, 3 } };
	long fd = open_checked(file, O_RDONLY), i, n, size;

	if (fd < 0)
		return;
	expect(file, "write", call(__NR_write, fd, (long)data, 1, 0), -EBADF);
	expect(file, "lseek to -1", call(__NR_lseek, fd, -1, 0, 0), -EINVAL);
	size = 0;
	while ((n = call(__NR_read, fd, (long)data, sizeof(data), 0)) > 0)
		size += n;
	expect(file, "read at the end", n, 0);
	expect(file, "pread far behind", call(__NR_pread64, fd, (long)data, 1, 1L << 40), 0);
	expect(file, "pread before", call(__NR_pread64, fd, (long)data, 1, -1), -EINVAL);
	for (i = 0; i < size; i += 1 + size / 50) {
		expect(file, "pread of a byte", call(__NR_pread64, fd, (long)data, 1, i) < 0, 0);
		expect(file, "lseek", call(__NR_lseek, fd, i, 0, 0), i);
		expect(file, "readv", call(__NR_readv, fd, (long)parts, 3, 0) < 0, 0);
	}
	call(__NR_lseek, fd, 0, 0, 0);
	if (size)
		expect(file, "read to nowhere", call(__NR_read, fd, 8, 1, 0), -EFAULT);
	call(__NR_close, fd, 0, 0, 0);
	/* Root may open any file for anything. */
	fd = open_file(file, O_WRONLY);
	if (fd >= 0)
		expect(file, "write of nothing", call(__NR_write, fd, (long)data, 0, 0) > 0, 0);
	call(__NR_close, fd, 0, 0, 0);
}

static void poke_written(const char *file)
{
	static char data[8];
	long fd = open_checked(file, O_RDWR), i;

	if (fd < 0)
		return;
	expect(file, "read", call(__NR_read, fd, (long)data, 1, 0), -EINVAL);
	expect(file, "pread", call(__NR_pread64, fd, (long)data, 1, 1L << 40), -EINVAL);
	for (i = 0; i < 3; i++) {
		expect(file, "lseek", call(__NR_lseek, fd, i << 20, i, 0) < 0, 0);
		expect(file, "write of nothing", call(__NR_write, fd, (long)data, 0, 0), -EINVAL);
		expect(file, "write of NULs", call(__NR_write, fd, (long)data, i + 1, 0), -EINVAL);
		expect(file, "pwrite far behind", call(__NR_pwrite64, fd, (long)data, i, 1L << 40),
		       -EINVAL);
		expect(file, "write from nowhere", call(__NR_write, fd, 8, 5, 0), -EFAULT);
	}
	call(__NR_close, fd, 0, 0, 0);
}

static int main(int argc, char **argv)
{
	int i, written = argc > 1 && same(argv[1], "-w");

	for (i = 1 + written; i < argc; i++) {
		if (written)
			poke_written(argv[i]);
		else
			poke(argv[i]);
	}
	return wrong;
}
