#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Every test_*.py of unit/, as KTAP."""

import sys
import unittest
from collections.abc import Iterator
from pathlib import Path

TESTS = Path(__file__).resolve().parent
sys.path.insert(0, str(TESTS.parent))

# pylint: disable=wrong-import-position
from fsc.ktap import Ktap  # noqa: E402


def each(suite: unittest.TestSuite) -> Iterator[unittest.TestCase]:
    for test in suite:
        if isinstance(test, unittest.TestSuite):
            yield from each(test)
        else:
            yield test


def main() -> int:
    """Return the exit status."""
    tests = list(each(unittest.TestLoader().discover(str(TESTS / "unit"), "test_*.py")))
    out = Ktap(lambda line: print(line, flush=True), len(tests))
    for test in tests:
        found = unittest.TestResult()
        found.buffer = True
        test.run(found)
        name = test.id().replace("#", "")
        if found.skipped:
            out.skip(name, found.skipped[0][1])
        else:
            out.result(found.wasSuccessful(), name,
                       "".join(text for _, text in found.failures + found.errors))
    return 1 if out.count.failed or not tests else 0


if __name__ == "__main__":
    sys.exit(main())
