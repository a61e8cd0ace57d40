# SPDX-License-Identifier: GPL-2.0
"""A suite whose times are measured by another one: one result, of two machines."""

import copy
import functools
import io
import json
import tempfile
import unittest
from argparse import Namespace
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import replace
from pathlib import Path
from unittest import mock

import jsonschema

import synthetic
import undrawn
from fsc.cmd import answer, bench, compare, report
from fsc.result import environment, result
from fsc.show import summary
from fsc.suite import session, suitefile
from fsc.suite.suite import Suite
from fsc.verdict import SetupError
from fsc.vm import kernel, vm
from fsc.vm.accel import TCG, UML
from fsc.vm.kernel import Kernel


def unstolen(record: result.BootRecord) -> None:
    """The host was idle."""
    busy = {"ran_ns": 190_000_000, "waited_ns": 0}
    for point in record.points:
        synthetic.put(record, f"steal/{point.id}", {"threads": [busy, busy], "wall_ns": 200_000_000})


def made(suite: Suite, accelerator: str, boots: int) -> dict:
    """A suite's result, of made-up boots."""
    records = [synthetic.boot(number, suite.order(number), accelerator) for number in range(1, boots + 1)]
    for record in records:
        unstolen(record)
    return result.build(suite, records, environment.gather(suite, records, accelerator == "tcg", ""))


@functools.cache
def both() -> tuple[dict, dict]:
    """The points of the default suite, and those of its times; not to be changed."""
    suite = synthetic.suite("default")
    return (made(replace(suite, points=tuple(suite.plain())), "tcg", 6),
            made(suite.timed.only(lambda point: point.workload in ("one", "churn")), "uml", 8))


class PartsTest(unittest.TestCase):
    def setUp(self) -> None:
        self.rest, self.times = copy.deepcopy(both())
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory())) / "out"

    def whole(self) -> dict:
        found = result.with_times(self.rest, self.times)
        result.validate(found)
        return found

    def test_parts(self) -> None:
        self.assertEqual(result.parts_of(self.whole()), [self.times, self.rest])
        self.assertEqual(result.parts_of(self.rest), [self.rest])
        self.assertEqual(self.whole()["verdict"], "PASS")

    def test_one_verdict(self) -> None:
        self.times |= {"verdict": "INCONCLUSIVE"}
        self.assertEqual(self.whole()["verdict"], "INCONCLUSIVE")
        self.assertEqual([part["verdict"] for part in result.parts_of(self.whole())], ["INCONCLUSIVE", "PASS"])

    def test_cut_short_in_its_times(self) -> None:
        self.assertFalse(result.interrupted(self.whole()))
        self.times["environment"]["interrupted"] = "SIGTERM during boot 2"
        self.assertTrue(result.interrupted(self.whole()))

    def test_what_is_wrong_in_a_part_is_refused(self) -> None:
        del self.times["points"][0]["verdict"]
        with self.assertRaises(jsonschema.ValidationError) as refused:
            self.whole()
        self.assertEqual(refused.exception.json_path, "$.times.points[0]")

    def test_one_text(self) -> None:
        text = summary.render(self.whole())
        self.assertEqual([line for line in text.splitlines() if len(line) > 72], [])
        self.assertEqual(text.count(summary.TITLE), 1)
        words = " ".join(text.split())
        self.assertIn("PASS: cpu by uml and default by tcg. Figures of one are not compared with the other's.", words)
        times, _, rest = text.partition(" default by tcg =")
        self.assertIn("time / lookup", times)
        self.assertIn("descriptors in limbo", rest)
        for only_of_the_emulated in ("TIMES ARE EMULATED", "descriptors in limbo"):
            self.assertNotIn(only_of_the_emulated, times)
        self.assertNotIn("time / lookup", rest)
        alone = summary.render(self.rest)
        self.assertTrue(text.endswith(alone[alone.index("question "):]), "the rest is as it is without times")
        self.assertIn(summary.NOT_KNOWN, " ".join(alone.split()))
        self.assertNotIn(summary.NOT_KNOWN, words)

    def test_no_times_says_why(self) -> None:
        self.rest["environment"]["suite"]["no_times"] = "ACCEL=tcg: emulated times say nothing"
        result.validate(self.rest)
        self.assertIn("no times    ACCEL=tcg: emulated times say nothing\n", summary.render(self.rest))

    def test_one_page(self) -> None:
        synthetic.put_folder(self.folder, self.whole(), [])
        with undrawn.undrawn():
            report.write([self.folder], self.folder / report.NAME)
        page = (self.folder / report.NAME).read_text()
        for text in ("The options in one table", "cpu: one, 8 boots", "default: throttled, 6 boots", "<h3>cpu</h3>", "<h3>default</h3>"):
            self.assertIn(text, page)

    def test_plots_are_of_the_folder_of_the_part(self) -> None:
        synthetic.put_folder(self.folder, self.whole(), [])
        self.assertEqual([source.folder for source in report.load([self.folder])], [self.folder / "cpu", self.folder])

    def test_a_suite_is_answered_once(self) -> None:
        synthetic.put_folder(self.folder, self.whole(), [])
        other = self.folder.with_name("cpu")
        synthetic.put_folder(other, self.times, [])
        self.assertEqual([source.name for source in answer.load([str(self.folder)])], ["cpu", "default"])
        self.times["environment"]["revision"] = "another"
        synthetic.put_folder(other, self.times, [])
        for folders in ([other, self.folder], [self.folder, other]):
            for found in (answer.load([str(folder) for folder in folders]), report.load(folders)):
                self.assertEqual({source.name: source.environment["revision"] == "another" for source in found},
                                 {"cpu": True, "default": False})
                self.assertEqual(len(found), 2)

    def test_compared_part_by_part(self) -> None:
        folders = [self.folder, self.folder.with_name("b")]
        for folder in folders:
            synthetic.put_folder(folder, self.whole(), [])
        sides = [compare.load(letter, str(folder)) for letter, folder in zip("AB", folders)]
        found = compare.whole(*sides)
        self.assertEqual({point["workload"] for point in found["times"]["points"]}, {"one", "churn"})
        self.assertEqual({point["workload"] for point in found["points"]}, {"churn", "throttled"})
        text = compare.render(found)
        self.assertEqual(text.count("folioscale: B against A"), 2)
        self.assertLess(text.index("ns_per_lookup"), text.index("limbo_descriptor_bytes_mean"))
        # Parts that cannot be compared do not keep the others from it.
        self.times |= {"verdict": "INCONCLUSIVE"}
        synthetic.put_folder(folders[1], self.whole(), [])
        found = compare.whole(compare.load("A", str(folders[0])), compare.load("B", str(folders[1])))
        self.assertNotIn("times", found)
        self.assertRegex(found["notes"][0], "not compared: cpu: B: .*: its verdict is INCONCLUSIVE")
        # One of the two has only the times.
        self.times |= {"verdict": "PASS"}
        synthetic.put_folder(folders[1], self.times, [])
        found = compare.whole(compare.load("A", str(folders[0])), compare.load("B", str(folders[1])))
        self.assertEqual({point["workload"] for point in found["points"]}, {"one", "churn"})
        self.assertTrue(all(figures["ns_per_lookup"]["rankable"] for figures in (point["metrics"] for point in found["points"])))
        # One of them without times.
        synthetic.put_folder(folders[1], self.rest, [])
        found = compare.whole(compare.load("A", str(folders[0])), compare.load("B", str(folders[1])))
        self.assertNotIn("times", found)
        self.assertIn("only in A: times, of the suite cpu", found["notes"])


