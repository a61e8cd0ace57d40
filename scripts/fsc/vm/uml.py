# SPDX-License-Identifier: GPL-2.0
"""A kernel that runs as a process of this machine (ARCH=um): its code is executed by the CPU itself, without KVM and root.

Its console is the process's standard error, its status port the second console, on standard output. Its memory is a
file in a tmpfs. If a mount namespace can be made, that tmpfs is its own, with huge pages; if not, it is /dev/shm.
"""

import functools
import os
import re
import subprocess
from pathlib import Path

from .. import repo
from ..verdict import SetupError

# x86's own barriers, for kernel and module: ARCH=um has slower ones, for devices.
BARRIERS = repo.SCRIPTS / "kernels/uml_barrier.h"
# For make, whenever something is built for such a kernel.
MAKE = ("ARCH=um", f"KCFLAGS=-include {BARRIERS}")
MAX_CPUS = 64
# The CPUs' per-thread stacks, and what the kernel does not hand out.
_ROOM_MB = 64
# Where its memory is if there is no namespace: mostly without huge pages.
_SHARED = "/dev/shm"

# $1: the size of the tmpfs, then the kernel and its words. Mounted over /dev/shm, for this process alone.
_MOUNT = 'mount -t tmpfs -o "size=$1,huge=always" none /dev/shm && shift && TMPDIR=/dev/shm exec setpriv --pdeathsig KILL "$@"'


@functools.cache
def _namespace() -> tuple[str, ...]:
    """A command that gives another one a /dev/shm of its own with huge pages; empty if this machine allows none."""
    for flags in (("--mount",), ("--mount", "--map-root-user")):
        command = ("unshare", *flags, "sh", "-c", _MOUNT, "sh")
        try:
            if subprocess.run([*command, "1M", "true"], check=False, capture_output=True).returncode == 0:
                return command
        except OSError:
            break
    return ()


def command(image: Path, vcpus: int, memory_mb: int, initrd: str, words: list[str], terminal: bool) -> list[str]:
    """The command of a machine, to be run in the folder of @initrd. @terminal: its console is ours, and it has no status port."""
    consoles = ("con0=fd:0,fd:1",) if terminal else ("con0=null,fd:2", "con1=fd:0,fd:1")
    # uml_dir: else it makes ~/.uml, and dies early where it must not.
    machine = [str(image), "uml_dir=uml/", f"ncpus={vcpus}", "seccomp=on", f"mem={memory_mb}M", *([f"initrd={initrd}"] if initrd else []),
               "con=null", *consoles, "console=tty0", *words]
    if found := _namespace():
        return [*found, f"{memory_mb + _ROOM_MB}M", *machine]
    room = os.statvfs(_SHARED)
    if room.f_bavail * room.f_frsize < memory_mb << 20:
        raise SetupError(f"MEM={memory_mb}: {_SHARED} has {room.f_bavail * room.f_frsize >> 20} MB, and this machine gives no mount "
                         f"namespace: allowed: less, or a larger {_SHARED}")
    return ["env", f"TMPDIR={_SHARED}", *machine]


def mapped(pid: int) -> dict[str, int]:
    """How much memory of a machine that runs is mapped, and how much of that by huge pages, in bytes."""
    found = dict(re.findall(r"^(Rss|ShmemPmdMapped): +([0-9]+) kB$", Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii"),
                            re.MULTILINE))
    return {"all": int(found["Rss"]) << 10, "huge": int(found["ShmemPmdMapped"]) << 10}


def release_of(image: Path) -> str:
    """What uname -r says in that kernel; empty if it is none."""
    if not os.access(image, os.X_OK):
        return ""
    done = subprocess.run([image, "--version"], check=False, text=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    return done.stdout.strip() if done.returncode == 0 else ""
