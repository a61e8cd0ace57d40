# SPDX-License-Identifier: GPL-2.0
"""A soak's points, how the guest's reports on them are judged, and how it ends."""

import io
import json
import os
import re
import signal
import subprocess
import tempfile
import unittest
from argparse import Namespace
from collections import Counter
from collections.abc import Iterable
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any
from unittest import mock

import synthetic  # noqa: F401  # pylint: disable=unused-import
from fsc import repo, traits
from fsc.cmd import soak
from fsc.suite import soakpoint
from fsc.suite.soakpoint import Machine, Point
from fsc.verdict import SetupError
from fsc.vm import accel, kernel, vm

# A complaint before the job is no finding.
AT_BOOT = "[    1.000000] WARNING: at boot\n[    3.000000] folioscale: begin of job\n"
BUG = "[    5.000000] kernel BUG at mm/slub.c:448!\n"
LINE = ("17 run 0.396 path=pfn protocol=hazptr_cpu freeptr=outside nr_readers=7 nr_freers=0 reader_cpus=0,1 "
        "nr_folios=163 mix=87:0:8:0:0 reuse_distance=80 touch_bytes=697 lookups_per_section=11 "
        "seed=6874490762321098313 sample_shift=5 sample_ms=0 warmup_ms=106 duration_ms=576")
REFUSED = "insmod: can't insert: Invalid argument\n[  1.5] folioscale: order=9: allowed: 0 to 8\n"
POINT = Point(3, "run", 0.1, soakpoint.DEFAULTS | {"nr_readers": 2})


def arguments(**given: Any) -> Namespace:
    return Namespace(**{"kver": None, "kdir": None, "kernel": None, "accel": "tcg", "vcpus": 2, "memory": 2048, "minutes": None,
                        "seed": 1, "point": None, "out": None} | given)


def run(**changes: Any) -> dict[str, Any]:
    """The run.json of POINT."""
    return {"schema": 1, "state": "done", "verdict": "PASS", "reason": "", "params": dict(POINT.params),
            "counters": {"lookups": 5_000, "hits": 4_000, "misses": 1_000, "turnovers": 700},
            "violations": [], "violations_total": 0,
            "balance": {"descriptors_allocated": 900, "descriptors_freed": 900, "folios_allocated": 900,
                        "folios_freed": 900, "pages_freed": 1_800, "pages_released": 1_800}} | changes


def changed(section: str, **values: Any) -> dict[str, Any]:
    return {section: run()[section] | values}


