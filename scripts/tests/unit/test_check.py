# SPDX-License-Identifier: GPL-2.0
"""Which groups of tests make check runs."""

import unittest

import synthetic  # noqa: F401  # pylint: disable=unused-import
from fsc.cmd import check
from fsc.verdict import SetupError


class ChosenTest(unittest.TestCase):
    GROUPS = (check.Program("short", "short.py"), check.Program("long", "long.py", asked=True), check.Guest("other", "other"))

    def names(self, *only: str) -> list[str]:
        return [group.name for group in check.chosen(list(only), self.GROUPS)]

    def test_what_takes_long_is_asked_for(self) -> None:
        self.assertEqual(self.names(), ["short", "other"])
        self.assertEqual(self.names("long", "short"), ["short", "long"])

    def test_unknown(self) -> None:
        with self.assertRaisesRegex(SetupError, "ONLY=x: no such group; known: short long other"):
            self.names("short", "x")


if __name__ == "__main__":
    unittest.main()
