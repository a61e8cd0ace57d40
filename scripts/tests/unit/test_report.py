# SPDX-License-Identifier: GPL-2.0
"""report.html, from made-up boots: what it has, what it says, and what it must not say."""

import argparse
import contextlib
import copy
import functools
import io
import re
import tempfile
import unittest
import xml.etree.ElementTree
from collections.abc import Sequence
from html.parser import HTMLParser
from pathlib import Path

import synthetic
import undrawn
from fsc.cmd import report
from fsc.result import environment, metrics, result
from fsc.show import plots, report_sections, summary, table
from fsc.verdict import SetupError

VOID = {"meta", "link", "br", "img", "hr", "input"}
NASTY = "<script>alert('x')</script>\" onload=\"alert(1)\" & $x_1$"


class Page(HTMLParser):
    """A page taken apart: every element with its attributes and its text."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[tuple[str, dict[str, str | None], list[str]]] = []
        self._open: list[int] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs), []))
        if tag not in VOID:
            self._open.append(len(self.found) - 1)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs), []))

    def handle_endtag(self, tag: str) -> None:
        assert self.found[self._open[-1]][0] == tag, f"</{tag}> closes <{self.found[self._open[-1]][0]}>"
        self._open.pop()

    def handle_data(self, data: str) -> None:
        for index in self._open:
            self.found[index][2].append(data)

    def all(self, *tags: str) -> list[tuple[str, dict[str, str | None], str]]:
        return [(tag, attrs, " ".join("".join(texts).split())) for tag, attrs, texts in self.found if tag in tags]

    def texts(self, *tags: str) -> list[str]:
        return [text for _, _, text in self.all(*tags)]

    def ids(self) -> list[str]:
        return [attrs["id"] for _, attrs, _ in self.found if attrs.get("id")]

    def rows(self, head: str) -> list[str]:
        """Rows of tables that begin with @head."""
        return [text for text in self.texts("tr") if text.startswith(head)]


class ReportCase(unittest.TestCase):
    """A folder with six boots and an icount one, for tests to change."""

    def setUp(self) -> None:
        self.suite = synthetic.suite()
        self.accelerator = "tcg"
        self.boots = synthetic.boots(self.suite)
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory())) / "out"

    def build(self, interrupted: str = "") -> dict:
        emulated = self.accelerator == "tcg"
        return result.build(self.suite, self.boots, environment.gather(self.suite, self.boots, emulated, interrupted))

    def page(self, found: dict | None = None, runs: bool = False) -> Page:
        synthetic.put_folder(self.folder, found or self.build(), self.boots if runs else [])
        self.write()
        return Page(self.text())

    def write(self, *folders: Path, wanted: Sequence[str] = ()) -> list[Path]:
        """Without drawings in its plots, which most tests do not look at."""
        with undrawn.undrawn():
            return report.write(list(folders) or [self.folder], self.folder / report.NAME, wanted)

    def text(self) -> str:
        return (self.folder / "report.html").read_text()


@functools.cache
def whole() -> tuple[dict, list[result.BootRecord]]:
    """A result with all that a page can show, and its boots; not to be changed."""
    suite = synthetic.suite()
    boots = synthetic.boots(suite)
    return synthetic.with_curves(result.build(suite, boots, environment.gather(suite, boots, True, ""))), boots


def written(of: dict, boots: list[result.BootRecord]) -> str:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        synthetic.put_folder(folder, of, boots)
        report.write([folder], folder / report.NAME)
        return (folder / report.NAME).read_text()


@functools.cache
def full() -> str:
    """The text of a page of all that, made once."""
    return written(*whole())


@functools.cache
def plain() -> str:
    """A page without curves and runs, and without drawings in its plots."""
    of, _ = whole()
    points = [point for point in of["points"] if point["workload"] != "rates"]
    suite = {name: value for name, value in of["environment"]["suite"].items() if name != "curves"}
    suite["workloads"] = {name: text for name, text in suite["workloads"].items() if name != "rates"}
    with undrawn.undrawn():
        return written(of | {"points": points, "environment": of["environment"] | {"suite": suite}}, [])


class StructureTest(ReportCase):
    def test_the_answer_comes_first(self) -> None:
        page = Page(plain())
        self.assertEqual(page.texts("h2"), ["The answer", "Plots", "Method", "Machine, fairness, parameters, warnings"])
        self.assertIn(("html", {"lang": "en"}), [(tag, attrs) for tag, attrs, _ in page.all("html")])
        first = plain().index("<table")
        self.assertLess(plain().index('id="answer"'), first)
        self.assertLess(first, plain().index("<svg"))

    def test_whole_in_itself(self) -> None:
        page = Page(full())
        self.assertEqual(page.all("script", "link", "img", "iframe", "object"), [])
        for tag, attrs, _ in page.found:
            for name, value in attrs.items():
                self.assertFalse(name.startswith("on"), (tag, name))
                if name in ("href", "xlink:href", "src"):
                    self.assertTrue((value or "").startswith("#"), (tag, value))
        self.assertIsNone(re.search(r"@import|url\((?!#)", full()))

    def test_ids_and_links(self) -> None:
        page = Page(full())
        ids = page.ids()
        self.assertEqual(len(ids), len(set(ids)))
        wanted = {value[1:] for _, attrs, _ in page.found for name, value in attrs.items()
                  if name in ("href", "xlink:href") and value}
        wanted |= set(re.findall(r"url\(#([^)]*)\)", full()))
        self.assertEqual(wanted - set(ids), set())

    def test_tables_have_heads(self) -> None:
        page = Page(plain())
        self.assertLessEqual({attrs.get("scope") for _, attrs, _ in page.all("th")}, {"row", "col", "rowgroup"})
        self.assertEqual(len(page.all("caption")), len(page.all("table")))
        self.assertNotIn("", page.texts("caption"))

    def test_every_plot_says_what_is_in_it(self) -> None:
        page = Page(full())
        found = page.all("svg")
        self.assertGreater(len(found), 15)
        said = {attrs["id"]: text for _, attrs, text in page.all("title", "desc") if attrs.get("id")}
        for _, attrs, _ in found:
            self.assertEqual(attrs["role"], "img")
            title, desc = attrs["aria-labelledby"].split()
            self.assertTrue(said[title])
            self.assertRegex(said[desc], r"\d")
        peak = next(p for p in self.build()["points"] if (p["workload"], p["protocol"]) == ("churn", "rcu_full"))
        words = f"rcu_full {report_sections.told(peak, 'limbo_page_bytes_peak')}"
        self.assertTrue(any(words in text for text in said.values()), words)

    def test_a_cell_has_interval_and_plot(self) -> None:
        row = Page(plain()).rows("descriptors in limbo, peak bytes")[0]
        self.assertRegex(row, r"bytes \(rate x grace period, both emulated\)00~\d+K\[\d+K, \d+K\][\d.]+M\[\d+K, [\d.]+M\]$")
        cell = re.search(r'<th scope="row">descriptors in limbo, peak bytes.*?</tr>', plain())[0]
        self.assertEqual(cell.count('<a href="#s1-2-limbo-descriptors">'), 4)
        self.assertIn('<figure id="s1-2-limbo-descriptors">', plain())

    def test_a_cell_without_a_figure(self) -> None:
        page = Page(plain())
        self.assertRegex(page.rows("tryget met zero")[1], r"n/a$")
        self.assertRegex(page.rows("recheck failed")[1], r"n/a n/a$|n/an/a$")
        self.assertRegex(page.rows("can hold")[0], r"yes ?yes ?yes ?no$")

    def test_the_same_again(self) -> None:
        self.assertEqual(written(*whole()), full())

    def test_undrawn_is_all_but_the_drawings(self) -> None:
        """Of what most tests here look at."""
        with undrawn.undrawn():
            without = written(*whole())
        drawings = re.compile(r'viewBox="[^"]*"|(?<=</desc>).*?(?=</svg>)', re.S)
        self.assertEqual(drawings.sub("", without), drawings.sub("", full()))
        self.assertLess(len(without), len(full()) / 2)

    def test_a_plot_by_itself(self) -> None:
        self.page()
        file = self.folder / "report.html"
        name = next(name for name in Page(file.read_text()).ids() if name.endswith("-lookup-title")).removesuffix("-title")
        files = self.write(wanted=[name])
        self.assertEqual(files, [file, self.folder / f"{name}.svg"])
        self.assertIn(files[1].read_text().strip(), self.text())
        with self.assertRaisesRegex(SetupError, f"--plot nonsense: no such plot; known: .*{name}"):
            self.write(wanted=["nonsense"])

    def test_a_plot_is_a_file_of_its_own(self) -> None:
        found = re.findall("<svg.*?</svg>", full(), re.S)
        self.assertGreater(len(found), 15)
        for text in found:
            self.assertEqual(xml.etree.ElementTree.fromstring(text).tag, "{http://www.w3.org/2000/svg}svg")

    def test_several_folders(self) -> None:
        self.page()
        other = self.folder.with_name("other")
        synthetic.put_folder(other, self.build(), [])
        args = argparse.Namespace(folder=[str(other), str(self.folder)], out=None, plot=[])
        said = io.StringIO()
        with contextlib.redirect_stdout(said), undrawn.undrawn():
            self.assertIsNone(report.main(args))
        self.assertIn(f"{other / 'report.html'}", said.getvalue())
        ids = Page((other / "report.html").read_text()).ids()
        self.assertEqual(len(ids), len(set(ids)))
        self.assertIn("s1-4-lookup", ids)
        self.assertIn("s2-4-lookup", ids)

    def test_one_table_of_several_suites(self) -> None:
        other = synthetic.suite("paths")
        boots = synthetic.boots(other)
        synthetic.put_folder(self.folder, self.build(), self.boots)
        synthetic.put_folder(self.folder / "paths", result.build(
            other, boots, environment.gather(other, boots, True, "")), boots)
        self.write(self.folder, self.folder / "paths")
        page = Page(self.text())
        # Both passed, so one line says it.
        self.assertEqual(sum(text.startswith("Suites plain, paths: PASS; 6.12.0-test, ") for text in page.texts("p")), 1)
        # The first table has the options of both, and each row from the suite that has the most of it.
        self.assertEqual(page.texts("h3")[0], "The options in one table")
        self.assertEqual(page.texts("thead")[0], "".join(["cost", *report.OPTIONS]))
        clock = "(rate x grace period, both emulated)"
        self.assertNotIn("n/a", page.rows(f"pages in limbo, mean B, full rate {clock}; paths: pagecache-churn, 6 boots")[0])
        self.assertIn("n/a", page.rows(f"pages in limbo, mean B, 1.00k frees/s asked for {clock}; plain: throttled, 6 boots")[0])
        self.assertNotIn("revisions", " ".join(page.texts("p")))
        self.assertLessEqual({attrs["href"][1:] for _, attrs, _ in page.all("a")}, set(page.ids()))
        # A single suite has only its own table.
        self.assertNotIn("The options in one table", self.page().texts("h3"))

    def test_no_result(self) -> None:
        self.folder.mkdir()
        for text in (None, "{", "[]", '{"schema": 99}'):
            if text:
                (self.folder / "result.json").write_text(text)
            with self.assertRaises(SetupError):
                self.write()
        self.assertFalse((self.folder / "report.html").exists())


class MachinesTest(ReportCase):
    def test_each_boot_says_its_machine(self) -> None:
        self.suite = synthetic.suite("rcu").on("6.12")
        self.boots = [synthetic.boot(number, points) for number, points in enumerate(self.suite.boots(1), 1)]
        found = self.build()
        next(boot for boot in found["environment"]["boots"] if boot["name"] == "rt")["release"] = "6.12.0-rt"
        page = self.page(found)
        self.assertIn("6.12.0-test, preempt voluntary, 1.91GB; words added: rcu_nocbs=all; callbacks in kthreads, and lazy",
                      page.texts("dd"))
        self.assertIn("6.12.0-rt, preempt voluntary, 1.91GB; PREEMPT_RT", page.texts("dd"))
        self.assertRegex(" ".join(page.texts("header")), "6.12.0-rt, |, 6.12.0-rt")
        self.assertIn("name", page.texts("th"))
        self.assertEqual(len(page.rows(f"1{self.suite.boots(1)[0][0].boot}tcgPASS")), 1)

    def test_one_machine_needs_no_name(self) -> None:
        page = self.page()
        self.assertNotIn("Boots, each a machine of its own:", page.texts("p"))
        self.assertNotIn("name", page.texts("th"))


class EscapingTest(ReportCase):
    def test_text_stays_text(self) -> None:
        found = synthetic.with_curves(self.build())
        env = found["environment"]
        env["suite"]["question"] = env["cpu"] = env["revision"] = env["interrupted"] = env["cmdline"] = NASTY
        env["suite"]["name"] = NASTY
        env["suite"]["workloads"] = dict.fromkeys(env["suite"]["workloads"], NASTY)
        env["not_measured"] = [NASTY]
        env["boots"][0] |= {"reason": NASTY, "state": "LOST"}
        env["kernel"]["facts"][NASTY] = 1
        env["cpu_layout"] = {NASTY: NASTY}
        for point in found["points"]:
            if point["protocol"] == "rcu_full":
                point["protocol"] = NASTY
            point["params"]["mix"] = NASTY + point["workload"]
            point["reason"] = NASTY
            if point["workload"] == "throttled":
                point["workload"] = NASTY
            point["axes"] = point.get("axes") and point["axes"] | {NASTY: NASTY}
        synthetic.put_folder(self.folder, found, [])
        (self.folder / "command").write_text(NASTY)
        report.write([self.folder], self.folder / "report.html")
        page = Page(self.text())
        self.assertEqual(page.all("script"), [])
        self.assertEqual([(tag, name) for tag, attrs, _ in page.found for name in attrs if name.startswith("on")], [])
        self.assertGreater(self.text().count("&lt;script&gt;"), 20)
        for text in (page.texts("code")[0], " ".join(page.texts("text")), " ".join(page.texts("h3"))):
            self.assertIn(NASTY, text)


class VerdictTest(ReportCase):
    def test_passed(self) -> None:
        page = self.page()
        self.assertEqual(page.rows("verdict"), [])
        self.assertIn("Suite plain: PASS", " ".join(page.texts("header")))

    def test_lost(self) -> None:
        last = self.boots[5]
        last.state, last.reason = "LOST", "silent at the timeout"
        for record in self.boots:
            record.blobs.pop("run/churn.pagecache.rcu_desc", None)
        page = self.page(self.build())
        self.assertRegex(page.rows("descriptors in limbo, peak bytes")[0], r"LOST")
        self.assertEqual(len(page.rows("verdict")), 1)
        self.assertIn("LOST", page.rows("verdict")[0])
        said = " ".join(page.texts("p"))
        self.assertIn("1 of 20 points did not pass (LOST at worst)", said)
        self.assertNotRegex(said, r"bytes in limbo \(churn\)[^.]*rcu_desc")
        self.assertIn("silent at the timeout", " ".join(page.texts("li")))

    def test_lost_instructions_stay_with_theirs(self) -> None:
        del self.boots[6].blobs["run/icount-lookup.pagecache.overlay"]
        found = self.build()
        last = report_sections.sections(found)[-1]
        self.assertTrue(last.counted)
        self.assertEqual(len(last.points), 8)
        self.assertRegex(self.page(found).rows("instructions per lookup")[0], r"^instructions per lookupLOST140\.0")

    def test_failed_is_in_no_sentence(self) -> None:
        point = next(p for p in self.suite.plain() if (p.workload, p.protocol) == ("churn", "rcu_full"))
        synthetic.put(self.boots[0], f"run/{point.id}", synthetic.run(point, verdict="FAIL", reason="1 violation"))
        found = self.build()
        said = " ".join(report_sections.says(report_sections.sections(found)))
        self.assertIn("(FAIL at worst)", said)
        self.assertNotRegex(said, r"limbo \(churn\): [^.]*rcu_full")
        self.assertIn("FAIL", self.page(found).rows("verdict")[0])

    def test_nothing_arrived(self) -> None:
        self.boots = [result.BootRecord(1, self.suite.order(1), "tcg")]
        page = self.page(self.build("SIGTERM during boot 1"))
        self.assertIn("Cut short: SIGTERM during boot 1", " ".join(page.texts("header")))
        self.assertEqual(page.all("svg"), [])
        self.boots = []
        self.suite = synthetic.suite()
        found = result.build(self.suite, [], environment.gather(self.suite, [], True, "SIGINT"))
        self.write()
        synthetic.put_folder(self.folder, found, [])
        self.write()
        self.assertIn("Nothing was measured", self.text())

    def test_unfair(self) -> None:
        found = self.build()
        self.assertNotIn("Not a fair comparison", " ".join(self.page(found).texts("p")))
        found["environment"]["kernel"]["facts"] |= {"init_on_free": 1, "page_poisoning": None, "kasan": 1}
        said = " ".join(self.page(found).texts("p"))
        self.assertIn("Not a fair comparison: init_on_free is on", said)
        self.assertIn("Not known: page_poisoning", said)
        self.assertIn("What slows every option down: kasan", said)


class EmulationTest(ReportCase):
    def test_no_word_about_speed(self) -> None:
        page = self.page(synthetic.with_curves(self.build()))
        self.assertIn("TIMES ARE EMULATED", page.texts("header")[0][:100])
        self.assertEqual(page.rows("Lookups per second") + page.rows("lookups per second"), [])
        for name in ("reused after", "lookup latency"):
            for row in page.rows(name):
                self.assertIn("(emulated time)", row)
                self.assertIsNone(re.search(r"\dx|n\.d\.|diff\.", row), row)
        said = " ".join(report_sections.says(report_sections.sections(synthetic.with_curves(self.build()))))
        self.assertIsNone(re.search(r"per second|fast|slow|speed", said), said)
        timed = [text for text in page.texts("figcaption") if re.match("Lookup latency|From a desc|Turnovers", text)]
        self.assertGreater(len(timed), 4)
        self.assertEqual([text for text in timed if "not to be compared" not in text], [])

    def test_real_hardware(self) -> None:
        self.accelerator = "kvm"
        self.boots = synthetic.boots(self.suite, "kvm")
        page = self.page()
        self.assertNotIn("EMULATED", self.text())
        self.assertNotIn("emulated", " ".join(page.texts("figcaption", "th")).replace(metrics.COUNTED, ""))
        self.assertRegex(page.rows("Lookups per second")[0], r"\dx|n\.d\.")
        self.assertIn("Lookups per second", " ".join(page.texts("p")))


class ClaimsTest(ReportCase):
    """The figures of sentences are in the result, and sentences compare nothing without a test."""

    def says(self) -> tuple[dict, list[str]]:
        found = self.build()
        return found, report_sections.says(report_sections.sections(found), "overlay")

    def test_no_order_by_instructions(self) -> None:
        page = Page(plain())
        for row in page.rows("instructions per "):
            self.assertNotRegex(row, r"\dx")
        heads = [text for text in page.texts("th") if text.startswith(("churn", "instructions."))]
        self.assertEqual(heads[:2], [heads[0], f"instructions. {metrics.COUNTED}"])
        self.assertEqual(heads[0].partition(":")[0], "churn")
        self.assertIn(metrics.COUNTED, page.texts("p"))
        self.assertNotIn("nstruction", " ".join(self.says()[1]))

    def test_every_figure_is_in_the_result(self) -> None:
        for self.accelerator in ("tcg", "kvm"):
            self.boots = synthetic.boots(self.suite, self.accelerator)
            found, said = self.says()
            text = " ".join(said)
            known = [words for point in found["points"] for metric in point["summary"]
                     for words in (report_sections.told(point, metric), f"{point['summary'][metric].get('p') or 0:.2g}",
                                   summary.ratio(point["summary"][metric], False))]
            for words in sorted(known, key=len, reverse=True):
                text = text.replace(words, "") if re.search(r"\d", words) else text
            self.assertIsNone(re.search(r"\d", text), text)

    def test_no_comparison_without_a_test(self) -> None:
        for self.accelerator in ("tcg", "kvm"):
            self.boots = synthetic.boots(self.suite, self.accelerator)
            found, said = self.says()
            self.assertIsNone(re.search(r"\b(more|less|cheap\w*|most|least|fast\w*|slow\w*|saves?) ", " ".join(said)), said)
            self.assertIn("Arms are tested against overlay alone, not against each other: no order of them is claimed.", said)
        rates = next(text for text in said if text.startswith("Lookups per second"))
        for protocol in ("typesafe", "rcu_desc", "rcu_full"):
            figures = next(p for p in found["points"] if (p["workload"], p["protocol"]) == ("read-only", protocol))["summary"]
            own = next(text for text in rates.split("; ") if protocol in text)
            shown = figures["lookups_per_second"]["p"] < 0.05
            self.assertEqual("x of overlay (p " in own, shown)
            self.assertEqual("no difference to overlay shown (p " in own, not shown)

    def test_limbo_in_the_suites_order_and_marked(self) -> None:
        found, said = self.says()
        limbo = next(text for text in said if text.startswith("Mean bytes in limbo (churn)"))
        point = next(p for p in found["points"] if (p["workload"], p["protocol"]) == ("churn", "rcu_desc"))
        self.assertIn(f"rcu_desc ~{table.size(point['summary']['limbo_descriptor_bytes_mean']['median'])} [", limbo)
        self.assertLess(limbo.index("rcu_desc"), limbo.index("rcu_full"))
        self.assertIn(report_sections.LIMBO_CLOCK, said)
        self.accelerator, self.boots = "kvm", synthetic.boots(self.suite, "kvm")
        self.assertNotIn(report_sections.LIMBO_CLOCK, self.says()[1])

    def test_limbo_ranks_nothing_under_emulation(self) -> None:
        row = Page(plain()).rows("pages in limbo, mean bytes")[0]
        self.assertIsNone(re.search(r"\dx|n\.d\.|diff\.", row), row)
        captions = [text for text in Page(full()).texts("figcaption") if " in limbo." in text]
        self.assertGreater(len(captions), 3)
        self.assertEqual([text for text in captions if "both emulated: not to be compared." not in text], [])

    def test_revisions(self) -> None:
        found = self.build()
        other = copy.deepcopy(found)
        found["environment"]["revision"], other["environment"]["revision"] = "aaaa", "bbbb"
        synthetic.put_folder(self.folder, found, [])
        synthetic.put_folder(self.folder / "other", other, [])
        self.write(self.folder, self.folder / "other")
        said = "These suites ran at 2 revisions of folioscale, between which its code changed: aaaa (plain); bbbb (plain)."
        self.assertIn(said, Page(self.text()).texts("header")[0])


class CurvesTest(ReportCase):
    def curves(self, readers: tuple[int, ...] = (1, 2)) -> tuple[dict, report_sections.Section]:
        found = synthetic.with_curves(self.build(), readers)
        return found, next(section for section in report_sections.sections(found) if section.x)

    def test_lines(self) -> None:
        _, section = self.curves()
        lines = plots.lines(section, "limbo_descriptor_bytes_mean")
        self.assertEqual(len(lines), 8)
        self.assertEqual(plots.line_label(list(lines)[1]), "overlay, nr_readers=2")
        self.assertEqual(plots.places(lines), [0, 50, 1000, 20_000])
        found = plots.of_section(section, self.folder)
        self.assertEqual([plot.id for plot in found], [f"{section.id}-curve-limbo-descriptor-bytes-mean", f"{section.id}-curve-turnovers-per-second"])
        for words in ("rcu_full, nr_readers=2", "free_rate", "20k"):
            self.assertIn(words, " ".join(Page(found[0].svg).texts("text")))

    def test_a_lost_point_is_a_gap(self) -> None:
        found, section = self.curves()
        self.assertIsNone(plots.lines(section, "turnovers_per_second")[("rcu_full", (("nr_readers", 2),))][20_000])
        page = self.page(found)
        gap = "so a gap: rcu_full, nr_readers=2 at free_rate=20000"
        self.assertEqual(sum(gap in text for text in page.texts("figcaption")), 2)
        self.assertEqual(page.rows("20000").count("20000none"), 2)

    def test_a_gap_has_no_marker(self) -> None:
        found, section = self.curves()
        lost = Page(plots.of_section(section, self.folder)[1].svg).all("use")
        found["points"][-1]["summary"] = found["points"][-2]["summary"]
        whole = Page(plots.of_section(section, self.folder)[1].svg).all("use")
        # The point's marker, and the two ends of its interval.
        self.assertEqual(len(whole) - len(lost), 3)

    def test_no_test_in_curves(self) -> None:
        page = self.page(self.curves()[0])
        row = next(row for row in page.rows("Descriptors in limbo, mean bytes") if " to " in row)
        self.assertIsNone(re.search(r"\dx|n\.d\.|diff\.", row), row)

    def test_many_lines_are_several_plots(self) -> None:
        _, section = self.curves((1, 2, 4))
        found = plots.of_section(section, self.folder)
        self.assertEqual(len(found), 6)
        self.assertEqual(len({plot.id for plot in found}), 6)
        self.assertIn("nr_readers=4", found[2].title)
        self.assertEqual(found[0].id, f"{section.id}-curve-limbo-descriptor-bytes-mean")

    def test_words_on_the_axis(self) -> None:
        found, _ = self.curves((1,))
        for point in found["points"]:
            if point["workload"] == "rates":
                point["axes"] = {"order": {0: "0:8,2:4"}.get(point["axes"]["free_rate"], point["axes"]["free_rate"])}
        found["environment"]["suite"]["curves"]["rates"]["x"] = "order"
        section = next(section for section in report_sections.sections(found) if section.x)
        for plot in plots.of_section(section, self.folder):
            self.assertIn("0:8,2:4", " ".join(Page(plot.svg).texts("text")))
        self.assertEqual(len(self.page(found).rows("0:8,2:4")), 8)

    def test_nothing_but_curves(self) -> None:
        found, _ = self.curves()
        found["points"] = [point for point in found["points"] if point["workload"] == "rates"]
        # The ends of a range would be at different places of the matrix.
        self.assertNotIn(" to ", " ".join(report_sections.says(report_sections.sections(found))))
        self.assertEqual(len(self.page(found).all("svg")), 2)


class LimboOverTimeTest(ReportCase):
    def test_drawn_of_the_runs(self) -> None:
        page = self.page(runs=True)
        self.assertNotIn("is not drawn", " ".join(page.texts("p")))
        said = {attrs["id"]: text for _, attrs, text in page.all("desc") if attrs.get("id")}
        churn = said["s1-2-time-descriptors-desc"]
        peak = max(row[3] for row in synthetic.run(self.suite.plain()[7], 1)["series"]["rows"])
        self.assertIn(f"rcu_full up to {table.si(peak)}", churn)
        self.assertIn("None at any time: overlay, typesafe", churn)
        # Not the module's bound, which is in the series, but the slab's objects minus the folios.
        self.assertIn(f"rcu_desc up to ~{table.si(9010 - 1024)}", churn)
        self.assertNotIn("rcu_desc up to", said["s1-2-time-pages-desc"])

    def test_left_out(self) -> None:
        self.assertIn("is not drawn", " ".join(self.page().texts("p")))

    def test_broken_runs(self) -> None:
        synthetic.put_folder(self.folder, self.build(), self.boots[:1])
        for file in (self.folder / "boot-1/runs").iterdir():
            file.write_text("{")
        self.write()
        self.assertIn("is not drawn", self.text())


class GracePeriodTest(ReportCase):
    def test_drawn_where_they_were_timed(self) -> None:
        found = self.build()
        with undrawn.undrawn():
            self.assertNotIn("Grace periods", [plot.title for plot in self.plots(found)])
        for point in found["points"]:
            if (point["workload"], point["protocol"]) == ("churn", "rcu_full"):
                for rep in point["repetitions"]:
                    rep["latency"]["gp"] = synthetic.histogram([8_000_000, 9_000_000, 20_000_000])
        plot = next(plot for plot in self.plots(found) if plot.title == "Grace periods")
        self.assertIn("rcu_full p50 9.00ms, p99 20.0ms", plot.text)
        self.assertIn("rcu_full*", " ".join(Page(plot.svg).texts("text")))
        self.assertIn("not to be compared", plot.caption)

    def plots(self, found: dict) -> list[plots.Plot]:
        return [plot for section in report_sections.sections(found) if section.title.startswith("churn")
                for plot in plots.of_section(section, self.folder)]


if __name__ == "__main__":
    unittest.main()
