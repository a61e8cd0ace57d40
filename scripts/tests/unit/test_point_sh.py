# SPDX-License-Identifier: GPL-2.0
"""The guest's shell functions, under the guest's shell and the host's, on a made-up sysfs."""

import json
import subprocess
import tempfile
import unittest
from pathlib import Path

import synthetic  # noqa: F401  # pylint: disable=unused-import
from fsc.suite.guest_script import POINT_SH

SHELLS = (["busybox", "ash"], ["sh"])
# The state changes with every sleep.
STUBS = """
FSC_TMP=$TOP/tmp FSC_DEBUGFS=$TOP/debugfs
. "$POINT_SH"
FSC_DEBUGFS=$TOP/debugfs FSC_OPENCODED_DEBUGFS=$TOP/opencoded FSC_SYSFS=$TOP/sys FSC_SLABS=$TOP/slab FSC_BUDDYINFO=$TOP/buddyinfo
emit() { mkdir -p "$(dirname "$TOP/out/$1")"; cp "$2" "$TOP/out/$1"; }
dmesg() { echo "[ 1.0] folioscale: order=99: allowed: 0..9"; }
insmod() { echo "insmod $*" >>"$TOP/log"; [ "$2" != order=99 ] && [ "$2" != path=none ]; }
rmmod() { echo "rmmod $*" >>"$TOP/log"; }
sleep() { stub "$1"; }
stub() {
	echo "sleep $1" >>"$TOP/log"
	step=$((${step:-0} + 1))
	case $step in 1) word=warmup ;; 2 | 3) word=measure ;; *) word=done ;; esac
	echo $word >"$FSC_DEBUGFS/state"
	echo "$((1000 * step)) N0=1" >"$FSC_SLABS/folioscale_desc/objects"
	echo "$((1000 * step + 51)) N0=1" >"$FSC_SLABS/folioscale_desc/total_objects"
	echo "live 1024 limbo $((10 * step))" >"$FSC_DEBUGFS/descriptors"
	printf 'Node 0, zone DMA32 %s 0 1\nNode 0, zone Normal 3 0 0\n' "$step" >"$FSC_BUDDYINFO"
}
"""


