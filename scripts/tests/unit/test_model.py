# SPDX-License-Identifier: GPL-2.0
"""The model of limbo: its arithmetic, what it refuses, and how it is shown."""

import argparse
import contextlib
import copy
import functools
import io
import json
import re
import tempfile
import unittest
from pathlib import Path
from typing import Any

import synthetic
import undrawn
from fsc.cmd import model, report
from fsc.result import environment, metrics, result
from fsc.show import notes, summary
from fsc.verdict import SetupError

GP_NS = 20_000_000
LITTLE = {"waited_ns": 40_000_000_000, "waits": 1000, "frees": 1000, "window_ns": 2_000_000_000,
          "wait_ns": 15_000_000_000, "released": 750, "samples": 10_000}


@functools.cache
def _made() -> dict[str, Any]:
    """The limbo suite: as many frees as were asked for, grace periods of 20 ms, or of 50 ms at a million a second."""
    suite = synthetic.suite("limbo")
    boot = synthetic.boot(1, list(suite.points))
    for point in suite.points:
        rate = int(point.params["free_rate"])
        run = synthetic.run(point)
        run["counters"]["frees"] = rate * point.params["duration_ms"] // 1000
        gp = GP_NS if rate < 1_000_000 else 50_000_000
        run["latency"]["gp"] = synthetic.histogram([gp] * 30 if point.params.get("gp_probe_ms") else [])
        pages = 51_200 if point.protocol == "rcu_full" else 0
        run["limbo"] |= {"descriptor_bytes_mean": 1000, "page_bytes_mean": pages}
        synthetic.put(boot, f"run/{point.id}", run)
    found = result.build(suite, [boot], environment.gather(suite, [boot], True, ""))
    result.validate(found)
    return found


def made() -> dict[str, Any]:
    """A copy that tests may change."""
    return copy.deepcopy(_made())


def of(found: dict[str, Any]) -> model.Model:
    said = model.of(found)
    assert isinstance(said, model.Model), said
    return said


class BatchingTest(unittest.TestCase):
    def test_a_timer_of_five_seconds(self) -> None:
        # 50 objects and the one that started it: (5 + 50 * 2.5) / 51 s.
        self.assertAlmostEqual(model.batching_ns(10, 250, GP_NS) / 1e9, 130 / 51)
        # A single object waits for all of it.
        self.assertAlmostEqual(model.batching_ns(1e-6, 250, GP_NS) / 1e9, 5, places=3)

    def test_a_full_page_and_a_jiffy(self) -> None:
        # 507 objects, and a jiffy and a half of 4 ms: half of that.
        self.assertAlmostEqual(model.batching_ns(10_000, 250, GP_NS) / 1e6, (50.7 + 6) / 2, delta=0.1)
        self.assertAlmostEqual(model.batching_ns(10_000, 1000, GP_NS) / 1e6, (50.7 + 1.5) / 2, delta=0.1)

    def test_two_batches_at_once(self) -> None:
        self.assertAlmostEqual(model.batching_ns(1_000_000, 250, 100e6) / 1e6, 25, delta=0.1)

    def test_falls_with_the_rate(self) -> None:
        found = [model.batching_ns(10 ** n, 250, GP_NS) for n in range(7)]
        self.assertEqual(found, sorted(found, reverse=True))


def with_sheaves() -> dict[str, Any]:
    """The same, for a kernel whose kfree_rcu() fills sheaves of 60."""
    found = made()
    for point in found["points"]:
        for rep in point["repetitions"]:
            if rep["resolved"] and rep["resolved"]["deferral"] == "kfree_rcu":
                rep["limbo"] |= {"bound": "markers", "marker_every": 60}
    return found


