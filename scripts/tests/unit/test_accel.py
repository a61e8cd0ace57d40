# SPDX-License-Identifier: GPL-2.0
"""ACCEL=auto: a trial boot decides, with stand-ins for QEMU that behave as QEMU does on some hosts."""

import contextlib
import io
import tempfile
import time
import unittest
from pathlib import Path
from unittest import mock

from fsc import repo
from fsc.verdict import SetupError
from fsc.vm import accel, vm
from fsc.vm.kernel import Kernel

# A guest that works: begin and end of the job on the console, the status on the port.
WORKS = """
printf '[    1.000000] folioscale: %s of job\\n' begin end >console.log
echo @begin
echo '@status PASS job exited 0'
"""
# -cpu host on some hosts: KVM refuses a register.
ABORTS = """
echo 'qemu-system-x86_64: error: failed to set MSR 0x10a to 0x0' >&2
kill -ABRT $$
"""
# Other CPU models on these hosts: a register dump, and then nothing, forever.
SITS_THERE = """
echo 'KVM internal error. Suberror: 1' >&2
echo 'emulation failure' >&2
exec sleep 1000
"""
SILENT = "exec sleep 1000\n"


class AccelTest(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        image = self.folder / "bzImage"
        image.write_bytes(b"kernel")
        self.kernel = Kernel("test", "6.12.0", image, self.folder)
        device = self.folder / "kvm"
        device.write_bytes(b"")
        for patch in (mock.patch.object(repo, "BUILD", self.folder / "build"),
                      mock.patch.object(vm, "QEMU", str(self.folder / "qemu")),
                      mock.patch.object(accel, "DEVICE", device),
                      mock.patch.object(accel, "PROBE_TIMEOUT_S", 60.0)):
            patch.start()
            self.addCleanup(patch.stop)

    def qemu(self, body: str) -> None:
        """Put a stand-in for QEMU in place that counts its boots."""
        path = self.folder / "qemu"
        path.write_text("#!/bin/sh\n"
                        '[ "$1" = --version ] && { echo "QEMU emulator version 0"; exit; }\n'
                        f"echo boot >>{self.folder}/boots\n" + body)
        path.chmod(0o755)

    def boots(self) -> int:
        path = self.folder / "boots"
        return len(path.read_text().splitlines()) if path.exists() else 0

    def choose(self) -> tuple[accel.Accel, str]:
        said = io.StringIO()
        with contextlib.redirect_stdout(said):
            chosen = accel.choose("auto", self.kernel)
        return chosen, said.getvalue()

    def test_kvm_that_works_is_used_and_tried_once(self) -> None:
        self.qemu(WORKS)
        self.assertEqual(self.choose(), (accel.KVM, ""))
        self.assertEqual(self.choose(), (accel.KVM, ""))
        self.assertEqual(self.boots(), 1)

    def falls_back(self, body: str, why: str) -> None:
        self.qemu(body)
        for _ in range(2):  # the second time from the cache
            chosen, said = self.choose()
            self.assertIs(chosen, accel.TCG)
            self.assertRegex(said, rf"^KVM is not usable \(.*{why}.*\): using emulation, .*thread=multi.*\n$")
        self.assertEqual(self.boots(), 1)

    def test_abort(self) -> None:
        self.falls_back(ABORTS, "MSR 0x10a")

    def test_internal_error_does_not_wait_for_the_timeout(self) -> None:
        begin = time.monotonic()
        self.falls_back(SITS_THERE, "KVM internal error. Suberror: 1")
        self.assertLess(time.monotonic() - begin, 50)

    def test_silence_ends_at_the_timeout(self) -> None:
        with mock.patch.object(accel, "PROBE_TIMEOUT_S", 2.0):
            self.falls_back(SILENT, "the job did not begin within 2 s after power on")

    def test_no_device(self) -> None:
        (self.folder / "kvm").unlink()
        self.qemu(WORKS)
        chosen, said = self.choose()
        self.assertIs(chosen, accel.TCG)
        self.assertIn("No such file", said)
        self.assertEqual(self.boots(), 0)

    def test_no_permission(self) -> None:
        self.qemu(WORKS)
        with mock.patch.object(accel, "DEVICE", mock.MagicMock(__str__=lambda device: "/dev/kvm")) as device:
            device.open.side_effect = PermissionError(13, "Permission denied")
            why = "KVM is not usable (/dev/kvm: Permission denied: sudo usermod -aG kvm USER, and log in again)"
            self.assertEqual(self.choose(), (accel.TCG, f"{why}: using emulation, -accel tcg,thread=multi -cpu max\n"))
            with self.assertRaises(SetupError) as refused:
                accel.choose("kvm", self.kernel)
        self.assertEqual(str(refused.exception), f"ACCEL=kvm: {why}: allowed here: ACCEL=tcg, which emulates")
        self.assertEqual(self.boots(), 0)

    def test_asked_for_and_broken(self) -> None:
        self.qemu(ABORTS)
        with self.assertRaisesRegex(SetupError, "ACCEL=kvm: .*MSR 0x10a.*: allowed here: ACCEL=tcg"):
            accel.choose("kvm", self.kernel)

    def test_another_kernel_is_tried_anew(self) -> None:
        self.qemu(WORKS)
        self.choose()
        self.kernel.image.write_bytes(b"another kernel")
        self.choose()
        self.assertEqual(self.boots(), 2)

    def test_broken_cache_is_no_answer(self) -> None:
        self.qemu(WORKS)
        repo.BUILD.mkdir()
        (repo.BUILD / "accel.json").write_text("[]")
        self.assertIs(self.choose()[0], accel.KVM)
        self.assertEqual(self.boots(), 1)

    def test_forced_and_unknown(self) -> None:
        self.qemu(WORKS)
        self.assertIs(accel.choose("icount", self.kernel), accel.ICOUNT)
        self.assertIs(accel.choose("kvm", self.kernel), accel.KVM)
        with self.assertRaisesRegex(SetupError, "allowed: auto kvm uml tcg icount"):
            accel.choose("hvf", self.kernel)

    def test_no_qemu(self) -> None:
        with self.assertRaisesRegex(SetupError, "setup.sh"):
            accel.choose("auto", self.kernel)


if __name__ == "__main__":
    unittest.main()