class BenchTest(unittest.TestCase):
    """The command, on made-up machines."""

    def setUp(self) -> None:
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory())) / "out"
        self.booted: list[str] = []
        self.error: Exception = SetupError("uml has no machine")
        self.dies = False
        self.um = Kernel("t", "t-uml", Path("/um"), Path("/um"))

    def boot(self, spec: vm.BootSpec) -> vm.Boot:
        name = spec.accel.name
        if name == self.fails:
            raise self.error
        self.booted.append(name)
        if self.dies and name == "tcg":
            return vm.Boot("LOST", "it died", [], spec.outdir / "console.log", 30.0)
        suite = synthetic.suite("default")
        ids = [line.split()[1] for line in spec.job.splitlines() if line.startswith(("point ", "watched "))]
        known = {point.id: point for one in (suite, suite.timed) for point in (*one.points, *one.order(1))}
        record = synthetic.boot(len(self.booted), [known[one] for one in ids], name)
        if name == "uml":
            unstolen(record)
        synthetic.put(record, "slabs", {"kmalloc-64": {"poison": 0}})
        record.blobs["machine"] += f"\ncmdline={' '.join(['quiet', *spec.cmdline])}".encode()
        for blob, data in record.blobs.items():
            spec.on_blob(blob, data)
        return vm.Boot("PASS", "", [], spec.outdir / "console.log", 30.0)

    def asked(self, **args: object) -> Namespace:
        return Namespace(**{"suite": "default", "host": False, "yes": False, "kdir": None, "kernel": None, "kver": None, "vcpus": 2,
                             "memory": 512, "accel": "auto", "repetitions": 1, "minutes": None, "out": str(self.folder), "resume": None} | args)

    def bench(self, fails: str = "", times: object = None, **args: object) -> tuple[int, str]:
        self.fails = fails

        def chosen(_args: Namespace, of_times: bool = False) -> tuple:
            if of_times and isinstance(times, SetupError):
                raise times
            return (self.um, UML) if of_times else (Kernel("t", "t", Path("/"), Path("/")), TCG)

        said = io.StringIO()
        with tempfile.TemporaryDirectory() as modules, mock.patch.object(vm, "boot", self.boot), undrawn.undrawn(), \
                mock.patch.object(kernel, "build_module", return_value=Path(modules)), mock.patch.object(bench.kernels, "chosen", chosen), \
                redirect_stdout(said), redirect_stderr(io.StringIO()):
            return bench.main(self.asked(**args)), said.getvalue()

    def result(self) -> dict:
        return json.loads((self.folder / "result.json").read_text())

    def test_both(self) -> None:
        status, said = self.bench()
        self.assertEqual(self.booted, ["uml", "tcg"])
        found = self.result()
        result.validate(found)
        self.assertEqual([part["environment"]["accelerator"] for part in result.parts_of(found)], ["uml", "tcg"])
        self.assertEqual((self.folder / "summary.txt").read_text(), summary.render(found))
        self.assertIn(summary.render(found), said)
        self.assertTrue((self.folder / "cpu/boot-1/runs").is_dir())
        self.assertFalse((self.folder / "cpu/result.json").exists(), "one result")
        self.assertEqual((status, found["verdict"]), (0, "PASS"))

    def test_where_there_are_no_times(self) -> None:
        status, said = self.bench(times=SetupError("KDIR=x: no times of this kernel"))
        self.assertEqual((status, self.booted), (0, ["tcg"]))
        self.assertIn("No times: KDIR=x: no times of this kernel\n", said)
        self.assertEqual(self.result()["environment"]["suite"]["no_times"], "KDIR=x: no times of this kernel")

    def test_times_that_fail_keep_the_rest(self) -> None:
        status, said = self.bench(fails="uml")
        self.assertEqual((status, self.booted), (2, ["tcg"]))
        self.assertIn("SETUP: no times: uml has no machine\n", said)
        self.assertEqual((self.result()["verdict"], "times" in self.result()), ("PASS", False))
        self.assertEqual(self.result()["environment"]["suite"]["no_times"], "uml has no machine")
        self.assertIn("no times    uml has no machine\n", (self.folder / "summary.txt").read_text())

    def test_a_module_that_does_not_compile_is_no_lack_of_times(self) -> None:
        with mock.patch.object(kernel, "build_module", side_effect=[Path("/"), SetupError("it does not compile")]), \
                mock.patch.object(bench.kernels, "chosen", return_value=(self.um, UML)), redirect_stdout(io.StringIO()), \
                self.assertRaisesRegex(SetupError, "it does not compile"):
            bench.main(self.asked())

    def test_the_rest_that_dies_keeps_the_times(self) -> None:
        self.dies = True
        status, _ = self.bench()
        self.assertEqual((status, self.booted), (4, ["uml", "tcg"]))
        self.assertEqual([part["verdict"] for part in result.parts_of(self.result())], ["PASS", "LOST"])

    def test_interrupted_in_its_times(self) -> None:
        self.error = session.Interrupted("SIGINT")
        status, said = self.bench(fails="uml")
        self.assertEqual(self.booted, [], "nothing is begun after a signal")
        self.assertIn("Cut short; what is missing is made by ", said)
        self.assertEqual((status, self.result()["verdict"], self.result()["times"]["verdict"]), (4, "LOST", "LOST"))
        result.validate(self.result())

    def test_interrupted_after_its_times_and_resumed(self) -> None:
        self.error = session.Interrupted("SIGINT")
        status, said = self.bench(fails="tcg")
        self.assertIn("Cut short; what is missing is made by ", said)
        self.assertEqual([part["verdict"] for part in result.parts_of(self.result())], ["PASS", "LOST"])
        with mock.patch.object(bench, "again", return_value="x"), mock.patch.object(bench.resume, "check"):
            status, _ = self.bench(resume=str(self.folder), out=None)
        self.assertEqual((status, self.booted), (0, ["uml", "tcg"]), "what is done is not done again")
        self.assertEqual(self.result()["verdict"], "PASS")


