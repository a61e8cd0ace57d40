/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the programs of this folder have instead of a libc, which a machine with a
 * compiler need not have statically: system calls, and main() with its arguments.
 */
#ifndef FSC_TESTS_CALL_H
#define FSC_TESTS_CALL_H

#include <asm/unistd.h>
#include <linux/fcntl.h>

#define AT_CWD	(-100L)
#define MODULE	"/folioscale.ko"

static inline long call(long nr, long a, long b, long c, long d)
{
	register long fourth asm("r10") = d;
	long ret;

	asm volatile("syscall" : "=a"(ret) : "a"(nr), "D"(a), "S"(b), "d"(c), "r"(fourth)
		     : "rcx", "r11", "memory");
	return ret;
}

static inline long length(const char *text)
{
	long n = 0;

	while (text[n])
		n++;
	return n;
}

static inline int same(const char *a, const char *b)
{
	while (*a && *a == *b)
		a++, b++;
	return *a == *b;
}

static inline long number(const char *text)
{
	long value = 0;

	while (*text >= '0' && *text <= '9')
		value = 10 * value + *text++ - '0';
	return value;
}

static inline void say(const char *text)
{
	call(__NR_write, 1, (long)text, length(text), 0);
}

static inline void say_number(long value)
{
	char text[21];
	char *at = text + sizeof(text) - 1;

	*at = '\0';
	do
		*--at = '0' + value % 10;
	while (value /= 10);
	say(at);
}

static inline long open_file(const char *path, long flags)
{
	return call(__NR_openat, AT_CWD, (long)path, flags, 0);
}

static inline long load_module(long fd, const char *params)
{
	return call(__NR_finit_module, fd, (long)params, 0, 0);
}

static inline long unload_module(void)
{
	return call(__NR_delete_module, (long)"folioscale", O_NONBLOCK, 0, 0);
}

static int main(int argc, char **argv);

/* The kernel starts a program with its arguments on the stack, and nowhere to return to. */
asm(".globl _start\n_start:\n\tmov %rsp, %rdi\n\tand $-16, %rsp\n\tcall begin\n");

__attribute__((used, noreturn)) static void begin(long *stack)
{
	call(__NR_exit, main(stack[0], (char **)(stack + 1)), 0, 0, 0);
	__builtin_unreachable();
}

#endif /* FSC_TESTS_CALL_H */
