# SPDX-License-Identifier: GPL-2.0
"""What is refused before anything is traced, and the commands for gdb."""

import importlib.util
import signal
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path
from unittest import mock

from fsc.cmd import shell, trace
from fsc.perf import traced
from fsc.verdict import SetupError
from fsc.vm import accel, kernel


class ScriptTest(unittest.TestCase):
    def setUp(self) -> None:
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory())).resolve()
        for name in ("limbo.bt", "retries.hist", "limbo.hist", "notes.txt"):
            (self.folder / name).touch()
        folders = {".bt": self.folder, ".hist": self.folder}
        self.enterContext(mock.patch.object(trace, "_FOLDERS", folders))

    def test_found(self) -> None:
        for name, file in (("limbo", "limbo.bt"), ("retries", "retries.hist"),
                           (f"{self.folder}/limbo.hist", "limbo.hist")):
            self.assertEqual(trace.find(name), self.folder / file)

    def test_refused(self) -> None:
        for name in ("", "nonsense", f"{self.folder}/notes.txt", "."):
            with self.assertRaisesRegex(SetupError, f"^SCRIPT={name}: no such script.*; known: limbo limbo retries$"):
                trace.find(name)

    def test_params(self) -> None:
        self.assertEqual(traced.words("  order=0:8,2:4  cpus=  mix=60:20:10:5:5 "),
                         "order=0:8,2:4 cpus= mix=60:20:10:5:5")
        for word in ("x", "a=$(reboot)", "a=1;b"):
            with self.assertRaisesRegex(SetupError, "allowed: name=value"):
                traced.words(f"a=1 {word}")

    def test_only_tcg_takes_turns(self) -> None:
        with mock.patch("builtins.print"):
            self.assertIs(accel.traced(accel.TCG), accel.TRACED)
        for how in (accel.KVM, accel.ICOUNT):
            self.assertIs(accel.traced(how), how)


class GuestTest(unittest.TestCase):
    """guest/trace.py"""

    def setUp(self) -> None:
        spec = importlib.util.spec_from_file_location("guest_trace", traced.GUEST / "trace.py")
        self.guest = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(self.guest)


class EndTest(GuestTest):
    """How a tool is made to end that does not."""

    def end(self, losing: int, for_s: float) -> tuple[int, str]:
        """End one that loses as many interrupts; return its exit status and what was said."""
        script = (f"import signal, sys; left = iter(range({losing}))\n"
                  "signal.signal(signal.SIGINT, lambda *_: None if next(left, None) is not None else sys.exit())\n"
                  "print(flush=True)\nwhile True: signal.pause()\n")
        for name, value in (("END_S", 0.01), ("AGAIN_S", 0.3), ("INTERRUPTED_S", for_s)):
            self.enterContext(mock.patch.object(self.guest, name, value))
        said = self.enterContext(mock.patch("builtins.print"))
        with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as tool:
            tool.stdout.readline()
            self.guest.end(tool, Path("x.bt"))
        return tool.returncode, " ".join(call.args[0].rpartition(" ")[2] for call in said.call_args_list)

    def test_interrupted(self) -> None:
        for losing in (0, 2):
            self.assertEqual(self.end(losing, 300.0), (0, "interrupted"))

    def test_killed(self) -> None:
        self.assertEqual(self.end(1000, 0.5), (-signal.SIGKILL, "interrupted killed"))


class HistTest(GuestTest):
    """guest/trace.py reads a .hist file."""

    def setUp(self) -> None:
        super().setUp()
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        for event in ("fsc_retry", "fsc_phase"):
            (self.folder / event).mkdir()
        self.enterContext(mock.patch.object(self.guest, "EVENTS", self.folder))

    def read(self, text: str) -> list[tuple[Path, str]]:
        file = self.folder / "x.hist"
        file.write_text(text)
        return self.guest.triggers(file)

    def test_lines(self) -> None:
        self.assertEqual(self.read("# a comment\n\nfsc_retry hist:keys=why if tries > 1\nfsc_phase hist:keys=phase\n"),
                         [(self.folder / "fsc_retry", "hist:keys=why if tries > 1"),
                          (self.folder / "fsc_phase", "hist:keys=phase")])

    def test_names_of_values(self) -> None:
        form = 'print fmt: "why=%s x=%u", __print_symbolic(REC->why, { 3, "tryget_zero" }, { 4, "moved" }), REC->x\n'
        text = "{ why:          3, tries: ~ 2^3  } hitcount:  3\n{ why:          9 } hitcount:  4\n"
        self.assertEqual(self.guest.with_names(text, form).splitlines(),
                         ["{ why:     tryget_zero, tries: ~ 2^3  } hitcount:  3", "{ why:               9 } hitcount:  4"])

    def test_unknown_event(self) -> None:
        with self.assertRaisesRegex(SystemExit, "x.hist: no event fsc_nonsense; allowed: fsc_phase fsc_retry$"):
            self.read("fsc_nonsense hist:keys=why\n")


class VmlinuxTest(unittest.TestCase):
    def test_symbols(self) -> None:
        with tempfile.TemporaryDirectory() as name:
            file = Path(name) / "vmlinux"
            own = kernel.Kernel("6.13.0-mine", "6.13.0-mine", Path("/"), Path(name))
            debian = kernel.Kernel("amd64", "6.12.0+nowhere", Path("/"), Path(name))
            self.assertIn("CONFIG_DEBUG_INFO", shell.vmlinux(own))
            file.write_bytes(b"\x7fELF" + bytes(9000) + b"\0.BTF\0.shstrtab\0")
            self.assertEqual(shell.vmlinux(debian),
                             "# no symbols of the kernel: apt-get install linux-image-6.12.0+nowhere-dbg")
            file.write_bytes(b"\x7fELF" + bytes(9000) + b"\0.debug_info\0.shstrtab\0")
            self.assertEqual(shell.vmlinux(own), f"file {file}")


if __name__ == "__main__":
    unittest.main()
