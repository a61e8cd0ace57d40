#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Break virtual machines in every way and see that each is reported as what it is, and what cannot run by its cause. KTAP."""

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
from fsc import repo  # noqa: E402
from fsc.suite import guest_script  # noqa: E402
from fsc.verdict import SetupError  # noqa: E402
from fsc.vm import accel, initramfs, kernel, setup_errors, vm  # noqa: E402
from fsc.vm.rootfs import HostRoot, Initramfs  # noqa: E402
from options import parser  # noqa: E402

CRASH = Path(__file__).resolve().parent / "crash"


@dataclass(frozen=True)
class Case:
    """A job, and the outcome that must be reported."""
    name: str
    job: str
    state: str
    reason: str                    # a regular expression
    timeout_s: float = 300         # from the begin of the job; a few seconds for jobs that must time out
    allow: tuple[str, ...] = ()
    cmdline: tuple[str, ...] = ()
    at_boot: str = ""              # a regular expression, for the kernel's complaint before the job


# Without tracefs the kernel warns, long before there is a module.
_NO_TRACEFS = "initcall_blacklist=tracefs_init"
CASES = (
    Case("pass", "emit busybox /bin/busybox", "PASS", "job exited 0"),
    Case("a run that is made again", ". /point.sh; again other && exit 1; again again", "PASS", "job exited 0"),
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
    Case("hang", "sleep 1000", "LOST", "^not finished 15 s after the job began: 1 blobs arrived, the last one say; on the console: ",
         timeout_s=15),
    Case("dead CPU", "insmod /fsc_crash.ko how=dead", "LOST", "^not finished 15 s after the job began", timeout_s=15),
    Case("bytes that are no UTF-8", r"printf 'd\374\377sseldorf \033\n' >/dev/ttyS0", "PASS", "job exited 0"),
    Case("such bytes as last words", r"printf 'd\374\377sseldorf \033\n' >/dev/ttyS0; sleep 1000", "LOST",
         r"on the console: .*d\?sseldorf \?$", timeout_s=15),
    Case("warning before the job", "true", "PASS", "job exited 0", cmdline=(_NO_TRACEFS,), at_boot="WARNING: .*tracing_init_dentry"),
    Case("warning before the job and in it", "insmod /fsc_crash.ko how=warn", "FAIL", "^on the console:\n.*WARNING: .*fsc_crash_init",
         cmdline=(_NO_TRACEFS,), at_boot="WARNING: .*tracing_init_dentry"),
    Case("reboot", "echo b >/proc/sysrq-trigger; sleep 100", "LOST", "went down without a status"),
    Case("power off", "echo o >/proc/sysrq-trigger; sleep 100", "LOST", "went down without a status"),
    Case("garbage on the port", "echo hello >&3", "LOST", "garbage on the status port"),
)
_TINY = str(Path(__file__).with_name("tiny.toml"))
_FOLIOSCALE = str(SCRIPTS / "folioscale")
_BENCH = [_FOLIOSCALE, "bench", "--suite", _TINY]
_REFUSED = str(Path(__file__).with_name("refused.toml"))
# The message for each machine of refused.toml that is not available.
CAUSES = {
    "lockdown": "lockdown lets no unsigned module in: boot without lockdown=",
    "signed": "module.sig_enforce=1 lets no unsigned module in: boot without it",
    "debugfs-off": "there is no debugfs, where the module's results are: boot without debugfs=off",
    "debugfs-kept": "there is no debugfs, where the module's results are: boot without debugfs=off and debugfs=no-mount",
    "word": "preempt=nonsense did not take: the kernel's model is ",
}
# Machines that cannot be started at all, and the line that is printed for each.
NONE = (
    ("MEM=64", ["--memory", "64"], r"MEM=64: the kernel alone needs \d+ MB to unpack itself: allowed: more"),
    ("VCPUS=300", ["--vcpus", "300"], r"VCPUS=300: QEMU's machine has at most \d+ CPUs: allowed: 1 to \d+$"),
)
# The checks of HOST=1 before anything is loaded, in a guest that has the host's root.
_CHECK_HOST = f"""
mount -t securityfs none /sys/kernel/security
cd {SCRIPTS} && /usr/bin/python3 -B -c 'from fsc.vm import setup_errors; setup_errors.check_host()' 2>/tmp/said
emit said /tmp/said
"""
_TRACE = ". /point.sh\n. /trace.sh\ntrace none ''\n"
# Machines that lack something: name, command line, root, job, and the resulting last line or cause.
MISSING = (
    ("HOST=1, lockdown", "lockdown=integrity", HostRoot(), _CHECK_HOST, "SetupError: lockdown lets no unsigned module in"),
    ("HOST=1, sig_enforce", "module.sig_enforce=1", HostRoot(), _CHECK_HOST, "SetupError: module.sig_enforce=1 lets no"),
    ("HOST=1, debugfs", "debugfs=off", HostRoot(), _CHECK_HOST, "SetupError: there is no debugfs"),
    ("HOST=1, nothing", "", HostRoot(), _CHECK_HOST, ""),
    ("trace, tracefs", _NO_TRACEFS, Initramfs(), _TRACE, "there is no tracefs, where the module's events are: mount"),
    ("trace, debugfs", "debugfs=off tracefs=", Initramfs(), "mount -t tracefs none /sys/kernel/tracing\n" + _TRACE, "there is no debugfs"),
)
# Scripts that run a machine (trace: a daemon, too), and the file that exists when they are killed. A script starts the
# last one, as it does check's tests.
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
        files={"fsc_crash.ko": module, "point.sh": guest_script.POINT_SH}, allow=case.allow, cmdline=list(case.cmdline),
        again=lambda name: name == "again",
        outdir=repo.BUILD / "vm/states" / case.name.replace(" ", "-")))
    # A machine that never got as far as the job proves nothing about what the job does.
    blobs = [("say", b"started")]
    if case.name == "pass":
        blobs.append(("busybox", initramfs.BUSYBOX.read_bytes()))
    good = (boot.state == case.state and re.search(case.reason, boot.reason) is not None
            and boot.blobs == blobs and re.search(case.at_boot, boot.at_boot[0] if boot.at_boot else "") is not None)
    return good, f"{boot.state} after {boot.seconds:.1f} s: {boot.reason}; at boot: {boot.at_boot[:1]}"


