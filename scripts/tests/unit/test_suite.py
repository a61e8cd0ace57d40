# SPDX-License-Identifier: GPL-2.0
"""Suites: what is refused, with which line, and the order of points."""

import argparse
import copy
import io
import json
import re
import tempfile
import tomllib
import unittest
from collections.abc import Iterator
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import synthetic
from fsc import repo, traits
from fsc.cmd import bench, suites
from fsc.result import stats
from fsc.shape import Validator
from fsc.suite import guest_script, suite, suitefile
from fsc.verdict import SetupError
from fsc.vm import versions
from fsc.vm.accel import ICOUNT, TCG, UML

GOOD = """question = "why?"
repetitions = 2
paths = ["pagecache"]
protocols = ["overlay", "typesafe"]
baseline = "overlay"

[params]
order = 0

[workload.churn]
title = "t"
params = { nr_readers = 1, nr_freers = 1 }
"""
MATRIX = """
[workload.rate]
matrix = { free_rate = [10, 1000], deferral = ["auto", "call_rcu"] }
params = { duration_ms = 2000 }
exclude = [{ protocol = "overlay", deferral = "call_rcu" }]
override = [{ when = { free_rate = 10, deferral = "auto" }, params = { duration_ms = 15000 } }]
show = ["limbo_page_bytes_peak"]
"""
BOOTS = """
[boot.usual]

[boot.none]
title = "no preemption"
cmdline = "preempt=none quiet"
memory_mb = 512
since = "6.9"
before = "7.0"

[boot.rt]
flavour = "rt-amd64"

[workload.models]
matrix = { free_rate = [10, 1000], boot = ["usual", "none", "rt"] }
exclude = [{ protocol = "overlay", boot = "rt" }]
override = [{ when = { boot = "none" }, params = { duration_ms = 100 } }]
show = ["limbo_page_bytes_peak"]
"""
# What suites of all protocols may take is said for eight of them.
MORE = len(traits.PROTOCOLS) / 8
# The protocols of each path.
PROTOCOLS = {path: set(traits.protocols_of(path)) for path in traits.PATHS}


def toml(value: Any) -> str:
    """TOML, each key at the top on a line of its own."""
    def inline(value: Any) -> str:
        if isinstance(value, dict):
            return f"{{ {', '.join(f'{json.dumps(key)} = {inline(one)}' for key, one in value.items())} }}"
        return f"[{', '.join(map(inline, value))}]" if isinstance(value, list) else json.dumps(value)

    return "".join(f"{json.dumps(key)} = {inline(one)}\n" for key, one in value.items())


def places(value: Any) -> Iterator[list[Any]]:
    """The path of every value inside of @value."""
    for key, one in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield [key]
        yield from ([key, *path] for path in places(one))


