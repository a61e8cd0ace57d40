# SPDX-License-Identifier: GPL-2.0
"""How long a machine's threads waited for a CPU of the host, as its scheduler counts it."""

import os
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

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
    """What was taken from a machine's threads since this was made."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._before, self._began = _threads(pid), time.monotonic_ns()

    @classmethod
    def begin(cls, pid: int) -> Self:
        """The same with as little as possible of this process's own doing in it.

        To wake up and read takes a CPU, for milliseconds where nothing of it is in a cache, and the virtual CPU's waiting for
        that is counted only once it goes on: after the reading. The last of several readings is short.
        """
        for _ in range(_READINGS):
            time.sleep(_SETTLE_S)
            found = cls(pid)
        return found

    def until_now(self) -> dict[str, Any]:
        """What each thread that did anything ran and waited meanwhile."""
        both = [(now, self._before.get(name, (0, 0))) for name, now in _threads(self._pid).items()]
        return {"threads": [{"ran_ns": now[0] - before[0], "waited_ns": now[1] - before[1]} for now, before in both if now != before],
                "wall_ns": time.monotonic_ns() - self._began}


def share(found: dict[str, Any], window_ns: int) -> float | None:
    """The waiting in the time of the machine's busy threads: 1 if they waited all the time. None if that is not known.

    Busy: a thread that wanted a CPU for more than half of the time. A virtual CPU that sleeps, or a timer's thread, waits
    whenever it wakes up, which takes nothing from those that run. Nobody was busy: this process looked much too late at one
    of the two ends. Less time than the window's: it began too late.
    """
    wall = found["wall_ns"]
    busy = [one["waited_ns"] for one in found["threads"] if one["ran_ns"] + one["waited_ns"] > wall / 2]
    return sum(busy) / (wall * len(busy)) if busy and wall >= window_ns else None


def check() -> None:
    """Refuse a host that does not count what threads wait."""
    try:
        counted = Path("/proc/self/schedstat").read_text(encoding="ascii").split()[0] != "0"
    except (OSError, IndexError):
        counted = False
    if not counted:
        raise SetupError("this machine's kernel does not count what threads wait for a CPU: times need CONFIG_SCHED_INFO (and "
                         "CONFIG_PROC_FS)")
