# SPDX-License-Identifier: GPL-2.0
"""Litmus tests: their variants, what is expected of herd7, and that no ordered operation of the module is left out."""

import tempfile
import unittest
from pathlib import Path
from unittest import mock

import synthetic  # noqa: F401  # pylint: disable=unused-import
from fsc.litmus import coverage, herd, runs, suite
from fsc.litmus.coverage import Place
from fsc.litmus.herd import Verdict
from fsc.verdict import SetupError

TEXT = """C mp

(*
 * SPDX-License-Identifier: GPL-2.0
 *
 * Models:
 *   module/a.c:send: smp_wmb
 *   module/a.c:receive: smp_rmb
 *
 * Never without extra: wmb orders
 * the same.
 * Sometimes without extra and wmb.
 *
 * Left out: the rest.
 *)

{
}

P0(int *x, int *y)
{
\tWRITE_ONCE(*x, 1);
\t// bug early: WRITE_ONCE(*y, 1);
\tsmp_wmb();\t// without wmb:
\tsmp_store_release(y, 1);\t// without extra: WRITE_ONCE(*y, 1); // bug early:
}

P1(int *x, int *y)
{
\tr0 = READ_ONCE(*y);
\tsmp_rmb();\t// without rmb:
\tr1 = READ_ONCE(*x);
}

exists (1:r0=1 /\\ 1:r1=0)
"""
CODE = """
/* smp_mb() in a comment is none. */
#define both()\tsmp_mb()

static void send(int *x)
{
\tsmp_wmb();
\tpr_info("smp_mb()");
}

static __always_inline
int receive(struct thing *t)
\t__must_hold(RCU)
{
\tif (smp_processor_id() || t->smp_mb())
\t\tatomic_cmpxchg_relaxed(&t->count, 0, 1);
\tsmp_rmb();
}
"""


def one() -> suite.Test:
    return suite.parse("a/mp", TEXT)


def decided(**verdicts: Verdict) -> runs.Decided:
    """All as they must be, but for these; @itself is the test without a change."""
    test = one()
    usual = {variant: Verdict(herd.NEVER if test.stands(variant) else herd.SOMETIMES) for variant in test.variants()}
    named = {tuple(name.split("_and_")) if name != "itself" else (): verdict for name, verdict in verdicts.items()}
    return runs.Decided(test, usual | named)


class SuiteTest(unittest.TestCase):
    def refused(self, old: str, new: str, why: str) -> None:
        with self.assertRaisesRegex(SetupError, why):
            suite.parse("a/mp", TEXT.replace(old, new))

    def test_variants(self) -> None:
        self.assertEqual(one().variants(), [(), ("early",), ("wmb",), ("extra",), ("rmb",), ("extra", "wmb")])
        self.assertEqual(one().stays, {"extra": "wmb orders the same."})
        self.assertEqual([variant for variant in one().variants() if one().stands(variant)], [(), ("extra",)])

    def test_itself_has_no_marks(self) -> None:
        text = one().generate()
        self.assertNotIn("//", text)
        self.assertIn("\tsmp_wmb();\n\tsmp_store_release(y, 1);\n}", text)
        self.assertEqual(text.count("WRITE_ONCE"), 1)

    def test_left_out(self) -> None:
        self.assertNotIn("smp_wmb();", one().generate(["wmb"]))
        self.assertIn("\tsmp_wmb();\n\tWRITE_ONCE(*y, 1);\n}", one().generate(["extra"]))
        self.assertIn("\tWRITE_ONCE(*x, 1);\n\tWRITE_ONCE(*y, 1);\n}", one().generate(["extra", "wmb"]))

    def test_moved(self) -> None:
        self.assertIn("\tWRITE_ONCE(*x, 1);\n\tWRITE_ONCE(*y, 1);\n\tsmp_wmb();\n}", one().generate(["early"]))

    def test_two_changes_of_a_line(self) -> None:
        with self.assertRaisesRegex(SetupError, "extra and early change the same line"):
            one().generate(["extra", "early"])

    def test_refused(self) -> None:
        self.refused("// without rmb:", "// wihtout rmb:", r"a/mp:3\d: a comment with // is")
        self.refused("// without rmb:", "// read first", "a comment with // is")
        self.refused("Never without extra:", "Never without other:", "no mark for other")
        self.refused("C mp", "C other", "does not begin with 'C mp'")
        self.refused("Left out", "Also", "does not say what it leaves out")
        self.refused("module/a.c:send: smp_wmb", "module/a.c send", "is not FILE:FUNCTION")
        self.refused("Models:", "Is of:", "models nothing")

    def test_one_must_be_sometimes(self) -> None:
        text = TEXT.replace("// bug early: WRITE_ONCE(*y, 1);", "").replace("// bug early:", "")
        text = text.replace("// without wmb:", "").replace("// without rmb:", "").replace(" * Sometimes without extra and wmb.\n", "")
        with self.assertRaisesRegex(SetupError, "no variant that must be Sometimes"):
            suite.parse("a/mp", text)

    def test_chosen(self) -> None:
        among = [one()]
        for name in ("mp", "a/mp", "module/a/mp.litmus"):
            self.assertEqual(suite.chosen([name], among), among)
        with self.assertRaisesRegex(SetupError, "sb: no such test; known: a/mp"):
            suite.chosen(["sb"], among)


