# SPDX-License-Identifier: GPL-2.0
"""How long a machine's threads waited for a CPU of the host, as its scheduler counts it."""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from ..verdict import SetupError


def _threads(pid: int) -> dict[str, tuple[int, int]]:
    """What each thread of a process ran and waited, in ns (Documentation/scheduler/sched-stats.rst, /proc/PID/schedstat)."""
    found = {}
    for file in Path(f"/proc/{pid}/task").glob("*/schedstat"):
        with suppress(OSError, ValueError):     # a thread may have ended
            ran, waited, _ = map(int, file.read_text(encoding="ascii").split())
            found[file.parent.name] = ran, waited
    return found


class Steal:
    """What was taken from a machine of @vcpus CPUs since this was made."""

    def __init__(self, pid: int, vcpus: int) -> None:
        self._pid, self._vcpus = pid, vcpus
        self._before, self._began = _threads(pid), time.monotonic_ns()

    def until_now(self) -> dict[str, Any]:
        """What each thread that did anything ran and waited meanwhile."""
        threads = []
        for name, (ran, waited) in _threads(self._pid).items():
            ran_before, waited_before = self._before.get(name, (0, 0))
            threads.append({"ran_ns": ran - ran_before, "waited_ns": waited - waited_before})
        return {"threads": [one for one in threads if any(one.values())], "vcpus": self._vcpus,
                "wall_ns": time.monotonic_ns() - self._began}


def share(found: dict[str, Any], threads: int) -> float:
    """The waiting in the time of a run's @threads: 1 if all of them waited all the time.

    Only of threads that wanted a CPU for more than half of the time: a virtual CPU that sleeps, or a timer's thread,
    waits whenever it wakes up, which takes nothing from those that run.
    """
    busy = [one["waited_ns"] for one in found["threads"] if one["ran_ns"] + one["waited_ns"] > found["wall_ns"] / 2]
    return sum(busy) / (found["wall_ns"] * min(found["vcpus"], threads))


def check() -> None:
    """Refuse a host that does not count what threads wait."""
    try:
        counted = Path("/proc/self/schedstat").read_text(encoding="ascii").split()[0] != "0"
    except (OSError, IndexError):
        counted = False
    if not counted:
        raise SetupError("this machine's kernel does not count what threads wait for a CPU: times need CONFIG_SCHED_INFO (and "
                         "CONFIG_PROC_FS)")