class SuiteTest(unittest.TestCase):
    def load(self, text: str) -> suite.Suite:
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "s.toml"
            file.write_text(text)
            return suitefile.load(file)

    def refused(self, text: str, line: int, word: str) -> None:
        with self.assertRaises(SetupError) as caught:
            self.load(text)
        self.assertIn(f"s.toml:{line}: ", str(caught.exception))
        self.assertIn(word, str(caught.exception))

    def test_good(self) -> None:
        found = self.load(GOOD)
        self.assertEqual([p.id for p in found.points], ["churn.pagecache.overlay", "churn.pagecache.typesafe"])
        self.assertEqual(found.points[1].module_args,
                         "path=pagecache protocol=typesafe order=0 nr_readers=1 nr_freers=1")

    def test_all_protocols(self) -> None:
        """Of each path those that it takes; a condition may name them."""
        protocols = 'protocols = ["overlay", "typesafe"]'
        text = (GOOD + MATRIX).replace(protocols, 'protocols = "all"').replace('["pagecache"]', '["pagecache", "gup"]')
        found = self.load(text)
        for path in ("pagecache", "gup"):
            self.assertEqual({p.protocol for p in found.points if p.workload == "churn" and p.path == path}, PROTOCOLS[path])
        self.assertNotIn(("overlay", "call_rcu"), {(p.protocol, p.axes.get("deferral")) for p in found.points})
        self.refused(text.replace('"gup"', '"pug"'), 3, "'pug'; known: pagecache, gup, pfn")
        self.refused(GOOD.replace(protocols, 'protocols = "some"'), 4, 'a list of different names, or "all"')

    def test_the_example_of_the_documents(self) -> None:
        text = (repo.SCRIPTS / "README.md").read_text(encoding="utf-8")
        [example] = re.findall(r"^```\n(# SPDX.*?)^```$", text, re.S | re.M)
        found = self.load(example)
        self.assertEqual([p.workload for p in found.points], ["churn"] * 3 + ["lookup"] * 3)
        self.assertEqual(example.splitlines()[1], f"# {found.question}")

    def test_refused_with_line(self) -> None:
        self.refused(GOOD.replace("order = 0", "ordre = 0"), 8, "ordre")
        self.refused(GOOD.replace("order = 0", 'order = "0"'), 8, "order")
        self.refused(GOOD.replace("nr_freers = 1", "nr_freer = 1"), 12, "nr_freer")
        self.refused(GOOD.replace("title", "titel"), 11, "titel")
        self.refused(GOOD.replace('baseline = "overlay"', 'baseline = "rcu"'), 5, "rcu")
        self.refused(GOOD.replace("repetitions = 2", "repetitions = 0"), 2, "repetitions")
        self.refused(GOOD.replace('["pagecache"]', '["a; b"]'), 3, "paths")
        self.refused(GOOD.replace("order = 0", 'removal = "a b"'), 8, "removal")
        self.refused(GOOD.replace('title = "t"', "opencoded = true"), 11, "opencoded")
        self.refused("seeds = 1\n" + GOOD, 1, "seeds")
        self.refused("order = 0\n" + GOOD, 1, "order")      # a key known only in another table
        self.refused(GOOD.replace("paths = ", "# paths = "), 1, "'paths' is missing; required: question, repetitions, paths")
        self.refused(GOOD.replace('["pagecache"]', '["gup\\n"]'), 3, "each of 'paths' must be a name (a-z, ")
        self.refused(GOOD.replace("order = 0", "gap_ns = 0.0"), 8, "'gap_ns' must be an int, not 0.0")
        self.refused(GOOD.replace('title = "t"', "icount = 1"), 11, "'icount' must be true or false, not 1")
        self.refused(GOOD.replace('"why?"', '""'), 1, "'question' must be a text that is not empty")
        self.refused(GOOD.split("[workload.churn]")[0] + "[workload]\n", 10, "'workload' must be a table with 1 or more keys, not {}")
        long = GOOD.replace("= 0", f"= {[*range(1000)]}")
        self.refused(long, 8, "'order' must be an int, or orders with weights such as \"0:8,2:4\", not [0, 1, ")
        self.refused(long, 8, "...")

    def test_own_paths_and_protocols(self) -> None:
        own = '[workload.pins]\npaths = ["gup", "pfn"]\nprotocols = ["locked"]\n'
        found = self.load(GOOD + own)
        self.assertEqual([p.id for p in found.points], [
            "churn.pagecache.overlay", "churn.pagecache.typesafe", "pins.gup.locked", "pins.pfn.locked"])
        self.refused(GOOD + own.replace('"gup"', '"a; b"'), 14, "paths")
        self.refused(GOOD + own.replace('["locked"]', "[]"), 15, "protocols")
        self.refused(GOOD + own.replace('"gup"', '"pfn"'), 14, "twice")
        self.refused(GOOD.replace('["pagecache"]', "[]"), 3, "paths")   # the top ones stay required
        # A baseline may be a protocol of a single workload.
        self.load(GOOD.replace('baseline = "overlay"', 'baseline = "locked"') + own)

    def test_values_that_are_lists(self) -> None:
        good = {"account": ('""', '"/a.slice/b-1"'), "order": ("2", '"0:8,2:4,9:1"'), "mix": ('"60:20:10:5:5"',), "reader_cpus": ('""', '"0-1,3"'),
                "freer_cpus": ('"0"',), "tryget": ('"xadd"',), "nr_mms": ("4",), "cross_cpu": ("1",)}
        bad = {"order": ('"0"', '"0:8 2:4"', '"0:8,"', "true", "[0]", '"$(id)"'), "mix": ('"60:20"', "60", '""'),
               "account": ("1", '"a"', '"/a; id"', '"/a b"'),
               "reader_cpus": ("1", '"0,"', '"0; id"', '"\u0661"'), "tryget": ('""', "1"), "nr_mms": ('"4"', "4.0")}
        for name, values in good.items():
            for value in values:
                point = self.load(GOOD.replace("order = 0", f"{name} = {value}")).points[0]
                self.assertIn(f" {name}={value.strip(chr(34))} ", point.module_args)
        for name, values in bad.items():
            for value in values:
                self.refused(GOOD.replace("order = 0", f"{name} = {value}"), 8, name)

    def test_matrix(self) -> None:
        found = self.load(GOOD + MATRIX)
        points = [p for p in found.points if p.workload == "rate"]
        self.assertEqual([(p.protocol, p.axes["free_rate"], p.axes["deferral"]) for p in points], [
            ("overlay", 10, "auto"), ("overlay", 1000, "auto"),
            ("typesafe", 10, "auto"), ("typesafe", 10, "call_rcu"), ("typesafe", 1000, "auto"), ("typesafe", 1000, "call_rcu")])
        self.assertEqual(points[3].id, "rate.pagecache.typesafe.free_rate=10.deferral=call_rcu")
        self.assertEqual(points[3].module_args,
                         "path=pagecache protocol=typesafe order=0 duration_ms=2000 free_rate=10 deferral=call_rcu")
        # An override wins over the workload's params, but only where its condition holds.
        self.assertEqual([p.params["duration_ms"] for p in points], [15000, 2000, 15000, 2000, 2000, 2000])
        self.assertEqual(found.curves, {"rate": suite.Curve("free_rate", ("limbo_page_bytes_peak",))})
        self.assertEqual(len({p.id for p in found.points}), len(found.points))

    def test_matrix_refused_with_line(self) -> None:
        header = GOOD.count("\n") + 2
        for right, wrong, below, word in (
                ("free_rate = [", "free_rat = [", 1, "free_rat"),
                ("[10, 1000]", "[10, 10]", 1, "different"),
                ("[10, 1000]", "[]", 1, "list"),
                ("[10, 1000]", '"1..cpus"', 1, "list"),
                ("matrix =", "# matrix =", 3, "exclude"),
                ('deferral = "call_rcu" }]', 'deferral = "hurry" }]', 3, "never"),
                ('protocol = "overlay"', "order = 0", 3, "order"),
                ('"overlay", deferral = "call_rcu"', '["overlay", "typesafe"]', 3, "leaves nothing"),
                ("params = { duration_ms = 15000 }", "param = { duration_ms = 15000 }", 4, "when, params"),
                ("{ duration_ms = 15000 }", '{ duration_ms = "15000" }', 4, "duration_ms"),
                ("limbo_page_bytes_peak", "limbo", 5, "limbo"),
                ("{ duration_ms = 15000 }", "{ free_rate = 15000 }", 4, "free_rate"),
                ("params = { duration_ms = 2000 }", "params = { free_rate = 1 }", 2, "free_rate"),
                ('"limbo_page_bytes_peak"]', '"limbo_page_bytes_peak", "limbo_page_bytes_peak"]', 5, "twice"),
                ('"limbo_page_bytes_peak"]', '["limbo"]]', 5, "limbo"),
                ('"limbo_page_bytes_peak"]', '"instructions_per_lookup"]', 5, "icount = true"),
                ('show = ["limbo_page_bytes_peak"]', "", 1, "'matrix' requires 'show'"),
                ('show = ["limbo_page_bytes_peak"]', "show = []", 5, "'show' must be a list of different values, not []"),
                ("[10, 1000]", "[10, 10]", 1, "and has 10 twice"),
                ("[10, 1000]", "[10, true]", 1, "each of 'free_rate' must be an int, not True"),
                ('{ protocol = "overlay", deferral = "call_rcu" }', "{}", 3, "each of 'exclude' must be a table of axes, path"),
                ('"call_rcu" }]', '"call_rcu", free_rate = [] }]', 3, "'free_rate' must be a list with 1 or more values, not []"),
                ('"call_rcu" }]', '"call_rcu", free_rate = true }]', 3, "must be an int or a string or a list, not True"),
                ('{ protocol = "overlay", deferral', '{ "a\\nb" = 1, deferral', 3, "'exclude': unknown axis 'a\\nb'; known: path, "),
                ("when = { free_rate = 10, deferral = \"auto\" }, ", "", 4, "'when' is missing; required: when, params")):
            with self.subTest(wrong):
                self.assertIn(right, MATRIX)
                self.refused(GOOD + MATRIX.replace(right, wrong), header + below, word)

    def test_against(self) -> None:
        own = '[workload.again]\nagainst = "churn"\nprotocols = ["typesafe"]\n'
        self.assertEqual(self.load(GOOD + own).against, {"again": "churn"})
        self.assertEqual(self.load(GOOD).against, {})
        for right, wrong, word in (
                ('"churn"', '"chum"', "no workload"), ('"churn"', '"again"', "not against itself"),
                ('"churn"', "1", "'against' must be a name"), ('"typesafe"', '"rcu_desc"', "has no pagecache rcu_desc"),
                ('"churn"\n', '"churn"\npaths = ["gup"]\n', "has no gup typesafe"),
                ('"churn"\n', '"churn"\nicount = true\n', "same icount"), ('"churn"', '"rate"', "has a matrix"),
                ('"churn"\n', '"churn"\nmatrix = { order = [0, 2] }\nshow = ["drain_ns"]\n', "without a matrix")):
            with self.subTest(word):
                more = MATRIX if wrong == '"rate"' else ""
                # order is the matrix's axis, so it must not be common.
                text = GOOD.replace("order = 0", "") if "matrix" in wrong else GOOD
                self.refused(text + own.replace(right, wrong) + more, 14, word)

    def test_matrix_up_to_the_cpus(self) -> None:
        self.assertEqual([suitefile.doubled(n) for n in (1, 2, 3, 8, 12)], [[1], [1, 2], [1, 2, 3], [1, 2, 4, 8], [1, 2, 4, 8, 12]])
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "s.toml"
            file.write_text(GOOD + MATRIX.replace("free_rate = [10, 1000]", 'nr_readers = "1..cpus"')
                            .replace("free_rate = 10,", "nr_readers = 1,"))
            points = [p for p in suitefile.load(file, 4).points if p.workload == "rate" and p.protocol == "overlay"]
        self.assertEqual([p.params["nr_readers"] for p in points], [1, 2, 4])
        self.refused(GOOD + MATRIX.replace("free_rate = [10, 1000]", 'nr_readers = "1..cpu"'), GOOD.count("\n") + 3,
                     "'nr_readers' must be a list of different values, or \"1..cpus\", which is 1, 2, 4 ... and the number")

    def test_boots(self) -> None:
        found = self.load(GOOD + BOOTS)
        self.assertEqual(found.guests, {"usual": suite.Guest(), "rt": suite.Guest(flavour="rt-amd64"),
                                        "none": suite.Guest("no preemption", "preempt=none quiet", memory_mb=512, since="6.9", before="7.0")})
        points = [p for p in found.points if p.workload == "models"]
        self.assertEqual([p.boot for p in points], ["usual", "none"] * 2 + ["usual", "none", "rt"] * 2)
        self.assertEqual(points[1].id, "models.pagecache.overlay.free_rate=10.boot=none")
        # The module does not get the axis boot.
        self.assertEqual(points[1].module_args, "path=pagecache protocol=overlay order=0 free_rate=10 duration_ms=100")
        self.assertEqual(points[0].module_args, "path=pagecache protocol=overlay order=0 free_rate=10")
        self.assertEqual(found.curves["models"].x, "free_rate")
        self.assertEqual(self.load(GOOD + BOOTS.replace("free_rate = [10, 1000], ", "")).curves["models"].x, "boot")

    def test_boots_refused_with_line(self) -> None:
        header = GOOD.count("\n") + 1
        for right, wrong, below, word in (
                ("cmdline =", "cmdlin =", 5, "cmdlin"),
                ('"preempt=none quiet"', "1", 5, "cmdline"),
                ('"preempt=none quiet"', '"preempt=none  quiet"', 5, "words"),
                ('"preempt=none quiet"', '""', 5, "words"),
                ("memory_mb = 512", 'memory_mb = "512"', 6, "memory_mb"),
                ("memory_mb = 512", "memory_mb = 0", 6, "at least"),
                ('since = "6.9"', "since = 6.9", 7, "'since' must be a kernel series such as \"7.0\", not 6.9"),
                ('since = "6.9"', 'since = "6"', 7, "'since' must be a kernel series such as \"7.0\", not '6'"),
                ('before = "7.0"', 'before = "7.0.1"', 8, "'before' must be a kernel series"),
                ('before = "7.0"', 'before = "6.9"', 8, "'before' must be newer than 'since', which is 6.9"),
                ('since = "6.9"', 'since = "7.10"', 8, "'before' must be newer than 'since', which is 7.10"),
                ('"rt-amd64"', '"rt"', 11, "rt-amd64"),
                ("[boot.rt]", "[boot.Rt]", 10, "'Rt' must be a name (a-z, 0-9, _ and -, a letter first)"),
                ('"none", "rt"]', '"non", "rt"]', 14, "no [boot.non]; known: usual, none, rt"),
                ('"none", "rt"]', '["none"], "rt"]', 14, "each of 'boot' must be a name (a-z, "),
                ("boot = [", "boots = [", 14, "known: boot, "),
                ('boot = "rt" }', 'boot = "r" }', 15, "never"),
                ('{ duration_ms = 100 }', '{ boot = "rt" }', 16, "boot"),
                ('"usual", "none", "rt"', '"none", "rt"', 1, "no point is booted in [boot.usual]"),
                ('protocol = "overlay", boot = "rt"', 'boot = "rt"', 10, "no point is booted in [boot.rt]"),
                ("matrix =", "icount = true\nmatrix =", 15, "icount")):
            with self.subTest(wrong):
                self.assertIn(right, BOOTS)
                self.refused(GOOD + BOOTS.replace(right, wrong), header + below, word)

    def test_boots_by_kernel(self) -> None:
        found = self.load(GOOD + BOOTS)
        why = "for kernels since 6.9 and before 7.0, this is {}"
        for series, left in (("6.8", True), ("6.9", False), ("6.12", False), ("7.0", True), ("7.3", True), ("10.0", True)):
            own = found.on(series)
            self.assertEqual(own.left_out, {"none": why.format(series)} if left else {}, series)
            self.assertEqual([*own.guests], ["usual", "rt"] if left else ["usual", "none", "rt"])
            self.assertEqual({point.boot for point in own.points}, {"", *own.guests})
        for bound, why in (("since", "for kernels since 6.13, this is 6.12"), ("before", "for kernels before 6.12, this is 6.12")):
            guest = suite.Guest(**{bound: why.split()[3].rstrip(",")})
            self.assertEqual(guest.not_on("6.12"), why)
        self.assertEqual(suite.Guest().not_on("6.12"), "")

    def test_points_are_grouped_by_boot(self) -> None:
        found = self.load(GOOD + BOOTS)
        boots = found.boots(1)
        self.assertEqual([{p.boot for p in points} for points in boots], [{points[0].boot} for points in boots])
        self.assertCountEqual([points[0].boot for points in boots], ["", "usual", "none", "rt"])
        self.assertEqual([found.guest(points).memory_mb for points in boots if points[0].boot in ("", "none")].count(512), 1)
        self.assertCountEqual([p.id for points in boots for p in points], [p.id for p in found.points])
        self.assertNotEqual([[p.id for p in points] for points in boots], [[p.id for p in points] for points in found.boots(2)])
        self.assertEqual(len(bench.passes(found, ICOUNT, True)), 0)
        self.assertEqual([points for points, _ in bench.passes(found, None, True)], found.boots(1) + found.boots(2))
        # Without [boot.NAME] there is one boot, with all points in their order.
        self.assertEqual(synthetic.suite().boots(3), [synthetic.suite().order(3)])

    def test_alone(self) -> None:
        """A point that is alone has a boot of its own, in its machine; the others share boots."""
        right = "[workload.models]\n"
        self.assertIn(right, BOOTS)
        found = self.load(GOOD + BOOTS.replace(right, f"{right}alone = true\n"))
        boots = found.boots(1)
        own = [points for points in boots if points[0].workload == "models"]
        self.assertEqual({len(points) for points in own}, {1})
        self.assertCountEqual([points[0].id for points in own], [p.id for p in found.points if p.workload == "models"])
        rest = [points for points in boots if points[0].workload != "models"]
        self.assertEqual([[p.alone for p in points] for points in rest], [[False] * len(points) for points in rest])
        self.refused(GOOD.replace("[workload.churn]\n", "[workload.churn]\nicount = true\nalone = true\n"),
                     GOOD.splitlines().index("[workload.churn]") + 3, "alone")
        # Points that are compared within a boot.
        self.refused("times = true\n" + GOOD.replace("[workload.churn]\n", "[workload.churn]\nalone = true\n"), 1, "neither 'alone' nor")

    def test_rcu_suite(self) -> None:
        boots = {"6.12": ["none", "voluntary", "full", "lazy", "nocb", "expedited", "rt"]} | dict.fromkeys(
            ("7.2", "7.3"), ["preempt-lazy", "full", "lazy", "nocb", "expedited", "rt"])
        self.assertEqual([*boots], [*versions.known().series])
        for series, names in boots.items():
            found = synthetic.suite("rcu").on(series)
            self.assertEqual([*found.guests], names)
            self.assertLess(bench.expected_s(found), 270, "it has four minutes and a half")
            for points in found.boots(1):
                released = [p.workload for p in points].count("released")
                self.assertEqual(released, points[0].boot in ("voluntary", "preempt-lazy", "expedited"))
                self.assertEqual(len(points) - released, 7)

    def test_all_suites(self) -> None:
        found = {name: bench.find_suite(name).on("7.3") for name in bench.names()}
        self.assertLess(sum(bench.expected_s(s) for name, s in found.items() if name not in bench.not_in_all()), 0.9 * 3900 * MORE,
                        "make bench SUITE=all has an hour and five minutes, and hosts are busy")
        for name, one in found.items():
            # The question comes first in the file.
            self.assertEqual(one.file.read_text().splitlines()[1], f"# {one.question}", name)
            self.assertEqual(len({p.id for p in one.points}), len(one.points), name)

    def test_opencoded_is_the_kernels_tryget(self) -> None:
        text = GOOD.replace('title = "t"', "icount = true\nopencoded = true")
        self.load(text.replace("order = 0", 'tryget = "cas"'))
        self.refused(text.replace("order = 0", 'tryget = "xadd"'), 12, "opencoded")

    def test_the_schema_knows_every_parameter(self) -> None:
        schema = suitefile.SHAPE.schema
        Validator.check_schema(schema)
        params = traits.PARAMETERS.keys() - {"protocol", "path", "autorun"}
        self.assertEqual(schema["$defs"]["params"]["properties"].keys(), params)
        matrix = schema["$defs"]["workload"]["properties"]["matrix"]["properties"]
        self.assertEqual(matrix.keys(), params | {"boot"})
        for name in params:
            value = json.dumps(traits.PARAMETERS[name]["default"])
            for text in (GOOD.replace("order = 0", f"{name} = {value}"),
                         GOOD.replace("order = 0", "") + f'[workload.x]\nmatrix = {{ {name} = [{value}] }}\nshow = ["drain_ns"]\n'):
                self.assertEqual(self.load(text).points[-1].params[name], traits.PARAMETERS[name]["default"])

    def test_lines_however_it_is_written(self) -> None:
        matrix = "\n[workload.rate.matrix]\nfree_rate = [10, true]\n"
        for text, line in ((GOOD + '[workload.rate]\nshow = ["drain_ns"]\n' + matrix, 17),
                           (GOOD.replace("params = { nr_readers = 1", "params.nr_readers = true #"), 12),
                           (GOOD.replace("[params]\norder", "# [params]\nparams . order").replace("= 0", "= true"), 8),
                           (GOOD.replace("[workload.churn]", '[ workload . "churn 2" ]'), 10),
                           (GOOD.replace("title = ", '"titel" = '), 11),
                           (GOOD.replace("[workload.churn]", "[[workload]]"), 10),
                           (GOOD.replace('title = "t"', "# titel = 1\ntitel = 1"), 12),
                           (GOOD.replace("title", "titel") + "[workload]\nother = {}\n", 11),
                           (GOOD.replace("order = 0", "") + "[params.order]\n", 13)):
            with self.subTest(text):
                self.refused(text, line, "must be" if "titel" not in text else "unknown key 'titel'; known: title, ")

    def test_wrong_values_everywhere(self) -> None:
        """Each value of a suite, replaced, removed, or beside an unknown key: the suite is read, or refused in one line."""
        good = tomllib.loads(GOOD + BOOTS) | {"seed": 1}
        good["workload"]["churn"] |= {"icount": False, "opencoded": False, "alone": False, "paths": ["gup"], "against": "other"}
        good["workload"]["other"] = {"paths": ["gup"]}
        # Refused everywhere: the first and the last.
        values = (1.5, True, "a b\n", [], {"a": [0]}, None, "unknown key")
        refused = 0
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "s.toml"
            for path in places(good):
                for value in values:
                    bad = copy.deepcopy(good)
                    place: Any = bad
                    for key in path[:-1]:
                        place = place[key]
                    if value is None:
                        del place[path[-1]]
                    elif value == "unknown key" and isinstance(place, dict):
                        place[value] = 1
                    else:
                        place[path[-1]] = value
                    file.write_text(toml(bad))
                    try:
                        suitefile.load(file)
                        self.assertNotIn(value, (1.5, "unknown key"), path)
                    except SetupError as error:
                        refused += 1
                        self.assertRegex(str(error), rf"^{re.escape(str(file))}:\d+: [^\n]+$")
                        self.assertNotRegex(str(error), "not of type|not match|not one of|is too short|Additional|non-unique")
                        if value == 1.5:
                            self.assertIn(f"s.toml:{[*bad].index(path[0]) + 1}: ", str(error), path)
        self.assertGreater(refused, 350)

    def test_not_text(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "s.toml"
            for data, why in ((b"seed = '\xff'", "can't decode byte 0xff"), (b"seed = " + b"9" * 5000, "integer string")):
                file.write_bytes(data)
                with self.assertRaisesRegex(SetupError, f"s.toml: .*{why}"):
                    suitefile.load(file)

    def test_bad_toml_says_where(self) -> None:
        with self.assertRaisesRegex(SetupError, "line 2"):
            self.load("question = 'a'\nrepetitions = \n")

    def test_order_is_seeded_and_whole(self) -> None:
        found = synthetic.suite()
        self.assertEqual(found.order(1), found.order(1))
        self.assertNotEqual(found.order(1), found.order(2))
        self.assertCountEqual([p.id for p in found.order(3)], [p.id for p in found.plain()])

    def test_the_list_that_is_shown(self) -> None:
        said = io.StringIO()
        with redirect_stdout(said):
            suites.main(argparse.Namespace())
        self.assertIn(said.getvalue(), (repo.ROOT / "scripts/README.md").read_text())
        self.assertIn(f"all but {', '.join(bench.not_in_all()[:-1])} and {bench.not_in_all()[-1]} one after the other", (repo.ROOT / "scripts/README.md").read_text())

    def test_default_suite(self) -> None:
        found = synthetic.suite("default")
        self.assertEqual((len(found.plain()), len(found.icount()), found.repetitions), (8, 8, 6))
        self.assertLess(bench.expected_s(found), 480, "make bench has eight minutes")
        arms = list(dict.fromkeys(point.protocol for point in found.points))
        self.assertEqual({(point.workload, point.protocol) for point in found.timed.points},
                         {(point.workload, arm) for point in synthetic.suite("cpu").points for arm in arms})
        pairs = len(arms) * (len(arms) - 1) // 2
        self.assertGreater(found.timed.repetitions, stats.enough_boots(pairs), "a window may get lost")
        self.assertEqual(bench.choose("default", argparse.Namespace(repetitions=2, vcpus=2)).timed.repetitions, 2)

    def test_times_of(self) -> None:
        def text(times_of: str, more: str = "") -> str:
            return GOOD.replace("paths =", f"{more}times_of = {times_of}\npaths =", 1)

        for found, why in ((text('{ suite = "nonsense", repetitions = 1, minutes = 1 }'), "'suite': there is no "),
                           (text('{ suite = "cpu", repetitions = 1 }'), "'minutes' is missing"),
                           (text('{ suite = "cpu", repetitions = 0, minutes = 1 }'), "at least 1")):
            with self.assertRaisesRegex(SetupError, why):
                self.load(found)

    def test_minutes(self) -> None:
        args = argparse.Namespace(repetitions=None, minutes=30, vcpus=2)
        self.assertEqual(bench.choose("cpu", args).minutes, 30)
        self.assertEqual(bench.choose("default", args).timed.minutes, 30)
        self.assertEqual(bench.choose("default", args).minutes, 0)
        with self.assertRaisesRegex(SetupError, "MINUTES=30: paths has a number of boots: allowed: a suite with within= or times_of=, without REPS="):
            bench.choose("paths", args)
        args.repetitions = 3
        with self.assertRaisesRegex(SetupError, "MINUTES=30: REPS= says how many boots: allowed"):
            bench.choose("cpu", args)

    def test_paths_suite(self) -> None:
        found = synthetic.suite("paths")
        self.assertLess(bench.expected_s(found), 0.9 * 900 * MORE, "it has 15 minutes, and hosts are busy")
        self.assertEqual(found.repetitions, 6)
        for points in (found.plain(), [p for p in found.icount() if p.params["nr_readers"] and p.opencoded],
                       [p for p in found.icount() if p.params["nr_freers"]]):
            usual = [p for p in points if "tryget" not in p.params and p.params.get("passes") != 1]
            self.assertEqual({path: {p.protocol for p in usual if p.path == path} for path in PROTOCOLS}, PROTOCOLS)
            self.assertEqual(len(usual), sum(len(names) for names in PROTOCOLS.values()))

    def test_icount_suite(self) -> None:
        found = synthetic.suite("icount")
        self.assertLess(bench.expected_s(found), 150 * MORE)
        self.assertTrue(all(point.icount and point.opencoded for point in found.points))
        self.assertCountEqual([(p.path, p.protocol) for p in found.points],
                              [(path, name) for path, names in PROTOCOLS.items() for name in names])

    def test_job(self) -> None:
        found = synthetic.suite()
        text = guest_script.script(found.icount(), ICOUNT)
        self.assertLess(text.index("fair"), text.index("sleep 2"))
        self.assertEqual(text.count("\npoint "), 8)
        self.assertEqual(text.count("\nopencoded "), 4)
        self.assertIn("\nopencoded opencoded icount-lookup.pagecache.rcu_desc pagecache rcu_desc 1000000\n", text)
        self.assertNotIn("opencoded", guest_script.script(found.order(1), None))

    def test_what_is_timed_beside_a_point(self) -> None:
        """The loop by hand, and for today's lookup the kernel's own, only on a real CPU."""
        found = synthetic.suite("cpu")
        text = guest_script.script(found.order(1), UML)
        self.assertEqual(text.count("\nopencoded opencoded one."), 9)
        for line in ("called one.pagecache.overlay@1 tmpfs called 5000000", "filemap_get_folio one.pagecache.overlay@1 tmpfs filemap_get_folio 5000000",
                     "kernel_read one.pagecache.overlay@1 tmpfs kernel_read 1250000"):
            self.assertEqual(text.count(f"\nopencoded {line}\n"), 1, line)
        self.assertEqual(text.count("\nopencoded "), 12)
        self.assertNotIn("opencoded", guest_script.script(found.order(1), TCG))


if __name__ == "__main__":
    unittest.main()
