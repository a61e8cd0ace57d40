# SPDX-License-Identifier: GPL-2.0
"""make shadow: what it takes, what it makes of the module's figures, and what it writes."""

import argparse
import re
import unittest
from typing import Any

from fsc import repo
from fsc.cmd import shadow
from fsc.shadow import figures, loads, written
from fsc.shadow.figures import Loaded, Run
from fsc.verdict import FAIL, LOST, PASS, SetupError

SUMMARY_C = (repo.ROOT / "module/shadow/summary.c").read_text()
SERIES = re.search(r'seq_puts\(m, "(end_us [^\\]*)', SUMMARY_C)[1]


def summary(**changes: int) -> str:
    """All names that the module prints, with plausible numbers."""
    names = re.findall(r'line\(m, "(\w+)"', SUMMARY_C)
    names += [f"{how}_{kind}" for how in ("freed", "pages") for kind in ("anon", "file", "shmem", "slab", "kmem", "unmarked")]
    names += [f"model_{model}_{what}" for model in figures.MODELS for what in ("peak", "peak_bytes", "mean_bytes")]
    found = dict.fromkeys(names, 1000) | {"page_bytes": 4096} | changes
    return "state done\n" + "".join(f"{name} {value}\n" for name, value in found.items())


def run(told: str = "status 0\nlast line\n", **changes: int) -> Run:
    rows = "".join(" ".join([str(10000 * n), *["5"] * (len(SERIES.split()) - 1)]) + "\n" for n in range(1, 4))
    return Run({"summary": summary(**changes), "series": f"{SERIES}\n{rows}", "vmstat": "pgfree 5\n", "told": told})


def arguments(**given: Any) -> argparse.Namespace:
    return argparse.Namespace(**{"loads": None, "seconds": None, "shell": None, "host": False} | given)


DOCUMENT = {"kernel": "7.3", "where": "here", "emulated": True, "params": {"busted": "none"}, "command": "scripts/folioscale shadow"}


class FiguresTest(unittest.TestCase):
    def test_a_run_passes(self) -> None:
        self.assertEqual((run().verdict, run().trouble), (PASS, ""))
        self.assertEqual(run().document()["series"]["rows"][1][0], 20000)

    def test_a_load_that_fails(self) -> None:
        found = run(told="status 3\nfreed_anon is 5, not 10 or more\n")
        self.assertEqual(found.verdict, FAIL)
        self.assertIn("exit status 3: freed_anon is 5, not 10 or more", found.trouble)

    def test_nothing_arrived(self) -> None:
        self.assertEqual((Run().verdict, Run().trouble), (LOST, "did not end"))
        found = run()
        found.machine = "the machine is FAIL: it complained"
        self.assertEqual((found.verdict, found.trouble), (FAIL, found.machine))

    def test_what_cannot_be(self) -> None:
        for changes, said in (({"left_folios": 999}, "1000 freed, 1000 entered limbo, 999 left it"), ({"entered_pages": 0}, "pages: "),
                              ({"pgfree_counted": 9000}, "9000 pages were counted, and by pgfree of /proc/vmstat 1000 to 1000")):
            self.assertEqual(run(**changes).verdict, FAIL)
            self.assertIn(said, run(**changes).trouble)

    def test_medians_are_of_runs_that_pass(self) -> None:
        loaded = Loaded("l", "does", [run(option2_peak_bytes=size) for size in (1024, 2048, 3072)] + [run(told="status 1\n")])
        figure = next(one for one in figures.FIGURES if one.name == "option2_peak_bytes")
        self.assertEqual(loaded.over_runs(figure)["median"], 2048)
        self.assertTrue(loaded.cell(figure).startswith("2.00K"))

    def test_every_figure_is_printed_by_the_module(self) -> None:
        for figure in figures.FIGURES:
            self.assertIsInstance(figure.of(run().summary), (int, float))


class LoadsTest(unittest.TestCase):
    def test_each_says_what_it_does(self) -> None:
        for load in loads.known():
            self.assertGreater(len(load.does), 10, load.name)
            self.assertIn("load() {", (loads.FOLDER / f"{load.name}.sh").read_text(), load.name)
            self.assertIn("did() {", (loads.FOLDER / f"{load.name}.sh").read_text(), load.name)

    def test_names(self) -> None:
        self.assertEqual([load.name for load in loads.chosen("exit,fork exit")], ["exit", "fork"])
        self.assertEqual(loads.chosen("all"), loads.known())
        with self.assertRaisesRegex(SetupError, "LOADS=none: no such load; known: build .* or all"):
            loads.chosen("none")


class CommandTest(unittest.TestCase):
    def tasks(self, **given: Any) -> list[str]:
        return [task.job for task in shadow._tasks(arguments(**given))]     # pylint: disable=protected-access

    def test_what_is_counted(self) -> None:
        self.assertEqual(self.tasks(shell="echo 'a b'"), ["""shadow_command 'echo '"'"'a b'"'"''"""])
        self.assertEqual(self.tasks(seconds=60, host=True), ["shadow_command 'sleep 60'"])
        self.assertEqual(len(self.tasks()), len(loads.known()))

    def test_refused(self) -> None:
        for given, said in (({"shell": "x", "seconds": 1}, "SECONDS and CMD: set one"), ({"host": True}, "HOST=1: set CMD or SECONDS"),
                            ({"host": True, "loads": "exit"}, "in a VM only")):
            with self.assertRaisesRegex(SetupError, said):
                self.tasks(**given)


class WrittenTest(unittest.TestCase):
    def loaded(self) -> list[Loaded]:
        return [Loaded("good", "does it", [run()]), Loaded("bad", "fails", [run(told="status 1\nwhy\n")])]

    def test_summary(self) -> None:
        text = written.summary(DOCUMENT, self.loaded())
        self.assertLessEqual(max(map(len, text.splitlines())), 98)
        for words in ("CPU is emulated", "option 2    peak 0.977K", "model:", "FAIL: exit status 1: why"):
            self.assertIn(words, text)
        self.assertNotIn("negative control", text)

    def test_a_control_says_so(self) -> None:
        self.assertIn("wrong on purpose", written.summary(DOCUMENT | {"params": {"busted": "slab"}}, self.loaded()))

    def test_page(self) -> None:
        page = written.page(DOCUMENT | {"where": "<here>"}, self.loaded())
        self.assertEqual(page.count("<svg"), 2)
        self.assertIn("&lt;here&gt;", page)
        self.assertIn("option 3&#39;s pages in limbo", page)
        self.assertIn("exit status 1: why", page)


if __name__ == "__main__":
    unittest.main()
