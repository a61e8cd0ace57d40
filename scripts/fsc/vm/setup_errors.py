# SPDX-License-Identifier: GPL-2.0
"""Machines on which the module cannot run at all: the cause and the cure, in one line each."""

import platform
import re
import shutil
import struct
from pathlib import Path

from ..verdict import SetupError
from . import console

# Documentation/arch/x86/boot.rst: offsets in the setup header, which has the last two since version 2.10.
_HEADER, _VERSION, _PREF_ADDRESS, _INIT_SIZE = 0x202, 0x206, 0x258, 0x260
_MB = 1 << 20
# With CONFIG_MODULES it exists, if only empty.
_LIST = Path("/proc/modules")
# CAP_SYS_MODULE, in /proc/PID/status.
_SYS_MODULE = 1 << 16

# The module refuses a parameter: a mistake of the caller, not a finding.
REFUSED = re.compile(r"folioscale: \S+=.*: allowed: .*")
# The messages of busybox and of kmod.
_INSMOD = re.compile(r"insmod: (?:can't|ERROR: could not) insert")
_SIGN = "or sign the module with a key that the kernel trusts"
# Messages of insmod or the kernel if the module is not loaded, or cannot be used: cause and cure.
_NOT_LOADED = (
    (r"Lockdown: .*module", f"lockdown lets no unsigned module in: boot without lockdown= and Secure Boot, {_SIGN}"),
    (r"Key was rejected|Loading of .* is rejected|Required key not available",
     f"module.sig_enforce=1 lets no unsigned module in: boot without it, {_SIGN}"),
    (r"no debugfs", "there is no debugfs, where the module's results are: boot without debugfs=off and "
                    "debugfs=no-mount, a kernel with CONFIG_DEBUG_FS_ALLOW_ALL"),
    (r"no tracefs", "there is no tracefs, where the module's events are: mount -t tracefs none /sys/kernel/tracing, "
                    "on a kernel with CONFIG_TRACING and without lockdown"),
    (r"version magic|disagrees about version of symbol|Exec format error|Invalid module format|\bBTF\b",
     "the module was built for another kernel: build it with KDIR= of the one that is booted"),
    (r"Unknown symbol", "the kernel does not export what the module needs: a kernel without CONFIG_TRIM_UNUSED_KSYMS"),
    (r"Cannot allocate memory", "too little memory to load the module: a larger MEM="),
    (r"Operation not permitted", "nobody may load a module: no kernel.modules_disabled=1, and be root"),
)
# Messages on the console of a machine that does not reach its job.
_NO_MEMORY = re.compile(r"Initramfs unpacking failed|System is deadlocked on memory|no killable processes")
_NO_UML = re.compile(r".*must be not mounted noexec.*|SECCOMP userspace requested.*")
_NO_PORT = re.compile(r"folioscale: no status port: .*")
_TOO_MANY_CPUS = re.compile(r"Invalid SMP CPUs (\d+)\. The max CPUs supported by machine '\S+' is (\d+)")


def not_loaded(text: str) -> str:
    """Why the module cannot be used, from what the guest sent: insmod's message, then the kernel's."""
    if refused := REFUSED.search(text):
        return refused[0].strip()
    lines = console.printable(text)
    for pattern, cause in _NOT_LOADED:
        if line := next((line for line in lines if re.search(pattern, line)), ""):
            without_time = re.sub(r"^\[ *[\d.]+\] ", "", line)
            return f"{cause} ({without_time})"
    return f"the module cannot be loaded: {'; '.join(lines)}"


def is_insmod(text: str) -> bool:
    """Whether insmod failed, so that nothing was run."""
    return _INSMOD.search(text) is not None


def check_memory(image: Path, memory_mb: int) -> None:
    """Refuse a machine in which the kernel has no room to unpack itself: it would die without a message."""
    with image.open("rb") as file:
        head = file.read(0x1000)
    if head[_HEADER:_HEADER + 4] != b"HdrS" or struct.unpack_from("<H", head, _VERSION)[0] < 0x20a:
        return
    needed = struct.unpack_from("<Q", head, _PREF_ADDRESS)[0] + struct.unpack_from("<I", head, _INIT_SIZE)[0]
    if memory_mb * _MB < needed:
        raise SetupError(f"MEM={memory_mb}: the kernel alone needs {-(-needed // _MB)} MB to unpack itself: allowed: more, "
                         "and what the suite's folios take")


def check_machine(text: str, status: int | None, said: str, memory_mb: int) -> None:
    """Refuse a machine that died before its job, if console, exit @status or QEMU's output @said say why."""
    if line := _NO_MEMORY.search(text):
        raise SetupError(f"MEM={memory_mb}: too little memory to boot ({line[0]}): allowed: more")
    if line := _NO_PORT.search(text):
        raise SetupError(line[0].strip().removeprefix("folioscale: "))
    if line := _NO_UML.search(text):
        raise SetupError(f"ACCEL=uml: {line[0].strip()}: allowed: a /dev/shm without noexec, and a host that allows seccomp filters")
    if text or not status:
        return
    if found := _TOO_MANY_CPUS.search(said):
        raise SetupError(f"VCPUS={found[1]}: QEMU's machine has at most {found[2]} CPUs: allowed: 1 to {found[2]}")
    raise SetupError(f"QEMU starts no machine (exit {status}): {' '.join(said.split())[-300:]}")


def check_host() -> None:
    """Refuse this machine (HOST=1) if it is known beforehand that the module cannot be used."""
    check_loading()
    if "debugfs" not in _read("/proc/filesystems"):
        raise SetupError(not_loaded("no debugfs in /proc/filesystems"))
    if " /sys/kernel/debug debugfs " not in _read("/proc/mounts"):
        raise SetupError("debugfs is not mounted: mount -t debugfs none /sys/kernel/debug")


def check_loading() -> None:
    """Refuse this machine (HOST=1) if it is known beforehand that it loads no module."""
    if not _LIST.exists():
        raise SetupError(f"HOST=1: the running kernel {platform.release()} was built without CONFIG_MODULES (no {_LIST}), and "
                         "loads no module: allowed: another kernel")
    if (found := re.search(r"^CapEff:\s*(\w+)$", _read("/proc/self/status"), re.M)) and not int(found[1], 16) & _SYS_MODULE:
        raise SetupError("HOST=1: this root has no CAP_SYS_MODULE, as in a container, and loads no module: run it outside")
    if _read("/proc/sys/kernel/modules_disabled") == "1":
        raise SetupError(not_loaded("kernel.modules_disabled=1: Operation not permitted"))
    lockdown = _read("/sys/kernel/security/lockdown")
    if found := re.search(r"\[(?!none)(\w+)\]", lockdown):
        raise SetupError(not_loaded(f"Lockdown: {found[1]}: unsigned module loading is restricted"))
    if _read("/sys/module/module/parameters/sig_enforce") == "Y":
        raise SetupError(not_loaded("Loading of unsigned module is rejected"))
    for program in ("insmod", "rmmod"):
        if not shutil.which(program):
            raise SetupError(f"HOST=1: no {program} in PATH: install kmod")


def _read(file: str) -> str:
    try:
        return Path(file).read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""
