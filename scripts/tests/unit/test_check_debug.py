# SPDX-License-Identifier: GPL-2.0
"""check-debug: what is run on which kernel, and the verdict."""

import contextlib
import io
import tempfile
import unittest
from dataclasses import replace
from pathlib import Path
from unittest import mock

import synthetic  # noqa: F401  # pylint: disable=unused-import
from fsc.cmd import check, check_debug
from fsc.cmd.check_debug import EARLY_FREE, EARLY_PAGES, LOCK_INVERSION, PLAIN_RACE, PLANS, Row
from fsc.ktap import Ktap
from fsc.verdict import FAIL, INCONCLUSIVE, PASS, SetupError
from fsc.vm import accel, console, kernel, versions

ROW = Row("kasan", "0123abc", 1.0, {"runs": 1, "lookups": 1, "turnovers": 1}, "1 passed, 0 failed", 0, 3, 3, 0)
INVERSION = """[    9.100000] WARNING: possible circular locking dependency detected
[    5.1] 6.12.117-folioscale-rt #1 Tainted: G           O
[    5.1] insmod/77 is trying to acquire lock:
[    5.1] ffffffffc0a3 (fsc_inverted_a){+.+.}-{3:3}, at: fsc_lock_inversion_set_up+0x60/0xa0 [folioscale]
"""

# From a host that is too busy to boot in time.
AT_BOOT = "[    4.000000] BUG: workqueue lockup - pool cpus=1 node=0 flags=0x0 nice=0 stuck for 32s!"


class JudgeTest(unittest.TestCase):
    def test_verdicts(self) -> None:
        for verdict, change in ((PASS, {}), (INCONCLUSIVE, {"caught": 2}), (INCONCLUSIVE, {"unwatched": 1}), (FAIL, {"failed": 1}), (FAIL, {"reports": 1}),
                                (FAIL, {"failed": 1, "caught": 2}), (FAIL, {"reports": 1, "caught": 2})):
            self.assertEqual(check_debug.judge([ROW, replace(ROW, **change)]), verdict, change)


class ReportsTest(unittest.TestCase):
    def test_what_is_said_before_the_module_is_there_is_no_report(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            log = Path(folder, "console.log")
            self.assertEqual(check_debug.complaints(log, ()), ([], []))
            log.write_text(f"{AT_BOOT}\n[    8.000000] folioscale: begin of job\n{INVERSION.splitlines()[0]}\n")
            self.assertEqual(check_debug.complaints(log, ()), ([INVERSION.splitlines()[0]], [AT_BOOT]))


class SilentTest(unittest.TestCase):
    def test_a_silent_checker_is_no_failure(self) -> None:
        """The whole way from the lists of the machines to the verdict."""
        line = "BUG: KASAN: slab-use-after-free in pagecache_early_free_read+0x63a/0xa40 [folioscale]"
        for said, machine_ok, verdict in ((line, True, PASS), ("", True, INCONCLUSIVE), (line, False, FAIL), ("", False, FAIL)):
            with self.subTest(said=said, machine_ok=machine_ok), tempfile.TemporaryDirectory() as folder, \
                    contextlib.redirect_stdout(io.StringIO()), mock.patch.object(kernel, "build_module"), \
                    mock.patch.object(check_debug, "OUT", Path(folder)), \
                    mock.patch.object(check.Guest, "run", lambda _, out, __, where: self.machine(out, where, said, machine_ok)):
                row = check_debug.on_kernel(Ktap(print, 1), "kasan", (EARLY_FREE,), kernel.Kernel("", "", Path(), Path()), accel.TCG)
                self.assertEqual(check_debug.judge([row]), verdict)

    def test_a_checker_that_was_off(self) -> None:
        """A report of the kernel's own at boot: what ran behind it was not watched. A stall turns nothing off."""
        line = "BUG: KASAN: slab-use-after-free in pagecache_early_free_read+0x63a/0xa40 [folioscale]"
        for at_boot, verdict in ((AT_BOOT, PASS), ("[    0.048159] BUG: KASAN: wild-memory-access in do_raw_spin_lock+0x1/0x2", INCONCLUSIVE),
                                 ("[    3.000000] WARNING: possible recursive locking detected", INCONCLUSIVE)):
            with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()), \
                    mock.patch.object(kernel, "build_module"), mock.patch.object(check_debug, "OUT", Path(folder)), \
                    mock.patch.object(check.Guest, "run", lambda _, out, __, where, at=at_boot: self.machine(out, where, line, True, at)):
                row = check_debug.on_kernel(Ktap(print, 1), "kasan", (EARLY_FREE,), kernel.Kernel("", "", Path(), Path()), accel.TCG)
                self.assertEqual(check_debug.judge([row]), verdict, at_boot)

    @staticmethod
    def machine(out: Ktap, where: Path, said: str, good: bool, at_boot: str = AT_BOOT) -> None:
        """Print what a machine prints that has to show its bug."""
        (where / "console.log").write_text(f"{at_boot}\n[    8.000000] folioscale: begin of job\n[    9.876543] {said}\n")
        for part in ("KTAP version 1", "1..1", f"{'ok' if good else 'not ok'} 1 the machine and its console"):
            out.feed(part)


