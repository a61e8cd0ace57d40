// SPDX-License-Identifier: GPL-2.0
/* One bug for each tool of the static checks to find; never loaded. */
#include <linux/module.h>
#include <linux/rcupdate.h>

static int __rcu *planted_pointer;
static int (*planted_function)(void);

void planted_read(void);

static noinline void fsc_planted(unsigned long *cleared)
{
	barrier_data(cleared);
}

/* As an inline function of the kernel's that was not inlined. */
static noinline void planted_copy(void)
{
	barrier();
}

/* objdump: an indirect call in a loop of that name, a call of a function of the file, memset(). */
void planted_read(void)
{
	while (planted_function()) {
		unsigned long cleared[64] = {};

		fsc_planted(cleared);
		planted_copy();
	}
}

static int __init planted_init(void)
{
	int planted_unused;	/* W=1: set but not used */

	planted_unused = planted_pointer ? 1 : 0;
	planted_read( );	/* checkpatch: spaces */
	return *planted_pointer;	/* sparse: dereference of noderef */
}
module_init(planted_init);

MODULE_DESCRIPTION("Bugs for tools to find");
MODULE_LICENSE("GPL");
