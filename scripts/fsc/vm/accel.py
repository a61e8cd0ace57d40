# SPDX-License-Identifier: GPL-2.0
"""What executes the guest's code: KVM, emulation, or emulation that counts instructions."""

import hashlib
import json
import subprocess
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from .. import repo
from ..verdict import PASS, SetupError
from . import vm
from .kernel import Kernel

DEVICE = Path("/dev/kvm")
# With KVM a boot takes a second; a much slower one on a busy host must still count as working.
PROBE_TIMEOUT_S = 60.0
NAMES = ("auto", "kvm", "uml", "tcg", "icount")


@dataclass(frozen=True)
class Accel:
    """One way to execute a guest."""
    name: str
    arguments: tuple[str, ...]     # for QEMU
    cmdline: tuple[str, ...] = ()  # for the guest's kernel
    max_vcpus: int | None = None
    emulated: bool = True          # guest time is not real time


KVM = Accel("kvm", ("-accel", "kvm", "-cpu", "host"), emulated=False)
# A kernel of ARCH=um, without QEMU (uml.py).
UML = Accel("uml", (), emulated=False)
# tsc=reliable: if a busy host stops a vCPU, the clocksource watchdog sees a drifting TSC
# (8 vCPUs on 2 CPUs: read-back delays of 8 ms). Once it marks the TSC unstable, the kernel
# patches sched_clock's static key in running code, which multi-threaded TCG does not
# survive. Nothing else patches text after boot: ftrace of text_poke_bp_batch saw its last
# call before init.
TCG = Accel("tcg", ("-accel", "tcg,thread=multi", "-cpu", "max"), ("tsc=reliable",))
# Tracing patches running text. Multi-threaded TCG does not survive that (int3 oopses, wild
# jumps); with all virtual CPUs on one thread it does.
TRACED = Accel("traced", ("-accel", "tcg,thread=single", "-cpu", "max"), ("tsc=reliable",))
# A nanosecond of guest time is one instruction.
ICOUNT = Accel("icount", ("-accel", "tcg,thread=single", "-icount", "shift=0,sleep=off", "-cpu", "max"),
               ("tsc=reliable",), max_vcpus=1)
# Those whose times are a CPU's.
REAL = tuple(one.name for one in (KVM, UML, TCG, TRACED, ICOUNT) if not one.emulated)


def choose(name: str, kernel: Kernel) -> Accel:
    """Return the accelerator called @name; "auto" is KVM where it works, else TCG."""
    if kernel.um:
        if name not in ("auto", "uml"):
            raise SetupError(f"ACCEL={name}: {kernel.release} in {kernel.build} is a kernel of ARCH=um: allowed for it: auto uml")
        return UML
    if name not in NAMES:
        raise SetupError(f"ACCEL={name}: allowed: {' '.join(NAMES)}")
    if name == "uml":
        raise SetupError(f"ACCEL=uml: {kernel.release} in {kernel.build} is no kernel of ARCH=um: allowed for it: "
                         f"{' '.join(one for one in NAMES if one != 'uml')}")
    if name in (TCG.name, ICOUNT.name):
        return TCG if name == TCG.name else ICOUNT
    if not (trouble := kvm_trouble(kernel)):
        return KVM
    if name == "kvm":
        raise SetupError(f"ACCEL=kvm: KVM is not usable ({trouble}): allowed here: ACCEL=tcg, which emulates")
    print(f"KVM is not usable ({trouble}): using emulation, -accel tcg,thread=multi -cpu max", flush=True)
    return TCG


def traced(how: Accel) -> Accel:
    """Return the variant of @how that survives switching tracepoints and probes on and off."""
    if how is not TCG:
        return how
    print(f"Tracing patches text that runs: emulated CPUs take turns, {' '.join(TRACED.arguments)}", flush=True)
    return TRACED


def kvm_trouble(kernel: Kernel) -> str:
    """Return in one line why KVM cannot be used, "" if it can.

    A /dev/kvm that opens proves nothing: on some hosts it answers, but the guest makes no
    progress. So boot a guest until it sends its status, once for each host boot, QEMU and
    kernel image; build/ keeps the answer.
    """
    try:
        DEVICE.open("r+b", buffering=0).close()
    except OSError as error:
        cure = {PermissionError: ": sudo usermod -aG kvm USER, and log in again",
                FileNotFoundError: ": turn virtualization on in the firmware, modprobe kvm_intel or kvm_amd"}.get(type(error), "")
        return f"{DEVICE}: {error.strerror}{cure}"
    cache, key = repo.BUILD / "accel.json", _key(kernel)
    with suppress(OSError, ValueError, KeyError, TypeError):
        answer = json.loads(cache.read_text())
        if answer["key"] == key:
            return answer["trouble"]
    trouble = _probe(kernel)
    cache.parent.mkdir(exist_ok=True)
    cache.write_text(json.dumps({"key": key, "trouble": trouble}))
    return trouble


def _key(kernel: Kernel) -> str:
    try:
        version = subprocess.run([vm.QEMU, "--version"], stdout=subprocess.PIPE, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        raise SetupError(f"no {vm.QEMU}: run scripts/setup.sh bench") from None
    image = kernel.image.stat()
    boot_id = Path("/proc/sys/kernel/random/boot_id").read_text()
    facts = (vm.QEMU, version, str(kernel.image), image.st_size, image.st_mtime_ns, boot_id)
    return hashlib.sha256(repr(facts).encode()).hexdigest()


def _probe(kernel: Kernel) -> str:
    with tempfile.TemporaryDirectory(prefix="folioscale-kvm-") as folder:
        try:
            boot = vm.boot(vm.BootSpec(kernel=kernel, job="true\n", accel=KVM, vcpus=2, memory_mb=512,
                                       timeout_s=PROBE_TIMEOUT_S, boot_s=PROBE_TIMEOUT_S, outdir=Path(folder)))
        except SetupError as error:
            return str(error)
    return "" if boot.state == PASS else " ".join(boot.reason.split())[:200]
