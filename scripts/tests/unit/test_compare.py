# SPDX-License-Identifier: GPL-2.0
"""compare: what it says of two results, and what it refuses."""

import contextlib
import copy
import functools
import io
import json
import subprocess
import tempfile
import unittest
from argparse import Namespace
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import synthetic
from fsc.cmd import compare
from fsc.result import environment, metrics, result, stats
from fsc.result.metrics import METRICS
from fsc.show import table
from fsc.verdict import EXIT_SETUP, SetupError

FOLIOSCALE = Path(__file__).resolve().parents[2] / "folioscale"
LOW, HIGH = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0], [11.0, 12.0, 13.0, 14.0, 15.0, 16.0]
# The least p of six against six: all of one are below all of the other.
LEAST = 2 / 924
POINTS = (("read-only", "overlay"), ("churn", "overlay"), ("churn", "typesafe"), ("churn", "rcu_full"),
          ("icount-lookup", "overlay"), ("icount-turnover", "overlay"))


@functools.cache
def built(accelerator: str, repetitions: int = 6) -> dict[str, Any]:
    """Some points of the default suite; copy them before changing them."""
    suite = synthetic.suite()
    suite = replace(suite, points=tuple(point for point in suite.points if (point.workload, point.protocol) in POINTS))
    boots = synthetic.boots(suite, accelerator, repetitions)
    return result.build(suite, boots, environment.gather(suite, boots, accelerator == "tcg", ""))


def point_of(found: dict[str, Any], workload: str, protocol: str) -> dict[str, Any]:
    return next(p for p in found["points"] if (p["workload"], p["protocol"]) == (workload, protocol))


def measured(point: dict[str, Any], name: str, values: list[float]) -> None:
    """Give a point these values; if they are fewer than its repetitions, the last have none."""
    for rep in point["repetitions"]:
        rep["metrics"].pop(name, None)
    for rep, value in zip(point["repetitions"], values):
        rep["metrics"][name] = value
    found = (stats.spread if METRICS[name].deterministic else stats.median)(values)
    point["summary"][name] = {"median": found.centre, "low": found.low, "high": found.high, "n": len(values),
                              "coverage": found.coverage, "rankable": True}


def bare(name: str, values: list[float], protocol: str = "typesafe",
         axes: dict[str, Any] | None = None) -> dict[str, Any]:
    """A point that has one metric, and only what a comparison looks at."""
    point = {"workload": "churn", "path": "pagecache", "protocol": protocol, "axes": axes or {},
             "repetitions": [{"metrics": {}} for _ in values], "summary": {}}
    measured(point, name, values)
    return point


def verdict(name: str, a: list[float], b: list[float]) -> str:
    return compare.family([(bare(name, a), bare(name, b))])[0][name]["verdict"]


class PairTest(unittest.TestCase):
    """Two equal results, on real hardware unless the class says otherwise, for tests to change."""
    ACCELERATOR = "kvm"

    def setUp(self) -> None:
        self.a, self.b = (copy.deepcopy(built(self.ACCELERATOR)) for _ in range(2))

    def compare(self, force: bool = False) -> dict[str, Any]:
        return compare.compare(compare.Side("A", Path("old"), self.a), compare.Side("B", Path("new"), self.b), force)

    def text(self, force: bool = False) -> str:
        """On one line, as lines end anywhere."""
        return " ".join(compare.render(self.compare(force)).split())

    def figures(self, workload: str, protocol: str, name: str) -> dict[str, Any]:
        return point_of(self.compare(), workload, protocol)["metrics"][name]

    def spoil(self, change: Callable[[dict[str, Any]], None]) -> None:
        for point in self.b["points"]:
            change(point)


