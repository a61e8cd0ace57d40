# SPDX-License-Identifier: GPL-2.0
"""Boot a virtual machine, run a job in it, and report the outcome of both."""

import ctypes
import json
import os
import select
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from ..verdict import FAIL, LOST, SetupError
from . import console, setup_errors, uml
from .kernel import Kernel
from .rootfs import MOUNT, SOCKET, HostRoot, Initramfs, Prepared
from .status_port import FrameError, Frames, OnBlob
from .steal import Steal

if TYPE_CHECKING:
    from .accel import Accel

_NAME = os.environ.get("QEMU") or "qemu-system-x86_64"
QEMU = os.path.abspath(_NAME) if "/" in _NAME else _NAME  # absolute: it is started in another folder

# init_on_alloc=0: slab would zero objects in all caches except TYPESAFE_BY_RCU ones.
# printk.time=1: the console check recognizes the kernel's lines by their time.
# loglevel=7: print the lines around the job, whatever the kernel's default is.
# random.trust_cpu=1: "crng init done" would patch kernel text seconds after boot.
# cryptomgr.notests: testing the kernel's ciphers is a fifth of what an emulated boot takes.
_CMDLINE = ("init_on_alloc=0", "panic=-1", "oops=panic",
            "printk.time=1", "loglevel=7", "random.trust_cpu=1", "cryptomgr.notests")

# The guest writes these to the console around the job (guest/protocol.sh).
_BEGIN_OF_JOB = "folioscale: begin of job"
_END_OF_JOB = "folioscale: end of job"
# QEMU's name for the serial line and the monitor on our own terminal.
_TERMINAL = "mon:stdio"
_POWER_OFF_S = 10.0
_AGAIN = 2
_SERVED_S = 60.0
_MAX_LINES = 20
_LAST_LINES = 3
# Debug kernels need up to a minute under emulation on an idle host.
_BOOT_S = 300.0


@dataclass
class BootSpec:
    """What to boot, and what to do in it."""
    kernel: Kernel
    job: str                      # a sh script; 0 is PASS, 3 INCONCLUSIVE, else FAIL
    accel: "Accel"
    timeout_s: float              # from the begin of the job; a machine still running then is killed
    outdir: Path                  # console.log, run-vm.sh and what that needs
    files: dict[str, Path] = field(default_factory=dict)  # guest path: host path
    root: Initramfs | HostRoot = Initramfs()
    vcpus: int = 2
    memory_mb: int = 2048
    nodes: int = 1                # of NUMA, each with its share of CPUs and memory
    cmdline: list[str] = field(default_factory=list)
    qemu: tuple[str, ...] = ()    # more arguments
    allow: tuple[str, ...] = ()   # regular expressions of console lines that the job expects
    on_blob: OnBlob = lambda name, data: None
    again: Callable[[str], bool] = lambda name: False   # whether to make a run with that name again, once it has sent all
    boot_s: float = _BOOT_S       # from power on until the job begins
    quiet_s: float = float("inf")  # a machine that sends nothing for so long is killed
    keep: bool = True             # also keep the blobs in Boot.blobs

    @property
    def um(self) -> bool:
        """Whether it is a process (uml.py) and not a machine of QEMU's."""
        return self.accel.name == "uml"


@dataclass
class Boot:
    state: str                    # PASS, FAIL, INCONCLUSIVE or LOST
    reason: str
    blobs: list[tuple[str, bytes]]
    console: Path
    seconds: float
    began: bool = True            # the job began; if not, the machine died before it
    first: str = ""               # how earlier attempts died
    at_boot: list[str] = field(default_factory=list)  # what the kernel complained of before the job
    complained: bool = False      # the kernel, in the job


