# SPDX-License-Identifier: GPL-2.0
"""A kernel that runs as a process: its command, its memory, what it is refused, and what its CPUs wait for."""

import os
import subprocess
import tempfile
import time
import unittest
from pathlib import Path
from unittest import mock

from fsc.verdict import SetupError
from fsc.vm import accel, kernel, steal, uml, vm
from fsc.vm.kernel import Kernel
from fsc.vm.rootfs import HostRoot


class KernelTest(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()  # pylint: disable=consider-using-with # until the test ends
        self.addCleanup(folder.cleanup)
        self.build = Path(folder.name).resolve()
        (self.build / "include/config").mkdir(parents=True)
        (self.build / "include/config/kernel.release").write_text("7.3.0-um\n")
        (self.build / "Makefile").touch()
        self.config("CONFIG_UML=y\n")
        self.program("7.3.0-um")

    def config(self, text: str) -> None:
        (self.build / ".config").write_text(text)

    def program(self, release: str) -> None:
        (self.build / "linux").write_text(f'#!/bin/sh\n[ "$1" = --version ] && echo {release}\n')
        (self.build / "linux").chmod(0o755)

    def test_it_is_known_by_its_configuration(self) -> None:
        own = kernel.custom(str(self.build), None)
        self.assertEqual((own.um, own.image), (True, self.build / "linux"))
        self.config("CONFIG_X86=y\n")
        self.assertFalse(kernel.tree(str(self.build)).um)

    def test_program_of_another_kernel(self) -> None:
        self.program("7.2.0-um")
        with self.assertRaisesRegex(SetupError, f"KERNEL={self.build}/linux is 7.2.0-um, KDIR={self.build} builds modules for 7.3"):
            kernel.custom(str(self.build), None)

    def test_what_executes_it(self) -> None:
        own = kernel.tree(str(self.build))
        self.assertIs(accel.choose("auto", own), accel.UML)
        self.assertIs(accel.choose("uml", own), accel.UML)
        for name in ("kvm", "tcg", "icount"):
            with self.assertRaisesRegex(SetupError, f"ACCEL={name}: 7.3.0-um in .* is a kernel of ARCH=um: allowed for it: auto uml"):
                accel.choose(name, own)
        with self.assertRaisesRegex(SetupError, "ACCEL=uml: 6 in .* is no kernel of ARCH=um: allowed for it: auto kvm tcg icount"):
            accel.choose("uml", Kernel("6", "6", Path("/bzImage"), Path("/nowhere")))

    def spec(self, **changes) -> vm.BootSpec:
        return vm.BootSpec(kernel.tree(str(self.build)), "true\n", accel.UML, 20.0, self.build / "out", **changes)

    def test_command(self) -> None:
        with mock.patch.object(uml, "_namespace", return_value=()):
            machine = vm.prepare(self.spec(vcpus=3, memory_mb=512, cmdline=["nokaslr"]))
        self.assertEqual(machine.command[:7], ["env", "TMPDIR=/dev/shm", str(self.build / "linux"), "uml_dir=uml/", "ncpus=3",
                                               "seccomp=on", "mem=512M"])
        self.assertIn("initrd=initramfs.cpio", machine.command)
        self.assertEqual(machine.command[-1], "nokaslr")
        self.assertIn("init_on_alloc=0", machine.command)
        self.assertNotIn("console=ttyS0", machine.command)
        self.assertEqual(machine.errors, "console.log")
        with mock.patch.object(uml, "_namespace", return_value=("unshare", "--mount")):
            self.assertEqual(vm.prepare(self.spec(memory_mb=512)).command[:3], ["unshare", "--mount", "576M"])

    def test_what_it_cannot_do(self) -> None:
        for changes, why in (({"vcpus": 65}, "VCPUS=65: allowed with ACCEL=uml: 1 to 64"),
                             ({"root": HostRoot()}, "ACCEL=uml: neither tracing nor gdb"),
                             ({"qemu": ("-gdb", "x")}, "ACCEL=uml: neither tracing nor gdb")):
            with self.assertRaisesRegex(SetupError, why):
                vm.prepare(self.spec(**changes))

    def test_a_small_dev_shm(self) -> None:
        with mock.patch.object(uml, "_namespace", return_value=()), self.assertRaisesRegex(
                SetupError, "MEM=1000000000: /dev/shm has [0-9]+ MB, and this machine gives no mount namespace"):
            vm.prepare(self.spec(memory_mb=1_000_000_000))

    def test_its_own_tmpfs(self) -> None:
        command = uml._namespace()  # pylint: disable=protected-access
        if not command:
            self.skipTest("this machine gives no mount namespace")
        said = subprocess.run([*command, "8M", "sh", "-c", "grep ' /dev/shm ' /proc/mounts | tail -n 1; echo $TMPDIR"],
                              check=True, text=True, stdout=subprocess.PIPE).stdout
        self.assertRegex(said, r"tmpfs .*size=8192k.*huge=always.*\n/dev/shm\n")
        self.assertNotIn("huge=always", Path("/proc/mounts").read_text())


    def test_mapped(self) -> None:
        found = uml.mapped(os.getpid())
        self.assertGreater(found["all"], 1 << 20)
        self.assertGreaterEqual(found["all"], found["huge"])


class StealTest(unittest.TestCase):
    def test_a_process_that_sleeps_waits_for_nothing(self) -> None:
        with subprocess.Popen(["sleep", "60"]) as process:
            watched = steal.Steal(process.pid)
            time.sleep(0.05)
            found = watched.until_now()
            process.kill()
        self.assertGreaterEqual(found["wall_ns"], 50_000_000)
        self.assertIsNone(steal.share(found, 0), "nobody was busy")

    def test_two_on_one_cpu(self) -> None:
        cpu = min(os.sched_getaffinity(0))
        spin = ["taskset", "-c", str(cpu), "sh", "-c", "while :; do :; done"]
        with subprocess.Popen(spin) as one, subprocess.Popen(spin) as other:
            watched = steal.Steal(one.pid)
            # At least a tenth is waited for once the two have shared the CPU for a while; how long that is, the load decides.
            end = time.monotonic() + 60
            while (share := steal.share(watched.until_now(), 0) or 0) < 0.1 and time.monotonic() < end:
                time.sleep(0.05)
            one.kill()
            other.kill()
        self.assertGreaterEqual(share, 0.1)

    def share(self, *threads: tuple[int, int], window_ns: int = 90) -> float | None:
        return steal.share({"threads": [{"ran_ns": ran, "waited_ns": waited} for ran, waited in threads], "wall_ns": 100}, window_ns)

    def test_share(self) -> None:
        self.assertEqual(self.share((80, 10)), 0.1)
        self.assertEqual(self.share((80, 10), (80, 20)), 0.15)

    def test_who_sleeps_waits_for_nothing_when_it_wakes_up(self) -> None:
        self.assertEqual(self.share((90, 10), (3, 5)), 0.1)

    def test_who_has_hardly_run_has_waited(self) -> None:
        self.assertEqual(self.share((1, 90)), 0.9)

    def test_who_looked_too_late(self) -> None:
        self.assertIsNone(self.share((80, 0), window_ns=101), "after the window began")
        self.assertIsNone(self.share((40, 5)), "long after it ended")

    def test_the_first_readings_do_not_count(self) -> None:
        with mock.patch.object(steal, "_threads", side_effect=[{"7": (0, number)} for number in range(4)]) as read:
            self.assertEqual(steal.Steal.begin(7).until_now()["threads"], [{"ran_ns": 0, "waited_ns": 1}])
        self.assertEqual(read.call_count, 4)

    def test_a_host_that_does_not_count(self) -> None:
        steal.check()
        for text in ("0 0 0\n", ""):
            with mock.patch.object(Path, "read_text", return_value=text), self.assertRaisesRegex(SetupError, "CONFIG_SCHED_INFO"):
                steal.check()

    def test_a_process_that_has_ended(self) -> None:
        with subprocess.Popen(["true"]) as process:
            process.wait()
            self.assertEqual(steal.Steal(process.pid).until_now()["threads"], [])


if __name__ == "__main__":
    unittest.main()
