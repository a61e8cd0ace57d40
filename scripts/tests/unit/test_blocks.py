# SPDX-License-Identifier: GPL-2.0
"""Times of a real CPU, compared within blocks, from made-up boots."""

import io
import json
import tempfile
import unittest
from contextlib import redirect_stderr
from dataclasses import replace
from pathlib import Path

import synthetic
from fsc.cmd import answer
from fsc.result import environment, result
from fsc.show import report_sections, summary
from fsc.suite import session
from fsc.suite.progress import Progress
from fsc.suite.suite import Point
from fsc.vm.accel import UML


class BlocksTest(unittest.TestCase):
    """Windows on a real CPU: six boots of four blocks, and a machine whose speed doubles from one to the next."""

    def setUp(self) -> None:
        self.suite = replace(synthetic.suite("cpu"), blocks=4).only(
            lambda point: point.workload == "one" and point.protocol in ("typesafe", "rcu_desc"))
        self.boots = [self.boot(number) for number in range(1, 7)]

    def boot(self, number: int) -> result.BootRecord:
        found = synthetic.boot(number, self.suite.order(number), "uml")
        for point in found.points:
            rate = 10_000_000 * number * point.block * (1.1 if point.protocol == "rcu_desc" else 1)
            rate *= 1.01 if point.workload == "b" and number % 2 else 1
            run = synthetic.run(point) | {"rates": {"lookups_per_second": round(rate), "turnovers_per_second": 0}}
            found.keep(f"run/{point.id}", json.dumps(run).encode())
            self.wait(found, point, 0.001)
        return found

    def wait(self, boot: result.BootRecord, point: Point, share: float) -> None:
        busy = {"ran_ns": 200_000_000, "waited_ns": int(share * 2e8)}
        boot.keep(f"steal/{point.id}", json.dumps({"threads": [busy, busy], "wall_ns": 200_000_000}).encode())

    def build(self) -> dict:
        found = result.build(self.suite, self.boots, environment.gather(self.suite, self.boots, False, ""))
        result.validate(found)
        return found

    def figures(self, protocol: str = "rcu_desc") -> dict:
        return next(point for point in self.build()["points"] if point["protocol"] == protocol)["summary"]["lookups_per_second"]

    def test_ratio_within_a_block(self) -> None:
        found = self.figures()
        self.assertEqual(found["n"], 24)
        for name in ("ratio", "ratio_low", "ratio_high"):
            self.assertAlmostEqual(found[name], 1.1)
        self.assertAlmostEqual(found["p"], 2 / 64, msg="of boots, not of windows")
        self.assertAlmostEqual(result.widest(self.build(), "lookups_per_second"), 0, places=6)

    def test_how_it_was_compared(self) -> None:
        text = " ".join(summary.render(self.build()).split())
        self.assertIn("median [interval]: of n = 24 windows, the interval over boots;", text)
        self.assertIn("ratio: to typesafe, Hodges-Lehmann of the boots' ratios within a block, on logs (its interval is in result.json); "
                      "n.d.: no difference shown, few: too few boots for that, as windows were stolen (p >= 0.05; signed-rank test over boots; Holm", text)

    def test_the_same_once_more(self) -> None:
        copies = [replace(point, workload=name) for name in "ab" for point in self.suite.points if point.protocol == "typesafe"]
        self.suite = replace(self.suite, points=tuple(copies), against={"b": "a"})
        self.boots = [self.boot(number) for number in range(1, 7)]
        text = " ".join(summary.render(self.build()).split())
        self.assertIn("In this run b was called different from a in 0 of 1 tests.", text)
        self.assertNotIn("simulated runs", text, "what is drawn there is not in blocks")

    def test_what_is_said_of_it(self) -> None:
        def said() -> list[str]:
            found = self.build()
            return answer.says(answer.rows([answer.Measured(found, report_sections.sections(found, "s1"))]))

        self.assertIn("A lookup of `rcu_desc`, time: against `typesafe` less in one (0.91x).", said())
        self.assertIn("on a real CPU's clock", said()[0])
        for boot in self.boots[:3]:
            for point in boot.points:
                run = boot.json(f"run/{point.id}")
                run["rates"]["lookups_per_second"] = 10_000_000
                boot.keep(f"run/{point.id}", json.dumps(run).encode())
        self.assertIn("A lookup of `rcu_desc`, time: against `typesafe` no difference shown in one (0.95x).", said())

    def test_every_arm_against_every_other(self) -> None:
        """Three arms make three pairs, and Holm is over those: nine boots show it, six would not."""
        suite = synthetic.suite("cpu").only(
            lambda point: point.workload == "one" and point.protocol in ("typesafe", "rcu_desc", "rcu_full"))
        for boots, p in ((6, 3 * 2 / 64), (9, 3 * 2 / 512)):
            self.suite = replace(suite, blocks=1)
            self.boots = [self.boot(number) for number in range(1, boots + 1)]
            for boot in self.boots:
                for point in boot.points:
                    run = boot.json(f"run/{point.id}")
                    if point.protocol == "rcu_full":
                        run["rates"]["lookups_per_second"] *= 2
                    boot.keep(f"run/{point.id}", json.dumps(run).encode())
            found = self.build()
            pairs = {(pair["protocol"], pair["other"]): pair for pair in found["pairs"] if pair["metric"] == "ns_per_lookup"}
            self.assertEqual(len(pairs), 3)
            self.assertEqual([(pair["boots"], pair["few"]) for pair in pairs.values()], [(boots, boots == 6)] * 3)
            self.assertAlmostEqual(pairs["rcu_desc", "rcu_full"]["ratio"], 2 / 1.1)
            self.assertAlmostEqual(pairs["rcu_desc", "rcu_full"]["p"], p)
            own = next(point for point in found["points"] if point["protocol"] == "rcu_full")["summary"]["ns_per_lookup"]
            self.assertEqual(own["p"], pairs["typesafe", "rcu_full"]["p"], "one test, one p")
            text = summary.render(found)
            said = answer.says(answer.rows([answer.Measured(found, report_sections.sections(found, "s1"))]))
            if boots == 6:
                self.assertIn("no pair is shown to differ in time / lookup", text)
                self.assertIn("A lookup of `rcu_full`, which cannot hold a folio, time: against `typesafe` too few boots in one (0.50x); "
                              "against `rcu_desc` too few boots in one (0.55x).", said)
                self.assertRegex(text, r"rcu_full\* .* few\n")
                self.assertIn("6 boots are too few: after Holm over 3 pairs no test shows anything with fewer than 7", " ".join(text.split()))
            else:
                self.assertRegex(text, r"is shown to take less time than one of\nrcu_full\*? +typesafe, rcu_desc\nrcu_desc +typesafe\n")
                self.assertIn("A lookup of `rcu_full`, which cannot hold a folio, time: against `typesafe` less in one (0.50x); against `rcu_desc` less "
                              "in one (0.55x).", said)
                self.assertNotIn("by hand not shown", text)

    def test_what_the_loops_by_hand_do_not_show(self) -> None:
        """An arm may look better than another one by what the harness adds to it."""
        self.suite = replace(synthetic.suite("cpu").only(lambda point: point.workload == "one" and point.protocol in ("typesafe", "rcu_desc")),
                             blocks=1)
        self.boots = [self.boot(number) for number in range(1, 10)]
        for shown, times in ((True, 0.9), (False, 1.1)):
            for boot in self.boots:
                for point in boot.points:
                    ns = round(1e6 * (times if point.protocol == "rcu_desc" else 1))
                    boot.keep(f"opencoded/{point.id}", json.dumps(synthetic.opencoded(point, lookups=1000, ns=ns)).encode())
            found = self.build()
            text = summary.render(found)
            said = " ".join(answer.says(answer.rows([answer.Measured(found, report_sections.sections(found, "s1"))])))
            self.assertEqual("of these by hand not shown: rcu_desc than typesafe\n" in text, not shown)
            self.assertIn("against `typesafe` less in one (0.91x" + ")" * shown + ", not shown by hand)" * (not shown), said)
            self.assertNotIn("p", found["points"][0]["summary"]["opencoded_ns_per_lookup"], "it has no column for that")

    def test_an_emulator_has_no_such_metric(self) -> None:
        found = result.build(self.suite, self.boots, environment.gather(self.suite, self.boots, True, ""))
        self.assertNotIn("ns_per_lookup", found["points"][0]["summary"])
        self.assertIn("ns_per_lookup", self.build()["points"][0]["summary"])

    def test_windows_that_waited_are_left_out(self) -> None:
        for point in self.boots[0].points:
            if point.block == 1:
                self.wait(self.boots[0], point, 0.02)
        self.assertEqual(self.figures()["n"], 23)
        self.boots = [replace(boot, accelerator="tcg") for boot in self.boots]
        self.assertEqual(self.figures()["n"], 24, "times of an emulator rank nothing, whatever they waited for")

    def test_a_stolen_window_is_made_again(self) -> None:
        boot = self.boots[0]
        one, other = boot.points[:2]
        with tempfile.TemporaryDirectory() as folder, redirect_stderr(io.StringIO()):
            (Path(folder) / "runs").mkdir()
            asked = session.Session._again(boot, Path(folder), Progress([1.0] * len(boot.points)), "boot 1")  # pylint: disable=protected-access
            self.assertFalse(asked(one.id))
            self.wait(boot, one, 0.02)
            (Path(folder) / f"runs/steal.{one.id}").touch()
            answers = []
            for share in (0.02, 0.03, 0.04, 0.05, 0.06, 0.07):
                self.wait(boot, one, share)
                answers.append(asked(one.id))
            self.assertEqual(answers, [True] * 5 + [False], "five times, not more")
            self.assertEqual([round(found["steal"], 4) for found in json.loads((Path(folder) / f"runs/again.{one.id}").read_text())],
                             [0.02, 0.03, 0.04, 0.05, 0.06], "what was thrown away is told")
            self.assertFalse((Path(folder) / f"runs/steal.{one.id}").exists(), "the next window may have no mark")
            self.assertFalse(asked(other.id))
            run = boot.json(f"run/{other.id}") | {"verdict": "FAIL"}
            self.wait(boot, other, 0.02)
            self.assertTrue(asked(other.id))
            boot.keep(f"run/{other.id}", json.dumps(run).encode())
            self.assertFalse(asked(other.id), "a finding is kept")
            for point in boot.points[2:]:
                self.wait(boot, point, 0.02)
            self.assertEqual(sum(asked(point.id) for point in boot.points[2:] for _ in range(5)), 2 * len(boot.points) - 6,
                             "a boot has at most twice as many again as it has points")
        self.wait(boot, one, 0.001)
        found = self.build()
        self.assertEqual(sum(len(rep["again"]) for point in found["points"] for rep in point["repetitions"]), 2 * len(boot.points))
        self.assertRegex(" ".join(summary.render(found).split()),
                         rf"{2 * len(boot.points)} windows were made again \(typesafe \d+, rcu_desc \d+\), and of the 48 that count")

    def test_boots_are_added_for_those_that_were_stolen(self) -> None:
        """As many as the test needs, and a third more at most, whatever the intervals and the time that is left."""
        found = session.Session.__new__(session.Session)
        found.suite, found.boots, found.accel = replace(self.suite, repetitions=6, within=1, minutes=0), self.boots, UML

        def wanted(number: int) -> bool:
            return found._want_more(number, 0.0)  # pylint: disable=protected-access

        self.assertFalse(result.lacks_boots(self.build()))
        self.assertFalse(wanted(6))
        for point in self.boots[2].points:
            if point.protocol == "rcu_desc":
                self.wait(self.boots[2], point, 0.02)
        self.assertTrue(result.lacks_boots(self.build()))
        self.assertEqual([wanted(number) for number in (6, 7, 8)], [True, True, False])
        found.suite = replace(found.suite, within=0)
        self.assertFalse(wanted(6), "REPS= says how many")

    def test_what_was_timed_beside_it(self) -> None:
        """The harness against the loop by hand, and today's lookup against the kernel's own functions."""
        self.suite = synthetic.suite("cpu").only(lambda point: point.workload == "one" and point.protocol in ("typesafe", "overlay"))
        self.boots = [self.boot(number) for number in range(1, 7)]
        for boot in self.boots:
            for point in boot.points:
                ns = 1e9 / boot.json(f"run/{point.id}")["rates"]["lookups_per_second"]
                for kind, times in (("opencoded", 0.8), ("called", 1), ("filemap_get_folio", 1.25), ("kernel_read", 4), ("refscale", 1.6)):
                    if kind == "opencoded" or (point.protocol == "overlay") == (kind != "refscale"):
                        boot.keep(f"{kind}/{point.id}", json.dumps(synthetic.opencoded(
                            point, lookups=1_000_000, ns=round(ns * times * 1_000_000))).encode())
        found = self.build()
        own = {point["protocol"]: point["summary"] for point in found["points"]}
        self.assertAlmostEqual(own["typesafe"]["ns_per_lookup_over_opencoded"]["median"], 1.25, places=4)
        self.assertAlmostEqual(own["overlay"]["opencoded_ns_over_filemap_get_folio"]["median"], 0.64, places=4)
        self.assertAlmostEqual(own["overlay"]["called_ns_over_filemap_get_folio"]["median"], 0.8, places=4)
        self.assertAlmostEqual(own["typesafe"]["ns_per_lookup_over_refscale"]["median"], 0.625, places=4)
        self.assertNotIn("refscale_ns", own["overlay"])
        self.assertNotIn("filemap_get_folio_ns", own["typesafe"])
        self.assertNotIn("p", own["overlay"]["ns_per_lookup_over_opencoded"], "it is a comparison itself")
        text = summary.render(found)
        self.assertRegex(text, r"time / lookup over that\n.*\noverlay .* 1\.250\b")
        self.assertRegex(text, r"filemap_get_folio\(\) .*\n.*\noverlay .* 0\.640\b")
        said = " ".join(answer.says(answer.rows([answer.Measured(found, report_sections.sections(found, "s1"))])))
        self.assertRegex(said, r"a lookup of `overlay` takes 1\.250 .*of the same by hand, and that takes 0\.640 .*of filemap_get_folio\(\) and folio_put")
        self.assertRegex(said, r"a lookup of that file by hand, through a function that is called, takes 0\.800 ")
        bad = self.boots[0].points[0]
        self.boots[0].keep(f"opencoded/{bad.id}", json.dumps(synthetic.opencoded(bad, good=0)).encode())
        figures = next(point for point in self.build()["points"] if point["protocol"] == bad.protocol)["summary"]
        self.assertEqual(figures["opencoded_ns_per_lookup"]["n"], 5)

    def test_which_pages_its_memory_has(self) -> None:
        for huge, said, left in ((90, "90%", False), (0, "0%", True)):
            self.boots[0].keep("mapped", json.dumps({"all": 100, "huge": huge}).encode())
            text = " ".join(summary.render(self.build()).split())
            self.assertIn(f"(huge pages map {said} of the memory in use)", text)
            self.assertEqual("a direct map of huge pages" in text, left)
        del self.boots[0].blobs["mapped"]
        self.assertIn("a direct map of huge pages", " ".join(summary.render(self.build()).split()), "it is not known")

    def test_a_window_without_a_mark(self) -> None:
        del self.boots[0].blobs[f"steal/{next(p.id for p in self.boots[0].points if p.protocol == 'rcu_desc')}"]
        self.assertEqual(self.figures()["n"], 23)

    def test_a_zero_has_no_ratio(self) -> None:
        for boot in self.boots:
            for point in boot.points:
                run = boot.json(f"run/{point.id}")
                run["counters"]["tryget_zero"] = 10 + boot.number if point.protocol == "typesafe" else 0
                boot.keep(f"run/{point.id}", json.dumps(run).encode())
        found = next(p for p in self.build()["points"] if p["protocol"] == "rcu_desc")["summary"]["tryget_zero_per_million"]
        self.assertEqual((found["ratio"], found["p"]), (None, 2 / 64))

    def test_a_busy_host_is_no_result(self) -> None:
        for boot in self.boots[:4]:
            for point in boot.points:
                if point.protocol == "rcu_desc":
                    self.wait(boot, point, 0.5)
        found = self.build()
        self.assertEqual({point["protocol"]: (point["verdict"], point["reason"]) for point in found["points"]},
                         {"typesafe": ("PASS", ""), "rcu_desc": ("INCONCLUSIVE", result.BUSY)})
        text = " ".join(summary.render(found).split())
        self.assertIn("0 windows were made again (typesafe 0, rcu_desc 0), and of the 48 that count 16 are left out: their virtual CPUs waited "
                      "for one of the host's for more than 1% of the time", text)
        self.assertIn(f"INCONCLUSIVE: {result.BUSY}: 1 of 2 points lost most of their windows to it", text)

    def test_boots_are_added_until_it_is_known(self) -> None:
        self.assertIsNotNone(result.widest(self.build(), "lookups_per_second"))
        self.boots = self.boots[:1]
        self.assertIsNone(result.widest(self.build(), "lookups_per_second"), "one boot has no interval")


if __name__ == "__main__":
    unittest.main()
