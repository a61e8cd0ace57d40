# SPDX-License-Identifier: GPL-2.0
"""What paths and protocols outside the default suite add to metrics, tables and notes."""

import functools
import json
import re
import unittest
from pathlib import Path
from typing import Any

import jsonschema
import synthetic
from fsc.result import environment, metrics, result
from fsc.show import notes, summary, table
from fsc.suite.suite import Point

README = Path(result.SCHEMA_FILE).parents[3] / "results/README.md"
# The metrics of readers that only some points have.
OWN = {name for name, metric in metrics.METRICS.items() if metric.events} | {"expedited_per_second"}
GUP = {f"{name}_per_million" for name in ("fallbacks", "fallback_pmd", "fallback_pte")}


def point(path: str, protocol: str, **params: int | str) -> Point:
    """A point with a reader and a freer."""
    return Point("w", "t", path, protocol, {"nr_readers": 1, "nr_freers": 1, "duration_ms": 2000} | params)


def values(path: str, protocol: str, counters: dict[str, int] | None = None, **changes: Any) -> dict[str, float]:
    run = synthetic.run(point(path, protocol))
    run["counters"] |= counters or {}
    return metrics.plain(run | changes, metrics.limbo(run, None))


class MetricsTest(unittest.TestCase):
    def own(self, path: str, protocol: str) -> set[str]:
        return OWN & values(path, protocol).keys()

    def test_only_what_a_reader_does(self) -> None:
        zero, recheck = "tryget_zero_per_million", "recheck_fail_per_million"
        self.assertEqual(self.own("pagecache", "overlay"), {zero, recheck})
        self.assertEqual(self.own("pagecache", "rcu_full"), set())
        self.assertEqual(self.own("pagecache", "rcu_bounded"), {zero, "expedited_per_second"})
        self.assertEqual(self.own("pagecache", "hazptr"), {zero, "hazard_moved_per_million"})
        self.assertEqual(self.own("pagecache", "seqcount"), {zero, recheck, "seq_retries_per_million",
                                                             "seq_fallbacks_per_million"})
        self.assertEqual(self.own("pagecache", "locked"), set())

    def test_a_fallback_is_no_tryget_that_met_zero(self) -> None:
        causes = GUP | {"fallback_zero_per_million", "fallback_memdesc_per_million"}
        self.assertEqual(self.own("gup", "rcu_desc"), causes)
        self.assertEqual(self.own("gup", "typesafe"), causes)
        self.assertEqual(self.own("gup", "locked"), set())

    def test_walkers(self) -> None:
        trygets, avoided = "trygets_per_million", "trygets_avoided_per_million"
        self.assertEqual(self.own("pfn", "rcu_desc"), {"tryget_zero_per_million", trygets, avoided})
        self.assertEqual(self.own("pfn", "rcu_full"), set())

    def test_arithmetic(self) -> None:
        found = values("gup", "typesafe", {"lookups": 2_000_000, "fallback_zero": 8, "fallback_memdesc": 4,
                                           "fallback_pmd": 2, "fallback_pte": 6})
        self.assertEqual({name: found[f"{name}_per_million"] for name in (
            "fallbacks", "fallback_zero", "fallback_memdesc", "fallback_pmd", "fallback_pte")}, {
                "fallbacks": 10, "fallback_zero": 4, "fallback_memdesc": 2, "fallback_pmd": 1, "fallback_pte": 3})
        found = values("pagecache", "typesafe", {"lookups": 500_000, "tryget_zero": 1, "recheck_moved": 2,
                                                 "recheck_empty": 3})
        self.assertEqual((found["tryget_zero_per_million"], found["recheck_fail_per_million"]), (2, 10))
        found = values("pagecache", "seqcount", {"lookups": 500_000, "seq_retries": 3, "seq_fallbacks": 1})
        self.assertEqual((found["seq_retries_per_million"], found["seq_fallbacks_per_million"]), (6, 2))
        found = values("pagecache", "hazptr", {"lookups": 500_000, "hazard_moved": 7})
        self.assertEqual(found["hazard_moved_per_million"], 14)
        found = values("pfn", "typesafe", {"lookups": 4_000_000, "trygets": 1_000_000, "trygets_avoided": 3_000_000})
        self.assertEqual((found["trygets_per_million"], found["trygets_avoided_per_million"]), (250_000, 750_000))

    def test_expedited_over_the_window(self) -> None:
        window = synthetic.run(point("pagecache", "rcu_bounded"))["window"] | {"window_ns": 500_000_000}
        self.assertEqual(values("pagecache", "rcu_bounded", {"expedited": 3}, window=window)["expedited_per_second"], 6)
        none = values("pagecache", "rcu_bounded", window=window | {"window_ns": 0})
        self.assertNotIn("expedited_per_second", none)
        self.assertTrue(metrics.METRICS["expedited_per_second"].time)

    def test_no_lookups_no_metric(self) -> None:
        self.assertEqual(OWN & values("gup", "typesafe", {"lookups": 0}).keys(), set())

    def test_a_opencoded_says_itself_whether_it_is_good(self) -> None:
        walker = point("pfn", "typesafe", nr_freers=0)
        run, opencoded = synthetic.run(walker), synthetic.opencoded(walker)
        self.assertLess(opencoded["hits"], opencoded["lookups"])
        self.assertIn("instructions_per_lookup_over_opencoded", metrics.icount(run, opencoded))
        bad = synthetic.opencoded(walker, hits=1000, good=0)
        self.assertEqual(list(metrics.icount(run, bad)), ["instructions_per_lookup"])

    def test_orders_are_a_number_or_a_list(self) -> None:
        schema = json.loads(result.SCHEMA_FILE.read_text())
        order = {"$ref": "#/$defs/order", "$defs": schema["$defs"]}
        for good in (0, 9, "0:8,2:4,9:1"):
            jsonschema.validate(good, order)
        for bad in (-1, "0", "0:8,", "", 1.5, None):
            with self.assertRaises(jsonschema.ValidationError):
                jsonschema.validate(bad, order)

    def test_every_counter_and_step_is_explained(self) -> None:
        run = synthetic.run(point("gup", "typesafe"))
        used = {name for metric in metrics.METRICS.values() if (events := metric.events)
                for name in (*events.counters, *events.steps)}
        self.assertLessEqual(used, run["counters"].keys() | run["resolved"].keys())
        text = README.read_text()
        names = run["resolved"].keys() | synthetic.events(1, 1).keys()
        self.assertEqual([name for name in sorted(names) if f"`{name}`" not in text], [])


