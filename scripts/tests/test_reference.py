# SPDX-License-Identifier: GPL-2.0
"""results/reference: what is kept there, what README shows of it, and the report are of the same runs."""

import json
import unittest

import synthetic  # noqa: F401  # pylint: disable=unused-import
from fsc import repo, result, summary

REFERENCE = repo.ROOT / "results/reference"


class ReferenceTest(unittest.TestCase):
    def setUp(self) -> None:
        self.folders = sorted(path.parent for path in REFERENCE.glob("*/result.json"))
        self.assertIn(REFERENCE / "default", self.folders)

    def test_summaries(self) -> None:
        for folder in self.folders:
            found = json.loads((folder / "result.json").read_text())
            result.validate(found)
            self.assertEqual(found["verdict"], "PASS", folder)
            self.assertTrue(summary.render(found) == (folder / "summary.txt").read_text(), folder)

    def test_readme(self) -> None:
        shown = (REFERENCE / "default/summary.txt").read_text().strip()
        self.assertTrue(shown in (repo.ROOT / "README.md").read_text(), "README's table is of another run")

    def test_report(self) -> None:
        page = (REFERENCE / "report.html").read_text()
        for folder in self.folders:
            facts = summary.facts(json.loads((folder / "result.json").read_text()))
            self.assertIn(f"<dd>{facts['revision']}</dd>", page, folder)


if __name__ == "__main__":
    unittest.main()
