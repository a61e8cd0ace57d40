# SPDX-License-Identifier: GPL-2.0
"""The list of results: what is said of failures at its end."""

import unittest

import synthetic  # noqa: F401  # pylint: disable=unused-import
from fsc.ktap import Ktap


class FailuresTest(unittest.TestCase):
    def setUp(self) -> None:
        self.lines: list[str] = []
        self.out = Ktap(self.lines.append, 2)

    def repeated(self) -> list[str]:
        self.lines.clear()
        self.out.repeat_failures()
        return self.lines

    def test_named_with_their_lists_and_what_was_said(self) -> None:
        below = self.out.below(2)
        below.note("of what passes")
        below.result(True, "good")
        below.result(False, "bad", "line 1\nline 2")
        self.out.end(below, "group")
        self.out.result(False, "alone")
        self.assertEqual(self.repeated(), ["# failed: group: bad", "# failed:   line 1", "# failed:   line 2", "# failed: alone"])

    def test_fed(self) -> None:
        for line in ("# said", "not ok 1 bad", "ok 3 good"):
            self.out.feed(line)
        self.assertEqual(self.repeated(), ["# failed: bad", "# failed:   said", "# failed: result 3 comes after 1"])
        self.assertEqual(len(self.out.failures), self.out.count.failed)

    def test_the_last_lines_of_many(self) -> None:
        self.out.result(False, "bad", "\n".join(str(n) for n in range(100)))
        self.assertEqual((self.repeated()[1], self.repeated()[-1], len(self.repeated())), ("# failed:   92", "# failed:   99", 9))

    def test_a_list_without_a_head_is_reported_once(self) -> None:
        out = Ktap(self.lines.append)
        out.result(False, "bad")
        out.close()
        seen = len(self.lines)
        out.close()
        self.assertEqual((self.lines[-1], len(self.lines)), ("not ok 2 says what it is going to test", seen))

    def test_a_list_that_ends_too_soon(self) -> None:
        self.out.result(True, "good")
        self.out.close()
        self.assertEqual(self.repeated(), ["# failed: planned 2, ended after 1"])

    def test_nothing_failed(self) -> None:
        self.out.result(True, "good", "said")
        self.assertEqual(self.repeated(), [])


if __name__ == "__main__":
    unittest.main()
