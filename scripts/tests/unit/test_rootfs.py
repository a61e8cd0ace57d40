# SPDX-License-Identifier: GPL-2.0
"""The host's root: what QEMU and the guest are told, and that its server lives as long as the machine."""

import subprocess
import tempfile
import unittest
from pathlib import Path
from unittest import mock

from fsc import repo
from fsc.verdict import PASS, SetupError
from fsc.vm import accel, rootfs, vm
from fsc.vm.kernel import Kernel

# Reports if the socket is there, and the server's PID.
QEMU = """#!/bin/sh
[ -S root.sock ] || { echo '@status FAIL no socket'; exit; }
printf '[    1.000000] folioscale: %s of job\\n' begin end >console.log
echo @begin
printf '@blob server %d\\n%s\\n' "$(printf %s "$(cat pid)" | wc -c)" "$(cat pid)"
echo '@status PASS job exited 0'
"""
# Makes the socket, and then does nothing.
SERVER = """#!/usr/bin/python3
import os, pathlib, socket, sys, time
pathlib.Path("root").mkdir(exist_ok=True)
pathlib.Path("pid").write_text(str(os.getpid()))
socket.socket(socket.AF_UNIX).bind(sys.argv[1])
time.sleep(1000)
"""
BROKEN = """#!/bin/sh
echo 'serve-root.sh: no virtiofsd' >&2
exit 2
"""


class HostRootTest(unittest.TestCase):
    def setUp(self) -> None:
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory())).resolve()
        image = self.folder / "bzImage"
        image.write_bytes(b"kernel")
        self.spec = vm.BootSpec(Kernel("t", "t", image, self.folder), "true\n", accel.TRACED, 20.0,
                                self.folder / "out", {"/folioscale.ko": image}, rootfs.HostRoot(), memory_mb=300)

    def stand_in(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.write_text(text)
        path.chmod(0o755)
        return path

    def boot(self, server: str) -> vm.Boot:
        with mock.patch.object(vm, "QEMU", str(self.stand_in("qemu", QEMU))), \
                mock.patch.object(rootfs, "_SERVE", self.stand_in("server", server)):
            return vm.boot(self.spec)

    def test_what_is_said(self) -> None:
        machine = vm.prepare(self.spec)
        words = " ".join(machine.command)
        self.assertIn("size=300M,share=on", words)
        self.assertNotIn("-initrd", words)
        self.assertIn(f"FSC_OUTDIR={self.folder}/out", words)
        self.assertEqual((self.folder / "out/job").read_text(), "true\n")
        self.assertEqual((self.folder / "out/keep").read_text().splitlines(),
                         [str(repo.ROOT), f"{self.folder}/out", f"{self.folder}/bzImage"])
        again = self.folder / "out/run-vm.sh"
        self.assertIn("serve-root.sh root.sock", again.read_text())
        subprocess.run(["sh", "-n", again], check=True)

    def test_server_is_gone_with_its_machine(self) -> None:
        boot = self.boot(SERVER)
        self.assertEqual((boot.state, boot.blobs[0][0]), (PASS, "server"))
        self.assertFalse(Path(f"/proc/{int(boot.blobs[0][1])}").exists())
        self.assertFalse((self.folder / "out/root.sock").exists())
        self.assertFalse((self.folder / "out/root").exists())

    def test_server_that_does_not_start(self) -> None:
        with self.assertRaisesRegex(SetupError, "^the root is not served: serve-root.sh: no virtiofsd$"):
            self.boot(BROKEN)


if __name__ == "__main__":
    unittest.main()
