# SPDX-License-Identifier: GPL-2.0
"""A whole session on made-up boots: what it keeps, and how it ends."""

import io
import json
import os
import signal
import tempfile
import unittest
from collections.abc import Callable
from argparse import Namespace
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import replace
from pathlib import Path
from unittest import mock

import synthetic
from fsc import repo
from fsc.cmd import bench
from fsc.suite import resume, session, suite
from fsc.verdict import SetupError
from fsc.vm import host, kernel, setup_errors, vm
from fsc.vm.accel import ICOUNT, KVM, TCG
from fsc.vm.kernel import Kernel

RT = Kernel("rt-amd64", "t-rt", Path("/rt"), Path("/"))
OFF = {"kmalloc-64": {"poison": 0}}
ONLY_NEW = "For kernels since 6.13, this is {}: rcu leaves out what is booted in preempt-lazy\n"


class SessionTest(unittest.TestCase):
    def setUp(self) -> None:
        self.suite = synthetic.suite()
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory())) / "out"
        self.booted = 0
        self.specs: list[vm.BootSpec] = []
        self.takes: dict[str, str] = {}     # words that the kernel turns into something else

    def fake_boot(self, spec: vm.BootSpec, slabs: dict = OFF, spoil: Callable[[int, str], None] | None = None) -> vm.Boot:
        self.booted += 1
        self.specs.append(spec)
        ids = [line.split()[1] for line in spec.job.splitlines() if line.startswith("point ")]
        record = synthetic.boot(self.booted, [p for i in ids for p in self.suite.points if p.id == i], spec.accel.name)
        record.blobs["machine"] += f"\ncmdline={' '.join(['quiet', *spec.cmdline])}".encode()
        synthetic.put(record, "config", {"kernel": self.kernel(spec), "params": {}})
        spec.on_blob("slabs", json.dumps(slabs).encode())
        for name, data in record.blobs.items():
            spec.on_blob(name, data)
            if spoil:
                spoil(self.booted, name)
        return vm.Boot("PASS", "", [], spec.outdir / "console.log", 30.0)

    def kernel(self, spec: vm.BootSpec) -> dict:
        """What the module reports about the kernel."""
        asked = next((word for word in spec.cmdline if word.startswith("preempt=")), "")
        model = self.takes.get(asked, asked.partition("=")[2])
        return synthetic.KERNEL | ({"preempt": model} if model else {})

    def run_session(self, folder: Path | None = None, **how: object) -> dict:
        with tempfile.TemporaryDirectory() as modules, redirect_stderr(io.StringIO()), \
                mock.patch.object(vm, "boot", lambda spec: self.fake_boot(spec, **how)):
            (Path(modules) / "fsc_opencoded.ko").touch()
            rt = Path(modules) / "rt"
            rt.mkdir()
            (rt / "folioscale.ko").write_text("rt")
            found = session.Session(self.suite, Kernel("t", "t", Path("/"), Path("/")), Path(modules), TCG, 2, 512,
                                    folder or session.new_folder("default", str(self.folder)), {"rt-amd64": (RT, rt)})
            return found.run(bench.passes(self.suite, TCG, True))

    # fake_boot() sends slabs first, and the config must be known by then.
    def fake_config_first(self) -> None:
        plain = self.fake_boot

        def boot(spec: vm.BootSpec, **how: object) -> vm.Boot:
            words = dict(word.split("=") for word in spec.cmdline)
            took = {"rcu_nocbs": "0 1" if "rcu_nocbs" in words else ""} | {
                name: self.takes.get(f"{name}={value}", value) for name, value in words.items() if name != "rcu_nocbs"}
            if "preempt" in words:
                took["preempt"] = f"other ({took['preempt']})"
            spec.on_blob("machine", "\n".join(f"took.{name}={value}" for name, value in took.items()).encode())
            spec.on_blob("config", json.dumps({"kernel": self.kernel(spec)}).encode())
            return plain(spec, **how)
        self.fake_boot = boot

    def test_whole(self) -> None:
        self.fake_config_first()
        found = self.run_session()
        self.assertEqual((found["verdict"], self.booted), ("PASS", 7))
        self.assertEqual(json.loads((self.folder / "result.json").read_text()), found)
        self.assertTrue((self.folder / "summary.txt").read_text().startswith("folioscale"))
        self.assertIn("scripts/", (self.folder / "command").read_text())
        self.assertEqual(len(list(self.folder.glob("boot-*/runs/run.*"))), 6 * 12 + 8)

    def test_interrupted_keeps_what_is_there(self) -> None:
        self.fake_config_first()

        def spoil(boot: int, blob: str) -> None:
            if boot == 2 and blob.startswith("run/"):
                os.kill(os.getpid(), signal.SIGTERM)
        before = signal.getsignal(signal.SIGTERM)
        found = self.run_session(spoil=spoil)
        self.assertEqual(signal.getsignal(signal.SIGTERM), before)
        self.assertEqual((found["verdict"], self.booted), ("LOST", 2))
        self.assertEqual(found["environment"]["interrupted"], "SIGTERM during boot 2")
        self.assertEqual(sum(1 for p in found["points"] for r in p["repetitions"] if r["counters"]), 13)
        self.assertEqual(len(list(self.folder.glob("boot-2/runs/run.*"))), 1)

    def test_resumed(self) -> None:
        self.fake_config_first()

        def spoil(boot: int, blob: str) -> None:
            if boot == 3 and blob.startswith("run/"):
                os.kill(os.getpid(), signal.SIGTERM)
        cut = self.run_session(spoil=spoil)
        self.assertEqual(cut["verdict"], "LOST")
        kept = (self.folder / "boot-1/runs").stat().st_mtime_ns
        self.booted = 2     # the made-up figures of a boot depend on its number
        found = self.run_session(folder=self.folder)
        self.assertEqual((found["verdict"], self.booted), ("PASS", 7))
        self.assertEqual((self.folder / "boot-1/runs").stat().st_mtime_ns, kept)
        self.assertEqual([[rep["boot"] for rep in point["repetitions"]] for point in found["points"]],
                         [[1, 2, 3, 4, 5, 6]] * 12 + [[7]] * 8)
        whole = self.folder
        self.folder, self.booted = whole.with_name("at-once"), 0
        at_once = self.run_session()
        self.assertEqual(found["points"], at_once["points"])

    def test_resumed_only_with_what_is_the_same(self) -> None:
        self.fake_config_first()
        self.run_session()
        file = self.folder / "boot-2/boot.json"
        good = json.loads(file.read_text())
        for name in good["made"]:
            file.write_text(json.dumps(good | {"made": good["made"] | {name: "other"}}))
            with self.assertRaisesRegex(SetupError, f"boot-2 was made with other {name}: allowed"):
                self.run_session(folder=self.folder)
            self.assertTrue((self.folder / "boot-2/runs").is_dir())     # it is not removed

    def test_each_boot_has_its_machine(self) -> None:
        self.fake_config_first()
        self.suite = synthetic.suite("rcu").on("6.12")
        self.suite.guests["none"] = replace(self.suite.guests["none"], memory_mb=256)
        found = self.run_session()
        names = [boot["name"] for boot in found["environment"]["boots"]]
        self.assertCountEqual(names, ["none", "voluntary", "full", "lazy", "nocb", "expedited", "rt"])
        specs = dict(zip(names, self.specs))
        self.assertEqual({name: " ".join(spec.cmdline) for name, spec in specs.items()},
                         {name: guest.cmdline for name, guest in self.suite.guests.items()})
        self.assertEqual([specs[name].memory_mb for name in ("none", "full")], [256, 512])
        self.assertEqual([specs[name].kernel.release for name in ("rt", "full")], ["t-rt", "t"])
        # The module of the flavour is kept next to the other one: RESUME= has no other source for it.
        self.assertEqual(specs["rt"].files["/folioscale.ko"], self.folder.resolve() / "rt-amd64/folioscale.ko")
        self.assertEqual(specs["rt"].files["/folioscale.ko"].read_text(), "rt")
        self.assertEqual(specs["full"].files["/folioscale.ko"], self.folder.resolve() / "folioscale.ko")
        # The environment is of the machine that the suite names first, not of the one booted first.
        self.assertNotEqual(names[0], "none")
        self.assertEqual(found["environment"]["cmdline"], "quiet preempt=none")
        said = next(boot for boot in found["environment"]["boots"] if boot["name"] == "lazy")
        self.assertEqual([said[key] for key in ("release", "preempt", "cmdline", "memory")],
                         ["6.12.0-test", "voluntary", "quiet rcu_nocbs=all", 2048000000])
        self.assertEqual({len(point["repetitions"]) for point in found["points"]}, {1})

    def test_resumed_only_in_the_same_machines(self) -> None:
        self.fake_config_first()
        self.suite = synthetic.suite("rcu").on("6.12")
        self.run_session()
        self.booted = 0
        self.run_session(folder=self.folder)
        self.assertEqual(self.booted, 0)
        before = self.suite.guests["lazy"]
        for change, what in ({"cmdline": "rcu_nocbs=0"}, "cmdline"), ({"memory_mb": 256}, "memory"), (
                {"flavour": "rt-amd64"}, "kernel"):
            self.suite.guests["lazy"] = replace(before, **change)
            with self.assertRaisesRegex(SetupError, f"was made with other {what}: allowed"):
                self.run_session(folder=self.folder)

    def test_a_finding_stays(self) -> None:
        self.fake_config_first()
        self.run_session()
        file = self.folder / "boot-2/boot.json"
        found = json.loads(file.read_text())
        file.write_text(json.dumps(found | {"state": "FAIL", "reason": "on the console:\nWARNING"}))
        with self.assertRaisesRegex(SetupError, "boot-2 is FAIL .on the console:.: a finding stays"):
            self.run_session(folder=self.folder)
        # A lost machine is no finding: another is tried, and its files are kept.
        file.write_text(json.dumps(found | {"state": "LOST", "reason": "silent"}))
        self.booted = 1
        self.run_session(folder=self.folder)
        self.assertEqual(self.booted, 2)
        self.assertEqual(len(list(self.folder.glob("boot-2-lost-*/runs"))), 1)

    def test_resume_is_refused(self) -> None:
        self.folder.mkdir()
        with self.assertRaisesRegex(SetupError, "RESUME=.*allowed: a folder that make bench"):
            resume.check(self.folder, "scripts/folioscale bench")
        (self.folder / "command").write_text("# at revision 0, in the top folder:\nscripts/folioscale bench --suite paths\n")
        with self.assertRaisesRegex(SetupError, "that was 'scripts/folioscale bench --suite paths', and this is"):
            resume.check(self.folder, "scripts/folioscale bench")
        resume.check(self.folder, "scripts/folioscale bench --suite paths")

    def test_sources(self) -> None:
        before = resume.sources()
        self.assertEqual(resume.sources(), before)
        with tempfile.NamedTemporaryFile(dir=repo.SCRIPTS / "suites", suffix=".toml"):
            self.assertNotEqual(resume.sources(), before)

    def test_word_that_did_not_take(self) -> None:
        """The other boots go on; this one is refused by name, and not tried again."""
        self.fake_config_first()
        self.suite = replace(synthetic.suite("rcu").on("6.12"), repetitions=2)
        self.takes = {"preempt=none": "lazy", "rcutree.enable_rcu_lazy=0": "Y"}
        found = self.run_session()
        self.assertEqual((found["verdict"], found["environment"]["interrupted"]), ("SETUP", ""))
        boots = {boot["name"]: boot for boot in found["environment"]["boots"] if boot["state"] == "SETUP"}
        self.assertEqual({name: boot["reason"] for name, boot in boots.items()}, {
            "none": "preempt=none did not take: the kernel's model is lazy: allowed: other lazy",
            "nocb": "rcutree.enable_rcu_lazy=0 did not take: it is Y"})
        self.assertEqual(self.booted, 14 - 2 - 2)   # refused boots end at their config
        summary = (self.folder / "summary.txt").read_text()
        self.assertRegex(summary, r"\nnone +not available")
        self.assertRegex(summary, r"\(none, tcg\) SETUP: preempt=none did not take")
        self.assertIn("none", [p["axes"]["boot"] for p in found["points"] if p["verdict"] == "SETUP"])

    def not_had(self, cause: str, *blobs: tuple[str, bytes], **boot: object) -> None:
        """A session without any available machine: one line, no table, and no machine is tried twice."""
        tried = []

        def fake(spec: vm.BootSpec, **_how: object) -> vm.Boot:
            tried.append(spec.accel.name)
            for name, data in blobs:
                spec.on_blob(name, data)
            if not blobs:
                raise SetupError(cause)
            return vm.Boot("FAIL", "job exited 1", [], spec.outdir / "console.log", 1.0, **boot)
        self.fake_boot = fake
        with self.assertRaisesRegex(SetupError, cause):
            self.run_session()
        self.assertEqual(tried, ["tcg"])
        self.assertFalse((self.folder / "result.json").exists())

    def test_no_machine(self) -> None:
        self.not_had("QEMU's machine has at most 255 CPUs")

    def test_module_is_not_loaded(self) -> None:
        self.not_had("^module.sig_enforce=1 lets no unsigned module in", ("error/config", b"insmod: Key was rejected by service\n"))

    def test_complaint_beside_a_module_that_is_not_loaded(self) -> None:
        def fake(spec: vm.BootSpec, **_how: object) -> vm.Boot:
            spec.on_blob("error/config", b"insmod: Bad address\n")
            return vm.Boot("FAIL", "on the console:\nWARNING", [], spec.outdir / "console.log", 1.0, complained=True)
        self.fake_boot = fake
        self.assertEqual(self.run_session()["verdict"], "FAIL")

    def test_lost_says_how_much_was_done(self) -> None:
        self.fake_config_first()
        whole = self.fake_boot
        self.fake_boot = lambda spec, **how: replace(whole(spec, **how), state="LOST", reason="not finished 60 s after the job began")
        found = self.run_session()
        self.assertEqual((found["verdict"], self.booted), ("LOST", 1))
        self.assertEqual(found["environment"]["boots"][0]["reason"], "12 of 12 points were done: not finished 60 s after the job began")
        self.assertIn("12 of 12 points were done", " ".join((self.folder / "summary.txt").read_text().split()))

    def test_what_the_kernel_said_at_boot(self) -> None:
        self.fake_config_first()
        whole = self.fake_boot
        self.fake_boot = lambda spec, **how: replace(whole(spec, **how), at_boot=[f"[    {len(self.specs)}.000000] WARNING: topology_sane"])
        found = self.run_session()
        self.assertEqual(found["verdict"], "PASS")
        self.assertEqual(found["environment"]["boots"][1]["at_boot"], ["[    2.000000] WARNING: topology_sane"])
        head = (self.folder / "summary.txt").read_text().partition("question")[0]
        self.assertEqual((head.count("THE KERNEL COMPLAINED WHILE IT BOOTED"), head.count("WARNING: topology_sane")), (1, 1))

    def test_unfair_is_refused(self) -> None:
        self.fake_config_first()
        with self.assertRaisesRegex(SetupError, "refused: slab_debug is on for kmalloc-64"):
            self.run_session(slabs={"kmalloc-64": {"poison": 1}})
        self.assertFalse((self.folder / "result.json").exists())

    def test_results_are_not_written_over_others(self) -> None:
        self.folder.mkdir()
        (self.folder / "x").touch()
        with self.assertRaises(SetupError):
            session.new_folder("default", str(self.folder))


    def test_command(self) -> None:
        self.assertEqual(session.again(["/x/scripts/folioscale", "bench", "--out", "a b", "--suite", "c d"]),
                         "scripts/folioscale bench --suite 'c d'")