@functools.cache
def paths() -> tuple[dict[str, Any], str]:
    """Its result, which tests must not change, and its table."""
    suite = synthetic.suite("paths")
    boots = synthetic.boots(suite, "kvm")
    found = result.build(suite, boots, environment.gather(suite, boots, False, ""))
    result.validate(found)
    return found, summary.render(found)


class PathsTest(unittest.TestCase):
    """The suite of all paths, on a machine with a real clock."""

    def setUp(self) -> None:
        self.found, self.text = paths()

    def section(self, start: str, title: str = "") -> list[str]:
        """The lines of a sub-table below the head @start, from @title on."""
        part = self.text[self.text.index(start):]
        part = part.split("\n--- ")[0]
        return part[part.index(title):].split("\n\n")[0].splitlines()

    def rows(self, lines: list[str]) -> list[str]:
        return [line.split()[0] for line in lines if line[:1].isalpha() and line.split()[0].rstrip("*") in synthetic.SPEED]

    def test_72_columns(self) -> None:
        lines = self.text.splitlines()
        self.assertEqual([line for line in lines if len(line) > table.WIDTH or line != line.rstrip()
                          or not line.isascii()], [])
        self.assertLess(max(map(len, synthetic.SPEED)), table.NAME_WIDTH)

    def test_instructions_by_path(self) -> None:
        part = self.text[self.text.index("--- instructions"):]
        tables = {sub.splitlines()[0]: sub.splitlines()[1:] for sub in part.split("\n\n")
                  if sub.startswith(("pagecache", "gup", "pfn")) and sub.splitlines()[0].endswith(":")}
        xadd = "pagecache, tryget=xadd, against pagecache-lookup:"
        self.assertEqual(list(tables), ["pagecache:", "gup:", "pfn:", "pfn, passes=1:", xadd,
                                        "pagecache, removal=truncate, tryget=rcuref:"])
        self.assertEqual(self.rows(tables["gup:"]),
                         ["overlay", "typesafe", "rcu_desc", "hazptr", "hazptr_cpu", "rcu_bounded", "locked"])
        self.assertEqual(self.rows(tables[xadd]), ["typesafe", "rcu_desc", "rcu_bounded"])
        # Nothing ranks arms by them.
        self.assertFalse(any("1.00x" in line for line in tables[xadd]), tables[xadd])
        self.assertIn("frame", tables["pfn:"][1])
        self.assertIn("lookup", tables["gup:"][1])
        # Lookups and turnovers are counted by different points and share a row, opencoded included.
        self.assertRegex(tables["gup:"][3], r"^typesafe +140\.0 +136\.0 +1\.029x +2,000$")

    def test_figures_do_not_overwrite_each_other(self) -> None:
        found = json.loads(json.dumps(self.found))
        for one in found["points"]:
            if one["workload"] == "xadd-lookup":
                one["summary"]["instructions_per_lookup"]["median"] = 77.7
        part = summary.render(found).split("\n\n")
        usual = next(sub for sub in part if sub.startswith("pagecache:"))
        self.assertNotIn("77.7", usual)
        self.assertEqual(next(sub for sub in part if sub.startswith("pagecache, tryget=xadd,")).count(" 77.7"), 3)

    def test_one_kind_has_no_name(self) -> None:
        kept = [one for one in self.found["points"] if one["workload"] in ("gup-lookup", "gup-turnover")]
        lines = summary.render(self.found | {"points": kept}).split("--- instructions")[1].splitlines()
        self.assertEqual([line.split() for line in lines if line.startswith("  ")][0],
                         ["per", "by", "hand", "of", "that", "per"])
        self.assertNotIn("gup:", lines)

    def test_verdicts(self) -> None:
        blocks = [self.text[at:].split("\n\n")[0].splitlines() for at in range(len(self.text))
                  if self.text.startswith("\nverdict      ", at)]
        blocks = [[line for line in block if line] for block in blocks]
        self.assertEqual([name for block in blocks for name in block[0].split()[1:]],
                         list(self.found["environment"]["suite"]["workloads"]))
        first = {line.split()[0]: line for line in blocks[0]}
        at = first["verdict"].index("gup-churn")
        self.assertEqual(first["rcu_full"][at:at + 4], "    ")
        self.assertEqual(first["locked"][at:at + 4], "PASS")
        self.assertEqual([line for block in blocks for line in block if len(line.split()) < 2], [])

    def test_verdicts_fill_the_line(self) -> None:
        points = [one | {"workload": name} for one in self.found["points"][:1] for name in ("", "b" * 16)]
        for name, lines in (("a" * 41, 1), ("a" * 42, 2)):
            points[0] |= {"workload": name}
            text = summary.render(self.found | {"points": points, "environment": self.found["environment"] | {
                "suite": self.found["environment"]["suite"] | {"workloads": {p["workload"]: "" for p in points}}}})
            blocks = [line for line in text.splitlines() if line.startswith("verdict      ")]
            self.assertEqual((len(blocks), max(map(len, blocks)) <= table.WIDTH), (lines, True), blocks)

    def test_own_tables(self) -> None:
        for start, title, rows in (
                ("--- pagecache-churn", "hazard moved /M lookups", ["hazptr", "rcu_bounded"]),
                ("--- pagecache-churn", "copied again /M lookups", ["seqcount*"]),
                ("--- gup-churn", "fell back /M lookups", ["overlay", "typesafe", "rcu_desc", "hazptr",
                                                           "hazptr_cpu", "rcu_bounded"]),
                ("--- pfn-one-pass", "trygets /M frames", ["overlay", "typesafe", "rcu_desc"])):
            self.assertEqual(self.rows(self.section(start, title)), rows, title)
        for start, title in (("--- gup-churn", "copied again"), ("--- pagecache-churn", "fell back"),
                             ("--- gup-churn", "tryget met zero /M"), ("--- pagecache-churn", "trygets")):
            with self.assertRaises(ValueError, msg=title):
                self.section(start, title)

    def test_walkers_count_frames(self) -> None:
        for start in ("--- pfn-churn", "--- pfn-one-pass"):
            self.assertIn("of those timed", self.section(start, "time / frame")[0])
            self.assertTrue(self.section(start, "turnovers/s"))
            self.assertIn("/M frames", self.section(start, "tryget met zero")[0])
        self.assertIn("of those timed", self.section("--- gup-churn", "time / lookup")[0])

    def test_no_ratio_without_the_baseline(self) -> None:
        self.assertNotIn("ratio", "\n".join(self.section("--- pagecache, rcuref-churn", "time / lookup")))
        self.assertIn("ratio", "\n".join(self.section("--- pagecache-churn", "time / lookup")))
        self.assertIn("none in rcuref-churn, rcuref-lookup, where overlay is not",
                      " ".join(self.text.split()))

    def test_ratio_to_another_workload(self) -> None:
        title, head, *lines = self.section("--- pagecache, xadd-churn", "tryget met zero")
        self.assertIn("ratio", head, title)
        self.assertEqual([line.split()[0] for line in lines if re.search(r"n\.d\.|\dx", line)],
                         ["typesafe", "rcu_desc", "rcu_bounded"])
        # And limbo has no counts in place of ratios.
        self.assertNotIn("count", "\n".join(self.section("--- pagecache, xadd-churn", "descriptors in limbo")))
        self.assertIn("ratio: to overlay, in xadd-churn to the same protocol of pagecache-churn, in xadd-lookup to the "
                      "same protocol of pagecache-lookup, Hodges", " ".join(self.text.split()))

    def test_who_cannot_hold(self) -> None:
        marked = {line.split()[0] for line in self.text.splitlines() if re.match(r"\w+\*", line)}
        self.assertEqual(marked, {"rcu_full*", "seqcount*"})
        self.assertEqual(self.text.count("\n*: cannot hold a folio past its section"), 1)
        kept = [one for one in self.found["points"] if one["path"] == "gup"]
        self.assertNotIn("*:", summary.render(self.found | {"points": kept}))

    def test_share_of_fallbacks(self) -> None:
        found = [text for text in notes.notes(self.found) if "took a reference after all" in text]
        self.assertEqual(len(found), 1)
        self.assertRegex(found[0], r"^seqcount: 0\.01% of a window's")

    def test_notes_name_the_path(self) -> None:
        found = [text.split(":")[0] for text in notes.notes(self.found) if "is an estimate" in text]
        self.assertEqual(found, [f"{place}, rcu_desc" for place in (
            "pagecache-churn", "gup-churn", "pfn-churn", "pfn-one-pass", "pagecache, xadd-churn",
            "pagecache, rcuref-churn")])

    def test_counted_windows_are_not_stretched(self) -> None:
        found = json.loads(json.dumps(self.found))
        for one in found["points"]:
            for rep in one["repetitions"]:
                rep["window_ns"] *= 2
        stretched = [text.split(",")[0] for text in notes.notes(found) if "the host was busy" in text]
        self.assertIn("gup-churn", stretched)
        self.assertEqual([name for name in stretched if "lookup" in name], [])


if __name__ == "__main__":
    unittest.main()