class VerdictTest(unittest.TestCase):
    def test_words(self) -> None:
        for name, more, less in (("lookups_per_second", "faster", "slower"),
                                 ("turnovers_per_second", "faster", "slower"),
                                 ("lookup_ns_p50", "slower", "faster"), ("lookup_ns_max", "slower", "faster"),
                                 ("expedited_per_second", "more", "less"), ("reuse_ns_p50", "more", "less"),
                                 ("tryget_zero_per_million", "more", "less"),
                                 ("limbo_page_bytes_peak", "more", "less")):
            self.assertEqual((verdict(name, LOW, HIGH), verdict(name, HIGH, LOW)), (more, less), name)
            self.assertEqual(verdict(name, LOW, LOW), "no difference shown", name)

    def test_words_are_of_metrics(self) -> None:
        self.assertLessEqual(set(compare.RATES + compare.TIMES), set(METRICS))

    def test_ratio_is_of_b_to_a(self) -> None:
        a, b = bare("lookups_per_second", HIGH), bare("lookups_per_second", [2 * value for value in HIGH])
        found = compare.family([(a, b)])[0]["lookups_per_second"]
        self.assertEqual((found["a"]["median"], found["b"]["median"]), (13.5, 27))
        self.assertAlmostEqual(found["ratio"], 2)
        self.assertTrue(found["ratio_low"] < 2 < found["ratio_high"])
        self.assertAlmostEqual(found["p"], LEAST)

    def test_a_zero_has_no_ratio_but_a_verdict(self) -> None:
        name = "recheck_fail_per_million"
        found = compare.family([(bare(name, [0.0] * 6), bare(name, LOW))])[0][name]
        self.assertEqual((found["ratio"], found["verdict"]), (None, "more"))
        self.assertEqual(verdict(name, LOW, [0.0] * 6), "less")
        self.assertEqual(verdict(name, [0.0] * 6, [0.0] * 6), "no difference shown")

    def test_counted(self) -> None:
        name = "instructions_per_lookup"
        for b, said in ((100.0, "same"), (100.05, "same"), (100.2, "differ by +0.2%"), (90.0, "differ by -10.0%")):
            found = compare.family([(bare(name, [100.0]), bare(name, [b]))])[0][name]
            self.assertEqual((found["verdict"], found["p"]), (said, None))
            self.assertAlmostEqual(found["ratio"], b / 100)
        self.assertEqual((verdict(name, [0.0], [0.0]), verdict(name, [0.0], [1.0])), ("same", "differ"))

    def test_too_few_boots_have_it(self) -> None:
        found = compare.family([(bare("reuse_ns_p50", LOW), bare("reuse_ns_p50", HIGH[:5]))])[0]["reuse_ns_p50"]
        self.assertEqual([found[member] for member in ("verdict", "p", "ratio")], [None] * 3)


class HolmTest(unittest.TestCase):
    NAME = "lookups_per_second"

    def pairs(self, protocols: int, axes: int = 1) -> list[tuple[dict[str, Any], dict[str, Any]]]:
        """One pair that differs as much as six boots can, and others that are equal."""
        return [(bare(self.NAME, LOW, f"p{i}", {"n": j}), bare(self.NAME, LOW if i or j else HIGH, f"p{i}", {"n": j}))
                for i in range(protocols) for j in range(axes)]

    def test_over_protocols_and_axes(self) -> None:
        for protocols, axes in ((1, 1), (4, 1), (4, 3)):
            found = [figures[self.NAME] for figures in compare.family(self.pairs(protocols, axes))]
            self.assertAlmostEqual(found[0]["p"], LEAST * protocols * axes)
            self.assertEqual(found[0]["verdict"], "faster")
            self.assertEqual({figures["verdict"] for figures in found[1:]} - {"no difference shown"}, set())

    def test_each_metric_for_itself(self) -> None:
        pairs = self.pairs(4)
        for a, b in pairs:
            measured(a, "lookup_ns_p50", LOW)
            measured(b, "lookup_ns_p50", HIGH)
        self.assertAlmostEqual(compare.family(pairs)[0][self.NAME]["p"], 4 * LEAST)

    def test_more_points_than_six_boots_can_tell_apart(self) -> None:
        found = compare.family(self.pairs(4, 6))[0][self.NAME]
        self.assertEqual(found["verdict"], "no difference shown")
        self.assertGreater(found["p"], stats.ALPHA)
        for axes, said in ((6, ["here: so many points are tested that nothing can be shown of lookups_per_second: "
                                "Holm wants more repetitions, or fewer points"]), (5, [])):
            pairs = self.pairs(4, axes)
            notes = compare._about_family("here", [a for a, _ in pairs], compare.family(pairs))
            self.assertEqual(list(notes), said)

    def test_not_over_workloads(self) -> None:
        """compare() adjusts over all points of a family, and over no others."""
        found, other = (copy.deepcopy(built("kvm")) for _ in range(2))
        for one, values in ((found, LOW), (other, HIGH)):
            measured(point_of(one, "churn", "typesafe"), self.NAME, values)
        both = compare.compare(compare.Side("A", Path("a"), found), compare.Side("B", Path("b"), other))
        self.assertAlmostEqual(point_of(both, "churn", "typesafe")["metrics"][self.NAME]["p"], 3 * LEAST)