class PassesTest(unittest.TestCase):
    def test_passes(self) -> None:
        suite = synthetic.suite()
        self.assertEqual([how for _, how in bench.passes(suite, KVM, True)], [KVM] * 6 + [ICOUNT])
        self.assertEqual([how for _, how in bench.passes(suite, None, False)], [None] * 6)
        self.assertEqual([how for _, how in bench.passes(suite, ICOUNT, True)], [ICOUNT])

    def here(self, **how: object) -> tuple[suite.Suite, str]:
        """What is left of the suite rcu, and what is printed about it."""
        with redirect_stdout(io.StringIO()) as said:
            found = bench.here(synthetic.suite("rcu"), Namespace(**{"host": False, "accel": "auto", "kdir": None, "kernel": None, "kver": None} | how))
        return found, said.getvalue()

    def test_a_process_has_no_flavours(self) -> None:
        found, said = self.here(kver="7.3", accel="uml")
        self.assertIn("ACCEL=uml has one kernel: rcu leaves out what is booted in rt\n", said)
        self.assertNotIn("rt", found.guests)

    def test_own_kernel_has_no_flavours(self) -> None:
        with mock.patch.object(kernel, "debian"):
            found, said = self.here(kver="6.12")
            self.assertEqual((found, said), (synthetic.suite("rcu").on("6.12"), ONLY_NEW.format("6.12")))
        own = Kernel("own", "6.12.0-own", Path("/"), Path("/"))
        with mock.patch.object(kernel, "tree", return_value=own):
            found, said = self.here(kdir="linux")
        self.assertEqual(said, ONLY_NEW.format("6.12") + "KDIR= and KERNEL= are one kernel: rcu leaves out what is booted in rt\n")
        self.assertEqual([*found.guests], ["none", "voluntary", "full", "lazy", "nocb", "expedited"])
        self.assertEqual({point.boot for point in found.points}, {*found.guests})
        self.assertEqual([*found.curves], ["limbo", "grace-period", "released"])
        with mock.patch.object(kernel, "debian") as fetched:
            self.assertEqual(bench.flavours(found, "7.3"), {})
        fetched.assert_not_called()

    def test_boots_by_kernel(self) -> None:
        """Machines for other kernels are left out, with the reason, on Debian's kernels and on the user's own."""
        why = "For kernels before 7.0, this is 7.3: rcu leaves out what is booted in none, voluntary\n"
        with mock.patch.object(kernel, "debian"):
            found, said = self.here(kver="7.3")
        self.assertEqual(said, why)
        self.assertEqual([*found.guests], ["preempt-lazy", "full", "lazy", "nocb", "expedited", "rt"])
        self.assertEqual([*found.left_out], ["none", "voluntary"])
        own = Kernel("own", "7.3.9-own", Path("/"), Path("/"))
        with mock.patch.object(kernel, "tree", return_value=own):
            found, said = self.here(kdir="linux")
        self.assertTrue(said.startswith(why))
        self.assertEqual([*found.left_out], ["none", "voluntary", "rt"])

    def test_a_flavour_that_cannot_be_had(self) -> None:
        with mock.patch.object(kernel, "debian", side_effect=SetupError("no network")):
            found, said = self.here(kver="6.12")
        why = "no network"
        self.assertEqual(said, ONLY_NEW.format("6.12") + "No network: rcu leaves out what is booted in rt\n")
        self.assertNotIn("rt", found.guests)
        self.assertEqual(found.left_out["rt"], why)

    def test_host_boots_nothing(self) -> None:
        found, said = self.here(host=True)
        self.assertRegex(said, "HOST=1 is one machine: rcu leaves out .*, rt, voluntary\n$")
        self.assertEqual((found.points, found.curves, found.guests), ((), {}, {}))
        self.assertEqual(bench.passes(found, None, True), [])
        args = Namespace(suite="rcu", host=True, yes=True, kdir=None, kernel=None, kver=None, vcpus=2, repetitions=None)
        # The user is not asked for consent to run nothing.
        with mock.patch.object(host, "consent_to") as asked, redirect_stdout(io.StringIO()), \
                self.assertRaisesRegex(SetupError, "suite rcu has nothing to run here"):
            bench.main(args)
        asked.assert_not_called()
        # With SUITE=all, only this suite is left out.
        with mock.patch.object(host, "consent_to", side_effect=SetupError("asked")) as asked, \
                redirect_stdout(io.StringIO()), self.assertRaisesRegex(SetupError, "asked"):
            bench.main(Namespace(**vars(args) | {"suite": "all"}))
        self.assertEqual([one.name for one in asked.call_args[0][0]],
                         ["default", "cpu", *(name for name in bench.names() if name not in ("aa-cpu", "cpu", "default", "icount", "rcu", "real", "scaling"))])

    def test_unknown_suite(self) -> None:
        with self.assertRaisesRegex(SetupError, "known: aa, aa-cpu, alloc, cpu, default, icount, .*, all"):
            bench.find_suite("nonsense")


class HostTest(unittest.TestCase):
    def test_busted_is_refused(self) -> None:
        suite = synthetic.suite()
        suite.points[3].params["busted"] = "norecheck"
        with self.assertRaisesRegex(SetupError, "busted"):
            host.consent_to([suite], True)

    @unittest.skipUnless(os.geteuid() == 0, "wants root")
    def test_asks_first(self) -> None:
        with mock.patch("sys.stdin", io.StringIO("n\n")), mock.patch("builtins.print") as asked, \
                mock.patch.object(setup_errors, "check_host"), \
                self.assertRaisesRegex(SetupError, "not confirmed"):
            host.consent_to([synthetic.suite()], False)
        self.assertIn("[y/N]", asked.call_args[0][0])


if __name__ == "__main__":
    unittest.main()