def _bench(folder: Path, *flags: str) -> tuple[int, str]:
    """Exit status and output of a suite's run."""
    done = subprocess.run([_FOLIOSCALE, "bench", "--out", folder, *flags], check=False, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    return done.returncode, done.stdout


def goes_on(flags: dict[str, str | Path | None]) -> tuple[bool, str]:
    """A suite with one available machine: it is measured, the summary says why the others are missing, status 2."""
    with tempfile.TemporaryDirectory(prefix="folioscale-refused-") as name:
        folder = Path(name) / "out"
        status, said = _bench(folder, *_flags("folioscale", flags), "--suite", _REFUSED)
        summary = " ".join((folder / "summary.txt").read_text().split())
        boots = json.loads((folder / "result.json").read_text())["environment"]["boots"]
        states = {boot["name"]: boot["state"] for boot in boots}
        wrong = [boot["name"] for boot in boots if not boot["reason"].startswith(CAUSES.get(boot["name"], "job exited 0"))]
        wrong += [cause for cause in CAUSES.values() if cause not in summary]
    good = status == 2 and states == dict.fromkeys(CAUSES, "SETUP") | {"taken": "PASS"} and not wrong
    return good, f"exit status {status}, {states}, wrong {wrong}\n{said}"


def has_none(more: list[str], line: str, flags: dict[str, str | Path | None]) -> tuple[bool, str]:
    """A suite without any machine: status 2, one line, and no table."""
    with tempfile.TemporaryDirectory(prefix="folioscale-refused-") as name:
        status, said = _bench(Path(name) / "out", *_flags("folioscale", flags), *more, "--suite", _TINY)
        table = (Path(name) / "out/summary.txt").exists()
    causes = [text for text in said.splitlines() if text.startswith("folioscale: ")]
    good = status == 2 and len(causes) == 1 and re.search(f"^folioscale: {line}", causes[0]) and not table
    return bool(good) and not re.search("unknown|Traceback", said), f"exit status {status}, table {table}\n{said}"


def misses(name: str, cmdline: str, root: HostRoot | Initramfs, work: str, cause: str, where: kernel.Kernel,
           how: accel.Accel) -> tuple[bool, str]:
    """Whether a machine that lacks something reports it."""
    module = kernel.build_module(where) / "folioscale.ko"
    boot = vm.boot(vm.BootSpec(
        kernel=where, job=work, accel=how, memory_mb=512, timeout_s=300, root=root, cmdline=cmdline.split(),
        files={"folioscale.ko": module, "point.sh": guest_script.POINT_SH, "trace.sh": repo.SCRIPTS / "guest/trace.sh"},
        outdir=repo.BUILD / "vm/states" / re.sub(r"\W+", "-", name)))
    blobs = {blob: data.decode(errors="replace") for blob, data in boot.blobs}
    said = setup_errors.not_loaded(blobs["error"]) if "error" in blobs else (blobs.get("said", "nothing").splitlines() or [""])[-1]
    kind, _, rest = cause.partition(": ")
    good = re.search(f"{kind}: .*{rest}" if kind == "SetupError" else cause, said) if cause else not said
    return bool(good) and not boot.complained, f"{boot.state}: {boot.reason}: {said}"


def barely(where: kernel.Kernel, how: accel.Accel) -> tuple[bool, str]:
    """Memory for the kernel, but hardly for its root: either the cause is reported, or it boots."""
    least = next(mb for mb in range(1, 4096) if not _too_little(where, mb))
    try:
        boot = vm.boot(vm.BootSpec(kernel=where, job="true\n", accel=how, vcpus=1, memory_mb=least + 2, timeout_s=300,
                                   files={"folioscale.ko": kernel.build_module(where) / "folioscale.ko"},
                                   outdir=repo.BUILD / "vm/states/barely"))
    except SetupError as error:
        return str(error).startswith(f"MEM={least + 2}: too little memory to boot"), str(error)
    return boot.state == "PASS", f"{least + 2} MB: {boot.state}: {boot.reason}"


def _too_little(where: kernel.Kernel, memory_mb: int) -> bool:
    try:
        setup_errors.check_memory(where.image, memory_mb)
    except SetupError:
        return True
    return False


def dies_with_its_script(command: list[str], flags: dict[str, str | Path | None], when: str) -> tuple[bool, str]:
    """SIGKILL a script when there is a file @when: all that it started dies, and no result is half written."""
    with tempfile.TemporaryDirectory(prefix="folioscale-killed-") as name:
        folder = Path(name)
        env = {**kernel.clean_env(), repo.INSIDE_CHECK: "1"}
        env.pop(repo.DIES_WITH_PARENT, None)    # make and "a test" set it themselves
        with subprocess.Popen([*command, *_flags(command[0], {**flags, "out": folder / "out"})], stdout=subprocess.DEVNULL,
                              env=env, preexec_fn=vm.die_with(os.getpid())) as script:
            started = _wait(lambda: any(file.stat().st_size for file in folder.rglob(when)), 120)
            started = started and script.poll() is None
            # Between two machines there is none.
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
    """The options that have a value, as @program takes them: make takes variables."""
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
    where = kernel.choose(args.kdir, args.kernel, args.kver)
    how = accel.choose(args.accel, where)
    kernel.build_module(where, "crash", root=CRASH)

    failed = 0
    print(f"KTAP version 1\n1..{len(CASES) + len(MISSING) + len(NONE) + 2 + len(KILLED)}", flush=True)
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        jobs = [(case.name, pool.submit(run, case, where, how)) for case in CASES]
        jobs.append(("some machines of a suite are not available", pool.submit(goes_on, vars(args))))
        for name, more, line in NONE:
            jobs.append((f"{name}: one line", pool.submit(has_none, more, line, vars(args))))
        for name, cmdline, root, work, cause in MISSING:
            jobs.append((f"{name}: {cause or 'nothing is missing'}", pool.submit(misses, name, cmdline, root, work, cause, where, how)))
        jobs.append(("barely enough memory", pool.submit(barely, where, how)))
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