class VerdictTest(unittest.TestCase):
    def test_parse(self) -> None:
        self.assertEqual(herd.parse("Test mp Allowed\nObservation mp Never 0 3\n"), Verdict(herd.NEVER))
        self.assertEqual(herd.parse("Flag data-race\nObservation mp Sometimes 1 3\n"), Verdict(herd.SOMETIMES, (herd.RACE,)))
        self.assertIsNone(herd.parse("Warning: File \"mp\": syntax error\n"))

    def test_good(self) -> None:
        self.assertEqual(decided().wrong(), [])
        self.assertEqual(decided(rmb=Verdict(herd.NEVER, (herd.RACE,))).wrong(), [])

    def test_each_must_be_as_it_says(self) -> None:
        never, sometimes = Verdict(herd.NEVER), Verdict(herd.SOMETIMES)
        for verdicts, why in (({"itself": sometimes}, "a/mp is Sometimes, and must be Never"),
                              ({"itself": Verdict(herd.NEVER, (herd.RACE,))}, "a/mp is Never, data race, and must be Never"),
                              ({"rmb": never}, "a/mp without rmb is Never, and must be Sometimes, or the test says why"),
                              ({"early": never}, "a/mp with the bug early is Never, and must be Sometimes"),
                              ({"extra": sometimes}, "a/mp without extra is Sometimes, and must be Never, as it says"),
                              ({"extra_and_wmb": never}, "a/mp without extra and wmb is Never, and must be Sometimes")):
            [line] = decided(**verdicts).wrong()
            self.assertTrue(line.startswith(why), line)

    def test_table(self) -> None:
        self.assertEqual(runs.table([decided()]), """| test | bad outcome | without | negative controls |
| --- | --- | --- | --- |
| `a/mp` | Never | wmb, rmb, extra and wmb: Sometimes; extra: Never | early: Sometimes |""")


class HerdTest(unittest.TestCase):
    def decide(self, program: str) -> Verdict:
        with tempfile.TemporaryDirectory() as folder:
            herd7 = Path(folder) / "herd7"
            herd7.write_text(f"#!/bin/sh\n{program}\n")
            herd7.chmod(0o755)
            return herd.Herd((str(herd7),), Path(folder)).decide(Path("mp.litmus"))

    def test_decide(self) -> None:
        self.assertEqual(self.decide('echo "Observation mp Never 0 3"'), Verdict(herd.NEVER))

    def test_no_verdict(self) -> None:
        with self.assertRaisesRegex(SetupError, "mp.litmus: herd7 has no verdict: bad variant lkmmv2"):
            self.decide('echo "bad variant lkmmv2" >&2; exit 2')

    def test_in_path(self) -> None:
        with mock.patch("shutil.which", return_value="/opt/herd7"):
            self.assertEqual(herd.command(), ("/opt/herd7",))

    def test_no_network(self) -> None:
        with (mock.patch("shutil.which", return_value=None),
              mock.patch("fsc.vm.tools.folder", side_effect=SetupError("sid: cannot resolve")),
              self.assertRaisesRegex(SetupError, "no herd7 in PATH, and Debian's herdtools7 cannot be fetched: sid: cannot")):
            herd.command()


