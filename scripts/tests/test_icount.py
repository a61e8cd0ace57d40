# SPDX-License-Identifier: GPL-2.0
"""When make icount says FAIL."""

import unittest

from fsc import icount
from fsc.notes import FLOOR_LIMIT


def point(protocol: str, lookup: tuple[float, float] = (150.0, 150.1), ratio: float | None = 1.05) -> dict:
    """One point of two boots."""
    summary = {icount.HARNESS: {"median": sum(lookup) / 2, "low": lookup[0], "high": lookup[1], "n": 2}}
    if ratio is not None:
        summary[icount.RATIO] = {"median": ratio}
    return {"protocol": protocol, "summary": summary}


def complaints(*points: dict) -> list[str]:
    return icount.complaints({"points": list(points)})


class IcountTest(unittest.TestCase):
    def test_the_limit_is_the_one_that_was_promised(self) -> None:
        self.assertEqual(FLOOR_LIMIT, 1.10)
        self.assertEqual(icount.BOOTS_LIMIT, 0.001)

    def test_within_the_limits(self) -> None:
        self.assertEqual(complaints(point("typesafe"), point("rcu_full", ratio=1.10)), [])

    def test_above_the_floor(self) -> None:
        self.assertRegex(complaints(point("typesafe"), point("rcu_full", ratio=1.101))[0], "^rcu_full: 1.101x")

    def test_boots_that_differ(self) -> None:
        self.assertRegex(complaints(point("typesafe", (150.0, 150.2)))[0], "in another")

    def test_no_floor(self) -> None:
        self.assertRegex(complaints(point("rcu_desc", ratio=None))[0], "no floor")
        self.assertEqual(complaints(point("overlay", ratio=None)), [])


if __name__ == "__main__":
    unittest.main()
