# SPDX-License-Identifier: GPL-2.0
"""The progress line, on a terminal and elsewhere."""

import io
import unittest

import synthetic
from fsc.result import metrics
from fsc.suite.progress import Progress, figures


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class ProgressTest(unittest.TestCase):
    def setUp(self) -> None:
        self.now = 0.0
        self.points = synthetic.suite().plain()

    def test_lines(self) -> None:
        stream = io.StringIO()
        progress = Progress([3.0] * 4, stream, lambda: self.now)
        progress.say("boot 1")
        self.now = 6.0      # twice as long as planned
        progress.point("boot 1/1", self.points[4], "12k lookups/s, limbo 3MB")
        progress.end()
        self.assertEqual(stream.getvalue(),
                         "[1/4] boot 1/1 churn overlay: 12k lookups/s, limbo 3MB, ETA 0:18\n")

    def test_terminal_rewrites_one_line(self) -> None:
        stream = Terminal()
        progress = Progress([3.0] * 2, stream, lambda: self.now)
        progress.say("boot 1")
        progress.point("boot 1/1", self.points[0], "x" * 300)
        progress.end()
        self.assertEqual(stream.getvalue().count("\n"), 1)
        self.assertEqual(stream.getvalue().count("\r"), 2)
        self.assertLess(len(stream.getvalue()), 300)

    def test_figures(self) -> None:
        point = next(p for p in self.points if p.id == "churn.pagecache.rcu_full")
        run = synthetic.run(point)
        text = figures(point, run, metrics.limbo(run, None))
        self.assertRegex(text, r"lookups/s, \d+k turnovers/s, limbo [\d.]+MB")
        point = next(p for p in synthetic.suite("paths").plain() if p.path == "pfn")
        self.assertRegex(figures(point, synthetic.run(point), metrics.limbo(run, None)), r"frames/s, \d+k turnovers/s")
        point = synthetic.suite().icount()[0]
        self.assertEqual(figures(point, synthetic.run(point), {}), "100.0 instructions per lookup")


if __name__ == "__main__":
    unittest.main()