class PointTest(unittest.TestCase):
    def run_job(self, shell: list[str], job: str) -> tuple[dict[str, str], list[str]]:
        with tempfile.TemporaryDirectory() as folder:
            top = Path(folder)
            for name in ("tmp", "debugfs", "slab/folioscale_desc", "opencoded", "out"):
                (top / name).mkdir(parents=True)
            (top / "debugfs/state").write_text("populate\n")
            (top / "opencoded/result").write_text('{"good": 1}')
            (top / "debugfs/run.json").write_text('{"state": "done"}')
            for name, value in (("slab_size", 80), ("object_size", 80), ("objs_per_slab", 51), ("order", 0), ("cpu_partial", 120),
                                ("sanity_checks", 0), ("red_zone", 1), ("poison", 0), ("store_user", 0)):
                (top / "slab/folioscale_desc" / name).write_text(f"{value}\n")
            subprocess.run([*shell, "-uc", STUBS + job], check=True, timeout=20,
                           env={"TOP": folder, "POINT_SH": str(POINT_SH), "PATH": "/usr/bin:/bin"})
            log = (top / "log").read_text().splitlines()
            return {str(f.relative_to(top / "out")): f.read_text()
                    for f in (top / "out").rglob("*") if f.is_file()}, log

    def test_samples_in_the_window_alone(self) -> None:
        for shell in SHELLS:
            out, log = self.run_job(shell, 'point a.b "order=0 nr_freers=1"')
            self.assertEqual(json.loads(out["run/a.b"])["state"], "done")
            slab = json.loads(out["slab/a.b"])
            self.assertEqual(slab["objects"], [2000, 3000])
            self.assertEqual(slab["total_objects"], [2051, 3051])
            self.assertEqual((slab["live"], slab["limbo"]), ([1024, 1024], [20, 30]))
            self.assertEqual([slab[name] for name in ("slab_size", "sheaf_capacity", "cpu_partial")], [80, None, 120])
            self.assertEqual(slab["flags"]["folioscale_desc"]["red_zone"], 1)
            self.assertEqual(out["buddy/a.b"].split("\n")[:2], ["Node 0, zone DMA32 3 0 1", "Node 0, zone Normal 3 0 0"])
            self.assertEqual((log[0], log[-1]), ("insmod /folioscale.ko order=0 nr_freers=1", "rmmod folioscale"))

    def test_a_sample_is_whole_or_none(self) -> None:
        """If one value cannot be read, no list gets any of that moment."""
        for shell in SHELLS:
            for file in ("$FSC_DEBUGFS/descriptors", "$FSC_SLABS/folioscale_desc/total_objects"):
                out, _ = self.run_job(shell, f"""
                    sleep() {{ stub "$1"; [ $step != 2 ] || : >"{file}"; }}
                    point a.b order=0""")
                slab = json.loads(out["slab/a.b"])
                self.assertEqual([slab[name] for name in ("objects", "total_objects", "live", "limbo")],
                                 [[3000], [3051], [1024], [30]], file)

    def test_icount_sleeps_first_and_does_not_sample(self) -> None:
        for shell in SHELLS:
            out, log = self.run_job(shell, "point a.b order=0 7")
            self.assertEqual(log[1:3], ["sleep 7", "sleep 1"])
            self.assertEqual(list(out), ["run/a.b"])

    def test_watched_is_made_again_as_often_as_the_runner_asks(self) -> None:
        """An answer that belongs to another point is not taken for this one's."""
        shell = SHELLS[0]   # the guest's: the other one has no read -t
        job = """
            printf 'again z.y\\nagain a.b\\nkept a.b\\nagain a.b\\n' >"$TOP/answers"
            exec 3<"$TOP/answers"
            printf() { echo "sent $2" >>"$TOP/log"; }
            nap() { [ "$1" = 0.03 ] || stub "$1"; }
            rmmod() { echo "rmmod $*" >>"$TOP/log"; step=0; echo populate >"$FSC_DEBUGFS/state"; }
            watched a.b order=0 0.03 0.05 1"""
        _, log = self.run_job(shell, job)
        self.assertEqual(sum(line.startswith("insmod") for line in log), 2)
        self.assertEqual(log.count("sent a.b"), 6)

    def watched(self, words: str, late: str = "") -> tuple[dict[str, str], list[str]]:
        """What the shell does around a window; the runner is not there."""
        job = f"""
            exec 3</dev/null
            printf() {{ [ "$1" != "@blob ${{1#@blob }}" ] || read -r now <"$FSC_DEBUGFS/state"; echo "sent ${{1%%/*}} in $now" >>"$TOP/log"; }}
            nap() {{ echo "nap $1" >>"$TOP/log"; read -r was <"$FSC_DEBUGFS/state"
                     case $was in populate) echo warmup ;; warmup) echo measure ;; *) echo done ;; esac >"$TOP/next"
                     [ "$1" != 0.03 ] || echo {late or "warmup"} >"$TOP/next"
                     cp "$TOP/next" "$FSC_DEBUGFS/state"; }}
            slab_sample() {{ echo "sample" >>"$TOP/log"; }}
            buddy_sample() {{ :; }}
            run a.b order=0 watch a.b {words}"""
        return self.run_job(SHELLS[0], job)

    def test_a_window_is_told_of_outside_of_it(self) -> None:
        _, log = self.watched("0.03 0.05 1")
        self.assertEqual(log[1:-1], ["nap 0.01", "nap 0.03", "sent @blob window in warmup", "nap 0.05", "nap 0.01",
                                     "sent @blob window-end in done"])

    def test_a_long_window_is_sampled(self) -> None:
        _, log = self.watched("0.03 0.05 9")
        self.assertEqual(log[2:-1], ["nap 0.03", "sent @blob window in warmup", "nap 0.05", "sample", "nap 0.05",
                                     "sent @blob window-end in done"])

    def test_who_is_late_for_a_window_does_not_tell_of_it(self) -> None:
        _, log = self.watched("0.03 0.05 1", "measure")
        self.assertFalse([line for line in log if line.startswith("sent")])

    def test_insmod_fails(self) -> None:
        for shell in SHELLS:
            out, log = self.run_job(shell, "point a.b order=99 || point c.d order=0")
            self.assertIn("allowed: 0..9", out["error/a.b"])
            self.assertIn("run/c.d", out)
            self.assertEqual(sum("rmmod" in line for line in log), 1)

    def test_opencoded(self) -> None:
        for shell in SHELLS:
            out, log = self.run_job(shell, "opencoded opencoded a.b gup hazptr 1000; opencoded kernel_read c.d none typesafe 1000")
            self.assertEqual(json.loads(out["opencoded/a.b"]), {"good": 1})
            self.assertIn("allowed", out["nokernel_read/c.d"])
            self.assertEqual(log, ["insmod /fsc_opencoded.ko path=gup protocol=hazptr lookups=1000", "rmmod fsc_opencoded",
                                   "insmod /fsc_opencoded.ko path=none protocol=typesafe lookups=1000"])

    def test_lists_stay_one_word(self) -> None:
        _, log = self.run_job(["sh"], 'point a.b "order=0:8,2:4 reader_cpus= mix=60:20:10:5:5"')
        self.assertEqual(log[0], "insmod /folioscale.ko order=0:8,2:4 reader_cpus= mix=60:20:10:5:5")

    def test_machine(self) -> None:
        out, _ = self.run_job(["sh"], 'machine; insmod x y')
        said = dict(line.split("=", 1) for line in out["machine"].splitlines())
        self.assertTrue({"uname", "cmdline", "clocksource", "cpu", "vcpus", "memory_kb", "online"} <= set(said))

    def test_rcu(self) -> None:
        files = "kernel/rcu_expedited", "kernel/rcu_normal", "module/rcutree/parameters/rcu_normal_wake_from_gp"
        make = "".join(f'mkdir -p "$TOP/sys/{file.rpartition("/")[0]}"; echo {i} >"$TOP/sys/{file}"; ' for i, file in enumerate(files))
        for shell in SHELLS:
            out, _ = self.run_job(shell, f"{make} machine; insmod x y")
            # There is no line for a setting that has no file.
            self.assertEqual([line for line in out["machine"].splitlines() if line.startswith("rcu.")],
                             ["rcu.rcu_expedited=0", "rcu.rcu_normal=1", "rcu.rcu_normal_wake_from_gp=2"])


if __name__ == "__main__":
    unittest.main()
