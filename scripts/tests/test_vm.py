# SPDX-License-Identifier: GPL-2.0
"""What is made of a machine's status, its console and its end; and what boots at all."""

import contextlib
import io
import struct
import subprocess
import tempfile
import time
import unittest
from pathlib import Path
from unittest import mock

from fsc import accel, kernel, vm
from fsc.frames import Frames
from fsc.verdict import SetupError, worst

END = "[    9.000000] folioscale: end of job\n"
BUG = "[    5.000000] kernel BUG at mm/slub.c:448!\n"


class JudgeTest(unittest.TestCase):
    def test_status_stands_when_the_console_is_clean_and_whole(self) -> None:
        for word in ("PASS", "FAIL", "INCONCLUSIVE"):
            self.assertEqual(vm.judge((word, "text"), END, (), ""), (word, "text"))

    def test_console_overrules_status_and_silence(self) -> None:
        for status in (("PASS", ""), ("INCONCLUSIVE", ""), None):
            state, reason = vm.judge(status, BUG + END, (), "timeout")
            self.assertEqual(state, "FAIL")
            self.assertIn("kernel BUG at", reason)

    def test_expected_line_is_let_through(self) -> None:
        self.assertEqual(vm.judge(("PASS", ""), BUG + END, ("slub.c",), "")[0], "PASS")

    def test_no_status_is_lost(self) -> None:
        self.assertEqual(vm.judge(None, END, (), "timeout"), ("LOST", "timeout"))

    def test_a_console_that_shows_nothing_proves_nothing(self) -> None:
        self.assertEqual(vm.judge(("PASS", ""), "", (), "")[0], "LOST")

    def test_long_complaint_is_cut(self) -> None:
        self.assertIn("and 5 more", vm.judge(None, BUG * 25, (), "")[1])

    def test_worst(self) -> None:
        self.assertEqual(worst([]), "LOST")
        self.assertEqual(worst(["PASS", "INCONCLUSIVE", "PASS"]), "INCONCLUSIVE")
        self.assertEqual(worst(["LOST", "FAIL", "PASS"]), "FAIL")


class QuietTest(unittest.TestCase):
    def end(self, script: str, quiet_s: float) -> str:
        with tempfile.TemporaryDirectory() as folder, \
                subprocess.Popen(["sh", "-c", script], stdout=subprocess.PIPE) as qemu:
            (Path(folder) / "log").touch()
            end = vm._follow(qemu, Frames(lambda name, data: None), time.monotonic() + 60, quiet_s, Path(folder) / "log")  # pylint: disable=protected-access
            qemu.kill()
            return end

    def test_says_nothing_for_too_long(self) -> None:
        self.assertEqual(self.end("echo @blob x 0; echo; exec sleep 20", 1), "nothing was heard of the machine for 1 s")

    def test_says_something_now_and_then(self) -> None:
        end = self.end("for i in 1 2 3 4 5 6; do echo @blob x 0; echo; sleep 0.5; done; exit 7", 2)
        self.assertEqual(end, "the machine went down without a status (QEMU exit 7)")


class AgainTest(unittest.TestCase):
    """An emulated machine that dies before its job begins is started again, no other."""

    def boots(self, accelerator: accel.Accel, *attempts: vm.Boot) -> tuple[vm.Boot, int]:
        spec = vm.BootSpec(kernel.Kernel, "", accelerator, 1, Path("/nowhere"))
        with mock.patch.object(vm, "_boot_once", side_effect=attempts) as once, \
                contextlib.redirect_stderr(io.StringIO()):
            return vm.boot(spec), once.call_count

    def attempt(self, state: str, began: bool, reason: str = "Oops: int3: 0000") -> vm.Boot:
        return vm.Boot(state, reason, [], Path("/nowhere/console.log"), 1.0, began)

    def test_died_before_the_job(self) -> None:
        boot, count = self.boots(accel.TCG, self.attempt("FAIL", False), self.attempt("PASS", True))
        self.assertEqual((boot.state, count), ("PASS", 2))
        self.assertIn("a machine died before the job began", boot.first)
        fault = self.attempt("FAIL", False, "Oops: double fault: 0000 [#1] PREEMPT SMP NOPTI")
        self.assertEqual(self.boots(accel.TRACED, fault, self.attempt("PASS", True))[1], 2)

    def test_only_twice(self) -> None:
        boot, count = self.boots(accel.TCG, *[self.attempt("LOST", False)] * 2, self.attempt("FAIL", False))
        self.assertEqual((boot.state, count), ("FAIL", 3))

    def test_a_complaint_of_its_own_stands(self) -> None:
        complaint = vm.Boot("FAIL", "WARNING: at mm/slub.c", [], Path("/nowhere"), 1.0, False)
        self.assertEqual(self.boots(accel.TCG, complaint)[1], 1)

    def test_died_in_the_job(self) -> None:
        self.assertEqual(self.boots(accel.TCG, self.attempt("FAIL", True))[1], 1)

    def test_not_under_kvm(self) -> None:
        self.assertEqual(self.boots(accel.KVM, self.attempt("FAIL", False))[1], 1)


class KernelTest(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.kdir = Path(folder.name)
        (self.kdir / "include/config").mkdir(parents=True)
        (self.kdir / "include/config/kernel.release").write_text("6.13.0-mine\n")
        self.image = self.kdir / "arch/x86/boot/bzImage"
        self.image.parent.mkdir(parents=True)

    def write_image(self, release: bytes) -> None:
        head = bytearray(0x1000)
        head[0x202:0x206] = b"HdrS"
        struct.pack_into("<H", head, 0x20e, 0x400)
        text = release + b" (me@here) #1 SMP\0"
        head[0x600:0x600 + len(text)] = text
        self.image.write_bytes(head)

    def test_own_kernel(self) -> None:
        self.write_image(b"6.13.0-mine")
        own = kernel.choose(str(self.kdir), None)
        self.assertEqual((own.release, own.image), ("6.13.0-mine", self.image.resolve()))

    def test_image_of_another_kernel(self) -> None:
        self.write_image(b"6.12.0")
        with self.assertRaisesRegex(SetupError, "is 6.12.0, .* 6.13.0-mine"):
            kernel.choose(str(self.kdir), None)

    def test_not_a_kernel(self) -> None:
        self.image.write_bytes(b"\x7fELF" + bytes(0x1000))
        with self.assertRaisesRegex(SetupError, "not a bzImage"):
            kernel.choose(str(self.kdir), None)
        with self.assertRaisesRegex(SetupError, "No such file"):
            kernel.choose(str(self.kdir), str(self.kdir / "absent"))
        with self.assertRaisesRegex(SetupError, "not a built kernel tree"):
            kernel.choose(str(self.kdir / "arch"), None)
        with self.assertRaisesRegex(SetupError, "KDIR"):
            kernel.choose(None, str(self.image))

    def test_icount_has_one_cpu(self) -> None:
        self.write_image(b"6.13.0-mine")
        spec = vm.BootSpec(kernel.choose(str(self.kdir), None), "", accel.ICOUNT, 1, self.kdir / "out")
        with self.assertRaisesRegex(SetupError, "icount has 1 virtual CPU, not 2"):
            vm.prepare(spec)


if __name__ == "__main__":
    unittest.main()
