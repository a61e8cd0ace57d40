# SPDX-License-Identifier: GPL-2.0
"""What counts as a complaint of the kernel."""

import unittest

from fsc.vm.console import complaints

# One line as the kernel prints it, for each kind of trouble.
BAD = (
    "Kernel panic - not syncing: sysrq triggered crash",
    "BUG: kernel NULL pointer dereference, address: 0000000000000010",
    "BUG: unable to handle page fault for address: ffff888000000000",
    "BUG: KASAN: slab-use-after-free in fsc_reader+0x10/0x20 [folioscale]",
    "BUG: KCSAN: data-race in a / b",
    "BUG: sleeping function called from invalid context at mm/slab.h:300",
    "BUG: scheduling while atomic: insmod/77/0x00000002",
    "BUG: Bad page state in process insmod  pfn:12345",
    "BUG fsc_crash (Tainted: G           O      ): Objects remaining on __kmem_cache_shutdown()",
    "BUG kmalloc-64 (Not tainted): Right Redzone overwritten",
    "Objects remaining in fsc_crash on __kmem_cache_shutdown()",
    "BUG: workqueue lockup - pool cpus=0 node=0 flags=0x0 nice=0 stuck for 30s!",
    "kernel BUG at mm/slub.c:448!",
    "WARNING: CPU: 0 PID: 77 at crash.c:27 fsc_crash_init+0x30/0x1000 [fsc_crash]",
    "WARNING: suspicious RCU usage",
    "WARNING: possible circular locking dependency detected",
    "Oops: Oops: 0002 [#1] PREEMPT SMP NOPTI",
    "Oops: general protection fault, probably for non-canonical address 0xdead: 0000 [#1]",
    "watchdog: BUG: soft lockup - CPU#0 stuck for 22s! [insmod:77]",
    "watchdog: Watchdog detected hard LOCKUP on cpu 0",
    "INFO: task insmod:77 blocked for more than 120 seconds.",
    "rcu: INFO: rcu_preempt self-detected stall on CPU",
    "rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:",
    "rcu: INFO: rcu_preempt detected expedited stalls on CPUs/tasks: { 0-... }",
    "rcu: rcu_preempt kthread starved for 5250 jiffies! g-1195 f0x0 RCU_GP_WAIT_FQS(5)",
    "kmem_cache_destroy fsc_desc: Slab cache still has objects when called from fsc_exit+0x1",
    "refcount_t: underflow; use-after-free.",
    "list_add corruption. next->prev should be prev",
    "UBSAN: array-index-out-of-bounds in a.c:1:2",
    "kmemleak: Kernel memory leak detector disabled",
    "huh, entered softirq 9 RCU 00000000abcdef preempt_count 00000100, exited with 00000101?",
    "kmemleak: 3 new suspected memory leaks (see /sys/kernel/debug/kmemleak)",
    "kmemleak: Freeing unknown object at 0xffff888004a01000",
    "pagealloc: memory corruption",
    "pagealloc: single bit error",
    "Memory cgroup out of memory: Killed process 77 (insmod) total-vm:1kB",
    "insmod: page allocation failure: order:9, mode:0xcc0(GFP_KERNEL)",
    "insmod invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0",
    "Out of memory: Killed process 77 (insmod) total-vm:1kB",
)

GOOD = (
    "folioscale: loading out-of-tree module taints kernel.",
    "folioscale: module verification failed: signature and/or required key missing - tainting kernel",
    "Warning: unable to open an initial console.",
    "NMI watchdog: Perf NMI watchdog permanently disabled",
    "rcu: Preemptible hierarchical RCU implementation.",
    "clocksource: wd-tsc-wd read-back delay of 1622980ns, clock-skew test skipped!",
    "workqueue: blk_mq_run_work_fn hogged CPU for >10000us 4 times",
    "folioscale: protocol=bogus: allowed: overlay typesafe rcu_desc rcu_full",
    "folioscale: end of job",
    "kmemleak: Kernel memory leak detector initialized (mem pool available: 15700)",
    "FAULT_INJECTION: forcing a failure.",
    "Modules linked in: folioscale(O) BTF",
    "Debugger: BUGGY firmware",
)


def stamped(line: str) -> str:
    """Return @line as in a console log, with a time and the serial line's carriage return."""
    return f"[   12.345678] {line}\r"


class ConsoleTest(unittest.TestCase):
    def test_each_kind_of_trouble_is_seen(self) -> None:
        for line in BAD:
            with self.subTest(line):
                self.assertEqual(complaints(stamped(line)), [stamped(line).strip()])

    def test_harmless_lines_are_not(self) -> None:
        for line in GOOD:
            with self.subTest(line):
                self.assertEqual(complaints(stamped(line)), [])

    def test_caller_column_and_unfinished_job_line_hide_nothing(self) -> None:
        self.assertEqual(len(complaints("[    1.000000][   T77] BUG: x")), 1)
        self.assertEqual(len(complaints("running...[    1.000000] BUG: x")), 1)

    def test_what_was_lost_may_be_any(self) -> None:
        self.assertEqual(len(complaints("** 12 printk messages dropped **\r")), 1)

    def test_what_a_job_prints_is_no_complaint(self) -> None:
        self.assertEqual(complaints("ok 3 - BUG: is reported\nKernel panic - not syncing"), [])

    def test_allowed_line_only(self) -> None:
        text = "\n".join(stamped(line) for line in BAD[:2])
        self.assertEqual(complaints(text, allow=(r"NULL pointer",)), [stamped(BAD[0]).strip()])

    def test_race_is_of_who_called(self) -> None:
        """The racing functions may be helpers of the kernel; the rule ends the report."""
        others = r"BUG: KCSAN: (?!.*\[folioscale\])"
        race = ("=" * 66, "BUG: KCSAN: data-race in xas_load / xas_store", "read to 0xffffffffa01e3db0 of 8 bytes by task 53:",
                " xas_load+0x1a/0x50", "%s", "", " kthread+0x1cd/0x210", "=" * 66, " fsc_worker+0x4e0/0xac0 [folioscale]")
        for caller, found in ((" fsc_worker+0x4e0/0xac0 [folioscale]", 1), (" kthread+0x1cd/0x210", 0), (" a+0x1/0x2 [virtiofs]", 0),
                              ("hardirqs last enabled at (321): [<ffff>] fsc_worker+0x4e0/0xac0 [folioscale]", 0),
                              (" asm_sysvec_apic_timer_interrupt+0x1b/0x20\n[    1.000000]  fsc_worker+0x4e0/0xac0 [folioscale]", 0),
                              (" asm_sysvec_apic_timer_interrupt+0x1b/0x20\n[    1.000000] \n[    1.000000]  f+0x4e0/0xac0 [folioscale]", 1)):
            text = "\n".join(f"[    1.000000] {line}" for line in race) % caller
            self.assertEqual(len(complaints(text, allow=(others,))), found, caller)


if __name__ == "__main__":
    unittest.main()
