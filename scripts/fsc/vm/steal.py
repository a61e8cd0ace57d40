# SPDX-License-Identifier: GPL-2.0
"""How long a machine's threads waited for a CPU of the host, as its scheduler counts it."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from ..verdict import SetupError

_READINGS, _SETTLE_S = 3, 0.005


def _threads(pid: int) -> dict[str, tuple[int, int]]:
    """What each thread of a process ran and waited, in ns (Documentation/scheduler/sched-stats.rst, /proc/PID/schedstat)."""
    found: dict[str, tuple[int, int]] = {}
    tasks = f"/proc/{pid}/task"
    with suppress(OSError):     # it may have ended
        for name in os.listdir(tasks):
            # With os alone, as this takes a CPU from what it looks at.
            with suppress(OSError, ValueError):
                file = os.open(f"{tasks}/{name}/schedstat", os.O_RDONLY)
                try:
                    ran, waited, _ = map(int, os.read(file, 100).split())
                finally:
                    os.close(file)
                found[name] = ran, waited
    return found


class Steal:
    """What was taken from a machine of @vcpus CPUs since this was made."""

    def __init__(self, pid: int, vcpus: int) -> None:
        self._pid, self._vcpus = pid, vcpus
        self._before, self._began = _threads(pid), time.monotonic_ns()

    @staticmethod
    def begin(pid: int, vcpus: int) -> Steal:
        """The same with as little as possible of this process's own doing in it.

        Who wakes up and reads takes a CPU, for milliseconds where nothing of it is in a cache, and that is counted when
        the virtual CPU goes on: after the reading. So read once more each time.
        """
        for _ in range(_READINGS):
            time.sleep(_SETTLE_S)
            found = Steal(pid, vcpus)
        return found

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