class FileTest(unittest.TestCase):
    def test_a_suite_of_times_is_named(self) -> None:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            for file in (*synthetic.SUITES.glob("cpu.toml"), *synthetic.SUITES.glob("paths.toml")):
                (folder / file.name).write_text(file.read_text())
            text = (synthetic.SUITES / "default.toml").read_text()
            for old, new, why in (('"cpu"', '"none"', r":\d+: 'suite': there is no .*none.toml"),
                                  ('"cpu"', '"paths"', r":\d+: 'times_of' wants a suite with times = true, and is of one without"),
                                  ('"typesafe", ', '', r":\d+: 'suite': its baseline, typesafe, is not among the protocols")):
                (folder / "mine.toml").write_text(text.replace(old, new))
                with self.assertRaisesRegex(SetupError, why):
                    suitefile.load(folder / "mine.toml")

    def test_a_warm_up_that_is_too_short(self) -> None:
        with tempfile.TemporaryDirectory() as name:
            file = Path(name) / "mine.toml"
            file.write_text((synthetic.SUITES / "cpu.toml").read_text().replace("warmup_ms = 70", "warmup_ms = 69"))
            with self.assertRaisesRegex(SetupError, r":\d+: 'warmup_ms' must be at least 70 where times are asked for"):
                suitefile.load(file)


if __name__ == "__main__":
    unittest.main()