class PointTest(unittest.TestCase):
    def points(self, count: int, seed: int = 1, machine: Machine = Machine()) -> list[Point]:
        return [soakpoint.point(seed, number, machine) for number in range(count)]

    def test_a_function_of_seed_number_and_machine(self) -> None:
        points = self.points(20)
        self.assertEqual([soakpoint.point(1, number, Machine()) for number in reversed(range(20))], points[::-1])
        self.assertEqual(len({point.words for point in points}), 20)
        self.assertFalse({point.words for point in points} & {point.words for point in self.points(20, seed=2)})

    def test_the_same_tomorrow(self) -> None:
        """A seed gives the same points forever, with any version of Python."""
        self.assertEqual(soakpoint.point(1, 17, Machine()).line, LINE,
                         "a new protocol or parameter changes what a seed draws: if that is why, put the new line into LINE")

    def test_names(self) -> None:
        """All parameters of the module, except busted and autorun."""
        for point in self.points(50):
            self.assertEqual(traits.PARAMETERS.keys() - point.params.keys(), {"busted", "autorun"})
            self.assertFalse(point.params.keys() - traits.PARAMETERS.keys())

    def test_a_parameter_that_is_new(self) -> None:
        """It is drawn by its row of the schema, within its range, and all that others draw stays."""
        before = self.points(300)
        new = {"many": {"kind": "uint", "default": 0, "min": 0, "max": 16},
               "which": {"kind": "choice", "default": "a", "choices": ["a", "b", "c"]}}
        with mock.patch.dict(traits.PARAMETERS, new), \
                mock.patch.dict(soakpoint.DEFAULTS, {name: one["default"] for name, one in new.items()}):
            after = self.points(300)
        self.assertEqual({point.params["which"] for point in after}, {"a", "b", "c"})
        self.assertEqual({point.params["many"] for point in after} - set(range(17)), set())
        self.assertLess(4, len({point.params["many"] for point in after}))
        self.assertEqual([{name: value for name, value in point.params.items() if name not in new} for point in after],
                         [point.params for point in before])

    def test_every_choice_occurs(self) -> None:
        """Every choice that the module has is drawn within a thousand points."""
        points = self.points(1000)
        choices = {name: set(one["choices"]) for name, one in traits.PARAMETERS.items() if one["kind"] == "choice"}
        self.assertLess(8, len(choices))
        for name in choices.keys() - {"busted"}:
            self.assertEqual({point.params[name] for point in points}, choices[name], name)
        self.assertEqual({point.how for point in points}, set(soakpoint.HOWS))
        for name in ("nr_readers", "nr_freers"):
            self.assertEqual({point.params[name] for point in points}, set(range(9)), name)
        for name, value in soakpoint.DEFAULTS.items():
            others = Counter(point.params[name] != value for point in points)
            self.assertGreater(others[True], 20, f"{name} is hardly ever anything but {value}")
        pairs = {(point.params["path"], point.params["protocol"]) for point in points}
        self.assertEqual(len(pairs), len(traits.PATHS) * len(traits.PROTOCOLS))

    def test_in_range(self) -> None:
        """Each parameter is within its own range; the module decides which values go together."""
        ranges = {name: (one["min"], one["max"]) for name, one in traits.PARAMETERS.items() if "min" in one}
        self.assertLess(18, len(ranges))
        for machine in (Machine(), Machine(1, 512), Machine(8, 65536)):
            for point in self.points(300, machine=machine):
                for name, (low, high) in ranges.items():
                    if name in point.params:
                        self.assertLessEqual(low, point.params[name], point.line)
                        self.assertLessEqual(point.params[name], high, point.line)
                for name in ("reader_cpus", "freer_cpus"):
                    cpus = [int(cpu) for cpu in str(point.params[name]).split(",") if cpu]
                    self.assertLess(max(cpus, default=0), machine.vcpus)
                self.assertTrue(point.params["nr_readers"] or point.params["nr_freers"])
                self.assertRegex(point.line, r"^\d+ \w+ \d+\.\d{3}( \w+=[\w:,/-]+)+$")

    def test_folios_fit(self) -> None:
        """They fit whatever their size, and take up to a third of the memory."""
        most = max(int(point.params["nr_folios"]) for point in self.points(1000) if point.params["order"] == 0)
        self.assertTrue(50_000 < most < 200_000, most)