class PredictedTest(unittest.TestCase):
    def rows(self, found: dict[str, Any]) -> dict[tuple[str, bool], list[model.Predicted]]:
        rows: dict[tuple[str, bool], list[model.Predicted]] = {}
        for row in of(found).predicted["pagecache, rate"]:
            rows.setdefault((row.arm.label, row.pages), []).append(row)
        return rows

    def test_arms(self) -> None:
        rows = self.rows(made())
        self.assertEqual(list(rows), [
            ("rcu_desc kfree_rcu", False), ("rcu_desc call_rcu", False), ("rcu_desc call_rcu_hurry", False),
            ("rcu_full call_rcu", False), ("rcu_full call_rcu", True),
            ("rcu_full call_rcu_hurry", False), ("rcu_full call_rcu_hurry", True), ("hazptr auto", False)])
        self.assertEqual({len(own) for own in rows.values()}, {6})

    def test_rate_times_wait_times_bytes(self) -> None:
        rows = self.rows(made())
        low, *_, high = rows["rcu_desc call_rcu", False]
        # Below the lowest probed rate, that rate's probe counts.
        self.assertAlmostEqual(low.bytes, 10 * 0.020 * 80)
        self.assertAlmostEqual(high.bytes, 1_000_000 * 0.050 * 80)
        self.assertAlmostEqual(low.error, 16 / 1000 - 1)
        self.assertAlmostEqual(rows["rcu_full call_rcu_hurry", True][2].bytes, 1000 * 0.020 * 4096)
        batched = rows["rcu_desc kfree_rcu", False][2]
        self.assertAlmostEqual(batched.bytes, 1000 * (0.020 + model.batching_ns(1000, 250, GP_NS) / 1e9) * 80)
        self.assertTrue(batched.estimated)
        self.assertFalse(low.estimated)

    def test_half_a_batch(self) -> None:
        self.assertEqual({row.bytes for row in self.rows(made())["hazptr auto", False]}, {31.5 * 80})

    def test_own_probes_before_others(self) -> None:
        found = made()
        for point in found["points"]:
            if point["workload"] == "grace-period" and point["protocol"] == "typesafe":
                point["summary"]["gp_ns_mean"]["median"] = 1e6
        self.assertAlmostEqual(self.rows(found)["rcu_full call_rcu", False][2].gp_ns, GP_NS)
        found["points"] = [p for p in found["points"] if (p["workload"], p["protocol"]) != ("grace-period", "rcu_full")]
        self.assertAlmostEqual(self.rows(found)["rcu_full call_rcu", False][2].gp_ns, 1e6)

    def test_lazy_callbacks_are_left_out(self) -> None:
        found = made()
        found["environment"]["cmdline"] += " rcu_nocbs=0-1"
        rows = self.rows(found)
        self.assertNotIn(("rcu_full call_rcu", False), rows)
        self.assertIn(("rcu_full call_rcu_hurry", False), rows)
        self.assertIn("lazy", " ".join(model.legend(of(found))))

    def test_a_sheaf_is_filled(self) -> None:
        # The mean time that 59, 58 ... 0 others take to arrive, at a thousand a second.
        self.assertAlmostEqual(model.sheaf_ns(1000, 60), sum(range(60)) / 60 * 1e6)
        found = with_sheaves()
        row = self.rows(found)["rcu_desc kfree_rcu", False][2]
        self.assertAlmostEqual(row.bytes, 1000 * (0.020 + 0.0295) * 80)
        said = " ".join(model.legend(of(found)))
        self.assertIn("for a sheaf of the CPU to be full", said)
        self.assertNotIn("6.12", said)
        self.assertIn("by 6.12's code", " ".join(model.legend(of(made()))))

    def test_lazy_sheaves_are_left_out(self) -> None:
        found = with_sheaves()
        found["environment"]["cmdline"] += " rcu_nocbs=0-1"
        self.assertNotIn(("rcu_desc kfree_rcu", False), self.rows(found))
        self.assertIn("a sheaf's call_rcu()", " ".join(of(found).left_out))

    def test_what_did_not_pass_is_left_out(self) -> None:
        found = made()
        for point in found["points"]:
            if point["axes"].get("free_rate") == 10:
                point["verdict"] = "FAIL"
        self.assertEqual({len(own) for own in self.rows(found).values()}, {5})


class ExtrapolatedTest(unittest.TestCase):
    def one(self, label: str, *rest: Any) -> model.Extrapolated:
        return next(row for row in of(made()).extrapolated(*rest) if row.arm.label == label)

    def test_arithmetic(self) -> None:
        row = self.one("rcu_full call_rcu", [100_000], 1, None)
        self.assertAlmostEqual(row.bytes, 100_000 * 0.020 * (80 + 4096))
        self.assertAlmostEqual(row.stalled, 100_000 * 21.020 * (80 + 4096))
        self.assertAlmostEqual(row.full_s(16 << 30), (16 << 30) / (100_000 * 4176) - 0.020)
        self.assertAlmostEqual(self.one("rcu_desc call_rcu", [100_000], 1, 1e6).bytes, 100_000 * 0.001 * 80)

    def test_batching_is_of_a_cpu(self) -> None:
        row = self.one("rcu_desc kfree_rcu", [100_000], 100, 1e6)
        self.assertAlmostEqual(row.batching_ns, model.batching_ns(1000, 250, 1e6))

    def test_what_readers_cannot_stretch(self) -> None:
        row = self.one("rcu_bounded auto", [100_000], 4, None)
        self.assertEqual((row.bytes, row.stalled), (4 * 512 * 80, 4 * 512 * 80))
        self.assertEqual(self.one("hazptr auto", [100_000], 4, None).stalled, 4 * 31.5 * 80)

    def test_hurry_is_not_said_twice(self) -> None:
        labels = [row.arm.label for row in of(made()).extrapolated([10, 20], 1, None)]
        self.assertNotIn("rcu_desc call_rcu_hurry", labels)
        self.assertEqual(labels.count("rcu_desc call_rcu"), 2)
        self.assertEqual(labels.count("hazptr auto"), 1)


