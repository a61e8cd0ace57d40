# SPDX-License-Identifier: GPL-2.0
"""check: run the tests."""

import argparse
import concurrent.futures
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
import traceback
from dataclasses import dataclass
from pathlib import Path

from .. import repo
from ..ktap import Ktap
from ..verdict import EXIT_STATUS, FAIL, PASS, SetupError
from ..vm import accel, guest_test, kernel, versions, vm
from ..vm.accel import Accel
from ..vm.kernel import Kernel
from . import kernels, options

TESTS = repo.SCRIPTS / "tests"
OUT = repo.BUILD / "check"
ARGUMENTS = options.of(*options.MACHINE, "only")


@dataclass
class Machine:
    kernel: Kernel
    accel: Accel
    flags: list[str]              # as options of a Program
    out: Path = OUT               # the output of each group
    series: str = ""              # series of Debian's other kernels; the newest if empty

    def kernel_of(self, flavour: str = "", series: str = "") -> Kernel:
        """The kernel under test, another one of Debian's, or the one that runs as a process."""
        if not flavour and not series:
            return self.kernel
        if flavour == kernels.UM:
            return kernels.build(flavour, versions.known().default)
        return kernel.debian(series or self.series or versions.known().default, flavour)


@dataclass(frozen=True)
class Program:
    """A group of tests: a program in scripts/tests that prints KTAP."""
    name: str
    file: str
    takes_kernel: bool = False
    timeout_s: float = 6000       # for a hang: five times what the longest group takes
    alone: bool = False           # nothing else runs at the same time
    asked: bool = False           # runs only if it is named: it takes long

    def run(self, out: Ktap, machine: Machine, folder: Path) -> None:
        command = [str(TESTS / self.file), *(machine.flags if self.takes_kernel else [])]
        with (folder / "stderr").open("w") as errors, subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=errors, text=True,
                preexec_fn=vm.die_with(os.getpid())) as program:
            late = False
            try:
                said, _ = program.communicate(timeout=self.timeout_s)
            except subprocess.TimeoutExpired:
                late = True
                program.terminate()
                said, _ = program.communicate()
        for line in said.splitlines():
            out.feed(line)
        if late:
            out.result(False, f"{self.file} ends", f"not finished after {self.timeout_s:.0f} s: {out.count}")
        elif program.returncode not in (0, 1) or (program.returncode and not out.count.failed):
            out.result(False, f"{self.file} ends", f"exit status {program.returncode}\n" + (folder / "stderr").read_text())


@dataclass(frozen=True)
class Guest:
    """A group of tests: a script in scripts/tests/guest, in a virtual machine of its own."""
    script: str
    name: str = ""
    series: str = ""              # Debian's kernel series and flavour; if both are empty, the kernel under test
    flavour: str = ""             # or UM: the newest kernel that runs as a process, ten times as fast as emulation
    env: str = ""                 # variables for the script
    vcpus: int = 2
    memory_mb: int = 2048
    nodes: int = 1
    timeout_s: float = 6000       # as above
    cmdline: tuple[str, ...] = ()
    allow: tuple[str, ...] = ()   # regular expressions of allowed console lines
    alone: bool = False           # it tests times in the guest
    icount: bool = False          # a nanosecond is an instruction in it
    traced: bool = False          # it attaches to tracepoints, which not every emulation survives
    asked: bool = False           # as above

    def run(self, out: Ktap, machine: Machine, folder: Path) -> None:
        where = machine.kernel_of(self.flavour, self.series)
        how = accel.UML if where.um else accel.ICOUNT if self.icount else machine.accel
        if self.traced and how is accel.TCG:
            how = accel.TRACED
        guest_test.run(out, where, how, folder, script=self.script, env=self.env,
                       vcpus=self.vcpus, memory_mb=self.memory_mb, nodes=self.nodes, timeout_s=self.timeout_s,
                       cmdline=self.cmdline, allow=self.allow)