class WrongTest(unittest.TestCase):
    def test_good(self) -> None:
        self.assertEqual(soak.wrong(run(), POINT), "")
        for reason in soak.VACUOUS:
            self.assertEqual(soak.wrong(run(verdict="INCONCLUSIVE", reason=reason), POINT), "")

    def test_reasons_are_the_modules(self) -> None:
        text = (repo.ROOT / "module/verdict.c").read_text()
        for reason in (*soak.VACUOUS, soak.STOPPED):
            self.assertIn(f'"{reason}"', text)

    def test_spoilt(self) -> None:
        for spoilt, said in (
                ({"schema": 2}, "schema 2"), ({"verdict": "GOOD"}, "verdict GOOD"),
                ({"verdict": "FAIL", "reason": "what was allocated was not all freed"}, "not all freed"),
                ({"violations_total": 1}, "1 violations"), ({"state": "measure"}, "the state is measure"),
                ({"verdict": "INCONCLUSIVE", "reason": "the run has not ended"}, "not ended"),
                ({"verdict": "INCONCLUSIVE", "reason": soak.STOPPED}, "stopped before"),
                (changed("counters", misses=1_001), "hits and misses"),
                (changed("balance", descriptors_freed=899), "balance"),
                (changed("balance", pages_released=1_799), "balance"),
                (changed("params", nr_readers=1), "nr_readers is 1, not 2")):
            self.assertIn(said, soak.wrong(run(**spoilt), POINT), spoilt)

    def test_what_was_not_finished(self) -> None:
        stopped = run(verdict="INCONCLUSIVE", reason=soak.STOPPED)
        self.assertEqual(soak.wrong(stopped, Point(3, "stop", 0.1, POINT.params)), "")
        during = run(state="measure", verdict="INCONCLUSIVE", reason="the run has not ended")
        self.assertEqual(soak.wrong(during, POINT, during=True), "")
        self.assertIn("bad", soak.wrong(run(state="measure", verdict="FAIL", reason="bad"), POINT, during=True))

    def test_refusal(self) -> None:
        self.assertEqual(soak.refusal(REFUSED), "folioscale: order=9: allowed: 0 to 8")
        self.assertEqual(soak.refusal("insmod: can't insert: Cannot allocate memory\n"), "")
        self.assertEqual(soak.refusal(REFUSED.replace("Invalid argument", "File exists")), "")

    def test_memory(self) -> None:
        start = soak.Memory(2_000_000, 1_800_000, 50_000)
        for free, slab, good in ((1_800_000, 50_000, True), (1_781_000, 69_000, True), (1_779_000, 50_000, False),
                                 (1_821_000, 50_000, False), (1_800_000, 71_000, False)):
            text, same = soak.compared(start, soak.Memory(2_000_000, free, slab))
            self.assertEqual(same, good, text)
        self.assertEqual(text, "free at start 1,757.8 MiB, at end 1,757.8 MiB, +0.00% of 1,953 MiB; "
                               "slabs 48.8 MiB, 69.3 MiB, +1.05%")


