# SPDX-License-Identifier: GPL-2.0
"""Statistics against scipy, tables and simulation."""

import itertools
import random
import unittest

import numpy as np
import synthetic  # noqa: F401  # pylint: disable=unused-import
from fsc.result import stats as own
from scipy import stats


class PairedTest(unittest.TestCase):
    def test_signed_ranks(self) -> None:
        # Of 2^6 ways to give them signs, two are as one-sided as this.
        self.assertAlmostEqual(own.paired_p([0.1, 0.2, 0.3, 0.4, 0.5, 0.6]), 2 / 64)
        # 1 + 3 + 5 against 2 + 4 + 6.
        ways = [sum(rank for rank, taken in zip(range(1, 7), signs) if taken) for signs in itertools.product((0, 1), repeat=6)]
        self.assertAlmostEqual(own.paired_p([0.1, -0.2, 0.3, -0.4, 0.5, -0.6]), 2 * sum(way <= 9 for way in ways) / 64)
        for nothing in ([], [0.1]):
            self.assertIsNone(own.paired_p(nothing))
        self.assertEqual(own.paired_p([0.0, 0.0, 0.0]), 1, "else it would not count for Holm")

    def test_a_boot_without_a_difference(self) -> None:
        self.assertLess(own.paired_p([0.0, *(0.1 + i / 100 for i in range(12))]), 0.01)


class ShareTest(unittest.TestCase):
    def test_at_most(self) -> None:
        # None of n: 1 - 0.05^(1/n)
        for n in (2, 10, 59):
            self.assertAlmostEqual(own.at_most(0, n), 1 - 0.05 ** (1 / n))
        self.assertEqual(own.at_most(3, 3), 1)


class MedianTest(unittest.TestCase):
    def test_exact_coverage(self) -> None:
        six = own.median([3, 1, 2, 6, 5, 4])
        self.assertEqual((six.centre, six.low, six.high), (3.5, 1, 6))
        self.assertAlmostEqual(six.coverage, 1 - 2 / 64)
        ten = own.median(range(10))     # Conover's table: the 2nd and the 9th, 97.9%
        self.assertEqual((ten.low, ten.high), (1, 8))
        self.assertAlmostEqual(ten.coverage, 1 - 2 * 11 / 1024)
        self.assertAlmostEqual(own.median([1, 2, 3]).coverage, 0.75)
        self.assertIsNone(own.median([7]).low)

    def test_coverage_by_simulation(self) -> None:
        rng = np.random.default_rng(1)
        for n in (6, 9):
            found = [own.median(rng.lognormal(size=n)) for _ in range(3000)]
            covered = np.mean([i.low <= 1 <= i.high for i in found])
            self.assertAlmostEqual(covered, found[0].coverage, delta=0.012)


class TestTest(unittest.TestCase):
    def test_against_scipy(self) -> None:
        rng = np.random.default_rng(2)
        a, b = rng.normal(size=6), rng.normal(1, size=6)
        self.assertEqual(own.p_value(a, b), stats.mannwhitneyu(a, b, method="exact").pvalue)
        self.assertAlmostEqual(own.p_value(range(6), range(10, 16)), 2 / 924)

    def test_permutation_agrees_where_there_are_no_ties(self) -> None:
        rng = np.random.default_rng(3)
        for _ in range(20):
            a, b = rng.normal(size=6), rng.normal(size=6)
            ranks = stats.rankdata([*a, *b])
            test = stats.permutation_test((ranks[:6], ranks[6:]), own._mean_rank, n_resamples=10**5,
                                          vectorized=True)
            self.assertAlmostEqual(own.p_value(a, b), test.pvalue)

    def test_ties(self) -> None:
        self.assertEqual(own.p_value([0] * 6, [0] * 6), 1)
        self.assertAlmostEqual(own.p_value([0] * 6, [1] * 6), 2 / 924)
        self.assertIsNone(own.p_value([1], [2, 3]))

    def test_larger(self) -> None:
        self.assertTrue(own.larger([0, 0, 0, 0, 1, 9], [0] * 6))
        self.assertFalse(own.larger([0] * 6, [0, 0, 0, 0, 0, 9]))
        self.assertFalse(own.larger([1, 2], [2, 1]))

    def test_false_positives(self) -> None:
        rng = np.random.default_rng(4)
        plain = [own.p_value(rng.normal(size=6), rng.normal(size=6)) for _ in range(2000)]
        tied = [own.p_value(rng.poisson(1, 6), rng.poisson(1, 6)) for _ in range(300)]
        self.assertLess(np.mean(np.less(plain, own.ALPHA)), 0.06)
        self.assertLess(np.mean(np.less(tied, own.ALPHA)), 0.08)

    def test_family_of_three(self) -> None:
        rng, wrong = np.random.default_rng(5), 0
        for _ in range(1000):
            base, others = rng.normal(size=6), rng.normal(size=(3, 6))
            wrong += min(own.holm([own.p_value(o, base) for o in others])) < own.ALPHA
        self.assertLess(wrong / 1000, 0.06)

    def test_finds_a_difference(self) -> None:
        rng = np.random.default_rng(6)
        found = [own.p_value(rng.normal(3, size=6), rng.normal(size=6)) < own.ALPHA for _ in range(200)]
        self.assertGreater(np.mean(found), 0.95)


