# SPDX-License-Identifier: GPL-2.0
"""Litmus tests: their variants, what is expected of herd7, and that no ordered operation of the module is left out."""

import argparse
import tempfile
import unittest
from pathlib import Path
from unittest import mock

import synthetic  # noqa: F401  # pylint: disable=unused-import
from fsc.cmd import litmus
from fsc.litmus import coverage, herd, klitmus, runs, suite
from fsc.litmus.coverage import Place
from fsc.litmus.herd import Verdict
from fsc.verdict import SetupError
from fsc.vm import kernel, setup_errors
from fsc.vm.kernel import Kernel

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


# What klitmus7 makes of a test, as far as it is changed.
GENERATED = """static char *name = "{}";
static atomic_t done = ATOMIC_INIT(0);
wake_up(wq);
wait_event_interruptible(*wq, atomic_read(&done) == nth);
"""
SAID = """Test {0} Allowed
Histogram (2 states)
1       *>0:r_b=0;
999999  :>0:r_b=1;
Ok

Witnesses
Positive: 1, Negative: 999999
Observation {0} Sometimes 1 999999
Time {0} 0.33

"""


class KlitmusTest(unittest.TestCase):
    def test_parse(self) -> None:
        self.assertEqual(klitmus.parse(SAID.format("a-mp.rmb")), klitmus.Counted("a-mp.rmb", 2, 1, 1_000_000))
        for said in ("", "a-mp: skipped\n", "Test a-mp Allowed\nHistogram (2 states)\n"):
            self.assertIsNone(klitmus.parse(said))

    def test_code(self) -> None:
        """Names differ, and a register that no branch assigns is 0, as for herd7."""
        code = klitmus.code((suite.parse("a/mp", TEXT.replace("\tr0", "\tint r0;\n\tint *r1;\n\n\tr0")), ("rmb",)))
        self.assertTrue(code.startswith("C a-mp.rmb\n"))
        self.assertIn("\tint r0 = 0;\n\tint *r1 = 0;\n\n\tr0 = READ", code)

    def test_chosen(self) -> None:
        braces = TEXT.replace("\tsmp_rmb();", "\tr_a = __atomic_add_unless{ONCE}(a, 1, 0);")
        wanted, left_out = klitmus.chosen([one(), suite.parse("b/mp", braces)], 2)
        self.assertEqual([klitmus.name(each) for each in wanted[:2]], ["a-mp", "a-mp.early"])
        self.assertIn("b/mp", left_out["the kernel has no function for __atomic_add_unless{ONCE}"])
        with self.assertRaisesRegex(SetupError, "no test can be run: it has 2 threads, each for a CPU of its own, and there are 1$"):
            klitmus.chosen([one()], 1)

    def test_job(self) -> None:
        waits = suite.parse("a/mp", TEXT.replace("\tsmp_rmb();", "\tsynchronize_rcu();"))
        lines = klitmus.job([((one(), ()), "/litmus000.ko"), ((waits, ()), "/litmus001.ko")], 10).splitlines()
        self.assertEqual([line.partition(" 2>")[0] for line in lines], [
            "insmod /litmus000.ko size=100000 nruns=10 affincr=-1", "emit litmus /proc/litmus && rmmod litmus000 || exit",
            "insmod /litmus001.ko size=200 nruns=10 affincr=-1", "emit litmus /proc/litmus && rmmod litmus001 || exit"])

    def test_what_was_seen(self) -> None:
        """A bad outcome of a test as it stands is wrong; of a variant it is only told."""
        test = one()
        some, none = (klitmus.Counted("a-mp", 2, bad, 1_000_000) for bad in (1, 0))
        variants = [(test, variant) for variant in test.variants()]
        [quiet] = klitmus.ran(variants, {klitmus.name(each): none for each in variants})
        self.assertEqual(quiet.wrong(), [])
        self.assertIn("| `a/mp` | 2 | 0 of 1,000,000 | |", klitmus.table([quiet]))
        [told] = klitmus.ran(variants, {"a-mp": none, "a-mp.rmb": some})
        self.assertEqual(told.wrong(), [])
        self.assertIn("| rmb (1) | |", klitmus.table([told]))
        [bad] = klitmus.ran(variants, {"a-mp": some})
        self.assertRegex(bad.wrong()[0], "^a/mp: the bad outcome was seen 1 of 1,000,000, and must never be: ")

    def built(self, said: str, files: dict[str, str]) -> klitmus.Modules:
        """With a klitmus7 that prints and makes this."""
        with tempfile.TemporaryDirectory() as folder:
            out, klitmus7 = Path(folder) / "out", Path(folder) / "klitmus7"
            made = "".join(f"cat >{out / name} <<'END'\n{text}END\n" for name, text in files.items())
            klitmus7.write_text(f"#!/bin/sh\n{made}echo '{said}'\n", encoding="utf-8")
            klitmus7.chmod(0o755)
            with mock.patch("shutil.which", return_value=str(klitmus7)), mock.patch.object(kernel, "make_modules"):
                found = klitmus.build(Kernel("own", "1.2", Path("/x"), Path("/x")), [(one(), ()), (one(), ("rmb",))], out)
            self.assertIn("kthread_complete_and_exit", (out / "litmus000.c").read_text(encoding="utf-8"))
            self.said = found[1]    # pylint: disable=attribute-defined-outside-init
            return found[0]

    def test_build(self) -> None:
        """What klitmus7 does not take is named, with its reason; the number of a module says nothing of the test."""
        modules = self.built('File "/x/a-mp.litmus" is not for me', {"litmus000.c": GENERATED.format("a-mp.rmb"), "Makefile": ""})
        self.assertEqual([(klitmus.name(which), path.name) for which, path in modules], [("a-mp.rmb", "litmus000.ko")])
        self.assertEqual(self.said, {'klitmus7 does not take it: File "/x/a-mp.litmus" is not for me': ["a/mp"]})

    def test_build_refuses(self) -> None:
        with self.assertRaisesRegex(SetupError, r"klitmus7 makes no module \(exit 0\): no such option"):
            self.built("no such option", {})
        with self.assertRaisesRegex(SetupError, "this klitmus7 is another one .*: its modules have no 'wake_up"):
            self.built("", {"litmus000.c": GENERATED.format("a-mp").replace("wake_up", "wake"), "Makefile": ""})


