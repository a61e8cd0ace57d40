# SPDX-License-Identifier: GPL-2.0
"""Suites: what is refused, with which line, and the order of points."""

import tempfile
import unittest
from pathlib import Path

import synthetic
from fsc import job, suite
from fsc.accel import ICOUNT
from fsc.verdict import SetupError

GOOD = """question = "why?"
repetitions = 2
paths = ["pagecache"]
protocols = ["overlay", "typesafe"]
baseline = "overlay"

[params]
order = 0

[workload.churn]
title = "t"
params = { nr_readers = 1, nr_freers = 1 }
"""
# What makes sense on each path.
ALL = {"overlay", "typesafe", "rcu_desc", "rcu_full", "seqcount", "hazptr", "rcu_bounded", "locked"}
PROTOCOLS = {"pagecache": ALL, "gup": ALL - {"rcu_full", "seqcount"}, "pfn": ALL - {"seqcount", "locked"}}


class SuiteTest(unittest.TestCase):
    def load(self, text: str) -> suite.Suite:
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "s.toml"
            file.write_text(text)
            return suite.load(file)

    def refused(self, text: str, line: int, word: str) -> None:
        with self.assertRaises(SetupError) as caught:
            self.load(text)
        self.assertIn(f"s.toml:{line}: ", str(caught.exception))
        self.assertIn(word, str(caught.exception))

    def test_good(self) -> None:
        found = self.load(GOOD)
        self.assertEqual([p.id for p in found.points], ["churn.pagecache.overlay", "churn.pagecache.typesafe"])
        self.assertEqual(found.points[1].module_args,
                         "path=pagecache protocol=typesafe order=0 nr_readers=1 nr_freers=1")

    def test_refused_with_line(self) -> None:
        self.refused(GOOD.replace("order = 0", "ordre = 0"), 8, "ordre")
        self.refused(GOOD.replace("order = 0", 'order = "0"'), 8, "order")
        self.refused(GOOD.replace("nr_freers = 1", "nr_freer = 1"), 12, "nr_freer")
        self.refused(GOOD.replace("title", "titel"), 11, "titel")
        self.refused(GOOD.replace('baseline = "overlay"', 'baseline = "rcu"'), 5, "rcu")
        self.refused(GOOD.replace("repetitions = 2", "repetitions = 0"), 1, "repetitions")
        self.refused(GOOD.replace('["pagecache"]', '["a; b"]'), 3, "paths")
        self.refused(GOOD.replace("order = 0", 'removal = "a b"'), 8, "removal")
        self.refused(GOOD.replace('title = "t"', "floor = true"), 11, "floor")
        self.refused("seeds = 1\n" + GOOD, 1, "seeds")
        self.refused("order = 0\n" + GOOD, 1, "order")      # a key known only in another table

    def test_own_paths_and_protocols(self) -> None:
        own = '[workload.pins]\npaths = ["gup", "pfn"]\nprotocols = ["locked"]\n'
        found = self.load(GOOD + own)
        self.assertEqual([p.id for p in found.points], [
            "churn.pagecache.overlay", "churn.pagecache.typesafe", "pins.gup.locked", "pins.pfn.locked"])
        self.refused(GOOD + own.replace('"gup"', '"a; b"'), 14, "paths")
        self.refused(GOOD + own.replace('["locked"]', "[]"), 15, "protocols")
        self.refused(GOOD + own.replace('"gup"', '"pfn"'), 14, "twice")
        self.refused(GOOD.replace('["pagecache"]', "[]"), 1, "paths")   # the top ones stay required
        # A baseline may belong to a workload alone.
        self.load(GOOD.replace('baseline = "overlay"', 'baseline = "locked"') + own)

    def test_values_that_are_lists(self) -> None:
        good = {"order": ("2", '"0:8,2:4,9:1"'), "mix": ('"60:20:10:5:5"',), "reader_cpus": ('""', '"0-1,3"'),
                "freer_cpus": ('"0"',), "tryget": ('"xadd"',), "nr_mms": ("4",), "cross_cpu": ("1",)}
        bad = {"order": ('"0"', '"0:8 2:4"', '"0:8,"', "true", "[0]", '"$(id)"'), "mix": ('"60:20"', "60", '""'),
               "reader_cpus": ("1", '"0,"', '"0; id"', '"\u0661"'), "tryget": ('""', "1"), "nr_mms": ('"4"', "4.0")}
        for name, values in good.items():
            for value in values:
                point = self.load(GOOD.replace("order = 0", f"{name} = {value}")).points[0]
                self.assertIn(f" {name}={value.strip(chr(34))} ", point.module_args)
        for name, values in bad.items():
            for value in values:
                self.refused(GOOD.replace("order = 0", f"{name} = {value}"), 8, name)

    def test_floor_is_the_kernels_tryget(self) -> None:
        text = GOOD.replace('title = "t"', "icount = true\nfloor = true")
        self.load(text.replace("order = 0", 'tryget = "cas"'))
        self.refused(text.replace("order = 0", 'tryget = "xadd"'), 12, "floor")

    def test_bad_toml_says_where(self) -> None:
        with self.assertRaisesRegex(SetupError, "line 2"):
            self.load("question = 'a'\nrepetitions = \n")

    def test_order_is_seeded_and_whole(self) -> None:
        found = synthetic.suite()
        self.assertEqual(found.order(1), found.order(1))
        self.assertNotEqual(found.order(1), found.order(2))
        self.assertCountEqual([p.id for p in found.order(3)], [p.id for p in found.plain()])

    def test_default_suite(self) -> None:
        found = synthetic.suite()
        self.assertEqual((len(found.plain()), len(found.icount()), found.repetitions), (12, 8, 6))
        self.assertLess(self.expected_s(found), 360, "make bench has six minutes")

    def expected_s(self, found: suite.Suite) -> float:
        plain = found.repetitions * sum(job.plan(found.plain())) if found.plain() else 0
        return plain + sum(job.plan(found.icount()))

    def test_paths_suite(self) -> None:
        found = synthetic.suite("paths")
        self.assertLess(self.expected_s(found), 0.9 * 900, "it has 15 minutes, and hosts are busy")
        self.assertEqual(found.repetitions, 6)
        for points in (found.plain(), [p for p in found.icount() if p.params["nr_readers"] and p.floor],
                       [p for p in found.icount() if p.params["nr_freers"]]):
            usual = [p for p in points if "tryget" not in p.params and p.params.get("passes") != 1]
            self.assertEqual({path: {p.protocol for p in usual if p.path == path} for path in PROTOCOLS}, PROTOCOLS)
            self.assertEqual(len(usual), sum(len(names) for names in PROTOCOLS.values()))

    def test_icount_suite(self) -> None:
        found = synthetic.suite("icount")
        self.assertLess(self.expected_s(found), 150)
        self.assertTrue(all(point.icount and point.floor for point in found.points))
        self.assertCountEqual([(p.path, p.protocol) for p in found.points],
                              [(path, name) for path, names in PROTOCOLS.items() for name in names])

    def test_job(self) -> None:
        found = synthetic.suite()
        text = job.script(found.icount(), ICOUNT)
        self.assertLess(text.index("fair"), text.index("sleep 2"))
        self.assertEqual(text.count("\npoint "), 8)
        self.assertEqual(text.count("\nfloor "), 4)
        self.assertIn("\nfloor icount-lookup.pagecache.rcu_desc pagecache rcu_desc 1000000\n", text)
        self.assertNotIn("floor", job.script(found.order(1), None))


if __name__ == "__main__":
    unittest.main()