class SoakTest(unittest.TestCase):
    def setUp(self) -> None:
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory())) / "out"
        self.spec: vm.BootSpec | None = None

    def soak(self, blobs: Iterable[tuple[str, Any]], state: str = "PASS", **given: Any) -> tuple[int, str]:
        """Exit status and output of a soak in which the guest sends @blobs."""
        def boot(spec: vm.BootSpec) -> vm.Boot:
            self.spec = spec
            (spec.outdir / "console.log").write_text(AT_BOOT)
            for name, data in blobs:
                if name == "console":
                    with (spec.outdir / "console.log").open("a") as log:
                        log.write(data)
                elif name == "signal":
                    os.kill(os.getpid(), data)
                else:
                    spec.on_blob(name, (data if isinstance(data, str) else json.dumps(data)).encode())
            return vm.Boot(state, "" if state == "PASS" else "it went down", [], spec.outdir / "console.log", 1.0)

        where = kernel.Kernel("t", "t", Path("/"), Path("/"))
        said = io.StringIO()
        with redirect_stdout(said), mock.patch.object(kernel, "choose", return_value=where), \
                mock.patch.object(kernel, "build_module", return_value=Path("/")), \
                mock.patch.object(soakpoint, "point", lambda seed, number, machine: Point(number, "run", 0.1, POINT.params)), \
                mock.patch.object(vm, "boot", boot):
            status = soak.main(arguments(out=str(self.folder), **given))
        return status, said.getvalue()

    def point(self, number: int, *between: tuple[str, Any]) -> list[tuple[str, Any]]:
        return [(f"begin/{number}", ""), *((f"{name}/{number}" if name in ("run", "during", "refused", "trouble") else name, data)
                                           for name, data in between), (f"end/{number}", "")]

    def memory(self, when: str, free: int = 1_800_000) -> tuple[str, Any]:
        return f"memory/{when}", {"total_kb": 2_000_000, "free_kb": free, "slab_kb": 50_000}

    def failed(self, *between: tuple[str, Any], state: str = "PASS", **given: Any) -> str:
        """The output of a soak whose point 5 fails."""
        blobs = [*self.point(4, ("run", run())), *self.point(5, *between)]
        if state != "PASS":
            blobs.pop()
        status, said = self.soak(blobs, state, **given)
        self.assertEqual(status, 4 if state == "LOST" else 1, said)
        self.assertIn(f"at point 5 of seed {given.get('seed', 1)}: ", said)
        self.assertIn(f"make soak SEED={given.get('seed', 1)} POINT=5 ", said)
        self.assertIn("  run: protocol=typesafe path=pagecache nr_readers=2\n", said)
        self.assertRegex((self.folder / "points.txt").read_text(), r"^4 run .*\n5 run 0.100 .*\n$")
        return said

    def test_pass(self) -> None:
        blobs = [*self.point(0, ("run", run())), *self.point(1, ("refused", REFUSED)), self.memory("start"),
                 *self.point(2, ("run", run(verdict="INCONCLUSIVE", reason=soak.VACUOUS[1])), ("refused", REFUSED)),
                 self.memory("end", 1_799_000)]
        status, said = self.soak(blobs, minutes=3)
        self.assertEqual(status, 0, said)
        for line in ("seed 1\n", "3, of which 1 were refused (33%, by 1 order)", "10,000 lookups, 1,400 turnovers",
                     f"inconclusive  1: 1 {soak.VACUOUS[1]}", "free at start 1,757.8 MiB, at end 1,756.8 MiB, -0.05%", "PASS: "):
            self.assertIn(line, said)
        self.assertIn("soak /points 180\n", self.spec.job)
        self.assertEqual(len((self.folder / "points").read_text().splitlines()), 450)

    def test_failures(self) -> None:
        said = self.failed(("run", run(violations_total=2, verdict="FAIL", reason="violations", violations=[
            {"key": 7, "generation": 1, "what": "stamp", "expected": 7, "found": 9}])))
        self.assertIn("of seed 1: 2 violations\n  stamp of key 7: expected 7, found 9\n", said)
        self.assertEqual(json.loads((self.folder / "point-5.run.json").read_text())["violations_total"], 2)
        self.assertIn("point-5.run.json", str(list(self.folder.iterdir())))

    def test_failure_during_a_run(self) -> None:
        self.assertIn("violations", self.failed(("during", run(violations_total=1, state="measure")), seed=77))

    def test_no_json(self) -> None:
        self.assertIn("run.json: ", self.failed(("run", "{")))

    def test_trouble(self) -> None:
        self.assertIn("folioscale_desc is still there", self.failed(("trouble", "the cache folioscale_desc is still there")))

    def test_console_beside_another_failure(self) -> None:
        self.assertRegex(self.failed(("console", BUG), ("trouble", "rmmod: busy")), "rmmod: busy\n.*kernel BUG at")

    def test_module_cannot_be_loaded(self) -> None:
        with self.assertRaisesRegex(SetupError, "^lockdown lets no unsigned module in"):
            self.soak([("error", "insmod: Operation not permitted\n[ 1.0] Lockdown: insmod: unsigned module loading is restricted\n")])
        self.setUp()
        self.assertIn("kernel BUG at", self.failed(("console", BUG), ("error", "insmod: Bad address")))

    def test_insmod_without_a_reason(self) -> None:
        self.assertIn("without a reason: insmod: Cannot", self.failed(("refused", "insmod: Cannot allocate memory\n")))

    def test_console(self) -> None:
        self.assertIn("kernel BUG at", self.failed(("console", "[    1.000000] fine\n" + BUG), ("run", run())))

    def test_lost(self) -> None:
        self.assertIn("it went down", self.failed(("run", run()), state="LOST"))

    def test_other_machines_points_are_others(self) -> None:
        said = self.failed(("trouble", "x"), vcpus=4, memory=1024, kdir="/a b")
        self.assertIn("POINT=5 KDIR='/a b' ACCEL=tcg VCPUS=4 MEM=1024\n", said)

    def test_memory(self) -> None:
        status, said = self.soak([*self.point(0, ("run", run())), self.memory("start"), self.memory("end", 1_770_000)])
        self.assertEqual(status, 1)
        self.assertIn("FAIL: all points together: memory is not what it was: free at start 1,757.8 MiB, at end 1,728.5 MiB", said)
        self.assertIn("make soak SEED=1 ACCEL=tcg", said)

    def test_refused_by_half(self) -> None:
        for refused, wanted in ((5, 0), (6, 1)):
            self.setUp()
            status, said = self.soak([*(blob for number in range(10) for blob in self.point(
                number, ("refused", REFUSED) if number < refused else ("run", run()))),
                self.memory("start"), self.memory("end")])
            self.assertEqual(status, wanted, said)

    def test_shows_nothing(self) -> None:
        nothing = run(verdict="INCONCLUSIVE", reason=soak.VACUOUS[0])
        for vacuous, wanted in ((5, 0), (6, 3)):
            self.setUp()
            status, said = self.soak([*(blob for number in range(10) for blob in self.point(
                number, ("run", nothing if number < vacuous else run()))), self.memory("start"), self.memory("end")])
            self.assertEqual(status, wanted, said)
        self.assertIn("6 of 10 points have shown nothing", said)

    def test_memory_not_compared(self) -> None:
        status, said = self.soak([*self.point(0, ("run", run())), self.memory("start")])
        self.assertEqual(status, 3)
        self.assertIn("too short to compare memory", said)
        self.setUp()
        self.assertEqual(self.soak(self.point(7, ("run", run())), point=7)[0], 0, "a point alone")

    def test_console_of_what_was_interrupted(self) -> None:
        status, said = self.soak([*self.point(0, ("run", run())), ("console", BUG), ("signal", signal.SIGINT), *self.point(1)])
        self.assertEqual(status, 1, said)
        self.assertIn("kernel BUG at", said)

    def test_bad_input(self) -> None:
        with self.assertRaisesRegex(SetupError, "POINT=7: allowed: with the SEED="):
            self.soak([], point=7, seed=None)
        with self.assertRaisesRegex(SetupError, "MINUTES=10081: allowed: 1 to 10080"):
            self.soak([], minutes=10081)

    def test_nothing_run(self) -> None:
        self.assertEqual(self.soak(self.point(0, ("refused", REFUSED)))[0], 3)

    def test_interrupted(self) -> None:
        status, said = self.soak([*self.point(0, ("run", run())), ("signal", signal.SIGINT), *self.point(1)])
        self.assertEqual(status, 3)
        self.assertIn("INCONCLUSIVE: SIGINT after 1 points; what was seen until then is kept", said)
        self.assertIn("points        1,", said)

    def test_one_point(self) -> None:
        self.soak(self.point(7, ("run", run())), point=7)
        self.assertRegex((self.folder / "points").read_text(), r"^7 .*\n$")
        self.setUp()
        self.soak(self.point(7, ("run", run())), point=7, minutes=2)
        self.assertEqual(len((self.folder / "points").read_text().splitlines()), 300)

    def test_random_seed_is_kept(self) -> None:
        with mock.patch("sys.argv", ["folioscale", "soak"]):
            _, said = self.soak(self.point(0, ("run", run())), seed=None)
        seed = re.match(r"seed (\d+)\nkernel t\n", said)[1]
        self.assertIn(f"scripts/folioscale soak --seed {seed}\n", (self.folder / "command").read_text())

    def test_icount_is_refused(self) -> None:
        with self.assertRaisesRegex(SetupError, "allowed for soak"), mock.patch.object(accel, "choose", return_value=accel.ICOUNT):
            self.soak([], accel="icount")


