# SPDX-License-Identifier: GPL-2.0
"""Workloads that are a matrix, from the made-up runs to the table."""

import unittest
from typing import Any

import synthetic
from fsc.result import environment, metrics, result
from fsc.show import curves, notes, summary
from fsc.suite import suite


class CurvesTest(unittest.TestCase):
    def setUp(self) -> None:
        self.suites = {name: synthetic.suite(name).on("6.12") for name in ("limbo", "readers", "recheck", "stall", "rcu")}

    def build(self, chosen: suite.Suite, repetitions: int = 1) -> dict[str, Any]:
        boots = [synthetic.boot(number, points) for number, points in enumerate(
            (points for repetition in range(1, repetitions + 1) for points in chosen.boots(repetition)), 1)]
        boots += [synthetic.boot(repetitions + 1, chosen.icount(), "icount")] if chosen.icount() else []
        found = result.build(chosen, boots, environment.gather(chosen, boots, True, ""))
        result.validate(found)
        return found

    def test_every_suite(self) -> None:
        for name, chosen in self.suites.items():
            text = summary.render(self.build(chosen))
            self.assertEqual([line for line in text.splitlines() if len(line) > 72], [], name)
            for workload, curve in chosen.curves.items():
                # Made-up runs have no waits.
                for metric in set(curve.show) - {"limbo_wait_ns_mean"}:
                    title = " ".join(text.split())
                    self.assertIn(curves.title(metric), title, f"{name} {workload} {metric}")

    def test_machines(self) -> None:
        """No line says about all boots what is true only for one."""
        found = self.build(self.suites["rcu"], 2)
        told = {"lazy": ("6.12.0-test", "preempt=none rcu_nocbs=all"), "rt": ("6.12.0-rt", "preempt=none")}
        for boot in found["environment"]["boots"]:
            boot["release"], boot["cmdline"] = told.get(boot["name"], ("6.12.0-test", "preempt=none a=b"))
            boot["rcu"] = boot["rcu"] | {"lazy": {"nocb_cpus": "0-1"}, "rt": {"rcu_normal": 1, "enable_rcu_lazy": None}}.get(boot["name"], {})
        found["environment"]["boots"] = [b for b in found["environment"]["boots"] if b["name"] != "full"]
        text = summary.render(found)
        self.assertEqual([line for line in text.splitlines() if len(line) > 72], [])
        self.assertRegex(text, r"\nkernel +6.12.0-test, 6.12.0-rt \(see boots\)\n")
        self.assertRegex(text, r"\ncmdline +preempt=none \(more: see boots\)\n")
        self.assertRegex(text, r"\nsuite +rcu, 12 boots of 7 machines, seed 1\n")
        self.assertRegex(text, r"\nrcu +rcu_normal_wake_from_gp 0, rcu_expedited 0 \(more: see boots\)\n")
        block = " ".join(text.partition("\nboots, each a machine of its own\n")[2].partition("\n\n")[0].split())
        self.assertIn("lazy 6.12.0-test, preempt voluntary, 1.91GB; rcu_normal 0, callbacks of CPU 0-1 offloaded, lazy; words added: rcu_nocbs=all; callbacks in", block)
        self.assertIn("rt 6.12.0-rt, preempt voluntary, 1.91GB; rcu_normal 1, no callbacks offloaded; PREEMPT_RT", block)
        self.assertIn("full not booted; words added: preempt=full; ", block)
        self.assertTrue(block.endswith("preempt-lazy left out: for kernels since 6.13, this is 6.12"), block)
        # A workload without that axis has a machine of its own, too.
        found["environment"]["boots"][0]["name"] = ""
        self.assertRegex(summary.render(found), r"\n-  +6\.12\S+, preempt voluntary, 1.91GB; rcu_normal 0, no\s+callbacks offloaded; of workloads that\s+name no boot\n")
        # With one machine all facts are in one place, without those that the result lacks.
        found = self.build(self.suites["limbo"])
        text = summary.render(found)
        self.assertNotIn("boots, each", text)
        self.assertRegex(text, r"\nrcu +rcu_normal_wake_from_gp 0, rcu_expedited 0, rcu_normal 0, no\s+callbacks offloaded\n")
        for told in (found["environment"], *found["environment"]["boots"]):
            told["sheaf_capacity"] = "60"
        self.assertRegex(summary.render(found), r"no\s+callbacks offloaded, sheaves of 60 descriptors\n")
        for told in (found["environment"], *found["environment"]["boots"]):
            del told["rcu"], told["sheaf_capacity"]
        self.assertNotIn("\nrcu ", summary.render(found))

    def test_every_point_is_in_a_cell(self) -> None:
        chosen = self.suites["limbo"]
        points = [p for p in self.build(chosen)["points"] if p["workload"] == "rate"]
        lines = curves.metric_table(points, "turnovers_per_second", "free_rate")
        self.assertEqual(lines[0], "turnovers/s that were reached")
        self.assertEqual(lines[1].split(), ["free_rate", "10", "100", "1.00k", "10.0k", "100k", "1.00M"])
        rows = {line[:24].strip(): line[24:].split() for line in lines[2:-1]}
        self.assertEqual(len(rows), 10)
        self.assertEqual({len(cells) for cells in rows.values()}, {6})
        self.assertIn("rcu_desc call_rcu_hurry", rows)

    def test_who_never_has_a_metric_has_no_row(self) -> None:
        points = [p for p in self.build(self.suites["limbo"])["points"] if p["workload"] == "rate"]
        lines = curves.metric_table(points, "limbo_pointer_bytes_bound", "free_rate")
        self.assertTrue(lines)
        self.assertFalse([line for line in lines if line.startswith("overlay")])
        self.assertEqual(curves.metric_table(points, "gp_ns_p50", "free_rate"), [])

    def test_columns_that_do_not_fit_go_below(self) -> None:
        points = [{"protocol": "rcu_desc", "path": "pagecache", "verdict": "PASS",
                   "axes": {"hold_ns": 10 ** n, "deferral": "call_rcu_hurry"},
                   "summary": {"drain_ns": {"median": 123e6}}} for n in range(9)]
        lines = curves.metric_table(points, "drain_ns", "hold_ns")
        self.assertTrue(all(len(line) <= 72 for line in lines))
        self.assertEqual(sum(line.startswith("hold_ns") for line in lines), 2)
        self.assertEqual(sum(line.count("123ms") for line in lines), 9)

    def test_intervals_and_no_tests(self) -> None:
        found = self.build(self.suites["recheck"], 6)
        for point in found["points"]:
            for figures in point["summary"].values():
                self.assertEqual(figures["n"], 6)
                self.assertNotIn("p", figures)
                self.assertNotIn("ratio", figures)

    def test_notes_say_it_once(self) -> None:
        chosen = self.suites["limbo"]
        found = self.build(chosen)
        for point in found["points"]:
            for rep in point["repetitions"]:
                rep["window"]["throttled"] = int(point["protocol"] == "rcu_full")
        said = [text for text in notes.notes(found) if "limbo_max_mb" in text]
        self.assertEqual(len(said), 3, said)    # one for each workload
        self.assertIn("12 of 12 points", said[0])
        self.assertEqual(len([text for text in notes.notes(found) if "is an estimate" in text]), 3)
        self.assertFalse([text for text in notes.notes(found) if "too few" in text])
        self.assertEqual(notes.notes(found)[-1], "one boot: how boots differ is not in these figures")

    def test_what_suites_show_has_a_title(self) -> None:
        shown = {metric for chosen in self.suites.values() for curve in chosen.curves.values() for metric in curve.show}
        self.assertEqual({name for name in shown if not metrics.METRICS[name].title}, set())

    def test_estimates_and_what_did_not_pass(self) -> None:
        points = [p for p in self.build(self.suites["limbo"])["points"] if p["workload"] == "order"]
        points[0]["verdict"] = "FAIL"
        points[1] |= {"verdict": "LOST", "summary": {}}
        text = "\n".join(curves.metric_table(points, "limbo_descriptor_bytes_mean", "order"))
        self.assertRegex(text, r"overlay auto +0! +LOST +0 +0\n")
        self.assertRegex(text, r"rcu_desc kfree_rcu( +~\S+){4}\n")
        self.assertRegex(text, r"rcu_full call_rcu( +[0-9]\S+){4}\n")
        text = "\n".join(curves.metric_table(points, "cached_bytes_mean", "order"))
        self.assertRegex(text, r"rcu_desc kfree_rcu( +>=\S+){4}\n")
        self.assertRegex(text, r"rcu_full call_rcu( +[0-9]\S+){4}\n")

    def test_what_is_cached_is_explained_once(self) -> None:
        both = synthetic.with_curves(self.build(synthetic.suite(), 2))
        both["environment"]["suite"]["curves"]["rates"]["show"].append("cached_bytes_mean")
        limbo, readers = (self.build(self.suites[name]) for name in ("limbo", "readers"))
        for found, times in ((both, 1), (limbo, 1), (readers, 0)):
            self.assertEqual(" ".join(summary.render(found).split()).count("cached: free and reusable"), times)