class HolmTest(unittest.TestCase):
    def test_known(self) -> None:
        self.assertEqual(own.holm([]), [])
        np.testing.assert_allclose(own.holm([0.01, 0.04, 0.03, 0.005]), [0.03, 0.06, 0.06, 0.02])
        self.assertEqual(own.holm([0.9, 0.8]), [1.0, 1.0])


class RatioTest(unittest.TestCase):
    def test_tail_is_the_exact_distribution(self) -> None:
        # 6 against 6, from the tables: P(U <= 5) = 19/924
        self.assertAlmostEqual(own._tail(6, 6, 5), 19 / 924)
        self.assertAlmostEqual(own._tail(6, 6, 0), 1 / 924)
        self.assertAlmostEqual(own._tail(4, 6, 24), 1)
        self.assertEqual(own._shift_rank(6, 6)[0], 6)

    def test_ratio(self) -> None:
        base = [1.0, 1.1, 1.2, 1.3, 1.4, 1.5]
        found = own.ratio([2 * value for value in base], base)
        self.assertAlmostEqual(found.centre, 2)
        self.assertTrue(found.low < 2 < found.high)
        self.assertAlmostEqual(found.coverage, 1 - 2 * 19 / 924)
        self.assertIsNone(own.ratio([0, 1], [1, 2]))
        self.assertIsNone(own.ratio([1, 1], [0, 0]))
        self.assertAlmostEqual(own.ratio([3], [2]).centre, 1.5)

    def test_interval_and_test_agree(self) -> None:
        """The interval inverts the test: it excludes 1 exactly when p < 0.05."""
        rng = np.random.default_rng(7)
        for _ in range(300):
            a, b = rng.lognormal(0.8, 1, 6), rng.lognormal(size=6)
            found = own.ratio(a, b)
            self.assertEqual(own.p_value(a, b) < 0.05, not found.low <= 1 <= found.high)

    def test_coverage_by_simulation(self) -> None:
        rng = np.random.default_rng(8)
        found = [own.ratio(3 * rng.lognormal(size=6), rng.lognormal(size=6)) for _ in range(3000)]
        covered = np.mean([i.low <= 3 <= i.high for i in found])
        self.assertAlmostEqual(covered, found[0].coverage, delta=0.012)

    def test_paired(self) -> None:
        """The interval is the test turned round: 0 is outside of it exactly if the test says so at its level."""
        chance = random.Random(1)
        for boots in (6, 9, 12):
            for _ in range(50):
                logs = [chance.gauss(0.3, 1) for _ in range(boots)]
                found = own.paired(logs)
                self.assertEqual(own.paired_p(logs) <= 1 - found.coverage + 1e-12, found.low > 0 or found.high < 0)
                self.assertGreaterEqual(found.coverage, own.CONFIDENCE)
                self.assertTrue(found.low <= found.centre <= found.high)
        self.assertEqual(own.paired([0.5]), own.Interval(0.5, None, None, None))

    def test_enough_boots(self) -> None:
        """So many show a difference that all of them have, and one fewer does not."""
        for tests in (1, 3, 28):
            least = own.enough_boots(tests)
            for boots, shown in ((least, True), (least - 1, False)):
                p = own.paired_p([0.1 + i / 100 for i in range(boots)])
                self.assertEqual(tests * p < own.ALPHA, shown, (tests, boots))


if __name__ == "__main__":
    unittest.main()