class GuestTest(unittest.TestCase):
    """guest/soak.sh on a made-up debugfs, under the guest's shell."""

    STUBS = """
FSC_TMP=$TOP/tmp FSC_KO=/folioscale.ko FSC_WARM=2 FSC_PATIENCE=2
renice() { :; }
dmesg() { echo '[ 1.0] folioscale: order=9: allowed: 0 to 8'; }
. "$POINT_SH"
. "$SOAK_SH"
FSC_DEBUGFS=$TOP/debugfs FSC_SLABS=$TOP/slab
emit() { echo "$1 $(cat "$2" | tr '\\n' ' ')" >>"$TOP/log"; }
memory() { echo "$1" >>"$TOP/log"; }
insmod() { shift; echo "insmod $*" >>"$TOP/log"; [ "$1" != order=9 ]; }
rmmod() { echo rmmod >>"$TOP/log"; }
sleep() { echo "sleep $1" >>"$TOP/log"; [ -e "$TOP/stuck" ] || echo done >"$FSC_DEBUGFS/state"; command sleep 0.01; }
"""

    def run_points(self, points: str, *caches: str, stuck: bool = False) -> list[str]:
        with tempfile.TemporaryDirectory() as folder:
            top = Path(folder)
            for name in ("tmp", "debugfs/latency", *(f"slab/{cache}" for cache in caches)):
                (top / name).mkdir(parents=True)
            (top / "points").write_text(points)
            (top / "debugfs/state").write_text("measure\n")
            (top / "debugfs/run.json").write_text("{}")
            if stuck:
                (top / "stuck").touch()
            subprocess.run(["busybox", "ash", "-uc", self.STUBS + f"soak {top}/points 60"], check=True, timeout=20,
                           env={"TOP": folder, "POINT_SH": str(repo.SCRIPTS / "guest/point.sh"),
                                "SOAK_SH": str(soak.SOAK_SH), "PATH": "/usr/bin:/bin"})
            log = (top / "log").read_text().splitlines()
            if (top / "debugfs/control").exists():
                log.append("control " + (top / "debugfs/control").read_text().strip())
            return [line.strip() for line in log]

    def test_points(self) -> None:
        said = self.run_points("0 run 0.100 a=1 b=2:3,4\n1 run 0.5 order=9\n2 stop 0.700 a=1\n3 unload 0.900 a=1\n")
        self.assertEqual(said, [
            "begin/0", "insmod a=1 b=2:3,4", "sleep 0.1", "run/0 {}", "rmmod", "end/0", "begin/1", "insmod order=9",
            "refused/1 [ 1.0] folioscale: order=9: allowed: 0 to 8", "end/1", "memory/start",
            "begin/2", "insmod a=1", "sleep 0.700", "run/2 {}", "rmmod", "end/2",
            "begin/3", "insmod a=1", "sleep 0.900", "rmmod", "end/3", "memory/end", "control stop"])

    def test_again_and_read(self) -> None:
        said = self.run_points("0 again 0.1 a=1\n1 read 0.1 a=1\n")
        self.assertEqual(said, ["begin/0", "insmod a=1", "sleep 0.1", "run/0 {}", "run/0 {}", "rmmod", "end/0", "begin/1",
                                "insmod a=1", "during/1 {}", "run/1 {}", "rmmod", "end/1", "memory/start", "control start"])

    def test_a_cache_that_is_left(self) -> None:
        said = self.run_points("0 run 0.1 a=1\n", "folioscale_desc", "kmalloc-64")
        self.assertEqual(sum(line.startswith("trouble/0 the cache folioscale_desc is still there") for line in said), 2)

    def test_a_run_that_does_not_end(self) -> None:
        said = self.run_points("0 run 0.1 a=1\n", stuck=True)
        self.assertTrue(any(line.startswith("trouble/0 the state is measure, not done, after 2 s") for line in said), said)


if __name__ == "__main__":
    unittest.main()
