# SPDX-License-Identifier: GPL-2.0
"""How plots look: styles, axes and distributions."""

import re
import unittest
from unittest import mock

import synthetic  # noqa: F401  # pylint: disable=unused-import
from fsc import traits
from fsc.show import plots, svg, table


class StyleTest(unittest.TestCase):
    def test_no_two_protocols_look_alike(self) -> None:
        for names in (list(traits.PROTOCOLS), [f"protocol{number}" for number in range(40)]):
            with mock.patch.object(svg, "_KNOWN", tuple(names)):
                self.assertEqual(len({str(svg.style(name)) for name in names}), len(names))
                # One that is not known looks like one that is, always the same.
                self.assertIn(svg.style("of another tree"), [svg.style(name) for name in names])


class ScaleTest(unittest.TestCase):
    def ticks(self, values: list[float], unit: table.Unit = table.si) -> list[str]:
        _, ax = svg.axes(2)
        svg.scale(ax, "x", values, unit)
        low, high = ax.get_xlim()
        self.assertTrue(all(low <= value <= high for value in values), (low, high, values))
        return [ax.xaxis.get_major_formatter()(tick) for tick in ax.xaxis.get_major_locator()() if low <= tick <= high]

    def test_linear_begins_at_zero(self) -> None:
        self.assertEqual(self.ticks([30, 95])[0], "0")

    def test_logarithmic(self) -> None:
        self.assertEqual(self.ticks([10, 100_000]), ["10", "100", "1k", "10k", "100k"])

    def test_zero_has_a_place(self) -> None:
        found = self.ticks([0, 10, 100_000])
        self.assertEqual(found[:2], ["0", "10"])

    def test_powers_of_two(self) -> None:
        self.assertEqual(self.ticks([1024, 1 << 20], table.size), ["4K", "32K", "256K"])
        self.assertTrue(all(re.fullmatch(r"0|\d+[KMG]?", text) for text in self.ticks([0, 700_000], table.size)))

    def test_zeros(self) -> None:
        self.assertEqual(self.ticks([0, 0])[0], "0")


class DistributionTest(unittest.TestCase):
    def test_whole_buckets(self) -> None:
        histogram = {"count": 10, "buckets": [[8, 16, 5], [16, 32, 3], [64, 128, 1]]}      # one overflowed
        self.assertEqual(list(plots._distribution(histogram, [8, 16, 20, 32, 64, 128])), [0, 0.5, 0.5, 0.8, 0.8, 0.9])


if __name__ == "__main__":
    unittest.main()
