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
        expected = found.repetitions * sum(job.plan(found.plain())) + sum(job.plan(found.icount()))
        self.assertLess(expected, 360, "make bench has six minutes")

    def test_job(self) -> None:
        found = synthetic.suite()
        text = job.script(found.icount(), ICOUNT)
        self.assertLess(text.index("fair"), text.index("sleep 2"))
        self.assertEqual(text.count("\npoint "), 8)
        self.assertEqual(text.count("\nfloor "), 4)
        self.assertNotIn("floor", job.script(found.order(1), None))


if __name__ == "__main__":
    unittest.main()