def boot(spec: BootSpec) -> Boot:
    """Run @spec.job in a machine of its own and wait for the end of both.

    The kernel patches its text while it boots, and emulation does not always survive that:
    there is an unexpected int3, a double fault, or silence. So an emulated machine that dies
    before the job begins is started again, at most twice, and a line is printed each time.

    Raise SetupError if the machine is not available, for a known reason.
    """
    died: list[str] = []
    while True:
        found = _boot_once(spec)
        if found.began or not spec.accel.emulated or len(died) == _AGAIN:
            found.first = "; ".join(died)
            return found
        log = found.console
        kept = log.rename(log.with_name(f"console-died-{len(died) + 1}.log")) if log.exists() else None
        died.append(f"a machine died before the job began ({kept or 'no console'}): {found.reason}")
        print(died[-1], file=sys.stderr, flush=True)


def _boot_once(spec: BootSpec) -> Boot:
    log = spec.outdir / "console.log"
    machine = prepare(spec)
    blobs: list[tuple[str, bytes]] = []

    def on_blob(name: str, data: bytes) -> None:
        kind, _, window = name.partition("/")
        if kind == "window":
            began[window] = Steal.begin(process.pid)
        elif kind == "window-end":
            if watched := began.pop(window, None):
                take(f"steal/{window}", json.dumps(watched.until_now()).encode())
        elif kind == "again":
            if spec.um:
                keep_mapped()
            with suppress(BrokenPipeError):     # it may have died
                os.write(process.stdin.fileno(), f"{'again' if spec.again(window) else 'kept'} {window}\n".encode())
        else:
            take(name, data)

    def take(name: str, data: bytes) -> None:
        if spec.keep:
            blobs.append((name, data))
        spec.on_blob(name, data)

    def keep_mapped() -> None:
        try:
            found = uml.mapped(process.pid)
        except (OSError, KeyError):     # it may have died; an old kernel may not tell
            return
        if not least or found["huge"] / found["all"] < least["huge"] / least["all"]:
            least.update(found)
            take("mapped", json.dumps(least).encode())

    began: dict[str, Steal] = {}
    least: dict[str, int] = {}          # huge pages, of what it had in use after some point
    frames = Frames(on_blob)
    begin = time.monotonic()
    with (spec.outdir / machine.errors).open("wb") as errors, machine.run(
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors) as process:
        end = _follow(process, frames, spec, spec.outdir / machine.errors)
        status = process.poll()
    seconds = time.monotonic() - begin
    text = log.read_text(encoding="utf-8", errors="replace") if log.exists() else ""
    if not frames.began:
        setup_errors.check_machine(text, status, _said(spec.outdir / machine.errors), spec.memory_mb)
    state, reason = judge(frames.status, text, spec.allow, end)
    return Boot(state, reason, blobs, log, seconds, frames.began,
                at_boot=console.complaints(before_job(text), spec.allow),
                complained=bool(console.complaints(in_job(text), spec.allow)))


def in_job(text: str) -> str:
    """The part of a console log from the begin of the job on; earlier lines are about the machine."""
    return text.partition(_BEGIN_OF_JOB)[2]


def before_job(text: str) -> str:
    """The part of a console log before the job, when the module is not loaded yet."""
    return text.partition(_BEGIN_OF_JOB)[0]


def judge(status: tuple[str, str] | None, text: str, allow: tuple[str, ...],
          end: str) -> tuple[str, str]:
    """Return state and reason, from the guest's status, its console and how QEMU's run ended.

    Only complaints after the begin of the job are a FAIL: before it, the module is not loaded.
    """
    if lines := console.complaints(in_job(text), allow):
        more = [f"... and {len(lines) - _MAX_LINES} more"] if len(lines) > _MAX_LINES else []
        return FAIL, "\n".join(["on the console:", *lines[:_MAX_LINES], *more])
    if status is None:
        # What it complained of before the job or, without any of that, its last line.
        found = ([] if _BEGIN_OF_JOB in text else console.complaints(text)[:_LAST_LINES]) or console.printable(text)[-1:]
        return LOST, f"{end}; on the console: {'; '.join(found)}" if found else f"{end}; nothing is on the console"
    if _BEGIN_OF_JOB not in text or _END_OF_JOB not in text:
        # A console that shows nothing proves nothing.
        return LOST, "the console log does not show begin and end of the job (is the kernel's console on ttyS0, or with ARCH=um on tty0?)"
    return status


