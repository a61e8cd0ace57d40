# SPDX-License-Identifier: GPL-2.0
"""result.json and summary.txt, from made-up boots."""

import copy
import json
import os
import re
import tempfile
import unittest
from pathlib import Path
from unittest import mock

import jsonschema
import synthetic
from fsc.cmd import icount
from fsc.result import environment, metrics, result, stats
from fsc.show import notes, summary, table


class BootsTest(unittest.TestCase):
    """Six boots and an icount one, for tests to change."""

    def setUp(self) -> None:
        self.suite = synthetic.suite()
        self.boots = synthetic.boots(self.suite)

    def build(self, emulated: bool = True, interrupted: str = "") -> dict:
        found = result.build(self.suite, self.boots,
                             environment.gather(self.suite, self.boots, emulated, interrupted))
        result.validate(found)
        return found

    def point(self, found: dict, workload: str, protocol: str) -> dict:
        return next(p for p in found["points"] if (p["workload"], p["protocol"]) == (workload, protocol))


class ResultTest(BootsTest):
    def test_contract(self) -> None:
        found = self.build()
        self.assertEqual(list(found), ["schema", "environment", "verdict", "points", "pairs"])
        self.assertEqual(found["verdict"], "PASS")
        for key in ("uname", "cmdline", "accelerator", "cpu", "vcpus", "memory", "clocksource", "revision"):
            self.assertIsNotNone(found["environment"][key], key)
        self.assertEqual(found["environment"]["kernel"]["facts"]["init_on_alloc"], 0)
        churn = self.point(found, "churn", "typesafe")
        self.assertEqual(list(churn), ["suite", "workload", "path", "protocol", "axes", "params", "verdict", "reason",
                                       "repetitions", "summary"])
        self.assertEqual(len(churn["repetitions"]), 6)
        tryget = churn["summary"]["tryget_zero_per_million"]
        self.assertEqual(tryget["n"], 6)
        self.assertAlmostEqual(tryget["coverage"], 0.96875)
        self.assertTrue({"ratio", "ratio_low", "ratio_high", "p"} <= set(tryget))
        self.assertNotIn("ratio", self.point(found, "churn", "overlay")["summary"]["tryget_zero_per_million"])

    def test_null_where_the_baseline_is_0(self) -> None:
        figures = self.point(self.build(), "churn", "rcu_full")["summary"]["limbo_page_bytes_peak"]
        self.assertGreater(figures["median"], 0)
        self.assertEqual([figures[k] for k in ("ratio", "ratio_low", "ratio_high", "p")], [None] * 4)

    def test_against_another_workload(self) -> None:
        def tryget(found: dict, workload: str, protocol: str) -> dict:
            return self.point(found, workload, protocol)["summary"]["tryget_zero_per_million"]

        before = self.build()
        self.suite.against["throttled"] = "churn"
        found = self.build()
        self.assertEqual(found["environment"]["suite"]["against"], {"throttled": "churn"})
        self.assertEqual(tryget(found, "churn", "rcu_desc"), tryget(before, "churn", "rcu_desc"))
        # The baseline protocol, too, and Holm over all that take references.
        protocols = ("overlay", "typesafe", "rcu_desc")
        pairs = [[result.values_of(self.point(found, workload, protocol), "tryget_zero_per_million")
                  for workload in ("throttled", "churn")] for protocol in protocols]
        self.assertEqual([tryget(found, "throttled", protocol)["p"] for protocol in protocols],
                         stats.holm([stats.p_value(*pair) for pair in pairs]))
        self.assertEqual(tryget(found, "throttled", "typesafe")["ratio"], stats.ratio(*pairs[1]).centre)
        del found["environment"]["suite"]["against"]       # as in older results
        result.validate(found)
        self.assertNotIn("how often", summary.render(found))

    def test_instructions(self) -> None:
        found = self.build()
        lookup = self.point(found, "icount-lookup", "typesafe")["summary"]
        self.assertAlmostEqual(lookup["instructions_per_lookup"]["median"], 140, delta=0.1)
        self.assertAlmostEqual(lookup["instructions_per_lookup_over_opencoded"]["median"], 140 / 136, delta=0.01)
        self.assertIsNone(lookup["instructions_per_lookup"]["p"])
        self.assertAlmostEqual(lookup["instructions_per_lookup"]["ratio"], 1.4, delta=0.01)
        turnover = self.point(found, "icount-turnover", "typesafe")["summary"]
        self.assertEqual(turnover["instructions_per_turnover"]["median"], 2000)
        self.assertNotIn("lookups_per_second", turnover)

    def test_limbo_of_kfree_rcu_is_the_slabs(self) -> None:
        churn = self.point(self.build(), "churn", "rcu_desc")
        self.assertEqual(churn["repetitions"][0]["metrics"]["limbo_descriptor_bytes_peak"], (9010 - 1024) * 80)
        slab = churn["repetitions"][0]["limbo"]["slab"]
        self.assertEqual(slab["pointer_bytes_peak_bound"], 16 * 4096)
        self.assertEqual(metrics.slab_limbo(synthetic.slab([1000]), 1024)["descriptor_objects_peak"], 0)

    def test_accuracy_of_the_slabs_count(self) -> None:
        """What CPUs hold: 120 objects are five partial slabs of 51, because SLUB assumes that they are half full."""
        for held, objects in ((120, 51 * (2 * 6 + 1)), (0, 51 * 3), (None, 51 * 3)):
            slab = synthetic.slab([1000]) | {"cpu_partial": held}
            self.assertEqual(metrics.slab_limbo(slab, 1024)["accuracy_objects"], objects, held)
        # PREEMPT_RT has no markers but has sheaves: two for each CPU, and ten for the node.
        slab = synthetic.slab([1000]) | {"cpu_partial": 0, "sheaf_capacity": 60}
        self.assertEqual(metrics.slab_limbo(slab, 1024)["accuracy_objects"], 51 * 3 + 60 * (2 * 2 + 10))

    def test_limbo_of_kfree_rcu_is_the_markers_where_there_are_some(self) -> None:
        found = self.build()
        point = self.point(found, "churn", "rcu_desc")
        for rep in point["repetitions"]:
            rep["limbo"] |= {"bound": "markers", "marker_every": 60, "descriptor_bytes_peak": 4321}
        self.assertEqual(metrics._limbo_metrics(point["repetitions"][0]["limbo"])["limbo_descriptor_bytes_peak"], 4321)
        told = [text for text in notes.notes(found) if text.startswith("churn, rcu_desc: kfree_rcu's limbo")]
        self.assertEqual(len(told), 1, told)
        self.assertIn("an upper bound", told[0])
        self.assertIn("up to 120 descriptors a CPU too high", told[0])
        self.assertNotIn("slab", told[0])

    def cached(self, slab: dict, **limbo: object) -> dict:
        return metrics.cached({"limbo": {"exact": 1, "bound": "none"} | limbo}, slab)

    def test_cached_is_what_is_neither_live_nor_in_limbo(self) -> None:
        slab = synthetic.slab([1200, 1300]) | {"total_objects": [1300, 1400], "live": [1024, 1023], "limbo": [40, 61]}
        # 1350 - 1074, and 1250 - 1074
        self.assertEqual(self.cached(slab), {
            "bound": "exact", "samples": 2, "objects_mean_milli": 276_000, "bytes_mean": 276 * 80,
            "percpu_objects_mean_milli": 176_000, "percpu_bytes_mean": 176 * 80})
        # Samples of limbo may lag behind the slab's: a sample below 0 counts in the mean as it is.
        lagging = slab | {"total_objects": [1000, 1400], "objects": [1000, 1400]}
        self.assertEqual(self.cached(lagging)["objects_mean_milli"], 126_000)

    def test_cached_is_a_lower_bound_beside_a_limbo_that_is_not_exact(self) -> None:
        slab = synthetic.slab([1200]) | {"total_objects": [1300], "live": [1024], "limbo": [226]}
        found = self.cached(slab, exact=0, bound="markers")
        self.assertEqual((found["bound"], found["objects_mean_milli"]), ("lower", 50_000))
        # The bound is more than is used: nothing is known to be in sheaves.
        self.assertEqual(found["percpu_bytes_mean"], 0)
        # The module's bound is all that was ever queued, so the slab's `objects` stands for live and limbo.
        found = self.cached(slab | {"limbo": [800_000]}, exact=0, bound="flushed")
        self.assertEqual((found["bound"], found["objects_mean_milli"]), ("lower", 100_000))
        self.assertIsNone(found["percpu_bytes_mean"])

    def test_cached_of_a_point(self) -> None:
        found = self.build()
        typesafe, desc, overlay = (self.point(found, "churn", name) for name in ("typesafe", "rcu_desc", "overlay"))
        rep = typesafe["repetitions"][0]
        # (1024 + 9010 + 5000) / 3 used ones and 200 more, minus 1000 live and 20 in limbo
        self.assertEqual(rep["metrics"]["cached_bytes_mean"], round((15034 / 3 + 200 - 1020) * 80))
        self.assertEqual(rep["metrics"]["cached_percpu_bytes_mean"], round((15034 / 3 - 1020) * 80))
        self.assertEqual(desc["summary"]["cached_bytes_mean"]["median"], 200 * 80)
        self.assertNotIn("cached_percpu_bytes_mean", desc["summary"])
        self.assertNotIn("cached_bytes_mean", overlay["summary"])
        self.assertIsNone(overlay["repetitions"][0]["cached"])
        # Not ranked: the limbo that it comes from depends on the emulated clock.
        self.assertFalse(typesafe["summary"]["cached_bytes_mean"]["rankable"])

    def test_samples_of_an_older_guest(self) -> None:
        for boot in self.boots:
            for name in [name for name in boot.blobs if name.startswith("slab/")]:
                slab = boot.json(name)
                for key in ("total_objects", "live", "limbo", "sheaf_capacity"):
                    del slab[key]
                synthetic.put(boot, name, slab)
        churn = self.point(self.build(), "churn", "rcu_desc")
        self.assertNotIn("cached_bytes_mean", churn["summary"])
        self.assertEqual(churn["repetitions"][0]["metrics"]["limbo_descriptor_bytes_peak"], (9010 - 1024) * 80)

    def test_layout_of_the_cache(self) -> None:
        found = self.build()
        layout = {"slab_size": 80, "object_size": 80, "objs_per_slab": 51, "order": 0, "sheaf_capacity": None,
                  "cpu_partial": 120}
        self.assertEqual(self.point(found, "churn", "typesafe")["repetitions"][0]["cache"], layout)
        self.assertIsNone(self.point(found, "churn", "overlay")["repetitions"][0]["cache"])
        self.assertEqual(metrics.layout(synthetic.slab([1]) | {"sheaf_capacity": 60}), layout | {"sheaf_capacity": 60})

    def test_lost_and_worst(self) -> None:
        last = self.boots[5]
        last.state, last.reason = "LOST", "silent at the timeout"
        gone = last.points[-1]
        del last.blobs[f"run/{gone.id}"]
        found = self.build()
        self.assertEqual(found["verdict"], "LOST")
        point = self.point(found, gone.workload, gone.protocol)
        self.assertEqual((point["verdict"], point["reason"]), ("LOST", "silent at the timeout"))
        self.assertEqual(point["summary"]["lookups_per_second"]["n"], 5)
        kept = last.points[0]
        self.assertEqual(self.point(found, kept.workload, kept.protocol)["verdict"], "PASS")
        self.assertIn("LOST: silent at the timeout", "\n".join(notes.notes(found)))

    def test_inconclusive_and_failed(self) -> None:
        point = self.suite.plain()[5]
        synthetic.put(self.boots[2], f"run/{point.id}",
                      synthetic.run(point, verdict="INCONCLUSIVE", reason="nothing was recycled"))
        self.assertEqual(self.build()["verdict"], "INCONCLUSIVE")
        synthetic.put(self.boots[3], f"run/{point.id}", synthetic.run(point, verdict="FAIL", reason="1 violation"))
        found = self.build()
        self.assertEqual(found["verdict"], "FAIL")
        self.assertEqual(self.point(found, point.workload, point.protocol)["reason"], "1 violation")

    def test_insmod_failed(self) -> None:
        point = self.suite.plain()[0]
        del self.boots[0].blobs[f"run/{point.id}"]
        self.boots[0].blobs[f"error/{point.id}"] = b"insmod: can't insert '/folioscale.ko': Cannot allocate memory"
        found = self.build()
        self.assertEqual(found["verdict"], "SETUP")
        self.assertIn("too little memory to load the module", self.point(found, point.workload, point.protocol)["reason"])
        self.boots[0].blobs[f"error/{point.id}"] = b"rmmod: can't unload module"
        self.assertEqual(self.build()["verdict"], "FAIL")

    def test_machine_that_could_not_be_had(self) -> None:
        """What was measured before is kept; an error of a point is not a finding."""
        one, other, *_ = self.suite.plain()
        for point in self.suite.plain():
            if point is not other:
                del self.boots[0].blobs[f"run/{point.id}"]
        self.boots[0].blobs[f"error/{one.id}"] = b"folioscale: order=99: allowed: 0 to 10"
        self.boots[0].state, self.boots[0].reason = "SETUP", "order=99: allowed: 0 to 10"
        found = self.build()
        self.assertEqual(found["verdict"], "SETUP")
        verdicts = [point["repetitions"][0]["verdict"] for point in found["points"] if point["repetitions"][0]["boot"] == 1]
        self.assertEqual((verdicts.count("SETUP"), verdicts.count("PASS")), (len(verdicts) - 1, 1))
        self.boots[1].state = "FAIL"
        self.assertEqual(self.build()["verdict"], "FAIL")

    def test_broken_run(self) -> None:
        one, other = self.suite.plain()[:2]
        del self.boots[0].blobs[f"run/{one.id}"]
        self.boots[0].keep(f"run/{one.id}", b'{"state": "do')
        synthetic.put(self.boots[0], f"run/{other.id}", {"state": "failed", "reason": "no memory", "params": {}})
        found = self.build()
        self.assertIn("not JSON", self.point(found, one.workload, one.protocol)["reason"])
        self.assertEqual(self.point(found, other.workload, other.protocol)["reason"], "no memory")
        summary.render(found)

    def test_warning_on_the_console_fails_the_boot(self) -> None:
        self.boots[0].state, self.boots[0].reason = "FAIL", "on the console: WARNING"
        self.assertEqual({p["verdict"] for p in self.build()["points"] if not p["workload"].startswith("icount")},
                         {"FAIL"})

    def test_interrupted(self) -> None:
        self.boots = [synthetic.boot(1, self.suite.order(1))]
        self.boots[0].blobs = dict(list(self.boots[0].blobs.items())[:6])
        self.boots[0].state, self.boots[0].reason = "LOST", "interrupted"
        found = self.build(interrupted="SIGINT during boot 1")
        self.assertEqual(found["verdict"], "LOST")
        self.assertIn("SIGINT", summary.render(found))

    def test_nothing_at_all_arrived(self) -> None:
        boot = result.BootRecord(1, self.suite.order(1), "tcg")
        self.boots = [boot]
        self.assertIn("LOST", summary.render(self.build(interrupted="SIGTERM during boot 1")))

    def test_schema_refuses(self) -> None:
        good = self.build()
        for spoil in (lambda r: r.pop("verdict"), lambda r: r.update(extra=1),
                      lambda r: r["points"][0].update(extra=1),
                      lambda r: r["environment"].update(extra=1),
                      lambda r: r["points"][0]["summary"].update(bogus={}),
                      lambda r: r["points"][0]["repetitions"][0].update(verdict="FINE"),
                      lambda r: r["points"][0]["repetitions"][0].pop("latency")):
            bad = copy.deepcopy(good)
            spoil(bad)
            with self.assertRaises(jsonschema.ValidationError):
                result.validate(bad)

    def test_unknown_metrics_are_refused(self) -> None:
        found = self.build()
        figures = found["points"][0]["summary"]
        figures["drain_ns"] = next(iter(figures.values()))
        result.validate(found)
        figures["bogus"] = figures["drain_ns"]
        with self.assertRaisesRegex(jsonschema.ValidationError, "bogus"):
            result.validate(found)

    def test_every_field_is_explained(self) -> None:
        text = (Path(result.SCHEMA_FILE).parents[3] / "results/README.md").read_text()
        schema = json.loads(result.SCHEMA_FILE.read_text())
        names = set(metrics.METRICS)
        for kind in ("machine", "environment", "point", "repetition", "figures", "histogram"):
            names |= set(schema["$defs"][kind]["properties"])
        self.assertEqual([name for name in sorted(names) if f"`{name}`" not in text], [])

    def test_never_half_written(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "result.json"
            result.write(file, self.build())
            before = file.read_text()
            with self.assertRaises(jsonschema.ValidationError):
                result.write(file, {"schema": 2})
            with mock.patch.object(os, "fsync", side_effect=KeyboardInterrupt), self.assertRaises(KeyboardInterrupt):
                result.write_text(file, "half")
            self.assertEqual(file.read_text(), before)
            self.assertEqual([f.name for f in Path(folder).glob("[!.]*")], ["result.json"])

    def test_icount_limits(self) -> None:
        self.assertEqual(icount.complaints(self.build()), [])
        point = self.suite.icount()[1]
        synthetic.put(self.boots[6], f"opencoded/{point.id}", synthetic.opencoded(point, ns=120_000))
        self.assertRegex(icount.complaints(self.build())[0], "above 1.10")
        del self.boots[6].blobs[f"opencoded/{point.id}"]
        self.assertRegex(icount.complaints(self.build())[0], "no open-coded loop")
        self.boots.append(synthetic.boot(8, self.suite.icount(), "icount"))
        run = synthetic.run(point)
        run["window"]["window_ns"] += 1_000_000
        synthetic.put(self.boots[7], f"run/{point.id}", run)
        self.assertTrue(any("in another" in line for line in icount.complaints(self.build())))


class MachinesTest(unittest.TestCase):
    def test_one_that_was_silent_speaks_for_nobody(self) -> None:
        suite = synthetic.suite("rcu")
        boots = [synthetic.boot(number, points) for number, points in enumerate(suite.boots(1), 1)]
        first = next(boot for boot in boots if boot.name == next(iter(suite.guests)))
        first.blobs.clear()
        self.assertEqual(environment.gather(suite, boots, True, "")["kernel"], synthetic.KERNEL)


    def test_how_rcu_is_set_up(self) -> None:
        [boot] = [synthetic.boot(1, synthetic.suite().order(1))]
        found = environment.machine(boot)
        self.assertEqual(found["rcu"], {"rcu_normal_wake_from_gp": 0, "rcu_expedited": 0, "rcu_normal": 0,
                                        "enable_rcu_lazy": 1, "nocb_cpus": ""})
        self.assertIsNone(found["sheaf_capacity"])
        boot.blobs["machine"] = b"rcu.rcu_expedited=1\ntook.rcu_nocbs=11 0 2 1 10 5 "
        for point, capacity in zip(boot.points, (60, 60, 28, None)):
            synthetic.put(boot, f"slab/{point.id}", synthetic.slab([1]) | {"sheaf_capacity": capacity})
        found = environment.machine(boot)
        self.assertEqual(found["rcu"], {"rcu_normal_wake_from_gp": None, "rcu_expedited": 1, "rcu_normal": None,
                                        "enable_rcu_lazy": None, "nocb_cpus": "0-2,5,10-11"})
        self.assertEqual(found["sheaf_capacity"], "28, 60")
        boot.blobs.clear()
        self.assertEqual([environment.machine(boot)[key] for key in ("rcu", "sheaf_capacity")], [None, None])


class QuantileTest(unittest.TestCase):
    def test_upper_edge(self) -> None:
        histogram = {"count": 100, "min_ns": 8, "max_ns": 70, "overflow": 0,
                     "buckets": [[8, 16, 50], [16, 32, 49], [64, 128, 1]]}
        self.assertEqual(metrics.quantile(histogram, 0.5), 15)
        self.assertEqual(metrics.quantile(histogram, 0.51), 31)
        self.assertEqual(metrics.quantile(histogram, 0.99), 31)
        self.assertEqual(metrics.quantile(histogram, 0.999), 70)
        self.assertIsNone(metrics.quantile({"count": 0, "buckets": [], "max_ns": None}, 0.5))

    def test_overflow(self) -> None:
        histogram = {"count": 10, "min_ns": 8, "max_ns": 9999, "overflow": 5, "buckets": [[8, 16, 5]]}
        self.assertEqual(metrics.quantile(histogram, 0.9), 9999)


class PressureTest(unittest.TestCase):
    """Metrics of freers that are short of memory."""

    def test_free_blocks(self) -> None:
        # 5 pages, one of 2 pages, one of 2 MiB, none of 4 MiB
        text = ("Node 0, zone      DMA      0      0      0      0      0      0      0      0      0      0      3\n"
                "Node 0, zone    DMA32      2      0      0      0      0      0      0      0      0      0      0\n"
                "Node 0, zone   Normal      3      1      0      0      0      0      0      0      0      1      0\n")
        found = metrics.free_blocks(text)
        self.assertEqual(found["largest_free_bytes"], 2 << 20)
        self.assertAlmostEqual(found["free_in_2m_share"], 512 / 519)
        self.assertEqual(metrics.free_blocks(""), {})

    def test_metrics(self) -> None:
        point = next(p for p in synthetic.suite().points if p.workload == "churn" and p.protocol == "rcu_full")
        run = synthetic.run(point)
        run["counters"] |= {"limbo_wait_ns": run["window"]["window_ns"] // 4, "alloc_failed": 3, "turnovers": 1_000}
        # The reader's window is twice as long.
        run["threads"] = [{"name": "reader/0", "start_ns": 0, "end_ns": 2 * run["window"]["window_ns"]},
                          {"name": "freer/0", "start_ns": 10, "end_ns": 10 + run["window"]["window_ns"]}]
        run["latency"]["reclaim"] = synthetic.histogram([1000, 2000, 9000])
        found = metrics.plain(run, metrics.limbo(run, None))
        self.assertAlmostEqual(found["throttled_share"], 0.25)
        self.assertEqual(found["alloc_failed_per_million"], 3000)
        self.assertNotIn("reclaim_ns_p50", found)
        run["params"]["churn"] = "reclaim"
        found = metrics.plain(run, metrics.limbo(run, None))
        self.assertEqual((found["reclaim_ns_p50"], found["reclaim_ns_max"]), (2007, 9000))


class SummaryTest(BootsTest):
    def test_72_columns(self) -> None:
        for accelerator in ("tcg", "kvm"):
            self.boots = synthetic.boots(self.suite, accelerator)
            lines = summary.render(self.build(accelerator == "tcg")).splitlines()
            self.assertEqual([line for line in lines if len(line) > table.WIDTH or line != line.rstrip()], [])
            self.assertTrue(all(line.isascii() for line in lines))

    def section(self, text: str, title: str) -> str:
        """From a sub-table's title to the empty line after it."""
        return text[text.index(title):].split("\n\n")[0]

    def test_no_ranking_by_time_under_emulation(self) -> None:
        text = summary.render(self.build(True))
        self.assertIn("no ranking by time", "\n".join(text.splitlines()[:4]))
        for title in ("lookups/s", "reused after"):
            part = self.section(text, title)
            self.assertNotIn("ratio", part)
            self.assertIsNone(re.search(r"\dx|n\.d\.", part), part)
        self.assertIn("ratio", self.section(text, "tryget met zero /M lookups   "))

    def test_limbo_has_no_ratio_under_emulation(self) -> None:
        self.suite.against["throttled"] = "churn"
        for emulated in (True, False):
            self.boots = synthetic.boots(self.suite, "tcg" if emulated else "kvm")
            point = self.point(self.build(emulated), "throttled", "rcu_full")
            self.assertEqual(point["summary"]["limbo_page_bytes_mean"]["rankable"], not emulated)
            part = self.section(summary.render(self.build(emulated)).partition("throttled: ")[2], "pages in limbo")
            self.assertEqual(bool(re.search(r"\dx|n\.d\.", part)), not emulated, part)
        # A batch and a ceiling do not depend on the clock.
        self.assertTrue(metrics.ranks("limbo_descriptor_bytes_mean", "hazptr", True))
        self.assertTrue(metrics.ranks("limbo_descriptor_bytes_mean", "rcu_bounded", True))
        self.assertFalse(metrics.ranks("reuse_ns_p50", "hazptr", True))

    def test_says_what_is_left_out(self) -> None:
        text = " ".join(summary.render(self.build()).split())
        self.assertIn("Which option is faster on a real CPU is not known.", text)
        self.assertIn("left out caches; what an atomic costs; contention; memcg charging (the threads are the root "
                      "group's); NUMA; memory ordering weaker than x86's verdict", text)
        self.boots = synthetic.boots(self.suite, "kvm")
        text = " ".join(summary.render(self.build(False)).split())
        self.assertIn("left out memcg charging", text)
        self.assertNotIn("caches;", text)

    def test_instructions_come_last_and_rank_nothing(self) -> None:
        for emulated in (True, False):
            self.boots = synthetic.boots(self.suite, "tcg" if emulated else "kvm")
            text = summary.render(self.build(emulated))
            head = text.index("--- instructions")
            self.assertLess(text.rindex("pages in limbo"), head)
            part = text[head:text.index("median [interval]: of")]
            self.assertIn(metrics.COUNTED, " ".join(part.split()))
            self.assertIn("1.029x", part)       # of the hand-written one
            self.assertNotIn("ratio", part)
            self.assertNotIn("1.40x", part)     # of overlay

    def test_estimates_are_marked(self) -> None:
        found = self.build()
        part = self.section(summary.render(found), "descriptors in limbo, peak B")
        self.assertRegex(part, r"rcu_desc +~\S+K \[.*\] +~\S+k +~\S+K \[.*\] +~\S+k\n")
        self.assertNotRegex(part, r"rcu_full\* +~")
        self.assertIn("~: an estimate", " ".join(summary.render(found).split()))

    def test_lower_bounds_are_marked(self) -> None:
        found = self.build()
        text = summary.render(found)
        part = self.section(text, "cached by the slab, mean B")
        self.assertRegex(part, r"\noverlay +- +-\n")
        self.assertRegex(part, r"\ntypesafe +\d\S+K \[.*\] +\d\S+K")
        self.assertRegex(part, r"\nrcu_desc +>=15\.6K +-\n")
        flat = " ".join(text.split())
        self.assertIn(">=: a lower bound, see the notes.", flat)
        self.assertIn("churn, rcu_desc: what is cached (>=) is a lower bound: free objects in slabs of the node's partial "
                      "lists alone", flat)
        self.assertEqual(flat.count("what is cached (>=)"), 2)      # churn and throttled
        for rep in self.point(found, "churn", "rcu_desc")["repetitions"]:
            rep["cached"]["percpu_bytes_mean"] = 80
        said = [text for text in notes.notes(found) if text.startswith("churn, rcu_desc: what is cached")]
        self.assertEqual(len(said), 1, said)
        self.assertIn("the limbo's upper bound", said[0])

    def test_drift_is_computed(self) -> None:
        found = self.build()
        point = self.point(found, "read-only", "overlay")
        for rep, value in zip(point["repetitions"], (10, 20, 30, 40, 50, 70)):
            rep["metrics"]["lookups_per_second"] = value * 1e6
        self.assertIn("Rates of one arm differ by up to 7.0x between the boots of this run.",
                      " ".join(summary.render(found).split()))

    def test_few_rechecks(self) -> None:
        found = self.build()
        for number, rep in enumerate(self.point(found, "churn", "overlay")["repetitions"]):
            rep["counters"] |= {"recheck_moved": 3, "recheck_empty": number}
        for rep in self.point(found, "churn", "typesafe")["repetitions"]:
            rep["counters"]["recheck_moved"] = 10
        said = [text for text in notes.notes(found) if "recheck" in text and text.startswith("churn")]
        self.assertEqual(said, ["churn: recheck failed is of few events, a boot: 3 to 8 under overlay"])

    def test_cap_of_kfree_rcu_is_on_a_bound(self) -> None:
        found = self.build()
        for protocol in ("rcu_desc", "rcu_full"):
            self.point(found, "churn", protocol)["repetitions"][0]["window"]["throttled"] = 1
        said = {text.split(",")[1].split(":")[0].strip(): text for text in notes.notes(found) if "limbo_max_mb" in text}
        self.assertIn("which is this harness's own rule", said["rcu_full"])
        self.assertNotIn("slab", said["rcu_full"])
        self.assertIn(f"of which the slab held ~{table.size((9010 - 1024) * 80)}B", said["rcu_desc"])

    def test_ranking_on_real_hardware(self) -> None:
        self.boots = synthetic.boots(self.suite, "kvm")
        text = summary.render(self.build(False))
        self.assertNotIn("EMULATED", text)
        self.assertIn("ratio", self.section(text, "time / lookup"))
        self.assertNotIn("lookups/s", text)     # the same once more

    def test_host_that_is_emulated_itself(self) -> None:
        for boot in self.boots[:6]:
            boot.accelerator = "host"
        self.assertIn("TIMES ARE EMULATED", summary.render(self.build(False)))

    def test_every_protocol_and_verdict(self) -> None:
        text = summary.render(self.build())
        for protocol in ("overlay", "typesafe", "rcu_desc", "rcu_full"):
            self.assertIn(protocol, self.section(text, "verdict      read"))
        for words in ("per\n", "n = 6 boots", "96.9%", "Holm", "memcg", "kfree_rcu's limbo (~) is an estimate"):
            self.assertIn(words.split("\n")[0], " ".join(text.split()))

    def test_notes(self) -> None:
        point = self.suite.plain()[4]
        run = synthetic.run(point)
        run["window"] |= {"throttled": 1, "complete": 0}
        synthetic.put(self.boots[0], f"run/{point.id}", run)
        text = " ".join(summary.render(self.build()).split())
        self.assertIn("limbo_max_mb was reached in 1 of 6 windows", text)
        self.assertIn("1 of 6 windows too short", text)


class NumbersTest(unittest.TestCase):
    def test_three_digits(self) -> None:
        for value, text in ((0, "0"), (0.0166, "0.017"), (1.5, "1.5"), (12.34, "12.3"), (999.4, "999"),
                            (999.6, "1.00k"), (345_678, "346k"), (1_234_567, "1.23M")):
            self.assertEqual(table.si(value), text)
        self.assertEqual(table.size(1 << 20), "1.00M")
        self.assertEqual(table.nanoseconds(16_400_000), "16.4ms")
        self.assertEqual(table.nanoseconds(410), "410ns")


if __name__ == "__main__":
    unittest.main()
