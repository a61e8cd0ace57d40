# SPDX-License-Identifier: GPL-2.0
"""Power: compared with scipy on drawn boots, and what the summary says about it."""

import tempfile
import unittest
from pathlib import Path
from unittest import mock

import numpy as np
import synthetic
import undrawn
from fsc.cmd import report
from fsc.result import environment, power, result, stats
from fsc.show import summary, table
from fsc.suite import suite
from scipy import stats as scipy_stats


def directly(spread: float, effect: float, draws: int = 2000, n: int = 6) -> float:
    """How often scipy's test detects an effect in normal logs."""
    rng = np.random.default_rng(99)
    samples, bases = rng.normal(np.log(effect), spread, (draws, n)), rng.normal(0, spread, (draws, n))
    return float(np.mean(scipy_stats.mannwhitneyu(samples, bases, method="exact", axis=1).pvalue < stats.ALPHA))


class SimulationTest(unittest.TestCase):
    def test_agrees_with_scipy(self) -> None:
        for spread in (0.05, 0.1, 0.3):
            found, = power.family((power.Arms(6, 6, spread, 0.0),))
            self.assertAlmostEqual(found.planted, directly(spread, power.PLANTED), delta=0.04)
            self.assertAlmostEqual(found.equal, directly(spread, 1), delta=0.02)
            self.assertGreaterEqual(directly(spread, found.least), power.ENOUGH - 0.04)
            below = max((1.0, *(effect for effect in power.EFFECTS if effect < found.least)))
            self.assertLess(directly(spread, below), power.ENOUGH + 0.04)

    def test_size(self) -> None:
        for spread, zeros in ((0.0, 0.0), (0.01, 0.0), (0.3, 0.0), (3.0, 0.0), (1.0, 0.3), (1.0, 0.8), (0.0, 0.5)):
            found, = power.family((power.Arms(6, 6, spread, zeros),))
            self.assertLessEqual(found.equal, 0.05, (spread, zeros))

    def test_family(self) -> None:
        """Holm detects an effect in one of three points less often than in a single point."""
        one = power.Arms(6, 6, 0.06, 0.0)
        alone, of_three = power.family((one,))[0], power.family((one, one, one))
        self.assertLess(of_three[0].planted, alone.planted - 0.1)
        self.assertLessEqual(sum(member.equal for member in of_three), 0.05)
        self.assertGreater(max(member.equal for member in of_three), 0)

    def test_what_cannot_be_drawn_is_adjusted_for(self) -> None:
        one = power.Arms(6, 6, 0.06, 0.0)
        of_two, missing = power.family((one, None))
        self.assertIsNone(missing)
        self.assertLess(of_two.planted, power.family((one,))[0].planted - 0.05)

    def test_a_spread_that_is_hardly_known(self) -> None:
        """Ten degrees of freedom, compared with draws from scipy."""
        rng = np.random.default_rng(5)
        spreads = 0.04 * np.sqrt(10 / scipy_stats.chi2(10).rvs((2000, 1), random_state=rng))
        samples, bases = (center + spreads * rng.standard_normal((2000, 6)) for center in (np.log(1.1), 0))
        seen = float(np.mean(scipy_stats.mannwhitneyu(samples, bases, method="exact", axis=1).pvalue < stats.ALPHA))
        found, = power.family((power.Arms(6, 6, 0.04, 0.0, 10),))
        self.assertAlmostEqual(found.planted, seen, delta=0.03)
        self.assertLess(found.planted, power.family((power.Arms(6, 6, 0.04, 0.0),))[0].planted - 0.02)

    def test_no_spread(self) -> None:
        found, = power.family((power.Arms(6, 6, 0.0, 0.0),))
        self.assertEqual((found.equal, found.planted, found.least), (0, 1, power.EFFECTS[0]))

    def test_zeros_hide_an_effect(self) -> None:
        """As often as in separate draws: 0, or a value that hardly varies."""
        rng, seen = np.random.default_rng(7), []
        for effect in (1.0, power.PLANTED):
            samples, bases = (np.where(rng.random((2000, 6)) < 0.3, 0, factor * rng.lognormal(0, 0.02, (2000, 6)))
                              for factor in (effect, 1.0))
            seen.append(float(np.mean(stats.p_values(samples, bases) < stats.ALPHA)))
        found, = power.family((power.Arms(6, 6, 0.02, 0.3),))
        self.assertAlmostEqual(found.equal, seen[0], delta=0.02)
        self.assertAlmostEqual(found.planted, seen[1], delta=0.04)
        self.assertLess(found.planted, power.family((power.Arms(6, 6, 0.02, 0.0),))[0].planted - 0.2)

    def test_what_cannot_be_seen(self) -> None:
        found, = power.family((power.Arms(6, 6, 5.0, 0.0),))
        self.assertIsNone(found.least)
        self.assertLess(found.planted, 0.06)

    def test_p_values_are_those_of_results(self) -> None:
        rng = np.random.default_rng(3)
        samples, bases = rng.normal(size=(60, 6)), rng.normal(size=(60, 5))
        samples[::3, :2] = bases[::3, :2] = -np.inf
        ranked = [scipy_stats.rankdata([*one, *other]) for one, other in zip(samples, bases)]
        np.testing.assert_allclose(power.p_values(samples, bases), [stats.p_value(r[:6], r[6:]) for r in ranked])

    def test_measured(self) -> None:
        base = np.exp([0.1, 0.2, 0.3, 0.1, 0.2, 0.3])
        found = power.measured(list(7 * base), list(base))      # an effect is not spread
        self.assertAlmostEqual(found.spread, np.std(np.log(base)) * np.sqrt(6 / 5))
        self.assertEqual((found.boots, found.base_boots, found.zeros, found.freedom), (6, 6, 0, 10))
        self.assertAlmostEqual(power.measured([0, 0, 0, 1, 2, 3], [0, 1, 2, 3, 4, 5]).zeros, 4 / 12)
        self.assertEqual(power.measured([5] * 6, [5] * 6).spread, 0)
        self.assertIsNone(power.measured([0, 0, 1], [0, 0, 1]))
        self.assertIsNone(power.measured([0] + [5] * 9, [5] * 10))    # too many patterns of ties


