# SPDX-License-Identifier: GPL-2.0
"""A run of the module under a tool: the machine it runs on, and the folder that keeps it."""

import argparse
import json
import re
import shutil
import sys
from dataclasses import dataclass, field
from pathlib import Path
from shlex import quote

from .. import repo
from ..cmd.bench import where_it_is
from ..suite import session
from ..verdict import EXIT_STATUS, LOST, PASS, SetupError, worst
from ..vm import accel, host, kernel, setup_errors, vm
from ..vm.accel import Accel
from ..vm.kernel import Kernel
from ..vm.rootfs import HostRoot

GUEST = repo.SCRIPTS / "guest"
# A tool that compiles needs half a minute, emulated on one thread on an idle host.
_OVERHEAD_S = 180.0
_DEFAULT_MS = 10_000


def words(params: str) -> str:
    """PARAMS= as words for insmod; refuse all but NAME=VALUE."""
    found = params.split()
    for word in found:
        if not re.fullmatch(r"\w+=[\w:,.-]*", word):
            raise SetupError(f"PARAMS: {word}: allowed: name=value ...")
    return " ".join(found)


def prologue(module: Path) -> str:
    """Shell lines that begin a job: they source the functions of scripts/guest that run @module under a tool."""
    lines = [f"FSC_KO={quote(str(module))}", f"FSC_SCRIPTS={quote(str(repo.SCRIPTS))}"]
    lines += [f'. "$FSC_SCRIPTS/guest/{name}.sh"' for name in ("point", "trace", "perf")]
    return "".join(f"{line}\n" for line in lines)


def _milliseconds(params: str) -> int:
    given = [int(value) for value in re.findall(r"\b(?:warmup|duration)_ms=(\d+)", params)]
    return sum(given) or _DEFAULT_MS


@dataclass
class Traced:
    """One traced run. accel None: on this machine itself."""
    kernel: Kernel
    accel: Accel | None
    module: Path
    folder: Path
    params: str
    vcpus: int
    memory_mb: int
    blobs: dict[str, bytes] = field(default_factory=dict)

    def boot(self, job: str, files: tuple[Path, ...] = (), names: dict[str, str] | None = None) -> vm.Boot:
        """Run @job with the host's programs; keep what it emits in the folder, renamed by @names."""
        def keep(name: str, data: bytes) -> None:
            if name == "say":
                print(data.decode(errors="replace"), file=sys.stderr, flush=True)
                return
            self.blobs[name] = data
            (self.folder / (names or {}).get(name, name)).write_bytes(data)

        job = prologue(self.module) + job
        # With -icount a second of the guest takes about ten on the host.
        slower = 50 if self.accel is accel.ICOUNT else 5
        timeout_s = _OVERHEAD_S + slower * _milliseconds(self.params) / 1000
        if self.accel is None:
            return host.boot(job, self.module, keep, timeout_s, self.folder)
        return vm.boot(vm.BootSpec(
            kernel=self.kernel, job=job, accel=self.accel, timeout_s=timeout_s, outdir=self.folder, root=HostRoot(),
            files={path.name: path for path in (self.module, *files)}, on_blob=keep,
            vcpus=self.accel.max_vcpus or self.vcpus, memory_mb=self.memory_mb))

    def conclude(self, boot: vm.Boot) -> int:
        """Print the outcome of @boot and the files that it left; return the exit status."""
        if "error" in self.blobs and not boot.complained:
            raise SetupError(setup_errors.not_loaded(self.text("error")))
        for line in boot.at_boot:
            print(f"The kernel complained while it booted, before the module was there: {line}")
        verdicts, said = [boot.state], "" if boot.state == PASS else f": {boot.reason}"
        if "run.json" in self.blobs:
            verdict = json.loads(self.blobs["run.json"])["verdict"]
            verdicts.append(verdict)
            said += "" if verdict == PASS else f": the run is {verdict} (run.json has the reasons)"
        elif boot.state == PASS:
            verdicts.append(LOST)
        print(f"kernel {self.kernel.release}")
        kept = sorted(path.name for path in self.folder.iterdir() if path.suffix in (".txt", ".json", ".svg", ".data"))
        print(f"{worst(verdicts)}{said}: {where_it_is(self.folder)} has {', '.join(kept)}, console.log, and the command")
        return EXIT_STATUS[worst(verdicts)]

    def text(self, name: str) -> str:
        return self.blobs.get(name, b"").decode(errors="replace")


def prepare(args: argparse.Namespace, name: str) -> Traced:
    """Choose the machine, build the module, make the folder."""
    params = words(args.params)
    if args.host:
        host.refuse_kver(args.kver)
        busted = re.search(r"\bbusted=(?!none\b)\w+", params)
        host.consent([busted[0]] if busted else [], _milliseconds(params) / 1000, args.yes)
        where, how = kernel.running(), None
    else:
        where = kernel.choose(args.kdir, args.kernel, args.kver)
        how = accel.traced(accel.choose(args.accel, where))
    built = kernel.build_module(where) / "folioscale.ko"
    folder = session.new_folder(name, args.out)
    session.keep_command(folder)
    module = folder / built.name   # a copy: its symbols stay, whatever is built later
    shutil.copyfile(built, module)
    return Traced(where, how, module, folder, params, args.vcpus, args.memory)
