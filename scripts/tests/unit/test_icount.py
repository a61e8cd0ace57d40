# SPDX-License-Identifier: GPL-2.0
"""When make icount says FAIL."""

import unittest

from fsc.cmd import icount
from fsc.show.notes import OPENCODED_LIMIT


def point(protocol: str, lookup: tuple[float, float] = (150.0, 150.1), ratio: float | None = 1.05,
          path: str = "pagecache", **params: str) -> dict:
    """A point with two boots."""
    summary = {icount.HARNESS: {"median": sum(lookup) / 2, "low": lookup[0], "high": lookup[1], "n": 2}}
    if ratio is not None:
        summary[icount.RATIO] = {"median": ratio}
        summary[icount.OPENCODED] = {"median": summary[icount.HARNESS]["median"] / ratio, "low": None}
    return {"path": path, "protocol": protocol, "params": params, "summary": summary}


def complaints(*points: dict) -> list[str]:
    return icount.complaints({"points": list(points)})


class IcountTest(unittest.TestCase):
    def test_the_limit_is_the_one_that_was_promised(self) -> None:
        self.assertEqual(OPENCODED_LIMIT, 1.10)
        self.assertEqual(icount.BOOTS_LIMIT, 0.001)

    def test_within_the_limits(self) -> None:
        self.assertEqual(complaints(point("typesafe"), point("rcu_full", ratio=1.10)), [])

    def test_above_the_opencoded(self) -> None:
        found = complaints(point("typesafe"), point("rcu_full", ratio=1.101), point("hazptr", ratio=1.2, path="gup"))
        self.assertEqual([line.split(":")[0] for line in found], ["pagecache rcu_full", "gup hazptr"])
        self.assertIn("1.101x", found[0])

    def test_boots_that_differ(self) -> None:
        self.assertRegex(complaints(point("typesafe", (150.0, 150.2)))[0], "in another")

    def test_no_opencoded(self) -> None:
        for protocol in ("overlay", "rcu_desc", "locked"):
            self.assertRegex(complaints(point(protocol, ratio=None, path="pfn"))[0], f"^pfn {protocol}: no open-coded loop")

    def test_another_tryget_has_no_opencoded(self) -> None:
        other = point("rcu_desc", (150.0, 160.0), ratio=None, tryget="xadd")
        self.assertEqual([line.split(":")[0] for line in complaints(other)], ["pagecache rcu_desc xadd"])
        self.assertRegex(complaints(other)[0], "in another")

    def test_the_table_tells_them_apart_in_72_columns(self) -> None:
        lost = point("locked") | {"verdict": "LOST", "reason": "silent", "summary": {}}
        lines = icount.render({"points": [
            point("rcu_bounded", path=path, tryget=tryget, ratio=ratio) for path in ("pagecache", "gup")
            for tryget, ratio in (("cas", 1.05), ("rcuref", None))] + [lost]}).splitlines()
        self.assertEqual([line[:icount.NAME_WIDTH].rstrip() for line in lines[1:]], [
            "pagecache rcu_bounded", "pagecache rcu_bounded rcuref", "gup rcu_bounded", "gup rcu_bounded rcuref",
            "pagecache locked"])
        self.assertTrue(all(len(line) <= 72 for line in lines))
        self.assertTrue(lines[-1].endswith("LOST: silent"))


if __name__ == "__main__":
    unittest.main()
