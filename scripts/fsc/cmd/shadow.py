# SPDX-License-Identifier: GPL-2.0
"""shadow: count what would be in limbo while a command or a load runs on an unmodified kernel."""

import argparse
import json
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from shlex import quote
from typing import Any

from .. import repo
from ..perf.traced import words
from ..result import environment
from ..shadow import loads, written
from ..shadow.figures import Loaded, Run
from ..suite import session
from ..verdict import EXIT_STATUS, PASS, SetupError, worst
from ..vm import accel, drivers, host, kernel, setup_errors, vm
from ..vm.accel import Accel
from ..vm.kernel import Kernel
from ..vm.rootfs import HostRoot
from . import options
from .bench import where_it_is

MODULE = "fsc_shadow"
# Of what a load and a machine need under emulation, on one thread; an hour for a command, which is the user's.
_LOAD_S, _COMMAND_S, _SPARE_S = 900.0, 3600.0, 180.0
_READERS_KO = "folioscale.ko"
_DRIVERS = ("virtio_blk", "ext4")
_DISK = "scratch.img"
_DISK_MB = 16384
# What runs beside the load and makes grace periods longer, as parameters of folioscale.ko.
READERS = {
    "none": "",
    "busy": "protocol=rcu_desc deferral=call_rcu nr_readers=0 nr_freers=1 free_rate=2000",
    "10ms": "protocol=rcu_full nr_readers=1 nr_freers=0 hold_ns=10000000",
    "1s": "protocol=rcu_full nr_readers=1 nr_freers=0 hold_ns=1000000000",
}
ARGUMENTS = options.of(*options.MACHINE, "params", "out", "host", "yes") | {
    "--loads": {"metavar": "NAMES", "help": f"of scripts/shadow, or {loads.ALL} (a wrong name lists them)"},
    "--seconds": {"type": options.positive, "metavar": "N", "help": "count for so long, whatever runs"},
    "--repetitions": {"type": options.positive, "default": 1, "metavar": "N", "help": "boots; with --host, times (1)"},
    "--readers": {"default": "none", "choices": READERS, "help": "what keeps RCU busy or stays in a section for so long (none)"},
    "shell": {"nargs": "?", "metavar": "COMMAND", "help": "for a shell"}}


@dataclass(frozen=True)
class Task:
    """What is counted: a load of ours, or a command of the user's."""
    name: str
    does: str
    job: str                      # a line of shell
    limit_s: float
    allow: tuple[str, ...] = ()   # as Load.allow


def _tasks(args: argparse.Namespace) -> list[Task]:
    asked = [name for name, value in (("LOADS", args.loads), ("SECONDS", args.seconds), ("CMD", args.shell)) if value]
    if len(asked) > 1:
        raise SetupError(f"{' and '.join(asked)}: set one of them")
    if args.seconds:
        return [Task("seconds", f"{args.seconds} s of whatever ran", f"shadow_command 'sleep {args.seconds}'",
                     args.seconds * 2 + _SPARE_S)]
    if args.shell:
        return [Task("command", args.shell, f"shadow_command {quote(args.shell)}", _COMMAND_S)]
    if args.host:
        raise SetupError("HOST=1: set CMD or SECONDS: the loads fill memory and disks, and get processes killed: they run in a VM only")
    return [Task(load.name, load.does, f"shadow_load {load.name}", _LOAD_S, load.allow) for load in loads.chosen(args.loads or loads.ALL)]


