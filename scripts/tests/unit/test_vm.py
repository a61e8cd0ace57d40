# SPDX-License-Identifier: GPL-2.0
"""How a machine is judged by its status, console and end; and which kernels can be booted."""

import contextlib
import io
import struct
import subprocess
import tempfile
import unittest
from pathlib import Path
from unittest import mock

from fsc.verdict import SetupError, worst
from fsc.vm import accel, kernel, vm
from fsc.vm.status_port import Frames

BEGIN = "[    3.000000] folioscale: begin of job\n"
END = "[    9.000000] folioscale: end of job\n"
WARNING = "[    1.000000] WARNING: CPU: 0 PID: 1 at arch/x86/kernel/smpboot.c:1 topology_sane\n"
BUG = "[    5.000000] kernel BUG at mm/slub.c:448!\n"


class JudgeTest(unittest.TestCase):
    def test_status_stands_when_the_console_is_clean_and_whole(self) -> None:
        for word in ("PASS", "FAIL", "INCONCLUSIVE"):
            self.assertEqual(vm.judge((word, "text"), BEGIN + END, (), ""), (word, "text"))

    def test_console_overrules_status_and_silence(self) -> None:
        for status in (("PASS", ""), ("INCONCLUSIVE", ""), None):
            state, reason = vm.judge(status, BEGIN + BUG + END, (), "timeout")
            self.assertEqual(state, "FAIL")
            self.assertIn("kernel BUG at", reason)

    def test_expected_line_is_let_through(self) -> None:
        self.assertEqual(vm.judge(("PASS", ""), BEGIN + BUG + END, ("slub.c",), "")[0], "PASS")

    def test_what_is_said_before_the_job_is_no_finding(self) -> None:
        self.assertEqual(vm.judge(("PASS", ""), WARNING + BEGIN + END, (), ""), ("PASS", ""))
        self.assertEqual(vm.judge(("PASS", ""), WARNING + BEGIN + WARNING + END, (), "")[0], "FAIL")

    def test_no_status_is_lost(self) -> None:
        self.assertEqual(vm.judge(None, BEGIN + END, (), "timeout"),
                         ("LOST", "timeout; on the console: [    9.000000] folioscale: end of job"))

    def test_what_a_lost_machine_said_last(self) -> None:
        """A complaint says more than the last line; lines with bytes that are not UTF-8 are shown, too."""
        self.assertEqual(vm.judge(None, WARNING + "[    1.100000] end trace\n", (), "gone"), ("LOST", f"gone; on the console: {WARNING.strip()}"))
        odd = b"[    1.000000] d\xfcsseldorf \x1b\xff\r\n\xff\n\n".decode(errors="replace")
        self.assertEqual(vm.judge(None, odd, (), "gone")[1], "gone; on the console: [    1.000000] d?sseldorf ?")
        self.assertEqual(vm.judge(None, "", (), "gone")[1], "gone; nothing is on the console")

    def test_a_console_that_shows_nothing_proves_nothing(self) -> None:
        for text in ("", BEGIN, END):
            self.assertEqual(vm.judge(("PASS", ""), text, (), "")[0], "LOST")

    def test_long_complaint_is_cut(self) -> None:
        self.assertIn("and 5 more", vm.judge(None, BEGIN + BUG * 25, (), "")[1])

    def test_worst(self) -> None:
        self.assertEqual(worst([]), "LOST")
        self.assertEqual(worst(["PASS", "INCONCLUSIVE", "PASS"]), "INCONCLUSIVE")
        self.assertEqual(worst(["LOST", "FAIL", "PASS"]), "FAIL")