RT = "rt-amd64"
OLDEST = next(iter(versions.known().series))
# Few run at a time: the longest first, those that wait next to those that compute.
GROUPS = (
    Program("host", "unit.py"),
    Guest("lifecycle", "um-lifecycle", flavour=kernels.UM),
    Guest("lifecycle", "lifecycle", env="FSC_QUICK=1"),
    Program("vmstates", "vm_states.py", takes_kernel=True),
    Guest("busted", "busted"),
    Program("icount", "icount.py", takes_kernel=True),
    Guest("params", "params"),
    Program("trace", "trace.py", takes_kernel=True),
    Program("events", "events.py", takes_kernel=True),
    Program("perf", "perf.py", takes_kernel=True),
    Program("bench", "bench.py", takes_kernel=True),
    Guest("matrix", "matrix"),
    Guest("stress", "stress", vcpus=4, alone=True),
    Guest("paths", "paths"),
    Guest("limbo", "limbo"),
    Guest("little", "little", vcpus=1, memory_mb=4096, icount=True),
    # All of them natively; those that hang on the kernel, and on interrupts, on Debian's as well.
    Guest("axes", "um-axes", flavour=kernels.UM),
    Guest("axes", "axes", env="FSC_QUICK=1"),
    Program("debian13", "debian13.py", timeout_s=3600, asked=True),
    Program("builds", "builds.py"),
    Program("report", "report.py"),
    Program("litmus", "litmus.py"),
    Program("static", "static.py", takes_kernel=True),
    Guest("lifecycle", "rt-lifecycle", flavour=RT, env="FSC_QUICK=1", asked=True),
    Guest("busted", "rt-busted", flavour=RT, env="FSC_QUICK=1"),
    Guest("matrix", "rt-matrix", flavour=RT, env="FSC_ORDERS=0 FSC_QUICK=1"),
    Guest("paths", "rt-paths", flavour=RT, env="FSC_QUICK=1"),
    Guest("axes", "rt-axes", flavour=RT, env="FSC_QUICK=1"),
    Guest("matrix", f"{OLDEST}-matrix", series=OLDEST, env="FSC_ORDERS=0 FSC_QUICK=1"),
    Guest("paths", f"{OLDEST}-paths", series=OLDEST, env="FSC_QUICK=1"),
    # Its kfree_rcu() has another algorithm.
    Guest("limbo", f"{OLDEST}-limbo", series=OLDEST),
    Guest("turns", f"{OLDEST}-turns", series=OLDEST, vcpus=1, cmdline=("preempt=none",)),
    Guest("account", "account"),
    Guest("account", f"{OLDEST}-account", series=OLDEST, asked=True),
    Program("make-shadow", "shadow.py", takes_kernel=True),
    Guest("shadow", "um-shadow", flavour=kernels.UM),
    Guest("shadow", "shadow", traced=True),
    Guest("shadow", f"{OLDEST}-shadow", series=OLDEST, traced=True),
    Guest("shadow", "rt-shadow", flavour=RT, traced=True, asked=True),
    Guest("numa", "numa", nodes=2),
    Guest("small", "small", memory_mb=1024),
    Guest("params", "params-6", vcpus=6, env="FSC_MANY_CPUS=1"),
    Guest("reload", "reload", vcpus=1),
    Guest("matrix", "um-matrix", flavour=kernels.UM, asked=True),
    Guest("axes", "all-axes", asked=True),
)


def chosen(only: list[str], among: tuple[Program | Guest, ...] = GROUPS) -> list[Program | Guest]:
    names = [group.name for group in among]
    for name in only:
        if name not in names:
            raise SetupError(f"ONLY={name}: no such group; known: {' '.join(names)}")
    return [group for group in among if (group.name in only if only else not group.asked)]


def run_group(group: Program | Guest, machine: Machine) -> tuple[list[str], Ktap, float]:
    """Run a group; return its lines for the KTAP stream, its list, and its seconds."""
    folder = machine.out / group.name
    folder.mkdir(parents=True)
    begin = time.monotonic()
    with (folder / "ktap").open("w") as log:
        lines: list[str] = []

        def write(line: str) -> None:
            lines.append(line)
            print(line, file=log, flush=True)

        below = Ktap(write)
        try:
            group.run(below, machine, folder)
        except SetupError as error:
            below.result(False, "can be run", str(error))
        except Exception:  # pylint: disable=broad-exception-caught # of a group, not of all
            below.result(False, "can be run", traceback.format_exc())
        below.close()
    return lines, below, time.monotonic() - begin


def start(out: Path = OUT) -> None:
    """Set the environment, and empty @out."""
    os.environ |= {repo.INSIDE_CHECK: "1", repo.DIES_WITH_PARENT: "1"}
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)


def run_groups(out: Ktap, groups: list[Program | Guest], machine: Machine) -> dict[str, Ktap]:
    """Run the groups, several at a time; print their lists in order, and return the lists by name."""
    lists: dict[str, Ktap] = {}
    jobs = (os.cpu_count() or 1) + 1  # some of them wait most of their time
    done = {group.name: run_group(group, machine) for group in groups if group.alone}
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        pending = {group.name: pool.submit(run_group, group, machine) for group in groups if group.name not in done}
        try:
            for group in groups:
                lines, below, seconds = done.get(group.name) or pending[group.name].result()
                out.show(lines)
                out.note(f"{group.name}: {below.count}, {seconds:.0f} s, {shlex.quote(str(machine.out / group.name))}")
                out.end(below, group.name)
                lists[group.name] = below
        except (KeyboardInterrupt, SystemExit):
            # The pool would wait for its machines. If this process exits, they die at once.
            print("folioscale: interrupted", file=sys.stderr)
            os._exit(128 + signal.SIGINT)
    return lists


def main(args: argparse.Namespace) -> int:
    groups = chosen(args.only)
    start()
    where, how = kernels.chosen(args)
    if how.max_vcpus:
        raise SetupError(f"ACCEL={args.accel}: allowed for check: auto kvm tcg; it counts instructions by itself")
    given = {"accel": how.name} | {name: getattr(args, name) for name in ("kdir", "kernel", "kver")}
    flags = [word for name, value in given.items() if value for word in (f"--{name}", value)]
    machine = Machine(where, how, flags, series=versions.chosen(args.kver)[0])
    # Before the groups run in parallel, so that none builds over another.
    for one in dict.fromkeys((getattr(group, "flavour", ""), getattr(group, "series", "")) for group in groups):
        kernel.build_module(machine.kernel_of(*one), variables=kernel.WITH_OPENCODED)
    begin = time.monotonic()
    out = Ktap(lambda line: print(line, flush=True), len(groups))
    run_groups(out, groups, machine)
    print(f"# {time.monotonic() - begin:.0f} s")
    if not args.only:
        print(f"# Not run, as they take long: make check ONLY=\"{' '.join(group.name for group in GROUPS if group.asked)}\"")
    out.repeat_failures()
    print(out.count)
    return EXIT_STATUS[FAIL if out.count.failed else PASS]
