# SPDX-License-Identifier: GPL-2.0
"""results/reference: what is kept there, what README shows of it, and the report are of the same runs."""

import json
import re
import unittest

import synthetic  # noqa: F401  # pylint: disable=unused-import
from fsc import answer, costs, metrics, repo, report, result, summary

REFERENCE = repo.ROOT / "results/reference"
README = repo.ROOT / "README.md"
# In the order of the report.
SUITES = ("default", "aa", "alloc", "limbo", "paths", "pressure", "rcu", "readers", "recheck", "stall")


class ReferenceTest(unittest.TestCase):
    def setUp(self) -> None:
        self.results = {name: json.loads((REFERENCE / name / "result.json").read_text()) for name in SUITES}

    def sources(self) -> list[answer.Measured]:
        return [answer.Measured(found, costs.sections(found, f"s{number}"))
                for number, found in enumerate(self.results.values(), 1)]

    def test_all_of_them(self) -> None:
        self.assertCountEqual(SUITES, [path.parent.name for path in REFERENCE.glob("*/result.json")])

    def test_summaries(self) -> None:
        for name, found in self.results.items():
            result.validate(found)
            self.assertEqual(found["verdict"], "PASS", name)
            self.assertTrue(summary.render(found) == (REFERENCE / name / "summary.txt").read_text(), name)

    def test_what_ranks(self) -> None:
        for name, found in self.results.items():
            for point in found["points"]:
                for metric, figures in point["summary"].items():
                    self.assertEqual(figures["rankable"], metrics.ranks(metric, point["protocol"], True), (name, metric))

    def test_readme(self) -> None:
        """Its table and its answer are those of the results, figure by figure."""
        text = README.read_text()
        shown = (REFERENCE / "default/summary.txt").read_text().strip()
        self.assertTrue(shown in text, "README's table is of another run")
        section = re.search(r"^## The answer.*?\n\n(.*?)\n^## ", text, re.S | re.M)[1]
        # What else stands there has no figure, and compares nothing.
        made = answer.markdown(self.sources())
        self.assertTrue(made in section, "README's answer is of another run")
        rest = re.sub(r"\]\([^)]*\)|`[^`]*`", "", section.replace(made, ""))
        self.assertNotRegex(rest, r"\d|fold\b|\b(hundred|more|less|fewer|cheaper|faster|slower)\b")

    def test_readme_curves(self) -> None:
        """Tables that README shows in part: each line is one of the summary that it names."""
        text = README.read_text()
        for name in ("limbo", "rcu"):
            known = set((REFERENCE / name / "summary.txt").read_text().splitlines())
            blocks = re.findall(rf"\(results/reference/{name}/summary\.txt\)\)[^`]*```\n(.*?)```", text, re.S)
            self.assertTrue(blocks, name)
            for line in "".join(blocks).splitlines():
                self.assertTrue(line in ("", "...") or line in known, (name, line))

    def test_report(self) -> None:
        """All that is said ahead of the plots, byte for byte; of the rest the suites' revisions."""
        page = (REFERENCE / "report.html").read_text()
        self.assertTrue(report.answers(self.sources()) in page, "the answer of report.html is of another run")
        for name, found in self.results.items():
            self.assertIn(f"<dd>{summary.facts(found)['revision']}</dd>", page, name)
        self.assertIn(answer.revisions(self.sources()), page)


if __name__ == "__main__":
    unittest.main()
