# SPDX-License-Identifier: GPL-2.0
"""How long a machine's threads waited for a CPU of the host, as its scheduler counts it."""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path

from ..verdict import SetupError


def _waited_ns(pid: int) -> int:
    """Of all threads of a process (Documentation/scheduler/sched-stats.rst, /proc/PID/schedstat: the second field)."""
    total = 0
    for file in Path(f"/proc/{pid}/task").glob("*/schedstat"):
        with suppress(OSError, IndexError):     # a thread may have ended
            total += int(file.read_text(encoding="ascii").split()[1])
    return total


class Steal:
    """What was taken from a machine of @vcpus CPUs since this was made."""

    def __init__(self, pid: int, vcpus: int) -> None:
        self._pid, self._vcpus = pid, vcpus
        self._waited, self._began = _waited_ns(pid), time.monotonic_ns()

    def until_now(self) -> dict[str, int]:
        return {"waited_ns": max(0, _waited_ns(self._pid) - self._waited), "vcpus": self._vcpus,
                "wall_ns": time.monotonic_ns() - self._began}


def share(found: dict[str, int], threads: int) -> float:
    """The waiting in the time of a run's @threads: 1 if all of them waited all the time."""
    return found["waited_ns"] / (found["wall_ns"] * min(found["vcpus"], threads))


def check() -> None:
    """Refuse a host that does not count what threads wait."""
    try:
        counted = Path("/proc/self/schedstat").read_text(encoding="ascii").split()[0] != "0"
    except (OSError, IndexError):
        counted = False
    if not counted:
        raise SetupError("this machine's kernel does not count what threads wait for a CPU: times need CONFIG_SCHED_INFO (and "
                         "CONFIG_PROC_FS)")
