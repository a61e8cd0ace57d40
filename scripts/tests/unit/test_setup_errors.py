# SPDX-License-Identifier: GPL-2.0
"""Machines on which the module cannot run: the message for each."""

import re
import struct
import tempfile
import unittest
from pathlib import Path
from unittest import mock

from fsc.verdict import SetupError
from fsc.vm import setup_errors

INSMOD = "insmod: can't insert '/folioscale.ko': "
# What guests and hosts send if the module is not loaded, and the required message.
NOT_LOADED = (
    (INSMOD + "Operation not permitted\n[    5.0] Lockdown: insmod: unsigned module loading is restricted; see man x\n",
     r"^lockdown lets no unsigned module in: boot without lockdown=.*\(Lockdown: insmod: unsigned"),
    (INSMOD + "Key was rejected by service\n[    5.0] Loading of unsigned module is rejected\n", "^module.sig_enforce=1 .*: boot without it"),
    ("insmod: ERROR: could not insert module folioscale.ko: Required key not available\n", "^module.sig_enforce=1"),
    ("no debugfs: no /sys/kernel/debug/folioscale/config\n[    5.0] folioscale: no debugfs: -EPERM\n", "boot without debugfs=off"),
    ("no tracefs: no /sys/kernel/tracing/events\n", "mount -t tracefs none"),
    (INSMOD + "Exec format error\n[    5.0] folioscale: version magic '6.12' should be '6.13'\n", "KDIR= of the one that is booted"),
    (INSMOD + "No such file or directory\n[    5.0] folioscale: Unknown symbol kfree (err -2)\n", "CONFIG_TRIM_UNUSED_KSYMS"),
    (INSMOD + "Cannot allocate memory\n", "a larger MEM="),
    (INSMOD + "Operation not permitted\n", "modules_disabled"),
    (INSMOD + "Invalid argument\n[    5.0] folioscale: order=99: allowed: 0 to 10\n", "^folioscale: order=99: allowed: 0 to 10$"),
    (INSMOD + "Bad address\n\xff\n", "^the module cannot be loaded: insmod: can't insert '/folioscale.ko': Bad address$"),
)


class SetupErrorsTest(unittest.TestCase):
    def test_not_loaded(self) -> None:
        for text, cause in NOT_LOADED:
            with self.subTest(cause):
                said = setup_errors.not_loaded(text)
                self.assertRegex(said, cause)
                self.assertNotIn("\n", said)
                self.assertTrue(said.isascii())

    def test_is_insmod(self) -> None:
        for text, insmod in ((NOT_LOADED[0][0], True), (NOT_LOADED[2][0], True), ("rmmod: can't unload module 'folioscale'", False)):
            self.assertEqual(setup_errors.is_insmod(text), insmod)

    def refused(self, check: str, *what: object) -> str:
        """The line; empty if nothing is wrong."""
        try:
            getattr(setup_errors, check)(*what)
        except SetupError as error:
            self.assertNotIn("\n", str(error))
            return str(error)
        return ""

    def test_memory_that_the_kernel_needs(self) -> None:
        head = bytearray(0x1000)
        head[0x202:0x206] = b"HdrS"
        struct.pack_into("<H", head, 0x206, 0x20f)
        struct.pack_into("<QI", head, 0x258, 16 << 20, (55 << 20) + 1)
        with tempfile.NamedTemporaryFile() as image:
            Path(image.name).write_bytes(head)
            self.assertIn("MEM=71: the kernel alone needs 72 MB", self.refused("check_memory", Path(image.name), 71))
            self.assertEqual(self.refused("check_memory", Path(image.name), 72), "")
            struct.pack_into("<H", head, 0x206, 0x209)      # a version without these fields
            Path(image.name).write_bytes(head)
            self.assertEqual(self.refused("check_memory", Path(image.name), 1), "")

    def test_machine_that_went_down(self) -> None:
        """Console, exit status, QEMU's output; without a known cause it is no setup error."""
        smp = "qemu-system-x86_64: Invalid SMP CPUs 300. The max CPUs supported by machine 'pc-i440fx-7.2' is 255"
        for text, status, said, cause in (
                ("[    2.0] Initramfs unpacking failed: out of memory\r\n[    3.0] Kernel panic", 0, "", r"^MEM=74: too little .*\(Initramfs unpacking failed"),
                ("folioscale: no status port: the kernel wants CONFIG_VIRTIO_PCI=y\r\n", 0, "", "^no status port: the kernel wants"),
                ("", 1, smp, "^VCPUS=300: QEMU's machine has at most 255 CPUs: allowed: 1 to 255$"),
                ("", 1, "cannot set up guest memory:\nCannot allocate memory", r"^QEMU starts no machine \(exit 1\): cannot set up"),
                ("", 0, "", "^$"), ("", None, "", "^$"), ("[    1.0] Kernel panic - not syncing", 1, smp, "^$")):
            self.assertRegex(self.refused("check_machine", text, status, said, 74), cause)

    def test_host(self) -> None:
        good = {"/sys/kernel/security/lockdown": "[none] integrity confidentiality", "/sys/module/module/parameters/sig_enforce": "N",
                "/proc/filesystems": "nodev\tdebugfs", "/proc/mounts": "debugfs /sys/kernel/debug debugfs rw 0 0",
                "/proc/self/status": "CapPrm:\t0\nCapEff:\t000001ffffffffff\nCapBnd:\t0", "/proc/sys/kernel/modules_disabled": "0"}
        for file, says, cause in (
                ("/sys/kernel/security/lockdown", "none [integrity] confidentiality", "^lockdown lets no unsigned module in"),
                ("/sys/kernel/security/lockdown", "", "^$"), ("/sys/module/module/parameters/sig_enforce", "Y", "^module.sig_enforce=1"),
                ("/proc/filesystems", "nodev\tsysfs", "there is no debugfs"), ("/proc/mounts", "none /sys sysfs rw 0 0", "mount -t debugfs none"),
                ("/proc/self/status", "CapEff:\t000001fffffeffff", "no CAP_SYS_MODULE"), ("/proc/self/status", "", "^$"),
                ("/proc/sys/kernel/modules_disabled", "1", "no kernel.modules_disabled=1, and be root"),
                ("", "", "^$")):
            with mock.patch.object(setup_errors, "_read", (good | {file: says}).get), \
                    mock.patch.object(setup_errors, "_LIST", Path("/")), mock.patch("shutil.which", str):
                self.assertRegex(self.refused("check_host"), cause)
        with mock.patch.object(setup_errors, "_LIST", Path("/nowhere")):
            self.assertRegex(self.refused("check_host"), "without CONFIG_MODULES")
        with mock.patch.object(setup_errors, "_read", good.get), mock.patch.object(setup_errors, "_LIST", Path("/")), \
                mock.patch("shutil.which", {"insmod": "insmod"}.get):
            self.assertEqual(self.refused("check_host"), "HOST=1: no rmmod in PATH: install kmod")

    def test_causes_are_regular_expressions(self) -> None:
        """Each row matches a text above that no earlier row matches."""
        rows = setup_errors._NOT_LOADED     # pylint: disable=protected-access
        seen = {next((row for row, (pattern, _) in enumerate(rows) if re.search(pattern, text)), None) for text, _ in NOT_LOADED}
        self.assertEqual(seen - {None}, {*range(len(rows))})


if __name__ == "__main__":
    unittest.main()
