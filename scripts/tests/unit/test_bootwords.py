# SPDX-License-Identifier: GPL-2.0
"""Whether words on the command line took effect, from what a guest sends."""

import unittest

from fsc.verdict import SetupError
from fsc.vm import bootwords

# As 6.12 and 7.3 answer; took.X=... are lines of the blob "machine".
OLD = "took.preempt=none (voluntary) full \n"
NEW = "vcpus=2\ntook.preempt=full (lazy) \ntook.unknown=preempt=voluntary foo=bar\n"


class BootWordsTest(unittest.TestCase):
    def wrong(self, cmdline: str, machine: str, model: str = "full") -> str:
        try:
            bootwords.check(cmdline, machine, {"kernel": {"preempt": model, "nr_cpus": 2}})
        except SetupError as error:
            return str(error)
        return ""

    def test_preempt(self) -> None:
        for cmdline, machine, model, wrong in (
                ("preempt=voluntary", OLD, "voluntary", ""), ("preempt=lazy", NEW, "lazy", ""),
                ("preempt=voluntary", NEW, "lazy", "preempt=voluntary did not take: the kernel's model is lazy: allowed: full lazy"),
                ("preempt=lazy", OLD, "voluntary", "preempt=lazy did not take: the kernel's model is voluntary: allowed: none voluntary full"),
                # PREEMPT_RT has a model, too, which can be chosen since 6.13.
                ("preempt=full", "took.preempt=(full) lazy \n", "rt full", ""),
                ("preempt=none", NEW, "rt lazy", "preempt=none did not take: the kernel's model is lazy: allowed: full lazy"),
                # A kernel whose model cannot be chosen has no list.
                ("preempt=full", "", "full", ""),
                ("preempt=none", "", "full", "preempt=none did not take: the kernel's model is full")):
            self.assertEqual(self.wrong(cmdline, machine, model), wrong)

    def test_nocbs(self) -> None:
        for cmdline, machine, wrong in (
                ("rcu_nocbs=all", "took.rcu_nocbs=0 1 ", ""), ("rcu_nocbs=0", "took.rcu_nocbs=0 ", ""), ("rcu_nocbs=0-7", "took.rcu_nocbs=0 1", ""),
                ("rcu_nocbs", "took.rcu_nocbs=", ""), ("rcu_nocbs=all", "took.rcu_nocbs=1", "callbacks of CPU 0 are not .*"),
                ("rcu_nocbs=0,1", "", "rcu_nocbs=0,1 did not take: callbacks of CPU 0, 1 are not offloaded: allowed: a kernel with CONFIG_RCU_NOCB_CPU")):
            self.assertRegex(self.wrong(cmdline, machine), f"{wrong}$" if wrong else "^$")

    def test_any_other(self) -> None:
        for cmdline, machine, wrong in (
                ("rcupdate.rcu_expedited=1", "took.rcupdate.rcu_expedited=1", ""), ("rcutree.enable_rcu_lazy=0", "took.rcutree.enable_rcu_lazy=N", ""),
                ("rcupdate.rcu_expedited=1", "took.rcupdate.rcu_expedited=0", "rcupdate.rcu_expedited=1 did not take: it is 0"),
                ("rcutree.enable_rcu_lazy=0", "took.rcutree.enable_rcu_lazy=Y", "rcutree.enable_rcu_lazy=0 did not take: it is Y"),
                ("foo=bar quiet", NEW, "foo=bar did not take: the kernel does not know it"),
                # Words that cannot be checked are accepted.
                ("rcutree.hidden=1 mitigations=off printk.devkmsg=on a.b=0x10 a.c", "took.a.b=16\ntook.printk.devkmsg=yes", "")):
            self.assertEqual(self.wrong(cmdline, machine), wrong)

    def test_all_of_them_are_named(self) -> None:
        self.assertRegex(self.wrong("preempt=voluntary foo=bar", NEW), "^preempt=voluntary did .*; foo=bar did")


if __name__ == "__main__":
    unittest.main()
