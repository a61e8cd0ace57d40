#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Break virtual machines in every way and see that each is reported as what it is. KTAP."""

import concurrent.futures
import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

SCRIPTS = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(SCRIPTS))

# pylint: disable=wrong-import-position
from fsc import accel, initramfs, kernel, repo, vm  # noqa: E402
from options import parser  # noqa: E402

CRASH = Path(__file__).resolve().parent / "crash"


@dataclass(frozen=True)
class Case:
    """A job, and what has to be said of it."""
    name: str
    job: str
    state: str
    reason: str                    # a regular expression
    timeout_s: float = 60          # for those that have to reach it: long enough to boot
    allow: tuple[str, ...] = ()


CASES = (
    Case("pass", "emit busybox /bin/busybox", "PASS", "job exited 0"),
    Case("fail", "exit 1", "FAIL", "job exited 1"),
    Case("inconclusive", "exit 3", "INCONCLUSIVE", "job exited 3"),
    Case("killed job", "kill -9 $(cut -d' ' -f4 /proc/self/stat)", "FAIL", "job exited 137"),
    Case("syntax error", "if then", "FAIL", "job exited 2"),
    Case("panic", "echo c >/proc/sysrq-trigger", "FAIL", "Kernel panic - not syncing: sysrq"),
    Case("oops", "insmod /fsc_crash.ko how=oops", "FAIL", "NULL pointer dereference.*(?s:.*)Oops"),
    Case("warning", "insmod /fsc_crash.ko how=warn", "FAIL", "WARNING: .*fsc_crash_init"),
    Case("warning that is expected", "insmod /fsc_crash.ko how=warn", "PASS", "job exited 0",
         allow=("WARNING: .*fsc_crash_init",)),
    Case("leaked object", "insmod /fsc_crash.ko how=leak", "FAIL", "Objects remaining on"),
    Case("soft lockup", "echo 2 >/proc/sys/kernel/watchdog_thresh; insmod /fsc_crash.ko how=lockup",
         "FAIL", "soft lockup"),
    Case("hung task", "echo 1 >/proc/sys/kernel/hung_task_timeout_secs; insmod /fsc_crash.ko how=hang",
         "FAIL", "blocked for more than"),
    Case("hang", "sleep 1000", "LOST", "^not finished 15 s after the job began", timeout_s=15),
    Case("dead CPU", "insmod /fsc_crash.ko how=dead", "LOST", "^not finished 15 s after the job began", timeout_s=15),
    Case("reboot", "echo b >/proc/sysrq-trigger; sleep 100", "LOST", "went down without a status"),
    Case("power off", "echo o >/proc/sysrq-trigger; sleep 100", "LOST", "went down without a status"),
    Case("garbage on the port", "echo hello >&3", "LOST", "garbage on the status port"),
)
_TINY = str(Path(__file__).with_name("tiny.toml"))
_FOLIOSCALE = str(SCRIPTS / "folioscale")
_BENCH = [_FOLIOSCALE, "bench", "--suite", _TINY]
# Scripts that have a machine, trace a daemon, too; and what is there when they are killed. The last is a script's, as check's tests are.
KILLED = (
    ("bench", _BENCH, "console.log"),
    ("bench", _BENCH, "boot.json"),
    ("soak", [_FOLIOSCALE, "soak", "--seed", "1", "--minutes", "1"], "console.log"),
    ("trace", [_FOLIOSCALE, "trace", "alloc-latency"], "console.log"),
    ("make", ["make", "-C", str(repo.ROOT), "bench", f"SUITE={_TINY}"], "console.log"),
    ("a test", ["env", f"{repo.DIES_WITH_PARENT}=1", "sh", "-c", '"$@"; true', "sh", *_BENCH], "console.log"),
)