class ControlTest(unittest.TestCase):
    def test_of_ours(self) -> None:
        self.assertIn("possible circular", LOCK_INVERSION.shown(INVERSION))
        self.assertEqual(LOCK_INVERSION.shown(INVERSION.replace("fsc_inverted_a", "fsc_lock")), "", "another one")
        self.assertEqual(LOCK_INVERSION.shown("fsc_inverted_a\n"), "", "no report")

    def test_reports(self) -> None:
        for control, line in (
                (EARLY_PAGES, "BUG: KASAN: use-after-free in pagecache_early_pages_read_general+0x63a/0xa40 [folioscale]"),
                (EARLY_PAGES, "BUG: KASAN: out-of-bounds in pagecache_early_pages_read_general+0x1aa3/0x1f50 [folioscale]"),
                (EARLY_FREE, "BUG: KASAN: slab-use-after-free in pagecache_early_free_read+0x63a/0xa40 [folioscale]"),
                (PLAIN_RACE, "BUG: KCSAN: data-race in fsc_plain_race_count [folioscale] / fsc_plain_race_count [folioscale]"),
                (PLAIN_RACE, "BUG: KCSAN: data-race in fsc_plain_race_count+0x3a/0x80 [folioscale]")):
            line = f"[    9.876543] {line}"
            self.assertEqual(control.shown(line), line)
            self.assertEqual(control.shown(line.replace("early_", "").replace("plain_race", "typesafe")), "", "typesafe's own")
            self.assertEqual(console.complaints(line, control.allow), [])


class PlanTest(unittest.TestCase):
    def test_warnings_of_the_kernels_own(self) -> None:
        """As 6.12, and as 7.2 and later print them; of no other function."""
        for group, function in (("failslab", "alloc_vmap_area"), ("hotplug", "sched_cpu_dying"), ("fuzz", "full_proxy_open_regular")):
            allow = next(one.allow for one in PLANS["kasan"].groups(False) if one.name == group)
            for line in (f"WARNING: CPU: 1 PID: 77 at mm/a.c:5 {function}+0x1/0x2", f"WARNING: mm/a.c:5 at {function}+0x1/0x2, CPU#1: sh/77"):
                self.assertEqual(console.complaints(f"[    9.100000] {line}", allow), [], line)
                self.assertTrue(console.complaints(f"[    9.100000] {line.replace(function, 'fsc_' + function)}", allow), line)

    def test_kmemleak(self) -> None:
        """Its boot line is allowed if it is off, and only then."""
        off = "[    0.000000] kmemleak: Kernel memory leak detector disabled"
        for name, plan in PLANS.items():
            for least in (False, True):
                for group in plan.groups(least):
                    self.assertEqual(console.complaints(off, group.allow) == [], "kmemleak=off" in group.cmdline, (name, group.name))
        self.assertTrue(console.complaints(off.replace("0.000000", "9.000000"), LOCK_INVERSION.allow))

    def test_races_that_a_caller_cannot_help(self) -> None:
        """The clock's, if KCSAN saw only one side, and a sleeper's with its timer; no others of theirs."""
        for race, found in (("ktime_get_mono_fast_ns+0x8f/0x180", 0), ("ktime_get_mono_fast_ns / update_fast_timekeeper", 1),
                            ("hrtimer_wakeup / schedule_hrtimeout_range_clock", 0), ("hrtimer_active / hrtimer_wakeup", 1),
                            ("hrtimer_wakeup / fsc_worker [folioscale]", 1),
                            ("xas_load+0x1a/0x50", 1), ("fsc_worker+0x4e0/0xac0 [folioscale]", 1)):
            text = "\n".join(f"[    1.000000] {line}" for line in (
                "=" * 66, f"BUG: KCSAN: data-race in {race}", "", " fsc_worker+0x4e0/0xac0 [folioscale]", "=" * 66))
            for group in PLANS["kcsan"].groups(False):
                self.assertEqual(len(console.complaints(text, group.allow)), found, (race, group.name))

    def test_four_level_paging(self) -> None:
        self.assertTrue(all("no5lvl" in group.cmdline for plan in PLANS.values() for group in plan.groups(False)))

    def test_everything_that_can_be_on_is(self) -> None:
        for name in ("kasan", "strict"):
            for group in PLANS[name].groups(False):
                last = dict(word.partition("=")[::2] for word in group.cmdline)
                on = ("0", "off") if group.name == "cycles" else ("1", "on")
                self.assertEqual((last["page_poison"], last["page_owner"]), on, (name, group.name))
        self.assertTrue(any("page_poison=1" in group.cmdline for group in PLANS["recycle"].groups(False)))

    def test_each_kernel_has_its_controls_and_a_churn(self) -> None:
        for name, plan in PLANS.items():
            names = [group.name for group in plan.groups(False)]
            self.assertEqual(len(names), len(set(names)), name)
            self.assertTrue({"matrix", "paths", "axes", "churn", "lock_inversion"} <= set(names), name)

    def test_only(self) -> None:
        newest = versions.known().default
        for series, names in ((newest, ["kasan", "recycle", "uml-kasan", "uml-lockdep"]), ("6.12", ["kasan", "recycle"])):
            self.assertEqual([name for name, _ in check_debug.chosen("all", series, ["kunit"], False)], names)
        with self.assertRaisesRegex(SetupError, "ONLY=x: no such group; known: matrix "):
            check_debug.chosen("rt", newest, ["x"], False)
        with self.assertRaisesRegex(SetupError, "KERNEL=x: allowed: kasan recycle kcsan rt strict uml-kasan uml-lockdep all"):
            check_debug.chosen("x", newest, [], False)

    def test_a_process_takes_no_cpu_away(self) -> None:
        self.assertEqual({group.name for group in PLANS["kasan"].groups(False)} - {group.name for group in PLANS["uml-kasan"].groups(False)},
                         {"hotplug"})


if __name__ == "__main__":
    unittest.main()