class ShownTest(unittest.TestCase):
    def test_text(self) -> None:
        lines = model.render(of(made()))
        self.assertEqual([line for line in lines if len(line) > 72], [])
        text = " ".join("\n".join(lines).split())
        self.assertIn("1.00k 20.0ms 0 1.56K 0.977K +60%", text)
        self.assertIn("full 4.06s", text)
        self.assertEqual(text.count("Extrapolated, not measured"), 2)
        self.assertNotIn("Little", text)

    def test_its_error_is_beside_it(self) -> None:
        found = of(made())
        errors = sorted(row.error for rows in found.predicted.values() for row in rows if row.error is not None)
        said = f"{100 * errors[0]:+.0f}% to {100 * errors[-1]:+.0f}% at {len(errors)} places"
        text = " ".join("\n".join(model.render(found)).split())
        self.assertEqual(text.count(f"not measured (error where it was: {said})"), 2)
        self.assertIn(f"Error where it was measured: {said}. An extrapolation may be off by as much, or by more.", text)

    def test_a_long_name_has_a_line_of_its_own(self) -> None:
        found = made()
        for point in found["points"]:
            point["axes"]["popularity"] = "distributed-uniformly"
        lines = model.render(of(found))
        self.assertEqual([line for line in lines if len(line) > 72], [])
        self.assertIn("rcu_desc call_rcu distributed-uniformly", lines)

    def test_summary_ends_its_tables_with_it(self) -> None:
        text = summary.render(made())
        self.assertLess(text.index("--- pagecache, order"), text.index("--- The model"))
        self.assertLess(text.index("--- Extrapolated, not measured"), text.index("*: cannot hold"))
        self.assertEqual([line for line in text.splitlines() if len(line) > 72], [])

    def test_little(self) -> None:
        found = made()
        point = next(p for p in found["points"] if p["protocol"] == "rcu_full")
        point["summary"] |= {"limbo_over_little": {"median": 1.03}, "limbo_wait_ns_mean": {"median": 21e6}}
        lines = model.render(of(found))
        self.assertTrue(any(line.endswith("  Little") for line in lines))
        self.assertTrue(any(re.search(r"%  21\.0ms    1\.03$", line) for line in lines), lines)
        self.assertEqual([line for line in lines if len(line) > 72], [])

    def test_machines_are_not_mixed(self) -> None:
        """Grace periods of one boot say nothing about another's limbo."""
        found = made()
        for point in found["points"]:
            if point["axes"]:
                point["axes"]["boot"] = "lazy" if point["params"].get("gp_probe_ms") else "none"
        self.assertIsInstance(model.of(found), str)

    def test_html(self) -> None:
        with tempfile.TemporaryDirectory() as name, undrawn.undrawn():
            synthetic.put_folder(Path(name), made(), [])
            report.write([Path(name)], Path(name) / "report.html")
            page = (Path(name) / "report.html").read_text()
        self.assertEqual(page.count("<caption><span>Extrapolated, not measured"), 2)
        self.assertIn("<caption><span>The model, pagecache, rate", page)
        self.assertLess(page.index("<caption><span>The model"), page.index('id="plots"'))
        self.assertIn('<tr><th scope="row">1.00k</th><td>20.0ms</td><td>0</td><td>1.56K</td>', page)
        self.assertIn("&lt;0.001%", page)