def run(case: Case, where: kernel.Kernel, how: accel.Accel) -> tuple[bool, str]:
    """Run @case; return whether it came out as it has to, and how it did."""
    module = repo.BUILD / "modules" / f"{where.release}-crash" / "fsc_crash.ko"
    boot = vm.boot(vm.BootSpec(
        kernel=where, job=f"say started\n{case.job}\n", accel=how, vcpus=1, memory_mb=512, timeout_s=case.timeout_s,
        files={"fsc_crash.ko": module}, allow=case.allow,
        outdir=repo.BUILD / "vm/states" / case.name.replace(" ", "-")))
    # A machine that never got as far as the job proves nothing about what the job does.
    blobs = [("say", b"started")]
    if case.name == "pass":
        blobs.append(("busybox", initramfs.BUSYBOX.read_bytes()))
    good = (boot.state == case.state and re.search(case.reason, boot.reason) is not None
            and boot.blobs == blobs)
    return good, f"{boot.state} after {boot.seconds:.1f} s: {boot.reason}"


def dies_with_its_script(command: list[str], flags: dict[str, str | Path | None], when: str) -> tuple[bool, str]:
    """Kill what has machines, with SIGKILL, when there is a file: all that it started goes, and no result is half there."""
    with tempfile.TemporaryDirectory(prefix="folioscale-killed-") as name:
        folder = Path(name)
        env = {**kernel.clean_env(), repo.INSIDE_CHECK: "1"}
        env.pop(repo.DIES_WITH_PARENT, None)    # make and "a test" set it themselves
        with subprocess.Popen([*command, *_flags(command[0], {**flags, "out": folder / "out"})], stdout=subprocess.DEVNULL,
                              env=env, preexec_fn=vm.die_with(os.getpid())) as script:
            started = _wait(lambda: any(file.stat().st_size for file in folder.rglob(when)), 120)
            started = started and script.poll() is None
            # Between two of its machines it has none.
            _wait(lambda: bool(_of(folder)), 10)
            machines = _of(folder)
            script.kill()
        gone = _wait(lambda: not _of(folder), 5)
        left = _of(folder)
        for pid in left:
            os.kill(pid, signal.SIGKILL)
        broken = [path.name for path in folder.rglob("*.json") if not _whole(path)]
    return bool(started and machines and gone and not broken), f"started {started}, {machines}; left {left}, broken {broken}"


def _flags(program: str, flags: dict[str, str | Path | None]) -> list[str]:
    """Those that have a value, as @program takes them: make has variables."""
    form = "{}={}" if program == "make" else "--{}={}"
    return [form.format(name.upper() if program == "make" else name, value) for name, value in flags.items() if value]


def _of(folder: Path) -> list[int]:
    """Processes whose working directory is below @folder, as those of QEMU and virtiofsd are; zombies do not count."""
    found = []
    for link in Path("/proc").glob("[0-9]*/cwd"):
        with contextlib.suppress(OSError):
            if link.readlink().is_relative_to(folder):
                found.append(int(link.parent.name))
    return found


def _whole(path: Path) -> bool:
    try:
        json.loads(path.read_text())
    except ValueError:
        return False
    return True


def _wait(condition: Callable[[], bool], seconds: float) -> bool:
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.1)
    return condition()


def main() -> int:
    """Run all cases, two at a time; return the exit status."""
    args = parser(__doc__).parse_args()
    where = kernel.choose(args.kdir, args.kernel)
    how = accel.choose(args.accel, where)
    kernel.build_module(where, "crash", root=CRASH)

    failed = 0
    print(f"KTAP version 1\n1..{len(CASES) + len(KILLED)}", flush=True)
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        jobs = [(case.name, pool.submit(run, case, where, how)) for case in CASES]
        for name, command, when in KILLED:
            jobs.append((f"QEMU dies with {name} that has a {when}",
                         pool.submit(dies_with_its_script, command, vars(args), when)))
        for number, (name, job) in enumerate(jobs, 1):
            good, detail = job.result()
            failed += not good
            for line in detail.splitlines():
                print(f"# {line}")
            print(f"{'ok' if good else 'not ok'} {number} {name}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
