# SPDX-License-Identifier: GPL-2.0
"""results/reference: what is kept there, what README shows of it, and the report are of the same runs."""

import functools
import html
import re
import unittest
from typing import Any

import synthetic  # noqa: F401  # pylint: disable=unused-import
from fsc import repo
from fsc.cmd import answer, report
from fsc.result import metrics, result
from fsc.show import changes, plots, report_sections, summary
from fsc.verdict import SetupError

REFERENCE = repo.ROOT / "results/reference"
README = repo.ROOT / "README.md"
# The kernel that README's answer is of, and the one that it is compared with. Suites in the order of the report.
AFTER, BEFORE = "7.3", "6.12"
BOTH = ("default", "limbo", "paths", "rcu")
# Those of the answer, and those of the page.
ANSWERED = ("cpu", *BOTH)
REPORTED = ("cpu", "default", "rcu")
SUITES = {AFTER: ANSWERED, BEFORE: (*BOTH, "aa", "alloc", "pressure", "readers", "recheck", "stall")}


@functools.cache
def read(kernel: str, name: str) -> dict[str, Any]:
    """Once for all tests: a result takes seconds to be validated."""
    return result.read(result.file_of(REFERENCE / kernel / name))


class ReferenceTest(unittest.TestCase):
    def setUp(self) -> None:
        self.results = {(kernel, name): read(kernel, name) for kernel, names in SUITES.items() for name in names}

    def sources(self, names: tuple[str, ...] = ANSWERED) -> list[answer.Measured]:
        return answer.load([str(REFERENCE / AFTER / name) for name in names])

    def test_all_of_them(self) -> None:
        self.assertCountEqual([f"{kernel}/{name}" for kernel, name in self.results],
                              [str(path.parent.relative_to(REFERENCE)) for path in REFERENCE.glob("*/*/summary.txt")])

    def test_summaries(self) -> None:
        for (kernel, name), found in self.results.items():
            self.assertEqual(found["verdict"], "PASS", name)
            self.assertTrue(found["environment"]["kernel"]["release"].startswith(f"{kernel}."), name)
            self.assertTrue(summary.render(found) == (REFERENCE / kernel / name / "summary.txt").read_text(), (kernel, name))

    def test_what_ranks(self) -> None:
        for name, found in self.results.items():
            for point in found["points"]:
                for metric, figures in point["summary"].items():
                    self.assertEqual(figures["rankable"], metrics.ranks(metric, point["protocol"], name[1] != "cpu"), (name, metric))

    def test_readme(self) -> None:
        """Its table and its answer are those of the results, figure by figure."""
        text = README.read_text()
        section = re.search(r"^## The answer.*?\n\n(.*?)\n^## ", text, re.S | re.M)[1]
        # What else stands there has no figure, and compares nothing.
        made = answer.markdown(self.sources())
        self.assertTrue(made in section, "README's answer is of another run")
        rest = re.sub(r"\]\([^)]*\)|`[^`]*`", "", section.replace(made, ""))
        self.assertNotRegex(rest, r"\d|fold\b|\b(hundred|more|less|fewer|cheaper|faster|slower)\b")

    def test_readme_changes(self) -> None:
        """The table of what changed from one kernel to the next, and that every figure of it was measured."""
        before, after = ([self.results[kernel, name] for name in BOTH] for kernel in (BEFORE, AFTER))
        self.assertIn(changes.markdown(before, after), README.read_text())
        for _, rows in changes.CHANGES:
            for row in rows:
                self.assertTrue(row.text(before) and row.text(after), row.title)
        # What is not measured on both has no row, and its reason neither.
        shown = changes.markdown([self.results[BEFORE, "default"]], after)
        self.assertEqual(len(re.findall(r"^\| `", shown, re.M)), 2)
        with self.assertRaisesRegex(SetupError, "results of 6.12.* and 7.3"):
            changes.markdown(before, [*before, *after])

    def test_shown_in_part(self) -> None:
        """Of tables that documents show in part each line is one of the summary that they name."""
        for document, suite in (("README.md", "cpu"), ("scripts/README.md", "limbo"), ("scripts/README.md", "rcu"),
                                ("results/README.md", "limbo"), ("results/README.md", "default")):
            known = set((REFERENCE / AFTER / suite / "summary.txt").read_text().splitlines())
            blocks = re.findall(rf"reference/{AFTER}/{suite}/summary\.txt\)\)[^`]*```\n(.*?)```",
                                (repo.ROOT / document).read_text(), re.S)
            self.assertTrue(blocks, (document, suite))
            for line in "".join(blocks).splitlines():
                self.assertTrue(line in ("", "...") or line in known, (document, line))

    def test_report(self) -> None:
        """All that is said ahead of the plots, byte for byte; of the rest the suites' revisions."""
        page = (REFERENCE / AFTER / "report.html").read_text()
        sources = self.sources(REPORTED)
        self.assertTrue(report.answers(sources) in page, "the answer of report.html is of another run")
        for source in sources:
            self.assertIn(f"<dd>{summary.facts(source.result)['revision']}</dd>", page, source.name)
        self.assertIn(answer.revisions(sources), page)

    def test_plot(self) -> None:
        """Plots show what the result has: what is drawn differs by the version of matplotlib, what is said of it does not."""
        section = report_sections.sections(self.results[AFTER, "limbo"], "s1")[0]
        said = {plot.id: plot.text for plot in plots.of_section(section, REFERENCE / AFTER / "limbo")}
        for file, metric in (("limbo-vs-rate.svg", "limbo-descriptor-bytes-mean"), ("reuse-vs-rate.svg", "reuse-ns-p50")):
            self.assertIn(f"{html.escape(said[f's1-1-curve-{metric}'])}</desc>", (REFERENCE / AFTER / file).read_text(), file)

    def test_size(self) -> None:
        """Everybody who clones the tree has them."""
        sizes = [path.stat().st_size for path in REFERENCE.rglob("*") if path.is_file()]
        self.assertLess(sum(sizes), 4 << 20)
        self.assertLess((REFERENCE / AFTER / "report.html").stat().st_size, 1 << 20)


if __name__ == "__main__":
    unittest.main()