class EndTest(unittest.TestCase):
    def end(self, script: str, **limits: float) -> str:
        spec = vm.BootSpec(kernel.Kernel, "", accel.TCG, **{"timeout_s": 60, "outdir": Path("/nowhere")} | limits)
        with tempfile.TemporaryDirectory() as folder, \
                subprocess.Popen(["sh", "-c", script], stdout=subprocess.PIPE) as qemu:
            (Path(folder) / "log").touch()
            end = vm._follow(qemu, Frames(lambda name, data: None), spec, Path(folder) / "log")  # pylint: disable=protected-access
            qemu.kill()
            return end

    def test_says_nothing_for_too_long(self) -> None:
        self.assertEqual(self.end("echo @blob x 0; echo; exec sleep 20", quiet_s=1), "nothing was heard of the machine for 1 s")

    def test_says_something_now_and_then(self) -> None:
        end = self.end("for i in 1 2 3 4 5 6; do echo @blob x 0; echo; sleep 0.5; done; exit 7", quiet_s=2)
        self.assertEqual(end, "the machine went down without a status (QEMU exit 7)")

    def test_job_has_its_time_from_its_begin(self) -> None:
        self.assertEqual(self.end("sleep 2; echo @begin; exit 7", timeout_s=1), "the machine went down without a status (QEMU exit 7)")
        self.assertEqual(self.end("echo @begin; echo @blob run/a 0; echo; exec sleep 20", timeout_s=1),
                         "not finished 1 s after the job began: 1 blobs arrived, the last one run/a")
        self.assertEqual(self.end("echo @begin; exec sleep 20", timeout_s=1), "not finished 1 s after the job began: nothing arrived")

    def test_boot_has_a_limit_of_its_own(self) -> None:
        self.assertEqual(self.end("echo @blob run/a 0; echo; exec sleep 20", boot_s=1),
                         "not finished: the job did not begin within 1 s after power on")


class AgainTest(unittest.TestCase):
    """An emulated machine that dies before its job begins is started again, no other."""

    def boots(self, accelerator: accel.Accel, *attempts: vm.Boot) -> tuple[vm.Boot, int]:
        spec = vm.BootSpec(kernel.Kernel, "", accelerator, 1, Path("/nowhere"))
        with mock.patch.object(vm, "_boot_once", side_effect=attempts) as once, \
                contextlib.redirect_stderr(io.StringIO()):
            return vm.boot(spec), once.call_count

    def attempt(self, state: str, began: bool) -> vm.Boot:
        return vm.Boot(state, "Oops: int3: 0000", [], Path("/nowhere/console.log"), 1.0, began)

    def test_died_before_the_job(self) -> None:
        boot, count = self.boots(accel.TCG, self.attempt("LOST", False), self.attempt("PASS", True))
        self.assertEqual((boot.state, count), ("PASS", 2))
        self.assertIn("a machine died before the job began", boot.first)

    def test_only_twice(self) -> None:
        boot, count = self.boots(accel.TCG, *[self.attempt("LOST", False)] * 3)
        self.assertEqual((boot.state, count), ("LOST", 3))

    def test_died_in_the_job(self) -> None:
        self.assertEqual(self.boots(accel.TCG, self.attempt("FAIL", True))[1], 1)

    def test_not_under_kvm(self) -> None:
        self.assertEqual(self.boots(accel.KVM, self.attempt("LOST", False))[1], 1)


class KernelTest(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.kdir = Path(folder.name)
        (self.kdir / "include/config").mkdir(parents=True)
        (self.kdir / "include/config/kernel.release").write_text("6.13.0-mine\n")
        (self.kdir / "Makefile").touch()
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
        with self.assertRaisesRegex(SetupError, "arch is not a kernel tree"):
            kernel.choose(str(self.kdir / "arch"), None)
        with self.assertRaisesRegex(SetupError, "KDIR"):
            kernel.choose(None, str(self.image))

    def test_own_kernel_and_debians(self) -> None:
        with self.assertRaisesRegex(SetupError, "^KVER=1.9 and KDIR=/linux: KVER is a kernel of Debian's, KDIR is your own"):
            kernel.choose("/linux", None, "1.9")
        with self.assertRaisesRegex(SetupError, "^KVER=1.9 and KERNEL=image: "):
            kernel.choose(None, "image", "1.9")
        with self.assertRaisesRegex(SetupError, "^KERNEL is of no use without"):
            kernel.choose(None, "image")

    def test_icount_has_one_cpu(self) -> None:
        self.write_image(b"6.13.0-mine")
        spec = vm.BootSpec(kernel.choose(str(self.kdir), None), "", accel.ICOUNT, 1, self.kdir / "out")
        with self.assertRaisesRegex(SetupError, "icount has 1 virtual CPU, not 2"):
            vm.prepare(spec)


if __name__ == "__main__":
    unittest.main()