@dataclass(frozen=True)
class Machine:
    """A machine that can be run, and the folder with the files that it needs."""
    command: list[str]
    root: Prepared
    folder: Path
    errors: str = "qemu.log"      # in it: what goes to standard error

    @contextmanager
    def run(self, **streams) -> Iterator[subprocess.Popen]:
        """Run it and the server of its root; both are gone when the context ends."""
        with self._server(), _start(self.command, self.folder, **streams) as process:
            try:
                yield process
            finally:
                process.kill()

    @contextmanager
    def _server(self) -> Iterator[None]:
        if not self.root.server:
            yield
            return
        socket, log = self.folder / SOCKET, self.folder / "root.log"
        socket.unlink(missing_ok=True)
        with log.open("wb") as errors, _start(list(self.root.server), self.folder, stdin=subprocess.DEVNULL,
                                              stdout=errors, stderr=errors) as server:
            try:
                end = time.monotonic() + _SERVED_S
                while not socket.exists():
                    if server.poll() is not None or time.monotonic() > end:
                        raise SetupError(f"the root is not served: {log.read_text(errors='replace').strip()}")
                    time.sleep(0.02)
                yield
            finally:
                server.kill()
                server.wait()
                socket.unlink(missing_ok=True)
                with suppress(FileNotFoundError):
                    (self.folder / MOUNT).rmdir()


def _cpus_and_memory(spec: BootSpec) -> list[str]:
    """QEMU's arguments for them. Each node is a package of its own, as the CPUs of one package share a cache."""
    if spec.nodes == 1:
        return ["-smp", str(spec.vcpus), "-m", str(spec.memory_mb)]
    cores, memory_mb = spec.vcpus // spec.nodes, spec.memory_mb // spec.nodes
    nodes = [words for node in range(spec.nodes) for words in (
        "-object", f"memory-backend-ram,id=node{node},size={memory_mb}M",
        "-numa", f"node,nodeid={node},memdev=node{node},cpus={node * cores}-{(node + 1) * cores - 1}")]
    return ["-smp", f"{cores * spec.nodes},sockets={spec.nodes},cores={cores},threads=1", "-m", str(memory_mb * spec.nodes), *nodes]


def prepare(spec: BootSpec, terminal: bool = False) -> Machine:
    """Put what QEMU needs into @spec.outdir; return the machine."""
    if spec.accel.max_vcpus and spec.vcpus > spec.accel.max_vcpus:
        raise SetupError(f"{spec.accel.name} has {spec.accel.max_vcpus} virtual CPU, not {spec.vcpus}")
    if not spec.kernel.image.is_file():
        raise SetupError(f"no kernel {spec.kernel.image}")
    if not spec.um:
        setup_errors.check_memory(spec.kernel.image, spec.memory_mb)
    elif spec.vcpus > uml.MAX_CPUS:
        raise SetupError(f"VCPUS={spec.vcpus}: allowed with ACCEL=uml: 1 to {uml.MAX_CPUS}")
    elif spec.qemu or not isinstance(spec.root, Initramfs):
        raise SetupError("ACCEL=uml: neither tracing nor gdb: allowed for them: the other accelerators")
    spec.outdir.mkdir(parents=True, exist_ok=True)
    (spec.outdir / "console.log").unlink(missing_ok=True)
    root = spec.root.prepare(spec.outdir, spec.job, spec.files, spec.memory_mb)

    def command(console_to: str) -> list[str]:
        words = [*root.cmdline, *spec.accel.cmdline, *spec.cmdline]
        if spec.um:
            return uml.command(spec.kernel.image, spec.vcpus, spec.memory_mb, root.initrd, [*_CMDLINE, *words],
                               terminal=terminal)
        return [QEMU, *spec.accel.arguments,
                "-nodefaults", "-no-user-config", "-no-reboot", "-display", "none",
                *_cpus_and_memory(spec),
                "-kernel", str(spec.kernel.image), *(("-initrd", root.initrd) if root.initrd else ()), *root.arguments,
                "-append", " ".join(["console=ttyS0", *_CMDLINE, *words]),
                "-serial", console_to,
                "-device", "virtio-serial-pci",
                # QEMU takes the end of stdio's input for a hangup of the host: it must stay open.
                "-chardev", "file,id=status,path=/dev/null" if terminal else "stdio,id=status,signal=off",
                "-device", "virtserialport,chardev=status,name=folioscale.status", *spec.qemu]

    again = spec.outdir / "run-vm.sh"
    again.write_text("#!/bin/sh\n"
                     "# Runs the same machine again: status frames to standard output, the console\n"
                     "# to console-again.log beside this file.\n"
                     'cd "$(dirname "$0")" || exit\n'
                     # The end of its input would be a hangup of the status port, and nobody answers there.
                     "rm -f input && mkfifo input && exec <>input && rm input || exit\n"
                     f"{root.script()}"
                     # Through a pipe: if the output is redirected to a file, QEMU would truncate that.
                     f"{shlex.join(command('file:console-again.log'))}{' 2>console-again.log' * spec.um} | cat\n")
    again.chmod(0o755)
    return Machine(command(_TERMINAL if terminal else "file:console.log"), root, spec.outdir, "console.log" if spec.um else "qemu.log")