class SimulationTest(unittest.TestCase):
    NAME = "lookups_per_second"

    def share_called_different(self, draws: int, protocols: int, factor: float) -> float:
        """The share of draws in which any protocol was called different."""
        rng, found = np.random.default_rng(7), 0
        for _ in range(draws):
            pairs = [(bare(self.NAME, list(rng.lognormal(0, 0.1, 6))),
                      bare(self.NAME, list(factor * rng.lognormal(0, 0.1, 6)))) for _ in range(protocols)]
            found += any(figures[self.NAME]["verdict"] != "no difference shown" for figures in compare.family(pairs))
        return found / draws

    def test_the_same_distribution(self) -> None:
        self.assertLessEqual(self.share_called_different(400, 1, 1), stats.ALPHA)

    def test_the_same_distributions_of_four_protocols(self) -> None:
        self.assertLessEqual(self.share_called_different(300, 4, 1), stats.ALPHA)

    def test_a_shift_is_found(self) -> None:
        self.assertGreater(self.share_called_different(200, 1, 1.4), 0.95)


class MeasuredOtherwiseTest(PairTest):
    """Different measures have neither ratio nor verdict."""
    POINT = ("churn", "rcu_full")

    def compared(self, metric: str) -> bool:
        return self.figures(*self.POINT, metric)["verdict"] is not None

    def test_limbo(self) -> None:
        limbos = [rep["limbo"] for found in (self.a, self.b) for rep in point_of(found, *self.POINT)["repetitions"]]
        ours = limbos[len(limbos) // 2:]
        self.assertTrue(self.compared("limbo_descriptor_bytes_mean"))
        for limbo in ours:
            limbo["exact"] = 0
        self.assertFalse(self.compared("limbo_descriptor_bytes_mean"))
        self.assertTrue(self.compared("turnovers_per_second"))
        self.assertIn("limbo_descriptor_bytes_mean is a count in A, the slab's object count in B, so not compared: "
                      "pagecache, churn, rcu_full", self.text())
        for limbo in limbos:
            limbo["exact"] = 0
        self.assertTrue(self.compared("limbo_descriptor_bytes_mean"))
        for limbo in ours:
            limbo["bound"] = "markers"
        self.assertFalse(self.compared("limbo_descriptor_bytes_mean"))
        self.assertIn("is the slab's object count in A, the markers' upper bound in B", self.text())

    def test_cached(self) -> None:
        self.assertTrue(self.compared("cached_bytes_mean"))
        for rep in point_of(self.b, *self.POINT)["repetitions"]:
            rep["cached"]["bound"] = "lower"
        self.assertFalse(self.compared("cached_bytes_mean"))
        self.assertIn("cached_bytes_mean is a count in A, a lower bound in B", self.text())
        # Two lower bounds have no ratio either.
        for rep in point_of(self.a, *self.POINT)["repetitions"]:
            rep["cached"]["bound"] = "lower"
        self.assertFalse(self.compared("cached_bytes_mean"))

    def test_cached_by_cpus(self) -> None:
        self.assertTrue(self.compared("cached_percpu_bytes_mean"))
        for rep in point_of(self.b, *self.POINT)["repetitions"]:
            rep["cache"] = {"sheaf_capacity": 60}
        self.assertFalse(self.compared("cached_percpu_bytes_mean"))
        self.assertIn("cached_percpu_bytes_mean is free objects of CPUs' slabs in A, what sheaves and barns hold in B", self.text())


class EmulatedTest(PairTest):
    ACCELERATOR = "tcg"

    def setUp(self) -> None:
        super().setUp()
        for found, values in ((self.a, LOW), (self.b, HIGH)):
            point = point_of(found, "churn", "typesafe")
            measured(point, "lookups_per_second", values)
            point["summary"]["lookups_per_second"]["rankable"] = False
            measured(point, "tryget_zero_per_million", values)

    def test_no_verdict_on_time(self) -> None:
        for point in self.compare()["points"]:
            for name, figures in point["metrics"].items():
                ranks = metrics.ranks(name, point["protocol"], True)
                self.assertEqual(figures["verdict"] is not None, ranks, name)
                if not ranks:
                    self.assertEqual((figures["ratio"], figures["p"]), (None, None))
        self.assertEqual(self.figures("churn", "typesafe", "tryget_zero_per_million")["verdict"], "more")

    def test_estimates_are_marked(self) -> None:
        self.assertNotIn("~", compare.render(self.compare()))
        point_of(self.b, "churn", "rcu_full")["repetitions"][0]["limbo"]["exact"] = 0
        text = compare.render(self.compare())
        lines = text.partition("--- pagecache, churn")[2].partition("\nlimbo_descriptor_bytes_mean\n")[2].splitlines()
        self.assertRegex(lines[0], r"^rcu_full +\d\S+K \S+ \S+ +~\d")
        self.assertIn("~: an estimate.", text)

    def test_lower_bounds_are_marked(self) -> None:
        self.assertNotIn(">=:", compare.render(self.compare()))
        point_of(self.b, "churn", "rcu_full")["repetitions"][0]["cached"]["bound"] = "lower"
        text = compare.render(self.compare())
        lines = text.partition("--- pagecache, churn")[2].partition("\ncached_bytes_mean\n")[2].splitlines()
        line = next(line for line in lines if line.startswith("rcu_full"))
        self.assertRegex(line, r"^rcu_full +\d\S+K \S+ \S+ +>=\d")
        self.assertIn(">=: a lower bound.", text)

    def test_said_once(self) -> None:
        text = self.text()
        self.assertEqual(text.count("EMULATED"), 1)
        self.assertIn("TIMES ARE EMULATED in A and B", text)
        self.assertNotIn("faster", text.split("B/A: Hodges")[0])
        self.assertNotIn("not tested", text)

    def test_one_side(self) -> None:
        self.b = copy.deepcopy(built("kvm"))
        with self.assertRaisesRegex(SetupError, "times are emulated in A, real in B; both must be"):
            self.compare()
        text = self.text(force=True)
        self.assertIn("FORCED. Refused otherwise: times are emulated in A, real in B", text)
        self.assertIn("TIMES ARE EMULATED in A (", text)
        self.assertNotIn("faster", text.split("B/A: Hodges")[0])


class RefusalTest(PairTest):
    def refused(self, why: str, overridable: bool = False) -> None:
        with self.assertRaisesRegex(SetupError, why):
            self.compare()
        if overridable:
            found = self.compare(force=True)
            self.assertTrue(any(reason.startswith(why) for reason in found["overridden"]))
            self.assertIn(f"FORCED. Refused otherwise: {why}", " ".join(compare.render(found).split()))
        else:
            with self.assertRaisesRegex(SetupError, why):
                self.compare(force=True)

    def test_not_refused(self) -> None:
        found = self.compare()
        self.assertEqual(found["overridden"], [])
        self.assertNotIn("FORCED", compare.render(found))

    def test_too_few_repetitions(self) -> None:
        self.b = copy.deepcopy(built("kvm", 5))
        self.refused("B: new: .*: 5 repetitions; a test takes 6 at least")
        self.a, self.b = self.b, self.a
        self.refused("A: old: .*: 5 repetitions")

    def test_a_matrix_of_one_boot_is_not_tested(self) -> None:
        """As in its suite, nothing is tested: the figures of two kernels are side by side."""
        self.a, self.b = (copy.deepcopy(built("kvm", 1)) for _ in range(2))
        for found in self.a, self.b:
            found["points"] = [point | {"axes": {"free_rate": 10}} for point in found["points"] if point["workload"] == "churn"]
        env = self.b["environment"]
        env["kernel"] = env["kernel"] | {"release": "7.3.4-test", "preempt": "lazy"}
        points = [figures for point in self.compare()["points"] for figures in point["metrics"].values()]
        self.assertEqual({(figures["verdict"], figures["p"]) for figures in points}, {(None, None)})
        text = self.text()
        self.assertIn("new: 7.3.4-test, accelerator kvm", text)
        self.assertIn("kernel.preempt: voluntary in A, lazy in B", text)
        self.assertRegex(text, r"- pagecache, churn: \d+ figures of the matrix are of fewer than 6 boots, so not tested")
        self.assertEqual(text.count("not tested"), 1)
        self.a["points"][0]["axes"] = self.b["points"][0]["axes"] = {}
        self.refused("A: old: .*: 1 repetitions; a test takes 6 at least")

    def test_one_is_enough_of_what_is_counted(self) -> None:
        for found in (self.a, self.b):
            found["points"] = [point for point in found["points"] if point["workload"].startswith("icount")]
        self.assertEqual({figures["verdict"] for point in self.compare()["points"]
                          for figures in point["metrics"].values()}, {"same"})

    def test_verdict(self) -> None:
        for bad in ("FAIL", "INCONCLUSIVE", "LOST"):
            self.b["verdict"] = bad
            self.refused(f"B: new: its verdict is {bad}; only PASS")
        self.b["verdict"] = "PASS"
        self.a["points"][3]["verdict"] = "INCONCLUSIVE"
        self.refused("A: old: its verdict is INCONCLUSIVE")

    def test_accelerator(self) -> None:
        self.b["environment"]["accelerator"] = "host"
        self.refused("the accelerator is kvm in A, host in B", overridable=True)

    def test_parameters(self) -> None:
        self.spoil(lambda point: point["params"].update(nr_folios=4096))
        with self.assertRaisesRegex(SetupError, r"in B \(pagecache, read-only, overlay and 5 more\)"):
            self.compare()
        self.b["points"][1:] = copy.deepcopy(self.a["points"][1:])
        with self.assertRaisesRegex(SetupError, r"in B \(pagecache, read-only, overlay\)"):
            self.compare()
        self.refused("parameters must be the same: nr_folios is 1024 in A, 4096 in B", overridable=True)

    def test_parameter_that_one_does_not_have(self) -> None:
        self.spoil(lambda point: point["params"].update(pin="get"))
        self.refused("parameters must be the same: pin is unknown in A, get in B", overridable=True)

    def test_all_that_is_overridden_is_said(self) -> None:
        self.b["environment"]["accelerator"] = "host"
        self.b["points"][0]["params"]["seed"] = 2
        self.assertEqual(self.text(force=True).count("FORCED"), 2)

    def test_no_common_point(self) -> None:
        self.spoil(lambda point: point.update(workload=f"other-{point['workload']}"))
        self.refused("no point is in both: .*B .plain. has other-read-only")

    def test_twice(self) -> None:
        self.b["points"].append(self.b["points"][0])
        self.refused("B: new: pagecache, read-only, overlay is there twice")

    def test_axes_tell_points_apart(self) -> None:
        for found in (self.a, self.b):
            more = copy.deepcopy(point_of(found, "churn", "typesafe"))
            more["axes"] = {"nr_readers": 4}
            more["params"]["nr_readers"] = 4
            found["points"].append(more)
        point = next(point for point in self.compare()["points"] if point["axes"])
        self.assertEqual(point["axes"], {"nr_readers": 4})
        self.assertIn("typesafe nr_readers=4", self.text())
        self.b["points"][-1]["axes"] = {"nr_readers": 8}
        self.assertIn("only in B: pagecache, churn: typesafe nr_readers=8", self.text())
        self.b["points"][-1]["axes"] = {}
        self.refused("typesafe is there twice")


class MachinesTest(PairTest):
    """Suites that boot several machines."""

    def setUp(self) -> None:
        super().setUp()
        for found in self.a, self.b:
            env = found["environment"]
            env["suite"]["boots"] = {name: {"title": "", "cmdline": f"a={name}", "flavour": "", "memory_mb": 0}
                                     for name in ("one", "other")}
            for boot, name in zip(env["boots"], ("one", "other")):
                boot["name"] = name

    def test_the_same(self) -> None:
        self.assertEqual(self.compare()["environment"], {})

    def test_what_differs(self) -> None:
        self.b["environment"]["suite"]["boots"]["other"]["cmdline"] = "b"
        said = self.b["environment"]["boots"][1]
        said |= {"release": "6.13", "preempt": "full", "rcu": said["rcu"] | {"nocb_cpus": "0-1"}, "sheaf_capacity": "60"}
        self.assertEqual(self.compare()["environment"], {
            "boot other cmdline": {"a": "a=other", "b": "b"}, "boot other release": {"a": "6.12.0-test", "b": "6.13"},
            "boot other preempt": {"a": "voluntary", "b": "full"}, "boot other nocb_cpus": {"a": "", "b": "0-1"},
            "boot other sheaf_capacity": {"a": None, "b": "60"}})
        text = self.text()
        self.assertIn("boot other cmdline: a=other in A, b in B", text)
        self.assertIn("new: 6.12.0-test, 6.13, accelerator kvm", text)

    def test_of_what_only_one_has_nothing_is_said(self) -> None:
        del self.b["environment"]["suite"]["boots"]["one"]
        self.assertEqual(self.compare()["environment"], {})


class TextTest(PairTest):
    def test_72_columns(self) -> None:
        self.b["environment"]["cmdline"] += " " + "x" * 100
        self.spoil(lambda point: point["params"].update(nr_folios=4096))
        for found, factor in ((self.a, 1), (self.b, 1_234)):
            for point in found["points"]:
                point["axes"] = {"a_long_parameter": 1_000_000, "popularity": "zipf"}
                for name in point["summary"]:
                    measured(point, name, [factor * 123.4 * (1 + i) for i in range(len(point["repetitions"]))])
        for a, b in ((self.a, self.b), (self.b, self.a), (built("tcg"), built("tcg")), (self.a, self.a)):
            self.a, self.b = a, b
            lines = compare.render(self.compare(force=True)).splitlines()
            self.assertEqual([line for line in lines if len(line) > table.WIDTH or line != line.rstrip()], [])
            self.assertTrue(all(line.isascii() for line in lines))

    def test_head(self) -> None:
        env = self.b["environment"]
        env["cmdline"] += " preempt=full"
        env["kernel"] = copy.deepcopy(env["kernel"]) | {"release": "6.13.0-other"}
        env["kernel"]["facts"]["kasan"] = 1
        env["rcu"] = env["rcu"] | {"rcu_normal_wake_from_gp": 1}
        env["sheaf_capacity"] = "60"
        env["revision"], env["date"] = "abc123", "2027-01-01T00:00:00Z"
        text = self.text()
        for words in ("old: 6.12.0-test, accelerator kvm", "new: 6.13.0-other, accelerator kvm, revision abc123, 2027",
                      "cmdline only in B: preempt=full ", "environment kernel.facts.kasan: 0 in A, 1 in B; "
                      "rcu.rcu_normal_wake_from_gp: 0 in A, 1 in B; sheaf_capacity: unknown in A, 60 in B"):
            self.assertIn(words, text)
        self.b = self.a
        text = self.text()
        self.assertIn("cmdline the same words in both environment the same in both", text)

    def test_facts_of_the_icount_boot(self) -> None:
        env = self.b["environment"]
        env["icount"]["clocksource"] = "hpet"
        env["cpu"] = env["icount"]["cpu"] = "another"
        found = self.compare()["environment"]
        self.assertEqual(found["icount clocksource"], {"a": "tsc", "b": "hpet"})
        self.assertEqual([name for name in found if name.endswith("cpu")], ["cpu", "icount cpu"])
        self.a["environment"]["icount"]["cpu"] = self.a["environment"]["cpu"]
        self.assertNotIn("icount cpu", self.compare()["environment"])

    def test_verdicts_are_counted(self) -> None:
        for found, values in ((self.a, LOW), (self.b, HIGH)):
            measured(point_of(found, "churn", "typesafe"), "lookups_per_second", values)
            measured(point_of(found, "icount-lookup", "overlay"), "instructions_per_lookup", values[:1])
        text = self.text()
        self.assertRegex(text, r"verdicts of \d+ tested: 1 faster, \d+ no difference shown; "
                               "of 4 counted: 1 differ, 3 same")
        self.assertIn("faster, p 0.0065", text)
        self.assertIn("differ by +1000.0%", text)

    def test_what_is_in_one_alone(self) -> None:
        self.a["points"].remove(point_of(self.a, "churn", "rcu_full"))
        del point_of(self.b, "churn", "overlay")["summary"]["lookup_ns_max"]
        text = self.text()
        self.assertIn("- only in B: pagecache, churn: rcu_full", text)
        self.assertIn("- only in A: pagecache, churn, overlay: lookup_ns_max", text)

    def test_zeros(self) -> None:
        text = compare.render(self.compare())
        self.assertIn("0 in A and B: overlay, typesafe", text)
        self.assertIn("0 in all of A and B: tryget_zero_per_million, recheck_fail_per_million", text)

    def test_notes(self) -> None:
        measured(point_of(self.b, "churn", "typesafe"), "reuse_ns_p50", HIGH[:4])
        self.assertIn("churn, typesafe: reuse_ns_p50: not tested, 6 boots have it in A, 4 in B", self.text())
        self.assertNotIn("so many", self.text())

    def test_numbers(self) -> None:
        for ratio, text in ((1, "1.00x"), (0.0123, "0.0123x"), (12.34, "12.3x"), (234.5, "234x"),
                            (1_234, "1.23kx"), (12_345, "12.3kx")):
            self.assertEqual(compare._times(ratio), text)


class CommandTest(PairTest):
    """The command itself, on files."""

    def setUp(self) -> None:
        super().setUp()
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        result.write(self.folder / "result.json", self.a)
        result.write(self.folder / "b.json", self.b)

    def run_it(self, *words: str | Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run([FOLIOSCALE, "compare", *words], check=False, text=True, capture_output=True)

    def test_folder_and_file(self) -> None:
        self.b["environment"]["accelerator"] = "host"
        result.write(self.folder / "b.json", self.b)
        done = self.run_it("--force", self.folder, self.folder / "b.json", "--json", self.folder / "out.json")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertIn("result.json: 6.12.0-test", " ".join(done.stdout.split()))
        found = json.loads((self.folder / "out.json").read_text())
        self.assertEqual(done.stdout, compare.render(found))
        self.assertIn("FORCED", done.stdout)
        self.assertEqual([file.name for file in self.folder.glob(".*")], [])

    def says(self, a: Path, b: Path) -> str:
        """What the command prints, without the seconds that its start takes."""
        with contextlib.redirect_stdout(io.StringIO()) as out:
            self.assertIsNone(compare.main(Namespace(a=str(a), b=str(b), json=None, force=False)))
        return out.getvalue()

    def test_compressed(self) -> None:
        """Results may be compressed."""
        shown = self.says(self.folder, self.folder / "b.json").split()
        for name in ("result.json", "b.json"):
            subprocess.run(["xz", self.folder / name], check=True)
        self.assertEqual(self.says(self.folder, self.folder / "b.json.xz").replace(".xz", "").split(), shown)
        result.write(self.folder / "result.json", self.a)
        with self.assertRaisesRegex(SetupError, "^.* has result.json and result.json.xz: name one of them.*$"):
            self.says(self.folder, self.folder / "b.json.xz")
        (self.folder / "result.json").unlink()
        (self.folder / "b.json.xz").write_bytes(b"spoilt")
        done = self.run_it(self.folder, self.folder / "b.json.xz")
        self.assertEqual((done.returncode, done.stderr.count("\n")), (EXIT_SETUP, 1))
        self.assertIn("b.json.xz is no result of this folioscale: not xz", done.stderr)

    def test_refused_with_status_2(self) -> None:
        self.b["environment"]["accelerator"] = "host"
        result.write(self.folder / "b.json", self.b)
        done = self.run_it(self.folder, self.folder / "b.json")
        self.assertEqual((done.returncode, done.stdout, done.stderr.count("\n")), (EXIT_SETUP, "", 1))
        self.assertIn("comparison refused: the accelerator is kvm in A, host in B", done.stderr)

    def test_no_flags_of_a_machine(self) -> None:
        done = self.run_it(self.folder, self.folder, "--kdir", "x")
        self.assertEqual(done.returncode, EXIT_SETUP)
        self.assertIn("unrecognized arguments: --kdir", done.stderr)

    def test_no_result(self) -> None:
        file = self.folder / "c.json"
        for text, why in (("{", "not JSON"), ("[]", r"\$: it must be a table, not \[\]"),
                          (json.dumps(self.a | {"schema": 1}), r"\$\.schema: 'schema' must be 2, not 1"),
                          (json.dumps({"schema": 2, "huge": [0] * 10_000}), r"\$: unknown key 'huge'; known: schema, environment"),
                          (json.dumps({"schema": 2}), r"\$: 'environment' is missing; required: schema, "),
                          (json.dumps(self.a | {"points": []} | {"verdict": "FINE"}), "'verdict' must be one of: PASS, FAIL"),
                          (json.dumps([0] * 10_000), r"\$: it must be a table, not \[0, 0")):
            file.write_text(text)
            with self.assertRaisesRegex(SetupError, f"B: .*c.json is no result of this .*: .*({why})") as caught:
                compare.load("B", str(file))
            self.assertIn("scripts/fsc/result/result.schema.json", str(caught.exception))
            self.assertLess(len(str(caught.exception)), 400)
        file.write_bytes(b"\xff\xfe")
        with self.assertRaisesRegex(SetupError, "not JSON"):
            compare.load("B", str(file))
        with self.assertRaisesRegex(SetupError, "A: .*nowhere: no such file; A and B are folders"):
            compare.load("A", str(self.folder / "nowhere"))

    def test_json_never_over_a_result(self) -> None:
        before = (self.folder / "b.json").read_text()
        for file in (self.folder, self.folder / "b.json", self.folder / "result.json"):
            args = Namespace(a=str(self.folder), b=str(self.folder / "b.json"), json=str(file), force=False)
            with self.assertRaisesRegex(SetupError, "must be a file of its own"):
                compare.main(args)
        self.assertEqual((self.folder / "b.json").read_text(), before)


if __name__ == "__main__":
    unittest.main()