class CoverageTest(unittest.TestCase):
    FILES = {"module/a.c": CODE}

    def wrong(self, code: str = CODE, exempt: str = "module/a.c:*: smp_mb -- a macro\n") -> list[str]:
        return coverage.wrong([one()], {"module/a.c": code}, coverage.exemptions(exempt))

    def test_places(self) -> None:
        self.assertEqual(list(coverage.places("module/a.c", CODE)), [
            Place("module/a.c", "", "smp_mb"), Place("module/a.c", "send", "smp_wmb"), Place("module/a.c", "receive", "smp_rmb")])

    def test_operations(self) -> None:
        for operation in ("smp_mb", "smp_store_release", "atomic_add_unless", "atomic64_add_return", "atomic_long_try_cmpxchg",
                          "atomic_read_acquire", "atomic_dec_and_test", "atomic_inc_not_zero", "xchg", "cmpxchg", "try_cmpxchg",
                          "test_and_set_bit", "rcu_dereference", "rcu_dereference_raw", "refcount_dec_and_test", "rcuref_get",
                          "read_seqcount_retry", "call_rcu", "kfree_rcu", "synchronize_rcu", "folio_try_get"):
            code = f"void f(void)\n{{\n\t{operation}(x);\n}}\n"
            self.assertEqual(list(coverage.places("a.c", code)), [Place("a.c", "f", operation)])
        for other in ("atomic_add", "atomic_read", "atomic_set", "set_bit", "READ_ONCE", "fsc_trace_release", "smp_processor_id",
                      "atomic_cmpxchg_relaxed", "folio_put"):
            self.assertEqual(list(coverage.places("a.c", f"void f(void)\n{{\n\t{other}(x);\n}}\n")), [], other)

    def test_all_named(self) -> None:
        self.assertEqual(self.wrong(), [])

    def test_a_new_barrier_fails(self) -> None:
        """In a function that no test models, and a second one in a function that a test models."""
        new = "void other(void)\n{\n\tsmp_mb();\n}\n"
        self.assertEqual(self.wrong(CODE + new, "module/a.c:send: smp_wmb[2] -- none\nmodule/b.c:*: * -- none\n")[:2], [
            "module/a.c:: smp_mb: no litmus test models it, and litmus-exempt gives no reason why none does",
            "module/a.c:other: smp_mb: no litmus test models it, and litmus-exempt gives no reason why none does"])
        self.assertEqual(self.wrong(CODE.replace("\tsmp_wmb();\n", "\tsmp_wmb();\n\tsmp_wmb();\n")), [
            "module/a.c:send: smp_wmb[2]: no litmus test models it, and litmus-exempt gives no reason why none does"])

    def test_a_barrier_that_went_fails(self) -> None:
        self.assertEqual(self.wrong(CODE.replace("\tsmp_wmb();\n", "")), ["a/mp models module/a.c:send: smp_wmb, which is not there"])
        self.assertIn("a/mp models module/a.c:send, which does not exist", self.wrong(CODE.replace("send", "sent")))

    def test_exempt(self) -> None:
        both = "module/a.c:*: smp_mb -- a macro\nmodule/*:send: smp_wmb -- none\nmodule/b.c:*: * -- none\n"
        self.assertEqual(self.wrong(exempt=both), [
            "module/a.c:send: smp_wmb: a/mp models it, and litmus-exempt says that none does",
            "litmus-exempt: module/b.c:*: *: nothing like that in the code"])
        with self.assertRaisesRegex(SetupError, "litmus-exempt:2: 'module/a.c' is not"):
            coverage.exemptions("# why\nmodule/a.c\n")

    def test_bugs(self) -> None:
        files = {"module/a.h": '\t.bug.name\t= "early",\n\t.bug.name = "late",\n'}
        self.assertEqual(coverage.wrong_bugs([one()], files, []), ["busted=late: in no litmus test, and litmus-exempt gives no reason"])
        self.assertEqual(coverage.wrong_bugs([one()], files, coverage.exemptions("bug:*: late -- none\n")), [])
        self.assertEqual(coverage.wrong_bugs([one()], {}, []), ["busted=early: there is no such negative control"])


class TreeTest(unittest.TestCase):
    """Without herd7, which scripts/tests/litmus.py has."""

    def test_every_operation_is_in_a_function(self) -> None:
        """Else the operations of one might count as another's."""
        for name, text in coverage.sources().items():
            for place in coverage.places(name, text):
                self.assertTrue(place.function, place)

    def test_nothing_is_left_out(self) -> None:
        tests, files = suite.load(), coverage.sources()
        exempt = coverage.exemptions(coverage.EXEMPT.read_text())
        self.assertEqual(coverage.wrong(tests, files, exempt) + coverage.wrong_bugs(tests, files, exempt), [])

    def test_a_barrier_that_is_planted(self) -> None:
        """In any function of the tree."""
        tests, files = suite.load(), coverage.sources()
        exempt = coverage.exemptions(coverage.EXEMPT.read_text())
        planted = files | {"module/batch.c": files["module/batch.c"] + "\nvoid planted(void)\n{\n\tsmp_mb();\n}\n"}
        self.assertEqual(coverage.wrong(tests, planted, exempt), [
            "module/batch.c:planted: smp_mb: no litmus test models it, and litmus-exempt gives no reason why none does"])


if __name__ == "__main__":
    unittest.main()