@dataclass
class Machine:
    """Where it runs; accel None: this machine itself."""
    kernel: Kernel
    accel: Accel | None
    module: Path
    folder: Path
    vcpus: int
    memory_mb: int
    readers: str = "none"

    def run(self, task: Task, params: str, folder: Path) -> tuple[vm.Boot, Run]:
        """Run @task in a boot of its own, so that none has what another leaves; return what it sent."""
        found = Run()
        folder.mkdir(exist_ok=True)

        def keep(name: str, data: bytes) -> None:
            found.blobs[name] = data.decode(errors="replace")

        modules = [] if self.accel is None else drivers.of(self.kernel, _DRIVERS)
        job = "\n".join([f"FSC_KO={quote(str(self.module))} FSC_SCRIPTS={quote(str(repo.SCRIPTS))}",
                         '. "$FSC_SCRIPTS/guest/shadow.sh"',
                         *([] if self.accel is None else [f"shadow_place {' '.join(quote(str(path)) for path in modules)} || exit"]),
                         f"shadow_load_module {quote(params)} || exit",
                         *([f"shadow_readers {quote(str(self.folder / _READERS_KO))} {quote(READERS[self.readers])} || exit"]
                           if READERS[self.readers] else []),
                         # A load that fails has said so.
                         f"{task.job} || true", f"rmmod {MODULE}", ""])
        limit_s = _SPARE_S + task.limit_s
        if self.accel is None:
            return host.boot(job, self.module, keep, limit_s, folder), found
        disk = folder / _DISK
        with disk.open("wb") as file:
            file.truncate(_DISK_MB << 20)
        boot = vm.boot(vm.BootSpec(
            kernel=self.kernel, job=job, accel=self.accel, timeout_s=limit_s, outdir=folder, root=HostRoot(), allow=task.allow,
            files={path.name: path for path in (self.module, *self.folder.glob(_READERS_KO), *modules)}, on_blob=keep,
            vcpus=self.accel.max_vcpus or self.vcpus, memory_mb=self.memory_mb,
            # A file of zeros: what is written goes to one that nobody sees.
            qemu=("-drive", f"file={_DISK},if=none,id=scratch,format=raw,snapshot=on,cache=unsafe",
                  "-device", "virtio-blk-pci,drive=scratch")))
        return boot, found

    @property
    def where(self) -> str:
        """In words."""
        if self.accel is None:
            return "on this machine"
        return (f"in a machine of {self.memory_mb} MB and {self.accel.max_vcpus or self.vcpus} CPUs ({self.accel.name})"
                + (f", READERS={self.readers}" if READERS[self.readers] else ""))


def _prepare(args: argparse.Namespace) -> Machine:
    if args.host:
        host.refuse_kver(args.kver)
        if READERS[args.readers]:
            raise SetupError(f"HOST=1 and READERS={args.readers}: readers keep a CPU to themselves: in a VM only")
        if "busted=" in args.params:
            raise SetupError("HOST=1 runs no busted control: use a VM")
        host.consent_to_shadow(args.yes)
        where, how = kernel.running(), None
    else:
        where = kernel.choose(args.kdir, args.kernel, args.kver)
        how = accel.traced(accel.choose(args.accel, where))
    built = kernel.build_module(where)
    if not (built / f"{MODULE}.ko").is_file():
        raise SetupError(f"{where.release} was built without CONFIG_TRACEPOINTS: {MODULE} attaches to one")
    folder = session.new_folder("shadow", args.out)
    session.keep_command(folder)
    # Copies, whatever is built later.
    for name in (f"{MODULE}.ko", *([_READERS_KO] if READERS[args.readers] else [])):
        shutil.copyfile(built / name, folder / name)
    return Machine(where, how, folder / f"{MODULE}.ko", folder, args.vcpus, args.memory, args.readers)


def _write(machine: Machine, found: list[Loaded], config: dict[str, Any]) -> str:
    """Write what is there so far; return summary.txt."""
    document = {"schema": 1, "kind": "shadow", "kernel": machine.kernel.release, "where": machine.where,
                "emulated": bool(machine.accel and machine.accel.emulated), "revision": environment.revision(),
                "command": (machine.folder / "command").read_text(encoding="utf-8"),
                "params": config.get("params", {"busted": "none"}), "facts": config.get("kernel"),
                "loads": [loaded.document() for loaded in found]}
    text = written.summary(document, found)
    for name, content in (("result.json", json.dumps(document) + "\n"), ("summary.txt", text), ("report.html", written.page(document, found))):
        (machine.folder / name).write_text(content, encoding="utf-8")
    return text


def main(args: argparse.Namespace) -> int:
    tasks, params = _tasks(args), words(args.params)
    machine = _prepare(args)
    found = [Loaded(task.name, task.does, []) for task in tasks]
    config, text = {}, ""
    for number in range(1, args.repetitions + 1):
        for task, loaded in zip(tasks, found):
            print(f"{task.name}: {task.does}", file=sys.stderr, flush=True)
            boot, run = machine.run(task, params, machine.folder / f"{task.name}-{number}")
            if "error" in run.blobs and not boot.complained:
                raise SetupError(setup_errors.not_loaded(run.blobs["error"]))
            run.machine = "" if boot.state == PASS else f"the machine is {boot.state}: {boot.reason}"
            config = json.loads(run.blobs["config"]) if "config" in run.blobs else config
            loaded.runs.append(run)
            text = _write(machine, found, config)
    print(text)
    verdict = worst([run.verdict for loaded in found for run in loaded.runs])
    print(f"{verdict}: {where_it_is(machine.folder)} has summary.txt, report.html, result.json, and of each boot console.log")
    return EXIT_STATUS[verdict]