class CommandTest(unittest.TestCase):
    def said(self, found: dict[str, Any], **given: Any) -> str:
        args = {"rate": None, "cpus": None, "grace_period": None} | given
        with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()) as out:
            (Path(folder) / "result.json").write_text(json.dumps(found))
            self.assertIsNone(model.main(argparse.Namespace(folder=folder, **args)))
        return out.getvalue()

    def test_takes_the_readers_own(self) -> None:
        text = self.said(made(), rate=[50_000, 70_000], cpus=8, grace_period=13.5)
        for part in ("8 freeing CPUs", "50.0k frees a second:", "70.0k frees", "13.5ms", "period: as given"):
            self.assertIn(part, text)
        self.assertNotIn("100k frees", text)

    def refused(self, found: dict[str, Any]) -> str:
        with self.assertRaises(SetupError) as caught:
            self.said(found)
        self.assertNotIn("\n", str(caught.exception))
        return str(caught.exception)

    def test_refusals_name_what_is_missing(self) -> None:
        without = made() | {"points": [p for p in made()["points"] if p["workload"] != "grace-period"]}
        self.assertIn("gp_probe_ms", self.refused(without))
        without = made() | {"points": [p for p in made()["points"] if p["workload"] == "order"]}
        self.assertIn("free_rate as an axis", self.refused(without))
        without = made()
        without["environment"]["kernel"] = None
        self.assertIn("HZ", self.refused(without))

    def test_another_load_is_no_probe(self) -> None:
        found = made()
        for point in found["points"]:
            if point["workload"] == "grace-period":
                point["params"]["hold_ns"] = 1000
        self.assertIn("same load", self.refused(found))


class MetricsTest(unittest.TestCase):
    def point(self) -> Any:
        return next(p for p in synthetic.suite("limbo").points if p.protocol == "rcu_full")

    def values(self, **changes: Any) -> dict[str, Any]:
        run = synthetic.run(self.point())
        run["limbo"] |= {"descriptor_objects_mean_milli": 21_000} | LITTLE | changes
        return metrics.plain(run, metrics.limbo(run, None))

    def test_mean_of_grace_periods(self) -> None:
        histogram = {"count": 4, "min_ns": 1010, "max_ns": 9000, "overflow": 1,
                     "buckets": [[1000, 1101, 1], [2000, 2101, 2]]}
        self.assertAlmostEqual(metrics.mean(histogram), (1050 + 2 * 2050 + 9000) / 4)
        self.assertEqual(metrics.mean(synthetic.histogram([20_001] * 3)), 20_001)    # never beyond the extremes
        self.assertIsNone(metrics.mean(synthetic.histogram([])))
        self.assertIsNone(metrics.mean(None))

    def test_little(self) -> None:
        found = self.values()
        self.assertEqual(found["limbo_wait_ns_mean"], 20_000_000)
        self.assertAlmostEqual(found["limbo_over_little"], 21 / 20)
        # Half of the frees were timed.
        self.assertAlmostEqual(self.values(frees=2000)["limbo_over_little"], 21 / 40)

    def test_little_is_absent(self) -> None:
        for changes in ({"waits": 99}, {"released": 0}, {"released": None, "waits": None}):
            self.assertNotIn("limbo_over_little", self.values(**changes), changes)
            self.assertNotIn("limbo_wait_ns_mean", self.values(**changes), changes)
        self.assertNotIn("limbo_over_little", self.values(descriptor_objects_mean_milli=999))
        self.assertNotIn("limbo_over_little", self.values(waited_ns=0))
        # sample_ms=0: no mean
        self.assertNotIn("limbo_over_little", self.values(descriptor_objects_mean_milli=None))
        run = synthetic.run(self.point())
        self.assertNotIn("limbo_wait_ns_mean", metrics.plain(run, metrics.limbo(run, None)))

    def noted(self, burst: int = 1, **changes: Any) -> bool:
        suite, point = synthetic.suite("limbo"), self.point()
        boot = synthetic.boot(1, [point])
        run = synthetic.run(point)
        run["params"]["burst"] = burst
        run["limbo"] |= {"descriptor_objects_mean_milli": 23_000} | LITTLE | changes
        synthetic.put(boot, f"run/{point.id}", run)
        found = result.build(suite, [boot], environment.gather(suite, [boot], True, ""))
        return any("rate x wait" in text for text in notes.notes(found))

    def test_a_note_where_it_is_off(self) -> None:
        self.assertTrue(self.noted())
        self.assertTrue(self.noted(descriptor_objects_mean_milli=18_000))
        self.assertFalse(self.noted(descriptor_objects_mean_milli=20_900))
        # Few waits in the window, or few samples: chance.
        self.assertFalse(self.noted(window_ns=1_900_000_000))
        self.assertFalse(self.noted(samples=20))
        self.assertFalse(self.noted(exact=0))
        self.assertFalse(self.noted(burst=256))


if __name__ == "__main__":
    unittest.main()