class ResultTest(unittest.TestCase):
    """The suite aa, from made-up boots."""

    def setUp(self) -> None:
        self.suite = synthetic.suite("aa")
        self.boots = synthetic.boots(self.suite)
        self.found = self.build(self.suite, self.boots)
        self.text = summary.render(self.found)

    @staticmethod
    def build(own: suite.Suite, boots: list[result.BootRecord], emulated: bool = True) -> dict:
        found = result.build(own, boots, environment.gather(own, boots, emulated, ""))
        result.validate(found)
        return found

    def part(self) -> str:
        return self.text[self.text.index("--- how often"):].split("\n\nmedian [")[0]

    def test_72_columns(self) -> None:
        self.assertEqual([line for line in self.text.splitlines() if len(line) > table.WIDTH or line != line.rstrip()],
                         [])

    def test_every_tested_metric_has_a_row(self) -> None:
        for point in self.found["points"]:
            if point["workload"] in ("b", "planted"):
                tested = [name for name, figures in point["summary"].items() if name in summary.SHOWN
                          and figures["p"] is not None and figures["rankable"]]
                rows = [row for row in power.rows(self.found, summary.SHOWN) if row.workload == point["workload"]]
                self.assertIn("limbo_descriptor_bytes_peak", tested)
                self.assertEqual([row.metric for row in rows], tested)
                self.assertEqual([row.differs for row in rows],
                                 [point["summary"][name]["p"] < stats.ALPHA for name in tested])
        self.assertNotIn("lookups/s", self.part())      # because time is emulated
        for workload in ("b", "planted"):
            self.assertIn(f"pagecache, {workload} against a, rcu_bounded:\n", self.part())
            self.assertRegex(self.part(), rf"In this run {workload} was called different from a in \d of 5 tests")

    def test_times_where_they_are_times(self) -> None:
        found = self.build(self.suite, synthetic.boots(self.suite, "kvm"), emulated=False)
        self.assertIn("lookups_per_second", {row.metric for row in power.rows(found, summary.SHOWN)})

    def test_says_what_it_cannot_see(self) -> None:
        with mock.patch.object(power, "measured", return_value=power.Arms(6, 6, 2.0, 0.0)):
            self.assertRegex(summary.render(self.found), r"descriptors in limbo, peak, B +2 +\d\.\d% +\d% +none\n")
        with mock.patch.object(power, "measured", return_value=None):
            self.assertRegex(summary.render(self.found), r"descriptors in limbo, peak, B +- +- +- +-\n")

    def test_differences_are_named(self) -> None:
        for boot in self.boots[:6]:
            for point in boot.points:
                run = boot.json(f"run/{point.id}")
                run["limbo"]["descriptor_bytes_peak"] = 44_080 if point.workload == "planted" else 40_080
                synthetic.put(boot, f"run/{point.id}", run)
        found = self.build(self.suite, self.boots)
        text = " ".join(summary.render(found).split())
        own = next(point["summary"] for point in found["points"] if point["workload"] == "planted")
        wanted = {"tryget_zero_per_million": "tryget met zero, per million lookups",
                  "limbo_descriptor_bytes_peak": "descriptors in limbo, peak, B",
                  "limbo_descriptor_bytes_mean": "descriptors in limbo, mean, B",
                  "cached_bytes_mean": "cached by the slab, mean, B",
                  "cached_percpu_bytes_mean": "cached per CPU and barn, mean, B"}
        differ = [title for name, title in wanted.items() if own[name]["p"] < stats.ALPHA]
        self.assertIn("descriptors in limbo, peak, B", differ)
        self.assertLess(len(differ), len(wanted))
        self.assertIn(f"In this run planted was called different from a in {len(differ)} of {len(wanted)} tests: "
                      f"{'; '.join(differ)}. ", text)
        self.assertRegex(text, r"descriptors in limbo, peak, B 0 0\.0% 100% 1%")

    def test_report_has_the_same(self) -> None:
        with tempfile.TemporaryDirectory() as name, undrawn.undrawn():
            synthetic.put_folder(Path(name), self.found, [])
            page = report.render(report.load([Path(name)]))
        self.assertEqual(page.count("How often this comparison errs</span>"), 1)
        rows = list(power.rows(self.found, summary.SHOWN))
        for row in rows:
            cells = [*power.cells(row.power), "yes" if row.differs else "no"]
            self.assertIn("".join(f"<td>{cell}</td>" for cell in cells) + "</tr>", page)
        self.assertIn("against icount-a", page)
        self.assertIn("and how it compares with the same of the workload that a title says against", page)

    def test_icount_pair(self) -> None:
        first, again = (self.text.split(f"\n{head}:\n")[1].split("\n\n")[0]
                        for head in ("pagecache", "pagecache, against icount-a"))
        self.assertNotIn("1.00x", first)
        self.assertNotIn("1.00x", again)


if __name__ == "__main__":
    unittest.main()