class MetricsTest(unittest.TestCase):
    def values(self, workload: str, protocol: str, **changes: Any) -> dict[str, Any]:
        point = next(p for p in synthetic.suite("stall").points if (p.workload, p.protocol) == (workload, protocol))
        run = synthetic.run(point, **changes)
        return metrics.plain(run, metrics.limbo(run, None))

    def test_tries(self) -> None:
        self.assertEqual(self.values("hold", "typesafe", tries=[])["tries_worst"], 1)
        self.assertEqual(self.values("hold", "typesafe", tries=[9, 4, 1])["tries_worst"], 4)
        self.assertNotIn("tries_worst", self.values("hold", "rcu_full"))
        for protocol in ("locked", "seqcount"):
            point = next(p for p in synthetic.suite("paths").plain() if p.protocol == protocol)
            run = synthetic.run(point, tries=[1])
            self.assertNotIn("tries_worst", metrics.plain(run, metrics.limbo(run, None)))

    def test_grace_periods(self) -> None:
        gp = synthetic.histogram([10_000, 20_000, 900_000])
        found = self.values("grace-period", "rcu_full", latency={"lookup": None, "gp": gp})
        self.assertEqual((found["gp_ns_p50"], found["gp_ns_max"]), (20_007, 900_000))
        self.assertNotIn("gp_ns_p50", self.values("hold", "rcu_full", latency={"lookup": None, "gp": gp}))

    def test_reuse_and_drain(self) -> None:
        found = self.values("hold", "typesafe")
        self.assertAlmostEqual(found["reused_other_key_share"], 0.9, places=5)
        self.assertEqual(found["drain_ns"], 30_000_001)


if __name__ == "__main__":
    unittest.main()