class LitmusCommandTest(unittest.TestCase):
    def refused(self, **given: object) -> str:
        names = dict.fromkeys(("kver", "kdir", "kernel")) | {"host": False, "vm": False, "yes": True, "vcpus": 2, "memory": 1024, "test": []}
        with self.assertRaises(SetupError) as raised:
            litmus.main(argparse.Namespace(**names | given))
        return str(raised.exception)

    def test_refused(self) -> None:
        self.assertEqual(self.refused(kver="7.2"), "KVER=7.2: herd7 runs no kernel: allowed with VM=1")
        self.assertRegex(self.refused(host=True, vm=True), "^HOST=1 and VM=1: .*; set one$")
        self.assertRegex(self.refused(host=True, kver="7.2"), "^KVER=7.2 and HOST=1: ")

    def test_modules_that_cannot_be_loaded(self) -> None:
        with mock.patch("os.geteuid", return_value=1000):
            self.assertRegex(self.refused(host=True), "^HOST=1 loads a module: run it as root$")
        with mock.patch("os.geteuid", return_value=0), mock.patch.object(setup_errors, "_LIST", Path("/nowhere")):
            self.assertRegex(self.refused(host=True), "^HOST=1: the running kernel .* was built without CONFIG_MODULES")
        with mock.patch("os.geteuid", return_value=0), mock.patch.object(setup_errors, "check_loading"), \
                mock.patch("platform.release", return_value="1.2-none"):
            self.assertEqual(self.refused(host=True), "no /lib/modules/1.2-none/build: install linux-headers-1.2-none")

    def test_another_architecture(self) -> None:
        with mock.patch("platform.machine", return_value="aarch64"), mock.patch("shutil.which", return_value=None), \
                self.assertRaisesRegex(SetupError, "no klitmus7 in PATH, .*: install herdtools7$"):
            herd.command(klitmus.PROGRAM)


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