def _said(errors: Path) -> str:
    return errors.read_text(encoding="utf-8", errors="replace").strip()


def _follow(qemu: subprocess.Popen, frames: Frames, spec: BootSpec, errors: Path) -> str:
    """Read frames until QEMU ends or a limit is reached; say how it ended."""
    pipe = qemu.stdout.fileno()
    heard = time.monotonic()
    began, ended, limit = False, False, heard + spec.boot_s
    while (left := limit - time.monotonic()) > 0:
        if select.select([pipe], [], [], min(left, 1.0))[0]:
            data = os.read(pipe, 1 << 16)
            heard = time.monotonic()
            if not data:
                status, said = qemu.wait(), _said(errors)
                return f"the machine went down without a status (QEMU exit {status})" + f": {said[-500:]}" * bool(said)
            try:
                frames.feed(data)
            except FrameError as error:
                return f"garbage on the status port: {error}"
            if frames.began and not began:
                began, limit = True, heard + spec.timeout_s
            if frames.status and not ended:
                # Only the power-off is left, with its last console lines.
                ended, limit = True, heard + _POWER_OFF_S
        if time.monotonic() - heard > spec.quiet_s:
            return f"nothing was heard of the machine for {spec.quiet_s:.0f} s"
        # QEMU dumps registers and keeps running, with the guest stopped forever.
        for line in () if spec.um else _said(errors).splitlines():
            if "KVM internal error" in line:
                return f"QEMU: {line}"
    if not began:
        return f"not finished: the job did not begin within {spec.boot_s:.0f} s after power on"
    arrived = f"{frames.blobs} blobs arrived, the last one {frames.last}" if frames.blobs else "nothing arrived"
    return f"not finished {spec.timeout_s:.0f} s after the job began: {arrived}"


def _start(command: list[str], folder: Path, **streams) -> subprocess.Popen:
    try:
        return subprocess.Popen(command, cwd=folder, preexec_fn=die_with(os.getpid()), **streams)
    except FileNotFoundError:
        raise SetupError(f"no {command[0]}: run scripts/setup.sh bench") from None


def die_with(parent: int) -> Callable[[], None]:
    """Return a function that makes a child die with @parent, even if that is killed by SIGKILL."""
    libc = ctypes.CDLL(None, use_errno=True)
    pr_set_pdeathsig = 1

    def before_exec() -> None:
        libc.prctl(pr_set_pdeathsig, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)  # the parent died before prctl()
    return before_exec
